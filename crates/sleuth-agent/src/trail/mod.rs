//! The `trail` policy: a hunt without a model.
//!
//! 1. *Search* the question, and take up the documents that it names by title.
//! 2. *Follow*: read the most promising passages that have not been read; take up what they point to
//!    (titles that they name, links, and names that a further search finds elsewhere), weighed by
//!    what the question still lacks. Repeat while new documents keep entering the top of the pool
//!    and the budget allows.
//! 3. *Answer* from the best passages, or say *not found* when they do not cover the question.
//!
//! Everything is deterministic: the same question over the same snapshot takes the same trail.

mod compare;
mod extract;
mod pool;
mod query;
mod spans;
mod weights;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sleuth_index::{Mention, Query};
use sleuth_records::{Claim, Document, DocumentId, Ranking};

pub use extract::{Answer, N_FEATURES};
pub use pool::PoolWeights;
pub use spans::sentences;

use crate::check::is_verdict;
use crate::session::Session;
use crate::{AgentError, Draft, Policy};
use compare::compare;
use extract::{answers, best_sentence, confidence};
use pool::Pool;
use query::{Asked, Wants, take_apart};
use spans::{SpanKind, spans};

/// Settings of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrailOptions {
    /// Weights of the pool.
    pub pool: PoolWeights,
    /// Hits of the first search.
    pub first_hits: usize,
    /// Documents whose pointers are followed in one round.
    pub beam: usize,
    /// Most rounds of following where the budget does not limit pages.
    pub rounds: usize,
    /// Hits that a search for names may bring.
    pub name_hits: usize,
    /// Passages in one round whose names are searched for.
    pub name_searches: usize,
    /// Least confidence, from 0 to 1, at which a short answer is given instead of a sentence.
    pub least_confidence: f32,
    /// Least share of the question, by rarity, that the passages of an answer must hold.
    pub least_coverage: f32,
}

impl Default for TrailOptions {
    fn default() -> Self {
        Self {
            pool: PoolWeights::default(),
            first_hits: 20,
            beam: 6,
            rounds: 3,
            name_hits: 5,
            name_searches: 2,
            least_confidence: 0.1,
            least_coverage: 0.35,
        }
    }
}

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Trail {
    /// Settings.
    pub options: TrailOptions,
}

impl Policy for Trail {
    fn name(&self) -> &str {
        "trail"
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self.options).unwrap_or_default()
    }

    fn run(&mut self, session: &mut Session<'_>) -> Result<Draft, AgentError> {
        let mut hunt = Hunt::start(session, &self.options)?;
        hunt.follow_all(session)?;
        hunt.write(session)
    }
}

/// A document and a byte range of its text.
pub type Place = (Arc<Document>, Range<usize>);

impl Trail {
    /// The best `n` documents for the question of `session`, each with its best passage: the first
    /// part of the hunt, for a policy that goes on by other means. It takes one round of following,
    /// so that most of the budget is left.
    ///
    /// # Errors
    /// When the store or the log fails.
    pub fn lead(&self, session: &mut Session<'_>, n: usize) -> Result<Vec<Place>, AgentError> {
        let mut hunt = Hunt::start(session, &self.options)?;
        hunt.follow(session)?;
        let best = hunt.pool.order().into_iter().take(n);
        let place = |at: usize| {
            let candidate = &hunt.pool.candidates[at];
            (Arc::clone(&candidate.document), candidate.passage.clone())
        };
        Ok(best.map(place).collect())
    }
}

struct Hunt<'o> {
    options: &'o TrailOptions,
    asked: Asked,
    pool: Pool,
    /// Best BM25 score of the first search: what lexical scores are shares of.
    scale: f32,
    /// Names that were searched for, folded.
    searched: HashSet<String>,
}

impl<'o> Hunt<'o> {
    fn start(session: &mut Session<'_>, options: &'o TrailOptions) -> Result<Self, AgentError> {
        let mut asked = take_apart(session.question());
        let terms: Vec<String> = asked.terms.iter().map(|term| term.text.clone()).collect();
        asked.set_rarity(&session.rarity(&terms)?);
        let mut hunt =
            Self { options, asked, pool: Pool::default(), scale: 1.0, searched: HashSet::new() };

        let question = hunt.asked.text.clone();
        let query = Query::lexical(question.as_str(), options.first_hits);
        let ranking = hunt.search(session, &query)?;
        hunt.scale = ranking.hits.first().map_or(1.0, |hit| hit.score.max(f32::EPSILON));
        for hit in &ranking.hits {
            hunt.take_up(session, &hit.passage.document, hit.passage.range.clone(), hit.score)?;
        }
        let mentions = session.mentions(&question)?;
        hunt.take_up_mentions(session, &[(question.as_str(), mentions.as_slice(), None)])?;
        hunt.pool.settle(&hunt.asked, &options.pool);
        Ok(hunt)
    }

    /// One search, written down as a turn.
    fn search(&self, session: &mut Session<'_>, query: &Query) -> Result<Ranking, AgentError> {
        let text: Vec<&str> = query.clauses.iter().map(|(text, _)| text.as_str()).collect();
        let mut arguments = json!({ "query": text.join(" ") });
        if let Some(within) = &query.within {
            arguments["within"] = json!(within);
        }
        let calls = session.call("search", [arguments])?;
        let ranking = session.search(query)?;
        let documents: Vec<DocumentId> = ranking.documents().into_iter().cloned().collect();
        let content = match documents.len() {
            1 => "1 document".to_owned(),
            n => format!("{n} documents"),
        };
        session.tool_result(&calls[0], content, documents)?;
        Ok(ranking)
    }

    fn take_up(
        &mut self,
        session: &Session<'_>,
        id: &DocumentId,
        range: std::ops::Range<usize>,
        score: f32,
    ) -> Result<Option<usize>, AgentError> {
        let Some(document) = session.peek(id)? else { return Ok(None) };
        Ok(Some(self.pool.add(&document, range, score / self.scale)))
    }

    /// Takes up the documents that texts mention. Each text comes with the mentions in it and the
    /// candidate whose passage it is; the question itself has none.
    fn take_up_mentions(
        &mut self,
        session: &mut Session<'_>,
        texts: &[(&str, &[Mention], Option<usize>)],
    ) -> Result<(), AgentError> {
        // A title that many documents share names none of them in particular.
        const MOST_NAMESAKES: usize = 50;
        let mut targets: Vec<(Option<usize>, DocumentId, f32)> = Vec::new();
        for (text, mentions, source) in texts {
            for mention in *mentions {
                let strength = self.strength(session, mention, &text[mention.range.clone()])?;
                if mention.documents.len() > MOST_NAMESAKES || strength <= 0.0 {
                    continue;
                }
                let share = strength / (mention.documents.len() as f32).sqrt();
                targets.extend(mention.documents.iter().map(|id| (*source, id.clone(), share)));
            }
        }
        let unknown: Vec<DocumentId> = targets
            .iter()
            .map(|(_, id, _)| id)
            .filter(|id| self.pool.position(id).is_none())
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        if !unknown.is_empty() {
            let question = self.asked.text.clone();
            let query =
                Query { within: Some(unknown.clone()), ..Query::lexical(question, unknown.len()) };
            let room = session.room();
            if room.searches > 0 && room.turns > 0 {
                for hit in self.search(session, &query)?.hits {
                    self.take_up(session, &hit.passage.document, hit.passage.range, hit.score)?;
                }
            }
            for id in &unknown {
                if self.pool.position(id).is_none()
                    && let Some(document) = session.peek(id)?
                {
                    let end = document.text.floor_char_boundary(1600);
                    self.pool.add(&document, 0..end, 0.0);
                }
            }
        }
        for (source, id, strength) in targets {
            let Some(target) = self.pool.position(&id) else { continue };
            match source {
                Some(source) => self.pool.point(source, target, strength),
                None => {
                    let candidate = &mut self.pool.candidates[target];
                    candidate.named = candidate.named.max(strength);
                }
            }
        }
        Ok(())
    }

    /// How much a mention says, from 0 to 1: rare words and capitals say more.
    fn strength(
        &self,
        session: &Session<'_>,
        mention: &Mention,
        surface: &str,
    ) -> Result<f32, AgentError> {
        let terms: Vec<String> =
            sleuth_index::analyze(&mention.key).into_iter().map(|term| term.text).collect();
        let rarity: f32 = session.rarity(&terms)?.iter().sum();
        let looks_like_a_name =
            surface.chars().any(|c| c.is_uppercase() || c.is_ascii_digit()) || !surface.is_ascii();
        let shape = if looks_like_a_name || terms.len() >= 3 { 1.0 } else { 0.4 };
        Ok((rarity / 10.0).min(1.0) * shape)
    }

    /// Rounds of following, until one brings nothing new to the top or the budget is used.
    fn follow_all(&mut self, session: &mut Session<'_>) -> Result<(), AgentError> {
        // A larger budget of pages is used up: enough rounds to read them all.
        let rounds = match session.budget().pages {
            Some(pages) => (pages as usize).div_ceil(self.options.beam.max(1)),
            None => self.options.rounds,
        };
        for _ in 0..rounds {
            if session.must_write_up()?.is_some() || !self.follow(session)? {
                break;
            }
        }
        Ok(())
    }

    /// One round: reads the best unread passages and takes up what they point to. Returns whether
    /// the top of the pool changed.
    fn follow(&mut self, session: &mut Session<'_>) -> Result<bool, AgentError> {
        let before: Vec<usize> = self.pool.order().into_iter().take(10).collect();
        let room = session.room();
        let beam = self.options.beam.min(room.pages as usize);
        let fresh: Vec<usize> = before
            .iter()
            .copied()
            .filter(|&at| !self.pool.candidates[at].expanded)
            .take(beam)
            .collect();
        if fresh.is_empty() || room.turns < 2 || room.searches == 0 {
            return Ok(false);
        }
        let read = self.read(session, &fresh)?;
        // One search scores what all of them point to; names cost a search for each passage, so only
        // the best passages get one.
        let pointers: Vec<(&str, &[Mention], Option<usize>)> = read
            .iter()
            .map(|(at, text, mentions)| (text.as_str(), mentions.as_slice(), Some(*at)))
            .collect();
        self.take_up_mentions(session, &pointers)?;
        for (at, text, mentions) in read.iter().take(self.options.name_searches) {
            let room = session.room();
            if room.searches == 0 || room.turns == 0 || session.must_write_up()?.is_some() {
                break;
            }
            self.follow_names(session, *at, text, mentions)?;
        }
        self.pool.settle(&self.asked, &self.options.pool);
        let after: Vec<usize> = self.pool.order().into_iter().take(10).collect();
        Ok(before != after)
    }

    /// Opens candidates, in one turn; returns the passage of each with what that names.
    fn read(
        &mut self,
        session: &mut Session<'_>,
        fresh: &[usize],
    ) -> Result<Vec<(usize, String, Vec<Mention>)>, AgentError> {
        let ids: Vec<DocumentId> =
            fresh.iter().map(|&at| self.pool.candidates[at].document.id.clone()).collect();
        let calls =
            session.call("open", ids.iter().map(|id| json!({ "document": id.as_str() })))?;
        let mut read = Vec::with_capacity(fresh.len());
        for ((&at, id), call) in fresh.iter().zip(ids).zip(calls) {
            let candidate = &mut self.pool.candidates[at];
            candidate.expanded = true;
            let Some(document) = session.open(&id)? else { continue };
            let text = document.text[candidate.passage.clone()].to_owned();
            session.tool_result(&call, text.clone(), vec![id.clone()])?;
            let mut mentions = session.mentions(&text)?;
            mentions.retain(|mention| !mention.documents.contains(&id));
            read.push((at, text, mentions));
        }
        Ok(read)
    }

    /// Searches for the names in a passage that no title answers to, together with what the question
    /// still lacks: the way across where documents have no titles.
    fn follow_names(
        &mut self,
        session: &mut Session<'_>,
        at: usize,
        text: &str,
        mentions: &[Mention],
    ) -> Result<(), AgentError> {
        let source = &self.pool.candidates[at];
        let lacking: Vec<&str> = self
            .asked
            .terms
            .iter()
            .filter(|term| !source.terms.contains(&term.text))
            .map(|term| term.text.as_str())
            .collect();
        if lacking.is_empty() || self.options.name_hits == 0 {
            return Ok(());
        }
        let lacking = lacking.join(" ");
        let mut names: Vec<String> = Vec::new();
        for span in spans(text) {
            let covered = mentions.iter().any(|mention| {
                mention.range.start < span.range.end && span.range.start < mention.range.end
            });
            let name = span.text(text);
            if span.kind == SpanKind::Name
                && !covered
                && !self.asked.text.contains(name)
                && self.searched.insert(name.to_lowercase())
                && !names.iter().any(|known| known.contains(name))
            {
                names.push(name.to_owned());
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        let mut query = Query::lexical(lacking, self.options.name_hits);
        query.clauses.extend(names.iter().take(8).map(|name| (name.clone(), 0.5)));
        let ranking = self.search(session, &query)?;
        let best = ranking.hits.first().map_or(1.0, |hit| hit.score);
        for hit in &ranking.hits {
            let Some(target) =
                self.take_up(session, &hit.passage.document, hit.passage.range.clone(), 0.0)?
            else {
                continue;
            };
            self.pool.point(at, target, 0.3 * hit.score / best);
        }
        Ok(())
    }

    /// Writes the answer, or nothing when the best one rests on passages that do not cover the
    /// question.
    fn write(self, session: &mut Session<'_>) -> Result<Draft, AgentError> {
        let ranking = self.ranking(session)?;
        let (text, grounds) = match compare(&self.asked, &self.pool) {
            Some(decision) => (decision.text, decision.grounds),
            None => {
                let answers = answers(&self.asked, &self.pool);
                // Nobody is served by words torn out of a sentence that the reader is not sure of:
                // then the sentence that matches best is the answer.
                let sure = self.asked.wants != Wants::YesNo
                    && confidence(&answers) >= self.options.least_confidence;
                let answer = if sure { answers.first() } else { best_sentence(&answers) };
                match answer {
                    Some(answer) => {
                        let mut grounds = vec![(answer.candidate, answer.sentence.clone())];
                        grounds.extend(self.way_to(session, answer.candidate)?);
                        let text = if sure {
                            answer.text.clone()
                        } else {
                            let document = &self.pool.candidates[answer.candidate].document;
                            document.text[answer.sentence.clone()].to_owned()
                        };
                        (text, grounds)
                    }
                    None => (String::new(), Vec::new()),
                }
            }
        };
        if grounds.is_empty() || self.coverage(&grounds) < self.options.least_coverage {
            return Ok(Draft { ranking, ..Draft::default() });
        }
        if is_verdict(&text) {
            // No sentence says a bare *yes*: what is claimed is what was asked, and the marks tell
            // how much of that each quote holds.
            let mut evidence = Vec::new();
            for (at, range) in grounds {
                let document = Arc::clone(&self.pool.candidates[at].document);
                evidence.push(session.keep(&document, range)?);
            }
            let claims = vec![Claim { text: self.asked.text.clone(), evidence }];
            return Ok(Draft { text, claims, ranking });
        }
        let mut claims = Vec::new();
        for (nth, (at, range)) in grounds.into_iter().enumerate() {
            let document = Arc::clone(&self.pool.candidates[at].document);
            let evidence = session.keep(&document, range.clone())?;
            // The first ground holds the answer; the others show the way to it, and say themselves
            // what they say.
            let own = document.text.get(range).unwrap_or_default();
            let text = if nth == 0 { text.as_str() } else { own };
            claims.push(Claim { text: text.to_owned(), evidence: vec![evidence] });
        }
        Ok(Draft { text, claims, ranking })
    }

    /// The documents by falling promise: the order of the pool, joined with that of the default search
    /// by the sum of reciprocal ranks. Each finds some that the other misses: the pool follows names
    /// from page to page, the search weighs all documents at once.
    fn ranking(&self, session: &mut Session<'_>) -> Result<Vec<DocumentId>, AgentError> {
        let order = self.pool.order();
        let followed = order.iter().map(|&at| self.pool.candidates[at].document.id.clone());
        let mut promise: BTreeMap<DocumentId, f32> = BTreeMap::new();
        let mut add = |rank: usize, id: DocumentId| {
            *promise.entry(id).or_default() += 1.0 / (rank + 1) as f32;
        };
        followed.enumerate().for_each(|(rank, id)| add(rank, id));
        let room = session.room();
        if room.searches > 0 && room.turns > 0 && session.must_write_up()?.is_none() {
            let query = Query::new(self.asked.text.as_str(), self.options.first_hits);
            let found = self.search(session, &query)?;
            found.documents().into_iter().cloned().enumerate().for_each(|(rank, id)| add(rank, id));
        }
        let mut ranking: Vec<(DocumentId, f32)> = promise.into_iter().collect();
        // Equals stay in the order of their ids.
        ranking.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Ok(ranking.into_iter().map(|(id, _)| id).collect())
    }

    /// Share of the question that the passages of `grounds` hold together.
    fn coverage(&self, grounds: &[(usize, Range<usize>)]) -> f32 {
        let held: HashSet<String> = grounds
            .iter()
            .flat_map(|(at, _)| self.pool.candidates[*at].terms.iter().cloned())
            .collect();
        self.asked.coverage(&held)
    }

    /// The way by which the hunt came to the candidate at `at`: back from source to source, the
    /// sentence in each that points on, until one that the question itself leads to.
    fn way_to(
        &self,
        session: &Session<'_>,
        mut at: usize,
    ) -> Result<Vec<(usize, Range<usize>)>, AgentError> {
        /// Longest way that is shown.
        const MOST_HOPS: usize = 3;
        /// From this share of the best lexical score on, a search for the question finds a document
        /// by itself.
        const FOUND_DIRECTLY: f32 = 0.9;
        let mut way: Vec<(usize, Range<usize>)> = Vec::new();
        while way.len() < MOST_HOPS {
            let target = &self.pool.candidates[at];
            if target.named > 0.0 || target.lexical >= FOUND_DIRECTLY {
                break;
            }
            let passed = |&&(source, strength): &&(usize, f32)| {
                self.pool.candidates[source].score * strength
            };
            let Some(&(source, _)) =
                target.sources.iter().max_by(|a, b| passed(a).total_cmp(&passed(b)))
            else {
                break;
            };
            if way.iter().any(|(known, _)| *known == source) {
                break;
            }
            let Some(sentence) = self.pointing_sentence(session, source, at)? else { break };
            way.push((source, sentence));
            at = source;
        }
        Ok(way)
    }

    /// The sentence of `source`'s passage that names the document at `target`, or else the one that
    /// has most words with its passage in common.
    fn pointing_sentence(
        &self,
        session: &Session<'_>,
        source: usize,
        target: usize,
    ) -> Result<Option<Range<usize>>, AgentError> {
        let (from, to) = (&self.pool.candidates[source], &self.pool.candidates[target]);
        let passage = &from.document.text[from.passage.clone()];
        let named = session
            .mentions(passage)?
            .into_iter()
            .find(|mention| mention.documents.contains(&to.document.id))
            .map(|mention| mention.range.start);
        let sentences = sentences(passage);
        let found = match named {
            Some(place) => sentences.into_iter().find(|range| range.contains(&place)),
            None => {
                let shared = |range: &Range<usize>| {
                    let terms: HashSet<String> = sleuth_index::analyze(&passage[range.clone()])
                        .into_iter()
                        .map(|term| term.text)
                        .collect();
                    terms.intersection(&to.terms).count()
                };
                sentences.into_iter().rev().max_by_key(shared)
            }
        };
        let start = from.passage.start;
        Ok(found.map(|range| range.start + start..range.end + start))
    }
}

/// The candidate answers of `question` as the policy would weigh them, for learning the weights.
///
/// # Errors
/// As [`crate::ask`].
pub fn candidate_answers(session: &mut Session<'_>) -> Result<Vec<Answer>, AgentError> {
    let options = TrailOptions::default();
    let mut hunt = Hunt::start(session, &options)?;
    hunt.follow_all(session)?;
    Ok(answers(&hunt.asked, &hunt.pool))
}
