//! `bench ingest`: reading and indexing, in pages a second, and the peak of memory.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use sleuth_agent::Trail;
use sleuth_cli::ingest::CorpusSource;
use sleuth_index::{Store, SyncOptions, sync};
use sleuth_records::Question;

use crate::data;

/// Measures `book` and `reference` of the Rust documentation, and with `--whole` the whole tree.
/// Folders named in `options` are measured instead.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let named: Vec<PathBuf> =
        options.iter().filter(|o| !o.starts_with("--")).map(PathBuf::from).collect();
    let folders = if !named.is_empty() {
        named
    } else {
        let html = rust_html()?;
        if options.contains(&"--whole") {
            vec![html]
        } else {
            vec![html.join("book"), html.join("reference")]
        }
    };
    println!(
        "| folder | files | documents | passages | s first | files/s | s second, nothing changed | s to first answer | MiB peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for folder in folders {
        one(&folder)?;
    }
    Ok(())
}

fn rust_html() -> Result<PathBuf> {
    let output = std::process::Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let root = String::from_utf8(output.stdout).context("sysroot is no text")?;
    let html = Path::new(root.trim()).join("share/doc/rust/html");
    if !html.is_dir() {
        bail!("no Rust documentation at `{}`; install the component rust-docs", html.display());
    }
    Ok(html)
}

fn one(folder: &Path) -> Result<()> {
    let name = folder.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/ingest").join(&name);
    if path.exists() {
        fs_err::remove_dir_all(&path)?;
    }
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    let source = CorpusSource::open(folder)?;
    let options = SyncOptions { name: name.clone(), ..SyncOptions::default() };
    let begin = Instant::now();
    let report = sync(&path, &source, &options, &|_| (), &|| false)?;
    let first = begin.elapsed().as_secs_f64();

    let begin = Instant::now();
    sync(&path, &source, &options, &|_| (), &|| false)?;
    let second = begin.elapsed().as_secs_f64();
    let store = Store::open(&path)?;
    let question = Question::new("What is ownership in Rust?").context("a question")?;
    data::ask_quietly(&question, &mut Trail::default(), &store, &data::normal())?;
    let answered = begin.elapsed().as_secs_f64();
    let info = store.info()?;
    println!(
        "| {name} | {} | {} | {} | {first:.2} | {:.0} | {second:.3} | {answered:.3} | {} |",
        report.files_read,
        info.n_documents,
        info.n_passages,
        report.files_read as f64 / first,
        peak_mib().map_or_else(|| "unknown".to_owned(), |mib| mib.to_string()),
    );
    Ok(())
}

/// The largest resident size of this process so far, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
