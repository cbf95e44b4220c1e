//! Owns the UNet's down, middle and up blocks, with and without transformers. Used by `unet`. Field names follow the checkpoint's keys.
//! Must never look at tensors' sizes to decide what it is made of: the configuration says.

use burn::tensor::Tensor;

use crate::diffusion::attention::{Transformer2d, TransformerShape};
use crate::diffusion::config::{BlockKind, UNetConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::resnet::{Downsample, ResnetBlock, ResnetShape, Upsample};
use crate::diffusion::weights::Scope;

fn resnet(config: &UNetConfig, inputs: usize, outputs: usize, output_scale: f64) -> ResnetShape {
    ResnetShape {
        inputs,
        outputs,
        time_embed_dim: Some(config.time_embed_dim),
        groups: config.norm_num_groups,
        eps: config.norm_eps,
        output_scale,
    }
}

fn transformer(config: &UNetConfig, level: usize) -> TransformerShape {
    let block = &config.blocks[level];
    TransformerShape {
        channels: block.channels,
        heads: block.heads,
        layers: block.transformer_layers,
        cross_attention_dim: config.cross_attention_dim,
        groups: config.norm_num_groups,
        only_cross_attention: block.only_cross_attention,
        upcast: config.upcast_attention,
    }
}

/// `attentions.0` … where the kind has them.
fn attentions(
    scope: &Scope,
    kind: BlockKind,
    count: usize,
    shape: &TransformerShape,
) -> Vec<Transformer2d> {
    if kind == BlockKind::Plain {
        return Vec::new();
    }
    let scope = scope.scope("attentions");
    (0..count)
        .map(|i| Transformer2d::load(&scope.scope(i), shape))
        .collect()
}

/// `DownBlock2D` or `CrossAttnDownBlock2D`.
#[derive(Debug)]
pub struct DownBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer2d>,
    downsampler: Option<Downsample>,
}

impl DownBlock {
    /// Loads the block of `level`, counted from the full size.
    pub fn load(scope: &Scope, config: &UNetConfig, level: usize) -> Self {
        let block = &config.blocks[level];
        let inputs = config.blocks[level.saturating_sub(1)].channels;
        let resnets = scope.scope("resnets");
        let load = |i: usize| {
            let inputs = if i == 0 { inputs } else { block.channels };
            ResnetBlock::load(
                &resnets.scope(i),
                &resnet(config, inputs, block.channels, 1.0),
            )
        };
        let is_last = level + 1 == config.blocks.len();
        Self {
            resnets: (0..block.layers).map(load).collect(),
            attentions: attentions(scope, block.down, block.layers, &transformer(config, level)),
            downsampler: (!is_last).then(|| {
                Downsample::load(
                    &scope.scope("downsamplers.0"),
                    block.channels,
                    config.downsample_padding,
                )
            }),
        }
    }

    /// Runs the block and remembers each layer's output for the way up.
    pub fn forward(
        &self,
        mut x: Tensor<4>,
        time: &Tensor<2>,
        prompt_embeds: &Tensor<3>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Result<Tensor<4>> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, Some(time))?;
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x, prompt_embeds)?;
            }
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(x)?;
            skips.push(x.clone());
        }
        Ok(x)
    }
}

/// `UNetMidBlock2DCrossAttn`.
#[derive(Debug)]
pub struct MidBlock {
    first: ResnetBlock,
    attention: Transformer2d,
    second: ResnetBlock,
}

impl MidBlock {
    /// Loads `resnets.0`, `attentions.0` and `resnets.1`.
    pub fn load(scope: &Scope, config: &UNetConfig) -> Self {
        let level = config.blocks.len() - 1;
        let channels = config.blocks[level].channels;
        let shape = resnet(config, channels, channels, config.mid_block_scale_factor);
        let attention = TransformerShape {
            only_cross_attention: false,
            ..transformer(config, level)
        };
        Self {
            first: ResnetBlock::load(&scope.scope("resnets.0"), &shape),
            attention: Transformer2d::load(&scope.scope("attentions.0"), &attention),
            second: ResnetBlock::load(&scope.scope("resnets.1"), &shape),
        }
    }

    /// Runs the block.
    pub fn forward(
        &self,
        x: Tensor<4>,
        time: &Tensor<2>,
        prompt_embeds: &Tensor<3>,
    ) -> Result<Tensor<4>> {
        let x = self.first.forward(x, Some(time))?;
        let x = self.attention.forward(x, prompt_embeds)?;
        self.second.forward(x, Some(time))
    }
}

/// `UpBlock2D` or `CrossAttnUpBlock2D`.
#[derive(Debug)]
pub struct UpBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer2d>,
    upsampler: Option<Upsample>,
}

impl UpBlock {
    /// Loads the block of `level`, counted from the full size. Each of its layers also takes what the way down left.
    pub fn load(scope: &Scope, config: &UNetConfig, level: usize) -> Self {
        let block = &config.blocks[level];
        let below = config.blocks[(level + 1).min(config.blocks.len() - 1)].channels;
        let above = config.blocks[level.saturating_sub(1)].channels;
        let layers = block.layers + 1;
        let resnets = scope.scope("resnets");
        let load = |i: usize| {
            let carried = if i == 0 { below } else { block.channels };
            let skip = if i + 1 == layers {
                above
            } else {
                block.channels
            };
            ResnetBlock::load(
                &resnets.scope(i),
                &resnet(config, carried + skip, block.channels, 1.0),
            )
        };
        Self {
            resnets: (0..layers).map(load).collect(),
            attentions: attentions(scope, block.up, layers, &transformer(config, level)),
            upsampler: (level > 0)
                .then(|| Upsample::load(&scope.scope("upsamplers.0"), block.channels)),
        }
    }

    /// Runs the block, taking the way down's outputs off `skips`. With `uneven`, it grows to the next of them instead of doubling.
    pub fn forward(
        &self,
        mut x: Tensor<4>,
        time: &Tensor<2>,
        prompt_embeds: &Tensor<3>,
        skips: &mut Vec<Tensor<4>>,
        uneven: bool,
    ) -> Result<Tensor<4>> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            let skip = skips.pop().ok_or_else(|| {
                DiffusionError::Settings(
                    "the UNet's ways down and up have different lengths".into(),
                )
            })?;
            x = resnet.forward(Tensor::cat(vec![x, skip], 1), Some(time))?;
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x, prompt_embeds)?;
            }
        }
        match &self.upsampler {
            None => Ok(x),
            Some(upsampler) => {
                let size = skips.last().filter(|_| uneven).map(|s| {
                    let [_, _, h, w] = s.dims();
                    [h, w]
                });
                upsampler.forward(x, size)
            }
        }
    }
}
