//! Owns CLIP's text model. stub

use burn::tensor::{DType, Device, Tensor};

use crate::diffusion::config::TextConfig;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;

/// `CLIPTextModel` on a device.
#[derive(Debug)]
pub struct TextEncoder {
    config: TextConfig,
}

impl TextEncoder {
    /// Loads the folder's text encoder; `dtype` is `F32` or `F16`.
    pub fn load(folder: &ModelFolder, _device: &Device, _dtype: DType) -> Result<Self> {
        Ok(Self {
            config: folder.text.clone(),
        })
    }

    /// What the folder says about it.
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    /// Prompts' token ids, each `max_position_embeddings` long, to `prompt_embeds` `[prompts, length, hidden_size]`, f32.
    /// `clip_skip` layers are left out at the end (0 is usual); the final norm always runs.
    pub fn forward(&self, _ids: &[&[u32]], _clip_skip: usize) -> Result<Tensor<3>> {
        Err(DiffusionError::Settings("not written yet".into()))
    }
}
