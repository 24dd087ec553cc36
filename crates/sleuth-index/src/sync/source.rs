//! Where documents come from.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sleuth_records::{Document, Skipped, SourceFile, SourceStamp};

/// A failure of a source, in words for a person.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where documents come from.
pub trait DocumentSource: Sync {
    /// The files to read and what was passed over, without reading any.
    ///
    /// # Errors
    /// When the source as a whole cannot be listed.
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError>;

    /// Reads one file, hands every document to `each` until that breaks, and returns what was
    /// passed over.
    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped>;
}

/// Documents held in memory, each as a file of its own: for tests and for records that do not come
/// from files.
pub struct MemorySource {
    documents: BTreeMap<String, Document>,
}

impl MemorySource {
    /// A source of `documents`; of several with one id the last stays.
    pub fn new(documents: impl IntoIterator<Item = Document>) -> Self {
        let documents = documents.into_iter().map(|d| (d.id.as_str().to_owned(), d)).collect();
        Self { documents }
    }
}

impl DocumentSource for MemorySource {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        let files = self
            .documents
            .iter()
            .map(|(path, document)| SourceFile {
                path: path.clone(),
                // There is no clock to go by: the stamp is taken from the content.
                stamp: SourceStamp {
                    size: document.text.len() as u64,
                    modified_ns: i128::from_str_radix(&document.content_hash()[..30], 16)
                        .unwrap_or(0),
                    changed_ns: None,
                },
            })
            .collect();
        Ok((files, Vec::new()))
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        if let Some(document) = self.documents.get(&file.path) {
            let _ = each(document.clone());
        }
        Vec::new()
    }
}
