//! `sleuth tasks check`.

use std::path::PathBuf;

use serde_json::{Value, json};
use sleuth_index::{Retriever as _, Store};
use sleuth_tasks::{CheckReport, TaskFault, check_tasks};

use crate::fail::{Exit, Failure};
use crate::print;
use crate::show::{count, one_line};

/// Faults that are named in a message.
const NAMED: usize = 5;
/// Characters of a quote that are shown.
const SHOWN: usize = 60;

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// File of tasks
    pub(crate) tasks: PathBuf,
    /// Folder of the store
    #[arg(long = "in", value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// Take a store that has changed since, as long as it still has all the evidence
    #[arg(long)]
    pub(crate) allow_drift: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let tasks = super::read(&args.tasks)?;
    let store = Store::open(&args.store)?;
    let report = check_tasks(&tasks, &store)?;
    let mut made = tasks.iter().filter_map(|task| task.store.as_deref());
    let other = made.find(|made| *made != store.snapshot());
    let fatal: Vec<&TaskFault> = report.faults.iter().filter(|fault| fault.is_fatal()).collect();
    if !fatal.is_empty() {
        let hint = if fatal.len() == report.evidence {
            "name the store that the tasks were made from"
        } else {
            "re-import or re-make the tasks from this store"
        };
        return Err(refused(args, &report, &fatal, other.map(|other| (other, &store)), hint));
    }
    if let Some(other) = other.filter(|_| !args.allow_drift) {
        return Err(Failure::input(
            format!(
                "{} of `{}` were made from another snapshot: expected {other}, found {} in `{}`",
                count(report.drifted as u64, "task"),
                args.tasks.display(),
                store.snapshot(),
                args.store.display(),
            ),
            "the store has changed since; with `--allow-drift` it is taken, since it has all the evidence",
        ));
    }
    if !report.faults.is_empty() && !args.allow_drift {
        let faults: Vec<&TaskFault> = report.faults.iter().collect();
        let hint = "with `--allow-drift` a quote may stand elsewhere";
        return Err(refused(args, &report, &faults, None, hint));
    }
    print(&if args.json {
        format!("{}\n", object(&report, store.snapshot()))
    } else {
        text(&report, store.snapshot())
    })?;
    Ok(Exit::Done)
}

/// The failure of tasks whose evidence is not as they state; `drift` has the snapshot that they were made from
/// and the store, where that is another one.
fn refused(
    args: &CheckArgs,
    report: &CheckReport,
    faults: &[&TaskFault],
    drift: Option<(&str, &Store)>,
    hint: &str,
) -> Failure {
    let of = match (faults.len(), report.evidence) {
        (n, all) if n == all => format!("none of the {}", count(all as u64, "place")),
        (n, all) => format!("{n} of {}", count(all as u64, "place")),
    };
    let as_stated = if faults.len() == report.evidence { "is" } else { "not" };
    let drift = drift.map_or_else(String::new, |(other, store)| {
        format!(" (made from snapshot {other}, found {})", store.snapshot())
    });
    let named: Vec<String> = faults.iter().take(NAMED).map(|fault| named(fault)).collect();
    let more = match faults.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!("; and {n} more"),
    };
    let message = format!(
        "{of} of evidence of `{}` {as_stated} as stated in `{}`{drift}: {}{more}",
        args.tasks.display(),
        args.store.display(),
        named.join("; "),
    );
    Failure::input(message, hint)
}

fn named(fault: &TaskFault) -> String {
    match fault {
        TaskFault::Missing { task, document } => {
            format!("task `{task}` wants document `{document}`")
        }
        TaskFault::Gone { task, document, quote } if quote.is_empty() => {
            format!("task `{task}` wants a range that `{document}` does not have")
        }
        TaskFault::Gone { task, document, quote } => {
            format!("task `{task}` wants `{}` in `{document}`", one_line(quote, SHOWN))
        }
        TaskFault::Moved { task, document } => {
            format!("the quote of task `{task}` stands elsewhere in `{document}`")
        }
    }
}

fn object(report: &CheckReport, snapshot: &str) -> Value {
    json!({
        "status": "checked",
        "store": snapshot,
        "tasks": report.tasks,
        "evidence": report.evidence,
        "without_evidence": report.without_evidence,
        "without_store": report.without_store,
        "drifted": report.drifted,
        "moved": report.faults.len(),
    })
}

fn text(report: &CheckReport, snapshot: &str) -> String {
    let tasks = count(report.tasks as u64, "task");
    let mut out = match report.evidence {
        0 => format!("{tasks} · no evidence to look for in snapshot {snapshot}\n"),
        n => {
            let places = count(n as u64, "place");
            format!("{tasks} · {places} of evidence, all in snapshot {snapshot}\n")
        }
    };
    for (n, what) in [
        (report.drifted, "were made from another snapshot"),
        (report.faults.len(), "quotes stand elsewhere in their document"),
        (report.without_evidence, "name no evidence, so nothing of them could be checked"),
        (report.without_store, "name no store"),
    ] {
        if n > 0 {
            out += &format!("{n} {what}\n");
        }
    }
    out
}
