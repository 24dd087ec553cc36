//! Days, as sources date their documents.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A day of the Gregorian calendar. A year or month stands for its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// Reads `2020`, `2020-03`, `2020-03-09` (or with `/`), alone.
    pub fn read(text: &str) -> Option<Self> {
        let (day, rest) = Self::begin(text)?;
        rest.is_empty().then_some(day)
    }

    /// Reads a day at the start of a date as sources write it: ISO 8601, with or without a time.
    pub(crate) fn of_date(text: &str) -> Option<Self> {
        let (day, rest) = Self::begin(text.trim_start())?;
        (!rest.starts_with(|c: char| c.is_alphanumeric() && !matches!(c, 'T' | 't'))).then_some(day)
    }

    /// The day at the start of `text`, and what follows it.
    fn begin(text: &str) -> Option<(Self, &str)> {
        let (year, mut rest) = number(text, 4)?;
        let mut parts = [1, 1];
        for part in &mut parts {
            let Some((value, after)) =
                rest.strip_prefix(['-', '/']).and_then(|rest| number(rest, 2))
            else {
                break;
            };
            (*part, rest) = (value, after);
        }
        let [month, day] = parts;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let most = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let day = (1..=most).contains(&day).then_some(day)?;
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        Some((Self { year, month, day }, rest))
    }
}

/// A number of exactly `digits` digits at the start of `text`, and what follows it.
fn number(text: &str, digits: usize) -> Option<(u16, &str)> {
    let (head, rest) = text.split_at_checked(digits)?;
    let all =
        head.bytes().all(|b| b.is_ascii_digit()) && !rest.starts_with(|c: char| c.is_ascii_digit());
    Some((all.then(|| head.parse().ok())??, rest))
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text)
            .ok_or_else(|| format!("expected a day such as `2020-03-09`, found `{text}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Day::read(text).map(|day| day.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn days_are_read() {
        check("2020", Some("2020-01-01"));
        check("2020-03", Some("2020-03-01"));
        check("2020/03/09", Some("2020-03-09"));
        check("2020-02-29", Some("2020-02-29"));
        for none in [
            "",
            "20",
            "02020",
            "2021-02-29",
            "2020-13",
            "2020-00",
            "2020-3",
            "2020-",
            "2020x",
            "２０２０",
        ] {
            check(none, None);
        }
    }

    #[test]
    fn dates_of_sources_are_read() {
        let read = |text| Day::of_date(text).map(|day| day.to_string());
        assert_eq!(read("2020-03-09T10:00:00Z").as_deref(), Some("2020-03-09"));
        assert_eq!(read("2020-03-09 10:00").as_deref(), Some("2020-03-09"));
        assert_eq!(read("1999").as_deref(), Some("1999-01-01"));
        for none in ["March 2020", "20200309", "2020abc", "", "2020-99-09"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn other_text_is_refused_with_what_was_expected() {
        let error = serde_json::from_str::<Day>("\"soon\"").unwrap_err();
        assert_eq!(error.to_string(), "expected a day such as `2020-03-09`, found `soon`");
    }
}
