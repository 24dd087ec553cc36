//! Locks, and opening a store to write to it.

use std::path::Path;

use tantivy::directory::error::LockError;
use tantivy::directory::{Directory as _, DirectoryLock, Lock, MmapDirectory};

use crate::IndexError;
use crate::layout::{
    Manifest, Payload, StoreFile, WRITER_LOCK, documents_dir, lexical_dir, read_manifest,
    read_meta, remove_manifests, schema,
};

/// Times that a lock is asked for before it counts as held by another process, and the pause in between.
const MOST_TRIES: u32 = 10;

const BETWEEN_TRIES: std::time::Duration = std::time::Duration::from_millis(10);

/// What the store held at its newest commit.
pub(crate) struct Known {
    pub(crate) payload: Payload,
    pub(crate) manifest: Manifest,
}

impl Known {
    pub(crate) fn read(path: &Path, index: &tantivy::Index) -> Result<Self, IndexError> {
        loop {
            let payload = Payload::read(path, index)?;
            match read_manifest(path, &payload) {
                Ok(manifest) => return Ok(Self { payload, manifest }),
                // A writer may have made its next commits meanwhile.
                Err(error) if Payload::read(path, index)? == payload => return Err(error),
                Err(_) => {}
            }
        }
    }
}

pub(crate) fn open_index(path: &Path) -> Result<tantivy::Index, IndexError> {
    read_meta(path)?;
    tantivy::Index::open_in_dir(lexical_dir(path)).map_err(|error| IndexError::engine(path, error))
}

/// Takes the right to write to the store at `path`; makes the folder where none is.
pub(crate) fn lock(path: &Path) -> Result<DirectoryLock, IndexError> {
    lock_as(path, WRITER_LOCK)
}

/// The same for a part of the store that has a lock file of its own.
pub(crate) fn lock_as(path: &Path, file: &str) -> Result<DirectoryLock, IndexError> {
    fs_err::create_dir_all(path).map_err(|error| IndexError::io(path, error))?;
    let lock = Lock { filepath: file.into(), is_blocking: false };
    let folder =
        MmapDirectory::open(path).map_err(|error| IndexError::engine(path, error.into()))?;
    let is_busy = |error: &LockError| matches!(error, LockError::LockBusy);
    let outcome = when_free(is_busy, || folder.acquire_lock(&lock));
    outcome.map_err(|error| match error {
        LockError::LockBusy => IndexError::Busy { path: path.to_owned() },
        LockError::IoError(error) => {
            IndexError::io(path, std::io::Error::new(error.kind(), error.to_string()))
        }
    })
}

/// Takes a lock, some more times where it is held: a process that is just starting a child shares its locks
/// with the child for a moment.
pub(super) fn when_free<T, E>(
    is_busy: impl Fn(&E) -> bool,
    take: impl Fn() -> Result<T, E>,
) -> Result<T, E> {
    let mut tries = 0;
    loop {
        match take() {
            Err(error) if is_busy(&error) && tries < MOST_TRIES => {
                tries += 1;
                std::thread::sleep(BETWEEN_TRIES);
            }
            outcome => return outcome,
        }
    }
}

/// What is no store to a reader is no place for a store to a writer.
pub(super) fn occupied(error: IndexError) -> IndexError {
    if let IndexError::NotAStore { path, found } = error {
        IndexError::Occupied { path, found }
    } else {
        error
    }
}

/// Opens the index below `path`, or makes it.
pub(super) fn open_or_create(path: &Path, name: &str) -> Result<tantivy::Index, IndexError> {
    match StoreFile::read(path) {
        Ok(_) => return open_index(path),
        Err(IndexError::Missing { .. }) => {}
        Err(error) => return Err(occupied(error)),
    }
    let io = |error| IndexError::io(path, error);
    StoreFile::new(name).begin(path)?;
    fs_err::create_dir_all(documents_dir(path)).map_err(io)?;
    let lexical = lexical_dir(path);
    fs_err::create_dir_all(&lexical).map_err(io)?;
    let directory =
        MmapDirectory::open(&lexical).map_err(|error| IndexError::engine(path, error.into()))?;
    let index = tantivy::Index::open_or_create(directory, schema().0)
        .map_err(|error| IndexError::engine(path, error))?;
    StoreFile::finish(path)?;
    Ok(index)
}

/// Removes what a killed writer left: manifests that no commit names, and files of the index
/// library that had not got their names yet. Failure to do so harms nothing.
pub(crate) fn remove_leftovers(path: &Path, current: &Payload) {
    remove_manifests(path, &[&current.manifest]);
    let Ok(entries) = fs_err::read_dir(lexical_dir(path)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(".tmp")) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
}
