//! Owns the CLIP text model's configuration. Used by `clip`, `tokenizer` and `folder`. Must never touch tensors.

use crate::diffusion::config::JsonFile;
use crate::diffusion::error::Result;

/// The activation inside the text model's MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextActivation {
    /// `x · sigmoid(1.702 x)`, OpenAI's CLIP (SD 1.x).
    QuickGelu,
    /// The exact GELU, OpenCLIP (SD 2.x).
    Gelu,
    /// The tanh approximation.
    GeluTanh,
}

/// `CLIPTextModel`, as transformers' `text_encoder/config.json` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of the token embeddings, and of what the UNet attends to.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Length every prompt is padded or cut to.
    pub max_position_embeddings: usize,
    /// Added to variances.
    pub layer_norm_eps: f64,
    /// The MLP's activation.
    pub activation: TextActivation,
    /// Width of the pooled prompt behind `text_projection`, where a model reads that (SDXL's second encoder).
    pub projection_dim: usize,
}

impl TextConfig {
    /// Reads and checks the fields. A full CLIP config (text and vision) is taken by its `text_config`.
    pub fn from_json(file: &JsonFile) -> Result<Self> {
        if let Some(inner) = file.get("text_config").filter(|v| v.is_object()) {
            return Self::from_json(&JsonFile::from_value(file.path(), inner.clone())?);
        }
        if file
            .get("model_type")
            .is_some_and(|kind| kind != "clip_text_model" && kind != "clip")
        {
            return Err(file.unsupported("model_type"));
        }
        let activation = match file.string("hidden_act", "quick_gelu")?.as_str() {
            "quick_gelu" => TextActivation::QuickGelu,
            "gelu" => TextActivation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => TextActivation::GeluTanh,
            _ => return Err(file.unsupported("hidden_act")),
        };
        let hidden_size = file.size("hidden_size", 512, 1..=16384)?;
        let config = Self {
            vocab_size: file.size("vocab_size", 49408, 1..=1 << 20)?,
            hidden_size,
            intermediate_size: file.size("intermediate_size", 2048, 1..=65536)?,
            num_hidden_layers: file.size("num_hidden_layers", 12, 1..=128)?,
            num_attention_heads: file.size("num_attention_heads", 8, 1..=256)?,
            max_position_embeddings: file.size("max_position_embeddings", 77, 2..=4096)?,
            layer_norm_eps: file.number("layer_norm_eps", 1e-5, 1e-12..=1.0)?,
            projection_dim: file.size("projection_dim", hidden_size, 1..=16384)?,
            activation,
        };
        if !hidden_size.is_multiple_of(config.num_attention_heads) {
            let heads = config.num_attention_heads;
            return Err(file.error(
                "num_attention_heads",
                format_args!("is {heads}, which does not divide hidden_size {hidden_size}"),
            ));
        }
        Ok(config)
    }
}
