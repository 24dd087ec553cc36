//! `sleuth eval compare`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;
use sleuth_eval::{Across, ComparedSystems, Metric, System, compare_systems};

use super::{ShowArgs, load};
use crate::args::{Common, RemoteArgs};
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::show::{count, escape};

#[derive(Debug, clap::Args)]
#[command(after_help = super::metrics_help())]
pub(crate) struct CompareArgs {
    /// Episodes of the first system
    first: PathBuf,
    /// Episodes of the second system, of the same tasks
    second: PathBuf,
    /// What decides
    #[arg(long, value_name = "METRIC", default_value = "correct")]
    metric: Metric,
    /// Compare although these differ: store, retrieval, budget, tasks (then those that both have)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    across: Vec<Across>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    show: ShowArgs,
}

pub(crate) fn compare(common: &Common, args: &CompareArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    args.show.apart(&[args.first.clone(), args.second.clone()])?;
    let read = |path: &PathBuf| load(std::slice::from_ref(path), &args.remote, &progress);
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    // Tasks that differ can have one id, and would be compared as one.
    for task in second.tasks.values() {
        first.same_task(&args.second, task)?;
    }
    let (first, second) = (only(&args.first, first.systems)?, only(&args.second, second.systems)?);
    let across: BTreeSet<Across> = args.across.iter().copied().collect();
    let resampling = args.show.resampling();
    let compared =
        compare_systems(&first, &second, args.metric, &across, &resampling).map_err(|source| {
            Failure::Contrast { first: args.first.clone(), second: args.second.clone(), source }
        })?;
    let files = [&args.first, &args.second].map(|path| path.display().to_string());
    args.show.write(|| compared.page([&files[0], &files[1]]))?;
    if compared.left_out > 0 {
        progress.note(&format!(
            "note: {} without a value of {} in one of the two, left out",
            count(compared.left_out as u64, "task"),
            args.metric,
        ));
    }
    progress.end();
    print(&if args.show.json {
        let mut object =
            json!({ "status": "compared", "files": files, "verdict": compared.verdict() });
        super::extend(&mut object, &compared);
        format!("{object}\n")
    } else {
        escape(&text(args, &compared))
    })?;
    Ok(Exit::Done)
}

/// The one system of a file.
fn only(path: &Path, mut systems: Vec<System>) -> Result<System, Failure> {
    match systems.len() {
        1 => Ok(systems.remove(0)),
        n => {
            let names: Vec<String> = systems.iter().map(|system| system.protocol.name()).collect();
            Err(Failure::input(
                format!(
                    "`{}` has episodes of {n} systems ({}): expected one",
                    path.display(),
                    names.join(", "),
                ),
                "a system is one policy and model over one store within one budget; keep each in a \
                 file of its own",
            ))
        }
    }
}

fn text(args: &CompareArgs, compared: &ComparedSystems) -> String {
    let mut out = format!(
        "first {} ({})\nsecond {} ({})\n{}{} in {}\n\n{}\n\n{}\n",
        args.first.display(),
        compared.first,
        args.second.display(),
        compared.second,
        compared.across_lines().iter().map(|line| format!("{line}\n")).collect::<String>(),
        count(compared.tasks as u64, "task"),
        count(compared.clusters as u64, "cluster"),
        compared.verdict(),
        compared.table().to_text().trim_end(),
    );
    out += "\n";
    for line in compared.mcnemar_line().into_iter().chain([compared.method_line()]) {
        out += &format!("{line}\n");
    }
    out
}
