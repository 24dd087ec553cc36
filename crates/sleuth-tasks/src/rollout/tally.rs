//! What came of rollouts, added up.

use std::collections::BTreeMap;

use crate::attempt::Attempt;
use crate::episode::{Boundary, Ending};

/// Sums over episodes. Those that failed have no verdict and no reward, and are left out of the means
/// of both.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Tally {
    /// Episodes, those that failed included.
    pub episodes: u64,
    /// Episodes with a verdict.
    pub scored: u64,
    /// Of those, with a right answer.
    pub correct: u64,
    /// Sum of exact matches.
    pub exact_match: f64,
    /// Sum of word F1.
    pub f1: f64,
    /// Sum of rewards.
    pub reward: f64,
    /// Episodes that failed, by the part that did.
    pub failed: BTreeMap<Boundary, u64>,
    /// Times that a rollout was begun again.
    pub retries: u64,
    /// Searches.
    pub searches: u64,
    /// Documents opened.
    pub pages: u64,
    /// Turns.
    pub turns: u64,
    /// Actions that were no valid call.
    pub invalid_actions: u64,
    /// Tokens of prompts and replies.
    pub tokens: u64,
    /// US dollars.
    pub dollars: f64,
}

impl Tally {
    /// Adds an episode.
    pub fn add(&mut self, ending: &Ending, attempt: &Attempt, retries: u32) {
        self.episodes += 1;
        match ending {
            Ending::Scored { verdict, reward } => {
                self.scored += 1;
                self.correct += u64::from(verdict.correct);
                self.exact_match += verdict.exact_match;
                self.f1 += verdict.f1;
                self.reward += reward.total;
            }
            Ending::Failed { boundary, .. } => *self.failed.entry(*boundary).or_default() += 1,
        }
        self.retries += u64::from(retries);
        self.searches += attempt.searches.len() as u64;
        self.pages += attempt.opened.len() as u64;
        self.turns += u64::from(attempt.turns);
        self.invalid_actions += u64::from(attempt.invalid_actions);
        let tokens = &attempt.usage.tokens;
        self.tokens += tokens.prompt_tokens + tokens.completion_tokens;
        self.dollars += attempt.usage.dollars;
    }

    /// Episodes that failed.
    pub fn n_failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// The mean of `sum` over episodes with a verdict; nothing where there is none.
    pub fn mean(&self, sum: f64) -> Option<f64> {
        (self.scored > 0).then(|| sum / self.scored as f64)
    }
}
