//! Whether two systems differ, by the same queries.
//!
//! *p* is that of Fisher's randomisation test, two-sided, the interval the percentile bootstrap of the
//! mean difference; see [`statistics`](crate::statistics). (Smucker, Allan and Carterette 2007 find
//! the test the one to take for retrieval.) Neither is corrected for looking at many measures or many
//! pairs of systems.

use crate::statistics::{Interval, Resampling, bootstrap_means, randomisation, unless_rounding};
use crate::{EvalError, Evaluation, Measure};

/// How a second system differs from a first in one measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What was measured.
    pub measure: Measure,
    /// Mean of the second less mean of the first.
    pub difference: f64,
    /// Lower and upper end of the bootstrap interval of the difference.
    pub interval: Interval,
    /// Probability of so large a difference, of either sign, between equal systems.
    pub p: f64,
    /// Queries where the second is better.
    pub wins: usize,
    /// Queries where both are the same.
    pub ties: usize,
    /// Queries where the first is better.
    pub losses: usize,
}

/// Compares `second` with `first`, measure by measure.
///
/// # Errors
/// When the two were not taken over the same queries with the same measures.
pub fn compare(
    first: &Evaluation,
    second: &Evaluation,
    resampling: &Resampling,
) -> Result<Vec<Comparison>, EvalError> {
    let queries = |evaluation: &Evaluation| -> Vec<String> {
        evaluation.queries.iter().map(|query| query.query.clone()).collect()
    };
    if first.measures != second.measures || queries(first) != queries(second) {
        return Err(EvalError::Unpaired);
    }
    let of = |(at, &measure): (usize, &Measure)| {
        let pairs = first.queries.iter().zip(&second.queries);
        let differences: Vec<f64> =
            pairs.map(|(a, b)| unless_rounding(b.values[at] - a.values[at])).collect();
        compare_differences(measure, &differences, resampling)
    };
    Ok(first.measures.iter().enumerate().map(of).collect())
}

fn compare_differences(
    measure: Measure,
    differences: &[f64],
    resampling: &Resampling,
) -> Comparison {
    let count = |f: fn(f64) -> bool| differences.iter().filter(|&&d| f(d)).count();
    let (wins, losses) = (count(|d| d > 0.0), count(|d| d < 0.0));
    let alone: Vec<(f64, usize)> = differences.iter().map(|&difference| (difference, 1)).collect();
    Comparison {
        measure,
        difference: mean(differences),
        interval: bootstrap_means(&alone, resampling),
        p: randomisation(differences, resampling),
        wins,
        ties: differences.len() - wins - losses,
        losses,
    }
}

fn mean(differences: &[f64]) -> f64 {
    differences.iter().sum::<f64>() / differences.len().max(1) as f64
}
