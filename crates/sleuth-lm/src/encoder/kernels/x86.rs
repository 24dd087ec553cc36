//! [`Simd`] by the instructions of x86-64.
//!
//! The only unsafe code of the encoder. What makes it sound: a [`Zmm`] or [`Ymm`] comes from its
//! `find` alone, which asks the processor, and memory is touched through references to arrays of the
//! right length, by instructions that want no alignment.

#![expect(unsafe_code, reason = "instructions of a processor are called nowhere else")]

use std::arch::x86_64::*;

use super::simd::{Kernel, LANES, Simd};

/// AVX-512 with VNNI: sixteen lanes a register, 32 registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zmm(());

impl Zmm {
    /// The proof, where the processor has it.
    pub(super) fn find() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        there.then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn enter_avx512<K: Kernel>(simd: Zmm, kernel: K) {
    kernel.run(simd);
}

/// Calls an instruction that the processor has.
macro_rules! has {
    ($call:expr) => {{
        // SAFETY: `self` is the proof that the processor has the instruction, and every pointer
        // comes from a reference to as many bytes as the instruction touches.
        unsafe { $call }
    }};
}

impl Simd for Zmm {
    type F = __m512;
    type Sums = __m512i;
    const ROWS: usize = 6;
    const SUMS_AT_ONCE: usize = 2;
    const BY_INPUT: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        has!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> __m512 {
        has!(_mm512_loadu_ps(from.as_ptr()))
    }

    #[inline(always)]
    fn store(self, x: __m512, to: &mut [f32; LANES]) {
        has!(_mm512_storeu_ps(to.as_mut_ptr(), x));
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        has!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_min_ps(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn sum(self, x: __m512) -> f32 {
        has!({
            let half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
            sum_of_eight(half)
        })
    }

    #[inline(always)]
    fn range(self, low: __m512, high: __m512) -> (f32, f32) {
        has!((_mm512_reduce_min_ps(low), _mm512_reduce_max_ps(high)))
    }

    #[inline(always)]
    fn power_of_two(self, rounded: __m512) -> __m512 {
        has!({
            let power = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded));
            let one = _mm512_castps_si512(_mm512_set1_ps(1.0));
            _mm512_castsi512_ps(_mm512_add_epi32(power, one))
        })
    }

    #[inline(always)]
    fn bytes(self, x: __m512, to: &mut [u8; LANES]) {
        has!({
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
        });
    }

    #[inline(always)]
    fn no_sums(self) -> __m512i {
        has!(_mm512_setzero_si512())
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, codes: [u8; 4], weights: &[i8; 64]) -> __m512i {
        has!({
            let codes = _mm512_set1_epi32(i32::from_le_bytes(codes));
            let weights = _mm512_loadu_si512(weights.as_ptr().cast());
            _mm512_dpbusd_epi32(sums, codes, weights)
        })
    }

    #[inline(always)]
    fn sums(self, sums: __m512i) -> __m512 {
        has!(_mm512_cvtepi32_ps(sums))
    }

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) {
        has!(enter_avx512(self, kernel));
    }
}

/// AVX2 and FMA, with products of bytes where `VNNI`: eight lanes a register, 16 registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ymm<const VNNI: bool>(());

impl<const VNNI: bool> Ymm<VNNI> {
    /// The proof, where the processor has it.
    pub(super) fn find() -> Option<Self> {
        let there = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && (!VNNI || is_x86_feature_detected!("avxvnni"));
        there.then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma")]
fn enter_avx2<K: Kernel>(simd: Ymm<false>, kernel: K) {
    kernel.run(simd);
}

#[target_feature(enable = "avx2,fma,avxvnni")]
fn enter_avx_vnni<K: Kernel>(simd: Ymm<true>, kernel: K) {
    kernel.run(simd);
}

impl<const VNNI: bool> Simd for Ymm<VNNI> {
    /// Lanes 0 to 7 and 8 to 15.
    type F = [__m256; 2];
    /// With products of bytes, columns 0 to 7 and 8 to 15; without, two halves of the sum of each of
    /// four columns.
    type Sums = [__m256i; 4];
    const ROWS: usize = 2;
    const SUMS_AT_ONCE: usize = if VNNI { 2 } else { 1 };
    const BY_INPUT: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        has!([_mm256_set1_ps(x), _mm256_set1_ps(x)])
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        has!([_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))])
    }

    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        has!({
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
        });
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        has!([_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])])
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        has!([_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])])
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        has!([_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        has!([_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])])
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        has!([_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])])
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        has!([_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])])
    }

    #[inline(always)]
    fn sum(self, x: Self::F) -> f32 {
        has!(sum_of_eight(_mm256_add_ps(x[0], x[1])))
    }

    #[inline(always)]
    fn range(self, low: Self::F, high: Self::F) -> (f32, f32) {
        has!({
            let low = _mm256_min_ps(low[0], low[1]);
            let low = _mm_min_ps(_mm256_castps256_ps128(low), _mm256_extractf128_ps::<1>(low));
            let low = _mm_min_ps(low, _mm_movehl_ps(low, low));
            let low = _mm_min_ss(low, _mm_movehdup_ps(low));
            let high = _mm256_max_ps(high[0], high[1]);
            let high = _mm_max_ps(_mm256_castps256_ps128(high), _mm256_extractf128_ps::<1>(high));
            let high = _mm_max_ps(high, _mm_movehl_ps(high, high));
            let high = _mm_max_ss(high, _mm_movehdup_ps(high));
            (_mm_cvtss_f32(low), _mm_cvtss_f32(high))
        })
    }

    #[inline(always)]
    fn power_of_two(self, rounded: Self::F) -> Self::F {
        has!({
            let one = _mm256_castps_si256(_mm256_set1_ps(1.0));
            let low = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded[0]));
            let high = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded[1]));
            [
                _mm256_castsi256_ps(_mm256_add_epi32(low, one)),
                _mm256_castsi256_ps(_mm256_add_epi32(high, one)),
            ]
        })
    }

    #[inline(always)]
    fn bytes(self, x: Self::F, to: &mut [u8; LANES]) {
        has!({
            // Packing goes by halves of registers, so the quarters have to be put in order.
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(x[0]), _mm256_cvtps_epi32(x[1]));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_packus_epi16(low, high));
        });
    }

    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        has!([_mm256_setzero_si256(); 4])
    }

    #[inline(always)]
    fn dot(self, mut sums: Self::Sums, codes: [u8; 4], weights: &[i8; 64]) -> Self::Sums {
        let codes = i32::from_le_bytes(codes);
        if VNNI {
            has!({
                let codes = _mm256_set1_epi32(codes);
                let low = _mm256_loadu_si256(weights.as_ptr().cast());
                let high = _mm256_loadu_si256(weights.as_ptr().add(32).cast());
                sums[0] = _mm256_dpbusd_avx_epi32(sums[0], codes, low);
                sums[1] = _mm256_dpbusd_avx_epi32(sums[1], codes, high);
            });
        } else {
            has!({
                // The product of bytes that AVX2 has overflows, that of words does not.
                let codes = _mm256_cvtepu8_epi16(_mm_set1_epi32(codes));
                let mut at = 0;
                while at < 4 {
                    let four = _mm_loadu_si128(weights.as_ptr().add(16 * at).cast());
                    let products = _mm256_madd_epi16(codes, _mm256_cvtepi8_epi16(four));
                    sums[at] = _mm256_add_epi32(sums[at], products);
                    at += 1;
                }
            });
        }
        sums
    }

    #[inline(always)]
    fn sums(self, sums: Self::Sums) -> Self::F {
        if VNNI {
            has!([_mm256_cvtepi32_ps(sums[0]), _mm256_cvtepi32_ps(sums[1])])
        } else {
            has!({
                // Adding neighbours leaves columns 0 1 4 5 | 2 3 6 7.
                let low = _mm256_hadd_epi32(sums[0], sums[1]);
                let high = _mm256_hadd_epi32(sums[2], sums[3]);
                [
                    _mm256_cvtepi32_ps(_mm256_permute4x64_epi64::<0b11_01_10_00>(low)),
                    _mm256_cvtepi32_ps(_mm256_permute4x64_epi64::<0b11_01_10_00>(high)),
                ]
            })
        }
    }

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) {
        if VNNI {
            has!(enter_avx_vnni(Ymm::<true>(()), kernel));
        } else {
            has!(enter_avx2(Ymm::<false>(()), kernel));
        }
    }
}

/// The sum of eight lanes: the upper half is added to the lower, and so on.
#[inline]
#[target_feature(enable = "avx2")]
fn sum_of_eight(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
