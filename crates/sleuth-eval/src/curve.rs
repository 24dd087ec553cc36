//! Accuracy against what is spent: the scaling curve of inference.
//!
//! There are two ways to spend more on a question, and a [`Curve`] holds both on one axis:
//!
//! * **in sequence**: one rollout within a larger budget. Each system of the same policy, model,
//!   store and retrieval gives one point, at what it spent on average;
//! * **in parallel**: k rollouts, of which one answer is taken. A system with n rollouts a task gives a
//!   point for each k up to n, at k times its spending. Taken is the answer that most rollouts agree on
//!   (*majority*), the one with the most citations marked exact (*evidence*), or the one with the
//!   highest stated confidence (*confidence*). pass@k stands beside them as *oracle*: no way of taking
//!   an answer can do better.
//!
//! The value at k is the mean over subsets of k rollouts: all of them where they are few, else
//! [`SUBSETS`] drawn from the seed. A selection is worth
//! (its accuracy − pass@1) / (pass@n − pass@1) of what an oracle would gain.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sleuth_records::{Budget, Random};

use crate::answers::{interval, interval_name, number};
use crate::metric::Metric;
use crate::report::{Block, Figure, Page, Point, Series, Spacing, Table, lines};
use crate::statistics::{Estimate, Resampling, Scale, estimate};
use crate::system::{Observation, Outcome, Protocol, System};

/// Subsets of rollouts that are drawn where there are more.
pub const SUBSETS: usize = 200;

/// What the horizontal axis counts, per question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// What was spent of this metric, on average.
    Spent(Metric),
    /// Rollouts: 1 for a single one, whatever it was allowed.
    Samples,
}

impl std::str::FromStr for Axis {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let spent = [
            Metric::Searches,
            Metric::Pages,
            Metric::Turns,
            Metric::Tokens,
            Metric::Seconds,
            Metric::Dollars,
        ];
        match spent.into_iter().find(|metric| metric.as_str() == word) {
            Some(metric) => Ok(Self::Spent(metric)),
            None if word == "samples" => Ok(Self::Samples),
            None => Err(format!(
                "unknown axis `{word}`: expected searches, pages, turns, tokens, seconds, dollars or \
                 samples"
            )),
        }
    }
}

impl Axis {
    /// The word in flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spent(metric) => metric.as_str(),
            Self::Samples => "samples",
        }
    }
}

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Place on the axis.
    pub x: f64,
    /// Limits of each rollout.
    pub budget: Option<Budget>,
    /// Rollouts of which one answer was taken; 1 in sequence.
    pub samples: usize,
    /// Share of right answers, over tasks.
    pub accuracy: Estimate,
    /// Searches, pages, tokens, seconds and dollars spent on a question; absent where not known.
    pub spent: [Option<f64>; 5],
}

/// Points that are one way of spending.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurveSeries {
    /// What it is, such as `trail, in sequence`.
    pub name: String,
    /// Share of what an oracle would gain at the most samples; of a selection only, and only where an
    /// oracle gains anything.
    pub efficiency: Option<f64>,
    /// By rising `x`.
    pub points: Vec<CurvePoint>,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// What `x` counts.
    pub axis: Axis,
    /// The curves.
    pub series: Vec<CurveSeries>,
    /// How intervals were drawn.
    pub resampling: Resampling,
}

/// What is spent, in the order of [`CurvePoint::spent`].
const SPENT: [Metric; 5] =
    [Metric::Searches, Metric::Pages, Metric::Tokens, Metric::Seconds, Metric::Dollars];

/// A way of taking one answer of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selection {
    Oracle,
    Majority,
    Evidence,
    Confidence,
}

impl Selection {
    const ALL: [Self; 4] = [Self::Oracle, Self::Majority, Self::Evidence, Self::Confidence];

    fn as_str(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
            Self::Majority => "majority",
            Self::Evidence => "evidence",
            Self::Confidence => "confidence",
        }
    }

    /// Whether it can be made of these rollouts.
    fn is_possible(self, outcomes: &[&Outcome]) -> bool {
        match self {
            Self::Oracle | Self::Majority => true,
            Self::Evidence => outcomes.iter().any(|outcome| outcome.citations[2] > 0),
            Self::Confidence => outcomes.iter().all(|outcome| outcome.confidence.is_some()),
        }
    }

    /// Whether what it takes is right; the earlier of equals is taken.
    fn is_right(self, of: &[&Outcome]) -> bool {
        let by = |worth: &dyn Fn(&Outcome) -> f64| {
            let mut best: Option<(&Outcome, f64)> = None;
            for outcome in of {
                let worth = worth(outcome);
                if best.is_none_or(|(_, most)| worth > most) {
                    best = Some((outcome, worth));
                }
            }
            best.is_some_and(|(outcome, _)| outcome.correct)
        };
        match self {
            Self::Oracle => of.iter().any(|outcome| outcome.correct),
            Self::Evidence => by(&|outcome| outcome.citations[0] as f64),
            Self::Confidence => by(&|outcome| outcome.confidence.unwrap_or(0.0)),
            Self::Majority => {
                let mut votes: HashMap<String, usize> = HashMap::new();
                for outcome in of.iter().filter(|outcome| outcome.ended) {
                    *votes.entry(folded(outcome)).or_default() += 1;
                }
                by(&|outcome| {
                    let votes = if outcome.ended { votes.get(&folded(outcome)) } else { None };
                    votes.map_or(0.0, |&n| n as f64)
                })
            }
        }
    }
}

/// The answer as votes are counted: small letters and digits, without articles; *not found* is an
/// answer of its own.
fn folded(outcome: &Outcome) -> String {
    if outcome.not_found {
        return String::new();
    }
    let lower: String = outcome
        .answer
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words = lower.split_whitespace().filter(|word| !matches!(*word, "a" | "an" | "the"));
    words.collect::<Vec<_>>().join(" ")
}

impl Curve {
    /// The curves of these systems, which should have been asked the same tasks.
    pub fn of(systems: &[System], axis: Axis, resampling: &Resampling) -> Self {
        let families = families(systems);
        let named = || families.iter().zip(systems);
        let mut series: Vec<CurveSeries> = Vec::new();
        if axis != Axis::Samples {
            let mut in_sequence: BTreeMap<&str, Vec<CurvePoint>> = BTreeMap::new();
            for (family, system) in named() {
                let points = in_sequence.entry(family).or_default();
                points.extend(single(system, axis, resampling));
            }
            for (name, mut points) in in_sequence {
                points.sort_by(|a, b| a.x.total_cmp(&b.x));
                if !points.is_empty() {
                    let name = format!("{name}, in sequence");
                    series.push(CurveSeries { name, efficiency: None, points });
                }
            }
        }
        for (family, system) in named() {
            let is_alone = families.iter().filter(|other| *other == family).count() == 1;
            let name = match is_alone {
                true => family.clone(),
                false => format!("{family}, {}", system.protocol.limits()),
            };
            series.extend(in_parallel(system, &name, axis, resampling));
        }
        Self { axis, series, resampling: *resampling }
    }

    /// The numbers as a table.
    pub fn table(&self) -> Table {
        let level = interval_name(&self.resampling);
        let mut head = vec!["series", "limits of a rollout", "samples", "right", &level, "tasks"];
        head.extend(SPENT.map(Metric::as_str));
        let mut table = Table::new("Right answers, and what a question took", 2, &head);
        for series in &self.series {
            for point in &series.points {
                let mut row = vec![
                    series.name.clone(),
                    limits(point.budget.as_ref()),
                    point.samples.to_string(),
                    number(point.accuracy.mean, Metric::Correct),
                    interval(point.accuracy.interval(), Metric::Correct),
                    point.accuracy.tasks.to_string(),
                ];
                row.extend(SPENT.iter().zip(point.spent).map(|(&metric, spent)| {
                    spent.map_or("–".to_owned(), |spent| number(spent, metric))
                }));
                table.rows.push(row);
            }
        }
        table
    }

    /// What selections are worth, a sentence a line.
    pub fn notes(&self) -> Vec<String> {
        let said = |series: &CurveSeries| {
            let share = series.efficiency?;
            Some(format!("{}: {:.0} % of what an oracle gains", series.name, share * 100.0))
        };
        let mut notes: Vec<String> = self.series.iter().filter_map(said).collect();
        notes.push(format!(
            "intervals: Wilson at the effective sample size; subsets of rollouts drawn with seed {}",
            self.resampling.seed,
        ));
        notes
    }

    /// A page about it.
    pub fn page(&self) -> Page {
        let curve = |series: &CurveSeries| Series {
            name: series.name.clone(),
            points: series
                .points
                .iter()
                .map(|point| Point {
                    x: point.x,
                    y: point.accuracy.mean,
                    interval: point.accuracy.interval(),
                })
                .collect(),
        };
        let curves: Vec<Series> = self.series.iter().map(curve).collect();
        let x = match self.axis {
            Axis::Spent(metric) => format!("{metric} spent on a question"),
            Axis::Samples => "samples".to_owned(),
        };
        let caption = format!("Share of right answers against {x}");
        let svg = lines(&caption, &x, "right answers", Spacing::Doubling, &curves, &[]);
        let mut blocks = vec![Block::Figure(Figure { caption, svg }), Block::Table(self.table())];
        blocks.extend(self.notes().into_iter().map(Block::Text));
        Page { title: "Accuracy against spending".to_owned(), blocks }
    }
}

/// The name of what each system shares with those of its curve: policy and model, and, where not all
/// systems have the same, the store and the retrieval.
fn families(systems: &[System]) -> Vec<String> {
    let is_one = |part: fn(&Protocol) -> &str| {
        systems.windows(2).all(|two| part(&two[0].protocol) == part(&two[1].protocol))
    };
    let (one_store, one_retrieval) = (is_one(|p| &p.store), is_one(|p| &p.retrieval));
    let name = |System { protocol, .. }: &System| {
        let mut name = protocol.name();
        if !one_store {
            name += &format!(", store {}", protocol.store);
        }
        if !one_retrieval {
            name += &format!(", retrieval {}", protocol.retrieval);
        }
        name
    };
    systems.iter().map(name).collect()
}

fn limits(budget: Option<&Budget>) -> String {
    let Some(budget) = budget else { return "–".to_owned() };
    let said = [(budget.searches, "s"), (budget.pages, "p"), (budget.turns, "t")];
    let said: Vec<String> =
        said.into_iter().filter_map(|(n, unit)| Some(format!("{}{unit}", n?))).collect();
    if said.is_empty() { "none".to_owned() } else { said.join(" ") }
}

fn spent(observations: &[Observation], times: usize) -> [Option<f64>; 5] {
    SPENT.map(|metric| {
        let tasks = metric.by_task(observations);
        let mean = tasks.iter().map(|task| task.mean()).sum::<f64>() / tasks.len() as f64;
        (!tasks.is_empty()).then_some(mean * times as f64)
    })
}

fn place(axis: Axis, observations: &[Observation], samples: usize) -> Option<f64> {
    match axis {
        Axis::Samples => Some(samples as f64),
        Axis::Spent(metric) => {
            let tasks = metric.by_task(observations);
            let mean = tasks.iter().map(|task| task.mean()).sum::<f64>() / tasks.len() as f64;
            (!tasks.is_empty()).then_some(mean * samples as f64)
        }
    }
}

fn single(system: &System, axis: Axis, resampling: &Resampling) -> Option<CurvePoint> {
    let observations = &system.observations;
    Some(CurvePoint {
        x: place(axis, observations, 1)?,
        budget: system.protocol.budget.clone(),
        samples: 1,
        accuracy: Metric::Correct.estimate(observations, resampling)?,
        spent: spent(observations, 1),
    })
}

fn in_parallel(
    system: &System,
    name: &str,
    axis: Axis,
    resampling: &Resampling,
) -> Vec<CurveSeries> {
    let mut tasks: BTreeMap<&str, (&str, Vec<&Outcome>)> = BTreeMap::new();
    for observation in &system.observations {
        let Ok(outcome) = &observation.outcome else { continue };
        let task =
            tasks.entry(&observation.task.0).or_insert_with(|| (&observation.cluster, Vec::new()));
        task.1.push(outcome);
    }
    let most = tasks.values().map(|(_, outcomes)| outcomes.len()).max().unwrap_or(0);
    // Tasks with fewer rollouts than others would leave the later points and bend the curve.
    tasks.retain(|_, (_, outcomes)| outcomes.len() == most);
    if most < 2 {
        return Vec::new();
    }
    let all: Vec<&Outcome> = tasks.values().flat_map(|(_, outcomes)| outcomes).copied().collect();
    let accuracy = |selection: Selection, k: usize| {
        let mut random = Random(resampling.seed);
        let of = |(cluster, outcomes): &(&str, Vec<&Outcome>)| {
            let subsets = subsets(outcomes.len(), k, &mut random);
            let n_right = subsets
                .iter()
                .filter(|subset| {
                    let drawn: Vec<&Outcome> = subset.iter().map(|&at| outcomes[at]).collect();
                    selection.is_right(&drawn)
                })
                .count();
            ((*cluster).to_owned(), n_right as f64 / subsets.len() as f64)
        };
        let values: Vec<(String, f64)> = tasks.values().map(of).collect();
        estimate(&values, Scale::Trials(values.len() * most), resampling)
    };
    let mut out = Vec::new();
    for selection in Selection::ALL.into_iter().filter(|selection| selection.is_possible(&all)) {
        let point = |k: usize| {
            Some(CurvePoint {
                x: place(axis, &system.observations, k)?,
                budget: system.protocol.budget.clone(),
                samples: k,
                accuracy: accuracy(selection, k)?,
                spent: spent(&system.observations, k),
            })
        };
        let points: Vec<CurvePoint> = (1..=most).filter_map(point).collect();
        let name = format!("{name}, {}", selection.as_str());
        out.push(CurveSeries { name, efficiency: None, points });
    }
    let ends = |series: &CurveSeries| {
        let (first, last) = (series.points.first()?, series.points.last()?);
        Some((first.accuracy.mean, last.accuracy.mean))
    };
    if let Some((one, ceiling)) = out.first().and_then(ends).filter(|(one, most)| most - one > 1e-9)
    {
        for series in out.iter_mut().skip(1) {
            series.efficiency = ends(series).map(|(_, taken)| (taken - one) / (ceiling - one));
        }
    }
    out
}

/// All subsets of k of n places, or [`SUBSETS`] drawn ones where there are more; each rising.
fn subsets(n: usize, k: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let n_all = (0..k).try_fold(1_usize, |all, i| Some(all.checked_mul(n - i)? / (i + 1)));
    if n_all.is_some_and(|all| all <= SUBSETS) {
        let mut out = Vec::new();
        let mut places: Vec<usize> = (0..k).collect();
        loop {
            out.push(places.clone());
            // The last place that can still move up.
            let Some(at) = (0..k).rev().find(|&at| places[at] < n - k + at) else { return out };
            places[at] += 1;
            for later in at + 1..k {
                places[later] = places[later - 1] + 1;
            }
        }
    }
    let draw = |_| {
        let mut places: Vec<usize> = (0..n).collect();
        for at in 0..k {
            let other = at + random.below(n - at);
            places.swap(at, other);
        }
        places.truncate(k);
        places.sort_unstable();
        places
    };
    (0..SUBSETS).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_or_drawn() {
        let mut random = Random(1);
        assert_eq!(subsets(3, 2, &mut random), [vec![0, 1], vec![0, 2], vec![1, 2]]);
        assert_eq!(subsets(4, 4, &mut random), [vec![0, 1, 2, 3]]);
        let drawn = subsets(20, 10, &mut random);
        assert_eq!(drawn.len(), SUBSETS);
        assert!(drawn.iter().all(|subset| subset.len() == 10 && subset.is_sorted()));
        let holds_first = drawn.iter().filter(|subset| subset[0] == 0).count();
        assert!((70..130).contains(&holds_first), "{holds_first}");
    }
}
