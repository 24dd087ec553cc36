//! Documents that are added to a store, and removed from it, by id.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Barrier;

use sleuth_index::{
    DocumentSource, IndexError, MemorySource, Retriever as _, SourceError, Store, SyncOptions,
    SyncReport, remove_documents, sync,
};
use sleuth_records::{Document, DocumentId, Random, Skipped, SourceFile};

use crate::support::{Files, assert_sound, build, document};

fn files(contents: &[(&str, &[(&str, &str)])]) -> Files {
    let documents = |list: &[(&str, &str)]| {
        list.iter().map(|(id, text)| document(id, "", text)).collect::<Vec<_>>()
    };
    Files(contents.iter().map(|(path, list)| ((*path).to_owned(), documents(list))).collect())
}

fn with(path: &Path, source: &dyn DocumentSource, add: bool, again: bool) -> SyncReport {
    let options = SyncOptions { remove_missing: !add, again, ..SyncOptions::default() };
    sync(path, source, &options, &|_| (), &|| false).unwrap()
}

fn add(path: &Path, source: &dyn DocumentSource) -> SyncReport {
    with(path, source, true, false)
}

fn ids(list: &[&str]) -> Vec<DocumentId> {
    list.iter().map(|id| DocumentId::new(*id)).collect()
}

/// Checks that the store holds exactly `expected`, is sound, and has the snapshot of a store that was
/// built of nothing else.
#[track_caller]
fn check(path: &Path, expected: &[(&str, &str)]) {
    assert_sound(path);
    let store = Store::open(path).unwrap();
    for (id, text) in expected {
        let found = store.document(&DocumentId::new(*id)).unwrap();
        assert_eq!(found.map(|document| document.text.clone()).as_deref(), Some(*text), "`{id}`");
    }
    let fresh = tempfile::tempdir().unwrap();
    let source = MemorySource::new(expected.iter().map(|(id, text)| document(id, "", text)));
    assert_eq!(store.snapshot(), build(fresh.path(), &source).unwrap().snapshot);
}

#[test]
fn added_documents_replace_those_of_the_same_ids_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let first = files(&[("b", &[("1", "one"), ("2", "two")]), ("c", &[("3", "three")])]);
    build(path, &first).unwrap();
    // Of another file, which sorts after the one that has the id.
    let report = add(path, &files(&[("z", &[("2", "zwei"), ("4", "vier")])]));
    assert_eq!((report.files_read, report.files_removed, report.documents_added), (1, 0, 2));
    check(path, &[("1", "one"), ("2", "zwei"), ("3", "three"), ("4", "vier")]);
    // Of another file of the same name.
    let report = add(path, &files(&[("b", &[("1", "eins"), ("1", "uno"), ("5", "fünf")])]));
    assert_eq!(report.documents_added, 2);
    assert_eq!(report.skipped.len(), 1, "{:?}", report.skipped);
    check(path, &[("1", "eins"), ("2", "zwei"), ("3", "three"), ("4", "vier"), ("5", "fünf")]);
    // A file that is added once more has its ids again, though it did not change.
    let second = files(&[("y", &[("2", "deux")])]);
    add(path, &second);
    let report = add(path, &files(&[("z", &[("2", "zwei"), ("4", "vier")])]));
    assert_eq!(report.files_read, 1);
    check(path, &[("1", "eins"), ("2", "zwei"), ("3", "three"), ("4", "vier"), ("5", "fünf")]);
    assert_eq!(add(path, &second).files_read, 1);
    assert_eq!(add(path, &second).files_read, 0);
    // A build makes it what the source is.
    build(path, &first).unwrap();
    check(path, &[("1", "one"), ("2", "two"), ("3", "three")]);
}

#[test]
fn a_build_drops_what_adding_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    build(path, &files(&[("a", &[("1", "one"), ("2", "two")])])).unwrap();
    let less = files(&[("a", &[("1", "one")])]);
    add(path, &less);
    check(path, &[("1", "one"), ("2", "two")]);
    assert_eq!(add(path, &less).files_read, 0);
    assert_eq!(build(path, &less).unwrap().files_read, 1);
    check(path, &[("1", "one")]);
    assert_eq!(build(path, &less).unwrap().files_read, 0);
}

#[test]
fn of_two_files_that_are_added_the_first_has_the_id() {
    for swapped in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let old = if swapped { ("a", "b") } else { ("b", "a") };
        build(path, &files(&[(old.0, &[("1", "old"), ("2", "old")])])).unwrap();
        let both = files(&[("a", &[("1", "a")]), ("b", &[("1", "b"), ("2", "b")])]);
        add(path, &both);
        check(path, &[("1", "a"), ("2", "b")]);
        assert_eq!(add(path, &both).files_read, 0);
    }
}

#[test]
fn what_was_removed_stays_away_until_its_file_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let source = files(&[
        ("a", &[("1", "one"), ("2", "two")]),
        ("b", &[("1", "another one"), ("3", "three")]),
        ("c", &[("4", "four")]),
    ]);
    build(path, &source).unwrap();
    let report = remove_documents(path, &ids(&["1", "9", "4", "1", "9"])).unwrap();
    assert_eq!((report.n_removed, report.n_documents), (2, 2));
    assert_eq!(report.unknown, ids(&["9"]));
    assert_eq!(report.snapshot, Store::open(path).unwrap().snapshot());
    check(path, &[("2", "two"), ("3", "three")]);
    // Not even the one comes that was passed over for it.
    let report = build(path, &source).unwrap();
    assert_eq!((report.files_read, report.skipped.len()), (0, 0), "{report:?}");
    assert_eq!(add(path, &source).files_read, 0);
    check(path, &[("2", "two"), ("3", "three")]);
    // A file that did not change is read for another reason: the removed stays away.
    add(path, &files(&[("z", &[("2", "zwei")])]));
    assert_eq!(build(path, &source).unwrap().files_read, 1);
    check(path, &[("2", "two"), ("3", "three")]);
    // The document that was passed over comes with a change of its file; so does the other.
    let mut changed = source.clone();
    changed.0.get_mut("b").unwrap().push(document("5", "", "five"));
    build(path, &changed).unwrap();
    check(path, &[("1", "another one"), ("2", "two"), ("3", "three"), ("5", "five")]);
    with(path, &changed, false, true);
    check(path, &[("1", "one"), ("2", "two"), ("3", "three"), ("4", "four"), ("5", "five")]);
}

#[test]
fn nothing_is_written_where_no_id_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let error = remove_documents(&path, &ids(&["1"])).unwrap_err();
    assert!(matches!(error, IndexError::Missing { .. }), "{error:?}");
    assert!(!path.exists());
    build(&path, &files(&[("a", &[("1", "one")])])).unwrap();
    let listed = || {
        let entries = fs_err::read_dir(path.join("documents")).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    let before = listed();
    let report = remove_documents(&path, &ids(&["", "../1", "1\0", "1\n"])).unwrap();
    assert_eq!((report.n_removed, report.unknown.len()), (0, 4));
    assert_eq!(listed(), before);
    assert_eq!(remove_documents(&path, &ids(&["1"])).unwrap().n_documents, 0);
    check(&path, &[]);
}

#[test]
fn any_id_can_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    let long = "i".repeat(60_000);
    let all = ["", "a\0b", "a\nb", "../x", "../../etc/passwd", "a/b", "/", "e\u{301}", &long];
    let text = "some text";
    build(dir.path(), &MemorySource::new(all.map(|id| document(id, "", text)))).unwrap();
    for at in 0..all.len() {
        let report = remove_documents(dir.path(), &ids(&all[at..=at])).unwrap();
        assert_eq!(report.n_removed, 1, "{at}");
        let left: Vec<(&str, &str)> = all[at + 1..].iter().map(|id| (*id, text)).collect();
        check(dir.path(), &left);
    }
}

/// A source that waits twice while it is read.
struct Waiting<'a>(Files, &'a Barrier);

impl DocumentSource for Waiting<'_> {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        self.0.list()
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        self.1.wait();
        self.1.wait();
        self.0.read(file, each)
    }
}

#[test]
fn nothing_is_removed_from_a_store_that_is_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    build(path, &files(&[("a", &[("1", "one")])])).unwrap();
    let barrier = Barrier::new(2);
    let writing = Waiting(files(&[("b", &[("2", "two")])]), &barrier);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| add(path, &writing));
        barrier.wait();
        let outcome = remove_documents(path, &ids(&["1"]));
        check(path, &[("1", "one")]);
        barrier.wait();
        assert!(matches!(outcome, Err(IndexError::Busy { .. })), "{outcome:?}");
        writer.join().unwrap();
    });
    check(path, &[("1", "one"), ("2", "two")]);
}

/// Random additions and removals against a map of what the store should hold.
#[test]
fn any_history_of_additions_and_removals() {
    let seed = 11;
    let mut random = Random(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut held: std::collections::BTreeMap<String, String> = Default::default();
    build(dir.path(), &Files::default()).unwrap();
    for round in 0..60 {
        if random.below(3) == 0 {
            let gone: Vec<String> = (0..4).map(|_| random.below(20).to_string()).collect();
            let asked: Vec<DocumentId> =
                gone.iter().map(|id| DocumentId::new(id.as_str())).collect();
            let before = held.len();
            held.retain(|id, _| !gone.contains(id));
            let report = remove_documents(dir.path(), &asked).unwrap();
            assert_eq!(report.n_removed as usize, before - held.len(), "round {round}");
        } else {
            // Each text is new, so that no file is as it was.
            let mut source = Files::default();
            for file in 0..1 + random.below(3) {
                let name = format!("f{}", random.below(6));
                let documents = (0..random.below(5)).map(|at| {
                    document(&random.below(20).to_string(), "", &format!("{round} {file} {at}"))
                });
                source.0.insert(name, documents.collect());
            }
            let mut given = std::collections::BTreeMap::new();
            for document in source.0.values().flatten() {
                let id = document.id.as_str().to_owned();
                given.entry(id).or_insert_with(|| document.text.clone());
            }
            held.extend(given);
            add(dir.path(), &source);
        }
        let expected: Vec<(&str, &str)> =
            held.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        check(dir.path(), &expected);
    }
}
