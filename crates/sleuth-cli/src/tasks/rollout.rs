//! `sleuth tasks rollout`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sleuth_agent::{AgentError, Chat, ChatOptions, Policy, Trail};
use sleuth_index::{Retriever, Store};
use sleuth_lm::{LanguageModel, LmError};
use sleuth_records::sha256_hex;
use sleuth_tasks::{
    ModelTap, Quality, RewardRule, RolloutOptions, RolloutProgress, RolloutSurroundings, Split,
    Task, roll_out,
};

use crate::args::{Common, Effort, PolicyName, RemoteArgs, duration};
use crate::ask::effort_budget;
use crate::choose::{self, Found};
use crate::fail::{Exit, Failure};
use crate::interrupt;
use crate::places::Places;
use crate::progress::Progress;
use crate::show::{count, seconds};
use crate::vectors::attach;
use crate::whole::apart;

#[derive(Debug, clap::Args)]
pub(crate) struct RolloutArgs {
    /// File of tasks, as `sleuth tasks make` and `import` write it
    pub(crate) tasks: PathBuf,
    /// Folder of the store
    #[arg(long = "in", value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// File of episodes, one a line; what stands there is not made again, so that a run that was ended,
    /// or killed, goes on when it is run again
    #[arg(long, value_name = "OUT")]
    pub(crate) episodes: PathBuf,
    /// Rollouts of each task; more can be added to a file later
    #[arg(long, short = 'k', value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rollouts: u32,
    /// Only tasks of this split: train, dev or test
    #[arg(long, value_name = "SPLIT")]
    pub(crate) split: Option<Split>,
    /// Only the first tasks; a file holds rollouts of the tasks that it was begun with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) first: Option<u32>,
    /// Only so many tasks, drawn by the seed; a larger N draws the same ones and more, for another file
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "first")]
    pub(crate) sample: Option<u32>,
    /// How to hunt [default: chat with --model, else trail]
    #[arg(long, value_enum)]
    pub(crate) policy: Option<PolicyName>,
    /// Model for chat: as for `ask`
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Documents that are found for the model before its first word; 0 leaves it to itself
    #[arg(long, value_name = "N")]
    pub(crate) lead: Option<usize>,
    /// Temperature of the model's sampling
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    pub(crate) temperature: f32,
    /// Workers, each with a model of its own [default: one for each core; 1 for a model on this
    /// machine, 8 for a server's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How much each rollout may spend: as for `ask`
    #[arg(long, value_enum, default_value_t = Effort::Normal)]
    pub(crate) effort: Effort,
    /// Seconds after which a rollout is asked to write up what it has
    #[arg(long, value_name = "S", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) deadline: Option<Duration>,
    /// Times that a rollout is begun again after its model or its store could not be reached
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,
    /// Rule of the reward: default, search_r1, strict, outcome, or a JSON object
    #[arg(long, value_name = "RULE", default_value = "default", value_parser = reward)]
    pub(crate) reward: RewardRule,
    /// How good the search is made to be: good, noisy:RATE, empty, random, failing:RATE. Pages that `trail` finds
    /// by names and links stay within its reach, so bad tools are studied with a model
    #[arg(long, value_name = "QUALITY", default_value = "good")]
    pub(crate) quality: Quality,
    /// Model that decides tasks whose verifier is a judge: as for `ask`
    #[arg(long, value_name = "MODEL")]
    pub(crate) judge: Option<String>,
    /// Seed of the run
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Go on where tasks were made from another snapshot of the store, or lack evidence in it (which
    /// `sleuth tasks check` refuses)
    #[arg(long)]
    pub(crate) allow_drift: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// The rule that a flag names, or writes out.
pub(crate) fn reward(text: &str) -> Result<RewardRule, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    RewardRule::preset(text).ok_or_else(|| {
        format!(
            "unknown rule `{text}`: expected {}, or a JSON object",
            RewardRule::PRESETS.join(", ")
        )
    })
}

/// Opens a store with its vectors, where it has them and their embedder is installed.
pub(super) fn open_store(
    path: &Path,
    places: &Places,
    progress: &Progress,
) -> Result<Store, Failure> {
    Ok(attach(path, Store::open(path)?, &places.models, progress)?)
}

pub(crate) fn rollout(common: &Common, args: &RolloutArgs) -> Result<Exit, Failure> {
    let places = Places::new(common)?;
    let progress = Progress::new(common.quiet);
    apart(&[("--episodes", Some(&args.episodes))], &[&args.tasks])?;
    let tasks = chosen(args)?;
    interrupt::listen("ending; what is written stays, and the same command goes on from there");
    let found = choose::hunter(args.policy, args.model.as_deref(), false, &places)?;
    if found.is_none() && (args.lead.is_some() || args.temperature != 0.0) {
        return Err(Failure::usage(
            "`--lead` and `--temperature` are of a model: `trail` has none",
            "name a model with `--model MODEL`, or leave them out",
        ));
    }
    let judge = args.judge.as_deref().map(|name| choose::find(name, &places)).transpose()?;
    let store = open_store(&args.store, &places, &progress)?;
    let retrieval = args.quality.retrieval(&store.retrieval()?.id, args.seed);
    let pool = if args.quality.needs_pool() { store.passages()? } else { Vec::new() };

    let options = RolloutOptions {
        rollouts: args.rollouts,
        threads: args.threads.map_or_else(|| threads(found.as_ref()), usize::from),
        budget: effort_budget(args.effort),
        deadline: args.deadline,
        retries: args.retries,
        reward: args.reward.clone(),
        quality: args.quality,
        seed: args.seed,
        allow_drift: args.allow_drift,
        ..RolloutOptions::default()
    };
    let loaded = |found: &Found| choose::load(found, &args.remote, &progress);
    // What cannot be loaded is told in full before the first rollout, not by a worker.
    let as_model_error = |failure: Failure| LmError::Unavailable {
        model: args.model.clone().unwrap_or_else(|| "model".to_owned()),
        reason: failure.to_string(),
    };
    let policy = |tap: &ModelTap| -> Result<Box<dyn Policy + Send>, AgentError> {
        let Some(found) = &found else { return Ok(Box::new(Trail::default())) };
        let model = tap.model(loaded(found).map_err(as_model_error)?);
        let defaults = ChatOptions::default();
        let options = ChatOptions {
            samples: choose::samples(args.effort),
            temperature: args.temperature,
            lead: args.lead.unwrap_or(defaults.lead),
            ..defaults
        };
        Ok(Box::new(Chat::new(model, options)))
    };
    let make_judge = judge.as_ref().map(|found| {
        move || -> Result<Box<dyn LanguageModel>, LmError> { loaded(found).map_err(as_model_error) }
    });
    let told = |state: &RolloutProgress| progress.state(|| one_line(state));
    let retriever: Arc<dyn Retriever> = Arc::new(store);
    let around = RolloutSurroundings {
        pool: pool.into(),
        judge: make_judge.as_ref().map(|make| make as _),
        stop: Arc::new(interrupt::asked),
        on_progress: &told,
        ..RolloutSurroundings::new(retriever, retrieval, &policy)
    };
    let state = roll_out(&tasks, &args.episodes, &options, &around)?;
    progress.end();
    report(&state, args, &progress)?;
    Ok(if state.stopped { Exit::Early } else { Exit::Done })
}

/// The tasks that the flags choose.
fn chosen(args: &RolloutArgs) -> Result<Vec<Task>, Failure> {
    let mut tasks = super::read(&args.tasks)?;
    let all = tasks.len();
    tasks.retain(|task| args.split.is_none_or(|split| task.split == split));
    if tasks.is_empty() {
        let of = args.split.map_or_else(String::new, |split| format!(" of the split `{split}`"));
        return Err(Failure::input(
            format!("no tasks{of} in `{}`: it has {all}", args.tasks.display()),
            "`sleuth tasks split` divides them; `sleuth tasks import` takes `--split`",
        ));
    }
    tasks.truncate(args.first.map_or(usize::MAX, |first| first as usize));
    if let Some(n) = args.sample {
        let lot = |task: &Task| sha256_hex(format!("sample {} {}", args.seed, task.id).as_bytes());
        let mut lots: Vec<(String, usize)> =
            tasks.iter().enumerate().map(|(at, task)| (lot(task), at)).collect();
        lots.sort_unstable();
        let drawn: HashSet<usize> = lots.iter().take(n as usize).map(|(_, at)| *at).collect();
        let mut at = 0..;
        tasks.retain(|_| at.next().is_some_and(|at| drawn.contains(&at)));
    }
    Ok(tasks)
}

/// Workers that a policy with this model gets.
pub(crate) fn threads(found: Option<&Found>) -> usize {
    match found {
        None => std::thread::available_parallelism().map_or(1, usize::from),
        // A model on this machine uses all cores by itself.
        Some(Found::File { .. }) => 1,
        Some(Found::Server { .. }) => 8,
    }
}

fn one_line(state: &RolloutProgress) -> String {
    let tally = &state.tally;
    let right = tally
        .mean(tally.correct as f64)
        .map_or_else(String::new, |share| format!(" · {:.1} % right", share * 100.0));
    let failed = match tally.n_failed() {
        0 => String::new(),
        n => format!(" · {n} failed"),
    };
    format!("{} of {} rollouts{right}{failed}", tally.episodes, state.rollouts)
}

fn report(state: &RolloutProgress, args: &RolloutArgs, progress: &Progress) -> Result<(), Failure> {
    let RolloutProgress { tally, fit, .. } = state;
    let took = progress.seconds();
    let mean = |sum: f64| tally.mean(sum);
    if args.json {
        let object = json!({
            "status": if state.stopped { "stopped" } else { "done" },
            "episodes": args.episodes,
            "rollouts": state.rollouts,
            "before": state.before,
            "torn": state.torn,
            "accuracy": mean(tally.correct as f64),
            "exact_match": mean(tally.exact_match),
            "f1": mean(tally.f1),
            "reward": mean(tally.reward),
            "tally": tally,
            "fit": fit,
            "seconds": took,
        });
        return crate::print(&format!("{object}\n"));
    }
    let mut text = String::new();
    let _ = writeln!(text, "{} in `{}`", count(tally.episodes, "episode"), args.episodes.display());
    if state.before > 0 {
        let torn = if state.torn { "; its torn last line was cut" } else { "" };
        let _ = writeln!(
            text,
            "{} of the {} asked for were there before{torn}",
            state.before, state.rollouts
        );
    }
    if let Some(right) = mean(tally.correct as f64) {
        let _ = writeln!(
            text,
            "right {right:.3} ({} of {}) · exact match {:.3} · F1 {:.3} · reward {:.3}",
            tally.correct,
            tally.scored,
            mean(tally.exact_match).unwrap_or_default(),
            mean(tally.f1).unwrap_or_default(),
            mean(tally.reward).unwrap_or_default(),
        );
    }
    if !tally.failed.is_empty() {
        let parts = tally.failed.iter().map(|(boundary, n)| format!("{n} of the {boundary}"));
        let parts: Vec<String> = parts.collect();
        let n = count(tally.n_failed(), "failure");
        let _ = writeln!(text, "{n}, which are in none of these numbers: {}", parts.join(", "));
    }
    let n = tally.episodes.max(1) as f64;
    let _ = write!(
        text,
        "{:.1} searches, {:.1} pages and {:.1} turns a rollout",
        tally.searches as f64 / n,
        tally.pages as f64 / n,
        tally.turns as f64 / n,
    );
    if tally.tokens > 0 {
        let _ = write!(text, ", {:.0} tokens", tally.tokens as f64 / n);
    }
    if tally.dollars > 0.0 {
        let _ = write!(text, ", ${:.4}", tally.dollars / n);
    }
    let retries = match tally.retries {
        0 => String::new(),
        n => format!(" · {n} begun again"),
    };
    let _ = writeln!(text, "{retries} · {}", seconds(took));
    if fit.drifted + fit.without_evidence > 0 {
        let drifted = count(fit.drifted as u64, "task");
        let _ = writeln!(
            text,
            "drift: {drifted} made from another snapshot, {} without evidence in this one",
            fit.without_evidence
        );
    }
    crate::print(&text)
}
