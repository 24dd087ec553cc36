//! Seeing what a score is made of while it is computed.
//!
//! The ranker tells a [`Watch`] of every part of a score as it adds it. A search has [`Unwatched`], whose
//! methods are empty and vanish; an explanation has a [`Record`], which keeps the parts of the documents
//! found by the same search before. So what is explained is what was added. Only the terms differ: a search adds
//! what is kept of them ([`crate::bm25`]), an explanation computes it anew with its counts, to the same bits.

use std::collections::{BTreeMap, HashMap, HashSet};

use sleuth_records::{DocumentId, Hit, Ranking, quality};
use tantivy::DocId;

use super::explanation::{
    Basis, Explained, Explanation, Factor, NameShare, Nearness, NoVectors, Passed, TermShare,
    VectorPart,
};
use super::page::{Placed, Why};
use super::{Span, Table};
use crate::bm25::Posting;
use crate::graph::{DocumentNumber, Graph};
use crate::query::Terms;
use crate::retriever::{Query, Retriever as _};
use crate::standing::Likeness;
use crate::store::Store;
use crate::vectors::Parts as VectorParts;
use crate::{Effect, IndexError, SiteList, analyze};

/// Most steps back from a document over those that passed it something.
const STEPS: usize = 2;

/// Sees what scores are made of, in the order in which they are computed.
pub(super) trait Watch {
    /// Whether terms are looked at one by one, with their counts.
    const TERMS: bool = true;

    /// A term adds `score · counts` to a passage.
    fn term(&mut self, _document: DocumentNumber, _at: &Posting, _score: f32, _counts: f32) {}
    /// Scores of words are divided by this.
    fn best_plain(&mut self, _best: f32) {}
    /// A passage has this cosine with the query.
    fn cosine(&mut self, _document: DocumentNumber, _segment: usize, _doc: DocId, _cosine: f32) {}
    /// Words weigh `lexical`, and the nearness of a document's cosine `dense`.
    fn weighed(&mut self, _lexical: f32, _dense: f32, _of: &[f32], _nearness: &dyn Fn(f32) -> f32) {
    }
    /// A document is called by the name at `_span`, and gets `_bonus`.
    fn named(&mut self, _document: DocumentNumber, _span: usize, _bonus: f32) {}
    /// What documents have before any passes something on.
    fn own(&mut self, _scores: &[f32]) {}
    /// What a document has from its best two sources; told again when it changes.
    fn passed(&mut self, _to: DocumentNumber, _from: [(DocumentNumber, f32); 2]) {}
    /// What documents have by all their parts.
    fn whole(&mut self, _scores: &[f32]) {}
    /// What became of that on the page.
    fn placed(&mut self, _page: &[Placed]) {}
    /// What was looked for.
    fn asked(&mut self, _terms: Terms, _spans: Vec<Span>) {}
}

/// Nobody looks.
pub(super) struct Unwatched;

impl Watch for Unwatched {
    const TERMS: bool = false;
}

/// A term in a passage: what it adds, and the part of that which counts.
#[derive(Clone, Copy)]
struct Counted {
    at: Posting,
    score: f32,
    counts: f32,
}

/// What was seen of the wanted documents.
struct Record {
    /// By document.
    wanted: Vec<bool>,
    /// In the order of terms.
    terms: HashMap<DocumentNumber, Vec<Counted>>,
    best: f32,
    lexical: f32,
    /// By document: its nearest passage, and the cosine of that.
    cosines: HashMap<DocumentNumber, (usize, DocId, f32)>,
    /// By document: its nearness and what that adds. `None` where vectors do not count.
    nearness: Option<HashMap<DocumentNumber, (f32, f32)>>,
    /// The names of every document that has one, by position among the spans.
    named: BTreeMap<DocumentNumber, Vec<(usize, f32)>>,
    own: Vec<f32>,
    passed: HashMap<DocumentNumber, [(DocumentNumber, f32); 2]>,
    whole: Vec<f32>,
    placed: HashMap<DocumentNumber, Placed>,
    asked: Option<(Terms, Vec<Span>)>,
}

impl Record {
    fn of(wanted: Vec<bool>) -> Self {
        Self {
            wanted,
            terms: HashMap::new(),
            best: 1.0,
            lexical: 1.0,
            cosines: HashMap::new(),
            nearness: None,
            named: BTreeMap::new(),
            own: Vec::new(),
            passed: HashMap::new(),
            whole: Vec::new(),
            placed: HashMap::new(),
            asked: None,
        }
    }

    fn wants(&self, document: DocumentNumber) -> bool {
        self.wanted.get(document as usize).copied().unwrap_or(false)
    }
}

impl Watch for Record {
    fn term(&mut self, document: DocumentNumber, at: &Posting, score: f32, counts: f32) {
        if self.wants(document) {
            self.terms.entry(document).or_default().push(Counted { at: *at, score, counts });
        }
    }

    fn best_plain(&mut self, best: f32) {
        self.best = best;
    }

    fn cosine(&mut self, document: DocumentNumber, segment: usize, doc: DocId, cosine: f32) {
        if self.wants(document) {
            let known = self.cosines.entry(document).or_insert((segment, doc, cosine));
            if cosine > known.2 {
                *known = (segment, doc, cosine);
            }
        }
    }

    fn weighed(&mut self, lexical: f32, dense: f32, of: &[f32], nearness: &dyn Fn(f32) -> f32) {
        self.lexical = lexical;
        let wanted = (0..).zip(of).filter(|(document, _)| self.wants(*document));
        let nearness = wanted.map(|(document, cosine)| {
            let nearness = nearness(*cosine);
            (document, (nearness, dense * nearness))
        });
        self.nearness = Some(nearness.collect());
    }

    fn named(&mut self, document: DocumentNumber, span: usize, bonus: f32) {
        self.named.entry(document).or_default().push((span, bonus));
    }

    fn own(&mut self, scores: &[f32]) {
        self.own = scores.to_vec();
    }

    fn passed(&mut self, to: DocumentNumber, from: [(DocumentNumber, f32); 2]) {
        self.passed.insert(to, from);
    }

    fn whole(&mut self, scores: &[f32]) {
        self.whole = scores.to_vec();
    }

    fn placed(&mut self, page: &[Placed]) {
        self.placed = page.iter().map(|placed| (placed.document, placed.clone())).collect();
    }

    fn asked(&mut self, terms: Terms, spans: Vec<Span>) {
        self.asked = Some((terms, spans));
    }
}

/// The words of a query, as it has them.
struct Words<'q> {
    query: &'q Query,
    /// By term, where it first stands.
    written: HashMap<String, &'q str>,
}

impl<'q> Words<'q> {
    fn of(query: &'q Query) -> Self {
        let mut written = HashMap::new();
        for (text, _) in &query.clauses {
            for term in analyze(text) {
                written.entry(term.text).or_insert(&text[term.range]);
            }
        }
        Self { query, written }
    }

    fn word(&self, term: &str) -> String {
        self.written.get(term).map_or(term, |word| word).to_owned()
    }

    fn name(&self, span: &Span) -> String {
        let (clause, range) = &span.place;
        let text = self.query.clauses.get(*clause).and_then(|(text, _)| text.get(range.clone()));
        text.unwrap_or_default().to_owned()
    }
}

impl Store {
    /// What lists of sites multiply the score of the document `id` by, where that is not 1.
    fn factor_of_sites(&self, id: &DocumentId) -> Result<Option<Factor>, IndexError> {
        let (Some(lists), Some(verdict)) = (self.sites(), self.verdict(id)?) else {
            return Ok(None);
        };
        let (Effect::Weight(factor), Some(rule)) = (verdict.effect, verdict.rule) else {
            return Ok(None);
        };
        let name = lists.lists().get(rule.list).map_or("", SiteList::name);
        let reason = format!("line {} of the list of sites `{name}`", rule.line);
        Ok((factor != 1.0).then_some(Factor { factor, reason }))
    }

    /// See [`Store::explain`].
    pub(crate) fn explained(&self, query: &Query) -> Result<Explained, IndexError> {
        let (ranking, basis) = self.ranking(query)?;
        match basis {
            Basis::Listing => {
                let listed = |hit: &Hit| Explanation {
                    basis,
                    score: hit.score,
                    terms: Vec::new(),
                    terms_in: None,
                    vector: VectorPart::Without { without: NoVectors::NotAsked },
                    named: Vec::new(),
                    passed: Vec::new(),
                    factors: Vec::new(),
                };
                let explanations = ranking.hits.iter().map(listed).collect();
                Ok(Explained { ranking, explanations })
            }
            Basis::Words => self.explained_words(query, &ranking),
            Basis::Parts => self.explained_parts(query, &ranking),
        }
    }

    fn explained_words(&self, query: &Query, found: &Ranking) -> Result<Explained, IndexError> {
        let mut shown: HashMap<(usize, DocId), usize> = HashMap::new();
        for (at, hit) in found.hits.iter().enumerate() {
            for entry in self.entries_of(std::slice::from_ref(&hit.passage.document))? {
                if self.passage_at(entry.0, entry.1)?.is_some_and(|own| own == hit.passage) {
                    shown.insert(entry, at);
                }
            }
        }
        let mut counted: Vec<Vec<Counted>> = vec![Vec::new(); found.hits.len()];
        let (words, terms) = (Words::of(query), self.terms(query)?);
        self.collection()
            .for_each_posting(&terms.weights, |at, score| {
                if let Some(hit) = shown.get(&(at.segment, at.doc)) {
                    counted[*hit].push(Counted { at: *at, score, counts: 1.0 });
                }
            })
            .map_err(|error| IndexError::engine(self.path(), error))?;
        let ranking = found.clone();
        let explanation = |(hit, counted): (&Hit, &Vec<Counted>)| {
            Ok(Explanation {
                basis: Basis::Words,
                score: hit.score,
                terms: shares(counted, &terms, &words, 1.0, |_| None),
                terms_in: Some([hit.passage.range.start, hit.passage.range.end]),
                vector: VectorPart::Without { without: NoVectors::NotAsked },
                named: Vec::new(),
                passed: Vec::new(),
                factors: self.factor_of_sites(&hit.passage.document)?.into_iter().collect(),
            })
        };
        let explanations = ranking.hits.iter().zip(&counted).map(explanation);
        let explanations = explanations.collect::<Result<_, IndexError>>()?;
        Ok(Explained { ranking, explanations })
    }

    fn explained_parts(&self, query: &Query, found: &Ranking) -> Result<Explained, IndexError> {
        let table = self.table()?;
        let mut wanted = vec![false; table.n_documents()];
        for hit in &found.hits {
            if let Some(at) = table.number(&hit.passage.document) {
                wanted[at as usize] = true;
            }
        }
        let mut record = Record::of(wanted);
        let ranking = self.rank_watched(query, &mut record)?;
        let graph = if query.parts.associative { self.graph()? } else { None };
        let explaining = Explaining {
            store: self,
            table,
            graph,
            words: Words::of(query),
            without: self.no_vectors(query)?,
            record,
        };
        let mut by_document: HashMap<DocumentNumber, Explanation> = HashMap::new();
        let mut explanations = Vec::with_capacity(ranking.hits.len());
        for hit in &ranking.hits {
            let Some(at) = table.number(&hit.passage.document) else { continue };
            let explanation = match by_document.get(&at) {
                Some(known) => known.clone(),
                None => explaining.document(at)?,
            };
            by_document.insert(at, explanation.clone());
            explanations.push(explanation);
        }
        Ok(Explained { ranking, explanations })
    }

    /// Why vectors would not count; of no meaning where they do.
    fn no_vectors(&self, query: &Query) -> Result<NoVectors, IndexError> {
        Ok(if !query.parts.dense {
            NoVectors::NotAsked
        } else if self.dense()?.is_some() {
            NoVectors::Incomplete
        } else if VectorParts::read(self.path())?.is_some() {
            NoVectors::NoEmbedder
        } else {
            NoVectors::NoneMade
        })
    }
}

/// The shares of terms in one passage, the greatest first; `weight` turns their scores into shares.
fn shares(
    counted: &[Counted],
    terms: &Terms,
    words: &Words<'_>,
    weight: f32,
    part_of: impl Fn(&str) -> Option<String>,
) -> Vec<TermShare> {
    let names: Vec<&String> = terms.weights.keys().collect();
    let share = |counted: &Counted| {
        let term = names.get(counted.at.term)?.as_str();
        let held_back = counted.score * (1.0 - counted.counts) * weight;
        Some(TermShare {
            term: term.to_owned(),
            word: words.word(term),
            title: counted.at.title,
            body: counted.at.body,
            share: counted.score * counted.counts * weight,
            held_back,
            part_of: if held_back > 0.0 { part_of(term) } else { None },
        })
    };
    let mut out: Vec<TermShare> = counted.iter().filter_map(share).collect();
    out.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.term.cmp(&b.term)));
    out
}

/// Makes explanations of a record.
struct Explaining<'a> {
    store: &'a Store,
    table: &'a Table,
    graph: Option<&'a Graph>,
    words: Words<'a>,
    without: NoVectors,
    record: Record,
}

impl Explaining<'_> {
    fn document(&self, at: DocumentNumber) -> Result<Explanation, IndexError> {
        let record = &self.record;
        let (terms, terms_in) = self.terms(at)?;
        let vector = match &record.nearness {
            None => VectorPart::Without { without: self.without },
            Some(all) => {
                let (nearness, share) = all.get(&at).copied().unwrap_or_default();
                let nearest = record.cosines.get(&at);
                let passage = match nearest {
                    Some((segment, doc, _)) => self.bytes_of(*segment, *doc)?,
                    None => None,
                };
                let cosine = nearest.map(|(_, _, cosine)| *cosine);
                VectorPart::Near(Nearness { cosine, nearness, share, passage })
            }
        };
        let spans = record.asked.as_ref().map_or(&[][..], |(_, spans)| spans);
        let named = record.named.get(&at).into_iter().flatten();
        let named = named.filter_map(|(span, share)| {
            Some(NameShare { words: self.words.name(spans.get(*span)?), share: *share })
        });
        let whole = record.whole.get(at as usize).copied().unwrap_or_default();
        let placed = record.placed.get(&at);
        let mut factors: Vec<Factor> =
            self.store.factor_of_sites(self.table.id(at))?.into_iter().collect();
        let weighed = factors.iter().fold(whole, |score, by| score * by.factor);
        if let Some(placed) = placed {
            factors.extend(self.factors(placed, weighed)?);
        }
        Ok(Explanation {
            basis: Basis::Parts,
            score: placed.map_or(weighed, |placed| placed.score),
            terms,
            terms_in,
            vector,
            named: named.collect(),
            passed: self.passed(at, &mut HashSet::new())?,
            factors,
        })
    }

    /// The terms of the passage where they count most, and that passage.
    fn terms(
        &self,
        at: DocumentNumber,
    ) -> Result<(Vec<TermShare>, Option<[usize; 2]>), IndexError> {
        let record = &self.record;
        let Some((terms, spans)) = &record.asked else { return Ok((Vec::new(), None)) };
        let mut passages: BTreeMap<(usize, DocId), (f32, Vec<Counted>)> = BTreeMap::new();
        for counted in record.terms.get(&at).into_iter().flatten() {
            let (sum, own) = passages.entry((counted.at.segment, counted.at.doc)).or_default();
            *sum += counted.score * counted.counts;
            own.push(*counted);
        }
        // Of equal ones `max_by` takes the last.
        let best = passages.iter().rev().max_by(|(_, (a, _)), (_, (b, _))| a.total_cmp(b));
        let Some((&(segment, doc), (_, counted))) = best else { return Ok((Vec::new(), None)) };
        if record.lexical == 0.0 {
            return Ok((Vec::new(), None));
        }
        let weight = record.lexical / record.best;
        // The name that holds a term back most, as the ranker has it.
        let part_of = |term: &str| {
            let holding = spans.iter().filter(|span| {
                span.terms.iter().any(|own| own == term)
                    && span.speaks.get(at as usize).is_some_and(|speaks| !speaks)
            });
            let most = holding.max_by(|a, b| a.strength.total_cmp(&b.strength));
            most.map(|span| self.words.name(span))
        };
        let shares = shares(counted, terms, &self.words, weight, part_of);
        Ok((shares, self.bytes_of(segment, doc)?))
    }

    /// Who passed something to `to`; `way` holds the documents behind it.
    fn passed(
        &self,
        to: DocumentNumber,
        way: &mut HashSet<DocumentNumber>,
    ) -> Result<Vec<Passed>, IndexError> {
        let (Some(graph), Some(sources)) = (self.graph, self.record.passed.get(&to)) else {
            return Ok(Vec::new());
        };
        if way.contains(&sources[0].0) {
            return Ok(Vec::new());
        }
        let of = |scores: &[f32], at: DocumentNumber| {
            scores.get(at as usize).copied().unwrap_or_default()
        };
        way.insert(to);
        let mut out = Vec::new();
        for &(source, share) in sources {
            if share <= 0.0 || way.contains(&source) {
                continue;
            }
            let known = self.record.named.get(&source).into_iter().flatten();
            let named: f32 = known.fold(0.0, |sum, (_, bonus)| sum + bonus);
            let before = of(&self.record.own, source);
            let passed = of(&self.record.whole, source) - before;
            let from = if passed > before && way.len() < STEPS {
                self.passed(source, way)?
            } else {
                Vec::new()
            };
            out.push(Passed {
                document: self.table.id(source).clone(),
                share,
                along: self.store.along(graph, source, to)?,
                own: (before - named).max(0.0),
                named,
                passed,
                from,
            });
        }
        way.remove(&to);
        Ok(out)
    }

    /// What the score of `placed` was multiplied by, in words, where its parts add up to `whole`.
    fn factors(&self, placed: &Placed, whole: f32) -> Result<Vec<Factor>, IndexError> {
        let known: f32 = placed.factors.iter().map(|(factor, _)| factor).product();
        let id = |at: DocumentNumber| self.table.id(at).as_str();
        let mut out = Vec::new();
        for (factor, why) in &placed.factors {
            let mut factor = *factor;
            let reason = match why {
                Why::Quality => self.badly_made(placed.document)?,
                Why::Like(other, Likeness::Copy) => format!("a copy of `{}`", id(*other)),
                Why::Like(other, Likeness::Variant) => {
                    format!("nearly the same as `{}`", id(*other))
                }
                Why::InPlaceOf(other, likeness) => {
                    // It has the score of the other, whatever its own parts are.
                    factor *= placed.score / (whole * known).max(f32::MIN_POSITIVE);
                    let what = match likeness {
                        Likeness::Copy => "its copy",
                        Likeness::Variant => "nearly the same",
                    };
                    format!("in the place of `{}`, {what}", id(*other))
                }
                Why::Crowded => format!("one of many of {}", self.host(placed.document)),
            };
            out.push(Factor { factor, reason });
        }
        Ok(out)
    }

    /// What speaks against a page.
    fn badly_made(&self, at: DocumentNumber) -> Result<String, IndexError> {
        let document = self.store.document(self.table.id(at))?;
        let signals = document.as_ref().and_then(|document| document.signals.as_deref());
        let reasons = signals.map(|signals| quality(signals).reasons).unwrap_or_default();
        Ok(reasons.join(", "))
    }

    fn host(&self, at: DocumentNumber) -> &str {
        let standing = self.graph.map(|graph| &graph.standing);
        let host = standing.and_then(|standing| {
            standing.host_names.get(*standing.hosts.get(at as usize)? as usize)
        });
        host.map_or("its host", String::as_str)
    }

    fn bytes_of(&self, segment: usize, doc: DocId) -> Result<Option<[usize; 2]>, IndexError> {
        let passage = self.store.passage_at(segment, doc)?;
        Ok(passage.map(|passage| [passage.range.start, passage.range.end]))
    }
}
