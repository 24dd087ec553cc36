//! Files in, clean documents out.
//!
//! A [`Corpus`] is a folder, or one file, of somebody's documents. [`Corpus::list`] looks at names
//! and file metadata only; [`Corpus::read`] turns one file into [`Document`]s with clean text, a
//! title, links, and a map from text offsets to lines of the file. Whatever is not read is a
//! [`Skipped`] entry with a reason for a person: nothing is dropped without a name.
//!
//! | file | becomes |
//! |---|---|
//! | Markdown, reStructuredText, plain text, source code | one document, text as in the file |
//! | HTML | one document: the main content as readable lines, with [`Signals`] of its quality |
//! | JSON Lines, BEIR `corpus.jsonl` | one document a record |
//! | PDF | one document: paragraphs and tables by pages, read in a process of its own |
//! | DOCX, EPUB | one document |
//! | any of these with `.zst` | the same |
//! | binaries, everything else | a [`Skipped`] entry |
//!
//! The crate refuses to do three things: fetch (no link is ever followed, no network exists here),
//! trust (a hostile file costs bounded memory and time linear in its size, and never a panic or a
//! hang), and guess silently (what was changed, truncated or malformed is said).
//!
//! ```
//! use std::ops::ControlFlow;
//! use sleuth_corpus::{Corpus, Limits};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! # let root = dir.path();
//! # fs_err::write(root.join("notes.md"), "# Harbour\n\nBuilt in 1911.\n").unwrap();
//! let corpus = Corpus::open(root, Limits::default()).unwrap();
//! let listing = corpus.list().unwrap();
//! let mut titles = Vec::new();
//! for file in &listing.files {
//!     let report = corpus.read(file, &mut |document| {
//!         titles.push(document.title);
//!         ControlFlow::Continue(())
//!     });
//!     assert!(report.skipped.is_empty());
//! }
//! assert_eq!(titles, ["Harbour"]);
//! ```
//!
//! [`Document`]: sleuth_records::Document
//! [`Skipped`]: sleuth_records::Skipped
//! [`Signals`]: sleuth_records::Signals

mod archive;
mod corpus;
mod decode;
mod docx;
mod epub;
mod html;
mod jsonl;
mod kind;
mod link;
mod list;
mod markdown;
mod pdf;
mod rst;
mod shape;
mod source;
mod xml;

pub use corpus::{Corpus, CorpusError, Limits, Listing, ReadReport};
#[doc(hidden)]
pub use html::PageView;
#[doc(hidden)]
pub use pdf::read_pdf_here;
pub use pdf::{PdfReader, serve_pdf};
