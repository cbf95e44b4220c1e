//! Owns one-dimensional tone curves: sampled monotone curves with an exact inverse, and the sRGB curve. Used by
//! `color` alone. Must never leave 0–1.

use std::sync::LazyLock;

const STEPS: usize = 4096;

/// A rising curve on 0–1, linear between 4097 samples.
pub(super) struct Curve(Vec<f32>);

impl Curve {
    /// Samples `f`; dips are levelled, so that there is always a way back. `Err` for curves that don't rise.
    pub fn sample(f: impl Fn(f32) -> f32) -> Result<Self, String> {
        let mut values = Vec::with_capacity(STEPS + 1);
        let mut highest = 0.0f32;
        for i in 0..=STEPS {
            let value = f(i as f32 / STEPS as f32);
            if !value.is_finite() {
                return Err("a tone curve is impossible".into());
            }
            highest = highest.max(value.min(1.0));
            values.push(highest);
        }
        if highest - values[0] < 0.1 {
            return Err("a tone curve does not rise".into());
        }
        Ok(Self(values))
    }

    pub fn eval(&self, x: f32) -> f32 {
        let at = x.clamp(0.0, 1.0) * STEPS as f32;
        let low = (at as usize).min(STEPS - 1);
        let part = at - low as f32;
        self.0[low] + (self.0[low + 1] - self.0[low]) * part
    }

    /// The smallest x with `eval(x) = y`, exactly inverse to the linear pieces.
    pub fn invert(&self, y: f32) -> f32 {
        let high = self.0.partition_point(|v| *v < y);
        if high == 0 {
            return 0.0;
        }
        if high > STEPS {
            return 1.0;
        }
        let (a, b) = (self.0[high - 1], self.0[high]);
        ((high - 1) as f32 + (y - a) / (b - a)) / STEPS as f32
    }
}

/// sRGB-encoded to linear, 0–1 (IEC 61966-2-1).
pub(super) fn srgb_decode(v: f32) -> f32 {
    static TABLE: LazyLock<Vec<f32>> = LazyLock::new(|| {
        (0..=STEPS + 1)
            .map(|i| i as f32 / STEPS as f32)
            .map(|v| {
                if v <= 0.04045 {
                    v / 12.92
                } else {
                    ((v + 0.055) / 1.055).powf(2.4)
                }
            })
            .collect()
    });
    lookup(&TABLE, v)
}

/// Linear to sRGB-encoded, 0–1. Sampled over the square root, where the curve is almost straight (error below 1e-6).
pub(super) fn srgb_encode(v: f32) -> f32 {
    static TABLE: LazyLock<Vec<f32>> = LazyLock::new(|| {
        (0..=STEPS + 1)
            .map(|i| i as f32 / STEPS as f32)
            .map(|root| {
                let v = root * root;
                if v <= 0.003_130_8 {
                    v * 12.92
                } else {
                    1.055 * v.powf(1.0 / 2.4) - 0.055
                }
            })
            .collect()
    });
    lookup(&TABLE, v.max(0.0).sqrt())
}

fn lookup(table: &[f32], x: f32) -> f32 {
    let at = x.clamp(0.0, 1.0) * STEPS as f32;
    let low = at as usize;
    let part = at - low as f32;
    (table[low] + (table[low + 1] - table[low]) * part).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_undoes_the_curve() {
        let curve = Curve::sample(|v| v.powf(2.2)).expect("rises");
        for i in 0..=65535 {
            let x = i as f32 / 65535.0;
            assert!(
                (curve.invert(curve.eval(x)) - x).abs() < 0.4 / 65535.0 || i < 16,
                "{i}"
            );
        }
        assert!(Curve::sample(|_| 0.5).is_err());
        assert!(Curve::sample(|_| f32::NAN).is_err());
    }

    #[test]
    fn srgb_tables_agree_with_the_formula() {
        for i in 0..=100_000 {
            let v = f64::from(i) / 100_000.0;
            let exact = if v <= 0.003_130_8 {
                v * 12.92
            } else {
                1.055 * v.powf(1.0 / 2.4) - 0.055
            };
            assert!(
                (f64::from(srgb_encode(v as f32)) - exact).abs() < 2e-6,
                "{v}"
            );
            assert!(
                (srgb_decode(srgb_encode(v as f32)) - v as f32).abs() < 2e-6,
                "{v}"
            );
        }
    }
}
