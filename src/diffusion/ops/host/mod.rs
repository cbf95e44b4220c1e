//! Owns the CPU's kernels: work on the numbers of `flex` tensors in f32, on all cores, where burn's own operations use one core or
//! several passes. Used by `ops` only. Must never give results that depend on the number of threads.

mod attend;
mod conv;
mod linear;
mod math;
mod norm;
mod simd;
pub mod winograd;

pub use attend::attend;
pub use conv::conv2d;
pub use linear::linear;
pub use norm::group_norm;

use burn::tensor::{DType, Device, Tensor, TensorData};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::diffusion::error::{DiffusionError, Result};

/// Numbers a task handles at least; smaller work is not worth handing out.
const TASK: usize = 1 << 14;

/// True for tensors that this module's kernels work on.
pub fn serves<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && x.device() == Device::flex()
}

/// A tensor's numbers; no copy where the tensor is their only owner.
fn take<const D: usize>(x: Tensor<D>) -> Result<TensorData> {
    x.try_into_data().map_err(DiffusionError::device)
}

fn numbers(data: &TensorData) -> Result<&[f32]> {
    data.as_slice::<f32>()
        .map_err(|e| DiffusionError::device(format!("{e:?}")))
}

fn numbers_mut(data: &mut TensorData) -> Result<&mut [f32]> {
    data.as_mut_slice::<f32>()
        .map_err(|e| DiffusionError::device(format!("{e:?}")))
}

fn give<const D: usize>(data: TensorData) -> Tensor<D> {
    Tensor::from_data(data, (&Device::flex(), DType::F32))
}

/// An f16 tensor in f32.
pub fn widen<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>> {
    let shape = x.dims();
    let data = take(x)?;
    let narrow = data
        .as_slice::<f16>()
        .map_err(|e| DiffusionError::device(format!("{e:?}")))?;
    let mut out = vec![0f32; narrow.len()];
    out.par_chunks_mut(TASK)
        .zip(narrow.par_chunks(TASK))
        .for_each(|(to, from)| from.convert_to_f32_slice(to));
    Ok(give(TensorData::new(out, shape)))
}

/// `x · sigmoid(x)` in place.
pub fn silu<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>> {
    let mut data = take(x)?;
    numbers_mut(&mut data)?
        .par_chunks_mut(TASK)
        .for_each(math::silu);
    Ok(give(data))
}

/// `x · sigmoid(1.702 x)` in place.
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>> {
    let mut data = take(x)?;
    numbers_mut(&mut data)?
        .par_chunks_mut(TASK)
        .for_each(math::quick_gelu);
    Ok(give(data))
}

/// See [`super::geglu`].
pub fn geglu(x: Tensor<3>) -> Result<Tensor<3>> {
    let [n, rows, width] = x.dims();
    let half = width / 2;
    let data = take(x)?;
    let mut out = vec![0f32; n * rows * half];
    if half > 0 {
        out.par_chunks_mut(half)
            .with_min_len((TASK / half).max(1))
            .zip(numbers(&data)?.par_chunks(width))
            .for_each(|(to, from)| math::gated_gelu(to, &from[..half], &from[half..]));
    }
    Ok(give(TensorData::new(out, [n, rows, half])))
}

/// See [`super::resize_nearest`].
pub fn resize_nearest(x: Tensor<4>, [h, w]: [usize; 2]) -> Result<Tensor<4>> {
    let [n, channels, from_h, from_w] = x.dims();
    let data = take(x)?;
    let source = numbers(&data)?;
    let columns: Vec<usize> = (0..w).map(|i| i * from_w / w).collect();
    let mut out = vec![0f32; n * channels * h * w];
    if !out.is_empty() {
        out.par_chunks_mut(h * w)
            .zip(source.par_chunks(from_h * from_w))
            .for_each(|(to, from)| {
                for (y, row) in to.chunks_mut(w).enumerate() {
                    let line = &from[y * from_h / h * from_w..][..from_w];
                    for (value, column) in row.iter_mut().zip(&columns) {
                        *value = line[*column];
                    }
                }
            });
    }
    Ok(give(TensorData::new(out, [n, channels, h, w])))
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, activation};

    fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
        Tensor::random(
            shape,
            Distribution::Normal(0.0, 3.0),
            (&Device::flex(), DType::F32),
        )
    }

    fn worst<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        assert_eq!(a.dims(), b.dims());
        (a - b).abs().max().into_scalar()
    }

    #[test]
    fn activations_agree_with_burn() {
        let x = random([3, 50, 64]);
        assert!(worst(activation::silu(x.clone()), silu(x.clone()).unwrap()) < 2e-6);
        let expected = x.clone() * activation::sigmoid(x.clone() * 1.702);
        assert!(worst(expected, quick_gelu(x.clone()).unwrap()) < 2e-6);
        let gate = activation::gelu(x.clone().narrow(2, 32, 32));
        let expected = x.clone().narrow(2, 0, 32) * gate;
        assert!(worst(expected, geglu(x).unwrap()) < 1e-5);
    }

    #[test]
    fn resizing_takes_the_nearest_earlier_pixel() {
        let x = Tensor::<1>::from_floats([0., 1., 2., 3., 4., 5.], &Device::flex())
            .reshape([1, 1, 2, 3]);
        let y = resize_nearest(x, [3, 5])
            .unwrap()
            .try_into_vec_as::<f32>()
            .unwrap();
        assert_eq!(
            y,
            [0., 0., 1., 1., 2., 0., 0., 1., 1., 2., 3., 3., 4., 4., 5.]
        );
    }

    #[test]
    fn group_norm_agrees_with_the_formula() {
        let x = random([2, 12, 5, 7]) + 20.0;
        let (gamma, beta) = (random([12]), random([12]));
        let wide = x.clone().reshape([2, 3, 140]);
        let centred = wide.clone() - wide.mean_dim(2);
        let scale = centred.clone().square().mean_dim(2).add_scalar(1e-5).sqrt();
        let affine = |t: &Tensor<1>| t.clone().reshape([1, 12, 1, 1]);
        let expected = (centred / scale).reshape([2, 12, 5, 7]) * affine(&gamma) + affine(&beta);
        for with_silu in [false, true] {
            let got = group_norm(x.clone(), 3, 1e-5, &gamma, &beta, with_silu).unwrap();
            let expected = if with_silu {
                activation::silu(expected.clone())
            } else {
                expected.clone()
            };
            assert!(worst(expected, got) < 2e-5);
        }
    }
}
