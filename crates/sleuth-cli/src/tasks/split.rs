//! `sleuth tasks split`.

use std::path::{Path, PathBuf};

use serde_json::json;
use sleuth_tasks::{Shares, split_by_evidence};

use super::TaskFile;
use crate::args::Common;
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::show::{count, escape};
use crate::whole::apart;

#[derive(Debug, clap::Args)]
pub(crate) struct SplitArgs {
    /// File of tasks, JSON Lines
    tasks: PathBuf,
    /// File of the same tasks with their splits; it may be the same file
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
    /// Shares of train, dev and test. Tasks that share a document stay together: so shares of tasks differ from
    /// these, most where there are few
    #[arg(long, value_name = "A,B,C", default_value = "80,10,10", value_parser = super::make::shares)]
    shares: Shares,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn split(common: &Common, args: &SplitArgs) -> Result<Exit, Failure> {
    let mut tasks = super::read(&args.tasks)?;
    apart(&[("--into", Some(&args.into))], &[] as &[&Path])?;
    let report = split_by_evidence(&mut tasks, &args.shares);
    TaskFile::create(&args.into)?.write(&tasks)?;
    if report.without_evidence > 0 {
        let n = count(report.without_evidence as u64, "task");
        Progress::new(common.quiet).note(&format!("{n} without evidence: each by itself"));
    }
    let [train, dev, test] = report.tasks;
    print(&if args.json {
        let object = json!({
            "status": "split",
            "into": args.into,
            "tasks": tasks.len(),
            "families": report.families,
            "largest_family": report.largest,
            "without_evidence": report.without_evidence,
            "train": train,
            "dev": dev,
            "test": test,
        });
        format!("{object}\n")
    } else {
        format!(
            "tasks {} · {} in {} · train {train}, dev {dev}, test {test}\n",
            escape(&args.into.display().to_string()),
            count(tasks.len() as u64, "task"),
            if report.families == 1 {
                "1 family".to_owned()
            } else {
                format!("{} families", report.families)
            },
        )
    })?;
    Ok(Exit::Done)
}
