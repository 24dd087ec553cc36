//! What the tests of several crates share, and nothing that a release needs.
//!
//! * [`TinyStore`]: a store of a few documents in a folder that goes away with it;
//! * [`library`], [`untitled`], [`chinese_library`]: documents with trails of two and three hops;
//! * [`Acting`]: a model that replies by a function of what it is asked, and whose requests can be
//!   looked at while it is owned by somebody else;
//! * [`SharedData`]: the measurement data beside the repository, where it is present;
//! * [`filtered`]: text for snapshots, without what differs from run to run;
//! * [`Random`]: seeded numbers.
//!
//! ```
//! use sleuth_index::{Query, Retriever as _};
//! use sleuth_testkit::{TinyStore, library};
//!
//! let tiny = TinyStore::of(library());
//! let ranking = tiny.store().search(&Query::new("a lighthouse keeper", 3)).unwrap();
//! assert_eq!(ranking.hits[0].passage.document.as_str(), "glass-harbour");
//! ```
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod acting;
mod data;
mod documents;
mod filter;
mod tiny;

pub use acting::Acting;
pub use data::{AskedQuestion, SharedData};
pub use documents::{chinese_library, library, untitled};
pub use filter::filtered;
pub use sleuth_lm::Seen;
pub use sleuth_records::Random;
pub use tiny::TinyStore;
