//! `sleuth eval answers`.

use std::path::PathBuf;

use serde_json::json;
use sleuth_agent::{Clock as _, SystemClock};
use sleuth_eval::{Answers, BrowseComp, System, answers_page, summary_name, trec_run};
use sleuth_records::write_run;

use super::{ShowArgs, load};
use crate::args::{Common, RemoteArgs};
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::run::compact_utc;
use crate::show::escape;
use crate::whole::{apart, write_whole};

#[derive(Debug, clap::Args)]
#[command(after_help = super::metrics_help())]
pub(crate) struct AnswersArgs {
    /// Files of episodes, as `sleuth tasks rollout` and `sleuth serve` write them
    #[arg(required = true, value_name = "EPISODES")]
    episodes: Vec<PathBuf>,
    /// Also write the final rankings as a run in the TREC format
    #[arg(long, value_name = "FILE")]
    trec: Option<PathBuf>,
    /// Also write, into this folder, what the evaluator of BrowseComp-Plus reads, and its summary
    #[arg(long, value_name = "DIR")]
    browsecomp: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    show: ShowArgs,
}

pub(crate) fn answers(common: &Common, args: &AnswersArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    let outputs = [("--html", args.show.html.as_deref()), ("--trec", args.trec.as_deref())];
    apart(&outputs, &args.episodes)?;
    let loaded = load(&args.episodes, &args.remote, &progress)?;
    let resampling = args.show.resampling();
    let all: Vec<Answers> =
        loaded.systems.iter().map(|system| Answers::of(system, &resampling)).collect();
    args.show.write(|| answers_page(&all))?;
    export(args, &loaded.systems)?;
    progress.end();
    print(&if args.show.json {
        format!("{}\n", json!({ "status": "measured", "systems": all }))
    } else {
        escape(&all.iter().map(text).collect::<Vec<_>>().join("\n"))
    })?;
    Ok(Exit::Done)
}

/// Writes the formats of others where they are wanted; they have room for one system.
fn export(args: &AnswersArgs, systems: &[System]) -> Result<(), Failure> {
    let flag = match (&args.trec, &args.browsecomp) {
        (None, None) => return Ok(()),
        (Some(_), _) => "--trec",
        (None, Some(_)) => "--browsecomp",
    };
    let [system] = systems else {
        return Err(Failure::input(
            format!("`{flag}` takes episodes of one system, found {}", systems.len()),
            "name the files of one policy and model over one store within one budget",
        ));
    };
    if let Some(path) = &args.trec {
        let mut bytes = Vec::new();
        write_run(&trec_run(&args.episodes)?, &mut bytes)?;
        write_whole(path, &bytes)?;
    }
    if let Some(folder) = &args.browsecomp {
        let seconds = SystemClock.now_ms() / 1_000;
        let today = compact_utc(seconds);
        let date = format!("{}-{}-{}", &today[..4], &today[4..6], &today[6..8]);
        let retriever = format!("sleuth {}", system.protocol.retrieval);
        let found = BrowseComp::of(&args.episodes, &retriever, &date)?;
        let failed = |source| Failure::Write { path: folder.clone(), source };
        fs_err::create_dir_all(folder).map_err(failed)?;
        for (name, run) in &found.runs {
            write_whole(&folder.join(name), format!("{run:#}\n").as_bytes())?;
        }
        let summary = format!("{:#}\n", found.summary);
        write_whole(&folder.join(summary_name()), summary.as_bytes())?;
    }
    Ok(())
}

fn text(answers: &Answers) -> String {
    let mut out = format!("{}\n", answers.title());
    for line in answers.subtitle() {
        out += &format!("{line}\n");
    }
    for table in answers.tables() {
        out += &format!("\n{}\n", table.to_text().trim_end());
    }
    out += "\n";
    for line in answers.calibration_line().into_iter().chain([answers.method_line()]) {
        out += &format!("{line}\n");
    }
    out
}
