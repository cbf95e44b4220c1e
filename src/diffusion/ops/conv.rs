//! Owns 2-D convolution: burn's own on most devices, `host`'s on the CPU. Used by the networks. Must never dilate or group:
//! no network here does.

use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Tensor, module};

use crate::diffusion::error::Result;
use crate::diffusion::ops::host;
use crate::diffusion::weights::Scope;

/// A convolution's fixed numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Zeros before the first row and column.
    pub pad_before: usize,
    /// Zeros behind the last row and column.
    pub pad_after: usize,
}

impl ConvShape {
    /// A kernel of odd side, stride 1, that keeps the size.
    pub fn same(inputs: usize, outputs: usize, kernel: usize) -> Self {
        let pad = (kernel - 1) / 2;
        Self {
            inputs,
            outputs,
            kernel,
            stride: 1,
            pad_before: pad,
            pad_after: pad,
        }
    }

    /// The size behind the convolution of one side, 0 when the kernel does not fit.
    pub fn output_side(&self, side: usize) -> usize {
        match (side + self.pad_before + self.pad_after).checked_sub(self.kernel) {
            Some(room) => room / self.stride + 1,
            None => 0,
        }
    }
}

/// A 2-D convolution.
#[derive(Debug, Clone)]
pub struct Conv2d {
    shape: ConvShape,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
}

impl Conv2d {
    /// Loads `weight` `[outputs, inputs, kernel, kernel]` and with `bias` also `bias`.
    pub fn load(scope: &Scope, shape: ConvShape, bias: bool) -> Self {
        let full = [shape.outputs, shape.inputs, shape.kernel, shape.kernel];
        let flat = [shape.outputs, shape.inputs];
        let accepted: &[&[usize]] = if shape.kernel == 1 {
            &[&full, &flat]
        } else {
            &[&full]
        };
        Self {
            shape,
            weight: scope.tensor_of("weight", accepted, full),
            bias: bias.then(|| scope.tensor("bias", [shape.outputs])),
        }
    }

    /// `[n, inputs, h, w]` to `[n, outputs, h', w']`.
    pub fn forward(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        self.run(x, self.bias.clone())
    }

    /// The same with `extra` `[outputs]` added to every pixel, at no cost.
    pub fn forward_plus(&self, x: Tensor<4>, extra: Tensor<1>) -> Result<Tensor<4>> {
        let bias = match &self.bias {
            Some(bias) => bias.clone() + extra,
            None => extra,
        };
        self.run(x, Some(bias))
    }

    fn run(&self, x: Tensor<4>, bias: Option<Tensor<1>>) -> Result<Tensor<4>> {
        if host::serves(&x) {
            return host::conv2d(x, &self.weight, bias, &self.shape);
        }
        let ConvShape {
            stride,
            pad_before,
            pad_after,
            ..
        } = self.shape;
        let (x, pad) = if pad_before == pad_after {
            (x, pad_before)
        } else {
            let pair = (pad_before, pad_after);
            (x.pad([pair, pair], PadMode::Constant(0.0)), 0)
        };
        let options = ConvOptions::new([stride; 2], [pad; 2], [1, 1], 1);
        Ok(module::conv2d(x, self.weight.clone(), bias, options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device, Distribution};

    /// The host's convolution against burn's own, for every kind the networks use.
    #[test]
    fn host_agrees_with_burn() {
        let device = Device::flex();
        let random = |shape: [usize; 4]| {
            Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), (&device, DType::F32))
        };
        for (kernel, stride, before, after, h, w, n) in [
            (3, 1, 1, 1, 9, 7, 1),
            (3, 1, 1, 1, 70, 131, 2),
            (3, 1, 1, 1, 64, 64, 1),
            (3, 1, 1, 1, 1, 1, 1),
            (3, 2, 1, 1, 9, 8, 2),
            (3, 2, 0, 1, 8, 6, 1),
            (1, 1, 0, 0, 5, 6, 3),
            (5, 1, 2, 2, 4, 9, 1),
        ] {
            let shape = ConvShape {
                inputs: 16,
                outputs: 12,
                kernel,
                stride,
                pad_before: before,
                pad_after: after,
            };
            let weight = random([12, 16, kernel, kernel]);
            let bias = random([1, 1, 1, 12]).reshape([12]);
            let x = random([n, 16, h, w]);
            let padded = x
                .clone()
                .pad([(before, after), (before, after)], PadMode::Constant(0.0));
            let options = ConvOptions::new([stride; 2], [0; 2], [1; 2], 1);
            let expected = module::conv2d(padded, weight.clone(), Some(bias.clone()), options);
            let conv = Conv2d {
                shape,
                weight,
                bias: Some(bias),
            };
            let got = conv.forward(x).unwrap();
            assert_eq!(expected.dims(), got.dims());
            let worst = (expected - got).abs().max().into_scalar::<f32>();
            assert!(worst < 2e-4, "{shape:?} {worst}");
        }
    }
}
