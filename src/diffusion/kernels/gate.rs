//! Owns the gated GELU of the transformers' feed-forward on a device: one launch that reads each number once. Used by `ops`.
//! Must never approximate beyond f32's own rounding: results follow the CPU's.

use burn::cubecl;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{empty, give, same_type, take};
use crate::diffusion::error::Result;

const UNITS: u32 = 256;

/// `a · gelu(b)`; `erfc` by Abramowitz and Stegun 7.1.26, whose error is below 1.5e-7.
#[cube(launch)]
fn geglu_kernel<F: Float>(
    input: &Tensor<F>,
    output: &mut Tensor<F>,
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    let half = output.shape(output.rank() - 1);
    if at < output.len() {
        let from = at / half * half * 2 + at % half;
        let a = f32::cast_from(input[from]);
        let b = f32::cast_from(input[from + half]);
        let z = b.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0f32 / (1.0f32 + 0.327_591_1f32 * z);
        let p = 1.061_405_4f32 * t - 1.453_152f32;
        let p = p * t + 1.421_413_7f32;
        let p = p * t - 0.284_496_74f32;
        let p = p * t + 0.254_829_6f32;
        // Half of erfc(|z|): the weight of the far tail.
        let tail = 0.5f32 * p * t * (-z * z).exp();
        let weight = select(b < 0.0f32, tail, 1.0f32 - tail);
        output[at] = F::cast_from(a * b * weight);
    }
}

/// `[n, rows, 2 k]` to `[n, rows, k]`; see `ops::geglu`.
pub fn geglu(x: burn::tensor::Tensor<3>) -> Result<burn::tensor::Tensor<3>> {
    let [n, rows, width] = x.dims();
    let x = take(x)?;
    let kind = same_type(&x, &[])?;
    let out = empty(&x, [n, rows, width / 2], x.dtype);
    let client = x.client.clone();
    let dim = CubeDim::new_1d(UNITS);
    let count = cubecl::calculate_cube_count_elemwise(&client, n * rows * (width / 2), dim);
    geglu_kernel::launch(
        &client,
        count,
        dim,
        x.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        kind,
    );
    Ok(give(out))
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use crate::diffusion::kernels::tests::{device, halves, random, worst};
    use burn::tensor::{DType, activation};

    #[test]
    fn geglu_agrees_with_the_cpu() {
        let Some(device) = device() else { return };
        for shape in [[2, 7, 36], [1, 300, 64], [64, 1, 2]] {
            let x = random(shape, 3.0);
            for dtype in halves(&device) {
                let x = x.clone().cast(dtype);
                let got = super::geglu(x.clone().to_device(&device)).unwrap();
                let x = x.cast(DType::F32);
                let half = shape[2] / 2;
                let gate = activation::gelu(x.clone().narrow(2, half, half));
                let expected = x.narrow(2, 0, half) * gate;
                let bound = if dtype == DType::F16 { 6e-4 } else { 2e-6 };
                let worst = worst(&expected, got);
                assert!(worst < bound, "{dtype:?} {shape:?}: {worst}");
            }
        }
    }
}
