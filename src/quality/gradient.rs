//! Owns the comparison of texture statistics: histograms of gradient magnitude. Called by `score`.

use crate::raster::{Plane, RgbF32};

/// Rec. 601 luma weights.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Magnitudes are counted in 27 bins spaced evenly in the logarithm between these, and one bin below.
const BINS: usize = 27;
const LOWEST: f64 = 0.5 / 255.0;
const HIGHEST: f64 = 256.0 / 255.0;

/// Luma of every pixel, 0–1.
pub fn luma(picture: &RgbF32) -> Vec<f32> {
    let weigh = |p: &[f32]| p[0] * LUMA[0] + p[1] * LUMA[1] + p[2] * LUMA[2];
    picture.data.chunks_exact(3).map(weigh).collect()
}

/// L1 distance (0–2) of the normalised histograms of |forward-difference gradient| of luma over the hole's pixels.
/// Blind to where texture lies and to its colour; a blurred fill scores badly, real texture from elsewhere well.
pub fn gradient_distance(truth: &RgbF32, filled: &RgbF32, hole: &Plane) -> f64 {
    let (a, b) = (histogram(truth, hole), histogram(filled, hole));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum()
}

fn histogram(picture: &RgbF32, hole: &Plane) -> [f64; BINS + 1] {
    let luma = luma(picture);
    let (width, height) = (picture.width(), picture.height());
    let mut counts = [0.0; BINS + 1];
    let mut total = 0.0;
    for (at, _) in hole.data.iter().enumerate().filter(|(_, v)| **v > 0) {
        let (x, y) = (at % width, at / width);
        let dx = if x + 1 < width {
            luma[at + 1] - luma[at]
        } else {
            0.0
        };
        let dy = if y + 1 < height {
            luma[at + width] - luma[at]
        } else {
            0.0
        };
        counts[bin(f64::from(dx).hypot(f64::from(dy)))] += 1.0;
        total += 1.0;
    }
    if total > 0.0 {
        for count in &mut counts {
            *count /= total;
        }
    }
    counts
}

fn bin(magnitude: f64) -> usize {
    if magnitude < LOWEST {
        return 0;
    }
    let share = (magnitude / LOWEST).ln() / (HIGHEST / LOWEST).ln();
    1 + ((share * BINS as f64) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    #[test]
    fn a_flat_fill_is_as_far_from_texture_as_can_be() {
        let size = PixelSize::new(20, 20);
        let mut truth = RgbF32::new(size);
        for (at, value) in truth.data.iter_mut().enumerate() {
            *value = f32::from(u8::from((at / 3 + at / 60) % 2 == 0));
        }
        let mut hole = Plane::new(size);
        for y in 4..12 {
            for x in 4..12 {
                hole.set(x, y, 255);
            }
        }
        let flat = RgbF32::new(size);
        assert!((gradient_distance(&truth, &flat, &hole) - 2.0).abs() < 1e-9);
        assert_eq!(gradient_distance(&truth, &truth, &hole), 0.0);
    }
}
