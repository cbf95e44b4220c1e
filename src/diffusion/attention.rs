//! Owns the attention layers: multi-head attention, the transformer block and `Transformer2DModel` of the UNet. Used by `unet`.
//! Module and field names follow the checkpoint's keys. Must never do the arithmetic itself: that is `ops`.

use burn::tensor::Tensor;

use crate::diffusion::error::Result;
use crate::diffusion::ops::{GroupNorm, LayerNorm, Linear, attend, geglu};
use crate::diffusion::weights::Scope;

/// Added to variances inside diffusers' `Transformer2DModel`, whatever the UNet's own `norm_eps`.
const TRANSFORMER_GROUP_EPS: f64 = 1e-6;
const TRANSFORMER_LAYER_EPS: f64 = 1e-5;

/// What the transformers of one UNet block have in common.
#[derive(Debug, Clone, Copy)]
pub struct TransformerShape {
    /// Channels, also the width of a token.
    pub channels: usize,
    /// Heads; divides `channels`.
    pub heads: usize,
    /// Transformer blocks one behind the other.
    pub layers: usize,
    /// Width of the prompt's embeddings.
    pub cross_attention_dim: usize,
    /// Groups of the norm in front.
    pub groups: usize,
    /// Both attentions look at the prompt.
    pub only_cross_attention: bool,
    /// Scores in f32 even if the model is f16.
    pub upcast: bool,
}

/// `Attention`: tokens look at a context, which may be themselves.
#[derive(Debug, Clone)]
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
    upcast: bool,
}

impl Attention {
    fn load(scope: &Scope, shape: &TransformerShape, context: usize) -> Self {
        let width = shape.channels;
        Self {
            to_q: Linear::load(&scope.scope("to_q"), width, width, false),
            to_k: Linear::load(&scope.scope("to_k"), context, width, false),
            to_v: Linear::load(&scope.scope("to_v"), context, width, false),
            to_out: Linear::load(&scope.scope("to_out.0"), width, width, true),
            heads: shape.heads,
            upcast: shape.upcast,
        }
    }

    /// `x` `[n, tokens, width]`, `context` `[n, keys, context width]`.
    fn forward(&self, x: &Tensor<3>, context: &Tensor<3>) -> Result<Tensor<3>> {
        let q = split_heads(self.to_q.forward(x.clone()), self.heads);
        let k = split_heads(self.to_k.forward(context.clone()), self.heads);
        let v = split_heads(self.to_v.forward(context.clone()), self.heads);
        Ok(self.to_out.forward(attend(q, k, v, None, self.upcast)?))
    }
}

/// `[n, tokens, heads · d]` to `[n, heads, tokens, d]`.
pub fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [n, tokens, width] = x.dims();
    x.reshape([n, tokens, heads, width / heads]).swap_dims(1, 2)
}

/// `BasicTransformerBlock`.
#[derive(Debug, Clone)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    /// `ff.net.0.proj`, to twice four times the width.
    ff_in: Linear,
    /// `ff.net.2`.
    ff_out: Linear,
    only_cross_attention: bool,
}

impl TransformerBlock {
    fn load(scope: &Scope, shape: &TransformerShape) -> Self {
        let width = shape.channels;
        let norm = |name| LayerNorm::load(&scope.scope(name), width, TRANSFORMER_LAYER_EPS);
        let first_context = if shape.only_cross_attention {
            shape.cross_attention_dim
        } else {
            width
        };
        Self {
            norm1: norm("norm1"),
            attn1: Attention::load(&scope.scope("attn1"), shape, first_context),
            norm2: norm("norm2"),
            attn2: Attention::load(&scope.scope("attn2"), shape, shape.cross_attention_dim),
            norm3: norm("norm3"),
            ff_in: Linear::load(&scope.scope("ff.net.0.proj"), width, width * 8, true),
            ff_out: Linear::load(&scope.scope("ff.net.2"), width * 4, width, true),
            only_cross_attention: shape.only_cross_attention,
        }
    }

    fn forward(&self, x: Tensor<3>, prompt_embeds: &Tensor<3>) -> Result<Tensor<3>> {
        let normed = self.norm1.forward(x.clone());
        let context = if self.only_cross_attention {
            prompt_embeds
        } else {
            &normed
        };
        let x = self.attn1.forward(&normed, context)? + x;
        let normed = self.norm2.forward(x.clone());
        let x = self.attn2.forward(&normed, prompt_embeds)? + x;
        let hidden = geglu(self.ff_in.forward(self.norm3.forward(x.clone())))?;
        Ok(self.ff_out.forward(hidden) + x)
    }
}

/// `Transformer2DModel` over a picture's pixels as tokens.
#[derive(Debug, Clone)]
pub struct Transformer2d {
    norm: GroupNorm,
    /// A linear layer, or a 1×1 convolution, which is the same thing token by token.
    proj_in: Linear,
    transformer_blocks: Vec<TransformerBlock>,
    proj_out: Linear,
}

impl Transformer2d {
    /// Loads `norm`, `proj_in`, `transformer_blocks.*` and `proj_out`.
    pub fn load(scope: &Scope, shape: &TransformerShape) -> Self {
        let width = shape.channels;
        let blocks = scope.scope("transformer_blocks");
        Self {
            norm: GroupNorm::load(
                &scope.scope("norm"),
                shape.groups,
                width,
                TRANSFORMER_GROUP_EPS,
            ),
            proj_in: Linear::load(&scope.scope("proj_in"), width, width, true),
            transformer_blocks: (0..shape.layers)
                .map(|i| TransformerBlock::load(&blocks.scope(i), shape))
                .collect(),
            proj_out: Linear::load(&scope.scope("proj_out"), width, width, true),
        }
    }

    /// `[n, channels, h, w]` to the same.
    pub fn forward(&self, x: Tensor<4>, prompt_embeds: &Tensor<3>) -> Result<Tensor<4>> {
        let [_, _, h, w] = x.dims();
        let mut tokens = self
            .proj_in
            .forward_from_picture(self.norm.forward(x.clone())?);
        for block in &self.transformer_blocks {
            tokens = block.forward(tokens, prompt_embeds)?;
        }
        Ok(self.proj_out.forward_to_picture(tokens, [h, w]) + x)
    }
}
