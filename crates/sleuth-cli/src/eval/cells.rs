//! The cells of a matrix that are still to be made: rollouts, appended to the cell's file.
//!
//! `trail` and `chat` go through the same runner as `sleuth tasks rollout`. The policy *closed book*
//! is a model asked by itself: no store answers it, and no evidence can bear it out, so that the agent
//! would show no answer of its; its episodes are written here, with the words as they were said.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use sleuth_agent::{
    AgentError, Chat, ChatOptions, Clock as _, Policy, SystemClock, Trail, closed_book,
};
use sleuth_eval::{MatrixPlan, PlannedPolicy, PlannedStore, PolicyKind};
use sleuth_index::{Retriever, Store};
use sleuth_lm::{LanguageModel, LmError, Reply};
use sleuth_records::{Budget, Envelope, Event, Finish, Message, Role, SCHEMA_VERSION, Usage};
use sleuth_tasks::{
    Attempt, Boundary, EPISODE_SCHEMA, Ending, Episode, LinesError, ModelTap, Recording,
    RewardRule, RolloutOptions, RolloutProgress, RolloutSurroundings, Task, TaskId, read_episodes,
    read_tasks, roll_out, seed_of, segments, verify, write_episode,
};

use crate::args::{Effort, RemoteArgs};
use crate::ask::effort_budget;
use crate::choose::{self, Found};
use crate::fail::Failure;
use crate::places::Places;
use crate::progress::Progress;
use crate::tasks::rollout::threads;
use crate::{interrupt, stores};

/// What all cells of a matrix are made with.
pub(super) struct Maker<'a> {
    pub(super) plan: &'a MatrixPlan,
    pub(super) places: &'a Places,
    pub(super) remote: &'a RemoteArgs,
    pub(super) progress: &'a Progress,
}

impl Maker<'_> {
    /// Makes what the cells of `store` lack, one policy after the other. Ends early, without an error,
    /// at the first interrupt.
    pub(super) fn make(&self, store: &PlannedStore, tasks: &[Task]) -> Result<(), Failure> {
        let lacks = |policy: &&PlannedPolicy| {
            let n = self.plan.picks(policy, tasks.len()).len() * self.plan.rollouts as usize;
            count_episodes(&self.plan.cell(policy, store)).is_none_or(|found| found < n)
        };
        let policies: Vec<&PlannedPolicy> = self.plan.policies.iter().filter(lacks).collect();
        if policies.is_empty() {
            return Ok(());
        }
        let opened = stores::open(&store.over, self.places, self.progress)?.store;
        let opened = Arc::new(opened);
        for policy in policies {
            if interrupt::asked() {
                break;
            }
            let picked = self.plan.picks(policy, tasks.len());
            let picked: Vec<Task> = picked.into_iter().map(|at| tasks[at].clone()).collect();
            let path = self.plan.cell(policy, store);
            let folder = path.parent().unwrap_or(Path::new(""));
            let failed = |source| Failure::Write { path: path.clone(), source };
            fs_err::create_dir_all(folder).map_err(failed)?;
            self.progress.phase(&format!("{} · {}", store.name, policy.name));
            match policy.policy {
                PolicyKind::Trail | PolicyKind::Chat => {
                    self.searching(policy, &picked, &opened, &path)?;
                }
                PolicyKind::ClosedBook => self.closed_book(policy, &picked, &opened, &path)?,
            }
        }
        Ok(())
    }

    fn budget(&self) -> Budget {
        self.plan.budget.clone().unwrap_or_else(|| effort_budget(Effort::Normal))
    }

    fn found(&self, policy: &PlannedPolicy) -> Result<Option<Found>, Failure> {
        policy.model.as_deref().map(|model| choose::find(model, self.places)).transpose()
    }

    fn searching(
        &self,
        policy: &PlannedPolicy,
        tasks: &[Task],
        store: &Arc<Store>,
        path: &Path,
    ) -> Result<(), Failure> {
        let found = self.found(policy)?;
        let options = RolloutOptions {
            rollouts: self.plan.rollouts,
            threads: threads(found.as_ref()),
            budget: self.budget(),
            seed: self.plan.seed,
            ..RolloutOptions::default()
        };
        let make = |tap: &ModelTap| -> Result<Box<dyn Policy + Send>, AgentError> {
            let Some(found) = &found else { return Ok(Box::new(Trail::default())) };
            let loaded = choose::load(found, self.remote, self.progress);
            let loaded = loaded.map_err(|failure| LmError::Unavailable {
                model: policy.model.clone().unwrap_or_default(),
                reason: failure.to_string(),
            })?;
            Ok(Box::new(Chat::new(tap.model(loaded), ChatOptions::default())))
        };
        let told = |state: &RolloutProgress| {
            self.progress.state(|| self.said(policy, state.tally.episodes, state.rollouts as u64));
        };
        let retrieval = store.retrieval()?.id;
        let retriever: Arc<dyn Retriever> = store.clone();
        let around = RolloutSurroundings {
            stop: Arc::new(interrupt::asked),
            on_progress: &told,
            ..RolloutSurroundings::new(retriever, retrieval, &make)
        };
        roll_out(tasks, path, &options, &around)?;
        Ok(())
    }

    fn said(&self, policy: &PlannedPolicy, n: u64, of: u64) -> String {
        format!("{} · {n} of {of} rollouts", policy.name)
    }

    fn closed_book(
        &self,
        policy: &PlannedPolicy,
        tasks: &[Task],
        store: &Arc<Store>,
        path: &Path,
    ) -> Result<(), Failure> {
        let found = self.found(policy)?;
        let Some(found) = found else { return Ok(()) };
        let mut model = choose::load(&found, self.remote, self.progress)?;
        let mut done = cut_and_read(path)?;
        let write = |source| Failure::Write { path: path.to_owned(), source };
        let mut out =
            fs_err::OpenOptions::new().create(true).append(true).open(path).map_err(write)?;
        let of = tasks.len() as u64 * u64::from(self.plan.rollouts);
        let retrieval = store.retrieval()?.id;
        for task in tasks {
            for rollout in 0..self.plan.rollouts {
                if interrupt::asked() {
                    return Ok(());
                }
                if done.contains(&(task.id.clone(), rollout)) {
                    continue;
                }
                let episode = Unaided {
                    task,
                    rollout,
                    seed: seed_of(self.plan.seed, &task.id, rollout),
                    budget: self.budget(),
                    store: store.snapshot().to_owned(),
                    retrieval: retrieval.clone(),
                }
                .ask(model.as_mut())?;
                write_episode(&mut out, &episode).and_then(|()| out.flush()).map_err(write)?;
                done.insert((task.id.clone(), rollout));
                self.progress.state(|| self.said(policy, done.len() as u64, of));
            }
        }
        Ok(())
    }
}

/// Whole episodes in a file; `None` where it cannot be read.
fn count_episodes(path: &Path) -> Option<usize> {
    let mut n = 0;
    let count = |_| {
        n += 1;
        Ok::<(), LinesError>(())
    };
    read_episodes(path, count).ok().map(|_| n)
}

/// Cuts the line that was in flight when the file's writer ended, and says which rollouts are there.
fn cut_and_read(path: &Path) -> Result<HashSet<(TaskId, u32)>, Failure> {
    let mut done = HashSet::new();
    if !path.is_file() {
        return Ok(done);
    }
    let bytes = fs_err::read(path).map_err(LinesError::Io)?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        let file = fs_err::OpenOptions::new().write(true).open(path).map_err(LinesError::Io)?;
        file.file().set_len(whole as u64).map_err(LinesError::Io)?;
    }
    read_episodes(path, |episode| {
        done.insert((episode.task.id, episode.rollout));
        Ok::<(), LinesError>(())
    })?;
    Ok(done)
}

/// One question to a model that has nothing to search.
struct Unaided<'a> {
    task: &'a Task,
    rollout: u32,
    seed: u64,
    budget: Budget,
    store: String,
    retrieval: String,
}

impl Unaided<'_> {
    /// The episode of it. A model that cannot be reached is a failure of the run, and nothing is
    /// written; one that replies with nonsense is one of the episode.
    fn ask(&self, model: &mut dyn LanguageModel) -> Result<Episode, Failure> {
        let clock = SystemClock;
        let begin = clock.now_ms();
        let name = model.info().name.clone();
        let reply = match closed_book(model, self.task.question.as_str()) {
            Ok(reply) => Ok(reply),
            Err(AgentError::Model(
                error @ (LmError::MalformedReply { .. } | LmError::ContextFull { .. }),
            )) => Err(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        let elapsed_ms = clock.now_ms().saturating_sub(begin);
        let (ending, events, attempt) = match reply {
            Ok(reply) => self.judge(reply, &name, begin, elapsed_ms),
            Err(message) => (
                Ending::Failed { boundary: Boundary::Model, message },
                vec![envelope(0, begin, self.started(&name))],
                Attempt::default(),
            ),
        };
        Ok(Episode {
            schema: EPISODE_SCHEMA,
            task: self.task.clone(),
            rollout: self.rollout,
            policy: PolicyKind::ClosedBook.as_str().to_owned(),
            model: Some(name),
            store: self.store.clone(),
            retrieval: self.retrieval.clone(),
            seed: self.seed,
            transcript: segments(&events),
            events,
            attempt,
            ending,
            retries: 0,
            recording: Recording::default(),
        })
    }

    fn started(&self, model: &str) -> Event {
        Event::Started {
            schema: SCHEMA_VERSION,
            question: self.task.question.clone(),
            policy: PolicyKind::ClosedBook.as_str().to_owned(),
            model: Some(model.to_owned()),
            store: self.store.clone(),
            budget: self.budget.clone(),
            seed: self.seed,
        }
    }

    fn judge(
        &self,
        reply: Reply,
        model: &str,
        begin: u64,
        elapsed_ms: u64,
    ) -> (Ending, Vec<Envelope>, Attempt) {
        let said = reply.message.content.trim().to_owned();
        let is_not_found = said.trim_end_matches('.').eq_ignore_ascii_case("not found");
        let usage = Usage {
            turns: 1,
            tokens: reply.tokens,
            dollars: reply.dollars,
            elapsed_ms,
            ..Usage::default()
        };
        let attempt = Attempt {
            answer: if is_not_found { String::new() } else { said.clone() },
            not_found: is_not_found,
            ended: !said.is_empty(),
            turns: 1,
            usage: usage.clone(),
            ..Attempt::default()
        };
        let finish = if is_not_found { Finish::NotFound } else { Finish::Answered };
        let message = Message::text(Role::Assistant, said);
        let end = begin + elapsed_ms;
        let answer = attempt.answer.clone();
        let events = vec![
            envelope(0, begin, self.started(model)),
            envelope(1, end, Event::Turn { turn: 1, message, tokens: reply.tokens, request: None }),
            envelope(2, end, Event::Answer { text: answer, claims: Vec::new() }),
            envelope(3, end, Event::Finished { finish, ranking: Vec::new(), usage }),
        ];
        let ending = match verify(self.task, &attempt, None) {
            Ok(verdict) => {
                let reward = RewardRule::default().reward(self.task, &attempt, &verdict);
                Ending::Scored { verdict, reward }
            }
            Err(error) => Ending::Failed { boundary: error.boundary(), message: error.to_string() },
        };
        (ending, events, attempt)
    }
}

fn envelope(seq: u64, at_ms: u64, event: Event) -> Envelope {
    Envelope { seq, at_ms, event }
}
