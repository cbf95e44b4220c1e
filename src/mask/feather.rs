//! Owns softening a mask's edge. Used by app, plan and compose. Works only near the mask. Must never fade a mask at the
//! picture's own border.

use rayon::prelude::*;

use super::Mask;
use super::distance::{FAR, squared_distances};
use super::tiles::by_tiles;
use crate::raster::Plane;

/// To which side of the edge the softness goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeatherEdge {
    /// Half inwards, half outwards: a Gaussian blur.
    #[default]
    Both,
    /// Masked pixels stay as they are, the fade lies outside.
    Outward,
}

/// Widest softness that is honoured.
const MAX_SIGMA: f32 = 500.0;

impl Mask {
    /// Softens the edge with the standard deviation `sigma` in pixels; the fade ends after 3 sigma. `Outward` gives the
    /// outer half of the same profile, erfc(d / (sigma √2)), over the distance d to the mask's edge, so that thin
    /// strokes keep their full strength. 0, negative and impossible values change nothing.
    pub fn feather(&mut self, sigma: f32, edge: FeatherEdge) {
        if !sigma.is_finite() || sigma <= 0.0 {
            return;
        }
        let sigma = sigma.min(MAX_SIGMA);
        let reach = (3.0 * sigma).ceil() as u32 + 1;
        match edge {
            FeatherEdge::Both => {
                let kernel = kernel(sigma);
                by_tiles(self, reach, |part| blur(part, &kernel));
            }
            FeatherEdge::Outward => by_tiles(self, reach, |part| fade_outward(part, sigma)),
        }
    }
}

/// Separable Gaussian, cut at 3 sigma. The border is repeated: a tile's surroundings end either at the canvas' edge,
/// where nothing must fade, or out of the kernel's reach.
fn blur(plane: &Plane, kernel: &[f32]) -> Plane {
    let half = kernel.len() / 2;
    let (width, height) = (plane.width(), plane.height());
    let mut across = vec![0.0f32; width * height];
    across
        .par_chunks_mut(width)
        .zip(plane.data.par_chunks(width))
        .for_each_init(Vec::new, |padded: &mut Vec<f32>, (line, row)| {
            if row.iter().all(|v| *v == 0) {
                return;
            }
            padded.clear();
            padded.resize(half, f32::from(row[0]));
            padded.extend(row.iter().map(|v| f32::from(*v)));
            padded.resize(width + 2 * half, f32::from(row[width - 1]));
            for (tap, weight) in kernel.iter().enumerate() {
                for (sum, value) in line.iter_mut().zip(&padded[tap..]) {
                    *sum += value * weight;
                }
            }
        });
    let mut out = Plane::new(plane.size);
    out.data.par_chunks_mut(width).enumerate().for_each_init(
        Vec::new,
        |sums: &mut Vec<f32>, (y, line)| {
            sums.clear();
            sums.resize(width, 0.0);
            for (tap, weight) in kernel.iter().enumerate() {
                let source = (y + tap).saturating_sub(half).min(height - 1);
                for (sum, value) in sums.iter_mut().zip(&across[source * width..]) {
                    *sum += value * weight;
                }
            }
            for (to, sum) in line.iter_mut().zip(sums.iter()) {
                *to = (sum + 0.5) as u8;
            }
        },
    );
    out
}

fn kernel(sigma: f32) -> Vec<f32> {
    let half = (3.0 * sigma).ceil() as i32;
    let raw: Vec<f64> = (-half..=half)
        .map(|x| (-0.5 * (f64::from(x) / f64::from(sigma)).powi(2)).exp())
        .collect();
    let total: f64 = raw.iter().sum();
    raw.iter().map(|w| (w / total) as f32).collect()
}

fn fade_outward(plane: &Plane, sigma: f32) -> Plane {
    let reach = 3.0 * sigma + 1.0;
    let distances = squared_distances(plane, reach.ceil() as u32, |v| v >= 128);
    let scale = 1.0 / (f64::from(sigma) * std::f64::consts::SQRT_2);
    let data = distances
        .into_par_iter()
        .with_min_len(1 << 14)
        .zip(&plane.data)
        .map(|(squared, own)| {
            if squared == FAR || squared == 0 {
                return *own;
            }
            // The edge lies half a pixel outside the last masked centre.
            let distance = f64::from(squared).sqrt() - 0.5;
            if distance > f64::from(3.0 * sigma) {
                return *own;
            }
            let fade = (255.0 * erfc(distance * scale)).round() as u8;
            fade.max(*own)
        })
        .collect();
    Plane {
        size: plane.size,
        data,
    }
}

/// Complementary error function for x ≥ 0 (Abramowitz and Stegun 7.1.26, error below 1.5e-7).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = ((((1.061_405_429 * t - 1.453_152_027) * t + 1.421_413_741) * t - 0.284_496_736)
        * t
        + 0.254_829_592)
        * t;
    series * (-x * x).exp()
}
