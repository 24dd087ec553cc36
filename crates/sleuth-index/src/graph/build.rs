//! Making the graph of a store.
//!
//! Two passes over the documents. The first gathers keys and names, and counts how often each word is
//! written small and capitalised, which tells a name at the head of a sentence from an ordinary word.
//! The second looks for the keys in every text.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use sleuth_records::{Document, DocumentId};

use super::file::{read_graph, write_graph};
use super::names::{is_telling, names, tokens};
use super::sections::{headings, without_number};
use super::topic::topic;
use super::{
    DocumentNumber, GatheredKeys, Graph, KeyTable, MOST_EDGES, MOST_NAMES, MOST_NAMESAKES,
    MOST_SHARING, Rows, hash, telling,
};
use crate::mentions::title_keys;
use crate::standing::{Gathered, Standing};
use crate::store::Store;
use crate::{IndexError, analyze, folded};

/// Strength of an edge that somebody wrote as a link.
const LINK: f32 = 0.5;
/// Weight of a heading as a key; no other key has it.
const SECTION: f32 = 0.45;
/// Most documents of a key that all get an edge, copies or not.
const FEW_NAMESAKES: usize = 4;
/// A word that is written small more often than this, for each time it is capitalised, is no name.
const SMALL_SHARE: f32 = 0.3;
/// Documents that a thread takes at once.
const CHUNK: usize = 64;

/// What [`build_graph`] made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GraphReport {
    /// Whether it had to be made: `false` where the snapshot had its graph already.
    pub made: bool,
    /// Edges from document to document.
    pub n_edges: usize,
    /// Names that join documents.
    pub n_names: usize,
}

/// Makes the graph of the store at `path` for its newest snapshot, where it has none yet. Searches that
/// open the store afterwards use it. `progress` is told how many of all documents have been gone
/// through, of both passes together.
///
/// # Errors
/// When the store cannot be read, its folder cannot be written, or another process is writing it.
/// [`IndexError::Cancelled`] when `cancel` says so; then nothing has changed.
pub fn build_graph(
    path: &Path,
    threads: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
    cancel: &(dyn Fn() -> bool + Sync),
) -> Result<GraphReport, IndexError> {
    let store = Store::open(path)?;
    if let Ok(Some(graph)) = read_graph(path, store.snapshot_id())
        && graph.manifest == store.payload().manifest_digest
    {
        return Ok(GraphReport {
            made: false,
            n_edges: graph.edges.items.len(),
            n_names: graph.name_weights.len(),
        });
    }
    let _lock = crate::sync::lock(path)?;
    let store = Store::open(path)?;
    let graph = Builder { store: &store, threads, progress, cancel }.graph()?;
    write_graph(path, &graph)?;
    Ok(GraphReport {
        made: true,
        n_edges: graph.edges.items.len(),
        n_names: graph.name_weights.len(),
    })
}

struct Builder<'a> {
    store: &'a Store,
    threads: usize,
    progress: &'a (dyn Fn(usize, usize) + Sync),
    cancel: &'a (dyn Fn() -> bool + Sync),
}

/// What the first pass finds.
#[derive(Default)]
struct Found {
    keys: Vec<(DocumentNumber, String, f32)>,
    names: Vec<(DocumentNumber, Vec<RawName>)>,
    /// By hash of the folded word: times it is written small and capitalised.
    cases: HashMap<u64, (u32, u32)>,
    /// Weights of names, by the hash of their keys.
    weights: HashMap<u64, f32>,
    rarities: HashMap<String, f32>,
    standing: Gathered,
}

/// A name as hashes: of its key, and for one that opens a sentence of its first word and of the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct RawName {
    key: u64,
    opening: Option<(u64, Option<u64>)>,
}

impl Builder<'_> {
    fn graph(&self) -> Result<Graph, IndexError> {
        let mut ids = self.store.all_documents()?;
        ids.sort_unstable();
        let n_documents = ids.len();
        let done = AtomicUsize::new(0);
        let found = self.pass(&ids, &done, Found::default, |found, number, document| {
            found.gather(self.store, number, document)
        })?;
        let mut found = found.into_iter().reduce(Found::merge).unwrap_or_default();
        let standing = std::mem::take(&mut found.standing).standing(n_documents);
        let mut keys = GatheredKeys::default();
        for (document, key, weight) in &found.keys {
            keys.insert(key, *document, *weight);
        }
        keys.documents.retain(|_, documents| {
            // A heading names a document only where nothing has that name by itself.
            if documents.iter().any(|(_, weight)| *weight != SECTION) {
                documents.retain(|(_, weight)| *weight != SECTION);
            }
            // What so many share names nobody; it is kept out of the file, too.
            standing.n_different(documents) <= MOST_NAMESAKES
        });
        let keys = keys.table();
        let sharing = found.sharing(n_documents, &keys, &standing);
        let seed = || (HashMap::new(), Vec::new());
        let edges = self.pass(&ids, &done, seed, |(rarities, out), number, document| {
            out.push((
                number,
                edges_of(self.store, rarities, (&keys, &standing), &ids, number, document)?,
            ));
            Ok(())
        })?;
        let mut edges: Vec<_> = edges.into_iter().flat_map(|(_, out)| out).collect();
        edges.sort_by_key(|(number, _)| *number);
        let mut back: Vec<Vec<DocumentNumber>> = vec![Vec::new(); n_documents];
        for (source, targets) in &edges {
            for (target, _) in targets {
                back[*target as usize].push(*source);
            }
        }
        Ok(Graph {
            snapshot: self.store.snapshot_id().to_owned(),
            manifest: self.store.payload().manifest_digest.clone(),
            n_documents,
            edges: Rows::from_lists(edges.into_iter().map(|(_, targets)| targets)),
            back: Rows::from_lists(back),
            keys,
            standing,
            ..sharing
        })
    }

    /// Goes through all documents on several threads; each thread has a state of its own.
    fn pass<S: Send>(
        &self,
        ids: &[DocumentId],
        done: &AtomicUsize,
        seed: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, DocumentNumber, &Document) -> Result<(), IndexError> + Sync,
    ) -> Result<Vec<S>, IndexError> {
        let next = AtomicUsize::new(0);
        let failure: Mutex<Option<IndexError>> = Mutex::new(None);
        let fail = |error| *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        let work = || {
            let mut state = seed();
            loop {
                let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                if from >= ids.len() {
                    return state;
                }
                if (self.cancel)() {
                    fail(IndexError::Cancelled);
                }
                let to = (from + CHUNK).min(ids.len());
                for (at, id) in ids.iter().enumerate().take(to).skip(from) {
                    let outcome =
                        self.store.read_uncached(id).and_then(|document| match document {
                            Some(document) => each(&mut state, at as DocumentNumber, &document),
                            None => Ok(()),
                        });
                    if let Err(error) = outcome {
                        fail(error);
                    }
                }
                if failure.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                    return state;
                }
                let so_far = done.fetch_add(to - from, Ordering::Relaxed) + to - from;
                (self.progress)(so_far, ids.len() * 2);
            }
        };
        let states = std::thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            let mut states = vec![work()];
            states.extend(others.into_iter().filter_map(|other| other.join().ok()));
            states
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(states),
        }
    }
}

impl Found {
    fn gather(
        &mut self,
        store: &Store,
        number: DocumentNumber,
        document: &Document,
    ) -> Result<(), IndexError> {
        let mut titled = title_keys(&document.title);
        titled.extend(title_keys(without_number(document.title.trim())));
        let mut keys: Vec<(String, f32)> = titled.into_iter().map(|key| (key, 1.0)).collect();
        if keys.is_empty() {
            keys = topic(&document.text);
        }
        let sections = headings(&document.text).into_iter().map(folded);
        // One word is too often meant as a word.
        keys.extend(sections.filter(|key| key.contains(' ')).map(|key| (key, SECTION)));
        self.keys.extend(keys.into_iter().map(|(key, weight)| (number, key, weight)));
        let cases = &mut self.cases;
        let words = tokens(&document.text).map(|token| {
            let word = hash(&folded(token.text));
            let first = token.text.chars().next();
            if first.is_some_and(char::is_alphabetic) {
                let counts = cases.entry(word).or_default();
                let small = first.is_some_and(char::is_lowercase);
                *(if small { &mut counts.0 } else { &mut counts.1 }) += 1;
            }
            word
        });
        self.standing.add(number, document, words);
        let mut own: HashSet<RawName> = HashSet::new();
        for name in names(&document.text) {
            self.weigh(store, &name.key)?;
            let opening = match &name.opening {
                None => None,
                Some((first, rest)) if is_telling(rest) => {
                    self.weigh(store, rest)?;
                    Some((hash(first), Some(hash(rest))))
                }
                Some((first, _)) => Some((hash(first), None)),
            };
            own.insert(RawName { key: hash(&name.key), opening });
        }
        self.names.push((number, own.into_iter().collect()));
        Ok(())
    }

    fn weigh(&mut self, store: &Store, key: &str) -> Result<(), IndexError> {
        let hashed = hash(key);
        if !self.weights.contains_key(&hashed) {
            let rarity = rarity(store, &mut self.rarities, key)?;
            self.weights.insert(hashed, telling(rarity, key, "A"));
        }
        Ok(())
    }

    fn merge(mut self, other: Self) -> Self {
        self.keys.extend(other.keys);
        self.names.extend(other.names);
        self.weights.extend(other.weights);
        self.standing.extend(other.standing);
        for (word, (small, capital)) in other.cases {
            let counts = self.cases.entry(word).or_default();
            counts.0 += small;
            counts.1 += capital;
        }
        self
    }

    /// The part of the graph that names make.
    fn sharing(&self, n_documents: usize, keys: &KeyTable, standing: &Standing) -> Graph {
        let is_small = |word: u64| {
            self.cases
                .get(&word)
                .is_some_and(|&(small, capital)| small as f32 > SMALL_SHARE * capital as f32)
        };
        let mut documents: HashMap<u64, Vec<DocumentNumber>> = HashMap::new();
        for (number, names) in &self.names {
            let resolved: HashSet<u64> = names
                .iter()
                .filter_map(|name| match name.opening {
                    Some((first, rest)) if is_small(first) => rest,
                    _ => Some(name.key),
                })
                .collect();
            for name in resolved {
                documents.entry(name).or_default().push(*number);
            }
        }
        let mut names: Vec<(u64, Vec<DocumentNumber>)> = documents
            .into_iter()
            .filter_map(|(name, mut documents)| {
                // Who is about the thing shares its name with those that speak of it.
                let about = keys.documents(name).into_iter().flatten();
                documents.extend(about.map(|(number, _)| *number));
                documents.sort_unstable();
                documents.dedup();
                let all = documents.clone();
                documents.retain(|document| {
                    let first = standing.first(*document);
                    first == *document || all.binary_search(&first).is_err()
                });
                (2..=MOST_SHARING).contains(&documents.len()).then_some((name, documents))
            })
            .collect();
        names.sort_by_key(|(name, _)| *name);
        let mut by_document: Vec<Vec<u32>> = vec![Vec::new(); n_documents];
        for (at, (_, documents)) in names.iter().enumerate() {
            for document in documents {
                by_document[*document as usize].push(at as u32);
            }
        }
        for own in &mut by_document {
            own.sort_by_key(|&at| (names[at as usize].1.len(), at));
            own.truncate(MOST_NAMES);
        }
        Graph {
            names: Rows::from_lists(by_document),
            name_weights: names
                .iter()
                .map(|(name, _)| self.weights.get(name).copied().unwrap_or(0.0))
                .collect(),
            sharing: Rows::from_lists(names.into_iter().map(|(_, documents)| documents)),
            ..Graph::default()
        }
    }
}

/// The edges from `document`: targets with strength, by target.
fn edges_of(
    store: &Store,
    rarities: &mut HashMap<String, f32>,
    (keys, standing): (&KeyTable, &Standing),
    ids: &[DocumentId],
    number: DocumentNumber,
    document: &Document,
) -> Result<Vec<(DocumentNumber, f32)>, IndexError> {
    let mut strengths: HashMap<DocumentNumber, f32> = HashMap::new();
    for named in keys.find(&document.text) {
        if named.documents.iter().any(|(target, _)| *target == number) {
            continue;
        }
        let rarity = rarity(store, rarities, &named.key)?;
        let surface = &document.text[named.range.clone()];
        let strength = telling(rarity, &named.key, surface)
            / (standing.n_different(named.documents) as f32).sqrt();
        for (target, weight) in named.documents {
            // Who names a thing names the original of what is about it: masses of copies would take the
            // place of other edges.
            if named.documents.len() > FEW_NAMESAKES && standing.first(*target) != *target {
                continue;
            }
            let known = strengths.entry(*target).or_default();
            *known = known.max(strength * named.weight(*weight));
        }
    }
    for link in &document.links {
        if let Ok(at) = ids.binary_search_by(|id| id.as_str().cmp(&link.target))
            && at as DocumentNumber != number
        {
            let known = strengths.entry(at as DocumentNumber).or_default();
            *known = known.max(LINK);
        }
    }
    let mut edges: Vec<(DocumentNumber, f32)> =
        strengths.into_iter().filter(|(_, strength)| *strength > 0.0).collect();
    edges.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    edges.truncate(MOST_EDGES);
    edges.sort_by_key(|(target, _)| *target);
    Ok(edges)
}

/// Sum of the rarities of the terms of `key`.
fn rarity(store: &Store, known: &mut HashMap<String, f32>, key: &str) -> Result<f32, IndexError> {
    let mut sum = 0.0;
    for term in analyze(key) {
        sum += match known.get(&term.text) {
            Some(rarity) => *rarity,
            None => {
                let rarity = store.idf_of(&term.text)?;
                known.insert(term.text, rarity);
                rarity
            }
        };
    }
    Ok(sum)
}
