//! Whether tasks fit a store.

use sleuth_index::{MemorySource, Retriever as _, Store, SyncOptions, sync};
use sleuth_records::{Document, DocumentId};
use sleuth_tasks::{Evidenced, Task, TaskFault, Verifier, check_tasks};

use crate::sample::task;

fn store(dir: &std::path::Path, text: &str) -> Store {
    let source = MemorySource::new([Document::new(DocumentId::new("d1"), "Town", text)]);
    sync(dir, &source, &SyncOptions::default(), &|_| (), &|| false).unwrap();
    Store::open(dir).unwrap()
}

fn with(document: &str, range: Option<std::ops::Range<usize>>, quote: &str) -> Task {
    let evidence =
        Evidenced { document: DocumentId::new(document), range, quote: quote.to_owned() };
    Task { evidence: vec![evidence], ..task(Verifier::Exact, &["London"]) }
}

#[test]
fn evidence_is_there_moved_gone_or_missing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), "In the east\nit stands. London is a town.");
    let fault = |task: &Task| {
        let report = check_tasks([task], &store).unwrap();
        assert_eq!((report.tasks, report.evidence), (1, 1));
        report.faults.into_iter().next()
    };
    assert_eq!(fault(&with("d1", None, "")), None);
    assert_eq!(fault(&with("d1", None, "London is a town.")), None);
    assert_eq!(fault(&with("d1", Some(23..40), "London is a town.")), None);
    // White space is no difference, and no quote claims nothing.
    assert_eq!(fault(&with("d1", Some(7..21), "east it stands")), None);
    assert_eq!(fault(&with("d1", Some(0..6), "")), None);
    let is_moved = |found: Option<TaskFault>| matches!(found, Some(TaskFault::Moved { .. }));
    assert!(is_moved(fault(&with("d1", Some(0..17), "London is a town."))));
    assert!(is_moved(fault(&with("d1", Some(900..917), "London is a town."))));
    let is_gone = |found: Option<TaskFault>| matches!(found, Some(TaskFault::Gone { .. }));
    assert!(is_gone(fault(&with("d1", Some(23..40), "London is a city."))));
    assert!(is_gone(fault(&with("d1", None, "London is a city."))));
    assert!(is_gone(fault(&with("d1", Some(900..917), ""))));
    let missing = fault(&with("d2", None, "")).unwrap();
    assert!(matches!(&missing, TaskFault::Missing { document, .. } if document.as_str() == "d2"));
    assert!(missing.is_fatal());
}

#[test]
fn snapshots_and_what_cannot_be_checked_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), "London is a town.");
    let here = Task { store: Some(store.snapshot().to_owned()), ..with("d1", None, "") };
    let elsewhere = Task { store: Some("0".repeat(32)), ..here.clone() };
    let bare = Task { evidence: Vec::new(), ..task(Verifier::Exact, &["London"]) };
    let nothing = Task { evidence: Vec::new(), ..task(Verifier::NotFound, &[]) };
    let report = check_tasks([&here, &elsewhere, &bare, &nothing], &store).unwrap();
    assert_eq!((report.tasks, report.drifted, report.without_store), (4, 1, 2));
    assert_eq!((report.without_evidence, report.faults.len()), (1, 0));
}
