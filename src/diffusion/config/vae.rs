//! Owns the autoencoders' configuration. Used by `vae` and `folder`. Must never touch tensors.

use serde_json::json;

use crate::diffusion::config::JsonFile;
use crate::diffusion::error::Result;

/// No autoencoder in use has more levels; 2⁷ pixels a latent are more than any picture needs.
const MOST_LEVELS: usize = 8;

/// Which autoencoder, by `_class_name`.
#[derive(Debug, Clone, PartialEq)]
pub enum VaeConfig {
    /// `AutoencoderKL`.
    Kl(KlConfig),
    /// `AutoencoderTiny`.
    Tiny(TinyConfig),
}

/// `AutoencoderKL`, as diffusers' `vae/config.json` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct KlConfig {
    /// Colour channels in, always 3.
    pub in_channels: usize,
    /// Colour channels out, always 3.
    pub out_channels: usize,
    /// Width of each level; the encoder halves between levels.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks a level (one more in the decoder).
    pub layers_per_block: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Latents are multiplied by this before the UNet sees them.
    pub scaling_factor: f64,
    /// Subtracted before scaling; 0 in SD 1 and 2.
    pub shift_factor: f64,
    /// A 1×1 convolution after the encoder.
    pub use_quant_conv: bool,
    /// A 1×1 convolution before the decoder.
    pub use_post_quant_conv: bool,
    /// Attention in the middle block.
    pub mid_block_add_attention: bool,
    /// SDXL: overflows in f16, so run it in f32.
    pub force_upcast: bool,
}

/// The activation of `AutoencoderTiny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyActivation {
    /// `max(x, 0)`, the published ones.
    Relu,
    /// `x · sigmoid(x)`.
    Silu,
}

/// `AutoencoderTiny`, as diffusers' `vae/config.json` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct TinyConfig {
    /// Colour channels in, always 3.
    pub in_channels: usize,
    /// Colour channels out, always 3.
    pub out_channels: usize,
    /// Width of each encoder stage; every stage but the first halves the size.
    pub encoder_block_out_channels: Vec<usize>,
    /// Residual blocks of each encoder stage.
    pub num_encoder_blocks: Vec<usize>,
    /// Width of each decoder stage.
    pub decoder_block_out_channels: Vec<usize>,
    /// Residual blocks of each decoder stage; every stage but the last doubles the size.
    pub num_decoder_blocks: Vec<usize>,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Latents are multiplied by this before the UNet sees them.
    pub scaling_factor: f64,
    /// Activation everywhere.
    pub activation: TinyActivation,
}

impl VaeConfig {
    /// Reads and checks the fields.
    pub fn from_json(file: &JsonFile) -> Result<Self> {
        file.refuse_other_than(&[("in_channels", json!(3)), ("out_channels", json!(3))])?;
        match file.string("_class_name", "AutoencoderKL")?.as_str() {
            "AutoencoderKL" => KlConfig::from_json(file).map(Self::Kl),
            "AutoencoderTiny" => TinyConfig::from_json(file).map(Self::Tiny),
            _ => Err(file.unsupported("_class_name")),
        }
    }

    /// How many pixels of the picture one latent stands for, along one side.
    pub fn downscale(&self) -> usize {
        match self {
            Self::Kl(c) => 1 << (c.block_out_channels.len() - 1),
            Self::Tiny(c) => 1 << (c.encoder_block_out_channels.len() - 1),
        }
    }

    /// Channels of the latents.
    pub fn latent_channels(&self) -> usize {
        match self {
            Self::Kl(c) => c.latent_channels,
            Self::Tiny(c) => c.latent_channels,
        }
    }

    /// Latents are multiplied by this before the UNet sees them.
    pub fn scaling_factor(&self) -> f64 {
        match self {
            Self::Kl(c) => c.scaling_factor,
            Self::Tiny(c) => c.scaling_factor,
        }
    }

    /// Subtracted from latents before they are scaled.
    pub fn shift_factor(&self) -> f64 {
        match self {
            Self::Kl(c) => c.shift_factor,
            Self::Tiny(_) => 0.0,
        }
    }
}

impl KlConfig {
    fn from_json(file: &JsonFile) -> Result<Self> {
        file.refuse_other_than(&[("act_fn", json!("silu"))])?;
        file.refuse_set(&["latents_mean", "latents_std"])?;
        let widths = file
            .size_list("block_out_channels", MOST_LEVELS, 1..=8192)?
            .unwrap_or_else(|| vec![64]);
        for (field, only) in [
            ("down_block_types", "DownEncoderBlock2D"),
            ("up_block_types", "UpDecoderBlock2D"),
        ] {
            let kinds = file
                .string_list(field, MOST_LEVELS)?
                .unwrap_or_else(|| vec![only.to_owned()]);
            if kinds.iter().any(|k| k != only) {
                return Err(file.unsupported(field));
            }
            file.check_count(field, kinds.len(), widths.len())?;
        }
        let groups = file.size("norm_num_groups", 32, 1..=8192)?;
        if let Some(width) = widths.iter().find(|w| !w.is_multiple_of(groups)) {
            return Err(file.error(
                "norm_num_groups",
                format_args!("is {groups}, which does not divide width {width}"),
            ));
        }
        Ok(Self {
            in_channels: 3,
            out_channels: 3,
            block_out_channels: widths,
            layers_per_block: file.size("layers_per_block", 1, 1..=16)?,
            latent_channels: file.size("latent_channels", 4, 1..=256)?,
            norm_num_groups: groups,
            scaling_factor: file.number("scaling_factor", 0.18215, 1e-6..=1e6)?,
            shift_factor: file.number("shift_factor", 0.0, -1e6..=1e6)?,
            use_quant_conv: file.flag("use_quant_conv", true)?,
            use_post_quant_conv: file.flag("use_post_quant_conv", true)?,
            mid_block_add_attention: file.flag("mid_block_add_attention", true)?,
            force_upcast: file.flag("force_upcast", true)?,
        })
    }
}

impl TinyConfig {
    fn from_json(file: &JsonFile) -> Result<Self> {
        file.refuse_other_than(&[
            ("upsample_fn", json!("nearest")),
            ("upsampling_scaling_factor", json!(2)),
            ("shift_factor", json!(0)),
        ])?;
        let activation = match file.string("act_fn", "relu")?.as_str() {
            "relu" => TinyActivation::Relu,
            "silu" | "swish" => TinyActivation::Silu,
            _ => return Err(file.unsupported("act_fn")),
        };
        let list = |field: &str, default: &[usize], range| -> Result<Vec<usize>> {
            Ok(file
                .size_list(field, MOST_LEVELS, range)?
                .unwrap_or_else(|| default.to_vec()))
        };
        let config = Self {
            in_channels: 3,
            out_channels: 3,
            encoder_block_out_channels: list("encoder_block_out_channels", &[64; 4], 1..=8192)?,
            num_encoder_blocks: list("num_encoder_blocks", &[1, 3, 3, 3], 0..=64)?,
            decoder_block_out_channels: list("decoder_block_out_channels", &[64; 4], 1..=8192)?,
            num_decoder_blocks: list("num_decoder_blocks", &[3, 3, 3, 1], 0..=64)?,
            latent_channels: file.size("latent_channels", 4, 1..=256)?,
            scaling_factor: file.number("scaling_factor", 1.0, 1e-6..=1e6)?,
            activation,
        };
        let stages = config.encoder_block_out_channels.len();
        file.check_count(
            "num_encoder_blocks",
            config.num_encoder_blocks.len(),
            stages,
        )?;
        file.check_count(
            "decoder_block_out_channels",
            config.decoder_block_out_channels.len(),
            stages,
        )?;
        file.check_count(
            "num_decoder_blocks",
            config.num_decoder_blocks.len(),
            stages,
        )?;
        // No stage changes the width in diffusers: its strided and upsampling convolutions keep their channels.
        for field in ["encoder_block_out_channels", "decoder_block_out_channels"] {
            let widths = if field.starts_with('e') {
                &config.encoder_block_out_channels
            } else {
                &config.decoder_block_out_channels
            };
            if widths.iter().any(|w| *w != widths[0]) {
                return Err(file.error(field, "must hold one and the same width for every stage"));
            }
        }
        Ok(config)
    }
}
