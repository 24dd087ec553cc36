//! Rankings, runs and relevance judgements, with the TREC and BEIR text formats.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{DocumentId, Passage};

/// One result of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The passage that matched best.
    pub passage: Passage,
    /// Retrieval score: higher is better; comparable within one ranking only.
    pub score: f32,
}

/// The hits of one query, best first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Hits, by falling score; ties by document id, then by position in the document.
    pub hits: Vec<Hit>,
}

impl Ranking {
    /// Document ids in order of their best hit, each once.
    pub fn documents(&self) -> Vec<&DocumentId> {
        let mut seen = std::collections::HashSet::new();
        self.hits.iter().map(|hit| &hit.passage.document).filter(|id| seen.insert(*id)).collect()
    }
}

/// Rankings of many queries by query id; documents with scores, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Name of the system, the last column of the file.
    pub tag: String,
    /// Ranked documents by query id.
    pub rankings: BTreeMap<String, Vec<(DocumentId, f32)>>,
}

/// Graded judgements: query id → document id → grade; a missing pair was not judged.
pub type Qrels = BTreeMap<String, BTreeMap<String, i32>>;

/// A run or judgement file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrecError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line is not of the format.
    #[error("malformed line {line} of `{}`: expected {expected}, found `{found}`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// The form a line must have.
        expected: &'static str,
        /// The line, cut to 80 characters.
        found: String,
    },
}

/// Writes `run` in the TREC format: `query Q0 document rank score tag`, ranks from 1.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_run(run: &Run, out: &mut dyn Write) -> std::io::Result<()> {
    for (query, ranking) in &run.rankings {
        for (at, (document, score)) in ranking.iter().enumerate() {
            writeln!(out, "{query} Q0 {document} {} {score} {}", at + 1, run.tag)?;
        }
    }
    out.flush()
}

/// Reads judgements: BEIR (`query-id`, `corpus-id`, `score`, tab separated, with a head line) or
/// TREC (`query iteration document grade`).
///
/// # Errors
/// When the file cannot be read or a line has neither form.
pub fn read_qrels(path: &Path) -> Result<Qrels, TrecError> {
    let mut qrels = Qrels::new();
    for (at, line) in fs_err::read_to_string(path)?.lines().enumerate() {
        if line.trim().is_empty() || (at == 0 && line.starts_with("query-id")) {
            continue;
        }
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (query, document, grade) = match fields.as_slice() {
            [query, document, grade] | [query, _, document, grade] => (query, document, grade),
            _ => return Err(malformed(path, at, line)),
        };
        let Ok(grade) = grade.parse() else { return Err(malformed(path, at, line)) };
        qrels.entry((*query).to_owned()).or_default().insert((*document).to_owned(), grade);
    }
    Ok(qrels)
}

fn malformed(path: &Path, at: usize, line: &str) -> TrecError {
    TrecError::Malformed {
        path: path.to_owned(),
        line: at + 1,
        expected: "`query-id corpus-id score` or `query iteration document grade`",
        found: line.chars().take(80).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qrels_of_both_forms_and_a_bad_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qrels.tsv");
        fs_err::write(&path, "query-id\tcorpus-id\tscore\nq1\td1\t2\n\nq1 0 d2 0\n").unwrap();
        let qrels = read_qrels(&path).unwrap();
        assert_eq!(qrels["q1"]["d1"], 2);
        assert_eq!(qrels["q1"]["d2"], 0);

        fs_err::write(&path, "q1 d1 high\n").unwrap();
        let message = read_qrels(&path).unwrap_err().to_string();
        assert!(message.contains("malformed line 1"), "{message}");
        assert!(message.contains("`q1 d1 high`"), "{message}");
    }

    #[test]
    fn a_run_is_written_in_the_trec_format() {
        let mut run = Run { tag: "lexical".to_owned(), ..Run::default() };
        run.rankings.insert(
            "q1".to_owned(),
            vec![(DocumentId::new("b"), 2.5), (DocumentId::new("a"), 1.0)],
        );
        let mut out = Vec::new();
        write_run(&run, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "q1 Q0 b 1 2.5 lexical\nq1 Q0 a 2 1 lexical\n");
    }
}
