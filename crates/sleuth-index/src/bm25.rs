//! BM25 over two fields, computed from exact statistics.
//!
//! For a query term *t* and a passage *p* with title *T* and body *B*
//!
//! ```text
//! tf(t,p)  = w · tf(t,T) + tf(t,B)
//! len(p)   = w · |T| + |B|
//! s(t,p)   = idf(t) · tf / (tf + k1 · (1 − b + b · len / avglen))
//! idf(t)   = ln(1 + (N − n + ½) / (n + ½))
//! ```
//!
//! where *N* counts passages and *n* those with *t* in either field: the simple BM25F of Robertson,
//! Zaragoza and Taylor (2004), with *k1* = 0.9 and *b* = 0.4 as in the usual Lucene baseline, whose
//! idf this is too.
//!
//! The index library has BM25 of its own, with fixed *k1* and *b*, lengths rounded to a byte, and
//! statistics that count deleted passages until a merge happens to drop them, so its rankings
//! depend on the history of updates. Here lengths are exact and only living passages count, so that
//! a ranking depends on the documents alone. The cost is a walk over the whole postings of each
//! query term, without skipping.

use std::collections::BTreeMap;

use tantivy::DocSet as _;
use tantivy::postings::Postings as _;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, InvertedIndexReader, TERMINATED, Term};

use crate::layout::Fields;
use crate::store::Segment;

/// Settings of the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bm25 {
    /// How soon further occurrences of a term stop counting.
    pub k1: f32,
    /// How much long passages are held back, from 0 to 1.
    pub b: f32,
    /// How many occurrences in the body one in the title is worth.
    pub title_weight: f32,
}

impl Default for Bm25 {
    fn default() -> Self {
        Self { k1: 0.9, b: 0.4, title_weight: 1.0 }
    }
}

/// One scored passage of a segment.
pub(crate) struct Scored {
    pub(crate) segment: usize,
    pub(crate) doc: DocId,
    pub(crate) score: f32,
}

/// Inverse document frequency of a term in `n` of `total` passages.
pub(crate) fn idf(total: u64, n: u64) -> f32 {
    (1.0 + (total as f32 - n as f32 + 0.5) / (n as f32 + 0.5)).ln()
}

/// Hands every living passage that has one of `terms` to `each`, with the position of the term, the
/// segment, the entry and what the term adds to the score there. Terms are taken in their sorted order,
/// so that sums of floats come out the same every time. Returns the idf of each term.
pub(crate) fn for_each_score(
    segments: &[Segment],
    fields: &Fields,
    terms: &BTreeMap<String, f32>,
    settings: &Bm25,
    mut each: impl FnMut(usize, usize, DocId, f32),
) -> tantivy::Result<Vec<f32>> {
    let total: u64 = segments.iter().map(|segment| segment.n_passages).sum();
    let sum = |f: fn(&Segment) -> u64| segments.iter().map(f).sum::<u64>() as f32;
    let length_sum = settings.title_weight * sum(|s| s.title_terms) + sum(|s| s.body_terms);
    let average = (length_sum / total.max(1) as f32).max(1.0);

    let mut idfs = Vec::with_capacity(terms.len());
    for (at, (term, &weight)) in terms.iter().enumerate() {
        let frequencies: Vec<Vec<(DocId, f32)>> = segments
            .iter()
            .map(|segment| frequencies(segment, fields, term, settings.title_weight))
            .collect::<tantivy::Result<_>>()?;
        let n: usize = frequencies.iter().map(Vec::len).sum();
        let idf = idf(total, n as u64);
        idfs.push(idf);
        for ((number, segment), frequencies) in segments.iter().enumerate().zip(frequencies) {
            for (doc, tf) in frequencies {
                let (title, body) = segment.lengths[doc as usize];
                let length = settings.title_weight * f32::from(title) + body as f32;
                let norm = settings.k1 * (1.0 - settings.b + settings.b * length / average);
                each(at, number, doc, weight * idf * tf / (tf + norm));
            }
        }
    }
    Ok(idfs)
}

/// Scores every living passage that has one of `terms`.
pub(crate) fn score_all(
    segments: &[Segment],
    fields: &Fields,
    terms: &BTreeMap<String, f32>,
    settings: &Bm25,
) -> tantivy::Result<Vec<Scored>> {
    let mut scores: Vec<Vec<f32>> =
        segments.iter().map(|segment| vec![0.0; segment.reader.max_doc() as usize]).collect();
    for_each_score(segments, fields, terms, settings, |_, segment, doc, score| {
        scores[segment][doc as usize] += score;
    })?;
    let mut out = Vec::new();
    for (segment, scores) in scores.iter().enumerate() {
        for (doc, &score) in scores.iter().enumerate() {
            if score > 0.0 {
                out.push(Scored { segment, doc: doc as DocId, score });
            }
        }
    }
    Ok(out)
}

/// Living passages with `term` in title or body, with the weighted count of its occurrences.
fn frequencies(
    segment: &Segment,
    fields: &Fields,
    term: &str,
    title_weight: f32,
) -> tantivy::Result<Vec<(DocId, f32)>> {
    let mut out: Vec<(DocId, f32)> = Vec::new();
    let alive = segment.reader.alive_bitset();
    for (index, field, weight) in
        [(&segment.body, fields.body, 1.0), (&segment.title, fields.title, title_weight)]
    {
        let term = Term::from_field_text(field, term);
        let Some(mut postings) = index.read_postings(&term, IndexRecordOption::WithFreqs)? else {
            continue;
        };
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if alive.is_none_or(|alive| alive.is_alive(doc)) {
                out.push((doc, weight * postings.term_freq() as f32));
            }
            doc = postings.advance();
        }
    }
    // Body and title postings are each sorted: merge the two counts of one passage.
    out.sort_by_key(|&(doc, _)| doc);
    out.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    Ok(out)
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
            frequencies(segment, fields, term, 1.0)?.len() as u64
        } else {
            in_body + in_title
        };
    }
    Ok(n)
}
