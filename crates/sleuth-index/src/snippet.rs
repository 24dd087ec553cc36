//! The part of a passage that shows best why it was found.
//!
//! A window of about [`WINDOW`] bytes is worth the rarity of each term of the query that stands in it,
//! once, and a little for each further place; one that begins where a sentence begins is preferred to one
//! that tells as much, and of equals the last, whose words come first. One that holds words in a row, where
//! the query asks for them so, is worth more than any that has them here and there. It ends with a
//! sentence where that costs little, else between words.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::analyzer::is_cjk;
use crate::query::single;
use crate::retriever::{Query, Retriever};
use crate::{Condition, IndexError, Term, analyze};

/// Bytes of a snippet, at most.
const WINDOW: usize = 200;
/// A snippet is not ended by a sentence before this many bytes.
const SHORTEST: usize = 100;
/// What each further place of a term is worth, as a share of its rarity.
const AGAIN: f32 = 0.05;
/// What beginning with a sentence is worth, as a share of all that the query is worth.
const SENTENCE: f32 = 0.15;

/// What holding words in a row is worth, as a share of all that the query is worth.
const ROW: f32 = 2.0;

/// A part of a text, and what to mark in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Bytes of the document's text.
    pub range: Range<usize>,
    /// Words of the query within `range`, as bytes of the document's text too; in order, apart from each
    /// other.
    pub marks: Vec<Range<usize>>,
}

/// Cuts snippets for one query.
pub struct Snippets {
    /// Terms of the query with their rarity.
    terms: BTreeMap<String, f32>,
    /// Single characters among them, which stand inside of terms of the text.
    singles: BTreeSet<char>,
    /// Sum of all rarities.
    total: f32,
    /// The terms of what the query asks for in a row, where these are several.
    rows: Vec<Vec<String>>,
}

/// What stands where in a passage.
struct Places {
    /// Words of the query, in order, each with its term and rarity.
    words: Vec<(Range<usize>, String, f32)>,
    /// Words in a row, each with the position of what was asked for.
    rows: Vec<(Range<usize>, usize)>,
}

impl Snippets {
    /// Asks `store` how rare the words of `query` are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(store: &dyn Retriever, query: &Query) -> Result<Self, IndexError> {
        let terms: BTreeSet<String> = query
            .clauses
            .iter()
            .flat_map(|(text, _)| analyze(text))
            .map(|term| term.text)
            .collect();
        let terms: Vec<String> = terms.into_iter().collect();
        let rarities = store.rarity(&terms)?;
        let singles = terms.iter().filter_map(|term| single(term)).collect();
        let total = rarities.iter().sum();
        let row = |condition: &Condition| match condition {
            Condition::Words(text) => Some(analyze(text).into_iter().map(|term| term.text)),
            Condition::Title(_)
            | Condition::Site(_)
            | Condition::Language(_)
            | Condition::After(_)
            | Condition::Before(_)
            | Condition::Id(_) => None,
        };
        let rows = query.filter.must.iter().filter_map(row).map(Iterator::collect);
        let rows = rows.filter(|row: &Vec<String>| row.len() > 1).collect();
        Ok(Self { terms: terms.into_iter().zip(rarities).collect(), singles, total, rows })
    }

    /// The best part of the passage `range` of `text`; nothing where `range` is none of it.
    pub fn cut(&self, text: &str, range: &Range<usize>) -> Snippet {
        let Some(passage) = text.get(range.clone()) else {
            return Snippet { range: range.start..range.start, marks: Vec::new() };
        };
        let terms = analyze(passage);
        let rows = self.rows(&terms);
        let places = Places { words: self.places(passage, terms), rows };
        let starts = sentence_starts(passage);
        let window = self.window(passage, &places, &starts);
        let mut marks: Vec<Range<usize>> = Vec::new();
        for (place, _, _) in places.words {
            if place.start < window.start || place.end > window.end {
                continue;
            }
            let place = place.start + range.start..place.end + range.start;
            match marks.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => marks.push(place),
            }
        }
        Snippet { range: window.start + range.start..window.end + range.start, marks }
    }

    /// Where among `terms` of a passage words stand in a row that are asked for so.
    fn rows(&self, terms: &[Term]) -> Vec<(Range<usize>, usize)> {
        let mut out = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            for there in terms.windows(row.len()) {
                let last = row.len() - 1;
                let fits = (0..=last).all(|nth| stands_for(&row[nth], &there[nth].text, nth, last));
                if fits {
                    out.push((there[0].range.start..there[last].range.end, at));
                }
            }
        }
        out
    }

    /// Where words of the query stand in `passage`, in order, each with its term and rarity.
    fn places(&self, passage: &str, terms: Vec<Term>) -> Vec<(Range<usize>, String, f32)> {
        let mut out = Vec::new();
        for term in terms {
            if let Some(rarity) = self.terms.get(&term.text) {
                out.push((term.range.clone(), term.text, *rarity));
            } else if !self.singles.is_empty() {
                for (at, c) in passage[term.range.clone()].char_indices() {
                    if self.singles.contains(&c) {
                        let start = term.range.start + at;
                        let text = c.to_string();
                        let rarity = self.terms.get(&text).copied().unwrap_or_default();
                        out.push((start..start + c.len_utf8(), text, rarity));
                    }
                }
            }
        }
        out
    }

    fn window(&self, passage: &str, places: &Places, starts: &[usize]) -> Range<usize> {
        if passage.len() <= WINDOW {
            return 0..passage.len();
        }
        // A word may also stand at the end of the best window, after half a window of its sentence.
        let words = places.words.iter().map(|(place, _, _)| place);
        let before = words.chain(places.rows.iter().map(|(place, _)| place)).flat_map(|place| {
            [place.start, word_start(passage, place.start.saturating_sub(WINDOW / 2))]
        });
        let candidates: BTreeSet<usize> = starts.iter().copied().chain(before).collect();
        let mut best = (f32::MIN, 0..0);
        for start in candidates {
            let window = start..end(passage, start, starts);
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            let mut worth = 0.0;
            let from = places.words.partition_point(|(place, _, _)| place.start < start);
            for (_, term, rarity) in
                places.words[from..].iter().take_while(|(place, _, _)| place.end <= window.end)
            {
                worth += if seen.insert(term) { *rarity } else { AGAIN * rarity };
            }
            let whole = places
                .rows
                .iter()
                .filter(|(place, _)| place.start >= window.start && place.end <= window.end);
            let rows: BTreeSet<usize> = whole.map(|(_, row)| *row).collect();
            worth += ROW * rows.len() as f32 * self.total.max(1.0);
            if starts.binary_search(&start).is_ok() {
                worth += SENTENCE * self.total.max(1.0);
            }
            // Of windows that tell as much, the last brings its words first; the first where none has any.
            if worth > best.0 || (worth == best.0 && !seen.is_empty()) {
                best = (worth, window);
            }
        }
        best.1
    }
}

/// Whether a term of a text is what is asked for at place `nth` of a row that ends at `last`. A single
/// character may be the end of a pair where something follows it, and the start where something precedes.
fn stands_for(asked: &str, term: &str, nth: usize, last: usize) -> bool {
    let inside = |c: char| {
        term.chars().all(is_cjk)
            && (nth == 0 || term.starts_with(c))
            && (nth == last || term.ends_with(c))
    };
    asked == term || single(asked).is_some_and(inside)
}

/// Where sentences and lines begin, the first at 0.
fn sentence_starts(text: &str) -> Vec<usize> {
    let mut out = vec![0];
    let mut ended = false;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        if ended && !c.is_whitespace() {
            out.push(at);
            ended = false;
        }
        ended |= c == '\n'
            || matches!(previous, '.' | '!' | '?') && c.is_whitespace()
            || matches!(c, '。' | '！' | '？');
        previous = c;
    }
    out
}

/// Where the window that begins at `start` ends.
fn end(text: &str, start: usize, starts: &[usize]) -> usize {
    let limit = start + WINDOW;
    if limit >= text.len() {
        return text.len();
    }
    let next = starts.partition_point(|at| *at <= limit);
    let trimmed = |end: usize| start + text[start..end].trim_end().len();
    match starts[..next].last() {
        Some(&sentence) if sentence >= start + SHORTEST => trimmed(sentence),
        _ => {
            let limit = text.floor_char_boundary(limit);
            let cut = text[start..limit].rfind(char::is_whitespace).filter(|at| *at > 0);
            // Where there are no spaces, between any two characters.
            trimmed(cut.map_or(limit, |at| start + at))
        }
    }
}

/// The first start of a word at or after `at`, where there is white space near.
fn word_start(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let near = &text[at..text.floor_char_boundary(at + WINDOW / 4)];
    match near.find(char::is_whitespace) {
        Some(space) if at > 0 => {
            at + space + (near[space..].len() - near[space..].trim_start().len())
        }
        _ => at,
    }
}
