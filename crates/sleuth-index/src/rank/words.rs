//! The ranking by words alone: BM25 over passages.

use std::cmp::Ordering;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use sleuth_records::{Hit, Ranking};
use tantivy::DocId;

use crate::IndexError;
use crate::graph::DocumentNumber;
use crate::query::Terms;
use crate::retriever::Query;
use crate::store::Store;

/// A scored passage: its score, its segment and its entry there.
type Scored = (f32, usize, DocId);

impl Store {
    /// The ranking of a query by words alone.
    pub(crate) fn by_words(&self, query: &Query) -> Result<Ranking, IndexError> {
        let mut scores = self.word_scores(&self.terms(query)?)?;
        if let Some(verdicts) = self.verdicts()? {
            let table = self.table()?;
            for_each_positive(&mut scores, |segment, entry, score| {
                if let Some(at) = table.document(segment, entry) {
                    *score *= verdicts[at as usize].weight();
                }
            });
        }
        if let Some(allowed) = self.allowed(query)? {
            let table = self.table()?;
            for_each_positive(&mut scores, |segment, entry, score| {
                let document = table.document(segment, entry);
                if !document.is_some_and(|at| allowed.document(at))
                    || !allowed.passage(segment, entry)
                {
                    *score = 0.0;
                }
            });
        }
        self.best(&scores, query)
    }

    /// The score of every passage, by segment and entry; 0 where it has none of the terms.
    fn word_scores(&self, terms: &Terms) -> Result<Vec<Vec<f32>>, IndexError> {
        let mut scores = self.table()?.zeros();
        self.collection()
            .for_each_list(&terms.weights, self.impacts(), |_, segment, impacts, factor| {
                let scores = &mut scores[segment];
                for found in impacts {
                    scores[found.doc as usize] += factor * found.impact;
                }
            })
            .map_err(|error| IndexError::engine(self.path(), error))?;
        Ok(scores)
    }

    /// The best `k` of `scores`, with their passages; see [`Ranking`] for the order of ties.
    fn best(&self, scores: &[Vec<f32>], query: &Query) -> Result<Ranking, IndexError> {
        // Documents are numbered by their ids, so that ties are ordered without reading names.
        let table = self.table()?;
        // Several passages of one document may have to make way, so that more than `k` entries can
        // be needed; the sorted part grows until it was enough.
        let mut take = query.k.saturating_mul(3).max(16);
        loop {
            let highest = highest(scores, take);
            let is_all = highest.len() < take;
            let mut head: Vec<(f32, DocumentNumber, u64, Scored)> =
                Vec::with_capacity(highest.len());
            for scored in highest {
                let (score, segment, entry) = scored;
                let Some(number) = table.document(segment, entry) else { continue };
                head.push((score, number, self.ordinal(segment, entry), scored));
            }
            head.sort_by(|(a, p, m, _), (b, q, n, _)| {
                b.partial_cmp(a).unwrap_or(Ordering::Equal).then_with(|| (p, m).cmp(&(q, n)))
            });
            let mut from: HashMap<DocumentNumber, usize, RandomState> =
                HashMap::with_capacity_and_hasher(head.len(), RandomState::default());
            let mut hits = Vec::with_capacity(query.k.min(head.len()));
            for (score, number, _, (_, segment, entry)) in head {
                let n = from.entry(number).or_default();
                if *n < query.per_document && hits.len() < query.k {
                    *n += 1;
                    let passage = self.passage_at(segment, entry)?;
                    hits.extend(passage.map(|passage| Hit { passage, score }));
                }
            }
            if hits.len() == query.k || is_all {
                return Ok(Ranking { hits });
            }
            take = take.saturating_mul(4);
        }
    }
}

/// Shows every score above 0 to `each`, which may change it.
fn for_each_positive(scores: &mut [Vec<f32>], mut each: impl FnMut(usize, DocId, &mut f32)) {
    for (segment, scores) in scores.iter_mut().enumerate() {
        for (entry, score) in scores.iter_mut().enumerate().filter(|(_, score)| **score > 0.0) {
            each(segment, entry as DocId, score);
        }
    }
}

/// The `n` entries with the highest scores above 0, and all that tie with the last of them: their order is
/// for names to decide. In no particular order.
fn highest(scores: &[Vec<f32>], n: usize) -> Vec<Scored> {
    /// Scores of which only the highest is looked at first.
    const TOGETHER: usize = 32;
    // Of numbers that are not below 0, the greatest has the greatest bits; these are compared many at once.
    let bits = |score: &f32| score.to_bits().cast_signed();
    let most =
        |scores: &[f32]| f32::from_bits(scores.iter().map(bits).fold(0, i32::max).cast_unsigned());
    let peaks: Vec<f32> =
        scores.iter().flat_map(|scores| scores.chunks(TOGETHER).map(most)).collect();
    // Where n of these reach, the n-th score reaches, too: most of what is below is never looked at. Else the
    // least number above 0.
    let least = match peaks.len() > n {
        true => *peaks.clone().select_nth_unstable_by(n - 1, |a, b| b.total_cmp(a)).1,
        false => 0.0,
    };
    let least = least.max(f32::from_bits(1));
    let mut kept: Vec<Scored> = Vec::with_capacity(2 * n.min(peaks.len() * TOGETHER));
    let mut peaks = peaks.into_iter();
    for (segment, scores) in scores.iter().enumerate() {
        let chunks = scores.chunks(TOGETHER).enumerate().zip(peaks.by_ref());
        for ((chunk, scores), _) in chunks.filter(|(_, peak)| *peak >= least) {
            for (entry, &score) in ((chunk * TOGETHER) as DocId..).zip(scores) {
                if score >= least {
                    kept.push((score, segment, entry));
                }
            }
        }
    }
    if kept.len() > n {
        let least = kept.select_nth_unstable_by(n - 1, |a, b| b.0.total_cmp(&a.0)).1.0;
        kept.retain(|(score, ..)| *score >= least);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_come_with_their_ties() {
        let scores: Vec<Vec<f32>> = vec![
            (0..1000).map(|n| ((n * 37) % 101) as f32).collect(),
            vec![0.0; 50],
            (0..77).map(|n| (n % 9) as f32 * 13.0).collect(),
        ];
        let mut all: Vec<Scored> = Vec::new();
        for (segment, scores) in scores.iter().enumerate() {
            all.extend((0..).zip(scores).map(|(entry, score)| (*score, segment, entry)));
        }
        all.retain(|(score, ..)| *score > 0.0);
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
        for n in [1, 2, 16, 100, 900, 5000] {
            let mut found = highest(&scores, n);
            found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
            let last = all.get(n - 1).map_or(0.0, |(score, ..)| *score);
            let wanted: Vec<Scored> =
                all.iter().copied().filter(|(score, ..)| *score >= last).collect();
            assert_eq!(found, wanted, "{n}");
        }
    }
}
