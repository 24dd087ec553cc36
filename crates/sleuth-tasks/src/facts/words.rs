//! Words of a sentence as written, with their places, and the shapes that facts are read by.

use std::ops::Range;

/// A word as written, with what stands between it and the word before.
#[derive(Clone, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Byte range in the document's text.
    pub(super) range: Range<usize>,
    /// The text between the word before and this one.
    pub(super) gap: &'a str,
}

impl Word<'_> {
    /// Whether it begins like a name.
    pub(super) fn is_capital(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }

    /// Whether it is a four-digit year that documents speak of.
    pub(super) fn year(&self) -> Option<i32> {
        let year: i32 = self.text.parse().ok()?;
        (self.text.len() == 4 && (1000..=2100).contains(&year)).then_some(year)
    }

    /// Number of the month that it names, 1 for January.
    pub(super) fn month(&self) -> Option<u32> {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let at = MONTHS.iter().position(|month| *month == self.text)?;
        u32::try_from(at + 1).ok()
    }

    /// The day of a month that it names, with or without an ending (`3rd`).
    pub(super) fn day(&self) -> Option<u32> {
        let digits = self.text.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let ending = &self.text[digits.len()..];
        let day: u32 = digits.parse().ok()?;
        let ordinal = matches!(ending, "" | "st" | "nd" | "rd" | "th");
        (ordinal && (1..=31).contains(&day)).then_some(day)
    }
}

/// The words of `text[range]`: letters and digits with apostrophes, hyphens and underscores inside,
/// numbers with their commas and points, initials with their dot, and `&` by itself.
pub(super) fn words(text: &str, range: Range<usize>) -> Vec<Word<'_>> {
    let mut out: Vec<Word<'_>> = Vec::new();
    let mut end = range.start;
    let mut at = range.start;
    while let Some(c) = text[at..range.end].chars().next() {
        let start = at;
        at += c.len_utf8();
        if !c.is_alphanumeric() && c != '&' {
            continue;
        }
        while let Some(next) = text[at..range.end].chars().next() {
            let after = text[at + next.len_utf8()..range.end].chars().next();
            let inside = next.is_alphanumeric()
                || next == '_'
                || is_mark(next)
                || (matches!(next, '\'' | '’' | '-' | '‑')
                    && after.is_some_and(char::is_alphanumeric))
                || (matches!(next, '.' | ',')
                    && text[start..at].ends_with(|c: char| c.is_ascii_digit())
                    && after.is_some_and(|c| c.is_ascii_digit()))
                || (next == '.' && (is_initials(&text[start..at]) || is_short(&text[start..at])));
            if !inside || c == '&' {
                break;
            }
            at += next.len_utf8();
        }
        out.push(Word { text: &text[start..at], range: start..at, gap: &text[end..start] });
        end = at;
    }
    out
}

/// Combining marks, which belong to the letter before.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36F)
}

/// Whether `word` is an initial or a row of them: `J`, `U.S`.
fn is_initials(word: &str) -> bool {
    word.split('.').all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(char::is_uppercase) && chars.next().is_none()
    })
}

/// Whether `word` is a short form inside of names, which its dot does not end: `St. Louis`.
fn is_short(word: &str) -> bool {
    matches!(word, "St" | "Mt" | "Ft" | "Dr" | "Mr" | "Mrs" | "Jr" | "Sr" | "Rev" | "Gen" | "Bros")
}

/// The possessive of a name ends it: `Bay's`.
pub(super) fn is_possessive(word: &str) -> bool {
    word.ends_with("'s") || word.ends_with("’s") || word.ends_with("s'") || word.ends_with("s’")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_initials_numbers_and_accents_whole() {
        let text = "J. R. O'Neil-Smith met 2,975 \"B\" people & Zoë in U.S. towns.";
        let found: Vec<&str> = words(text, 0..text.len()).iter().map(|word| word.text).collect();
        assert_eq!(
            found,
            [
                "J.",
                "R.",
                "O'Neil-Smith",
                "met",
                "2,975",
                "B",
                "people",
                "&",
                "Zoë",
                "in",
                "U.S.",
                "towns"
            ]
        );
    }
}
