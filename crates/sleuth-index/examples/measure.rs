//! Times the store: `measure open STORE QUERIES.jsonl` or `measure sync FOLDER N_DOCUMENTS`.
//!
//! Prints medians and a digest of all rankings and mentions, so that two versions of the code can
//! be compared for speed and for equality of results.
#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::path::Path;
use std::time::{Duration, Instant};

use sleuth_index::{MemorySource, Query, Retriever as _, Store, SyncOptions, analyze, sync};
use sleuth_records::{Digest, Document, DocumentId};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["open", store, queries] => measure_open(Path::new(store), Path::new(queries)),
        ["sync", folder, n_documents] => measure_sync(Path::new(folder), n_documents.parse()?),
        _ => Err("usage: measure open STORE QUERIES.jsonl | measure sync FOLDER N".into()),
    }
}

fn median(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let Some(median) = times.get(times.len() / 2) else { return };
    println!("{name:<12} {:>9.3} ms median of {}", median.as_secs_f64() * 1e3, times.len());
}

fn measure_open(path: &Path, queries: &Path) -> Outcome {
    let mut opens = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        let store = Store::open(path)?;
        opens.push(start.elapsed());
        drop(store);
    }
    median("open", opens);
    let store = Store::open(path)?;
    println!("documents    {}", store.n_documents());
    let mut questions = Vec::new();
    for line in fs_err::read_to_string(queries)?.lines() {
        let record: serde_json::Value = serde_json::from_str(line)?;
        questions.push(record["text"].as_str().unwrap_or_default().to_owned());
    }
    let start = Instant::now();
    store.mentions("x")?;
    median("titles", vec![start.elapsed()]);

    let mut digest = Digest::new();
    let (mut searches, mut reads, mut mentions, mut rarities) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for question in &questions {
        let start = Instant::now();
        let ranking = store.search(&Query::new(question, 20))?;
        searches.push(start.elapsed());
        for hit in &ranking.hits {
            digest.field(hit.passage.document.as_str().as_bytes());
            digest.field(&hit.passage.id.0.to_le_bytes()).field(&hit.score.to_le_bytes());
            let start = Instant::now();
            let document = store.document(&hit.passage.document)?;
            reads.push(start.elapsed());
            let Some(document) = document else { continue };
            let start = Instant::now();
            let found = store.mentions(&document.text[hit.passage.range.clone()])?;
            mentions.push(start.elapsed());
            digest.field(format!("{found:?}").as_bytes());
        }
        let terms: Vec<String> = analyze(question).into_iter().map(|term| term.text).collect();
        let start = Instant::now();
        let rarity = store.rarity(&terms)?;
        rarities.push(start.elapsed());
        digest.field(format!("{rarity:?}").as_bytes());
    }
    median("search", searches);
    median("document", reads);
    median("mentions", mentions);
    median("rarity", rarities);
    println!("digest       {}", &digest.hex()[..16]);
    Ok(())
}

fn measure_sync(folder: &Path, n_documents: usize) -> Outcome {
    let documents: Vec<Document> = (0..n_documents)
        .map(|at| {
            let words: Vec<String> = (0..60)
                .map(|word| format!("word{}", (at * 7919 + word * word * 31) % 30_011))
                .collect();
            Document::new(DocumentId::new(format!("d{at}")), format!("Title {at}"), words.join(" "))
        })
        .collect();
    let source = MemorySource::new(documents);
    let start = Instant::now();
    let report = sync(folder, &source, &SyncOptions::default(), &|_| (), &|| false)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("sync         {seconds:.2} s, {:.0} documents a second", n_documents as f64 / seconds);
    let start = Instant::now();
    sync(folder, &source, &SyncOptions::default(), &|_| (), &|| false)?;
    median("sync again", vec![start.elapsed()]);
    let mut opens = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        Store::open(folder)?;
        opens.push(start.elapsed());
    }
    median("open", opens);
    println!("snapshot     {}", report.snapshot);
    Ok(())
}
