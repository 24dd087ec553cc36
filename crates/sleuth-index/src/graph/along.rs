//! The words of an edge or of a shared name, which the graph does not keep.
//!
//! The graph has numbers in place of words. When somebody wants to know what joins two documents, their
//! texts are gone through once more in the same way as when it was made; among several names that might
//! be meant, the weight that the graph has for it tells which it is, and the other documents that share it.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use sleuth_records::Document;

use super::names::{is_telling, names};
use super::topic::topic;
use super::{DocumentNumber, Graph, telling};
use crate::mentions::{longest_keys, title_keys};
use crate::rank::Along;
use crate::retriever::Retriever as _;
use crate::store::Store;
use crate::{IndexError, analyze};

/// Documents that are looked into for a name that they share.
const MOST_ASKED: usize = 8;
/// Weights that differ by no more than this part are the same.
const SAME: f32 = 1e-4;

impl Store {
    /// What joins `source` with `target`, to which it passes something.
    pub(crate) fn along(
        &self,
        graph: &Graph,
        source: DocumentNumber,
        target: DocumentNumber,
    ) -> Result<Along, IndexError> {
        let edge = graph.edges.row(source as usize).iter().find(|(at, _)| *at == target);
        match edge {
            Some((_, strength)) => self.along_edge(graph, source, target, *strength),
            None => self.along_other(graph, source, target),
        }
    }

    /// Where no edge leads from `source` to `target`: that the target names the source, or that both
    /// share a name, whichever passes more.
    fn along_other(
        &self,
        graph: &Graph,
        source: DocumentNumber,
        target: DocumentNumber,
    ) -> Result<Along, IndexError> {
        let naming = graph.naming(source).find(|(at, _)| *at == target).map_or(0.0, |(_, w)| w);
        let shared = graph.names.row(source as usize).iter().filter_map(|&name| {
            let sharing = graph.sharing.row(name as usize);
            let weight = graph.name_weights.get(name as usize).copied()?;
            sharing.contains(&target).then(|| weight / (sharing.len() as f32).sqrt())
        });
        if naming <= shared.fold(0.0, f32::max) {
            return Ok(Along::Shares { name: self.shared_name(graph, source, target)? });
        }
        let strength = graph.strength(target, source);
        Ok(match self.along_edge(graph, target, source, strength)? {
            Along::Names { words } => Along::NamedBy { words },
            Along::Links { words } => Along::NamedBy { words: Some(words) },
            other @ (Along::NamedBy { .. } | Along::Shares { .. }) => other,
        })
    }

    fn along_edge(
        &self,
        graph: &Graph,
        source: DocumentNumber,
        target: DocumentNumber,
        strength: f32,
    ) -> Result<Along, IndexError> {
        let Some(document) = self.numbered(source)? else {
            return Ok(Along::Names { words: None });
        };
        let mut known: HashMap<(&str, bool), f32> = HashMap::new();
        let mut best: Option<(f32, &str)> = None;
        for named in graph.keys.find(&document.text) {
            let weight = named.documents.iter().find(|(at, _)| *at == target).map(|(_, w)| *w);
            let about_itself = named.documents.iter().any(|(at, _)| *at == source);
            let (Some(weight), false) = (weight, about_itself) else { continue };
            let words = &document.text[named.range.clone()];
            let place = (words, named.is_part);
            let tells = match known.get(&place) {
                Some(tells) => *tells,
                None => {
                    let tells = telling(self.rarity_of(&named.key)?, &named.key, words)
                        * named.weight(weight)
                        / (graph.standing.n_different(named.documents) as f32).sqrt();
                    known.insert(place, tells);
                    tells
                }
            };
            if best.is_none_or(|(most, _)| tells > most) {
                best = Some((tells, words));
            }
        }
        let id = self.table()?.id(target).as_str();
        let link = document.links.iter().find(|link| link.target == id);
        // A link makes an edge no weaker than itself, whatever is named.
        Ok(match (best, link) {
            (Some((tells, _)), Some(link)) if tells < strength * (1.0 - SAME) => {
                Along::Links { words: link.text.clone() }
            }
            (None, Some(link)) => Along::Links { words: link.text.clone() },
            (best, _) => Along::Names { words: best.map(|(_, words)| words.to_owned()) },
        })
    }

    /// The name by which most is passed from `source` to `target`, as one of them has it.
    fn shared_name(
        &self,
        graph: &Graph,
        source: DocumentNumber,
        target: DocumentNumber,
    ) -> Result<Option<String>, IndexError> {
        let shared = graph.names.row(source as usize).iter().filter_map(|&name| {
            let sharing = graph.sharing.row(name as usize);
            let weight = graph.name_weights.get(name as usize).copied()?;
            sharing.contains(&target).then_some((weight, sharing))
        });
        let passes = |(weight, sharing): &(f32, &[u32])| weight / (sharing.len() as f32).sqrt();
        let Some((weight, sharing)) = shared.max_by(|a, b| passes(a).total_cmp(&passes(b))) else {
            return Ok(None);
        };
        let (Some(here), Some(there)) = (self.numbered(source)?, self.numbered(target)?) else {
            return Ok(None);
        };
        let mut candidates: BTreeSet<String> =
            held(&here).intersection(&held(&there)).cloned().collect();
        let mut same = BTreeSet::new();
        for key in candidates {
            if (telling(self.rarity_of(&key)?, &key, "A") - weight).abs() <= SAME * weight {
                same.insert(key);
            }
        }
        candidates = same;
        for other in sharing.iter().filter(|at| **at != source && **at != target).take(MOST_ASKED) {
            if candidates.len() <= 1 {
                break;
            }
            if let Some(document) = self.numbered(*other)? {
                let held = held(&document);
                candidates.retain(|key| held.contains(key));
            }
        }
        let longest = candidates.into_iter().max_by_key(String::len);
        Ok(longest.map(|key| {
            let written = as_written(&here.text, &key).or_else(|| as_written(&there.text, &key));
            written.map(str::to_owned).unwrap_or(key)
        }))
    }

    fn numbered(&self, number: DocumentNumber) -> Result<Option<Arc<Document>>, IndexError> {
        self.document(self.table()?.id(number))
    }

    fn rarity_of(&self, key: &str) -> Result<f32, IndexError> {
        analyze(key).iter().map(|term| self.idf_of(&term.text)).sum()
    }
}

/// All names that `document` may hold, and those by which it is called.
fn held(document: &Document) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = title_keys(&document.title).into_iter().collect();
    if out.is_empty() {
        out.extend(topic(&document.text).into_iter().map(|(key, _)| key));
    }
    for name in names(&document.text) {
        out.insert(name.key);
        out.extend(name.opening.map(|(_, rest)| rest).filter(|rest| is_telling(rest)));
    }
    out
}

/// The first place of `text` whose folded words are `key`.
fn as_written<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let n_words = key.split(' ').count();
    let first = key.split(' ').next().unwrap_or_default();
    let longest = |word: &str| if word == first { n_words } else { 0 };
    let Ok(found) =
        longest_keys(text, longest, |at| Ok::<_, Infallible>((at == key).then_some(())));
    found.into_iter().next().and_then(|(range, _, ())| text.get(range))
}
