//! What `sync` reads, removes, reports and leaves for another time.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sleuth_index::{
    DocumentSource, IndexError, MemorySource, Progress, Retriever as _, SourceError, Store,
    SyncOptions, sync,
};
use sleuth_records::{Document, DocumentId, Skipped, SourceFile};

use crate::support::{Files, assert_sound, build, document, found};

fn files(contents: &[(&str, &[(&str, &str)])]) -> Files {
    let documents = |list: &[(&str, &str)]| {
        list.iter().map(|(id, text)| document(id, "", text)).collect::<Vec<_>>()
    };
    Files(contents.iter().map(|(path, list)| ((*path).to_owned(), documents(list))).collect())
}

#[test]
fn only_what_changed_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = files(&[("a", &[("1", "apple")]), ("b", &[("2", "pear")]), ("c", &[("3", "fig")])]);
    let report = build(dir.path(), &first).unwrap();
    assert_eq!((report.files_read, report.files_unchanged, report.documents_added), (3, 0, 3));
    let again = build(dir.path(), &first).unwrap();
    assert_eq!((again.files_read, again.files_unchanged, again.files_removed), (0, 3, 0));
    assert_eq!((again.snapshot, again.n_documents), (report.snapshot, 3));

    let second = files(&[("a", &[("1", "apple")]), ("b", &[("2", "plum")])]);
    let report = build(dir.path(), &second).unwrap();
    assert_eq!((report.files_read, report.files_unchanged, report.files_removed), (1, 1, 1));
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(found(&store, "pear fig"), [""; 0]);
    assert_eq!(found(&store, "plum"), ["2"]);

    let options = SyncOptions { remove_missing: false, ..SyncOptions::default() };
    let third = files(&[("d", &[("4", "cherry")])]);
    let report = sync(dir.path(), &third, &options, &|_| (), &|| false).unwrap();
    assert_eq!((report.files_removed, report.n_documents), (0, 3));
    assert_eq!(Store::open(dir.path()).unwrap().info().unwrap().n_files, 3);
    assert_sound(dir.path());
}

#[test]
fn an_id_belongs_to_the_first_file_that_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let both = files(&[
        ("b", &[("1", "from b, which is longer than the other")]),
        ("c", &[("1", "from c"), ("2", "two"), ("2", "two again")]),
    ]);
    let report = build(dir.path(), &both).unwrap();
    assert_eq!(report.n_documents, 2);
    let skipped: Vec<String> = report
        .skipped
        .iter()
        .map(|skip| format!("{} {} {}", skip.path, skip.kind, skip.reason))
        .collect();
    assert_eq!(
        skipped,
        [
            "c duplicate expected an id of its own, found `1`, which `b` has",
            "c duplicate expected an id of its own, found `2`, which `c` has",
        ]
    );
    let text = || {
        let store = Store::open(dir.path()).unwrap();
        assert_sound(dir.path());
        store.document(&DocumentId::new("1")).unwrap().unwrap().text.clone()
    };
    assert!(text().starts_with("from b"));
    // A file that sorts before takes it over, and gives it back when it goes.
    let mut three = both.clone();
    three.0.insert("a".to_owned(), vec![document("1", "", "from a")]);
    build(dir.path(), &three).unwrap();
    assert_eq!(text(), "from a");
    let report = build(dir.path(), &both).unwrap();
    assert!(text().starts_with("from b"));
    three.0.remove("a");
    three.0.remove("b");
    build(dir.path(), &three).unwrap();
    assert_eq!(text(), "from c");
    let fresh = tempfile::tempdir().unwrap();
    assert_eq!(build(fresh.path(), &both).unwrap().snapshot, report.snapshot);
}

#[test]
fn a_file_that_changed_while_it_was_read_is_read_again() {
    struct Changing(AtomicUsize);
    impl DocumentSource for Changing {
        fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
            files(&[("a", &[("1", "apple")])]).list()
        }
        fn read(
            &self,
            _: &SourceFile,
            each: &mut dyn FnMut(Document) -> ControlFlow<()>,
        ) -> Vec<Skipped> {
            let _ = each(document("1", "", "apple"));
            let (kind, reason) = ("changed".to_owned(), "it changed".to_owned());
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => vec![Skipped { path: "a".to_owned(), kind, reason }],
                _ => Vec::new(),
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let source = Changing(AtomicUsize::new(0));
    let read: Vec<usize> = (0..3).map(|_| build(dir.path(), &source).unwrap().files_read).collect();
    assert_eq!(read, [1, 1, 0]);
}

#[test]
fn a_cancelled_sync_keeps_what_it_read_and_says_so() {
    let documents = (0..20).map(|at| document(&format!("{at:02}"), "", &format!("text {at}")));
    let source = MemorySource::new(documents);
    let dir = tempfile::tempdir().unwrap();
    let options = SyncOptions { threads: 1, ..SyncOptions::default() };
    let n_asked = AtomicUsize::new(0);
    // It says yes once only; that has to be enough.
    let cancel = || n_asked.fetch_add(1, Ordering::Relaxed) == 7;
    let outcome = sync(dir.path(), &source, &options, &|_| (), &cancel);
    assert!(matches!(outcome, Err(IndexError::Cancelled)), "{outcome:?}");
    assert_eq!(Store::open(dir.path()).unwrap().n_documents(), 7);
    assert_sound(dir.path());
    let report = sync(dir.path(), &source, &options, &|_| (), &|| false).unwrap();
    assert_eq!((report.files_read, report.files_unchanged), (13, 7));
    // When nothing is left to do, there is nothing to cancel.
    let report = sync(dir.path(), &source, &options, &|_| (), &|| true).unwrap();
    assert_eq!(report.n_documents, 20);
}

#[test]
fn a_long_new_file_is_left_in_the_middle_and_a_known_one_is_not() {
    let long = |word: &str| {
        let documents =
            (0..2000).map(|at| document(&format!("d{at}"), "", &format!("{word} {at}")));
        let short = vec![document("s", "", "short")];
        Files([("long".to_owned(), documents.collect()), ("a".to_owned(), short)].into())
    };
    let dir = tempfile::tempdir().unwrap();
    let options = SyncOptions { threads: 1, ..SyncOptions::default() };
    let seen = Mutex::new(Vec::new());
    let progress = |at: Progress| {
        if !at.committing {
            seen.lock().unwrap().push(at.documents);
        }
    };
    let cancel = || seen.lock().unwrap().last().is_some_and(|n| *n >= 600);
    let outcome = sync(dir.path(), &long("one"), &options, &progress, &cancel);
    assert!(matches!(outcome, Err(IndexError::Cancelled)), "{outcome:?}");
    assert_eq!(Store::open(dir.path()).unwrap().n_documents(), 1, "the short one");
    assert!(seen.lock().unwrap().is_sorted());
    assert_sound(dir.path());

    build(dir.path(), &long("one")).unwrap();
    seen.lock().unwrap().clear();
    let report = sync(dir.path(), &long("two"), &options, &progress, &cancel).unwrap();
    assert_eq!(report.n_documents, 2001);
    assert_eq!(found(&Store::open(dir.path()).unwrap(), "one"), [""; 0]);
    assert_sound(dir.path());
}

#[test]
fn a_store_does_not_grow_with_updates() {
    let dir = tempfile::tempdir().unwrap();
    let source = |round: usize| {
        MemorySource::new((0..100).map(|at| {
            document(&format!("{at}"), "Title", &format!("round{round} {}", "word ".repeat(200)))
        }))
    };
    build(dir.path(), &source(0)).unwrap();
    let bytes = || Store::open(dir.path()).unwrap().info().unwrap().bytes;
    let first = bytes();
    for round in 1..20 {
        build(dir.path(), &source(round)).unwrap();
    }
    assert!(bytes() < first * 3, "expected about {first} bytes, found {}", bytes());
    assert_sound(dir.path());
}
