//! Sources, random numbers and short calls that the tests share.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use sleuth_index::{
    DocumentSource, IndexError, Problem, Query, Retriever as _, SourceError, Store, SyncOptions,
    SyncReport, verify,
};
use sleuth_records::{Digest, Document, DocumentId, Skipped, SourceFile, SourceStamp};

/// Files of several documents each, whose stamps are taken from their content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<Document>>);

impl DocumentSource for Files {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        let files = self.0.iter().map(|(path, documents)| {
            let mut digest = Digest::new();
            for document in documents {
                digest.field(document.id.as_str().as_bytes());
                digest.field(document.content_hash().as_bytes());
            }
            let hash = i128::from_str_radix(&digest.hex()[..30], 16).unwrap();
            let stamp =
                SourceStamp { size: documents.len() as u64, modified_ns: hash, changed_ns: None };
            SourceFile { path: path.clone(), stamp }
        });
        Ok((files.collect(), Vec::new()))
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        for document in self.0.get(&file.path).into_iter().flatten() {
            if each(document.clone()).is_break() {
                break;
            }
        }
        Vec::new()
    }
}

pub(crate) fn document(id: &str, title: &str, text: &str) -> Document {
    Document::new(DocumentId::new(id), title, text)
}

/// Syncs with default options.
pub(crate) fn build(path: &Path, source: &dyn DocumentSource) -> Result<SyncReport, IndexError> {
    sleuth_index::sync(path, source, &SyncOptions::default(), &|_| (), &|| false)
}

/// Ids of the documents that match `query`, best first.
pub(crate) fn found(store: &Store, query: &str) -> Vec<String> {
    let ranking = store.search(&Query::new(query, 10)).unwrap();
    ranking.hits.iter().map(|hit| hit.passage.document.as_str().to_owned()).collect()
}

#[track_caller]
pub(crate) fn assert_sound(path: &Path) {
    let problems: Vec<Problem> = verify(path).unwrap();
    assert!(problems.is_empty(), "{problems:#?}");
}
