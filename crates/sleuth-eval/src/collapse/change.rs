//! Has the level of a series fallen, and since when?
//!
//! For a series x_1 … x_n, every place τ with at least [`LEAST`] values on each side, and every window
//! of w values before it (w = [`LEAST`], twice that, …, and all), let
//!
//! ```text
//! T = max over τ and w of  (mean of the w values before τ − mean of all from τ on) / (s √(1/w + 1/(n−τ)))
//! ```
//!
//! Windows let a fall be seen that follows a rise; the mean to the end asks that it lasts. The noise s
//! is taken from successive differences d_i = x_{i+1} − x_i less their median, cut at three standard
//! deviations (by their median absolute deviation), so that neither a trend nor the change itself
//! adds to it:
//!
//! ```text
//! s² = Σ d_i² / 2(n−1) · (1 + ρ) / (1 − ρ)²,   ρ = 1 + 2 Σ d_i d_{i+1} / Σ d_i² − .7 / √n, from 0 to .7
//! ```
//!
//! The factor is what lingering noise (autoregressive, with coefficient ρ) makes of the variance of a
//! long mean over that of differences. ρ is estimated with an error of about 2 / √n; without the term
//! in √n short series would lose most of their falls to it.
//!
//! *p* is the share of series of n independent normal values whose T is at least as large: 2,000 of
//! them, drawn from a fixed seed, so that the same log always gets the same answer. This is the
//! likelihood-ratio test of a change point (Hawkins 1977) with windows added, and calibrated by
//! simulation, since its distribution has no closed form.

use std::f64::consts::TAU;

use sleuth_records::Random;

/// Fewest values on either side of a change.
pub(crate) const LEAST: usize = 4;
/// Series drawn for *p*.
const N_DRAWN: usize = 2_000;

/// The largest fall of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fall {
    /// Position of the first value after it.
    pub(crate) at: usize,
    /// Mean of the window before it.
    pub(crate) before: f64,
    /// Mean of all from there on.
    pub(crate) after: f64,
    /// The statistic T.
    pub(crate) size: f64,
}

/// The largest fall; `None` of fewer than twice [`LEAST`] values.
pub(crate) fn largest_fall(x: &[f64]) -> Option<Fall> {
    let n = x.len();
    if n < 2 * LEAST {
        return None;
    }
    let mut sums = vec![0.0];
    for value in x {
        sums.push(sums[sums.len() - 1] + value);
    }
    let mean = |from: usize, to: usize| (sums[to] - sums[from]) / (to - from) as f64;
    let mut best = Fall { at: n, before: 0.0, after: 0.0, size: f64::NEG_INFINITY };
    for at in LEAST..=n - LEAST {
        let after = mean(at, n);
        let mut w = LEAST;
        loop {
            w = w.min(at);
            let before = mean(at - w, at);
            let weight = (1.0 / w as f64 + 1.0 / (n - at) as f64).sqrt();
            let size = (before - after) / weight;
            if size > best.size {
                best = Fall { at, before, after, size };
            }
            if w == at {
                break;
            }
            w *= 2;
        }
    }
    best.size /= noise(x).max(1e-9);
    Some(best)
}

/// The noise that T is measured in.
fn noise(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let mut steps: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let trend = median(&steps);
    for step in &mut steps {
        *step -= trend;
    }
    let sizes: Vec<f64> = steps.iter().map(|step| step.abs()).collect();
    // 1.4826 times the median absolute deviation is the standard deviation of normal values. Where most
    // values are those before them, it is 0: then 1.2533 times the mean deviation without the largest,
    // so that a level that is kept to the last digit and then left is not its own noise.
    let scale = match 1.4826 * median(&sizes) {
        0.0 => {
            let largest = sizes.iter().copied().fold(0.0, f64::max);
            1.2533 * (sizes.iter().sum::<f64>() - largest) / (n - 1.0)
        }
        scale => scale,
    };
    let limit = 3.0 * scale;
    for step in &mut steps {
        *step = step.clamp(-limit, limit);
    }
    let squared: f64 = steps.iter().map(|step| step * step).sum();
    if squared == 0.0 {
        return 0.0;
    }
    let lagged: f64 = steps.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let rho = (1.0 + 2.0 * lagged / squared - 0.7 / n.sqrt()).clamp(0.0, 0.7);
    (squared / (2.0 * (n - 1.0)) * (1.0 + rho) / (1.0 - rho).powi(2)).sqrt()
}

/// The middle value, the upper one of two; of at least one value.
fn median(values: &[f64]) -> f64 {
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    ordered[ordered.len() / 2]
}

/// What T is in series of noise, for one length.
pub(crate) struct Null {
    /// Rising.
    sizes: Vec<f64>,
}

impl Null {
    /// For series of `n` values, at least twice [`LEAST`].
    pub(crate) fn of(n: usize) -> Self {
        let mut random = Random(n as u64);
        let mut draw = || {
            let x: Vec<f64> = (0..n).map(|_| normal(&mut random)).collect();
            largest_fall(&x).map_or(0.0, |fall| fall.size)
        };
        let mut sizes: Vec<f64> = (0..N_DRAWN).map(|_| draw()).collect();
        sizes.sort_by(f64::total_cmp);
        Self { sizes }
    }

    /// The chance of so large a T without any change; at least 1 in 2,001.
    pub(crate) fn p(&self, size: f64) -> f64 {
        let below = self.sizes.partition_point(|&drawn| drawn < size);
        (self.sizes.len() - below + 1) as f64 / (self.sizes.len() + 1) as f64
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (TAU * random.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise with autocorrelation `rho`, on top of `level` at each place.
    fn series(n: usize, rho: f64, seed: u64, level: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut random = Random(seed);
        let mut state = normal(&mut random);
        let mut next = |at| {
            state = rho * state + (1.0 - rho * rho).sqrt() * normal(&mut random);
            level(at) + state
        };
        (0..n).map(&mut next).collect()
    }

    fn alarms(n: usize, rho: f64, level: impl Fn(usize) -> f64 + Copy) -> usize {
        let null = Null::of(n);
        let is_alarm = |seed: &u64| {
            let fall = largest_fall(&series(n, rho, 1_000_003 * (seed + 1), level)).unwrap();
            null.p(fall.size) < 0.05
        };
        (0..200).filter(is_alarm).count()
    }

    #[test]
    fn noise_raises_few_alarms() {
        // At 5 %, 200 series of noise have 10 alarms give or take 3; of four standard errors: 22.
        assert!(alarms(60, 0.0, |_| 0.0) <= 22);
        // What rises is no fall.
        assert!(alarms(60, 0.0, |at| at as f64 / 10.0) <= 22);
        // Noise that lingers raises more, at this level about one in eight; at the level of the watch,
        // where p is below 1 in 600, one in twenty, and those are mostly too small to matter.
        let lingering = alarms(60, 0.5, |_| 0.0);
        assert!(lingering <= 40, "{lingering}");
    }

    #[test]
    fn a_fall_is_found_and_placed() {
        let found =
            |level: &dyn Fn(usize) -> f64| largest_fall(&series(60, 0.2, 7, level)).unwrap();
        let null = Null::of(60);
        let step = found(&|at| if at < 40 { 6.0 } else { 0.0 });
        assert!(null.p(step.size) < 0.001 && step.at.abs_diff(40) <= 1, "{step:?}");
        // Up to a peak, then down below where it began.
        let peak = found(&|at| if at < 40 { at as f64 / 5.0 } else { 1.0 });
        assert!(null.p(peak.size) < 0.001 && peak.at.abs_diff(40) <= 1, "{peak:?}");
        // Slowly, over twenty steps: placed within them.
        let slope = found(&|at| 8.0 - (at.clamp(20, 40) - 20) as f64 * 0.4);
        assert!(null.p(slope.size) < 0.001 && (20..=40).contains(&slope.at), "{slope:?}");
        // A dip that passes is no fall to the end.
        let dip = found(&|at| if (20..26).contains(&at) { 0.0 } else { 6.0 });
        assert!(dip.after > 4.0 || null.p(dip.size) > 0.01, "{dip:?}");
    }

    #[test]
    fn short_and_even_series() {
        assert_eq!(largest_fall(&[1.0; 7]), None);
        let even = largest_fall(&[1.0; 12]).unwrap();
        assert_eq!(even.before - even.after, 0.0);
        assert!(Null::of(12).p(even.size) > 0.5);
    }
}
