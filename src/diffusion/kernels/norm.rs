//! Owns group norm with the SiLU behind it on a device, in two launches: moments of pieces of each group, then the pieces themselves. Used by
//! `ops::norm`. Must never square sums of the numbers as they are: moments are taken about a mean, as many groups stand far from 0.

use burn::cubecl;
use burn::tensor::DType;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{MOST_CUBES, empty, give, same_type, take};
use crate::diffusion::error::{DiffusionError, Result};

/// Units in a cube; a power of two.
const UNITS: usize = 256;

/// Numbers a unit holds.
const EACH: usize = 16;

/// Numbers in a piece, all held by one cube's units between the passes.
const PIECE: usize = UNITS * EACH;

/// The sum of all units' values.
#[cube]
fn total(value: f32, shared: &mut Shared<[f32]>) -> f32 {
    let unit = UNIT_POS as usize;
    sync_cube();
    shared[unit] = value;
    sync_cube();
    let mut active = comptime!(UNITS / 2).runtime();
    while active > 0 {
        if unit < active {
            let other = shared[unit + active];
            shared[unit] += other;
        }
        sync_cube();
        active /= 2;
    }
    shared[0]
}

/// Each piece's mean and sum of squares about it, `[groups of all pictures, pieces, 2]`.
#[cube(launch)]
fn moments_kernel<F: Float>(
    input: &Tensor<F>,
    moments: &mut Tensor<f32>,
    length: u32,
    #[define(F)] _dtype: ElemType,
) {
    let unit = UNIT_POS as usize;
    let group = CUBE_POS_Y as usize;
    let start = CUBE_POS_X as usize * PIECE;
    let count = min(length as usize - start, PIECE.runtime());
    let base = group * length as usize + start;
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    let mut held = Array::<f32>::new(EACH);
    let mut sum = 0.0f32;
    #[unroll]
    for i in 0..EACH {
        let at = i * UNITS + unit;
        if at < count {
            held[i] = f32::cast_from(input[base + at]);
            sum += held[i];
        }
    }
    let mean = total(sum, &mut shared) / count as f32;
    let mut squares = 0.0f32;
    #[unroll]
    for i in 0..EACH {
        if i * UNITS + unit < count {
            let off = held[i] - mean;
            squares += off * off;
        }
    }
    let squares = total(squares, &mut shared);
    if unit == 0 {
        let to = (group * CUBE_COUNT_X as usize + CUBE_POS_X as usize) * 2;
        moments[to] = mean;
        moments[to + 1] = squares;
    }
}

/// Merges a group's moments (Chan et al. 1979, eq. 2.1) and normalises one of its pieces.
#[cube(launch)]
fn normalise_kernel<F: Float>(
    input: &Tensor<F>,
    moments: &Tensor<f32>,
    weight: &Tensor<F>,
    bias: &Tensor<F>,
    output: &mut Tensor<F>,
    length: u32,
    area: u32,
    groups: u32,
    eps: f32,
    #[comptime] silu: bool,
    #[define(F)] _dtype: ElemType,
) {
    let unit = UNIT_POS as usize;
    let length = length as usize;
    let area = area as usize;
    let group = CUBE_POS_Y as usize;
    let pieces = CUBE_COUNT_X as usize;
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    let mut sum = 0.0f32;
    let mut i = unit;
    while i < pieces {
        let count = min(length - i * PIECE, PIECE.runtime()) as f32;
        sum += moments[(group * pieces + i) * 2] * count;
        i += UNITS;
    }
    let mean = total(sum, &mut shared) / length as f32;
    let mut squares = 0.0f32;
    let mut i = unit;
    while i < pieces {
        let count = min(length - i * PIECE, PIECE.runtime()) as f32;
        let off = moments[(group * pieces + i) * 2] - mean;
        squares += moments[(group * pieces + i) * 2 + 1] + off * off * count;
        i += UNITS;
    }
    let variance = total(squares, &mut shared) / length as f32;
    let scale = 1.0f32 / (variance + eps).sqrt();

    let start = CUBE_POS_X as usize * PIECE;
    let count = min(length - start, PIECE.runtime());
    let base = group * length + start;
    let first = group % groups as usize * (length / area);
    #[unroll]
    for i in 0..EACH {
        let at = i * UNITS + unit;
        if at < count {
            let channel = first + (start + at) / area;
            let value = (f32::cast_from(input[base + at]) - mean) * scale;
            let value = value * f32::cast_from(weight[channel]) + f32::cast_from(bias[channel]);
            if silu {
                output[base + at] = F::cast_from(value / (1.0f32 + (-value).exp()));
            } else {
                output[base + at] = F::cast_from(value);
            }
        }
    }
}

/// Group normalisation of `[n, channels, h, w]`, not empty; see `ops::GroupNorm`. Weight and bias are of the input's type.
pub fn group_norm(
    x: burn::tensor::Tensor<4>,
    groups: usize,
    eps: f64,
    weight: &burn::tensor::Tensor<1>,
    bias: &burn::tensor::Tensor<1>,
    silu: bool,
) -> Result<burn::tensor::Tensor<4>> {
    let [n, channels, h, w] = x.dims();
    let (x, weight, bias) = (take(x)?, take(weight.clone())?, take(bias.clone())?);
    let kind = same_type(&x, &[&weight, &bias])?;
    let length = channels / groups * h * w;
    let pieces = length.div_ceil(PIECE);
    if pieces.max(n * groups) > MOST_CUBES || u32::try_from(n * groups * length).is_err() {
        return Err(DiffusionError::device("the picture is too large at once"));
    }
    let client = x.client.clone();
    let moments = empty(&x, [n * groups, pieces, 2], DType::F32);
    let out = empty(&x, [n, channels, h, w], x.dtype);
    let count = || CubeCount::Static(pieces as u32, (n * groups) as u32, 1);
    let dim = CubeDim::new_1d(UNITS as u32);
    moments_kernel::launch(
        &client,
        count(),
        dim,
        x.clone().into_tensor_arg(),
        moments.clone().into_tensor_arg(),
        length as u32,
        kind,
    );
    normalise_kernel::launch(
        &client,
        count(),
        dim,
        x.into_tensor_arg(),
        moments.into_tensor_arg(),
        weight.into_tensor_arg(),
        bias.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        length as u32,
        (h * w) as u32,
        groups as u32,
        eps as f32,
        silu,
        kind,
    );
    Ok(give(out))
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use crate::diffusion::kernels::tests::{device, halves, random, worst};
    use burn::tensor::{DType, Tensor, activation};

    /// Groups of one piece and of several, far from 0, against the plain formula on the CPU.
    #[test]
    fn group_norm_agrees_with_the_formula() {
        let Some(device) = device() else { return };
        for [n, channels, groups, h, w] in [[2, 12, 3, 5, 7], [1, 6, 2, 61, 67], [1, 4, 4, 1, 1]] {
            let (weight, bias) = (random([channels], 1.0), random([channels], 1.0));
            let x: Tensor<4> = random([n, channels, h, w], 2.0) + 20.0;
            for (dtype, silu) in halves(&device)
                .into_iter()
                .flat_map(|d| [(d, false), (d, true)])
            {
                let there = |t: &Tensor<1>| t.clone().to_device(&device).cast(dtype);
                let x = x.clone().cast(dtype);
                let got = super::group_norm(
                    x.clone().to_device(&device),
                    groups,
                    1e-5,
                    &there(&weight),
                    &there(&bias),
                    silu,
                );
                let wide = x
                    .cast(DType::F32)
                    .reshape([n, groups, channels / groups * h * w]);
                let centred = wide.clone() - wide.mean_dim(2);
                let scale = centred.clone().square().mean_dim(2).add_scalar(1e-5).sqrt();
                let here = |t: &Tensor<1>| {
                    t.clone()
                        .cast(dtype)
                        .cast(DType::F32)
                        .reshape([1, channels, 1, 1])
                };
                let expected =
                    (centred / scale).reshape([n, channels, h, w]) * here(&weight) + here(&bias);
                let expected = if silu {
                    activation::silu(expected)
                } else {
                    expected
                };
                let bound = if dtype == DType::F16 { 6e-4 } else { 1e-5 };
                let worst = worst(&expected, got.unwrap());
                assert!(worst < bound, "{dtype:?} {n}×{channels} {h}×{w}: {worst}");
            }
        }
    }
}
