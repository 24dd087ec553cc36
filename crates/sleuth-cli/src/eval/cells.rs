//! Rollouts that a measurement still lacks, appended to its files: the cells of a matrix, and the
//! budgets of a curve.
//!
//! `trail` and `chat` go through the same runner as `sleuth tasks rollout`. The policy *closed book*
//! is a model asked by itself: no store answers it, and no evidence can bear it out, so that the agent
//! would show no answer of its; its episodes are written here, with the words as they were said.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sleuth_agent::{
    AgentError, Chat, ChatOptions, Clock as _, Policy, SystemClock, Trail, closed_book,
};
use sleuth_eval::{PlannedCell, PolicyKind, StoreNow};
use sleuth_index::{Retriever, Store};
use sleuth_lm::{LanguageModel, LmError, Reply};
use sleuth_records::{Budget, Envelope, Event, Finish, Message, Role, SCHEMA_VERSION, Usage};
use sleuth_tasks::{
    Attempt, Boundary, EPISODE_SCHEMA, Ending, Episode, LinesError, ModelTap, Recording,
    RewardRule, RolloutOptions, RolloutProgress, RolloutSurroundings, Task, TaskId, read_episodes,
    roll_out, seed_of, segments, verify, write_episode,
};

use crate::args::{Effort, RemoteArgs};
use crate::ask::effort_budget;
use crate::choose;
use crate::fail::Failure;
use crate::places::Places;
use crate::progress::Progress;
use crate::tasks::rollout::threads;
use crate::{interrupt, stores};

/// What rollouts are made with.
pub(super) struct Maker<'a> {
    pub(super) rollouts: u32,
    pub(super) seed: u64,
    /// Whether a file may have been begun with other tasks than those that are asked for.
    pub(super) other_tasks: bool,
    pub(super) places: &'a Places,
    pub(super) remote: &'a RemoteArgs,
    pub(super) progress: &'a Progress,
}

/// The limits of `--effort normal`, where a plan names none.
pub(super) fn usual_budget() -> Budget {
    effort_budget(Effort::Normal)
}

impl Maker<'_> {
    /// Opens the store of a measurement, or makes it of its documents.
    pub(super) fn open(&self, over: &[PathBuf]) -> Result<Arc<Store>, Failure> {
        Ok(Arc::new(stores::open(over, self.places, self.progress)?.store))
    }

    /// Makes what these cells of one store lack, one policy after the other, where all that is there was
    /// made as planned and over the store as it is. Ends early, without an error, at the first
    /// interrupt.
    pub(super) fn cells(&self, cells: &[PlannedCell<'_>]) -> Result<(), Failure> {
        let Some(PlannedCell { plan, store, .. }) = cells.first() else { return Ok(()) };
        let opened = self.open(&store.over)?;
        let retrieval = opened.retrieval()?.id;
        let now = StoreNow { snapshot: opened.snapshot(), retrieval: &retrieval };
        let mut lacking = Vec::new();
        for cell in cells {
            if !cell.is_complete(cell.read(Some(now), None)?.as_ref()) {
                lacking.push(cell);
            }
        }
        let budget = plan.budget.clone().unwrap_or_else(usual_budget);
        for PlannedCell { policy, tasks, path, .. } in lacking {
            if interrupt::asked() {
                break;
            }
            let tasks: Vec<Task> = tasks.iter().map(|&task| task.clone()).collect();
            let name = format!("{} · {}", store.name, policy.name);
            match (policy.policy, policy.model.as_deref()) {
                (PolicyKind::ClosedBook, Some(model)) => {
                    self.closed_book(&name, model, &budget, &tasks, &opened, path)?;
                }
                (_, model) => self.searching(&name, model, &budget, &tasks, &opened, path)?,
            }
        }
        Ok(())
    }

    /// Makes what the file at `path` lacks: by `trail`, or by `chat` where there is a model.
    pub(super) fn searching(
        &self,
        name: &str,
        model: Option<&str>,
        budget: &Budget,
        tasks: &[Task],
        store: &Arc<Store>,
        path: &Path,
    ) -> Result<(), Failure> {
        self.begin(name, path)?;
        let found = model.map(|model| choose::find(model, self.places)).transpose()?;
        let options = RolloutOptions {
            rollouts: self.rollouts,
            threads: threads(found.as_ref()),
            budget: budget.clone(),
            seed: self.seed,
            other_tasks: self.other_tasks,
            ..RolloutOptions::default()
        };
        let make = |tap: &ModelTap| -> Result<Box<dyn Policy + Send>, AgentError> {
            let Some(found) = &found else { return Ok(Box::new(Trail::default())) };
            let loaded = choose::load(found, self.remote, self.progress);
            let loaded = loaded.map_err(|failure| LmError::Unavailable {
                model: model.unwrap_or_default().to_owned(),
                reason: failure.to_string(),
            })?;
            Ok(Box::new(Chat::new(tap.model(loaded), ChatOptions::default())))
        };
        // Known at the first call, before any is made.
        let others = OnceLock::new();
        let told = |state: &RolloutProgress| {
            let n = state.tally.episodes;
            let others = *others.get_or_init(|| n - state.before as u64);
            self.progress.state(|| said(name, n - others, state.rollouts as u64));
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

    /// Tells of a file, and makes its folder.
    fn begin(&self, name: &str, path: &Path) -> Result<(), Failure> {
        self.progress.phase(name);
        let folder = path.parent().unwrap_or(Path::new(""));
        let failed = |source| Failure::Write { path: path.to_owned(), source };
        fs_err::create_dir_all(folder).map_err(failed)
    }

    fn closed_book(
        &self,
        name: &str,
        model: &str,
        budget: &Budget,
        tasks: &[Task],
        store: &Store,
        path: &Path,
    ) -> Result<(), Failure> {
        self.begin(name, path)?;
        let found = choose::find(model, self.places)?;
        let mut model = choose::load(&found, self.remote, self.progress)?;
        let done = cut_and_read(path)?;
        let write = |source| Failure::Write { path: path.to_owned(), source };
        let mut out =
            fs_err::OpenOptions::new().create(true).append(true).open(path).map_err(write)?;
        let of = tasks.len() as u64 * u64::from(self.rollouts);
        let retrieval = store.retrieval()?.id;
        let wanted = tasks.iter().flat_map(|task| (0..self.rollouts).map(move |at| (task, at)));
        for (n, (task, rollout)) in (1..).zip(wanted) {
            if interrupt::asked() {
                break;
            }
            if done.contains(&(task.id.clone(), rollout)) {
                continue;
            }
            let episode = Unaided {
                task,
                rollout,
                seed: seed_of(self.seed, &task.id, rollout),
                budget: budget.clone(),
                store: store.snapshot().to_owned(),
                retrieval: retrieval.clone(),
            }
            .ask(model.as_mut())?;
            write_episode(&mut out, &episode).map_err(write)?;
            self.progress.state(|| said(name, n, of));
        }
        Ok(())
    }
}

fn said(name: &str, n: u64, of: u64) -> String {
    format!("{name} · {n} of {of} rollouts")
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
            Ok(reply) => self.judge(&reply, &name, begin, elapsed_ms),
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
        reply: &Reply,
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
