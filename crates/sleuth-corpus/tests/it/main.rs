//! The face of the crate, over real files in temporary folders.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod bad_input;
mod formats;
mod packed;
mod pages;

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use sleuth_corpus::{Corpus, Limits};
use sleuth_records::Document;
use tempfile::TempDir;

/// A temporary folder with `files`.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }
    dir
}

fn documents(root: &Path) -> Vec<Document> {
    let corpus = Corpus::open(root, Limits::default()).unwrap();
    let mut documents = Vec::new();
    for file in corpus.list().unwrap().files {
        corpus.read(&file, &mut |document| {
            documents.push(document);
            ControlFlow::Continue(())
        });
    }
    documents
}

/// Everything that a root gives, for people.
fn show(root: &Path, limits: Limits) -> String {
    let corpus = Corpus::open(root, limits).unwrap();
    let listing = corpus.list().unwrap();
    let mut shown = String::new();
    let mut skipped = listing.skipped;
    for file in &listing.files {
        let report = corpus.read(file, &mut |document| {
            shown += &show_document(&document);
            ControlFlow::Continue(())
        });
        skipped.extend(report.skipped);
    }
    for skip in skipped {
        writeln!(shown, "skipped {}: {}: {}", skip.path, skip.kind, skip.reason).unwrap();
    }
    shown
}

/// One document, its lines numbered as in the source.
fn show_document(document: &Document) -> String {
    let mut shown = format!("== {} \"{}\"", document.id, document.title);
    for (key, value) in [("language", &document.language), ("date", &document.date)] {
        if let Some(value) = value {
            write!(shown, " {key}={value}").unwrap();
        }
    }
    shown.push('\n');
    let mut at = 0;
    for line in document.text.split_inclusive('\n') {
        let number = document.line_at(at);
        writeln!(shown, "{}", format!("{number:>3} {}", line.trim_end_matches('\n')).trim_end())
            .unwrap();
        at += line.len();
    }
    for link in &document.links {
        writeln!(shown, "    [{}] -> {}", link.text, link.target).unwrap();
    }
    shown
}
