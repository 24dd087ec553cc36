//! Estimates from few answers, and what may be concluded from them.
//!
//! | what | where |
//! |---|---|
//! | several rollouts of one task: pass@k, pass^k | [`pass_at`], [`pass_all`] |
//! | a share of n answers | [`wilson`], [`clopper_pearson`] |
//! | a mean over questions that share a source | [`clustered_mean`], [`estimate`] |
//! | resampling, from a seed | [`bootstrap_means`], [`randomisation`] |
//! | two systems on the same tasks | [`McNemar`], [`detectable`], [`needed`] |
//! | how far a stated confidence can be believed | [`Calibration`] |
//!
//! Everything is a pure function of its arguments; what is random takes a seed. Intervals are
//! two-sided, and `level` is the share that they hold, such as .95.

mod calibration;
mod distribution;
mod mean;
mod paired;
mod resample;
mod share;

pub use calibration::{Bin, Calibration, N_BINS, auroc, brier, rms_calibration_by_rank};
pub use distribution::{
    beta_cdf, beta_quantile, normal_cdf, normal_quantile, student_cdf, student_quantile,
};
pub use mean::{ClusteredMean, Estimate, Scale, clustered_mean, estimate};
pub use paired::{McNemar, detectable, needed, needed_discordant, needed_unpaired};
pub(crate) use resample::{ROUNDING, unless_rounding};
pub use resample::{Resampling, bootstrap_means, randomisation};
pub use share::{NotEnough, clopper_pearson, pass_all, pass_at, wilson};

use serde::{Serialize, Serializer};

/// The ends of an interval; the lower one is not above the upper one. In JSON a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in it, ends counted.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.low, self.high).serialize(serializer)
    }
}
