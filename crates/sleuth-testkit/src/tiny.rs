//! Stores of a few documents.

use sleuth_index::{MemorySource, Store, SyncOptions, sync};
use sleuth_records::Document;
use tempfile::TempDir;

/// A store in a temporary folder.
pub struct TinyStore {
    store: Store,
    // Dropped after the store, which holds files in it open.
    _folder: TempDir,
}

impl TinyStore {
    /// A store of `documents`.
    pub fn of(documents: impl IntoIterator<Item = Document>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let source = MemorySource::new(documents);
        // One reader: what the tests want of a tiny store is the same store each time.
        let options = SyncOptions { name: "tiny".to_owned(), threads: 1, ..SyncOptions::default() };
        sync(&path, &source, &options, &|_| (), &|| false).unwrap();
        Self { store: Store::open(&path).unwrap(), _folder: folder }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
