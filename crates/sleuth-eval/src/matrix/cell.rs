//! The file of one cell, and what of it counts.
//!
//! A matrix goes on after every interruption, and its plan, its tasks and its documents may be others by
//! then. So an episode counts only where its task is among those picked and its rollout among those
//! planned; what was made for an earlier plan with other counts may stay beside it. All else that
//! an episode was made with (policy, model, budget, seed, snapshot and retrieval, and the task's own
//! words) has to be what is planned now. A file that differs in it is refused, before anything is
//! appended: its numbers would stand in a row that they are not of.

use std::collections::HashSet;
use std::path::PathBuf;

use sleuth_lm::PriceTable;
use sleuth_tasks::{Task, TaskId, seed_of};

use super::plan::{MatrixError, MatrixPlan, PlannedPolicy, PlannedStore, PolicyKind};
use crate::system::{EpisodesError, Loaded, Protocol, System, differing_part, read_systems};

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct PlannedCell<'a> {
    /// The plan.
    pub plan: &'a MatrixPlan,
    /// Its row.
    pub policy: &'a PlannedPolicy,
    /// Its column.
    pub store: &'a PlannedStore,
    /// Its file.
    pub path: PathBuf,
    /// The tasks that were picked for it, in the order of their file.
    pub tasks: Vec<&'a Task>,
}

/// A store as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreNow<'a> {
    /// Snapshot id.
    pub snapshot: &'a str,
    /// Retrieval id.
    pub retrieval: &'a str,
}

impl PlannedCell<'_> {
    /// Reads the episodes that count; `None` where there is none yet. Where the store is not open, it is
    /// only looked whether all episodes were made over one.
    ///
    /// # Errors
    /// When the file cannot be read, or was made with something else than what is planned.
    pub fn read(
        &self,
        store: Option<StoreNow<'_>>,
        prices: Option<&PriceTable>,
    ) -> Result<Option<System>, MatrixError> {
        if !self.path.is_file() {
            return Ok(None);
        }
        let mut loaded = match read_systems(std::slice::from_ref(&self.path), prices) {
            Ok(loaded) => loaded,
            Err(EpisodesError::Empty { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.check_protocol(&loaded, store)?;
        self.check_seeds(&loaded)?;
        self.check_tasks(&loaded)?;
        let picked: HashSet<&TaskId> = self.tasks.iter().map(|task| &task.id).collect();
        // They agree in all of the protocol, so that there is one.
        let system = loaded.systems.pop().map(|mut system| {
            system.observations.retain(|observation| {
                picked.contains(&observation.task) && observation.rollout < self.plan.rollouts
            });
            system
        });
        Ok(system.filter(|system| !system.observations.is_empty()))
    }

    /// Whether all that is planned is among what [`read`](Self::read) gave.
    pub fn is_complete(&self, system: Option<&System>) -> bool {
        let n_found = system.map_or(0, |system| system.observations.len());
        n_found >= self.tasks.len() * self.plan.rollouts as usize
    }

    /// What nobody planned, such as the snapshot of a store that is not open, is that of the first
    /// episode.
    fn check_protocol(
        &self,
        loaded: &Loaded,
        store: Option<StoreNow<'_>>,
    ) -> Result<(), MatrixError> {
        let Some(Protocol { model, store: snapshot, retrieval, budget, .. }) =
            loaded.systems.first().map(|system| &system.protocol)
        else {
            return Ok(());
        };
        let model = match self.policy.policy {
            PolicyKind::Trail => None,
            PolicyKind::Chat | PolicyKind::ClosedBook => {
                self.policy.model_name.as_ref().or(model.as_ref())
            }
        };
        let store = store.unwrap_or(StoreNow { snapshot, retrieval });
        let budget = self.plan.budget.as_ref().or(budget.as_ref());
        let named = |model: Option<&String>| model.map_or("none".to_owned(), |it| quoted(it));
        for System { protocol: found, observations } in &loaded.systems {
            let kind = self.policy.policy.as_str();
            self.same("policy", quoted(kind), quoted(&found.policy))?;
            self.same("model", named(model), named(found.model.as_ref()))?;
            self.same("snapshot", quoted(store.snapshot), quoted(&found.store))?;
            self.same("retrieval", quoted(store.retrieval), quoted(&found.retrieval))?;
            // An episode that ended before it began does not say its budget.
            let unsaid = found.budget.is_none() && observations.iter().all(|o| o.outcome.is_err());
            if !unsaid && found.budget.as_ref() != budget {
                let expected = Protocol { budget: budget.cloned(), ..found.clone() };
                self.same("budget", quoted(&expected.limits()), quoted(&found.limits()))?;
            }
        }
        Ok(())
    }

    fn check_seeds(&self, loaded: &Loaded) -> Result<(), MatrixError> {
        for observation in loaded.systems.iter().flat_map(|system| &system.observations) {
            let (task, rollout) = (&observation.task, observation.rollout);
            let planned = seed_of(self.plan.seed, task, rollout);
            if observation.seed != planned {
                let part = format!("seed of rollout {rollout} of task `{task}`");
                let expected = format!("`{planned}` by `seed = {}`", self.plan.seed);
                self.same(&part, expected, quoted(&observation.seed.to_string()))?;
            }
        }
        Ok(())
    }

    fn check_tasks(&self, loaded: &Loaded) -> Result<(), MatrixError> {
        for &task in &self.tasks {
            let Some(found) = loaded.tasks.get(&task.id) else { continue };
            if let Some(part) = differing_part(task, found) {
                let name = format!("{} of task `{}`", part.as_str(), task.id);
                self.same(&name, quoted(&part.text(task)), quoted(&part.text(found)))?;
            }
        }
        Ok(())
    }

    fn same(&self, part: &str, expected: String, found: String) -> Result<(), MatrixError> {
        if expected == found {
            return Ok(());
        }
        let (path, part) = (self.path.clone(), part.to_owned());
        Err(MatrixError::OtherCell { path, part, expected, found })
    }
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}
