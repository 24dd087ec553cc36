//! What can end an attempt without an answer.

use std::ops::Range;

use sleuth_index::IndexError;
use sleuth_lm::LmError;
use sleuth_records::DocumentId;

/// Why an attempt failed. A question that has no answer in the store is not a failure.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] IndexError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] LmError),
    /// The event log cannot be written.
    #[error("cannot write the event log")]
    Log(#[source] std::io::Error),
    /// The question does not fit the model.
    #[error(
        "the question has {found} tokens; expected at most {limit}, a quarter of the context of `{model}`"
    )]
    QuestionTooLong {
        /// The model.
        model: String,
        /// Tokens of the question.
        found: usize,
        /// Most tokens allowed.
        limit: usize,
    },
    /// A quote was to be taken from outside a document's text.
    #[error("document `{document}` has no text at bytes {} to {}", range.start, range.end)]
    NoSuchRange {
        /// The document.
        document: DocumentId,
        /// The range asked for.
        range: Range<usize>,
    },
    /// The log of a run cannot be read.
    #[error(transparent)]
    Recording(sleuth_records::LogError),
    /// A run cannot be replayed.
    #[error("the run cannot be replayed: {0}")]
    Unreplayable(String),
    /// A replay met something else than was recorded.
    #[error("the recording differs at call {at}: expected {expected}, found {found}")]
    Diverged {
        /// Position of the call, from 1.
        at: usize,
        /// What was recorded.
        expected: String,
        /// What was asked.
        found: String,
    },
}

impl AgentError {
    /// The part that failed, as the log names it.
    pub fn boundary(&self) -> &'static str {
        match self {
            Self::Model(_) | Self::QuestionTooLong { .. } => "model",
            Self::Store(_) | Self::NoSuchRange { .. } => "store",
            Self::Log(_) => "log",
            Self::Recording(_) | Self::Unreplayable(_) | Self::Diverged { .. } => "recording",
        }
    }
}
