//! Episodes: a task, the record of one rollout, and how it ended.
//!
//! A file of episodes is JSON Lines, one [`Episode`] a line, appended whole; a torn last line is one
//! that was in flight when its writer died, and is cut on reading.

use std::fmt;

use serde::{Deserialize, Serialize};
use sleuth_records::{Envelope, Event, Trajectory};

use crate::attempt::Attempt;
use crate::rollout::Recording;
use crate::task::Task;
use crate::verify::JudgeCall;

/// Version of the episode format. A reader refuses a newer one.
pub const EPISODE_SCHEMA: u32 = 1;

/// What a verifier decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the answer is right.
    pub correct: bool,
    /// Exact match with the best gold answer: 0 or 1.
    pub exact_match: f64,
    /// Word F1 with the best gold answer, from 0 to 1.
    pub f1: f64,
    /// One sentence that says why.
    pub reason: String,
    /// Calls of a judge, in order; empty where none was asked. With them the verdict can be reached again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<JudgeCall>,
}

/// One part of a reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardPart {
    /// Its name, such as `outcome`.
    pub name: String,
    /// What it measured, before its weight.
    pub value: f64,
    /// Its weight.
    pub weight: f64,
}

/// A number to train by: the sum over its parts of value times weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// The sum.
    pub total: f64,
    /// What it is the sum of.
    pub parts: Vec<RewardPart>,
}

impl Reward {
    /// The reward with these parts.
    pub fn of(parts: Vec<RewardPart>) -> Self {
        Self { total: parts.iter().map(|part| part.value * part.weight).sum(), parts }
    }
}

/// The part of the whole that failed, where an episode has no reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// The model or its server.
    Model,
    /// The store or a search tool.
    Store,
    /// The verifier, or the judge that it asked.
    Verifier,
    /// The program that the policy lives in: it went away, or took longer than the deadline.
    Client,
    /// The log.
    Log,
}

impl Boundary {
    /// The word in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Store => "store",
            Self::Verifier => "verifier",
            Self::Client => "client",
            Self::Log => "log",
        }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an episode ended: with a reward or with an error, never with a reward that stands for an
/// error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "snake_case")]
pub enum Ending {
    /// The attempt was judged.
    Scored {
        /// What the verifier decided.
        verdict: Verdict,
        /// What training gets.
        reward: Reward,
    },
    /// There is nothing to judge, or nobody could.
    Failed {
        /// Which part failed.
        boundary: Boundary,
        /// What happened, for a person.
        message: String,
    },
}

/// Who wrote a part of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The question, behind the instructions where an environment gave them.
    Prompt,
    /// The policy: these are the tokens that a loss may be laid on.
    Sampled,
    /// A tool: text of documents, which the policy did not write and must not be trained to.
    Tool,
}

/// A run of a transcript that one party wrote. The transcript with its sources is the mask of a loss:
/// only what is [`Source::Sampled`] carries one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Who wrote it.
    pub source: Source,
    /// What was written; calls are JSON objects with `name` and `arguments`, one a line.
    pub text: String,
    /// Token ids, where the policy's program gave them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// Natural logarithms of the tokens' probabilities, one for each token, where they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_probabilities: Vec<f32>,
}

/// What a policy wrote for one action, as the program that samples it knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampled {
    /// What it wrote beside the action.
    pub text: String,
    /// Token ids of all that it wrote; empty where they are not told.
    pub tokens: Vec<u32>,
    /// Natural logarithms of the tokens' probabilities, as many as tokens; empty where they are not told.
    pub log_probabilities: Vec<f32>,
}

impl From<&str> for Sampled {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// [`EPISODE_SCHEMA`] of the writer.
    pub schema: u32,
    /// What was attempted, gold answers and all.
    pub task: Task,
    /// Which rollout of this task it is, from 0.
    pub rollout: u32,
    /// Name of the policy.
    pub policy: String,
    /// Name of its model; absent where it has none, or nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Snapshot id of the store that was searched.
    pub store: String,
    /// Retrieval id: with the snapshot it names what searches return.
    pub retrieval: String,
    /// Seed of the rollout.
    pub seed: u64,
    /// The trajectory; empty where the policy lives in another program and its turns are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Envelope>,
    /// What the verifier saw.
    pub attempt: Attempt,
    /// Who wrote what: see [`Segment`].
    pub transcript: Vec<Segment>,
    /// Verdict and reward, or the error.
    pub ending: Ending,
    /// Times that it was begun again after failures of the infrastructure.
    #[serde(default)]
    pub retries: u32,
    /// What running it again needs beside the store; empty where the policy lives in another program.
    #[serde(default, skip_serializing_if = "Recording::is_empty")]
    pub recording: Recording,
}

impl Episode {
    /// The verdict, where there is one.
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.ending {
            Ending::Scored { verdict, .. } => Some(verdict),
            Ending::Failed { .. } => None,
        }
    }

    /// The reward, where there is one.
    pub fn reward(&self) -> Option<&Reward> {
        match &self.ending {
            Ending::Scored { reward, .. } => Some(reward),
            Ending::Failed { .. } => None,
        }
    }

    /// The same episode with every clock reading set to zero, for comparing two runs.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.events = Trajectory { events: self.events }.without_times().events;
        self.attempt.usage.elapsed_ms = 0;
        self
    }
}

/// The transcript of a trajectory: the question, then what the policy said and what tools answered.
pub fn segments(events: &[Envelope]) -> Vec<Segment> {
    let segment =
        |source, text| Segment { source, text, tokens: Vec::new(), log_probabilities: Vec::new() };
    let mut out = Vec::new();
    for Envelope { event, .. } in events {
        match event {
            Event::Started { question, .. } => {
                out.push(segment(Source::Prompt, question.as_str().to_owned()));
            }
            Event::Turn { message, .. } => {
                let calls = message.tool_calls.iter().map(|call| {
                    serde_json::json!({ "name": call.name, "arguments": call.arguments })
                        .to_string()
                });
                let said = Some(message.content.clone()).filter(|said| !said.is_empty());
                let lines: Vec<String> = said.into_iter().chain(calls).collect();
                out.push(segment(Source::Sampled, lines.join("\n")));
            }
            Event::ToolResult { content, .. } => {
                out.push(segment(Source::Tool, content.clone()));
            }
            Event::EvidenceKept { .. }
            | Event::Noticed { .. }
            | Event::Answer { .. }
            | Event::Checked { .. }
            | Event::Finished { .. } => {}
        }
    }
    out
}
