//! Policies times stores in one table, under one protocol.
//!
//! A [plan](MatrixPlan) names the policies, the stores and the tasks; each cell has a file of episodes,
//! see [`PlannedCell`]. The table says of every store whether its cells were made over one
//! snapshot, with one retrieval and one budget.

mod cell;
mod plan;

use std::path::PathBuf;

use serde::Serialize;
use sleuth_lm::PriceTable;
use sleuth_tasks::Task;

pub use self::cell::{PlannedCell, StoreNow};
pub use self::plan::{
    MatrixError, MatrixPlan, MetricName, PlannedPolicy, PlannedStore, PolicyKind,
};
use crate::answers::{Answers, interval, interval_name, number};
use crate::contrast::{Across, Call, ComparedSystems, compare_systems, p_text, signed};
use crate::metric::Metric;
use crate::report::{Block, Figure, Page, Row, Table, whiskers};
use crate::statistics::{Estimate, Resampling};
use crate::system::{Protocol, System};

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
    /// Whether all tasks that were picked and all their rollouts are there.
    pub complete: bool,
}

/// A policy against the plan's first one on the tasks that both had.
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
    /// Policies against the plan's first, store by store; none of a store where that has no cell.
    pub against_first: Vec<AgainstFirst>,
    /// Where cells of one store were not made under one protocol, a sentence each.
    pub breaches: Vec<String>,
    /// How intervals were drawn.
    pub resampling: Resampling,
}

impl Matrix {
    /// Reads the cells that are there. `tasks` holds those of each store, in the order of the plan.
    ///
    /// # Errors
    /// When a cell's file cannot be read or was made with something else than what is planned.
    pub fn read(
        plan: &MatrixPlan,
        tasks: &[Vec<Task>],
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
        let cells = plan.cells(tasks);
        for (store, cells) in plan.stores.iter().zip(cells.chunks(plan.policies.len().max(1))) {
            let metrics: Vec<Metric> = store.metrics.iter().map(|name| name.0).collect();
            let mut systems: Vec<(&PlannedPolicy, System)> = Vec::new();
            for cell in cells {
                let system = cell.read(None, prices)?;
                matrix.cells.push(Cell {
                    policy: cell.policy.name.clone(),
                    store: store.name.clone(),
                    episodes: cell.path.clone(),
                    answers: system.as_ref().map(|system| Answers::of(system, resampling)),
                    complete: cell.is_complete(system.as_ref()),
                });
                systems.extend(system.map(|system| (cell.policy, system)));
            }
            matrix.breaches.extend(breaches(&store.name, &systems));
            matrix.compare(&store.name, metrics[0], &plan.policies[0], &systems);
            matrix.metrics.push((store.name.clone(), metrics));
        }
        Ok(matrix)
    }

    /// Compares a store's policies with the plan's first; with nothing where that has no cell.
    fn compare(
        &mut self,
        store: &str,
        metric: Metric,
        reference: &PlannedPolicy,
        systems: &[(&PlannedPolicy, System)],
    ) {
        let Some(((policy, first), others)) = systems.split_first() else { return };
        if policy.name != reference.name {
            return;
        }
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
                format!("{:+.*}", decisive.metric.decimals(), decisive.difference),
                signed(decisive.interval, decisive.metric),
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
            "intervals: Wilson at the effective sample size for shares, and where all is 0 or all is 1; else \
             bootstrap over clusters, {} samples; p: randomisation test over clusters, {} permutations; seed {}; no correction \
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
