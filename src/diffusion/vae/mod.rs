//! Owns the autoencoder: loading either kind by its configuration, encoding and decoding. Used by `pipeline`.
//! Must never sample or scale latents: what the encoder gives is handed on as it is.

mod bands;
mod kl;
mod tiny;

use burn::tensor::{DType, Device, Tensor};
use serde::Serialize;

use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::weights::{Numbers, Scope, Weights};
pub(crate) use bands::BAND;
use kl::Kl;
use tiny::Tiny;

/// How much of a picture an autoencoder works on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaeWay {
    /// The whole picture: fastest.
    #[default]
    Whole,
    /// A band of rows within each layer, with what is between layers in the computer's memory. The same picture, but for rounding.
    Bands,
}

/// What an encoder gives, unscaled, f32, `[n, latent_channels, h / downscale, w / downscale]`.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // made once a picture; a tensor's handle is what is large
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
    dtype: DType,
    network: Network,
    /// Change it when memory is short. Tiny autoencoders are narrow and always see the whole picture.
    pub way: VaeWay,
}

#[derive(Debug)]
enum Network {
    Kl(Box<Kl>),
    Tiny(Box<Tiny>),
}

impl Vae {
    /// Loads the folder's autoencoder; `numbers` is `F32`, `F16` or [`Numbers`].
    pub fn load(
        folder: &ModelFolder,
        device: &Device,
        numbers: impl Into<Numbers>,
    ) -> Result<Self> {
        let weights = Weights::open(&folder.vae_files, device, numbers)?;
        let vae = Self::build(&weights.root(), &folder.vae);
        weights.finish(|_| false)?;
        Ok(vae)
    }

    /// An autoencoder of this make with made-up weights, to measure a device without a model at hand.
    pub fn invented(config: &VaeConfig, device: &Device, dtype: DType) -> Self {
        Self::build(&Weights::invented(device, dtype).root(), config)
    }

    fn build(scope: &Scope, config: &VaeConfig) -> Self {
        let network = match config {
            VaeConfig::Kl(kl) => Network::Kl(Box::new(Kl::load(scope, kl))),
            VaeConfig::Tiny(tiny) => Network::Tiny(Box::new(Tiny::load(scope, tiny))),
        };
        Self {
            config: config.clone(),
            dtype: scope.dtype(),
            network,
            way: VaeWay::default(),
        }
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
    pub fn encode(&self, image: Tensor<4>) -> Result<Encoded> {
        let [n, channels, h, w] = image.dims();
        let side = self.downscale();
        if channels != 3 || n * h * w == 0 || !h.is_multiple_of(side) || !w.is_multiple_of(side) {
            return Err(DiffusionError::Settings(format!(
                "the encoder takes 3 channels and sides that are multiples of {side}, not {channels} channels of {w} × {h}"
            )));
        }
        let image = image.cast(self.dtype);
        match &self.network {
            Network::Kl(kl) if n == 1 && self.way == VaeWay::Bands => {
                kl.encode_in_bands(image, bands::BAND)
            }
            Network::Kl(kl) => kl.encode(image),
            Network::Tiny(tiny) => tiny.encode(image),
        }
    }

    /// Latents `[n, latent_channels, h, w]`, already unscaled, to a picture `[n, 3, h · downscale, w · downscale]`, f32,
    /// about −1…1 (not clamped).
    pub fn decode(&self, latents: Tensor<4>) -> Result<Tensor<4>> {
        let [n, channels, h, w] = latents.dims();
        let wanted = self.latent_channels();
        if channels != wanted || n * h * w == 0 {
            return Err(DiffusionError::Settings(format!(
                "the decoder takes latents of {wanted} channels, not {channels} channels of {w} × {h}"
            )));
        }
        let latents = latents.cast(self.dtype);
        let image = match &self.network {
            Network::Kl(kl) if n == 1 && self.way == VaeWay::Bands => {
                kl.decode_in_bands(latents, bands::BAND)?
            }
            Network::Kl(kl) => kl.decode(latents)?,
            Network::Tiny(tiny) => tiny.decode(latents)?,
        };
        Ok(image.cast(DType::F32))
    }
}
