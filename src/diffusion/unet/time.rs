//! Owns the time embedding: sinusoids and the two linear layers behind them. Used by `unet`. Must never compute sinusoids in f16.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::diffusion::config::UNetConfig;
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
}

impl TimeEmbedding {
    /// Loads `linear_1` and `linear_2`.
    pub fn load(scope: &Scope, config: &UNetConfig) -> Self {
        let channels = config.blocks[0].channels;
        let width = config.time_embed_dim;
        Self {
            channels,
            flip_sin_to_cos: config.flip_sin_to_cos,
            freq_shift: config.freq_shift as f32,
            linear_1: Linear::load(&scope.scope("linear_1"), channels, width, true),
            linear_2: Linear::load(&scope.scope("linear_2"), width, width, true),
        }
    }

    /// The embedding behind the SiLU with which every residual block begins, `[1, time_embed_dim]`.
    pub fn forward(&self, timestep: f32, device: &Device, dtype: DType) -> Result<Tensor<2>> {
        let waves = sinusoids(
            timestep,
            self.channels,
            self.flip_sin_to_cos,
            self.freq_shift,
        );
        let data = TensorData::new(waves, [1, self.channels]);
        let x = Tensor::<2>::from_data(data, (device, DType::F32)).cast(dtype);
        silu(self.linear_2.forward(silu(self.linear_1.forward(x))?))
    }
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
