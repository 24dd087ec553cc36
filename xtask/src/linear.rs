//! Logistic regression over sets of words, with a penalty on the square of the weights, by L-BFGS
//! (Nocedal, "Updating quasi-Newton matrices with limited storage", 1980).

use std::collections::VecDeque;

/// Steps that the curvature is estimated from.
const MEMORY: usize = 10;

/// A weight for each of `width` words and, behind them, one that holds without any: their sum is the
/// logarithm of the odds that a row's label is set. `rows` hold the words of each row by number.
pub(crate) fn fit(
    rows: &[Vec<u32>],
    width: usize,
    labels: &[bool],
    weights: &[f64],
    penalty: f64,
    steps: usize,
) -> Vec<f64> {
    let loss = |at: &[f64]| -> (f64, Vec<f64>) {
        let mut slope: Vec<f64> = at.iter().map(|x| penalty * x).collect();
        slope[width] = 0.0;
        let mut loss = penalty / 2.0 * dot(&at[..width], &at[..width]);
        for ((row, &label), &weight) in rows.iter().zip(labels).zip(weights) {
            let odds = at[width] + row.iter().map(|&word| at[word as usize]).sum::<f64>();
            let signed = if label { odds } else { -odds };
            // ln(1 + e^-x) without overflow.
            loss += weight * ((-signed.abs()).exp().ln_1p() + (-signed).max(0.0));
            let d = weight * (1.0 / (1.0 + (-odds).exp()) - f64::from(u8::from(label)));
            slope[width] += d;
            row.iter().for_each(|&word| slope[word as usize] += d);
        }
        (loss, slope)
    };
    let mut at = vec![0.0; width + 1];
    let (mut value, mut slope) = loss(&at);
    let mut past: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..steps {
        let way = direction(&slope, &past);
        let descent = dot(&way, &slope);
        let norm = dot(&slope, &slope).sqrt();
        if descent > -1e-9 {
            break;
        }
        let mut length = if past.is_empty() { 1.0 / norm.max(1.0) } else { 1.0 };
        let (next, next_value, next_slope) = loop {
            let next: Vec<f64> = at.iter().zip(&way).map(|(x, d)| x + length * d).collect();
            let (value_there, slope_there) = loss(&next);
            if value_there <= value + 1e-4 * length * descent || length < 1e-10 {
                break (next, value_there, slope_there);
            }
            length /= 2.0;
        };
        let step: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let turn: Vec<f64> = next_slope.iter().zip(&slope).map(|(a, b)| a - b).collect();
        if dot(&step, &turn) > 1e-12 {
            past.push_back((step, turn));
        }
        if past.len() > MEMORY {
            past.pop_front();
        }
        (at, value, slope) = (next, next_value, next_slope);
    }
    at
}

/// Where to go from a point with this slope: against it, bent by the curvature of past steps.
fn direction(slope: &[f64], past: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut way: Vec<f64> = slope.iter().map(|x| -x).collect();
    let mut shares = Vec::new();
    for (step, turn) in past.iter().rev() {
        let share = dot(step, &way) / dot(step, turn);
        way.iter_mut().zip(turn).for_each(|(x, y)| *x -= share * y);
        shares.push(share);
    }
    if let Some((step, turn)) = past.back() {
        let scale = dot(step, turn) / dot(turn, turn);
        way.iter_mut().for_each(|x| *x *= scale);
    }
    for ((step, turn), share) in past.iter().zip(shares.into_iter().rev()) {
        let back = dot(turn, &way) / dot(step, turn);
        way.iter_mut().zip(step).for_each(|(x, s)| *x += (share - back) * s);
    }
    way
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_words_say_is_learnt() {
        // The first word speaks for the label, the second against it, the third not at all.
        let rows: Vec<Vec<u32>> = (0..400u32)
            .map(|n| (0..3).filter(|word| n / [1, 7, 3][*word as usize] % 2 == 0).collect())
            .collect();
        let labels: Vec<bool> =
            rows.iter().map(|row| row.contains(&0) && !row.contains(&1)).collect();
        let fitted = fit(&rows, 3, &labels, &vec![1.0; rows.len()], 0.1, 60);
        assert!(fitted[0] > 2.0 && fitted[1] < -2.0 && fitted[2].abs() < 1.0, "{fitted:?}");
        let right = rows.iter().zip(&labels).filter(|(row, label)| {
            let odds = fitted[3] + row.iter().map(|&word| fitted[word as usize]).sum::<f64>();
            (odds > 0.0) == **label
        });
        assert_eq!(right.count(), 400);
    }
}
