//! `sleuth eval curve`.

use std::path::PathBuf;

use serde_json::json;
use sleuth_eval::{Axis, Curve};

use super::{ShowArgs, load};
use crate::args::{Common, RemoteArgs};
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::show::escape;

#[derive(Debug, clap::Args)]
pub(crate) struct CurveArgs {
    /// Files of episodes of the same tasks: made within several budgets, with several rollouts a
    /// task, or both
    #[arg(required = true, value_name = "EPISODES")]
    episodes: Vec<PathBuf>,
    /// What is spent: searches, pages, turns, tokens, seconds, dollars, or samples
    #[arg(long, value_name = "AXIS", default_value = "searches")]
    by: Axis,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    show: ShowArgs,
}

pub(crate) fn curve(common: &Common, args: &CurveArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    let loaded = load(&args.episodes, &args.remote, &progress)?;
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
