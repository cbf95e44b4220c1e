//! Owns a diffusers folder. stub

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::diffusion::config::{JsonFile, TextConfig, UNetConfig, VaeConfig};
use crate::diffusion::error::Result;

/// What a component's weight files hold, from their headers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightSummary {
    /// `unet`, `vae` or `text_encoder`.
    pub component: &'static str,
    /// The files, several when sharded.
    pub files: Vec<PathBuf>,
    /// Sum of the files' sizes in bytes.
    pub bytes: u64,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Numbers by stored type (`"F16"`, `"F32"`, `"BF16"`), the most frequent first.
    pub dtypes: Vec<(String, u64)>,
}

/// A diffusers-layout folder whose configuration was read and found consistent. No tensor is loaded.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    /// The folder.
    pub path: PathBuf,
    /// `_class_name` of `model_index.json`, such as `StableDiffusionInpaintPipeline`.
    pub class_name: String,
    /// The UNet's configuration.
    pub unet: UNetConfig,
    /// The autoencoder's configuration.
    pub vae: VaeConfig,
    /// The text model's configuration.
    pub text: TextConfig,
    /// `scheduler/scheduler_config.json` as it stands (bare `NaN` and `Infinity` became `null`).
    pub scheduler: Value,
    /// The scheduler's file, for errors.
    pub scheduler_path: PathBuf,
    /// What the weight files hold: UNet, VAE, text encoder.
    pub weights: Vec<WeightSummary>,
}

impl ModelFolder {
    /// Reads every configuration and every weight file's header, and checks that they fit together.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let json = |p: &str| JsonFile::open(&path.join(p));
        Ok(Self {
            path: path.into(),
            class_name: json("model_index.json")?.string("_class_name", "")?,
            unet: UNetConfig::from_json(&json("unet/config.json")?)?,
            vae: VaeConfig::from_json(&json("vae/config.json")?)?,
            text: TextConfig::from_json(&json("text_encoder/config.json")?)?,
            scheduler: json("scheduler/scheduler_config.json")?.into_value(),
            scheduler_path: path.join("scheduler/scheduler_config.json"),
            weights: Vec::new(),
        })
    }

    /// True for the inpainting UNets, whose input also holds the mask and the masked image's latents.
    pub fn is_inpaint(&self) -> bool {
        self.unet.in_channels != self.vae.latent_channels()
    }

    /// The picture size (width, height) in pixels that the model was trained on.
    pub fn native_size(&self) -> (usize, usize) {
        let [rows, columns] = self.unet.sample_size;
        (columns * self.vae.downscale(), rows * self.vae.downscale())
    }
}
