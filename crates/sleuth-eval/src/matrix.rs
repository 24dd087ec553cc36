//! Policies times stores in one table, under one protocol.
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
//! already is not done again. The table says of every store whether its cells were made over one
//! snapshot, with one retrieval and one budget.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sleuth_lm::PriceTable;
use sleuth_records::{Budget, sha256_hex};
use sleuth_tasks::{
    Format, ImportError, ImportOptions, LinesError, Split, Task, import, read_tasks,
};

use crate::answers::{Answers, interval, interval_name, number};
use crate::contrast::{Across, Call, ComparedSystems, compare_systems, p_text};
use crate::metric::Metric;
use crate::report::{Block, Figure, Page, Row, Table, whiskers};
use crate::statistics::{Estimate, Resampling};
use crate::system::{EpisodesError, Protocol, System, read_systems};

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
    /// A cell's file holds something else than that cell.
    #[error("`{}` has episodes of {found}: expected those of {expected}", path.display())]
    OtherCell {
        /// The file.
        path: PathBuf,
        /// What the plan asks for.
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
    /// Limits of each rollout; absent is for the caller to decide.
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

    /// The file of a cell.
    pub fn cell(&self, policy: &PlannedPolicy, store: &PlannedStore) -> PathBuf {
        self.out.join(file_name(&store.name)).join(format!("{}.jsonl", file_name(&policy.name)))
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
    pub fn picks(&self, policy: &PlannedPolicy, n: usize) -> Vec<usize> {
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

/// One cell as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Name of the policy.
    pub policy: String,
    /// Name of the store.
    pub store: String,
    /// Its file.
    pub episodes: PathBuf,
    /// What its answers are worth; absent where there is no episode yet.
    pub answers: Option<Answers>,
    /// Whether the planned number of tasks and rollouts is there, or the store has no more.
    pub complete: bool,
}

/// A policy against the first one on the tasks that both had.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgainstFirst {
    /// The store.
    pub store: String,
    /// The policy.
    pub policy: String,
    /// The comparison, in the store's first metric.
    pub compared: ComparedSystems,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matrix {
    /// Cells by store, and within a store in the order of the policies.
    pub cells: Vec<Cell>,
    /// What each store is scored by, in the order of the plan.
    pub metrics: Vec<(String, Vec<Metric>)>,
    /// Policies against the first, store by store.
    pub against_first: Vec<AgainstFirst>,
    /// Where cells of one store were not made under one protocol, a sentence each.
    pub breaches: Vec<String>,
    /// How intervals were drawn.
    pub resampling: Resampling,
}

impl Matrix {
    /// Reads the cells that are there. `n_tasks` says how many tasks a store has.
    ///
    /// # Errors
    /// When a cell's file cannot be read or is of another system than the plan says.
    pub fn read(
        plan: &MatrixPlan,
        n_tasks: &dyn Fn(&PlannedStore) -> usize,
        prices: Option<&PriceTable>,
        resampling: &Resampling,
    ) -> Result<Self, MatrixError> {
        let mut matrix = Self {
            cells: Vec::new(),
            metrics: Vec::new(),
            against_first: Vec::new(),
            breaches: Vec::new(),
            resampling: *resampling,
        };
        for store in &plan.stores {
            let metrics: Vec<Metric> = store.metrics.iter().map(|name| name.0).collect();
            let mut systems: Vec<(&PlannedPolicy, System)> = Vec::new();
            for policy in &plan.policies {
                let path = plan.cell(policy, store);
                let system = read_cell(&path, policy, prices)?;
                let planned = policy.tasks.min(n_tasks(store));
                let n_planned = planned * plan.rollouts as usize;
                let n_found = system.as_ref().map_or(0, |system| system.observations.len());
                matrix.cells.push(Cell {
                    policy: policy.name.clone(),
                    store: store.name.clone(),
                    episodes: path,
                    answers: system.as_ref().map(|system| Answers::of(system, resampling)),
                    complete: n_found >= n_planned,
                });
                systems.extend(system.map(|system| (policy, system)));
            }
            matrix.breaches.extend(breaches(&store.name, &systems));
            matrix.compare(&store.name, metrics[0], &systems);
            matrix.metrics.push((store.name.clone(), metrics));
        }
        Ok(matrix)
    }

    fn compare(&mut self, store: &str, metric: Metric, systems: &[(&PlannedPolicy, System)]) {
        let Some(((_, first), others)) = systems.split_first() else { return };
        // A closed book has no store to agree on; breaches of protocol are told apart from this.
        let across = Across::ALL.into_iter().collect();
        for (policy, system) in others {
            if let Ok(compared) = compare_systems(first, system, metric, &across, &self.resampling)
            {
                let (store, policy) = (store.to_owned(), policy.name.clone());
                self.against_first.push(AgainstFirst { store, policy, compared });
            }
        }
    }

    fn columns(&self) -> Vec<Metric> {
        let mut columns: Vec<Metric> = Vec::new();
        for metric in self.metrics.iter().flat_map(|(_, metrics)| metrics) {
            if !columns.contains(metric) {
                columns.push(*metric);
            }
        }
        columns
    }

    /// The table of cells.
    pub fn table(&self) -> Table {
        const COSTS: [Metric; 5] =
            [Metric::Searches, Metric::Pages, Metric::Tokens, Metric::Seconds, Metric::Dollars];
        let level = interval_name(&self.resampling);
        let columns = self.columns();
        let mut head = vec!["store", "policy", "tasks"];
        for metric in &columns {
            head.extend([metric.as_str(), &level]);
        }
        head.extend(COSTS.map(Metric::as_str));
        head.push("errors");
        let mut table = Table::new("Policies over stores", 2, &head);
        for cell in &self.cells {
            let scored = self.metrics.iter().find(|(store, _)| *store == cell.store);
            let mut row = vec![cell.store.clone(), cell.policy.clone()];
            let Some(answers) = &cell.answers else {
                row.push("none yet".to_owned());
                row.resize(head.len(), "–".to_owned());
                table.rows.push(row);
                continue;
            };
            let mark = if cell.complete { "" } else { " (unfinished)" };
            row.push(format!("{}{mark}", answers.tasks));
            for metric in &columns {
                let is_scored = scored.is_some_and(|(_, metrics)| metrics.contains(metric));
                let found = answers.get(*metric).filter(|_| is_scored);
                row.push(found.map_or("–".to_owned(), |e| number(e.mean, *metric)));
                row.push(interval(found.and_then(Estimate::interval), *metric));
            }
            for metric in COSTS {
                let found = answers.get(metric);
                row.push(found.map_or("–".to_owned(), |e| number(e.mean, metric)));
            }
            row.push(answers.n_errors().to_string());
            table.rows.push(row);
        }
        table
    }

    /// The table of policies against the first one.
    pub fn table_of_differences(&self) -> Option<Table> {
        let first = &self.cells.first()?.policy;
        let level = interval_name(&self.resampling);
        let head = ["store", "policy", "metric", "tasks", "difference", &level, "p", "call"];
        let caption = format!("Less `{first}`, on the tasks that both had");
        let mut table = Table::new(caption, 3, &head);
        for AgainstFirst { store, policy, compared } in &self.against_first {
            let decisive = &compared.contrasts[0];
            let call = match compared.call {
                Call::SecondHigher => "higher",
                Call::FirstHigher => "lower",
                Call::NoDifferenceShown => "no difference shown",
            };
            table.rows.push(vec![
                store.clone(),
                policy.clone(),
                decisive.metric.to_string(),
                compared.tasks.to_string(),
                format!("{:+.3}", decisive.difference),
                format!("{:+.3} to {:+.3}", decisive.interval.low, decisive.interval.high),
                p_text(decisive.p),
                call.to_owned(),
            ]);
        }
        (!table.rows.is_empty()).then_some(table)
    }

    /// Cells that are not there or not whole.
    pub fn n_unfinished(&self) -> usize {
        self.cells.iter().filter(|cell| !cell.complete).count()
    }

    /// How it was done, on one line.
    pub fn method_line(&self) -> String {
        format!(
            "intervals: Wilson at the effective sample size for shares, else bootstrap over clusters, \
             {} samples; p: randomisation test over clusters, {} permutations; seed {}; no correction \
             for many comparisons",
            self.resampling.samples, self.resampling.permutations, self.resampling.seed,
        )
    }

    /// A page about it.
    pub fn page(&self) -> Page {
        let mut blocks: Vec<Block> = Vec::new();
        if self.n_unfinished() > 0 {
            let (n, of) = (self.n_unfinished(), self.cells.len());
            blocks.push(Block::Alert(format!("{n} of {of} cells are not finished")));
        }
        blocks.extend(self.breaches.iter().cloned().map(Block::Alert));
        for metric in self.columns() {
            let rows: Vec<Row> = self
                .cells
                .iter()
                .filter(|cell| {
                    self.metrics.iter().any(|(s, m)| *s == cell.store && m.contains(&metric))
                })
                .filter_map(|cell| {
                    let estimate = cell.answers.as_ref()?.get(metric)?;
                    Some(Row::of(&cell.store, &cell.policy, estimate))
                })
                .collect();
            if !rows.is_empty() {
                let caption = format!("{metric}, with its interval, by store and policy");
                let svg = whiskers(&caption, metric.as_str(), &rows);
                blocks.push(Block::Figure(Figure { caption, svg }));
            }
        }
        blocks.push(Block::Table(self.table()));
        blocks.extend(self.table_of_differences().map(Block::Table));
        blocks.push(Block::Text(self.method_line()));
        Page { title: "Policies over stores".to_owned(), blocks }
    }
}

/// The one system of a cell's file; `None` where there is no file or no episode in it yet.
fn read_cell(
    path: &Path,
    policy: &PlannedPolicy,
    prices: Option<&PriceTable>,
) -> Result<Option<System>, MatrixError> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut systems = match read_systems(&[path.to_owned()], prices) {
        Ok(loaded) => loaded.systems,
        Err(EpisodesError::Empty { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let expected = policy.policy.as_str();
    let wrong = systems.iter().find(|system| system.protocol.policy != expected);
    if systems.len() > 1 || wrong.is_some() {
        let names: Vec<String> = systems.iter().map(|system| system.protocol.name()).collect();
        return Err(MatrixError::OtherCell {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found: names.join(" and "),
        });
    }
    Ok(systems.pop())
}

/// What differs between the protocols of one store's cells.
fn breaches(store: &str, systems: &[(&PlannedPolicy, System)]) -> Vec<String> {
    let searching = |kind: PolicyKind| kind != PolicyKind::ClosedBook;
    let mut known: Option<(&str, &Protocol)> = None;
    let mut out = Vec::new();
    for (policy, system) in systems.iter().filter(|(policy, _)| searching(policy.policy)) {
        let protocol = &system.protocol;
        let Some((first, expected)) = known else {
            known = Some((&policy.name, protocol));
            continue;
        };
        for (part, same) in [
            ("snapshot", protocol.store == expected.store),
            ("retrieval", protocol.retrieval == expected.retrieval),
            ("budget", protocol.budget == expected.budget),
        ] {
            if !same {
                out.push(format!(
                    "store {store}: `{}` had another {part} than `{first}`; they are not of one protocol",
                    policy.name,
                ));
            }
        }
    }
    out
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
        let cell = plan.cell(&plan.policies[1], &plan.stores[0]);
        assert!(cell.ends_with("cells/hotpotqa_100/small-searching.jsonl"), "{cell:?}");
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
