//! `bench pdf`: the text of PDFs against that of `pdftotext`, and what reading them costs.
//!
//! Word F1 compares how often each word stands in both texts; F1 of pairs does so for every two
//! words that follow each other, and so sees the reading order too. Running headers, which we drop
//! and `pdftotext` keeps, count against us.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use sleuth_cli::ingest::CorpusSource;
use sleuth_index::DocumentSource as _;
use sleuth_records::{Document, SourceFile};

use crate::data;

/// Measures the PDFs in the folders named in `options`, else those of the shared data.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let mut folders: Vec<PathBuf> = options.iter().map(PathBuf::from).collect();
    if folders.is_empty() {
        folders.push(data::folder()?.join("pdf"));
    }
    println!("| file | pages | words | word F1 | pair F1 | s | s pdftotext |");
    println!("|---|---|---|---|---|---|---|");
    for folder in folders {
        let source = CorpusSource::open(&folder)?;
        let (files, skipped) = source.list().map_err(anyhow::Error::from_boxed)?;
        for skip in &skipped {
            println!("| {} | {}: {} | | | | | |", skip.path, skip.kind, skip.reason);
        }
        for file in files.iter().filter(|file| file.path.to_lowercase().ends_with(".pdf")) {
            one(&folder, &source, file)?;
        }
    }
    Ok(())
}

fn one(folder: &Path, source: &CorpusSource, file: &SourceFile) -> Result<()> {
    let begin = Instant::now();
    let mut found: Option<Document> = None;
    let skipped = source.read(file, &mut |document| {
        found = Some(document);
        std::ops::ControlFlow::Continue(())
    });
    let ours = begin.elapsed().as_secs_f64();
    let Some(document) = found else {
        for skip in skipped {
            println!("| {} | {}: {} | | | | | |", skip.path, skip.kind, skip.reason);
        }
        return Ok(());
    };
    let begin = Instant::now();
    let output = Command::new("pdftotext")
        .args(["-enc", "UTF-8"])
        .arg(folder.join(&file.path))
        .arg("-")
        .output()
        .context("running pdftotext; it is part of poppler-utils")?;
    let theirs = begin.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("pdftotext failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let reference = words(&String::from_utf8_lossy(&output.stdout));
    let text = words(&document.text);
    let pairs = |words: &[String]| -> Vec<String> {
        words.windows(2).map(|pair| format!("{} {}", pair[0], pair[1])).collect()
    };
    println!(
        "| {} | {} | {} | {:.3} | {:.3} | {ours:.2} | {theirs:.2} |",
        file.path,
        document.part_at(document.text.len()).map_or(0, |part| part.number),
        text.len(),
        f1(&text, &reference),
        f1(&pairs(&text), &pairs(&reference)),
    );
    Ok(())
}

/// Runs of letters and digits, in lower case.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Of what stands in both, each as often as in the text that has it less often.
fn f1(ours: &[String], theirs: &[String]) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in theirs {
        *left.entry(word).or_default() += 1;
    }
    let mut common = 0usize;
    for word in ours {
        if let Some(n) = left.get_mut(word.as_str()).filter(|n| **n > 0) {
            *n -= 1;
            common += 1;
        }
    }
    2.0 * common as f64 / (ours.len() + theirs.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_counts_words() {
        let of = |text: &str| words(text);
        assert!((f1(&of("a b c"), &of("A, b; c.")) - 1.0).abs() < 1e-9);
        assert!((f1(&of("a a"), &of("a b")) - 0.5).abs() < 1e-9);
        assert!(f1(&[], &of("a")).abs() < 1e-9);
    }
}
