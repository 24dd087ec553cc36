//! Two systems on the same tasks: does the second differ from the first?
//!
//! Every task gives one difference, of the means over its judged rollouts. The interval is the
//! bootstrap over clusters of tasks, *p* the randomisation test with the signs of a cluster changed
//! together, and for verdicts of single rollouts on tasks that are each a cluster of their own McNemar's
//! test stands beside it. A difference is called one only where *p* is below α **and** the interval leaves 0 out;
//! otherwise the report says *no difference shown*, what difference this many tasks would have shown,
//! and how many it would take to show the one observed. One metric decides; the others are there to
//! be looked at, and are not corrected for their number.
//!
//! Systems of different protocols are not compared unless the caller says so: see [`Across`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

use serde::Serialize;

use crate::answers::{interval_name, number};
use crate::metric::{Metric, TaskValues};
use crate::report::{Block, Figure, Page, Row, Table, whiskers};
use crate::statistics::{
    Interval, McNemar, Resampling, bootstrap_means, clopper_pearson, clustered_mean, detectable,
    needed, randomisation, unless_rounding,
};
use crate::system::System;

/// Level of the test.
pub const ALPHA: f64 = 0.05;
/// Share of experiments that are to show a difference, for what is said of sample sizes.
pub const POWER: f64 = 0.8;

/// A part of the protocol in which compared systems may differ where the caller says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Across {
    /// Snapshots of the store.
    Store,
    /// Ranker, embedder, graph and lists of sites.
    Retrieval,
    /// Limits of searches, pages, turns, tokens, seconds and dollars.
    Budget,
    /// The tasks: those that both have are compared.
    Tasks,
}

impl Across {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Store, Self::Retrieval, Self::Budget, Self::Tasks];

    /// The word in flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Retrieval => "retrieval",
            Self::Budget => "budget",
            Self::Tasks => "tasks",
        }
    }
}

impl FromStr for Across {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|across| across.as_str() == word).ok_or_else(|| {
            format!("unknown part `{word}`: expected store, retrieval, budget or tasks")
        })
    }
}

/// A part of the protocol in which two systems differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// Which part.
    pub part: Across,
    /// How they differ, in words.
    pub how: String,
}

/// Why two systems are not compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContrastError {
    /// They were not made under one protocol; named are all parts in which they differ and that the caller
    /// did not allow.
    #[error("{}", differences.iter().map(|d| d.how.as_str()).collect::<Vec<_>>().join("; "))]
    OtherProtocol {
        /// At least one.
        differences: Vec<Differing>,
    },
    /// They have no task in common.
    #[error(
        "the two have no task in common: the first has {first}, such as `{of_first}`, the second {second}, such as \
         `{of_second}`"
    )]
    NoCommonTask {
        /// Tasks of the first.
        first: usize,
        /// One of them.
        of_first: String,
        /// Tasks of the second.
        second: usize,
        /// One of them.
        of_second: String,
    },
    /// No task has a value in both.
    #[error("no task has a value of `{metric}` in both")]
    Nothing {
        /// The metric that was to decide.
        metric: &'static str,
    },
}

/// How two systems differ in one metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Contrast {
    /// Which.
    pub metric: Metric,
    /// Mean over the common tasks of the first.
    pub first: f64,
    /// Mean over the common tasks of the second.
    pub second: f64,
    /// The second less the first.
    pub difference: f64,
    /// Bootstrap interval of the difference, over clusters; absent where all tasks differ by as much, since there
    /// is nothing to draw from.
    pub interval: Option<Interval>,
    /// *p* of the randomisation test over clusters.
    pub p: f64,
    /// Tasks where the second has more; better it is only where more is.
    pub more: usize,
    /// Tasks where both have the same.
    pub equal: usize,
    /// Tasks where the second has less.
    pub less: usize,
}

/// What the comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// The second has more of the metric.
    SecondHigher,
    /// The first has more of the metric.
    FirstHigher,
    /// Chance alone could well have put the two this far apart.
    NoDifferenceShown,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedSystems {
    /// Name of the first system.
    pub first: String,
    /// Name of the second system.
    pub second: String,
    /// Parts of the protocol in which they differ all the same.
    pub across: Vec<Differing>,
    /// Tasks with a value of the first metric in both.
    pub tasks: usize,
    /// Clusters that they fall into.
    pub clusters: usize,
    /// Tasks that both were asked and that have no value of the first metric in one of them: no judged
    /// episode, or none that the metric can be taken of.
    pub left_out: usize,
    /// The metrics that both have; the one that decides comes first.
    pub contrasts: Vec<Contrast>,
    /// McNemar's test of verdicts; only where each task has one judged rollout in each and is a
    /// cluster of its own.
    pub mcnemar: Option<McNemar>,
    /// What it comes to in the first metric.
    pub call: Call,
    /// The difference in that metric that this many tasks would show in [`POWER`] of experiments;
    /// absent where no task came out differently.
    pub detectable: Option<f64>,
    /// Tasks that it would take to show the difference observed; absent where that is 0.
    pub needed: Option<u64>,
    /// Largest share of tasks that may come out differently although none did, at 95 %; of a 0/1
    /// metric where all tasks came out the same.
    pub unseen: Option<f64>,
    /// How it was drawn.
    pub resampling: Resampling,
}

/// Compares `second` with `first`; `main` decides.
///
/// # Errors
/// When they differ in a part of the protocol that `across` does not name, or have no task in common.
pub fn compare_systems(
    first: &System,
    second: &System,
    main: Metric,
    across: &BTreeSet<Across>,
    resampling: &Resampling,
) -> Result<ComparedSystems, ContrastError> {
    let (differing, asked) = differences(first, second)?;
    if differing.iter().any(|found| !across.contains(&found.part)) {
        let not_allowed = differing.into_iter().filter(|found| !across.contains(&found.part));
        return Err(ContrastError::OtherProtocol { differences: not_allowed.collect() });
    }
    let nothing = ContrastError::Nothing { metric: main.as_str() };
    let pairs = Pairs::of(main, first, second).ok_or(nothing)?;
    let others = Metric::ALL.into_iter().filter(|&metric| metric != main);
    let mut contrasts = vec![pairs.contrast(main, resampling)];
    contrasts.extend(
        others.filter_map(|metric| {
            Some(Pairs::of(metric, first, second)?.contrast(metric, resampling))
        }),
    );
    let decisive = contrasts[0];
    let is_shown =
        decisive.p < ALPHA && decisive.interval.is_none_or(|interval| !interval.holds(0.0));
    let call = match decisive.difference > 0.0 {
        _ if !is_shown => Call::NoDifferenceShown,
        true => Call::SecondHigher,
        false => Call::FirstHigher,
    };
    let n = pairs.differences.len();
    let spread = clustered_mean(&pairs.differences);
    let error = spread.and_then(|found| found.standard_error).filter(|&error| error > 0.0);
    let unseen = (decisive.equal == n && main.is_share())
        .then(|| clopper_pearson(0, n as u64, 2.0 * 0.95 - 1.0).high);
    Ok(ComparedSystems {
        first: first.protocol.name(),
        second: second.protocol.name(),
        across: differing,
        tasks: n,
        clusters: spread.map_or(0, |found| found.n_clusters),
        left_out: asked - n,
        mcnemar: Pairs::of(Metric::Correct, first, second).and_then(|pairs| pairs.mcnemar()),
        call,
        detectable: error.map(|error| detectable(error, ALPHA, POWER)),
        needed: error
            .and_then(|error| needed(decisive.difference, error * error * n as f64, ALPHA, POWER)),
        unseen,
        contrasts,
        resampling: *resampling,
    })
}

/// The parts of the protocol in which two systems differ, and the number of tasks that both were asked.
fn differences(first: &System, second: &System) -> Result<(Vec<Differing>, usize), ContrastError> {
    let (a, b) = (&first.protocol, &second.protocol);
    let parts = [
        (Across::Store, a.store == b.store, a.store.clone(), b.store.clone()),
        (Across::Retrieval, a.retrieval == b.retrieval, a.retrieval.clone(), b.retrieval.clone()),
        (Across::Budget, a.budget == b.budget, a.limits(), b.limits()),
    ];
    let mut found: Vec<Differing> = Vec::new();
    for (part, is_same, of_first, of_second) in parts {
        if !is_same {
            let part_name = part.as_str();
            let how = format!(
                "the {part_name} of the first is `{of_first}`, that of the second `{of_second}`"
            );
            found.push(Differing { part, how });
        }
    }
    let ids = |system: &System| -> BTreeSet<String> {
        system.observations.iter().map(|observation| observation.task.0.clone()).collect()
    };
    let (a, b) = (ids(first), ids(second));
    let both = a.intersection(&b).count();
    let example = |ids: &BTreeSet<String>| ids.first().cloned().unwrap_or_default();
    if both == 0 {
        return Err(ContrastError::NoCommonTask {
            first: a.len(),
            of_first: example(&a),
            second: b.len(),
            of_second: example(&b),
        });
    }
    if let Some(only) = a.symmetric_difference(&b).next() {
        let how = format!(
            "the two are of different tasks: {} only in the first, {} only in the second, {both} in both, such \
             as `{only}` in one",
            a.len() - both,
            b.len() - both,
        );
        found.push(Differing { part: Across::Tasks, how });
    }
    Ok((found, both))
}

/// Values of the tasks that both systems have.
struct Pairs {
    /// Cluster and difference of each task, in the order of task ids.
    differences: Vec<(String, f64)>,
    first: f64,
    second: f64,
    /// Values of both where each task has a single one.
    single: Option<Vec<(f64, f64)>>,
}

impl Pairs {
    fn of(metric: Metric, first: &System, second: &System) -> Option<Self> {
        let of_first: BTreeMap<&str, TaskValues<'_>> =
            metric.by_task(&first.observations).into_iter().map(|task| (task.task, task)).collect();
        let of_second: HashMap<&str, TaskValues<'_>> = metric
            .by_task(&second.observations)
            .into_iter()
            .map(|task| (task.task, task))
            .collect();
        let mut differences = Vec::new();
        let mut single = Some(Vec::new());
        let (mut sum_first, mut sum_second) = (0.0, 0.0);
        for (id, a) in &of_first {
            let Some(b) = of_second.get(id) else { continue };
            let (mean_a, mean_b) = (a.mean(), b.mean());
            sum_first += mean_a;
            sum_second += mean_b;
            differences.push((a.cluster.to_owned(), unless_rounding(mean_b - mean_a)));
            if a.values.len() == 1 && b.values.len() == 1 {
                if let Some(single) = &mut single {
                    single.push((mean_a, mean_b));
                }
            } else {
                single = None;
            }
        }
        let n = differences.len() as f64;
        (n > 0.0).then(|| Self {
            differences,
            first: sum_first / n,
            second: sum_second / n,
            single,
        })
    }

    fn contrast(&self, metric: Metric, resampling: &Resampling) -> Contrast {
        let mut clusters: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
        for (cluster, difference) in &self.differences {
            let (sum, count) = clusters.entry(cluster).or_default();
            *sum += difference;
            *count += 1;
        }
        let clusters: Vec<(f64, usize)> = clusters.into_values().collect();
        let sums: Vec<f64> = clusters.iter().map(|&(sum, _)| sum).collect();
        let count = |f: fn(f64) -> bool| self.differences.iter().filter(|(_, d)| f(*d)).count();
        let (more, less) = (count(|d| d > 0.0), count(|d| d < 0.0));
        let first = self.differences.first().map_or(0.0, |(_, difference)| *difference);
        let is_equal = self.differences.iter().all(|(_, d)| unless_rounding(d - first) == 0.0);
        Contrast {
            metric,
            first: self.first,
            second: self.second,
            difference: unless_rounding(self.second - self.first),
            interval: (!is_equal).then(|| bootstrap_means(&clusters, resampling)),
            p: randomisation(&sums, resampling),
            more,
            equal: self.differences.len() - more - less,
            less,
        }
    }

    fn mcnemar(&self) -> Option<McNemar> {
        let single = self.single.as_ref()?;
        let clusters: BTreeSet<&str> = self.differences.iter().map(|(c, _)| c.as_str()).collect();
        if clusters.len() < self.differences.len() {
            return None;
        }
        let count = |wanted| single.iter().filter(|&&pair| pair == wanted).count() as u64;
        Some(McNemar::of(count((1.0, 0.0)), count((0.0, 1.0))))
    }
}

impl ComparedSystems {
    /// What it comes to, in one or two sentences.
    pub fn verdict(&self) -> String {
        let decisive = &self.contrasts[0];
        let (metric, places) = (decisive.metric, decisive.metric.decimals());
        let found = format!(
            "{:+.places$} in {metric} ({}p {})",
            decisive.difference,
            decisive.interval.map_or_else(String::new, |interval| {
                let ends = signed(Some(interval), metric);
                format!("{} {ends}, ", interval_name(&self.resampling))
            }),
            p_text(decisive.p),
        );
        let mut text = match self.call {
            Call::SecondHigher => format!("the second is higher: {found}"),
            Call::FirstHigher => format!("the first is higher: {found}"),
            Call::NoDifferenceShown => format!("no difference shown: {found}"),
        };
        if self.call != Call::NoDifferenceShown {
            return text;
        }
        let tasks =
            if self.tasks == 1 { "1 task".to_owned() } else { format!("{} tasks", self.tasks) };
        let clusters = if self.clusters == 1 {
            "1 cluster".to_owned()
        } else {
            format!("{} clusters", self.clusters)
        };
        match (self.detectable, self.unseen) {
            (Some(least), _) if metric.is_share() && least > 1.0 => {
                text += &format!("\n{tasks} in {clusters} are too few to show any");
            }
            (Some(least), _) => {
                text += &format!(
                    "\n{tasks} in {clusters} would show a difference of {least:.places$} four times in five",
                );
                if let Some(n) = self.needed.filter(|&n| n > self.tasks as u64) {
                    text += &format!("; to show the one observed takes about {n} tasks");
                }
            }
            (None, Some(most)) => {
                text += &format!(
                    "\nno task came out differently; of {tasks}, as large a share as {most:.3} could, unseen",
                );
            }
            (None, None) => {
                text += &format!("\n{tasks} in {clusters}: too few, or too equal, to show any");
            }
        }
        text
    }

    /// The numbers as a table.
    pub fn table(&self) -> Table {
        let level = interval_name(&self.resampling);
        let head =
            ["metric", "first", "second", "difference", &level, "p", "more", "equal", "less"];
        let mut table = Table::new("Second less first, over the same tasks", 1, &head);
        for contrast in &self.contrasts {
            let (metric, places) = (contrast.metric, contrast.metric.decimals());
            table.rows.push(vec![
                metric.to_string(),
                number(contrast.first, metric),
                number(contrast.second, metric),
                format!("{:+.places$}", contrast.difference),
                signed(contrast.interval, metric),
                p_text(contrast.p),
                contrast.more.to_string(),
                contrast.equal.to_string(),
                contrast.less.to_string(),
            ]);
        }
        table
    }

    /// In what the two differ beside policy and model, a sentence each.
    pub fn across_lines(&self) -> Vec<String> {
        self.across.iter().map(|found| format!("compared although {}", found.how)).collect()
    }

    /// McNemar's test in words, where it was made.
    pub fn mcnemar_line(&self) -> Option<String> {
        let test = self.mcnemar?;
        Some(format!(
            "McNemar: right only in the first {}, only in the second {}; mid-p {}, exact p {}",
            test.only_first,
            test.only_second,
            p_text(test.mid),
            p_text(test.exact),
        ))
    }

    /// How it was done, on one line.
    pub fn method_line(&self) -> String {
        format!(
            "p: randomisation test over clusters, two-sided, {} permutations; interval: bootstrap over \
             clusters, {} samples; seed {}; no correction for many metrics; more, equal, less: tasks where the \
             second has so much",
            self.resampling.permutations, self.resampling.samples, self.resampling.seed,
        )
    }

    /// A page about it; `called` is how the two are called where they stand, such as their files.
    pub fn page(&self, called: [&str; 2]) -> Page {
        let shown = |contrast: &&Contrast| contrast.metric.decimals() == 3;
        let rows: Vec<Row> = self
            .contrasts
            .iter()
            .filter(shown)
            .map(|contrast| Row {
                group: "second less first".to_owned(),
                label: contrast.metric.to_string(),
                value: contrast.difference,
                interval: contrast.interval,
            })
            .collect();
        let mut blocks = vec![Block::Text(format!("first: {} ({})", called[0], self.first))];
        blocks.push(Block::Text(format!("second: {} ({})", called[1], self.second)));
        blocks.extend(self.across_lines().into_iter().map(Block::Text));
        blocks.extend(self.verdict().lines().map(|line| Block::Text(line.to_owned())));
        blocks.push(Block::Figure(Figure {
            caption: "Differences with their intervals; what holds 0 is not shown to differ"
                .to_owned(),
            svg: whiskers("Differences between two systems", "second less first", &rows),
        }));
        blocks.push(Block::Table(self.table()));
        blocks.extend(self.mcnemar_line().map(Block::Text));
        blocks.push(Block::Text(self.method_line()));
        Page { title: "Two systems compared".to_owned(), blocks }
    }
}

/// The ends with their signs.
pub(crate) fn signed(interval: Option<Interval>, metric: Metric) -> String {
    let Some(interval) = interval else { return "–".to_owned() };
    let places = metric.decimals();
    format!("{:+.places$} to {:+.places$}", interval.low, interval.high)
}

/// `0.0312`, and `< 0.0001` for what would be 0.
pub(crate) fn p_text(p: f64) -> String {
    if p < 0.000_1 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}
