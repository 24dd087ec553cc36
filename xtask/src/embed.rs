//! `bench embed`: what embedders are worth and what they cost; `make-embedder` makes the ones that are
//! compared.
//!
//! Dense retrieval is exact: the scalar product of the query's vector with that of every document
//! (title and text, of which the embedder reads the beginning). Fusion adds the scores of the first
//! 100 documents of BM25 and of dense retrieval, each brought to 0 … 1 over that hundred; its one
//! weight is chosen on the tuning queries. Vectors are kept below `target/bench/vectors`, as rows of
//! little-endian `f32` in the order of document ids, and taken from there the next time.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use sleuth_index::{Query, Retriever as _};
use sleuth_lm::{EmbedderOptions, TextEmbedder};

use crate::data;

/// Texts passed to the embedder at once.
const AT_ONCE: usize = 1024;
/// Times that each query is timed.
const REPEATS: usize = 3;
/// Documents of each ranking that take part in fusion.
const DEPTH: usize = 100;
const TUNING: [&str; 3] = ["hotpotqa_closed", "nq_closed", "squad_dev"];
const TEST: [&str; 6] =
    ["cranfield", "cacm", "medical_liveqa", "hotpotqa_100", "2wiki_101", "musique_100"];

/// A line of a corpus or of queries.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

/// Documents with scores, best first.
type Scored = Vec<(usize, f32)>;

/// Makes an embedder from another or from published files.
pub(crate) fn make(arguments: &[&str]) -> Result<()> {
    let begin = Instant::now();
    match arguments {
        ["static", model, dims, out] => {
            let embedder = TextEmbedder::open(Path::new(model), EmbedderOptions::default())?;
            embedder.distil(dims.parse()?, Path::new(out), &|| false)?;
        }
        ["minilm", weights, vocabulary, out] => {
            sleuth_lm::write_minilm(
                Path::new(weights),
                Path::new(vocabulary),
                false,
                Path::new(out),
            )?;
        }
        _ => bail!(
            "expected `static MODEL.gguf LENGTH OUT.gguf` or `minilm WEIGHTS VOCABULARY OUT.gguf`"
        ),
    }
    println!("{:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}

/// Compares the named model files. With `--vectors` only their vectors are made, of the stores named
/// after `--on`; with `--on` alone the others are left out.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let at = options.iter().position(|option| *option == "--on").unwrap_or(options.len());
    let (models, stores) = (&options[..at], options.get(at + 1..).unwrap_or_default());
    let only_vectors = models.contains(&"--vectors");
    let models: Vec<&Path> =
        models.iter().filter(|o| !o.starts_with("--")).map(|o| Path::new(*o)).collect();
    let wanted = |name: &&str| stores.is_empty() || stores.contains(name);
    let tuning: Vec<&str> = TUNING.into_iter().filter(wanted).collect();
    let test: Vec<&str> = TEST.into_iter().filter(wanted).collect();
    if only_vectors {
        for model in models {
            let embedder = TextEmbedder::open(model, EmbedderOptions { threads: 2 })?;
            for store in tuning.iter().chain(&test) {
                Vectors::of(&embedder, store)?;
                println!("{store}: done");
            }
        }
        return Ok(());
    }
    cost(&models)?;
    let load =
        |names: &[&str]| names.iter().map(|name| Judged::load(name)).collect::<Result<Vec<_>>>();
    let (tuning, test) = (load(&tuning)?, load(&test)?);
    println!("\n| nDCG@10 / R@5 | weight | {} | mean |", names(&test).join(" | "));
    println!("|---|---|{}---|", "---|".repeat(test.len()));
    row("BM25", "", test.iter().map(|store| store.scores(&|at| store.lexical[at].clone())));
    for model in models {
        let embedder = TextEmbedder::open(model, EmbedderOptions { threads: 2 })?;
        let name = model.file_stem().context("a file name")?.to_string_lossy().into_owned();
        let dense = |stores: &[Judged]| -> Result<Vec<Vec<Scored>>> {
            stores.iter().map(|store| store.dense(&Vectors::of(&embedder, &store.name)?)).collect()
        };
        let (on_tuning, on_test) = (dense(&tuning)?, dense(&test)?);
        row(
            &name,
            "",
            test.iter().zip(&on_test).map(|(store, dense)| store.scores(&|at| dense[at].clone())),
        );
        let weight = best_weight(&tuning, &on_tuning);
        row(
            &format!("{name} + BM25"),
            &format!("{weight:.2}"),
            test.iter().zip(&on_test).map(|(store, dense)| {
                store.scores(&|at| fuse(&store.lexical[at], &dense[at], weight))
            }),
        );
    }
    Ok(())
}

fn names(stores: &[Judged]) -> Vec<&str> {
    stores.iter().map(|store| store.name.as_str()).collect()
}

fn row(name: &str, weight: &str, scores: impl Iterator<Item = (f64, f64)>) {
    let scores: Vec<(f64, f64)> = scores.collect();
    let n = scores.len().max(1) as f64;
    let mean = (
        scores.iter().map(|score| score.0).sum::<f64>() / n,
        scores.iter().map(|score| score.1).sum::<f64>() / n,
    );
    let cells: Vec<String> = scores
        .iter()
        .chain([&mean])
        .map(|(ndcg, recall)| format!("{ndcg:.3} / {recall:.3}"))
        .collect();
    println!("| {name} | {weight} | {} |", cells.join(" | "));
}

/// A store with its judged queries and what BM25 finds for them; of a tuning store, its tuning
/// queries only.
struct Judged {
    name: String,
    /// Grades of documents by position, for each query.
    grades: Vec<HashMap<usize, i32>>,
    /// Positions of the queries in their file.
    queries: Vec<usize>,
    lexical: Vec<Scored>,
}

impl Judged {
    fn load(name: &str) -> Result<Self> {
        let set = data::load(name)?;
        let records = documents(name)?;
        let at: BTreeMap<&str, usize> =
            records.iter().enumerate().map(|(at, record)| (record.id.as_str(), at)).collect();
        let mut judged = Self {
            name: name.to_owned(),
            grades: Vec::new(),
            queries: Vec::new(),
            lexical: Vec::new(),
        };
        for (n, item) in set.items.iter().enumerate() {
            if TUNING.contains(&name) && !data::is_tuning(name, &item.id) {
                continue;
            }
            let Some(qrels) = set.qrels.get(&item.id) else { continue };
            let grades: HashMap<usize, i32> = qrels
                .iter()
                .filter(|(_, grade)| **grade > 0)
                .filter_map(|(id, grade)| Some((*at.get(id.as_str())?, *grade)))
                .collect();
            if grades.is_empty() {
                continue;
            }
            let ranking = set.store.search(&Query::new(&item.text, DEPTH))?;
            let hits = ranking
                .hits
                .iter()
                .filter_map(|hit| Some((*at.get(hit.passage.document.as_str())?, hit.score)));
            judged.lexical.push(hits.collect());
            judged.grades.push(grades);
            judged.queries.push(n);
        }
        Ok(judged)
    }

    /// The nearest documents of each query.
    fn dense(&self, vectors: &Vectors) -> Result<Vec<Scored>> {
        let rows: Vec<&[f32]> = vectors.documents.chunks_exact(vectors.dims).collect();
        self.queries
            .iter()
            .map(|&query| {
                let query = vectors
                    .queries
                    .get(query * vectors.dims..(query + 1) * vectors.dims)
                    .context("vectors of other queries")?;
                let mut scored: Scored = rows
                    .iter()
                    .map(|row| row.iter().zip(query).map(|(a, b)| a * b).sum())
                    .enumerate()
                    .collect();
                best_first(&mut scored);
                scored.truncate(DEPTH);
                Ok(scored)
            })
            .collect()
    }

    /// Mean nDCG@10 and R@5 of a ranking for each query.
    fn scores(&self, ranking: &dyn Fn(usize) -> Scored) -> (f64, f64) {
        let (mut ndcg, mut recall) = (0.0, 0.0);
        for (at, grades) in self.grades.iter().enumerate() {
            let ranking = ranking(at);
            let gain = |(rank, grade): (usize, i32)| f64::from(grade) / (rank as f64 + 2.0).log2();
            let found =
                ranking.iter().take(10).map(|(document, _)| *grades.get(document).unwrap_or(&0));
            let mut ideal: Vec<i32> = grades.values().copied().collect();
            ideal.sort_by(|a, b| b.cmp(a));
            ndcg += found.enumerate().map(gain).sum::<f64>()
                / ideal.into_iter().take(10).enumerate().map(gain).sum::<f64>();
            let top = ranking.iter().take(5).filter(|(document, _)| grades.contains_key(document));
            recall += top.count() as f64 / grades.len() as f64;
        }
        let n = self.grades.len().max(1) as f64;
        (ndcg / n, recall / n)
    }
}

fn best_first(scored: &mut Scored) {
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

/// Adds two rankings, the dense one with this weight.
fn fuse(lexical: &Scored, dense: &Scored, weight: f32) -> Scored {
    let mut sum: HashMap<usize, f32> = HashMap::new();
    for (ranking, weight) in [(lexical, 1.0 - weight), (dense, weight)] {
        let (Some(first), Some(last)) = (ranking.first(), ranking.last()) else { continue };
        let range = (first.1 - last.1).max(f32::MIN_POSITIVE);
        for (document, score) in ranking {
            *sum.entry(*document).or_default() += weight * (score - last.1) / range;
        }
    }
    let mut fused: Scored = sum.into_iter().collect();
    best_first(&mut fused);
    fused
}

/// The weight with the best nDCG@10, on average over the stores' tuning queries.
fn best_weight(stores: &[Judged], dense: &[Vec<Scored>]) -> f32 {
    let score = |weight: f32| -> f64 {
        let one = |(store, dense): (&Judged, &Vec<Scored>)| {
            store.scores(&|at| fuse(&store.lexical[at], &dense[at], weight)).0
        };
        stores.iter().zip(dense).map(one).sum()
    };
    let weights = (1..20).map(|step| step as f32 / 20.0);
    let scored: Vec<(f32, f64)> = weights.map(|weight| (weight, score(weight))).collect();
    let best = scored.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.total_cmp(&a.0)));
    best.map_or(0.5, |best| best.0)
}

/// The documents of a store by id.
fn documents(store: &str) -> Result<Vec<Record>> {
    let folder = data::folder()?.join("stores").join(store);
    let plain = folder.join("corpus.jsonl");
    let text = if plain.exists() {
        fs_err::read_to_string(plain)?
    } else {
        let file = fs_err::File::open(folder.join("corpus.jsonl.zst"))?;
        String::from_utf8(zstd::decode_all(file)?)?
    };
    let mut records = records(&text)?;
    records.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(records)
}

fn records(text: &str) -> Result<Vec<Record>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn texts(store: &str) -> Result<Vec<String>> {
    let text = |record: Record| format!("{}\n{}", record.title, record.text);
    Ok(documents(store)?.into_iter().map(text).collect())
}

/// The queries of a store, in the order of the file.
fn queries(store: &str) -> Result<Vec<String>> {
    let path = data::folder()?.join("stores").join(store).join("queries.jsonl");
    Ok(records(&fs_err::read_to_string(&path)?)?.into_iter().map(|record| record.text).collect())
}

/// The vectors of a store, one after the other.
struct Vectors {
    dims: usize,
    documents: Vec<f32>,
    queries: Vec<f32>,
}

impl Vectors {
    /// Takes the vectors from the cache, or makes them.
    fn of(embedder: &TextEmbedder, store: &str) -> Result<Self> {
        let name = embedder.path().file_stem().context("a file name")?.to_string_lossy();
        let dims = embedder.dims();
        let path = |kind: &str| cache().join(format!("{kind}{store}-{name}-{dims}.f32"));
        Ok(Self {
            dims,
            documents: cached(embedder, &path(""), &texts(store)?)?,
            queries: cached(embedder, &path("queries-"), &queries(store)?)?,
        })
    }
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/vectors")
}

fn cached(embedder: &TextEmbedder, path: &Path, texts: &[String]) -> Result<Vec<f32>> {
    let bytes = match fs_err::read(path) {
        Ok(bytes) if bytes.len() == texts.len() * embedder.dims() * 4 => bytes,
        Ok(_) | Err(_) => {
            fs_err::create_dir_all(cache())?;
            let mut bytes = Vec::new();
            for texts in texts.chunks(AT_ONCE) {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                for vector in embedder.embed(&texts, &|| false)? {
                    bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
                }
            }
            let partial = path.with_extension("partial");
            fs_err::write(&partial, &bytes)?;
            fs_err::rename(&partial, path)?;
            bytes
        }
    };
    let (numbers, _) = bytes.as_chunks::<4>();
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Prints what each model costs: a sample of `2wiki_101` is embedded.
fn cost(models: &[&Path]) -> Result<()> {
    let texts = texts("2wiki_101")?;
    let sample: Vec<&str> = texts.iter().step_by(15).map(String::as_str).collect();
    let queries = queries("2wiki_101")?;
    println!(
        "| model | MB on disk | MB resident | passages/s, 2 threads | passages/core-second | ms to open | ms a query, 1 thread, p50 | p99 |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for model in models {
        let before = resident_mb()?;
        let begin = Instant::now();
        let embedder = TextEmbedder::open(model, EmbedderOptions { threads: 2 })?;
        let opened = begin.elapsed().as_secs_f64();
        // Small models are done too soon to be timed once.
        let (begin, cpu) = (Instant::now(), cpu_seconds()?);
        let mut done = 0;
        while done == 0 || begin.elapsed().as_secs_f64() < 3.0 {
            done += embedder.embed(&sample, &|| false)?.len();
        }
        let (wall, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
        let resident = resident_mb()? - before;
        let mut times = Vec::new();
        for query in &queries {
            // The fastest counts, since what else a machine does is not ours.
            let mut best = f64::INFINITY;
            for _ in 0..REPEATS {
                let begin = Instant::now();
                embedder.embed_query(query)?;
                best = best.min(begin.elapsed().as_secs_f64() * 1e3);
            }
            times.push(best);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "| {} | {:.1} | {resident:.0} | {:.0} | {:.0} | {:.0} | {:.3} | {:.3} |",
            model.file_stem().context("a file name")?.to_string_lossy(),
            fs_err::metadata(model)?.len() as f64 / 1e6,
            done as f64 / wall,
            done as f64 / cpu,
            opened * 1e3,
            times[times.len() / 2],
            times[times.len() * 99 / 100],
        );
    }
    Ok(())
}

fn resident_mb() -> Result<f64> {
    let status = fs_err::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// Processor time of this process, from clock ticks of a hundredth of a second.
fn cpu_seconds() -> Result<f64> {
    let stat = fs_err::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(") ").next().context("no fields")?;
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("too short")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
