//! Owns the autoencoder of single files: names and configuration. What no shape tells is the published models': 32 groups and the
//! family's scaling factor.

use super::kind::Family;
use super::{Pieces, below, side};
use crate::diffusion::config::{KlConfig, VaeConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{Header, Piece};

const GROUPS: usize = 32;
/// More levels and layers than any autoencoder has.
const MOST: usize = 16;

/// The factor between the autoencoder's latents and the UNet's.
pub fn scaling_factor(family: Family) -> f64 {
    match family {
        Family::Sd1 | Family::Sd2 => 0.18215,
        Family::Sdxl => 0.13025,
    }
}

/// Reads the autoencoder below `prefix`; `None` where there is none.
pub fn read(
    header: &Header,
    prefix: &str,
    scaling_factor: f64,
) -> Result<Option<(VaeConfig, Pieces)>> {
    let has = |name: &str| header.tensors.contains_key(&format!("{prefix}{name}"));
    if !has("encoder.down.0.block.0.norm1.weight") || !has("decoder.conv_in.weight") {
        return Ok(None);
    }
    let levels = (0..MOST)
        .take_while(|l| has(&format!("encoder.down.{l}.block.0.norm1.weight")))
        .count();
    let layers = (0..MOST)
        .take_while(|b| has(&format!("encoder.down.0.block.{b}.norm1.weight")))
        .count();
    let widths = (0..levels)
        .map(|l| {
            side(
                header,
                &format!("{prefix}encoder.down.{l}.block.0.conv1.weight"),
                0,
            )
        })
        .collect::<Result<Vec<_>>>()?;
    let config = config(
        header,
        (widths, layers, scaling_factor),
        side(header, &format!("{prefix}decoder.conv_in.weight"), 1)?,
        (
            has("quant_conv.weight"),
            has("post_quant_conv.weight"),
            has("encoder.mid.attn_1.q.weight"),
        ),
    )?;
    let networks = ["encoder.", "decoder.", "quant_conv.", "post_quant_conv."];
    let pieces = below(header, prefix)
        .filter(|(name, _)| networks.iter().any(|n| name.starts_with(n)))
        .map(|(name, full)| (rename(name, levels), Piece::whole(full)))
        .collect();
    Ok(Some((config, pieces)))
}

/// Reads a file in diffusers' own naming.
pub fn read_diffusers(header: &Header, scaling_factor: f64) -> Result<Option<(VaeConfig, Pieces)>> {
    let has = |name: &str| header.tensors.contains_key(name);
    if !has("encoder.down_blocks.0.resnets.0.norm1.weight") || !has("decoder.conv_in.weight") {
        return Ok(None);
    }
    let first = |l: usize| format!("encoder.down_blocks.{l}.resnets.0.conv1.weight");
    let levels = (0..MOST).take_while(|l| has(&first(*l))).count();
    let layers = (0..MOST)
        .take_while(|b| has(&format!("encoder.down_blocks.0.resnets.{b}.norm1.weight")))
        .count();
    let widths = (0..levels)
        .map(|l| side(header, &first(l), 0))
        .collect::<Result<Vec<_>>>()?;
    let attends = has("encoder.mid_block.attentions.0.group_norm.weight");
    let config = config(
        header,
        (widths, layers, scaling_factor),
        side(header, "decoder.conv_in.weight", 1)?,
        (
            has("quant_conv.weight"),
            has("post_quant_conv.weight"),
            attends,
        ),
    )?;
    let pieces = below(header, "").map(|(name, full)| (name.to_owned(), Piece::whole(full)));
    Ok(Some((config, pieces.collect())))
}

fn config(
    header: &Header,
    (widths, layers, scaling_factor): (Vec<usize>, usize, f64),
    latent_channels: usize,
    (quant, post_quant, attends): (bool, bool, bool),
) -> Result<VaeConfig> {
    if let Some(width) = widths.iter().find(|w| !w.is_multiple_of(GROUPS)) {
        return Err(DiffusionError::unsupported(
            &header.path,
            format!("an autoencoder of {width} channels"),
        ));
    }
    Ok(VaeConfig::Kl(KlConfig {
        in_channels: 3,
        out_channels: 3,
        block_out_channels: widths,
        layers_per_block: layers,
        latent_channels,
        norm_num_groups: GROUPS,
        scaling_factor,
        shift_factor: 0.0,
        use_quant_conv: quant,
        use_post_quant_conv: post_quant,
        mid_block_add_attention: attends,
        force_upcast: true,
    }))
}

/// A tensor's name in diffusers' layout; the decoder's levels count the other way there.
fn rename(name: &str, levels: usize) -> String {
    let words: Vec<&str> = name.split('.').collect();
    let level = |word: &str, from_end: bool| {
        let number = word.parse::<usize>().unwrap_or(usize::MAX);
        if from_end && number < levels {
            levels - 1 - number
        } else {
            number
        }
    };
    let start = match words.as_slice() {
        [net, way @ ("down" | "up"), at, "block", layer, rest @ ..] => {
            let at = level(at, *way == "up");
            format!("{net}.{way}_blocks.{at}.resnets.{layer}.{}", rest.join("."))
        }
        [net, "down", at, "downsample", rest @ ..] => {
            format!(
                "{net}.down_blocks.{}.downsamplers.0.{}",
                level(at, false),
                rest.join(".")
            )
        }
        [net, "up", at, "upsample", rest @ ..] => {
            format!(
                "{net}.up_blocks.{}.upsamplers.0.{}",
                level(at, true),
                rest.join(".")
            )
        }
        [net, "mid", "block_1", rest @ ..] => {
            format!("{net}.mid_block.resnets.0.{}", rest.join("."))
        }
        [net, "mid", "block_2", rest @ ..] => {
            format!("{net}.mid_block.resnets.1.{}", rest.join("."))
        }
        [net, "mid", "attn_1", part, rest @ ..] => {
            let part = match *part {
                "norm" => "group_norm",
                "q" => "to_q",
                "k" => "to_k",
                "v" => "to_v",
                "proj_out" => "to_out.0",
                other => other,
            };
            format!("{net}.mid_block.attentions.0.{part}.{}", rest.join("."))
        }
        [net, "norm_out", rest @ ..] => format!("{net}.conv_norm_out.{}", rest.join(".")),
        _ => name.to_owned(),
    };
    start.replace(".nin_shortcut.", ".conv_shortcut.")
}

#[cfg(test)]
mod tests {
    use super::rename;

    #[test]
    fn names_of_both_ways_are_found() {
        for (from, to) in [
            (
                "encoder.down.1.block.0.nin_shortcut.weight",
                "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
            ),
            (
                "encoder.down.0.downsample.conv.bias",
                "encoder.down_blocks.0.downsamplers.0.conv.bias",
            ),
            (
                "decoder.up.3.block.2.conv1.weight",
                "decoder.up_blocks.0.resnets.2.conv1.weight",
            ),
            (
                "decoder.up.1.upsample.conv.weight",
                "decoder.up_blocks.2.upsamplers.0.conv.weight",
            ),
            (
                "decoder.mid.attn_1.proj_out.weight",
                "decoder.mid_block.attentions.0.to_out.0.weight",
            ),
            ("decoder.norm_out.weight", "decoder.conv_norm_out.weight"),
            ("quant_conv.weight", "quant_conv.weight"),
        ] {
            assert_eq!(rename(from, 4), to);
        }
    }
}
