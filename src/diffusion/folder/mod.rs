//! Owns a model on disk as a whole, a diffusers folder or a single file: every configuration, every weight file's header, and whether
//! they fit together. Used by `pipeline`, by the `models` room and by the networks' `load`. Must never load a tensor.

mod diffusers;
mod single;
mod vae;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::diffusion::checkpoint::{Checkpoint, Family, Prediction};
use crate::diffusion::config::{JsonFile, TextConfig, UNetConfig, VaeConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{WeightFiles, read_header};

/// What a component's weight files hold, from their headers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightSummary {
    /// `unet`, `vae`, `text_encoder` or `text_encoder_2`.
    pub component: &'static str,
    /// The files, several when sharded.
    pub files: Vec<PathBuf>,
    /// Sum of the files' sizes in bytes; for single files, of the component's tensors.
    pub bytes: u64,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Numbers by stored type (`"F16"`, `"F32"`, `"BF16"`), the most frequent first.
    pub dtypes: Vec<(String, u64)>,
}

/// Where a tokenizer's words come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vocabulary {
    /// A folder with `vocab.json` and `merges.txt`, or `tokenizer.json`.
    Folder(PathBuf),
    /// CLIP's own, which single files are made for.
    Clip {
        /// Prompts are padded with the end token, as OpenAI's models were trained, instead of `!`.
        pads_with_end: bool,
    },
}

/// SDXL's second text encoder.
#[derive(Debug, Clone)]
pub struct SecondText {
    /// Its configuration.
    pub config: TextConfig,
    /// Where its weights are.
    pub files: WeightFiles,
    /// Its tokenizer.
    pub vocabulary: Vocabulary,
    /// Without a negative prompt guidance leads away from zeros, not from the empty prompt
    /// (`force_zeros_for_empty_prompt`).
    pub forces_zeros: bool,
}

/// A model whose configuration was read and found consistent. No tensor is loaded.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    /// The folder or file.
    pub path: PathBuf,
    /// `_class_name` of `model_index.json`, such as `StableDiffusionInpaintPipeline`; what it would be, for single files.
    pub class_name: String,
    /// The UNet's configuration.
    pub unet: UNetConfig,
    /// The autoencoder's configuration.
    pub vae: VaeConfig,
    /// The (first) text model's configuration.
    pub text: TextConfig,
    /// SDXL's second text model.
    pub second_text: Option<SecondText>,
    /// The (first) tokenizer.
    pub vocabulary: Vocabulary,
    /// `scheduler/scheduler_config.json` as it stands (bare `NaN` and `Infinity` became `null`), or the family's own.
    pub scheduler: Value,
    /// The scheduler's file, for errors.
    pub scheduler_path: PathBuf,
    /// Where the UNet's weights are.
    pub unet_files: WeightFiles,
    /// Where the autoencoder's weights are.
    pub vae_files: WeightFiles,
    /// Where the text model's weights are.
    pub text_files: WeightFiles,
    /// What the weight files hold: UNet, VAE, text encoders.
    pub weights: Vec<WeightSummary>,
    /// What the files say about themselves, lower case: titles and tags.
    pub description: String,
    /// A single file that does not tell what its UNet predicts.
    untold: Option<Box<Checkpoint>>,
}

impl ModelFolder {
    /// Reads every configuration and every weight file's header, and checks that they fit together.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with_vae(path, None)
    }

    /// As [`Self::open`], with another autoencoder: a file, or a folder with its `config.json`, or a model's folder.
    pub fn open_with_vae(path: impl AsRef<Path>, vae: Option<&Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_file() {
            single::open(path, vae)
        } else if path.is_dir() {
            diffusers::open(path, vae)
        } else {
            Err(DiffusionError::folder(
                path,
                "is no folder or file; choose the model's folder or its .safetensors file",
            ))
        }
    }

    /// True for the inpainting UNets, whose input also holds the mask and the masked image's latents.
    pub fn is_inpaint(&self) -> bool {
        self.unet.in_channels != self.vae.latent_channels()
    }

    /// True for models with two text encoders and a pooled prompt.
    pub fn is_xl(&self) -> bool {
        self.second_text.is_some()
    }

    /// Which generation it is, by its text encoders.
    pub fn family(&self) -> Family {
        match (self.is_xl(), self.unet.cross_attention_dim) {
            (true, _) => Family::Sdxl,
            (_, 1024) => Family::Sd2,
            (_, 768) => Family::Sd1,
            _ if self.unet.use_linear_projection => Family::Sd2,
            _ => Family::Sd1,
        }
    }

    /// The picture size (width, height) in pixels that the model was trained on.
    pub fn native_size(&self) -> (usize, usize) {
        let [rows, columns] = self.unet.sample_size;
        (columns * self.vae.downscale(), rows * self.vae.downscale())
    }

    /// Numbers in all networks.
    pub fn parameters(&self) -> u64 {
        self.weights.iter().map(|w| w.parameters).sum()
    }

    /// Whether [`Self::told`] must be called before the scheduler's configuration can be trusted.
    pub fn needs_probe(&self) -> bool {
        self.untold.is_some()
    }

    /// Takes note of what the UNet turned out to predict.
    pub fn told(&mut self, prediction: Prediction) {
        if let Some(checkpoint) = self.untold.take() {
            self.scheduler = checkpoint.scheduler(prediction);
        }
    }
}

/// Checks the numbers that one part must share with another; `blame` makes the error about a field of the UNet.
fn check_fit(
    blame: impl Fn(&str, String) -> DiffusionError,
    unet: &UNetConfig,
    vae: &VaeConfig,
    text: &TextConfig,
    second: Option<&TextConfig>,
) -> Result<()> {
    let latent = vae.latent_channels();
    if unet.out_channels != latent {
        let out = unet.out_channels;
        let problem = format!("is {out}, but the VAE's latents have {latent} channels");
        return Err(blame("out_channels", problem));
    }
    if unet.in_channels != latent && unet.in_channels != 2 * latent + 1 {
        let (found, inpaint) = (unet.in_channels, 2 * latent + 1);
        let problem = format!("is {found}, but must be {latent} or, to inpaint, {inpaint}");
        return Err(blame("in_channels", problem));
    }
    let width = text.hidden_size + second.map_or(0, |t| t.hidden_size);
    if unet.cross_attention_dim != width {
        let dim = unet.cross_attention_dim;
        let problem = format!(
            "is {dim}, but the text encoder's hidden_size is {width}; the folder mixes two models"
        );
        return Err(blame("cross_attention_dim", problem));
    }
    let pooled = unet
        .addition
        .map(|a| a.input_dim - crate::diffusion::config::TIME_IDS * a.time_embed_dim);
    if pooled != second.map(|t| t.projection_dim) {
        let problem = match (pooled, second) {
            (None, _) => "is missing, but the model has two text encoders".to_owned(),
            (_, None) => "is set, but the model has one text encoder only".to_owned(),
            (Some(pooled), Some(t)) => format!(
                "leaves {pooled} for the pooled prompt, but the second text encoder makes {}",
                t.projection_dim
            ),
        };
        return Err(blame("projection_class_embeddings_input_dim", problem));
    }
    Ok(())
}

fn summary(component: &'static str, found: &WeightFiles) -> Result<WeightSummary> {
    let (mut bytes, mut parameters) = (0, 0);
    let mut dtypes: Vec<(String, u64)> = Vec::new();
    for file in &found.files {
        let header = read_header(file)?;
        let mut count_bytes = 0;
        for (name, entry) in &header.tensors {
            let is_ours = |pieces: &std::sync::Arc<
                std::collections::BTreeMap<_, crate::diffusion::weights::Piece>,
            >| { pieces.values().any(|p| p.from == *name) };
            if !found.pieces.as_ref().is_none_or(is_ours) {
                continue;
            }
            let (dtype, count) = (format!("{:?}", entry.dtype), entry.count());
            parameters += count;
            count_bytes += entry.bytes();
            match dtypes.iter_mut().find(|(n, _)| *n == dtype) {
                Some((_, sum)) => *sum += count,
                None => dtypes.push((dtype, count)),
            }
        }
        bytes += if found.pieces.is_some() {
            count_bytes
        } else {
            header.file_bytes
        };
    }
    dtypes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(WeightSummary {
        component,
        files: found.files.clone(),
        bytes,
        parameters,
        dtypes,
    })
}

/// Fields of a JSON file as the errors of [`check_fit`].
fn blame(json: &JsonFile) -> impl Fn(&str, String) -> DiffusionError + '_ {
    |field, problem| json.error(field, problem)
}
