//! `kill -9` while a store is built: it opens, is sound, keeps what was committed, and the next
//! sync ends where an undisturbed one does.
//!
//! The process that is killed is this test program, asked to run [`child`] in a folder of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sleuth_index::{IndexError, Retriever as _, Store, SyncOptions, sync, verify};

use sleuth_records::Random;

use crate::support::{Files, build, document};

const KILLS: usize = 100;
/// Longest time until a store that was killed has opened.
const RECOVERY: Duration = Duration::from_secs(5);

/// Documents of two editions: the second changes some, removes some and moves some to a file that
/// takes their ids over.
fn edition(second: bool) -> Files {
    let mut files = Files::default();
    for at in 0..90 {
        let texts = (0..3).map(|n| {
            let edition = if second && at % 3 == 0 { "second" } else { "first" };
            let words = format!("{edition} word{at} common{n} ").repeat(8);
            document(&format!("{at}-{n}"), &format!("Title {at} {n}"), &words)
        });
        if !second || at % 7 != 0 {
            files.0.insert(format!("file-{at:02}"), texts.collect());
        }
    }
    if second {
        let moved = (0..5).map(|at| document(&format!("{}-0", at * 9 + 1), "Moved", "moved"));
        files.0.insert("a-file".to_owned(), moved.collect());
    }
    files
}

/// About twenty commits on the way.
fn options() -> SyncOptions {
    SyncOptions { commit_bytes: 3000, threads: 2, ..SyncOptions::default() }
}

#[test]
#[ignore = "the process that `a_killed_build_loses_nothing` starts and kills"]
fn child() {
    let Ok(which) = fs_err::read_to_string("edition") else { return };
    let source = edition(which == "second");
    sync(Path::new("store"), &source, &options(), &|_| (), &|| false).unwrap();
}

/// Starts this test program in `folder` with the one test `child`.
pub(crate) fn start(folder: &Path, child: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--quiet"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Documents in the store, or none where there is no store yet.
fn count(store: &Path) -> u64 {
    match Store::open(store) {
        Ok(store) => store.n_documents(),
        Err(IndexError::Missing { .. }) => 0,
        Err(error) => panic!("{error}: {error:?}"),
    }
}

#[test]
fn a_killed_build_loses_nothing() {
    let seed = 2026;
    let mut random = Random(seed);
    let (first, second) = (edition(false), edition(true));
    // What a kill leaves in memory reaches any disk, so that one in memory serves as well.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let [undisturbed, updated] = [&first, &second].map(|source| {
        let fresh = tempfile::tempdir().unwrap();
        build(fresh.path(), source).unwrap().snapshot
    });
    // The first run of a program takes longer than the next.
    let full = ["one", "two", "three"].map(|name| {
        let folder = dir.path().join(name);
        fs_err::create_dir(&folder).unwrap();
        fs_err::write(folder.join("edition"), "first").unwrap();
        let begun = Instant::now();
        assert!(start(&folder, "kill::child").wait().unwrap().success());
        begun.elapsed()
    });
    let full = full.into_iter().min().unwrap();
    let (mut n_early, mut n_middle, mut n_late, mut n_leftovers) = (0, 0, 0, 0);
    for kill in 0..KILLS {
        let place = format!("kill {kill} of seed {seed}");
        let folder = dir.path().join(format!("{kill}"));
        let store = folder.join("store");
        fs_err::create_dir(&folder).unwrap();
        let is_update = kill % 2 == 1;
        if is_update {
            build(&store, &first).unwrap();
        }
        fs_err::write(folder.join("edition"), if is_update { "second" } else { "first" }).unwrap();
        let n_killed = if random.below(4) == 0 { 2 } else { 1 };
        for _ in 0..n_killed {
            let delay = full.mul_f64(random.below(1000) as f64 / 1000.0);
            let mut process = start(&folder, "kill::child");
            std::thread::sleep(delay.saturating_sub(Duration::from_millis(1)));
            let seen = count(&store);
            process.kill().unwrap();
            let status = process.wait_with_output().unwrap();
            let ended = status.status.code();
            assert!(matches!(ended, None | Some(0)), "{place}: {status:?}");
            let begun = Instant::now();
            let left = count(&store);
            assert!(begun.elapsed() < RECOVERY, "{place}: {:?}", begun.elapsed());
            // In an update documents go as well as come.
            assert!(is_update || left >= seen, "{place}: {seen} documents before, {left} after");
            if left > 0 {
                let problems = verify(&store).unwrap();
                assert!(problems.is_empty(), "{place}: {problems:?}");
            }
            match left {
                0 => n_early += 1,
                _ if ended.is_some() => n_late += 1,
                _ => n_middle += 1,
            }
        }
        let source = if is_update { &second } else { &first };
        let leftovers = if store.join("lexical").exists() { unnamed(&store) } else { Vec::new() };
        n_leftovers += leftovers.len();
        let report =
            build(&store, source).unwrap_or_else(|error| panic!("{place}: {error}: {error:?}"));
        assert_eq!(report.snapshot, if is_update { &*updated } else { &*undisturbed }, "{place}");
        assert_eq!(verify(&store).unwrap(), [], "{place}");
        assert_eq!(Store::open(&store).unwrap().snapshot(), report.snapshot, "{place}");
        let kept: Vec<String> =
            unnamed(&store).into_iter().filter(|name| leftovers.contains(name)).collect();
        // Where nothing is left to do, nothing is written, and cleaning up waits for the next.
        let has_written = report.files_read + report.files_removed > 0;
        assert!(kept.is_empty() || !has_written, "{place}: left behind: {kept:?}");
        let manifests = fs_err::read_dir(store.join("documents")).unwrap().count();
        assert!(manifests <= 2 || !has_written, "{place}: {manifests} manifests");
        fs_err::remove_dir_all(&folder).unwrap();
    }
    println!(
        "killed with nothing committed {n_early}, in the middle {n_middle}, after the end {n_late}; \
         {n_leftovers} files were left"
    );
    assert!(n_leftovers > 0, "no kill left anything");
    assert!(n_middle >= KILLS / 5, "too few kills in the middle: {n_middle}");
}

/// Index files that the newest commit does not name.
fn unnamed(store: &Path) -> Vec<String> {
    let meta = fs_err::read_to_string(store.join("lexical/meta.json")).unwrap_or_default();
    let meta: serde_json::Value = serde_json::from_str(&meta).unwrap_or_default();
    let segments: Vec<String> = meta["segments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|segment| segment["segment_id"].as_str().unwrap().replace('-', ""))
        .collect();
    fs_err::read_dir(store.join("lexical"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !segments.iter().any(|segment| name.starts_with(segment)))
        .filter(|name| {
            !matches!(&**name, "meta.json" | ".managed.json") && !name.ends_with(".lock")
        })
        .collect()
}

/// A writer that is killed after it wrote which entries are deleted, and before its commit, leaves
/// a file whose name the next writer, doing the same, chooses again.
#[test]
fn files_of_a_killed_writer_do_not_stop_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let [killed, ahead] = ["killed", "ahead"].map(|name| dir.path().join(name));
    let first = edition(false);
    let mut second = first.clone();
    second.0.pop_first();
    build(&killed, &first).unwrap();
    for folder in ["", "documents", "lexical"] {
        fs_err::create_dir_all(ahead.join(folder)).unwrap();
        for entry in fs_err::read_dir(killed.join(folder)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs_err::copy(entry.path(), ahead.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    let report = build(&ahead, &second).unwrap();
    let mut n_left = 0;
    for entry in fs_err::read_dir(ahead.join("lexical")).unwrap().map(Result::unwrap) {
        let place = killed.join("lexical").join(entry.file_name());
        let is_deletes = place.extension().is_some_and(|end| end == "del");
        n_left += usize::from(is_deletes);
        if is_deletes || entry.file_name() == ".managed.json" {
            fs_err::copy(entry.path(), place).unwrap();
        }
    }
    assert_eq!(n_left, 1);
    assert_eq!(build(&killed, &second).unwrap().snapshot, report.snapshot);
    assert_eq!(verify(&killed).unwrap(), []);
}
