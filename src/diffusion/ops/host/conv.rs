//! Owns 2-D convolution on the CPU: image patches are laid out as the columns of a matrix, a band of rows at a time, and one large
//! matrix product does the arithmetic (Chellapilla et al. 2006, "im2col"). Used by `ops::conv`.
//! Must never lay out a whole large picture at once.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::diffusion::error::Result;
use crate::diffusion::ops::conv::ConvShape;
use crate::diffusion::ops::host::{give, numbers, numbers_mut, take};

/// Numbers in the matrix of columns: 16 MiB, so that it is still cached when the product reads it.
const COLUMNS: usize = 4 << 20;

/// `[n, inputs, h, w]` to `[n, outputs, h', w']`; the caller has checked that neither is empty.
pub fn conv2d(
    x: Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<Tensor<1>>,
    shape: &ConvShape,
) -> Result<Tensor<4>> {
    let [n, channels, h, w] = x.dims();
    let (out_h, out_w) = (shape.output_side(h), shape.output_side(w));
    let bias = bias.map(take).transpose()?;
    let bias = bias.as_ref().map(numbers).transpose()?;
    let depth = channels * shape.kernel * shape.kernel;
    let weight: Tensor<2> = weight.clone().reshape([shape.outputs, depth]);
    if shape.kernel == 1 && shape.stride == 1 && shape.pad_before + shape.pad_after == 0 {
        let y = weight
            .unsqueeze::<3>()
            .matmul(x.reshape([n, channels, h * w]));
        let mut data = take(y)?;
        add_bias(numbers_mut(&mut data)?, h * w, bias);
        return Ok(give::<3>(data).reshape([n, shape.outputs, h, w]));
    }
    let data = take(x)?;
    let source = numbers(&data)?;
    let band = (COLUMNS / (depth * out_w)).clamp(1, out_h);
    if n == 1 && band == out_h {
        let columns = lay_out(source, [channels, h, w], shape, 0..out_h, out_w);
        let mut product =
            take(weight.matmul(give(TensorData::new(columns, [depth, out_h * out_w]))))?;
        add_bias(numbers_mut(&mut product)?, out_h * out_w, bias);
        return Ok(give::<2>(product).reshape([1, shape.outputs, out_h, out_w]));
    }
    let mut out = vec![0f32; n * shape.outputs * out_h * out_w];
    for (image, target) in source
        .chunks(channels * h * w)
        .zip(out.chunks_mut(shape.outputs * out_h * out_w))
    {
        for start in (0..out_h).step_by(band) {
            let rows = start..(start + band).min(out_h);
            let count = rows.len() * out_w;
            let columns = lay_out(image, [channels, h, w], shape, rows, out_w);
            let mut product = take(
                weight
                    .clone()
                    .matmul(give(TensorData::new(columns, [depth, count]))),
            )?;
            add_bias(numbers_mut(&mut product)?, count, bias);
            target
                .par_chunks_mut(out_h * out_w)
                .zip(numbers(&product)?.par_chunks(count))
                .for_each(|(to, from)| to[start * out_w..][..count].copy_from_slice(from));
        }
    }
    Ok(give(TensorData::new(out, [n, shape.outputs, out_h, out_w])))
}

/// Adds each channel's bias to its plane.
fn add_bias(values: &mut [f32], plane: usize, bias: Option<&[f32]>) {
    let Some(bias) = bias else { return };
    values
        .par_chunks_mut(plane)
        .enumerate()
        .for_each(|(at, plane)| {
            let bias = bias[at % bias.len()];
            for v in plane {
                *v += bias;
            }
        });
}

/// The matrix whose columns are the patches under the outputs of `rows`: a row for each channel and kernel position.
fn lay_out(
    image: &[f32],
    [channels, h, w]: [usize; 3],
    shape: &ConvShape,
    rows: std::ops::Range<usize>,
    out_w: usize,
) -> Vec<f32> {
    let ConvShape {
        kernel,
        stride,
        pad_before,
        ..
    } = *shape;
    let count = rows.len() * out_w;
    let mut columns = vec![0f32; channels * kernel * kernel * count];
    columns
        .par_chunks_mut(kernel * kernel * count)
        .zip(image.par_chunks(h * w))
        .for_each(|(target, plane)| {
            for (position, target) in target.chunks_mut(count).enumerate() {
                let (ky, kx) = (position / kernel, position % kernel);
                for (y, line) in rows.clone().zip(target.chunks_mut(out_w)) {
                    let Some(from_y) = (y * stride + ky).checked_sub(pad_before).filter(|v| *v < h)
                    else {
                        continue;
                    };
                    copy_line(line, &plane[from_y * w..][..w], kx, stride, pad_before);
                }
            }
        });
    columns
}

/// `line[x] = source[x · stride + kx − pad]` where that exists; the rest stays zero.
fn copy_line(line: &mut [f32], source: &[f32], kx: usize, stride: usize, pad: usize) {
    let first = pad.saturating_sub(kx).div_ceil(stride);
    let end = (source.len() + pad)
        .saturating_sub(kx)
        .div_ceil(stride)
        .min(line.len());
    if first >= end {
        return;
    }
    let start = first * stride + kx - pad;
    if stride == 1 {
        line[first..end].copy_from_slice(&source[start..start + end - first]);
    } else {
        for (value, from) in line[first..end]
            .iter_mut()
            .zip(source[start..].iter().step_by(stride))
        {
            *value = *from;
        }
    }
}
