//! Which documents and passages pass the filters of a query, and are blocked by no list of sites.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tantivy::DocId;

use super::details::site_in_ascii;
use super::row::in_a_row;
use super::single::{pairs_with, single};
use super::{Condition, Filter};
use crate::graph::DocumentNumber;
use crate::rank::Table;
use crate::retriever::Query;
use crate::store::Store;
use crate::{IndexError, Verdict, analyze};

/// See the [module](self).
pub(crate) struct Allowed {
    /// By number.
    documents: Vec<bool>,
    /// By segment and entry, where words in a row are asked for: the passages that hold some of them.
    passages: Option<Vec<Vec<bool>>>,
}

impl Allowed {
    pub(crate) fn document(&self, number: DocumentNumber) -> bool {
        self.documents.get(number as usize).copied().unwrap_or(false)
    }

    /// Whether a passage of a document that passes may be shown.
    pub(crate) fn passage(&self, segment: usize, entry: DocId) -> bool {
        self.passages.as_ref().is_none_or(|passages| passages[segment][entry as usize])
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = DocumentNumber> {
        let numbers = 0..self.documents.len() as DocumentNumber;
        numbers.filter(|at| self.document(*at))
    }
}

impl Store {
    /// What passes `query`; `None` where everything does.
    pub(crate) fn allowed(&self, query: &Query) -> Result<Option<Allowed>, IndexError> {
        let verdicts = self.verdicts()?.unwrap_or_default();
        let blocks = verdicts.iter().any(Verdict::blocks);
        if query.within.is_none() && query.filter.is_empty() && !blocks {
            return Ok(None);
        }
        let table = self.table()?;
        let n = table.n_documents();
        let mut documents = vec![query.within.is_none(); n];
        for id in query.within.iter().flatten() {
            if let Some(at) = table.number(id) {
                documents[at as usize] = true;
            }
        }
        let filter = &query.filter;
        let rows = Rows::new(self, table, filter)?;
        let mut passages = None;
        let mut alternatives: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for condition in &filter.must {
            let holds = self.holds(condition, &rows, &mut passages)?;
            match condition.alternative() {
                Some(name) => {
                    let any = alternatives.entry(name).or_insert_with(|| vec![false; n]);
                    any.iter_mut().zip(&holds).for_each(|(any, holds)| *any |= holds);
                }
                None => documents.iter_mut().zip(&holds).for_each(|(all, holds)| *all &= holds),
            }
        }
        for any in alternatives.values() {
            documents.iter_mut().zip(any).for_each(|(all, any)| *all &= any);
        }
        for condition in &filter.must_not {
            let holds = self.holds(condition, &rows, &mut None)?;
            documents.iter_mut().zip(&holds).for_each(|(all, holds)| *all &= !holds);
        }
        for (passes, verdict) in documents.iter_mut().zip(verdicts) {
            *passes &= !verdict.blocks();
        }
        Ok(Some(Allowed { documents, passages }))
    }

    /// By document: whether `condition` holds. Passages that hold its words are added to `passages`.
    fn holds(
        &self,
        condition: &Condition,
        rows: &Rows<'_>,
        passages: &mut Option<Vec<Vec<bool>>>,
    ) -> Result<Vec<bool>, IndexError> {
        let table = rows.table;
        Ok(match condition {
            Condition::Words(text) => {
                let passages = passages.get_or_insert_with(|| table.entries(false));
                let mut out = vec![false; table.n_documents()];
                rows.find(text, true, &mut |segment, entry, document| {
                    passages[segment][entry as usize] = true;
                    out[document as usize] = true;
                })?;
                out
            }
            Condition::Title(text) => {
                let mut out = vec![false; table.n_documents()];
                rows.find(text, false, &mut |_, _, document| out[document as usize] = true)?;
                out
            }
            Condition::Site(site) => {
                let site = site_in_ascii(site);
                self.places()?.iter().map(|place| place.is_on(&site)).collect()
            }
            Condition::After(day) => {
                self.places()?.iter().map(|place| place.date.is_some_and(|d| d >= *day)).collect()
            }
            Condition::Before(day) => {
                self.places()?.iter().map(|place| place.date.is_some_and(|d| d < *day)).collect()
            }
            Condition::Language(asked) => {
                let is = |found: &str| {
                    found
                        .strip_prefix(asked.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                };
                self.languages()?.iter().map(|found| is(found)).collect()
            }
            Condition::Id(prefix) => (0..table.n_documents() as DocumentNumber)
                .map(|at| table.id(at).as_str().starts_with(prefix))
                .collect(),
        })
    }
}

/// Finds words in a row.
struct Rows<'s> {
    store: &'s Store,
    table: &'s Table,
    /// Pairs of the index with each single character that the conditions hold.
    pairs: HashMap<char, Vec<String>>,
}

impl<'s> Rows<'s> {
    fn new(store: &'s Store, table: &'s Table, filter: &Filter) -> Result<Self, IndexError> {
        let mut singles = BTreeSet::new();
        for condition in filter.must.iter().chain(&filter.must_not) {
            if let Condition::Words(text) | Condition::Title(text) = condition {
                singles.extend(analyze(text).iter().filter_map(|term| single(&term.text)));
            }
        }
        let pairs = pairs_with(store, &singles)?;
        Ok(Self { store, table, pairs })
    }

    /// For each place in the row of `text`, the terms that may stand there: a single character may be
    /// the end of a pair where something follows it, and the start of one where something precedes.
    fn slots(&self, text: &str) -> Vec<Vec<String>> {
        let terms = analyze(text);
        let n = terms.len();
        let fits = |at: usize, c: char, pair: &&String| {
            (at == 0 || pair.starts_with(c)) && (at + 1 == n || pair.ends_with(c))
        };
        terms
            .into_iter()
            .enumerate()
            .map(|(at, term)| {
                let mut slot = Vec::new();
                if let Some(c) = single(&term.text) {
                    let pairs = self.pairs.get(&c).into_iter().flatten();
                    slot.extend(pairs.filter(|pair| fits(at, c, pair)).cloned());
                }
                slot.push(term.text);
                slot
            })
            .collect()
    }

    /// Hands segment, entry and document of each living passage whose title, or also whose body, holds
    /// `text` in a row to `each`.
    fn find(
        &self,
        text: &str,
        body: bool,
        each: &mut dyn FnMut(usize, DocId, DocumentNumber),
    ) -> Result<(), IndexError> {
        let slots = self.slots(text);
        let fields = self.store.fields();
        for (at, segment) in self.store.segments().iter().enumerate() {
            let places = [(&segment.title, fields.title), (&segment.body, fields.body)];
            for (index, field) in places.into_iter().take(if body { 2 } else { 1 }) {
                let found = in_a_row(index, field, &slots)
                    .map_err(|error| IndexError::engine(self.store.path(), error))?;
                for entry in found {
                    // Entries that are gone have no document.
                    if let Some(document) = self.table.document(at, entry) {
                        each(at, entry, document);
                    }
                }
            }
        }
        Ok(())
    }
}
