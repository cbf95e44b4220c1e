//! Owns group norm with an optional SiLU on the CPU: one task a group, whose numbers stay in the cache between the passes.
//! Used by `ops::norm`. Must never split a group over tasks: sums would depend on the split.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::diffusion::error::Result;
use crate::diffusion::ops::host::simd::widest_fn;
use crate::diffusion::ops::host::{give, math, numbers, numbers_mut, take};

/// Group normalisation in place; see `ops::GroupNorm`.
pub fn group_norm(
    x: Tensor<4>,
    groups: usize,
    eps: f64,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    silu: bool,
) -> Result<Tensor<4>> {
    let [_, channels, h, w] = x.dims();
    let (weight, bias) = (take(weight.clone())?, take(bias.clone())?);
    let (weight, bias) = (numbers(&weight)?, numbers(&bias)?);
    let in_group = channels / groups;
    let mut data = take(x)?;
    if in_group * h * w > 0 {
        numbers_mut(&mut data)?
            .par_chunks_mut(in_group * h * w)
            .enumerate()
            .for_each(|(at, group)| {
                let first = at % groups * in_group;
                let (mean, scale) = moments(group, eps);
                for (i, plane) in group.chunks_mut(h * w).enumerate() {
                    let gain = weight[first + i] * scale;
                    let offset = bias[first + i] - mean * gain;
                    affine(plane, gain, offset);
                    if silu {
                        math::silu(plane);
                    }
                }
            });
    }
    Ok(give(data))
}

/// Mean and 1 / √(variance + eps), in two passes; partial sums of 16 lanes are gathered in f64.
fn moments(values: &[f32], eps: f64) -> (f32, f32) {
    let count = values.len() as f64;
    let mean = sum(values, 0.0, false) / count;
    let about = mean as f32;
    let variance = sum(values, about, true) / count - (mean - f64::from(about)).powi(2);
    (about, (1.0 / (variance.max(0.0) + eps).sqrt()) as f32)
}

widest_fn! {
    fn affine(values: &'a mut [f32], gain: f32, offset: f32) {
        for v in values {
            *v = *v * gain + offset;
        }
    }
}

widest_fn! {
    /// The sum of `v − about`, or of its square.
    fn sum(values: &'a [f32], about: f32, squared: bool) -> f64 {
        let of = |v: f32| {
            let off = v - about;
            if squared { off * off } else { off }
        };
        let mut total = 0f64;
        for block in values.chunks(4096) {
            let mut lanes = [0f32; 16];
            let mut whole = block.chunks_exact(16);
            for part in &mut whole {
                for (lane, v) in lanes.iter_mut().zip(part) {
                    *lane += of(*v);
                }
            }
            total += lanes.iter().map(|v| f64::from(*v)).sum::<f64>();
            total += whole
                .remainder()
                .iter()
                .map(|v| f64::from(of(*v)))
                .sum::<f64>();
        }
        total
    }
}
