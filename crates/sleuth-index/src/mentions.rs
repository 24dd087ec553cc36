//! Finding documents that a text names by their titles.
//!
//! A title is folded to its words ([`words`]); one with a part in brackets at its end, such as
//! `Mercury (planet)`, is also known by what stands before. Text is folded the same way and scanned
//! from left to right; at each word the longest known title wins. Links in the sense of a web need
//! nobody to have written them: in an encyclopedia, a manual or a set of notes, the title of a page
//! is the name by which others speak of it.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sleuth_records::DocumentId;

use crate::{IndexError, folded, words};

/// Longest title looked for, in words.
pub(crate) const MAX_WORDS: usize = 12;

/// A place in a text that names documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Byte range in the text.
    pub range: Range<usize>,
    /// The folded title.
    pub key: String,
    /// Documents of that title, sorted by id.
    pub documents: Vec<DocumentId>,
}

/// The folded forms under which a document with this title may be named; without duplicates.
pub(crate) fn title_keys(title: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut add = |text: &str| {
        let folded = folded(text);
        if !folded.is_empty() && !keys.contains(&folded) {
            keys.push(folded);
        }
    };
    add(title);
    if let Some((before, _)) = title.trim().strip_suffix(')').and_then(|t| t.rsplit_once('('))
        && !before.trim().is_empty()
    {
        add(before);
    }
    keys
}

/// The titles of a store, as hashes: enough to rule out almost every place in a text.
#[derive(Default)]
pub(crate) struct TitleTable {
    keys: HashSet<u64>,
    /// Most words of a title that begins with a word, by the hash of that word.
    longest: HashMap<u64, usize>,
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl TitleTable {
    pub(crate) fn insert(&mut self, key: &str) {
        let n_words = key.split(' ').count().min(MAX_WORDS);
        let Some(first) = key.split(' ').next() else { return };
        self.keys.insert(hash(key));
        let longest = self.longest.entry(hash(first)).or_default();
        *longest = n_words.max(*longest);
    }

    /// Mentions in `text`; `documents` looks a folded title up in the store.
    pub(crate) fn find(
        &self,
        text: &str,
        mut documents: impl FnMut(&str) -> Result<Vec<DocumentId>, IndexError>,
    ) -> Result<Vec<Mention>, IndexError> {
        let longest = |word: &str| self.longest.get(&hash(word)).copied().unwrap_or(0);
        let found = longest_keys(text, longest, |key| {
            if !self.keys.contains(&hash(key)) {
                return Ok(None);
            }
            let documents = documents(key)?;
            Ok((!documents.is_empty()).then_some(documents))
        })?;
        let mention = |(range, key, documents)| Mention { range, key, documents };
        Ok(found.into_iter().map(mention).collect())
    }
}

/// A place in a text, the key there, and what is known by it.
pub(crate) type Found<T> = (Range<usize>, String, T);

/// Places in `text` whose folded words are a key, from left to right and without overlaps, the longest key
/// at each. `longest` tells the most words of a key that begins with a word, `look_up` what is known by a
/// key.
pub(crate) fn longest_keys<T, E>(
    text: &str,
    longest: impl Fn(&str) -> usize,
    mut look_up: impl FnMut(&str) -> Result<Option<T>, E>,
) -> Result<Vec<Found<T>>, E> {
    let words = words(text);
    let mut out = Vec::new();
    let mut at = 0;
    'places: while at < words.len() {
        for n_words in (1..=longest(&words[at].text).min(words.len() - at)).rev() {
            let span = &words[at..at + n_words];
            let key = span.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            if let Some(known) = look_up(&key)? {
                let range = span[0].range.start..span[n_words - 1].range.end;
                out.push((range, key, known));
                at += n_words;
                continue 'places;
            }
        }
        at += 1;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_titles() {
        let check = |title: &str, expected: &[&str]| assert_eq!(title_keys(title), expected);
        check("Mercury (planet)", &["mercury planet", "mercury"]);
        check("Zoë's Ark", &["zoe ark"]);
        check("(How to Live) As Ghosts", &["how to live as ghosts"]);
        check("(only)", &["only"]);
        check("", &[]);
    }

    #[test]
    fn the_longest_title_wins_and_mentions_do_not_overlap() {
        let mut table = TitleTable::default();
        for key in ["new york", "new york city", "city of light", "paris"] {
            table.insert(key);
        }
        let text = "From New York City of light, to PARIS.";
        let found = table.find(text, |key| Ok(vec![DocumentId::new(key)])).unwrap();
        let keys: Vec<&str> = found.iter().map(|m| m.key.as_str()).collect();
        assert_eq!(keys, ["new york city", "paris"]);
        assert_eq!(&text[found[1].range.clone()], "PARIS");
    }
}
