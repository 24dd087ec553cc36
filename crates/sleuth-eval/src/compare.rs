//! Whether two systems differ, by the same queries.
//!
//! *p* is that of Fisher's randomisation test, two-sided: if both systems were the same, each
//! query's difference could as well have had the other sign, so *p* is the share of all assignments
//! of signs whose mean is at least as far from 0 as the one observed. Where the assignments are few
//! enough they are all counted; else as many as asked for are drawn, and the observed one is counted
//! with them, so that *p* is never 0. (Smucker, Allan and Carterette 2007 find it the test to take
//! for retrieval.)
//!
//! The interval is the percentile bootstrap of the mean difference: queries drawn with replacement.
//!
//! Neither is corrected for looking at many measures or many pairs of systems.

use crate::{EvalError, Evaluation, Measure};
use sleuth_records::Random;

/// Differences below this are rounding.
const ROUNDING: f64 = 1e-9;

/// How much is drawn, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// Assignments of signs of the randomisation test.
    pub permutations: usize,
    /// Samples of the bootstrap; 0 gives an interval of the mean alone.
    pub samples: usize,
    /// Share of samples that the interval holds.
    pub level: f64,
    /// Seed of both.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { permutations: 10_000, samples: 10_000, level: 0.95, seed: 0 }
    }
}

/// How a second system differs from a first in one measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What was measured.
    pub measure: Measure,
    /// Mean of the second less mean of the first.
    pub difference: f64,
    /// Lower and upper end of the bootstrap interval of the difference.
    pub interval: (f64, f64),
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
        let differences: Vec<f64> = pairs
            .map(|(a, b)| b.values[at] - a.values[at])
            .map(|difference| if difference.abs() < ROUNDING { 0.0 } else { difference })
            .collect();
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
    Comparison {
        measure,
        difference: mean(differences),
        interval: bootstrap(differences, resampling),
        p: randomisation(differences, resampling),
        wins,
        ties: differences.len() - wins - losses,
        losses,
    }
}

fn mean(differences: &[f64]) -> f64 {
    differences.iter().sum::<f64>() / differences.len().max(1) as f64
}

fn randomisation(differences: &[f64], resampling: &Resampling) -> f64 {
    // A difference of 0 has no sign to change.
    let differences: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    let observed = differences.iter().sum::<f64>().abs() - ROUNDING;
    let few = u32::try_from(differences.len()).ok().and_then(|n| 1u64.checked_shl(n));
    if let Some(all) = few.filter(|&all| all <= resampling.permutations as u64) {
        let extreme =
            (0..all).filter(|&signs| signed_sum(&differences, || signs).abs() >= observed).count();
        return extreme as f64 / all as f64;
    }
    let mut random = Random(resampling.seed);
    let extreme = (0..resampling.permutations)
        .filter(|_| signed_sum(&differences, || random.number()).abs() >= observed)
        .count();
    (extreme + 1) as f64 / (resampling.permutations + 1) as f64
}

/// The sum of `differences`, each negated where its bit is set; 64 bits come at a time.
fn signed_sum(differences: &[f64], mut bits: impl FnMut() -> u64) -> f64 {
    let mut sum = 0.0;
    for chunk in differences.chunks(64) {
        let signs = bits();
        for (at, difference) in chunk.iter().enumerate() {
            sum += f64::from_bits(difference.to_bits() ^ (((signs >> at) & 1) << 63));
        }
    }
    sum
}

fn bootstrap(differences: &[f64], resampling: &Resampling) -> (f64, f64) {
    let n = differences.len();
    if n == 0 || resampling.samples == 0 {
        return (mean(differences), mean(differences));
    }
    // Another stream of numbers than that of the signs.
    let mut random = Random(!resampling.seed);
    let sample = |_| (0..n).map(|_| differences[below(&mut random, n)]).sum::<f64>() / n as f64;
    let mut means: Vec<f64> = (0..resampling.samples).map(sample).collect();
    means.sort_by(f64::total_cmp);
    let outside = (1.0 - resampling.level) / 2.0 * means.len() as f64;
    let low = (outside.floor() as usize).min(means.len() - 1);
    (means[low], means[means.len() - 1 - low])
}

/// A number below `n`, which is not 0, by multiplication: it has no bias to speak of for any `n`.
fn below(random: &mut Random, n: usize) -> usize {
    ((u128::from(random.number()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(differences: &[f64]) -> Comparison {
        compare_differences(Measure::Ndcg(10), differences, &Resampling::default())
    }

    #[test]
    fn few_differences_are_counted_out() {
        // Of the 2^4 sums of ±1 ±2 ±3 ±4, only all plus and all minus reach 10.
        assert_eq!(of(&[1.0, 2.0, 3.0, 4.0]).p, 2.0 / 16.0);
        // A tie changes nothing; 1 − 2 = −1 is reached by all four of ±1 ±2.
        assert_eq!(of(&[1.0, 0.0, -2.0]).p, 1.0);
        assert_eq!(of(&[0.0, 0.0]).p, 1.0);
    }

    #[test]
    fn many_differences_are_drawn_near_the_exact_value() {
        // Twenty equal differences: the sum is the excess of heads over tails. The chance of 15 or
        // more heads, or tails, is 2 · 21,700 / 2^20 = .04139.
        let mut differences = [0.1; 20];
        differences[..5].fill(-0.1);
        let comparison = of(&differences);
        assert!((comparison.p - 0.0414).abs() < 0.006, "{}", comparison.p);
        assert_eq!((comparison.wins, comparison.ties, comparison.losses), (15, 0, 5));
        assert!((comparison.difference - 0.05).abs() < 1e-12);
        // No difference so large in 10,000 draws, and p is not 0 all the same.
        assert_eq!(of(&[0.3; 40]).p, 1.0 / 10_001.0);
    }

    #[test]
    fn the_interval_holds_the_mean_and_is_as_wide_as_theory_says() {
        // 400 differences of ±.1: standard error .1 / √400 = .005, so .95 lies within ± .0098.
        let differences: Vec<f64> = (0..400).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let (low, high) = of(&differences).interval;
        assert!((low + 0.0098).abs() < 0.0007 && (high - 0.0098).abs() < 0.0007, "{low} {high}");
        assert_eq!(of(&[0.25; 9]).interval, (0.25, 0.25));
    }

    #[test]
    fn the_seed_decides() {
        let differences: Vec<f64> = (0..50).map(|i| f64::from(i % 7) - 2.5).collect();
        let with = |seed| {
            let resampling = Resampling { seed, ..Resampling::default() };
            compare_differences(Measure::Map(None), &differences, &resampling)
        };
        assert_eq!(with(1), with(1));
        assert_ne!(with(1).p, with(2).p);
    }
}
