//! Owns the UNet: loading it by its configuration and running it once. Used by `pipeline`. Must never know schedules or guidance.

mod blocks;
mod time;

use burn::tensor::{DType, Device, Tensor};

use crate::diffusion::config::{TIME_IDS, UNetConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::ops::{Conv2d, ConvShape, GroupNorm};
use crate::diffusion::weights::{Deltas, Numbers, Scope, Weights};
use blocks::{DownBlock, MidBlock, UpBlock};
use time::TimeEmbedding;

/// What a UNet is told besides the noise level.
#[derive(Debug, Clone)]
pub struct Condition {
    /// `[n, length, cross_attention_dim]`.
    pub prompt_embeds: Tensor<3>,
    /// SDXL: `[n, width]`, the prompts' pooled embeddings.
    pub pooled: Option<Tensor<2>>,
    /// SDXL: original height and width, cropped rows and columns, wanted height and width, in pixels.
    pub time_ids: [f32; TIME_IDS],
    /// Read by models that were distilled to be told it.
    pub guidance_scale: f32,
}

impl Condition {
    /// A prompt alone, as SD 1 and 2 take it.
    pub fn plain(prompt_embeds: Tensor<3>) -> Self {
        Self {
            prompt_embeds,
            pooled: None,
            time_ids: [0.0; TIME_IDS],
            guidance_scale: 1.0,
        }
    }

    /// Both conditions as one batch.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        let pooled = self.pooled.zip(other.pooled);
        Self {
            prompt_embeds: Tensor::cat(vec![self.prompt_embeds, other.prompt_embeds], 0),
            pooled: pooled.map(|(a, b)| Tensor::cat(vec![a, b], 0)),
            ..other
        }
    }
}

/// `UNet2DConditionModel` on a device.
#[derive(Debug)]
pub struct UNet {
    config: UNetConfig,
    dtype: DType,
    conv_in: Conv2d,
    time_embedding: TimeEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<MidBlock>,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl UNet {
    /// Loads the folder's UNet; `numbers` is `F32`, `F16` or [`Numbers`].
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
        let weights = Weights::open(&folder.unet_files, device, numbers)?.with(deltas, "unet");
        let unet = Self::build(&weights.root(), &folder.unet);
        weights.finish(|_| false)?;
        Ok(unet)
    }

    /// A UNet of this make with made-up weights, to measure a device without a model at hand.
    pub fn invented(config: &UNetConfig, device: &Device, dtype: DType) -> Self {
        Self::build(&Weights::invented(device, dtype).root(), config)
    }

    fn build(scope: &Scope, config: &UNetConfig) -> Self {
        let levels = config.blocks.len();
        let base = config.blocks[0].channels;
        let (down, up) = (scope.scope("down_blocks"), scope.scope("up_blocks"));
        let conv_in = ConvShape::same(config.in_channels, base, config.conv_in_kernel);
        let conv_out = ConvShape::same(base, config.out_channels, config.conv_out_kernel);
        Self {
            dtype: scope.dtype(),
            conv_in: Conv2d::load(&scope.scope("conv_in"), conv_in, true),
            time_embedding: TimeEmbedding::load(scope, config),
            down_blocks: (0..levels)
                .map(|i| DownBlock::load(&down.scope(i), config, i))
                .collect(),
            mid_block: config
                .has_mid_block
                .then(|| MidBlock::load(&scope.scope("mid_block"), config)),
            up_blocks: (0..levels)
                .map(|i| UpBlock::load(&up.scope(i), config, levels - 1 - i))
                .collect(),
            conv_norm_out: GroupNorm::load(
                &scope.scope("conv_norm_out"),
                config.norm_num_groups,
                base,
                config.norm_eps,
            ),
            conv_out: Conv2d::load(&scope.scope("conv_out"), conv_out, true),
            config: config.clone(),
        }
    }

    /// What the folder says about it.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// One evaluation. `sample` `[n, in_channels, h, w]` (latents, and for inpainting models mask and masked-image latents
    /// behind them), `timestep` 0…num_train_timesteps (fractions allowed), `prompt_embeds` `[n, length, cross_attention_dim]`.
    /// Any float type goes in; comes out `[n, out_channels, h, w]` in f32.
    pub fn forward(
        &self,
        sample: Tensor<4>,
        timestep: f32,
        prompt_embeds: Tensor<3>,
    ) -> Result<Tensor<4>> {
        self.forward_with(sample, timestep, &Condition::plain(prompt_embeds))
    }

    /// As [`Self::forward`], with everything that newer models are told.
    pub fn forward_with(
        &self,
        sample: Tensor<4>,
        timestep: f32,
        condition: &Condition,
    ) -> Result<Tensor<4>> {
        self.check(&sample, condition)?;
        let prompt_embeds = condition.prompt_embeds.clone().cast(self.dtype);
        let sample = sample.cast(self.dtype);
        let sample = if self.config.center_input_sample {
            sample * 2.0 - 1.0
        } else {
            sample
        };
        let time =
            self.time_embedding
                .forward(timestep, condition, &sample.device(), self.dtype)?;
        let [_, _, height, width] = sample.dims();
        let factor = self.config.overall_downscale();
        // Sizes that do not halve evenly come back by the sizes of the way down, others by doubling, as in diffusers.
        let uneven = !height.is_multiple_of(factor) || !width.is_multiple_of(factor);

        let mut x = self.conv_in.forward(sample)?;
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, &time, &prompt_embeds, &mut skips)?;
        }
        if let Some(block) = &self.mid_block {
            x = block.forward(x, &time, &prompt_embeds)?;
        }
        for block in &self.up_blocks {
            x = block.forward(x, &time, &prompt_embeds, &mut skips, uneven)?;
        }
        let x = self.conv_norm_out.forward_silu(x)?;
        Ok(self.conv_out.forward(x)?.cast(DType::F32))
    }

    fn check(&self, sample: &Tensor<4>, condition: &Condition) -> Result<()> {
        let [n, channels, height, width] = sample.dims();
        let [prompts, _, dim] = condition.prompt_embeds.dims();
        let pooled = condition.pooled.as_ref().map(Tensor::dims);
        let (wanted, wanted_dim) = (self.config.in_channels, self.config.cross_attention_dim);
        let problem = if channels != wanted {
            format!("the UNet takes {wanted} channels, not {channels}")
        } else if height == 0 || width == 0 || n == 0 {
            "the UNet cannot run on an empty picture".to_owned()
        } else if prompts != n || dim != wanted_dim {
            format!("the UNet takes {n} prompts of width {wanted_dim}, not {prompts} of {dim}")
        } else if let Some(width) = self.time_embedding.pooled_width()
            && pooled != Some([n, width])
        {
            format!("the UNet takes {n} pooled prompts of width {width}, not {pooled:?}")
        } else {
            return Ok(());
        };
        Err(DiffusionError::Settings(problem))
    }
}
