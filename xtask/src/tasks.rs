//! `bench tasks`: how fast candidates pass the filters that need no model, and how many survive.
//!
//! Candidates are drawn from the Python manual and from `hotpotqa_closed`, all that each kind has up to
//! a limit, until there are 100,000 (or as many as the first option says) over both stores.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use sleuth_cli::ingest::CorpusSource;
use sleuth_index::{Store, SyncOptions, build_graph, sync};
use sleuth_tasks::{Filter, Kind, MakeOptions, MakeReport, make, write_tasks};

use crate::data;

/// Candidates of both stores together.
const CANDIDATES: usize = 100_000;
/// Kinds of which there are more than anybody wants: half of what the others leave is for the first, and
/// what it does not use for the second, of which there is one for each pair of facts.
const PLENTY: [Kind; 2] = [Kind::Unanswerable, Kind::Comparison];

pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let wanted = match options {
        [] => CANDIDATES,
        [n] => n.parse().context("expected a number of candidates")?,
        _ => bail!("expected at most a number of candidates"),
    };
    let stores = [("Python manual", manual()?), ("hotpotqa_closed", encyclopedia()?)];
    let threads = 2;
    println!("{threads} threads\n");
    println!("| store | kind | candidates | {} | tasks | seconds |", names().join(" | "));
    println!("|---|---|---{}|---|---|", "|---".repeat(names().len()));
    let begun = Instant::now();
    let mut candidates = 0;
    for (nth, (name, path)) in stores.iter().enumerate() {
        let store = Store::open(path)?;
        // What the kinds with an end of their own give, and then the others up to the share.
        let share = (wanted - candidates) / (stores.len() - nth);
        let ended: Vec<Kind> = Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::Other && !PLENTY.contains(kind))
            .collect();
        let mut n = run(name, path, &store, &ended, share, threads)?;
        for (kind, parts) in PLENTY.into_iter().zip([2, 1]) {
            n += run(name, path, &store, &[kind], share.saturating_sub(n) / parts, threads)?;
        }
        candidates += n;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "\n{candidates} candidates in {seconds:.0} s: {:.0} a second",
        candidates as f64 / seconds
    );
    Ok(())
}

/// Judges candidates of `kinds`, at most `most` of each, and prints a row for each. Returns how many.
fn run(
    name: &str,
    path: &Path,
    store: &Store,
    kinds: &[Kind],
    most: usize,
    threads: usize,
) -> Result<usize> {
    let options = MakeOptions {
        kinds: kinds.to_vec(),
        count: usize::MAX,
        candidates: most,
        threads,
        ..MakeOptions::default()
    };
    let made = make(store, &options, None, &|_| (), &|| false)?;
    let file = path.with_extension(format!("{}.jsonl", kinds[0]));
    write_tasks(&file, &made.tasks)?;
    print_rows(name, &made.report);
    Ok(made.report.kinds.iter().map(|kind| kind.candidates).sum())
}

fn names() -> Vec<&'static str> {
    Filter::ALL
        .into_iter()
        .filter(|filter| *filter != Filter::NotKnown)
        .map(Filter::as_str)
        .collect()
}

fn print_rows(name: &str, report: &MakeReport) {
    for kind in &report.kinds {
        let survivors: Vec<String> = kind
            .survivors
            .iter()
            .filter(|(filter, ..)| *filter != Filter::NotKnown)
            .map(|(_, _, survived)| survived.to_string())
            .collect();
        let seconds: f64 = kind.seconds.iter().map(|(_, seconds)| seconds).sum();
        println!(
            "| {name} | {} | {} | {} | {} | {seconds:.1} |",
            kind.kind,
            kind.candidates,
            survivors.join(" | "),
            kind.n_tasks(),
        );
    }
}

fn encyclopedia() -> Result<PathBuf> {
    let set = data::load("hotpotqa_closed")?;
    Ok(set.store.path().to_owned())
}

/// The store of the Python manual, built from its packed sources.
fn manual() -> Result<PathBuf> {
    let packed = data::folder()?.join("demo/python311_rst.tar.zst");
    let folder = data::bench_folder().join("python311");
    if !folder.is_dir() {
        fs_err::create_dir_all(&folder)?;
        let mut tar = Command::new("tar");
        tar.arg("--zstd").arg("-xf").arg(&packed).arg("-C").arg(&folder);
        if !tar.status().context("running tar")?.success() {
            bail!("cannot unpack `{}`", packed.display());
        }
    }
    let path = data::bench_folder().join("stores").join("python311");
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    let options = SyncOptions { name: "python311".to_owned(), ..SyncOptions::default() };
    sync(&path, &CorpusSource::open(&folder)?, &options, &|_| (), &|| false)?;
    build_graph(&path, options.threads, &|_, _| (), &|| false)?;
    Ok(path)
}
