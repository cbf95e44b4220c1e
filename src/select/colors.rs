//! Owns models of which colours occur: a mixture of a few Gaussians. Used by the object search. Chance comes from a fixed
//! seed. Must never fail on few or equal colours.

/// A colour, channels 0–1, and how much it counts.
pub(super) type Sample = ([f32; 3], f32);

/// Gaussians in a mixture, as in Rother, Kolmogorov and Blake, "GrabCut", 2004, section 3.
const PARTS: usize = 5;
/// Samples that a mixture is learned from at most.
const MAX_SAMPLES: usize = 6000;
const ROUNDS: usize = 8;
/// Variance that every Gaussian has at least: about 4 steps of 255.
const LEAST_VARIANCE: f32 = 2.5e-4;
/// Share of the samples that may have any colour at all; bounds how sure a mixture can be.
const STRANGERS: f32 = 0.02;

struct Part {
    mean: [f32; 3],
    /// Inverse covariance: rr, rg, rb, gg, gb, bb.
    inverse: [f32; 6],
    /// Weight over the Gaussian's normaliser.
    scale: f32,
}

/// Which colours occur, and how often.
pub(super) struct Mixture(Vec<Part>);

impl Mixture {
    /// `None` without samples.
    pub fn learn(samples: &[Sample]) -> Option<Self> {
        let step = samples.len().div_ceil(MAX_SAMPLES).max(1);
        let samples: Vec<Sample> = samples.iter().copied().step_by(step).collect();
        if samples.is_empty() {
            return None;
        }
        let mut centres = seeds(&samples);
        let mut owner = vec![0; samples.len()];
        for _ in 0..ROUNDS {
            assign(&samples, &centres, &mut owner);
            for (index, centre) in centres.iter_mut().enumerate() {
                let own = samples.iter().zip(&owner).filter(|(_, o)| **o == index);
                let (sum, weight) = own.fold(([0.0; 3], 0.0), |(sum, total), ((c, w), _)| {
                    ([0, 1, 2].map(|i| sum[i] + c[i] * w), total + w)
                });
                if weight > 0.0 {
                    *centre = sum.map(|s: f32| s / weight);
                }
            }
        }
        assign(&samples, &centres, &mut owner);
        let total: f32 = samples.iter().map(|s| s.1).sum();
        let parts = (0..centres.len()).filter_map(|index| {
            let own = samples
                .iter()
                .zip(&owner)
                .filter(|(_, o)| **o == index)
                .map(|(s, _)| *s);
            Part::new(centres[index], own, total)
        });
        Some(Self(parts.collect()))
    }

    /// How strange the colour is: the negative logarithm of its density.
    pub fn strangeness(&self, color: [f32; 3]) -> f32 {
        let density: f32 = self.0.iter().map(|part| part.density(color)).sum();
        -((1.0 - STRANGERS) * density + STRANGERS).ln()
    }
}

impl Part {
    fn new(mean: [f32; 3], own: impl Iterator<Item = Sample>, total: f32) -> Option<Self> {
        let mut sums = [0.0; 6];
        let mut weight = 0.0;
        for (color, w) in own {
            let [r, g, b] = [0, 1, 2].map(|c| color[c] - mean[c]);
            for (sum, product) in sums
                .iter_mut()
                .zip([r * r, r * g, r * b, g * g, g * b, b * b])
            {
                *sum += w * product;
            }
            weight += w;
        }
        if weight <= 0.0 || total <= 0.0 {
            return None;
        }
        let mut spread = sums.map(|s| s / weight);
        for diagonal in [0, 3, 5] {
            spread[diagonal] += LEAST_VARIANCE;
        }
        let [rr, rg, rb, gg, gb, bb] = spread;
        let (c0, c1, c2) = (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg);
        let det = rr * c0 + rg * c1 + rb * c2;
        if !det.is_finite() || det <= 0.0 {
            return None;
        }
        let inverse = [
            c0,
            c1,
            c2,
            rr * bb - rb * rb,
            rg * rb - rr * gb,
            rr * gg - rg * rg,
        ]
        .map(|c| c / det);
        let normaliser = (std::f32::consts::TAU.powi(3) * det).sqrt();
        Some(Self {
            mean,
            inverse,
            scale: weight / total / normaliser,
        })
    }

    fn density(&self, color: [f32; 3]) -> f32 {
        let [r, g, b] = [0, 1, 2].map(|c| color[c] - self.mean[c]);
        let [rr, rg, rb, gg, gb, bb] = self.inverse;
        let distance =
            r * r * rr + g * g * gg + b * b * bb + 2.0 * (r * g * rg + r * b * rb + g * b * gb);
        if distance > 60.0 {
            return 0.0;
        }
        self.scale * (-0.5 * distance).exp()
    }
}

fn squared(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|c| (a[c] - b[c]).powi(2)).sum()
}

fn assign(samples: &[Sample], centres: &[[f32; 3]], owner: &mut [usize]) {
    for ((color, _), owner) in samples.iter().zip(owner) {
        let mut nearest = f32::INFINITY;
        for (index, centre) in centres.iter().enumerate() {
            let distance = squared(*color, *centre);
            if distance < nearest {
                nearest = distance;
                *owner = index;
            }
        }
    }
}

/// First centres, far from each other by chance (Arthur and Vassilvitskii, "k-means++", 2007).
fn seeds(samples: &[Sample]) -> Vec<[f32; 3]> {
    let mut state = 0x2545_f491_u32;
    let mut random = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut centres = vec![samples[(random() * samples.len() as f64) as usize].0];
    let mut nearest = vec![f32::INFINITY; samples.len()];
    while centres.len() < PARTS {
        let last = centres[centres.len() - 1];
        let mut total = 0.0;
        for ((color, weight), nearest) in samples.iter().zip(&mut nearest) {
            *nearest = nearest.min(squared(*color, last));
            total += f64::from(*nearest * weight);
        }
        if total < 1e-9 {
            break;
        }
        let mut left = random() * total;
        let pick = samples.iter().zip(&nearest).position(|((_, w), n)| {
            left -= f64::from(n * w);
            left < 0.0
        });
        centres.push(samples[pick.unwrap_or(samples.len() - 1)].0);
    }
    centres
}
