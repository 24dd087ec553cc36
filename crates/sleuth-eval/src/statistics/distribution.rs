//! Distribution functions and their inverses: normal, Student's *t*, beta.
//!
//! *Φ* is `erfc` of the C library's standard functions in Rust (`libm`). The regularised incomplete
//! beta function is the continued fraction 8.17.22 of the NIST Digital Library of Mathematical
//! Functions, evaluated by Lentz's method as modified by Thompson and Barnett (1986), on the side of
//! the mean where it converges fast. Student's *t* with ν degrees of freedom is
//!
//! ```text
//! P(T ≤ −t) = ½ I(ν / (ν + t²); ν/2, ½)
//! ```
//!
//! Inverses go by bisection down to neighbouring numbers, the normal one by Newton's method: a few
//! microseconds, and as exact as the functions themselves.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Probability that a standard normal variable is at most `z`.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The value that a standard normal variable stays below with probability `p`; infinite for 0 and 1,
/// not a number outside of them.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    // ln Φ rises and is concave, so that Newton's steps never pass the root from below; and as
    // Φ(z) ≤ exp(−z²/2) for z ≤ 0, this start is below it.
    let mut z = -(-2.0 * p.ln()).sqrt();
    for _ in 0..100 {
        let cdf = normal_cdf(z);
        let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
        let step = (p / cdf).ln() * cdf / density;
        z += step;
        if step.abs() <= 1e-16 * z.abs() || step == 0.0 {
            break;
        }
    }
    z
}

/// Probability that Student's *t* with `df` degrees of freedom, above 0 and not always whole, is at
/// most `t`.
pub fn student_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * beta_cdf(df / (df + t * t), df / 2.0, 0.5);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The value that Student's *t* with `df` degrees of freedom stays below with probability `p`.
pub fn student_quantile(p: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    if p > 0.5 {
        return -student_quantile(1.0 - p, df);
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    let mut low = -1.0;
    while student_cdf(low, df) > p {
        low *= 2.0;
    }
    bisect(low, 0.0, |t| student_cdf(t, df) < p)
}

/// The regularised incomplete beta function *I(x; a, b)*: the probability that a beta variable with
/// parameters `a` and `b`, above 0, is at most `x`.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - lower(1.0 - x, b, a);
    }
    lower(x, a, b)
}

/// The value that a beta variable stays below with probability `p`.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return p;
    }
    bisect(0.0, 1.0, |x| beta_cdf(x, a, b) < p)
}

/// *I(x; a, b)* where the fraction converges fast: below the mean.
fn lower(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = (a * x.ln() + b * (-x).ln_1p() - log_beta).exp() / a;
    let not_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / not_zero(1.0 + numerator * d);
            c = not_zero(1.0 + numerator / c);
            factor = c * d;
            fraction *= factor;
        }
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// Where `is_low`, true at first and then false, changes, between `low` and `high`.
fn bisect(mut low: f64, mut high: f64, is_low: impl Fn(f64) -> bool) -> f64 {
    // Down to neighbouring numbers; near 0 that takes a step for each halving of the exponent.
    for _ in 0..2_000 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if is_low(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
#[expect(clippy::excessive_precision, reason = "reference values as they were printed")]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= 1e-9, "{found}, expected {expected}");
    }

    // Reference: scipy 1.17.1, `stats.norm.cdf` and `stats.norm.ppf`.
    #[test]
    fn normal() {
        near(normal_cdf(0.0), 0.5);
        near(normal_cdf(1.0), 0.841_344_746_068_542_93);
        near(normal_cdf(-3.0), 0.001_349_898_031_630_093_3);
        assert!((normal_cdf(-10.0) / 7.619_853_024_160_469_6e-24 - 1.0).abs() < 1e-9);
        near(normal_cdf(6.0), 0.999_999_999_013_412_3);
        for (p, z) in [
            (0.5, 0.0),
            (0.8, 0.841_621_233_572_914_3),
            (0.9, 1.281_551_565_544_600_4),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (1e-6, -4.753_424_308_822_898_7),
            (1.0 - 1e-9, 5.997_807_019_601_637),
            (1e-300, -37.047_096_299_361_2),
        ] {
            near(normal_quantile(p), z);
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert!(normal_quantile(1.5).is_nan() && normal_quantile(f64::NAN).is_nan());
    }

    // Reference: scipy 1.17.1, `stats.t.cdf` and `stats.t.ppf`.
    #[test]
    fn student() {
        near(student_cdf(2.0, 10.0), 0.963_305_982_614_629_9);
        near(student_cdf(-1.3, 4.0), 0.131_725_798_235_612_1);
        near(student_cdf(0.0, 5.0), 0.5);
        near(student_cdf(5.0, 199.0), 0.999_999_372_630_337_3);
        for (df, at_900, at_975, at_995) in [
            (1.0, 3.077_683_537_175_254_4, 12.706_204_736_174_694, 63.656_741_162_871_526),
            (2.0, 1.885_618_083_164_127_2, 4.302_652_729_749_462, 9.924_843_200_918_287),
            (3.0, 1.637_744_353_696_209_1, 3.182_446_305_283_708, 5.840_909_309_733_355),
            (9.0, 1.383_028_738_396_633, 2.262_157_162_798_205, 3.249_835_541_592_126),
            (49.0, 1.299_068_784_747_75, 2.009_575_237_129_239, 2.679_951_973_631_552),
            (99.5, 1.290_117_882_423_691_4, 1.984_093_610_990_623_8, 2.626_146_672_063_147_7),
            (10_000.0, 1.281_636_229_730_477, 1.960_201_239_890_626, 2.576_321_046_668_528),
        ] {
            near(student_quantile(0.9, df), at_900);
            near(student_quantile(0.975, df), at_975);
            near(student_quantile(0.995, df), at_995);
            near(student_quantile(0.025, df), -at_975);
        }
        assert!(student_quantile(0.9, 0.0).is_nan());
    }

    // Reference: scipy 1.17.1, `special.betainc` and `special.betaincinv`.
    #[test]
    fn beta() {
        for (x, a, b, expected) in [
            (0.3, 0.5, 0.5, 0.369_010_119_565_545_36),
            (0.4, 2.0, 3.0, 0.5248),
            (0.5, 50.0, 51.0, 0.539_794_618_693_589),
            (0.001, 1.0, 1_000.0, 0.632_304_575_229_035_9),
            (0.99, 990.5, 10.0, 0.457_929_135_261_565_6),
            (1e-5, 0.01, 30.0, 0.927_190_955_256_454_5),
            (0.51, 5_000.0, 5_000.0, 0.977_257_967_675_425_4),
        ] {
            near(beta_cdf(x, a, b), expected);
        }
        for (p, a, b, expected) in [
            (0.1, 2.0, 3.0, 0.142_559_316_710_030_72),
            (0.975, 1.0, 100.0, 0.036_216_692_645_176_41),
            (0.025, 51.0, 50.0, 0.408_036_329_155_453_74),
            (0.3, 0.5, 0.5, 0.206_107_373_853_763_4),
            (0.025, 991.0, 10.0, 0.982_984_216_930_130_1),
        ] {
            near(beta_quantile(p, a, b), expected);
        }
        assert_eq!((beta_cdf(-1.0, 2.0, 3.0), beta_cdf(2.0, 2.0, 3.0)), (0.0, 1.0));
        assert_eq!((beta_quantile(0.0, 2.0, 3.0), beta_quantile(1.0, 2.0, 3.0)), (0.0, 1.0));
    }
}
