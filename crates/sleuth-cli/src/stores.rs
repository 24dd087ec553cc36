//! From paths to an open store: one that is named, or one that is kept in the cache for a folder.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sleuth_index::{
    GraphReport, IndexError, Store, SyncOptions, SyncReport, build_graph, remove_damaged, sync,
};
use sleuth_records::{Digest, Skipped};

use crate::fail::Failure;
use crate::ingest::{Roots, RootsError, root_name};
use crate::interrupt;
use crate::places::Places;
use crate::progress::Progress;
use crate::show::{count, from_here, seconds, skipped_kinds};
use crate::vectors::attach;

/// Longest wait for another process that writes the same store.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Pause between two tries, and between two messages.
const TRY_AGAIN: Duration = Duration::from_millis(200);
const TELL_AGAIN: Duration = Duration::from_secs(5);
/// Skipped files that are named for a person.
const NAMED: usize = 3;

/// A store and what is known of how it came to be.
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// What was passed over; empty for a store that was opened as it is.
    pub(crate) skipped: Vec<Skipped>,
    /// Whether an interrupt came before all documents were read.
    pub(crate) partial: bool,
    /// The only file of the documents, where there is just one: records of it have no address of
    /// their own.
    pub(crate) only_file: Option<PathBuf>,
}

/// Whether `path` is a store. A folder of documents may hold a `store.toml` of its own: only with
/// the index beside it is it ours.
pub(crate) fn is_store(path: &Path) -> bool {
    path.join("store.toml").is_file() && path.join("lexical").is_dir()
}

/// Fails at once where `paths` cannot be used: before a model is loaded for them.
pub(crate) fn look(paths: &[PathBuf]) -> Result<(), Failure> {
    for path in paths {
        if !is_store(path) {
            sleuth_corpus::Corpus::open(path, sleuth_corpus::Limits::default())?;
        }
    }
    Ok(())
}

/// Opens the store at `paths`, or the cached store of the documents there, brought up to date.
pub(crate) fn open(
    paths: &[PathBuf],
    places: &Places,
    progress: &Progress,
) -> Result<Opened, Failure> {
    if let Some(store) = paths.iter().find(|path| is_store(path)) {
        if paths.len() > 1 {
            return Err(Failure::usage(
                format!("`{}` is a store, and a store stands alone", store.display()),
                "ask over the store, or over the folders it was made from",
            ));
        }
        let store = attach(store, Store::open(store)?, &places.models, progress)?;
        return Ok(Opened { store, skipped: Vec::new(), partial: false, only_file: None });
    }
    let roots = open_roots(paths)?;
    let cached = cached_path(paths, places);
    fs_err::create_dir_all(places.stores()).map_err(|source| Failure::Folder {
        what: "cached stores",
        path: places.stores(),
        advice: "name another folder with `--cache DIR` or the variable SLEUTH_CACHE",
        source,
    })?;
    refuse_cache_among_documents(paths, &places.stores())?;
    let name = cached_name(paths);
    let mut opened = update(&cached, &name, &roots, places, progress);
    if let Err(IndexError::Version { .. } | IndexError::Damaged { .. }) = &opened {
        // Everything in a cached store can be had again from the documents. Where another process
        // has just done that, there is nothing to remove.
        let removed = when_free(progress, || remove_damaged(&cached)).map_err(Failure::Cache)?;
        if removed {
            progress.note("the cached store is damaged or of another version: building it again");
        }
        opened = update(&cached, &name, &roots, places, progress);
    }
    let mut opened = opened.map_err(Failure::Cache)?;
    let n_documents = opened.store.n_documents();
    if opened.partial {
        let n = count(n_documents, "document");
        progress.note(&format!("not everything was read: going on with {n}"));
    } else if n_documents == 0 {
        return Err(nothing_readable(paths, &opened.skipped));
    }
    opened.only_file = match (paths, roots.files()) {
        ([root], [file]) => Some(if root.is_dir() { root.join(&file.path) } else { root.clone() }),
        _ => None,
    };
    Ok(opened)
}

/// Brings the cached store at `path` up to date and opens it. After an interrupt that is the store
/// of what was read so far, and the question is put to it.
fn update(
    path: &Path,
    name: &str,
    roots: &Roots,
    places: &Places,
    progress: &Progress,
) -> Result<Opened, IndexError> {
    let (skipped, partial) = match build(path, name, roots, true, progress) {
        Ok(report) => (report.skipped, false),
        Err(IndexError::Cancelled) => (roots.skipped().to_vec(), true),
        Err(error) => return Err(error),
    };
    if !partial {
        match graph(path, progress) {
            // Words find much by themselves; the next run makes the graph.
            Ok(_) | Err(IndexError::Cancelled) => {}
            Err(error) => return Err(error),
        }
    }
    let store = attach(path, Store::open(path)?, &places.models, progress)?;
    Ok(Opened { store, skipped, partial, only_file: None })
}

/// Opens and lists the documents at `paths`; at least one file must look readable.
pub(crate) fn open_roots(paths: &[PathBuf]) -> Result<Roots, Failure> {
    if let Some(store) = paths.iter().find(|path| is_store(path)) {
        return Err(Failure::usage(
            format!("`{}` is a store: expected documents", store.display()),
            "name the documents that it was built from",
        ));
    }
    let roots = Roots::open(paths).map_err(|error| match error {
        RootsError::Corpus(error) => Failure::Corpus(error),
        RootsError::SameName { .. } => Failure::usage(
            error.to_string(),
            "rename one of them, or name the folder that holds both",
        ),
        RootsError::SamePlace { .. } => Failure::usage(error.to_string(), "name it only once"),
    })?;
    if roots.files().is_empty() {
        return Err(nothing_readable(paths, roots.skipped()));
    }
    Ok(roots)
}

pub(crate) fn nothing_readable(paths: &[PathBuf], skipped: &[Skipped]) -> Failure {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    let found = skipped_kinds(skipped).unwrap_or_else(|| "no files at all".to_owned());
    Failure::input(
        format!("no readable documents in {}: expected text, found {found}", names.join(", ")),
        "Markdown, text, reStructuredText, HTML, JSON Lines, PDF, DOCX and EPUB are read, also as .zst",
    )
}

/// A cache below the documents would be read as documents, and change with each run. Hidden folders
/// are not read, so a home folder with its usual cache is fine.
fn refuse_cache_among_documents(paths: &[PathBuf], stores: &Path) -> Result<(), Failure> {
    let Ok(stores) = fs_err::canonicalize(stores) else { return Ok(()) };
    for path in paths {
        let Ok(root) = fs_err::canonicalize(path) else { continue };
        let Ok(below) = stores.strip_prefix(&root) else { continue };
        if !below.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".")) {
            return Err(Failure::usage(
                format!("the cache `{}` lies among the documents", stores.display()),
                "name a folder elsewhere with `--cache DIR` or the variable SLEUTH_CACHE",
            ));
        }
    }
    Ok(())
}

/// Builds or updates the store at `path`; waits for another process that does the same.
pub(crate) fn build(
    path: &Path,
    name: &str,
    roots: &Roots,
    remove_missing: bool,
    progress: &Progress,
) -> Result<SyncReport, IndexError> {
    let options = SyncOptions { name: name.to_owned(), remove_missing, ..SyncOptions::default() };
    let begun = Instant::now();
    let looking = count(roots.files().len() as u64, "file");
    progress.state(|| format!("looking through {looking}"));
    let told = |state: sleuth_index::Progress| {
        progress.state(|| {
            let verb = if state.committing { "writing the store" } else { "reading" };
            let (read, files, documents) = (state.files_read, state.files, state.documents);
            let (files, documents) = (count(files as u64, "file"), count(documents, "document"));
            format!("{verb}: {read} of {files} read, {documents}")
        });
    };
    let report = when_free(progress, || sync(path, roots, &options, &told, &interrupt::asked))?;
    let took = seconds(begun.elapsed().as_secs_f64());
    let documents = count(report.n_documents, "document");
    progress.note(&if report.files_read + report.files_removed == 0 {
        format!("{documents}, nothing changed ({took})")
    } else {
        let gone = match report.files_removed {
            0 => String::new(),
            n => format!(", {} gone", count(n as u64, "file")),
        };
        format!("{documents}: {} read{gone} ({took})", count(report.files_read as u64, "file"))
    });
    tell_skipped(&report.skipped, progress);
    Ok(report)
}

/// Makes the graph of the store at `path`, where its newest snapshot has none.
pub(crate) fn graph(path: &Path, progress: &Progress) -> Result<GraphReport, IndexError> {
    let begun = Instant::now();
    let told = |done: usize, all: usize| {
        progress.state(|| format!("joining documents: {} %", done * 100 / all.max(1)));
    };
    let threads = SyncOptions::default().threads;
    let report = when_free(progress, || build_graph(path, threads, &told, &interrupt::asked))?;
    if report.made {
        let took = seconds(begun.elapsed().as_secs_f64());
        let names = count(report.n_names as u64, "name");
        progress.note(&format!(
            "joined by {} and {names} ({took})",
            count(report.n_edges as u64, "mention")
        ));
    }
    Ok(report)
}

/// Does `work` on a store; waits while another process writes it.
fn when_free<T>(
    progress: &Progress,
    work: impl Fn() -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    let begun = Instant::now();
    let mut last_told: Option<Instant> = None;
    loop {
        match work() {
            Err(IndexError::Busy { .. })
                if begun.elapsed() < LONGEST_WAIT && !interrupt::asked() =>
            {
                if last_told.is_none_or(|last| last.elapsed() >= TELL_AGAIN) {
                    let waited = seconds(begun.elapsed().as_secs_f64());
                    progress.note(&format!(
                        "another process is writing this store; waiting for it ({waited})"
                    ));
                    last_told = Some(Instant::now());
                }
                std::thread::sleep(TRY_AGAIN);
            }
            other => return other,
        }
    }
}

/// One line by kind, and a few by name where they are few or say more than their kind.
fn tell_skipped(skipped: &[Skipped], progress: &Progress) {
    let Some(kinds) = skipped_kinds(skipped) else { return };
    progress.note(&format!("skipped: {kinds}"));
    let telling =
        |skip: &&Skipped| !matches!(skip.kind.as_str(), "binary" | "unsupported" | "empty");
    let named: Vec<&Skipped> = skipped.iter().filter(telling).collect();
    for skip in named.iter().take(NAMED) {
        progress.note(&format!("  {}: {}", skip.path, skip.reason));
    }
    if named.len() > NAMED {
        progress.note(&format!("  and {} more", named.len() - NAMED));
    }
}

/// Name of the store of `paths` for people: the folder names.
fn cached_name(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| root_name(path)).collect();
    names.join("+")
}

/// Where the store of `paths` is kept: by their names, and by where they are, in any order.
fn cached_path(paths: &[PathBuf], places: &Places) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let real = |path: &PathBuf| fs_err::canonicalize(path).unwrap_or_else(|_| path.clone());
    // The names as given are part of ids, so another name for the same place is another store.
    let mut keys: Vec<(String, PathBuf)> =
        paths.iter().map(|path| (root_name(path), real(path))).collect();
    keys.sort();
    let mut digest = Digest::new();
    for (name, path) in &keys {
        let name = if keys.len() == 1 { "" } else { name };
        digest.field(name.as_bytes()).field(path.as_os_str().as_bytes());
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '_' };
    let name: String = cached_name(paths).chars().take(40).map(plain).collect();
    places.stores().join(format!("{name}-{}", &digest.hex()[..16]))
}

/// Where a quote stands, for a person: a path and line that a terminal can open, a path and page, or
/// an address.
pub(crate) fn place_of(evidence: &sleuth_records::Evidence, only_file: Option<&Path>) -> String {
    let within = |file: &str| match evidence.part {
        Some(part) => format!("{file}, {part}"),
        None => format!("{file}:{}", evidence.line),
    };
    match evidence.url.as_deref() {
        Some(url) => match crate::show::path_of_url(url) {
            Some(path) => within(&from_here(&path)),
            None => url.to_owned(),
        },
        None => match only_file {
            Some(file) => within(&from_here(file)),
            None => format!("document {}, line {}", evidence.document, evidence.line),
        },
    }
}
