//! The documents that a hunt has come across, and how promising each is.
//!
//! A document enters the pool because a search found it, because the question names it by its title,
//! or because a passage that is already in the pool points to it: names its title, links to it, or
//! names something that a search then found there. Its score is
//!
//! ```text
//! own(d)   = lexical(d) + NAMED · named(d)
//! score(d) = own(d) + Σ_s  FOLLOW · score(s) · strength(s→d) · (1 + NEED · need(s, d))
//! ```
//!
//! where `lexical` is the question's BM25 score as a share of the best one, `named` the share of the
//! question (by rarity) that the title covers, and `need(s, d)` the share of the question that `d`
//! has and `s` lacks. That last factor is what makes a bridge: a document that only repeats its
//! source scores less than one that brings what is still missing. The sum runs over the two best
//! sources, so that a hub that everything names does not win by numbers.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sleuth_index::analyze;
use sleuth_records::{Document, DocumentId};

use super::query::Asked;

/// Weights of the score above, chosen on the tuning questions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolWeights {
    /// Weight of being named in the question.
    pub named: f32,
    /// Share of its score that a source passes on.
    pub follow: f32,
    /// Weight of what the source lacks.
    pub need: f32,
}

impl Default for PoolWeights {
    fn default() -> Self {
        Self { named: 1.0, follow: 0.8, need: 1.0 }
    }
}

/// A document in the pool.
pub(super) struct Candidate {
    /// The document.
    pub document: Arc<Document>,
    /// Its best passage: a byte range of its text.
    pub passage: Range<usize>,
    /// BM25 of the question, as a share of the best score of the first search.
    pub lexical: f32,
    /// Share of the question that the title covers, when the question names it.
    pub named: f32,
    /// Pointers to it: position of the source in the pool, and strength from 0 to 1.
    pub sources: Vec<(usize, f32)>,
    /// Index terms of title and passage.
    pub terms: HashSet<String>,
    /// Score as of the last [`Pool::settle`].
    pub score: f32,
    /// Whether its pointers have been followed.
    pub expanded: bool,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Pool {
    /// All candidates, in order of arrival.
    pub candidates: Vec<Candidate>,
    by_id: HashMap<DocumentId, usize>,
}

impl Pool {
    /// Position of the candidate for `id`.
    pub(super) fn position(&self, id: &DocumentId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Adds a document or raises the lexical score of the one that is there; returns its position.
    pub(super) fn add(
        &mut self,
        document: &Arc<Document>,
        passage: Range<usize>,
        lexical: f32,
    ) -> usize {
        if let Some(&at) = self.by_id.get(&document.id) {
            let known = &mut self.candidates[at];
            if lexical > known.lexical {
                known.lexical = lexical;
                if known.passage != passage {
                    known.terms = terms_of(document, &passage);
                    known.passage = passage;
                }
            }
            return at;
        }
        // A recording may be damaged: a range that the text does not have is no range.
        let passage = if document.text.get(passage.clone()).is_some() { passage } else { 0..0 };
        let at = self.candidates.len();
        self.by_id.insert(document.id.clone(), at);
        self.candidates.push(Candidate {
            document: Arc::clone(document),
            terms: terms_of(document, &passage),
            passage,
            lexical,
            named: 0.0,
            sources: Vec::new(),
            score: 0.0,
            expanded: false,
        });
        at
    }

    /// Notes that `source` points to `target`; the stronger of two pointers stays.
    pub(super) fn point(&mut self, source: usize, target: usize, strength: f32) {
        if source == target {
            return;
        }
        let sources = &mut self.candidates[target].sources;
        match sources.iter_mut().find(|(known, _)| *known == source) {
            Some((_, known)) => *known = known.max(strength),
            None => sources.push((source, strength)),
        }
    }

    /// Computes all scores: three rounds are enough for the longest trails that are followed.
    pub(super) fn settle(&mut self, asked: &Asked, weights: &PoolWeights) {
        let own: Vec<f32> =
            self.candidates.iter().map(|c| c.lexical + weights.named * c.named).collect();
        for (candidate, &own) in self.candidates.iter_mut().zip(&own) {
            candidate.score = own;
        }
        for _ in 0..3 {
            let scores: Vec<f32> = self
                .candidates
                .iter()
                .zip(&own)
                .map(|(candidate, own)| {
                    let mut passed: Vec<f32> = candidate
                        .sources
                        .iter()
                        .map(|&(at, strength)| {
                            let source = &self.candidates[at];
                            let need = need(asked, source, candidate);
                            weights.follow * source.score * strength * (1.0 + weights.need * need)
                        })
                        .collect();
                    passed.sort_by(|a, b| b.total_cmp(a));
                    own + passed.first().unwrap_or(&0.0) + 0.5 * passed.get(1).unwrap_or(&0.0)
                })
                .collect();
            for (candidate, score) in self.candidates.iter_mut().zip(scores) {
                candidate.score = score;
            }
        }
    }

    /// Positions by falling score; ties by document id.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.candidates.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (&self.candidates[a], &self.candidates[b]);
            b.score.total_cmp(&a.score).then_with(|| a.document.id.cmp(&b.document.id))
        });
        order
    }
}

/// Share of the question, by rarity, that `target` has and `source` lacks.
fn need(asked: &Asked, source: &Candidate, target: &Candidate) -> f32 {
    asked.share(|term| target.terms.contains(term) && !source.terms.contains(term))
}

fn terms_of(document: &Document, passage: &Range<usize>) -> HashSet<String> {
    analyze(&document.title)
        .into_iter()
        .chain(analyze(document.text.get(passage.clone()).unwrap_or_default()))
        .map(|term| term.text)
        .collect()
}
