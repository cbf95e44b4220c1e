//! Owns the small filters that the stages share: a 5-tap blur and the noise high-pass. Called by sharpness and grain.

use rayon::prelude::*;

/// Separable (1, 4, 6, 4, 1) / 16, about a Gaussian of σ = 1 px; edges repeat. Interleaved RGB.
pub fn blur5(data: &[f32], width: usize) -> Vec<f32> {
    let row = width * 3;
    let height = data.len() / row.max(1);
    let mut across = vec![0.0; data.len()];
    across
        .par_chunks_mut(row)
        .zip(data.par_chunks(row))
        .for_each(|(out, row)| {
            for x in 0..width {
                let (l2, l1) = (x.saturating_sub(2) * 3, x.saturating_sub(1) * 3);
                let (r1, r2) = ((x + 1).min(width - 1) * 3, (x + 2).min(width - 1) * 3);
                for c in 0..3 {
                    let pairs = 4.0 * (row[l1 + c] + row[r1 + c]) + row[l2 + c] + row[r2 + c];
                    out[x * 3 + c] = (pairs + 6.0 * row[x * 3 + c]) / 16.0;
                }
            }
        });
    let mut down = vec![0.0; data.len()];
    down.par_chunks_mut(row).enumerate().for_each(|(y, out)| {
        let line = |dy: isize| {
            let from = (y as isize + dy).clamp(0, height as isize - 1) as usize * row;
            &across[from..from + row]
        };
        let (a, b, c, d, e) = (line(-2), line(-1), line(0), line(1), line(2));
        for (i, value) in out.iter_mut().enumerate() {
            *value = (a[i] + e[i] + 4.0 * (b[i] + d[i]) + 6.0 * c[i]) / 16.0;
        }
    });
    down
}

/// Green-weighted luma, enough for measuring detail.
pub fn luma(rgb: &[f32]) -> f32 {
    0.25 * rgb[0] + 0.5 * rgb[1] + 0.25 * rgb[2]
}

/// |difference of two Laplacians| / 6 (Immerkær, "Fast noise variance estimation", 1996) of interleaved RGB: white noise
/// keeps its standard deviation, ramps and straight edges along the axes vanish. The mean over the channels, so that grain
/// of colours counts as grain of light does. Zero in the outermost rows and columns.
pub fn high_pass_rgb(rgb: &[f32], width: usize) -> Vec<f32> {
    let stride = width * 3;
    let height = rgb.len() / stride.max(1);
    let mut out = vec![0.0; rgb.len() / 3];
    out.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        if y == 0 || y + 1 >= height || width < 3 {
            return;
        }
        let line = |y: usize| &rgb[y * stride..(y + 1) * stride];
        let (above, here, below) = (line(y - 1), line(y), line(y + 1));
        for (x, out) in out[1..width - 1].iter_mut().enumerate() {
            // `left` is the pixel before this one.
            let left = x * 3;
            for c in left..left + 3 {
                let corners = above[c] + above[c + 6] + below[c] + below[c + 6];
                let sides = above[c + 3] + here[c] + here[c + 6] + below[c + 3];
                *out += (corners - 2.0 * sides + 4.0 * here[c + 3]).abs() / 18.0;
            }
        }
    });
    out
}

/// Median of the values; 0 for none. Reorders them.
pub fn median(values: &mut [f32]) -> f32 {
    quantile(values, 0.5)
}

/// The value with `share` of the others below it; 0 for none. Reorders them.
pub fn quantile(values: &mut [f32], share: f32) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f32 * share.clamp(0.0, 1.0)).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_constants_and_high_pass_ignores_ramps() {
        let flat = vec![0.25; 7 * 5 * 3];
        assert!(blur5(&flat, 7).iter().all(|v| (v - 0.25).abs() < 1e-6));
        let ramp: Vec<f32> = (0..35)
            .flat_map(|i| [(i % 7) as f32 * 0.1 + (i / 7) as f32; 3])
            .collect();
        assert!(high_pass_rgb(&ramp, 7).iter().all(|v| *v < 1e-5));
        let mut dot = vec![0.0; 7 * 5 * 3];
        dot[(2 * 7 + 3) * 3 + 1] = 1.0;
        let found = high_pass_rgb(&dot, 7);
        assert!((found[2 * 7 + 3] - 4.0 / 18.0).abs() < 1e-6);
        assert!((found[2 * 7 + 2] - 2.0 / 18.0).abs() < 1e-6);
        assert!((found[7 + 2] - 1.0 / 18.0).abs() < 1e-6);
    }

    #[test]
    fn quantiles_of_few() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.0), 1.0);
    }
}
