//! Whether one query gives the answer away.
//!
//! The query is the question itself, by words and by the default search; looked at are the best
//! [`DEPTH`] passages of each. What counts as giving away depends on what the kind is meant to take:
//!
//! | kind | leaks when one passage |
//! |---|---|
//! | every kind | holds thirteen words in a row of the question |
//! | bridge | found by words holds the answer, where the answer is telling or the passage is of the document that states it |
//! | comparison, intersection | holds the answer with the objects of all hops |
//! | obfuscated | is of the page that is described, or of the one that states the answer |
//! | one hop, unanswerable | – |
//!
//! Of a bridge only the search by words is looked at: the default search spreads from a page to those that
//! it names, so that it finds the second page of nearly every bridge at once; to read both is left.
//! Thirteen words in a row are the measure of copied text in the filters of published recipes.

use std::collections::HashSet;

use sleuth_index::{IndexError, Query, Retriever, folded};
use sleuth_records::{DocumentId, Ranking};

use crate::make::candidate::{Candidate, Only};
use crate::make::web::{Web, folded_words};
use crate::task::Kind;

/// Passages of each search that are looked at.
pub(crate) const DEPTH: usize = 5;
/// Words in a row that count as copied.
const COPIED: usize = 13;

/// What the searches found.
pub(crate) struct Found {
    pub(crate) rankings: Vec<Ranking>,
}

impl Found {
    /// Searches for the question of `candidate`. Where one document is enough, or none is, only words are
    /// looked for: there the filter is after copied words alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn of(store: &dyn Retriever, candidate: &Candidate) -> Result<Self, IndexError> {
        let question = candidate.question.as_str();
        let mut rankings = vec![store.search(&Query::lexical(question, DEPTH))?];
        if !matches!(candidate.kind, Kind::OneHop | Kind::Unanswerable) {
            rankings.push(store.search(&Query::new(question, DEPTH))?);
        }
        Ok(Self { rankings })
    }

    /// Whether a search found the document.
    pub(crate) fn has(&self, id: &DocumentId) -> bool {
        self.rankings.iter().any(|ranking| ranking.documents().contains(&id))
    }
}

/// Whether what was found gives the answer away.
pub(crate) fn leaks(web: &Web, candidate: &Candidate, found: &Found) -> bool {
    let words = folded_words(&candidate.question);
    let runs: HashSet<String> = words.windows(COPIED).map(|run| run.join(" ")).collect();
    let golds: Vec<String> = candidate
        .golds
        .iter()
        .map(|gold| folded(gold))
        .filter(|gold| !gold.is_empty())
        .map(|gold| format!(" {gold} "))
        .collect();
    let objects: Vec<String> = candidate
        .hops
        .iter()
        .map(|hop| folded(&hop.answer))
        .filter(|object| !object.is_empty())
        .map(|object| format!(" {object} "))
        .collect();
    let telling = candidate.golds.first().is_some_and(|gold| is_telling(gold));
    let answered_in = candidate.answered_in.map(|at| web.id(at));
    let described = match &candidate.only {
        Only::Meets { target, .. } if candidate.kind == Kind::Obfuscated => {
            Some(web.id(web.things[*target].document))
        }
        _ => None,
    };
    // The default search goes along the graph by itself, and so takes the first hops of a bridge.
    let searches = if candidate.kind == Kind::Bridge { 1 } else { 2 };
    for hit in found.rankings.iter().take(searches).flat_map(|ranking| &ranking.hits) {
        let id = &hit.passage.document;
        let Some(at) = web.position(id) else { continue };
        let passage = format!(" {} ", folded(web.words(at, &hit.passage.range)));
        if !runs.is_empty() {
            let held: Vec<&str> = passage.trim().split(' ').collect();
            if held.windows(COPIED).any(|run| runs.contains(&run.join(" "))) {
                return true;
            }
        }
        let holds_answer = golds.iter().any(|gold| passage.contains(gold));
        let gives = match candidate.kind {
            Kind::Bridge => holds_answer && (telling || Some(id) == answered_in),
            Kind::Comparison | Kind::Intersection => {
                holds_answer && objects.iter().all(|object| passage.contains(object))
            }
            Kind::Obfuscated => Some(id) == answered_in || Some(id) == described,
            Kind::OneHop | Kind::Unanswerable | Kind::Other => false,
        };
        if gives {
            return true;
        }
    }
    false
}

/// Whether an answer says by itself what it is the answer to: a name, not a small number.
fn is_telling(answer: &str) -> bool {
    answer.chars().filter(|c| c.is_alphabetic()).count() >= 6
}
