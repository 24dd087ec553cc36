//! Sixteen numbers at a time, on whatever the processor offers.
//!
//! A kernel is written once over [`Simd`]; [`Level::run`] compiles it for each instruction set and
//! takes the best one that is there. All of them compute the same bits: products are fused with
//! their sums everywhere, sums over lanes go by halves, and products of bytes are exact. So a vector
//! does not depend on the machine that made it.

/// Lanes of a [`Simd::F`].
pub(super) const LANES: usize = 16;

/// An instruction set. A value of such a type is the proof that the processor has it.
pub(super) trait Simd: Copy {
    /// Sixteen numbers.
    type F: Copy;
    /// Sixteen whole numbers in the making, one for each column of [`Simd::dot`].
    type Sums: Copy;
    /// Rows of a tile of two [`Simd::F`] a row whose sums stay in registers.
    const ROWS: usize;

    /// Sums of a row, of two, that are computed together.
    const SUMS_AT_ONCE: usize;
    /// Whether the weights for [`Simd::dot`] stand input by input, not column by column.
    const BY_INPUT: bool;

    fn splat(self, x: f32) -> Self::F;
    fn load(self, from: &[f32; LANES]) -> Self::F;
    fn store(self, x: Self::F, to: &mut [f32; LANES]);
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// *a b* + *c*, rounded once.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The sum of the lanes: the upper half is added to the lower, and so on.
    fn sum(self, x: Self::F) -> f32;
    /// The smallest and the largest lane of two.
    fn range(self, low: Self::F, high: Self::F) -> (f32, f32);
    /// 2 to the power of whole numbers *n* within ±126, given as *n* + [`ROUND`].
    fn power_of_two(self, rounded: Self::F) -> Self::F;
    /// Numbers from 0 to 255 as bytes, halves rounded to even.
    fn bytes(self, x: Self::F, to: &mut [u8; LANES]);

    fn no_sums(self) -> Self::Sums;
    /// Adds to each of sixteen sums the scalar product of four bytes with four signed ones.
    fn dot(self, sums: Self::Sums, codes: [u8; 4], weights: &[i8; 64]) -> Self::Sums;
    /// The sums as numbers.
    fn sums(self, sums: Self::Sums) -> Self::F;

    /// Runs `kernel`, compiled for this instruction set.
    fn enter<K: Kernel>(self, kernel: K);
}

/// Added to a number of at most 2^22 it leaves the nearest whole one in the lowest bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// Something to compute. `run` and all it calls must be `#[inline(always)]`, so that they are
/// compiled for the instruction set of the function that they end up in.
pub(super) trait Kernel {
    fn run<S: Simd>(self, simd: S);
}

/// The instruction sets that kernels are compiled for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    /// Whatever the compiler makes of plain Rust.
    Portable(Portable),
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(super::x86::Ymm<false>),
    /// The same with products of bytes (AVX-VNNI).
    #[cfg(target_arch = "x86_64")]
    AvxVnni(super::x86::Ymm<true>),
    /// AVX-512 with products of bytes (VNNI).
    #[cfg(target_arch = "x86_64")]
    Avx512(super::x86::Zmm),
}

impl Level {
    /// What this processor has, the best first.
    pub(crate) fn all() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use super::x86::{Ymm, Zmm};
            levels.extend(Zmm::find().map(Self::Avx512));
            levels.extend(Ymm::<true>::find().map(Self::AvxVnni));
            levels.extend(Ymm::<false>::find().map(Self::Avx2));
        }
        levels.push(Self::Portable(Portable));
        levels
    }

    /// The best that this processor has.
    pub(crate) fn best() -> Self {
        Self::all().first().copied().unwrap_or(Self::Portable(Portable))
    }

    /// What [`Simd::BY_INPUT`] says.
    pub(super) fn is_by_input(self) -> bool {
        match self {
            Self::Portable(_) => Portable::BY_INPUT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) | Self::AvxVnni(_) | Self::Avx512(_) => false,
        }
    }

    pub(super) fn run<K: Kernel>(self, kernel: K) {
        match self {
            Self::Portable(simd) => simd.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(simd) => simd.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.enter(kernel),
        }
    }
}

/// Plain Rust.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

/// Whether a fused product is one instruction. Where it is not, it would be a hundred times slower
/// than product and sum, and the last bits of vectors may differ. Tests compare them all the same.
const FUSED: bool = cfg!(any(test, not(target_arch = "x86_64"), target_feature = "fma"));

impl Simd for Portable {
    type F = [f32; LANES];
    type Sums = [i32; LANES];
    const ROWS: usize = 2;
    const SUMS_AT_ONCE: usize = 1;
    const BY_INPUT: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        *from
    }

    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        *to = x;
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        if FUSED {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn sum(self, mut x: Self::F) -> f32 {
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                x[i] += x[i + half];
            }
        }
        x[0]
    }

    #[inline(always)]
    fn range(self, low: Self::F, high: Self::F) -> (f32, f32) {
        (low.into_iter().fold(low[0], f32::min), high.into_iter().fold(high[0], f32::max))
    }

    #[inline(always)]
    fn power_of_two(self, rounded: Self::F) -> Self::F {
        rounded.map(|x| f32::from_bits((x.to_bits() << 23).wrapping_add(1.0_f32.to_bits())))
    }

    #[inline(always)]
    fn bytes(self, x: Self::F, to: &mut [u8; LANES]) {
        *to = x.map(|x| (x + ROUND).to_bits() as u8);
    }

    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        [0; LANES]
    }

    #[inline(always)]
    fn dot(self, mut sums: Self::Sums, codes: [u8; 4], weights: &[i8; 64]) -> Self::Sums {
        let (weights, _) = weights.as_chunks::<LANES>();
        for k in 0..4 {
            let code = i16::from(codes[k]);
            for i in 0..LANES {
                sums[i] += i32::from(code) * i32::from(i16::from(weights[k][i]));
            }
        }
        sums
    }

    #[inline(always)]
    fn sums(self, sums: Self::Sums) -> Self::F {
        sums.map(|sum| sum as f32)
    }

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) {
        kernel.run(self);
    }
}
