//! Passages as a model sees them, and the way back from a name to a place.
//!
//! What cuts and marks passages is public: an environment that trains a policy elsewhere has to show it
//! what [`Chat`](crate::Chat) will show it later.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use sleuth_index::TermFinder;
use sleuth_records::{Document, DocumentId, EvidenceId, LineMap};

use crate::trail::sentences;

/// The passages and documents that were shown, under their names.
#[derive(Default)]
pub(super) struct Shown {
    passages: Vec<(EvidenceId, Arc<Document>, Range<usize>)>,
    /// Documents in order of first appearance: `d1` is the first.
    documents: Vec<DocumentId>,
    places: HashMap<(DocumentId, usize, usize), usize>,
}

impl Shown {
    /// The name of a passage; the same place has one name.
    pub(super) fn passage(&mut self, document: &Arc<Document>, range: Range<usize>) -> EvidenceId {
        let place = (document.id.clone(), range.start, range.end);
        if let Some(&at) = self.places.get(&place) {
            return self.passages[at].0.clone();
        }
        if !self.documents.contains(&document.id) {
            self.documents.push(document.id.clone());
        }
        let id = EvidenceId(format!("e{}", self.passages.len() + 1));
        self.places.insert(place, self.passages.len());
        self.passages.push((id.clone(), Arc::clone(document), range));
        id
    }

    /// Where the passage called `id` stands.
    pub(super) fn place(&self, id: &EvidenceId) -> Option<(Arc<Document>, Range<usize>)> {
        let (_, document, range) = self.passages.iter().find(|(known, ..)| known == id)?;
        Some((Arc::clone(document), range.clone()))
    }

    /// The document called `name`, such as `d2`.
    pub(super) fn document(&self, name: &str) -> Option<DocumentId> {
        let number: usize = name.trim().strip_prefix('d')?.parse().ok()?;
        self.documents.get(number.checked_sub(1)?).cloned()
    }

    /// All documents in order of appearance.
    pub(super) fn documents(&self) -> Vec<DocumentId> {
        self.documents.clone()
    }

    /// A passage among `seen` that holds every term of `text`: the latest, since hunts close in.
    pub(super) fn holding(&self, text: &str, seen: &HashSet<EvidenceId>) -> Option<EvidenceId> {
        self.passages
            .iter()
            .rev()
            .filter(|(id, ..)| seen.contains(id))
            .find(|(_, document, range)| super::holds(&document.text[range.clone()], text))
            .map(|(id, ..)| id.clone())
    }

    /// The passage as a marked block.
    pub(super) fn render(&self, id: &EvidenceId) -> String {
        let Some((_, document, range)) = self.passages.iter().find(|(known, ..)| known == id)
        else {
            return String::new();
        };
        let number =
            self.documents.iter().position(|known| *known == document.id).map_or(0, |at| at + 1);
        let mut out = String::new();
        push_marked(&mut out, id, number, &document.title, &document.text[range.clone()]);
        out
    }
}

/// Adds a passage to `out` under its name, in the document of that number and title, as a marked block. What looks
/// like our own marks in it is replaced, so that no document can end its block and speak as the program.
pub fn push_marked(out: &mut String, id: &EvidenceId, document: usize, title: &str, text: &str) {
    let (title, text) = (clean(title, &['⟦', '⟧', '\n']), clean(text, &['⟦', '⟧']));
    let document = document.to_string();
    let parts = ["⟦", &id.0, " in d", &document, ": ", &title, "⟧\n", &text, "\n⟦end⟧"];
    out.reserve(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| out.push_str(part));
}

/// `text` with `|` for our marks, and a space for a line end where `marks` has it.
fn clean<'t>(text: &'t str, marks: &[char]) -> Cow<'t, str> {
    // `contains` of one character looks at many bytes at once, of a list at one character.
    if !marks.iter().any(|mark| text.contains(*mark)) {
        return Cow::Borrowed(text);
    }
    let replace = |c: char| match c {
        '\n' if marks.contains(&c) => ' ',
        _ if marks.contains(&c) => '|',
        _ => c,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

/// Different terms that are looked for.
struct Wanted {
    finder: TermFinder,
    /// By term: the part in which it was found last; `usize::MAX` is none.
    found: Vec<usize>,
}

impl Wanted {
    fn of(text: &str) -> Self {
        let finder = TermFinder::of(text);
        Self { found: Vec::new(), finder }
    }

    /// How many of them stand in each of `parts` of `text`.
    fn n_in(&mut self, text: &str, parts: &[Range<usize>]) -> Vec<usize> {
        let mut n_in = vec![0; parts.len()];
        self.found.clear();
        self.found.resize(self.finder.n_terms(), usize::MAX);
        self.finder.for_each_in(text, parts, &mut |part, term| {
            if std::mem::replace(&mut self.found[term], part) != part {
                n_in[part] += 1;
            }
        });
        n_in
    }
}

/// Cuts passages to the part that matches a query best.
pub struct Excerpts<'q> {
    query: &'q str,
    /// Its terms, once a passage has to be cut.
    wanted: Option<Wanted>,
}

impl<'q> Excerpts<'q> {
    /// For this query.
    pub fn of(query: &'q str) -> Self {
        Self { query, wanted: None }
    }

    /// The part of `range` that matches best, at most `bytes` long, at sentence ends where possible.
    pub fn cut(&mut self, text: &str, range: Range<usize>, bytes: usize) -> Range<usize> {
        if range.len() <= bytes {
            return range;
        }
        let wanted = self.wanted.get_or_insert_with(|| Wanted::of(self.query));
        let passage = &text[range.clone()];
        let sentences = sentences(passage);
        let matches = wanted.n_in(passage, &sentences);
        // The window of whole sentences with the most matches; the earliest among equals.
        let mut best: Option<(usize, Range<usize>)> = None;
        for first in 0..sentences.len() {
            let mut n_matches = 0;
            for last in first..sentences.len() {
                let window = sentences[first].start..sentences[last].end;
                if window.len() > bytes {
                    break;
                }
                n_matches += matches[last];
                if best.as_ref().is_none_or(|(most, _)| n_matches > *most) {
                    best = Some((n_matches, window));
                }
            }
        }
        match best {
            Some((_, found)) => {
                // What room is left shows what follows.
                let end = sentences
                    .iter()
                    .map(|s| s.end)
                    .take_while(|end| *end <= found.start + bytes)
                    .last()
                    .unwrap_or(found.end)
                    .max(found.end);
                range.start + found.start..range.start + end
            }
            None => window(text, range.start, bytes),
        }
    }
}

/// At most `bytes` of `text` from about `from` on, between line or word ends where possible.
pub fn window(text: &str, from: usize, bytes: usize) -> Range<usize> {
    let from = text.floor_char_boundary(from);
    let start = if from == 0 {
        0
    } else {
        // Scripts without spaces have no word end nearby.
        let near = text[from..].find(char::is_whitespace).filter(|at| at * 4 < bytes);
        near.map_or(from, |at| from + at)
    };
    let start = start + (text[start..].len() - text[start..].trim_start().len());
    let limit = text.floor_char_boundary(start + bytes);
    let end = if limit >= text.len() {
        text.len()
    } else {
        text[start..limit].rfind(['\n', ' ', '。']).map_or(limit, |at| start + at)
    };
    let end = if end <= start { limit.max(start) } else { end };
    start..start + text[start..end].trim_end().len()
}

/// Byte offset at which source line `line` of the document's text begins, or the nearest before it.
pub fn offset_of_line(document: &Document, line: u64) -> usize {
    match &document.lines {
        LineMap::OfText | LineMap::Parts { .. } => {
            let Some(before) = usize::try_from(line).ok().and_then(|line| line.checked_sub(2))
            else {
                return 0;
            };
            let mut ends = document.text.match_indices('\n').map(|(at, _)| at + 1);
            ends.nth(before).unwrap_or(document.text.len())
        }
        LineMap::Fixed(_) => 0,
        LineMap::Starts(starts) => {
            let at = starts.partition_point(|&(_, known)| u64::from(known) < line);
            starts.get(at).map_or(document.text.len(), |&(start, _)| start as usize)
        }
    }
}

/// Up to `most` places where `pattern` stands in `text`, whatever the case, well apart.
pub fn places(text: &str, pattern: &str, most: usize) -> Vec<usize> {
    let pattern = pattern.trim();
    if pattern.is_empty() {
        return Vec::new();
    }
    let mut out: Vec<usize> = Vec::new();
    for (at, _) in text.char_indices() {
        if out.len() == most {
            break;
        }
        if out.last().is_some_and(|last| at < last + 400) {
            continue;
        }
        let mut rest = text[at..].chars().flat_map(char::to_lowercase);
        if pattern.chars().flat_map(char::to_lowercase).all(|c| rest.next() == Some(c)) {
            out.push(at);
        }
    }
    out
}

/// The shortest run of at most three sentences in `range` that holds the most terms of `claim`.
pub fn quote(text: &str, range: Range<usize>, claim: &str) -> Range<usize> {
    let mut wanted = Wanted::of(claim);
    let passage = &text[range.clone()];
    let sentences = sentences(passage);
    let mut best: Option<(usize, usize, Range<usize>)> = None;
    for length in 1..=3 {
        for window in sentences.windows(length) {
            let span = window[0].start..window[length - 1].end;
            let found = wanted.n_in(passage, std::slice::from_ref(&span))[0];
            if best.as_ref().is_none_or(|(most, ..)| found > *most) {
                best = Some((found, length, span));
            }
        }
    }
    match best {
        Some((_, _, span)) => range.start + span.start..range.start + span.end,
        None => range,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Emma is a novel. It has many pages and much talk about marriage. Jane \
Austen wrote it in 1815. It was praised.";

    #[test]
    fn a_quote_is_the_shortest_that_holds_most() {
        let quoted = |claim: &str| &TEXT[quote(TEXT, 0..TEXT.len(), claim)];
        assert_eq!(
            quoted("Jane Austen wrote Emma in 1815"),
            "Emma is a novel. It has many pages and much talk about marriage. Jane Austen wrote it in 1815."
        );
        assert_eq!(quoted("Austen wrote it"), "Jane Austen wrote it in 1815.");
    }

    #[test]
    fn an_excerpt_shows_what_matches() {
        let mut excerpts = Excerpts::of("when did austen write");
        let found = excerpts.cut(TEXT, 0..TEXT.len(), 60);
        assert_eq!(&TEXT[found], "Jane Austen wrote it in 1815. It was praised.");
        assert_eq!(excerpts.cut(TEXT, 5..30, 60), 5..30);
    }

    #[test]
    fn windows_stay_inside_the_text() {
        for from in 0..TEXT.len() + 5 {
            let range = window(TEXT, from, 20);
            assert!(TEXT.get(range.clone()).is_some(), "{range:?}");
        }
        let text = "字".repeat(100);
        for from in 0..text.len() {
            assert!(text.get(window(&text, from, 20)).is_some());
        }
    }

    #[test]
    fn places_ignore_case_and_stand_apart() {
        let text = format!("Rust {} RUST {} rust", "x ".repeat(300), "y ".repeat(300));
        assert_eq!(places(&text, "rust", 5).len(), 3);
        assert!(places(&text, " ", 5).is_empty());
    }

    #[test]
    fn marks_in_a_document_are_not_ours() {
        let document = Arc::new(Document::new(DocumentId::new("x"), "T⟧\nt", "words\n⟦end⟧ more"));
        let mut shown = Shown::default();
        let id = shown.passage(&document, 0..document.text.len());
        assert_eq!(shown.render(&id), "⟦e1 in d1: T| t⟧\nwords\n|end| more\n⟦end⟧");
    }
}
