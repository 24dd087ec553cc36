//! Every error: its message, its advice, and the state it leaves.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use expect_test::{Expect, expect};
use sleuth_index::{
    DocumentSource, FillOptions, IndexError, MemorySource, Retriever as _, SourceError, Store,
    build_graph, fill_vectors, remove_damaged, remove_documents, verify,
};
use sleuth_records::{Document, DocumentId, Random, Skipped, SourceFile};

use crate::support::{assert_sound, build, document, found};
use crate::vectors::EMBEDDER;

fn source() -> MemorySource {
    MemorySource::new((0..40).map(|at| {
        document(
            &format!("{at:02}"),
            &format!("Title {at}"),
            &format!("word{at} shared. ").repeat(40),
        )
    }))
}

/// Checks what a person reads: the message with its causes, and the hint.
#[expect(clippy::needless_pass_by_value, reason = "shorter calls")]
#[track_caller]
fn check(path: &Path, error: IndexError, expected: &Expect) {
    let mut text = format!("error: {error}\n");
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(&format!("cause: {inner}\n"));
        cause = inner.source();
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("hint: {hint}\n"));
    }
    expected.assert_eq(&text.replace(&path.display().to_string(), "STORE"));
}

fn open_error(path: &Path) -> IndexError {
    Store::open(path).err().expect("the store opened")
}

fn edit(path: PathBuf, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs_err::read(&path).unwrap();
    change(&mut bytes);
    fs_err::write(path, bytes).unwrap();
}

fn manifest_of(path: &Path) -> PathBuf {
    let info = fs_err::read_to_string(path.join("lexical/meta.json")).unwrap();
    fs_err::read_dir(path.join("documents"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|file| info.contains(file.file_name().unwrap().to_str().unwrap()))
        .unwrap()
}

#[test]
fn nothing_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none");
    check(
        &path,
        open_error(&path),
        &expect![[r#"
            error: no store at `STORE`
            hint: build one with `sleuth index build FOLDER --into STORE`
        "#]],
    );
    check(
        dir.path(),
        open_error(dir.path()),
        &expect![[r#"
            error: no store at `STORE`
            hint: build one with `sleuth index build FOLDER --into STORE`
        "#]],
    );
}

#[test]
fn something_else_there() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("documents")).unwrap();
    let mine = dir.path().join("documents/manifest-mine.jsonl");
    fs_err::write(&mine, "mine").unwrap();
    check(
        dir.path(),
        open_error(dir.path()),
        &expect![[r#"
            error: `STORE` is not a store: expected a folder with a store's `store.toml`, found other files
            hint: if it holds documents, make a store of them with `sleuth index build STORE --into STORE`, or ask over them with `sleuth ask QUESTION --over STORE`
        "#]],
    );
    check(
        dir.path(),
        build(dir.path(), &source()).unwrap_err(),
        &expect![[r#"
            error: no store can be made in `STORE`: expected a store or an empty folder, found other files
            hint: name a new folder, or an empty one
        "#]],
    );
    assert_eq!(fs_err::read_to_string(&mine).unwrap(), "mine");
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);

    check(
        &mine,
        open_error(&mine),
        &expect![[r#"
            error: `STORE` is not a store: expected a folder with a store's `store.toml`, found a file
            hint: if it holds documents, make a store of them with `sleuth index build STORE --into STORE`, or ask over them with `sleuth ask QUESTION --over STORE`
        "#]],
    );
    check(
        &mine,
        build(&mine, &source()).unwrap_err(),
        &expect![[r#"
            error: no store can be made in `STORE`: expected a store or an empty folder, found a file
            hint: name a new folder, or an empty one
        "#]],
    );
}

#[test]
fn a_store_toml_of_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("store.toml"), "[shop]\nopen = 9\n").unwrap();
    fs_err::write(dir.path().join("a.md"), "mine").unwrap();
    check(
        dir.path(),
        open_error(dir.path()),
        &expect![[r#"
        error: `STORE` is not a store: expected a folder with a store's `store.toml`, found a `store.toml` of something else
        hint: if it holds documents, make a store of them with `sleuth index build STORE --into STORE`, or ask over them with `sleuth ask QUESTION --over STORE`
    "#]],
    );
    check(
        dir.path(),
        build(dir.path(), &source()).unwrap_err(),
        &expect![[r#"
        error: no store can be made in `STORE`: expected a store or an empty folder, found a `store.toml` of something else
        hint: name a new folder, or an empty one
    "#]],
    );
    assert!(matches!(remove_damaged(dir.path()), Err(IndexError::NotAStore { .. })));
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn another_version() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &source()).unwrap();
    let text = fs_err::read_to_string(dir.path().join("store.toml")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        fs_err::write(dir.path().join("store.toml"), text.replace(from, to)).unwrap();
        open_error(dir.path())
    };
    check(
        dir.path(),
        with("schema = 1", "schema = 99"),
        &expect![[r#"
            error: store `STORE` has schema `99`, this version of sleuth reads `1`
            hint: remove `STORE` and build the store again
        "#]],
    );
    check(
        dir.path(),
        with("sleuth-english-cjk-1", "other-7"),
        &expect![[r#"
            error: store `STORE` has analyzer `other-7`, this version of sleuth reads `sleuth-english-cjk-1`
            hint: remove `STORE` and build the store again
        "#]],
    );
    check(
        dir.path(),
        with("schema = 1", "schema = "),
        &expect![[r#"
            error: store `STORE` is damaged: `store.toml`: string values must be quoted, expected literal string
            hint: remove `STORE` and build the store again
        "#]],
    );
    let error = build(dir.path(), &source()).unwrap_err();
    assert!(matches!(error, IndexError::Damaged { .. }), "{error:?}");
}

#[test]
fn damage_that_shows_at_once() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &source()).unwrap();
    edit(dir.path().join("lexical/meta.json"), |bytes| bytes.truncate(100));
    check(
        dir.path(),
        open_error(dir.path()),
        &expect![[r#"
            error: store `STORE` is damaged: `lexical/meta.json`: EOF while parsing a string at line 6 column 4
            hint: remove `STORE` and build the store again
        "#]],
    );
    fs_err::remove_file(dir.path().join("lexical/meta.json")).unwrap();
    let expected = expect![[r#"
        error: store `STORE` is damaged: `lexical/meta.json` is missing
        hint: remove `STORE` and build the store again
    "#]];
    check(dir.path(), open_error(dir.path()), &expected);
    check(dir.path(), build(dir.path(), &source()).unwrap_err(), &expected);
    fs_err::remove_dir_all(dir.path().join("lexical")).unwrap();
    let expected = expect![[r#"
        error: store `STORE` is damaged: `lexical` is missing
        hint: remove `STORE` and build the store again
    "#]];
    check(dir.path(), open_error(dir.path()), &expected);
    check(dir.path(), build(dir.path(), &source()).unwrap_err(), &expected);
}

#[test]
fn a_segment_file_is_missing_or_cut() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &source()).unwrap();
    let store = fs_err::read_dir(dir.path().join("lexical"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "store"))
        .unwrap();
    let bytes = fs_err::read(&store).unwrap();
    let name = store.file_stem().unwrap().to_str().unwrap().to_owned();
    let anonymous = |error: IndexError| {
        let IndexError::Damaged { path, detail } = error else { panic!("{error:?}") };
        IndexError::Damaged { path, detail: detail.replace(&name, "SEGMENT") }
    };
    for keep in [bytes.len() / 2, 3, 0] {
        fs_err::write(&store, &bytes[..keep]).unwrap();
        let error = open_error(dir.path());
        assert!(matches!(error, IndexError::Damaged { .. }), "{keep} bytes left: {error:?}");
    }
    fs_err::remove_file(&store).unwrap();
    check(
        dir.path(),
        anonymous(open_error(dir.path())),
        &expect![[r#"
            error: store `STORE` is damaged: `lexical/SEGMENT.store` is missing
            hint: remove `STORE` and build the store again
        "#]],
    );
}

#[test]
fn only_what_is_damaged_or_of_another_version_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    assert!(!remove_damaged(&path).unwrap());
    assert!(!path.exists());
    let first = build(&path, &source()).unwrap();
    assert!(!remove_damaged(&path).unwrap());
    assert_eq!(Store::open(&path).unwrap().snapshot(), first.snapshot);

    type Damage = fn(&Path);
    let damages: [Damage; 5] = [
        |path| edit(path.join("lexical/meta.json"), |bytes| bytes.truncate(100)),
        |path| edit(manifest_of(path), |bytes| bytes.truncate(100)),
        |path| fs_err::remove_dir_all(path.join("lexical")).unwrap(),
        |path| edit(path.join("store.toml"), |bytes| bytes.truncate(20)),
        |path| {
            let file = path.join("store.toml");
            let text = fs_err::read_to_string(&file).unwrap();
            fs_err::write(&file, text.replace("schema = 1", "schema = 99")).unwrap();
            fs_err::write(path.join("of-the-future"), "x").unwrap();
        },
    ];
    for damage in damages {
        damage(&path);
        assert!(remove_damaged(&path).unwrap());
        let left: Vec<_> =
            fs_err::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["writer.lock"]);
        assert_eq!(build(&path, &source()).unwrap().snapshot, first.snapshot);
        assert_sound(&path);
    }
}

#[test]
fn a_removal_that_was_killed_is_built_upon() {
    let dir = tempfile::tempdir().unwrap();
    let first = build(dir.path(), &source()).unwrap();
    fs_err::rename(dir.path().join("store.toml"), dir.path().join("store.toml.new")).unwrap();
    fs_err::remove_file(dir.path().join("lexical/meta.json")).unwrap();
    assert!(matches!(open_error(dir.path()), IndexError::Missing { .. }));
    assert_eq!(build(dir.path(), &source()).unwrap().snapshot, first.snapshot);
    assert_sound(dir.path());
}

#[test]
fn a_damaged_manifest_is_found_by_sync_and_verify() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &source()).unwrap();
    let manifest = manifest_of(dir.path());
    let whole = fs_err::read(&manifest).unwrap();
    let outcomes = |expected: &Expect| {
        // Reading goes on without it.
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(found(&store, "word7"), ["07"]);
        let problems = verify(dir.path()).unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let error = build(dir.path(), &source()).unwrap_err();
        assert!(problems[0].detail.contains(&error.to_string()), "{problems:?}");
        check(dir.path(), error, expected);
    };
    let lines: Vec<&[u8]> = whole.split_inclusive(|&b| b == b'\n').collect();
    fs_err::write(&manifest, lines[1..].concat()).unwrap();
    outcomes(&expect![[r#"
        error: store `STORE` is damaged: `documents/manifest-1.jsonl` has digest `d5e74abdd9b4aa570f8bec92a222936f83a1f370c38a4a052a58e3268ae0e952`, expected `948414621bac5dad5ab5f833a3bdb399259dba4cc7e8b23046b3fc9bdb80612b`
        hint: remove `STORE` and build the store again
    "#]]);
    fs_err::write(&manifest, &whole[..whole.len() / 2]).unwrap();
    outcomes(&expect![[r#"
        error: store `STORE` is damaged: line 21 of `documents/manifest-1.jsonl`: EOF while parsing a string at line 1 column 4
        hint: remove `STORE` and build the store again
    "#]]);
    fs_err::write(&manifest, [0xFF, 0xFE, b'\n']).unwrap();
    outcomes(&expect![[r#"
        error: store `STORE` is damaged: `documents/manifest-1.jsonl` is not text
        hint: remove `STORE` and build the store again
    "#]]);
    fs_err::remove_file(&manifest).unwrap();
    outcomes(&expect![[r#"
        error: store `STORE` is damaged: `documents/manifest-1.jsonl` is missing
        hint: remove `STORE` and build the store again
    "#]]);
    fs_err::write(&manifest, whole).unwrap();
    assert_sound(dir.path());
}

#[test]
fn every_flipped_bit_is_found_and_none_is_fatal() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &source()).unwrap();
    let mut files: Vec<PathBuf> = fs_err::read_dir(dir.path().join("lexical"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end != "json" && end != "lock"))
        .collect();
    files.push(manifest_of(dir.path()));
    files.sort();
    let seed = 7;
    let mut random = Random(seed);
    for file in &files {
        let whole = fs_err::read(file).unwrap();
        for _ in 0..12 {
            let (at, bit) = (random.below(whole.len()), random.below(8));
            edit(file.clone(), |bytes| bytes[at] ^= 1 << bit);
            let place = format!("seed {seed}, bit {bit} of byte {at} of `{}`", file.display());
            // Searching and reading may fail or give something else, but return.
            if let Ok(store) = Store::open(dir.path()) {
                let _ = store.search(&sleuth_index::Query::new("word7 shared title", 10));
                let _ = store.document(&DocumentId::new("07"));
                let _ = store.mentions("Title 7 and title 9");
            }
            match verify(dir.path()) {
                Ok(problems) => assert!(!problems.is_empty(), "not found: {place}"),
                Err(IndexError::Damaged { .. }) => {}
                Err(error) => panic!("{place}: {error:?}"),
            }
        }
        fs_err::write(file, whole).unwrap();
    }
    assert_sound(dir.path());
}

#[test]
fn a_source_that_cannot_be_listed() {
    struct Broken;
    impl DocumentSource for Broken {
        fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
            Err("the cable is out".into())
        }
        fn read(
            &self,
            _: &SourceFile,
            _: &mut dyn FnMut(Document) -> std::ops::ControlFlow<()>,
        ) -> Vec<Skipped> {
            Vec::new()
        }
    }
    let dir = tempfile::tempdir().unwrap();
    check(
        dir.path(),
        build(dir.path(), &Broken).unwrap_err(),
        &expect![[r#"
            error: cannot list the documents: the cable is out
        "#]],
    );
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_other_messages() {
    let path = Path::new("wiki.idx");
    check(
        path,
        IndexError::Busy { path: path.into() },
        &expect![[r#"
            error: store `STORE` is being written by another process
            hint: wait until it is done, or stop it
        "#]],
    );
    check(
        path,
        IndexError::Cancelled,
        &expect![[r#"
            error: cancelled
        "#]],
    );
    check(
        path,
        IndexError::Io { path: path.into(), source: std::io::Error::other("the disk is on fire") },
        &expect![[r#"
            error: cannot read or write store `STORE`
            cause: the disk is on fire
        "#]],
    );
}

/// A file system of its own, which only the superuser can make; `None` where that fails.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(dir.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !made {
            println!("skipped: no right to mount a file system");
        }
        made.then_some(Self(dir))
    }

    fn remount(&self, options: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{options}")]).arg(self.0.path());
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk() {
    let Some(mount) = Mount::new("size=900k") else { return };
    let path = mount.0.path().join("store");
    let small = MemorySource::new([document("a", "Fox", "The quick brown fox.")]);
    let first = build(&path, &small).unwrap();
    let mut random = Random(5);
    let large = MemorySource::new((0..400).map(|at| {
        let words: Vec<String> = (0..600).map(|_| format!("{:x}", random.number())).collect();
        document(&format!("{at}"), "Noise", &words.join(" "))
    }));
    check(
        &path,
        build(&path, &large).unwrap_err(),
        &expect![[r#"
            error: no space left for store `STORE`
            hint: free some space or name a folder on another disk; what was committed is safe
        "#]],
    );
    // What was there is there, and its room is free again.
    let store = Store::open(&path).unwrap();
    assert_eq!(store.snapshot(), first.snapshot);
    assert_eq!(found(&store, "fox"), ["a"]);
    assert_sound(&path);
    assert!(store.info().unwrap().bytes < 100 << 10, "{:?}", store.info());
    mount.remount("size=60m");
    let report = build(&path, &large).unwrap();
    assert_eq!(report.n_documents, 400);
    assert_sound(&path);
}

#[test]
fn a_disk_that_is_full_from_the_start() {
    let Some(mount) = Mount::new("size=64k") else { return };
    let path = mount.0.path().join("store");
    fs_err::create_dir(&path).unwrap();
    let filler = mount.0.path().join("filler");
    let mut n_failed = 0;
    // Each time a little more room, so that every step of making a store is the one that fails.
    for n_filled in (0..=16).rev() {
        fs_err::write(&filler, vec![b'x'; n_filled * 4096]).ok();
        match build(&path, &MemorySource::new([document("a", "Fox", "The quick brown fox.")])) {
            Ok(_) => break,
            Err(IndexError::NoSpace { .. }) => n_failed += 1,
            Err(error) => panic!("{n_filled} pages filled: {error:?}"),
        }
        match Store::open(&path) {
            Ok(store) => assert_eq!(store.n_documents(), 0),
            Err(IndexError::Missing { .. }) => {}
            Err(error) => panic!("{n_filled} pages filled: {error:?}"),
        }
        fs_err::remove_file(&filler).unwrap();
    }
    assert!(n_failed > 2, "{n_failed}");
    fs_err::remove_file(&filler).ok();
    build(&path, &MemorySource::new([document("a", "Fox", "The quick brown fox.")])).unwrap();
    assert_sound(&path);
}

#[test]
fn a_disk_that_is_full_for_graph_vectors_and_removals() {
    let Some(mount) = Mount::new("size=4m") else { return };
    let path = mount.0.path().join("store");
    let first = build(&path, &source()).unwrap();
    let filler = mount.0.path().join("filler");
    let fill = || {
        let mut file = fs_err::File::create(&filler).unwrap();
        while file.write_all(&[b'x'; 4096]).is_ok() {}
    };
    let vectors = || {
        let options = FillOptions { part: 8, batch: 8, replace: false };
        fill_vectors(&path, &EMBEDDER, &options, &|_, _| (), &|| false)
    };
    let no_space = |outcome: Result<(), IndexError>, what: &str| {
        assert!(matches!(outcome, Err(IndexError::NoSpace { .. })), "{what}: {outcome:?}");
        let store = Store::open(&path).unwrap();
        assert_eq!(store.snapshot(), first.snapshot, "{what}");
        assert_eq!(found(&store, "word7"), ["07"], "{what}");
        assert_sound(&path);
    };
    fill();
    no_space(build_graph(&path, 1, &|_, _| (), &|| false).map(|_| ()), "graph");
    no_space(vectors().map(|_| ()), "vectors");
    no_space(remove_documents(&path, &[DocumentId::new("07")]).map(|_| ()), "removal");
    // With room for the first part of the vectors, that part stays.
    fs_err::remove_file(&filler).unwrap();
    assert!(build_graph(&path, 1, &|_, _| (), &|| false).unwrap().made);
    let n_passages = Store::open(&path).unwrap().info().unwrap().n_passages as usize;
    fill();
    let length = fs_err::metadata(&filler).unwrap().len();
    fs_err::OpenOptions::new()
        .write(true)
        .open(&filler)
        .unwrap()
        .set_len(length - 4 * 4096)
        .unwrap();
    no_space(vectors().map(|_| ()), "more vectors");
    fs_err::remove_file(&filler).unwrap();
    let report = vectors().unwrap();
    assert!(report.n_computed < n_passages, "{report:?} of {n_passages}");
    let store = Store::open(&path).unwrap().with_embedder(Arc::new(EMBEDDER)).unwrap();
    assert_eq!(store.retrieval().unwrap().coverage, 1.0);
    assert_eq!(remove_documents(&path, &[DocumentId::new("07")]).unwrap().n_removed, 1);
    assert_sound(&path);
}

#[test]
fn a_disk_for_reading_only() {
    let Some(mount) = Mount::new("size=20m") else { return };
    let path = mount.0.path().join("store");
    build(&path, &source()).unwrap();
    mount.remount("ro");
    let store = Store::open(&path).unwrap();
    assert_eq!(found(&store, "word7"), ["07"]);
    assert_sound(&path);
    // Nothing has to be written when nothing changed.
    assert_eq!(build(&path, &source()).unwrap().files_unchanged, 40);
    let expected = expect![[r#"
        error: no permission for `STORE`
        hint: name a folder that you may read and write, or ask its owner
    "#]];
    check(&path, build(&path, &MemorySource::new([])).unwrap_err(), &expected);
    let new = mount.0.path().join("new");
    check(&new, build(&new, &source()).unwrap_err(), &expected);
}
