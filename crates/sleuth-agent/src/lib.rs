//! Question in, trajectory out.
//!
//! [`ask`] runs a [`Policy`] on a question: it hunts through a store, keeps quotes as evidence, and
//! writes an answer whose every claim is checked against the documents before anybody sees it.
//! [`Trail`] needs no model; [`Chat`] lets one decide. Both work through a [`Session`], which counts
//! what they use, says when to write up, and writes the event log: the one record of what happened.
//! With a [`Recorder`], a run can be [`replay`]ed without store and model.
//!
//! The agent is given a question and nothing else: no type here can hold a gold answer. It has no
//! tool that leaves the store.
//!
//! ```
//! # use std::io;
//! use sleuth_agent::{AskOptions, Surroundings, SystemClock, Trail, ask};
//! use sleuth_index::{MemorySource, Store, SyncOptions, sync};
//! use sleuth_records::{Budget, Document, DocumentId, Question, TrajectoryWriter};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("store");
//! let source = MemorySource::new([Document::new(
//!     DocumentId::new("emma.txt"),
//!     "Emma",
//!     "Emma is a novel. It was written by Jane Austen.",
//! )]);
//! sync(&path, &source, &SyncOptions::default(), &|_| (), &|| false)?;
//! let budget = Budget {
//!     searches: Some(16),
//!     pages: Some(16),
//!     turns: Some(24),
//!     tokens: None,
//!     seconds: None,
//!     dollars: None,
//! };
//! let outcome = ask(
//!     &Question::new("Who wrote Emma?").ok_or("empty")?,
//!     &mut Trail::default(),
//!     &AskOptions { budget, seed: 0 },
//!     Surroundings {
//!         retriever: &Store::open(&path)?,
//!         clock: &SystemClock,
//!         interrupted: &|| false,
//!         cancel: &|| false,
//!         log: &mut TrajectoryWriter::to(Box::new(io::sink())),
//!         on_event: &mut |_| (),
//!     },
//! )?;
//! assert_eq!(outcome.answer, "Jane Austen");
//! assert_eq!(outcome.evidence[0].quote, "It was written by Jane Austen.");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ask;
mod chat;
mod check;
mod clock;
mod error;
mod record;
mod session;
mod trail;

pub use ask::{AskOptions, Draft, Outcome, Policy, RANKING, Surroundings, ask};
pub use chat::results as shown;
pub use chat::{
    Chat, ChatOptions, MOST_IDLE_TURNS, closed_book, means_not_found, not_answered, system_prompt,
    tools,
};
pub use check::{check, normalise, quote_is_there};
pub use clock::{Clock, StepClock, SystemClock};
pub use error::AgentError;
pub use record::{CALLS, LOG, Recorder, Replayed, Tap, replay};
pub use session::{Room, Session, WRITE_UP_SHARE, WriteUp};
pub use trail::{
    Answer, N_FEATURES, Place, PoolWeights, Trail, TrailOptions, candidate_answers, sentences,
};
