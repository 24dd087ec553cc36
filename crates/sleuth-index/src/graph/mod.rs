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
//! - an edge leads back, too, for less: who names a document may hold what it lacks;
//! - *names* ([`names`]) that two to [`MOST_SHARING`] documents hold join those documents, whether or
//!   not any document is about the thing named.
//!
//! With it is kept what each document is worth by itself, and which are copies ([`crate::standing`]). A
//! copy is named by no key and joined by no name that its original has: copies in masses would make a
//! name tell nothing.
//!
//! The graph belongs to one snapshot. It is one file, `graph/SNAPSHOT.3.bin`, written whole and renamed
//! into place; a store without it, or with that of another snapshot or of another version, is searched
//! without.

mod along;
mod build;
mod file;
mod names;
mod people;
mod sections;
mod topic;

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;

pub use build::{GraphReport, build_graph};
pub(crate) use file::read_graph;

use names::{is_closed_class, is_contraction};

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

impl Graph {
    /// The strength of the edge from `source` to `target`; 0 where there is none.
    pub(crate) fn strength(&self, source: DocumentNumber, target: DocumentNumber) -> f32 {
        let edges = self.edges.row(source as usize);
        edges.binary_search_by_key(&target, |(at, _)| *at).map_or(0.0, |at| edges[at].1)
    }

    /// The documents that name or link to `document`, each with what that tells of it; none where they
    /// are more than a name may join.
    pub(crate) fn naming(
        &self,
        document: DocumentNumber,
    ) -> impl Iterator<Item = (DocumentNumber, f32)> {
        let naming = self.back.row(document as usize);
        let naming = if naming.len() > MOST_SHARING { &[] } else { naming };
        let share = 1.0 / (naming.len().max(1) as f32).sqrt();
        naming.iter().map(move |&at| (at, self.strength(at, document) * share))
    }
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

/// The keys of all documents, by hash. In sorted lists: there are several for each document, and a table with a
/// list for each would take three times as much memory.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KeyTable {
    /// Hashes of keys, rising.
    hashes: Vec<u64>,
    /// The documents of each key with their weights.
    documents: Rows<(DocumentNumber, f32)>,
    /// Hashes of the words that keys begin with, rising.
    first_words: Vec<u64>,
    /// Most words of a key that begins with each of these words.
    longest: Vec<u8>,
}

/// Keys as they are gathered, for a [`KeyTable`].
#[derive(Debug, Default)]
struct GatheredKeys {
    /// Hash of a key to its documents with their weights.
    documents: HashMap<u64, Vec<(DocumentNumber, f32)>>,
    /// Most words of a key that begins with a word, by that word's hash.
    longest: HashMap<u64, u8>,
}

/// A place in a text that names documents by a key.
#[derive(Clone, Debug)]
pub(crate) struct Named<'k> {
    /// Byte range in the text.
    pub(crate) range: Range<usize>,
    /// The folded words.
    pub(crate) key: String,
    /// The documents, with the weight of the key for each.
    pub(crate) documents: &'k [(DocumentNumber, f32)],
    /// Whether the words next to it make a longer name of it.
    pub(crate) is_part: bool,
}

impl Named<'_> {
    /// What the naming counts for a document for which the key has `weight`: less where it is a single word
    /// inside a longer name, which is most often the name of something else, as *Girl* in *Barbie Girl*.
    pub(crate) fn weight(&self, weight: f32) -> f32 {
        /// What is left of it.
        const PART: f32 = 0.4;
        if self.is_part && !self.key.contains(' ') { PART * weight } else { weight }
    }
}

/// Whether the word before or behind `range` in `text` makes a longer name of it.
fn is_part(text: &str, range: &Range<usize>) -> bool {
    let belongs = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’');
    let is_capital = |word: &str| word.chars().next().is_some_and(char::is_uppercase);
    let is_name = |word: &str| {
        is_capital(word)
            && word.chars().nth(1).is_some()
            && !is_closed_class(&word.to_lowercase())
            && !is_contraction(word)
    };
    let before = text[..range.start].strip_suffix([' ', '-']).unwrap_or_default();
    let before = &before[before.trim_end_matches(belongs).len()..];
    let behind = text[range.end..].strip_prefix([' ', '-']).unwrap_or_default();
    let behind = &behind[..behind.len() - behind.trim_start_matches(belongs).len()];
    is_capital(&text[range.clone()]) && (is_name(before) || is_name(behind))
}

impl GatheredKeys {
    fn insert(&mut self, key: &str, document: DocumentNumber, weight: f32) {
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

    /// The table, with the documents of each key by number.
    fn table(self) -> KeyTable {
        let mut keys: Vec<_> = self.documents.into_iter().collect();
        keys.sort_unstable_by_key(|(hash, _)| *hash);
        for (_, documents) in &mut keys {
            documents.sort_unstable_by_key(|(number, _)| *number);
        }
        let mut longest: Vec<_> = self.longest.into_iter().collect();
        longest.sort_unstable();
        let (first_words, longest) = longest.into_iter().unzip();
        KeyTable {
            hashes: keys.iter().map(|(hash, _)| *hash).collect(),
            documents: Rows::from_lists(keys.into_iter().map(|(_, documents)| documents)),
            first_words,
            longest,
        }
    }
}

impl KeyTable {
    /// The documents of the key with this hash; none where there is no such key.
    fn documents(&self, hash: u64) -> Option<&[(DocumentNumber, f32)]> {
        self.hashes.binary_search(&hash).ok().map(|at| self.documents.row(at))
    }

    /// Most words of a key that begins with `word`; 0 where none does.
    fn longest(&self, word: &str) -> usize {
        let at = self.first_words.binary_search(&hash(word)).ok();
        at.and_then(|at| self.longest.get(at)).map_or(0, |&n_words| usize::from(n_words))
    }

    /// Places in `text` that name documents, from left to right, the longest key at each.
    pub(crate) fn find(&self, text: &str) -> Vec<Named<'_>> {
        let longest = |word: &str| self.longest(word);
        let look_up = |key: &str| Ok::<_, Infallible>(self.documents(hash(key)));
        let Ok(found) = longest_keys(text, longest, look_up);
        found
            .into_iter()
            .map(|(range, key, documents)| {
                let is_part = is_part(text, &range);
                Named { range, key, documents, is_part }
            })
            .collect()
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
    /// A year is most often meant as a year.
    const NUMBER: f32 = 0.2;
    let is_name =
        surface.chars().any(|c| c.is_ascii_digit() || (c.is_alphabetic() && !c.is_lowercase()))
            || key.split(' ').count() >= 3;
    let is_number = key.chars().all(|c| c.is_numeric() || c == ' ');
    let kind = if is_number {
        NUMBER
    } else if is_name {
        1.0
    } else {
        PLAIN_WORDS
    };
    (rarity / FULL).min(1.0) * kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells() {
        let check = |surface: &str, key: &str, expected: f32| {
            assert_eq!(telling(10.0, key, surface), expected, "{surface}");
        };
        check("Vienna", "vienna", 1.0);
        check("ring", "ring", 0.4);
        check("1979", "1979", 0.2);
        check("B-29", "b 29", 1.0);
        check("don’t", "dont", 0.4);
        check("猫", "猫", 1.0);
        check("over the hills", "over the hills", 1.0);
    }

    #[test]
    fn a_word_inside_a_longer_name() {
        let mut keys = GatheredKeys::default();
        for key in ["girl", "paris", "barbie doll"] {
            keys.insert(key, 0, 1.0);
        }
        let keys = keys.table();
        let check = |text: &str, expected: &[f32]| {
            let weights: Vec<f32> = keys.find(text).iter().map(|named| named.weight(1.0)).collect();
            assert_eq!(weights, expected, "{text}");
        };
        check("The song Barbie Girl, and Girl Power", &[0.4, 0.4]);
        check("In Paris, and a girl in Paris, Texas", &[1.0, 1.0, 1.0]);
        check("It’s Paris. The Paris I know", &[1.0, 1.0]);
        check("A Malibu Barbie Doll", &[1.0]);
    }
}
