//! A store of documents: build it, keep it up to date, open it, search it.
//!
//! A store is a directory. [`sync`] makes it agree with a [`DocumentSource`], or adds one to it;
//! [`remove_documents`] removes documents by id; [`Store::open`] opens
//! it for reading, while a writer may be at work; [`Retriever`] is what everything above sees, so
//! that other kinds of retrieval and outside engines fit in the same place. Every answer belongs to
//! a *snapshot*, named by a hash over the analyzer, the splitter and the documents' ids and
//! contents: the same documents have the same snapshot id, and the same rankings, on any machine
//! and whatever the history of updates.
//!
//! The crate reads no source files itself, and it never calls a language model.
//!
//! ```
//! # use std::ops::ControlFlow;
//! use sleuth_index::{MemorySource, Query, Retriever, Store, SyncOptions, sync};
//! use sleuth_records::{Document, DocumentId};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("store");
//! let source = MemorySource::new([
//!     Document::new(DocumentId::new("a"), "Fox", "The quick brown fox."),
//!     Document::new(DocumentId::new("b"), "Dog", "The lazy dog."),
//! ]);
//! sync(&path, &source, &SyncOptions::default(), &|_| (), &|| false)?;
//! let store = Store::open(&path)?;
//! let ranking = store.search(&Query::new("brown foxes", 10))?;
//! assert_eq!(ranking.hits[0].passage.document.as_str(), "a");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod about;
mod analyzer;
mod bm25;
mod directory;
mod error;
mod graph;
mod language;
mod layout;
mod mentions;
mod query;
mod rank;
mod recent;
mod remove;
mod retriever;
mod sites;
mod snippet;
mod splitter;
mod standing;
mod store;
mod sync;
mod vectors;
mod verify;

pub use about::{About, InGraph};
pub use analyzer::{Term, TermFinder, analyze, folded, has_words, words};
pub use bm25::Bm25;
pub use error::IndexError;
pub use graph::{GraphReport, build_graph};
pub use layout::StoreInfo;
pub use mentions::Mention;
pub use query::{Condition, Day, Filter};
pub use rank::{
    Along, Basis, Explained, Explanation, Factor, NameShare, Nearness, NoVectors, Passed,
    TermShare, VectorPart,
};
pub use remove::{RemoveReport, remove_damaged, remove_documents};
pub use retriever::{Parts, Query, Retriever};
pub use sites::{DecidingRule, Effect, ListFormat, ListWarning, SiteList, SiteLists, Verdict};
pub use snippet::{Snippet, Snippets};
pub use store::{Retrieval, Store};
pub use sync::{
    DocumentSource, MemorySource, Progress, SourceError, SyncOptions, SyncReport, sync,
};
pub use vectors::{Embedder, FillOptions, FillReport, fill_vectors};
pub use verify::{Problem, verify};
