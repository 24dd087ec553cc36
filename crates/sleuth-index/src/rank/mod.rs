//! The default search: what words, vectors and the graph of a store say together.
//!
//! Each document gets a score of its own, from 0 to about 1:
//!
//! ```text
//! own(d) = LEXICAL · bm25(d) / best bm25  +  DENSE · nearness(d)
//! ```
//!
//! with the best passage of *d* in either part. Two things are done to it that a sum of word scores
//! cannot do:
//!
//! - **Names are taken as names.** Words of the question that are the key of a document (see
//!   [`crate::graph`]) count in full for that document and for those that speak of it; for all others
//!   they count less, because *Blood Street* is not asked about *blood*. The document itself gets a bonus.
//! - **Activation spreads** over the graph ([`spread`]) from the best documents to those that they name
//!   or share a name with, most to those that hold what the question asks and the source lacks.
//!
//! At last [`page`] looks at what a document is by itself: badly made, a copy, one of many of its host.

mod explain;
mod explanation;
mod page;
mod spread;
mod table;
mod words;

use std::ops::Range;

use sleuth_records::{Hit, Passage, Ranking};
use tantivy::DocId;

use crate::graph::{DocumentNumber, Graph, telling};
use crate::query::{Allowed, Terms};
use crate::retriever::{Parts, Query};
use crate::store::Store;
use crate::{IndexError, analyze};
use explain::{Unwatched, Watch};
pub use explanation::{
    Along, Basis, Explained, Explanation, Factor, NameShare, Nearness, NoVectors, Passed,
    TermShare, VectorPart,
};
use page::{Page, Placed};
use spread::{Needs, Taking, spread};
pub(crate) use table::Table;

/// Name and version of the ranker; part of the retrieval id.
pub(crate) const RANKER: &str = "sleuth-spread-5";

/// Weights of words and vectors where there are both.
const LEXICAL: f32 = 0.6;
const DENSE: f32 = 0.4;
/// The document by whose rank nearness is measured: it and all further ones count as not near.
const NOT_NEAR: usize = 100;
/// How much words of a name are held back in documents that do not speak of its bearer.
const NAME_DISCOUNT: f32 = 0.7;
/// What being named in the question is worth.
const NAMED: f32 = 1.0;
/// Names in a question that are looked at.
const MOST_SPANS: usize = 16;

/// A name in the question.
struct Span {
    /// Its clause of the query, and its bytes there.
    place: (usize, Range<usize>),
    /// Its terms.
    terms: Vec<String>,
    /// How much it tells, from 0 to 1.
    strength: f32,
    /// By document: whether it bears the name or speaks of one that does.
    speaks: Vec<bool>,
    bearers: Vec<(DocumentNumber, f32)>,
}

/// The names in `query` that are keys of documents.
fn spans(store: &Store, graph: &Graph, query: &Query) -> Result<Vec<Span>, IndexError> {
    let mut out = Vec::new();
    for (clause, (text, _)) in query.clauses.iter().enumerate() {
        for named in graph.keys.find(text) {
            if out.len() >= MOST_SPANS {
                return Ok(out);
            }
            let terms: Vec<String> =
                analyze(&named.key).into_iter().map(|term| term.text).collect();
            let mut rarity = 0.0;
            for term in &terms {
                rarity += store.idf_of(term)?;
            }
            let mut speaks = vec![false; graph.n_documents];
            let share = 1.0 / (graph.standing.n_different(named.documents) as f32).sqrt();
            for (bearer, _) in named.documents {
                let back = graph.back.row(*bearer as usize);
                for at in std::iter::once(bearer).chain(back) {
                    if let Some(speaks) = speaks.get_mut(*at as usize) {
                        *speaks = true;
                    }
                }
            }
            let strength = telling(rarity, &named.key, &text[named.range.clone()]);
            let bearers = named
                .documents
                .iter()
                .map(|(at, weight)| (*at, named.weight(*weight) * strength * share))
                .collect();
            let place = (clause, named.range);
            out.push(Span { place, terms, strength, speaks, bearers });
        }
    }
    Ok(out)
}

/// Scores of passages and documents while a query is answered.
struct Scores {
    /// By segment and entry.
    passages: Vec<Vec<f32>>,
    /// By document.
    documents: Vec<f32>,
    /// By document: a bit for each of the first 64 things that the query asks for and it holds.
    held: Vec<u64>,
}

impl Store {
    /// The documents that match `query` best, by all parts that it asks for and the store has.
    pub(crate) fn rank(&self, query: &Query) -> Result<Ranking, IndexError> {
        self.rank_watched(query, &mut Unwatched)
    }

    /// The same, with somebody who sees what each score is made of.
    fn rank_watched(&self, query: &Query, watch: &mut impl Watch) -> Result<Ranking, IndexError> {
        let table = self.table()?;
        let graph = if query.parts.associative { self.graph()? } else { None };
        let spans = match graph {
            Some(graph) => spans(self, graph, query)?,
            None => Vec::new(),
        };
        let terms = self.terms(query)?;
        let (mut scores, rarities) = self.lexical(table, &terms, &spans, watch)?;
        if query.parts.dense {
            self.add_nearness(table, query, &mut scores, watch)?;
        }
        let held = std::mem::take(&mut scores.held);
        let needs = Needs { rarities: &rarities, held: &held };
        let verdicts = self.verdicts()?;
        let verdict = |at: DocumentNumber| verdicts.and_then(|all| all.get(at as usize));
        if let Some(graph) = graph {
            let taking =
                Taking { graph, is_blocked: &|at| verdict(at).is_some_and(|v| v.blocks()) };
            for (at, span) in spans.iter().enumerate() {
                for (bearer, strength) in &span.bearers {
                    if let Some(score) = scores.documents.get_mut(*bearer as usize) {
                        *score = score.max(0.0) + NAMED * strength;
                        watch.named(*bearer, at, NAMED * strength);
                    }
                }
            }
            watch.own(&scores.documents);
            let named: Vec<(DocumentNumber, f32)> =
                spans.iter().flat_map(|span| span.bearers.iter().copied()).collect();
            spread(&taking, &needs, &named, &mut scores.documents, watch);
        }
        watch.whole(&scores.documents);
        let allowed = self.allowed(query)?;
        let page = Page {
            standing: graph.map(|graph| &graph.standing).filter(|_| query.parts == Parts::ALL),
            needs: &needs,
            scores: &scores.documents,
            // After all has spread: a boost is of a document, and not of those that it names.
            weight: &|at| verdict(at).map_or(1.0, |verdict| verdict.weight()),
            allowed: &|at| allowed.as_ref().is_none_or(|allowed| allowed.document(at)),
        };
        let page = page.fill(query.k);
        watch.placed(&page);
        let ranking = self.hits(table, &page, &scores, allowed.as_ref(), query)?;
        watch.asked(terms, spans);
        Ok(ranking)
    }

    /// BM25 with names taken as names, as shares of the best plain score.
    fn lexical<Watching: Watch>(
        &self,
        table: &Table,
        terms: &Terms,
        spans: &[Span],
        watch: &mut Watching,
    ) -> Result<(Scores, Vec<f32>), IndexError> {
        let in_spans: Vec<Vec<&Span>> = terms
            .weights
            .keys()
            .map(|term| spans.iter().filter(|span| span.terms.contains(term)).collect())
            .collect();
        let mut plain: Vec<Vec<f32>> = table.zeros();
        let mut passages = table.zeros();
        let mut held = vec![0u64; table.n_documents()];
        let mut add = |term: usize, segment: usize, entry: DocId, score: f32| {
            let document = table.document(segment, entry)?;
            let at = document as usize;
            plain[segment][entry as usize] += score;
            let counts = in_spans[term]
                .iter()
                .filter(|span| !span.speaks[at])
                .map(|span| 1.0 - NAME_DISCOUNT * span.strength)
                .fold(1.0, f32::min);
            passages[segment][entry as usize] += score * counts;
            let asked = terms.asked[term];
            if asked < 64 {
                held[at] |= 1 << asked;
            }
            Some((document, counts))
        };
        let collection = self.collection();
        let rarities = if Watching::TERMS {
            collection.for_each_posting(&terms.weights, |at, score| {
                if let Some((document, counts)) = add(at.term, at.segment, at.doc, score) {
                    watch.term(document, at, score, counts);
                }
            })
        } else {
            collection.for_each_list(
                &terms.weights,
                self.impacts(),
                |term, segment, impacts, factor| {
                    for found in impacts {
                        add(term, segment, found.doc, factor * found.impact);
                    }
                },
            )
        };
        let rarities = rarities.map_err(|error| IndexError::engine(self.path(), error))?;
        let best = plain.iter().flatten().copied().fold(f32::EPSILON, f32::max);
        watch.best_plain(best);
        let mut documents = vec![0.0f32; table.n_documents()];
        for (segment, entries) in passages.iter_mut().enumerate() {
            for (entry, score) in entries.iter_mut().enumerate() {
                if *score > 0.0
                    && let Some(document) = table.document(segment, entry as DocId)
                {
                    *score /= best;
                    let known = &mut documents[document as usize];
                    *known = known.max(*score);
                }
            }
        }
        Ok((Scores { passages, documents, held }, terms.least(&rarities)))
    }

    /// Joins the scores of words with those of vectors, where every passage has one or nothing else is
    /// asked for.
    fn add_nearness(
        &self,
        table: &Table,
        query: &Query,
        scores: &mut Scores,
        watch: &mut impl Watch,
    ) -> Result<(), IndexError> {
        let only_dense = !query.parts.lexical && !query.parts.associative;
        let (dense, embedder) = match (self.dense()?, self.embedder()) {
            (Some(dense), Some(embedder)) if only_dense || dense.coverage() >= 1.0 => {
                (dense, embedder)
            }
            _ if only_dense => {
                return Err(IndexError::NoSuchPart {
                    path: self.path().to_owned(),
                    part: "vectors",
                });
            }
            _ => return Ok(()),
        };
        let text: Vec<&str> = query.clauses.iter().map(|(text, _)| text.as_str()).collect();
        let vector = embedder.embed(&[&text.join(" ")]).map(|mut vectors| vectors.pop());
        let vector = vector.map_err(|error| IndexError::Embedder {
            embedder: embedder.id().to_owned(),
            reason: error.to_string(),
        })?;
        let mut cosines = table.zeros();
        let mut nearest = vec![f32::MIN; table.n_documents()];
        dense.compare(&vector.unwrap_or_default(), |segment, entry, cosine| {
            cosines[segment][entry as usize] = cosine;
            if let Some(document) = table.document(segment, entry) {
                let known = &mut nearest[document as usize];
                *known = known.max(cosine);
                watch.cosine(document, segment, entry, cosine);
            }
        });
        let (least, most) = range(&nearest);
        let nearness = |cosine: f32| ((cosine - least) / (most - least)).clamp(0.0, 1.0);
        let (lexical, dense) = if query.parts.lexical { (LEXICAL, DENSE) } else { (0.0, 1.0) };
        watch.weighed(lexical, dense, &nearest, &nearness);
        for (score, cosine) in scores.documents.iter_mut().zip(&nearest) {
            *score = lexical * *score + dense * nearness(*cosine);
        }
        for (scores, cosines) in scores.passages.iter_mut().zip(&cosines) {
            for (score, cosine) in scores.iter_mut().zip(cosines) {
                *score = lexical * *score + dense * nearness(*cosine);
            }
        }
        Ok(())
    }

    /// The documents of a page, each with its best passages.
    fn hits(
        &self,
        table: &Table,
        page: &[Placed],
        scores: &Scores,
        allowed: Option<&Allowed>,
        query: &Query,
    ) -> Result<Ranking, IndexError> {
        let mut hits = Vec::new();
        for placed in page {
            hits.extend(self.passages_of(table, placed, scores, allowed, query)?);
        }
        // Further passages of one document stand where their share of its score puts them.
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(query.k);
        Ok(Ranking { hits })
    }

    fn passages_of(
        &self,
        table: &Table,
        placed: &Placed,
        scores: &Scores,
        allowed: Option<&Allowed>,
        query: &Query,
    ) -> Result<Vec<Hit>, IndexError> {
        let mut own: Vec<(f32, Passage)> = Vec::new();
        for (segment, entry) in self.entries_of(std::slice::from_ref(table.id(placed.document)))? {
            if allowed.is_none_or(|allowed| allowed.passage(segment, entry))
                && let Some(passage) = self.passage_at(segment, entry)?
            {
                own.push((scores.passages[segment][entry as usize], passage));
            }
        }
        own.sort_by(|(a, p), (b, q)| b.total_cmp(a).then(p.id.cmp(&q.id)));
        let best = own.first().map_or(1.0, |(score, _)| score.max(f32::EPSILON));
        let whole = placed.score;
        Ok(own
            .into_iter()
            .enumerate()
            .take_while(|(nth, (score, _))| *nth == 0 || *score > 0.0)
            .take(query.per_document)
            .map(|(_, (score, passage))| Hit {
                passage,
                score: if score > 0.0 { whole * score / best } else { whole },
            })
            .collect())
    }
}

/// The cosine at which nearness begins, and the greatest.
fn range(nearest: &[f32]) -> (f32, f32) {
    let mut known: Vec<f32> = nearest.iter().copied().filter(|cosine| *cosine > f32::MIN).collect();
    if known.is_empty() {
        return (0.0, 1.0);
    }
    let at = NOT_NEAR.min(known.len() - 1);
    let (better, least, _) = known.select_nth_unstable_by(at, |a, b| b.total_cmp(a));
    let most = better.iter().copied().fold(*least, f32::max);
    // In a store of one document it is as near as can be.
    if most - *least > f32::EPSILON { (*least, most) } else { (*least - 1.0, most) }
}

/// What of the default search a query asks for. The parts that a store does not have are left out.
pub(crate) fn is_plain(parts: Parts) -> bool {
    parts.lexical && !parts.dense && !parts.associative
}
