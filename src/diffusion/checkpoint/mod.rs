//! Owns single-file checkpoints: what a file of tensors holds, told by names and shapes alone, and how each of its tensors is
//! called in diffusers' layout. Used by `folder` to load them and by the `models` room to list them. Must never read a tensor.

mod kind;
mod merge;
mod text;
mod unet;
mod vae;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub use kind::{Contents, Family, contents};
pub use merge::merged_metadata;
pub use unet::ldm_block_names;

use crate::diffusion::config::{TextConfig, UNetConfig, VaeConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{Header, Piece};

/// What each of a network's tensors is made of, by its name in diffusers' layout.
pub type Pieces = BTreeMap<String, Piece>;

/// What a single file says that the UNet predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// Noise.
    Epsilon,
    /// Velocity.
    Velocity,
    /// Nothing in the file tells; the network itself must be asked (see [`needs_probe`](Checkpoint::needs_probe)).
    Untold,
}

/// One text encoder of a single file.
#[derive(Debug, Clone)]
pub struct TextPart {
    /// Its configuration.
    pub config: TextConfig,
    /// Its tensors.
    pub pieces: Pieces,
}

/// A single file that holds a whole Stable Diffusion model (perhaps without an autoencoder).
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// Which generation.
    pub family: Family,
    /// The UNet's configuration.
    pub unet: UNetConfig,
    /// The UNet's tensors.
    pub unet_pieces: Pieces,
    /// The autoencoder, where the file holds one.
    pub vae: Option<(VaeConfig, Pieces)>,
    /// The text encoder, or SDXL's first.
    pub text: TextPart,
    /// SDXL's second text encoder.
    pub second_text: Option<TextPart>,
    /// What the UNet predicts.
    pub prediction: Prediction,
    /// The noise schedule ends without signal (the file says so, as models with the key `ztsnr` do).
    pub zero_snr: bool,
}

impl Checkpoint {
    /// Tells what the file of `header` holds. An error says what is missing or not supported.
    pub fn read(header: &Header) -> Result<Self> {
        let path = header.path.as_path();
        let family = match contents(header) {
            Contents::Model(family) => family,
            other => return Err(DiffusionError::weights(path, other.complaint())),
        };
        let (unet, unet_pieces) = unet::read(header, family)?;
        let vae = vae::read(header, kind::VAE, vae::scaling_factor(family))?;
        let (text, second_text) = text::read(header, family)?;
        let wanted = unet.cross_attention_dim;
        let has =
            text.config.hidden_size + second_text.as_ref().map_or(0, |t| t.config.hidden_size);
        if wanted != has {
            return Err(DiffusionError::weights(
                path,
                format!(
                    "mixes two models: its UNet reads texts of width {wanted}, its text encoders make {has}"
                ),
            ));
        }
        Ok(Self {
            path: path.into(),
            family,
            unet,
            unet_pieces,
            vae,
            text,
            second_text,
            prediction: prediction(header, family),
            zero_snr: header.tensors.contains_key("ztsnr"),
        })
    }

    /// Whether what the UNet predicts must be found out by running it once: SD 2 files exist in both kinds and rarely say which.
    pub fn needs_probe(&self) -> bool {
        self.prediction == Prediction::Untold
    }

    /// `scheduler_config.json` as the family's published models have it.
    pub fn scheduler(&self, prediction: Prediction) -> Value {
        let mut config = json!({
            "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
            "steps_offset": 1, "set_alpha_to_one": false, "clip_sample": false,
            "prediction_type": if prediction == Prediction::Velocity { "v_prediction" } else { "epsilon" },
        });
        let extra = match self.family {
            Family::Sd1 => json!({"_class_name": "PNDMScheduler", "skip_prk_steps": true}),
            Family::Sd2 => json!({"_class_name": "DDIMScheduler"}),
            Family::Sdxl => {
                json!({"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"})
            }
        };
        if let (Value::Object(config), Value::Object(extra)) = (&mut config, extra) {
            config.extend(extra);
            if self.zero_snr {
                config.insert("rescale_betas_zero_snr".into(), true.into());
                config.insert("timestep_spacing".into(), "trailing".into());
            }
        }
        config
    }
}

/// An autoencoder alone in a file, in either naming; `None` for anything else. `scaling_factor` is that of the model it is for.
pub fn read_vae(header: &Header, scaling_factor: f64) -> Result<Option<(VaeConfig, Pieces)>> {
    for prefix in [kind::VAE, ""] {
        if let Some(found) = vae::read(header, prefix, scaling_factor)? {
            return Ok(Some(found));
        }
    }
    vae::read_diffusers(header, scaling_factor)
}

/// The family's factor between the autoencoder's latents and the UNet's.
pub fn scaling_factor(family: Family) -> f64 {
    vae::scaling_factor(family)
}

/// By what the file says: the keys `v_pred` and `ztsnr`, its metadata, a configuration of the original code beside it.
fn prediction(header: &Header, family: Family) -> Prediction {
    let has = |key: &str| header.tensors.contains_key(key);
    if has("v_pred") {
        return Prediction::Velocity;
    }
    if let Some(word) = header.metadata.get("modelspec.prediction_type") {
        let word = word.to_ascii_lowercase();
        if word.starts_with('v') {
            return Prediction::Velocity;
        }
        if word.starts_with("eps") {
            return Prediction::Epsilon;
        }
    }
    if says_velocity(&header.path) {
        return Prediction::Velocity;
    }
    match family {
        Family::Sd1 | Family::Sdxl => Prediction::Epsilon,
        Family::Sd2 => Prediction::Untold,
    }
}

/// Whether a `.yaml` beside the file, as the original code reads it, has `parameterization: "v"`.
fn says_velocity(path: &Path) -> bool {
    use std::io::Read;
    let mut text = String::new();
    let opened = std::fs::File::open(path.with_extension("yaml"));
    let read = opened.and_then(|f| f.take(1 << 20).read_to_string(&mut text));
    read.is_ok()
        && text.lines().any(|line| {
            let value = line.trim().strip_prefix("parameterization:");
            value.is_some_and(|v| v.trim().trim_matches(['"', '\'']) == "v")
        })
}

/// The tensors of one network as (name behind the prefix, name in the file).
fn below<'a>(header: &'a Header, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    header
        .tensors
        .keys()
        .filter_map(move |name| Some((name.strip_prefix(prefix)?, name.as_str())))
}

/// The first length of a tensor that must be there.
fn side(header: &Header, name: &str, dimension: usize) -> Result<usize> {
    let shape = header.shape(name);
    let sane = shape
        .get(dimension)
        .copied()
        .filter(|s| (1..=1 << 20).contains(s));
    sane.ok_or_else(|| {
        let problem = if shape.is_empty() {
            format!("lacks the tensor \"{name}\"; download it again")
        } else {
            format!("has a tensor \"{name}\" of an impossible shape; download it again")
        };
        DiffusionError::weights(&header.path, problem)
    })
}
