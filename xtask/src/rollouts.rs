//! `bench rollouts`: what running a policy through the runner costs beside the policy, and replays.
//!
//! The policy `trail` answers the first questions of a store, once in a bare loop and once through the
//! runner, which judges each attempt and writes it as an episode; both on one thread, several times in
//! turn. Then 1,000 episodes are made on all cores and replayed on one thread and on four, which must
//! give the same bytes.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use sleuth_agent::{AgentError, Policy, Trail};
use sleuth_index::Retriever;
use sleuth_records::sha256_hex;
use sleuth_tasks::{
    ModelTap, ReplayOver, RolloutOptions, RolloutSurroundings, Task, replay_episodes, roll_out,
};

use crate::{data, environment};

const ROUNDS: usize = 3;
const REPLAYED: u32 = 1000;

fn trail(_: &ModelTap) -> Result<Box<dyn Policy + Send>, AgentError> {
    Ok(Box::new(Trail::default()))
}

pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let name = options.first().copied().unwrap_or("hotpotqa_closed");
    let count: usize = options.get(1).map_or(Ok(200), |text| text.parse())?;
    let set = data::load(name)?;
    let tasks: Vec<Task> = set.items.iter().filter_map(environment::task).take(count).collect();
    let n = tasks.len();
    let retrieval = set.store.retrieval()?.id;
    let retriever: Arc<dyn Retriever> = Arc::new(set.store);
    let home = data::bench_folder().join("rollouts");
    fs_err::create_dir_all(&home)?;
    let path = home.join("episodes.jsonl");
    let around = RolloutSurroundings::new(Arc::clone(&retriever), retrieval.as_str(), &trail);
    let options = RolloutOptions { budget: data::normal().budget, ..RolloutOptions::default() };

    let (mut bare, mut through) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for task in &tasks {
            let options = data::normal();
            data::ask_quietly(&task.question, &mut Trail::default(), retriever.as_ref(), &options)?;
        }
        bare = bare.min(begun.elapsed().as_secs_f64());
        let _ = fs_err::remove_file(&path);
        let begun = Instant::now();
        roll_out(&tasks, &path, &options, &around)?;
        through = through.min(begun.elapsed().as_secs_f64());
    }
    let bytes = fs_err::metadata(&path)?.len();
    println!("| store | rollouts | ms each, bare | ms each, through the runner | KB an episode |");
    println!("|---|---|---|---|---|");
    println!(
        "| {name} | {n} | {:.2} | {:.2} | {:.1} |",
        1000.0 * bare / n as f64,
        1000.0 * through / n as f64,
        bytes as f64 / 1000.0 / n as f64,
    );

    let _ = fs_err::remove_file(&path);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rollouts = REPLAYED.div_ceil(u32::try_from(n)?);
    let many = RolloutOptions { rollouts, threads: cores, ..options };
    let begun = Instant::now();
    let made = roll_out(&tasks, &path, &many, &around)?;
    println!(
        "\n{} episodes made on {cores} threads in {:.1} s",
        made.tally.episodes,
        begun.elapsed().as_secs_f64()
    );
    let over =
        ReplayOver { retriever: &retriever, retrieval: &retrieval, pool: &|| Ok(Vec::new()) };
    let mut digests = Vec::new();
    for threads in [1, 4] {
        let mut out = Vec::new();
        let begun = Instant::now();
        let replayed = replay_episodes(&path, &over, threads, &mut out, &|_| ())?;
        println!(
            "{} replayed on {threads} threads in {:.1} s: {} the same as recorded, SHA-256 of what came \
             out {}",
            replayed.episodes,
            begun.elapsed().as_secs_f64(),
            replayed.same,
            &sha256_hex(&out)[..16],
        );
        if replayed.same != replayed.episodes {
            bail!("{:?}", replayed.differences.first().context("no difference is named")?);
        }
        digests.push(sha256_hex(&out));
    }
    if digests[0] != digests[1] {
        bail!("replays on one and on four threads differ");
    }
    Ok(())
}
