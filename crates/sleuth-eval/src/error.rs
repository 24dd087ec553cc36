//! What cannot be measured.

/// Why there is no measurement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A measure of that name does not exist.
    #[error(
        "unknown measure `{name}`: expected ndcg@K, recall@K, all@K, p@K, map, map@K, mrr or mrr@K \
         with K from 1"
    )]
    UnknownMeasure {
        /// The name as given.
        name: String,
    },
    /// The run ranks nothing.
    #[error("the run has no rankings")]
    EmptyRun,
    /// The judgements find nothing relevant.
    #[error("the judgements have no relevant document: expected a grade of 1 or more")]
    NothingRelevant,
    /// Run and judgements are of different queries.
    #[error(
        "the run and the judgements have no query in common: the run has `{of_run}`, the judgements \
         have `{of_qrels}`"
    )]
    NoOverlap {
        /// A query id of the run.
        of_run: String,
        /// A query id of the judgements.
        of_qrels: String,
    },
    /// Two evaluations are of different queries or measures.
    #[error("the two evaluations are of different queries or measures")]
    Unpaired,
}
