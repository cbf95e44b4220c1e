//! Owns estimates of what each stage of a run needs beside the weights: a walk through the networks' configurations that counts the
//! tensors alive at once. Used by `plan`. Estimates err upward; the report says what was measured.

use crate::diffusion::config::{
    BlockKind, KlConfig, TextConfig, TinyConfig, UNetBlockConfig, UNetConfig, VaeConfig,
};
use crate::diffusion::vae::{BAND, VaeWay};

/// Scratch of the CPU's kernels, whatever the picture.
const HOST_SCRATCH: u64 = 48 << 20;
/// With what allocators lose between tensors, in percent (measured on the CPU).
const LOSS: u64 = 135;
/// Tensors of a band alive at once.
const BAND_COPIES: u64 = 8;

/// What a network computes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    /// On the CPU in f32, by kernels that work in place where they can.
    pub is_host: bool,
    /// Tensors lie in the computer's own memory.
    pub on_cpu: bool,
    /// Of one number.
    pub bytes: u64,
    /// Numbers of attention scores at once.
    pub scores: u64,
}

impl Ground {
    /// With what is always lost.
    fn total(&self, bytes: u64) -> u64 {
        let scratch = if self.on_cpu { HOST_SCRATCH } else { 0 };
        bytes * LOSS / 100 + scratch
    }

    /// A residual block over `pixels` (of all pictures of a batch).
    fn resnet(&self, inputs: u64, outputs: u64, pixels: u64) -> u64 {
        if self.is_host {
            return pixels * self.bytes * (inputs + (inputs + outputs).max(3 * outputs));
        }
        // Norms widen to f32 and take several passes.
        let norm = 16 * inputs.max(outputs);
        pixels * (self.bytes * (inputs + 2 * outputs) + norm)
    }

    /// A norm with its activation.
    fn norm(&self, channels: u64, pixels: u64) -> u64 {
        let wide = if self.is_host { self.bytes } else { 16 };
        pixels * channels * (self.bytes + wide)
    }

    /// Attention of `tokens` to `keys` (of one picture, `pictures` at once), and the layers around it.
    fn attention(&self, width: u64, heads: u64, tokens: u64, keys: u64, pictures: u64) -> u64 {
        let around = 9 * width * tokens * pictures * self.bytes;
        if self.is_host {
            return around;
        }
        around + (pictures * heads * tokens * keys).min(self.scores) * 12
    }

    /// A transformer over a level's pixels.
    fn transformer(&self, block: &UNetBlockConfig, pixels: u64, pictures: u64) -> u64 {
        let channels = block.channels as u64;
        let most = if self.is_host { 1 << 21 } else { 1 << 24 };
        let inner = (8 * channels * pixels * pictures).min(most) * 2 * self.bytes;
        let attention = self.attention(channels, block.heads as u64, pixels, pixels, pictures);
        attention.max(5 * channels * pixels * pictures * self.bytes + inner)
    }
}

fn attends(kind: BlockKind) -> bool {
    kind == BlockKind::CrossAttention
}

/// One evaluation of the UNet over `pictures` latents of `[height, width]`.
pub(super) fn unet(
    config: &UNetConfig,
    [height, width]: [u64; 2],
    pictures: u64,
    on: &Ground,
) -> u64 {
    let levels = config.blocks.len();
    let pixels = |level: usize| height.div_ceil(1 << level) * width.div_ceil(1 << level);
    let (mut skips, mut peak) = (Vec::new(), 0);
    let mut channels = config.blocks[0].channels as u64;
    skips.push(channels * pixels(0) * pictures);
    let held = |skips: &[u64]| skips.iter().sum::<u64>() * on.bytes;
    for (level, block) in config.blocks.iter().enumerate() {
        let (area, outputs) = (pixels(level), block.channels as u64);
        for _ in 0..block.layers {
            peak = peak.max(held(&skips) + on.resnet(channels, outputs, area * pictures));
            if attends(block.down) {
                peak = peak.max(held(&skips) + on.transformer(block, area, pictures));
            }
            channels = outputs;
            skips.push(channels * area * pictures);
        }
        if level + 1 < levels {
            skips.push(channels * pixels(level + 1) * pictures);
        }
    }
    for level in (0..levels).rev() {
        let (block, area) = (&config.blocks[level], pixels(level));
        let outputs = block.channels as u64;
        for _ in 0..=block.layers {
            let skip = skips.pop().unwrap_or_default() / (area * pictures).max(1);
            let both = channels + skip;
            let here = on.resnet(both, outputs, area * pictures);
            // Both are copied side by side.
            let joining = 2 * both * area * pictures * on.bytes;
            peak = peak.max(held(&skips) + here.max(joining));
            if attends(block.up) {
                peak = peak.max(held(&skips) + on.transformer(block, area, pictures));
            }
            channels = outputs;
        }
        if level > 0 {
            let doubled = (area + 2 * pixels(level - 1)) * channels * pictures * on.bytes;
            peak = peak.max(held(&skips) + doubled);
        }
    }
    on.total(peak.max(on.norm(channels, pixels(0) * pictures)))
}

/// The autoencoder's encoder over a picture of `[height, width]` pixels.
pub(super) fn encode(config: &VaeConfig, size: [u64; 2], way: VaeWay, on: &Ground) -> u64 {
    let bytes = match config {
        VaeConfig::Kl(kl) => {
            let peak = walk_encoder(kl, size, way, on);
            peak.max(middle(kl, size, on))
        }
        VaeConfig::Tiny(tiny) => tiny_peak(tiny, size, on),
    };
    on.total(bytes)
}

/// The autoencoder's decoder to a picture of `[height, width]` pixels.
pub(super) fn decode(config: &VaeConfig, size: [u64; 2], way: VaeWay, on: &Ground) -> u64 {
    let bytes = match config {
        VaeConfig::Kl(kl) => {
            let peak = walk_decoder(kl, size, way, on);
            peak.max(middle(kl, size, on))
        }
        VaeConfig::Tiny(tiny) => tiny_peak(tiny, size, on),
    };
    // The picture, on its way to the computer's memory.
    on.total(bytes + 6 * 4 * size[0] * size[1])
}

/// Planes that wait in the computer's memory while bands are computed, and the bands.
fn banded(numbers: u64, on: &Ground) -> u64 {
    let waiting = if on.on_cpu { numbers * 4 } else { 0 };
    waiting + BAND as u64 * BAND_COPIES * on.bytes
}

fn walk_encoder(kl: &KlConfig, [height, width]: [u64; 2], way: VaeWay, on: &Ground) -> u64 {
    let mut peak = 0;
    let mut channels = kl.block_out_channels[0] as u64;
    for (level, outputs) in kl.block_out_channels.iter().enumerate() {
        let (area, outputs) = ((height >> level) * (width >> level), *outputs as u64);
        for _ in 0..kl.layers_per_block {
            let here = match way {
                VaeWay::Whole => on.resnet(channels, outputs, area),
                VaeWay::Bands => banded(area * three(channels, outputs), on),
            };
            peak = peak.max(here);
            channels = outputs;
        }
        let halved = area * channels * 9 / 4;
        peak = peak.max(match way {
            VaeWay::Whole => halved * on.bytes,
            VaeWay::Bands => banded(area * channels * 5 / 4, on),
        });
    }
    peak
}

/// A block's input, what is between its convolutions, and its output, which takes the input's place where it can.
fn three(inputs: u64, outputs: u64) -> u64 {
    if inputs == outputs {
        2 * inputs
    } else {
        inputs + 2 * outputs
    }
}

fn walk_decoder(kl: &KlConfig, [height, width]: [u64; 2], way: VaeWay, on: &Ground) -> u64 {
    let levels = kl.block_out_channels.len();
    let mut channels = kl.block_out_channels[levels - 1] as u64;
    let mut peak = 0;
    for (level, outputs) in kl.block_out_channels.iter().enumerate().rev() {
        let (area, outputs) = ((height >> level) * (width >> level), *outputs as u64);
        for layer in 0..=kl.layers_per_block {
            let is_doubling = layer == 0 && level + 1 < levels;
            let here = match way {
                VaeWay::Whole => on.resnet(channels, outputs, area),
                // What is enlarged waits at its small size.
                VaeWay::Bands if is_doubling => {
                    banded(area * channels / 4 + area * 2 * outputs, on)
                }
                VaeWay::Bands => banded(area * three(channels, outputs), on),
            };
            peak = peak.max(here);
            channels = outputs;
        }
        if level > 0 && way == VaeWay::Whole {
            peak = peak.max(area * 9 * channels * on.bytes);
        }
    }
    let area = height * width;
    peak.max(match way {
        VaeWay::Whole => on.norm(channels, area),
        VaeWay::Bands => banded(area * (channels + 3), on),
    })
}

/// The middle block, which is never cut.
fn middle(kl: &KlConfig, [height, width]: [u64; 2], on: &Ground) -> u64 {
    let levels = kl.block_out_channels.len();
    let channels = kl.block_out_channels[levels - 1] as u64;
    let area = (height >> (levels - 1)) * (width >> (levels - 1));
    let resnet = on.resnet(channels, channels, area);
    if kl.mid_block_add_attention {
        // Its scores are f32 whatever the model computes in.
        let wide = Ground { bytes: 4, ..*on };
        resnet.max(wide.attention(channels, 1, area, area, 1))
    } else {
        resnet
    }
}

fn tiny_peak(tiny: &TinyConfig, [height, width]: [u64; 2], on: &Ground) -> u64 {
    let widths = tiny.encoder_block_out_channels.iter();
    let widest = widths.chain(&tiny.decoder_block_out_channels).max();
    height * width * 4 * widest.map_or(64, |w| *w as u64) * on.bytes
}

/// One prompt's tokens through a text encoder.
pub(super) fn text(config: &TextConfig, on: &Ground) -> u64 {
    let tokens = config.max_position_embeddings as u64;
    let (width, inner) = (config.hidden_size as u64, config.intermediate_size as u64);
    let heads = config.num_attention_heads as u64;
    on.total(on.attention(width, heads, tokens, tokens, 1) + 3 * tokens * inner * on.bytes)
}
