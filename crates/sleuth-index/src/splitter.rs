//! Cutting a document's text into passages.
//!
//! A passage is at most [`MAX_BYTES`] long and ends where a reader would pause: at a blank line if
//! one is near, else at a line end, else after a sentence, else between words, else (text without
//! any of them) anywhere between characters. A line that looks like a heading starts a new passage
//! once the running one has [`MIN_BYTES`]. Passages do not overlap, and together they hold every
//! character that is not white space.

use std::ops::Range;

use sleuth_records::Document;

use crate::analyze;

/// Name and version of this splitter; a store remembers it.
pub(crate) const SPLITTER: &str = "pause-1600-1";

/// Longest passage: about 250 English words, so that an encyclopedia's lead section stays whole.
const MAX_BYTES: usize = 1600;
/// A passage shorter than this is not ended by a heading or a blank line.
const MIN_BYTES: usize = 500;

/// Byte ranges of the passages of `text`, in order.
pub(crate) fn split(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = skip_white(text, 0);
    while start < text.len() {
        let end = if text.len() - start <= MAX_BYTES { text.len() } else { pause(text, start) };
        let trimmed = start + text[start..end].trim_end().len();
        out.push(start..trimmed);
        start = skip_white(text, end);
    }
    out
}

/// The passages of `document`: those of its text, or an empty one where it has only a title, by which
/// it can still be found.
pub(crate) fn passages_of(document: &Document) -> Vec<Range<usize>> {
    let mut passages = split(&document.text);
    if passages.is_empty() && !analyze(&document.title).is_empty() {
        passages.push(0..0);
    }
    passages
}

fn skip_white(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

/// Where the passage that starts at `start` ends; the text goes on for more than `MAX_BYTES`.
fn pause(text: &str, start: usize) -> usize {
    let limit = text.floor_char_boundary(start + MAX_BYTES);
    let window = &text[start..limit];
    let floor = window.floor_char_boundary(MIN_BYTES);
    let late = &window[floor..];
    if let Some(at) = last_heading(late) {
        return start + floor + at;
    }
    if let Some(at) = late.rfind("\n\n") {
        return start + floor + at + 2;
    }
    if let Some(at) = late.rfind('\n') {
        return start + floor + at + 1;
    }
    if let Some(at) = last_sentence_end(late) {
        return start + floor + at;
    }
    match late.char_indices().rfind(|(_, c)| c.is_whitespace()) {
        Some((at, c)) => start + floor + at + c.len_utf8(),
        None => limit,
    }
}

/// Start of the last Markdown heading line in `text`.
fn last_heading(text: &str) -> Option<usize> {
    text.rfind("\n#").map(|at| at + 1)
}

fn last_sentence_end(text: &str) -> Option<usize> {
    let mut found = None;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        if matches!(c, '。' | '！' | '？') {
            found = Some(at + c.len_utf8());
        } else if c.is_whitespace() && matches!(previous, '.' | '!' | '?') {
            found = Some(at);
        }
        previous = c;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_invariants(text: &str) {
        let mut next = 0;
        for range in split(text) {
            assert!(range.start >= next && range.end > range.start, "{range:?}");
            assert!(range.len() <= MAX_BYTES, "{range:?}");
            assert!(text[next..range.start].trim().is_empty());
            assert!(text.get(range.clone()).is_some());
            next = range.end;
        }
        assert!(text[next..].trim().is_empty());
    }

    #[test]
    fn a_short_text_is_one_passage() {
        assert_eq!(split("  One two. \n"), vec![2..10]);
        assert!(split(" \n\t").is_empty());
    }

    #[test]
    fn nothing_is_lost_whatever_the_text() {
        check_invariants(&"word ".repeat(2000));
        check_invariants(&"x".repeat(5000));
        check_invariants(&"字".repeat(3000));
        check_invariants(&"é\n".repeat(3000));
        check_invariants(&"A sentence of words. ".repeat(400));
        check_invariants(&"\n\n\n para\n\n".repeat(400));
    }

    #[test]
    fn headings_and_blank_lines_end_passages() {
        let part = "A sentence of words. ".repeat(40);
        let text = format!("{part}\n\n# Next\n\n{part}\n\n{part}");
        let starts: Vec<&str> =
            split(&text).into_iter().map(|r| &text[r.start..r.start + 6]).collect();
        assert_eq!(starts, ["A sent", "# Next", "A sent"]);
    }
}
