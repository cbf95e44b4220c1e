//! Owns the primitives that the networks are made of: linear, convolution, norms, activations, attention, resizing. Each takes
//! the way that is right and fast for its device: plain burn operations, or on the CPU (`flex`, f32) the kernels in `host`.
//! Used by the networks only. Must never know a model's layout: a faster kernel for a device replaces code here and nowhere else.

mod attend;
mod conv;
mod host;
mod norm;

pub use attend::attend;
pub use conv::{Conv2d, ConvShape};
pub use norm::{GroupNorm, LayerNorm};

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::diffusion::error::Result;
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

    /// `[.., inputs]` to `[.., outputs]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut dims = x.dims();
        let inputs = dims[D - 1];
        let rows = dims.iter().product::<usize>() / inputs.max(1);
        let y = x.reshape([rows, inputs]).matmul(self.weight.clone());
        let y = match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        };
        dims[D - 1] = y.dims()[1];
        y.reshape(dims)
    }

    /// Tokens from a picture: `[n, inputs, h, w]` to `[n, h · w, outputs]`.
    pub fn forward_from_picture(&self, x: Tensor<4>) -> Tensor<3> {
        let [n, channels, h, w] = x.dims();
        let y = x
            .reshape([n, channels, h * w])
            .swap_dims(1, 2)
            .matmul(self.weight.clone().unsqueeze());
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        }
    }

    /// A picture from tokens: `[n, h · w, inputs]` to `[n, outputs, h, w]`.
    pub fn forward_to_picture(&self, x: Tensor<3>, [h, w]: [usize; 2]) -> Tensor<4> {
        let n = x.dims()[0];
        let weight: Tensor<3> = self.weight.clone().transpose().unsqueeze();
        let y = weight.matmul(x.swap_dims(1, 2));
        let outputs = y.dims()[1];
        let y = match &self.bias {
            Some(bias) => y + bias.clone().reshape([1, outputs, 1]),
            None => y,
        };
        y.reshape([n, outputs, h, w])
    }
}

/// `x · sigmoid(x)`.
pub fn silu<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>> {
    if host::serves(&x) {
        return host::silu(x);
    }
    Ok(activation::silu(x))
}

/// `a · gelu(b)` where `a` and `b` are the halves of the last dimension: `[rows, 2 k]` to `[rows, k]` (Shazeer 2020, GEGLU).
pub fn geglu(x: Tensor<3>) -> Result<Tensor<3>> {
    if host::serves(&x) {
        return host::geglu(x);
    }
    let half = x.dims()[2] / 2;
    let gate = activation::gelu(x.clone().narrow(2, half, half));
    Ok(x.narrow(2, 0, half) * gate)
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
mod timing {
    use super::*;
    use crate::diffusion::weights::Weights;
    use burn::tensor::{DType, Device, Distribution};
    use std::time::Instant;

    fn cpu() -> f64 {
        let t = std::fs::read_to_string("/proc/self/stat").unwrap();
        let f: Vec<&str> = t.rsplit(')').next().unwrap().split_whitespace().collect();
        (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
    }

    fn best(name: &str, gflop: f64, _runs: usize, mut f: impl FnMut()) {
        f();
        let c = cpu();
        let t = Instant::now();
        let mut n = 0.0;
        while cpu() - c < 0.5 {
            f();
            n += 1.0;
        }
        let b = (cpu() - c) / 2.0 / n;
        let w = t.elapsed().as_secs_f64() / n;
        println!("{name:40} half cpu {:8.2} ms {:7.1} GFLOP/s, wall {:8.2}", b * 1e3, gflop / b, w * 1e3);
    }

    #[test]
    #[ignore]
    fn timing() {
        let device = Device::flex();
        let w = Weights::invented(&device, DType::F32);
        let r = |s: [usize; 4]| {
            Tensor::<4>::random(s, Distribution::Normal(0.0, 1.0), (&device, DType::F32))
        };
        for (c, o, side) in [
            (320, 320, 64),
            (640, 320, 64),
            (960, 320, 64),
            (640, 640, 32),
            (1280, 640, 32),
            (1280, 1280, 16),
            (2560, 1280, 16),
            (1280, 1280, 8),
            (512, 512, 64),
            (256, 256, 256),
            (128, 128, 256),
            (320, 4, 64),
            (9, 320, 64),
        ] {
            let conv = Conv2d::load(&w.root(), ConvShape::same(c, o, 3), true);
            let x = r([1, c, side, side]);
            let g = 2.0 * 9.0 * (c * o * side * side) as f64 / 1e9;
            best(&format!("conv3 {c}->{o} {side}"), g, 8, || {
                let _ = conv.forward(x.clone() + 0.0).unwrap();
            });
        }
        for (c, side) in [(320, 64), (640, 32), (1280, 16)] {
            let conv = Conv2d::load(&w.root(), ConvShape::same(c, c, 1), true);
            let x = r([1, c, side, side]);
            best(
                &format!("conv1 {c} {side}"),
                2.0 * (c * c * side * side) as f64 / 1e9,
                8,
                || {
                    let _ = conv.forward(x.clone()).unwrap();
                },
            );
            let n = GroupNorm::load(&w.root(), 32, c, 1e-5);
            best(&format!("gn silu {c} {side}"), 0.0, 8, || {
                let _ = n.forward_silu(x.clone() + 0.0).unwrap();
            });
            best(&format!("add copy {c} {side}"), 0.0, 8, || {
                let _ = x.clone() + 0.0;
            });
            best(&format!("add {c} {side}"), 0.0, 8, || {
                let _ = x.clone() + x.clone();
            });
            best(&format!("cat {c} {side}"), 0.0, 8, || {
                let _ = Tensor::cat(vec![x.clone(), x.clone()], 1);
            });
            let t: Tensor<3> = r([1, 1, side * side, c]).reshape([1, side * side, c]);
            let l = LayerNorm::load(&w.root(), c, 1e-5);
            best(&format!("layernorm {c} {side}"), 0.0, 8, || {
                let _ = l.forward(t.clone());
            });
            for (i, o) in [(c, c), (c, 8 * c), (4 * c, c)] {
                let lin = Linear::load(&w.root(), i, o, true);
                let lin2 = Linear::load(&w.root(), i, o, false);
                let x: Tensor<3> = r([1, 1, side * side, i]).reshape([1, side * side, i]);
                let g = 2.0 * (i * o * side * side) as f64 / 1e9;
                best(&format!("linear {i}->{o} {}", side * side), g, 8, || {
                    let _ = lin.forward(x.clone());
                });
                best(
                    &format!("linear nobias {i}->{o} {}", side * side),
                    g,
                    8,
                    || {
                        let _ = lin2.forward(x.clone());
                    },
                );
            }
            let x: Tensor<3> = r([1, 1, side * side, c * 8]).reshape([1, side * side, c * 8]);
            best(&format!("geglu {c} {side}"), 0.0, 8, || {
                let _ = geglu(x.clone() + 0.0).unwrap();
            });
            best(&format!("copy8 {c} {side}"), 0.0, 8, || {
                let _ = x.clone() + 0.0;
            });
            let n = side * side;
            let q = r([1, n, 8, c / 8]).swap_dims(1, 2);
            let g = 4.0 * (n * n * c) as f64 / 1e9;
            best(&format!("attend {c} {n}"), g, 4, || {
                let _ = attend(q.clone(), q.clone(), q.clone(), None, false);
            });
            let s = r([1, 8, 64, n]);
            best(&format!("softmax 8x64x{n}"), 0.0, 8, || {
                let _ = activation::softmax(s.clone(), 3);
            });
            let k = r([1, 77, 8, c / 8]).swap_dims(1, 2);
            best(
                &format!("cross {c} {n}"),
                4.0 * (n * 77 * c) as f64 / 1e9,
                8,
                || {
                    let _ = attend(q.clone(), k.clone(), k.clone(), None, false);
                },
            );
            best(&format!("burn attention {c} {n}"), g, 4, || {
                let _ = burn::tensor::module::attention(
                    q.clone(),
                    q.clone(),
                    q.clone(),
                    None,
                    None,
                    Default::default(),
                );
            });
        }
        let q = r([1, 4096, 1, 512]).swap_dims(1, 2);
        best(
            "attend 512 4096 1",
            4.0 * (4096usize * 4096 * 512) as f64 / 1e9,
            4,
            || {
                let _ = attend(q.clone(), q.clone(), q.clone(), None, false);
            },
        );
    }
}
