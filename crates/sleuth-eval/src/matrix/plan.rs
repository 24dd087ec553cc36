//! Which policies a matrix measures over which stores.
//!
//! A plan is a TOML file:
//!
//! ```toml
//! out = "matrix"              # folder of the episodes, one file a cell
//! seed = 0
//! rollouts = 1
//!
//! [budget]                    # the same for all; absent: that of `--effort normal`
//! searches = 16
//! pages = 16
//! turns = 24
//!
//! [[policy]]
//! name = "trail"
//! policy = "trail"            # trail, chat or closed_book
//! tasks = 50                  # of each store
//!
//! [[policy]]
//! name = "small, searching"
//! policy = "chat"
//! model = "small"
//! tasks = 10
//!
//! [[store]]
//! name = "hotpotqa_100"
//! over = ["data/hotpotqa_100/corpus.jsonl"]    # documents, or one store
//! tasks = "tasks/hotpotqa_100.jsonl"           # or `beir`, a folder whose queries are imported
//! metrics = ["exact_match", "f1"]
//! tuned_on = 5                # takes no task whose id's SHA-256 is 0 modulo 5; absent: takes all
//! ```
//!
//! Paths are relative to the plan. `tuned_on` keeps questions that settings were chosen by out of what
//! is measured. The tasks of a cell are spread evenly over those of the policy
//! that takes most of them, so that fewer tasks are always among more, and two policies can be
//! compared on those that both had. A cell's file is appended to episode by episode: what is there
//! already is not done again, as far as it is of the plan.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sleuth_records::{Budget, sha256_hex};
use sleuth_tasks::{
    Format, ImportError, ImportOptions, LinesError, Split, Task, import, read_tasks,
};

use super::cell::PlannedCell;
use crate::metric::Metric;
use crate::system::EpisodesError;

/// A plan that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not a plan.
    #[error("`{}` is no plan of a matrix", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the TOML parser says.
        source: Box<toml::de::Error>,
    },
    /// Something in it cannot be so.
    #[error("`{}`: {what}", path.display())]
    Impossible {
        /// The file.
        path: PathBuf,
        /// What, with expected and found.
        what: String,
    },
    /// A file of tasks cannot be read.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// A folder of queries cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A cell's file cannot be read.
    #[error(transparent)]
    Episodes(#[from] EpisodesError),
    /// A cell's file was made with something else than what is planned.
    #[error(
        "`{}` differs from the plan in the {part}: expected {expected}, found {found}", path.display()
    )]
    OtherCell {
        /// The file.
        path: PathBuf,
        /// In what it differs, such as `budget`.
        part: String,
        /// What is planned.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixPlan {
    /// Folder of the episodes.
    pub out: PathBuf,
    /// Seed of the rollouts.
    #[serde(default)]
    pub seed: u64,
    /// Rollouts of each task.
    #[serde(default = "one")]
    pub rollouts: u32,
    /// Limits of each rollout; absent is for the caller to decide. Where it stays absent, episodes of
    /// any one budget are taken.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// The rows.
    #[serde(rename = "policy")]
    pub policies: Vec<PlannedPolicy>,
    /// The columns.
    #[serde(rename = "store")]
    pub stores: Vec<PlannedStore>,
}

fn one() -> u32 {
    1
}

/// Which policy a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// The policy without a model.
    Trail,
    /// A model that searches.
    Chat,
    /// A model that is asked without a store.
    ClosedBook,
}

impl PolicyKind {
    /// The word in plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trail => "trail",
            Self::Chat => "chat",
            Self::ClosedBook => "closed_book",
        }
    }
}

/// A row of the matrix.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedPolicy {
    /// Its name in the table and in the names of files.
    pub name: String,
    /// Which policy.
    pub policy: PolicyKind,
    /// Its model, as `sleuth ask --model` takes it.
    #[serde(default)]
    pub model: Option<String>,
    /// Name of that model in its episodes; not of the file, but for the caller to find. Where it is
    /// absent, episodes of any one model are taken for its.
    #[serde(skip)]
    pub model_name: Option<String>,
    /// Tasks of each store.
    pub tasks: usize,
}

/// A column of the matrix.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStore {
    /// Its name in the table and in the names of files.
    pub name: String,
    /// Documents, or one store.
    pub over: Vec<PathBuf>,
    /// File of tasks.
    #[serde(default)]
    pub tasks: Option<PathBuf>,
    /// Folder in the layout of BEIR, whose queries become tasks; in the place of `tasks`.
    #[serde(default)]
    pub beir: Option<PathBuf>,
    /// Tasks whose id's SHA-256 is 0 modulo this number are not taken; absent takes all.
    #[serde(default)]
    pub tuned_on: Option<u32>,
    /// What its cells are scored by; the first one is compared.
    #[serde(default = "short_answers")]
    pub metrics: Vec<MetricName>,
}

/// A metric by its name in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MetricName(pub Metric);

impl TryFrom<String> for MetricName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse().map(Self)
    }
}

fn short_answers() -> Vec<MetricName> {
    vec![MetricName(Metric::ExactMatch), MetricName(Metric::F1)]
}

impl MatrixPlan {
    /// Reads a plan; its paths become those from the current folder.
    ///
    /// # Errors
    /// When the file cannot be read or is no plan that can be followed.
    pub fn read(path: &Path) -> Result<Self, MatrixError> {
        let text = fs_err::read_to_string(path)?;
        let mut plan: Self = toml::from_str(&text).map_err(|source| MatrixError::Format {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        plan.check().map_err(|what| MatrixError::Impossible { path: path.to_owned(), what })?;
        let base = path.parent().unwrap_or(Path::new(""));
        plan.out = base.join(&plan.out);
        for store in &mut plan.stores {
            for path in store.tasks.iter_mut().chain(&mut store.beir) {
                *path = base.join(&*path);
            }
            for over in &mut store.over {
                *over = base.join(&*over);
            }
        }
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        if self.policies.is_empty() || self.stores.is_empty() {
            return Err("expected at least one `[[policy]]` and one `[[store]]`".to_owned());
        }
        if self.rollouts == 0 {
            return Err("expected `rollouts` from 1, found 0".to_owned());
        }
        let mut files = BTreeSet::new();
        for name in self.policies.iter().map(|policy| &policy.name) {
            if !files.insert(file_name(name)) || file_name(name).is_empty() {
                return Err(format!("policy `{name}` has no name of its own"));
            }
        }
        files.clear();
        for store in &self.stores {
            let name = &store.name;
            if !files.insert(file_name(name)) || file_name(name).is_empty() {
                return Err(format!("store `{name}` has no name of its own"));
            }
            if store.over.is_empty() {
                return Err(format!("store `{name}`: expected paths in `over`, found none"));
            }
            if store.tasks.is_some() == store.beir.is_some() {
                return Err(format!("store `{name}`: expected either `tasks` or `beir`"));
            }
            if store.tuned_on == Some(0) {
                return Err(format!("store `{name}`: expected `tuned_on` from 1, found 0"));
            }
            if store.metrics.is_empty() {
                return Err(format!("store `{name}`: expected `metrics`, found none"));
            }
        }
        for policy in &self.policies {
            let (name, kind) = (&policy.name, policy.policy);
            if policy.tasks == 0 {
                return Err(format!("policy `{name}`: expected `tasks` from 1, found 0"));
            }
            match (kind, &policy.model) {
                (PolicyKind::Trail, Some(model)) => {
                    return Err(format!("policy `{name}`: trail has no model, found `{model}`"));
                }
                (PolicyKind::Chat | PolicyKind::ClosedBook, None) => {
                    let kind = kind.as_str();
                    return Err(format!(
                        "policy `{name}`: expected a `model` for {kind}, found none"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The cells by store, and within a store in the order of the policies. `tasks` holds those of each
    /// store, in the order of the plan.
    pub fn cells<'a>(&'a self, tasks: &'a [Vec<Task>]) -> Vec<PlannedCell<'a>> {
        let mut cells = Vec::new();
        for (store, tasks) in self.stores.iter().zip(tasks) {
            for policy in &self.policies {
                let folder = self.out.join(file_name(&store.name));
                let path = folder.join(format!("{}.jsonl", file_name(&policy.name)));
                let picks = self.picks(policy, tasks.len());
                let tasks = picks.into_iter().map(|at| &tasks[at]).collect();
                cells.push(PlannedCell { plan: self, policy, store, path, tasks });
            }
        }
        cells
    }

    /// The tasks of a store that may be taken, in the order of their file.
    ///
    /// # Errors
    /// When they cannot be read, or there is none.
    pub fn tasks(&self, path: &Path, store: &PlannedStore) -> Result<Vec<Task>, MatrixError> {
        let mut tasks = Vec::new();
        if let Some(file) = &store.tasks {
            tasks = read_tasks(file)?;
        }
        if let Some(folder) = &store.beir {
            let options = ImportOptions { split: Split::Test, store: None };
            import(Format::Beir, folder, &options, &mut |task| {
                tasks.push(task);
                Ok(())
            })?;
        }
        tasks.retain(|task| !store.tuned_on.is_some_and(|n| is_multiple(&task.id.0, n)));
        if tasks.is_empty() {
            let what = format!("store `{}` has no tasks", store.name);
            return Err(MatrixError::Impossible { path: path.to_owned(), what });
        }
        Ok(tasks)
    }

    /// Which of `n` tasks of a file a policy takes: positions, rising.
    fn picks(&self, policy: &PlannedPolicy, n: usize) -> Vec<usize> {
        let most = self.policies.iter().map(|policy| policy.tasks).max().unwrap_or(0);
        spread(&spread(&(0..n).collect::<Vec<_>>(), most), policy.tasks)
    }
}

/// Whether the SHA-256 of an id is 0 modulo `n`, which is not 0.
fn is_multiple(id: &str, n: u32) -> bool {
    let digits = sha256_hex(id.as_bytes());
    let digits = digits.chars().filter_map(|c| c.to_digit(16));
    digits.fold(0, |rest, digit| (u64::from(rest) * 16 + u64::from(digit)) as u32 % n) == 0
}

/// At most `most` of `items`, evenly spread.
fn spread(items: &[usize], most: usize) -> Vec<usize> {
    if items.len() <= most {
        return items.to_vec();
    }
    (0..most).map(|i| items[i * items.len() / most]).collect()
}

/// A name as part of a file's name: small letters, digits and single hyphens.
fn file_name(name: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || matches!(c, '_' | '.') { c } else { ' ' };
    let words: String = name.to_lowercase().chars().map(kept).collect();
    words.split_whitespace().collect::<Vec<_>>().join("-").trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        out = "cells"
        [[policy]]
        name = "trail"
        policy = "trail"
        tasks = 50
        [[policy]]
        name = "small, searching"
        policy = "chat"
        model = "small"
        tasks = 10
        [[store]]
        name = "hotpotqa_100"
        over = ["docs"]
        tasks = "tasks.jsonl"
    "#;

    fn read(text: &str) -> Result<MatrixPlan, MatrixError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        fs_err::write(&path, text).unwrap();
        MatrixPlan::read(&path)
    }

    #[test]
    fn fewer_tasks_are_among_more() {
        let plan = read(PLAN).unwrap();
        let (many, few) = (plan.picks(&plan.policies[0], 866), plan.picks(&plan.policies[1], 866));
        assert_eq!((many.len(), few.len()), (50, 10));
        assert!(few.iter().all(|at| many.contains(at)));
        assert!(few.is_sorted() && few[9] > 700, "{few:?}");
        assert_eq!(plan.picks(&plan.policies[0], 3), [0, 1, 2]);
        let tasks = [Vec::new()];
        let path = &plan.cells(&tasks)[1].path;
        assert!(path.ends_with("cells/hotpotqa_100/small-searching.jsonl"), "{path:?}");
    }

    #[test]
    fn one_id_in_five_was_tuned_on() {
        let n = (0..1_000).filter(|n| is_multiple(&n.to_string(), 5)).count();
        assert!((160..240).contains(&n), "{n}");
        // 16 is 1 modulo 5, so that the digits add up.
        for id in ["a", "b", "5a7a06935542990198eaf050"] {
            let sum: u32 = sha256_hex(id.as_bytes()).chars().filter_map(|c| c.to_digit(16)).sum();
            assert_eq!(is_multiple(id, 5), sum.is_multiple_of(5), "{id}");
        }
        assert!(is_multiple("a", 1));
    }

    #[test]
    fn plans_that_cannot_be_followed() {
        let check = |from: &str, to: &str, expected: &str| {
            let error = read(&PLAN.replacen(from, to, 1)).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let message = format!("{error}: {}", source.unwrap_or_default());
            assert!(message.contains(expected), "{message}");
        };
        check("tasks = 50", "tasks = 0", "policy `trail`: expected `tasks` from 1, found 0");
        check("model = \"small\"", "", "expected a `model` for chat, found none");
        check(
            "policy = \"trail\"",
            "policy = \"trail\"\nmodel = \"x\"",
            "trail has no model, found `x`",
        );
        check("policy = \"trail\"", "policy = \"magic\"", "unknown variant `magic`");
        check("small, searching", "Trail!", "policy `Trail!` has no name of its own");
        check(
            "tasks = \"tasks.jsonl\"",
            "tasks = \"t\"\nmetrics = [\"bleu\"]",
            "unknown metric `bleu`",
        );
        check("out =", "outer =", "unknown field `outer`");
        check("tasks = \"tasks.jsonl\"", "", "expected either `tasks` or `beir`");
        check(
            "tasks = \"tasks.jsonl\"",
            "tasks = \"t\"\ntuned_on = 0",
            "expected `tuned_on` from 1",
        );
        check("over = [\"docs\"]", "over = []", "expected paths in `over`, found none");
        check("out = \"cells\"", "out = \"cells\"\nrollouts = 0", "expected `rollouts` from 1");
    }
}
