//! `sleuth tasks import`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use sleuth_index::{Retriever, Store};
use sleuth_tasks::{Format, ImportError, ImportOptions, ImportReport, Split, Verifier};

use super::{TaskFile, cannot_write};
use crate::args::Common;
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::show::{count, escape};
use crate::whole::apart;

/// Records left out that are named to a person.
const NAMED: usize = 10;
/// Tasks between two words of progress.
const STEP: usize = 500;

const KEYS: &str = "\
Keys of `jsonl` and `search-r1`, of each the first that is there:
  question        question, query, problem, text, input, prompt
  answers         gold_answers, golden_answers, answers, answer, targets, target, reward_model.ground_truth:
                  a text, a number, a list of them, or an object with target, text or value, and aliases
  more answers    aliases, answer_aliases
  no answer       unanswerable: true, is_impossible: true or answerable: false
  id              id, _id, qid, question_id; else its place in the file
  evidence        documents, evidence: ids or titles, or objects with document and quote
  as in tasks     verifier, kind, hops
What else stands in a record is passed over.

Example:
  {\"id\": \"q1\", \"question\": \"Who wrote it?\", \"answers\": [\"Ann Lee\"], \"evidence\": [\"a.md\"]}";

#[derive(Debug, clap::Args)]
#[command(after_help = KEYS)]
pub(crate) struct ImportArgs {
    /// beir, squad, hotpotqa, 2wiki, musique, search-r1 or jsonl
    pub(crate) format: Format,
    /// The file, which may end in .zst or .gz; of beir the folder
    pub(crate) path: PathBuf,
    /// File of tasks to write; compressed where it ends in .zst or .gz
    #[arg(long, value_name = "FILE")]
    pub(crate) into: PathBuf,
    /// Store in which evidence is looked for; tasks whose evidence it lacks are left out and named
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<PathBuf>,
    /// What the tasks may be used for: train, dev or test
    #[arg(long, value_name = "SPLIT", default_value_t = Split::Test)]
    pub(crate) split: Split,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn import(common: &Common, args: &ImportArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    if let Err(source) = fs_err::metadata(&args.path) {
        return Err(Failure::Read { path: args.path.clone(), source });
    }
    apart(&[("--into", Some(&args.into))], &[&args.path])?;
    let store = args.store.as_deref().map(Store::open).transpose()?;
    let store = store.as_ref().map(|store| store as &dyn Retriever);
    let options = ImportOptions { split: args.split, store };
    let mut file = TaskFile::create(&args.into)?;
    let (mut n, mut n_supported) = (0, 0);
    let read = sleuth_tasks::import(args.format, &args.path, &options, &mut |task| {
        n += 1;
        n_supported += u64::from(task.verifier == Verifier::Supported);
        if n % STEP == 0 {
            progress.state(|| format!("{n} tasks"));
        }
        file.out.write(&task)
    });
    let report = read.map_err(|error| {
        if let ImportError::Sink(source) = error {
            cannot_write(&args.into, source)
        } else {
            Failure::Import(error)
        }
    })?;
    progress.end();
    if report.tasks == 0 {
        return Err(nothing(args, &report));
    }
    file.finish()?;
    if n_supported > 0 {
        progress.note(&format!(
            "note: {} without an answer: right is what its quotes support, by the rule `supported`",
            count(n_supported, "task"),
        ));
    }
    for note in notes(&report) {
        progress.note(&format!("note: {note}"));
    }
    print(&if args.json { format!("{}\n", object(args, &report)) } else { text(args, &report) })?;
    Ok(Exit::Done)
}

fn nothing(args: &ImportArgs, report: &ImportReport) -> Failure {
    let reasons: Vec<String> =
        report.left_out.iter().map(|(reason, n)| format!("{n} {}", reason.as_str())).collect();
    let found = match reasons.as_slice() {
        [] => "no records".to_owned(),
        reasons => format!("{} ({})", count(report.records as u64, "record"), reasons.join(", ")),
    };
    let hint = match args.store {
        Some(_) => "name the store that was made of the documents of this data set, or none",
        None => "`sleuth tasks import --help` names the formats",
    };
    Failure::input(format!("no task in `{}`: found {found}", args.path.display()), hint)
}

fn notes(report: &ImportReport) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for left in report.named.iter().take(NAMED) {
        let what = match left.what.as_str() {
            "" => String::new(),
            what => format!(": `{what}`"),
        };
        let task = match left.task.as_str() {
            "" => String::new(),
            task => format!(" (`{task}`)"),
        };
        notes.push(format!("{}{task} left out, {}{what}", left.place, left.reason.as_str()));
    }
    let all: usize = report.left_out.values().sum();
    if all > NAMED {
        notes.push(format!("{} more left out", all - NAMED));
    }
    notes
}

fn object(args: &ImportArgs, report: &ImportReport) -> Value {
    let kinds: Map<String, Value> =
        report.kinds.iter().map(|(kind, n)| (kind.to_string(), json!(n))).collect();
    let left_out: Map<String, Value> =
        report.left_out.iter().map(|(reason, n)| (reason.as_str().to_owned(), json!(n))).collect();
    let named: Vec<Value> = report
        .named
        .iter()
        .map(|left| {
            json!({
                "place": left.place,
                "task": left.task,
                "reason": left.reason.as_str(),
                "what": left.what,
            })
        })
        .collect();
    json!({
        "status": "imported",
        "format": args.format.as_str(),
        "into": args.into,
        "split": args.split,
        "store": report.store,
        "records": report.records,
        "tasks": report.tasks,
        "kinds": kinds,
        "unanswerable": report.unanswerable,
        "evidence": report.evidence,
        "ranges": report.ranges,
        "with_steps": report.with_steps,
        "left_out": left_out,
        "named": named,
    })
}

fn text(args: &ImportArgs, report: &ImportReport) -> String {
    let mut out = format!(
        "{} · {} · split {}\n",
        escape(&args.into.display().to_string()),
        count(report.tasks as u64, "task"),
        args.split,
    );
    let kinds: Vec<String> = report.kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let _ = writeln!(out, "{}", kinds.join(", "));
    let places = match &report.store {
        Some(snapshot) => format!("{} with a range, in snapshot {snapshot}", report.ranges),
        None => "not looked for in a store".to_owned(),
    };
    let _ = writeln!(out, "{} of evidence, {places}", count(report.evidence as u64, "place"));
    let left_out: usize = report.left_out.values().sum();
    if left_out > 0 {
        let reasons: Vec<String> =
            report.left_out.iter().map(|(reason, n)| format!("{n} {}", reason.as_str())).collect();
        let _ = writeln!(out, "{left_out} left out: {}", reasons.join(", "));
    }
    out
}
