//! Tasks from the files of known data sets.
//!
//! | format | a file or folder of it | evidence | steps |
//! |---|---|---|---|
//! | `beir` | `queries.jsonl` with `answers` where known, `qrels.tsv` or `qrels/SPLIT.tsv`, `corpus.jsonl` | documents judged above 0 | `decomposition` |
//! | `squad` | SQuAD 1.1 or 2.0 as one JSON object | the sentence that holds the answer | – |
//! | `hotpotqa` | HotpotQA, an array or JSON Lines | the supporting sentences | – |
//! | `2wiki` | 2WikiMultihopQA, likewise | likewise | `evidences` |
//! | `musique` | MuSiQue, JSON Lines or an array | the supporting paragraphs' sentences with the hop's answer | `question_decomposition` |
//! | `search-r1` | rows of Search-R1 in Parquet (feature `parquet`), or as JSON Lines | – | – |
//! | `jsonl` | a question and its answers a line; keys in `flexible` | `documents` | – |
//!
//! Files may be compressed (`.zst`, `.gz`). They are read as a stream, so memory holds one record (of
//! SQuAD: one article), and of BEIR the judgements.
//!
//! *Verifier*: `yes_no` where every gold answer is *yes* or *no*, else exact match, as these sets are
//! scored; the number, date and set rules are for tasks that ask for them (`verifier` in plain JSON
//! Lines). A question without an answer is *not found* where the set says that it has none. A BEIR query
//! with judgements and no answers is decided by whether the evidence is cited
//! ([`Verifier::Supported`]).
//!
//! *Evidence* is looked for in the store, where one is given: by id in BEIR, else by the text that the
//! record brings along, compared without regard to white space, and by title where texts are
//! equal. The store's own words become the quote. A task with evidence that is not in the store is left
//! out, named and counted. Without a store, evidence names its document by id or title, and nothing
//! says that it is anywhere.

mod beir;
mod flexible;
mod multi_hop;
mod musique;
#[cfg(feature = "parquet")]
mod parquet;
mod place;
mod squad;
mod stream;

pub(crate) use place::locate;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sleuth_index::{IndexError, Retriever};
use sleuth_records::{Question, TrecError};

use crate::verify::is_yes_or_no;
use crate::{
    Evidenced, Kind, LinesError, Provenance, Split, Step, TASK_SCHEMA, Task, TaskId, Verifier,
};

/// What a file of tasks can be imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A folder in the layout of BEIR.
    Beir,
    /// SQuAD 1.1 or 2.0.
    Squad,
    /// HotpotQA.
    HotpotQa,
    /// 2WikiMultihopQA.
    TwoWiki,
    /// MuSiQue.
    Musique,
    /// Rows of Search-R1.
    SearchR1,
    /// A question with its answers a line.
    Jsonl,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Beir,
        Self::Squad,
        Self::HotpotQa,
        Self::TwoWiki,
        Self::Musique,
        Self::SearchR1,
        Self::Jsonl,
    ];

    /// The word in flags and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beir => "beir",
            Self::Squad => "squad",
            Self::HotpotQa => "hotpotqa",
            Self::TwoWiki => "2wiki",
            Self::Musique => "musique",
            Self::SearchR1 => "search-r1",
            Self::Jsonl => "jsonl",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(|format| format!("`{format}`")).join(", ");
            format!("unknown format `{text}`; known formats: {known}")
        })
    }
}

/// How to import.
#[derive(Clone, Copy, Default)]
pub struct ImportOptions<'a> {
    /// The split of every task.
    pub split: Split,
    /// The store in which evidence is looked for.
    pub store: Option<&'a dyn Retriever>,
}

/// Why a record became no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It has no question.
    NoQuestion,
    /// It has no answer, and does not say that there is none.
    NoAnswer,
    /// A record before it has its id.
    Duplicate,
    /// A document of its evidence is not in the store.
    NotInStore,
    /// A document of its evidence is there, and does not hold the quote.
    NotQuoted,
}

impl Reason {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoQuestion => "no_question",
            Self::NoAnswer => "no_answer",
            Self::Duplicate => "duplicate",
            Self::NotInStore => "not_in_store",
            Self::NotQuoted => "not_quoted",
        }
    }
}

/// A record that became no task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its place in the file, such as `line 7` or `record 7`.
    pub place: String,
    /// Its id; empty where it has none.
    pub task: String,
    /// Why.
    pub reason: Reason,
    /// What is missing, such as the title of a document.
    pub what: String,
}

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportReport {
    /// Records that were read.
    pub records: usize,
    /// Tasks made of them.
    pub tasks: usize,
    /// Tasks of each kind.
    pub kinds: BTreeMap<Kind, usize>,
    /// Tasks whose right answer is *not found*.
    pub unanswerable: usize,
    /// Places of evidence in the tasks.
    pub evidence: usize,
    /// Of those, places whose range is known.
    pub ranges: usize,
    /// Tasks with steps.
    pub with_steps: usize,
    /// Snapshot id of the store, where one was given.
    pub store: Option<String>,
    /// How many records were left out for which reason.
    pub left_out: BTreeMap<Reason, usize>,
    /// The first [`ImportReport::NAMED`] of them.
    pub named: Vec<LeftOut>,
}

impl ImportReport {
    /// Most records left out that are kept by name; the others are counted.
    pub const NAMED: usize = 1000;
}

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read, or a line of it is too long.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The judgements cannot be read.
    #[error(transparent)]
    Judgements(#[from] TrecError),
    /// A folder of BEIR lacks a file.
    #[error("no {what} in `{}`", path.display())]
    Lacking {
        /// The folder.
        path: PathBuf,
        /// The names that were looked for.
        what: &'static str,
    },
    /// A record is not of its format.
    #[error("malformed {place} of `{}`: expected {expected}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// `line 7`, or `record 7` of an array.
        place: String,
        /// What a record of the format is.
        expected: &'static str,
        /// What the parser says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This build of the program reads no Parquet.
    #[error("cannot read `{}`: this build has no reader of Parquet", path.display())]
    NoParquet {
        /// The file.
        path: PathBuf,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] IndexError),
    /// Whoever takes the tasks cannot take another.
    #[error("cannot write a task")]
    Sink(#[source] std::io::Error),
}

impl From<std::io::Error> for ImportError {
    fn from(error: std::io::Error) -> Self {
        Self::Lines(LinesError::Io(error))
    }
}

/// Reads the file or folder at `path` and gives its tasks to `each`, in their order.
///
/// # Errors
/// When the file cannot be read or a record is not of the format, which names its line; when the store cannot be
/// read; when `each` fails. What became of the tasks before is up to the caller.
pub fn import(
    format: Format,
    path: &Path,
    options: &ImportOptions<'_>,
    each: &mut dyn FnMut(Task) -> std::io::Result<()>,
) -> Result<ImportReport, ImportError> {
    let mut importer = Importer {
        format,
        source: name_of(path),
        split: options.split,
        placer: place::Placer::new(options.store),
        ids: HashSet::new(),
        report: ImportReport {
            store: options.store.map(|store| store.snapshot().to_owned()),
            ..ImportReport::default()
        },
        each,
    };
    match format {
        Format::Beir => beir::read(path, &mut importer)?,
        Format::Squad => squad::read(path, &mut importer)?,
        Format::HotpotQa | Format::TwoWiki => multi_hop::read(path, &mut importer)?,
        Format::Musique => musique::read(path, &mut importer)?,
        Format::SearchR1 | Format::Jsonl => flexible::read(path, &mut importer)?,
    }
    Ok(importer.report)
}

/// The name of a data set by its file: without the folder and the extensions.
fn name_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut stem = name.as_str();
    for extension in [".zst", ".gz", ".json", ".jsonl", ".parquet"] {
        stem = stem.strip_suffix(extension).unwrap_or(stem);
    }
    stem.to_owned()
}

/// What a reader knows of a record.
struct Record {
    /// Its place in the file.
    place: String,
    id: String,
    question: String,
    gold_answers: Vec<String>,
    /// Whether the set says that there is no answer.
    is_unanswerable: bool,
    evidence: Vec<Evidenced>,
    kind: Kind,
    hops: u32,
    difficulty: Option<f64>,
    /// Where the record asks for another rule than that of its answers.
    verifier: Option<Verifier>,
    steps: Vec<Step>,
    /// Name of the data set, where the record has one.
    source: Option<String>,
}

impl Record {
    fn new(place: String, id: String, question: String) -> Self {
        Self {
            place,
            id,
            question,
            gold_answers: Vec::new(),
            is_unanswerable: false,
            evidence: Vec::new(),
            kind: Kind::Other,
            hops: 0,
            difficulty: None,
            verifier: None,
            steps: Vec::new(),
            source: None,
        }
    }
}

/// Takes the records of a reader and makes tasks of them.
struct Importer<'a> {
    format: Format,
    source: String,
    split: Split,
    placer: place::Placer<'a>,
    /// Ids so far.
    ids: HashSet<String>,
    report: ImportReport,
    each: &'a mut dyn FnMut(Task) -> std::io::Result<()>,
}

impl Importer<'_> {
    /// Counts a record out.
    fn leave_out(&mut self, place: String, task: String, reason: Reason, what: String) {
        self.report.records += 1;
        *self.report.left_out.entry(reason).or_default() += 1;
        if self.report.named.len() < ImportReport::NAMED {
            self.report.named.push(LeftOut { place, task, reason, what });
        }
    }

    /// Makes a task of a record and hands it on.
    fn take(&mut self, record: Record) -> Result<(), ImportError> {
        let Record { place, id, question, evidence, kind, hops, difficulty, steps, .. } = record;
        let Some(question) = Question::new(&question) else {
            self.leave_out(place, id, Reason::NoQuestion, String::new());
            return Ok(());
        };
        let gold_answers = match record.is_unanswerable {
            true => Vec::new(),
            false => distinct(record.gold_answers),
        };
        let supported = record.verifier == Some(Verifier::Supported);
        if gold_answers.is_empty() && !record.is_unanswerable && !supported {
            self.leave_out(place, id, Reason::NoAnswer, String::new());
            return Ok(());
        }
        if !self.ids.insert(id.clone()) {
            self.leave_out(place, id, Reason::Duplicate, String::new());
            return Ok(());
        }
        let of_answers = match gold_answers.iter().all(|gold| is_yes_or_no(gold)) {
            true => Verifier::YesNo,
            false => Verifier::Exact,
        };
        let (kind, verifier) = match record.is_unanswerable {
            true => (Kind::Unanswerable, Verifier::NotFound),
            false => (kind, record.verifier.unwrap_or(of_answers)),
        };
        let task = Task {
            schema: TASK_SCHEMA,
            id: TaskId(id),
            question,
            gold_answers,
            evidence,
            kind,
            hops,
            difficulty,
            store: self.report.store.clone(),
            split: self.split,
            verifier,
            steps,
            provenance: Provenance {
                source: record.source.unwrap_or_else(|| self.source.clone()),
                recipe: format!("import {}", self.format),
                ..Provenance::default()
            },
        };
        let report = &mut self.report;
        report.records += 1;
        report.tasks += 1;
        *report.kinds.entry(task.kind).or_default() += 1;
        report.unanswerable += usize::from(task.is_unanswerable());
        report.evidence += task.evidence.len();
        report.ranges += task.evidence.iter().filter(|e| e.range.is_some()).count();
        report.with_steps += usize::from(!task.steps.is_empty());
        (self.each)(task).map_err(ImportError::Sink)
    }
}

/// The answers without blank ones and without repetitions, in their order.
fn distinct(answers: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for answer in answers {
        let answer = answer.trim();
        if !answer.is_empty() && !out.iter().any(|before| before == answer) {
            out.push(answer.to_owned());
        }
    }
    out
}
