//! `bench retrieval`: our search against that of others over the same files, and how fast it is.
//!
//! Every system ranks 100 documents for each judged query; measures, means and significance are
//! those of `sleuth-eval`, ties broken the same way for all. The store is built anew, so that its
//! time is measured; latency is that of ten hits, in process, on one thread, the best of three.

mod peers;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use serde::Deserialize;
use sleuth_eval::{Comparison, Evaluation, Measure, Resampling, compare, evaluate};
use sleuth_index::{Parts, Query, Retriever as _, Store, SyncOptions, build_graph};
use sleuth_records::{Qrels, RankedQuery, Run};

use crate::data::{self, Item, Titles};
use peers::Peers;

const STORES: [&str; 9] = [
    "hotpotqa_100",
    "musique_100",
    "2wiki_101",
    "hotpotqa_closed",
    "nq_closed",
    "squad_dev",
    "cranfield",
    "cacm",
    "medical_liveqa",
];
/// Documents that each system ranks for a query.
const DEPTH: usize = 100;
/// Hits of the searches that are timed.
const HITS: usize = 10;
/// Queries of a store that are timed, at most, spread over its file.
const TIMED: usize = 1000;
/// Searches for each timed query; the fastest counts, since what else a machine does is not ours.
const REPEATS: usize = 3;
const FLAGS: [&str; 4] = ["--no-peers", "--tuning", "--held-out", "--untitled"];
const MODELS: &str = "--models=";
const MEASURES: [Measure; 3] = [Measure::Ndcg(10), Measure::Recall(5), Measure::All(10)];
/// A way to search that the tables have a column for.
struct Own {
    name: &'static str,
    query: fn(&str, usize) -> Query,
}

const OWN: [Own; 3] = [
    Own {
        name: "lexical",
        query: |text, k| Query { parts: Parts::LEXICAL, ..Query::new(text, k) },
    },
    Own {
        name: "words + graph",
        query: |text, k| Query { parts: Parts::ASSOCIATIVE, ..Query::new(text, k) },
    },
    Own { name: "default", query: |text, k| Query::new(text, k) },
];
/// Others, as `peers.rs` names them.
const OTHERS: [&str; 2] = ["bm25s", "Anserini"];

/// Two systems that are compared by query.
struct Pair {
    own: &'static str,
    other: &'static str,
    /// How far below the other's nDCG@10 ours may be on a store.
    slack: f64,
}

const PAIRS: [Pair; 3] = [
    Pair { own: "lexical", other: "bm25s", slack: 0.003 },
    Pair { own: "lexical", other: "Anserini", slack: 0.003 },
    Pair { own: "default", other: "bm25s", slack: 0.005 },
];

/// What was measured over one store.
struct Row {
    store: String,
    n_queries: usize,
    /// By the name of the system; a system that could not be measured is absent.
    evaluations: HashMap<&'static str, Evaluation>,
    speed: Speed,
}

struct Speed {
    documents: u64,
    passages: u64,
    /// Until it could be searched.
    seconds: f64,
    /// Until it had its graph, too.
    graph_seconds: f64,
    mib: f64,
    /// Milliseconds of each timed search, rising.
    milliseconds: Vec<f64>,
}

/// Measures the stores named in `options`, all by default. `--no-peers` leaves the others out;
/// `--tuning` takes only the queries that may be tuned on, `--held-out` only the rest. `--untitled`
/// removes the titles from the documents. With `--models=FOLDER` the stores get vectors from the
/// embedder there, which takes many minutes the first time; without, the default search has none.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let (flags, named): (Vec<&str>, Vec<&str>) =
        options.iter().partition(|option| option.starts_with("--"));
    if let Some(unknown) =
        flags.iter().find(|flag| !FLAGS.contains(flag) && !flag.starts_with(MODELS))
    {
        bail!("unknown option `{unknown}`: expected {}, {MODELS}FOLDER", FLAGS.join(", "));
    }
    let models = flags.iter().find_map(|flag| flag.strip_prefix(MODELS)).map(Path::new);
    let titles = if flags.contains(&"--untitled") { Titles::Removed } else { Titles::Kept };
    let only = match (flags.contains(&"--tuning"), flags.contains(&"--held-out")) {
        (true, true) => bail!("`--tuning` and `--held-out` leave nothing"),
        (false, false) => None,
        (tuning, _) => Some(tuning),
    };
    let stores = if named.is_empty() { STORES.to_vec() } else { named };
    let mut peers = if flags.contains(&"--no-peers") { Peers::none() } else { Peers::prepare()? };
    let mut rows = Vec::new();
    let mut largest: Option<(u64, String, Store)> = None;
    for name in stores {
        eprintln!("{name}");
        let (set, seconds) = data::load_anew(name, titles)?;
        let begin = Instant::now();
        build_graph(set.store.path(), SyncOptions::default().threads, &|_, _| (), &|| false)?;
        let graph_seconds = seconds + begin.elapsed().as_secs_f64();
        // Opened before there was a graph, it would search without one.
        let store = match models {
            Some(models) => data::with_vectors(set.store.path(), models)?,
            None => Store::open(set.store.path())?,
        };
        let items: Vec<&Item> = set
            .items
            .iter()
            .filter(|item| only.is_none_or(|tuning| data::is_tuning(name, &item.id) == tuning))
            .collect();
        let qrels: Qrels = items
            .iter()
            .filter_map(|item| Some((item.id.clone(), set.qrels.get(&item.id)?.clone())))
            .collect();
        if qrels.is_empty() {
            eprintln!("{name}: no such queries");
            continue;
        }
        let evaluations = evaluations(&mut peers, name, &store, &items, &qrels)?;
        let info = store.info()?;
        let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
        rows.push(Row {
            store: name.to_owned(),
            n_queries: evaluations.get(OWN[0].name).map_or(0, |e| e.queries.len()),
            evaluations,
            speed: Speed {
                documents: info.n_documents,
                passages: info.n_passages,
                seconds,
                graph_seconds,
                mib: info.bytes as f64 / f64::from(1 << 20),
                milliseconds: latencies(&store, &texts)?,
            },
        });
        if largest.as_ref().is_none_or(|(most, ..)| info.n_passages > *most) {
            largest = Some((info.n_passages, name.to_owned(), store));
        }
    }
    print!("{}", effectiveness(&rows));
    print!("{}", recall(&rows));
    print!("{}", speed(&rows, largest.as_ref().map(|(_, name, store)| (name.as_str(), store)))?);
    for note in &peers.notes {
        println!("{note}");
    }
    Ok(())
}

/// What every system is worth over the store `name`.
fn evaluations(
    peers: &mut Peers,
    name: &str,
    store: &Store,
    items: &[&Item],
    qrels: &Qrels,
) -> Result<HashMap<&'static str, Evaluation>> {
    let mut evaluations = HashMap::new();
    for own in &OWN {
        let mut run = Run { tag: own.name.to_owned(), rankings: Vec::new() };
        for item in items.iter().filter(|item| qrels.contains_key(&item.id)) {
            let hits = store.search(&(own.query)(&item.text, DEPTH))?.hits;
            let documents = hits.into_iter().map(|hit| (hit.passage.document, hit.score)).collect();
            run.rankings.push(RankedQuery { query: item.id.clone(), documents });
        }
        evaluations.insert(own.name, evaluate(qrels, &run, &MEASURES)?);
    }
    for (peer, run) in peers.runs(name, items, qrels, DEPTH)? {
        evaluations.insert(peer, evaluate(qrels, &run, &MEASURES)?);
    }
    Ok(evaluations)
}

/// Milliseconds of the default search, rising.
fn latencies(store: &Store, texts: &[&str]) -> Result<Vec<f64>> {
    let mut out = Vec::new();
    for text in texts.iter().step_by(texts.len().div_ceil(TIMED).max(1)) {
        let query = Query::new(*text, HITS);
        let mut fastest = f64::INFINITY;
        for _ in 0..REPEATS {
            let begin = Instant::now();
            store.search(&query)?;
            fastest = fastest.min(begin.elapsed().as_secs_f64() * 1e3);
        }
        out.push(fastest);
    }
    out.sort_by(f64::total_cmp);
    Ok(out)
}

fn quantile(rising: &[f64], q: f64) -> f64 {
    let at = (rising.len() as f64 * q).ceil() as usize;
    rising.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// All systems in the order of the columns.
fn systems() -> Vec<&'static str> {
    OWN.iter().map(|own| own.name).chain(OTHERS).collect()
}

/// The mean of `measure` over the rows that have `system`; absent unless all have it.
fn mean_of(rows: &[Row], system: &str, measure: Measure) -> Option<f64> {
    let values: Option<Vec<f64>> =
        rows.iter().map(|row| row.evaluations.get(system)?.mean(measure)).collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

fn head(out: &mut String, columns: &[String]) {
    let _ = writeln!(out, "| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

fn line(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// nDCG@10 of all systems, with the differences of [`PAIRS`].
fn effectiveness(rows: &[Row]) -> String {
    let measure = Measure::Ndcg(10);
    let mut out = String::new();
    let mut columns = vec!["nDCG@10".to_owned(), "queries".to_owned()];
    columns.extend(systems().into_iter().map(str::to_owned));
    for Pair { own, other, .. } in &PAIRS {
        columns.extend([format!("{own} − {other}"), "p".to_owned(), "wins/ties/losses".to_owned()]);
    }
    head(&mut out, &columns);
    let mut low = Vec::new();
    for row in rows {
        let mut cells = vec![row.store.clone(), row.n_queries.to_string()];
        let of = |system: &str| row.evaluations.get(system);
        cells.extend(systems().iter().map(|system| cell(of(system).and_then(|e| e.mean(measure)))));
        for Pair { own, other, slack } in &PAIRS {
            let Some(c) = of(own).zip(of(other)).and_then(|(a, b)| difference(b, a, measure))
            else {
                cells.extend(["–", "–", "–"].map(str::to_owned));
                continue;
            };
            if c.difference < -slack {
                low.push(format!("{own} below {other} on {}: {:.4}", row.store, c.difference));
            }
            let counts = format!("{}/{}/{}", c.wins, c.ties, c.losses);
            cells.extend([format!("{:+.4}", c.difference), format!("{:.4}", c.p), counts]);
        }
        line(&mut out, &cells);
    }
    let mut cells = vec!["mean of stores".to_owned(), String::new()];
    cells.extend(systems().iter().map(|system| cell(mean_of(rows, system, measure))));
    for Pair { own, other, .. } in &PAIRS {
        let both = mean_of(rows, own, measure).zip(mean_of(rows, other, measure));
        let shown = both.map_or_else(|| "–".to_owned(), |(a, b)| format!("{:+.4}", a - b));
        cells.extend([shown, String::new(), String::new()]);
    }
    line(&mut out, &cells);
    let slacks: Vec<String> = PAIRS
        .iter()
        .map(|pair| format!("{} of {} by {}", pair.own, pair.other, pair.slack))
        .collect();
    let list = if low.is_empty() { "none that was measured".to_owned() } else { low.join(", ") };
    let _ = writeln!(out, "\nFall short ({}): {list}\n", slacks.join(", "));
    out
}

/// How `second` differs from `first`. The tables have no interval, so none is drawn.
fn difference(first: &Evaluation, second: &Evaluation, measure: Measure) -> Option<Comparison> {
    let resampling = Resampling { samples: 0, ..Resampling::default() };
    let compared = compare(first, second, &resampling).ok()?;
    compared.into_iter().find(|comparison| comparison.measure == measure)
}

/// R@5 and all@10 of all systems.
fn recall(rows: &[Row]) -> String {
    let measures = [(Measure::Recall(5), "R@5"), (Measure::All(10), "all@10")];
    let pairs: Vec<(Measure, &str, &str)> = measures
        .iter()
        .flat_map(|&(measure, shown)| systems().into_iter().map(move |s| (measure, shown, s)))
        .collect();
    let mut out = String::new();
    let mut columns = vec!["store".to_owned()];
    columns.extend(pairs.iter().map(|(_, shown, system)| format!("{shown} {system}")));
    head(&mut out, &columns);
    for row in rows {
        let of = |measure, system: &str| row.evaluations.get(system)?.mean(measure);
        let mut cells = vec![row.store.clone()];
        cells.extend(pairs.iter().map(|&(measure, _, system)| cell(of(measure, system))));
        line(&mut out, &cells);
    }
    let mut cells = vec!["mean of stores".to_owned()];
    cells.extend(pairs.iter().map(|&(measure, _, system)| cell(mean_of(rows, system, measure))));
    line(&mut out, &cells);
    out.push('\n');
    out
}

/// A query of the search benchmark game.
#[derive(Deserialize)]
struct Tagged {
    query: String,
}

/// Size, time to build, and latency of the default search; over the largest store also with queries
/// that were not made for it, where they are present.
fn speed(rows: &[Row], largest: Option<(&str, &Store)>) -> Result<String> {
    let columns = [
        "store",
        "documents",
        "passages",
        "s to search",
        "s with graph",
        "MiB",
        "timed",
        "ms p50",
        "ms p99",
        "ms max",
    ];
    let mut out = String::new();
    head(&mut out, &columns.map(str::to_owned));
    for row in rows {
        let speed = &row.speed;
        let mut cells = vec![
            row.store.clone(),
            speed.documents.to_string(),
            speed.passages.to_string(),
            format!("{:.2}", speed.seconds),
            format!("{:.2}", speed.graph_seconds),
            format!("{:.1}", speed.mib),
        ];
        cells.extend(times(&speed.milliseconds));
        line(&mut out, &cells);
    }
    let path = data::folder()?.join("queries/search_benchmark_game/queries.txt");
    if let Some((name, store)) = largest.filter(|_| path.is_file()) {
        let text = fs_err::read_to_string(&path)?;
        let queries: Vec<Tagged> =
            text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let texts: Vec<&str> = queries.iter().map(|tagged| tagged.query.as_str()).collect();
        let mut cells = vec![format!("{name}, queries of the search benchmark game")];
        cells.extend([const { String::new() }; 5]);
        cells.extend(times(&latencies(store, &texts)?));
        line(&mut out, &cells);
    }
    out.push('\n');
    Ok(out)
}

fn times(rising: &[f64]) -> [String; 4] {
    let of = |q| format!("{:.2}", quantile(rising, q));
    [rising.len().to_string(), of(0.5), of(0.99), of(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let rising: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&rising, 0.5), 50.0);
        assert_eq!(quantile(&rising, 0.99), 99.0);
        assert_eq!(quantile(&rising, 1.0), 100.0);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
    }

    #[test]
    fn unknown_options_are_named() {
        let error = bench(&["--nonesuch"]).unwrap_err().to_string();
        assert!(error.contains("`--nonesuch`"), "{error}");
        assert!(bench(&["--tuning", "--held-out"]).is_err());
    }
}
