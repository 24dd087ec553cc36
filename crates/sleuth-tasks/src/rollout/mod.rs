//! Rollouts: every task, several times, by any policy, into one file of episodes.
//!
//! [`roll_out`] gives each worker thread a policy of its own and the next rollout that the file does
//! not have. What is computed beside the policy is small: an episode is judged, written as one line,
//! and counted. Seeds are made from the run's seed, the task's id and the number of the rollout, so
//! that an episode is the same whatever was made before it and on however many threads.
//!
//! * A failure of the infrastructure (the model's server or the store is unavailable) begins the rollout
//!   again, a few times; a wrong answer never does. A judge that is unavailable is asked again, and the
//!   rollout stays as it is. Where one rollout after another fails so, the run
//!   ends with an error, and those failures are not written: the rollouts are made when it is run again.
//! * At the deadline a policy is asked to write up what it has, as after an interrupt, and what it
//!   writes is judged; a model that then still goes on is cut off after another quarter of the time.
//! * What is in the file stays: see [`file`].

mod file;
mod fit;
mod head;
mod one;
mod recording;
mod replay;
mod tally;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sleuth_agent::{AgentError, Clock, Policy, SystemClock};
use sleuth_index::{IndexError, Retriever};
use sleuth_lm::{LanguageModel, LmError};
use sleuth_records::{Budget, DocumentId, Passage, sha256_hex};

use crate::RewardRule;
use crate::attempt::Attempt;
use crate::degrade::{Degraded, Quality};
use crate::episode::{Boundary, Ending, Episode, Verdict};
use crate::lines::{EpisodeLog, LinesError, appendable};
use crate::task::{Task, TaskId, Verifier};
use crate::verify::{Judge, ModelJudge, VerifyError, verify};
use file::Before;
pub use fit::{Fit, fit};
pub(crate) use head::{HEAD_SCHEMA, MARK};
pub use head::{RolloutHead, tasks_digest};
pub use recording::{ModelCall, ModelTap, Recording};
pub use replay::{ReplayOver, Replayed, replay_episodes};
pub use tally::Tally;

/// Rollouts in a row that may fail for the infrastructure before the run ends; for each thread.
const MOST_FAILURES: usize = 4;

/// Makes a policy for one worker; its model, where it has one, has to stand behind the tap.
pub type MakePolicy<'a> =
    dyn Fn(&ModelTap) -> Result<Box<dyn Policy + Send>, AgentError> + Sync + 'a;

/// Makes the model that one worker asks as a judge.
pub type MakeJudge<'a> = dyn Fn() -> Result<Box<dyn LanguageModel>, LmError> + Sync + 'a;

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct RolloutOptions {
    /// Rollouts of each task.
    pub rollouts: u32,
    /// Worker threads, each with a policy of its own.
    pub threads: usize,
    /// Limits of each rollout. A limit of seconds makes episodes that depend on the machine's speed and
    /// cannot be replayed; [`RolloutOptions::deadline`] is there for that.
    pub budget: Budget,
    /// Time after which a rollout is asked to write up, all tries together.
    pub deadline: Option<Duration>,
    /// Times that a rollout is begun again after failures of the infrastructure.
    pub retries: u32,
    /// Pause before the first of them; each further one is twice as long.
    pub retry_pause: Duration,
    /// How attempts are rewarded.
    pub reward: RewardRule,
    /// How good the search is made to be.
    pub quality: Quality,
    /// Seed of the run.
    pub seed: u64,
    /// Go on where tasks were made from another snapshot of the store, or lack evidence in it.
    pub allow_drift: bool,
    /// Go on with a file that was begun with other tasks; its head keeps naming those. Whoever reads the
    /// file then has to know which tasks to look at.
    pub other_tasks: bool,
}

impl Default for RolloutOptions {
    fn default() -> Self {
        Self {
            rollouts: 1,
            threads: 1,
            budget: Budget::UNLIMITED,
            deadline: None,
            retries: 2,
            retry_pause: Duration::from_millis(500),
            reward: RewardRule::default(),
            quality: Quality::Good,
            seed: 0,
            allow_drift: false,
            other_tasks: false,
        }
    }
}

/// Everything that a run touches.
pub struct RolloutSurroundings<'a> {
    /// The store.
    pub retriever: Arc<dyn Retriever>,
    /// Its retrieval id, at its quality: see [`Quality::retrieval`].
    pub retrieval: String,
    /// Passages of the store that bad search takes from: see [`Quality::needs_pool`].
    pub pool: Arc<[Passage]>,
    /// Makes the workers' policies; all must be alike.
    pub policy: &'a MakePolicy<'a>,
    /// Makes the workers' judges; needed where a task's verifier is one.
    pub judge: Option<&'a MakeJudge<'a>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whether the person has asked to stop: rollouts in flight are then dropped.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Shown where the run stands, after each rollout.
    pub on_progress: &'a (dyn Fn(&RolloutProgress) + Sync),
}

impl<'a> RolloutSurroundings<'a> {
    /// Over a store, with the machine's clock, until all is done.
    pub fn new(
        retriever: Arc<dyn Retriever>,
        retrieval: impl Into<String>,
        policy: &'a MakePolicy<'a>,
    ) -> Self {
        Self {
            retriever,
            retrieval: retrieval.into(),
            pool: Arc::default(),
            policy,
            judge: None,
            clock: Arc::new(SystemClock),
            stop: Arc::new(|| false),
            on_progress: &|_| (),
        }
    }
}

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct RolloutProgress {
    /// Rollouts asked for.
    pub rollouts: usize,
    /// Of those, in the file before this run began.
    pub before: usize,
    /// Whether the file's last line was torn, and cut.
    pub torn: bool,
    /// How the tasks fit the store.
    pub fit: Fit,
    /// What came of all episodes in the file.
    pub tally: Tally,
    /// Whether the run was stopped before its end.
    pub stopped: bool,
}

/// Why rollouts cannot be made, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// There is no task.
    #[error("no tasks: expected at least one")]
    NoTasks,
    /// A file of tasks or episodes cannot be read.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The file of episodes cannot be written.
    #[error("cannot write episodes to `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is there and is not what a run of rollouts writes.
    #[error("`{}` does not begin with the head of a run of rollouts", path.display())]
    NoHead {
        /// The file.
        path: PathBuf,
    },
    /// The file lacks what its episodes were made with, so that they cannot be run again.
    #[error(
        "`{}` does not begin with the head of a run of rollouts, by which they are run again",
        path.display()
    )]
    NoRecording {
        /// The file.
        path: PathBuf,
    },
    /// The file holds episodes of a run that differs from this one.
    #[error(
        "`{}` is of another run: under `{what}` it has {found}, expected {expected}", path.display()
    )]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The part that differs, as the head names it.
        what: String,
        /// What this run has: JSON, or of tasks how many.
        expected: String,
        /// What the file has, likewise.
        found: String,
    },
    /// Tasks were made from another snapshot of the store.
    #[error(
        "{n} of {of} tasks were made from another snapshot of the store: expected `{expected}`, as \
         task `{task}` says, found `{found}`"
    )]
    OtherSnapshot {
        /// Such tasks.
        n: usize,
        /// Tasks.
        of: usize,
        /// The first of them.
        task: TaskId,
        /// Its snapshot id.
        expected: String,
        /// The store's.
        found: String,
    },
    /// The evidence of tasks is not in the store.
    #[error(
        "the evidence of {n} of {of} tasks is not in the store: task `{task}` names the document \
         `{document}`, {found}"
    )]
    NoEvidence {
        /// Such tasks.
        n: usize,
        /// Tasks.
        of: usize,
        /// The first of them.
        task: TaskId,
        /// The document.
        document: DocumentId,
        /// What was found in place of it.
        found: &'static str,
    },
    /// Tasks have to be judged by a model, and there is none.
    #[error("{n} tasks are verified by a judge: expected a model for it, found none")]
    NoJudge {
        /// Such tasks.
        n: usize,
    },
    /// The store failed before the first rollout.
    #[error(transparent)]
    Store(#[from] IndexError),
    /// A policy or a judge cannot be made.
    #[error(transparent)]
    Policy(#[from] AgentError),
    /// One rollout after another failed for the infrastructure.
    #[error("{n} rollouts in a row failed, the last with: {message}")]
    Unavailable {
        /// Such rollouts.
        n: usize,
        /// What the last one failed with.
        message: String,
    },
    /// Episodes were made over another store, or by another kind of search.
    #[error("the episodes were made over the {what} `{expected}`, found `{found}`")]
    OtherStore {
        /// `snapshot` or `retrieval`.
        what: &'static str,
        /// What the file says.
        expected: String,
        /// What the store says.
        found: String,
    },
    /// The policy of the episodes is not one that can be made again.
    #[error("episodes of the policy `{policy}` cannot be replayed: {reason}")]
    Unreplayable {
        /// Its name.
        policy: String,
        /// Why.
        reason: String,
    },
}

/// The seed of a rollout. It has 31 bits: servers of models take seeds as signed numbers.
pub fn seed_of(run: u64, task: &TaskId, rollout: u32) -> u64 {
    let hash = sha256_hex(format!("{run} {rollout} {task}").as_bytes());
    u64::from_str_radix(&hash[..8], 16).unwrap_or(run) >> 1
}

/// Makes every rollout of `tasks` that the file at `episodes` does not have, and appends it there.
///
/// # Errors
/// See [`RolloutError`]. Whatever was appended stays, and the run can go on from there.
pub fn roll_out(
    tasks: &[Task],
    episodes: &Path,
    options: &RolloutOptions,
    around: &RolloutSurroundings<'_>,
) -> Result<RolloutProgress, RolloutError> {
    if tasks.is_empty() {
        return Err(RolloutError::NoTasks);
    }
    appendable(episodes)?;
    let judged = tasks.iter().filter(|task| task.verifier == Verifier::Judge).count();
    if judged > 0 && around.judge.is_none() {
        return Err(RolloutError::NoJudge { n: judged });
    }
    let fit = fit(tasks, around.retriever.as_ref())?;
    if !options.allow_drift {
        fit.refuse()?;
    }
    let mut workers = Vec::new();
    for _ in 0..options.threads.max(1) {
        let tap = ModelTap::default();
        let policy = (around.policy)(&tap)?;
        let judge = around.judge.map(|make| make()).transpose().map_err(AgentError::Model)?;
        workers.push(Worker { policy, judge, tap });
    }
    let head = head_of(tasks, options, around, workers[0].policy.as_ref());
    let (file, Before { mut done, tally, torn }) =
        file::open(episodes, &head, options.other_tasks)?;

    let wanted = tasks.iter().flat_map(|task| (0..options.rollouts).map(move |at| (task, at)));
    // Taken out and not only looked up, so that the ids of what is there can be let go.
    let pending: Vec<(&Task, u32)> =
        wanted.filter(|(task, at)| !done.remove(&(task.id.clone(), *at))).collect();
    let rollouts = tasks.len() * options.rollouts as usize;
    let before = rollouts - pending.len();
    let progress = RolloutProgress { rollouts, before, torn, fit, tally, stopped: false };
    (around.on_progress)(&progress);
    let run = Run {
        head: &head,
        options,
        around,
        path: episodes,
        file: &file,
        pending: &pending,
        next: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
        state: Mutex::new(State { progress, held: VecDeque::new(), failure: None }),
    };
    std::thread::scope(|scope| {
        for worker in workers {
            scope.spawn(|| run.work(worker));
        }
    });
    run.end()
}

fn head_of(
    tasks: &[Task],
    options: &RolloutOptions,
    around: &RolloutSurroundings<'_>,
    policy: &dyn Policy,
) -> RolloutHead {
    RolloutHead {
        schema: HEAD_SCHEMA,
        tasks: tasks_digest(tasks),
        n_tasks: tasks.len(),
        policy: policy.name().to_owned(),
        settings: policy.settings(),
        model: policy.model_info(),
        store: around.retriever.snapshot().to_owned(),
        retrieval: around.retrieval.clone(),
        quality: options.quality,
        budget: options.budget.clone(),
        deadline_ms: options.deadline.map(|deadline| deadline.as_millis() as u64),
        reward: options.reward.clone(),
        seed: options.seed,
    }
}

struct Worker {
    policy: Box<dyn Policy + Send>,
    judge: Option<Box<dyn LanguageModel>>,
    tap: ModelTap,
}

/// A run that is under way.
struct Run<'r> {
    head: &'r RolloutHead,
    options: &'r RolloutOptions,
    around: &'r RolloutSurroundings<'r>,
    path: &'r Path,
    file: &'r EpisodeLog,
    pending: &'r [(&'r Task, u32)],
    next: AtomicUsize,
    /// Whether workers are to take no more.
    ended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    progress: RolloutProgress,
    /// Episodes that failed for the infrastructure, one after another. They are written when a rollout
    /// gets through, which shows that the failures were theirs.
    held: VecDeque<Episode>,
    failure: Option<RolloutError>,
}

impl Run<'_> {
    fn work(&self, mut worker: Worker) {
        while !self.ended.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((task, rollout)) = self.pending.get(at) else { return };
            let Some((episode, unavailable)) = self.one(&mut worker, task, *rollout) else {
                self.ended.store(true, Ordering::Relaxed);
                return;
            };
            if let Err(error) = self.keep(episode, unavailable) {
                self.ended.store(true, Ordering::Relaxed);
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.failure.get_or_insert(error);
                return;
            }
        }
    }

    /// Makes one rollout; also says whether it failed for the infrastructure. Nothing where the person
    /// asked to stop.
    fn one(&self, worker: &mut Worker, task: &Task, rollout: u32) -> Option<(Episode, bool)> {
        let Self { head, options, around, .. } = *self;
        let seed = seed_of(options.seed, &task.id, rollout);
        let begun = around.clock.now_ms();
        let after = |share: f64| {
            let limit = options.deadline.map(|deadline| deadline.mul_f64(share).as_millis() as u64);
            let (clock, stop) = (Arc::clone(&around.clock), Arc::clone(&around.stop));
            move || {
                let late = |limit| clock.now_ms().saturating_sub(begun) >= limit;
                limit.is_some_and(late) || stop()
            }
        };
        let late = after(1.0);
        let over: recording::Over = Arc::new(after(1.25));
        let mut retries = 0;
        loop {
            let retriever = at_quality(&around.retriever, &around.pool, options.quality, seed);
            worker.tap.begin(Arc::clone(&over));
            let policy = worker.policy.as_mut();
            let clock = around.clock.as_ref();
            let limits = (&options.budget, seed);
            let mut hunted = one::hunt(policy, task, retriever.as_ref(), limits, clock, &late);
            hunted.recording.calls = worker.tap.take();
            if (around.stop)() {
                return None;
            }
            let unavailable = hunted.result.as_ref().is_err_and(one::may_pass);
            if unavailable && retries < options.retries && !late() {
                self.pause(retries, &late);
                retries += 1;
                continue;
            }
            let place = one::Place { head, task, rollout, seed, retries };
            let mut away = false;
            let verdict = |task: &Task, attempt: &Attempt| {
                let verdict =
                    self.verdict(worker.judge.as_deref_mut(), task, attempt, over.as_ref());
                away = judge_is_away(&verdict);
                verdict
            };
            let episode = one::judge(&place, hunted, verdict);
            // A verdict that was cut off by the person is none.
            let cut = matches!(episode.ending, Ending::Failed { boundary: Boundary::Verifier, .. });
            if cut && (around.stop)() {
                return None;
            }
            return Some((episode, unavailable || away));
        }
    }

    /// Decides whether an attempt is right. A judge that is unavailable is asked again, a few times: the
    /// attempt is there and stays as it is.
    fn verdict(
        &self,
        mut judge: Option<&mut (dyn LanguageModel + 'static)>,
        task: &Task,
        attempt: &Attempt,
        over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Verdict, VerifyError> {
        let mut retries = 0;
        loop {
            let mut judge = judge.as_deref_mut().map(|model| ModelJudge::new(model).until(over));
            let judge = judge.as_mut().map(|judge| -> &mut dyn Judge { judge });
            let verdict = verify(task, attempt, judge);
            if !judge_is_away(&verdict) || retries >= self.options.retries || over() {
                return verdict;
            }
            self.pause(retries, over);
            retries += 1;
        }
    }

    /// Waits before the next try, after so many others.
    fn pause(&self, retries: u32, late: &dyn Fn() -> bool) {
        const SLICE: Duration = Duration::from_millis(20);
        let mut left = self.options.retry_pause.saturating_mul(2u32.saturating_pow(retries));
        while !left.is_zero() && !late() && !self.ended.load(Ordering::Relaxed) {
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
    }

    /// Writes an episode and counts it, or holds it back: see [`State::held`].
    fn keep(&self, episode: Episode, unavailable: bool) -> Result<(), RolloutError> {
        let lock = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut write = VecDeque::new();
        if unavailable {
            let mut state = lock();
            let message = match &episode.ending {
                Ending::Failed { message, .. } => message.clone(),
                Ending::Scored { .. } => String::new(),
            };
            state.held.push_back(episode);
            let n = state.held.len();
            if n >= MOST_FAILURES * self.options.threads.max(1) {
                return Err(RolloutError::Unavailable { n, message });
            }
        } else {
            write = std::mem::take(&mut lock().held);
            write.push_back(episode);
        }
        for episode in write {
            // Written outside the lock: most of it is making the line.
            self.append(&episode)?;
            let mut state = lock();
            state.progress.tally.add(&episode.ending, &episode.attempt, episode.retries);
            let progress = state.progress.clone();
            drop(state);
            (self.around.on_progress)(&progress);
        }
        Ok(())
    }

    fn append(&self, episode: &Episode) -> Result<(), RolloutError> {
        let failed = |source| RolloutError::Write { path: self.path.to_owned(), source };
        self.file.append(episode).map_err(failed)
    }

    fn end(&self) -> Result<RolloutProgress, RolloutError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { mut progress, held, failure } = std::mem::take(&mut *state);
        drop(state);
        if let Some(failure) = failure {
            return Err(failure);
        }
        progress.stopped = (self.around.stop)();
        if !progress.stopped {
            for episode in held {
                self.append(&episode)?;
                progress.tally.add(&episode.ending, &episode.attempt, episode.retries);
            }
        }
        Ok(progress)
    }
}

/// Whether a verdict failed for the infrastructure, so that the same may be reached another time.
fn judge_is_away(verdict: &Result<Verdict, VerifyError>) -> bool {
    matches!(verdict, Err(VerifyError::Judge(LmError::Unavailable { .. })))
}

/// The store at a quality, for one rollout.
pub(crate) fn at_quality(
    retriever: &Arc<dyn Retriever>,
    pool: &Arc<[Passage]>,
    quality: Quality,
    seed: u64,
) -> Arc<dyn Retriever> {
    match quality {
        Quality::Good => Arc::clone(retriever),
        Quality::Noisy { .. } | Quality::Empty | Quality::Random | Quality::Failing { .. } => {
            Arc::new(Degraded::new(Arc::clone(retriever), Arc::clone(pool), quality, seed))
        }
    }
}
