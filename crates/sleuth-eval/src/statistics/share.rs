//! Shares: of right answers among a task's rollouts, and of tasks.
//!
//! With *c* right ones of *n* rollouts of a task,
//!
//! ```text
//! pass@k = 1 − C(n−c, k) / C(n, k)     at least one of k is right   (Chen et al. 2021, arXiv 2107.03374)
//! pass^k = C(c, k) / C(n, k)           all of k are right           (Yao et al. 2024, arXiv 2406.12045)
//! ```
//!
//! are unbiased for k rollouts drawn from the same policy. Both need k of at most n: what would
//! happen in more rollouts than were made is not known.

use super::{Interval, beta_quantile, normal_quantile};

/// An estimate asks for more rollouts than there are, or for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot tell of {k} rollouts from {n}: expected k from 1 to {n}")]
pub struct NotEnough {
    /// Rollouts that were made.
    pub n: u64,
    /// Rollouts asked about.
    pub k: u64,
}

/// The chance that at least one of `k` rollouts is right, where `c` of `n` were.
///
/// # Errors
/// When `k` is 0 or above `n`.
pub fn pass_at(n: u64, c: u64, k: u64) -> Result<f64, NotEnough> {
    Ok(1.0 - drawn_from(n, n - c.min(n), k)?)
}

/// The chance that all of `k` rollouts are right, where `c` of `n` were.
///
/// # Errors
/// When `k` is 0 or above `n`.
pub fn pass_all(n: u64, c: u64, k: u64) -> Result<f64, NotEnough> {
    drawn_from(n, c.min(n), k)
}

/// *C(some, k) / C(n, k)*: the chance that `k` drawn of `n` are all among `some` of them.
fn drawn_from(n: u64, some: u64, k: u64) -> Result<f64, NotEnough> {
    if k == 0 || k > n {
        return Err(NotEnough { n, k });
    }
    if k > some {
        return Ok(0.0);
    }
    Ok((0..k).map(|i| (some - i) as f64 / (n - i) as f64).product())
}

/// Wilson's score interval for a share of `successes` in `n` trials. Neither has to be whole: a
/// sample that counts for fewer than it has, since its members resemble each other, goes in with the
/// number that it counts for.
pub fn wilson(successes: f64, n: f64, level: f64) -> Interval {
    if n.is_nan() || n <= 0.0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let z = normal_quantile(0.5 + level / 2.0);
    let share = successes / n;
    let squared = z * z / n;
    let middle = (share + squared / 2.0) / (1.0 + squared);
    let half = z * (share * (1.0 - share) / n + squared / (4.0 * n)).sqrt() / (1.0 + squared);
    // At the ends the formula gives 0 and 1 but for rounding.
    let low = if successes <= 0.0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if successes >= n { 1.0 } else { (middle + half).min(1.0) };
    Interval { low, high }
}

/// Clopper's and Pearson's exact interval for a share of `successes` in `n` trials: it holds the
/// truth at least as often as `level` says.
pub fn clopper_pearson(successes: u64, n: u64, level: f64) -> Interval {
    let outside = (1.0 - level) / 2.0;
    let (c, missed) = (successes.min(n) as f64, n.saturating_sub(successes) as f64);
    let low = if c == 0.0 { 0.0 } else { beta_quantile(outside, c, missed + 1.0) };
    let high = if missed == 0.0 { 1.0 } else { beta_quantile(1.0 - outside, c + 1.0, missed) };
    Interval { low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9, "{found}, expected {expected}");
    }

    // Reference: binomial coefficients of scipy 1.17.1, `special.comb(…, exact=True)`.
    #[test]
    fn several_rollouts() {
        for (n, c, k, at, all) in [
            (8, 4, 4, 0.985_714_285_714_285_8, 0.014_285_714_285_714_285),
            (10, 3, 2, 0.533_333_333_333_333_3, 0.066_666_666_666_666_67),
            (200, 1, 100, 0.5, 0.0),
            (4, 2, 1, 0.5, 0.5),
            (1_000, 500, 10, 0.999_066_812_197_815_5, 0.000_933_187_802_184_499_9),
            (4, 4, 4, 1.0, 1.0),
            (4, 0, 4, 0.0, 0.0),
        ] {
            near(pass_at(n, c, k).unwrap(), at);
            near(pass_all(n, c, k).unwrap(), all);
        }
        let message = pass_all(4, 4, 5).unwrap_err().to_string();
        assert_eq!(message, "cannot tell of 5 rollouts from 4: expected k from 1 to 4");
        assert!(pass_at(4, 4, 0).is_err() && pass_at(0, 0, 1).is_err());
    }

    // Reference: scipy 1.17.1, `stats.binomtest(c, n).proportion_ci(.95, "wilson" | "exact")`.
    #[test]
    fn intervals_of_shares() {
        for (c, n, wilson_95, exact_95) in [
            (0, 10, (0.0, 0.277_532_799_862_889_26), (0.0, 0.308_497_107_818_762_94)),
            (
                5,
                10,
                (0.236_593_090_512_564, 0.763_406_909_487_436),
                (0.187_086_028_447_404_5, 0.812_913_971_552_595_5),
            ),
            (10, 10, (0.722_467_200_137_110_9, 1.0), (0.691_502_892_181_237, 1.0)),
            (
                50,
                100,
                (0.403_831_530_365_995_6, 0.596_168_469_634_004_4),
                (0.398_321_129_503_301, 0.601_678_870_496_699),
            ),
            (
                99,
                100,
                (0.945_513_803_821_294_6, 0.998_232_567_935_859_4),
                (0.945_540_614_607_919_4, 0.999_746_853_967_317_1),
            ),
            (
                990,
                1000,
                (0.981_690_531_129_685_2, 0.994_559_245_554_470_6),
                (0.981_686_756_944_887_5, 0.995_194_489_308_942),
            ),
        ] {
            let found = wilson(c as f64, n as f64, 0.95);
            near(found.low, wilson_95.0);
            near(found.high, wilson_95.1);
            let found = clopper_pearson(c, n, 0.95);
            near(found.low, exact_95.0);
            near(found.high, exact_95.1);
        }
        assert_eq!(wilson(0.0, 0.0, 0.95), Interval { low: 0.0, high: 1.0 });
    }

    /// Published sample sizes: the fewest trials with 0 to 3 failures of which one may say "99 %".
    #[test]
    fn what_it_takes_to_say_99_per_cent() {
        let fewest = |says: &dyn Fn(u64, u64) -> bool, failures: u64| {
            (failures + 1..2_000).find(|&n| says(n - failures, n)).unwrap()
        };
        let by_wilson = |c: u64, n: u64| wilson(c as f64, n as f64, 0.95).low >= 0.99;
        let exactly = |c: u64, n: u64| clopper_pearson(c, n, 0.90).low >= 0.99;
        let all = |says: &dyn Fn(u64, u64) -> bool| [0, 1, 2, 3].map(|f| fewest(says, f));
        assert_eq!(all(&by_wilson), [381, 563, 726, 878]);
        assert_eq!(all(&exactly), [299, 473, 628, 773]);
    }
}
