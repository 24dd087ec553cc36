//! Dates.
//!
//! 1. A gold date is right in any usual spelling: `2001-03-04`, `4 March 2001`, `March 4th, 2001`,
//!    `Sunday the 4th of Mar. 2001`, `44 BC`, `1990s`, `the 19th century`. A date in numbers whose day and
//!    month could change places (`4/3/2001`) is right in either reading.
//! 2. The precision is the gold answer's. Where that is a year, a month, a decade or a century, any
//!    date within it is right: whoever knows the day has found the year. Where it is a day, the year
//!    alone is wrong. A gold answer without a year (`4 March`) takes a date of any year.
//! 3. Every date in the answer must hold the gold date or lie in it, and one must be as precise as that;
//!    so a list of candidates is wrong. A gold answer of several dates, such as a span, wants the same
//!    dates in the same order.
//! 4. A number that is no part of a date (`3 or 4 March 1815`, `1815/16`) may be half of another, so an
//!    answer with one is wrong unless the gold answer has it, too. This is hard on `4 March 1815, aged 35`.
//! 5. An answer that denies, or has more than [`LONGEST_STATEMENT`](super::LONGEST_STATEMENT) words, is
//!    wrong.

use super::VerifyError;
use super::exact;
use super::number::is_statement;
use super::words::plain;

/// A date to some precision. Years before 1 are negative: 44 BC is -44, as it is written and not as
/// astronomers count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Date {
    Day(i32, u32, u32),
    Month(i32, u32),
    Year(i32),
    /// Its first year.
    Decade(i32),
    /// The 19th is 19, the first before our era -1.
    Century(i32),
    /// Without a year.
    DayOfYear(u32, u32),
}

/// Whether `answer` states the date of a gold answer.
pub(super) fn agrees(answer: &str, gold: &[String]) -> Result<bool, VerifyError> {
    let wanted: Vec<Read> =
        gold.iter().map(|gold| read_all(gold)).filter(|read| !read.dates.is_empty()).collect();
    if wanted.is_empty() {
        let found = gold.first().cloned().unwrap_or_default();
        return Err(VerifyError::Gold { expected: "a date", found });
    }
    if exact::matching(answer, gold).is_some() {
        return Ok(true);
    }
    if !is_statement(answer) {
        return Ok(false);
    }
    let Read { dates: stated, others } = read_all(answer);
    let agree = |wanted: &[Vec<Date>]| match wanted {
        [one] => {
            stated.iter().any(|stated| any(stated, one, lies_in))
                && stated
                    .iter()
                    .all(|stated| any(stated, one, lies_in) || any(one, stated, lies_in))
        }
        many => {
            many.len() == stated.len()
                && many.iter().zip(&stated).all(|(wanted, stated)| any(stated, wanted, lies_in))
        }
    };
    Ok(wanted.iter().any(|wanted| {
        others.iter().all(|other| wanted.others.contains(other)) && agree(&wanted.dates)
    }))
}

fn any(first: &[Date], second: &[Date], agree: impl Fn(Date, Date) -> bool) -> bool {
    first.iter().any(|&a| second.iter().any(|&b| agree(a, b)))
}

/// Whether every day of `inner` is one of `outer`.
fn lies_in(inner: Date, outer: Date) -> bool {
    let year = |date| match date {
        Date::Day(year, ..) | Date::Month(year, _) | Date::Year(year) => Some(year),
        Date::Decade(_) | Date::Century(_) | Date::DayOfYear(..) => None,
    };
    match outer {
        Date::Day(..) => inner == outer,
        Date::Month(y, m) => {
            inner == outer || matches!(inner, Date::Day(year, month, _) if (year, month) == (y, m))
        }
        Date::Year(y) => year(inner) == Some(y),
        Date::Decade(first) => {
            inner == outer || year(inner).is_some_and(|year| (first..first + 10).contains(&year))
        }
        Date::Century(c) => {
            let of_decade = match inner {
                Date::Decade(first) => Some(first + 1),
                Date::Day(..) | Date::Month(..) | Date::Year(_) => year(inner),
                Date::Century(_) | Date::DayOfYear(..) => None,
            };
            inner == outer || of_decade.is_some_and(|year| century(year) == c)
        }
        Date::DayOfYear(m, d) => {
            inner == outer || matches!(inner, Date::Day(_, month, day) if (month, day) == (m, d))
        }
    }
}

fn century(year: i32) -> i32 {
    match year {
        1.. => (year - 1) / 100 + 1,
        _ => (year + 1) / 100 - 1,
    }
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// Digits: their number and how many.
    Number(i32, usize),
    /// Letters, in lower case.
    Word(String),
    /// Anything else but spaces.
    Sign(char),
}

/// What is read of a text.
struct Read {
    /// The dates in order, each with its readings.
    dates: Vec<Vec<Date>>,
    /// Numbers that are no part of them.
    others: Vec<i32>,
}

fn read_all(text: &str) -> Read {
    let pieces = pieces(text);
    let mut out = Read { dates: Vec::new(), others: Vec::new() };
    let mut at = 0;
    while at < pieces.len() {
        match read(&pieces, at) {
            Some((readings, next)) => {
                if !out.dates.contains(&readings) {
                    out.dates.push(readings);
                }
                at = next;
            }
            None => {
                out.others.extend(number(&pieces, at).map(|(number, _)| number));
                at += 1;
            }
        }
    }
    out
}

fn pieces(text: &str) -> Vec<Piece> {
    let text = plain(text).to_lowercase();
    let mut out = Vec::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let kind = |c: char| (c.is_ascii_digit(), c.is_alphabetic());
        let end = match kind(first) {
            (false, false) => first.len_utf8(),
            _ => rest.find(|c| kind(c) != kind(first)).unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(end);
        match kind(first) {
            (true, _) => out.push(Piece::Number(piece.parse().unwrap_or(i32::MAX), piece.len())),
            (_, true) => out.push(Piece::Word(piece.to_owned())),
            _ if first == ' ' => {}
            _ => out.push(Piece::Sign(first)),
        }
        rest = after;
    }
    out
}

/// The date that begins at `at`, in its readings, and where the text goes on.
fn read(pieces: &[Piece], at: usize) -> Option<(Vec<Date>, usize)> {
    in_numbers(pieces, at)
        .or_else(|| day_first(pieces, at))
        .or_else(|| month_first(pieces, at))
        .or_else(|| span_of_years(pieces, at))
        .or_else(|| {
            let (year, next) = year_at(pieces, at, false)?;
            Some((vec![Date::Year(year)], next))
        })
}

fn number(pieces: &[Piece], at: usize) -> Option<(i32, usize)> {
    match pieces.get(at)? {
        Piece::Number(number, digits) => Some((*number, *digits)),
        Piece::Word(_) | Piece::Sign(_) => None,
    }
}

fn word(pieces: &[Piece], at: usize) -> &str {
    match pieces.get(at) {
        Some(Piece::Word(word)) => word,
        Some(Piece::Number(..) | Piece::Sign(_)) | None => "",
    }
}

fn is_sign(pieces: &[Piece], at: usize, signs: &[char]) -> bool {
    matches!(pieces.get(at), Some(Piece::Sign(sign)) if signs.contains(sign))
}

/// `2001-03-04`, `4/3/2001`, `2001-03`.
fn in_numbers(pieces: &[Piece], at: usize) -> Option<(Vec<Date>, usize)> {
    let (first, digits) = number(pieces, at)?;
    let signs = ['-', '/', '.'];
    if !is_sign(pieces, at + 1, &signs) {
        return None;
    }
    let (second, second_digits) = number(pieces, at + 2)?;
    let third = match pieces.get(at + 3) == pieces.get(at + 1) {
        true => number(pieces, at + 4),
        false => None,
    };
    match (digits, third) {
        (4, Some((third, 1 | 2))) => Some((vec![day(first, second, third)?], at + 5)),
        (4, None) if second_digits == 2 && (1..=12).contains(&second) => {
            // `1905-12` is a month, and may be a span of years.
            let month = Date::Month(first, u32::try_from(second).ok()?);
            is_sign(pieces, at + 1, &['-']).then_some((vec![month], at + 3))
        }
        (1 | 2, Some((year, 4))) => {
            let mut readings: Vec<Date> = [day(year, second, first), day(year, first, second)]
                .into_iter()
                .flatten()
                .collect();
            readings.dedup();
            (!readings.is_empty()).then_some((readings, at + 5))
        }
        _ => None,
    }
}

fn day(year: i32, month: i32, day: i32) -> Option<Date> {
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    is_day(month, day).then_some(Date::Day(year, month, day))
}

fn is_day(month: u32, day: u32) -> bool {
    let longest = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=longest).contains(&day)
}

/// `4 March 2001`, `the 4th of March`.
fn day_first(pieces: &[Piece], at: usize) -> Option<(Vec<Date>, usize)> {
    let (number, digits) = number(pieces, at)?;
    let mut next = at + 1;
    next += usize::from(matches!(word(pieces, next), "st" | "nd" | "rd" | "th"));
    next += usize::from(word(pieces, next) == "of");
    let month = month(word(pieces, next))?;
    let number =
        u32::try_from(number).ok().filter(|&number| digits <= 2 && is_day(month, number))?;
    Some(with_year(pieces, next + 1, month, Some(number)))
}

/// `March 4, 2001`, `March 2001`.
fn month_first(pieces: &[Piece], at: usize) -> Option<(Vec<Date>, usize)> {
    let month = month(word(pieces, at))?;
    let mut next = at + 1;
    next += usize::from(is_sign(pieces, next, &['.']));
    next += usize::from(word(pieces, next) == "the");
    let day = number(pieces, next)
        .filter(|(_, digits)| *digits <= 2)
        .and_then(|(day, _)| u32::try_from(day).ok())
        .filter(|&day| is_day(month, day));
    if let Some(day) = day {
        next += 1;
        next += usize::from(matches!(word(pieces, next), "st" | "nd" | "rd" | "th"));
        return Some(with_year(pieces, next, month, Some(day)));
    }
    let (dates, after) = with_year(pieces, next, month, None);
    (!dates.is_empty()).then_some((dates, after))
}

/// The date of a month, and a day where there is one, with the year that may follow.
fn with_year(pieces: &[Piece], at: usize, month: u32, day: Option<u32>) -> (Vec<Date>, usize) {
    let mut next = at;
    next += usize::from(is_sign(pieces, next, &['.']));
    next += usize::from(is_sign(pieces, next, &[',']));
    next += usize::from(matches!(word(pieces, next), "of" | "in"));
    let year = year_at(pieces, next, true);
    match (year, day) {
        (Some((year, end)), Some(day)) => (vec![Date::Day(year, month, day)], end),
        (Some((year, end)), None) => (vec![Date::Month(year, month)], end),
        (None, Some(day)) => (vec![Date::DayOfYear(month, day)], at),
        (None, None) => (Vec::new(), at),
    }
}

/// `1990s`, `19th century`, `first century BC`.
fn span_of_years(pieces: &[Piece], at: usize) -> Option<(Vec<Date>, usize)> {
    if let Some((year, digits)) = number(pieces, at) {
        let mut next = at + 1;
        next += usize::from(is_sign(pieces, next, &['\'']));
        if (3..=4).contains(&digits) && year % 10 == 0 && word(pieces, next) == "s" {
            return Some((vec![Date::Decade(year)], next + 1));
        }
    }
    let (ordinal, mut next) = match number(pieces, at) {
        Some((number, 1 | 2)) if matches!(word(pieces, at + 1), "st" | "nd" | "rd" | "th") => {
            (number, at + 2)
        }
        Some(_) => return None,
        None => {
            let mut end = at + 1;
            let mut ordinal = ordinal(word(pieces, at));
            if word(pieces, at) == "twenty" {
                end += usize::from(is_sign(pieces, end, &['-']));
                ordinal = self::ordinal(word(pieces, end)).map(|ones| 20 + ones);
                end += 1;
            }
            (ordinal?, end)
        }
    };
    next += usize::from(is_sign(pieces, next, &['-']));
    if word(pieces, next) != "century" {
        return None;
    }
    let (before, end) = era(pieces, next + 1);
    Some((vec![Date::Century(if before == Some(true) { -ordinal } else { ordinal })], end))
}

/// The year at `at`. A number of fewer than three digits is a year only with its era, or, where
/// `expected`, with an apostrophe.
fn year_at(pieces: &[Piece], at: usize, expected: bool) -> Option<(i32, usize)> {
    let leading = matches!(word(pieces, at), "ad" | "ce");
    let start = at + usize::from(leading);
    let (year, digits) = number(pieces, start)?;
    // A separator of thousands, a decimal, or a share: an amount and no year.
    let amount = is_sign(pieces, start + 1, &['%'])
        || (is_sign(pieces, start + 1, &[',', '.'])
            && number(pieces, start + 2).is_some_and(|(_, digits)| digits == 3 && !expected));
    if amount || year == 0 {
        return None;
    }
    let (before, end) = era(pieces, start + 1);
    let plain = digits == 4 || (digits == 3 && (expected || pieces.len() == 1));
    if !(plain || (digits <= 4 && (before.is_some() || leading))) {
        return None;
    }
    Some((if before == Some(true) { -year } else { year }, end))
}

/// Whether an era stands at `at`, `Some(true)` for one before ours, and where the text goes on.
fn era(pieces: &[Piece], at: usize) -> (Option<bool>, usize) {
    let dotted = |first: &str, second: &str| {
        word(pieces, at) == first
            && is_sign(pieces, at + 1, &['.'])
            && word(pieces, at + 2) == second
    };
    match word(pieces, at) {
        "bc" | "bce" => (Some(true), at + 1),
        "ad" | "ce" => (Some(false), at + 1),
        "b" if dotted("b", "c") => (Some(true), at + 3),
        "a" if dotted("a", "d") => (Some(false), at + 3),
        _ => (None, at),
    }
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let short = |name: &&str| word == &name[..3] || (word == "sept" && name.starts_with("sept"));
    let at = MONTHS.iter().position(|name| word == *name || short(name))?;
    u32::try_from(at + 1).ok()
}

fn ordinal(word: &str) -> Option<i32> {
    const WORDS: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let at = WORDS.iter().position(|name| *name == word)?;
    i32::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gold: &str, right: &[&str], wrong: &[&str]) {
        let gold = [gold.to_owned()];
        for answer in right {
            assert!(agrees(answer, &gold).unwrap(), "{answer} should be {gold:?}");
        }
        for answer in wrong {
            assert!(!agrees(answer, &gold).unwrap(), "{answer} should not be {gold:?}");
        }
    }

    #[test]
    fn spellings_of_a_day() {
        check(
            "4 March 2001",
            &[
                "2001-03-04",
                "March 4, 2001",
                "Mar. 4th 2001",
                "the 4th of March, 2001",
                "4/3/2001",
                "3/4/2001",
                "04.03.2001",
                "Sunday, 4 March 2001",
                "on March 4 2001",
                "2001/03/04",
                "4 March 2001 (2001)",
                "\u{ff14} March 2001",
            ],
            &[
                "March 2001",
                "2001",
                "5 March 2001",
                "4 March",
                "4 March 2001 or 5 March 2001",
                "not 4 March 2001",
                "4 April 2001",
                "4 March 2002",
                "",
                "31/3/2001",
            ],
        );
        check(
            "6 March 1815",
            &["on 6 March 1815"],
            &["4, 5 or 6 March 1815", "5/6 March 1815", "6 March 1815 or 7", "6 or 7 March 1815"],
        );
        check("3-4 March 1815", &["3 to 4 March 1815"], &["2-4 March 1815"]);
        check("4 March", &["March 4", "4th of March", "March 4, 1999"], &["5 March", "March 1999"]);
    }

    #[test]
    fn the_precision_is_that_of_the_gold_answer() {
        check(
            "1815",
            &["1815", "in 1815", "18 June 1815", "June 1815", "1815 (18 June 1815)", "AD 1815"],
            &[
                "1816",
                "1815 or 1816",
                "1815, 1816",
                "1810s",
                "19th century",
                "1815 BC",
                "1815 or 16",
                "1815, 16, 17",
                "1815/16",
                "1815\u{2013}20",
            ],
        );
        check("June 1815", &["1815-06", "18 June 1815", "june of 1815"], &["1815", "July 1815"]);
        check("1990s", &["the 1990s", "1990's", "1995", "3 May 1999"], &["1989", "2000", "1980s"]);
        check(
            "19th century",
            &["the nineteenth century", "1801", "1900", "1850s", "19th-century"],
            &["1800", "1901", "18th century"],
        );
        check(
            "44 BC",
            &["44 B.C.", "44 BCE", "15 March 44 BC"],
            &["44 AD", "AD 44", "44", "45 BC"],
        );
        check("AD 79", &["79 AD", "79 CE", "A.D. 79 AD"], &["79 BC"]);
        check(
            "1945 to 1951",
            &["1945-1951", "from 1945 until 1951"],
            &["1945", "1951-1945", "1945-1952"],
        );
    }

    #[test]
    fn a_gold_answer_without_a_date_is_an_error() {
        let error = agrees("1815", &["yesterday".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "gold answer `yesterday` cannot be verified: expected a date");
        assert!(agrees("1815", &["yesterday".to_owned(), "1815".to_owned()]).unwrap());
    }

    #[test]
    fn centuries_begin_with_their_first_year() {
        assert_eq!(century(1), 1);
        assert_eq!(century(100), 1);
        assert_eq!(century(101), 2);
        assert_eq!(century(-1), -1);
        assert_eq!(century(-100), -1);
        assert_eq!(century(-101), -2);
    }
}
