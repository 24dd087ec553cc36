//! `sleuth eval`: what rankings and answers are worth, and whether two systems differ.

mod answers;
mod cells;
mod collapse;
mod compare;
mod curve;
mod matrix;
mod retrieval;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;
use sleuth_eval::report::Page;
use sleuth_eval::{Loaded, Metric, Resampling, read_systems};
use sleuth_lm::PriceTable;

use crate::args::{Common, RemoteArgs};
use crate::fail::{Exit, Failure};
use crate::places::variable;
use crate::progress::Progress;
use crate::whole::{apart, write_whole};

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Score rankings against judgements of relevance, and compare two runs query by query
    Retrieval(retrieval::RetrievalArgs),
    /// Say what the answers in files of episodes are worth, with intervals
    Answers(answers::AnswersArgs),
    /// Say whether two systems differ on the same tasks
    Compare(compare::CompareArgs),
    /// Measure policies over stores in one table, under one protocol
    Matrix(matrix::MatrixArgs),
    /// Draw accuracy against what is spent on a question
    Curve(curve::CurveArgs),
    /// Say whether a policy under training is giving up its tools, and since which step
    Collapse(collapse::CollapseArgs),
}

pub(crate) fn eval(common: &Common, command: &EvalCommand) -> Result<Exit, Failure> {
    match command {
        EvalCommand::Retrieval(args) => retrieval::retrieval(common, args),
        EvalCommand::Answers(args) => answers::answers(common, args),
        EvalCommand::Compare(args) => compare::compare(common, args),
        EvalCommand::Matrix(args) => matrix::matrix(common, args),
        EvalCommand::Curve(args) => curve::curve(common, args),
        EvalCommand::Collapse(args) => collapse::collapse(common, args),
    }
}

/// What the rows of tables are, for `--help`.
fn metrics_help() -> String {
    let line = |metric: Metric| format!("\n  {:<20}{}", metric.as_str(), metric.meaning());
    let lines: String = Metric::ALL.into_iter().map(line).collect();
    format!(
        "Metrics, as means over tasks; an episode that ended in an error is in none of them:{lines}\n\
         Clusters: tasks made from one family of documents count as one where an interval is drawn."
    )
}

/// How results are shown, and how intervals are drawn.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Seed of the bootstrap and of the tests
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Also write a page with plots, one file without scripts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl ShowArgs {
    fn resampling(&self) -> Resampling {
        Resampling { seed: self.seed, ..Resampling::default() }
    }

    /// Refuses to write the page over one of `inputs`.
    fn apart(&self, inputs: &[PathBuf]) -> Result<(), Failure> {
        apart(&[("--html", self.html.as_deref())], inputs)
    }

    /// Writes the page where one is wanted.
    fn write(&self, page: impl FnOnce() -> Page) -> Result<(), Failure> {
        match &self.html {
            Some(path) => write_whole(path, page().to_html().as_bytes()),
            None => Ok(()),
        }
    }
}

/// Reads files of episodes and tells what must be known of them.
fn load(paths: &[PathBuf], remote: &RemoteArgs, progress: &Progress) -> Result<Loaded, Failure> {
    let table = price_table(remote)?;
    let loaded = read_systems(paths, table.as_ref())?;
    for path in &loaded.torn {
        progress.note(&format!(
            "note: the last line of `{}` was being written when its writer ended; it is left out",
            path.display(),
        ));
    }
    tell_unpriced(&loaded.unpriced, table.is_some(), progress);
    Ok(loaded)
}

/// The price table, where one is named.
fn price_table(remote: &RemoteArgs) -> Result<Option<PriceTable>, Failure> {
    let path = remote.prices.clone().or_else(|| variable("SLEUTH_PRICES").map(PathBuf::from));
    Ok(path.map(|path| PriceTable::read(&path)).transpose()?)
}

/// Puts the fields of `report` behind those of `object`.
pub(crate) fn extend(object: &mut Value, report: &impl Serialize) {
    let report = serde_json::to_value(report).unwrap_or_default();
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), report) {
        object.extend(fields);
    }
}

fn tell_unpriced(models: &BTreeSet<String>, has_table: bool, progress: &Progress) {
    for model in models {
        let why = if has_table {
            "is not in the price table"
        } else {
            "has no price; name a table with `--prices FILE` or SLEUTH_PRICES"
        };
        progress.note(&format!("note: model `{model}` {why}; its dollars are left out"));
    }
}
