//! Vectors: filled in afterwards, kept over updates, refused where they do not belong.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use expect_test::expect;
use sleuth_index::{
    Embedder, FillOptions, FillReport, IndexError, MemorySource, Parts, Query, Retriever as _,
    SourceError, Store, fill_vectors, verify,
};
use sleuth_records::{Document, Random};

use crate::support::{assert_sound, build, document};

/// Knows four meanings, each by a few words, in any mixture.
pub(crate) struct Meanings {
    id: &'static str,
    dims: usize,
}

const WORDS: [&[&str]; 4] =
    [&["car", "automobile", "vehicle"], &["cat", "kitten", "feline"], &["sea", "ocean"], &["king"]];

impl Embedder for Meanings {
    fn id(&self) -> &str {
        self.id
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, SourceError> {
        let vector = |text: &&str| {
            let mut vector = vec![0.01; self.dims];
            for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
                if let Some(at) = WORDS.iter().position(|words| words.contains(&word)) {
                    vector[at] += 1.0;
                }
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            vector.iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

pub(crate) const EMBEDDER: Meanings = Meanings { id: "meanings-1", dims: 8 };

fn animals() -> Vec<Document> {
    vec![
        document("a", "Roads", "An automobile needs a road."),
        document("b", "Pets", "The kitten sleeps."),
        document("c", "Water", "The ocean is wide."),
        document("d", "", "A king has a crown."),
    ]
}

fn fill(path: &Path, options: &FillOptions) -> Result<FillReport, IndexError> {
    fill_vectors(path, &EMBEDDER, options, &|_, _| (), &|| false)
}

fn open(path: &Path) -> Store {
    Store::open(path).unwrap().with_embedder(Arc::new(EMBEDDER)).unwrap()
}

fn dense(store: &Store, query: &str) -> Result<Vec<String>, IndexError> {
    let parts = Parts { lexical: false, dense: true, associative: false };
    let ranking = store.search(&Query { parts, ..Query::new(query, 2) })?;
    Ok(ranking.hits.iter().map(|hit| hit.passage.document.as_str().to_owned()).collect())
}

#[test]
fn the_nearest_meaning_is_found_without_a_common_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(animals())).unwrap();
    let report = fill(&path, &FillOptions::default()).unwrap();
    assert_eq!(report, FillReport { n_passages: 4, n_computed: 4 });
    let store = open(&path);
    assert_eq!(dense(&store, "vehicle").unwrap()[0], "a");
    assert_eq!(dense(&store, "feline").unwrap()[0], "b");
    // The default search has it as well, though no word is shared.
    let ranking = store.search(&Query::new("sea", 1)).unwrap();
    assert_eq!(ranking.hits[0].passage.document.as_str(), "c");
    assert!(store.search(&Query::lexical("sea", 1)).unwrap().hits.is_empty());
    assert_sound(&path);
}

#[test]
fn a_store_can_be_searched_before_it_has_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(animals())).unwrap();
    let store = open(&path);
    assert_eq!(store.search(&Query::new("kitten", 1)).unwrap().hits.len(), 1);
    assert_eq!(store.retrieval().unwrap().coverage, 0.0);
    let error = dense(&store, "vehicle").unwrap_err();
    assert!(matches!(error, IndexError::NoSuchPart { part: "vectors", .. }), "{error}");
    assert!(error.hint().unwrap().contains("sleuth index embed"), "{error}");
}

#[test]
fn what_did_not_change_keeps_its_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(animals())).unwrap();
    fill(&path, &FillOptions::default()).unwrap();
    let before = open(&path).retrieval().unwrap();
    assert_eq!(before.coverage, 1.0);
    let mut changed = animals();
    changed[1] = document("b", "Pets", "The cat eats.");
    changed.push(document("e", "", "A vehicle."));
    build(&path, &MemorySource::new(changed)).unwrap();
    // Until all have one again, the default search goes without, under another id.
    let between = open(&path).retrieval().unwrap();
    assert_eq!(between.coverage, 0.6);
    assert_ne!(between.id, before.id);
    assert_eq!(fill(&path, &FillOptions::default()).unwrap().n_computed, 2);
    assert_eq!(fill(&path, &FillOptions::default()).unwrap().n_computed, 0);
    assert_eq!(open(&path).retrieval().unwrap().id, before.id);
    assert_sound(&path);
}

#[test]
fn a_stop_keeps_what_was_computed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let documents: Vec<Document> =
        (0..50).map(|n| document(&format!("d{n:02}"), "", &format!("car number {n}"))).collect();
    build(&path, &MemorySource::new(documents)).unwrap();
    let options = FillOptions { part: 6, batch: 4, replace: false };
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() == 5
    };
    let error = fill_vectors(&path, &EMBEDDER, &options, &|_, _| (), &stop).unwrap_err();
    assert!(matches!(error, IndexError::Cancelled));
    assert_sound(&path);
    assert_eq!(fill(&path, &options).unwrap().n_computed, 30);
    // Many small parts have become one.
    let parts = fs_err::read_dir(path.join("vectors")).unwrap().count();
    assert!(parts <= 13, "{parts} files");
    assert_eq!(open(&path).retrieval().unwrap().coverage, 1.0);
}

#[test]
fn another_embedder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(animals())).unwrap();
    fill(&path, &FillOptions::default()).unwrap();
    let other = || Meanings { id: "meanings-2", dims: 8 };
    let error =
        fill_vectors(&path, &other(), &FillOptions::default(), &|_, _| (), &|| false).unwrap_err();
    expect!["the vectors of store `…` are of the embedder `meanings-1`, found `meanings-2`"]
        .assert_eq(&error.to_string().replace(&path.display().to_string(), "…"));
    assert!(error.hint().unwrap().contains("--replace"));
    let error = Store::open(&path).unwrap().with_embedder(Arc::new(other())).err().unwrap();
    assert!(matches!(error, IndexError::OtherEmbedder { .. }));
    // The same name with vectors of another length is another embedder, too.
    let longer = Meanings { id: "meanings-1", dims: 16 };
    assert!(Store::open(&path).unwrap().with_embedder(Arc::new(longer)).is_err());
    let options = FillOptions { replace: true, ..FillOptions::default() };
    let report = fill_vectors(&path, &other(), &options, &|_, _| (), &|| false).unwrap();
    assert_eq!(report.n_computed, 4);
    Store::open(&path).unwrap().with_embedder(Arc::new(other())).unwrap();
    assert_sound(&path);
}

/// An embedder that gives too few vectors, or of a wrong length.
struct Broken(usize, usize);

impl Embedder for Broken {
    fn id(&self) -> &str {
        "broken"
    }

    fn dims(&self) -> usize {
        8
    }

    fn embed(&self, _: &[&str]) -> Result<Vec<Vec<f32>>, SourceError> {
        Ok(vec![vec![0.5; self.1]; self.0])
    }
}

#[test]
fn an_embedder_that_breaks_its_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(animals())).unwrap();
    for broken in [Broken(3, 8), Broken(4, 7)] {
        let error = fill_vectors(&path, &broken, &FillOptions::default(), &|_, _| (), &|| false)
            .unwrap_err();
        assert!(error.to_string().contains("expected 4 vectors of 8 numbers"), "{error}");
    }
    // A query of a vector without a direction is near to nothing, and no error.
    fill(&path, &FillOptions::default()).unwrap();
    assert!(open(&path).search(&Query::new("", 3)).unwrap().hits.len() <= 3);
}

#[test]
fn damage_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(animals())).unwrap();
    fill(&path, &FillOptions::default()).unwrap();
    let part = path.join("vectors/part-1.bin");
    let whole = fs_err::read(&part).unwrap();
    let mut torn = whole.clone();
    torn[20] ^= 1;
    fs_err::write(&part, &torn).unwrap();
    assert_eq!(verify(&path).unwrap()[0].place, "vectors/part-1.bin");
    fs_err::write(&part, &whole[..whole.len() - 1]).unwrap();
    let error = open(&path).search(&Query::new("car", 1)).unwrap_err();
    assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
    fs_err::remove_file(&part).unwrap();
    assert!(open(&path).search(&Query::new("car", 1)).is_err());
    fs_err::write(path.join("vectors/parts.json"), "{").unwrap();
    assert!(Store::open(&path).unwrap().with_embedder(Arc::new(EMBEDDER)).is_err());
    // Without vectors the store is as good as ever.
    assert_eq!(Store::open(&path).unwrap().search(&Query::new("kitten", 1)).unwrap().hits.len(), 1);
    let options = FillOptions { replace: true, ..FillOptions::default() };
    assert_eq!(fill(&path, &options).unwrap().n_computed, 4);
    assert_sound(&path);
}

/// Numbers without meaning: enough of them to be compared by their signs first.
struct Noise;

fn noise(seed: &str) -> Vec<f32> {
    let seed = seed.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31) ^ u64::from(byte));
    let mut random = Random(seed);
    let vector: Vec<f32> = (0..64).map(|_| random.below(2001) as f32 - 1000.0).collect();
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

impl Embedder for Noise {
    fn id(&self) -> &str {
        "noise"
    }

    fn dims(&self) -> usize {
        64
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, SourceError> {
        Ok(texts.iter().map(|text| noise(text.trim())).collect())
    }
}

#[test]
fn of_very_many_passages_the_nearest_is_still_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    // One file of many documents: quicker to build than as many files.
    let documents: Vec<Document> =
        (0..51_000).map(|n| document(&format!("{n}"), "", &format!("t{n}"))).collect();
    let files = crate::support::Files([("all".to_owned(), documents)].into_iter().collect());
    build(&path, &files).unwrap();
    let options = FillOptions { part: 100_000, batch: 4096, replace: false };
    fill_vectors(&path, &Noise, &options, &|_, _| (), &|| false).unwrap();
    let store = Store::open(&path).unwrap().with_embedder(Arc::new(Noise)).unwrap();
    for n in (0..51_000).step_by(5_100) {
        assert_eq!(dense(&store, &format!("t{n}")).unwrap()[0], n.to_string());
    }
}
