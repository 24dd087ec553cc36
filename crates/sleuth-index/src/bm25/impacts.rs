//! What terms add to the scores of passages, kept for the terms that were asked for last.
//!
//! Reading a term's postings and computing from them takes many times as long as adding them up, and the terms
//! of questions come back: most are frequent words. Kept are so many bytes and no more, in two generations: what
//! is asked for is young; when the young ones fill half of the room they become the old ones, and what of the
//! old was not asked for since goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tantivy::DocId;

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
pub(crate) struct ImpactCache {
    /// Most bytes of each of the two generations.
    most: usize,
    kept: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Box<str>, Arc<Impacts>, RandomState>,
    young_bytes: usize,
    old: HashMap<Box<str>, Arc<Impacts>, RandomState>,
}

impl Generations {
    fn get(&mut self, term: &str, most: usize) -> Option<Arc<Impacts>> {
        if let Some(list) = self.young.get(term) {
            return Some(Arc::clone(list));
        }
        let (term, list) = self.old.remove_entry(term)?;
        self.insert(term, Arc::clone(&list), most);
        Some(list)
    }

    fn insert(&mut self, term: Box<str>, list: Arc<Impacts>, most: usize) {
        let bytes = list.bytes(term.len());
        // One that would push out much of the rest is not worth it.
        if bytes > most / 4 {
            return;
        }
        if self.young_bytes + bytes > most {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        // Two that read the same term at once both come here.
        if self.young.insert(term, list).is_none() {
            self.young_bytes += bytes;
        }
    }
}

impl ImpactCache {
    /// One of at most `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { most: bytes / 2, kept: Mutex::default() }
    }

    /// The lists of `terms` that are kept, in their order.
    pub(crate) fn known<'t>(
        &self,
        terms: impl Iterator<Item = &'t String>,
    ) -> Vec<Option<Arc<Impacts>>> {
        let mut kept = self.lock();
        terms.map(|term| kept.get(term, self.most)).collect()
    }

    /// Keeps the list of a term.
    pub(crate) fn keep(&self, term: &str, list: &Arc<Impacts>) {
        self.lock().insert(term.into(), Arc::clone(list), self.most);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let cache = ImpactCache::new(20_000);
        // Asks for terms, makes what is not kept, and says what that was.
        let ask = |terms: &[&str], n: usize| {
            let terms: Vec<String> = terms.iter().map(|term| (*term).to_owned()).collect();
            let known = cache.known(terms.iter());
            let mut made = Vec::new();
            for (term, list) in terms.into_iter().zip(known) {
                assert!(list.as_ref().is_none_or(|list| list.entries.len() == n));
                if list.is_none() {
                    let entries = (0..n as u32).map(|doc| Impact { doc, impact: 0.5 }).collect();
                    cache.keep(&term, &Arc::new(Impacts { entries, ends: [n].into() }));
                    made.push(term);
                }
            }
            made
        };
        assert_eq!(ask(&["a", "b"], 100), ["a", "b"]);
        assert_eq!(ask(&["a", "b", "c"], 100), ["c"]);
        // Each takes 937 bytes, and a generation holds ten of them: `a` is asked for all the time, `b` never.
        for n in 0..40 {
            assert_eq!(ask(&["a"], 100), [""; 0], "{n}");
            ask(&[&format!("t{n}")], 100);
        }
        assert_eq!(ask(&["a", "b"], 100), ["b"]);
        let kept = cache.kept.lock().unwrap();
        let bytes = |of: &HashMap<Box<str>, Arc<Impacts>, RandomState>| -> usize {
            of.iter().map(|(term, list)| list.bytes(term.len())).sum()
        };
        assert_eq!(bytes(&kept.young), kept.young_bytes);
        assert!(bytes(&kept.young) + bytes(&kept.old) <= 20_000);
        drop(kept);
        // What is too large for the room is read each time.
        assert_eq!(ask(&["large"], 2_000), ["large"]);
        assert_eq!(ask(&["large"], 2_000), ["large"]);
    }
}
