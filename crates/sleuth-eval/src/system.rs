//! Episodes as measurements see them.
//!
//! Files of episodes are read one line at a time and each episode is boiled down to an
//! [`Observation`], so that a file of any size can be measured. Observations made by one policy with
//! one model over one store within one budget are a [`System`]: only those may be averaged.
//!
//! An episode that ended in an error has no outcome. It is counted by the boundary that failed, and
//! enters no mean; see [`Observation::outcome`].

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sleuth_lm::PriceTable;
use sleuth_records::{Budget, DocumentId, Event, Mark, TokenUsage};
use sleuth_tasks::{
    Boundary, Ending, Episode, Kind, LinesError, Source, Split, Task, TaskId, read_episodes,
};

/// Files of episodes that cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum EpisodesError {
    /// A file cannot be read, or a line is not an episode.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// A file has no whole episode in it.
    #[error("no episodes in `{}`", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// One rollout of a task stands twice.
    #[error(
        "`{}` has rollout {rollout} of task `{task}` again, by the same system, after `{}`",
        path.display(),
        first.display()
    )]
    Twice {
        /// The file that has it the second time.
        path: PathBuf,
        /// The file that had it first; it may be the same.
        first: PathBuf,
        /// The task.
        task: TaskId,
        /// The rollout.
        rollout: u32,
    },
    /// Episodes of one id are of different tasks.
    #[error(
        "task `{task}` is not the same everywhere: `{}` differs in the {part}", path.display()
    )]
    OtherTask {
        /// The file that differs from what came before.
        path: PathBuf,
        /// The task.
        task: TaskId,
        /// `question`, `gold answers`, `evidence` or `verifier`.
        part: &'static str,
    },
}

/// What an episode was made under. Two systems can be compared where all but policy and model agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Protocol {
    /// Name of the policy.
    pub policy: String,
    /// Name of its model; absent where it has none, or nobody said.
    pub model: Option<String>,
    /// Snapshot id of the store.
    pub store: String,
    /// Retrieval id.
    pub retrieval: String,
    /// The limits; absent where no episode says, as of a policy that lives in another program.
    pub budget: Option<Budget>,
}

impl Protocol {
    /// Policy and model in one phrase.
    pub fn name(&self) -> String {
        match &self.model {
            Some(model) => format!("{} with {model}", self.policy),
            None => self.policy.clone(),
        }
    }

    /// The limits in words.
    pub fn limits(&self) -> String {
        let Some(budget) = &self.budget else { return "budget not known".to_owned() };
        let whole = |n: Option<u64>, noun: &str| n.map(|n| format!("{n} {noun}"));
        let real = |n: Option<f64>, noun: &str| n.map(|n| format!("{n} {noun}"));
        let limits = [
            whole(budget.searches.map(u64::from), "searches"),
            whole(budget.pages.map(u64::from), "pages"),
            whole(budget.turns.map(u64::from), "turns"),
            whole(budget.tokens, "tokens"),
            real(budget.seconds, "s"),
            real(budget.dollars, "dollars"),
        ];
        let said: Vec<String> = limits.into_iter().flatten().collect();
        if said.is_empty() { "no limits".to_owned() } else { format!("budget {}", said.join(", ")) }
    }

    fn is_but_for_budget(&self, other: &Self) -> bool {
        (&self.policy, &self.model, &self.store, &self.retrieval)
            == (&other.policy, &other.model, &other.store, &other.retrieval)
    }
}

/// How hard a task is, in thirds of its stated difficulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Below ⅓.
    Easy,
    /// From ⅓ up.
    Medium,
    /// From ⅔ up.
    Hard,
}

impl Band {
    /// All of them, easiest first.
    pub const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    /// The third that a difficulty from 0 to 1 lies in.
    pub fn of(difficulty: f64) -> Self {
        if difficulty < 1.0 / 3.0 {
            Self::Easy
        } else if difficulty < 2.0 / 3.0 {
            Self::Medium
        } else {
            Self::Hard
        }
    }

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }
}

/// What came of a judged episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whether the verifier found the answer right.
    pub correct: bool,
    /// Exact match: 0 or 1.
    pub exact_match: f64,
    /// Word F1, from 0 to 1.
    pub f1: f64,
    /// The reward.
    pub reward: f64,
    /// The answer; empty for *not found* and where there is none.
    pub answer: String,
    /// Whether it was *not found*.
    pub not_found: bool,
    /// Whether there is an answer or *not found*.
    pub ended: bool,
    /// Confidence from 0 to 1 that the policy stated last; see [`stated_confidence`].
    pub confidence: Option<f64>,
    /// Citations marked exact, marked partial, and of any mark.
    pub citations: [usize; 3],
    /// Share of the gold evidence's documents that searches found or that were opened; absent where
    /// the task names none.
    pub evidence_seen: Option<f64>,
    /// The same for the first ten documents of the final ranking; absent where the policy makes none.
    pub evidence_ranked: Option<f64>,
}

/// One episode as measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The task.
    pub task: TaskId,
    /// Tasks of one cluster share a source: the family by which splits are cut; where there is none,
    /// the one document of the evidence; else the task itself.
    pub cluster: String,
    /// Kind of the question.
    pub kind: Kind,
    /// Documents that have to be read; 0 where nobody knows.
    pub hops: u32,
    /// The split.
    pub split: Split,
    /// Stated difficulty.
    pub band: Option<Band>,
    /// Whether *not found* is right.
    pub unanswerable: bool,
    /// Whether anything is known to compare an answer with: a gold answer, or that there is none.
    pub has_gold: bool,
    /// Which rollout of the task.
    pub rollout: u32,
    /// Its seed.
    pub seed: u64,
    /// What came of it, or the boundary that failed.
    pub outcome: Result<Outcome, Boundary>,
    /// Searches of the store.
    pub searches: u32,
    /// Documents opened.
    pub pages: u32,
    /// Turns taken.
    pub turns: u32,
    /// Tokens of all model calls.
    pub tokens: TokenUsage,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// US dollars; absent where a model was called and its price is not known.
    pub dollars: Option<f64>,
}

/// Observations of one system.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// What they were made under.
    pub protocol: Protocol,
    /// In the order of the files.
    pub observations: Vec<Observation>,
}

/// What files of episodes hold.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The systems, in the order of their first episodes.
    pub systems: Vec<System>,
    /// Files whose last line was cut: the episode in flight when their writer died.
    pub torn: Vec<PathBuf>,
    /// Models that were called and that the price table does not know; without a table, those whose
    /// episodes name no cost.
    pub unpriced: BTreeSet<String>,
    /// The tasks, by id.
    pub tasks: HashMap<TaskId, Task>,
}

/// Reads files of episodes. With a price table, a model's tokens are priced by it; without, what the
/// episodes say they cost is taken.
///
/// # Errors
/// When a file cannot be read or holds no episode, one rollout stands twice, or one id names
/// different tasks.
pub fn read_systems(
    paths: &[PathBuf],
    prices: Option<&PriceTable>,
) -> Result<Loaded, EpisodesError> {
    let mut loaded = Loaded::default();
    let mut seen: HashMap<(usize, TaskId, u32), PathBuf> = HashMap::new();
    for path in paths {
        let mut n_episodes = 0;
        let torn = read_episodes(path, |episode| {
            n_episodes += 1;
            loaded.add(path, episode, prices, &mut seen)
        })?;
        if torn {
            loaded.torn.push(path.clone());
        }
        if n_episodes == 0 {
            return Err(EpisodesError::Empty { path: path.clone() });
        }
    }
    loaded.join_unlimited();
    Ok(loaded)
}

impl Loaded {
    fn add(
        &mut self,
        path: &Path,
        episode: Episode,
        prices: Option<&PriceTable>,
        seen: &mut HashMap<(usize, TaskId, u32), PathBuf>,
    ) -> Result<(), EpisodesError> {
        let protocol = protocol_of(&episode);
        let dollars = self.dollars_of(&episode, prices);
        let observation = observe(&episode, dollars);
        let at = self.systems.iter().position(|system| system.protocol == protocol);
        let at = at.unwrap_or_else(|| {
            self.systems.push(System { protocol, observations: Vec::new() });
            self.systems.len() - 1
        });
        self.same_task(path, &episode.task)?;
        let key = (at, observation.task.clone(), observation.rollout);
        if let Some(first) = seen.insert(key, path.to_owned()) {
            let (path, task) = (path.to_owned(), observation.task);
            return Err(EpisodesError::Twice { path, first, task, rollout: observation.rollout });
        }
        self.tasks.entry(episode.task.id.clone()).or_insert(episode.task);
        self.systems[at].observations.push(observation);
        Ok(())
    }

    /// Refuses a task that is not the known one of its id; `path` is where it stands.
    ///
    /// # Errors
    /// When the two differ in what decides what an answer is worth.
    pub fn same_task(&self, path: &Path, task: &Task) -> Result<(), EpisodesError> {
        match self.tasks.get(&task.id).and_then(|known| differing_part(known, task)) {
            Some(part) => Err(EpisodesError::OtherTask {
                path: path.to_owned(),
                task: task.id.clone(),
                part: part.as_str(),
            }),
            None => Ok(()),
        }
    }

    fn dollars_of(&mut self, episode: &Episode, prices: Option<&PriceTable>) -> Option<f64> {
        let usage = &episode.attempt.usage;
        let n_tokens = usage.tokens.prompt_tokens + usage.tokens.completion_tokens;
        let Some(model) = episode.model.as_ref().filter(|_| n_tokens > 0) else {
            return Some(usage.dollars);
        };
        let priced = match prices {
            Some(table) => table.find(model).and_then(|listing| listing.price),
            None if usage.dollars > 0.0 => return Some(usage.dollars),
            None => None,
        };
        if priced.is_none() {
            self.unpriced.insert(model.clone());
        }
        priced.map(|price| price.of(&usage.tokens))
    }

    /// Episodes that ended before they could say their budget belong to the system that is otherwise
    /// theirs, where there is just one.
    fn join_unlimited(&mut self) {
        let unlimited: Vec<usize> = (0..self.systems.len())
            .filter(|&at| self.systems[at].protocol.budget.is_none())
            .filter(|&at| self.systems[at].observations.iter().all(|o| o.outcome.is_err()))
            .collect();
        for at in unlimited.into_iter().rev() {
            let protocol = &self.systems[at].protocol;
            let same = |other: &System| {
                other.protocol.budget.is_some() && other.protocol.is_but_for_budget(protocol)
            };
            let mut homes = (0..self.systems.len()).filter(|&home| same(&self.systems[home]));
            if let (Some(home), None) = (homes.next(), homes.next()) {
                let moved = self.systems.remove(at).observations;
                let home = if home > at { home - 1 } else { home };
                self.systems[home].observations.extend(moved);
            }
        }
    }
}

fn protocol_of(episode: &Episode) -> Protocol {
    let budget = episode.events.iter().find_map(|envelope| {
        let Event::Started { budget, .. } = &envelope.event else { return None };
        Some(budget.clone())
    });
    Protocol {
        policy: episode.policy.clone(),
        model: episode.model.clone(),
        store: episode.store.clone(),
        retrieval: episode.retrieval.clone(),
        budget,
    }
}

/// A part of a task by which it is decided what an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskPart {
    Question,
    GoldAnswers,
    Evidence,
    Verifier,
}

impl TaskPart {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::GoldAnswers => "gold answers",
            Self::Evidence => "evidence",
            Self::Verifier => "verifier",
        }
    }

    /// What stands there, for a person.
    pub(crate) fn text(self, task: &Task) -> String {
        let part = match self {
            Self::Question => return task.question.as_str().to_owned(),
            Self::GoldAnswers => serde_json::to_string(&task.gold_answers),
            Self::Evidence => serde_json::to_string(&task.evidence),
            Self::Verifier => serde_json::to_string(&task.verifier),
        };
        part.unwrap_or_default()
    }
}

/// The first part in which two tasks of one id differ.
pub(crate) fn differing_part(one: &Task, two: &Task) -> Option<TaskPart> {
    if one.question != two.question {
        Some(TaskPart::Question)
    } else if one.gold_answers != two.gold_answers {
        Some(TaskPart::GoldAnswers)
    } else if one.evidence != two.evidence {
        Some(TaskPart::Evidence)
    } else if one.verifier != two.verifier {
        Some(TaskPart::Verifier)
    } else {
        None
    }
}

fn observe(episode: &Episode, dollars: Option<f64>) -> Observation {
    let Episode { task, attempt, .. } = episode;
    let outcome = match &episode.ending {
        Ending::Failed { boundary, .. } => Err(*boundary),
        Ending::Scored { verdict, reward } => {
            let marked = |mark| attempt.citations.iter().filter(|c| c.mark == mark).count();
            let ranked: Vec<&DocumentId> = attempt.ranking.iter().take(10).collect();
            Ok(Outcome {
                correct: verdict.correct,
                exact_match: verdict.exact_match,
                f1: verdict.f1,
                reward: reward.total,
                answer: attempt.answer.clone(),
                not_found: attempt.not_found,
                ended: attempt.ended,
                confidence: last_said(episode).and_then(stated_confidence),
                citations: [marked(Mark::Exact), marked(Mark::Partial), attempt.citations.len()],
                evidence_seen: share_of_evidence(task, &attempt.seen()),
                evidence_ranked: share_of_evidence(task, &ranked).filter(|_| !ranked.is_empty()),
            })
        }
    };
    Observation {
        task: task.id.clone(),
        cluster: cluster_of(task),
        kind: task.kind,
        hops: task.hops,
        split: task.split,
        band: task.difficulty.map(Band::of),
        unanswerable: task.is_unanswerable(),
        has_gold: task.is_unanswerable() || !task.gold_answers.is_empty(),
        rollout: episode.rollout,
        seed: episode.seed,
        outcome,
        searches: attempt.usage.searches.max(attempt.searches.len() as u32),
        pages: attempt.usage.pages.max(attempt.opened.len() as u32),
        turns: attempt.turns,
        tokens: attempt.usage.tokens,
        seconds: attempt.usage.elapsed_ms as f64 / 1_000.0,
        dollars,
    }
}

fn cluster_of(task: &Task) -> String {
    if let Some(family) = &task.provenance.family {
        return format!("family {family}");
    }
    match evidence_documents(task).as_slice() {
        [only] => format!("document {only}"),
        _ => format!("task {}", task.id),
    }
}

fn evidence_documents(task: &Task) -> Vec<&DocumentId> {
    let mut documents: Vec<&DocumentId> = task.evidence.iter().map(|e| &e.document).collect();
    documents.sort_unstable();
    documents.dedup();
    documents
}

fn share_of_evidence(task: &Task, found: &[&DocumentId]) -> Option<f64> {
    let gold = evidence_documents(task);
    let n_found = gold.iter().filter(|id| found.contains(id)).count();
    (!gold.is_empty()).then(|| n_found as f64 / gold.len() as f64)
}

fn last_said(episode: &Episode) -> Option<&str> {
    let sampled = |segment: &&sleuth_tasks::Segment| segment.source == Source::Sampled;
    episode.transcript.iter().rev().find(sampled).map(|segment| segment.text.as_str())
}

/// The confidence that a text states last, from 0 to 1: a number after the word *confidence*, as in
/// `Confidence: 85%`, the form that BrowseComp asks for, or `"confidence": 0.85` in a call. A number
/// above 1 or with a per cent sign is in hundredths; one above 100 is none.
pub fn stated_confidence(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let after = &lower[lower.rfind("confidence")? + "confidence".len()..];
    let after = after.trim_start_matches([' ', '\t', ':', '*', '=', '"', '\'', '`']);
    let after = after.strip_prefix("score").unwrap_or(after);
    let after = after.trim_start_matches([' ', '\t', ':', '*', '=', '"', '\'', '`']);
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
    let number: f64 = after[..end].trim_end_matches('.').parse().ok()?;
    let in_hundredths = number > 1.0 || after[end..].trim_start().starts_with('%');
    let confidence = if in_hundredths { number / 100.0 } else { number };
    (0.0..=1.0).contains(&confidence).then_some(confidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_read_where_it_is_stated() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(stated_confidence(text), expected, "{text}");
        };
        check("Exact Answer: Larkhaven\nConfidence: 85%", Some(0.85));
        check("**Confidence:** 85 %.", Some(0.85));
        check("{\"name\": \"answer\", \"arguments\": {\"confidence\": 0.4}}", Some(0.4));
        check("confidence score: 7", Some(0.07));
        check("Confidence: 1%", Some(0.01));
        check("confidence = 1.", Some(1.0));
        check("Confidence: 20%. Now my confidence: 90%", Some(0.9));
        check("I have every confidence in it", None);
        check("confidence: 850%", None);
        check("", None);
    }
}
