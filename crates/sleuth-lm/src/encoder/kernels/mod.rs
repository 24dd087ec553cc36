//! What an encoder computes, on eight bits where that is most of the work.
//!
//! A matrix is kept as signed bytes, in groups of [`GROUP`] inputs of an output with a common scale;
//! what it is applied to becomes unsigned bytes anew for every row, in groups of the same inputs with
//! a scale and a lowest value. With weights *w* = *s v* and inputs *x* = *t c* + *l* a group adds
//!
//! ```text
//! Σ w x = t s Σ v c + l s Σ v
//! ```
//!
//! where the first sum is one of bytes, exact in 32 bits, and the second is known beforehand. Lowest
//! values, which waste none of the byte on a skewed group, and groups of 128 keep the vectors of
//! MiniLM at a cosine of .9995 to those of 32 bits on average; rows without groups gave .9989, groups
//! around zero .9990.
//!
//! Rows of several texts make one tall matrix; nothing is padded. What a row becomes does not
//! depend on the rows beside it.
#![expect(
    clippy::needless_range_loop,
    reason = "a kernel walks several arrays by one number, which a range says and nested zips hide"
)]

mod simd;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

pub(crate) use simd::Level;
use simd::{Kernel, LANES, ROUND, Simd};

/// Inputs that share a scale.
pub(crate) const GROUP: usize = 128;
/// Outputs whose weights stand together: two registers of sums.
pub(crate) const PANEL: usize = 2 * LANES;
/// Groups of a panel that are applied to all rows before the next: 12 KB, which stay in the first
/// cache.
const GROUPS_AT_ONCE: usize = 3;
/// Queries of a head that are compared with the keys together, at most.
const MOST_ROWS: usize = 6;

/// A matrix with its bias.
pub(crate) struct Matrix {
    n_inputs: usize,
    n_outputs: usize,
    /// By panel, then by four inputs: those of each output of the panel.
    weights: Vec<i8>,
    /// By panel, then by group: *s* of each output.
    scales: Vec<[f32; PANEL]>,
    /// Likewise: *s* Σ *v*.
    sums: Vec<[f32; PANEL]>,
    bias: Vec<f32>,
}

impl Matrix {
    /// A matrix of as many outputs as `bias` has numbers: a multiple of [`PANEL`]. `row` gives the
    /// weights of one output, a multiple of [`GROUP`].
    pub(crate) fn new<'a>(
        level: Level,
        n_inputs: usize,
        bias: Vec<f32>,
        rows: impl Iterator<Item = &'a [f32]>,
    ) -> Self {
        let n_outputs = bias.len();
        assert!(n_inputs.is_multiple_of(GROUP) && n_outputs.is_multiple_of(PANEL));
        let n_groups = n_inputs / GROUP;
        let of_scales = n_outputs / PANEL * n_groups;
        let mut matrix = Self {
            n_inputs,
            n_outputs,
            weights: vec![0; n_inputs * n_outputs],
            scales: vec![[0.0; PANEL]; of_scales],
            sums: vec![[0.0; PANEL]; of_scales],
            bias,
        };
        for (output, row) in rows.enumerate() {
            let (panel, lane) = (output / PANEL, output % PANEL);
            for (g, group) in row.chunks_exact(GROUP).enumerate() {
                let at = panel * n_groups + g;
                let largest = group.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
                let (scale, inverse) = scale_of(largest, 127.0);
                let block = &mut matrix.weights[at * GROUP * PANEL..][..GROUP * PANEL];
                let (fours, _) = group.as_chunks::<4>();
                let mut sum = 0;
                let (half, column) = (lane / LANES, lane % LANES);
                let (from, step) =
                    if level.is_by_input() { (column, LANES) } else { (4 * column, 1) };
                for (to, four) in block.chunks_exact_mut(4 * PANEL).zip(fours) {
                    let to = to[4 * LANES * half + from..].iter_mut().step_by(step);
                    for (to, w) in to.zip(four) {
                        *to = (w * inverse + ROUND).to_bits() as i8;
                        sum += i32::from(*to);
                    }
                }
                matrix.scales[at][lane] = scale;
                matrix.sums[at][lane] = scale * sum as f32;
            }
        }
        matrix
    }

    /// Numbers in a row that comes out.
    pub(crate) fn n_outputs(&self) -> usize {
        self.n_outputs
    }
}

/// A scale under which `range` becomes `most`, and its inverse; both zero where there is no range.
fn scale_of(range: f32, most: f32) -> (f32, f32) {
    if range > 1e-30 { (range / most, most / range) } else { (0.0, 0.0) }
}

/// Rows of bytes.
#[derive(Default)]
pub(crate) struct Codes {
    /// Numbers in a row.
    width: usize,
    codes: Vec<u8>,
    /// *t* and *l* of each group of each row.
    scales: Vec<(f32, f32)>,
}

impl Codes {
    /// Makes room for `n_rows` rows of `width` numbers.
    fn resize(&mut self, n_rows: usize, width: usize) {
        self.width = width;
        self.codes.resize(n_rows * width, 0);
        self.scales.resize(n_rows * (width / GROUP), (0.0, 0.0));
    }
}

/// What is done to numbers before they become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// *x* Φ(*x*).
    Gelu,
}

impl Level {
    /// `rows`, which are of this width, as bytes.
    pub(crate) fn encode(self, rows: &[f32], width: usize, act: Activation, codes: &mut Codes) {
        codes.resize(rows.len() / width, width);
        self.run(Encode { rows, act, codes });
    }

    /// Applies `matrix` to the rows of `codes`; what comes out stands in the beginning of `out`.
    pub(crate) fn apply(self, matrix: &Matrix, codes: &Codes, out: &mut [f32]) {
        assert_eq!(codes.width, matrix.n_inputs);
        let n_rows = codes.codes.len() / codes.width;
        self.run(Apply { matrix, codes, out: &mut out[..n_rows * matrix.n_outputs] });
    }

    /// Adds `change` to `rows`, brings each row to mean 0 and variance 1, applies scales and shifts
    /// of the columns, and gives the result as bytes, too.
    pub(crate) fn normalise(
        self,
        rows: &mut [f32],
        change: &[f32],
        norm: &Norm,
        codes: &mut Codes,
    ) {
        let width = norm.scale.len();
        codes.resize(rows.len() / width, width);
        self.run(Normalise { rows, change, norm, codes });
    }

    /// The attention of one text of `n_tokens`: of `rows`, which hold queries, keys and values side by
    /// side, the values by how near the keys are to each query, for each head of `head_width`
    /// numbers: 32 or 64.
    pub(crate) fn attend(
        self,
        rows: &[f32],
        n_tokens: usize,
        head_width: usize,
        scratch: &mut Attention,
        out: &mut [f32],
    ) {
        let width = out.len() / n_tokens;
        assert!(rows.len() == 3 * out.len() && width.is_multiple_of(head_width));
        self.run(Attend { rows, width, head_width, scratch, out });
    }
}

struct Apply<'a> {
    matrix: &'a Matrix,
    codes: &'a Codes,
    out: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let n_rows = self.codes.codes.len() / self.codes.width;
        let n_groups = self.matrix.n_inputs / GROUP;
        // Tiles of nearly equal height: one of a single row would be slow.
        let n_tiles = n_rows.div_ceil(S::ROWS);
        let mut from = 0;
        while from < n_groups {
            let groups = from..(from + GROUPS_AT_ONCE).min(n_groups);
            for panel in 0..self.matrix.n_outputs / PANEL {
                for tile in 0..n_tiles {
                    let row = tile * n_rows / n_tiles;
                    match (tile + 1) * n_rows / n_tiles - row {
                        1 => self.tile::<S, 1>(s, row, panel, groups.clone()),
                        2 => self.tile::<S, 2>(s, row, panel, groups.clone()),
                        3 => self.tile::<S, 3>(s, row, panel, groups.clone()),
                        4 => self.tile::<S, 4>(s, row, panel, groups.clone()),
                        5 => self.tile::<S, 5>(s, row, panel, groups.clone()),
                        _ => self.tile::<S, 6>(s, row, panel, groups.clone()),
                    }
                }
            }
            from = groups.end;
        }
    }
}

impl Apply<'_> {
    /// Adds what some groups bring to the outputs of a panel, for `R` rows.
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        &mut self,
        s: S,
        row: usize,
        panel: usize,
        groups: Range<usize>,
    ) {
        if R > S::ROWS {
            return;
        }
        let Matrix { n_inputs, n_outputs, .. } = *self.matrix;
        let n_groups = n_inputs / GROUP;
        let column = panel * PANEL;
        let mut outs = [[s.splat(0.0); 2]; R];
        for r in 0..R {
            let from = match groups.start {
                0 => &self.matrix.bias[column..],
                _ => &self.out[(row + r) * n_outputs + column..],
            };
            outs[r] = two(s, from);
        }
        for g in groups {
            let at = panel * n_groups + g;
            let weights = &self.matrix.weights[at * GROUP * PANEL..][..GROUP * PANEL];
            let (weights, _) = weights.as_chunks::<{ 4 * PANEL }>();
            let mut codes: [&[[u8; 4]]; R] = [&[]; R];
            for r in 0..R {
                let of_row = &self.codes.codes[(row + r) * n_inputs + g * GROUP..][..GROUP];
                codes[r] = of_row.as_chunks::<4>().0;
            }
            let mut sums = [[s.no_sums(); 2]; R];
            for first in (0..2).step_by(S::SUMS_AT_ONCE) {
                for k in 0..GROUP / 4 {
                    let (halves, _) = weights[k].as_chunks::<{ 4 * LANES }>();
                    for r in 0..R {
                        for half in first..first + S::SUMS_AT_ONCE {
                            sums[r][half] = s.dot(sums[r][half], codes[r][k], &halves[half]);
                        }
                    }
                }
            }
            let of_weights = two(s, &self.matrix.scales[at]);
            let of_lowest = two(s, &self.matrix.sums[at]);
            for r in 0..R {
                let (scale, lowest) = self.codes.scales[(row + r) * n_groups + g];
                let (scale, lowest) = (s.splat(scale), s.splat(lowest));
                for half in 0..2 {
                    let sum = s.mul(s.sums(sums[r][half]), of_weights[half]);
                    outs[r][half] = s.mul_add(sum, scale, outs[r][half]);
                    outs[r][half] = s.mul_add(of_lowest[half], lowest, outs[r][half]);
                }
            }
        }
        for r in 0..R {
            let (to, _) = self.out[(row + r) * n_outputs + column..].as_chunks_mut::<LANES>();
            s.store(outs[r][0], &mut to[0]);
            s.store(outs[r][1], &mut to[1]);
        }
    }
}

struct Encode<'a> {
    rows: &'a [f32],
    act: Activation,
    codes: &'a mut Codes,
}

impl Kernel for Encode<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Codes { codes, scales, .. } = self.codes;
        let (groups, _) = self.rows.as_chunks::<GROUP>();
        let (codes, _) = codes.as_chunks_mut::<GROUP>();
        for ((group, codes), scale) in groups.iter().zip(codes).zip(scales) {
            *scale = encode_group(s, group, self.act, codes);
        }
    }
}

/// Makes bytes of a group; gives its scale and its lowest value.
#[inline(always)]
fn encode_group<S: Simd>(
    s: S,
    group: &[f32; GROUP],
    act: Activation,
    codes: &mut [u8; GROUP],
) -> (f32, f32) {
    let (group, _) = group.as_chunks::<LANES>();
    let mut values = [s.splat(0.0); GROUP / LANES];
    for i in 0..GROUP / LANES {
        values[i] = s.load(&group[i]);
        if act == Activation::Gelu {
            values[i] = gelu(s, values[i]);
        }
    }
    let (mut low, mut high) = (values[0], values[0]);
    for i in 1..GROUP / LANES {
        low = s.min(low, values[i]);
        high = s.max(high, values[i]);
    }
    let (low, high) = s.range(low, high);
    let (scale, inverse) = scale_of(high - low, 255.0);
    let (lowest, inverse) = (s.splat(low), s.splat(inverse));
    let (codes, _) = codes.as_chunks_mut::<LANES>();
    for i in 0..GROUP / LANES {
        s.bytes(s.mul(s.sub(values[i], lowest), inverse), &mut codes[i]);
    }
    (scale, low)
}

/// Scales and shifts of the columns after a normalisation.
pub(crate) struct Norm {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
    /// Added to a variance.
    pub(crate) epsilon: f32,
}

struct Normalise<'a> {
    rows: &'a mut [f32],
    change: &'a [f32],
    norm: &'a Norm,
    codes: &'a mut Codes,
}

impl Kernel for Normalise<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.norm.scale.len();
        let (scale, _) = self.norm.scale.as_chunks::<LANES>();
        let (shift, _) = self.norm.shift.as_chunks::<LANES>();
        let n_groups = width / GROUP;
        for (at, row) in self.rows.chunks_exact_mut(width).enumerate() {
            let (change, _) = self.change[at * width..][..width].as_chunks::<LANES>();
            let (lanes, _) = row.as_chunks_mut::<LANES>();
            let mut sum = s.splat(0.0);
            for i in 0..lanes.len() {
                let x = s.add(s.load(&lanes[i]), s.load(&change[i]));
                s.store(x, &mut lanes[i]);
                sum = s.add(sum, x);
            }
            let mean = s.splat(s.sum(sum) / width as f32);
            let mut sum = s.splat(0.0);
            for i in 0..lanes.len() {
                let x = s.sub(s.load(&lanes[i]), mean);
                sum = s.mul_add(x, x, sum);
            }
            let variance = s.sum(sum) / width as f32;
            let inverse = s.splat(1.0 / (variance + self.norm.epsilon).sqrt());
            for i in 0..lanes.len() {
                let x = s.mul(s.sub(s.load(&lanes[i]), mean), inverse);
                s.store(s.mul_add(x, s.load(&scale[i]), s.load(&shift[i])), &mut lanes[i]);
            }
            let (groups, _) = row.as_chunks::<GROUP>();
            let (codes, _) = self.codes.codes[at * width..][..width].as_chunks_mut::<GROUP>();
            let scales = &mut self.codes.scales[at * n_groups..][..n_groups];
            for g in 0..n_groups {
                scales[g] = encode_group(s, &groups[g], Activation::None, &mut codes[g]);
            }
        }
    }
}

/// Room for the attention of a head.
#[derive(Default)]
pub(crate) struct Attention {
    /// The keys, column by column.
    keys: Vec<f32>,
    /// The weights of the values for some queries.
    scores: Vec<f32>,
}

struct Attend<'a> {
    rows: &'a [f32],
    width: usize,
    head_width: usize,
    scratch: &'a mut Attention,
    out: &'a mut [f32],
}

impl Kernel for Attend<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.head_width {
            32 => self.heads::<S, 32>(s),
            _ => self.heads::<S, 64>(s),
        }
    }
}

impl Attend<'_> {
    #[inline(always)]
    fn heads<S: Simd, const H: usize>(mut self, s: S) {
        let n_tokens = self.out.len() / self.width;
        let padded = n_tokens.next_multiple_of(PANEL);
        self.scratch.keys.resize(H * padded, 0.0);
        self.scratch.scores.resize(MOST_ROWS * padded, 0.0);
        for head in 0..self.width / H {
            for token in 0..n_tokens {
                let key: &[f32; H] =
                    part(self.rows, 3 * self.width * token + self.width + head * H);
                for (column, x) in self.scratch.keys.chunks_exact_mut(padded).zip(key) {
                    column[token] = *x;
                }
            }
            let n_tiles = n_tokens.div_ceil(S::ROWS);
            for tile in 0..n_tiles {
                let row = tile * n_tokens / n_tiles;
                match (tile + 1) * n_tokens / n_tiles - row {
                    1 => self.tile::<S, H, 1>(s, row, head),
                    2 => self.tile::<S, H, 2>(s, row, head),
                    3 => self.tile::<S, H, 3>(s, row, head),
                    4 => self.tile::<S, H, 4>(s, row, head),
                    5 => self.tile::<S, H, 5>(s, row, head),
                    _ => self.tile::<S, H, 6>(s, row, head),
                }
            }
        }
    }

    /// The attention of `R` queries of a head.
    #[inline(always)]
    fn tile<S: Simd, const H: usize, const R: usize>(&mut self, s: S, row: usize, head: usize) {
        if R > S::ROWS {
            return;
        }
        let Self { rows, width, .. } = *self;
        let Attention { keys, scores } = &mut *self.scratch;
        let n_tokens = self.out.len() / width;
        let padded = n_tokens.next_multiple_of(PANEL);

        let mut queries: [&[f32; H]; R] = [part(rows, 0); R];
        for r in 0..R {
            queries[r] = part(rows, 3 * width * (row + r) + head * H);
        }
        for at in (0..padded).step_by(PANEL) {
            let mut sums = [[s.splat(0.0); 2]; R];
            for d in 0..H {
                let keys = two(s, &keys[d * padded + at..]);
                for r in 0..R {
                    let query = s.splat(queries[r][d]);
                    sums[r][0] = s.mul_add(query, keys[0], sums[r][0]);
                    sums[r][1] = s.mul_add(query, keys[1], sums[r][1]);
                }
            }
            for r in 0..R {
                let (to, _) = scores[r * padded + at..].as_chunks_mut::<LANES>();
                s.store(sums[r][0], &mut to[0]);
                s.store(sums[r][1], &mut to[1]);
            }
        }

        let mut inverses = [0.0; R];
        for r in 0..R {
            let scores = &mut scores[r * padded..][..padded];
            // What stands past the end weighs nothing.
            scores[n_tokens..].fill(f32::MIN);
            inverses[r] = 1.0 / exponentials(s, scores.as_chunks_mut::<LANES>().0);
        }

        for part_of_head in (head * H..(head + 1) * H).step_by(PANEL) {
            let mut weights: [&[f32]; R] = [&[]; R];
            for r in 0..R {
                weights[r] = &scores[r * padded..][..n_tokens];
            }
            let mut sums = [[s.splat(0.0); 2]; R];
            for token in 0..n_tokens {
                let values = two(s, &rows[3 * width * token + 2 * width + part_of_head..]);
                for r in 0..R {
                    let weight = s.splat(weights[r][token]);
                    sums[r][0] = s.mul_add(weight, values[0], sums[r][0]);
                    sums[r][1] = s.mul_add(weight, values[1], sums[r][1]);
                }
            }
            for r in 0..R {
                let inverse = s.splat(inverses[r]);
                let (to, _) = self.out[(row + r) * width + part_of_head..].as_chunks_mut::<LANES>();
                s.store(s.mul(sums[r][0], inverse), &mut to[0]);
                s.store(s.mul(sums[r][1], inverse), &mut to[1]);
            }
        }
    }
}

/// Replaces each number by *e* to the power of what it is below the largest; gives their sum.
#[inline(always)]
fn exponentials<S: Simd>(s: S, scores: &mut [[f32; LANES]]) -> f32 {
    let mut largest = s.load(&scores[0]);
    for lanes in scores.iter() {
        largest = s.max(largest, s.load(lanes));
    }
    let (_, largest) = s.range(largest, largest);
    let largest = s.splat(largest);
    let mut sum = s.splat(0.0);
    for lanes in scores {
        let x = exp(s, s.sub(s.load(lanes), largest));
        s.store(x, lanes);
        sum = s.add(sum, x);
    }
    s.sum(sum)
}

/// *e*^*x* for *x* of at most 0, within (2 + |*x*|)·10⁻⁷ of its size; below -44 about 5·10⁻²⁰,
/// since the far smaller numbers that would come of a product with less are slow on many processors.
///
/// 2 to the power of the whole part of *x* / ln 2 is put together from bits, that of the rest in
/// ±½ is a polynomial, fitted for the smallest relative error.
#[inline(always)]
fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(s.mul(x, s.splat(std::f32::consts::LOG2_E)), s.splat(-64.0));
    let rounded = s.add(x, s.splat(ROUND));
    let rest = s.sub(x, s.sub(rounded, s.splat(ROUND)));
    let power = polynomial(
        s,
        rest,
        [1.327_646_9e-3, 9.675_541e-3, 5.550_713_5e-2, 0.240_221_2, 0.693_146_94, 1.000_000_1],
    );
    s.mul(power, s.power_of_two(rounded))
}

/// *x* Φ(*x*), where Φ is the normal distribution, within 2·10⁻⁵ up to 4 and 4·10⁻⁵ of its size
/// beyond.
///
/// Φ(*x*) - ½ is *x* times a polynomial in *x*² for *x* up to 4, fitted for the smallest error of
/// the product, and ½ beyond.
#[inline(always)]
fn gelu<S: Simd>(s: S, x: S::F) -> S::F {
    let near = s.max(s.min(x, s.splat(4.0)), s.splat(-4.0));
    let odd = polynomial(
        s,
        s.mul(near, near),
        [
            6.740_369e-11,
            -6.066_888_8e-9,
            2.440_84e-7,
            -5.860_592_4e-6,
            9.494_019e-5,
            -1.112_855_7e-3,
            9.815_8e-3,
            -6.632_363e-2,
            0.398_881_02,
        ],
    );
    let half = s.splat(0.5);
    let within = s.max(s.min(s.mul(near, odd), half), s.splat(-0.5));
    s.mul(x, s.add(within, half))
}

/// The polynomial with these coefficients, the highest first.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::F, coefficients: [f32; N]) -> S::F {
    let mut sum = s.splat(coefficients[0]);
    for i in 1..N {
        sum = s.mul_add(sum, x, s.splat(coefficients[i]));
    }
    sum
}

/// The first two [`Simd::F`] of a slice.
#[inline(always)]
fn two<S: Simd>(s: S, from: &[f32]) -> [S::F; 2] {
    let (from, _) = from[..PANEL].as_chunks::<LANES>();
    [s.load(&from[0]), s.load(&from[1])]
}

/// Some numbers from `at` on.
#[inline(always)]
fn part<const N: usize>(from: &[f32], at: usize) -> &[f32; N] {
    &from[at..][..N].as_chunks::<N>().0[0]
}

#[cfg(test)]
mod tests;
