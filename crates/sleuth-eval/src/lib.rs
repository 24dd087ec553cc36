//! Measures rankings and answers, and says whether two systems differ.
//!
//! * [`evaluate`] scores a [`Run`](sleuth_records::Run) against judgements, query by query, and
//!   [`compare`] says of two such evaluations how far apart they are and how easily chance alone would
//!   have put them that far apart. Definitions are those of `trec_eval`; [`Measure`] and [`evaluate`]
//!   name the departures;
//! * [`read_systems`] reads files of episodes, [`Answers`] says what one system's are worth, and
//!   [`compare_systems`] whether two differ. An episode that ended in an error is counted and enters
//!   no mean;
//! * [`statistics`] holds the estimates behind both.
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

mod answers;
mod collapse;
mod compare;
mod contrast;
mod curve;
mod error;
mod evaluate;
mod export;
mod matrix;
mod measure;
mod metric;
pub mod report;
pub mod statistics;
mod system;

pub use answers::{Answers, Group, Passes, answers_page};
pub use collapse::{
    ALARM, Alarm, LEAST_STEPS, LogFormat, LogReadError, Signal, Step, Watch, WatchOptions, watch,
};
pub use compare::{Comparison, compare};
pub use contrast::{
    ALPHA, Across, Call, ComparedSystems, Contrast, ContrastError, Differing, POWER,
    compare_systems,
};
pub use curve::{Axis, Curve, CurvePoint, CurveSeries, SUBSETS};
pub use error::EvalError;
pub use evaluate::{Evaluation, QueryScores, evaluate};
pub use export::{BrowseComp, summary_name, trec_run};
pub use matrix::{
    AgainstFirst, Cell, Matrix, MatrixError, MatrixPlan, MetricName, PlannedCell, PlannedPolicy,
    PlannedStore, PolicyKind, StoreNow,
};
pub use measure::Measure;
pub use metric::Metric;
pub use statistics::Resampling;
pub use system::{
    Band, EpisodesError, Loaded, Observation, Outcome, Protocol, System, read_systems,
    stated_confidence,
};
