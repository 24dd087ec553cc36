//! Every instruction set against plain Rust, to the last bit, and that against 64 bits.

use sleuth_records::Random;

use super::simd::Portable;
use super::*;

const PLAIN: Level = Level::Portable(Portable);

/// Numbers about zero, some of them far out.
fn numbers(random: &mut Random, n: usize) -> Vec<f32> {
    let mut number = || {
        let x = random.below(2_000_001) as f32 / 1e6 - 1.0;
        if random.below(50) == 0 { 20.0 * x } else { x }
    };
    (0..n).map(|_| number()).collect()
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

fn matrix(level: Level, weights: &[f32], bias: &[f32]) -> Matrix {
    let n_inputs = weights.len() / bias.len();
    Matrix::new(level, n_inputs, bias.to_vec(), weights.chunks_exact(n_inputs))
}

/// What `check` makes on every level, which has to be what it makes on the plain one.
fn same_everywhere(check: impl Fn(Level) -> Vec<f32>) -> Vec<f32> {
    let expected = check(PLAIN);
    for level in Level::all() {
        assert!(bits(&check(level)) == bits(&expected), "{level:?} computes something else");
    }
    expected
}

/// The numbers that codes stand for.
fn decoded(codes: &Codes) -> Vec<f32> {
    let groups = codes.codes.chunks_exact(GROUP).zip(&codes.scales);
    groups.flat_map(|(group, (t, l))| group.iter().map(move |c| t * f32::from(*c) + l)).collect()
}

#[test]
fn bytes_are_the_nearest_to_what_they_stand_for() {
    let mut random = Random(1);
    let mut rows = numbers(&mut random, 3 * 256);
    rows[256..384].fill(0.25);
    rows[384..512].fill(0.0);
    let found = same_everywhere(|level| {
        let mut codes = Codes::default();
        level.encode(&rows, 256, Activation::None, &mut codes);
        decoded(&codes)
    });
    for (group, found) in rows.chunks_exact(GROUP).zip(found.chunks_exact(GROUP)) {
        let range = group.iter().copied().fold(f32::MIN, f32::max)
            - group.iter().copied().fold(f32::MAX, f32::min);
        for (x, found) in group.iter().zip(found) {
            assert!((x - found).abs() <= range / 255.0 * 0.501, "{x} became {found}");
        }
    }
}

#[test]
fn a_product_is_that_of_the_numbers_that_bytes_stand_for() {
    let mut random = Random(2);
    for (n_rows, n_inputs, n_outputs) in
        [(1, 128, 32), (2, 256, 64), (3, 128, 96), (5, 512, 32), (7, 384, 128), (13, 640, 32)]
    {
        let rows = numbers(&mut random, n_rows * n_inputs);
        let weights = numbers(&mut random, n_outputs * n_inputs);
        let bias = numbers(&mut random, n_outputs);
        let found = same_everywhere(|level| {
            let mut codes = Codes::default();
            level.encode(&rows, n_inputs, Activation::None, &mut codes);
            let mut out = vec![f32::NAN; n_rows * n_outputs];
            level.apply(&matrix(level, &weights, &bias), &codes, &mut out);
            out
        });
        let mut codes = Codes::default();
        PLAIN.encode(&rows, n_inputs, Activation::None, &mut codes);
        let coded = decoded(&codes);
        // The weights lose half of a step of their group, which has a magnitude of at most 20.
        let slack = 20.0 / 127.0 / 2.0;
        for (r, out) in found.chunks_exact(n_outputs).enumerate() {
            let row = &coded[r * n_inputs..][..n_inputs];
            let most = slack * row.iter().map(|x| f64::from(x.abs())).sum::<f64>();
            for (n, out) in out.iter().enumerate() {
                let products =
                    weights[n * n_inputs..].iter().zip(row).map(|(w, x)| f64::from(*w * *x));
                let exact = products.sum::<f64>() + f64::from(bias[n]);
                assert!((f64::from(*out) - exact).abs() < most + 1e-3, "{out}, exactly {exact}");
            }
        }
    }
}

#[test]
fn the_largest_sums_do_not_overflow() {
    let (n_inputs, n_outputs) = (1536, 32);
    let weights: Vec<f32> = (0..n_inputs * n_outputs)
        .map(|at| if at / n_inputs % 2 == 0 { 127.0 } else { -127.0 })
        .collect();
    let mut rows = vec![255.0; 4 * n_inputs];
    rows.iter_mut().step_by(GROUP).for_each(|x| *x = 0.0);
    let found = same_everywhere(|level| {
        let mut codes = Codes::default();
        level.encode(&rows, n_inputs, Activation::None, &mut codes);
        let mut out = vec![0.0; 4 * n_outputs];
        level.apply(&matrix(level, &weights, &vec![0.0; n_outputs]), &codes, &mut out);
        out
    });
    let exact = (255 * 127 * (n_inputs - n_inputs / GROUP)) as f32;
    for (at, found) in found.iter().enumerate() {
        let exact = if at % 2 == 0 { exact } else { -exact };
        assert!((found / exact - 1.0).abs() < 1e-6, "{found}, exactly {exact}");
    }
}

#[test]
fn rows_are_brought_to_mean_and_variance() {
    let mut random = Random(3);
    let width = 384;
    let (rows, change) = (numbers(&mut random, 5 * width), numbers(&mut random, 5 * width));
    let norm = Norm {
        scale: numbers(&mut random, width),
        shift: numbers(&mut random, width),
        epsilon: 1e-5,
    };
    let found = same_everywhere(|level| {
        let mut codes = Codes::default();
        let mut rows = rows.clone();
        level.normalise(&mut rows, &change, &norm, &mut codes);
        for (x, coded) in rows.iter().zip(decoded(&codes)) {
            assert!((x - coded).abs() < 0.4, "{x} became {coded}");
        }
        rows
    });
    for (r, found) in found.chunks_exact(width).enumerate() {
        let at = r * width..(r + 1) * width;
        let sums = rows[at.clone()].iter().zip(&change[at]);
        let sums: Vec<f64> = sums.map(|(x, y)| f64::from(*x) + f64::from(*y)).collect();
        let mean = sums.iter().sum::<f64>() / width as f64;
        let variance = sums.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        for (i, found) in found.iter().enumerate() {
            let x = (sums[i] - mean) / (variance + 1e-5).sqrt();
            let exact = x * f64::from(norm.scale[i]) + f64::from(norm.shift[i]);
            assert!((f64::from(*found) - exact).abs() < 1e-4, "{found}, exactly {exact}");
        }
    }
}

#[test]
fn attention_is_that_of_its_definition() {
    let mut random = Random(4);
    for (n_tokens, head_width, n_heads) in
        [(1, 32, 4), (2, 64, 2), (7, 32, 4), (31, 32, 4), (32, 64, 4), (70, 32, 12)]
    {
        let width = head_width * n_heads;
        let rows = numbers(&mut random, n_tokens * 3 * width);
        let found = same_everywhere(|level| {
            let mut out = vec![f32::NAN; n_tokens * width];
            // What an earlier, longer text has left behind must not matter.
            let mut scratch = Attention { keys: vec![9.0; 9999], scores: vec![9.0; 9999] };
            level.attend(&rows, n_tokens, head_width, &mut scratch, &mut out);
            out
        });
        let part = |token: usize, which: usize, head: usize, d: usize| {
            f64::from(rows[token * 3 * width + which * width + head * head_width + d])
        };
        for (at, found) in found.iter().enumerate() {
            let (token, head, d) = (at / width, at % width / head_width, at % head_width);
            let near = |other: usize| -> f64 {
                (0..head_width).map(|d| part(token, 0, head, d) * part(other, 1, head, d)).sum()
            };
            let scores: Vec<f64> = (0..n_tokens).map(near).collect();
            let largest = scores.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = scores.iter().map(|x| (x - largest).exp()).collect();
            let values = weights.iter().enumerate().map(|(other, w)| w * part(other, 2, head, d));
            let exact = values.sum::<f64>() / weights.iter().sum::<f64>();
            assert!((f64::from(*found) - exact).abs() < 2e-3, "{found}, exactly {exact}");
        }
    }
}

struct Curves<'a> {
    x: &'a [[f32; LANES]],
    gelu: &'a mut [[f32; LANES]],
    exp: &'a mut [[f32; LANES]],
}

impl Kernel for Curves<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for ((x, of_gelu), of_exp) in self.x.iter().zip(self.gelu).zip(self.exp) {
            let x = s.load(x);
            s.store(gelu(s, x), of_gelu);
            s.store(exp(s, s.min(x, s.splat(0.0))), of_exp);
        }
    }
}

/// The error function, by its series near zero and its continued fraction beyond.
fn erf(x: f64) -> f64 {
    if x.abs() < 2.5 {
        let (mut sum, mut term) = (x, x);
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return sum * 2.0 / std::f64::consts::PI.sqrt();
    }
    let y = x.abs();
    let fraction = (1..60).rev().fold(y, |below, n| y + f64::from(n) / 2.0 / below);
    x.signum() * (1.0 - (-y * y).exp() / fraction / std::f64::consts::PI.sqrt())
}

#[test]
fn the_curves_are_as_near_as_they_say() {
    let x: Vec<f32> = (-80_000..=80_000_i32).map(|n| n as f32 / 2000.0).collect();
    let x = x.as_chunks::<LANES>().0;
    let found = same_everywhere(|level| {
        let mut of_gelu = vec![[0.0; LANES]; x.len()];
        let mut of_exp = of_gelu.clone();
        level.run(Curves { x, gelu: &mut of_gelu, exp: &mut of_exp });
        [of_gelu, of_exp].concat().concat()
    });
    let (of_gelu, of_exp) = found.split_at(found.len() / 2);
    for ((x, gelu), exp) in x.as_flattened().iter().zip(of_gelu).zip(of_exp) {
        let x = f64::from(*x);
        let exact = x * 0.5 * (1.0 + erf(x / 2.0_f64.sqrt()));
        let slack = if x.abs() <= 4.0 { 2e-5 } else { 4e-5 * x.abs() };
        assert!((f64::from(*gelu) - exact).abs() < slack, "GELU of {x}: {gelu}, exactly {exact}");
        let exact = x.min(0.0).exp();
        assert!(
            (f64::from(*exp) - exact).abs() < (2e-7 - 1e-7 * x.min(0.0)) * exact.max(1e-12),
            "e^{x}: {exp}, exactly {exact}"
        );
    }
}
