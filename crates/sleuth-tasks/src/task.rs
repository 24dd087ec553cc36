//! Tasks: a question, what answers it, and how that is decided.
//!
//! A file of tasks is JSON Lines, one [`Task`] a line. Unknown fields are passed over, so that a file
//! with more in it stays readable.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sleuth_records::{DocumentId, Question};

/// Version of the task format. A reader refuses a newer one.
pub const TASK_SCHEMA: u32 = 1;

/// Name of a task, unique in its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub String);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a task may be used for. Splits are cut by families of documents before any task is made, so
/// that no document supports tasks of two splits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To train on.
    Train,
    /// To choose settings by.
    Dev,
    /// To measure with, and for nothing else. What does not say otherwise is this.
    #[default]
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Dev, Self::Test];

    /// The word in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|split| split.as_str() == text)
            .ok_or_else(|| format!("unknown split `{text}`: expected train, dev or test"))
    }
}

/// What a question asks for, and so what finding its answer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One passage states the answer.
    OneHop,
    /// Each document but the last names the next one, which the question does not name.
    Bridge,
    /// Two things are compared in one property.
    Comparison,
    /// Several constraints, each in a document of its own or of many; one answer meets them all.
    Intersection,
    /// Names and dates are blurred, so that no single query finds the page.
    Obfuscated,
    /// The store does not say.
    Unanswerable,
    /// Imported from a data set that does not say.
    Other,
}

impl Kind {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::OneHop,
        Self::Bridge,
        Self::Comparison,
        Self::Intersection,
        Self::Obfuscated,
        Self::Unanswerable,
        Self::Other,
    ];

    /// The word in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneHop => "one_hop",
            Self::Bridge => "bridge",
            Self::Comparison => "comparison",
            Self::Intersection => "intersection",
            Self::Obfuscated => "obfuscated",
            Self::Unanswerable => "unanswerable",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in the store that supports the gold answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidenced {
    /// The document.
    pub document: DocumentId,
    /// Byte range in the document's text; absent where only the document is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range<usize>>,
    /// What stands there; empty where only the document is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub quote: String,
}

/// One hop of a question, where it is known how the question falls apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What the hop asks; `#1` stands for the answer of the first hop.
    pub question: String,
    /// What answers it.
    pub answer: String,
    /// The document that says so, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentId>,
}

/// Which rule decides whether an answer is right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Verifier {
    /// The answer equals a gold answer after the normalisation of SQuAD.
    #[default]
    Exact,
    /// The word F1 with the best gold answer is at least `least`.
    F1 {
        /// From 0 to 1.
        least: f64,
    },
    /// The answer states the gold number, within a relative tolerance, in the same or a convertible
    /// unit.
    Number {
        /// Relative: `0.01` is one per cent. 0 wants the same number.
        #[serde(default)]
        tolerance: f64,
    },
    /// The answer states the gold date, at least as precisely as that is stated: any day of 1815 is
    /// right where the gold answer is 1815, and the year alone is wrong where it is a day.
    Date,
    /// The answer lists the gold answers, all of them and nothing else, in any order.
    Set,
    /// The answer is `yes` or `no`, as the gold answer is.
    YesNo,
    /// The answer is *not found*.
    NotFound,
    /// The answer equals a gold answer, and a citation that is not unsupported quotes the evidence.
    Cited,
    /// There is an answer that says more than the question, and it cites the evidence and not much else: for
    /// questions without short gold answers.
    Supported,
    /// A model is asked.
    Judge,
}

/// How a task came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Data set, or name of the store that it was made from.
    pub source: String,
    /// The recipe and its version, such as `bridge 1`, or the format that was imported.
    pub recipe: String,
    /// Seed of the run that made it; absent where it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Name of the model that reworded the question; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reworded_by: Option<String>,
    /// Family of documents by which the split was cut; tasks of one family share a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// [`TASK_SCHEMA`] of the writer.
    pub schema: u32,
    /// Name, unique in its file.
    pub id: TaskId,
    /// What is asked.
    pub question: Question,
    /// What is right: the first is the answer as the source writes it, the others are aliases. For
    /// [`Verifier::Set`] each is a member. Empty for a question that the store does not answer, and
    /// with [`Verifier::Supported`] where nobody wrote an answer down.
    pub gold_answers: Vec<String>,
    /// Where the store says so, in the order of the hops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidenced>,
    /// What kind of question it is.
    pub kind: Kind,
    /// Documents that have to be read, at least; 0 where nobody knows.
    #[serde(default)]
    pub hops: u32,
    /// From 0, easy, to 1, hard, as the maker saw it; absent where nobody measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<f64>,
    /// Snapshot id of the store that it was made from or checked against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What it may be used for.
    #[serde(default)]
    pub split: Split,
    /// Who decides.
    #[serde(default)]
    pub verifier: Verifier,
    /// The hops, where they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// How it came about.
    #[serde(default)]
    pub provenance: Provenance,
}

impl Task {
    /// Whether the right answer is *not found*.
    pub fn is_unanswerable(&self) -> bool {
        self.gold_answers.is_empty() && self.verifier != Verifier::Supported
    }
}

/// A task that may be trained on. There is no other way to make one than from a task of
/// [`Split::Train`], so that what asks for these cannot be given a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainTask(Task);

/// A task of another split was offered for training.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task `{id}` is of the split `{split}`: expected `train`")]
pub struct NotForTraining {
    /// The task.
    pub id: TaskId,
    /// Its split.
    pub split: Split,
}

impl TrainTask {
    /// The task.
    pub fn task(&self) -> &Task {
        &self.0
    }

    /// The task, given away.
    pub fn into_task(self) -> Task {
        self.0
    }
}

impl TryFrom<Task> for TrainTask {
    type Error = NotForTraining;

    fn try_from(task: Task) -> Result<Self, NotForTraining> {
        match task.split {
            Split::Train => Ok(Self(task)),
            split @ (Split::Dev | Split::Test) => Err(NotForTraining { id: task.id, split }),
        }
    }
}
