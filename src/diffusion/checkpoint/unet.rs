//! Owns the UNet of single files: from the original code's numbered blocks to diffusers' named ones, and its configuration from
//! shapes. What no shape tells is the published models': 32 groups, and heads by how tokens are projected (SD 1: 8 heads, by
//! convolutions; SD 2 and SDXL: heads of 64, by matrices).

use std::collections::{BTreeMap, HashMap};

use super::kind::{Family, UNET};
use super::{Pieces, below, side};
use crate::diffusion::config::{AdditionConfig, BlockKind, TIME_IDS, UNetBlockConfig, UNetConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{Header, Piece};

const GROUPS: usize = 32;
const HEADS_SD1: usize = 8;
const HEAD_WIDTH: usize = 64;
/// More blocks than any UNet has.
const MOST_BLOCKS: usize = 64;

/// What stands at one place of a numbered block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Resnet,
    Attention,
    Down,
    Up,
    Plain,
}

/// Where a numbered block's place (`input_blocks.4.1`) is in diffusers' layout.
type Places = HashMap<String, (String, Kind)>;

/// One level while it is being found.
#[derive(Debug, Clone, Default)]
struct Level {
    /// The first residual layer, in the file's naming.
    first: String,
    /// Residual layers on the way down.
    layers: usize,
    down: bool,
    up: bool,
    /// An attention of the level, in the file's naming, for its shapes.
    attention: Option<String>,
}

/// Reads the UNet below its prefix.
pub fn read(header: &Header, family: Family) -> Result<(UNetConfig, Pieces)> {
    let (places, levels) = walk(header)?;
    let mut pieces = Pieces::new();
    for (name, full) in below(header, UNET) {
        let name = rename(name, &places).unwrap_or_else(|| name.to_owned());
        pieces.insert(name, Piece::whole(full));
    }
    Ok((config(header, family, &levels)?, pieces))
}

/// Finds every place and the levels they belong to.
fn walk(header: &Header) -> Result<(Places, Vec<Level>)> {
    let has = |name: String| header.tensors.contains_key(&format!("{UNET}{name}"));
    let mut places = Places::new();
    let mut put = |from: String, to: String, kind| places.insert(from, (to, kind));
    put("input_blocks.0.0".into(), "conv_in".into(), Kind::Plain);
    let mut levels = vec![Level::default()];
    for n in 1..MOST_BLOCKS {
        let block = format!("input_blocks.{n}");
        let at = levels.len() - 1;
        if has(format!("{block}.0.op.weight")) {
            put(
                format!("{block}.0"),
                format!("down_blocks.{at}.downsamplers.0"),
                Kind::Down,
            );
            levels.push(Level::default());
            continue;
        }
        if !has(format!("{block}.0.in_layers.0.weight")) {
            break;
        }
        let level = &mut levels[at];
        let layer = level.layers;
        level.layers += 1;
        if layer == 0 {
            level.first = format!("{block}.0");
        }
        put(
            format!("{block}.0"),
            format!("down_blocks.{at}.resnets.{layer}"),
            Kind::Resnet,
        );
        if has(format!("{block}.1.proj_in.weight")) {
            level.down = true;
            level.attention = Some(format!("{block}.1"));
            put(
                format!("{block}.1"),
                format!("down_blocks.{at}.attentions.{layer}"),
                Kind::Attention,
            );
        }
    }
    for (n, name, kind) in [
        (0, "resnets.0", Kind::Resnet),
        (1, "attentions.0", Kind::Attention),
        (2, "resnets.1", Kind::Resnet),
    ] {
        put(
            format!("middle_block.{n}"),
            format!("mid_block.{name}"),
            kind,
        );
    }
    let (mut up, mut layer) = (0, 0);
    for n in 0..MOST_BLOCKS {
        let block = format!("output_blocks.{n}");
        if !has(format!("{block}.0.in_layers.0.weight")) || up >= levels.len() {
            break;
        }
        put(
            format!("{block}.0"),
            format!("up_blocks.{up}.resnets.{layer}"),
            Kind::Resnet,
        );
        let level = levels.len() - 1 - up;
        if has(format!("{block}.1.proj_in.weight")) {
            levels[level].up = true;
            levels[level].attention = Some(format!("{block}.1"));
            put(
                format!("{block}.1"),
                format!("up_blocks.{up}.attentions.{layer}"),
                Kind::Attention,
            );
        }
        layer += 1;
        let grows = (1..3).find(|i| has(format!("{block}.{i}.conv.weight")));
        if let Some(i) = grows {
            put(
                format!("{block}.{i}"),
                format!("up_blocks.{up}.upsamplers.0"),
                Kind::Up,
            );
            (up, layer) = (up + 1, 0);
        }
    }
    if levels.iter().any(|l| l.layers == 0) {
        return Err(DiffusionError::weights(
            &header.path,
            "has a UNet with a level of no layers; download it again",
        ));
    }
    Ok((places, levels))
}

/// A tensor's name in diffusers' layout.
fn rename(name: &str, places: &Places) -> Option<String> {
    for (from, to) in [
        ("time_embed.0.", "time_embedding.linear_1."),
        ("time_embed.2.", "time_embedding.linear_2."),
        ("time_embed.cond_proj.", "time_embedding.cond_proj."),
        ("label_emb.0.0.", "add_embedding.linear_1."),
        ("label_emb.0.2.", "add_embedding.linear_2."),
        ("out.0.", "conv_norm_out."),
        ("out.2.", "conv_out."),
    ] {
        if let Some(rest) = name.strip_prefix(from) {
            return Some(format!("{to}{rest}"));
        }
    }
    let parts = if name.starts_with("middle_block.") {
        2
    } else {
        3
    };
    let cut = name.match_indices('.').nth(parts - 1)?.0;
    let (place, rest) = (&name[..cut], &name[cut + 1..]);
    let (to, kind) = places.get(place)?;
    let rest = match kind {
        Kind::Attention | Kind::Up | Kind::Plain => rest.to_owned(),
        Kind::Down => rest.strip_prefix("op.").map(|r| format!("conv.{r}"))?,
        Kind::Resnet => resnet_name(rest)?,
    };
    Some(format!("{to}.{rest}"))
}

/// Names inside a residual block.
const RESNET: [(&str, &str); 6] = [
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
];

fn resnet_name(rest: &str) -> Option<String> {
    RESNET.iter().find_map(|(from, to)| {
        let tail = rest.strip_prefix(from)?;
        Some(format!("{to}{tail}"))
    })
}

/// By diffusers' module path, the module's path in the original naming, for a UNet of this make: what some LoRAs are named by.
pub fn ldm_block_names(config: &UNetConfig) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut resnet = |to: String, from: String| {
        for (inner_from, inner_to) in RESNET {
            out.insert(format!("{to}.{inner_to}"), format!("{from}.{inner_from}"));
        }
    };
    let mut others = vec![
        ("conv_in".to_owned(), "input_blocks.0.0".to_owned()),
        ("time_embedding.linear_1".into(), "time_embed.0".into()),
        ("time_embedding.linear_2".into(), "time_embed.2".into()),
        ("add_embedding.linear_1".into(), "label_emb.0.0".into()),
        ("add_embedding.linear_2".into(), "label_emb.0.2".into()),
        ("conv_out".into(), "out.2".into()),
        ("mid_block.attentions.0".into(), "middle_block.1".into()),
    ];
    resnet("mid_block.resnets.0".into(), "middle_block.0".into());
    resnet("mid_block.resnets.1".into(), "middle_block.2".into());
    let mut n = 1;
    let levels = config.blocks.len();
    for (at, level) in config.blocks.iter().enumerate() {
        for layer in 0..level.layers {
            resnet(
                format!("down_blocks.{at}.resnets.{layer}"),
                format!("input_blocks.{n}.0"),
            );
            others.push((
                format!("down_blocks.{at}.attentions.{layer}"),
                format!("input_blocks.{n}.1"),
            ));
            n += 1;
        }
        if at + 1 < levels {
            others.push((
                format!("down_blocks.{at}.downsamplers.0.conv"),
                format!("input_blocks.{n}.0.op"),
            ));
            n += 1;
        }
    }
    let mut n = 0;
    for (at, level) in config.blocks.iter().rev().enumerate() {
        for layer in 0..=level.layers {
            resnet(
                format!("up_blocks.{at}.resnets.{layer}"),
                format!("output_blocks.{n}.0"),
            );
            others.push((
                format!("up_blocks.{at}.attentions.{layer}"),
                format!("output_blocks.{n}.1"),
            ));
            if layer == level.layers && at + 1 < levels {
                let place = 1 + usize::from(level.up == BlockKind::CrossAttention);
                others.push((
                    format!("up_blocks.{at}.upsamplers.0.conv"),
                    format!("output_blocks.{n}.{place}.conv"),
                ));
            }
            n += 1;
        }
    }
    out.extend(others);
    out
}

fn config(header: &Header, family: Family, levels: &[Level]) -> Result<UNetConfig> {
    let full = |name: &str| format!("{UNET}{name}");
    let length = |name: &str, dimension| side(header, &full(name), dimension);
    let shape = |name: &str| header.shape(&full(name));
    let any_attention = levels
        .iter()
        .find_map(|l| l.attention.clone())
        .unwrap_or_else(|| "middle_block.1".into());
    let linear = shape(&format!("{any_attention}.proj_in.weight")).len() == 2;
    let heads = |channels: usize| {
        if linear {
            (channels / HEAD_WIDTH).max(1)
        } else {
            HEADS_SD1
        }
    };
    let depth = |attention: &str| {
        let start = format!("{UNET}{attention}.transformer_blocks.");
        let numbers = header.tensors.keys().filter_map(|name| {
            let rest = name.strip_prefix(&start)?;
            rest.split('.').next()?.parse::<usize>().ok()
        });
        numbers
            .max()
            .map_or(1, |last| last.saturating_add(1))
            .min(MOST_BLOCKS)
    };
    let kind = |attends| {
        if attends {
            BlockKind::CrossAttention
        } else {
            BlockKind::Plain
        }
    };
    let mut blocks = Vec::with_capacity(levels.len());
    for (at, level) in levels.iter().enumerate() {
        let channels = length(&format!("{}.out_layers.3.weight", level.first), 0)?;
        let is_last = at + 1 == levels.len();
        let attention = level
            .attention
            .clone()
            .or_else(|| is_last.then(|| "middle_block.1".to_owned()));
        let heads = heads(channels);
        if attention.is_some() && !channels.is_multiple_of(heads)
            || !channels.is_multiple_of(GROUPS)
        {
            return Err(DiffusionError::unsupported(
                &header.path,
                format!("a UNet of {channels} channels"),
            ));
        }
        blocks.push(UNetBlockConfig {
            down: kind(level.down),
            up: kind(level.up),
            channels,
            layers: level.layers,
            transformer_layers: attention.as_deref().map_or(1, depth),
            heads,
            only_cross_attention: false,
        });
    }
    let to_k = format!("{any_attention}.transformer_blocks.0.attn2.to_k.weight");
    let in_channels = length("input_blocks.0.0.weight", 1)?;
    let out_channels = length("out.2.weight", 0)?;
    let side = match family {
        Family::Sd1 => 64,
        Family::Sd2 if in_channels > out_channels => 64,
        Family::Sd2 => 96,
        Family::Sdxl => 128,
    };
    let cond_proj = shape("time_embed.cond_proj.weight").get(1).copied();
    Ok(UNetConfig {
        in_channels,
        out_channels,
        sample_size: [side, side],
        has_mid_block: true,
        cross_attention_dim: length(&to_k, 1)?,
        use_linear_projection: linear,
        // Scores of SD 2's UNets overflow in f16; the published 2.1 asks for this, and it costs the others little.
        upcast_attention: family == Family::Sd2,
        norm_num_groups: GROUPS,
        norm_eps: 1e-5,
        flip_sin_to_cos: true,
        freq_shift: 0.0,
        time_embed_dim: length("time_embed.0.weight", 0)?,
        addition: addition(header, family)?,
        time_cond_proj_dim: cond_proj.filter(|w| (1..=65536).contains(w)),
        center_input_sample: false,
        mid_block_scale_factor: 1.0,
        downsample_padding: 1,
        conv_in_kernel: 3,
        conv_out_kernel: 3,
        blocks,
    })
}

/// SDXL's further condition: the pooled prompt is as wide as the second encoder's projection, the rest are six numbers' waves.
fn addition(header: &Header, family: Family) -> Result<Option<AdditionConfig>> {
    if family != Family::Sdxl {
        return Ok(None);
    }
    let input_dim = side(header, &format!("{UNET}label_emb.0.0.weight"), 1)?;
    let pooled = super::text::projection_width(header)?;
    let waves = input_dim.saturating_sub(pooled);
    if waves == 0 || !waves.is_multiple_of(2 * TIME_IDS) {
        return Err(DiffusionError::weights(
            &header.path,
            "mixes two models: its UNet and its second text encoder do not fit together",
        ));
    }
    Ok(Some(AdditionConfig {
        time_embed_dim: waves / TIME_IDS,
        input_dim,
    }))
}
