//! The head of a file of episodes: what all of them were made with.
//!
//! The first line of a file that a run of rollouts writes is not an episode but `{"rollouts": HEAD}`.
//! A run that goes on with the file must be the same in everything that stands there, so that all
//! episodes of the file can be compared; the number of rollouts of each task is left out on purpose,
//! since more of them can be added later. Replays read from it how the policy was set up.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sleuth_lm::ModelInfo;
use sleuth_records::{Budget, Digest};

use crate::RewardRule;
use crate::degrade::Quality;
use crate::task::Task;

/// Version of the head. A reader refuses a newer one.
pub(crate) const HEAD_SCHEMA: u32 = 1;

/// What begins a head's line, and no episode's.
pub(crate) const MARK: &[u8] = b"{\"rollouts\":";

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutHead {
    /// Version of the writer's format.
    pub schema: u32,
    /// SHA-256 over the tasks, in their order.
    pub tasks: String,
    /// Tasks.
    pub n_tasks: usize,
    /// Name of the policy.
    pub policy: String,
    /// Its settings, as [`Policy::settings`](sleuth_agent::Policy::settings) tells them.
    pub settings: Value,
    /// What is known of its model; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelInfo>,
    /// Snapshot id of the store.
    pub store: String,
    /// Retrieval id: with the snapshot it names what searches return.
    pub retrieval: String,
    /// How good the search was made to be.
    pub quality: Quality,
    /// Limits of each rollout.
    pub budget: Budget,
    /// Milliseconds after which a rollout is asked to write up; absent where there is no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// How attempts are rewarded.
    pub reward: RewardRule,
    /// Seed of the run, from which those of its rollouts are made.
    pub seed: u64,
}

/// The line of a head.
#[derive(Serialize, Deserialize)]
pub(crate) struct HeadLine<H> {
    pub(crate) rollouts: H,
}

impl RolloutHead {
    /// The first part in which `other` is another run: its name, what this one has, what the other
    /// has.
    pub(crate) fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let parts = |head: &Self| match serde_json::to_value(head) {
            Ok(Value::Object(parts)) => parts,
            Ok(_) | Err(_) => serde_json::Map::new(),
        };
        let (one, two) = (parts(self), parts(other));
        let text = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
        // A seed may decide which tasks there are, so that where both differ it is the seed that does.
        let seed = "seed".to_owned();
        let names = std::iter::once(&seed).chain(one.keys()).chain(two.keys());
        let name = names.into_iter().find(|name| one.get(*name) != two.get(*name))?;
        if name == "tasks" {
            let few = |head: &Self| {
                let digest: String = head.tasks.chars().take(8).collect();
                format!("{} with the digest {digest}", head.n_tasks)
            };
            return Some((name.clone(), few(self), few(other)));
        }
        Some((name.clone(), text(one.get(name)), text(two.get(name))))
    }
}

/// SHA-256 over tasks, in their order.
pub fn tasks_digest(tasks: &[Task]) -> String {
    let mut digest = Digest::new();
    for task in tasks {
        digest.field(&serde_json::to_vec(task).unwrap_or_default());
    }
    digest.hex()
}
