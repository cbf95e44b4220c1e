//! Owns structural similarity (Wang et al., "Image quality assessment", 2004) with the Gaussian 11 × 11 window, as
//! scikit-image computes it with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1`.
//! Called by `score`.

use rayon::prelude::*;

use crate::raster::{Plane, RgbF32};

const SIGMA: f64 = 1.5;
const RADIUS: usize = 5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// Mean over the hole's pixels of [`ssim_map`]; 1 for an empty hole.
pub fn ssim(truth: &RgbF32, filled: &RgbF32, hole: &Plane) -> f64 {
    let map = ssim_map(truth, filled);
    let mut sum = 0.0;
    let mut count = 0_u64;
    for (value, _) in map.iter().zip(&hole.data).filter(|(_, v)| **v > 0) {
        sum += value;
        count += 1;
    }
    if count == 0 { 1.0 } else { sum / count as f64 }
}

/// One value a pixel, the mean over the three channels. Edges are mirrored (the edge sample repeats).
pub fn ssim_map(truth: &RgbF32, filled: &RgbF32) -> Vec<f64> {
    let (width, height) = (truth.width(), truth.height());
    let maps: Vec<Vec<f64>> = (0..3)
        .into_par_iter()
        .map(|channel| channel_map(truth, filled, channel, width, height))
        .collect();
    (0..width * height)
        .map(|at| (maps[0][at] + maps[1][at] + maps[2][at]) / 3.0)
        .collect()
}

fn channel_map(a: &RgbF32, b: &RgbF32, channel: usize, width: usize, height: usize) -> Vec<f64> {
    let pick = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        let at = |i: usize| {
            f(
                f64::from(a.data[i * 3 + channel]),
                f64::from(b.data[i * 3 + channel]),
            )
        };
        blur(&(0..width * height).map(at).collect::<Vec<_>>(), width)
    };
    let (mean_a, mean_b) = (pick(&|a, _| a), pick(&|_, b| b));
    let (aa, bb, ab) = (
        pick(&|a, _| a * a),
        pick(&|_, b| b * b),
        pick(&|a, b| a * b),
    );
    (0..width * height)
        .map(|i| {
            let (ua, ub) = (mean_a[i], mean_b[i]);
            let (va, vb, vab) = (aa[i] - ua * ua, bb[i] - ub * ub, ab[i] - ua * ub);
            ((2.0 * ua * ub + C1) * (2.0 * vab + C2)) / ((ua * ua + ub * ub + C1) * (va + vb + C2))
        })
        .collect()
}

/// The position mirrored into `0..len`, the edge sample repeated.
fn mirrored(at: isize, len: usize) -> usize {
    let period = 2 * len as isize;
    let at = at.rem_euclid(period);
    (if at < len as isize {
        at
    } else {
        period - 1 - at
    }) as usize
}

fn blur(plane: &[f64], width: usize) -> Vec<f64> {
    let height = plane.len() / width.max(1);
    let mut taps: Vec<f64> = (0..=2 * RADIUS)
        .map(|k| (-(k as f64 - RADIUS as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp())
        .collect();
    let total: f64 = taps.iter().sum();
    for tap in &mut taps {
        *tap /= total;
    }
    let mut across = vec![0.0; plane.len()];
    for (row, out) in plane.chunks(width).zip(across.chunks_mut(width)) {
        for (x, value) in out.iter_mut().enumerate() {
            *value = (0..taps.len())
                .map(|k| taps[k] * row[mirrored((x + k) as isize - RADIUS as isize, width)])
                .sum();
        }
    }
    let mut down = vec![0.0; plane.len()];
    for (y, out) in down.chunks_mut(width).enumerate() {
        for (k, tap) in taps.iter().enumerate() {
            let from = mirrored((y + k) as isize - RADIUS as isize, height) * width;
            for (value, source) in out.iter_mut().zip(&across[from..from + width]) {
                *value += tap * source;
            }
        }
    }
    down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_repeats_the_edge() {
        let order: Vec<usize> = (-3..7).map(|at| mirrored(at, 4)).collect();
        assert_eq!(order, [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]);
        assert_eq!(mirrored(-7, 2), 1);
    }
}
