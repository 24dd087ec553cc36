//! Values that can be compared: dates, numbers and versions, read off words.

use std::cmp::Ordering;

/// A day, month or year; what is not known is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: i32,
    /// From 1; 0 where only the year is known.
    pub(crate) month: u32,
    /// From 1; 0 where only the month is known.
    pub(crate) day: u32,
}

impl Date {
    /// Whether `self` says nothing that `other` contradicts.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let same = |a: u32, b: u32| a == 0 || b == 0 || a == b;
        self.year == other.year && same(self.month, other.month) && same(self.day, other.day)
    }

    /// The order in time, where their precision tells it.
    fn order(&self, other: &Self) -> Option<Ordering> {
        if self.year != other.year {
            return Some(self.year.cmp(&other.year));
        }
        if self.month == 0 || other.month == 0 {
            return None;
        }
        if self.month != other.month {
            return Some(self.month.cmp(&other.month));
        }
        let days = self.day != 0 && other.day != 0 && self.day != other.day;
        days.then(|| self.day.cmp(&other.day))
    }
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Date(Date),
    /// Numbers are compared where they count the same thing.
    Number(f64),
    /// The numbers of a version, most telling first.
    Version(Vec<u32>),
}

impl Value {
    /// The order of two values, where it is certain: not between equals, kinds that differ, or dates
    /// of which one lacks the month that would decide.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        let order = match (self, other) {
            (Self::Date(a), Self::Date(b)) => a.order(b)?,
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Version(a), Self::Version(b)) => a.cmp(b),
            (Self::Date(_) | Self::Number(_) | Self::Version(_), _) => return None,
        };
        (order != Ordering::Equal).then_some(order)
    }

    /// Whether both may be true of one thing.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => a.agrees(b),
            _ => self == other,
        }
    }

    /// The year, of a date.
    pub(crate) fn year(&self) -> Option<i32> {
        match self {
            Self::Date(date) => Some(date.year),
            Self::Number(_) | Self::Version(_) => None,
        }
    }
}

/// The number that `text` writes in digits, with or without separators of thousands.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain: String = text.chars().filter(|c| *c != ',').collect();
    let well_parted = !text.contains(',')
        || text.split('.').next().is_some_and(|whole| {
            whole.split(',').skip(1).all(|part| part.len() == 3)
                && whole.split(',').next().is_some_and(|first| (1..=3).contains(&first.len()))
        });
    if !well_parted || !plain.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    plain.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The version that `text` writes: two to four numbers between points.
pub(crate) fn version(text: &str) -> Option<Vec<u32>> {
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    ((2..=4).contains(&parts.len())).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_told_only_where_they_are_certain() {
        let date = |year, month, day| Value::Date(Date { year, month, day });
        assert_eq!(date(1999, 0, 0).order(&date(2000, 1, 1)), Some(Ordering::Less));
        assert_eq!(date(1999, 0, 0).order(&date(1999, 1, 1)), None);
        assert_eq!(date(1999, 2, 0).order(&date(1999, 1, 9)), Some(Ordering::Greater));
        assert_eq!(date(1999, 2, 3).order(&date(1999, 2, 3)), None);
        let version = |text| Value::Version(version(text).unwrap());
        assert_eq!(version("3.10").order(&version("3.9")), Some(Ordering::Greater));
        assert_eq!(version("3.10").order(&Value::Number(1.0)), None);
    }

    #[test]
    fn numbers_and_versions() {
        assert_eq!(number("66,135"), Some(66135.0));
        assert_eq!(number("6,61,35"), None);
        assert_eq!(number("3.5"), Some(3.5));
        assert_eq!(number("x"), None);
        assert_eq!(version("3.10"), Some(vec![3, 10]));
        assert_eq!(version("3"), None);
        assert_eq!(version("3.x"), None);
    }
}
