//! `sleuth tasks replay`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use sleuth_eval::EpisodesError;
use sleuth_index::Retriever;
use sleuth_tasks::{ReplayOver, Replayed, replay_episodes};

use super::rollout::open_store;
use crate::args::Common;
use crate::fail::{Exit, Failure};
use crate::places::Places;
use crate::progress::Progress;
use crate::show::{count, one_line, seconds};
use crate::whole::{WholeFile, apart};

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// File of episodes, as `sleuth tasks rollout` writes it
    pub(crate) episodes: PathBuf,
    /// Folder of the store that they were made over
    #[arg(long = "in", value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// File for the episodes as they come out now, their times set to zero, in the same order
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn replay(common: &Common, args: &ReplayArgs) -> Result<Exit, Failure> {
    apart(&[("--out", args.out.as_deref())], &[&args.episodes])?;
    let places = Places::new(common)?;
    let progress = Progress::new(common.quiet);
    let store = Arc::new(open_store(&args.store, &places, &progress)?);
    let retrieval = store.retrieval()?.id;
    let retriever: Arc<dyn Retriever> = Arc::clone(&store) as _;
    let over =
        ReplayOver { retriever: &retriever, retrieval: &retrieval, pool: &|| store.passages() };
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or_else(cores, usize::from);
    let told = |replayed: &Replayed| {
        progress.state(|| format!("{} replayed", count(replayed.episodes, "episode")));
    };
    let replayed = match &args.out {
        None => replay_episodes(&args.episodes, &over, threads, &mut std::io::sink(), &told)?,
        Some(path) => {
            let failed = |source| Failure::Write { path: path.clone(), source };
            let mut out = WholeFile::create(path).map_err(failed)?;
            let replayed = replay_episodes(&args.episodes, &over, threads, &mut out, &told)?;
            out.finish().map_err(failed)?;
            replayed
        }
    };
    progress.end();
    if replayed.episodes + replayed.passed_over == 0 {
        return Err(EpisodesError::Empty { path: args.episodes.clone() }.into());
    }
    report(&replayed, args, &progress)?;
    if let Some((task, rollout, what)) = replayed.differences.first() {
        let n = count(replayed.episodes - replayed.same, "episode");
        let what = one_line(what, 300);
        let difference = format!("{n}, the first is task `{task}`, rollout {rollout}, in {what}");
        return Err(Failure::Differs { difference });
    }
    Ok(Exit::Done)
}

fn report(replayed: &Replayed, args: &ReplayArgs, progress: &Progress) -> Result<(), Failure> {
    let took = progress.seconds();
    if args.json {
        let mut object = json!({
            "status": if replayed.differences.is_empty() { "same" } else { "different" },
        });
        crate::eval::extend(&mut object, replayed);
        object["seconds"] = json!(took);
        return crate::print(&format!("{object}\n"));
    }
    let n = count(replayed.episodes, "episode");
    let mut text = format!("{n} replayed, {} the same · {}\n", replayed.same, seconds(took));
    if replayed.passed_over > 0 {
        text += &format!(
            "{} passed over: what failed in them does not come again\n",
            count(replayed.passed_over, "episode")
        );
    }
    if replayed.torn {
        text += "the file's torn last line was left out\n";
    }
    crate::print(&text)
}
