//! Owns the text encoders of single files: CLIP in its Hugging Face naming or in OpenCLIP's, whose attention keeps query, key and
//! value in one matrix. What no shape tells is CLIP's own: heads of 64, and the activation of each naming's models.

use super::kind::{Family, TEXT_SD1, TEXT_SD2, TEXT_XL};
use super::{Pieces, TextPart, below, side};
use crate::diffusion::config::{TextActivation, TextConfig};
use crate::diffusion::error::Result;
use crate::diffusion::weights::{Header, Piece};

const HEAD_WIDTH: usize = 64;
/// More layers than any text encoder has.
const MOST_LAYERS: usize = 128;

/// Reads the family's encoders.
pub fn read(header: &Header, family: Family) -> Result<(TextPart, Option<TextPart>)> {
    match family {
        Family::Sd1 => Ok((hugging_face(header, TEXT_SD1)?, None)),
        // SD 2 reads the last layer but one, through the final norm: the last layer is left out.
        Family::Sd2 => Ok((open_clip(header, TEXT_SD2, 1)?, None)),
        Family::Sdxl => Ok((
            hugging_face(header, TEXT_XL[0])?,
            Some(open_clip(header, TEXT_XL[1], 0)?),
        )),
    }
}

/// Width of the pooled prompt that SDXL's second encoder makes.
pub fn projection_width(header: &Header) -> Result<usize> {
    let prefix = TEXT_XL[1];
    if header
        .tensors
        .contains_key(&format!("{prefix}text_projection.weight"))
    {
        side(header, &format!("{prefix}text_projection.weight"), 0)
    } else {
        side(header, &format!("{prefix}text_projection"), 1)
    }
}

fn hugging_face(header: &Header, prefix: &str) -> Result<TextPart> {
    let inner = format!("{prefix}text_model.");
    let inner = if header.has_prefix(&inner) {
        inner
    } else {
        prefix.to_owned()
    };
    let table = format!("{inner}embeddings.token_embedding.weight");
    let layers = (0..MOST_LAYERS)
        .take_while(|l| {
            let name = format!("{inner}encoder.layers.{l}.layer_norm1.weight");
            header.tensors.contains_key(&name)
        })
        .count();
    let config = TextConfig {
        vocab_size: side(header, &table, 0)?,
        hidden_size: side(header, &table, 1)?,
        intermediate_size: side(
            header,
            &format!("{inner}encoder.layers.0.mlp.fc1.weight"),
            0,
        )?,
        num_hidden_layers: layers,
        num_attention_heads: heads(side(header, &table, 1)?),
        max_position_embeddings: side(
            header,
            &format!("{inner}embeddings.position_embedding.weight"),
            0,
        )?,
        layer_norm_eps: 1e-5,
        activation: TextActivation::QuickGelu,
        projection_dim: side(header, &table, 1)?,
    };
    let pieces = below(header, prefix).map(|(name, full)| (name.to_owned(), Piece::whole(full)));
    Ok(TextPart {
        config,
        pieces: pieces.collect(),
    })
}

fn heads(width: usize) -> usize {
    let heads = (width / HEAD_WIDTH).max(1);
    if width.is_multiple_of(heads) {
        heads
    } else {
        1
    }
}

/// Without the last `left_out` layers.
fn open_clip(header: &Header, prefix: &str, left_out: usize) -> Result<TextPart> {
    let table = format!("{prefix}token_embedding.weight");
    let layer = |l: usize, rest: &str| format!("{prefix}transformer.resblocks.{l}.{rest}");
    let layers = (0..MOST_LAYERS)
        .take_while(|l| header.tensors.contains_key(&layer(*l, "ln_1.weight")))
        .count();
    let width = side(header, &table, 1)?;
    let kept = layers.saturating_sub(left_out);
    let projection = if header.has_prefix(&format!("{prefix}text_projection")) && left_out == 0 {
        projection_width(header)?
    } else {
        width
    };
    let config = TextConfig {
        vocab_size: side(header, &table, 0)?,
        hidden_size: width,
        intermediate_size: side(header, &layer(0, "mlp.c_fc.weight"), 0)?,
        num_hidden_layers: kept,
        num_attention_heads: heads(width),
        max_position_embeddings: side(header, &format!("{prefix}positional_embedding"), 0)?,
        layer_norm_eps: 1e-5,
        activation: TextActivation::Gelu,
        projection_dim: projection,
    };
    let mut pieces = Pieces::new();
    for (name, full) in below(header, prefix) {
        put(&mut pieces, name, full, width, kept);
    }
    Ok(TextPart { config, pieces })
}

/// Puts one OpenCLIP tensor under its Hugging Face name, or under three.
fn put(pieces: &mut Pieces, name: &str, full: &str, width: usize, layers: usize) {
    let simple = [
        (
            "token_embedding.weight",
            "text_model.embeddings.token_embedding.weight",
        ),
        (
            "positional_embedding",
            "text_model.embeddings.position_embedding.weight",
        ),
        ("ln_final.weight", "text_model.final_layer_norm.weight"),
        ("ln_final.bias", "text_model.final_layer_norm.bias"),
        ("text_projection.weight", "text_projection.weight"),
    ];
    if let Some((_, to)) = simple.iter().find(|(from, _)| *from == name) {
        pieces.insert((*to).to_owned(), Piece::whole(full));
        return;
    }
    if name == "text_projection" {
        pieces.insert("text_projection.weight".to_owned(), Piece::transposed(full));
        return;
    }
    let Some(rest) = name.strip_prefix("transformer.resblocks.") else {
        // `logit_scale` and a mask that some files store.
        return;
    };
    let Some((layer, rest)) = rest.split_once('.') else {
        return;
    };
    if layer.parse::<usize>().is_ok_and(|l| l >= layers) {
        return;
    }
    let to = format!("text_model.encoder.layers.{layer}");
    if let Some(kind) = rest.strip_prefix("attn.in_proj_") {
        for (i, part) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
            let name = format!("{to}.self_attn.{part}.{kind}");
            pieces.insert(name, Piece::rows(full, i * width, width));
        }
        return;
    }
    let inner = [
        ("ln_1.", "layer_norm1."),
        ("ln_2.", "layer_norm2."),
        ("attn.out_proj.", "self_attn.out_proj."),
        ("mlp.c_fc.", "mlp.fc1."),
        ("mlp.c_proj.", "mlp.fc2."),
    ];
    let renamed = inner
        .iter()
        .find_map(|(from, to)| Some(format!("{to}{}", rest.strip_prefix(from)?)));
    let rest = renamed.unwrap_or_else(|| rest.to_owned());
    pieces.insert(format!("{to}.{rest}"), Piece::whole(full));
}
