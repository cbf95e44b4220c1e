//! Owns the primitives that the networks are made of: linear, convolution, norms, activations, attention, resizing. Each takes
//! the way that is right and fast for its device: on the CPU (`flex`, f32) the kernels in `host`, on GPUs those in `diffusion::kernels`
//! where there is one, else plain burn operations. Used by the networks only. Must never know a model's layout: a faster kernel for a
//! device replaces code here and nowhere else.

mod attend;
mod conv;
mod host;
pub mod measure;
mod norm;

pub use attend::{MOST_SCORES, attend, with_scores};
pub use conv::{Conv2d, ConvShape};
pub use norm::{GroupNorm, LayerNorm};

use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};

use crate::diffusion::error::Result;
use crate::diffusion::kernels;
use crate::diffusion::weights::Scope;

/// `y = x Wᵀ + b` over the last dimension.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[inputs, outputs]`, a transposed view of the checkpoint's matrix.
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// Loads `weight`, `[outputs, inputs]` or as a 1×1 convolution, and with `bias` also `bias`.
    pub fn load(scope: &Scope, inputs: usize, outputs: usize, bias: bool) -> Self {
        let shape = [outputs, inputs];
        let weight = scope.tensor_of("weight", &[&shape, &[outputs, inputs, 1, 1]], shape);
        Self {
            weight: weight.transpose(),
            bias: bias.then(|| scope.tensor("bias", [outputs])),
        }
    }

    /// `[inputs, outputs]` in the type of what it meets.
    fn weight(&self, dtype: DType) -> Tensor<2> {
        widened(&self.weight.clone().transpose(), dtype).transpose()
    }

    /// `[.., inputs]` to `[.., outputs]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut dims = x.dims();
        let inputs = dims[D - 1];
        let rows = dims.iter().product::<usize>() / inputs.max(1);
        let x = x.reshape([rows, inputs]);
        measure::count(&[rows, inputs, self.weight.dims()[1]]);
        let weight = self.weight(x.dtype());
        let y = if host::serves(&x) {
            host::linear(x.clone(), &weight, self.bias.as_ref()).ok()
        } else {
            None
        };
        let y = y.unwrap_or_else(|| self.plain(x, weight));
        dims[D - 1] = y.dims()[1];
        y.reshape(dims)
    }

    fn plain(&self, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        let y = x.matmul(weight);
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        }
    }

    /// Tokens from a picture: `[n, inputs, h, w]` to `[n, h · w, outputs]`.
    pub fn forward_from_picture(&self, x: Tensor<4>) -> Tensor<3> {
        let [n, channels, h, w] = x.dims();
        measure::count(&[n, h, w, channels, self.weight.dims()[1]]);
        let weight = self.weight(x.dtype());
        let y = x
            .reshape([n, channels, h * w])
            .swap_dims(1, 2)
            .matmul(weight.unsqueeze());
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        }
    }

    /// A picture from tokens: `[n, h · w, inputs]` to `[n, outputs, h, w]`.
    pub fn forward_to_picture(&self, x: Tensor<3>, [h, w]: [usize; 2]) -> Tensor<4> {
        let [n, tokens, width] = x.dims();
        measure::count(&[n, tokens, width, self.weight.dims()[1]]);
        let weight: Tensor<3> = self.weight(x.dtype()).transpose().unsqueeze();
        let y = weight.matmul(x.swap_dims(1, 2));
        let outputs = y.dims()[1];
        let y = match &self.bias {
            Some(bias) => y + bias.clone().reshape([1, outputs, 1]),
            None => y,
        };
        y.reshape([n, outputs, h, w])
    }
}

/// Numbers that the CPU keeps of a weight of this shape in f32: kernels that are transformed for speed take more.
pub fn kept_numbers(shape: &[usize]) -> usize {
    let count = shape.iter().product();
    match shape {
        [outputs, inputs, 3, 3] if host::winograd::suits(*inputs, *outputs) => count / 9 * 16,
        _ => count,
    }
}

/// A weight in the type of what it meets: kept in fewer bits it is widened for the moment.
fn widened<const D: usize>(weight: &Tensor<D>, dtype: DType) -> Tensor<D> {
    if weight.dtype() == dtype {
        return weight.clone();
    }
    if weight.device() == Device::flex()
        && dtype == DType::F32
        && let Ok(wide) = host::widen(weight.clone())
    {
        return wide;
    }
    weight.clone().cast(dtype)
}

/// `x · sigmoid(x)`.
pub fn silu<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>> {
    if host::serves(&x) {
        return host::silu(x);
    }
    Ok(activation::silu(x))
}

/// `x · sigmoid(1.702 x)` (Hendrycks and Gimpel 2016, section 2).
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>> {
    if host::serves(&x) {
        return host::quick_gelu(x);
    }
    Ok(x.clone() * activation::sigmoid(x * 1.702))
}

/// `a · gelu(b)` where `a` and `b` are the halves of the last dimension: `[rows, 2 k]` to `[rows, k]` (Shazeer 2020, GEGLU).
pub fn geglu(x: Tensor<3>) -> Result<Tensor<3>> {
    if host::serves(&x) {
        return host::geglu(x);
    }
    if kernels::serves(&x) {
        return kernels::geglu(x);
    }
    let half = x.dims()[2] / 2;
    let gate = activation::gelu(x.clone().narrow(2, half, half));
    Ok(x.narrow(2, 0, half) * gate)
}

/// `f` over `x` `[n, tokens, width]` some tokens at a time, where `f` works token by token and makes `inner` numbers of each: keeps what is
/// between its steps in the CPU's cache, or within what a device can bind.
pub fn by_tokens(
    x: Tensor<3>,
    inner: usize,
    f: impl Fn(Tensor<3>) -> Result<Tensor<3>>,
) -> Result<Tensor<3>> {
    let limit = if host::serves(&x) { 1 << 21 } else { 1 << 24 };
    let [n, tokens, _] = x.dims();
    let chunk = (limit / (n * inner).max(1)).max(64);
    if chunk >= tokens {
        return f(x);
    }
    let parts = (0..tokens)
        .step_by(chunk)
        .map(|start| f(x.clone().narrow(1, start, chunk.min(tokens - start))))
        .collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(parts, 1))
}

/// Nearest-neighbour resize to `[h, w]`, as torch does it: source index `⌊i · from / to⌋`.
pub fn resize_nearest(x: Tensor<4>, [h, w]: [usize; 2]) -> Result<Tensor<4>> {
    if host::serves(&x) {
        return host::resize_nearest(x, [h, w]);
    }
    let [_, _, from_h, from_w] = x.dims();
    let device = x.device();
    let index = |from: usize, to: usize| -> Tensor<1, Int> {
        let list: Vec<i32> = (0..to).map(|i| (i * from / to) as i32).collect();
        Tensor::from_data(TensorData::new(list, [to]), &device)
    };
    Ok(x.select(2, index(from_h, h)).select(3, index(from_w, w)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_kept_in_16_bits_are_widened_for_use() {
        let numbers: Vec<f32> = (0..15_000u16)
            .map(|v| f32::from(v % 700) / 64.0 - 5.0)
            .collect();
        let data = TensorData::new(numbers.clone(), [100, 150]);
        let half = Tensor::<2>::from_data(data, (&Device::flex(), DType::F16));
        let wide = widened(&half, DType::F32);
        assert_eq!(wide.dtype(), DType::F32);
        assert!(matches!(wide.try_into_vec_as::<f32>(), Ok(w) if w == numbers));
    }

    #[test]
    fn tokens_come_back_in_order() {
        let numbers: Vec<f32> = (0..12_000u16).map(f32::from).collect();
        let x = Tensor::<3>::from_data(
            TensorData::new(numbers.clone(), [2, 3000, 2]),
            &Device::flex(),
        );
        let calls = std::cell::Cell::new(0);
        let y = by_tokens(x, 1024, |x| {
            calls.set(calls.get() + 1);
            Ok(x + 1.0)
        });
        let y = y.map(Tensor::try_into_vec_as::<f32>);
        assert_eq!(calls.get(), 3);
        let expected: Vec<f32> = numbers.iter().map(|v| v + 1.0).collect();
        assert!(matches!(y, Ok(Ok(y)) if y == expected));
    }
}
