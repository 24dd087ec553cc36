//! Removing documents from a store, and clearing away a store that is of no use any more.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use sleuth_records::DocumentId;

use crate::layout::{StoreFile, clear};
use crate::sync::{Known, Shared, lock, open_index, remove_leftovers};
use crate::verify::verify;
use crate::{IndexError, SyncOptions};

/// What [`remove_documents`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoveReport {
    /// Documents that were removed.
    pub n_removed: u64,
    /// Ids that no document had, in the order in which they were given.
    pub unknown: Vec<DocumentId>,
    /// Documents in the store now.
    pub n_documents: u64,
    /// Snapshot id now.
    pub snapshot: String,
}

/// Removes the documents `ids` from the store at `path`, in one commit. Ids that no document has are
/// reported; when all are, nothing is written.
///
/// The store remembers at the files of the documents that these were removed: the next
/// [`sync`](crate::sync()) from the same source does not bring them back, unless their file has
/// changed or everything is read again ([`SyncOptions::again`]).
///
/// # Errors
/// When there is no store, another process is writing it, or it cannot be read or written. Then the
/// store is as it was.
pub fn remove_documents(path: &Path, ids: &[DocumentId]) -> Result<RemoveReport, IndexError> {
    // Without the lock first: taking it makes a file, which must not be made where no store is.
    StoreFile::read(path)?;
    let _lock = lock(path)?;
    let index = open_index(path)?;
    let known = Known::read(path, &index)?;
    let held: HashSet<&str> = known
        .manifest
        .values()
        .flat_map(|entry| entry.documents.iter().map(|(id, _, _)| id.as_str()))
        .collect();
    let asked: BTreeSet<&str> = ids.iter().map(DocumentId::as_str).collect();
    let (there, absent): (BTreeSet<&str>, BTreeSet<&str>) =
        asked.into_iter().partition(|id| held.contains(id));
    let mut named = HashSet::new();
    let mut report = RemoveReport {
        n_removed: there.len() as u64,
        unknown: ids
            .iter()
            .filter(|id| absent.contains(id.as_str()) && named.insert(*id))
            .cloned()
            .collect(),
        n_documents: known.payload.n_documents,
        snapshot: known.payload.snapshot.clone(),
    };
    if there.is_empty() {
        return Ok(report);
    }
    remove_leftovers(path, &known.payload);
    let options = SyncOptions { threads: 1, ..SyncOptions::default() };
    let shared = Shared::open(path, &index, known, 0, &[], &options)?;
    shared.remove_documents(&there);
    let now = shared.finish()?;
    report.n_documents = now.payload.n_documents;
    report.snapshot = now.payload.snapshot;
    Ok(report)
}

/// Removes everything in the folder of the store at `path` if the store is damaged or of another
/// version, so that the next [`sync`](crate::sync()) makes it anew. Says whether it did: a store that
/// is sound, or that another process has made anew meanwhile, stays as it is.
///
/// It is for stores in a folder of the program's own, whose documents can be read again. What stays
/// is the lock file, since another process may be waiting for it.
///
/// # Errors
/// [`IndexError::Busy`] when another process is writing to the store; otherwise when the folder is
/// no store's, or cannot be read or written.
pub fn remove_damaged(path: &Path) -> Result<bool, IndexError> {
    // Without the lock first: taking it makes a file, which must not be made where no store is.
    if !is_damaged(path)? {
        return Ok(false);
    }
    let _lock = lock(path)?;
    if !is_damaged(path)? {
        return Ok(false);
    }
    clear(path).map_err(|error| IndexError::io(path, error))?;
    Ok(true)
}

fn is_damaged(path: &Path) -> Result<bool, IndexError> {
    match verify(path) {
        Ok(problems) => Ok(!problems.is_empty()),
        Err(IndexError::Version { .. } | IndexError::Damaged { .. }) => Ok(true),
        Err(IndexError::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
