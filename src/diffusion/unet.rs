//! Owns the UNet. stub

use burn::tensor::{DType, Device, Tensor};

use crate::diffusion::config::UNetConfig;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;

/// `UNet2DConditionModel` on a device.
#[derive(Debug)]
pub struct UNet {
    config: UNetConfig,
}

impl UNet {
    /// Loads the folder's UNet; `dtype` is `F32` or `F16`.
    pub fn load(folder: &ModelFolder, _device: &Device, _dtype: DType) -> Result<Self> {
        Ok(Self {
            config: folder.unet.clone(),
        })
    }

    /// What the folder says about it.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// One evaluation. `sample` `[n, in_channels, h, w]` (latents, and for inpainting models mask and masked-image latents
    /// behind them), `timestep` 0…num_train_timesteps (fractions allowed), `prompt_embeds` `[n, length, cross_attention_dim]`.
    /// Any float type goes in; comes out `[n, out_channels, h, w]` in f32.
    pub fn forward(
        &self,
        _sample: Tensor<4>,
        _timestep: f32,
        _prompt_embeds: Tensor<3>,
    ) -> Result<Tensor<4>> {
        Err(DiffusionError::Settings("not written yet".into()))
    }
}
