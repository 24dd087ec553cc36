//! Proving that a store is sound.

use std::collections::BTreeMap;
use std::path::Path;

use sleuth_records::DocumentId;

use crate::directory::ReadDirectory;
use crate::layout::{Payload, StoreFile, lexical_dir, read_manifest, read_meta, snapshot_id};
use crate::splitter::passages_of;
use crate::vectors::check_parts;
use crate::{IndexError, Retriever as _, Store};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which part: a file or a document.
    pub place: String,
    /// What was expected and what was found.
    pub detail: String,
}

/// Checks the whole store at `path`: checksums of the index files, the manifest against the
/// snapshot id, every document against the manifest, and every passage against its document.
///
/// # Errors
/// When the store cannot be opened at all; damage that leaves it open comes back as problems.
pub fn verify(path: &Path) -> Result<Vec<Problem>, IndexError> {
    let mut problems = Vec::new();
    let mut report = |place: String, detail: String| problems.push(Problem { place, detail });

    // First of all, for what is damaged may mislead all that reads it.
    let damaged = damaged_files(path)?;
    if !damaged.is_empty() {
        for file in damaged {
            report(format!("lexical/{file}"), "its checksum does not match its content".to_owned());
        }
        return Ok(problems);
    }
    for (place, detail) in check_parts(path)? {
        report(place, detail);
    }
    let store = Store::open(path)?;
    if let Err(error) = store.graph() {
        report("graph".to_owned(), error.to_string());
    }
    let payload = store.payload();
    let manifest = match read_manifest(path, payload) {
        Ok(manifest) => manifest,
        // Writers remove the manifests of former commits.
        Err(_) if Payload::read(path, store.index())? != *payload => return verify(path),
        Err(error) => {
            report(format!("documents/{}", payload.manifest), error.to_string());
            return Ok(problems);
        }
    };
    let snapshot = snapshot_id(&manifest);
    if !payload.manifest.is_empty() && snapshot != payload.snapshot {
        report(
            payload.manifest.clone(),
            format!("expected snapshot `{}`, found `{snapshot}`", payload.snapshot),
        );
    }
    let entries = || manifest.values().flat_map(|entry| &entry.documents);
    let counted = (
        manifest.len() as u64,
        entries().count() as u64,
        entries().map(|(_, _, n_passages)| u64::from(*n_passages)).sum::<u64>(),
    );
    let stated = (payload.n_files, payload.n_documents, payload.n_passages);
    if counted != stated {
        report(
            payload.manifest.clone(),
            format!("expected (files, documents, passages) {stated:?}, found {counted:?}"),
        );
    }
    if !problems.is_empty() {
        // What follows reads everything, and what is damaged can mislead it.
        return Ok(problems);
    }
    let mut report = |place: String, detail: String| problems.push(Problem { place, detail });
    let mut times: BTreeMap<DocumentId, usize> = BTreeMap::new();
    for id in store.all_documents()? {
        *times.entry(id).or_default() += 1;
    }
    for (id, _, _) in entries() {
        match times.remove(&DocumentId::new(id.as_str())) {
            None => report(format!("document `{id}`"), "it is in the manifest only".to_owned()),
            Some(1) => {}
            Some(n) => report(format!("document `{id}`"), format!("expected it once, found {n}")),
        }
    }
    for id in times.into_keys() {
        report(format!("document `{id}`"), "it is in no manifest".to_owned());
    }

    let mut passages: BTreeMap<DocumentId, Vec<_>> = BTreeMap::new();
    for passage in store.all_passages()? {
        passages.entry(passage.document.clone()).or_default().push(passage);
    }
    for (id, hash, _) in entries() {
        let id = DocumentId::new(id.as_str());
        let mut found = passages.remove(&id).unwrap_or_default();
        found.sort_by_key(|passage| passage.id);
        let document = match store.document(&id) {
            Ok(Some(document)) => document,
            // Said above.
            Ok(None) => continue,
            Err(error) => {
                report(format!("document `{id}`"), error.to_string());
                continue;
            }
        };
        if !document.content_hash().starts_with(hash.as_str()) {
            report(format!("document `{id}`"), format!("expected content hash `{hash}`"));
        }
        let expected = passages_of(&document);
        let ranges: Vec<_> = found.iter().map(|passage| passage.range.clone()).collect();
        if ranges.len() == expected.len() && ranges != expected {
            report(
                format!("document `{id}`"),
                "its passages are not the ones that its text is cut into".to_owned(),
            );
        } else if ranges != expected {
            report(
                format!("document `{id}`"),
                format!("number of passages: expected {}, found {}", expected.len(), ranges.len()),
            );
        }
    }
    for id in passages.into_keys() {
        report(format!("document `{id}`"), "its passages are in no manifest".to_owned());
    }
    Ok(problems)
}

/// Files of the newest commit of the index whose checksum does not match.
fn damaged_files(path: &Path) -> Result<Vec<String>, IndexError> {
    StoreFile::read(path)?;
    let engine = |error| IndexError::engine(path, error);
    loop {
        let before = read_meta(path)?;
        let folder =
            ReadDirectory::open(&lexical_dir(path)).map_err(|error| engine(error.into()))?;
        let index = tantivy::Index::open(folder).map_err(engine)?;
        let outcome = index.validate_checksum();
        // A commit or a merge in between takes files away.
        if read_meta(path)? == before {
            let files = outcome.map_err(engine)?;
            return Ok(files.iter().map(|file| file.display().to_string()).collect());
        }
    }
}
