//! Measures how good rankings are, and whether two systems differ.
//!
//! [`evaluate`] scores a [`Run`](sleuth_records::Run) against judgements, query by query;
//! [`compare`] says of two such evaluations how far apart they are, and how easily chance alone
//! would have put them that far apart. Definitions are those of `trec_eval`; [`Measure`] and
//! [`evaluate`] name the departures.
//!
//! The crate runs no search and prints nothing: it is given what a system returned.
//!
//! ```
//! use sleuth_eval::{Measure, evaluate};
//! use sleuth_records::{DocumentId, Qrels, RankedQuery, Run};
//!
//! let mut qrels = Qrels::new();
//! qrels.entry("q1".to_owned()).or_default().insert("right".to_owned(), 1);
//! let documents = vec![(DocumentId::new("wrong"), 2.0), (DocumentId::new("right"), 1.0)];
//! let rankings = vec![RankedQuery { query: "q1".to_owned(), documents }];
//! let run = Run { tag: "mine".to_owned(), rankings };
//!
//! let evaluation = evaluate(&qrels, &run, &["mrr".parse::<Measure>()?])?;
//! assert_eq!(evaluation.means(), [0.5]);
//! # Ok::<(), sleuth_eval::EvalError>(())
//! ```

mod compare;
mod error;
mod evaluate;
mod measure;

pub use compare::{Comparison, Resampling, compare};
pub use error::EvalError;
pub use evaluate::{Evaluation, QueryScores, evaluate};
pub use measure::Measure;
