//! BM25 over two fields, computed from exact statistics.
//!
//! For a query term *t* and a passage *p* with title *T* and body *B*
//!
//! ```text
//! part(t,F) = tf(t,F) / (1 − b_F + b_F · |F| / average |F|)       for F = T, B
//! tf(t,p)   = w · part(t,T) + part(t,B)
//! s(t,p)    = idf(t) · tf / (k1 + tf)
//! idf(t)    = ln(1 + (N − n + ½) / (n + ½))
//! ```
//!
//! where *N* counts passages and *n* those with *t* in either field: BM25F as Zaragoza, Craswell, Taylor,
//! Saria and Robertson (2004) have it, each field normalised by its own length. *k1* = 0.9 and *b* = 0.4
//! for the body are those of the usual Lucene baseline, whose idf this is too; weight and *b* of the
//! title were chosen on the tuning questions.
//!
//! The index library has BM25 of its own, with fixed *k1* and *b*, lengths rounded to a byte, and
//! statistics that count deleted passages until a merge happens to drop them, so its rankings
//! depend on the history of updates. Here lengths are exact and only living passages count, so that
//! a ranking depends on the documents alone. The cost is a walk over the whole postings of each
//! query term, without skipping. What of a score does not depend on the query, *tf / (k1 + tf)*, is kept
//! for the terms that were asked for last ([`impacts`]): then the walk is an addition a passage.

mod impacts;

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::DocSet as _;
use tantivy::postings::{Postings as _, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, InvertedIndexReader, TERMINATED, Term};

use crate::layout::Fields;
use crate::store::Segment;
use impacts::Impacts;
pub(crate) use impacts::{Impact, ImpactCache};

/// Settings of the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bm25 {
    /// How soon further occurrences of a term stop counting.
    pub k1: f32,
    /// How much long passages are held back, from 0 to 1.
    pub b: f32,
    /// How many occurrences in the body one in a title of average length is worth.
    pub title_weight: f32,
    /// How much long titles are held back, from 0 to 1.
    pub title_b: f32,
}

impl Default for Bm25 {
    fn default() -> Self {
        Self { k1: 0.9, b: 0.4, title_weight: 3.0, title_b: 0.75 }
    }
}

/// A term in a passage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting {
    /// Position of the term among those asked for.
    pub(crate) term: usize,
    pub(crate) segment: usize,
    pub(crate) doc: DocId,
    /// Times that it stands in the title, and in the body.
    pub(crate) title: u32,
    pub(crate) body: u32,
}

/// Inverse document frequency of a term in `n` of `total` passages.
pub(crate) fn idf(total: u64, n: u64) -> f32 {
    (1.0 + (total as f32 - n as f32 + 0.5) / (n as f32 + 0.5)).ln()
}

/// The passages of a store, as scores are computed from them.
pub(crate) struct Collection<'a> {
    segments: &'a [Segment],
    fields: &'a Fields,
    settings: &'a Bm25,
    n_passages: u64,
    title_average: f32,
    body_average: f32,
}

impl<'a> Collection<'a> {
    pub(crate) fn new(segments: &'a [Segment], fields: &'a Fields, settings: &'a Bm25) -> Self {
        let n_passages: u64 = segments.iter().map(|segment| segment.n_passages).sum();
        let average = |f: fn(&Segment) -> u64| {
            (segments.iter().map(f).sum::<u64>() as f32 / n_passages.max(1) as f32).max(1.0)
        };
        Self {
            segments,
            fields,
            settings,
            n_passages,
            title_average: average(|segment| segment.title_terms),
            body_average: average(|segment| segment.body_terms),
        }
    }

    /// Hands every place of one of `terms` in a living passage to `each`, with what it adds to the score
    /// there. Terms are taken in their sorted order, so that sums of floats come out the same every time.
    /// Returns the idf of each term.
    pub(crate) fn for_each_posting(
        &self,
        terms: &BTreeMap<String, f32>,
        mut each: impl FnMut(&Posting, f32),
    ) -> tantivy::Result<Vec<f32>> {
        let mut idfs = Vec::with_capacity(terms.len());
        for (at, (term, &weight)) in terms.iter().enumerate() {
            let (found, ends) = self.frequencies(term)?;
            let idf = idf(self.n_passages, found.len() as u64);
            idfs.push(idf);
            for (segment, found) in by_segment(&found, &ends).enumerate() {
                for frequency in found {
                    let &Frequency { doc, title, body } = frequency;
                    let posting = Posting { term: at, segment, doc, title, body };
                    each(&posting, weight * idf * self.impact(segment, frequency));
                }
            }
        }
        Ok(idfs)
    }

    /// The same a list at a time, without the counts: `each` sees the term's place among `terms`, the
    /// segment, its passages there, and by what their impacts are multiplied to give what
    /// [`Collection::for_each_posting`] gives.
    pub(crate) fn for_each_list(
        &self,
        terms: &BTreeMap<String, f32>,
        kept: &ImpactCache,
        mut each: impl FnMut(usize, usize, &[Impact], f32),
    ) -> tantivy::Result<Vec<f32>> {
        let mut idfs = Vec::with_capacity(terms.len());
        let known = kept.known(terms.keys());
        for (at, ((term, &weight), known)) in terms.iter().zip(known).enumerate() {
            // One list at a time: a query of thousands of words would hold the index in memory.
            let list = match known {
                Some(list) => list,
                None => {
                    let list = Arc::new(self.impacts(term)?);
                    kept.keep(term, &list);
                    list
                }
            };
            let idf = idf(self.n_passages, list.entries.len() as u64);
            idfs.push(idf);
            for (segment, impacts) in by_segment(&list.entries, &list.ends).enumerate() {
                each(at, segment, impacts, weight * idf);
            }
        }
        Ok(idfs)
    }

    /// What `term` adds to each passage.
    fn impacts(&self, term: &str) -> tantivy::Result<Impacts> {
        let (found, ends) = self.frequencies(term)?;
        let mut entries = Vec::with_capacity(found.len());
        for (segment, found) in by_segment(&found, &ends).enumerate() {
            entries.extend(found.iter().map(|frequency| Impact {
                doc: frequency.doc,
                impact: self.impact(segment, frequency),
            }));
        }
        Ok(Impacts { entries: entries.into(), ends: ends.into() })
    }

    /// What share of its idf a term adds to the score of a passage: *tf / (k1 + tf)*.
    fn impact(&self, segment: usize, &Frequency { doc, title, body }: &Frequency) -> f32 {
        let part = |tf: u32, b: f32, length: f32, average: f32| {
            tf as f32 / (1.0 - b + b * length / average)
        };
        let settings = self.settings;
        let (title_length, body_length) = self.segments[segment].lengths[doc as usize];
        let mut tf = part(body, settings.b, body_length as f32, self.body_average);
        // Most passages have a term in the body alone.
        if title > 0 {
            let length = f32::from(title_length);
            tf += settings.title_weight * part(title, settings.title_b, length, self.title_average);
        }
        tf / (settings.k1 + tf)
    }

    /// The living passages with `term`, by segment and entry, and where each segment's end.
    fn frequencies(&self, term: &str) -> tantivy::Result<(Vec<Frequency>, Vec<usize>)> {
        let mut found = Vec::new();
        let mut ends = Vec::with_capacity(self.segments.len());
        for segment in self.segments {
            frequencies(segment, self.fields, term, &mut found)?;
            ends.push(found.len());
        }
        Ok((found, ends))
    }
}

/// The parts of `all` that end at `ends`.
fn by_segment<'s, T>(all: &'s [T], ends: &'s [usize]) -> impl Iterator<Item = &'s [T]> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, &end)| &all[start..end])
}

/// How often a term stands in a passage.
struct Frequency {
    doc: DocId,
    title: u32,
    body: u32,
}

/// Puts the living passages with `term` in title or body behind `out`, by entry.
fn frequencies(
    segment: &Segment,
    fields: &Fields,
    term: &str,
    out: &mut Vec<Frequency>,
) -> tantivy::Result<()> {
    let alive = segment.reader.alive_bitset();
    let postings = |index: &InvertedIndexReader, field| {
        let term = Term::from_field_text(field, term);
        index.read_postings(&term, IndexRecordOption::WithFreqs)
    };
    let mut bodies = postings(&segment.body, fields.body)?;
    let mut titles = postings(&segment.title, fields.title)?;
    let at = |postings: &Option<SegmentPostings>| {
        postings.as_ref().map_or(TERMINATED, |postings| postings.doc())
    };
    // Both lists rise: the two counts of one passage are merged as they come.
    let (mut in_body, mut in_title) = (at(&bodies), at(&titles));
    loop {
        let doc = in_body.min(in_title);
        if doc == TERMINATED {
            return Ok(());
        }
        let mut frequency = Frequency { doc, title: 0, body: 0 };
        if in_body == doc
            && let Some(postings) = &mut bodies
        {
            frequency.body = postings.term_freq();
            in_body = postings.advance();
        }
        if in_title == doc
            && let Some(postings) = &mut titles
        {
            frequency.title = postings.term_freq();
            in_title = postings.advance();
        }
        if alive.is_none_or(|alive| alive.is_alive(doc)) {
            out.push(frequency);
        }
    }
}

/// Number of living passages with `term`.
pub(crate) fn passage_frequency(
    segments: &[Segment],
    fields: &Fields,
    term: &str,
) -> tantivy::Result<u64> {
    let mut n = 0;
    for segment in segments {
        let of = |index: &InvertedIndexReader, field| {
            index.doc_freq(&Term::from_field_text(field, term)).map(u64::from)
        };
        let (in_body, in_title) =
            (of(&segment.body, fields.body)?, of(&segment.title, fields.title)?);
        n += if segment.reader.has_deletes() || (in_body > 0 && in_title > 0) {
            // Who has it in both, and who is gone, only the postings tell.
            let mut found = Vec::new();
            frequencies(segment, fields, term, &mut found)?;
            found.len() as u64
        } else {
            in_body + in_title
        };
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use sleuth_records::{Document, DocumentId, Random};

    use super::*;
    use crate::store::Store;
    use crate::{MemorySource, SyncOptions, sync};

    /// Scores of all passages, by segment and entry.
    fn scores(
        store: &Store,
        terms: &BTreeMap<String, f32>,
        kept: Option<&ImpactCache>,
    ) -> Vec<u32> {
        let mut scores = store.table().unwrap().zeros();
        let collection = store.collection();
        match kept {
            None => collection
                .for_each_posting(terms, |at, score| scores[at.segment][at.doc as usize] += score),
            Some(kept) => collection.for_each_list(terms, kept, |_, segment, impacts, factor| {
                for found in impacts {
                    scores[segment][found.doc as usize] += factor * found.impact;
                }
            }),
        }
        .unwrap();
        scores.iter().flatten().map(|score| score.to_bits()).collect()
    }

    #[test]
    fn what_is_kept_adds_up_to_the_same_bits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut random = Random(7);
        // Some words in most passages, others in a few.
        let mut word = || {
            let most = 1 + random.below(60);
            format!("w{}", random.below(most))
        };
        let mut documents: Vec<Document> = (0..300)
            .map(|n| {
                let text: Vec<String> = (0..40).map(|_| word()).collect();
                let title = format!("{} {}", word(), word());
                Document::new(DocumentId::new(format!("d{n}")), title, text.join(" "))
            })
            .collect();
        // In several steps, so that there are segments with deleted entries.
        for left in [300, 250, 280, 120] {
            documents.truncate(left);
            documents.extend((documents.len()..left).map(|n| {
                Document::new(DocumentId::new(format!("new{n}")), "w1 w2", "w1 w3 w5 w7 w1")
            }));
            let source = MemorySource::new(documents.clone());
            sync(&path, &source, &SyncOptions::default(), &|_| (), &|| false).unwrap();
        }
        let store = Store::open(&path).unwrap();
        let terms: BTreeMap<String, f32> =
            (0..50).map(|n| (format!("w{n}"), 0.3 + n as f32 / 7.0)).collect();
        let computed = scores(&store, &terms, None);
        assert!(computed.iter().filter(|score| **score != 0).count() >= 100);
        // Room for all, for a few of them, and for none.
        for bytes in [1 << 20, 4_000, 0] {
            let kept = ImpactCache::new(bytes);
            for round in 0..3 {
                assert_eq!(scores(&store, &terms, Some(&kept)), computed, "{bytes} {round}");
            }
            assert_eq!(kept.known(terms.keys()).iter().any(Option::is_some), bytes > 0);
        }
    }
}
