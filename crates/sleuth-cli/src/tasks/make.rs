//! `sleuth tasks make`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;
use sleuth_index::{Store, SyncOptions};
use sleuth_lm::LanguageModel;
use sleuth_tasks::{
    Filter, Kind, MakeError, MakeOptions, MakeProgress, MakeReport, Shares, make as make_tasks,
};

use super::{TaskFile, cannot_write};
use crate::args::{Common, RemoteArgs};
use crate::choose;
use crate::fail::{Exit, Failure};
use crate::interrupt;
use crate::places::Places;
use crate::print;
use crate::progress::Progress;
use crate::show::{count, escape, seconds};
use crate::vectors::attach;
use crate::whole::{WholeFile, apart};

/// What the columns are, for `--help`.
fn filters_help() -> String {
    let line = |filter: Filter| format!("\n  {:<13}{}", filter.as_str(), filter.meaning());
    let lines: String = Filter::ALL.into_iter().map(line).collect();
    format!(
        "Columns of the table, candidates left by each filter, `–` where it is not asked:{lines}"
    )
}

#[derive(Debug, clap::Args)]
#[command(after_help = filters_help())]
pub(crate) struct MakeArgs {
    /// Folder of the store
    store: PathBuf,
    /// File of the tasks, JSON Lines; compressed where its name ends in `.zst` or `.gz`
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Kinds to make: one_hop, bridge, comparison, intersection, obfuscated, unanswerable [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = kind)]
    kinds: Vec<Kind>,
    /// Most tasks of each kind
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Most candidates of each kind: how long to look for tasks
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    candidates: u32,
    /// Shares of train, dev and test. Documents are cut, by families of related ones, and a task goes with its
    /// documents: so shares of tasks differ from these, most where there are few
    #[arg(long, value_name = "A,B,C", default_value = "80,10,10", value_parser = shares)]
    shares: Shares,
    /// Where to write what came of the candidates, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Drop questions that this model answers without documents: tiny, small, the name of an installed
    /// model, a GGUF file, or URL#MODEL
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Attempts of the model at each question; one is enough to drop it
    #[arg(long, value_name = "N", default_value_t = 4, requires = "model", value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// Let the model word the questions anew
    #[arg(long, requires = "model")]
    reword: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn kind(text: &str) -> Result<Kind, String> {
    let known = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Other);
    known.clone().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = known.map(Kind::as_str).collect();
        format!("unknown kind `{text}`: expected one of {}", names.join(", "))
    })
}

pub(super) fn shares(text: &str) -> Result<Shares, String> {
    let wrong = || format!("expected three numbers such as 80,10,10, found `{text}`");
    let parts: Vec<f64> = text
        .split(',')
        .map(|part| part.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    let [train, dev, test] = parts.as_slice() else { return Err(wrong()) };
    if !parts.iter().all(|part| part.is_finite() && *part >= 0.0) {
        return Err(format!("expected three numbers from 0 on, found `{text}`"));
    }
    if parts.iter().sum::<f64>() <= 0.0 {
        return Err("expected at least one share above 0".to_owned());
    }
    Ok(Shares { train: *train, dev: *dev, test: *test })
}

pub(super) fn make(common: &Common, args: &MakeArgs) -> Result<Exit, Failure> {
    apart(
        &[("--into", Some(args.into.as_path())), ("--report", args.report.as_deref())],
        &[&args.store],
    )?;
    let into = TaskFile::create(&args.into)?;
    let report = match &args.report {
        Some(path) => {
            let file = WholeFile::create(path).map_err(|source| cannot_write(path, source))?;
            Some((path, file))
        }
        None => None,
    };
    interrupt::listen("writing no tasks");
    let progress = Progress::new(common.quiet);
    let places = Places::new(common)?;
    let store = attach(&args.store, Store::open(&args.store)?, &places.models, &progress)?;
    let mut model: Option<Box<dyn LanguageModel>> = match &args.model {
        Some(name) => {
            let found = choose::find(name, &places)?;
            Some(choose::load(&found, &args.remote, &progress)?)
        }
        None => None,
    };
    let mut options = MakeOptions {
        seed: args.seed,
        count: args.count as usize,
        candidates: args.candidates as usize,
        shares: args.shares,
        threads: SyncOptions::default().threads,
        attempts: args.attempts,
        reword: args.reword,
        ..MakeOptions::default()
    };
    if !args.kinds.is_empty() {
        // In the order of tables, each once, whatever was typed.
        options.kinds.retain(|kind| args.kinds.contains(kind));
    }
    let told = |state: MakeProgress| match state {
        MakeProgress::Reading => progress.phase("reading the facts of the store"),
        MakeProgress::Judging { kind, candidates, tasks } => progress.state(|| {
            let candidates = count(candidates as u64, "candidate");
            format!("{kind}: {} of {candidates}", count(tasks as u64, "task"))
        }),
    };
    let model = model.as_mut().map(|model| &mut **model as &mut dyn LanguageModel);
    let made = match make_tasks(&store, &options, model, &told, &interrupt::asked) {
        Err(MakeError::Cancelled) => return Ok(Exit::Early),
        made => made?,
    };
    if !made.tasks.is_empty() {
        into.write(&made.tasks)?;
    }
    if let Some((path, mut file)) = report {
        let written = writeln!(file, "{:#}", json!(made.report)).and_then(|()| file.finish());
        written.map_err(|source| cannot_write(path, source))?;
    }
    progress.end();
    if args.json {
        let object = json!({
            "status": "made",
            "into": args.into,
            "tasks": made.tasks.len(),
            "report": made.report,
        });
        print(&format!("{object}\n"))?;
    } else {
        print(&table(&made.report))?;
        let into = match made.tasks.is_empty() {
            true => "no tasks, so none written".to_owned(),
            false => format!("tasks {}", escape(&args.into.display().to_string())),
        };
        print(&format!(
            "{into} · {} · {}\n",
            count(made.tasks.len() as u64, "task"),
            seconds(made.report.seconds),
        ))?;
    }
    Ok(if made.tasks.is_empty() { Exit::NotFound } else { Exit::Done })
}

/// Survivors by kind: one column a filter.
fn table(report: &MakeReport) -> String {
    let mut out = format!("{:<13}{:>11}", "kind", "candidates");
    for filter in Filter::ALL {
        let _ = write!(out, "{:>12}", filter.as_str());
    }
    let _ = writeln!(out, "{:>7}{:>6}{:>6}", "train", "dev", "test");
    for kind in &report.kinds {
        let _ = write!(out, "{:<13}{:>11}", kind.kind.as_str(), kind.candidates);
        for (_, asked, survived) in &kind.survivors {
            let cell = if *asked == 0 { "–".to_owned() } else { survived.to_string() };
            let _ = write!(out, "{cell:>12}");
        }
        let [train, dev, test] = kind.tasks;
        let _ = writeln!(out, "{train:>7}{dev:>6}{test:>6}");
    }
    out
}
