//! Owns linear layers on the CPU. With few rows, the product is taken the other way round: reading a wide matrix through its transposed view
//! costs more than the arithmetic then, and turning the small result round costs little. Used by `ops::Linear`.
//! Must never depend on the number of threads in its choice.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::diffusion::error::Result;
use crate::diffusion::ops::host::{give, numbers, take};

/// Rows up to which `W xᵀ` was measured to be faster than `x Wᵀ`, by up to four times; with 512 it depends on the shape, with 1024 it is slower.
const FEW_ROWS: usize = 256;

/// Side of the squares in which a matrix is turned, so that both sides stay in the core's cache.
const SQUARE: usize = 64;

/// `x` `[rows, inputs]`, `weight` a transposed view `[inputs, outputs]`, to `[rows, outputs]`.
pub fn linear(x: Tensor<2>, weight: &Tensor<2>, bias: Option<&Tensor<1>>) -> Result<Tensor<2>> {
    let ([rows, _], [_, outputs]) = (x.dims(), weight.dims());
    if rows > FEW_ROWS || rows * outputs == 0 {
        let y = x.matmul(weight.clone());
        return Ok(match bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        });
    }
    let product = take(weight.clone().transpose().matmul(x.transpose()))?;
    let bias = bias.cloned().map(take).transpose()?;
    let bias = bias.as_ref().map(numbers).transpose()?;
    let y = turned(numbers(&product)?, [outputs, rows], bias);
    Ok(give(TensorData::new(y, [rows, outputs])))
}

/// `[outputs, rows]` to `[rows, outputs]`, each output with its bias.
fn turned(from: &[f32], [outputs, rows]: [usize; 2], bias: Option<&[f32]>) -> Vec<f32> {
    let mut to = vec![0f32; rows * outputs];
    to.par_chunks_mut(SQUARE * outputs)
        .enumerate()
        .for_each(|(band, to)| {
            let first = band * SQUARE;
            let count = to.len() / outputs;
            for start in (0..outputs).step_by(SQUARE) {
                let square = start..(start + SQUARE).min(outputs);
                for i in 0..count {
                    let column = &from[first + i..];
                    let line = &mut to[i * outputs..][..outputs];
                    for o in square.clone() {
                        line[o] = column[o * rows] + bias.map_or(0.0, |b| b[o]);
                    }
                }
            }
        });
    to
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device, Distribution};

    #[test]
    fn few_rows_agree_with_many() {
        let like = (&Device::flex(), DType::F32);
        let random =
            |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), like);
        for (rows, inputs, outputs) in [(1, 3, 5), (77, 40, 130), (256, 8, 64), (65, 1, 1)] {
            let (x, weight) = (
                random([rows, inputs]),
                random([outputs, inputs]).transpose(),
            );
            let bias = random([1, outputs]).reshape([outputs]);
            for bias in [None, Some(&bias)] {
                let expected = x.clone().matmul(weight.clone());
                let expected = match bias {
                    Some(bias) => expected + bias.clone().unsqueeze(),
                    None => expected,
                };
                let got = linear(x.clone(), &weight, bias).unwrap();
                assert_eq!(got.dims(), [rows, outputs]);
                let worst = (expected - got).abs().max().into_scalar::<f32>();
                assert!(worst < 1e-4, "{rows} {inputs} {outputs}: {worst}");
            }
        }
    }
}
