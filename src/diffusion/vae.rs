//! Owns the autoencoder. stub

use burn::tensor::{DType, Device, Tensor};

use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;

/// What an encoder gives, unscaled, f32, `[n, latent_channels, h / downscale, w / downscale]`.
#[derive(Debug, Clone)]
pub enum Encoded {
    /// `AutoencoderKL`: a normal distribution a latent; `logvar` lies in −30…20. Sample as `mean + exp(logvar / 2) · noise`.
    Moments {
        /// The mean, which `argmax` sampling takes.
        mean: Tensor<4>,
        /// The logarithm of the variance.
        logvar: Tensor<4>,
    },
    /// `AutoencoderTiny`: the latents themselves.
    Latents(Tensor<4>),
}

/// An autoencoder on a device.
#[derive(Debug)]
pub struct Vae {
    config: VaeConfig,
}

impl Vae {
    /// Loads the folder's autoencoder; `dtype` is `F32` or `F16`.
    pub fn load(folder: &ModelFolder, _device: &Device, _dtype: DType) -> Result<Self> {
        Ok(Self {
            config: folder.vae.clone(),
        })
    }

    /// What the folder says about it.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// Pixels along one side of a latent.
    pub fn downscale(&self) -> usize {
        self.config.downscale()
    }

    /// Channels of the latents.
    pub fn latent_channels(&self) -> usize {
        self.config.latent_channels()
    }

    /// The UNet sees `(latents − shift_factor) · scaling_factor`.
    pub fn scaling_factor(&self) -> f64 {
        self.config.scaling_factor()
    }

    /// See [`Self::scaling_factor`]; 0 for SD 1 and 2.
    pub fn shift_factor(&self) -> f64 {
        self.config.shift_factor()
    }

    /// A picture `[n, 3, h, w]` in −1…1 to latents; both sides must be multiples of [`Self::downscale`].
    pub fn encode(&self, _image: Tensor<4>) -> Result<Encoded> {
        Err(DiffusionError::Settings("not written yet".into()))
    }

    /// Latents `[n, latent_channels, h, w]`, already unscaled, to a picture `[n, 3, h · downscale, w · downscale]`, f32,
    /// about −1…1 (not clamped).
    pub fn decode(&self, _latents: Tensor<4>) -> Result<Tensor<4>> {
        Err(DiffusionError::Settings("not written yet".into()))
    }
}
