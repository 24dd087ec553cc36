//! A store of the invented library, and tasks over it.

use std::sync::Arc;

use sleuth_index::{MemorySource, Retriever, Store, SyncOptions, sync};
use sleuth_records::{Document, DocumentId, Question};
use sleuth_tasks::{Evidenced, Kind, Provenance, Split, TASK_SCHEMA, Task, TaskId, Verifier};
use sleuth_testkit::library;

/// A store and the folder that it lives in.
pub(crate) struct Library {
    _folder: tempfile::TempDir,
    pub(crate) store: Arc<dyn Retriever>,
}

impl Library {
    pub(crate) fn new() -> Self {
        Self::of(library())
    }

    pub(crate) fn of(documents: Vec<Document>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let source = MemorySource::new(documents);
        sync(&path, &source, &SyncOptions::default(), &|_| (), &|| false).unwrap();
        let store = Arc::new(Store::open(&path).unwrap());
        Self { _folder: folder, store }
    }

    /// A task with its evidence at the words `quote` of a document.
    pub(crate) fn task(&self, id: &str, question: &str, gold: &str, quote: (&str, &str)) -> Task {
        let (document, quote) = quote;
        let document = DocumentId::new(document);
        let text = self.store.document(&document).unwrap().unwrap().text.clone();
        let start = text.find(quote).unwrap();
        Task {
            schema: TASK_SCHEMA,
            id: TaskId(id.to_owned()),
            question: Question::new(question).unwrap(),
            gold_answers: vec![gold.to_owned()],
            evidence: vec![Evidenced {
                document,
                range: Some(start..start + quote.len()),
                quote: quote.to_owned(),
            }],
            kind: Kind::OneHop,
            hops: 1,
            difficulty: None,
            store: Some(self.store.snapshot().to_owned()),
            split: Split::Train,
            verifier: Verifier::Exact,
            steps: Vec::new(),
            provenance: Provenance::default(),
        }
    }

    /// Three questions of one hop.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        vec![
            self.task(
                "born",
                "Where was Mirela Tonkova born?",
                "Varnograd",
                ("tonkova", "She was born in Varnograd"),
            ),
            self.task(
                "river",
                "On which river does Varnograd lie?",
                "Selm",
                ("varnograd", "It lies on the river Selm."),
            ),
            self.task(
                "top",
                "What is the highest point of the Okrin Hills?",
                "Grey Top",
                ("okrin", "Their highest point is Grey Top"),
            ),
        ]
    }
}
