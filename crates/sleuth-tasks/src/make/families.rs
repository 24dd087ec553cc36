//! Families of documents, and the splits cut by them.
//!
//! Two documents of one family never support tasks of two splits. Joined are
//!
//! 1. near-duplicates, parts of one source (`oil#6`, `oil#7`) and documents of one title, whatever the
//!    size that comes of it;
//! 2. pages of a series, whose titles differ in numbers alone (`1920 … season`, `1921 … season`), and
//!    documents joined by a fact that leads from one to the other, as long as the family stays below a
//!    hundredth of the store: so that questions over several documents are left in every split.
//!
//! The hash of a family's first id decides its split, and nothing else does: whoever makes tasks again,
//! with another seed or other kinds, cuts the same way.

use std::collections::BTreeMap;
use std::sync::Arc;

use sleuth_index::folded;
use sleuth_records::{Document, sha256_hex};

use crate::make::minhash::{NEAR, Signature, near_pairs};
use crate::task::Split;

/// Shares of train, dev and test; what counts is their proportion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Of [`Split::Train`].
    pub train: f64,
    /// Of [`Split::Dev`].
    pub dev: f64,
    /// Of [`Split::Test`].
    pub test: f64,
}

impl Default for Shares {
    /// Eight, one and one tenths.
    fn default() -> Self {
        Self { train: 0.8, dev: 0.1, test: 0.1 }
    }
}

impl Shares {
    /// The split of the family called `family`.
    pub(crate) fn split(&self, family: &str) -> Split {
        let total = self.train + self.dev + self.test;
        let hash = sha256_hex(format!("split\0{family}").as_bytes());
        let number = u64::from_str_radix(&hash[..13], 16).unwrap_or(0);
        // 13 hexadecimal digits are 52 bits, which a float holds exactly.
        let at = number as f64 / (1_u64 << 52) as f64 * total;
        if at < self.train {
            Split::Train
        } else if at < self.train + self.dev {
            Split::Dev
        } else {
            Split::Test
        }
    }
}

/// Joins numbers into sets.
pub(crate) struct Joined {
    parents: Vec<usize>,
    sizes: Vec<usize>,
}

impl Joined {
    pub(crate) fn new(n: usize) -> Self {
        Self { parents: (0..n).collect(), sizes: vec![1; n] }
    }

    pub(crate) fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    /// Joins two sets, where what comes of it has no more than `most` members.
    pub(crate) fn join(&mut self, a: usize, b: usize, most: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let size = self.sizes[a] + self.sizes[b];
        if a != b && size <= most {
            // The smaller number is the root, so that the order of joining does not name the set.
            let (root, other) = (a.min(b), a.max(b));
            self.parents[other] = root;
            self.sizes[root] = size;
        }
    }
}

/// Family and split of each document.
#[derive(Debug)]
pub(crate) struct Families {
    /// By document: the id that names its family.
    pub(crate) names: Vec<String>,
    pub(crate) splits: Vec<Split>,
    pub(crate) n_families: usize,
    /// Members of the largest.
    pub(crate) largest: usize,
}

/// Cuts `documents`, which are sorted by id. `signatures` are those of their texts; `links` lead from
/// document to document.
pub(crate) fn families(
    documents: &[Arc<Document>],
    signatures: &[Signature],
    links: &[(usize, usize)],
    shares: &Shares,
) -> Families {
    let n = documents.len();
    let mut joined = Joined::new(n);
    for (a, b) in near_pairs(signatures, NEAR) {
        joined.join(a, b, n);
    }
    let mut join_by = |key: &dyn Fn(&Document) -> Option<String>, most: usize| {
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for (at, document) in documents.iter().enumerate() {
            if let Some(key) = key(document) {
                let first = *known.entry(key).or_insert(at);
                joined.join(first, at, most);
            }
        }
    };
    join_by(&|document| source_of(document.id.as_str()), n);
    join_by(&|document| Some(folded(&document.title)).filter(|title| !title.is_empty()), n);
    let most = (n / 100).max(8);
    join_by(&|document| series(&document.title), most);
    for &(a, b) in links {
        joined.join(a, b, most);
    }
    let roots: Vec<usize> = (0..n).map(|at| joined.root(at)).collect();
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for root in &roots {
        *sizes.entry(*root).or_insert(0) += 1;
    }
    let names: Vec<String> =
        roots.iter().map(|&root| documents[root].id.as_str().to_owned()).collect();
    let splits = names.iter().map(|name| shares.split(name)).collect();
    Families {
        names,
        splits,
        n_families: sizes.len(),
        largest: sizes.values().copied().max().unwrap_or(0),
    }
}

/// The source that a part was cut from, by its id.
fn source_of(id: &str) -> Option<String> {
    let (source, part) = id.rsplit_once('#').or_else(|| id.rsplit_once("_Sec"))?;
    let part = part.strip_suffix(".txt").unwrap_or(part);
    (!source.is_empty() && part.chars().all(|c| c.is_ascii_digit())).then(|| source.to_owned())
}

/// The title without its numbers, where it has some and enough is left.
fn series(title: &str) -> Option<String> {
    let words = folded(title);
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let kept: Vec<&str> = words.split(' ').filter(|word| !is_number(word)).collect();
    let has_number = kept.len() < words.split(' ').count();
    (has_number && kept.len() >= 3).then(|| kept.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_series() {
        assert_eq!(source_of("1973_oil_crisis#6").as_deref(), Some("1973_oil_crisis"));
        assert_eq!(source_of("GARD_0004450_Sec3.txt").as_deref(), Some("GARD_0004450"));
        assert_eq!(source_of("hotpotqa-01100"), None);
        let a = series("1920 NCAA baseball season");
        assert_eq!(a, series("1921 NCAA baseball season"));
        assert!(a.is_some());
        assert_eq!(series("Apollo 13"), None);
    }

    #[test]
    fn sets_keep_below_their_limit() {
        let mut joined = Joined::new(5);
        joined.join(3, 4, 2);
        joined.join(2, 3, 2);
        joined.join(0, 1, 9);
        let roots: Vec<usize> = (0..5).map(|at| joined.root(at)).collect();
        assert_eq!(roots, [0, 0, 2, 3, 3]);
    }

    #[test]
    fn shares_are_kept_about() {
        let shares = Shares::default();
        let n = |split| (0..2000).filter(|n| shares.split(&n.to_string()) == split).count();
        assert!((1500..1700).contains(&n(Split::Train)));
        assert!((130..270).contains(&n(Split::Dev)));
    }
}
