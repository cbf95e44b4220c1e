//! Owns 2-D convolution: `host`'s on the CPU, for the usual 3×3 on a GPU the one in `diffusion::kernels`, else burn's own. Used by the networks. Must never dilate or group:
//! no network here does.

use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Tensor, module};

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::kernels;
use crate::diffusion::ops::{host, measure, widened};
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
    kernel: Kernel,
    bias: Option<Tensor<1>>,
}

/// The weights in the form that the device's way of convolving takes.
#[derive(Debug, Clone)]
enum Kernel {
    /// As in the checkpoint, `[outputs, inputs, kernel, kernel]`.
    Plain(Tensor<4>),
    /// Transformed for the CPU's fast 3×3, `[16, outputs, inputs]`.
    Winograd(Tensor<3>),
}

impl Kernel {
    fn of(weight: Tensor<4>, shape: &ConvShape) -> Self {
        let ConvShape {
            inputs, outputs, ..
        } = *shape;
        let is_usual = *shape == ConvShape::same(inputs, outputs, 3)
            && weight.dims() == [outputs, inputs, 3, 3];
        if is_usual
            && host::serves(&weight)
            && host::winograd::suits(inputs, outputs)
            && let Ok(transformed) = host::winograd::transform_weight(weight.clone())
        {
            return Self::Winograd(transformed);
        }
        Self::Plain(weight)
    }
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
            kernel: Kernel::of(scope.tensor_of("weight", accepted, full), &shape),
            bias: bias.then(|| scope.tensor("bias", [shape.outputs])),
        }
    }

    /// Channels out.
    pub fn outputs(&self) -> usize {
        self.shape.outputs
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

    fn is_usual(&self) -> bool {
        self.shape == ConvShape::same(self.shape.inputs, self.shape.outputs, 3)
    }

    fn run(&self, x: Tensor<4>, bias: Option<Tensor<1>>) -> Result<Tensor<4>> {
        let [n, channels, h, w] = x.dims();
        let is_empty = n * self.shape.output_side(h) * self.shape.output_side(w) == 0;
        if channels != self.shape.inputs || is_empty {
            let inputs = self.shape.inputs;
            return Err(DiffusionError::Settings(format!(
                "{channels} channels of {w} × {h} do not fit a convolution of {inputs} channels; use a larger picture"
            )));
        }
        let ConvShape {
            inputs,
            outputs,
            kernel,
            ..
        } = self.shape;
        let (out_h, out_w) = (self.shape.output_side(h), self.shape.output_side(w));
        measure::count(&[n, out_h, out_w, outputs, inputs, kernel * kernel]);
        let weight = match &self.kernel {
            Kernel::Winograd(weight) => return host::winograd::conv2d(x, weight, bias),
            Kernel::Plain(weight) => &widened(weight, x.dtype()),
        };
        if host::serves(&x) {
            return host::conv2d(x, weight, bias, &self.shape);
        }
        if self.is_usual() && kernels::serves(&x) {
            let bias = bias
                .unwrap_or_else(|| Tensor::zeros([self.shape.outputs], (&x.device(), x.dtype())));
            return kernels::conv3x3(x, weight, bias);
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
        Ok(module::conv2d(x, weight.clone(), bias, options))
    }
}

#[allow(clippy::unwrap_used)]
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
                inputs: 24,
                outputs: 16,
                kernel,
                stride,
                pad_before: before,
                pad_after: after,
            };
            let weight = random([16, 24, kernel, kernel]);
            let bias = random([1, 1, 1, 16]).reshape([16]);
            let x = random([n, 24, h, w]);
            let padded = x
                .clone()
                .pad([(before, after), (before, after)], PadMode::Constant(0.0));
            let options = ConvOptions::new([stride; 2], [0; 2], [1; 2], 1);
            let expected = module::conv2d(padded, weight.clone(), Some(bias.clone()), options);
            let ways = [Kernel::Plain(weight.clone()), Kernel::of(weight, &shape)];
            for kernel in ways {
                let bias = Some(bias.clone());
                let got = Conv2d {
                    shape,
                    kernel,
                    bias,
                }
                .forward(x.clone())
                .unwrap();
                assert_eq!(expected.dims(), got.dims());
                let worst = (expected.clone() - got).abs().max().into_scalar::<f32>();
                assert!(worst < 1e-4, "{shape:?} {worst}");
            }
        }
    }
}
