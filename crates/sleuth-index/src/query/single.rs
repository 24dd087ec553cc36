//! The terms of a query, and single characters among them.
//!
//! Runs of Chinese, Japanese and Korean characters are indexed as overlapping pairs, so that a character
//! that stands inside a run is no term by itself. A query of that one character (猫, 산) looks for the
//! pairs that hold it instead: each counts half, since a character inside a run is in two of them, and
//! all of them are as rare as they are together, not each by itself. The most frequent [`MOST_PAIRS`]
//! pairs are taken for each of the first [`MOST_SINGLES`] characters.
//!
//! Finding the pairs walks the part of the term dictionary that holds such characters, once a query.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analyzer::is_cjk;
use crate::bm25::{idf, passage_frequency};
use crate::retriever::Query;
use crate::store::Store;
use crate::{IndexError, analyze};

/// Pairs looked for in place of one character.
const MOST_PAIRS: usize = 64;
/// Characters of a query that pairs are looked for.
const MOST_SINGLES: usize = 16;
/// The first character of which there are pairs.
const FIRST: &str = "\u{3040}";

/// What a query looks for.
pub(crate) struct Terms {
    /// Index terms with the weight of each in the score.
    pub(crate) weights: BTreeMap<String, f32>,
    /// By position in `weights`: the number of what was asked for. Terms that stand for the same
    /// character share one.
    pub(crate) asked: Vec<usize>,
}

impl Terms {
    /// For each thing asked for, the least of `values`, which are by term.
    pub(crate) fn least(&self, values: &[f32]) -> Vec<f32> {
        let n = self.asked.iter().max().map_or(0, |most| most + 1);
        let mut out = vec![f32::MAX; n];
        for (&asked, &value) in self.asked.iter().zip(values) {
            out[asked] = out[asked].min(value);
        }
        out
    }
}

/// The character where `term` is one alone of a script without spaces.
pub(crate) fn single(term: &str) -> Option<char> {
    let mut chars = term.chars();
    let first = chars.next().filter(|c| is_cjk(*c))?;
    chars.next().is_none().then_some(first)
}

impl Store {
    /// What `query` looks for.
    pub(crate) fn terms(&self, query: &Query) -> Result<Terms, IndexError> {
        let mut weights: BTreeMap<String, f32> = BTreeMap::new();
        for (text, weight) in &query.clauses {
            for term in analyze(text) {
                *weights.entry(term.text).or_default() += weight;
            }
        }
        let singles: BTreeMap<char, f32> = weights
            .iter()
            .filter_map(|(term, weight)| Some((single(term)?, *weight)))
            .take(MOST_SINGLES)
            .collect();
        let mut stands_for: HashMap<String, char> = HashMap::new();
        if !singles.is_empty() {
            let pairs = pairs_with(self, &singles.keys().copied().collect())?;
            for (c, weight) in singles {
                for (term, weight) in self.in_place_of(c, weight, pairs.get(&c))? {
                    // A pair that is asked for itself stays what it is.
                    if !weights.contains_key(&term) || single(&term).is_some() {
                        stands_for.insert(term.clone(), c);
                        weights.insert(term, weight);
                    }
                }
            }
        }
        let mut numbers: HashMap<char, usize> = HashMap::new();
        let mut n = 0;
        let mut asked = Vec::with_capacity(weights.len());
        for term in weights.keys() {
            let mut next = || {
                n += 1;
                n - 1
            };
            asked.push(match stands_for.get(term) {
                Some(c) => *numbers.entry(*c).or_insert_with(next),
                None => next(),
            });
        }
        Ok(Terms { weights, asked })
    }

    /// The terms to look for in place of `c`, each with its weight.
    fn in_place_of(
        &self,
        c: char,
        weight: f32,
        pairs: Option<&Vec<String>>,
    ) -> Result<Vec<(String, f32)>, IndexError> {
        let frequency = |term: &str| {
            passage_frequency(self.segments(), self.fields(), term)
                .map_err(|error| IndexError::engine(self.path(), error))
        };
        let mut known = Vec::new();
        for pair in pairs.into_iter().flatten() {
            let n = frequency(pair)?;
            if n > 0 {
                known.push((Reverse(n), pair.clone()));
            }
        }
        known.sort_unstable();
        known.truncate(MOST_PAIRS);
        let alone = frequency(&c.to_string())?;
        let total = self.payload().n_passages;
        let inside: u64 = known.iter().map(|(Reverse(n), _)| n).sum();
        let together = idf(total, (alone + inside.div_ceil(2)).min(total));
        let share = |n: u64, part: f32| weight * part * together / idf(total, n);
        let pairs = known.into_iter().map(|(Reverse(n), pair)| (pair, share(n, 0.5)));
        Ok(pairs.chain([(c.to_string(), share(alone, 1.0))]).collect())
    }
}

/// The pairs of the index that hold each of `singles`.
pub(super) fn pairs_with(
    store: &Store,
    singles: &BTreeSet<char>,
) -> Result<HashMap<char, Vec<String>>, IndexError> {
    let mut out: HashMap<char, BTreeSet<String>> = HashMap::new();
    if singles.is_empty() {
        return Ok(HashMap::new());
    }
    for index in store.segments().iter().flat_map(|segment| [&segment.body, &segment.title]) {
        let mut terms = index
            .terms()
            .range()
            .ge(FIRST)
            .into_stream()
            .map_err(|error| IndexError::io(store.path(), error))?;
        while let Some((term, _)) = terms.next() {
            let Ok(term) = std::str::from_utf8(term) else { continue };
            let mut chars = term.chars();
            let (Some(a), Some(b), None) = (chars.next(), chars.next(), chars.next()) else {
                continue;
            };
            if !is_cjk(a) || !is_cjk(b) {
                continue;
            }
            for c in [a, b] {
                if singles.contains(&c) {
                    out.entry(c).or_default().insert(term.to_owned());
                }
            }
        }
    }
    Ok(out.into_iter().map(|(c, pairs)| (c, pairs.into_iter().collect())).collect())
}
