//! Rankings, runs and relevance judgements, with the TREC and BEIR text formats.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
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

/// The ranked documents of one query of a [`Run`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankedQuery {
    /// Query id.
    pub query: String,
    /// Documents with their scores, as the system ordered them; each once.
    pub documents: Vec<(DocumentId, f32)>,
}

/// Rankings of many queries by one system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Name of the system, the last column of the file.
    pub tag: String,
    /// Rankings in the order of the query file; a query without results may be absent.
    pub rankings: Vec<RankedQuery>,
}

/// Graded judgements: query id → document id → grade; a missing pair was not judged.
pub type Qrels = BTreeMap<String, BTreeMap<String, i32>>;

/// What a file of judgements says, and where it says two things at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgements {
    /// The judgements; of two grades for one pair the later one.
    pub qrels: Qrels,
    /// Pairs that were given another grade by a later line, in the order of those lines.
    pub regraded: Vec<Regraded>,
}

/// A pair of query and document that two lines grade differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regraded {
    /// Number of the later line, from 1.
    pub line: usize,
    /// Query id.
    pub query: String,
    /// Document id.
    pub document: String,
    /// The grade of the earlier line.
    pub earlier: i32,
    /// The grade of the later line, which counts.
    pub later: i32,
}

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
    /// A run has one document twice for one query.
    #[error(
        "line {line} of `{}` has document `{document}` for query `{query}` again, after line {first}",
        path.display()
    )]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// Number of the line that had it first.
        first: usize,
        /// Query id.
        query: String,
        /// Document id.
        document: String,
    },
}

/// Forms of a line, as errors name them.
const RUN_LINE: &str = "`query Q0 document rank score tag` with a finite score";
const QRELS_LINE: &str =
    "`query-id corpus-id score` or `query iteration document grade` with a whole grade";

/// Writes the ranking of one query in the TREC format: `query Q0 document rank score tag`, ranks
/// from 1. Scores are written with as many digits as bring back the same number.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_ranking(ranking: &RankedQuery, tag: &str, out: &mut dyn Write) -> std::io::Result<()> {
    for (at, (document, score)) in ranking.documents.iter().enumerate() {
        writeln!(out, "{} Q0 {document} {} {score} {tag}", ranking.query, at + 1)?;
    }
    Ok(())
}

/// Writes `run` in the TREC format; see [`write_ranking`].
///
/// # Errors
/// When `out` cannot be written.
pub fn write_run(run: &Run, out: &mut dyn Write) -> std::io::Result<()> {
    for ranking in &run.rankings {
        write_ranking(ranking, &run.tag, out)?;
    }
    out.flush()
}

/// Reads a run in the TREC format. The lines of a query need not stand together; the rank column
/// is passed over, since the score decides; the tag is that of the first line.
///
/// # Errors
/// When the file cannot be read, a line has another form, or a query has a document twice.
pub fn read_run(path: &Path) -> Result<Run, TrecError> {
    let bytes = fs_err::read(path)?;
    let mut run = Run::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut lines: HashMap<(usize, DocumentId), usize> = HashMap::new();
    for (line, text) in lines_of(&bytes) {
        let malformed = || malformed(path, line, RUN_LINE, &text);
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [query, _, document, _, score, tag] = fields.as_slice() else {
            return Err(malformed());
        };
        let score = score.parse().ok().filter(|score: &f32| score.is_finite());
        let score = score.ok_or_else(malformed)?;
        if run.rankings.is_empty() {
            (*tag).clone_into(&mut run.tag);
        }
        let place = *places.entry((*query).to_owned()).or_insert_with(|| {
            run.rankings.push(RankedQuery { query: (*query).to_owned(), documents: Vec::new() });
            run.rankings.len() - 1
        });
        let document = DocumentId::new(*document);
        if let Some(first) = lines.insert((place, document.clone()), line) {
            return Err(TrecError::Duplicate {
                path: path.to_owned(),
                line,
                first,
                query: (*query).to_owned(),
                document: document.to_string(),
            });
        }
        run.rankings[place].documents.push((document, score));
    }
    Ok(run)
}

/// Reads judgements: BEIR (`query-id`, `corpus-id`, `score`, tab separated, with a head line) or
/// TREC (`query iteration document grade`).
///
/// # Errors
/// When the file cannot be read or a line has neither form.
pub fn read_judgements(path: &Path) -> Result<Judgements, TrecError> {
    let bytes = fs_err::read(path)?;
    let mut out = Judgements::default();
    for (line, text) in lines_of(&bytes) {
        if line == 1 && text.starts_with("query-id") {
            continue;
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (query, document, grade) = match fields.as_slice() {
            [query, document, grade] | [query, _, document, grade] => (query, document, grade),
            _ => return Err(malformed(path, line, QRELS_LINE, &text)),
        };
        let later = grade.parse().map_err(|_| malformed(path, line, QRELS_LINE, &text))?;
        let of_query = out.qrels.entry((*query).to_owned()).or_default();
        if let Some(earlier) = of_query.insert((*document).to_owned(), later)
            && earlier != later
        {
            let (query, document) = ((*query).to_owned(), (*document).to_owned());
            out.regraded.push(Regraded { line, query, document, earlier, later });
        }
    }
    Ok(out)
}

/// Reads judgements as [`read_judgements`] does, without what it says of pairs graded twice.
///
/// # Errors
/// When the file cannot be read or a line has neither form.
pub fn read_qrels(path: &Path) -> Result<Qrels, TrecError> {
    Ok(read_judgements(path)?.qrels)
}

/// Numbers from 1 and texts of the lines that are not blank. A byte that is no UTF-8 becomes the
/// replacement character, so that the line it is in can be named.
fn lines_of(bytes: &[u8]) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes
        .split(|&byte| byte == b'\n')
        .enumerate()
        .map(|(at, line)| (at + 1, String::from_utf8_lossy(line)))
        .filter(|(_, line)| !line.trim().is_empty())
}

fn malformed(path: &Path, line: usize, expected: &'static str, found: &str) -> TrecError {
    TrecError::Malformed {
        path: path.to_owned(),
        line,
        expected,
        found: found.trim_end().chars().take(80).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs_err::write(&path, text).unwrap();
        (dir, path)
    }

    fn check_malformed(read: impl Fn(&Path) -> Result<(), TrecError>, text: &str, part: &str) {
        let (_dir, path) = file(text);
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn qrels_of_both_forms_and_bad_lines() {
        let (_dir, path) = file("query-id\tcorpus-id\tscore\nq1\td1\t2\n\nq1 0 d2 0\n");
        let qrels = read_qrels(&path).unwrap();
        assert_eq!(qrels["q1"]["d1"], 2);
        assert_eq!(qrels["q1"]["d2"], 0);

        let read = |path: &Path| read_qrels(path).map(drop);
        check_malformed(read, "q1 d1 high\n", "malformed line 1");
        check_malformed(read, "q1 d1 high\n", "`q1 d1 high`");
        check_malformed(read, "q1 d1 1\r\nq1\r\n", "malformed line 2");
        check_malformed(read, "q1 d1 0.5\n", "whole grade");
    }

    #[test]
    fn of_two_grades_the_later_counts_and_both_are_told() {
        let (_dir, path) = file("q1 0 d1 1\nq1 0 d1 1\nq1 0 d2 0\nq1 0 d2 3\n");
        let judgements = read_judgements(&path).unwrap();
        assert_eq!(judgements.qrels["q1"]["d2"], 3);
        let (query, document) = ("q1".to_owned(), "d2".to_owned());
        let expected = Regraded { line: 4, query, document, earlier: 0, later: 3 };
        assert_eq!(judgements.regraded, [expected]);
    }

    fn run() -> Run {
        let of = |query: &str, documents: &[(&str, f32)]| RankedQuery {
            query: query.to_owned(),
            documents: documents.iter().map(|(id, s)| (DocumentId::new(*id), *s)).collect(),
        };
        // Query ids out of order, a score without a short decimal form, and a tie.
        let rankings =
            vec![of("q2", &[("b", 2.5), ("a", 1.0 / 3.0)]), of("q1", &[("a", 1.0), ("b", 1.0)])];
        Run { tag: "lexical".to_owned(), rankings }
    }

    #[test]
    fn a_run_is_written_in_the_trec_format_and_read_back() {
        let mut out = Vec::new();
        write_run(&run(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "q2 Q0 b 1 2.5 lexical\nq2 Q0 a 2 0.33333334 lexical\n\
             q1 Q0 a 1 1 lexical\nq1 Q0 b 2 1 lexical\n"
        );
        let (_dir, path) = file(&text);
        assert_eq!(read_run(&path).unwrap(), run());
    }

    #[test]
    fn the_lines_of_a_query_need_not_stand_together() {
        let (_dir, path) = file("q1 Q0 a 1 2 t\nq2 Q0 a 1 2 t\n\nq1\tQ0\tb\t7\t1e0\tu\r\n");
        let run = read_run(&path).unwrap();
        assert_eq!(run.rankings.len(), 2);
        assert_eq!(run.rankings[0].documents[1], (DocumentId::new("b"), 1.0));
        assert_eq!(run.tag, "t");
    }

    #[test]
    fn bad_lines_of_a_run_are_named() {
        let read = |path: &Path| read_run(path).map(drop);
        check_malformed(read, "q1 Q0 a 1 2 t\nq1 Q0 b 2 1\n", "malformed line 2");
        check_malformed(read, "q1 Q0 a 1 high t\n", "found `q1 Q0 a 1 high t`");
        check_malformed(read, "q1 Q0 a 1 nan t\n", "a finite score");
        check_malformed(read, "q1 Q0 a 1 2 t\nq1 \u{0}", "malformed line 2");
        check_malformed(read, "q1 Q0 a 1 2 t\nq2 Q0 a 1 2 t\nq1 Q0 a 2 1 t\n", "line 3 of");
        check_malformed(read, "q1 Q0 a 1 2 t\nq1 Q0 a 2 1 t\n", "after line 1");
    }
}
