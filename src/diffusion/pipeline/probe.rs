//! Owns asking a UNet what it predicts, for SD 2 files that do not say. At the last timestep the latents are almost pure noise: a
//! network that predicts noise gives back nearly what it was shown, one that predicts velocity (√ᾱ·noise − √(1−ᾱ)·clean, with ᾱ
//! near 0) gives back the clean picture's negative, which has little to do with it. One evaluation and one correlation tell.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::diffusion::checkpoint::Prediction;
use crate::diffusion::config::UNetConfig;
use crate::diffusion::error::Result;
use crate::diffusion::guidance::read;
use crate::diffusion::noise::TorchRng;
use crate::diffusion::unet::UNet;

/// Side of the probed latents: enough numbers for a firm correlation, and even at every level.
const SIDE: usize = 16;
/// The last of the 1000 training timesteps that all published models have.
const LAST_TIMESTEP: f32 = 999.0;
/// Noise predictors come out near 1, others near 0.
const THRESHOLD: f64 = 0.5;

/// Runs the UNet once on noise under the text `nothing` `[1, length, width]`. Inpainting models are shown an all-masked picture.
pub fn prediction(
    unet: &UNet,
    config: &UNetConfig,
    nothing: Tensor<3>,
    device: &Device,
) -> Result<Prediction> {
    let noise = TorchRng::new(0).randn(config.out_channels * SIDE * SIDE);
    let mut input = noise.clone();
    if config.in_channels > config.out_channels {
        input.resize(input.len() + SIDE * SIDE, 1.0);
    }
    input.resize(config.in_channels * SIDE * SIDE, 0.0);
    let data = TensorData::new(input, [1, config.in_channels, SIDE, SIDE]);
    let sample = Tensor::<4>::from_data(data, (device, DType::F32));
    let output = read(unet.forward(sample, LAST_TIMESTEP, nothing)?)?;
    Ok(if correlation(&noise, &output) > THRESHOLD {
        Prediction::Epsilon
    } else {
        Prediction::Velocity
    })
}

/// Pearson's, 0 where one side does not vary.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len().max(1) as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    let both = (aa * bb).sqrt();
    if both > 0.0 { ab / both } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_correlates_with_itself_only() {
        let mut rng = TorchRng::new(3);
        let (a, b) = (rng.randn(1024), rng.randn(1024));
        let nearly: Vec<f32> = a.iter().zip(&b).map(|(x, y)| 0.9 * x + 0.2 * y).collect();
        assert!(correlation(&a, &nearly) > 0.9);
        assert!(correlation(&a, &b).abs() < 0.2);
        assert_eq!(correlation(&a, &[0.5; 1024]), 0.0);
    }
}
