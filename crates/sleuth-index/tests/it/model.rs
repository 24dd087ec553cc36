//! The store against a naive model, under seeded operations.
//!
//! The model keeps a list of passages and scores each with the formula of the documentation, in
//! double precision. Texts are made so that their terms and passages are plain: words with a digit,
//! which are not stemmed, in paragraphs of which one fits into a passage and two do not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use sleuth_index::{IndexError, Query, Retriever as _, Store, SyncOptions, sync, verify};
use sleuth_records::{Digest, Document, DocumentId, Random};

use crate::support::{Files, build, document};

#[derive(Clone, Debug)]
enum Op {
    /// Puts a document into a file, in place of that of its id there.
    Put {
        file: usize,
        document: Document,
    },
    RemoveDocument {
        file: usize,
        id: usize,
    },
    RemoveFile {
        file: usize,
    },
    Sync {
        commit_bytes: u64,
        threads: usize,
    },
    /// A sync that is cancelled after so many files, and then completed.
    CancelledSync {
        after: usize,
    },
    Search {
        query: Query,
    },
    Mentions {
        text: String,
    },
    Rarity {
        terms: Vec<String>,
    },
    /// Opens the store anew, and checks it and a fresh one against the model.
    Reopen,
}

fn word(random: &mut Random) -> String {
    // Few words are frequent and many are rare.
    let most = 1 + random.below(120);
    format!("w{}", random.below(most))
}

fn title(random: &mut Random) -> String {
    (0..random.below(4)).map(|_| format!("T{}", random.below(12))).collect::<Vec<_>>().join(" ")
}

fn paragraph(random: &mut Random, least: usize, most: usize) -> String {
    let target = least + random.below(most - least);
    let mut text = word(random);
    while text.len() < target {
        text.push_str([" ", ", ", ". ", " the "][random.below(4)]);
        text.push_str(&word(random));
    }
    text
}

fn random_document(random: &mut Random, id: usize) -> Document {
    let text = match random.below(8) {
        0 => String::new(),
        1..=5 => paragraph(random, 1, 400),
        _ => {
            let n = 2 + random.below(3);
            let all: Vec<String> = (0..n).map(|_| paragraph(random, 900, 1500)).collect();
            all.join("\n\n")
        }
    };
    document(&format!("id{id}"), &title(random), &text)
}

fn random_ops(seed: u64, n: usize) -> Vec<Op> {
    let mut random = Random(seed);
    let random = &mut random;
    (0..n)
        .map(|_| match random.below(20) {
            0..=6 => {
                let id = random.below(30);
                // Most ids live in one file; some come up in several.
                let file = if random.below(6) == 0 { random.below(10) } else { id % 10 };
                Op::Put { file, document: random_document(random, id) }
            }
            7 => {
                let id = random.below(30);
                Op::RemoveDocument { file: id % 10, id }
            }
            8 if random.below(3) == 0 => Op::RemoveFile { file: random.below(10) },
            9..=11 => Op::Sync {
                commit_bytes: [1, 2000, 1 << 30][random.below(3)],
                threads: 1 + random.below(3),
            },
            12 => Op::CancelledSync { after: random.below(8) },
            13 => Op::Mentions {
                text: format!("{} and {}. {}", title(random), title(random), title(random)),
            },
            14 => Op::Rarity { terms: (0..4).map(|_| word(random)).collect() },
            15 => Op::Reopen,
            _ => {
                let mut clauses = Vec::new();
                for _ in 0..1 + random.below(3) {
                    let words: Vec<String> =
                        (0..1 + random.below(4)).map(|_| word(random)).collect();
                    let text = format!("{} {}", words.join(" "), title(random));
                    clauses.push((text, [1.0, 0.5, 2.0][random.below(3)]));
                }
                let within = (random.below(4) == 0).then(|| {
                    (0..6).map(|_| DocumentId::new(format!("id{}", random.below(30)))).collect()
                });
                let (k, per_document) = (1 + random.below(25), 1 + random.below(3));
                Op::Search {
                    query: Query { clauses, within, per_document, ..Query::lexical("", k) },
                }
            }
        })
        .collect()
}

/// What a store is said to hold and to answer.
struct Model {
    documents: BTreeMap<String, Document>,
    passages: Vec<Naive>,
}

struct Naive {
    document: String,
    ordinal: u32,
    text: String,
    title: Vec<String>,
    body: Vec<String>,
}

fn terms(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !matches!(*word, "" | "the" | "and"))
        .map(str::to_lowercase)
        .collect()
}

fn count(terms: &[String], term: &str) -> f64 {
    terms.iter().filter(|other| *other == term).count() as f64
}

impl Model {
    fn of(files: &Files) -> Self {
        let mut documents = BTreeMap::new();
        // Files come in the order of their paths, and the first to have an id keeps it.
        for document in files.0.values().flatten() {
            documents.entry(document.id.as_str().to_owned()).or_insert_with(|| document.clone());
        }
        let mut passages = Vec::new();
        for (id, document) in &documents {
            let title = terms(&document.title);
            let mut texts: Vec<&str> =
                document.text.split("\n\n").filter(|text| !text.is_empty()).collect();
            if texts.is_empty() && !title.is_empty() {
                texts.push("");
            }
            for (ordinal, text) in texts.into_iter().enumerate() {
                passages.push(Naive {
                    document: id.clone(),
                    ordinal: ordinal as u32,
                    text: text.to_owned(),
                    title: title.clone(),
                    body: terms(text),
                });
            }
        }
        Self { documents, passages }
    }

    fn idf(&self, term: &str) -> f64 {
        let has = |p: &&Naive| count(&p.title, term) + count(&p.body, term) > 0.0;
        let (total, n) =
            (self.passages.len() as f64, self.passages.iter().filter(has).count() as f64);
        (1.0 + (total - n + 0.5) / (n + 0.5)).ln()
    }

    /// Scores of all passages that match, by document and ordinal.
    fn scores(&self, query: &Query) -> BTreeMap<(String, u32), f64> {
        let average = |length: fn(&Naive) -> usize| {
            let sum: usize = self.passages.iter().map(length).sum();
            (sum as f64 / self.passages.len() as f64).max(1.0)
        };
        let title_average = average(|passage| passage.title.len());
        let body_average = average(|passage| passage.body.len());
        let mut out = BTreeMap::new();
        for passage in &self.passages {
            if let Some(within) = &query.within
                && !within.iter().any(|id| id.as_str() == passage.document)
            {
                continue;
            }
            let mut score = 0.0;
            for (text, weight) in &query.clauses {
                for term in terms(text) {
                    let part = |words: &[String], b: f64, average: f64| {
                        count(words, &term) / (1.0 - b + b * words.len() as f64 / average)
                    };
                    let tf = 3.0 * part(&passage.title, 0.75, title_average)
                        + part(&passage.body, 0.4, body_average);
                    score += f64::from(*weight) * self.idf(&term) * tf / (0.9 + tf);
                }
            }
            if score > 0.0 {
                out.insert((passage.document.clone(), passage.ordinal), score);
            }
        }
        out
    }

    fn check_search(&self, store: &Store, query: &Query) -> Result<(), String> {
        let scores = self.scores(query);
        let hits = store.search(query).map_err(|error| error.to_string())?.hits;
        // The best of each document, and of those the best of all.
        let mut by_document: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for ((document, _), score) in &scores {
            by_document.entry(document).or_default().push(*score);
        }
        let mut best: Vec<f64> = Vec::new();
        for scores in by_document.values_mut() {
            scores.sort_by(|a, b| b.total_cmp(a));
            best.extend(scores.iter().take(query.per_document));
        }
        best.sort_by(|a, b| b.total_cmp(a));
        best.truncate(query.k);
        ensure(hits.len() == best.len(), || {
            format!("expected {} hits, found {}: {query:?}", best.len(), hits.len())
        })?;
        let mut seen = BTreeSet::new();
        for (at, (hit, expected)) in hits.iter().zip(&best).enumerate() {
            let passage = &hit.passage;
            let key = (passage.document.as_str().to_owned(), passage.id.0);
            let own = scores.get(&key).copied().unwrap_or_default();
            let close = |a: f64, b: f64| (a - b).abs() < 1e-4 * b.max(1.0);
            ensure(close(f64::from(hit.score), own) && close(own, *expected), || {
                format!("hit {at} {key:?}: expected {own} ({expected}), found {}", hit.score)
            })?;
            let naive = self
                .passages
                .iter()
                .find(|p| p.document == key.0 && p.ordinal == key.1)
                .ok_or_else(|| format!("no passage {key:?}"))?;
            let text = &self.documents[&key.0].text[passage.range.clone()];
            ensure(text == naive.text, || format!("passage {key:?} is {text:?}"))?;
            ensure(seen.insert(key.clone()), || format!("{key:?} came twice"))?;
        }
        let in_order = |a: &sleuth_records::Hit, b: &sleuth_records::Hit| {
            let names = (&a.passage.document, a.passage.id) < (&b.passage.document, b.passage.id);
            a.score > b.score || (a.score == b.score && names)
        };
        ensure(hits.windows(2).all(|pair| in_order(&pair[0], &pair[1])), || {
            format!("out of order: {hits:?}")
        })
    }

    fn check_mentions(&self, store: &Store, text: &str) -> Result<(), String> {
        let mut titles: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for (id, document) in &self.documents {
            titles.entry(terms(&document.title)).or_default().push(id);
        }
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let mut expected = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let longest =
                (at + 1..=words.len()).rev().find(|&end| titles.contains_key(&words[at..end]));
            if let Some(end) = longest {
                let key = words[at..end].join(" ");
                expected.push(format!("{key}: {:?}", titles[&words[at..end]]));
            }
            at = longest.unwrap_or(at + 1);
        }
        let found: Vec<String> = store
            .mentions(text)
            .map_err(|error| error.to_string())?
            .iter()
            .map(|mention| {
                let ids: Vec<&str> = mention.documents.iter().map(DocumentId::as_str).collect();
                format!("{}: {ids:?}", mention.key)
            })
            .collect();
        ensure(found == expected, || format!("in {text:?} expected {expected:?}, found {found:?}"))
    }

    fn check_rarity(&self, store: &Store, terms: &[String]) -> Result<(), String> {
        let found = store.rarity(terms).map_err(|error| error.to_string())?;
        for (term, found) in terms.iter().zip(found) {
            let expected = self.idf(term);
            ensure((f64::from(found) - expected).abs() < 1e-4, || {
                format!("rarity of `{term}`: expected {expected}, found {found}")
            })?;
        }
        Ok(())
    }

    fn check_documents(&self, store: &Store) -> Result<(), String> {
        for id in (0..30).map(|id| DocumentId::new(format!("id{id}"))) {
            let found = store.document(&id).map_err(|error| error.to_string())?;
            let expected = self.documents.get(id.as_str());
            ensure(found.as_deref() == expected, || format!("`{id}` is {found:?}"))?;
        }
        let info = store.info().map_err(|error| error.to_string())?;
        let mut digest = Digest::new();
        digest.field(info.analyzer.as_bytes()).field(info.splitter.as_bytes());
        for (id, document) in &self.documents {
            digest.field(id.as_bytes()).field(&document.content_hash().as_bytes()[..32]);
        }
        let expected = &digest.hex()[..32];
        ensure(store.snapshot() == expected, || format!("snapshot is {}", store.snapshot()))?;
        let counts = (self.documents.len() as u64, self.passages.len() as u64);
        ensure((info.n_documents, info.n_passages) == counts, || format!("{counts:?}: {info:?}"))
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn path_of(file: usize) -> String {
    format!("file{file}")
}

/// Runs `ops`; an error comes with the number of the operation that it came up in.
fn run(ops: &[Op]) -> Result<(), (usize, String)> {
    let dir = tempfile::tempdir().unwrap();
    let mut state = State {
        path: dir.path(),
        files: Files::default(),
        model: Model::of(&Files::default()),
        store: None,
    };
    ops.iter().enumerate().try_for_each(|(at, op)| state.apply(op).map_err(|error| (at, error)))
}

struct State<'a> {
    path: &'a Path,
    files: Files,
    /// As of the last sync.
    model: Model,
    store: Option<Store>,
}

impl State<'_> {
    fn sync(&mut self, options: &SyncOptions, after: Option<usize>) -> Result<(), String> {
        let n_asked = AtomicUsize::new(0);
        let cancel = || after.is_some_and(|n| n_asked.fetch_add(1, Ordering::Relaxed) >= n);
        match sync(self.path, &self.files, options, &|_| (), &cancel) {
            Ok(_) => {}
            Err(IndexError::Cancelled) if after.is_some() => {
                let problems = verify(self.path).map_err(|error| error.to_string())?;
                ensure(problems.is_empty(), || format!("after a cancel: {problems:?}"))?;
                build(self.path, &self.files).map_err(|error| error.to_string())?;
            }
            Err(error) => return Err(error.to_string()),
        }
        self.model = Model::of(&self.files);
        self.reopen()?;
        self.model.check_documents(self.store.as_ref().unwrap())
    }

    fn reopen(&mut self) -> Result<(), String> {
        self.store = Some(Store::open(self.path).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn apply(&mut self, op: &Op) -> Result<(), String> {
        match (op, &self.store) {
            (Op::Put { file, document }, _) => {
                let documents = self.files.0.entry(path_of(*file)).or_default();
                documents.retain(|other| other.id != document.id);
                documents.push(document.clone());
            }
            (Op::RemoveDocument { file, id }, _) => {
                if let Some(documents) = self.files.0.get_mut(&path_of(*file)) {
                    documents.retain(|other| other.id.as_str() != format!("id{id}"));
                }
            }
            (Op::RemoveFile { file }, _) => {
                self.files.0.remove(&path_of(*file));
            }
            (Op::Sync { commit_bytes, threads }, _) => {
                let (commit_bytes, threads) = (*commit_bytes, *threads);
                let options = SyncOptions { commit_bytes, threads, ..SyncOptions::default() };
                self.sync(&options, None)?;
            }
            (Op::CancelledSync { after }, _) => {
                let options = SyncOptions { threads: 1, ..SyncOptions::default() };
                self.sync(&options, Some(*after))?;
            }
            (_, None) => {}
            (Op::Search { query }, Some(store)) => self.model.check_search(store, query)?,
            (Op::Mentions { text }, Some(store)) => self.model.check_mentions(store, text)?,
            (Op::Rarity { terms }, Some(store)) => self.model.check_rarity(store, terms)?,
            (Op::Reopen, Some(_)) => {
                self.reopen()?;
                self.check_against_fresh()?;
            }
        }
        Ok(())
    }

    /// A store built in one go answers the same, to the last bit.
    fn check_against_fresh(&mut self) -> Result<(), String> {
        let problems = verify(self.path).map_err(|error| error.to_string())?;
        ensure(problems.is_empty(), || format!("{problems:?}"))?;
        self.sync(&SyncOptions::default(), None)?;
        let dir = tempfile::tempdir().unwrap();
        build(dir.path(), &self.files).map_err(|error| error.to_string())?;
        let fresh = Store::open(dir.path()).map_err(|error| error.to_string())?;
        let store = self.store.as_ref().unwrap();
        ensure(store.snapshot() == fresh.snapshot(), || "another snapshot".to_owned())?;
        let queries = ["w0 w1", "w3 t1 w9 w30", "t0 t1 t2 t3"];
        for query in queries.map(|text| Query { per_document: 9, ..Query::lexical(text, 500) }) {
            let [old, new] = [store, &fresh].map(|store| store.search(&query).unwrap());
            ensure(old == new, || format!("{query:?}: {old:?} and fresh {new:?}"))?;
        }
        Ok(())
    }
}

/// Leaves out operations as long as it still fails.
fn shrink(mut ops: Vec<Op>) -> Vec<Op> {
    let mut chunk = ops.len().div_ceil(2);
    let mut runs = 0;
    loop {
        let mut start = 0;
        while start < ops.len() && runs < 300 {
            let mut fewer = ops.clone();
            fewer.drain(start..(start + chunk).min(ops.len()));
            runs += 1;
            match run(&fewer) {
                Err((at, _)) => {
                    fewer.truncate(at + 1);
                    ops = fewer;
                }
                Ok(()) => start += chunk,
            }
        }
        if chunk == 1 || runs >= 300 {
            return ops;
        }
        chunk = chunk.div_ceil(2);
    }
}

fn check(seed: u64, n: usize) {
    let mut ops = random_ops(seed, n);
    let Err((at, error)) = run(&ops) else { return };
    ops.truncate(at + 1);
    let ops = shrink(ops);
    let last = run(&ops).err();
    panic!("seed {seed}, operation {at}: {error}\nsmallest: {ops:#?}\nwhich gives: {last:?}");
}

#[test]
fn the_store_answers_as_the_model_does_1() {
    check(1, 150);
}

#[test]
fn the_store_answers_as_the_model_does_2() {
    check(2, 150);
}

#[test]
fn the_store_answers_as_the_model_does_3() {
    check(3, 150);
}

#[test]
fn the_store_answers_as_the_model_does_4() {
    check(4, 150);
}
