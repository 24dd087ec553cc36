//! On real documents, what explanations say adds up to the score of each hit.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use sleuth_index::{
    Along, Basis, Embedder, FillOptions, Parts, Passed, Query, Retriever as _, SourceError, Store,
    VectorPart, build_graph, fill_vectors, words,
};
use sleuth_testkit::{SharedData, TinyStore};

const STORE: &str = "hotpotqa_100";

/// Words by their hashes: near is what has many words in common.
struct Hashes;

const DIMS: usize = 64;

impl Embedder for Hashes {
    fn id(&self) -> &str {
        "hashes-1"
    }

    fn dims(&self) -> usize {
        DIMS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, SourceError> {
        let vector = |text: &&str| {
            let mut vector = vec![0.0f32; DIMS];
            for word in words(text) {
                let mut hasher = DefaultHasher::new();
                word.text.hash(&mut hasher);
                let hash = hasher.finish();
                vector[hash as usize % DIMS] += if hash >> 63 == 0 { 1.0 } else { -1.0 };
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::EPSILON);
            vector.iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// What the explanations were seen to hold.
#[derive(Debug, Default)]
struct Seen {
    hits: usize,
    near: usize,
    named: usize,
    held_back: usize,
    named_along: usize,
    named_back: usize,
    shared: usize,
    two_steps: usize,
    /// Ways along words that were not found again.
    without_words: usize,
}

impl Seen {
    fn way(&mut self, passed: &Passed) {
        match &passed.along {
            Along::Names { words } => {
                self.named_along += 1;
                self.without_words += usize::from(words.is_none());
            }
            // The words are missing where it links to the source.
            Along::NamedBy { .. } => self.named_back += 1,
            Along::Links { .. } => {}
            Along::Shares { name } => {
                self.shared += 1;
                self.without_words += usize::from(name.is_none());
            }
        }
        self.two_steps += passed.from.len();
        passed.from.iter().for_each(|from| self.way(from));
    }
}

fn look(store: &Store, query: &Query, seen: &mut Seen) {
    let explained = store.explain(query).unwrap();
    assert_eq!(explained.ranking, store.search(query).unwrap(), "{query:?}");
    assert_eq!(explained.explanations.len(), explained.ranking.hits.len(), "{query:?}");
    for (hit, explanation) in explained.ranking.hits.iter().zip(&explained.explanations) {
        assert_ne!(explanation.basis, Basis::Listing);
        let sum = explanation.sum();
        assert!(
            (sum - hit.score).abs() <= 1e-4 * hit.score.max(1.0),
            "{query:?}: {sum} for {hit:?}, {explanation:#?}"
        );
        seen.hits += 1;
        seen.near += usize::from(matches!(explanation.vector, VectorPart::Near(_)));
        seen.named += explanation.named.len();
        seen.held_back += explanation.terms.iter().filter(|term| term.part_of.is_some()).count();
        explanation.passed.iter().for_each(|passed| seen.way(passed));
    }
}

#[test]
fn shares_add_up_on_real_documents() {
    let data = SharedData::find();
    let found = data.and_then(|data| Some((data.documents(STORE)?, data.questions(STORE)?)));
    let Some((documents, questions)) = found else {
        println!("skipped: no store `{STORE}` in the measurement data");
        return;
    };
    let tiny = TinyStore::of(documents);
    let path = tiny.store().path();
    build_graph(path, 2, &|_, _| (), &|| false).unwrap();
    fill_vectors(path, &Hashes, &FillOptions::default(), &|_, _| (), &|| false).unwrap();
    let store = Store::open(path).unwrap().with_embedder(Arc::new(Hashes)).unwrap();
    let mut seen = Seen::default();
    for question in &questions {
        for parts in [Parts::ALL, Parts::ASSOCIATIVE, Parts::LEXICAL, Parts::DENSE] {
            look(&store, &Query { parts, ..Query::new(&question.text, 10) }, &mut seen);
        }
    }
    println!("{seen:?}");
    let Seen {
        hits,
        near,
        named,
        held_back,
        named_along,
        named_back,
        shared,
        two_steps,
        without_words,
    } = seen;
    assert!(hits > 3000 && near > 1500 && named > 100 && held_back > 100, "{hits} {near} {named}");
    assert!(
        named_along > 500 && named_back > 0 && shared > 500 && two_steps > 50,
        "{named_along} {named_back} {shared} {two_steps}"
    );
    assert_eq!(without_words, 0);
}
