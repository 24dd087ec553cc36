//! The measurement data: stores with questions, answers and judgements.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use sleuth_agent::{AgentError, AskOptions, Outcome, Policy, Surroundings, SystemClock, ask};
use sleuth_cli::ingest::CorpusSource;
use sleuth_cli::vectors::InstalledEmbedder;
use sleuth_index::{
    DocumentSource, FillOptions, Retriever, SourceError, Store, SyncOptions, build_graph,
    fill_vectors, sync,
};
use sleuth_records::{
    Budget, Document, Qrels, Question, Skipped, SourceFile, TrajectoryWriter, sha256_hex,
};

/// A question with what is known of its answer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Item {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) answers: Vec<String>,
}

/// A store of the measurement data, with its questions.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) store: Store,
    pub(crate) items: Vec<Item>,
    pub(crate) qrels: Qrels,
}

/// Folder of the measurement data: `../shared/data` beside the repository.
pub(crate) fn folder() -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !path.is_dir() {
        bail!("no measurement data at `{}`", path.display());
    }
    Ok(path)
}

/// Whether a question may be tuned on: those of three stores whose hash says so; see the README.
pub(crate) fn is_tuning(store: &str, id: &str) -> bool {
    let hash = sha256_hex(id.as_bytes());
    // The hash as one number modulo five: 16 is 1 modulo 5, so its hexadecimal digits add up.
    let digits: u32 = hash.chars().filter_map(|c| c.to_digit(16)).sum();
    matches!(store, "hotpotqa_closed" | "nq_closed" | "squad_dev") && digits.is_multiple_of(5)
}

/// Folder of what measurements build and fetch.
pub(crate) fn bench_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench")
}

/// The name of what [`together`] gathers.
const TOGETHER: &str = "together";

/// The documents and questions of the store called `name`, as files.
pub(crate) fn source(name: &str) -> Result<PathBuf> {
    if name == TOGETHER { together() } else { Ok(folder()?.join("stores").join(name)) }
}

/// All stores as one, for what shows in a larger store alone. Without judgements: ids are those of the stores, each
/// behind the name of its store.
fn together() -> Result<PathBuf> {
    let out = bench_folder().join("sources").join(TOGETHER);
    let (corpus, queries, qrels) =
        (out.join("corpus.jsonl"), out.join("queries.jsonl"), out.join("qrels.tsv"));
    if qrels.exists() {
        return Ok(out);
    }
    fs_err::create_dir_all(&out)?;
    let (mut documents, mut questions) = (String::new(), String::new());
    let mut stores: Vec<PathBuf> = fs_err::read_dir(folder()?.join("stores"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    stores.sort();
    for store in stores {
        let name = store.file_name().context("no name")?.to_string_lossy();
        let add = |out: &mut String, lines: &str| -> Result<()> {
            for line in lines.lines().filter(|line| !line.trim().is_empty()) {
                let mut record: Value = serde_json::from_str(line)?;
                let id = record["_id"].as_str().context("no _id")?;
                record["_id"] = format!("{name}/{id}").into();
                out.push_str(&record.to_string());
                out.push('\n');
            }
            Ok(())
        };
        let packed = store.join("corpus.jsonl.zst");
        let lines = match packed.exists() {
            true => String::from_utf8(zstd::decode_all(fs_err::File::open(packed)?)?)?,
            false => fs_err::read_to_string(store.join("corpus.jsonl"))?,
        };
        add(&mut documents, &lines)?;
        add(&mut questions, &fs_err::read_to_string(store.join("queries.jsonl"))?)?;
    }
    fs_err::write(corpus, documents)?;
    fs_err::write(queries, questions)?;
    fs_err::write(qrels, "query-id\tcorpus-id\tscore\n")?;
    Ok(out)
}

/// Builds or updates the store called `name` below `target/bench` and loads its questions.
pub(crate) fn load(name: &str) -> Result<Set> {
    let path = bench_folder().join("stores").join(name);
    let (set, _) = load_into(name, &path, Titles::Kept)?;
    build_graph(&path, SyncOptions::default().threads, &|_, _| (), &|| false)?;
    Ok(Set { store: Store::open(&path)?, ..set })
}

/// Builds the store called `name` from nothing, and loads its questions; with the seconds until it
/// could be searched.
pub(crate) fn load_anew(name: &str, titles: Titles) -> Result<(Set, f64)> {
    let path = bench_folder().join(match titles {
        Titles::Kept => "anew",
        Titles::Removed => "untitled",
    });
    let path = path.join(name);
    if path.exists() {
        // Vectors take minutes, and stay good for what did not change.
        let kept = path.with_extension("vectors");
        if path.join("vectors").is_dir() {
            if kept.exists() {
                fs_err::remove_dir_all(&kept)?;
            }
            fs_err::rename(path.join("vectors"), &kept)?;
        }
        fs_err::remove_dir_all(&path)?;
    }
    load_into(name, &path, titles)
}

/// Whether documents are indexed with their titles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Titles {
    Kept,
    Removed,
}

/// Gives the store at `path` its vectors, those of a former one where they still fit, and opens it.
pub(crate) fn with_vectors(path: &Path, models: &Path) -> Result<Store> {
    let embedder = InstalledEmbedder::find(models)?
        .with_context(|| format!("no embedder in `{}`", models.display()))?;
    let kept = path.with_extension("vectors");
    if kept.is_dir() {
        fs_err::rename(&kept, path.join("vectors"))?;
    }
    let told = |filled: usize, all: usize| {
        if filled.is_multiple_of(1024) {
            eprintln!("{filled} of {all} passages have a vector");
        }
    };
    // Vectors kept from an embedder of another id are of no use here.
    let options = FillOptions { replace: true, ..FillOptions::default() };
    fill_vectors(path, &embedder, &options, &told, &|| false)?;
    Ok(Store::open(path)?.with_embedder(Arc::new(embedder))?)
}

/// Documents without their titles.
struct Untitled(CorpusSource);

impl DocumentSource for Untitled {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        self.0.list()
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        self.0.read(file, &mut |document| each(Document { title: String::new(), ..document }))
    }
}

/// The set, and the seconds until its store could be searched.
fn load_into(name: &str, path: &Path, titles: Titles) -> Result<(Set, f64)> {
    let source_folder = source(name)?;
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    let begin = Instant::now();
    let source = CorpusSource::open(&source_folder)?;
    let source: Box<dyn DocumentSource> = match titles {
        Titles::Kept => Box::new(source),
        Titles::Removed => Box::new(Untitled(source)),
    };
    let options = SyncOptions { name: name.to_owned(), ..SyncOptions::default() };
    sync(path, source.as_ref(), &options, &|_| (), &|| false)
        .with_context(|| format!("building the store of `{name}`"))?;
    let store = Store::open(path)?;
    let seconds = begin.elapsed().as_secs_f64();
    let queries = fs_err::read_to_string(source_folder.join("queries.jsonl"))?;
    let items = queries
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let qrels = sleuth_records::read_qrels(&source_folder.join("qrels.tsv"))?;
    Ok((Set { name: name.to_owned(), store, items, qrels }, seconds))
}

/// The SQuAD normalisation: lower case, no punctuation, no articles, single spaces.
pub(crate) fn normalise_answer(text: &str) -> String {
    let lower: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    lower
        .split_whitespace()
        .filter(|word| !matches!(*word, "a" | "an" | "the"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Exact match and F1 of `answer`, each the best over the gold answers.
pub(crate) fn exact_and_f1(answer: &str, gold: &[String]) -> (f64, f64) {
    let answer = normalise_answer(answer);
    let mut best = (0.0f64, 0.0f64);
    for gold in gold {
        let gold = normalise_answer(gold);
        let exact = f64::from(u8::from(answer == gold));
        best = (best.0.max(exact), best.1.max(f1(&answer, &gold)));
    }
    best
}

fn f1(answer: &str, gold: &str) -> f64 {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for word in gold.split(' ').filter(|word| !word.is_empty()) {
        *counts.entry(word).or_default() += 1;
    }
    let words: Vec<&str> = answer.split(' ').filter(|word| !word.is_empty()).collect();
    let n_gold: i32 = counts.values().sum();
    if words.is_empty() || n_gold == 0 {
        return f64::from(u8::from(answer == gold));
    }
    let mut common = 0.0;
    for word in &words {
        if let Some(left) = counts.get_mut(word)
            && *left > 0
        {
            *left -= 1;
            common += 1.0;
        }
    }
    if common == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (common / words.len() as f64, common / f64::from(n_gold));
    2.0 * precision * recall / (precision + recall)
}

/// Asks without a log or an interrupt. With `SHOW` in the environment, events go to standard error.
pub(crate) fn ask_quietly(
    question: &Question,
    policy: &mut dyn Policy,
    store: &dyn Retriever,
    options: &AskOptions,
) -> Result<Outcome, AgentError> {
    #[expect(clippy::disallowed_methods, reason = "xtask is a command-line tool, too")]
    let show = std::env::var_os("SHOW").is_some();
    ask(
        question,
        policy,
        options,
        Surroundings {
            retriever: store,
            clock: &SystemClock,
            interrupted: &|| false,
            cancel: &|| false,
            log: &mut TrajectoryWriter::to(Box::new(std::io::sink())),
            on_event: &mut |envelope| {
                if show {
                    eprintln!("{}", serde_json::to_string(envelope).unwrap_or_default());
                }
            },
        },
    )
}

/// The budget of `--effort normal`.
pub(crate) fn normal() -> AskOptions {
    let budget = Budget {
        searches: Some(16),
        pages: Some(16),
        turns: Some(24),
        tokens: None,
        seconds: None,
        dollars: None,
    };
    AskOptions { budget, seed: 0 }
}
