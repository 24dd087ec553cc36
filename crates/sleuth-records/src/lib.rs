//! Plain data of Sleuth and the file formats it lives in.
//!
//! Every other crate speaks in these nouns, and none of them means two things:
//!
//! * a [`Document`] is one cleaned source; a [`Passage`] is a byte range of its text, the unit that
//!   retrieval returns;
//! * a [`Question`] is what a person asks, a query is text sent to the index; a [`Ranking`] is the
//!   ordered hits of one query, a [`Run`] the rankings of many;
//! * a [`Trajectory`] is the append-only record of one attempt at a question, as typed
//!   [`Event`]s, one JSON object a line.
//!
//! The crate reads and writes those formats and does nothing else: no network, no model, no index,
//! no clock.
//!
//! ```
//! use sleuth_records::{Document, DocumentId, LineMap};
//!
//! let text = "First line.\nSecond line.".to_owned();
//! let document = Document::new(DocumentId::new("notes/a.txt"), "A", text);
//! assert_eq!(document.lines, LineMap::OfText);
//! assert_eq!(document.line_at(12), 2);
//! ```

mod beir;
mod digest;
mod document;
mod message;
mod random;
mod signals;
mod trajectory;
mod trec;
mod unseen;

pub use beir::{BeirError, BeirQuery, Question, read_queries};
pub use digest::{Digest, sha256_hex};
pub use document::{
    Document, DocumentId, LineMap, Link, Part, Passage, PassageId, Skipped, SourceFile,
    SourceStamp, Unit,
};
pub use message::{Message, Role, TokenUsage, ToolCall, ToolSpec};
pub use random::Random;
pub use signals::{Quality, Signals, quality};
pub use trajectory::{
    Budget, Citation, Claim, Envelope, Event, Evidence, EvidenceId, Finish, LogError, Mark,
    SCHEMA_VERSION, Trajectory, TrajectoryWriter, Usage,
};
pub use trec::{
    Hit, Judgements, Qrels, RankedQuery, Ranking, Regraded, Run, TrecError, read_judgements,
    read_qrels, read_run, write_ranking, write_run,
};
pub use unseen::is_unseen;
