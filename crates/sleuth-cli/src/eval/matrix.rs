//! `sleuth eval matrix`.

use std::path::PathBuf;

use serde_json::json;
use sleuth_eval::{Matrix, MatrixPlan};
use sleuth_tasks::Task;

use super::cells::{Maker, usual_budget};
use super::{ShowArgs, price_table};
use crate::args::{Common, RemoteArgs};
use crate::fail::{Exit, Failure};
use crate::places::Places;
use crate::progress::Progress;
use crate::show::{count, escape};
use crate::{choose, interrupt, print};

/// A plan, as `--help` shows it.
const EXAMPLE: &str = "\
Example of a plan, whose paths are relative to it:
  out = \"matrix\"             # folder of the episodes, one file a cell
  seed = 0
  rollouts = 1
  [budget]                   # the same for all; absent: that of --effort normal
  searches = 16
  pages = 16
  turns = 24
  [[policy]]
  name = \"trail\"
  policy = \"trail\"           # trail, chat or closed_book
  tasks = 50                 # of each store
  [[policy]]
  name = \"small, searching\"
  policy = \"chat\"
  model = \"small\"
  tasks = 10
  [[store]]
  name = \"manual\"
  over = [\"manual.store\"]    # one store, or documents
  tasks = \"tasks.jsonl\"      # or beir = \"FOLDER\", whose queries are imported
  metrics = [\"exact_match\", \"f1\"]";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct MatrixArgs {
    /// The plan: a TOML file that names policies, stores, tasks and counts
    plan: PathBuf,
    /// Make no rollouts and open no store: show the cells that are there, as far as they are of the plan
    #[arg(long)]
    no_rollouts: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    show: ShowArgs,
}

pub(crate) fn matrix(common: &Common, args: &MatrixArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    let places = Places::new(common)?;
    args.show.apart(std::slice::from_ref(&args.plan))?;
    let mut plan = MatrixPlan::read(&args.plan)?;
    plan.budget.get_or_insert_with(usual_budget);
    for policy in &mut plan.policies {
        policy.model_name = policy.model.as_deref().map(|model| choose::name(model, &places));
    }
    let of = |store| plan.tasks(&args.plan, store);
    let tasks: Vec<Vec<Task>> = plan.stores.iter().map(of).collect::<Result<_, _>>()?;
    if !args.no_rollouts {
        interrupt::listen("ending; what is written stays, and the same command goes on from there");
        let cells = plan.cells(&tasks);
        // What is not of the plan is told before the first rollout, not after a night of them.
        for cell in &cells {
            cell.read(None, None)?;
        }
        let maker = Maker {
            rollouts: plan.rollouts,
            seed: plan.seed,
            other_tasks: true,
            places: &places,
            remote: &args.remote,
            progress: &progress,
        };
        for cells in cells.chunks(plan.policies.len().max(1)) {
            if !interrupt::asked() {
                maker.cells(cells)?;
            }
        }
    }
    let prices = price_table(&args.remote)?;
    let matrix = Matrix::read(&plan, &tasks, prices.as_ref(), &args.show.resampling())?;
    args.show.write(|| matrix.page())?;
    for breach in &matrix.breaches {
        progress.note(&format!("note: {breach}"));
    }
    if matrix.n_unfinished() > 0 {
        progress.note(&format!(
            "note: {} of {} unfinished; run the same command again to go on from there",
            matrix.n_unfinished(),
            count(matrix.cells.len() as u64, "cell"),
        ));
    }
    progress.end();
    print(&if args.show.json {
        let mut object = json!({ "status": "measured", "unfinished": matrix.n_unfinished() });
        super::extend(&mut object, &matrix);
        format!("{object}\n")
    } else {
        let mut out = matrix.table().to_text();
        if let Some(table) = matrix.table_of_differences() {
            out += &format!("\n{}\n{}", table.caption, table.to_text());
        }
        escape(&format!("{out}\n{}\n", matrix.method_line()))
    })?;
    Ok(if matrix.n_unfinished() > 0 { Exit::Early } else { Exit::Done })
}
