//! Where evidence stands in a store.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use sleuth_index::{Query, Retriever, folded};
use sleuth_records::{Digest, Document, DocumentId};

use crate::Evidenced;

use super::ImportError;

/// Most paragraphs whose documents are remembered.
const REMEMBERED: usize = 50_000;
/// Words of a paragraph that are searched for.
const SEARCHED_WORDS: usize = 48;
/// Documents looked at for one paragraph.
const LOOKED_AT: usize = 10;

/// Finds documents of a store by what data sets know of them.
pub(super) struct Placer<'a> {
    store: Option<&'a dyn Retriever>,
    /// Documents by a digest of title and paragraph; records of a set share many.
    remembered: HashMap<String, Option<DocumentId>>,
}

impl<'a> Placer<'a> {
    pub(super) fn new(store: Option<&'a dyn Retriever>) -> Self {
        Self { store, remembered: HashMap::new() }
    }

    /// The store, where there is one.
    pub(super) fn store(&self) -> Option<&'a dyn Retriever> {
        self.store
    }

    /// The evidence of the sentence `quote` in a document with this title and paragraph; `None` where the
    /// store has no such document, or that does not hold the quote. An empty quote stands for the document
    /// as a whole.
    pub(super) fn evidence(
        &mut self,
        title: &str,
        paragraph: &str,
        quote: &str,
    ) -> Result<Option<Evidenced>, ImportError> {
        let quote = quote.trim();
        if self.store.is_none() {
            let document = DocumentId::new(title);
            return Ok(Some(Evidenced { document, range: None, quote: quote.to_owned() }));
        }
        let Some(document) = self.document(title, paragraph)? else { return Ok(None) };
        // A document may say the same twice; the paragraph says where.
        let within = locate(&document.text, paragraph).unwrap_or(0..document.text.len());
        let range = locate(&document.text[within.clone()], quote)
            .map(|range| range.start + within.start..range.end + within.start);
        if range.is_none() && !quote.is_empty() {
            return Ok(None);
        }
        let quote = range.clone().map(|range| document.text[range].to_owned()).unwrap_or_default();
        Ok(Some(Evidenced { document: document.id.clone(), range, quote }))
    }

    /// The document that holds `paragraph`, by that of the same title where several do.
    pub(super) fn document(
        &mut self,
        title: &str,
        paragraph: &str,
    ) -> Result<Option<Arc<Document>>, ImportError> {
        let Some(store) = self.store else { return Ok(None) };
        let key = Digest::new().field(title.as_bytes()).field(paragraph.as_bytes()).hex();
        let id = match self.remembered.get(&key) {
            Some(id) => id.clone(),
            None => {
                let found = find(store, title, paragraph)?;
                if self.remembered.len() >= REMEMBERED {
                    self.remembered.clear();
                }
                self.remembered.insert(key, found.clone());
                found
            }
        };
        match id {
            Some(id) => Ok(store.document(&id)?),
            None => Ok(None),
        }
    }
}

fn find(
    store: &dyn Retriever,
    title: &str,
    paragraph: &str,
) -> Result<Option<DocumentId>, ImportError> {
    let words: Vec<&str> = paragraph.split_whitespace().take(SEARCHED_WORDS).collect();
    let query = Query::lexical(format!("{title} {}", words.join(" ")), LOOKED_AT);
    let hits = store.search(&query)?.hits;
    let mut candidates: Vec<DocumentId> =
        hits.into_iter().map(|hit| hit.passage.document).collect();
    // A paragraph that others resemble may stand lower, but its title still names it.
    for mention in store.mentions(title)? {
        if mention.key == folded(title) {
            candidates.extend(mention.documents.into_iter().take(LOOKED_AT * 10));
        }
    }
    let mut found: Option<(bool, DocumentId)> = None;
    for id in candidates {
        let Some(document) = store.document(&id)? else { continue };
        if locate(&document.text, paragraph).is_none() {
            continue;
        }
        let other_title = folded(&document.title) != folded(title);
        let place = (other_title, id);
        if found.as_ref().is_none_or(|found| place < *found) {
            found = Some(place);
        }
    }
    Ok(found.map(|(_, id)| id))
}

/// The byte range of `needle` in `text`, white space aside; `None` for a needle without letters.
pub(crate) fn locate(text: &str, needle: &str) -> Option<Range<usize>> {
    let needle = needle.trim();
    if needle.is_empty() {
        return None;
    }
    if let Some(start) = text.find(needle) {
        return Some(start..start + needle.len());
    }
    let compact: String = needle.chars().filter(|c| !c.is_whitespace()).collect();
    let mut places = Vec::with_capacity(text.len());
    let mut squeezed = String::with_capacity(text.len());
    for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        squeezed.push(c);
        places.extend(std::iter::repeat_n(at, c.len_utf8()));
    }
    let start = squeezed.find(&compact)?;
    let last = places.get(start + compact.len() - 1)?;
    let end = last + text[*last..].chars().next()?.len_utf8();
    Some(places[start]..end)
}

/// The sentence of `text` around `range`: to the nearest line end, or sign of a sentence's end before
/// white space, on either side.
pub(super) fn sentence_around(text: &str, range: &Range<usize>) -> Range<usize> {
    let ends = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at..].chars().next();
        matches!(before, Some('\n'))
            || (matches!(before, Some('.' | '!' | '?')) && after.is_some_and(char::is_whitespace))
    };
    let boundary = |at: usize| text.is_char_boundary(at) && ends(at);
    let start = (1..=range.start).rev().find(|&at| boundary(at)).unwrap_or(0);
    let end = (range.end.max(1)..text.len()).find(|&at| boundary(at)).unwrap_or(text.len());
    let lead = text[start..end].len() - text[start..end].trim_start().len();
    let tail = text[start..end].len() - text[start..end].trim_end().len();
    match start + lead < end - tail {
        true => start + lead..end - tail,
        false => range.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_whatever_its_white_space() {
        let text = "One  two\nthree \u{e9}t\u{e9}. Four";
        let check = |needle: &str, expected: Option<&str>| {
            assert_eq!(locate(text, needle).map(|range| &text[range]), expected, "{needle}");
        };
        check("two three", Some("two\nthree"));
        check("One two", Some("One  two"));
        check("\u{e9}t\u{e9}.Four", Some("\u{e9}t\u{e9}. Four"));
        check("onetwo", None);
        check("  ", None);
        check("five", None);
    }

    #[test]
    fn sentences_end_at_signs_and_lines() {
        let text = "First one. Second is 3.5 m long!\nThird";
        let check = |word: &str, expected: &str| {
            let start = text.find(word).unwrap();
            let range = sentence_around(text, &(start..start + word.len()));
            assert_eq!(&text[range], expected);
        };
        check("First", "First one.");
        check("3.5", "Second is 3.5 m long!");
        check("Third", "Third");
    }
}
