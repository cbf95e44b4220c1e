//! Owns what a person chooses for a fill and what a model can see: plain data shared by app, engine and cli.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Task;
use crate::geometry::PixelSize;

/// Strength outside this range means nothing: 0 would repaint nothing.
pub type StrengthRange = std::ops::RangeInclusive<f64>;

/// What is asked of the model. Left-out values are the model's own defaults.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GenerateSettings {
    pub prompt: String,
    pub negative_prompt: String,
    pub seed: u64,
    pub num_inference_steps: Option<u32>,
    pub guidance_scale: Option<f64>,
    /// In (0, 1]: the share of the noise schedule that runs.
    pub strength: Option<f64>,
    /// A name such as `euler-a`; none means the checkpoint's own.
    pub scheduler: Option<String>,
    /// None: told from prompt and strength.
    pub task: Option<super::Task>,
    /// Repaint large fills a second time at higher resolution; none means yes.
    pub refine: Option<bool>,
    /// What is added to the checkpoint.
    #[serde(skip_serializing_if = "ModelAdditions::is_none")]
    pub additions: ModelAdditions,
    /// A grey mask frees each pixel from the step its value allows, instead of splitting at half.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub soft_mask: bool,
}

/// Files that change what a checkpoint does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelAdditions {
    /// LoRAs, added in this order; a prompt's `<lora:name:0.8>` names more.
    pub loras: Vec<LoraChoice>,
    /// Textual inversions; a prompt calls each by its file's name without the ending.
    pub embeddings: Vec<PathBuf>,
    /// An autoencoder instead of the checkpoint's own.
    pub vae: Option<PathBuf>,
}

impl ModelAdditions {
    /// True when nothing is added.
    pub fn is_none(&self) -> bool {
        self.loras.is_empty() && self.embeddings.is_empty() && self.vae.is_none()
    }
}

/// A LoRA and how strongly it counts, 1 as it was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraChoice {
    pub file: PathBuf,
    pub weight: f32,
}

/// What stands under the mask before the model starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefill {
    /// The photo as it is: for changing what is there, and for models that ignore the masked pixels.
    #[default]
    Original,
    /// The exemplar denoiser's fill: for removing something.
    Exemplar,
    /// Blurred surroundings: for something that belongs there.
    Blur,
    /// Even grey: for putting something there that owes the surroundings nothing.
    Neutral,
    /// The edge carried outward and softened with distance: for extending.
    Edge,
}

/// What a model can see at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ModelFrame {
    /// Working sides are multiples of this (the VAE's downscale factor; 1 for exemplar).
    pub multiple: u32,
    /// The size it was trained at. None: the model works at the photo's own scale.
    pub native_size: Option<PixelSize>,
    /// Working pixels at most; larger contexts are scaled down.
    pub max_area: u64,
    /// True when the model leaves known pixels exactly alone, so that no blend is needed.
    pub keeps_known_pixels: bool,
}

impl ModelFrame {
    /// The exemplar denoiser: any size at the photo's own scale.
    pub const EXEMPLAR: Self = Self {
        multiple: 1,
        native_size: None,
        max_area: 16_000_000,
        keeps_known_pixels: true,
    };

    /// A checkpoint trained at `native_size` with a VAE that shrinks by `multiple`.
    pub const fn checkpoint(native_size: PixelSize, multiple: u32) -> Self {
        Self {
            multiple,
            native_size: Some(native_size),
            max_area: native_size.area(),
            keeps_known_pixels: false,
        }
    }
}

/// Choices that shape the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanSettings {
    /// The model sees the whole canvas at its own size.
    pub whole: bool,
    /// Seam width outside the mask in px, 0–48; none follows from the mask's size.
    pub blend_px: Option<u32>,
    /// What stands under the painted mask.
    pub prefill: Prefill,
    /// What stands in newly extended area.
    pub extend_prefill: Prefill,
    /// How far an extension re-draws the photo beside it, fading, in px; 0–256. 0 leaves every pixel of the photo.
    pub overlap_px: u32,
    /// Large crops get a second look at higher resolution.
    pub refine: bool,
}

impl PlanSettings {
    /// What suits a checkpoint that does what `generate` asks.
    pub fn of_checkpoint(generate: &GenerateSettings) -> Self {
        Self {
            prefill: Task::of(generate).prefill(),
            extend_prefill: Prefill::Edge,
            refine: generate.refine.unwrap_or(true),
            ..Self::default()
        }
    }
}
