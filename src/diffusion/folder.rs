//! Owns a diffusers folder as a whole: every configuration, every weight file's header, and whether they fit together. Used by `pipeline`,
//! by the `models` room and by the networks' `load`. Must never load a tensor.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::diffusion::config::{JsonFile, TextConfig, UNetConfig, VaeConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{WeightFiles, find_weights, read_header};

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
    /// Where the UNet's weights are.
    pub unet_files: WeightFiles,
    /// Where the autoencoder's weights are.
    pub vae_files: WeightFiles,
    /// Where the text model's weights are.
    pub text_files: WeightFiles,
    /// What the weight files hold: UNet, VAE, text encoder.
    pub weights: Vec<WeightSummary>,
}

impl ModelFolder {
    /// Reads every configuration and every weight file's header, and checks that they fit together.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Err(DiffusionError::folder(
                path,
                "is no folder; choose the model's folder",
            ));
        }
        let class_name = pipeline_class(path)?;
        let open = |part: &str| JsonFile::open(&path.join(part));
        let unet_json = open("unet/config.json")?;
        let unet = UNetConfig::from_json(&unet_json)?;
        let vae = VaeConfig::from_json(&open("vae/config.json")?)?;
        let text = TextConfig::from_json(&open("text_encoder/config.json")?)?;
        check_fit(&unet_json, &unet, &vae, &text)?;
        let scheduler_path = path.join("scheduler/scheduler_config.json");
        let unet_files = find_weights(&path.join("unet"), "diffusion_pytorch_model")?;
        let vae_files = find_weights(&path.join("vae"), "diffusion_pytorch_model")?;
        let text_files = find_weights(&path.join("text_encoder"), "model")?;
        let weights = vec![
            summary("unet", &unet_files)?,
            summary("vae", &vae_files)?,
            summary("text_encoder", &text_files)?,
        ];
        Ok(Self {
            path: path.into(),
            class_name,
            unet,
            vae,
            text,
            scheduler: JsonFile::open(&scheduler_path)?.into_value(),
            scheduler_path,
            unet_files,
            vae_files,
            text_files,
            weights,
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

    /// Numbers in all three networks.
    pub fn parameters(&self) -> u64 {
        self.weights.iter().map(|w| w.parameters).sum()
    }
}

/// Reads `model_index.json`, refusing pipelines of other kinds.
fn pipeline_class(path: &Path) -> Result<String> {
    let file = path.join("model_index.json");
    if !file.is_file() {
        let problem =
            "is missing; choose the folder that holds \"unet\", \"vae\" and \"text_encoder\"";
        return Err(DiffusionError::folder(file, problem));
    }
    let index = JsonFile::open(&file)?;
    let class = index.string("_class_name", "StableDiffusionPipeline")?;
    if !class.starts_with("StableDiffusion")
        || class.contains("XL")
        || class.contains("StableDiffusion3")
    {
        return Err(index.unsupported("_class_name"));
    }
    let absent = |part: &str| index.get(part).is_none_or(|v| v == &json!([null, null]));
    for part in [
        "text_encoder_2",
        "text_encoder_3",
        "tokenizer_2",
        "transformer",
        "controlnet",
        "prior",
        "low_res_scheduler",
    ] {
        if !absent(part) {
            return Err(index.unsupported(part));
        }
    }
    let expected = [
        ("unet", "UNet2DConditionModel"),
        ("text_encoder", "CLIPTextModel"),
    ];
    for (part, class) in expected {
        let named = index
            .get(part)
            .and_then(|v| v.get(1))
            .and_then(Value::as_str);
        if named.is_some_and(|n| n != class) {
            return Err(index.unsupported(part));
        }
    }
    Ok(class)
}

/// Checks the numbers that one part's file must share with another's.
fn check_fit(json: &JsonFile, unet: &UNetConfig, vae: &VaeConfig, text: &TextConfig) -> Result<()> {
    let latent = vae.latent_channels();
    if unet.out_channels != latent {
        let out = unet.out_channels;
        return Err(json.error(
            "out_channels",
            format_args!("is {out}, but the VAE's latents have {latent} channels"),
        ));
    }
    if unet.in_channels != latent && unet.in_channels != 2 * latent + 1 {
        let (found, inpaint) = (unet.in_channels, 2 * latent + 1);
        return Err(json.error(
            "in_channels",
            format_args!("is {found}, but must be {latent} or, to inpaint, {inpaint}"),
        ));
    }
    if unet.cross_attention_dim != text.hidden_size {
        let (dim, hidden) = (unet.cross_attention_dim, text.hidden_size);
        let problem = format!(
            "is {dim}, but the text encoder's hidden_size is {hidden}; the folder mixes two models"
        );
        return Err(json.error("cross_attention_dim", problem));
    }
    Ok(())
}

fn summary(component: &'static str, found: &WeightFiles) -> Result<WeightSummary> {
    let (mut bytes, mut parameters) = (0, 0);
    let mut dtypes: Vec<(String, u64)> = Vec::new();
    for file in &found.files {
        let header = read_header(file)?;
        bytes += header.file_bytes;
        for entry in header.tensors.values() {
            let (name, count) = (format!("{:?}", entry.dtype), entry.count());
            parameters += count;
            match dtypes.iter_mut().find(|(n, _)| *n == name) {
                Some((_, sum)) => *sum += count,
                None => dtypes.push((name, count)),
            }
        }
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
