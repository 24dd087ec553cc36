//! The graph of a store: which documents speak of which, and which share a name.
//!
//! It is made from the documents alone, without a language model, after they can be searched:
//!
//! - every document has *keys*, the folded forms by which text may name it: those of its title, or,
//!   where it has none, the names that its opening gives to what it is about ([`topic`]); and its
//!   headings, for less ([`sections`]);
//! - an *edge* leads from a document to one that it names by a key or links to. Its strength, from 0 to
//!   1, says how much the naming tells: rare words and capitals more, keys that many documents share
//!   less;
//! - *names* ([`names`]) that two to [`MOST_SHARING`] documents hold join those documents, whether or
//!   not any document is about the thing named.
//!
//! With it is kept what each document is worth by itself, and which are copies ([`crate::standing`]). A
//! copy is named by no key and joined by no name that its original has: copies in masses would make a
//! name tell nothing.
//!
//! The graph belongs to one snapshot. It is one file, `graph/SNAPSHOT.2.bin`, written whole and renamed
//! into place; a store without it, or with that of another snapshot or of another version, is searched
//! without.

mod along;
mod build;
mod file;
mod names;
mod sections;
mod topic;

use std::collections::HashMap;
use std::convert::Infallible;

pub use build::{GraphReport, build_graph};
pub(crate) use file::read_graph;

use crate::mentions::{MAX_WORDS, longest_keys};
use crate::standing::Standing;

/// Most documents that a name may join. A name that more documents hold joins none in particular.
const MOST_SHARING: usize = 60;
/// Most documents that a key may stand for.
const MOST_NAMESAKES: usize = 50;
/// Most edges from one document: the strongest.
const MOST_EDGES: usize = 64;
/// Most names of one document that join it to others: the rarest.
const MOST_NAMES: usize = 24;

/// Position of a document among the ids of the store, sorted.
pub(crate) type DocumentNumber = u32;

/// See the [module](self).
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Graph {
    pub(crate) snapshot: String,
    /// Digest of the manifest of the commit that it was made from: what is no part of a snapshot, such as
    /// the signals of a page, may differ in another.
    pub(crate) manifest: String,
    pub(crate) n_documents: usize,
    /// Edges by source: targets with strength.
    pub(crate) edges: Rows<(DocumentNumber, f32)>,
    /// The same by target: sources.
    pub(crate) back: Rows<DocumentNumber>,
    /// Names of each document.
    pub(crate) names: Rows<u32>,
    /// Documents of each name, with the name's weight in front.
    pub(crate) sharing: Rows<DocumentNumber>,
    pub(crate) name_weights: Vec<f32>,
    pub(crate) keys: KeyTable,
    pub(crate) standing: Standing,
}

/// Lists of different lengths, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows<T> {
    /// Where each list begins, and the end of the last.
    pub(crate) starts: Vec<u32>,
    pub(crate) items: Vec<T>,
}

impl<T: Copy> Rows<T> {
    pub(crate) fn from_lists(lists: impl IntoIterator<Item = Vec<T>>) -> Self {
        let mut rows = Self { starts: vec![0], items: Vec::new() };
        for list in lists {
            rows.items.extend(list);
            rows.starts.push(u32::try_from(rows.items.len()).unwrap_or(u32::MAX));
        }
        rows
    }

    /// The list at `at`; empty where there is none.
    pub(crate) fn row(&self, at: usize) -> &[T] {
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&from), Some(&to)) => self.items.get(from as usize..to as usize).unwrap_or(&[]),
            _ => &[],
        }
    }
}

/// The keys of all documents, by hash.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KeyTable {
    /// Hash of a key to its documents with their weights.
    pub(crate) documents: HashMap<u64, Vec<(DocumentNumber, f32)>>,
    /// Most words of a key that begins with a word, by that word's hash.
    pub(crate) longest: HashMap<u64, u8>,
}

/// A place in a text that names documents by a key.
#[derive(Clone, Debug)]
pub(crate) struct Named<'k> {
    /// Byte range in the text.
    pub(crate) range: std::ops::Range<usize>,
    /// The folded words.
    pub(crate) key: String,
    /// The documents, with the weight of the key for each.
    pub(crate) documents: &'k [(DocumentNumber, f32)],
}

impl KeyTable {
    pub(crate) fn insert(&mut self, key: &str, document: DocumentNumber, weight: f32) {
        let documents = self.documents.entry(hash(key)).or_default();
        match documents.iter_mut().find(|(known, _)| *known == document) {
            Some((_, known)) => *known = known.max(weight),
            None => documents.push((document, weight)),
        }
        let n_words = key.split(' ').count().min(MAX_WORDS) as u8;
        let Some(first) = key.split(' ').next() else { return };
        let longest = self.longest.entry(hash(first)).or_default();
        *longest = n_words.max(*longest);
    }

    /// Places in `text` that name documents, from left to right, the longest key at each.
    pub(crate) fn find(&self, text: &str) -> Vec<Named<'_>> {
        let longest = |word: &str| self.longest.get(&hash(word)).copied().unwrap_or(0) as usize;
        let look_up = |key: &str| Ok::<_, Infallible>(self.documents.get(&hash(key)));
        let Ok(found) = longest_keys(text, longest, look_up);
        found.into_iter().map(|(range, key, documents)| Named { range, key, documents }).collect()
    }
}

/// FNV-1a: stable from run to run, as what is written to a file has to be.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// How much it tells that a text names something by `key`, from 0 to 1: `rarity` is the sum of the
/// rarities of its terms, `surface` the words as written.
pub(crate) fn telling(rarity: f32, key: &str, surface: &str) -> f32 {
    /// A name of this rarity tells all that a name can.
    const FULL: f32 = 10.0;
    /// Words without a capital may be meant as words.
    const PLAIN_WORDS: f32 = 0.4;
    let is_name = surface.chars().any(|c| c.is_uppercase() || c.is_ascii_digit())
        || !surface.is_ascii()
        || key.split(' ').count() >= 3;
    (rarity / FULL).min(1.0) * if is_name { 1.0 } else { PLAIN_WORDS }
}
