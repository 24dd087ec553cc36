//! Is a policy under training giving up its tools?
//!
//! Training by outcome alone often teaches a model to stop searching: the answer is guessed, calls
//! break, the same query is sent again, and the score notices last. [`watch`] reads the rollouts of a
//! training, ours or a trainer's own (see [`LogFormat`]), sums them up step by step, and says whether
//! and since when. The signals are those that trainers log or papers name:
//!
//! | signal | bad when it | how far it has to go |
//! |---|---|---|
//! | searches per question | falls | a quarter, and .1 |
//! | share of valid actions | falls | .1 |
//! | share of right answers without a search | rises | .1 |
//! | share of repeated queries | rises | .1 |
//! | share of empty or failed results | rises | .1 |
//! | spread of rewards within a group | falls | a half |
//!
//! The first three say that tool use is collapsing; the others are told as warnings: a dead search
//! server raises empty results, and a policy that gets everything right has no spread either.
//!
//! **The rule.** A signal raises an alarm when the test of a lasting change of level (module `change`)
//! has *p* below [`ALARM`] divided by the number of signals tested, so that all of them together raise a false one
//! in at most a share [`ALARM`] of steady trainings, and the change is as large as the table says, so
//! that nobody is woken for a difference that only a long log can see. Below 0.1 searches a question in the
//! last steps the policy does not search, whatever it did before. With fewer than [`LEAST_STEPS`]
//! steps nothing is said.

mod change;
mod conduct;
mod log;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use serde::Serialize;

pub use log::{LogFormat, LogReadError};

use self::change::{LEAST, Null, largest_fall};
use self::log::{Logged, files_at, read_log};
use crate::contrast::p_text;
use crate::report::{Block, Figure, Page, Point, Series, Spacing, Table, lines};
use crate::system::Band;

/// Chance of a false alarm in a steady training, over all signals.
pub const ALARM: f64 = 0.01;
/// Fewest steps of which anything is said.
pub const LEAST_STEPS: usize = 12;
/// Searches a question below which a policy is said not to search.
const NONE: f64 = 0.1;

/// How logs are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WatchOptions {
    /// Score from which an answer is right, where the log does not say.
    pub right_from: f64,
    /// Rollouts that are taken together where the log names no steps.
    pub window: usize,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { right_from: 0.5, window: 128 }
    }
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Searches per question.
    Searches,
    /// Share of actions that are valid.
    ValidActions,
    /// Share of right answers that came without a search.
    RightUnsearched,
    /// Share of queries that the same rollout had sent before.
    RepeatedQueries,
    /// Share of results that hold nothing, or an error.
    EmptyResults,
    /// Standard deviation of rewards within a group of rollouts of one question.
    RewardSpread,
}

impl Signal {
    /// All of them, those of a collapse first.
    pub const ALL: [Self; 6] = [
        Self::Searches,
        Self::ValidActions,
        Self::RightUnsearched,
        Self::RepeatedQueries,
        Self::EmptyResults,
        Self::RewardSpread,
    ];

    /// What it is, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Searches => "searches per question",
            Self::ValidActions => "share of valid actions",
            Self::RightUnsearched => "share of right answers without a search",
            Self::RepeatedQueries => "share of repeated queries",
            Self::EmptyResults => "share of empty results",
            Self::RewardSpread => "spread of rewards within a group",
        }
    }

    /// Whether its change says that tool use is collapsing; else it is a warning.
    pub fn is_of_collapse(self) -> bool {
        matches!(self, Self::Searches | Self::ValidActions | Self::RightUnsearched)
    }

    fn is_bad_when_low(self) -> bool {
        matches!(self, Self::Searches | Self::ValidActions | Self::RewardSpread)
    }

    fn of(self, step: &Step) -> Option<f64> {
        match self {
            Self::Searches => Some(step.searches),
            Self::ValidActions => step.valid_actions,
            Self::RightUnsearched => step.right_unsearched,
            Self::RepeatedQueries => step.repeated_queries,
            Self::EmptyResults => step.empty_results,
            Self::RewardSpread => step.reward_spread,
        }
    }

    /// Whether a change is as large as the table of the module says.
    fn matters(self, before: f64, after: f64) -> bool {
        let worse = if self.is_bad_when_low() { before - after } else { after - before };
        match self {
            Self::Searches => worse >= 0.1 && worse >= before / 4.0,
            Self::RewardSpread => worse >= 0.02 && worse >= before / 2.0,
            Self::ValidActions
            | Self::RightUnsearched
            | Self::RepeatedQueries
            | Self::EmptyResults => worse >= 0.1,
        }
    }
}

/// The rollouts of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its number; where the log has none, that of the window from 1.
    pub step: u64,
    /// Rollouts.
    pub rollouts: usize,
    /// Searches per rollout.
    pub searches: f64,
    /// Searches per rollout on easy, medium and hard questions; absent where there were none.
    pub searches_by_band: [Option<f64>; 3],
    /// Share of actions that are valid; absent where there was no action.
    pub valid_actions: Option<f64>,
    /// Share of answers that are right.
    pub right: f64,
    /// Share of right answers that came without a search; absent where none is right.
    pub right_unsearched: Option<f64>,
    /// Share of queries that the same rollout had sent before; absent where none was sent.
    pub repeated_queries: Option<f64>,
    /// Share of results that hold nothing, or an error; absent where there were none.
    pub empty_results: Option<f64>,
    /// Mean reward.
    pub reward: f64,
    /// Mean standard deviation of rewards within groups of two and more; absent without such groups.
    pub reward_spread: Option<f64>,
    /// Share of such groups whose rewards are all equal, which teach nothing.
    pub equal_groups: Option<f64>,
}

/// A signal that has changed for the worse.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// Which.
    pub signal: Signal,
    /// First step of the worse level.
    pub since: u64,
    /// Level before it.
    pub before: f64,
    /// Level from there to the end.
    pub after: f64,
    /// Chance of so large a change in a steady training; at least 1 in 2,001.
    pub p: f64,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Watch {
    /// Formats that were read.
    pub formats: Vec<LogFormat>,
    /// Files that were read.
    pub files: usize,
    /// Files whose last line was cut.
    pub torn: Vec<PathBuf>,
    /// Rollouts that ended in an error and are left out.
    pub failed: usize,
    /// Whether steps are numbered by windows, since the log names none.
    pub by_window: bool,
    /// Whether difficulty was taken from how often a question was answered right, since the log names
    /// none.
    pub band_by_outcome: bool,
    /// The steps, rising.
    pub steps: Vec<Step>,
    /// Changes for the worse, those of a collapse first.
    pub alarms: Vec<Alarm>,
    /// Whether the last steps of at least [`LEAST_STEPS`] have hardly any search.
    pub unsearching: bool,
    /// Whether tool use is collapsing: the policy does not search, or an alarm says so.
    pub collapsing: bool,
}

/// Reads logs, files or folders of them, and watches.
///
/// # Errors
/// When one cannot be read, holds no rollout, or is of no known format.
pub fn watch(paths: &[PathBuf], options: &WatchOptions) -> Result<Watch, LogReadError> {
    let mut formats = Vec::new();
    let (mut files, mut torn, mut failed) = (0, Vec::new(), 0);
    let mut rollouts: Vec<Logged> = Vec::new();
    for path in paths {
        for file in files_at(path)? {
            let log = read_log(&file, options.right_from)?;
            files += 1;
            failed += log.n_failed;
            if !formats.contains(&log.format) {
                formats.push(log.format);
            }
            if log.torn {
                torn.push(file);
            }
            rollouts.extend(log.rollouts);
        }
    }
    let first = paths.first().cloned().unwrap_or_default();
    if rollouts.is_empty() {
        return Err(LogReadError::Empty { path: first });
    }
    let by_window = rollouts.iter().any(|rollout| rollout.step.is_none());
    let band_by_outcome = rollouts.iter().all(|rollout| rollout.band.is_none());
    if band_by_outcome {
        band_by_right(&mut rollouts);
    }
    let mut by_step: BTreeMap<u64, Vec<Logged>> = BTreeMap::new();
    for (at, rollout) in rollouts.into_iter().enumerate() {
        let window = (at / options.window.max(1)) as u64 + 1;
        let step = if by_window { window } else { rollout.step.unwrap_or(window) };
        by_step.entry(step).or_default().push(rollout);
    }
    let steps: Vec<Step> = by_step.iter().map(|(step, rollouts)| sum_up(*step, rollouts)).collect();
    let alarms = alarms(&steps);
    let last = &steps[steps.len().saturating_sub(LEAST)..];
    let hardly = last.iter().map(|step| step.searches).sum::<f64>() < NONE * last.len() as f64;
    let unsearching = hardly && steps.len() >= LEAST_STEPS;
    let collapsing = unsearching || alarms.iter().any(|alarm| alarm.signal.is_of_collapse());
    Ok(Watch {
        formats,
        files,
        torn,
        failed,
        by_window,
        band_by_outcome,
        steps,
        alarms,
        unsearching,
        collapsing,
    })
}

/// Difficulty by the share of right answers that a question got in the whole log.
fn band_by_right(rollouts: &mut [Logged]) {
    let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
    for rollout in rollouts.iter() {
        let (right, all) = counts.entry(rollout.group.clone()).or_default();
        *right += usize::from(rollout.right);
        *all += 1;
    }
    for rollout in rollouts {
        let (right, all) = counts.get(&rollout.group).copied().unwrap_or_default();
        rollout.band = Some(Band::of(1.0 - right as f64 / all.max(1) as f64));
    }
}

fn sum_up(step: u64, rollouts: &[Logged]) -> Step {
    let share = |part: usize, all: usize| (all > 0).then(|| part as f64 / all as f64);
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (mut sum, mut n) = (0.0, 0);
        for value in values {
            sum += value;
            n += 1;
        }
        (n > 0).then(|| sum / f64::from(n))
    };
    let sum = |count: fn(&Logged) -> usize| rollouts.iter().map(count).sum::<usize>();
    let (actions, invalid) = (sum(|r| r.conduct.actions), sum(|r| r.conduct.invalid));
    let n_right = sum(|r| usize::from(r.right));
    let unsearched = sum(|r| usize::from(r.right && r.conduct.queries.is_empty()));
    let mut groups: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for rollout in rollouts {
        groups.entry(&rollout.group).or_default().push(rollout.reward);
    }
    let spreads: Vec<f64> = groups
        .values()
        .filter(|rewards| rewards.len() > 1)
        .map(|rewards| deviation(rewards))
        .collect();
    let in_band = |band: Band| {
        let of = |rollout: &&Logged| rollout.band == Some(band);
        mean(&mut rollouts.iter().filter(of).map(|r| r.conduct.queries.len() as f64))
    };
    Step {
        step,
        rollouts: rollouts.len(),
        searches: sum(|r| r.conduct.queries.len()) as f64 / rollouts.len().max(1) as f64,
        searches_by_band: Band::ALL.map(in_band),
        valid_actions: share(actions - invalid.min(actions), actions),
        right: share(n_right, rollouts.len()).unwrap_or(0.0),
        right_unsearched: share(unsearched, n_right),
        repeated_queries: share(sum(repeated), sum(|r| r.conduct.queries.len())),
        empty_results: share(sum(|r| r.conduct.empty), sum(|r| r.conduct.results)),
        reward: mean(&mut rollouts.iter().map(|r| r.reward)).unwrap_or(0.0),
        reward_spread: mean(&mut spreads.iter().copied()),
        equal_groups: share(spreads.iter().filter(|&&s| s < 1e-9).count(), spreads.len()),
    }
}

/// Queries that the same rollout had sent before, but for letter case and white space.
fn repeated(rollout: &Logged) -> usize {
    let mut seen: HashSet<String> = HashSet::new();
    let queries = rollout.conduct.queries.iter();
    let folded =
        queries.map(|query| query.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "));
    folded.filter(|query| !seen.insert(query.clone())).count()
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}

fn alarms(steps: &[Step]) -> Vec<Alarm> {
    let mut nulls: HashMap<usize, Null> = HashMap::new();
    let mut out = Vec::new();
    for signal in Signal::ALL {
        let sign = if signal.is_bad_when_low() { 1.0 } else { -1.0 };
        let known: Vec<(u64, f64)> =
            steps.iter().filter_map(|step| Some((step.step, sign * signal.of(step)?))).collect();
        if known.len() < LEAST_STEPS {
            continue;
        }
        let values: Vec<f64> = known.iter().map(|&(_, value)| value).collect();
        let Some(fall) = largest_fall(&values) else { continue };
        let p = nulls.entry(values.len()).or_insert_with(|| Null::of(values.len())).p(fall.size);
        let (before, after) = (sign * fall.before, sign * fall.after);
        if p < ALARM / Signal::ALL.len() as f64 && signal.matters(before, after) {
            out.push(Alarm { signal, since: known[fall.at].0, before, after, p });
        }
    }
    out
}

impl Watch {
    /// What it comes to, a sentence a line; the first line is the answer.
    pub fn verdict(&self) -> Vec<String> {
        let of_collapse = || self.alarms.iter().filter(|alarm| alarm.signal.is_of_collapse());
        let mut out = Vec::new();
        let n = self.steps.len();
        if self.unsearching && of_collapse().next().is_none() {
            out.push("the policy does not search".to_owned());
        } else if let Some(since) = of_collapse().map(|alarm| alarm.since).min() {
            out.push(format!("tool use is collapsing since {} {since}", self.unit()));
        } else if n < LEAST_STEPS {
            out.push(format!("too few {}s to tell: {n}, of at least {LEAST_STEPS}", self.unit()));
        } else {
            out.push(format!("no sign of collapse in {n} {}s", self.unit()));
        }
        for alarm in &self.alarms {
            let word = if alarm.signal.is_of_collapse() { "alarm" } else { "warning" };
            let went = if alarm.signal.is_bad_when_low() { "fell" } else { "rose" };
            out.push(format!(
                "{word}: {} {went} from {:.2} to {:.2} at {} {} (p {})",
                alarm.signal.as_str(),
                alarm.before,
                alarm.after,
                self.unit(),
                alarm.since,
                p_text(alarm.p),
            ));
            if alarm.signal == Signal::EmptyResults {
                out.push("  is the search server up?".to_owned());
            }
        }
        out
    }

    fn unit(&self) -> &'static str {
        if self.by_window { "window" } else { "step" }
    }

    /// What was read, on one line.
    pub fn title(&self) -> String {
        let formats: Vec<&str> = self.formats.iter().map(|format| format.as_str()).collect();
        let n: usize = self.steps.iter().map(|step| step.rollouts).sum();
        let files = if self.files == 1 { "file" } else { "files" };
        let units = match (self.steps.len(), self.unit()) {
            (1, unit) => format!("1 {unit}"),
            (n, unit) => format!("{n} {unit}s"),
        };
        let rollouts = if n == 1 { "rollout" } else { "rollouts" };
        format!("{} · {} {files} · {n} {rollouts} in {units}", formats.join(", "), self.files)
    }

    /// How it was decided, a sentence a line.
    pub fn method(&self) -> Vec<String> {
        let mut out = vec![format!(
            "rule: a lasting change of level with p below {ALARM} / {} and of a size that matters",
            Signal::ALL.len(),
        )];
        if self.band_by_outcome {
            out.push(
                "difficulty: thirds of the share of wrong answers that a question got in this log"
                    .to_owned(),
            );
        }
        out
    }

    /// The steps as a table of at most `most` rows: evenly spread, first and last among them.
    pub fn table(&self, most: usize) -> Table {
        let head = [
            self.unit(),
            "rollouts",
            "searches",
            "easy",
            "medium",
            "hard",
            "valid",
            "right",
            "unsearched",
            "repeated",
            "empty",
            "reward",
            "spread",
            "equal groups",
        ];
        let mut table = Table::new("Rollouts by step", 1, &head);
        let shown = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.2}"));
        let n = self.steps.len();
        let most = most.clamp(2, n.max(2));
        let places: Vec<usize> = if n <= most {
            (0..n).collect()
        } else {
            (0..most).map(|i| i * (n - 1) / (most - 1)).collect()
        };
        for step in places.into_iter().map(|at| &self.steps[at]) {
            let mut row =
                vec![step.step.to_string(), step.rollouts.to_string(), shown(Some(step.searches))];
            row.extend(step.searches_by_band.map(shown));
            row.extend([
                shown(step.valid_actions),
                shown(Some(step.right)),
                shown(step.right_unsearched),
                shown(step.repeated_queries),
                shown(step.empty_results),
                shown(Some(step.reward)),
                shown(step.reward_spread),
                shown(step.equal_groups),
            ]);
            table.rows.push(row);
        }
        table
    }

    /// A page about it.
    pub fn page(&self) -> Page {
        let mut blocks = vec![Block::Text(self.title())];
        let wrap =
            |line: String| if self.collapsing { Block::Alert(line) } else { Block::Text(line) };
        blocks.extend(self.verdict().into_iter().map(wrap));
        let curve = |name: &str, of: &dyn Fn(&Step) -> Option<f64>| Series {
            name: name.to_owned(),
            points: self
                .steps
                .iter()
                .filter_map(|step| {
                    Some(Point { x: step.step as f64, y: of(step)?, interval: None })
                })
                .collect(),
        };
        let mut figure = |caption: &str, y: &str, curves: Vec<Series>, signals: &[Signal]| {
            let curves: Vec<Series> =
                curves.into_iter().filter(|curve| !curve.points.is_empty()).collect();
            if curves.is_empty() {
                return;
            }
            let marks: Vec<(f64, String)> = self
                .alarms
                .iter()
                .filter(|alarm| signals.contains(&alarm.signal))
                .map(|alarm| (alarm.since as f64, format!("since {}", alarm.since)))
                .take(1)
                .collect();
            let svg = lines(caption, self.unit(), y, Spacing::Even, &curves, &marks);
            blocks.push(Block::Figure(Figure { caption: caption.to_owned(), svg }));
        };
        figure(
            "Searches per question",
            "searches",
            vec![
                curve("all questions", &|step| Some(step.searches)),
                curve("easy", &|step| step.searches_by_band[0]),
                curve("medium", &|step| step.searches_by_band[1]),
                curve("hard", &|step| step.searches_by_band[2]),
            ],
            &[Signal::Searches],
        );
        figure(
            "Answers and actions",
            "share",
            vec![
                curve("right answers", &|step| Some(step.right)),
                curve("valid actions", &|step| step.valid_actions),
                curve("right answers without a search", &|step| step.right_unsearched),
            ],
            &[Signal::ValidActions, Signal::RightUnsearched],
        );
        figure(
            "Queries and results",
            "share",
            vec![
                curve("repeated queries", &|step| step.repeated_queries),
                curve("empty results", &|step| step.empty_results),
            ],
            &[Signal::RepeatedQueries, Signal::EmptyResults],
        );
        figure(
            "Rewards",
            "reward",
            vec![
                curve("mean reward", &|step| Some(step.reward)),
                curve("spread within a group", &|step| step.reward_spread),
            ],
            &[Signal::RewardSpread],
        );
        blocks.push(Block::Table(self.table(60)));
        blocks.extend(self.method().into_iter().map(Block::Text));
        Page { title: "Tool use in training".to_owned(), blocks }
    }
}
