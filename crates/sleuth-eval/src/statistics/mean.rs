//! Means over tasks that may share a source, with their uncertainty.
//!
//! Tasks made from one document rise and fall together, so that a hundred of them say less than a
//! hundred tasks from a hundred documents. With clusters *g* of such tasks, *G* of them,
//!
//! ```text
//! SE² = G / (G − 1) · Σg (Σi∈g  x_i − x̄)² / n²
//! ```
//!
//! is the cluster-robust standard error of Miller 2024 (arXiv 2411.00640, equation 4) with the usual
//! correction for few clusters; with clusters of one it is the plain standard error. Intervals of
//! Student's *t* have *G − 1* degrees of freedom. The bootstrap draws whole clusters.
//!
//! For a share, [`Estimate::wilson`] is Wilson's interval with the number of trials that the sample
//! counts for: n over the design effect, which is the ratio of the clustered variance to that of
//! independent trials (Korn and Graubard 1998). Where every task has the same outcome there is no
//! design effect to be seen, and the sample counts for as many as it has clusters. Where all values are
//! equal the bootstrap draws the same mean each time, which says nothing of how far off it may be: such an
//! interval is not given, but Wilson's for what is 0 or 1 throughout.

use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;

use super::{Interval, ROUNDING, Resampling, bootstrap_means, student_quantile, wilson};

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusteredMean {
    /// The mean.
    pub mean: f64,
    /// Standard error; absent with fewer than two clusters.
    pub standard_error: Option<f64>,
    /// Clusters.
    pub n_clusters: usize,
}

/// A mean over tasks as it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean over tasks.
    pub mean: f64,
    /// Tasks that have a value.
    pub tasks: usize,
    /// Clusters that they fall into.
    pub clusters: usize,
    /// Clustered standard error; absent with fewer than two clusters.
    pub standard_error: Option<f64>,
    /// Percentile interval of the bootstrap over clusters; absent with fewer than two clusters, and where all
    /// values are equal.
    pub bootstrap: Option<Interval>,
    /// Wilson's interval at the number of trials that the sample counts for: of shares, and of what lies
    /// between 0 and 1 where it is one of the two throughout.
    pub wilson: Option<Interval>,
}

impl Estimate {
    /// The interval to show: Wilson's where there is one, else the bootstrap's.
    pub fn interval(&self) -> Option<Interval> {
        self.wilson.or(self.bootstrap)
    }
}

/// What values can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Shares of outcomes that are 0 or 1, from so many of these.
    Trials(usize),
    /// Anything from 0 to 1.
    Unit,
    /// Anything.
    Any,
}

/// Sums and counts of values by cluster, in the order of first appearance.
fn by_cluster<K: Eq + Hash>(values: &[(K, f64)]) -> Vec<(f64, usize)> {
    let mut places: HashMap<&K, usize> = HashMap::new();
    let mut clusters: Vec<(f64, usize)> = Vec::new();
    for (key, value) in values {
        let place = *places.entry(key).or_insert_with(|| {
            clusters.push((0.0, 0));
            clusters.len() - 1
        });
        clusters[place].0 += value;
        clusters[place].1 += 1;
    }
    clusters
}

/// The mean of values that carry the names of their clusters; `None` of nothing.
pub fn clustered_mean<K: Eq + Hash>(values: &[(K, f64)]) -> Option<ClusteredMean> {
    let clusters = by_cluster(values);
    let n = values.len() as f64;
    if clusters.is_empty() {
        return None;
    }
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / n;
    let g = clusters.len() as f64;
    let squares: f64 =
        clusters.iter().map(|&(sum, count)| (sum - count as f64 * mean).powi(2)).sum();
    let standard_error = (clusters.len() > 1).then(|| (g / (g - 1.0) * squares).sqrt() / n);
    Some(ClusteredMean { mean, standard_error, n_clusters: clusters.len() })
}

impl ClusteredMean {
    /// The interval of Student's *t* with one degree of freedom fewer than there are clusters.
    pub fn student(&self, level: f64) -> Option<Interval> {
        let half = self.standard_error?
            * student_quantile(0.5 + level / 2.0, self.n_clusters as f64 - 1.0);
        Some(Interval { low: self.mean - half, high: self.mean + half })
    }
}

/// The mean over tasks of `values`, one a task with the name of its cluster; `None` of nothing.
pub fn estimate<K: Eq + Hash>(
    values: &[(K, f64)],
    scale: Scale,
    resampling: &Resampling,
) -> Option<Estimate> {
    let found = clustered_mean(values)?;
    let clusters = by_cluster(values);
    let first = values[0].1;
    let is_equal = values.iter().all(|(_, value)| (value - first).abs() < ROUNDING);
    let bootstrap =
        (clusters.len() > 1 && !is_equal).then(|| bootstrap_means(&clusters, resampling));
    let counts_for = match scale {
        Scale::Trials(n_trials) => Some(effective(&found, values.len(), n_trials)),
        Scale::Unit if is_equal && (first == 0.0 || first == 1.0) => Some(found.n_clusters as f64),
        Scale::Unit | Scale::Any => None,
    };
    let wilson =
        counts_for.map(|counts_for| wilson(found.mean * counts_for, counts_for, resampling.level));
    Some(Estimate {
        mean: found.mean,
        tasks: values.len(),
        clusters: found.n_clusters,
        standard_error: found.standard_error,
        bootstrap,
        wilson,
    })
}

/// How many independent trials a sample of shares counts for.
fn effective(found: &ClusteredMean, n: usize, n_trials: usize) -> f64 {
    let spread = found.mean * (1.0 - found.mean);
    match found.standard_error {
        Some(error) if error > ROUNDING && spread > 1e-12 && n > 1 => {
            let independent = spread / (n as f64 - 1.0);
            (n as f64 * independent / (error * error)).clamp(1.0, n_trials.max(1) as f64)
        }
        _ => found.n_clusters as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Y: [f64; 12] = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0];
    const G: [usize; 12] = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9, "{found}, expected {expected}");
    }

    // Reference: statsmodels 0.15.0, `OLS(y, ones).fit(cov_type="cluster", cov_kwds={"groups": g})`.
    #[test]
    fn standard_errors() {
        let values: Vec<(usize, f64)> = G.into_iter().zip(Y).collect();
        let found = clustered_mean(&values).unwrap();
        near(found.mean, 0.583_333_333_333_333_4);
        near(found.standard_error.unwrap(), 0.109_250_921_684_390_84);
        let alone: Vec<(usize, f64)> = Y.into_iter().enumerate().collect();
        near(clustered_mean(&alone).unwrap().standard_error.unwrap(), 0.148_647_097_502_640_77);
        // t(.975, 4) = 2.776445…
        let interval = found.student(0.95).unwrap();
        near(
            interval.high - interval.low,
            2.0 * 2.776_445_105_197_793_4 * 0.109_250_921_684_390_84,
        );
        assert_eq!(clustered_mean::<usize>(&[]), None);
        assert_eq!(clustered_mean(&[(0, 1.0), (0, 0.0)]).unwrap().standard_error, None);
    }

    #[test]
    fn the_interval_of_a_share_knows_its_clusters() {
        let resampling = Resampling::default();
        let share = |clusters: &dyn Fn(usize) -> usize, c: usize| {
            let values: Vec<(usize, f64)> =
                (0..100).map(|i| (clusters(i), if i < c { 1.0 } else { 0.0 })).collect();
            estimate(&values, Scale::Trials(100), &resampling).unwrap()
        };
        // Each task by itself: the plain interval of 50 in 100.
        let alone = share(&|i| i, 50).wilson.unwrap();
        near(alone.low, 0.403_831_530_365_995_6);
        near(alone.high, 0.596_168_469_634_004_4);
        // Ten tasks to a document, all alike within it: as good as ten tasks.
        let tens = share(&|i| i / 10, 50).wilson.unwrap();
        assert!(tens.high - tens.low > 0.5, "{tens:?}");
        // All right: as many as there are clusters.
        near(share(&|i| i / 10, 100).wilson.unwrap().low, 0.722_467_200_137_110_9);
    }

    #[test]
    fn equal_values_have_no_bootstrap() {
        let resampling = Resampling::default();
        let of = |value: f64, scale: Scale| {
            let values: Vec<(usize, f64)> = (0..10).map(|i| (i, value)).collect();
            let found = estimate(&values, scale, &resampling).unwrap();
            assert_eq!(found.bootstrap, None);
            found.interval()
        };
        // Shares that binary numbers cannot tell exactly are equal, too: ten tasks, and not a hundred rollouts.
        let tenths = of(0.1, Scale::Trials(100)).unwrap();
        near(tenths.high, wilson(1.0, 10.0, resampling.level).high);
        // Ten of ten, whether as trials or as a value that could have been anything below 1.
        near(of(1.0, Scale::Unit).unwrap().low, 0.722_467_200_137_110_9);
        assert_eq!(of(1.0, Scale::Unit), of(1.0, Scale::Trials(10)));
        assert_eq!(of(0.5, Scale::Unit), None);
        assert_eq!(of(1.0, Scale::Any), None);
    }
}
