//! Reads a root and prints what it cost, or the documents themselves.
//!
//! ```text
//! cargo run --release -p sleuth-corpus --example read -- ROOT          listing and throughput
//! cargo run --release -p sleuth-corpus --example read -- ROOT show ID  one document as read
//! cargo run --release -p sleuth-corpus --example read -- ROOT skipped  what was skipped
//! ```

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use sleuth_corpus::{Corpus, CorpusError, Limits, PdfReader, serve_pdf};

fn main() -> Result<(), CorpusError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|mode| mode == "read-pdf") {
        // The process that reads PDFs is this program, started again.
        let served = serve_pdf(&mut std::io::stdin().lock(), &mut std::io::stdout().lock());
        std::process::exit(i32::from(served.is_err()));
    }
    let root = arguments.first().map_or(".", String::as_str);
    let mode = arguments.get(1).map_or("", String::as_str);
    let start = Instant::now();
    let mut corpus = Corpus::open(Path::new(root), Limits::default())?;
    if let Ok(program) = std::env::current_exe() {
        let arguments = vec!["read-pdf".to_owned()];
        corpus = corpus.with_pdf_reader(PdfReader { program, arguments });
    }
    let listing = corpus.list()?;
    let listed = start.elapsed();
    if mode == "show" {
        for id in &arguments[2..] {
            let file = listing
                .files
                .iter()
                .filter(|file| id.starts_with(&file.path) || listing.files.len() == 1);
            for file in file {
                corpus.read(file, &mut |document| {
                    if document.id.as_str() == id {
                        println!(
                            "=== {id}\ntitle: {}\nurl: {:?} language: {:?} date: {:?}",
                            document.title, document.url, document.language, document.date
                        );
                        println!("{}", document.text);
                        for link in document.links.iter().take(8) {
                            println!("  [{}] -> {}", link.text, link.target);
                        }
                        println!(
                            "  ({} links; last line {})",
                            document.links.len(),
                            document.line_at(document.text.len())
                        );
                    }
                    ControlFlow::Continue(())
                });
            }
        }
        return Ok(());
    }
    let start = Instant::now();
    let (mut documents, mut bytes, mut links) = (0usize, 0usize, 0usize);
    let mut skipped = listing.skipped.clone();
    for file in &listing.files {
        let report = corpus.read(file, &mut |document| {
            bytes += document.text.len();
            links += document.links.len();
            if mode == "jsonl" {
                println!("{}", serde_json::to_string(&document).unwrap_or_default());
            }
            ControlFlow::Continue(())
        });
        documents += report.documents;
        skipped.extend(report.skipped);
    }
    if mode == "jsonl" {
        return Ok(());
    }
    let took = start.elapsed();
    let size: u64 = listing.files.iter().map(|file| file.stamp.size).sum();
    println!(
        "listed {} files ({size} bytes) in {listed:.2?}, skipped {}",
        listing.files.len(),
        listing.skipped.len()
    );
    println!(
        "read {documents} documents ({bytes} bytes of text, {links} links) in {took:.2?}: {:.0} a second, {:.0} MB/s",
        documents as f64 / took.as_secs_f64(),
        size as f64 / 1e6 / took.as_secs_f64(),
    );
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for skip in &skipped {
        *kinds.entry(&skip.kind).or_default() += 1;
        if mode == "skipped" {
            println!("{}: {}: {}", skip.path, skip.kind, skip.reason);
        }
    }
    println!("skipped: {kinds:?}");
    Ok(())
}
