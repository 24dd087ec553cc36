//! `sleuth eval curve`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;
use sleuth_eval::{Axis, Curve};
use sleuth_records::Budget;

use super::cells::Maker;
use super::{ShowArgs, load};
use crate::args::{Common, RemoteArgs};
use crate::fail::{Exit, Failure};
use crate::places::Places;
use crate::progress::Progress;
use crate::show::escape;
use crate::{interrupt, print};

#[derive(Debug, clap::Args)]
pub(crate) struct CurveArgs {
    /// Files of episodes of the same tasks: made within several budgets, with several rollouts a
    /// task, or both
    #[arg(required_unless_present = "tasks", value_name = "EPISODES")]
    episodes: Vec<PathBuf>,
    /// What is spent: searches, pages, turns, tokens, seconds, dollars, or samples
    #[arg(long, value_name = "AXIS", default_value = "searches")]
    by: Axis,
    /// Make the episodes first: of these tasks
    #[arg(long, value_name = "FILE", requires_all = ["over", "at", "into"], help_heading = "Rollouts")]
    tasks: Option<PathBuf>,
    /// Folders or files of documents, or one store
    #[arg(long, num_args = 1.., value_name = "PATH", help_heading = "Rollouts")]
    over: Vec<PathBuf>,
    /// Budgets: so many searches and pages each, and half as many turns again
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Rollouts", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    at: Vec<u32>,
    /// Folder of the episodes, one file a budget; what stands there is not made again
    #[arg(long, value_name = "DIR", help_heading = "Rollouts")]
    into: Option<PathBuf>,
    /// Model for chat, as for `ask` [default: trail hunts, without a model]
    #[arg(long, value_name = "MODEL", help_heading = "Rollouts")]
    model: Option<String>,
    /// Rollouts of each task
    #[arg(long, value_name = "K", default_value_t = 1, help_heading = "Rollouts", value_parser = clap::value_parser!(u32).range(1..))]
    rollouts: u32,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// Makes the episodes that the budgets lack; returns the files of those that have any.
fn make(common: &Common, args: &CurveArgs, progress: &Progress) -> Result<Vec<PathBuf>, Failure> {
    let (Some(tasks), Some(into)) = (&args.tasks, &args.into) else { return Ok(Vec::new()) };
    let tasks = crate::tasks::read(tasks)?;
    interrupt::listen("ending; what is written stays, and the same command goes on from there");
    let places = Places::new(common)?;
    let maker = Maker {
        rollouts: args.rollouts,
        seed: args.show.seed,
        other_tasks: false,
        places: &places,
        remote: &args.remote,
        progress,
    };
    let store = maker.open(&args.over)?;
    let mut files = Vec::new();
    for at in args.at.iter().copied().collect::<BTreeSet<u32>>() {
        if interrupt::asked() {
            break;
        }
        let budget = Budget {
            searches: Some(at),
            pages: Some(at),
            turns: Some(at + at.div_ceil(2)),
            ..Budget::UNLIMITED
        };
        let path = into.join(format!("{at}.jsonl"));
        let name = format!("budget {at}");
        maker.searching(&name, args.model.as_deref(), &budget, &tasks, &store, &path)?;
        files.push(path);
    }
    Ok(files)
}

pub(crate) fn curve(common: &Common, args: &CurveArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    let made = make(common, args, &progress)?;
    let files: Vec<PathBuf> = args.episodes.iter().cloned().chain(made).collect();
    args.show.apart(&files)?;
    let loaded = load(&files, &args.remote, &progress)?;
    let curve = Curve::of(&loaded.systems, args.by, &args.show.resampling());
    if curve.series.is_empty() {
        return Err(Failure::input(
            format!(
                "nothing to draw against {}: no task has two judged rollouts",
                args.by.as_str()
            ),
            "make several rollouts of each task, or draw against what was spent, as with `--by searches`",
        ));
    }
    args.show.write(|| curve.page())?;
    progress.end();
    print(&if args.show.json {
        let mut object = json!({ "status": "measured" });
        super::extend(&mut object, &curve);
        format!("{object}\n")
    } else {
        let notes = curve.notes().join("\n");
        escape(&format!("{}\n{notes}\n", curve.table().to_text()))
    })?;
    Ok(Exit::Done)
}
