//! One rollout: a task, a policy, what came of it.

use std::sync::atomic::{AtomicU64, Ordering};

use sleuth_agent::{AgentError, AskOptions, Clock, Policy, Surroundings, ask};
use sleuth_index::Retriever;
use sleuth_lm::LmError;
use sleuth_records::{Budget, Envelope, TrajectoryWriter};

use super::head::RolloutHead;
use super::recording::Recording;
use crate::attempt::Attempt;
use crate::episode::{Boundary, EPISODE_SCHEMA, Ending, Episode, Verdict, segments};
use crate::task::Task;
use crate::verify::VerifyError;

/// What came of one try.
pub(super) struct Hunted {
    pub(super) events: Vec<Envelope>,
    pub(super) result: Result<(), AgentError>,
    pub(super) recording: Recording,
}

/// Lets a policy hunt. `stop` tells it to write up; how often it was asked before it said so stands in
/// the recording.
pub(super) fn hunt(
    policy: &mut dyn Policy,
    task: &Task,
    retriever: &dyn Retriever,
    (budget, seed): (&Budget, u64),
    clock: &dyn Clock,
    stop: &(dyn Fn() -> bool + Sync),
) -> Hunted {
    let (asked, stopped_at) = (AtomicU64::new(0), AtomicU64::new(0));
    let interrupted = || {
        let asked = asked.fetch_add(1, Ordering::Relaxed) + 1;
        let now = stop();
        if now {
            let _ = stopped_at.compare_exchange(0, asked, Ordering::Relaxed, Ordering::Relaxed);
        }
        now
    };
    let mut events = Vec::new();
    let result = ask(
        &task.question,
        policy,
        &AskOptions { budget: budget.clone(), seed },
        Surroundings {
            retriever,
            clock,
            interrupted: &interrupted,
            cancel: stop,
            log: &mut TrajectoryWriter::to(Box::new(std::io::sink())),
            on_event: &mut |envelope| events.push(envelope.clone()),
        },
    );
    let stopped_at = Some(stopped_at.into_inner()).filter(|at| *at > 0);
    let recording = Recording { calls: Vec::new(), stopped_at };
    Hunted { events, result: result.map(drop), recording }
}

/// Whether a failure is of the infrastructure, so that the same rollout may go well another time.
pub(super) fn may_pass(error: &AgentError) -> bool {
    match error {
        AgentError::Store(_) | AgentError::Model(LmError::Unavailable { .. }) => true,
        AgentError::Model(
            LmError::Cancelled | LmError::ContextFull { .. } | LmError::MalformedReply { .. },
        )
        | AgentError::Log(_)
        | AgentError::QuestionTooLong { .. }
        | AgentError::NoSuchRange { .. }
        | AgentError::Recording(_)
        | AgentError::Unreplayable(_)
        | AgentError::Diverged { .. } => false,
    }
}

/// The part of the whole that failed; nothing where it was the policy that did not do its job. A model
/// that does not hold to the form of calls, or fills its context, has made an attempt, and it is judged:
/// to leave it out would flatter the model.
fn failed(error: &AgentError) -> Option<Boundary> {
    match error {
        AgentError::Model(LmError::MalformedReply { .. } | LmError::ContextFull { .. }) => None,
        AgentError::Model(LmError::Cancelled | LmError::Unavailable { .. })
        | AgentError::QuestionTooLong { .. } => Some(Boundary::Model),
        AgentError::Store(_) | AgentError::NoSuchRange { .. } => Some(Boundary::Store),
        AgentError::Log(_)
        | AgentError::Recording(_)
        | AgentError::Unreplayable(_)
        | AgentError::Diverged { .. } => Some(Boundary::Log),
    }
}

/// Where an episode belongs.
pub(super) struct Place<'p> {
    pub(super) head: &'p RolloutHead,
    pub(super) task: &'p Task,
    pub(super) rollout: u32,
    pub(super) seed: u64,
    pub(super) retries: u32,
}

/// Judges what came of a hunt by `verify` and makes it an episode.
pub(super) fn judge(
    place: &Place<'_>,
    hunted: Hunted,
    verify: impl FnOnce(&Task, &Attempt) -> Result<Verdict, VerifyError>,
) -> Episode {
    let Place { head, task, rollout, seed, retries } = *place;
    let attempt = Attempt::of(&hunted.events);
    let ending = match hunted.result.as_ref().err().and_then(|error| Some((failed(error)?, error)))
    {
        Some((boundary, AgentError::Model(LmError::Cancelled))) => Ending::Failed {
            boundary,
            message: "the model went on after the deadline, and was cut off".to_owned(),
        },
        Some((boundary, error)) => Ending::Failed { boundary, message: error.to_string() },
        None => match verify(task, &attempt) {
            Ok(verdict) => {
                let reward = head.reward.reward(task, &attempt, &verdict);
                Ending::Scored { verdict, reward }
            }
            Err(error) => {
                let message = match &error {
                    VerifyError::Judge(cause) => format!("{error}: {cause}"),
                    VerifyError::Gold { .. }
                    | VerifyError::NoJudge
                    | VerifyError::NoVerdict { .. }
                    | VerifyError::Gullible => error.to_string(),
                };
                Ending::Failed { boundary: Boundary::Verifier, message }
            }
        },
    };
    Episode {
        schema: EPISODE_SCHEMA,
        task: task.clone(),
        rollout,
        policy: head.policy.clone(),
        model: head.model.as_ref().map(|info| info.name.clone()),
        store: head.store.clone(),
        retrieval: head.retrieval.clone(),
        seed,
        transcript: segments(&hunted.events),
        events: hunted.events,
        attempt,
        ending,
        retries,
        recording: hunted.recording,
    }
}
