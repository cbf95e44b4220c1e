//! Owns measuring the primitives: how much arithmetic a network asks of them, and each hot one alone at a UNet's sizes. Used by the
//! engine's bench. Must never change what is computed.
//!
//! What counts as arithmetic, in floating-point operations (a multiplication and an addition are two): convolution 2 · n · h' · w' · outputs · inputs · k²,
//! linear 2 · rows · inputs · outputs, attention 2 · n · heads · queries · keys · (d + e). Nothing else counts: norms, activations,
//! softmax and sums are a few operations a number. Convolutions count as the plain sum, however they are done, so
//! Winograd's, which needs less, can come out above a device's matrix product.

use std::cell::Cell;

use burn::tensor::{DType, Device, Distribution, Tensor};

use super::{Conv2d, ConvShape, GroupNorm, Linear, attend, geglu};
use crate::diffusion::config::{BlockKind, UNetConfig};
use crate::diffusion::error::Result;
use crate::diffusion::weights::{Scope, Weights};

thread_local! {
    static COUNTED: Cell<u64> = const { Cell::new(0) };
}

/// Notes arithmetic, as the product of `factors`, twice.
pub(super) fn count(factors: &[usize]) {
    let flop = 2 * factors.iter().map(|f| *f as u64).product::<u64>();
    COUNTED.with(|c| c.set(c.get().wrapping_add(flop)));
}

/// What `work` gives, and the floating-point operations that it asked of the primitives on this thread.
pub fn counting<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = COUNTED.with(Cell::get);
    let value = work();
    (value, COUNTED.with(Cell::get).wrapping_sub(before))
}

/// One primitive at one size, ready to run.
pub struct HotOp {
    pub name: &'static str,
    /// For people: "320 channels, 64 × 64".
    pub shape: String,
    /// Bytes that must be read and written at the least: operands once, results once.
    pub bytes: u64,
    work: Box<dyn Fn() -> Result<()>>,
}

impl HotOp {
    /// Starts it once; devices may still be at it afterwards.
    pub fn run(&self) -> Result<()> {
        (self.work)()
    }
}

/// Where hot operations are made.
struct Bench<'a> {
    scope: Scope<'a>,
    device: &'a Device,
    dtype: DType,
    ops: Vec<HotOp>,
}

/// The operations that take a UNet's time, once for each level: its own 3×3 convolution and norm, and where it has transformers their
/// attentions, linear layers and gate. `rows` and `columns` are the latents', `tokens` the prompt's length.
pub fn hot_ops(
    config: &UNetConfig,
    [rows, columns]: [usize; 2],
    tokens: usize,
    device: &Device,
    dtype: DType,
) -> Vec<HotOp> {
    let weights = Weights::invented(device, dtype);
    let mut bench = Bench {
        scope: weights.root(),
        device,
        dtype,
        ops: Vec::new(),
    };
    for (level, block) in config.blocks.iter().enumerate() {
        let size = [rows, columns].map(|side| side.div_ceil(1 << level));
        let area = size[0] * size[1];
        let channels = block.channels;
        bench.convolution(channels, size);
        bench.norm(channels, size, config);
        if block.down == BlockKind::CrossAttention || block.up == BlockKind::CrossAttention {
            bench.attention(
                "self-attention",
                block.heads,
                channels,
                [area, area],
                config,
            );
            bench.attention(
                "cross-attention",
                block.heads,
                channels,
                [area, tokens],
                config,
            );
            bench.linear(area, channels, channels);
            bench.linear(area, channels, channels * 8);
            bench.linear(area, channels * 4, channels);
            bench.gate(area, channels * 4);
        }
    }
    bench.ops
}

impl Bench<'_> {
    fn random<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        Tensor::<D>::random(
            shape,
            Distribution::Normal(0.0, 1.0),
            (self.device, DType::F32),
        )
        .cast(self.dtype)
    }

    fn add(
        &mut self,
        name: &'static str,
        shape: String,
        numbers: usize,
        work: impl Fn() -> Result<()> + 'static,
    ) {
        let bytes = (numbers * self.dtype.size()) as u64;
        let work = Box::new(work);
        self.ops.push(HotOp {
            name,
            shape,
            bytes,
            work,
        });
    }

    fn convolution(&mut self, channels: usize, [h, w]: [usize; 2]) {
        let conv = Conv2d::load(&self.scope, ConvShape::same(channels, channels, 3), true);
        let x = self.random([1, channels, h, w]);
        let numbers = 2 * channels * h * w + 9 * channels * channels;
        self.add(
            "conv 3×3",
            format!("{channels} channels, {h} × {w}"),
            numbers,
            move || conv.forward(x.clone()).map(drop),
        );
    }

    fn norm(&mut self, channels: usize, [h, w]: [usize; 2], config: &UNetConfig) {
        let norm = GroupNorm::load(
            &self.scope,
            config.norm_num_groups,
            channels,
            config.norm_eps,
        );
        let x = self.random([1, channels, h, w]);
        let shape = format!("{channels} channels, {h} × {w}");
        self.add(
            "group norm + SiLU",
            shape,
            2 * channels * h * w,
            move || norm.forward_silu(x.clone()).map(drop),
        );
    }

    fn attention(
        &mut self,
        name: &'static str,
        heads: usize,
        channels: usize,
        [queries, keys]: [usize; 2],
        config: &UNetConfig,
    ) {
        let width = channels / heads;
        let [q, k, v] = [queries, keys, keys].map(|n| self.random([1, heads, n, width]));
        let upcast = config.upcast_attention;
        let shape = format!("{queries} × {keys} tokens, {heads} heads of {width}");
        self.add(name, shape, 2 * channels * (queries + keys), move || {
            attend(q.clone(), k.clone(), &v, None, upcast).map(drop)
        });
    }

    fn linear(&mut self, rows: usize, inputs: usize, outputs: usize) {
        let linear = Linear::load(&self.scope, inputs, outputs, true);
        let x = self.random([1, rows, inputs]);
        let numbers = rows * (inputs + outputs) + inputs * outputs;
        self.add(
            "linear",
            format!("{rows} tokens, {inputs} to {outputs}"),
            numbers,
            move || {
                drop(linear.forward(x.clone()));
                Ok(())
            },
        );
    }

    fn gate(&mut self, rows: usize, width: usize) {
        let x = self.random([1, rows, width * 2]);
        self.add(
            "GEGLU",
            format!("{rows} tokens, {width} wide"),
            3 * rows * width,
            move || geglu(x.clone()).map(drop),
        );
    }
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::config::JsonFile;
    use serde_json::json;

    #[test]
    fn arithmetic_is_counted_by_the_formulas() {
        let json = json!({
            "block_out_channels": [32, 64],
            "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
            "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
            "cross_attention_dim": 16,
        });
        let json = JsonFile::from_value(std::path::Path::new("config.json"), json).unwrap();
        let config = UNetConfig::from_json(&json).unwrap();
        let ops = hot_ops(&config, [6, 5], 7, &Device::flex(), DType::F32);
        let flops: Vec<(&str, u64)> = ops
            .iter()
            .map(|op| {
                let (outcome, flop) = counting(|| op.run());
                outcome.unwrap();
                (op.name, flop)
            })
            .collect();
        let expected = [
            ("conv 3×3", 2 * 30 * 9 * 32 * 32),
            ("group norm + SiLU", 0),
            ("self-attention", 2 * 30 * 30 * 2 * 32),
            ("cross-attention", 2 * 30 * 7 * 2 * 32),
            ("linear", 2 * 30 * 32 * 32),
            ("linear", 2 * 30 * 32 * 256),
            ("linear", 2 * 30 * 128 * 32),
            ("GEGLU", 0),
            ("conv 3×3", 2 * 9 * 9 * 64 * 64),
            ("group norm + SiLU", 0),
        ];
        assert_eq!(flops, expected);
        assert_eq!(counting(|| ()).1, 0);
    }
}
