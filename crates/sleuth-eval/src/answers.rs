//! What one system's answers are worth: [`Answers::of`] a [`System`].
//!
//! Means are over tasks and their intervals over clusters of tasks. An episode that ended in an error
//! is in no mean: it is counted by the boundary that failed. pass@k and pass^k are over the tasks
//! that have at least k judged rollouts, and the number of those stands beside them.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};

use crate::metric::Metric;
use crate::report::{Block, Figure, Page, Row, Table, whiskers};
use crate::statistics::{
    Calibration, Estimate, Interval, Resampling, Scale, estimate, pass_all, pass_at,
};
use crate::system::{Band, Observation, Protocol, System};

/// What is said of each group of tasks.
const OF_GROUPS: [Metric; 5] =
    [Metric::Correct, Metric::ExactMatch, Metric::F1, Metric::EvidenceSeen, Metric::Searches];

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answers {
    /// What the episodes were made under.
    pub protocol: Protocol,
    /// Episodes, those that ended in an error with them.
    pub episodes: usize,
    /// Tasks with at least one judged episode.
    pub tasks: usize,
    /// Tasks of which every episode ended in an error.
    pub tasks_lost: usize,
    /// Fewest and most judged rollouts of a task that has one.
    pub rollouts: (usize, usize),
    /// Episodes that ended in an error, by the boundary that failed.
    pub errors: BTreeMap<&'static str, usize>,
    /// The metrics that have a value.
    #[serde(serialize_with = "as_map")]
    pub metrics: Vec<(Metric, Estimate)>,
    /// pass@k and pass^k, from k = 1 to the most rollouts of a task; empty where each has just one.
    pub passes: Vec<Passes>,
    /// The same metrics for groups of tasks, where there is more than one group.
    pub groups: Vec<Group>,
    /// What stated confidence is worth; absent where none is stated.
    pub calibration: Option<Calibration>,
    /// How the intervals were drawn.
    pub resampling: Resampling,
}

/// What k rollouts of a task come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Passes {
    /// Rollouts drawn.
    pub k: usize,
    /// Chance that at least one is right, over tasks.
    pub at: Estimate,
    /// Chance that all are right, over tasks.
    pub all: Estimate,
}

/// A group of tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What groups are told apart by: `kind`, `hops`, `split` or `difficulty`.
    pub by: &'static str,
    /// Which group.
    pub name: String,
    /// Tasks in it with at least one judged episode.
    pub tasks: usize,
    /// The metrics that have a value.
    #[serde(serialize_with = "as_map")]
    pub metrics: Vec<(Metric, Estimate)>,
}

impl Answers {
    /// Measures `system`.
    pub fn of(system: &System, resampling: &Resampling) -> Self {
        let observations = &system.observations;
        let mut errors: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut judged: HashMap<&str, usize> = HashMap::new();
        for observation in observations {
            let n = judged.entry(&observation.task.0).or_default();
            match observation.outcome {
                Ok(_) => *n += 1,
                Err(boundary) => *errors.entry(boundary.as_str()).or_default() += 1,
            }
        }
        let counts = || judged.values().copied().filter(|&n| n > 0);
        Self {
            protocol: system.protocol.clone(),
            episodes: observations.len(),
            tasks: counts().count(),
            tasks_lost: judged.len() - counts().count(),
            rollouts: (counts().min().unwrap_or(0), counts().max().unwrap_or(0)),
            errors,
            metrics: estimates(&Metric::ALL, &observations, resampling),
            passes: passes(observations, resampling),
            groups: groups(observations, resampling),
            calibration: Calibration::of(&stated(observations)),
            resampling: *resampling,
        }
    }

    /// The estimate of a metric, where there is one.
    pub fn get(&self, metric: Metric) -> Option<&Estimate> {
        self.metrics.iter().find(|(known, _)| *known == metric).map(|(_, estimate)| estimate)
    }

    /// Episodes that ended in an error.
    pub fn n_errors(&self) -> usize {
        self.errors.values().sum()
    }

    /// What it is and how much of it there is, on one line.
    pub fn title(&self) -> String {
        let rollouts = match self.rollouts {
            (_, 0) => "none judged".to_owned(),
            (1, 1) => "one rollout each".to_owned(),
            (least, most) if least == most => format!("{most} rollouts each"),
            (least, most) => format!("{least} to {most} rollouts each"),
        };
        let tasks = if self.tasks == 1 { "task" } else { "tasks" };
        format!("{} · {} {tasks}, {rollouts}", self.protocol.name(), self.tasks)
    }

    /// What stands under the title: store, limits and errors.
    pub fn subtitle(&self) -> Vec<String> {
        let mut lines = vec![format!("store {} · {}", self.protocol.store, self.protocol.limits())];
        if self.n_errors() > 0 {
            let by: Vec<String> = self.errors.iter().map(|(b, n)| format!("{b} {n}")).collect();
            let lost = match self.tasks_lost {
                0 => String::new(),
                1 => "; 1 task has no other".to_owned(),
                n => format!("; {n} tasks have no other"),
            };
            lines.push(format!(
                "errors, left out of all means: {} of {} episodes ({}){lost}",
                self.n_errors(),
                self.episodes,
                by.join(", "),
            ));
        }
        lines
    }

    /// The numbers as tables.
    pub fn tables(&self) -> Vec<Table> {
        let level = interval_name(&self.resampling);
        let mut tables = Vec::new();
        let mut all = Table::new("All tasks", 1, &["metric", "mean", &level, "tasks", "clusters"]);
        for (metric, estimate) in &self.metrics {
            all.rows.push(vec![
                metric.to_string(),
                number(estimate.mean, *metric),
                interval(estimate.interval(), *metric),
                estimate.tasks.to_string(),
                estimate.clusters.to_string(),
            ]);
        }
        tables.push(all);
        if !self.passes.is_empty() {
            let head = ["k", "pass@k", &level, "pass^k", &level, "tasks"];
            let mut table = Table::new("Several rollouts: one right, all right", 1, &head);
            for Passes { k, at, all } in &self.passes {
                table.rows.push(vec![
                    k.to_string(),
                    number(at.mean, Metric::Correct),
                    interval(at.interval(), Metric::Correct),
                    number(all.mean, Metric::Correct),
                    interval(all.interval(), Metric::Correct),
                    at.tasks.to_string(),
                ]);
            }
            tables.push(table);
        }
        if !self.groups.is_empty() {
            let mut head = vec!["by", "group", "tasks"];
            for metric in OF_GROUPS {
                head.push(metric.as_str());
                if metric == Metric::Correct {
                    head.push(&level);
                }
            }
            let mut table = Table::new("Groups of tasks", 2, &head);
            for group in &self.groups {
                let get = |metric| group.metrics.iter().find(|(m, _)| *m == metric);
                let mut row =
                    vec![group.by.to_owned(), group.name.clone(), group.tasks.to_string()];
                for metric in OF_GROUPS {
                    let found = get(metric).map(|(_, estimate)| estimate);
                    row.push(found.map_or("–".to_owned(), |e| number(e.mean, metric)));
                    if metric == Metric::Correct {
                        row.push(interval(found.and_then(Estimate::interval), metric));
                    }
                }
                table.rows.push(row);
            }
            tables.push(table);
        }
        tables.extend(self.calibration.as_ref().map(calibration_table));
        tables
    }

    /// One line on stated confidence, where there is any.
    pub fn calibration_line(&self) -> Option<String> {
        let found = self.calibration.as_ref()?;
        let auroc = found.auroc.map_or("–".to_owned(), |auroc| format!("{auroc:.3}"));
        Some(format!(
            "confidence stated in {} episodes: calibration error {:.3}, Brier {:.3}, AUROC {auroc}",
            found.n, found.error, found.brier,
        ))
    }

    /// How the intervals were made, on one line.
    pub fn method_line(&self) -> String {
        format!(
            "intervals: Wilson at the effective sample size for shares of rollouts, pass@k and pass^k, and where \
             all is 0 or all is 1; else bootstrap over clusters, {} samples, seed {}",
            self.resampling.samples, self.resampling.seed,
        )
    }

    /// The blocks of a page about this system.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = vec![Block::Heading(self.title())];
        blocks.extend(self.subtitle().into_iter().map(Block::Text));
        let shares = [Metric::Correct, Metric::ExactMatch, Metric::F1, Metric::EvidenceSeen];
        let mut rows: Vec<Row> = shares
            .iter()
            .filter_map(|&metric| Some((metric, self.get(metric)?)))
            .map(|(metric, estimate)| Row::of("all tasks", metric.as_str(), estimate))
            .collect();
        for group in &self.groups {
            let correct = group.metrics.iter().find(|(metric, _)| *metric == Metric::Correct);
            if let Some((_, estimate)) = correct {
                let by = format!("correct by {}", group.by);
                rows.push(Row::of(&by, &group.name, estimate));
            }
        }
        blocks.push(Block::Figure(Figure {
            caption: format!("{}: means and 95 % intervals", self.protocol.name()),
            svg: whiskers(&format!("Means of {}", self.protocol.name()), "share", &rows),
        }));
        blocks.extend(self.tables().into_iter().map(Block::Table));
        blocks.extend(self.calibration_line().map(Block::Text));
        blocks.push(Block::Text(self.method_line()));
        blocks
    }
}

/// A page about several systems.
pub fn answers_page(all: &[Answers]) -> Page {
    let blocks = all.iter().flat_map(Answers::blocks).collect();
    Page { title: "Answers".to_owned(), blocks }
}

fn calibration_table(found: &Calibration) -> Table {
    let mut table = Table::new(
        "Confidence as stated, and what became of it",
        1,
        &["mean confidence", "share right", "answers"],
    );
    for bin in &found.bins {
        table.rows.push(vec![
            format!("{:.3}", bin.confidence),
            format!("{:.3}", bin.right),
            bin.n.to_string(),
        ]);
    }
    table
}

fn estimates<'a>(
    metrics: &[Metric],
    observations: &(impl IntoIterator<Item = &'a Observation> + Clone),
    resampling: &Resampling,
) -> Vec<(Metric, Estimate)> {
    let of = |&metric: &Metric| Some((metric, metric.estimate(observations.clone(), resampling)?));
    metrics.iter().filter_map(of).collect()
}

fn passes(observations: &[Observation], resampling: &Resampling) -> Vec<Passes> {
    let tasks = Metric::Correct.by_task(observations);
    let most = tasks.iter().map(|task| task.values.len()).max().unwrap_or(0);
    if most < 2 {
        return Vec::new();
    }
    let of = |k: usize, chance: fn(u64, u64, u64) -> Result<f64, _>| {
        let tasks = || tasks.iter().filter(|task| task.values.len() >= k);
        // What a value is worth more or less than a trial, its spread over tasks tells; there are no more trials
        // behind it than rollouts.
        let n_trials = tasks().map(|task| task.values.len()).sum();
        let values: Vec<(&str, f64)> = tasks()
            .filter_map(|task| {
                let n_right = task.values.iter().filter(|&&value| value == 1.0).count();
                let value = chance(task.values.len() as u64, n_right as u64, k as u64).ok()?;
                Some((task.cluster, value))
            })
            .collect();
        estimate(&values, Scale::Trials(n_trials), resampling)
    };
    let passes = |k| Some(Passes { k, at: of(k, pass_at)?, all: of(k, pass_all)? });
    (1..=most).filter_map(passes).collect()
}

fn groups(observations: &[Observation], resampling: &Resampling) -> Vec<Group> {
    let mut out = Vec::new();
    /// A group's place in the table, and its name.
    type NameOf = fn(&Observation) -> (u32, String);
    let by: [(&'static str, NameOf); 4] = [
        ("kind", |o| (o.kind as u32, o.kind.to_string())),
        ("hops", |o| match o.hops {
            0 => (u32::MAX, "not known".to_owned()),
            hops => (hops, hops.to_string()),
        }),
        ("split", |o| (o.split as u32, o.split.to_string())),
        ("difficulty", |o| match o.band {
            Some(band) => (band as u32, band.as_str().to_owned()),
            None => (Band::ALL.len() as u32, "not known".to_owned()),
        }),
    ];
    for (by, name_of) in by {
        let mut members: BTreeMap<(u32, String), Vec<&Observation>> = BTreeMap::new();
        for observation in observations {
            members.entry(name_of(observation)).or_default().push(observation);
        }
        if members.len() < 2 {
            continue;
        }
        for ((_, name), members) in members {
            let metrics = estimates(&OF_GROUPS, &members.iter().copied(), resampling);
            let tasks = Metric::Correct.by_task(members.iter().copied()).len();
            // Of a group whose episodes all ended in errors there is nothing to say.
            if tasks == 0 {
                continue;
            }
            out.push(Group { by, name, tasks, metrics });
        }
    }
    out
}

/// Confidence and outcome of the judged episodes that state one.
pub(crate) fn stated(observations: &[Observation]) -> Vec<(f64, bool)> {
    let outcomes = observations.iter().filter_map(|observation| observation.outcome.as_ref().ok());
    outcomes.filter_map(|outcome| Some((outcome.confidence?, outcome.correct))).collect()
}

fn as_map<S: Serializer>(metrics: &[(Metric, Estimate)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(metrics.iter().map(|(metric, estimate)| (metric, estimate)))
}

/// `95 % interval`.
pub(crate) fn interval_name(resampling: &Resampling) -> String {
    format!("{:.0} % interval", resampling.level * 100.0)
}

pub(crate) fn number(value: f64, metric: Metric) -> String {
    format!("{value:.*}", metric.decimals())
}

pub(crate) fn interval(interval: Option<Interval>, metric: Metric) -> String {
    interval.map_or("–".to_owned(), |Interval { low, high }| {
        format!("{} to {}", number(low, metric), number(high, metric))
    })
}
