//! What is said of a set of observations: one [`Metric`] at a time, as a mean over tasks.
//!
//! Rollouts of a task are averaged first, so that every task weighs the same however many of its
//! rollouts were judged.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::statistics::{Estimate, Resampling, Scale, estimate};
use crate::system::{Observation, Outcome};

/// A number that an episode has; some have it only where it makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// 1 where the verifier found the answer right.
    Correct,
    /// Exact match with a gold answer.
    ExactMatch,
    /// Word F1 with the best gold answer.
    F1,
    /// 1 where *not found* was said of a task that has an answer.
    NotFoundWrongly,
    /// 1 where *not found* was said of a task that has none.
    NotFoundRightly,
    /// 1 where there is neither an answer nor *not found*.
    NoAnswer,
    /// Share of the gold evidence's documents found by a search or opened.
    EvidenceSeen,
    /// The same for the first ten of the final ranking.
    EvidenceRanked,
    /// Share of citations marked exact; of answers that cite.
    CitationsExact,
    /// Share of citations marked exact or partial; of answers that cite.
    CitationsSupported,
    /// The reward.
    Reward,
    /// Searches of the store.
    Searches,
    /// Documents opened.
    Pages,
    /// Turns taken.
    Turns,
    /// Tokens of all model calls, prompts counted without what the engine still held.
    Tokens,
    /// Wall-clock seconds.
    Seconds,
    /// US dollars.
    Dollars,
}

impl Metric {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 17] = [
        Self::Correct,
        Self::ExactMatch,
        Self::F1,
        Self::NotFoundWrongly,
        Self::NotFoundRightly,
        Self::NoAnswer,
        Self::EvidenceSeen,
        Self::EvidenceRanked,
        Self::CitationsExact,
        Self::CitationsSupported,
        Self::Reward,
        Self::Searches,
        Self::Pages,
        Self::Turns,
        Self::Tokens,
        Self::Seconds,
        Self::Dollars,
    ];

    /// The word in tables, flags and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::ExactMatch => "exact_match",
            Self::F1 => "f1",
            Self::NotFoundWrongly => "not_found_wrongly",
            Self::NotFoundRightly => "not_found_rightly",
            Self::NoAnswer => "no_answer",
            Self::EvidenceSeen => "evidence_seen",
            Self::EvidenceRanked => "evidence_ranked",
            Self::CitationsExact => "citations_exact",
            Self::CitationsSupported => "citations_supported",
            Self::Reward => "reward",
            Self::Searches => "searches",
            Self::Pages => "pages",
            Self::Turns => "turns",
            Self::Tokens => "tokens",
            Self::Seconds => "seconds",
            Self::Dollars => "dollars",
        }
    }

    /// What it is, in a phrase.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Correct => "share that the task's own verifier found right",
            Self::ExactMatch => {
                "share equal to a gold answer but for case, articles and punctuation (SQuAD)"
            }
            Self::F1 => "words shared with the best gold answer, 0 to 1 (SQuAD)",
            Self::NotFoundWrongly => "share of *not found* where there is an answer",
            Self::NotFoundRightly => "share of *not found* where there is none",
            Self::NoAnswer => "share with neither an answer nor *not found*",
            Self::EvidenceSeen => "share of the evidence's documents that were found or opened",
            Self::EvidenceRanked => "the same in the first ten of the final ranking",
            Self::CitationsExact => "share of citations whose quote holds the claim's words",
            Self::CitationsSupported => "the same with those that hold most of them",
            Self::Reward => "what training would get",
            Self::Searches => "searches of the store",
            Self::Pages => "documents opened",
            Self::Turns => "turns of the policy",
            Self::Tokens => "tokens read anew and written, of all model calls",
            Self::Seconds => "wall-clock seconds",
            Self::Dollars => "US dollars, where prices are known",
        }
    }

    /// Whether a single episode has 0 or 1 of it, so that its mean is a share of trials.
    pub fn is_share(self) -> bool {
        matches!(self.scale(0), Scale::Trials(_))
    }

    /// What its values can be; those of a share come from `n_trials` episodes.
    fn scale(self, n_trials: usize) -> Scale {
        match self {
            Self::Correct
            | Self::ExactMatch
            | Self::NotFoundWrongly
            | Self::NotFoundRightly
            | Self::NoAnswer => Scale::Trials(n_trials),
            Self::F1
            | Self::EvidenceSeen
            | Self::EvidenceRanked
            | Self::CitationsExact
            | Self::CitationsSupported => Scale::Unit,
            Self::Reward
            | Self::Searches
            | Self::Pages
            | Self::Turns
            | Self::Tokens
            | Self::Seconds
            | Self::Dollars => Scale::Any,
        }
    }

    /// Decimals that a table shows.
    pub(crate) fn decimals(self) -> usize {
        match self {
            Self::Searches | Self::Pages | Self::Turns => 1,
            Self::Tokens => 0,
            Self::Seconds => 2,
            Self::Dollars => 5,
            Self::Correct
            | Self::ExactMatch
            | Self::F1
            | Self::NotFoundWrongly
            | Self::NotFoundRightly
            | Self::NoAnswer
            | Self::EvidenceSeen
            | Self::EvidenceRanked
            | Self::CitationsExact
            | Self::CitationsSupported
            | Self::Reward => 3,
        }
    }

    /// The value of an episode; `None` where it ended in an error or has none.
    pub fn of(self, observation: &Observation) -> Option<f64> {
        let outcome = observation.outcome.as_ref().ok()?;
        let one = |is: bool| Some(f64::from(u8::from(is)));
        let Outcome { citations: [exact, partial, all], .. } = *outcome;
        let cited = |n: usize| (all > 0).then(|| n as f64 / all as f64);
        match self {
            Self::Correct => one(outcome.correct),
            Self::ExactMatch | Self::F1 if !observation.has_gold => None,
            Self::ExactMatch => Some(outcome.exact_match),
            Self::F1 => Some(outcome.f1),
            Self::NotFoundWrongly if observation.unanswerable => None,
            Self::NotFoundRightly if !observation.unanswerable => None,
            Self::NotFoundWrongly | Self::NotFoundRightly => one(outcome.not_found),
            Self::NoAnswer => one(!outcome.ended),
            Self::EvidenceSeen => outcome.evidence_seen,
            Self::EvidenceRanked => outcome.evidence_ranked,
            Self::CitationsExact => cited(exact),
            Self::CitationsSupported => cited(exact + partial),
            Self::Reward => Some(outcome.reward),
            Self::Searches => Some(f64::from(observation.searches)),
            Self::Pages => Some(f64::from(observation.pages)),
            Self::Turns => Some(f64::from(observation.turns)),
            Self::Tokens => {
                let tokens = &observation.tokens;
                let read = tokens.prompt_tokens.saturating_sub(tokens.cached_tokens);
                Some((read + tokens.completion_tokens) as f64)
            }
            Self::Seconds => Some(observation.seconds),
            Self::Dollars => observation.dollars,
        }
    }

    /// The mean over tasks; `None` where no observation has a value.
    pub fn estimate<'a>(
        self,
        observations: impl IntoIterator<Item = &'a Observation>,
        resampling: &Resampling,
    ) -> Option<Estimate> {
        let by_task = self.by_task(observations);
        let n_trials = by_task.iter().map(|task| task.values.len()).sum();
        let values: Vec<(&str, f64)> =
            by_task.iter().map(|task| (task.cluster, task.mean())).collect();
        estimate(&values, self.scale(n_trials), resampling)
    }

    /// The values of each task that has any, in the order of first appearance.
    pub(crate) fn by_task<'a>(
        self,
        observations: impl IntoIterator<Item = &'a Observation>,
    ) -> Vec<TaskValues<'a>> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut tasks: Vec<TaskValues<'a>> = Vec::new();
        for observation in observations {
            let Some(value) = self.of(observation) else { continue };
            let (task, cluster) = (observation.task.0.as_str(), observation.cluster.as_str());
            let place = *places.entry(task).or_insert_with(|| {
                tasks.push(TaskValues { task, cluster, values: Vec::new() });
                tasks.len() - 1
            });
            tasks[place].values.push(value);
        }
        tasks
    }
}

/// The values of one task's rollouts.
pub(crate) struct TaskValues<'a> {
    pub(crate) task: &'a str,
    pub(crate) cluster: &'a str,
    /// Not empty.
    pub(crate) values: Vec<f64>,
}

impl TaskValues<'_> {
    pub(crate) fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|metric| metric.as_str()).collect();
            format!("unknown metric `{name}`: expected one of {}", known.join(", "))
        })
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
