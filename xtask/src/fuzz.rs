//! `fuzz`: runs the targets of `sleuth-fuzz` for as long as one likes.
//!
//! The input at work stands in `target/fuzz/TARGET-at-work` while a target runs, so that one that kills
//! the process (a stack that overflows, memory that is not there) can be had, too. An input that fails
//! is kept as `target/fuzz/TARGET-HASH`; when it is understood it goes into the seeds of the target, where
//! every later run tries it first.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sleuth_fuzz::{Plan, TARGETS, Target, Until, fuzz as run, run_once, target};

/// Seconds for each target where none are given.
const SECONDS: u64 = 60;

pub(crate) fn fuzz(options: &[&str]) -> Result<()> {
    let mut chosen: Vec<&'static Target> = Vec::new();
    let (mut seconds, mut seed, mut input, mut corpus) = (SECONDS, None, None, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value =
            || options.next().copied().with_context(|| format!("no value of `{option}`"));
        match *option {
            "--seconds" => seconds = value()?.parse().context("expected a number of seconds")?,
            "--seed" => seed = Some(value()?.parse().context("expected a number as seed")?),
            "--input" => input = Some(PathBuf::from(value()?)),
            "--corpus" => corpus = Some(PathBuf::from(value()?)),
            "all" => chosen.extend(TARGETS),
            name => chosen.push(target(name).with_context(|| no_target(name))?),
        }
    }
    if let Some(input) = input {
        let [target] = chosen[..] else { bail!("expected one target for `--input`") };
        return once(target, &input);
    }
    if chosen.is_empty() {
        bail!("expected a target; {}", known());
    }
    let seed = seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs())
    });
    let mut failed = Vec::new();
    for target in chosen {
        if !long(target, seconds, seed, corpus.as_deref())? {
            failed.push(target.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

fn known() -> String {
    let lines = TARGETS.iter().map(|target| format!("\n  {:<9} {}", target.name, target.about));
    format!("known are{}\nor `all`", lines.collect::<String>())
}

fn no_target(name: &str) -> String {
    format!("no target `{name}`; {}", known())
}

/// Runs one input as it is, with the words of whatever fails.
fn once(target: &Target, input: &Path) -> Result<()> {
    let bytes = fs_err::read(input)?;
    let begun = std::time::Instant::now();
    match run_once(target, &bytes) {
        Ok(()) => {
            println!("{}: holds, {:.3} s", target.name, begun.elapsed().as_secs_f64());
            Ok(())
        }
        Err(message) => bail!("{}: {message}", target.name),
    }
}

/// Runs a target for so many seconds; whether nothing failed.
fn long(target: &'static Target, seconds: u64, seed: u64, corpus: Option<&Path>) -> Result<bool> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz");
    fs_err::create_dir_all(&folder)?;
    let at_work = folder.join(format!("{}-at-work", target.name));
    if at_work.exists() {
        let died = folder.join(format!("{}-died", target.name));
        fs_err::rename(&at_work, &died)?;
        println!("the last run did not end; its input is {}", died.display());
    }
    let mut seeds = target.seeds()?;
    if let Some(corpus) = corpus {
        seeds.extend(files_below(corpus, target.longest as u64)?);
    }
    let n_seeds = seeds.len();
    let until = Until::Time(Duration::from_secs(seconds));
    let plan = Plan { at_work: Some(&at_work), ..Plan::new(seed, until) };
    let report = run(target, seeds, &plan)?;
    fs_err::remove_file(&at_work)?;
    println!(
        "{}: {} inputs from {n_seeds} seeds in {:.0} s, {:.0} a second, the slowest {:.3} s, seed {seed}",
        target.name,
        report.inputs,
        report.took.as_secs_f64(),
        report.inputs as f64 / report.took.as_secs_f64(),
        report.slowest.as_secs_f64(),
    );
    let Some(failure) = report.failure else { return Ok(true) };
    let hash = sleuth_records::sha256_hex(&failure.input);
    let kept = folder.join(format!("{}-{}", target.name, &hash[..16]));
    fs_err::write(&kept, &failure.input)?;
    println!("{}: {}", target.name, failure.message);
    println!("again: cargo xtask fuzz {} --input {}", target.name, kept.display());
    Ok(false)
}

/// The files below `folder` of at most `longest` bytes.
fn files_below(folder: &Path, longest: u64) -> Result<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            out.extend(files_below(&entry.path(), longest)?);
        } else if metadata.is_file() && metadata.len() <= longest {
            out.push(fs_err::read(entry.path())?);
        }
    }
    Ok(out)
}
