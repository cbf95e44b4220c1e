//! Owns CLIP's text model: token ids to the embeddings that the UNet attends to. Used by `pipeline`. Field names follow the checkpoint's keys,
//! with or without their old `text_model.` prefix. Must never tokenize.

use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};

use crate::diffusion::attention::split_heads;
use crate::diffusion::config::{TextActivation, TextConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::ops::{LayerNorm, Linear, attend};
use crate::diffusion::weights::{Scope, Weights};

/// Added to scores of later tokens: as good as minus infinity, without being one.
const MASKED: f32 = -1e9;

/// `CLIPTextModel` on a device.
#[derive(Debug)]
pub struct TextEncoder {
    config: TextConfig,
    token_embedding: Tensor<2>,
    position_embedding: Tensor<2>,
    layers: Vec<Layer>,
    final_layer_norm: LayerNorm,
}

impl TextEncoder {
    /// Loads the folder's text encoder; `dtype` is `F32` or `F16`.
    pub fn load(folder: &ModelFolder, device: &Device, dtype: DType) -> Result<Self> {
        let weights = Weights::open(&folder.text_files, device, dtype)?;
        let root = weights.root();
        let prefixed = root.scope("text_model");
        let scope = if prefixed.is_present() {
            prefixed
        } else {
            root
        };
        let encoder = Self::build(&scope, &folder.text);
        // Folders made from a whole CLIP carry its other half, too.
        let elsewhere = [
            "text_projection",
            "vision_model",
            "visual_projection",
            "logit_scale",
        ];
        weights.finish(|name| elsewhere.iter().any(|e| name.starts_with(e)))?;
        Ok(encoder)
    }

    fn build(scope: &Scope, config: &TextConfig) -> Self {
        let width = config.hidden_size;
        let embeddings = scope.scope("embeddings");
        let layers = scope.scope("encoder.layers");
        Self {
            token_embedding: embeddings
                .tensor("token_embedding.weight", [config.vocab_size, width]),
            position_embedding: embeddings.tensor(
                "position_embedding.weight",
                [config.max_position_embeddings, width],
            ),
            layers: (0..config.num_hidden_layers)
                .map(|i| Layer::load(&layers.scope(i), config))
                .collect(),
            final_layer_norm: LayerNorm::load(
                &scope.scope("final_layer_norm"),
                width,
                config.layer_norm_eps,
            ),
            config: config.clone(),
        }
    }

    /// What the folder says about it.
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    /// Prompts' token ids, all of one length up to `max_position_embeddings`, to `prompt_embeds` `[prompts, length, hidden_size]`,
    /// f32. `clip_skip` layers are left out at the end (0 is usual); the final norm always runs.
    pub fn forward(&self, ids: &[&[u32]], clip_skip: usize) -> Result<Tensor<3>> {
        self.check(ids, clip_skip)?;
        let (prompts, length) = (ids.len(), ids[0].len());
        let device = self.token_embedding.device();
        let flat: Vec<i32> = ids
            .iter()
            .flat_map(|p| p.iter().map(|id| *id as i32))
            .collect();
        let flat = Tensor::<1, Int>::from_data(TensorData::new(flat, [prompts * length]), &device);
        let tokens = self.token_embedding.clone().select(0, flat);
        let width = self.config.hidden_size;
        let positions = self
            .position_embedding
            .clone()
            .narrow(0, 0, length)
            .unsqueeze::<3>();
        let mut x = tokens.reshape([prompts, length, width]) + positions;
        let bias = causal_bias(length, &device);
        for layer in &self.layers[..self.layers.len() - clip_skip] {
            x = layer.forward(x, &bias)?;
        }
        Ok(self.final_layer_norm.forward(x).cast(DType::F32))
    }

    fn check(&self, ids: &[&[u32]], clip_skip: usize) -> Result<()> {
        let length = ids.first().map_or(0, |p| p.len());
        let (most, vocab) = (self.config.max_position_embeddings, self.config.vocab_size);
        let problem = if length == 0 || length > most || ids.iter().any(|p| p.len() != length) {
            format!("the text model takes prompts of one length from 1 to {most} tokens")
        } else if ids.iter().any(|p| p.iter().any(|id| *id as usize >= vocab)) {
            format!("the text model knows {vocab} tokens; the tokenizer gave one beyond them")
        } else if clip_skip > self.layers.len() {
            format!(
                "clip_skip is {clip_skip}, but the text model has {} layers",
                self.layers.len()
            )
        } else {
            return Ok(());
        };
        Err(DiffusionError::Settings(problem))
    }
}

/// `[1, 1, length, length]`, f32: 0 where a token may look, very negative where it may not.
fn causal_bias(length: usize, device: &Device) -> Tensor<4> {
    let bias: Vec<f32> = (0..length)
        .flat_map(|row| (0..length).map(move |column| if column > row { MASKED } else { 0.0 }))
        .collect();
    Tensor::from_data(
        TensorData::new(bias, [1, 1, length, length]),
        (device, DType::F32),
    )
}

/// `CLIPEncoderLayer`.
#[derive(Debug)]
struct Layer {
    layer_norm1: LayerNorm,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: TextActivation,
}

impl Layer {
    fn load(scope: &Scope, config: &TextConfig) -> Self {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let attention =
            |name| Linear::load(&scope.scope("self_attn").scope(name), width, width, true);
        let norm = |name| LayerNorm::load(&scope.scope(name), width, config.layer_norm_eps);
        Self {
            layer_norm1: norm("layer_norm1"),
            q_proj: attention("q_proj"),
            k_proj: attention("k_proj"),
            v_proj: attention("v_proj"),
            out_proj: attention("out_proj"),
            heads: config.num_attention_heads,
            layer_norm2: norm("layer_norm2"),
            fc1: Linear::load(&scope.scope("mlp.fc1"), width, inner, true),
            fc2: Linear::load(&scope.scope("mlp.fc2"), inner, width, true),
            activation: config.activation,
        }
    }

    fn forward(&self, x: Tensor<3>, bias: &Tensor<4>) -> Result<Tensor<3>> {
        let normed = self.layer_norm1.forward(x.clone());
        let project = |layer: &Linear| split_heads(layer.forward(normed.clone()), self.heads);
        let (q, k, v) = (
            project(&self.q_proj),
            project(&self.k_proj),
            project(&self.v_proj),
        );
        let x = self
            .out_proj
            .forward(attend(q, k, v, Some(bias.clone()), false)?)
            + x;
        let hidden = self.fc1.forward(self.layer_norm2.forward(x.clone()));
        let hidden = match self.activation {
            TextActivation::QuickGelu => hidden.clone() * activation::sigmoid(hidden * 1.702),
            TextActivation::Gelu => activation::gelu(hidden),
            TextActivation::GeluTanh => activation::gelu_approximate(hidden),
        };
        Ok(self.fc2.forward(hidden) + x)
    }
}
