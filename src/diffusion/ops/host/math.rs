//! Owns elementwise functions written so that the compiler turns them into vector code: no calls, no branches; each compiled for
//! every kind of vectors (`simd`). Used by the CPU kernels. Must never be used for scalars where `std` is exact and fast enough.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::diffusion::ops::host::simd::widest_fn;

/// `e^x` within 2 units in the last place for −87…88, clamped outside; NaN stays NaN.
///
/// Range reduction by ln 2 in two parts and the degree-5 polynomial of Cephes' `expf`.
#[inline(always)]
#[allow(clippy::inline_always)]
fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 · 2²³ rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5e-1;
    let p = p * r * r + r + 1.0;
    let exponent = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    p * f32::from_bits(exponent)
}

widest_fn! {
    /// `x · sigmoid(x)` in place.
    pub fn silu(values: &'a mut [f32]) {
        for v in values {
            *v /= 1.0 + exp(-*v);
        }
    }
}

widest_fn! {
    /// `x · sigmoid(1.702 x)` in place: the GELU of the first CLIP.
    pub fn quick_gelu(values: &'a mut [f32]) {
        for v in values {
            *v /= 1.0 + exp(-1.702 * *v);
        }
    }
}

widest_fn! {
    /// `to = a · gelu(b)` with the exact GELU, `b · Φ(b)`.
    ///
    /// `erfc` by Abramowitz and Stegun 7.1.26, whose error is below 1.5e-7.
    pub fn gated_gelu(to: &'a mut [f32], a: &'a [f32], b: &'a [f32]) {
        for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
            *to = a * gelu(*b);
        }
    }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn gelu(x: f32) -> f32 {
    let z = x.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = 1.061_405_4;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    // Half of erfc(|z|): the weight of the far tail.
    let tail = 0.5 * p * t * exp(-z * z);
    let weight = if x < 0.0 { tail } else { 1.0 - tail };
    x * weight
}

widest_fn! {
    /// Turns a row of scores into `e^(scale · (score − peak))` in place, where `peak` is the largest score or `floor`, whichever is larger.
    /// Gives the peak and the row's sum: a softmax but for its division.
    pub fn exponentials(row: &'a mut [f32], scale: f32, floor: f32) -> (f32, f32) {
        let mut lanes = [floor; 16];
        let mut whole = row.chunks_exact(16);
        for part in &mut whole {
            for (lane, v) in lanes.iter_mut().zip(part) {
                *lane = if *v > *lane { *v } else { *lane };
            }
        }
        let peak = lanes
            .iter()
            .chain(whole.remainder())
            .fold(floor, |m, v| m.max(*v));
        let mut lanes = [0f32; 16];
        let mut whole = row.chunks_exact_mut(16);
        for part in &mut whole {
            for (lane, v) in lanes.iter_mut().zip(part) {
                *v = exp((*v - peak) * scale);
                *lane += *v;
            }
        }
        let mut sum: f32 = lanes.iter().sum();
        for v in whole.into_remainder() {
            *v = exp((*v - peak) * scale);
            sum += *v;
        }
        (peak, sum)
    }
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_everywhere() {
        let mut x = -87.0f32;
        while x < 88.0 {
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "{x} {error}");
            x += 0.0137;
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::INFINITY) > 1e38);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn silu_and_gelu_hold_at_the_ends() {
        let mut v = [0.0, -200.0, 200.0, f32::NAN, 1.0];
        silu(&mut v);
        assert!(v[0] == 0.0 && v[1].abs() < 1e-30 && v[2] == 200.0 && v[3].is_nan());
        assert!((v[4] - 0.731_058_6).abs() < 1e-6);
        // From the normal distribution's tables.
        for (x, expected) in [
            (0.0, 0.0),
            (1.0, 0.841_344_7),
            (-1.0, -0.158_655_25),
            (-3.0, -0.004_049_694),
            (30.0, 30.0),
        ] {
            assert!(
                (gelu(x) - expected).abs() < 4e-7 * expected.abs().max(1.0),
                "{x} {}",
                gelu(x)
            );
        }
        assert!(gelu(f32::NAN).is_nan());
    }
}
