//! What was asked for last, of at most so many bytes.
//!
//! In two generations: what is asked for is young; when the young fill half of the room they become the old, and
//! what of the old was not asked for since goes. One thing that is larger than a generation is kept beside them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// See the [module](self).
pub(crate) struct Recent<K, V> {
    /// Most bytes of each generation.
    most: usize,
    young: HashMap<K, Kept<V>, RandomState>,
    /// Bytes of the young.
    bytes: usize,
    old: HashMap<K, Kept<V>, RandomState>,
    large: Option<(K, V)>,
}

struct Kept<V> {
    value: V,
    bytes: usize,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// One of at most `bytes`, and one thing beside them that takes more than half of that.
    pub(crate) fn new(bytes: usize) -> Self {
        let (young, old) = (HashMap::default(), HashMap::default());
        Self { most: bytes / 2, young, bytes: 0, old, large: None }
    }

    /// Bytes that one generation has room for.
    pub(crate) fn room(&self) -> usize {
        self.most
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some(kept) = self.young.get(key) {
            return Some(kept.value.clone());
        }
        if let Some((large, value)) = &self.large
            && large.borrow() == key
        {
            return Some(value.clone());
        }
        let (key, kept) = self.old.remove_entry(key)?;
        let value = kept.value.clone();
        self.insert(key, kept.value, kept.bytes);
        Some(value)
    }

    /// Keeps `value`, which takes about `bytes` with its key, as many whenever it is kept.
    pub(crate) fn insert(&mut self, key: K, value: V, bytes: usize) {
        if bytes > self.most {
            self.large = Some((key, value));
            return;
        }
        if self.bytes + bytes > self.most {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        // Two that read the same thing at once both come here.
        if self.young.insert(key, Kept { value, bytes }).is_none() {
            self.bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut recent: Recent<String, usize> = Recent::new(100);
        // Asks for things of ten bytes, keeps what was not there, and says what that was.
        let mut ask = |key: &str| {
            let known = recent.get(key);
            if known.is_none() {
                recent.insert(key.to_owned(), key.len(), 10);
            }
            assert!(known.is_none_or(|known| known == key.len()));
            assert!(recent.bytes <= 50);
            assert_eq!(recent.bytes, 10 * recent.young.len());
            assert!(recent.old.len() <= 5);
            known.is_some()
        };
        assert!(!ask("always"));
        assert!(!ask("once"));
        for n in 0..40 {
            assert!(ask("always"), "{n}");
            assert!(!ask(&format!("thing {n}")));
        }
        assert!(!ask("once"));
    }

    #[test]
    fn one_that_is_larger_than_the_room_is_kept_beside() {
        let mut recent: Recent<&str, ()> = Recent::new(100);
        recent.insert("small", (), 10);
        for large in ["large", "larger", "largest"] {
            recent.insert(large, (), 1000);
            assert_eq!(recent.get(large), Some(()));
            assert_eq!(recent.get("small"), Some(()));
        }
        assert_eq!(recent.get("larger"), None);
        // The same twice is one.
        recent.insert("small", (), 10);
        assert_eq!((recent.young.len(), recent.bytes), (1, 10));
    }
}
