//! What all environments of one server share: the store, the tasks, the rules.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sleuth_agent::{Clock, SystemClock};
use sleuth_index::{Parts, Retriever};
use sleuth_lm::LanguageModel;
use sleuth_records::{Passage, Random};

use super::EnvironmentError;
use crate::RewardRule;
use crate::degrade::Quality;
use crate::rollout::{Fit, RolloutError, at_quality, fit, seed_of};
use crate::task::{Split, Task, TaskId, TrainTask, Verifier};

/// Limits of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvironmentLimits {
    /// Actions, the answer included. At the last one the episode ends, with an answer or without.
    pub turns: u32,
    /// Passages that a search shows.
    pub hits: usize,
    /// Longest passage shown, in bytes; longer ones are cut around what matches.
    pub passage_bytes: usize,
    /// Longest part of a document that `open` shows, in bytes.
    pub open_bytes: usize,
    /// Longest transcript, in bytes: with it the memory of an episode is limited. Where an action would
    /// go beyond, the episode ends.
    pub transcript_bytes: usize,
}

impl Default for EnvironmentLimits {
    /// Passages as long as the policy `chat` is shown them, and room for 24 turns with them.
    fn default() -> Self {
        Self {
            turns: 24,
            hits: 3,
            passage_bytes: 480,
            open_bytes: 2000,
            transcript_bytes: 128 << 10,
        }
    }
}

/// Settings of a [`Gym`].
#[derive(Clone, Debug, Default)]
pub struct GymOptions {
    /// Limits of each episode.
    pub limits: EnvironmentLimits,
    /// How attempts are rewarded.
    pub reward: RewardRule,
    /// What searches go by.
    pub parts: Parts,
    /// How good the search is made to be.
    pub quality: Quality,
    /// Passages of the store that bad search takes from: see [`Quality::needs_pool`].
    pub pool: Arc<[Passage]>,
    /// Seed of everything that no client's seed decides.
    pub seed: u64,
    /// Go on where tasks were made from another snapshot of the store, or lack evidence in it.
    pub allow_drift: bool,
}

/// See the [module](self). Environments are made of an [`Arc`] of it.
pub struct Gym {
    pub(super) retriever: Arc<dyn Retriever>,
    pub(super) retrieval: String,
    pub(super) options: GymOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) judge: Option<Mutex<Box<dyn LanguageModel>>>,
    tasks: Vec<Task>,
    by_id: HashMap<TaskId, usize>,
    by_split: [Vec<usize>; 3],
    /// How often each task was begun: numbers its rollouts.
    begun: Vec<AtomicU32>,
    next: AtomicUsize,
    fit: Fit,
}

/// Which task an episode is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The next in the order of the file, from the first again after the last.
    Next,
    /// The one at this position, from 0.
    Index(usize),
    /// The one of this name.
    Id(TaskId),
    /// One that the seed decides.
    Seed(u64),
}

impl Gym {
    /// For training: tasks of other splits cannot be given.
    ///
    /// # Errors
    /// When there is no task, or they do not fit the store and drift is not allowed.
    pub fn for_training(
        retriever: Arc<dyn Retriever>,
        retrieval: impl Into<String>,
        tasks: Vec<TrainTask>,
        options: GymOptions,
    ) -> Result<Self, RolloutError> {
        let tasks = tasks.into_iter().map(TrainTask::into_task).collect();
        Self::of_any_split(retriever, retrieval, tasks, options)
    }

    /// For measuring: tasks of any split. What an environment of this says must not be trained on.
    ///
    /// # Errors
    /// As [`Gym::for_training`].
    pub fn of_any_split(
        retriever: Arc<dyn Retriever>,
        retrieval: impl Into<String>,
        tasks: Vec<Task>,
        options: GymOptions,
    ) -> Result<Self, RolloutError> {
        if tasks.is_empty() {
            return Err(RolloutError::NoTasks);
        }
        let fit = fit(&tasks, retriever.as_ref())?;
        if !options.allow_drift {
            fit.refuse()?;
        }
        let by_id = tasks.iter().enumerate().map(|(at, task)| (task.id.clone(), at)).collect();
        let of = |split| {
            let of_split = tasks.iter().enumerate().filter(|(_, task)| task.split == split);
            of_split.map(|(at, _)| at).collect()
        };
        Ok(Self {
            retriever,
            retrieval: retrieval.into(),
            clock: Arc::new(SystemClock),
            judge: None,
            by_id,
            by_split: Split::ALL.map(of),
            begun: tasks.iter().map(|_| AtomicU32::new(0)).collect(),
            next: AtomicUsize::new(0),
            fit,
            tasks,
            options,
        })
    }

    /// The same with a model to ask as a judge, for tasks that need one.
    #[must_use]
    pub fn with_judge(self, judge: Box<dyn LanguageModel>) -> Self {
        Self { judge: Some(Mutex::new(judge)), ..self }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same, going on where the episodes of a log ended: `begun` has the number of the next rollout of
    /// each task that stands there ([`EpisodeLog::begun`](crate::EpisodeLog::begun)).
    #[must_use]
    pub fn after(mut self, begun: &HashMap<TaskId, u32>) -> Self {
        for (id, next) in begun {
            if let Some(at) = self.position(id) {
                self.begun[at] = AtomicU32::new(*next);
            }
        }
        self
    }

    /// Whether there is a model to ask as a judge.
    pub fn has_judge(&self) -> bool {
        self.judge.is_some()
    }

    /// Whether a task needs a judge and there is none.
    pub fn lacks_judge(&self) -> bool {
        self.judge.is_none() && self.tasks.iter().any(|task| task.verifier == Verifier::Judge)
    }

    /// The tasks, in the order of their file.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Positions of the tasks of a split.
    pub fn of_split(&self, split: Split) -> &[usize] {
        let [train, dev, test] = &self.by_split;
        match split {
            Split::Train => train,
            Split::Dev => dev,
            Split::Test => test,
        }
    }

    /// How the tasks fit the store.
    pub fn fit(&self) -> &Fit {
        &self.fit
    }

    /// Snapshot id of the store.
    pub fn snapshot(&self) -> &str {
        self.retriever.snapshot()
    }

    /// Retrieval id of the store, at its quality.
    pub fn retrieval(&self) -> &str {
        &self.retrieval
    }

    /// The settings.
    pub fn options(&self) -> &GymOptions {
        &self.options
    }

    /// Position of the task of that name.
    pub fn position(&self, id: &TaskId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Position of the next task in the order of the file, from the first again after the last.
    pub fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.tasks.len()
    }

    /// Whether there is a task that `pick` means.
    ///
    /// # Errors
    /// When there is none.
    pub fn check(&self, pick: &Pick) -> Result<(), EnvironmentError> {
        match pick {
            Pick::Next | Pick::Seed(_) => Ok(()),
            Pick::Index(_) | Pick::Id(_) => self.find(pick).map(drop),
        }
    }

    /// Position of the task that `pick` means.
    pub(super) fn find(&self, pick: &Pick) -> Result<usize, EnvironmentError> {
        let n = self.tasks.len();
        match pick {
            Pick::Next => Ok(self.next()),
            Pick::Index(at) if *at < n => Ok(*at),
            Pick::Index(at) => Err(EnvironmentError::NoSuchIndex { found: *at, n }),
            Pick::Id(id) => {
                self.position(id).ok_or_else(|| EnvironmentError::NoSuchTask { id: id.clone() })
            }
            Pick::Seed(seed) => Ok(Random(*seed).below(n)),
        }
    }

    /// Begins a rollout of the task at `at`: its number, its seed, and what it searches.
    pub(super) fn begin(&self, at: usize) -> (u32, u64, Arc<dyn Retriever>) {
        let rollout = self.begun[at].fetch_add(1, Ordering::Relaxed);
        let seed = seed_of(self.options.seed, &self.tasks[at].id, rollout);
        let GymOptions { quality, pool, .. } = &self.options;
        let retriever = at_quality(&self.retriever, pool, *quality, seed);
        (rollout, seed, retriever)
    }
}
