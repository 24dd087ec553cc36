//! Spans of a text that can answer a question or carry a trail on: names, dates, numbers, quoted
//! words. Found by shape alone, without word lists of any field, so that a hospital's names are
//! found as well as an encyclopedia's.

use std::ops::Range;

/// What a span looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum SpanKind {
    /// Capitalised words, joined by small words such as *of*.
    Name,
    /// A day, month with year, or year.
    Date,
    /// A number, with its unit.
    Number,
    /// Words in quotation marks.
    Quoted,
    /// Words without capitals next to each other: what is left.
    Phrase,
}

/// A span with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Byte range in the text.
    pub range: Range<usize>,
    /// What it looks like.
    pub kind: SpanKind,
}

impl Span {
    /// The words themselves.
    pub(super) fn text<'a>(&self, of: &'a str) -> &'a str {
        &of[self.range.clone()]
    }
}

/// Byte ranges of the sentences of `text`, in order, without surrounding white space.
///
/// A sentence ends at `.`, `!` or `?` before white space, unless the dot ends a single letter or a short
/// capitalised abbreviation (`J.`, `d.`, `Mr.`, `St.`), at a CJK full stop, and at a line end that is
/// followed by another or by a list mark; that mark is left out. Before a small letter none of `.`, `!`,
/// `?` ends a sentence (`the ? operator`).
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut push = |range: Range<usize>| {
        let inner = &text[range.clone()];
        // The mark of a list item or a heading is no part of its sentence.
        let body = inner.trim_start().trim_start_matches(['-', '*', '#', '>', '|']).trim_start();
        let lead = inner.len() - body.len();
        let trimmed = body.trim_end();
        if !trimmed.is_empty() {
            out.push(range.start + lead..range.start + lead + trimmed.len());
        }
    };
    let mut from = 0;
    while let Some(at) = next_mark(text.as_bytes(), from) {
        let mut chars = text[at..].chars();
        let Some(c) = chars.next() else { break };
        let end = at + c.len_utf8();
        from = end;
        let next = chars.next();
        // A small letter goes on with the sentence, whatever stands before it: `the ? operator`,
        // `e.g. this`.
        let goes_on = || {
            let rest = &text[end..];
            let after = rest.trim_start();
            !rest[..rest.len() - after.len()].contains('\n')
                && after.starts_with(char::is_lowercase)
        };
        let ends = match c {
            '.' => {
                next.is_none_or(char::is_whitespace) && !abbreviates(&text[start..at]) && !goes_on()
            }
            '!' | '?' => next.is_none_or(char::is_whitespace) && !goes_on(),
            '。' | '！' | '？' => true,
            '\n' => {
                let rest = text[end..].trim_start_matches([' ', '\t']);
                rest.starts_with(['\n', '-', '*', '#', '|']) || rest.is_empty()
            }
            _ => false,
        };
        if ends {
            push(start..end);
            start = end;
        }
    }
    push(start..text.len());
    out
}

/// Where from `from` on something stands that may end a sentence.
fn next_mark(bytes: &[u8], from: usize) -> Option<usize> {
    /// Bytes that are looked at together, which takes no longer than a few of them one by one.
    const TOGETHER: usize = 32;
    // `。`, `！` and `？` begin with the last two.
    let is_mark = |byte: &u8| matches!(byte, b'.' | b'!' | b'?' | b'\n' | 0xE3 | 0xEF);
    let mut blocks = bytes[from..].chunks(TOGETHER).enumerate();
    let (nth, block) =
        blocks.find(|(_, block)| block.iter().fold(false, |any, byte| any | is_mark(byte)))?;
    Some(from + nth * TOGETHER + block.iter().position(is_mark)?)
}

fn abbreviates(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or("");
    let mut chars = word.chars();
    match (chars.next(), chars.clone().count()) {
        (Some(first), 0) => first.is_alphabetic(),
        (Some(first), 1..=2) => {
            first.is_uppercase()
                && matches!(
                    word,
                    "Mr" | "Ms"
                        | "Dr"
                        | "St"
                        | "Jr"
                        | "Sr"
                        | "Mrs"
                        | "Ltd"
                        | "Inc"
                        | "No"
                        | "Vol"
                        | "Gen"
                        | "Col"
                        | "Rev"
                        | "Mt"
                        | "Ft"
                        | "Lt"
                )
        }
        _ => word.contains('.') && word.len() <= 6,
    }
}

/// A word of the text as written, with what stands before it.
struct Word<'a> {
    range: Range<usize>,
    text: &'a str,
    /// The text between the word before and this one.
    gap: &'a str,
}

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

/// Number of the month that the lower-case `word` names, 0 for January.
pub(super) fn month(word: &str) -> Option<usize> {
    MONTHS.iter().position(|month| *month == word)
}

/// Small words that may stand inside a name, between two capitalised ones.
const JOINERS: [&str; 22] = [
    "of", "the", "de", "la", "le", "du", "von", "van", "der", "den", "di", "da", "del", "bin",
    "ibn", "al", "el", "and", "for", "in", "at", "&",
];

/// Words that begin sentences with a capital and are no names.
const STARTERS: &str = "the a an it he she they his her its their this that these those in on at by \
for from with as after before during while when where who which what how why if although however \
since until but and or there then also both all some many most one two three of to is was are were \
did do does has had under over between through because another other each such no not our we i you";

/// Names, dates, numbers and quoted words of `text`, in order; they may overlap.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let words = split_words(text);
    let starters: Vec<&str> = STARTERS.split_whitespace().collect();
    let mut out = Vec::new();
    names(&words, &starters, &mut out);
    dates_and_numbers(&words, &mut out);
    quoted(text, &mut out);
    out.sort_by(|a, b| {
        (a.range.start, a.range.end, a.kind).cmp(&(b.range.start, b.range.end, b.kind))
    });
    out.dedup();
    out
}

/// Runs of up to `longest` words without sentence marks between them, each once: what an answer that
/// is no name, date or number looks like.
pub(super) fn phrases(text: &str, longest: usize) -> Vec<Span> {
    let words = split_words(text);
    let mut out = Vec::new();
    for first in 0..words.len() {
        for last in first..(first + longest).min(words.len()) {
            if last > first && !words[last].gap.chars().all(|c| matches!(c, ' ' | '-' | '\'' | '’'))
            {
                break;
            }
            out.push(Span {
                range: words[first].range.start..words[last].range.end,
                kind: SpanKind::Phrase,
            });
        }
    }
    out
}

fn split_words(text: &str) -> Vec<Word<'_>> {
    let mut out: Vec<Word<'_>> = Vec::new();
    let mut end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if !c.is_alphanumeric() {
            continue;
        }
        let mut stop = start + c.len_utf8();
        while let Some(&(at, next)) = chars.peek() {
            let after = text[at + next.len_utf8()..].chars().next();
            let inside = next.is_alphanumeric()
                || (matches!(next, '\'' | '’' | '-') && after.is_some_and(char::is_alphanumeric))
                || (matches!(next, '.' | ',')
                    && c.is_ascii_digit()
                    && after.is_some_and(|c| c.is_ascii_digit()))
                || (next == '.' && initials(&text[start..at]));
            if !inside {
                break;
            }
            stop = at + next.len_utf8();
            chars.next();
        }
        out.push(Word { range: start..stop, text: &text[start..stop], gap: &text[end..start] });
        end = stop;
    }
    out
}

/// Whether `word` is an initial or a row of them, such as `J` or `U.S`.
fn initials(word: &str) -> bool {
    word.split('.').all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(char::is_uppercase) && chars.next().is_none()
    })
}

fn is_capitalised(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase)
}

fn names(words: &[Word<'_>], starters: &[&str], out: &mut Vec<Span>) {
    let plain_gap = |gap: &str| gap.chars().all(|c| matches!(c, ' ' | '\n' | '.' | '\'' | '’'));
    let mut at = 0;
    while at < words.len() {
        let first = &words[at];
        if !is_capitalised(first.text) {
            at += 1;
            continue;
        }
        let mut last = at;
        let mut probe = at + 1;
        while probe < words.len() && words[probe].gap.len() <= 2 && plain_gap(words[probe].gap) {
            // A full stop ends a name unless it follows an initial, which holds its own dot.
            if words[probe].gap.contains('.') {
                break;
            }
            let word = words[probe].text;
            let numeral = word.bytes().all(|b| b.is_ascii_digit()) && word.len() <= 4;
            if is_capitalised(word) || numeral {
                last = probe;
            } else if !JOINERS.contains(&word) || probe - last > 2 {
                break;
            }
            probe += 1;
        }
        let lower = first.text.to_lowercase();
        let begins = starters.contains(&lower.as_str());
        let start = if begins { at + 1 } else { at };
        if start <= last {
            let mut from = start;
            while from < last && JOINERS.contains(&words[from].text) {
                from += 1;
            }
            if is_capitalised(words[from].text) {
                push_name(words, from, last, out);
            }
            if begins && start > at && last > at {
                // `The Hague`: with its article, too.
                push_name(words, at, last, out);
            }
            // The parts of a name joined by a small word are names, too: `University of Oslo`.
            for joint in from + 1..last {
                if JOINERS.contains(&words[joint].text) {
                    push_name(words, from, joint - 1, out);
                    if is_capitalised(words[joint + 1].text) {
                        push_name(words, joint + 1, last, out);
                    }
                }
            }
        }
        at = last + 1;
    }
}

fn push_name(words: &[Word<'_>], first: usize, last: usize, out: &mut Vec<Span>) {
    if first > last || (first..=last).all(|at| JOINERS.contains(&words[at].text)) {
        return;
    }
    let mut end = words[last].range.end;
    let text = words[last].text;
    for possessive in ["'s", "’s"] {
        if text.ends_with(possessive) {
            end -= possessive.len();
        }
    }
    out.push(Span { range: words[first].range.start..end, kind: SpanKind::Name });
}

fn dates_and_numbers(words: &[Word<'_>], out: &mut Vec<Span>) {
    let is_month =
        |word: &Word<'_>| is_capitalised(word.text) && month(&word.text.to_lowercase()).is_some();
    let is_day = |word: &Word<'_>| {
        let digits = word.text.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h']);
        digits.parse::<u32>().is_ok_and(|day| (1..=31).contains(&day))
    };
    let is_year = |word: &Word<'_>| {
        word.text.len() == 4 && word.text.parse::<u32>().is_ok_and(|y| (1000..=2199).contains(&y))
    };
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1);
        if is_month(word) {
            let mut first = at;
            let mut last = at;
            if at > 0 && is_day(&words[at - 1]) && word.gap == " " {
                first = at - 1;
            }
            if first == at && next.is_some_and(|n| is_day(n) && n.gap == " ") {
                last = at + 1;
            }
            if let Some(year) = words.get(last + 1)
                && is_year(year)
                && matches!(year.gap, " " | ", " | ",")
            {
                last += 1;
            }
            if first < at || last > at {
                out.push(Span {
                    range: words[first].range.start..words[last].range.end,
                    kind: SpanKind::Date,
                });
            }
        }
        if is_year(word) {
            out.push(Span { range: word.range.clone(), kind: SpanKind::Date });
            if let Some(end) = next
                && is_year(end)
                && matches!(end.gap, "-" | "–" | " to " | "—")
            {
                out.push(Span { range: word.range.start..end.range.end, kind: SpanKind::Date });
            }
        } else if word.text.starts_with(|c: char| c.is_ascii_digit()) || number_word(word.text) {
            out.push(Span { range: word.range.clone(), kind: SpanKind::Number });
            if let Some(unit) = next
                && unit.gap == " "
                && !unit.text.starts_with(|c: char| c.is_uppercase())
            {
                out.push(Span { range: word.range.start..unit.range.end, kind: SpanKind::Number });
            }
        }
    }
}

fn number_word(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "two"
            | "three"
            | "four"
            | "five"
            | "six"
            | "seven"
            | "eight"
            | "nine"
            | "ten"
            | "eleven"
            | "twelve"
            | "twenty"
            | "thirty"
            | "forty"
            | "fifty"
            | "hundred"
            | "thousand"
            | "million"
            | "billion"
    )
}

fn quoted(text: &str, out: &mut Vec<Span>) {
    let mut open: Option<usize> = None;
    for (at, c) in text.char_indices() {
        match c {
            '"' if open.is_none() => open = Some(at + 1),
            '“' => open = Some(at + c.len_utf8()),
            '"' | '”' => {
                if let Some(start) = open.take()
                    && at > start
                    && at - start <= 80
                    && !text[start..at].contains('\n')
                {
                    out.push(Span { range: start..at, kind: SpanKind::Quoted });
                }
            }
            '\n' => open = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: SpanKind, expected: &[&str]) {
        let found: Vec<&str> =
            spans(text).iter().filter(|s| s.kind == kind).map(|s| s.text(text)).collect();
        assert_eq!(found, expected, "{kind:?} in `{text}`");
    }

    #[test]
    fn names_by_shape() {
        check(
            "The film was directed by Ann Lee of Oslo.",
            SpanKind::Name,
            &["Ann Lee", "Ann Lee of Oslo", "Oslo"],
        );
        check("He met J. R. Smith's aunt.", SpanKind::Name, &["J. R. Smith"]);
        check("It is warm. There he stayed.", SpanKind::Name, &[]);
        check("The Hague is old.", SpanKind::Name, &["The Hague", "Hague"]);
    }

    #[test]
    fn dates_and_numbers_by_shape() {
        check("Born 5 May 1821 in Ajaccio", SpanKind::Date, &["5 May 1821", "1821"]);
        check("On May 5, 1821 he died", SpanKind::Date, &["May 5, 1821", "1821"]);
        check("from 1945 to 1951", SpanKind::Date, &["1945", "1951"]);
        check("from 1945–1951", SpanKind::Date, &["1945", "1945–1951", "1951"]);
        check("about 3,500 people", SpanKind::Number, &["3,500", "3,500 people"]);
    }

    #[test]
    fn sentences_keep_initials_together() {
        let text = "J. K. Rowling wrote it. Mr. Lee read it!\n\n- One\n- Two";
        let found: Vec<&str> = sentences(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["J. K. Rowling wrote it.", "Mr. Lee read it!", "One", "Two"]);
        let text = "東京は都市です。大きい。";
        assert_eq!(sentences(text).len(), 2);
    }

    #[test]
    fn sentences_end_wherever_blocks_do() {
        for before in 0..70 {
            let text = format!("{}. Two", "x".repeat(before + 3));
            let end = before + 4;
            assert_eq!(sentences(&text), [0..end, end + 1..end + 4], "{before}");
        }
    }

    #[test]
    fn phrases_stop_at_marks() {
        let text = "one two, three";
        let found: Vec<&str> = phrases(text, 2).iter().map(|s| s.text(text)).collect();
        assert_eq!(found, ["one", "one two", "two", "three"]);
    }
}
