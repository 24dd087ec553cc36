//! Quantities in a text: numbers however written, with their units.
//!
//! The text is read from left to right. At each place the longest number is taken: digits, or words of
//! numbers; then a word of scale; then the longest known name of a unit. A currency may stand
//! before it. What is no number is passed over.

use super::units::{Unit, unit_after, unit_before};
use super::words::plain;

/// A number with the units that it may be in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    /// In the unit as written.
    pub(super) value: f64,
    /// What one in the last written digit is worth.
    pub(super) place: f64,
    /// What it may be counted in: several where a name has several meanings, none where no known unit
    /// stands there.
    pub(super) units: Vec<Unit>,
}

/// Longest text that is read, in bytes: no answer of a few words is longer.
const LONGEST: usize = 1 << 16;

/// The quantities of `text` in order. Those of one kind that follow each other from large to small are
/// one: `5 feet 11 inches`.
pub(super) fn quantities(text: &str) -> Vec<Quantity> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let text = plain(&with_powers(text));
    let mut out: Vec<Quantity> = Vec::new();
    let mut end_of_last = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let begins = at == 0 || {
            let before = text[..at].chars().next_back();
            before.is_some_and(|before| !before.is_alphanumeric())
                || (c.is_ascii_digit() && before.is_some_and(char::is_alphabetic))
        };
        let Some(mut read) = Some(at).filter(|_| begins).and_then(|at| number_at(&text, at)) else {
            at += c.len_utf8();
            continue;
        };
        let before = &text[end_of_last..at];
        if is_negative(before, out.is_empty()) {
            read.value = -read.value;
        }
        let mut units = unit_before(before);
        scale(&text, &mut read, !units.is_empty());
        if units.is_empty()
            && let Some((length, found)) = unit_after(&text[read.end..])
        {
            units = found;
            read.end += length;
        }
        let quantity = Quantity { value: read.value, place: read.place, units };
        let joins = matches!(before.trim(), "" | "," | "and");
        match out.last_mut().filter(|_| joins).and_then(|last| compound(last, &quantity)) {
            Some(joined) => {
                if let Some(last) = out.last_mut() {
                    *last = joined;
                }
            }
            None => out.push(quantity),
        }
        at = read.end;
        end_of_last = at;
    }
    out
}

/// Digits above the line written as powers, which NFKC would join to what stands before them.
fn with_powers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut above = false;
    for c in text.chars() {
        let digit = match c {
            '\u{b9}' => Some('1'),
            '\u{b2}' => Some('2'),
            '\u{b3}' => Some('3'),
            '\u{2070}' => Some('0'),
            '\u{2074}'..='\u{2079}' => char::from_digit(c as u32 - 0x2070, 10),
            '\u{207b}' => Some('-'),
            _ => None,
        };
        if digit.is_some() && !above {
            out.push('^');
        }
        above = digit.is_some();
        out.push(digit.unwrap_or(c));
        // `3½` is three and a half, not thirty-one halves.
        if matches!(c, '\u{bc}'..='\u{be}' | '\u{2150}'..='\u{215e}') {
            let vulgar = out.pop();
            out.push(' ');
            out.extend(vulgar);
        }
    }
    out
}

/// A number that was read.
struct Read {
    value: f64,
    place: f64,
    /// Where the text goes on.
    end: usize,
}

fn number_at(text: &str, at: usize) -> Option<Read> {
    let rest = &text[at..];
    if rest.starts_with(|c: char| c.is_ascii_digit())
        || (rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    {
        Some(digits_at(text, at))
    } else {
        super::numerals::read(rest).map(|(value, length)| Read {
            value,
            place: 1.0,
            end: at + length,
        })
    }
}

fn digits_at(text: &str, at: usize) -> Read {
    let bytes = text.as_bytes();
    let run = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = at + run(at);
    let mut written = text[at..end].to_owned();
    // Groups of three after a first group of one to three, all parted by the same sign.
    if (1..=3).contains(&written.len()) {
        for sign in [b',', b' ', b'.', b'\''] {
            let mut groups = 0;
            let mut reached = end;
            while bytes.get(reached) == Some(&sign) && run(reached + 1) == 3 {
                groups += 1;
                reached += 4;
            }
            // One group after a point is a decimal fraction.
            if groups > usize::from(sign == b'.') {
                written = text[at..reached].chars().filter(char::is_ascii_digit).collect();
                end = reached;
                break;
            }
        }
    }
    let mut decimals = 0usize;
    if matches!(bytes.get(end), Some(b'.' | b',')) {
        let n = run(end + 1);
        let comma = bytes[end] == b',';
        if n > 0 && !(comma && (n == 3 || end > at + 3)) {
            written = format!("{written}.{}", &text[end + 1..end + 1 + n]);
            decimals = n;
            end += 1 + n;
        }
    }
    let mut value: f64 = written.parse().unwrap_or(f64::NAN);
    let mut place = 10f64.powi(-i32::try_from(decimals).unwrap_or(i32::MAX));
    if let Some((power, length)) = power_of_ten(&text[end..]) {
        value *= 10f64.powi(power);
        place *= 10f64.powi(power);
        end += length;
    } else if decimals == 0
        && let Some((part, length)) = fraction(text, at, end)
    {
        value = part;
        end = length;
        place = 0.0;
    } else if text[end..].starts_with("st")
        || text[end..].starts_with("nd")
        || text[end..].starts_with("rd")
        || text[end..].starts_with("th")
    {
        let goes_on = text[end + 2..].starts_with(char::is_alphanumeric);
        end += if goes_on { 0 } else { 2 };
    }
    Read { value, place, end }
}

/// `e6`, `x 10^6`: the power and its length.
fn power_of_ten(rest: &str) -> Option<(i32, usize)> {
    let lower = rest.to_ascii_lowercase();
    let after = if let Some(after) = lower.strip_prefix('e') {
        after
    } else {
        let after = lower.trim_start();
        let after = after.strip_prefix(['x', '\u{d7}', '*'])?.trim_start();
        after.strip_prefix("10")?.strip_prefix('^')?
    };
    let digits = after.strip_prefix(['-', '+']).unwrap_or(after);
    let n = digits.bytes().take_while(u8::is_ascii_digit).count();
    if n == 0 || n > 3 || digits[n..].starts_with(char::is_alphabetic) {
        return None;
    }
    let written = &after[..after.len() - digits.len() + n];
    let power = written.parse().ok()?;
    Some((power, lower.len() - digits.len() + n))
}

/// `1/2`, or `3 1/2`, whose first number stands at `at` and ends at `end`: its value and end.
fn fraction(text: &str, at: usize, end: usize) -> Option<(f64, usize)> {
    let run = |from: usize| {
        text.as_bytes()[from..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let below = |from: usize| {
        let slash = text[from..].chars().next().filter(|c| matches!(c, '/' | '\u{2044}'))?;
        let start = from + slash.len_utf8();
        let n = run(start);
        let after = text[start + n..].chars().next();
        let number: f64 = text[start..start + n].parse().ok()?;
        (number > 0.0 && after != Some('/')).then_some((number, start + n))
    };
    if let Some((divisor, after)) = below(end) {
        let top: f64 = text[at..end].parse().ok()?;
        return Some((top / divisor, after));
    }
    let start = end + text[end..].strip_prefix(' ').map(|_| 1)?;
    let n = run(start);
    let (divisor, after) = below(start + n)?;
    let (whole, top): (f64, f64) =
        (text[at..end].parse().ok()?, text[start..start + n].parse().ok()?);
    (top < divisor).then_some((whole + top / divisor, after))
}

/// Whether a number is negative by what stands right before it. Between two numbers a hyphen alone, or
/// one that no space parts from the first, joins them: `10-15`.
fn is_negative(before: &str, is_first: bool) -> bool {
    let word = before.trim_end().to_lowercase();
    let signs = before.trim_end_matches(['$', '\u{20ac}', '\u{a3}', '\u{a5}']);
    let start = signs.trim_end_matches('-');
    let is_sign = start.len() < signs.len()
        && match start.chars().next_back() {
            Some(before) => !before.is_alphanumeric() && before != ')',
            None => is_first,
        };
    is_sign || word.ends_with("minus") || word.ends_with("negative")
}

/// A word of scale after a number, and `and a half` after that.
fn scale(text: &str, read: &mut Read, is_money: bool) {
    const SCALES: [(&str, f64); 9] = [
        ("hundred", 1e2),
        ("thousand", 1e3),
        ("million", 1e6),
        ("billion", 1e9),
        ("trillion", 1e12),
        ("mn", 1e6),
        ("bn", 1e9),
        ("tn", 1e12),
        ("k", 1e3),
    ];
    loop {
        let rest = &text[read.end..];
        let word = rest.trim_start_matches([' ', '-']);
        let gap = rest.len() - word.len();
        let lower = word.to_ascii_lowercase();
        let is_whole = |name: &str| {
            lower.starts_with(name) && !word[name.len()..].starts_with(char::is_alphanumeric)
        };
        let found = SCALES.iter().find(|(name, _)| is_whole(name) && !(*name == "k" && gap > 0));
        let found = match found {
            // `K` is kelvin.
            Some(("k", _)) if word.starts_with('K') && !is_money => None,
            None if is_money && is_whole("m") => Some(&("m", 1e6)),
            None if is_money && is_whole("b") => Some(&("b", 1e9)),
            found => found,
        };
        let Some((name, times)) = found else { return };
        read.value *= times;
        read.place *= times;
        read.end += gap + name.len();
    }
}

/// The sum of two quantities where the second goes on with the first in a smaller unit.
fn compound(first: &Quantity, second: &Quantity) -> Option<Quantity> {
    for a in &first.units {
        for b in &second.units {
            let counted = matches!(a.kind, "length" | "mass" | "time" | "months");
            if counted && a.kind == b.kind && b.factor < a.factor && second.value >= 0.0 {
                let smaller = second.value * b.factor / a.factor;
                let value = first.value + smaller.copysign(first.value);
                let place = second.place * b.factor / a.factor;
                return Some(Quantity { value, place, units: vec![*a] });
            }
        }
    }
    None
}
