//! Resampling: the bootstrap and Fisher's randomisation test.
//!
//! The interval is the percentile bootstrap of a mean (Efron 1979): whole clusters drawn with
//! replacement, each value weighing the same. The test is of paired differences: if both systems were
//! the same, each difference could as well have had the other sign, so *p* is the share of all
//! assignments of signs whose sum is at least as far from 0 as the one observed. Where the
//! assignments are few enough they are all counted; else as many as asked for are drawn, and the
//! observed one is counted with them, so that *p* is never 0. Differences of one cluster keep their
//! signs together: they go in as one sum.

use sleuth_records::Random;

use super::Interval;

/// Differences below this are rounding.
pub(crate) const ROUNDING: f64 = 1e-9;

/// The difference, or 0 where it is rounding.
pub(crate) fn unless_rounding(difference: f64) -> f64 {
    if difference.abs() < ROUNDING { 0.0 } else { difference }
}

/// How much is drawn, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
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

/// The two-sided *p* of `sums`, the sums of paired differences by cluster.
pub fn randomisation(sums: &[f64], resampling: &Resampling) -> f64 {
    // A sum of 0 has no sign to change.
    let sums: Vec<f64> = sums.iter().copied().filter(|sum| sum.abs() >= ROUNDING).collect();
    let observed = sums.iter().sum::<f64>().abs() - ROUNDING;
    let few = u32::try_from(sums.len()).ok().and_then(|n| 1u64.checked_shl(n));
    if let Some(all) = few.filter(|&all| all <= resampling.permutations as u64) {
        let extreme =
            (0..all).filter(|&signs| signed_sum(&sums, || signs).abs() >= observed).count();
        return extreme as f64 / all as f64;
    }
    let mut random = Random(resampling.seed);
    let extreme = (0..resampling.permutations)
        .filter(|_| signed_sum(&sums, || random.number()).abs() >= observed)
        .count();
    (extreme + 1) as f64 / (resampling.permutations + 1) as f64
}

/// The sum of `sums`, each negated where its bit is set; 64 bits come at a time.
fn signed_sum(sums: &[f64], mut bits: impl FnMut() -> u64) -> f64 {
    let mut total = 0.0;
    for chunk in sums.chunks(64) {
        let signs = bits();
        for (at, sum) in chunk.iter().enumerate() {
            total += f64::from_bits(sum.to_bits() ^ (((signs >> at) & 1) << 63));
        }
    }
    total
}

/// The interval of the mean over all values of `clusters`, each given as its sum and its count.
pub fn bootstrap_means(clusters: &[(f64, usize)], resampling: &Resampling) -> Interval {
    let n = clusters.len();
    let mean = |sum: f64, count: usize| sum / count.max(1) as f64;
    if n == 0 || resampling.samples == 0 {
        let (sum, count) = clusters.iter().fold((0.0, 0), |(s, c), (sum, n)| (s + sum, c + n));
        return Interval { low: mean(sum, count), high: mean(sum, count) };
    }
    // Another stream of numbers than that of the signs.
    let mut random = Random(!resampling.seed);
    let mut means: Vec<f64> = Vec::with_capacity(resampling.samples);
    for _ in 0..resampling.samples {
        let (mut sum, mut count) = (0.0, 0);
        for _ in 0..n {
            let (s, c) = clusters[below(&mut random, n)];
            sum += s;
            count += c;
        }
        means.push(mean(sum, count));
    }
    means.sort_by(f64::total_cmp);
    let outside = (1.0 - resampling.level) / 2.0 * means.len() as f64;
    let low = (outside.floor() as usize).min(means.len() - 1);
    Interval { low: means[low], high: means[means.len() - 1 - low] }
}

/// A number below `n`, which is not 0, by multiplication: it has no bias to speak of for any `n`.
fn below(random: &mut Random, n: usize) -> usize {
    ((u128::from(random.number()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(sums: &[f64]) -> f64 {
        randomisation(sums, &Resampling::default())
    }

    #[test]
    fn few_differences_are_counted_out() {
        // Of the 2^4 sums of ±1 ±2 ±3 ±4, only all plus and all minus reach 10.
        assert_eq!(p(&[1.0, 2.0, 3.0, 4.0]), 2.0 / 16.0);
        // A tie changes nothing; 1 − 2 = −1 is reached by all four of ±1 ±2.
        assert_eq!(p(&[1.0, 0.0, -2.0]), 1.0);
        assert_eq!(p(&[0.0, 0.0]), 1.0);
    }

    #[test]
    fn many_differences_are_drawn_near_the_exact_value() {
        // Twenty equal differences: the sum is the excess of heads over tails. The chance of 15 or
        // more heads, or tails, is 2 · 21,700 / 2^20 = .04139.
        let mut differences = [0.1; 20];
        differences[..5].fill(-0.1);
        assert!((p(&differences) - 0.0414).abs() < 0.006, "{}", p(&differences));
        // No difference so large in 10,000 draws, and p is not 0 all the same.
        assert_eq!(p(&[0.3; 40]), 1.0 / 10_001.0);
    }

    #[test]
    fn the_interval_is_as_wide_as_theory_says() {
        // 400 differences of ±.1: standard error .1 / √400 = .005, so .95 lies within ± .0098.
        let alone: Vec<(f64, usize)> =
            (0..400).map(|i| (if i % 2 == 0 { 0.1 } else { -0.1 }, 1)).collect();
        let found = bootstrap_means(&alone, &Resampling::default());
        assert!((found.low + 0.0098).abs() < 0.0007 && (found.high - 0.0098).abs() < 0.0007);
        // The same in 100 clusters of four equal ones: twice as wide.
        let fours: Vec<(f64, usize)> =
            (0..100).map(|i| (if i % 2 == 0 { 0.4 } else { -0.4 }, 4)).collect();
        let found = bootstrap_means(&fours, &Resampling::default());
        assert!((found.low + 0.0196).abs() < 0.0014 && (found.high - 0.0196).abs() < 0.0014);
        let equal = bootstrap_means(&[(0.25, 1); 9], &Resampling::default());
        assert_eq!(equal, Interval { low: 0.25, high: 0.25 });
    }

    #[test]
    fn the_seed_decides() {
        let sums: Vec<f64> = (0..50).map(|i| f64::from(i % 7) - 2.5).collect();
        let with = |seed| randomisation(&sums, &Resampling { seed, ..Resampling::default() });
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
    }
}
