//! One writer, any number of readers, and nobody waits.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use sleuth_index::{
    DocumentSource, IndexError, MemorySource, Retriever as _, SourceError, Store, SyncOptions,
    remove_damaged, sync, verify,
};
use sleuth_records::{Document, DocumentId, Skipped, SourceFile};

use crate::support::{assert_sound, build, document, found};

/// A source that waits twice while its second file is read.
struct Waiting<'a> {
    inner: MemorySource,
    barrier: &'a Barrier,
}

impl DocumentSource for Waiting<'_> {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        self.inner.list()
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        if file.path == "b" {
            self.barrier.wait();
            self.barrier.wait();
        }
        self.inner.read(file, each)
    }
}

fn three(word: &str) -> MemorySource {
    MemorySource::new(["a", "b", "c"].map(|id| document(id, id, &format!("{word} {id}"))))
}

#[test]
fn a_reader_is_not_held_up_by_a_writer_and_stays_on_its_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = dir.path();
    let old = build(path, &three("old")).unwrap();
    let before = Store::open(path).unwrap();
    let barrier = Barrier::new(2);
    let writing = Waiting { inner: three("new"), barrier: &barrier };
    // A commit after each file.
    let options = SyncOptions { commit_bytes: 1, threads: 1, ..SyncOptions::default() };
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| sync(path, &writing, &options, &|_| (), &|| false));
        barrier.wait();
        // The writer is at work and waits for us: `a` is committed, `b` and `c` are not.
        let during = Store::open(path).unwrap();
        assert_eq!(found(&during, "new"), ["a"]);
        assert_eq!(found(&during, "old"), ["b", "c"]);
        assert_sound(path);
        assert_eq!(before.snapshot(), old.snapshot);
        assert_eq!(found(&before, "old"), ["a", "b", "c"]);
        assert_eq!(before.info().unwrap().n_files, 3);

        let outcome = build(path, &three("other"));
        assert!(matches!(outcome, Err(IndexError::Busy { .. })), "{outcome:?}");
        barrier.wait();
        writer.join().unwrap().unwrap();
        // Opened in the middle, it still shows the middle; opened before, it shows what was.
        assert_eq!(found(&during, "new"), ["a"]);
        let read = during.document(&DocumentId::new("c")).unwrap().unwrap();
        assert_eq!(read.text, "old c");
        assert_eq!(found(&before, "old"), ["a", "b", "c"]);
    });
    assert_eq!(found(&Store::open(path).unwrap(), "new"), ["a", "b", "c"]);
}

#[test]
fn a_store_that_agrees_is_not_locked() {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = dir.path();
    build(path, &three("old")).unwrap();
    let barrier = Barrier::new(2);
    let writing = Waiting { inner: three("new"), barrier: &barrier };
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| build(path, &writing));
        barrier.wait();
        assert_eq!(build(path, &three("old")).unwrap().files_unchanged, 3);
        barrier.wait();
        writer.join().unwrap().unwrap();
    });
}

#[test]
fn a_store_that_is_being_written_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = dir.path();
    build(path, &three("old")).unwrap();
    let barrier = Barrier::new(2);
    let writing = Waiting { inner: three("new"), barrier: &barrier };
    let file = path.join("store.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| build(path, &writing));
        barrier.wait();
        fs_err::write(&file, text.replace("schema = 1", "schema = 99")).unwrap();
        let outcome = remove_damaged(path);
        fs_err::write(&file, &text).unwrap();
        barrier.wait();
        assert!(matches!(outcome, Err(IndexError::Busy { .. })), "{outcome:?}");
        writer.join().unwrap().unwrap();
    });
    assert_eq!(found(&Store::open(path).unwrap(), "new"), ["a", "b", "c"]);
    assert_sound(path);
}

#[test]
fn of_two_that_make_a_store_one_is_busy_or_late() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let path = &dir.path().join("store");
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| build(path, &three("same")));
            let two = scope.spawn(|| build(path, &three("same")));
            (one.join().unwrap(), two.join().unwrap())
        });
        let n_whole = [&one, &two].iter().filter(|outcome| outcome.is_ok()).count();
        assert!(n_whole > 0, "{one:?} {two:?}");
        for outcome in [one, two] {
            assert!(matches!(outcome, Ok(_) | Err(IndexError::Busy { .. })), "{outcome:?}");
        }
        assert_sound(path);
    }
}

#[test]
fn stores_opened_and_verified_while_commits_rush_by_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = dir.path();
    build(path, &MemorySource::new([document("000", "", "text")])).unwrap();
    let source = MemorySource::new(
        (0..60).map(|at| document(&format!("{at:03}"), &format!("T{at}"), &format!("text {at}"))),
    );
    let options = SyncOptions { commit_bytes: 1, ..SyncOptions::default() };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let outcome = sync(path, &source, &options, &|_| (), &|| false);
            done.store(true, Ordering::Relaxed);
            outcome
        });
        let mut last = 0;
        while !done.load(Ordering::Relaxed) {
            let store = Store::open(path).unwrap();
            assert!(store.n_documents() >= last);
            last = store.n_documents();
            let query = sleuth_index::Query::new("text", 1000);
            assert_eq!(store.search(&query).unwrap().hits.len() as u64, last);
            assert_eq!(verify(path).unwrap(), []);
        }
        writer.join().unwrap().unwrap();
    });
}
