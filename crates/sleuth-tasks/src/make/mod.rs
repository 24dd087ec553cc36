//! Tasks made from a store, without a model.
//!
//! Facts are read off all documents ([`web`]), documents are cut into splits by family ([`families`]),
//! and each kind draws its candidates from the facts of one split: [`hops`] (one hop, bridges),
//! [`pairs`] (comparisons, intersections), [`blur`] (obfuscated), [`missing`] (unanswerable). Candidates
//! pass the filters of [`crate::filter`]; what is left are tasks.
//!
//! Everything is drawn from one seed, candidates are judged in parallel and taken in their order: the same
//! store and the same options give the same tasks, byte for byte, on any number of threads.

mod asked;
pub(crate) mod blur;
pub(crate) mod candidate;
pub(crate) mod constraint;
pub(crate) mod families;
pub(crate) mod hops;
pub(crate) mod minhash;
pub(crate) mod missing;
pub(crate) mod pairs;
mod plans;
mod report;
mod reword;
mod split;
pub(crate) mod web;

use std::time::{Duration, Instant};

use sleuth_agent::AgentError;
use sleuth_index::{IndexError, Retriever, Store};
use sleuth_lm::{LanguageModel, LmError};
use sleuth_records::{Digest, Document, Question};

use crate::filter::{Filter, calls, closed_book, leak, reader, unique, well_formed};
use crate::task::{Kind, Provenance, Split, TASK_SCHEMA, Task, TaskId};
use asked::Asked;
use candidate::Candidate;
pub use families::Shares;
use families::{Families, families};
use hops::Ways;
use minhash::Signature;
use plans::{Plan, Planner};
pub use report::{KindReport, MakeReport};
pub use split::{SplitReport, split_by_evidence};
use web::{Web, folded_words, in_parallel};

/// Version of the recipes and filters: another one makes other tasks from the same store and seed.
const RECIPE: u32 = 2;
/// Candidates that are judged at once; how many does not change what comes out.
const BATCH: usize = 256;

/// What to make.
#[derive(Clone, Debug, PartialEq)]
pub struct MakeOptions {
    /// Seed of all randomness.
    pub seed: u64,
    /// Kinds to make.
    pub kinds: Vec<Kind>,
    /// Most tasks of each kind.
    pub count: usize,
    /// Most candidates of each kind.
    pub candidates: usize,
    /// Shares of the splits.
    pub shares: Shares,
    /// Threads, at least one.
    pub threads: usize,
    /// Attempts of the model at a question without documents, where there is a model.
    pub attempts: u32,
    /// Whether the model rewords the questions.
    pub reword: bool,
}

impl Default for MakeOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            kinds: Kind::ALL.into_iter().filter(|kind| *kind != Kind::Other).collect(),
            count: 100,
            candidates: 20_000,
            shares: Shares::default(),
            threads: 1,
            attempts: 4,
            reword: false,
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MakeProgress {
    /// Documents are read.
    Reading,
    /// Candidates of a kind are judged.
    Judging {
        /// The kind.
        kind: Kind,
        /// Candidates so far.
        candidates: usize,
        /// Tasks so far.
        tasks: usize,
    },
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The tasks, by kind, in the order in which they were drawn.
    pub tasks: Vec<Task>,
    /// What came of the candidates.
    pub report: MakeReport,
}

/// Why no tasks could be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] IndexError),
    /// The reader of the filters failed.
    #[error("cannot judge a candidate")]
    Reader(#[source] AgentError),
    /// The model cannot be asked.
    #[error(transparent)]
    Model(#[from] LmError),
    /// Nothing that the readers of facts know stands in the store.
    #[error(
        "no facts in the store: expected sentences that define, or entries of a manual (documents read: {documents})"
    )]
    NoFacts {
        /// Documents that were read.
        documents: usize,
    },
    /// The caller asked to stop.
    #[error("making tasks was cancelled")]
    Cancelled,
}

impl From<AgentError> for MakeError {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Store(error) => Self::Store(error),
            AgentError::Model(error) => Self::Model(error),
            error => Self::Reader(error),
        }
    }
}

/// Everything that judging a candidate needs.
struct Maker<'a> {
    store: &'a Store,
    web: Web,
    families: Families,
    options: &'a MakeOptions,
    snapshot: String,
    source: String,
    /// What the reader made of hops so far.
    read: reader::Memory,
}

/// What came of a candidate, and how long each filter took.
pub(crate) struct Judged {
    candidate: Candidate,
    /// The filter that it did not pass.
    failed: Option<Filter>,
    difficulty: f64,
    took: Vec<(Filter, Duration)>,
}

/// Makes tasks from `store`. With a model, questions are reworded if the options say so, and those that it
/// answers without documents are dropped.
///
/// # Errors
/// See [`MakeError`].
pub fn make(
    store: &Store,
    options: &MakeOptions,
    mut model: Option<&mut dyn LanguageModel>,
    progress: &dyn Fn(MakeProgress),
    cancel: &(dyn Fn() -> bool + Sync),
) -> Result<Made, MakeError> {
    progress(MakeProgress::Reading);
    let begun = Instant::now();
    let mut documents: Vec<Document> = Vec::new();
    store.for_each_document(&mut |document| documents.push(document))?;
    let n_documents = documents.len();
    let web = Web::new(documents, options.threads);
    if web.facts.is_empty() {
        return Err(MakeError::NoFacts { documents: n_documents });
    }
    let ways = Ways::new(&web);
    let families = cut(&web, &ways, options);
    let mut report = MakeReport::new(&web, &families, begun.elapsed());
    let source = store.info()?.name;
    let snapshot = store.snapshot().to_owned();
    let read = reader::Memory::default();
    let maker = Maker { store, web, families, options, snapshot, source, read };

    let mut tasks: Vec<Task> = Vec::new();
    let mut asked = Asked::default();
    for &kind in &options.kinds {
        let mut planner = Planner::new(kind, &maker.web, &maker.families.splits, &ways, options);
        let mut counts = KindReport::new(kind);
        let mut n_made = 0;
        'kind: while counts.candidates < options.candidates && n_made < options.count {
            if cancel() {
                return Err(MakeError::Cancelled);
            }
            let plans = planner.next(&maker.web, &maker.families.splits, BATCH);
            if plans.is_empty() {
                break;
            }
            let judged = in_parallel(&plans, options.threads, |plans| {
                plans.iter().map(|plan| maker.judge(plan)).collect()
            });
            for judged in judged {
                let Some(judged) = judged? else {
                    counts.unworded += 1;
                    continue;
                };
                if counts.candidates >= options.candidates || n_made >= options.count {
                    break 'kind;
                }
                counts.count(&judged);
                if judged.failed.is_some() {
                    continue;
                }
                let Some(task) =
                    maker.finish(judged, &mut asked, &mut model, &mut counts, cancel)?
                else {
                    continue;
                };
                n_made += 1;
                counts.made(task.split, task.hops);
                tasks.push(task);
            }
            progress(MakeProgress::Judging { kind, candidates: counts.candidates, tasks: n_made });
        }
        report.kinds.push(counts);
    }
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(Made { tasks, report })
}

/// Families and splits of the web's documents.
fn cut(web: &Web, ways: &Ways, options: &MakeOptions) -> Families {
    let signature = |at: &usize| {
        let words = folded_words(&web.documents[*at].text);
        Signature::of_words(&words, 5).unwrap_or_else(|| Signature::lone(*at as u64))
    };
    let all: Vec<usize> = (0..web.documents.len()).collect();
    let signatures =
        in_parallel(&all, options.threads, |part| part.iter().map(signature).collect());
    let mut links: Vec<(usize, usize)> = ways
        .leads
        .iter()
        .map(|(&fact, &thing)| (web.facts[fact].document, web.things[thing].document))
        .collect();
    links.sort_unstable();
    links.dedup();
    families(&web.documents, &signatures, &links, &options.shares)
}

impl Maker<'_> {
    /// Words a plan and asks the filters that need no model; `None` where it cannot be worded.
    fn judge(&self, plan: &Plan) -> Result<Option<Judged>, MakeError> {
        let Some(candidate) = plan.word(&self.web) else { return Ok(None) };
        let split = |at: usize| self.families.splits[at];
        let first = split(candidate.supports[0].document);
        if candidate.supports.iter().any(|support| split(support.document) != first) {
            return Ok(None);
        }
        let mut judged = Judged { candidate, failed: None, difficulty: 0.0, took: Vec::new() };
        let mut begun = Instant::now();
        let mut done = |judged: &mut Judged, filter: Filter, passed: bool| {
            let now = Instant::now();
            judged.took.push((filter, now - begun));
            begun = now;
            judged.failed = (!passed).then_some(filter);
            passed
        };
        let passed = well_formed::flaw(&judged.candidate).is_none();
        if !done(&mut judged, Filter::WellFormed, passed) {
            return Ok(Some(judged));
        }
        let passed = unique::is_unique(&self.web, &judged.candidate);
        if !done(&mut judged, Filter::Unique, passed) {
            return Ok(Some(judged));
        }
        let passed = reader::is_answerable(self.store, &self.web, &self.read, &judged.candidate)?;
        if !done(&mut judged, Filter::Answerable, passed) {
            return Ok(Some(judged));
        }
        let found = leak::Found::of(self.store, &judged.candidate)?;
        judged.difficulty = self.difficulty(&judged.candidate, &found);
        let passed = !leak::leaks(&self.web, &judged.candidate, &found);
        if !done(&mut judged, Filter::NoLeak, passed) {
            return Ok(Some(judged));
        }
        if takes_more(judged.candidate.kind) {
            let passed = !calls::is_answered_at_once(self.store, &self.web, &judged.candidate)?;
            done(&mut judged, Filter::Searches, passed);
        }
        Ok(Some(judged))
    }

    /// The candidate in the words of the model, with its difficulty; `None` where those cannot be taken, or
    /// find at once what the old words do not.
    fn reworded(
        &self,
        model: &mut dyn LanguageModel,
        candidate: &Candidate,
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<(Candidate, f64)>, MakeError> {
        let Some(question) = reword::reword(model, candidate, cancel)? else { return Ok(None) };
        let other = Candidate { question, ..candidate.clone() };
        let found = leak::Found::of(self.store, &other)?;
        let given_away = leak::leaks(&self.web, &other, &found)
            || (takes_more(other.kind)
                && calls::is_answered_at_once(self.store, &self.web, &other)?);
        let difficulty = self.difficulty(&other, &found);
        Ok((!given_away).then_some((other, difficulty)))
    }

    /// From 0 to 1: how much of the evidence a search for the question does not find, and how many
    /// documents it takes, half each.
    fn difficulty(&self, candidate: &Candidate, found: &leak::Found) -> f64 {
        let mut documents: Vec<usize> =
            candidate.supports.iter().map(|support| support.document).collect();
        documents.sort_unstable();
        documents.dedup();
        let missed = documents.iter().filter(|at| !found.has(self.web.id(**at))).count();
        let missed = missed as f64 / documents.len().max(1) as f64;
        let most = hops::MOST_HOPS as f64;
        let hops = (f64::from(candidate.n_documents) - 1.0).clamp(0.0, most - 1.0) / (most - 1.0);
        ((missed + hops) / 2.0 * 100.0).round() / 100.0
    }

    /// The filters that go one by one, and the task.
    fn finish(
        &self,
        judged: Judged,
        asked: &mut Asked,
        model: &mut Option<&mut dyn LanguageModel>,
        counts: &mut KindReport,
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Task>, MakeError> {
        let Judged { mut candidate, mut difficulty, .. } = judged;
        let begun = Instant::now();
        let split = self.families.splits[candidate.supports[0].document];
        let is_new = asked.is_new(&self.web, &candidate, split);
        counts.asked(Filter::New, begun.elapsed(), is_new);
        if !is_new {
            counts.drop(Filter::New, &candidate.question);
            return Ok(None);
        }
        let drawn = candidate.question.clone();
        let mut reworded_by = None;
        if let Some(model) = model.as_deref_mut().filter(|_| self.options.reword)
            && let Some((other, other_difficulty)) = self.reworded(model, &candidate, cancel)?
        {
            (candidate, difficulty) = (other, other_difficulty);
            reworded_by = Some(model.info().name.clone());
        }
        let Some(task) = self.task(&candidate, &drawn, difficulty, reworded_by) else {
            return Ok(None);
        };
        if let Some(model) = model.as_deref_mut().filter(|_| !task.is_unanswerable()) {
            let begun = Instant::now();
            let (others, attempts) = (self.others(&candidate), self.options.attempts);
            let is_known = closed_book::is_known(model, &task, &others, attempts, cancel)?;
            counts.asked(Filter::NotKnown, begun.elapsed(), !is_known);
            if is_known {
                counts.drop(Filter::NotKnown, &candidate.question);
                return Ok(None);
            }
        }
        counts.reworded += usize::from(task.provenance.reworded_by.is_some());
        Ok(Some(task))
    }

    /// Names of what the question of a comparison offers beside the answer.
    fn others(&self, candidate: &Candidate) -> Vec<String> {
        if candidate.kind != Kind::Comparison {
            return Vec::new();
        }
        let things = candidate.hops.iter().map(|hop| self.web.facts[hop.fact].thing);
        let names = things.map(|thing| candidate::names(&self.web, thing));
        names.filter(|names| *names != candidate.golds).flatten().collect()
    }

    /// The task that a candidate is; `drawn` is its question as it was drawn, by which it is called.
    fn task(
        &self,
        candidate: &Candidate,
        drawn: &str,
        difficulty: f64,
        reworded_by: Option<String>,
    ) -> Option<Task> {
        let question = Question::new(&candidate.question)?;
        let document = candidate.supports[0].document;
        let mut digest = Digest::new();
        digest.field(self.snapshot.as_bytes()).field(drawn.as_bytes());
        for gold in &candidate.golds {
            digest.field(gold.as_bytes());
        }
        Some(Task {
            schema: TASK_SCHEMA,
            id: TaskId(format!("{}-{}", candidate.kind, &digest.hex()[..12])),
            question,
            gold_answers: candidate.golds.clone(),
            evidence: candidate.evidence(&self.web),
            kind: candidate.kind,
            hops: candidate.n_documents,
            difficulty: Some(difficulty),
            store: Some(self.snapshot.clone()),
            split: self.families.splits[document],
            verifier: candidate.verifier.clone(),
            steps: candidate.steps(&self.web),
            provenance: Provenance {
                source: self.source.clone(),
                recipe: format!("{} {RECIPE}", candidate.recipe),
                seed: Some(self.options.seed),
                reworded_by,
                family: Some(self.families.names[document].clone()),
            },
        })
    }
}

/// Whether a question of a kind is to take more than one search: what one document answers may be found at
/// once, and what nothing answers cannot.
fn takes_more(kind: Kind) -> bool {
    !matches!(kind, Kind::OneHop | Kind::Unanswerable)
}

/// Whether any split has no task, which a report says.
pub(crate) fn splits_of(tasks: &[Task]) -> [usize; 3] {
    let mut out = [0; 3];
    for task in tasks {
        let at = match task.split {
            Split::Train => 0,
            Split::Dev => 1,
            Split::Test => 2,
        };
        out[at] += 1;
    }
    out
}
