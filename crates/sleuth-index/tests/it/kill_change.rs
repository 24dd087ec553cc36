//! `kill -9` while documents are added and removed one by one, and graph and vectors are made: what
//! was acknowledged stays done, nothing else is touched, and the store opens at once.
//!
//! As in [`crate::kill`], this test program runs [`child`], which writes a line to `done` after each
//! call that returned.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sleuth_index::{
    Embedder, FillOptions, IndexError, MemorySource, Query, Retriever as _, SourceError, Store,
    SyncOptions, build_graph, fill_vectors, remove_documents, sync, verify,
};
use sleuth_records::{DocumentId, Random};

use crate::kill::start;
use crate::support::{build, document};

const KILLS: usize = 100;
/// Longest time until a store that was killed has answered.
const RECOVERY: Duration = Duration::from_secs(5);
/// Documents at first, and how many go and come.
const DOCUMENTS: usize = 40;
const CHANGES: usize = 6;

/// Counts letters.
struct Letters;

impl Embedder for Letters {
    fn id(&self) -> &str {
        "letters"
    }

    fn dims(&self) -> usize {
        8
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, SourceError> {
        let vector = |text: &&str| {
            let mut vector = [0.1; 8];
            for byte in text.bytes() {
                vector[usize::from(byte % 8)] += 1.0;
            }
            let length = vector.iter().map(|x: &f32| x * x).sum::<f32>().sqrt();
            vector.iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

fn first() -> MemorySource {
    MemorySource::new((0..DOCUMENTS).map(|at| {
        document(&format!("old-{at}"), &format!("Place {at}"), &format!("common old{at} words"))
    }))
}

fn make_parts(store: &Path) -> Result<(), IndexError> {
    build_graph(store, 1, &|_, _| (), &|| false)?;
    let options = FillOptions { part: 8, batch: 4, replace: false };
    fill_vectors(store, &Letters, &options, &|_, _| (), &|| false)?;
    Ok(())
}

/// All that the child does; `done` is told of each step.
fn change(store: &Path, mut done: impl FnMut(String)) -> Result<(), IndexError> {
    make_parts(store)?;
    let options = SyncOptions { remove_missing: false, threads: 1, ..SyncOptions::default() };
    for at in 0..CHANGES {
        let (old, new) = (format!("old-{}", at * 5), format!("new-{at}"));
        remove_documents(store, &[DocumentId::new(old.as_str())])?;
        done(format!("removed {old}"));
        let source = MemorySource::new([document(&new, "", &format!("common {new} words"))]);
        sync(store, &source, &options, &|_| (), &|| false)?;
        done(format!("added {new}"));
    }
    make_parts(store)?;
    done("made parts".to_owned());
    Ok(())
}

#[test]
#[ignore = "the process that `a_killed_change_loses_nothing` starts and kills"]
fn child() {
    if !Path::new("store").is_dir() {
        return;
    }
    let mut file = fs_err::OpenOptions::new().append(true).create(true).open("done").unwrap();
    change(Path::new("store"), |step| file.write_all(format!("{step}\n").as_bytes()).unwrap())
        .unwrap();
}

/// Checks the store after a kill against what the child said was done.
fn check(store: &Path, done: &str, place: &str) {
    let begun = Instant::now();
    let open = Store::open(store).unwrap_or_else(|error| panic!("{place}: {error:?}"));
    let open = open.with_embedder(Arc::new(Letters)).unwrap();
    let hits = open.search(&Query::new("common words", 100)).unwrap().hits.len();
    assert!(begun.elapsed() < RECOVERY, "{place}: {:?}", begun.elapsed());
    assert!(hits >= DOCUMENTS - 1, "{place}: {hits} hits");
    let problems = verify(store).unwrap();
    assert!(problems.is_empty(), "{place}: {problems:?}");
    let has = |id: &str| open.document(&DocumentId::new(id)).unwrap().is_some();
    for step in done.lines() {
        match step.split_once(' ') {
            Some(("removed", id)) => assert!(!has(id), "{place}: `{id}` is there again"),
            Some(("added", id)) => assert!(has(id), "{place}: `{id}` is lost"),
            _ => assert!(open.retrieval().unwrap().graph, "{place}"),
        }
    }
    for at in (0..DOCUMENTS).filter(|at| at % 5 != 0 || at / 5 >= CHANGES) {
        assert!(has(&format!("old-{at}")), "{place}: `old-{at}` is lost");
    }
}

#[test]
fn a_killed_change_loses_nothing() {
    let seed = 2027;
    let mut random = Random(seed);
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let prepare = |name: &str| {
        let folder = dir.path().join(name);
        build(&folder.join("store"), &first()).unwrap();
        folder
    };
    let mut full = Duration::MAX;
    let mut expected = String::new();
    for name in ["one", "two", "three"] {
        let folder = prepare(name);
        let begun = Instant::now();
        assert!(start(&folder, "kill_change::child").wait().unwrap().success());
        full = full.min(begun.elapsed());
        expected = Store::open(&folder.join("store")).unwrap().snapshot().to_owned();
    }
    let (mut n_middle, mut n_whole) = (0, 0);
    for kill in 0..KILLS {
        let place = format!("kill {kill} of seed {seed}");
        let folder = prepare(&kill.to_string());
        let store = folder.join("store");
        let mut process = start(&folder, "kill_change::child");
        std::thread::sleep(full.mul_f64(random.below(1000) as f64 / 1000.0));
        process.kill().unwrap();
        let status = process.wait_with_output().unwrap();
        assert!(matches!(status.status.code(), None | Some(0)), "{place}: {status:?}");
        let done = fs_err::read_to_string(folder.join("done")).unwrap_or_default();
        match done.lines().count() {
            0 => {}
            n if n > 2 * CHANGES => n_whole += 1,
            _ => n_middle += 1,
        }
        check(&store, &done, &place);
        change(&store, |_| ()).unwrap_or_else(|error| panic!("{place}: {error:?}"));
        let open = Store::open(&store).unwrap().with_embedder(Arc::new(Letters)).unwrap();
        assert_eq!(open.snapshot(), expected, "{place}");
        let retrieval = open.retrieval().unwrap();
        assert!(retrieval.graph && retrieval.coverage == 1.0, "{place}: {retrieval:?}");
        assert_eq!(verify(&store).unwrap(), [], "{place}");
        fs_err::remove_dir_all(&folder).unwrap();
    }
    println!("killed in the middle {n_middle}, after the end {n_whole}, of {KILLS}");
    assert!(n_middle >= KILLS / 5, "too few kills in the middle: {n_middle}");
}
