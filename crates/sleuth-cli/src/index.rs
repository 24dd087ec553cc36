//! `sleuth index`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sleuth_index::{Embedder as _, IndexError, Store, verify};

use crate::about::about;
use crate::args::{Common, IndexCommand};
use crate::ask::skipped_json;
use crate::fail::{Exit, Failure};
use crate::ingest::root_name;
use crate::interrupt;
use crate::places::Places;
use crate::print;
use crate::progress::Progress;
use crate::show::{bytes, count, escape};
use crate::vectors::{self, InstalledEmbedder};
use crate::{stores, update};

/// Problems that are listed for a person.
const LISTED: usize = 20;

pub(crate) fn index(common: &Common, command: &IndexCommand) -> Result<Exit, Failure> {
    match command {
        IndexCommand::Build { paths, into, name, no_vectors, json } => {
            build(common, paths, into, name.as_deref(), !no_vectors, *json)
        }
        IndexCommand::Embed { store, replace, json } => embed(common, store, *replace, *json),
        IndexCommand::Add { paths, into, again, json } => {
            update::add(common, paths, into, *again, *json)
        }
        IndexCommand::Remove { ids, ids_from, from, json } => {
            update::remove(common, ids, ids_from.as_deref(), from, *json)
        }
        IndexCommand::Info { store, document: Some(id), json } => about(store, id, *json),
        IndexCommand::Info { store, document: None, json } => info(store, *json),
        IndexCommand::Verify { store, json } => check(store, *json),
    }
}

fn build(
    common: &Common,
    paths: &[PathBuf],
    into: &Path,
    name: Option<&str>,
    with_vectors: bool,
    json: bool,
) -> Result<Exit, Failure> {
    interrupt::listen("keeping what was read");
    let progress = Progress::new(common.quiet);
    let roots = stores::open_roots(paths)?;
    let name = name.map_or_else(|| root_name(into), str::to_owned);
    let interrupted = || -> Result<Failure, Failure> {
        let n_documents = Store::open(into)?.n_documents();
        Ok(Failure::Interrupted { path: into.to_owned(), n_documents })
    };
    let report = match stores::build(into, &name, &roots, true, &progress) {
        Err(IndexError::Cancelled) => return Err(interrupted()?),
        report => report?,
    };
    if report.n_documents == 0 {
        return Err(stores::nothing_readable(paths, &report.skipped));
    }
    match stores::graph(into, &progress) {
        Err(IndexError::Cancelled) => return Err(interrupted()?),
        made => made?,
    };
    if with_vectors {
        let places = Places::new(common)?;
        if let Some(embedder) = InstalledEmbedder::find(&places.models)? {
            progress
                .note("the store can be searched; its vectors come now, and may be interrupted");
            match vectors::fill(into, &embedder, false, &progress) {
                Err(IndexError::Cancelled) => return Err(interrupted()?),
                filled => filled?,
            };
        }
    }
    progress.end();
    print(&if json {
        let object = json!({
            "status": "built",
            "store": into,
            "snapshot": report.snapshot,
            "documents": report.n_documents,
            "files_read": report.files_read,
            "files_unchanged": report.files_unchanged,
            "files_removed": report.files_removed,
            "skipped": skipped_json(&report.skipped),
        });
        format!("{object}\n")
    } else {
        format!(
            "store {} · {} · snapshot {}\n",
            escape(&into.display().to_string()),
            count(report.n_documents, "document"),
            report.snapshot,
        )
    })?;
    Ok(Exit::Done)
}

fn embed(common: &Common, path: &Path, replace: bool, json: bool) -> Result<Exit, Failure> {
    interrupt::listen("keeping the vectors so far");
    let progress = Progress::new(common.quiet);
    let n_documents = Store::open(path)?.n_documents();
    let places = Places::new(common)?;
    let embedder = InstalledEmbedder::find(&places.models)?.ok_or_else(|| Failure::BackEnd {
        message: format!("no embedder is installed in `{}`", places.models.display()),
        hint: Some("get it with `sleuth model get embed` (25 MB)".to_owned()),
    })?;
    let report = match vectors::fill(path, &embedder, replace, &progress) {
        Err(IndexError::Cancelled) => {
            return Err(Failure::Interrupted { path: path.to_owned(), n_documents });
        }
        report => report?,
    };
    progress.end();
    let id = embedder.id();
    print(&if json {
        let object = json!({
            "status": "embedded",
            "store": path,
            "embedder": id,
            "passages": report.n_passages,
            "computed": report.n_computed,
        });
        format!("{object}\n")
    } else {
        format!(
            "store {} · {} with a vector, {} of them new · embedder {id}\n",
            escape(&path.display().to_string()),
            count(report.n_passages as u64, "passage"),
            report.n_computed,
        )
    })?;
    Ok(Exit::Done)
}

fn info(path: &Path, json: bool) -> Result<Exit, Failure> {
    let store = Store::open(path)?;
    let info = store.info()?;
    print(&if json {
        format!("{}\n", json!(info))
    } else {
        format!(
            "name       {}\npath       {}\nsnapshot   {}\ndocuments  {}\npassages   {}\n\
             files      {}\nsize       {}\nanalyzer   {}\nsplitter   {}\ngraph      {}\n\
             vectors    {}\n",
            escape(&info.name),
            escape(&info.path.display().to_string()),
            info.snapshot,
            info.n_documents,
            info.n_passages,
            info.n_files,
            bytes(info.bytes),
            info.analyzer,
            info.splitter,
            if info.graph { "yes" } else { "no: `sleuth index build` makes it" },
            info.embedder.as_deref().unwrap_or("none: `sleuth index embed` computes them"),
        )
    })?;
    Ok(Exit::Done)
}

fn check(path: &Path, json: bool) -> Result<Exit, Failure> {
    let problems = verify(path)?;
    let mut text = String::new();
    if json {
        let list: Vec<_> = problems
            .iter()
            .map(|problem| json!({"place": problem.place, "detail": problem.detail}))
            .collect();
        let status = if problems.is_empty() { "sound" } else { "damaged" };
        let _ = writeln!(text, "{}", json!({"status": status, "store": path, "problems": list}));
    } else if problems.is_empty() {
        let _ = writeln!(text, "store {} is sound", escape(&path.display().to_string()));
    } else {
        for problem in problems.iter().take(LISTED) {
            let _ = writeln!(text, "{}: {}", escape(&problem.place), escape(&problem.detail));
        }
        if problems.len() > LISTED {
            let _ = writeln!(text, "and {} more", problems.len() - LISTED);
        }
    }
    print(&text)?;
    match problems.len() {
        0 => Ok(Exit::Done),
        // The object has said it already.
        _ if json => Ok(Exit::Storage),
        n => Err(Failure::Damaged { path: path.to_owned(), n }),
    }
}
