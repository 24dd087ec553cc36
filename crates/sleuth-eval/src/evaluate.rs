//! A run against judgements, query by query.

use std::collections::{BTreeMap, HashMap};

use sleuth_records::{DocumentId, Qrels, Run};

use crate::measure::Judged;
use crate::{EvalError, Measure};

/// What a run is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What was measured.
    pub measures: Vec<Measure>,
    /// Every query with a relevant document, by query id.
    pub queries: Vec<QueryScores>,
    /// Queries among them for which the run has no documents; each value of theirs is 0.
    pub missing: usize,
    /// Judged queries without a relevant document, which cannot be measured and are left out.
    pub without_relevant: usize,
    /// Queries of the run that nobody judged, which are left out.
    pub unjudged: usize,
}

/// The values of one query.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryScores {
    /// Query id.
    pub query: String,
    /// One value a measure, in the order of [`Evaluation::measures`].
    pub values: Vec<f64>,
}

impl Evaluation {
    /// The mean of each measure over the queries.
    pub fn means(&self) -> Vec<f64> {
        (0..self.measures.len()).map(|at| self.mean_at(at)).collect()
    }

    /// The mean of `measure`, where it was measured.
    pub fn mean(&self, measure: Measure) -> Option<f64> {
        let at = self.measures.iter().position(|&known| known == measure)?;
        Some(self.mean_at(at))
    }

    fn mean_at(&self, at: usize) -> f64 {
        let sum: f64 = self.queries.iter().map(|query| query.values[at]).sum();
        sum / self.queries.len() as f64
    }
}

/// Measures `run`.
///
/// A judged query without results counts as 0 everywhere, as with `trec_eval -c`. As there, the
/// documents of a query are ordered by falling score and, where scores tie, by falling id: the order
/// in the file and its rank column do not matter. Other than there, a query without any relevant
/// document is left out: no ranking of it is better than another.
///
/// # Errors
/// When the run is empty, nothing is relevant, or the run answers none of the judged queries.
pub fn evaluate(qrels: &Qrels, run: &Run, measures: &[Measure]) -> Result<Evaluation, EvalError> {
    let rankings: HashMap<&str, &[(DocumentId, f32)]> = run
        .rankings
        .iter()
        .filter(|ranking| !ranking.documents.is_empty())
        .map(|ranking| (ranking.query.as_str(), ranking.documents.as_slice()))
        .collect();
    let Some(first) = run.rankings.first() else { return Err(EvalError::EmptyRun) };
    let Some(of_qrels) = qrels.keys().next() else { return Err(EvalError::NothingRelevant) };
    if !run.rankings.iter().any(|ranking| qrels.contains_key(&ranking.query)) {
        return Err(EvalError::NoOverlap {
            of_run: first.query.clone(),
            of_qrels: of_qrels.clone(),
        });
    }
    let mut out = Evaluation {
        measures: measures.to_vec(),
        queries: Vec::new(),
        missing: 0,
        without_relevant: 0,
        unjudged: rankings.keys().filter(|&&query| !qrels.contains_key(query)).count(),
    };
    for (query, grades) in qrels {
        let mut ideal: Vec<i32> = grades.values().copied().filter(|&grade| grade > 0).collect();
        if ideal.is_empty() {
            out.without_relevant += 1;
            continue;
        }
        ideal.sort_unstable_by(|a, b| b.cmp(a));
        let documents = rankings.get(query.as_str()).copied().unwrap_or_default();
        out.missing += usize::from(documents.is_empty());
        let judged = Judged { found: grades_by_rank(documents, grades), ideal };
        let values = measures.iter().map(|measure| measure.of(&judged)).collect();
        out.queries.push(QueryScores { query: query.clone(), values });
    }
    if out.queries.is_empty() {
        return Err(EvalError::NothingRelevant);
    }
    Ok(out)
}

fn grades_by_rank(documents: &[(DocumentId, f32)], grades: &BTreeMap<String, i32>) -> Vec<i32> {
    let mut ordered: Vec<&(DocumentId, f32)> = documents.iter().collect();
    ordered.sort_by(|(a, s), (b, t)| t.total_cmp(s).then_with(|| b.cmp(a)));
    ordered.iter().map(|(id, _)| grades.get(id.as_str()).copied().unwrap_or(0)).collect()
}
