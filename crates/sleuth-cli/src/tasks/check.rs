//! `sleuth tasks check`.

use std::path::PathBuf;

use serde_json::{Value, json};
use sleuth_index::{Retriever as _, Store};
use sleuth_tasks::{CheckReport, TaskFault, check_tasks, read_tasks};

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
    let tasks = read_tasks(&args.tasks)?;
    let store = Store::open(&args.store)?;
    let report = check_tasks(&tasks, &store)?;
    let fatal: Vec<&TaskFault> = report.faults.iter().filter(|fault| fault.is_fatal()).collect();
    if !fatal.is_empty() {
        return Err(refused(args, &fatal, "re-import or re-make the tasks from this store"));
    }
    if report.drifted > 0 && !args.allow_drift {
        let mut made = tasks.iter().filter_map(|task| task.store.as_deref());
        let other = made.find(|made| *made != store.snapshot()).unwrap_or_default();
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
        return Err(refused(args, &faults, "with `--allow-drift` a quote may stand elsewhere"));
    }
    print(&if args.json {
        format!("{}\n", object(&report, store.snapshot()))
    } else {
        text(&report, store.snapshot())
    })?;
    Ok(Exit::Done)
}

fn refused(args: &CheckArgs, faults: &[&TaskFault], hint: &str) -> Failure {
    let named: Vec<String> = faults.iter().take(NAMED).map(|fault| named(fault)).collect();
    let more = match faults.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!("; and {n} more"),
    };
    let places = count(faults.len() as u64, "place");
    let message = format!(
        "{places} of evidence of `{}` not as stated in `{}`: {}{more}",
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
    let mut out = format!(
        "{} · {} of evidence, all in snapshot {snapshot}\n",
        count(report.tasks as u64, "task"),
        count(report.evidence as u64, "place"),
    );
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
