//! Owns CLIP's text model: token ids to the embeddings that the UNet attends to. Used by `pipeline`. Field names follow the checkpoint's keys,
//! with or without their old `text_model.` prefix. Token ids beyond the vocabulary stand for embeddings that were added to it (textual
//! inversion). Must never tokenize.

use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};

use crate::diffusion::attention::split_heads;
use crate::diffusion::config::{TextActivation, TextConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::ops::{LayerNorm, Linear, attend, quick_gelu};
use crate::diffusion::weights::{Deltas, Numbers, Scope, Weights};

/// Added to scores of later tokens: as good as minus infinity, without being one.
const MASKED: f32 = -1e9;

/// `CLIPTextModel` on a device.
#[derive(Debug)]
pub struct TextEncoder {
    config: TextConfig,
    dtype: DType,
    /// In the computer's memory: as one binding it is more than some devices allow, and a prompt uses few of its rows.
    token_embedding: Tensor<2>,
    position_embedding: Tensor<2>,
    layers: Vec<Layer>,
    final_layer_norm: LayerNorm,
    /// Of SDXL's second encoder.
    text_projection: Option<Linear>,
    /// Embeddings of the ids behind the vocabulary.
    added: Vec<Vec<f32>>,
}

impl TextEncoder {
    /// Loads the folder's text encoder; `numbers` is `F32`, `F16` or [`Numbers`].
    pub fn load(
        folder: &ModelFolder,
        device: &Device,
        numbers: impl Into<Numbers>,
    ) -> Result<Self> {
        Self::load_with(folder, &Deltas::default(), device, numbers)
    }

    /// As [`Self::load`], with additions to the weights.
    pub fn load_with(
        folder: &ModelFolder,
        deltas: &Deltas,
        device: &Device,
        numbers: impl Into<Numbers>,
    ) -> Result<Self> {
        let weights = Weights::open(&folder.text_files, device, numbers)?;
        Self::open(weights.with(deltas, "text_encoder"), &folder.text, false)
    }

    /// Loads SDXL's second text encoder, with its projection; `None` where the model has one only.
    pub fn load_second_with(
        folder: &ModelFolder,
        deltas: &Deltas,
        device: &Device,
        numbers: impl Into<Numbers>,
    ) -> Result<Option<Self>> {
        let Some(part) = &folder.second_text else {
            return Ok(None);
        };
        let weights = Weights::open(&part.files, device, numbers)?;
        Self::open(weights.with(deltas, "text_encoder_2"), &part.config, true).map(Some)
    }

    fn open(weights: Weights, config: &TextConfig, projects: bool) -> Result<Self> {
        let root = weights.root();
        let prefixed = root.scope("text_model");
        let scope = if prefixed.is_present() {
            prefixed
        } else {
            root
        };
        let mut encoder = Self::build(&scope, config);
        if projects {
            let (width, wide) = (config.hidden_size, config.projection_dim);
            let projection =
                Linear::load(&weights.root().scope("text_projection"), width, wide, false);
            encoder.text_projection = Some(projection);
        }
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
            token_embedding: embeddings.table("token_embedding.weight", [config.vocab_size, width]),
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
            dtype: scope.dtype(),
            text_projection: None,
            added: Vec::new(),
        }
    }

    /// Adds embeddings of the encoder's width (textual inversion); the first one's id is the vocabulary's size plus the number
    /// added before. Returns that id.
    pub fn add_embeddings(&mut self, vectors: Vec<Vec<f32>>) -> Result<u32> {
        let width = self.config.hidden_size;
        if let Some(wrong) = vectors.iter().find(|v| v.len() != width) {
            return Err(DiffusionError::Settings(format!(
                "the embedding is {} wide, but this model's text encoder {width}; use one made for it",
                wrong.len()
            )));
        }
        let first = self.config.vocab_size + self.added.len();
        self.added.extend(vectors);
        Ok(first as u32)
    }

    /// Forgets all added embeddings.
    pub fn clear_embeddings(&mut self) {
        self.added.clear();
    }

    /// What the folder says about it.
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    /// Prompts' token ids, all of one length up to `max_position_embeddings`, to `prompt_embeds` `[prompts, length, hidden_size]`,
    /// f32. `clip_skip` layers are left out at the end (0 is usual); the final norm always runs.
    pub fn forward(&self, ids: &[&[u32]], clip_skip: usize) -> Result<Tensor<3>> {
        self.check(ids, clip_skip)?;
        let x = self.run(self.embed(ids)?, 0..self.layers.len() - clip_skip)?;
        Ok(self.final_layer_norm.forward(x).cast(DType::F32))
    }

    /// What SDXL reads: the output of the last layer but one, without the final norm, `[prompts, length, hidden_size]`, and where
    /// the encoder projects, the pooled prompts `[prompts, projection_dim]`: the projected last output at `ends`, the place of
    /// each prompt's end token. All in f32.
    pub fn forward_for_xl(
        &self,
        ids: &[&[u32]],
        ends: &[usize],
    ) -> Result<(Tensor<3>, Option<Tensor<2>>)> {
        self.check(ids, 1)?;
        let last = self.layers.len() - 1;
        let hidden = self.run(self.embed(ids)?, 0..last)?;
        let Some(projection) = &self.text_projection else {
            return Ok((hidden.cast(DType::F32), None));
        };
        let x = self.run(hidden.clone(), last..last + 1)?;
        let x = self.final_layer_norm.forward(x);
        let [_, length, width] = x.dims();
        let rows: Vec<Tensor<2>> = ends
            .iter()
            .enumerate()
            .map(|(prompt, end)| {
                let row = x.clone().narrow(0, prompt, 1);
                row.narrow(1, (*end).min(length - 1), 1).reshape([1, width])
            })
            .collect();
        let pooled = projection.forward(Tensor::cat(rows, 0)).cast(DType::F32);
        Ok((hidden.cast(DType::F32), Some(pooled)))
    }

    /// Token and position embeddings.
    fn embed(&self, ids: &[&[u32]]) -> Result<Tensor<3>> {
        let (prompts, length) = (ids.len(), ids[0].len());
        let device = self.position_embedding.device();
        let dtype = self.dtype;
        let (vocab, width) = (self.config.vocab_size, self.config.hidden_size);
        let flat: Vec<u32> = ids.iter().flat_map(|p| p.iter().copied()).collect();
        let known = |id: &u32| {
            if (*id as usize) < vocab {
                *id as i32
            } else {
                0
            }
        };
        let rows = TensorData::new(
            flat.iter().map(known).collect::<Vec<i32>>(),
            [prompts * length],
        );
        let rows = Tensor::<1, Int>::from_data(rows, &self.token_embedding.device());
        let tokens = self.token_embedding.clone().select(0, rows);
        let mut tokens = tokens
            .try_into_vec_as::<f32>()
            .map_err(DiffusionError::device)?;
        for (row, id) in tokens.chunks_exact_mut(width).zip(&flat) {
            let added = (*id as usize).checked_sub(vocab);
            if let Some(vector) = added.and_then(|at| self.added.get(at)) {
                row.copy_from_slice(vector);
            }
        }
        let tokens = TensorData::new(tokens, [prompts * length, width]);
        let tokens = Tensor::<2>::from_data(tokens, (&device, DType::F32)).cast(dtype);
        let positions = self
            .position_embedding
            .clone()
            .narrow(0, 0, length)
            .cast(dtype)
            .unsqueeze::<3>();
        Ok(tokens.reshape([prompts, length, width]) + positions)
    }

    fn run(&self, mut x: Tensor<3>, layers: std::ops::Range<usize>) -> Result<Tensor<3>> {
        let bias = causal_bias(x.dims()[1], &x.device());
        for layer in &self.layers[layers] {
            x = layer.forward(x, &bias)?;
        }
        Ok(x)
    }

    fn check(&self, ids: &[&[u32]], clip_skip: usize) -> Result<()> {
        let length = ids.first().map_or(0, |p| p.len());
        let most = self.config.max_position_embeddings;
        let vocab = self.config.vocab_size + self.added.len();
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
#[allow(clippy::struct_field_names)] // the checkpoint's names
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
            .forward(attend(q, k, &v, Some(bias.clone()), false)?)
            + x;
        let hidden = self.fc1.forward(self.layer_norm2.forward(x.clone()));
        let hidden = match self.activation {
            TextActivation::QuickGelu => quick_gelu(hidden)?,
            TextActivation::Gelu => activation::gelu(hidden),
            TextActivation::GeluTanh => activation::gelu_approximate(hidden),
        };
        Ok(self.fc2.forward(hidden) + x)
    }
}
