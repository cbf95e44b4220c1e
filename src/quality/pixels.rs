//! Owns the pixel-wise measures: peak signal-to-noise ratio inside the hole and drift far from it. Called by `score`.

use crate::raster::{Plane, RgbF32};

use super::seam::distance_from;

/// What equal pictures score, in dB, instead of infinity.
pub const EQUAL_DB: f64 = 100.0;

/// Peak signal-to-noise ratio over the hole's pixels and all channels, for a peak of 1.
pub fn psnr(truth: &RgbF32, filled: &RgbF32, hole: &Plane) -> f64 {
    let mut sum = 0.0;
    let mut count = 0_u64;
    for (at, _) in hole.data.iter().enumerate().filter(|(_, v)| **v > 0) {
        for c in at * 3..at * 3 + 3 {
            sum += f64::from(truth.data[c] - filled.data[c]).powi(2);
        }
        count += 3;
    }
    if sum == 0.0 || count == 0 {
        return EQUAL_DB;
    }
    (10.0 * (count as f64 / sum).log10()).min(EQUAL_DB)
}

/// Largest difference of any channel at pixels `far_px` or more from the hole.
pub fn colour_drift(truth: &RgbF32, filled: &RgbF32, hole: &Plane, far_px: u32) -> f64 {
    let near = distance_from(hole, far_px);
    let mut largest = 0.0_f32;
    for (at, distance) in near.iter().enumerate() {
        if *distance >= far_px {
            for c in at * 3..at * 3 + 3 {
                largest = largest.max((truth.data[c] - filled.data[c]).abs());
            }
        }
    }
    f64::from(largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    #[test]
    fn drift_counts_only_far_pixels() {
        let truth = RgbF32::new(PixelSize::new(40, 1));
        let mut hole = Plane::new(truth.size);
        hole.set(0, 0, 255);
        let mut filled = truth.clone();
        filled.set_pixel(9, 0, [0.5; 3]);
        assert_eq!(colour_drift(&truth, &filled, &hole, 10), 0.0);
        filled.set_pixel(30, 0, [0.0, 0.25, 0.0]);
        assert_eq!(colour_drift(&truth, &filled, &hole, 10), 0.25);
    }

    #[test]
    fn psnr_of_a_tenth_off_is_20_db() {
        let truth = RgbF32::new(PixelSize::new(4, 4));
        let mut filled = truth.clone();
        filled.data.fill(0.1);
        let mut hole = Plane::new(truth.size);
        hole.set(1, 1, 1);
        assert!((psnr(&truth, &filled, &hole) - 20.0).abs() < 1e-5);
        assert_eq!(psnr(&truth, &truth, &hole), EQUAL_DB);
    }
}
