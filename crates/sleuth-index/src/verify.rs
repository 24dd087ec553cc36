//! Proving that a store is sound.

use std::collections::BTreeMap;
use std::path::Path;

use sleuth_records::DocumentId;

use crate::layout::{Manifest, read_manifest, snapshot_id};
use crate::splitter::split;
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
    let store = Store::open(path)?;
    let mut problems = Vec::new();
    let mut report = |place: String, detail: String| problems.push(Problem { place, detail });

    let damaged =
        store.index().validate_checksum().map_err(|error| IndexError::engine(path, error))?;
    for file in damaged {
        report(file.display().to_string(), "its checksum does not match its content".to_owned());
    }
    let payload = store.payload();
    let manifest = match payload.manifest.as_str() {
        "" => Manifest::new(),
        name => read_manifest(path, name)?,
    };
    let snapshot = snapshot_id(&manifest);
    if !payload.manifest.is_empty() && snapshot != payload.snapshot {
        report(
            payload.manifest.clone(),
            format!("expected snapshot `{}`, found `{snapshot}`", payload.snapshot),
        );
    }

    let mut passages: BTreeMap<DocumentId, Vec<_>> = BTreeMap::new();
    for passage in store.all_passages()? {
        passages.entry(passage.document.clone()).or_default().push(passage);
    }
    for (id, hash, n_passages) in manifest.values().flat_map(|entry| &entry.documents) {
        let id = DocumentId::new(id.as_str());
        let mut found = passages.remove(&id).unwrap_or_default();
        found.sort_by_key(|passage| passage.id);
        let document = match store.document(&id) {
            Ok(Some(document)) => document,
            Ok(None) => {
                report(format!("document `{id}`"), "it is in the manifest only".to_owned());
                continue;
            }
            Err(error) => {
                report(format!("document `{id}`"), error.to_string());
                continue;
            }
        };
        if !document.content_hash().starts_with(hash.as_str()) {
            report(format!("document `{id}`"), format!("expected content hash `{hash}`"));
        }
        let mut expected = split(&document.text);
        if expected.is_empty() && *n_passages == 1 {
            expected.push(0..0);
        }
        let ranges: Vec<_> = found.iter().map(|passage| passage.range.clone()).collect();
        if ranges != expected {
            report(
                format!("document `{id}`"),
                format!("expected {} passages, found {}", expected.len(), ranges.len()),
            );
        }
    }
    for id in passages.into_keys() {
        report(format!("document `{id}`"), "its passages are in no manifest".to_owned());
    }
    Ok(problems)
}
