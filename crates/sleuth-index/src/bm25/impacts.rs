//! What terms add to the scores of passages, kept for the terms that were asked for last.
//!
//! Reading a term's postings and computing from them takes many times as long as adding them up, and the terms
//! of questions come back: most are frequent words.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::DocId;

use crate::recent::Recent;

/// What a term adds to a passage, as a share of its idf: from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Impact {
    pub(crate) doc: DocId,
    pub(crate) impact: f32,
}

/// A term's passages, by segment and entry.
pub(crate) struct Impacts {
    pub(crate) entries: Box<[Impact]>,
    /// Where the entries of each segment end.
    pub(crate) ends: Box<[usize]>,
}

impl Impacts {
    /// Bytes that it takes under a term of `n` bytes, about.
    fn bytes(&self, n: usize) -> usize {
        /// Of the table, the pointers and the allocator.
        const BESIDE: usize = 128;
        size_of_val(&*self.entries) + size_of_val(&*self.ends) + n + BESIDE
    }
}

/// See the [module](self).
pub(crate) struct ImpactCache(Mutex<Recent<Box<str>, Arc<Impacts>>>);

impl ImpactCache {
    /// One of at most `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Mutex::new(Recent::new(bytes)))
    }

    /// The lists of `terms` that are kept, in their order.
    pub(crate) fn known<'t>(
        &self,
        terms: impl Iterator<Item = &'t String>,
    ) -> Vec<Option<Arc<Impacts>>> {
        let mut kept = self.lock();
        terms.map(|term| kept.get(term.as_str())).collect()
    }

    /// Keeps the list of a term, unless it is so long that it would push out much of the rest.
    pub(crate) fn keep(&self, term: &str, list: &Arc<Impacts>) {
        let bytes = list.bytes(term.len());
        let mut kept = self.lock();
        if bytes <= kept.room() / 4 {
            kept.insert(term.into(), Arc::clone(list), bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent<Box<str>, Arc<Impacts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_for_the_room_is_read_each_time() {
        let cache = ImpactCache::new(20_000);
        // Keeps a list of so many entries, and says how many the cache has then.
        let keep = |term: &str, n: usize| {
            let entries = (0..n as u32).map(|doc| Impact { doc, impact: 0.5 }).collect();
            cache.keep(term, &Arc::new(Impacts { entries, ends: [n].into() }));
            let known = cache.known([term.to_owned()].iter());
            known.into_iter().flatten().next().map(|list| list.entries.len())
        };
        assert_eq!(keep("some", 100), Some(100));
        assert_eq!(keep("many", 2_000), None);
        assert_eq!(keep("none", 0), Some(0));
    }
}
