//! Owns `AutoencoderKL`: a convolutional encoder to the moments of a normal distribution, and a decoder. Used by `vae`. Field names
//! follow the checkpoint's keys, of either generation. Must never sample.

use burn::tensor::{DType, Tensor};

use crate::diffusion::config::KlConfig;
use crate::diffusion::error::Result;
use crate::diffusion::ops::{Conv2d, ConvShape, GroupNorm, Linear, attend};
use crate::diffusion::resnet::{Downsample, ResnetBlock, ResnetShape, Upsample};
use crate::diffusion::vae::Encoded;
use crate::diffusion::weights::Scope;

/// Added to all variances; diffusers fixes it in code.
const EPS: f64 = 1e-6;

/// `AutoencoderKL`.
#[derive(Debug)]
pub struct Kl {
    pub(super) encoder: Encoder,
    pub(super) quant_conv: Option<Conv2d>,
    pub(super) post_quant_conv: Option<Conv2d>,
    pub(super) decoder: Decoder,
}

impl Kl {
    /// Loads `encoder`, `quant_conv`, `post_quant_conv` and `decoder`.
    pub fn load(scope: &Scope, config: &KlConfig) -> Self {
        let latent = config.latent_channels;
        let pointwise =
            |name, width| Conv2d::load(&scope.scope(name), ConvShape::same(width, width, 1), true);
        Self {
            encoder: Encoder::load(&scope.scope("encoder"), config),
            quant_conv: config
                .use_quant_conv
                .then(|| pointwise("quant_conv", 2 * latent)),
            post_quant_conv: config
                .use_post_quant_conv
                .then(|| pointwise("post_quant_conv", latent)),
            decoder: Decoder::load(&scope.scope("decoder"), config),
        }
    }

    /// See `Vae::encode`.
    pub fn encode(&self, image: Tensor<4>) -> Result<Encoded> {
        self.moments(self.encoder.forward(image)?)
    }

    /// What the encoder's last layer gives as the numbers of a distribution.
    pub(super) fn moments(&self, moments: Tensor<4>) -> Result<Encoded> {
        let moments = match &self.quant_conv {
            Some(conv) => conv.forward(moments)?,
            None => moments,
        };
        let moments = moments.cast(DType::F32);
        let half = moments.dims()[1] / 2;
        Ok(Encoded::Moments {
            mean: moments.clone().narrow(1, 0, half),
            logvar: moments.narrow(1, half, half).clamp(-30.0, 20.0),
        })
    }

    /// See `Vae::decode`.
    pub fn decode(&self, latents: Tensor<4>) -> Result<Tensor<4>> {
        self.decoder.forward(self.decoder_input(latents)?)
    }

    /// What the decoder's first layer takes.
    pub(super) fn decoder_input(&self, latents: Tensor<4>) -> Result<Tensor<4>> {
        match &self.post_quant_conv {
            Some(conv) => conv.forward(latents),
            None => Ok(latents),
        }
    }
}

fn resnet(config: &KlConfig, inputs: usize, outputs: usize) -> ResnetShape {
    ResnetShape {
        inputs,
        outputs,
        time_embed_dim: None,
        groups: config.norm_num_groups,
        eps: EPS,
        output_scale: 1.0,
    }
}

/// `layers` residual blocks below `scope.resnets`, the first of which changes the width.
fn resnets(
    scope: &Scope,
    config: &KlConfig,
    layers: usize,
    inputs: usize,
    outputs: usize,
) -> Vec<ResnetBlock> {
    let scope = scope.scope("resnets");
    (0..layers)
        .map(|i| {
            ResnetBlock::load(
                &scope.scope(i),
                &resnet(config, if i == 0 { inputs } else { outputs }, outputs),
            )
        })
        .collect()
}

/// The encoder: levels that halve the size, a middle block, the moments.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) conv_in: Conv2d,
    pub(super) down_blocks: Vec<(Vec<ResnetBlock>, Option<Downsample>)>,
    pub(super) mid_block: MidBlock,
    pub(super) conv_norm_out: GroupNorm,
    pub(super) conv_out: Conv2d,
}

impl Encoder {
    fn load(scope: &Scope, config: &KlConfig) -> Self {
        let widths = &config.block_out_channels;
        let last = widths[widths.len() - 1];
        let blocks = scope.scope("down_blocks");
        let down = |i: usize| {
            let scope = blocks.scope(i);
            let inputs = widths[i.saturating_sub(1)];
            let sampler = (i + 1 < widths.len())
                .then(|| Downsample::load(&scope.scope("downsamplers.0"), widths[i], 0));
            (
                resnets(&scope, config, config.layers_per_block, inputs, widths[i]),
                sampler,
            )
        };
        let conv_in = ConvShape::same(config.in_channels, widths[0], 3);
        let conv_out = ConvShape::same(last, 2 * config.latent_channels, 3);
        Self {
            conv_in: Conv2d::load(&scope.scope("conv_in"), conv_in, true),
            down_blocks: (0..widths.len()).map(down).collect(),
            mid_block: MidBlock::load(&scope.scope("mid_block"), config, last),
            conv_norm_out: GroupNorm::load(
                &scope.scope("conv_norm_out"),
                config.norm_num_groups,
                last,
                EPS,
            ),
            conv_out: Conv2d::load(&scope.scope("conv_out"), conv_out, true),
        }
    }

    fn forward(&self, image: Tensor<4>) -> Result<Tensor<4>> {
        let mut x = self.conv_in.forward(image)?;
        for (resnets, sampler) in &self.down_blocks {
            for resnet in resnets {
                x = resnet.forward(x, None)?;
            }
            if let Some(sampler) = sampler {
                x = sampler.forward(x)?;
            }
        }
        let x = self.mid_block.forward(x)?;
        self.conv_out.forward(self.conv_norm_out.forward_silu(x)?)
    }
}

/// The decoder: a middle block, levels that double the size, the picture.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) conv_in: Conv2d,
    pub(super) mid_block: MidBlock,
    pub(super) up_blocks: Vec<(Vec<ResnetBlock>, Option<Upsample>)>,
    pub(super) conv_norm_out: GroupNorm,
    pub(super) conv_out: Conv2d,
}

impl Decoder {
    fn load(scope: &Scope, config: &KlConfig) -> Self {
        let widths: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let blocks = scope.scope("up_blocks");
        let up = |i: usize| {
            let scope = blocks.scope(i);
            let inputs = widths[i.saturating_sub(1)];
            let sampler = (i + 1 < widths.len())
                .then(|| Upsample::load(&scope.scope("upsamplers.0"), widths[i]));
            (
                resnets(
                    &scope,
                    config,
                    config.layers_per_block + 1,
                    inputs,
                    widths[i],
                ),
                sampler,
            )
        };
        let conv_in = ConvShape::same(config.latent_channels, first, 3);
        let conv_out = ConvShape::same(last, config.out_channels, 3);
        Self {
            conv_in: Conv2d::load(&scope.scope("conv_in"), conv_in, true),
            mid_block: MidBlock::load(&scope.scope("mid_block"), config, first),
            up_blocks: (0..widths.len()).map(up).collect(),
            conv_norm_out: GroupNorm::load(
                &scope.scope("conv_norm_out"),
                config.norm_num_groups,
                last,
                EPS,
            ),
            conv_out: Conv2d::load(&scope.scope("conv_out"), conv_out, true),
        }
    }

    fn forward(&self, latents: Tensor<4>) -> Result<Tensor<4>> {
        let x = self.conv_in.forward(latents)?;
        let mut x = self.mid_block.forward(x)?;
        for (resnets, sampler) in &self.up_blocks {
            for resnet in resnets {
                x = resnet.forward(x, None)?;
            }
            if let Some(sampler) = sampler {
                x = sampler.forward(x, None)?;
            }
        }
        self.conv_out.forward(self.conv_norm_out.forward_silu(x)?)
    }
}

/// `UNetMidBlock2D` without a time embedding.
#[derive(Debug)]
pub(super) struct MidBlock {
    first: ResnetBlock,
    attention: Option<MidAttention>,
    second: ResnetBlock,
}

impl MidBlock {
    fn load(scope: &Scope, config: &KlConfig, width: usize) -> Self {
        let shape = resnet(config, width, width);
        Self {
            first: ResnetBlock::load(&scope.scope("resnets.0"), &shape),
            attention: config.mid_block_add_attention.then(|| {
                MidAttention::load(&scope.scope("attentions.0"), config.norm_num_groups, width)
            }),
            second: ResnetBlock::load(&scope.scope("resnets.1"), &shape),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        let x = self.first.forward(x, None)?;
        let x = match &self.attention {
            Some(attention) => attention.forward(x)?,
            None => x,
        };
        self.second.forward(x, None)
    }
}

/// The one-headed attention over all pixels in the middle.
#[derive(Debug)]
struct MidAttention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl MidAttention {
    /// Old checkpoints call the layers `query`, `key`, `value`, `proj_attn`; the oldest store them as 1×1 convolutions.
    fn load(scope: &Scope, groups: usize, width: usize) -> Self {
        let old = scope.has("query.weight");
        let linear = |old_name, name| {
            Linear::load(
                &scope.scope(if old { old_name } else { name }),
                width,
                width,
                true,
            )
        };
        Self {
            group_norm: GroupNorm::load(&scope.scope("group_norm"), groups, width, EPS),
            to_q: linear("query", "to_q"),
            to_k: linear("key", "to_k"),
            to_v: linear("value", "to_v"),
            to_out: linear("proj_attn", "to_out.0"),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        let [_, _, h, w] = x.dims();
        let normed = self.group_norm.forward(x.clone())?;
        let project = |layer: &Linear| {
            layer
                .forward_from_picture(normed.clone())
                .unsqueeze_dim::<4>(1)
        };
        let (q, k, v) = (
            project(&self.to_q),
            project(&self.to_k),
            project(&self.to_v),
        );
        let y = attend(q, k, &v, None, true)?;
        Ok(self.to_out.forward_to_picture(y, [h, w]) + x)
    }
}
