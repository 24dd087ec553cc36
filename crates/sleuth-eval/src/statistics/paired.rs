//! Two systems on the same tasks: an exact test of yes and no, and how many tasks a difference takes.
//!
//! McNemar's test looks at the tasks where one system is right and the other is wrong, *b* one way
//! and *c* the other. If the systems are the same, *b* is one half of *b + c* but for chance:
//!
//! ```text
//! exact  p = 2 · P(X ≤ min(b, c)),  X binomial with b + c trials at ½; 1 where b = c
//! mid-p  p − P(X = min(b, c));      1 − ½ P(X = b) where b = c
//! ```
//!
//! Mid-p keeps to its level in practice and misses less (Fagerland, Lydersen and Laake 2013).
//!
//! How much a comparison can show follows from the standard error of the mean paired difference
//! (Miller 2024, arXiv 2411.00640, section 5): a difference δ shows in a share *power* of
//! experiments when δ = (z(1 − α/2) + z(power)) · SE, and the error falls with the root of n.

use serde::Serialize;

use super::{ROUNDING, normal_quantile};

/// McNemar's test of two systems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct McNemar {
    /// Tasks where only the first is right.
    pub only_first: u64,
    /// Tasks where only the second is right.
    pub only_second: u64,
    /// The exact two-sided *p*.
    pub exact: f64,
    /// The two-sided mid-*p*.
    pub mid: f64,
}

impl McNemar {
    /// The test of so many tasks where one is right and the other is not.
    pub fn of(only_first: u64, only_second: u64) -> Self {
        let n = only_first + only_second;
        let fewer = only_first.min(only_second);
        // log of C(n, i) / 2^n; a sum of its exponentials is the lower tail.
        let log = |i: u64| {
            libm::lgamma(n as f64 + 1.0)
                - libm::lgamma(i as f64 + 1.0)
                - libm::lgamma((n - i) as f64 + 1.0)
                - n as f64 * std::f64::consts::LN_2
        };
        let (exact, mid) = match n {
            0 => (1.0, 1.0),
            _ if only_first == only_second => (1.0, 1.0 - 0.5 * log(fewer).exp()),
            _ => {
                let tail: f64 = (0..=fewer).map(|i| log(i).exp()).sum();
                ((2.0 * tail).min(1.0), (2.0 * tail - log(fewer).exp()).clamp(0.0, 1.0))
            }
        };
        Self { only_first, only_second, exact, mid }
    }
}

/// The smallest difference that shows in a share `power` of experiments whose mean difference has
/// this standard error, tested two-sided at `alpha`.
pub fn detectable(standard_error: f64, alpha: f64, power: f64) -> f64 {
    (normal_quantile(1.0 - alpha / 2.0) + normal_quantile(power)) * standard_error
}

/// Tasks that it takes to see `difference`, where paired differences of single tasks have this
/// variance; for rollouts that is ω² + σ²/K of both systems, in Miller's letters. `None` of a
/// difference of 0, but for rounding.
pub fn needed(difference: f64, variance: f64, alpha: f64, power: f64) -> Option<u64> {
    if difference.abs() < ROUNDING {
        return None;
    }
    let z = normal_quantile(1.0 - alpha / 2.0) + normal_quantile(power);
    Some((z * z * variance / (difference * difference)).ceil() as u64)
}

/// Tasks that McNemar's test takes to see `difference` where a share `discordant` of tasks comes out
/// differently (Connor 1987). `None` where the difference is 0 or above that share.
pub fn needed_discordant(difference: f64, discordant: f64, alpha: f64, power: f64) -> Option<u64> {
    if difference.abs() < ROUNDING || difference.abs() > discordant {
        return None;
    }
    let squared = difference * difference;
    let root = normal_quantile(1.0 - alpha / 2.0) * discordant.sqrt()
        + normal_quantile(power) * (discordant - squared).sqrt();
    Some((root * root / squared).ceil() as u64)
}

/// Tasks for each of two systems that it takes to tell the share `first` from `second` where they
/// are *not* asked the same tasks. `None` where the two are equal.
pub fn needed_unpaired(first: f64, second: f64, alpha: f64, power: f64) -> Option<u64> {
    let difference = second - first;
    if difference.abs() < ROUNDING {
        return None;
    }
    let spread = |share: f64| share * (1.0 - share);
    let root = normal_quantile(1.0 - alpha / 2.0) * (2.0 * spread((first + second) / 2.0)).sqrt()
        + normal_quantile(power) * (spread(first) + spread(second)).sqrt();
    Some((root * root / (difference * difference)).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Reference: statsmodels 0.15.0, `mcnemar(…, exact=True)`, and `scipy.stats.binom.pmf` for mid-p.
    // The first row is the example of Fagerland, Lydersen and Laake 2013: .070 and .039.
    #[test]
    fn mcnemar() {
        for (b, c, exact, mid) in [
            (1, 7, 0.070_312_5, 0.039_062_5),
            (10, 20, 0.098_737_146_705_389_05, 0.070_755_545_981_228_44),
            (5, 5, 1.0, 0.876_953_125),
            (0, 0, 1.0, 1.0),
            (0, 6, 0.031_25, 0.015_625),
            (121, 59, 4.434_449_263_755_164_5e-6, 3.266_646_795_774_573_3e-6),
        ] {
            for found in [McNemar::of(b, c), McNemar::of(c, b)] {
                assert!((found.exact - exact).abs() <= 1e-9, "{found:?}");
                assert!((found.mid - mid).abs() <= 1e-9, "{found:?}");
            }
        }
    }

    // Published sample sizes at 80 % power and α = .05.
    #[test]
    fn sample_sizes() {
        let discordant = |difference, share| needed_discordant(difference, share, 0.05, 0.8);
        assert_eq!(discordant(0.05, 0.2), Some(626));
        assert_eq!(discordant(0.10, 0.2), Some(155));
        assert_eq!(discordant(0.03, 0.2), Some(1742));
        assert_eq!(discordant(0.0, 0.2), None);
        assert_eq!(discordant(0.3, 0.2), None);
        let unpaired = |first, second| needed_unpaired(first, second, 0.05, 0.8);
        assert_eq!(unpaired(0.50, 0.99), Some(12));
        assert_eq!(unpaired(0.95, 0.99), Some(285));
        assert_eq!(unpaired(0.98, 0.99), Some(2319));
        assert_eq!(unpaired(0.98, 0.98), None);
        // ω² = 1/9 and a difference of 3 points: (1.959964 + .841621)² / 9 / .03² = 968.9975.
        assert_eq!(needed(0.03, 1.0 / 9.0, 0.05, 0.8), Some(969));
        // A difference of nothing but rounding is none.
        for difference in [0.0, -5.6e-17] {
            assert_eq!(needed(difference, 1.0 / 9.0, 0.05, 0.8), None);
            assert_eq!(discordant(difference, 0.2), None);
        }
        assert_eq!(unpaired(0.1 + 0.2, 0.3), None);
        let back = detectable((1.0_f64 / 9.0 / 969.0).sqrt(), 0.05, 0.8);
        assert!((back - 0.03).abs() < 1e-5, "{back}");
    }
}
