//! `sleuth eval collapse`.

use std::path::PathBuf;

use serde_json::json;
use sleuth_eval::report::Page;
use sleuth_eval::{WatchOptions, watch};

use crate::args::{Common, finite};
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::show::{count, escape};
use crate::whole::{apart, write_whole};

/// Steps that the table on a terminal shows.
const SHOWN: usize = 20;

const COLUMNS: &str = "\
Columns of the table, by step of the training:
  searches        searches of a rollout; easy, medium, hard: of questions so hard
  valid           share of actions that could be parsed and done
  right           share of right answers
  unsearched      share of the right answers that were given without a search
  repeated        share of queries that the same rollout had sent before
  empty           share of searches that found nothing
  reward, spread  mean, and standard deviation within the rollouts of a question
  equal groups    share of questions whose rollouts all got one reward, from which nothing is learnt";

#[derive(Debug, clap::Args)]
#[command(after_help = COLUMNS)]
pub(crate) struct CollapseArgs {
    /// Rollout logs, or folders of them: files of episodes, and what verl, SkyRL and TRL write as JSON
    /// Lines
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Score from which an answer is right, where the log does not say
    #[arg(long, value_name = "SCORE", default_value_t = WatchOptions::default().right_from, allow_negative_numbers = true, value_parser = finite)]
    right_from: f64,
    /// Rollouts taken together where the log names no steps
    #[arg(long, value_name = "N", default_value_t = WatchOptions::default().window as u64, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// Also write a page with plots, one file without scripts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn collapse(common: &Common, args: &CollapseArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    apart(&[("--html", args.html.as_deref())], &args.logs)?;
    let window = usize::try_from(args.window).unwrap_or(usize::MAX);
    let found = watch(&args.logs, &WatchOptions { right_from: args.right_from, window })?;
    for path in &found.torn {
        progress.note(&format!(
            "note: the last line of `{}` was being written when its writer ended; it is left out",
            path.display(),
        ));
    }
    if found.failed > 0 {
        progress.note(&format!(
            "note: {} ended in an error, left out",
            count(found.failed as u64, "rollout"),
        ));
    }
    if let Some(path) = &args.html {
        let page: Page = found.page();
        write_whole(path, page.to_html().as_bytes())?;
    }
    progress.end();
    print(&if args.json {
        let mut object = json!({ "status": "watched", "verdict": found.verdict() });
        super::extend(&mut object, &found);
        format!("{object}\n")
    } else {
        let mut out = format!("{}\n", found.title());
        for line in found.verdict() {
            out += &format!("{line}\n");
        }
        out += &format!("\n{}\n", found.table(SHOWN).to_text());
        for line in found.method() {
            out += &format!("{line}\n");
        }
        escape(&out)
    })?;
    Ok(Exit::Done)
}
