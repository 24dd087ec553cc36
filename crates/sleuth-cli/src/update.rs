//! `sleuth index add` and `sleuth index remove`: a store is changed by documents, not as a whole.
//!
//! Unlike a question over a folder, which waits for another process that makes the same store, these
//! say at once that the store is being written: it is the person's own, and they know what else runs.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sleuth_index::{IndexError, Store, SyncOptions, remove_documents, sync};
use sleuth_records::DocumentId;

use crate::args::Common;
use crate::ask::skipped_json;
use crate::fail::{Exit, Failure};
use crate::progress::Progress;
use crate::show::{count, escape, skipped_kinds};
use crate::{interrupt, print, stores};

/// Unknown ids that are named for a person.
const NAMED: usize = 20;

pub(crate) fn add(
    common: &Common,
    paths: &[PathBuf],
    into: &Path,
    again: bool,
    json: bool,
) -> Result<Exit, Failure> {
    interrupt::listen("keeping what was read");
    let progress = Progress::new(common.quiet);
    // A name that was misspelt must not make a new store.
    Store::open(into)?;
    let roots = stores::open_roots(paths)?;
    let options = SyncOptions { remove_missing: false, again, ..SyncOptions::default() };
    let told = |state: sleuth_index::Progress| {
        progress.state(|| {
            let files = count(state.files as u64, "file");
            let documents = count(state.documents, "document");
            format!("adding: {} of {files} read, {documents}", state.files_read)
        });
    };
    let report = match sync(into, &roots, &options, &told, &interrupt::asked) {
        Err(IndexError::Cancelled) => {
            let n_documents = Store::open(into)?.n_documents();
            return Err(Failure::Interrupted { path: into.to_owned(), n_documents });
        }
        report => report?,
    };
    stores::graph(into, &progress)?;
    if let Some(kinds) = skipped_kinds(&report.skipped) {
        progress.note(&format!("skipped: {kinds}"));
    }
    progress.end();
    // Files without documents are worth a word where there was nothing else to add.
    if report.documents_added == 0 && report.files_unchanged == 0 {
        return Err(stores::nothing_readable(paths, &report.skipped));
    }
    print(&if json {
        let object = json!({
            "status": "added",
            "store": into,
            "snapshot": report.snapshot,
            "documents": report.n_documents,
            "documents_added": report.documents_added,
            "files_read": report.files_read,
            "files_unchanged": report.files_unchanged,
            "skipped": skipped_json(&report.skipped),
        });
        format!("{object}\n")
    } else {
        format!(
            "{} added or replaced{} · store {} · {} · snapshot {}\n",
            count(report.documents_added, "document"),
            match report.files_unchanged {
                0 => String::new(),
                n => format!(", {} unchanged", count(n as u64, "file")),
            },
            escape(&into.display().to_string()),
            count(report.n_documents, "document"),
            report.snapshot,
        )
    })?;
    Ok(Exit::Done)
}

pub(crate) fn remove(
    common: &Common,
    ids: &[String],
    ids_from: Option<&Path>,
    from: &Path,
    json: bool,
) -> Result<Exit, Failure> {
    let mut all: Vec<DocumentId> = ids.iter().map(|id| DocumentId::new(id.as_str())).collect();
    if let Some(file) = ids_from {
        all.extend(read_ids(file)?);
    }
    if all.is_empty() {
        let file = ids_from.unwrap_or(Path::new("-")).display();
        return Err(Failure::input(
            format!("no ids in `{file}`: expected one a line, found none"),
            "`sleuth search … --json` shows the ids of documents",
        ));
    }
    let progress = Progress::new(common.quiet);
    let report = remove_documents(from, &all)?;
    let named: Vec<String> =
        report.unknown.iter().take(NAMED).map(|id| format!("`{id}`")).collect();
    let rest = match report.unknown.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let unknown = format!("{}{rest}", named.join(", "));
    if report.n_removed == 0 {
        return Err(Failure::input(
            format!("store `{}` has no document {unknown}", from.display()),
            "ids are paths below the folder that was built, or those of records; `sleuth search … \
             --json` shows them",
        ));
    }
    stores::graph(from, &progress)?;
    if !report.unknown.is_empty() {
        progress.note(&format!("the store has no document {unknown}"));
    }
    progress.end();
    print(&if json {
        let object = json!({
            "status": "removed",
            "store": from,
            "snapshot": report.snapshot,
            "documents": report.n_documents,
            "documents_removed": report.n_removed,
            "unknown": report.unknown,
        });
        format!("{object}\n")
    } else {
        format!(
            "{} removed · store {} · {} · snapshot {}\n",
            count(report.n_removed, "document"),
            escape(&from.display().to_string()),
            count(report.n_documents, "document"),
            report.snapshot,
        )
    })?;
    Ok(Exit::Done)
}

/// The ids in `file`, one a line; blank lines say nothing.
fn read_ids(file: &Path) -> Result<Vec<DocumentId>, Failure> {
    let failed = |source| Failure::Read { path: file.to_owned(), source };
    let reader: Box<dyn std::io::BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = fs_err::File::open(file).map_err(failed)?;
        Box::new(std::io::BufReader::new(opened))
    };
    let mut ids = Vec::new();
    for line in reader.lines() {
        let line = line.map_err(failed)?;
        if !line.is_empty() {
            ids.push(DocumentId::new(line));
        }
    }
    Ok(ids)
}
