//! `sleuth eval matrix`.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::json;
use sleuth_eval::{Matrix, MatrixPlan, PlannedStore};
use sleuth_tasks::Task;

use super::cells::Maker;
use super::{ShowArgs, price_table};
use crate::args::{Common, RemoteArgs};
use crate::fail::{Exit, Failure};
use crate::places::Places;
use crate::progress::Progress;
use crate::show::{count, escape};
use crate::{interrupt, print};

#[derive(Debug, clap::Args)]
pub(crate) struct MatrixArgs {
    /// The plan: a TOML file that names policies, stores, tasks and counts
    plan: PathBuf,
    /// Make no rollouts: show the cells that are there
    #[arg(long)]
    no_rollouts: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    show: ShowArgs,
}

pub(crate) fn matrix(common: &Common, args: &MatrixArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    let plan = MatrixPlan::read(&args.plan)?;
    let mut tasks: HashMap<&str, Vec<Task>> = HashMap::new();
    for store in &plan.stores {
        tasks.insert(&store.name, plan.tasks(&args.plan, store)?);
    }
    if !args.no_rollouts {
        interrupt::listen("ending; what is written stays, and the same command goes on from there");
        let places = Places::new(common)?;
        let maker = Maker {
            rollouts: plan.rollouts,
            seed: plan.seed,
            places: &places,
            remote: &args.remote,
            progress: &progress,
        };
        for store in &plan.stores {
            if !interrupt::asked() {
                maker.cells(&plan, store, &tasks[store.name.as_str()])?;
            }
        }
    }
    let prices = price_table(&args.remote)?;
    let n_of = |store: &PlannedStore| tasks[store.name.as_str()].len();
    let matrix = Matrix::read(&plan, &n_of, prices.as_ref(), &args.show.resampling())?;
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
