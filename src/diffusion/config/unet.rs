//! Owns the UNet's configuration: diffusers' `unet/config.json` with its "one value or one per block" fields spread out.
//! Used by `unet` and `folder`. Must never touch tensors.

use serde_json::json;

use crate::diffusion::config::JsonFile;
use crate::diffusion::error::Result;

/// No UNet in use has more levels.
const MOST_BLOCKS: usize = 8;

/// A down or an up block, by what it does apart from its residual layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// `DownBlock2D`, `UpBlock2D`.
    Plain,
    /// `CrossAttnDownBlock2D`, `CrossAttnUpBlock2D`.
    CrossAttention,
}

/// What one level of the UNet is made of. Levels count from the full size down.
#[derive(Debug, Clone, PartialEq)]
pub struct UNetBlockConfig {
    /// The level's block on the way down.
    pub down: BlockKind,
    /// The level's block on the way up.
    pub up: BlockKind,
    /// Channels.
    pub channels: usize,
    /// Residual layers on the way down; one more on the way up.
    pub layers: usize,
    /// Transformer blocks behind each residual layer.
    pub transformer_layers: usize,
    /// Attention heads (diffusers calls this `attention_head_dim`).
    pub heads: usize,
    /// Attend to the prompt in both attentions.
    pub only_cross_attention: bool,
}

/// What the UNet is told besides the timestep (`addition_embed_type` "text_time", SDXL): the pooled prompt and a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdditionConfig {
    /// Width of each number's sinusoids.
    pub time_embed_dim: usize,
    /// Width of the pooled prompt and all sinusoids together.
    pub input_dim: usize,
}

/// Numbers that SDXL is told: original height and width, cropped rows and columns, wanted height and width.
pub const TIME_IDS: usize = 6;

/// `UNet2DConditionModel`, as diffusers describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct UNetConfig {
    /// Latent channels, or twice that and one for inpainting models.
    pub in_channels: usize,
    /// Latent channels.
    pub out_channels: usize,
    /// Side of the latents that the model was trained on (rows, columns).
    pub sample_size: [usize; 2],
    /// Levels, from the full size down.
    pub blocks: Vec<UNetBlockConfig>,
    /// The middle block's transformer attends to the prompt in both attentions (`mid_block_only_cross_attention` only
    /// matters to block kinds that are refused, so this stays false as in diffusers).
    pub has_mid_block: bool,
    /// Width of the prompt's embeddings.
    pub cross_attention_dim: usize,
    /// Project tokens with linear layers instead of 1×1 convolutions (SD 2.x).
    pub use_linear_projection: bool,
    /// Compute attention scores in f32 (SD 2.1).
    pub upcast_attention: bool,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Added to variances.
    pub norm_eps: f64,
    /// Cosines come first in the time embedding.
    pub flip_sin_to_cos: bool,
    /// Shifts the time embedding's frequencies.
    pub freq_shift: f64,
    /// Width inside the time embedding.
    pub time_embed_dim: usize,
    /// SDXL's further condition.
    pub addition: Option<AdditionConfig>,
    /// Width of the guidance scale's embedding, for models distilled to be told it (LCM).
    pub time_cond_proj_dim: Option<usize>,
    /// Map input from 0…1 to −1…1 first.
    pub center_input_sample: bool,
    /// Divides the sum of the middle block's residual branches.
    pub mid_block_scale_factor: f64,
    /// Padding of the strided convolutions: 1 on all sides, or 0 (then one row and column are added behind).
    pub downsample_padding: usize,
    /// Side of the first convolution's kernel, odd.
    pub conv_in_kernel: usize,
    /// Side of the last convolution's kernel, odd.
    pub conv_out_kernel: usize,
}

impl UNetConfig {
    /// Reads and checks the fields.
    pub fn from_json(file: &JsonFile) -> Result<Self> {
        file.refuse_other_than(&[("_class_name", json!("UNet2DConditionModel"))])?;
        refuse_what_sd_does_not_use(file)?;
        let blocks = read_blocks(file)?;
        let cross = file.size_per_block("cross_attention_dim", blocks.len(), 1280, 1..=16384)?;
        if cross.iter().any(|c| *c != cross[0]) {
            return Err(file.unsupported("cross_attention_dim"));
        }
        let base = blocks[0].channels;
        if !base.is_multiple_of(2) {
            return Err(file.error(
                "block_out_channels",
                format_args!("starts with {base}, but must start even"),
            ));
        }
        let config = Self {
            in_channels: file.size("in_channels", 4, 1..=1024)?,
            out_channels: file.size("out_channels", 4, 1..=256)?,
            sample_size: sample_size(file)?,
            has_mid_block: has_mid_block(file)?,
            cross_attention_dim: cross[0],
            use_linear_projection: file.flag("use_linear_projection", false)?,
            upcast_attention: file.flag("upcast_attention", false)?,
            norm_num_groups: file.size("norm_num_groups", 32, 1..=8192)?,
            norm_eps: file.number("norm_eps", 1e-5, 1e-12..=1.0)?,
            flip_sin_to_cos: file.flag("flip_sin_to_cos", true)?,
            freq_shift: file.number("freq_shift", 0.0, 0.0..=(base / 2) as f64 - 0.5)?,
            time_embed_dim: file.size("time_embedding_dim", base * 4, 2..=65536)?,
            addition: addition(file)?,
            time_cond_proj_dim: match file.size("time_cond_proj_dim", 0, 0..=65536)? {
                0 => None,
                width => Some(width),
            },
            center_input_sample: file.flag("center_input_sample", false)?,
            mid_block_scale_factor: file.number("mid_block_scale_factor", 1.0, 1e-6..=1e6)?,
            downsample_padding: file.size("downsample_padding", 1, 0..=1)?,
            conv_in_kernel: file.size("conv_in_kernel", 3, 1..=7)?,
            conv_out_kernel: file.size("conv_out_kernel", 3, 1..=7)?,
            blocks,
        };
        config.check(file)?;
        Ok(config)
    }

    fn check(&self, file: &JsonFile) -> Result<()> {
        let groups = self.norm_num_groups;
        for width in self.normed_widths() {
            if !width.is_multiple_of(groups) {
                return Err(file.error(
                    "norm_num_groups",
                    format_args!("is {groups}, which does not divide {width} channels"),
                ));
            }
        }
        for (kernel, field) in [
            (self.conv_in_kernel, "conv_in_kernel"),
            (self.conv_out_kernel, "conv_out_kernel"),
        ] {
            if kernel.is_multiple_of(2) {
                return Err(file.error(field, format_args!("is {kernel}, but must be odd")));
            }
        }
        if !self.time_embed_dim.is_multiple_of(2) {
            return Err(file.error("time_embedding_dim", "must be even"));
        }
        Ok(())
    }

    /// Channel counts that pass through a group norm: the levels' own, and what the way up concatenates.
    fn normed_widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.blocks.iter().map(|b| b.channels).collect();
        let mut below = widths[widths.len() - 1];
        for level in (0..self.blocks.len()).rev() {
            let channels = self.blocks[level].channels;
            let above = self.blocks[level.saturating_sub(1)].channels;
            widths.extend([below + channels, channels + channels, channels + above]);
            below = channels;
        }
        widths
    }

    /// By how much the deepest level is smaller than the latents: 2 to the number of levels, less one.
    pub fn overall_downscale(&self) -> usize {
        1 << (self.blocks.len() - 1)
    }
}

fn refuse_what_sd_does_not_use(file: &JsonFile) -> Result<()> {
    file.refuse_set(&[
        "class_embed_type",
        "num_class_embeds",
        "encoder_hid_dim",
        "encoder_hid_dim_type",
        "timestep_post_act",
        "time_embedding_act_fn",
        "dual_cross_attention",
        "reverse_transformer_layers_per_block",
        "resnet_skip_time_act",
        "class_embeddings_concat",
        "cross_attention_norm",
    ])?;
    file.refuse_other_than(&[
        ("act_fn", json!("silu")),
        ("attention_type", json!("default")),
        ("resnet_time_scale_shift", json!("default")),
        ("resnet_out_scale_factor", json!(1.0)),
        ("time_embedding_type", json!("positional")),
    ])
}

fn addition(file: &JsonFile) -> Result<Option<AdditionConfig>> {
    match file.get("addition_embed_type") {
        None => return Ok(None),
        Some(kind) if kind == "text_time" => {}
        Some(_) => return Err(file.unsupported("addition_embed_type")),
    }
    let config = AdditionConfig {
        time_embed_dim: file.required_size("addition_time_embed_dim", 2..=16384)?,
        input_dim: file.required_size("projection_class_embeddings_input_dim", 1..=1 << 20)?,
    };
    if !config.time_embed_dim.is_multiple_of(2)
        || config.input_dim <= TIME_IDS * config.time_embed_dim
    {
        return Err(file.error(
            "projection_class_embeddings_input_dim",
            format_args!(
                "leaves no room for a pooled prompt beside {TIME_IDS} numbers of addition_time_embed_dim each"
            ),
        ));
    }
    Ok(Some(config))
}

fn sample_size(file: &JsonFile) -> Result<[usize; 2]> {
    let sides = file.size_per_block("sample_size", 2, 64, 1..=4096)?;
    Ok([sides[0], sides[1]])
}

/// A `null` middle block means none; the field's absence means the usual one.
fn has_mid_block(file: &JsonFile) -> Result<bool> {
    match file.raw("mid_block_type") {
        None => Ok(true),
        Some(value) if value.is_null() => Ok(false),
        Some(value) if value == "UNetMidBlock2DCrossAttn" => Ok(true),
        Some(_) => Err(file.unsupported("mid_block_type")),
    }
}

fn read_blocks(file: &JsonFile) -> Result<Vec<UNetBlockConfig>> {
    let widths = file
        .size_list("block_out_channels", MOST_BLOCKS, 1..=8192)?
        .unwrap_or_else(|| vec![320, 640, 1280, 1280]);
    let count = widths.len();
    let down = block_kinds(
        file,
        "down_block_types",
        count,
        "CrossAttnDownBlock2D",
        "DownBlock2D",
    )?;
    let mut up = block_kinds(
        file,
        "up_block_types",
        count,
        "CrossAttnUpBlock2D",
        "UpBlock2D",
    )?;
    up.reverse();
    let layers = file.size_per_block("layers_per_block", count, 2, 1..=16)?;
    let transformers = file.size_per_block("transformer_layers_per_block", count, 1, 1..=64)?;
    // Old folders carry the number of heads under the name of a head's width; diffusers keeps the misnomer.
    let heads_field = if file.get("num_attention_heads").is_some() {
        "num_attention_heads"
    } else {
        "attention_head_dim"
    };
    let heads = file.size_per_block(heads_field, count, 8, 1..=1024)?;
    let only_cross = file.flag_per_block("only_cross_attention", count, false)?;
    let mut blocks = Vec::with_capacity(count);
    for i in 0..count {
        let attends = down[i] == BlockKind::CrossAttention
            || up[i] == BlockKind::CrossAttention
            || i + 1 == count;
        if attends && !widths[i].is_multiple_of(heads[i]) {
            let (width, heads) = (widths[i], heads[i]);
            return Err(file.error(
                heads_field,
                format_args!("asks for {heads} heads, which do not divide {width} channels"),
            ));
        }
        blocks.push(UNetBlockConfig {
            down: down[i],
            up: up[i],
            channels: widths[i],
            layers: layers[i],
            transformer_layers: transformers[i],
            heads: heads[i],
            only_cross_attention: only_cross[i],
        });
    }
    Ok(blocks)
}

fn block_kinds(
    file: &JsonFile,
    field: &str,
    count: usize,
    cross: &str,
    plain: &str,
) -> Result<Vec<BlockKind>> {
    let Some(names) = file.string_list(field, MOST_BLOCKS)? else {
        return Err(file.error(field, "is missing"));
    };
    file.check_count(field, names.len(), count)?;
    names
        .iter()
        .map(|name| match name.as_str() {
            n if n == cross => Ok(BlockKind::CrossAttention),
            n if n == plain => Ok(BlockKind::Plain),
            _ => Err(file.unsupported(field)),
        })
        .collect()
}
