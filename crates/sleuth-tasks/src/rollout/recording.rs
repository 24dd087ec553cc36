//! What a rollout got from outside beside the store, so that it can be run again.
//!
//! A rollout is a function of its task, its policy's settings, its seed, the store, and two things that
//! no seed gives back: what the model answered, and when a deadline came. An episode carries those two.
//! The store is not recorded: a snapshot id and a retrieval id name exactly what it answers, and a
//! recording of it would make files of episodes many times larger. So an episode of `trail` is run
//! again from store and seed alone, and one of `chat` without its model.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sleuth_agent::Clock;
use sleuth_lm::{Cancel, LanguageModel, LmError, ModelInfo, Reply, Request, request_digest};
use sleuth_records::{Message, ToolSpec};

/// One call of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum ModelCall {
    /// It was asked how many tokens a prompt has.
    Counted {
        /// What it said.
        tokens: Result<usize, LmError>,
    },
    /// It was asked for a reply.
    Replied {
        /// Digest of the request.
        request: String,
        /// What came.
        reply: Box<Result<Reply, LmError>>,
    },
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Calls of the model, in order; empty for a policy without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ModelCall>,
    /// The policy asked so many times whether it has to stop before the deadline said yes; absent
    /// where that never happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<u64>,
}

impl Recording {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a policy's model stands behind in a rollout: it keeps what the model answers, and ends a call
/// that goes on after all time is over.
#[derive(Clone, Default)]
pub struct ModelTap(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<ModelCall>,
    over: Option<Over>,
}

/// Whether all time is over.
pub(super) type Over = Arc<dyn Fn() -> bool + Send + Sync>;

impl ModelTap {
    /// `model` behind this tap.
    pub fn model(&self, model: Box<dyn LanguageModel>) -> Box<dyn LanguageModel> {
        Box::new(Tapped { model, tap: self.clone() })
    }

    /// Forgets what it kept; from now on, calls end when `over` says so.
    pub(super) fn begin(&self, over: Over) {
        *self.lock() = State { calls: Vec::new(), over: Some(over) };
    }

    /// What was kept.
    pub(super) fn take(&self) -> Vec<ModelCall> {
        std::mem::take(&mut self.lock().calls)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Tapped {
    model: Box<dyn LanguageModel>,
    tap: ModelTap,
}

impl LanguageModel for Tapped {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError> {
        let tokens = self.model.count_tokens(messages, tools);
        self.tap.lock().calls.push(ModelCall::Counted { tokens: tokens.clone() });
        tokens
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        let over = self.tap.lock().over.clone();
        let ends = || cancel() || over.as_ref().is_some_and(|over| over());
        let reply = self.model.complete(request, &ends);
        self.tap.lock().calls.push(ModelCall::Replied {
            request: request_digest(request),
            reply: Box::new(reply.clone()),
        });
        reply
    }
}

/// A model that answers from a recording, and says where a run leaves it.
pub(super) struct Tape {
    info: ModelInfo,
    calls: std::vec::IntoIter<ModelCall>,
    given: usize,
    departed: Departed,
}

/// Where a run left its recording: the first place, in words.
#[derive(Clone, Default)]
pub(super) struct Departed(Arc<Mutex<Option<String>>>);

impl Departed {
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }
}

impl Tape {
    pub(super) fn new(info: ModelInfo, calls: Vec<ModelCall>, departed: Departed) -> Self {
        Self { info, calls: calls.into_iter(), given: 0, departed }
    }

    fn lost(&self, found: &str) -> LmError {
        let reason = format!("call {} of the model was recorded as another: {found}", self.given);
        self.departed.note(reason.clone());
        LmError::Unavailable { model: self.info.name.clone(), reason }
    }
}

impl LanguageModel for Tape {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&mut self, _: &[Message], _: &[ToolSpec]) -> Result<usize, LmError> {
        self.given += 1;
        match self.calls.next() {
            Some(ModelCall::Counted { tokens }) => tokens,
            Some(ModelCall::Replied { .. }) | None => Err(self.lost("tokens were to be counted")),
        }
    }

    fn complete(&mut self, request: &Request<'_>, _: Cancel<'_>) -> Result<Reply, LmError> {
        self.given += 1;
        let asked = request_digest(request);
        match self.calls.next() {
            Some(ModelCall::Replied { request, reply }) if request == asked => *reply,
            Some(ModelCall::Replied { .. } | ModelCall::Counted { .. }) | None => {
                Err(self.lost("a reply was asked for, to another request"))
            }
        }
    }
}

/// A clock that stands still: in a replay, nothing may depend on the time.
pub(super) struct StillClock;

impl Clock for StillClock {
    fn now_ms(&self) -> u64 {
        0
    }
}
