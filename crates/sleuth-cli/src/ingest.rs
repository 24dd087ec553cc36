//! From files to a store: the corpus as a source of documents.

use std::ops::ControlFlow;
use std::path::Path;

use sleuth_corpus::{Corpus, CorpusError, Limits};
use sleuth_index::{DocumentSource, SourceError};
use sleuth_records::{Document, Skipped, SourceFile};

/// A folder or file of documents, as [`sleuth_index::sync`] reads it.
pub struct CorpusSource(Corpus);

impl CorpusSource {
    /// Opens `root` with the default limits.
    ///
    /// # Errors
    /// When nothing readable is there.
    pub fn open(root: &Path) -> Result<Self, CorpusError> {
        Corpus::open(root, Limits::default()).map(Self)
    }
}

impl DocumentSource for CorpusSource {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        let listing = self.0.list()?;
        Ok((listing.files, listing.skipped))
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        self.0.read(file, each).skipped
    }
}
