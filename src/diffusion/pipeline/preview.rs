//! Owns cheap looks at unfinished latents: a straight line from latents to colours, learned once a model from a chart of known
//! colours. Used by the pipeline. Must never draw from the run's random numbers.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::Result;
use crate::diffusion::guidance::read;
use crate::diffusion::vae::{Encoded, Vae};
use crate::geometry::PixelSize;
use crate::raster::RgbF32;

use super::latents::{decode, to_picture};

/// The chart has this many patches along a side, of this many latents each.
const PATCHES: usize = 4;
const PATCH: usize = 4;

/// How previews are made.
pub enum Preview {
    /// The autoencoder is small enough to run every time.
    Decode,
    /// `colours = weights · (latents, 1)`: three rows, one column a latent channel and one for the constant.
    Linear(Vec<Vec<f64>>),
}

impl Preview {
    /// Decides for a model; a linear one encodes the chart.
    pub fn learn(vae: &Vae, device: &Device) -> Result<Self> {
        if matches!(vae.config(), VaeConfig::Tiny(_)) {
            return Ok(Self::Decode);
        }
        let side = vae.downscale();
        let edge = PATCHES * PATCH * side;
        let mut pixels = vec![0.0; 3 * edge * edge];
        for (i, value) in pixels.iter_mut().enumerate() {
            let (c, y, x) = (i / (edge * edge), i / edge % edge, i % edge);
            *value = 2.0 * patch_colour(x / (PATCH * side), y / (PATCH * side))[c] - 1.0;
        }
        let data = TensorData::new(pixels, [1, 3, edge, edge]);
        let latents = match vae.encode(Tensor::<4>::from_data(data, (device, DType::F32)))? {
            Encoded::Latents(latents) => latents,
            Encoded::Moments { mean, .. } => mean,
        };
        let scale = vae.scaling_factor() as f32;
        let latents: Vec<f32> = read(latents)?.iter().map(|l| l * scale).collect();
        Ok(Self::Linear(fit(&latents, vae.latent_channels())))
    }

    /// A picture of clean latents of `shape` (channels, height, width); a linear one has a pixel for each latent. `None` where it takes
    /// an autoencoder that is not there.
    pub fn show(
        &self,
        vae: Option<&Vae>,
        device: &Device,
        latents: &[f32],
        shape: [usize; 3],
    ) -> Result<Option<RgbF32>> {
        let Self::Linear(weights) = self else {
            let Some(vae) = vae else {
                return Ok(None);
            };
            let (size, planes) = decode(vae, device, latents, shape)?;
            return Ok(Some(to_picture(size, &planes)));
        };
        let [channels, height, width] = shape;
        let mut picture = RgbF32::new(PixelSize::new(width as u32, height as u32));
        for (i, rgb) in picture.data.chunks_exact_mut(3).enumerate() {
            for (value, row) in rgb.iter_mut().zip(weights) {
                let terms =
                    (0..channels).map(|c| row[c] * f64::from(latents[c * height * width + i]));
                *value = (terms.sum::<f64>() + row[channels]).clamp(0.0, 1.0) as f32;
            }
        }
        Ok(Some(picture))
    }
}

/// The colour of a patch, 0–1: the eight corners of the colour cube a little inside, and eight greys and mid tones.
fn patch_colour(x: usize, y: usize) -> [f32; 3] {
    let i = y * PATCHES + x;
    let bit = |b: usize| if i >> b & 1 == 1 { 0.9 } else { 0.1 };
    if i < 8 {
        return [bit(0), bit(1), bit(2)];
    }
    let tone = (i - 8) as f32 / 7.0;
    let middle = 0.25 + 0.5 * tone;
    match i % 3 {
        0 => [tone, tone, tone],
        1 => [middle, 0.5, 1.0 - middle],
        _ => [0.5, 1.0 - middle, middle],
    }
}

/// Least squares over the latents inside the patches, held back a little so that it always has an answer.
fn fit(latents: &[f32], channels: usize) -> Vec<Vec<f64>> {
    let edge = PATCHES * PATCH;
    let n = channels + 1;
    let mut normal = vec![vec![0.0; n + 3]; n];
    for y in 0..edge {
        for x in 0..edge {
            let inside = |at: usize| (1..PATCH - 1).contains(&(at % PATCH));
            if !inside(x) || !inside(y) {
                continue;
            }
            let mut row: Vec<f64> = (0..channels)
                .map(|c| f64::from(latents[(c * edge + y) * edge + x]))
                .collect();
            row.push(1.0);
            let colour = patch_colour(x / PATCH, y / PATCH);
            for i in 0..n {
                for j in 0..n {
                    normal[i][j] += row[i] * row[j];
                }
                for (c, value) in colour.iter().enumerate() {
                    normal[i][n + c] += row[i] * f64::from(*value);
                }
            }
        }
    }
    let size: f64 = (0..n).map(|i| normal[i][i]).sum::<f64>() / n as f64;
    for (i, row) in normal.iter_mut().enumerate() {
        row[i] += 1e-6 * size + f64::MIN_POSITIVE;
    }
    solve(&mut normal);
    (0..3)
        .map(|c| normal.iter().map(|row| row[n + c]).collect())
        .collect()
}

/// Gauss–Jordan elimination with pivoting: the left square becomes the unit matrix, the rest the solutions.
fn solve(rows: &mut [Vec<f64>]) {
    for column in 0..rows.len() {
        let best = (column..rows.len())
            .max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))
            .unwrap_or(column);
        rows.swap(column, best);
        let pivot = rows[column][column];
        if pivot == 0.0 || !pivot.is_finite() {
            continue;
        }
        for value in &mut rows[column] {
            *value /= pivot;
        }
        let done = rows[column].clone();
        for (i, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if i != column && factor != 0.0 {
                for (value, d) in row.iter_mut().zip(&done) {
                    *value -= factor * d;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_autoencoder_is_found_again() {
        let edge = PATCHES * PATCH;
        let mut latents = vec![0.0; 4 * edge * edge];
        for (i, value) in latents.iter_mut().enumerate() {
            let (c, y, x) = (i / (edge * edge), i / edge % edge, i % edge);
            let [r, g, b] = patch_colour(x / PATCH, y / PATCH);
            *value = [r + g - 0.3, 2.0 * b - r, g * 0.5 + 0.1, r - g - b][c];
        }
        let weights = fit(&latents, 4);
        let at = (5 * edge + 9) as f64;
        let pixel = |c: usize| f64::from(latents[c * edge * edge + at as usize]);
        let colour = patch_colour(9 / PATCH, 5 / PATCH);
        for (row, want) in weights.iter().zip(colour) {
            let got = (0..4).map(|c| row[c] * pixel(c)).sum::<f64>() + row[4];
            assert!((got - f64::from(want)).abs() < 1e-3, "{got} {want}");
        }
    }

    #[test]
    fn latents_that_say_nothing_give_the_mean_colour() {
        let weights = fit(&vec![0.0; 4 * 256], 4);
        for row in &weights {
            assert!(row.iter().all(|v| v.is_finite()));
            assert!((0.3..0.7).contains(&row[4]), "{row:?}");
        }
    }
}
