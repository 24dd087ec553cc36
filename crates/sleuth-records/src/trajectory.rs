//! The trajectory: the append-only record of one attempt at a question.
//!
//! A log is JSON Lines. Each line is an [`Envelope`]: a sequence number from 0, the time, and one
//! typed [`Event`]. The first event is [`Event::Started`] and carries the schema version; the last
//! of a complete log is [`Event::Finished`]. Lines are written whole and flushed one by one, so a
//! crash can tear only the last one; [`Trajectory::read`] cuts a torn last line, and refuses
//! anything else that is not of the format.
//!
//! Everything that depends on a clock stands in `at_ms` and `elapsed_ms` and nowhere else, which is
//! what makes "equal but for timestamps" a plain comparison: see [`Trajectory::without_times`].

use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{DocumentId, Message, Part, Question, TokenUsage};

/// Version of the log format. A reader refuses a newer one.
pub const SCHEMA_VERSION: u32 = 1;

/// Name of a piece of evidence, unique in its trajectory: `e1`, `e2`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvidenceId(pub String);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An exact quote with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Name by which claims refer to it.
    pub id: EvidenceId,
    /// The document quoted.
    pub document: DocumentId,
    /// Title of that document.
    pub title: String,
    /// Address of that document, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Byte range of the quote in the document's text.
    pub range: Range<usize>,
    /// Line of the source file on which the quote starts, from 1; of a source without lines, that
    /// of the text as read.
    pub line: u32,
    /// Page, chapter or paragraph of a source without lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The words of the document, byte for byte.
    pub quote: String,
}

/// One statement of an answer and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The statement.
    pub text: String,
    /// Evidence for it; never empty in a checked answer.
    pub evidence: Vec<EvidenceId>,
}

/// How well a quote carries a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The quote stands in the document byte for byte, and it holds what the claim states.
    Exact,
    /// The quote stands in the document and holds a part of what the claim states.
    Partial,
    /// The quote is not in the document, or holds nothing of what the claim states.
    Unsupported,
}

impl Mark {
    /// The word that people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Partial => "partial",
            Self::Unsupported => "unsupported",
        }
    }
}

/// The verdict on one claim and one piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// Position of the claim in the answer, from 0.
    pub claim: usize,
    /// The evidence looked at.
    pub evidence: EvidenceId,
    /// What was found.
    pub mark: Mark,
}

/// Limits of a run. `None` is no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Searches of the store.
    pub searches: Option<u32>,
    /// Documents opened.
    pub pages: Option<u32>,
    /// Turns taken.
    pub turns: Option<u32>,
    /// Prompt and completion tokens of all model calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Wall-clock seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Cost of remote model calls in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars: Option<f64>,
}

impl Budget {
    /// No limits at all.
    pub const UNLIMITED: Self = Self {
        searches: None,
        pages: None,
        turns: None,
        tokens: None,
        seconds: None,
        dollars: None,
    };
}

/// What a run has used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Searches of the store.
    pub searches: u32,
    /// Documents opened, each counted once.
    pub pages: u32,
    /// Turns taken.
    pub turns: u32,
    /// Tokens of all model calls.
    pub tokens: TokenUsage,
    /// Cost of remote model calls in US dollars; 0 for a local model, and where no price is known.
    pub dollars: f64,
    /// Wall-clock milliseconds from the first event to now.
    pub elapsed_ms: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Finish {
    /// An answer with at least one supported claim.
    Answered,
    /// Nothing in the store supports an answer.
    NotFound,
    /// A limit was reached and the answer was written from what there was.
    BudgetEnded {
        /// The limit: `searches`, `pages`, `turns`, `tokens`, `seconds` or `dollars`.
        limit: String,
    },
    /// The person asked to stop; the answer was written from what there was.
    Cancelled,
    /// A part that the run stands on failed.
    Failed {
        /// Which: `model` or `store`.
        boundary: String,
        /// What happened, for a person.
        message: String,
    },
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run begins.
    Started {
        /// [`SCHEMA_VERSION`] of the writer.
        schema: u32,
        /// What is asked.
        question: Question,
        /// Name of the policy.
        policy: String,
        /// Name of the model; absent for a policy without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Snapshot id of the store.
        store: String,
        /// The limits.
        budget: Budget,
        /// Seed of all randomness.
        seed: u64,
    },
    /// The policy spoke: a model's reply, or the calls of a policy without a model.
    Turn {
        /// Number of the turn, from 1.
        turn: u32,
        /// What was said.
        message: Message,
        /// Tokens of this call; all zero without a model.
        tokens: TokenUsage,
        /// Digest of the request that this replied to; absent without a model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    /// A tool answered.
    ToolResult {
        /// The id of the call.
        call: String,
        /// What the policy was given to read.
        content: String,
        /// Documents named in the result, best first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<DocumentId>,
    },
    /// A quote was put aside as evidence.
    EvidenceKept {
        /// The quote and its place.
        evidence: Evidence,
    },
    /// The program did something that the policy did not ask for.
    Noticed {
        /// Short stable word: `repeated_query`, `no_progress`, `unknown_evidence`, `trimmed`,
        /// `write_up`, `interrupt`, `invalid_action`, `unsupported_claim`, `unsupported_answer`,
        /// `evidence_added`, `search_failed`.
        kind: String,
        /// One sentence.
        detail: String,
    },
    /// The answer as written, before it was checked.
    Answer {
        /// Short answer; empty for *not found*.
        text: String,
        /// Its statements.
        claims: Vec<Claim>,
    },
    /// The citations were checked against the documents.
    Checked {
        /// One verdict for each pair of claim and evidence.
        citations: Vec<Citation>,
    },
    /// The run ended.
    Finished {
        /// How.
        finish: Finish,
        /// The final ranking of documents, best first; kept evidence leads.
        ranking: Vec<DocumentId>,
        /// What it took.
        usage: Usage,
    },
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Position in the log, from 0.
    pub seq: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A log that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line other than a torn last one is not an event.
    #[error("malformed line {line} of `{}`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// The sequence numbers have a gap.
    #[error("line {line} of `{}` has sequence number {found}, expected {expected}", path.display())]
    Gap {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// The number that should stand there.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// The log does not begin with a start event of a known schema.
    #[error(
        "`{}` is not a trajectory of schema {SCHEMA_VERSION} or older: expected a `started` event \
         first, found {found}",
        path.display()
    )]
    Start {
        /// The file.
        path: PathBuf,
        /// What stands first.
        found: String,
    },
}

/// Appends events to a log, one flushed line each.
pub struct TrajectoryWriter {
    out: Box<dyn Write + Send>,
    next: u64,
}

impl TrajectoryWriter {
    /// A writer into a new file at `path`.
    ///
    /// # Errors
    /// When the file exists already or cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self::to(Box::new(file)))
    }

    /// A writer into `out`.
    pub fn to(out: Box<dyn Write + Send>) -> Self {
        Self { out, next: 0 }
    }

    /// Appends `event` and returns the line as written.
    ///
    /// # Errors
    /// When the line cannot be written; the log then ends before this event.
    pub fn append(&mut self, at_ms: u64, event: Event) -> std::io::Result<Envelope> {
        let envelope = Envelope { seq: self.next, at_ms, event };
        let mut line = serde_json::to_vec(&envelope).map_err(std::io::Error::other)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()?;
        self.next += 1;
        Ok(envelope)
    }
}

/// A log in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// The events in order.
    pub events: Vec<Envelope>,
}

impl Trajectory {
    /// Reads the log at `path`. A last line without a line feed, or one that is not whole JSON, is
    /// what a crash leaves behind and is cut.
    ///
    /// # Errors
    /// When the file cannot be read, a line before the last is not an event, numbers have a gap, or
    /// the log does not start with a known schema.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let bytes = fs_err::read(path)?;
        let mut events: Vec<Envelope> = Vec::new();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|&b| b == b'\n').collect();
        for (at, line) in lines.iter().enumerate() {
            let torn = at + 1 == lines.len() && !line.ends_with(b"\n");
            let envelope: Envelope = match serde_json::from_slice(line) {
                Ok(envelope) if !torn => envelope,
                _ if torn => break,
                Err(source) if source.is_eof() && at + 1 == lines.len() => break,
                Err(source) => {
                    return Err(LogError::Malformed {
                        path: path.to_owned(),
                        line: at + 1,
                        source,
                    });
                }
                Ok(_) => break,
            };
            let expected = events.len() as u64;
            if envelope.seq != expected {
                return Err(LogError::Gap {
                    path: path.to_owned(),
                    line: at + 1,
                    expected,
                    found: envelope.seq,
                });
            }
            events.push(envelope);
        }
        let found = match events.first().map(|first| &first.event) {
            Some(Event::Started { schema, .. }) if *schema <= SCHEMA_VERSION => {
                return Ok(Self { events });
            }
            Some(Event::Started { schema, .. }) => format!("schema {schema}"),
            Some(_) => "another event".to_owned(),
            None => "no whole line".to_owned(),
        };
        Err(LogError::Start { path: path.to_owned(), found })
    }

    /// The same log with every clock reading set to zero, for comparing two runs.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        for envelope in &mut self.events {
            envelope.at_ms = 0;
            if let Event::Finished { usage, .. } = &mut envelope.event {
                usage.elapsed_ms = 0;
            }
        }
        self
    }

    /// Whether the log has its last event.
    pub fn is_complete(&self) -> bool {
        matches!(self.events.last().map(|last| &last.event), Some(Event::Finished { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Event {
        Event::Started {
            schema: SCHEMA_VERSION,
            question: Question::new("who?").unwrap(),
            policy: "trail".to_owned(),
            model: None,
            store: "abc".to_owned(),
            budget: Budget {
                searches: Some(4),
                pages: Some(4),
                turns: Some(6),
                tokens: None,
                seconds: None,
                dollars: None,
            },
            seed: 0,
        }
    }

    fn finished() -> Event {
        Event::Finished {
            finish: Finish::BudgetEnded { limit: "turns".to_owned() },
            ranking: vec![DocumentId::new("d")],
            usage: Usage { elapsed_ms: 17, ..Usage::default() },
        }
    }

    fn log(dir: &Path, events: Vec<Event>) -> PathBuf {
        let path = dir.join("log.jsonl");
        let mut writer = TrajectoryWriter::create(&path).unwrap();
        for (at, event) in events.into_iter().enumerate() {
            writer.append(at as u64 + 100, event).unwrap();
        }
        path
    }

    #[test]
    fn a_log_reads_back_and_compares_without_times() {
        let dir = tempfile::tempdir().unwrap();
        let path = log(dir.path(), vec![started(), finished()]);
        let read = Trajectory::read(&path).unwrap();
        assert!(read.is_complete());
        assert_eq!(read.events[1].seq, 1);
        assert_eq!(read.events[1].event, finished());
        let mut later = read.clone();
        later.events[0].at_ms += 5;
        assert_ne!(read, later);
        assert_eq!(read.without_times(), later.without_times());
    }

    #[test]
    fn the_line_format_is_stable() {
        let dir = tempfile::tempdir().unwrap();
        let path = log(dir.path(), vec![started(), finished()]);
        expect_test::expect![[r#"
            {"seq":0,"at_ms":100,"type":"started","schema":1,"question":"who?","policy":"trail","store":"abc","budget":{"searches":4,"pages":4,"turns":6},"seed":0}
            {"seq":1,"at_ms":101,"type":"finished","finish":{"status":"budget_ended","limit":"turns"},"ranking":["d"],"usage":{"searches":0,"pages":0,"turns":0,"tokens":{"prompt_tokens":0,"cached_tokens":0,"completion_tokens":0},"dollars":0.0,"elapsed_ms":17}}
        "#]]
        .assert_eq(&fs_err::read_to_string(path).unwrap());
    }

    #[test]
    fn a_torn_last_line_is_cut_wherever_it_tears() {
        let dir = tempfile::tempdir().unwrap();
        let path = log(dir.path(), vec![started(), finished()]);
        let whole = fs_err::read(&path).unwrap();
        let first = whole.iter().position(|&b| b == b'\n').unwrap() + 1;
        for cut in first..whole.len() {
            fs_err::write(&path, &whole[..cut]).unwrap();
            let read = Trajectory::read(&path).unwrap();
            assert_eq!(read.events.len(), 1, "cut at {cut}");
            assert!(!read.is_complete());
        }
    }

    #[test]
    fn damage_elsewhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = log(dir.path(), vec![started(), finished()]);
        let text = fs_err::read_to_string(&path).unwrap();
        let refuse = |text: &str| {
            fs_err::write(&path, text).unwrap();
            let error = Trajectory::read(&path).unwrap_err().to_string();
            error.replace(&path.display().to_string(), "LOG")
        };
        assert_eq!(refuse(&format!("{{}}\n{text}")), "malformed line 1 of `LOG`");
        assert_eq!(
            refuse(&text.replace("\"seq\":1", "\"seq\":2")),
            "line 2 of `LOG` has sequence number 2, expected 1"
        );
        assert!(
            refuse(&text.replace("\"schema\":1", "\"schema\":99")).ends_with("found schema 99")
        );
        assert!(refuse("").ends_with("found no whole line"));
    }
}
