//! How far a stated confidence can be believed.
//!
//! * Expected calibration error (Naeini, Cooper and Hauskrecht 2015): answers in ten equal bins of
//!   confidence, and the mean distance between a bin's confidence and its share of right answers,
//!   weighed by its size. A confidence of 1 belongs to the last bin.
//! * Brier's score (1950): the mean squared distance of confidence and outcome.
//! * AUROC: the chance that a right answer has a higher confidence than a wrong one; a tie is half.

use serde::Serialize;

/// Bins of the expected calibration error.
pub const N_BINS: usize = 10;

/// One bin of confidence that has answers in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Mean confidence in it.
    pub confidence: f64,
    /// Share of right answers in it.
    pub right: f64,
    /// Answers in it.
    pub n: usize,
}

/// What confidence is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Answers that came with a confidence.
    pub n: usize,
    /// Expected calibration error in [`N_BINS`] bins.
    pub error: f64,
    /// Brier's score.
    pub brier: f64,
    /// Area under the receiver operating characteristic; absent where all answers are right, or none.
    pub auroc: Option<f64>,
    /// The bins that have answers, by rising confidence.
    pub bins: Vec<Bin>,
}

impl Calibration {
    /// Of answers with a confidence from 0 to 1 and whether they are right; `None` of nothing.
    pub fn of(answers: &[(f64, bool)]) -> Option<Self> {
        if answers.is_empty() {
            return None;
        }
        let mut sums = [(0.0, 0, 0); N_BINS];
        for &(confidence, right) in answers {
            let at = ((confidence * N_BINS as f64) as usize).min(N_BINS - 1);
            let (sum, n_right, n) = &mut sums[at];
            *sum += confidence;
            *n_right += usize::from(right);
            *n += 1;
        }
        let filled = sums.into_iter().filter(|&(.., n)| n > 0);
        let bins: Vec<Bin> = filled
            .map(|(sum, n_right, n)| Bin {
                confidence: sum / n as f64,
                right: n_right as f64 / n as f64,
                n,
            })
            .collect();
        let n = answers.len();
        let weighed = |bin: &Bin| bin.n as f64 / n as f64 * (bin.confidence - bin.right).abs();
        let error = bins.iter().map(weighed).sum();
        Some(Self { n, error, brier: brier(answers), auroc: auroc(answers), bins })
    }
}

/// Brier's score; not a number of nothing.
pub fn brier(answers: &[(f64, bool)]) -> f64 {
    let squared =
        |&(confidence, right): &(f64, bool)| (confidence - f64::from(u8::from(right))).powi(2);
    answers.iter().map(squared).sum::<f64>() / answers.len() as f64
}

/// The chance that a right answer has more confidence than a wrong one: Mann's and Whitney's *U* by
/// mid-ranks. `None` where all are right, or none is.
pub fn auroc(answers: &[(f64, bool)]) -> Option<f64> {
    let n_right = answers.iter().filter(|(_, right)| *right).count();
    let n_wrong = answers.len() - n_right;
    if n_right == 0 || n_wrong == 0 {
        return None;
    }
    let mut ordered = answers.to_vec();
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sum = 0.0;
    for tied in ordered.chunk_by(|a, b| a.0 == b.0) {
        let before = ordered.partition_point(|&(confidence, _)| confidence < tied[0].0);
        let mid_rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        rank_sum += mid_rank * tied.iter().filter(|(_, right)| *right).count() as f64;
    }
    let (r, w) = (n_right as f64, n_wrong as f64);
    Some((rank_sum - r * (r + 1.0) / 2.0) / (r * w))
}

/// The calibration error that the evaluator of BrowseComp-Plus prints, for tables that are to stand
/// beside its own: answers by rising confidence in bins of a hundred, the root of the mean squared
/// distance. As there, the last bin is left out of the sum and not of the number that it is divided
/// by. `None` for fewer than a hundred answers.
pub fn rms_calibration_by_rank(answers: &[(f64, bool)]) -> Option<f64> {
    const SIZE: usize = 100;
    if answers.len() < SIZE {
        return None;
    }
    let mut ordered = answers.to_vec();
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n_bins = ordered.len() / SIZE;
    let squared = |bin: &[(f64, bool)]| {
        let n = bin.len() as f64;
        let confidence = bin.iter().map(|(c, _)| c).sum::<f64>() / n;
        let right = bin.iter().filter(|(_, right)| *right).count() as f64 / n;
        n / ordered.len() as f64 * (confidence - right).powi(2)
    };
    Some(ordered.chunks(SIZE).take(n_bins - 1).map(squared).sum::<f64>().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIDENCE: [f64; 12] = [0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.5, 0.4, 0.3, 0.1, 1.0, 0.0];
    const RIGHT: [u8; 12] = [1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9, "{found}, expected {expected}");
    }

    // Reference: scikit-learn 1.9.1, `roc_auc_score` and `brier_score_loss`; the expected calibration
    // error by NumPy from the definition.
    #[test]
    fn values() {
        let answers: Vec<(f64, bool)> =
            CONFIDENCE.into_iter().zip(RIGHT.map(|right| right == 1)).collect();
        let found = Calibration::of(&answers).unwrap();
        near(found.auroc.unwrap(), 0.791_666_666_666_666_7);
        near(found.brier, 0.180_208_333_333_333_3);
        near(found.error, 0.2625);
        assert_eq!(found.bins.iter().map(|bin| bin.n).sum::<usize>(), 12);
        assert_eq!(Calibration::of(&[]), None);
        assert_eq!(auroc(&[(0.5, true)]), None);
        assert_eq!(auroc(&[(0.5, true), (0.5, false)]), Some(0.5));
    }

    #[test]
    fn the_error_by_rank_leaves_out_the_last_bin() {
        assert_eq!(rms_calibration_by_rank(&[(0.5, true); 99]), None);
        // One bin, which is the last.
        assert_eq!(rms_calibration_by_rank(&[(0.5, true); 150]), Some(0.0));
        // The first hundred of 250 say .2 and are all wrong; what is said above them does not count.
        let answers: Vec<(f64, bool)> =
            (0..250).map(|i| if i < 100 { (0.2, false) } else { (0.9, false) }).collect();
        near(rms_calibration_by_rank(&answers).unwrap(), (0.4_f64 * 0.04).sqrt());
    }
}
