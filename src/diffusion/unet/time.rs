//! Owns the time embedding: sinusoids and the two linear layers behind them, and what SDXL and guidance-distilled models add to it.
//! Used by `unet`. Must never compute sinusoids in f16.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::Condition;
use crate::diffusion::config::{AdditionConfig, TIME_IDS, UNetConfig};
use crate::diffusion::error::Result;
use crate::diffusion::ops::{Linear, silu};
use crate::diffusion::weights::Scope;

/// Longest wavelength of the sinusoids over 2π, as in Vaswani et al. 2017, section 3.5.
const MAX_PERIOD: f32 = 10000.0;

/// `TimestepEmbedding` and the sinusoids in front of it.
#[derive(Debug, Clone)]
pub struct TimeEmbedding {
    channels: usize,
    flip_sin_to_cos: bool,
    freq_shift: f32,
    linear_1: Linear,
    linear_2: Linear,
    cond_proj: Option<(usize, Linear)>,
    addition: Option<Addition>,
}

/// SDXL's `add_embedding`.
#[derive(Debug, Clone)]
struct Addition {
    config: AdditionConfig,
    linear_1: Linear,
    linear_2: Linear,
}

impl TimeEmbedding {
    /// Loads `time_embedding`, and `add_embedding` where there is one, below the UNet's own `scope`.
    pub fn load(scope: &Scope, config: &UNetConfig) -> Self {
        let channels = config.blocks[0].channels;
        let width = config.time_embed_dim;
        let time = scope.scope("time_embedding");
        let linear =
            |scope: &Scope, name, inputs| Linear::load(&scope.scope(name), inputs, width, true);
        let add = scope.scope("add_embedding");
        Self {
            channels,
            flip_sin_to_cos: config.flip_sin_to_cos,
            freq_shift: config.freq_shift as f32,
            linear_1: linear(&time, "linear_1", channels),
            linear_2: linear(&time, "linear_2", width),
            cond_proj: config.time_cond_proj_dim.map(|inputs| {
                let projection = Linear::load(&time.scope("cond_proj"), inputs, channels, false);
                (inputs, projection)
            }),
            addition: config.addition.map(|config| Addition {
                config,
                linear_1: linear(&add, "linear_1", config.input_dim),
                linear_2: linear(&add, "linear_2", width),
            }),
        }
    }

    /// The embedding behind the SiLU with which every residual block begins, `[1, time_embed_dim]`, or with a pooled prompt for
    /// each of a batch `[n, time_embed_dim]`.
    pub fn forward(
        &self,
        timestep: f32,
        condition: &Condition,
        device: &Device,
        dtype: DType,
    ) -> Result<Tensor<2>> {
        let waves =
            |value, channels| sinusoids(value, channels, self.flip_sin_to_cos, self.freq_shift);
        let upload = |values: Vec<f32>| {
            let width = values.len();
            let data = TensorData::new(values, [1, width]);
            Tensor::<2>::from_data(data, (device, DType::F32)).cast(dtype)
        };
        let mut x = upload(waves(timestep, self.channels));
        if let Some((width, projection)) = &self.cond_proj {
            x = x + projection.forward(upload(guidance_waves(condition.guidance_scale, *width)));
        }
        let time = self.linear_2.forward(silu(self.linear_1.forward(x))?);
        let (Some(addition), Some(pooled)) = (&self.addition, &condition.pooled) else {
            return silu(time);
        };
        let rows = pooled.dims()[0];
        let numbers = condition.time_ids.iter();
        let numbers = numbers.flat_map(|n| waves(*n, addition.config.time_embed_dim));
        let numbers = upload(numbers.collect()).repeat_dim(0, rows);
        let added = Tensor::cat(vec![pooled.clone().cast(dtype), numbers], 1);
        let added = addition
            .linear_2
            .forward(silu(addition.linear_1.forward(added))?);
        silu(time + added)
    }

    /// Width of the pooled prompt that SDXL models take.
    pub fn pooled_width(&self) -> Option<usize> {
        let config = self.addition.as_ref()?.config;
        Some(config.input_dim - TIME_IDS * config.time_embed_dim)
    }
}

/// diffusers' `get_guidance_scale_embedding` of a guidance scale: sines, cosines, and a 0 behind an odd number of them.
fn guidance_waves(scale: f32, width: usize) -> Vec<f32> {
    let half = width / 2;
    let value = (scale - 1.0) * 1000.0;
    let step = MAX_PERIOD.ln() / (half.saturating_sub(1).max(1)) as f32;
    let angle = |i: usize| value * (-step * i as f32).exp();
    let sines = (0..half).map(|i| angle(i).sin());
    let cosines = (0..half).map(|i| angle(i).cos());
    let mut out: Vec<f32> = sines.chain(cosines).collect();
    out.resize(width, 0.0);
    out
}

/// diffusers' `get_timestep_embedding` in f32: `channels` (even) numbers.
fn sinusoids(timestep: f32, channels: usize, flip_sin_to_cos: bool, freq_shift: f32) -> Vec<f32> {
    let half = channels / 2;
    let angle = |i: usize| {
        let exponent = -MAX_PERIOD.ln() * i as f32 / (half as f32 - freq_shift);
        timestep * exponent.exp()
    };
    let sines = (0..half).map(|i| angle(i).sin());
    let cosines = (0..half).map(|i| angle(i).cos());
    if flip_sin_to_cos {
        cosines.chain(sines).collect()
    } else {
        sines.chain(cosines).collect()
    }
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinusoids_start_with_the_fastest_wave() {
        let waves = sinusoids(3.0, 8, true, 0.0);
        assert!((waves[0] - 3f32.cos()).abs() < 1e-6);
        assert!((waves[4] - 3f32.sin()).abs() < 1e-6);
        // The slowest of four, 10000^(-3/4).
        assert!((waves[7] - (3.0f32 * 1e-3).sin()).abs() < 1e-6);
        let waves = sinusoids(3.0, 8, false, 1.0);
        assert!((waves[3] - (3.0f32 * 1e-4).sin()).abs() < 1e-7);
    }
}
