//! Owns group norm (with the SiLU that follows it) and layer norm. Statistics are always f32. Used by the networks.
//! Must never fold a norm into its neighbours' weights.

use burn::tensor::{DType, Tensor, activation, module};

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::kernels;
use crate::diffusion::ops::host;
use crate::diffusion::weights::Scope;

/// Group normalisation (Wu and He 2018) over `[n, channels, h, w]`.
#[derive(Debug, Clone)]
pub struct GroupNorm {
    groups: usize,
    eps: f64,
    weight: Tensor<1>,
    bias: Tensor<1>,
}

impl GroupNorm {
    /// Loads `weight` and `bias`, both `[channels]`; `groups` divides `channels`.
    pub fn load(scope: &Scope, groups: usize, channels: usize, eps: f64) -> Self {
        Self {
            groups,
            eps,
            weight: scope.tensor("weight", [channels]),
            bias: scope.tensor("bias", [channels]),
        }
    }

    /// The normalised tensor, of the same shape and type.
    pub fn forward(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        self.run(x, false)
    }

    /// The normalised tensor behind SiLU.
    pub fn forward_silu(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        self.run(x, true)
    }

    /// Sum and sum of squares of each channel, over `count` numbers, to each channel's gain and offset: the norm is `gain · x + offset`.
    pub fn affine(&self, sums: &[[f64; 2]], count: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let weight = read(&self.weight)?;
        let bias = read(&self.bias)?;
        let in_group = (sums.len() / self.groups).max(1);
        let count = (count * in_group) as f64;
        let (mut gains, mut offsets) = (Vec::new(), Vec::new());
        for (group, sums) in sums.chunks(in_group).enumerate() {
            let [sum, squares] = sums
                .iter()
                .fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
            let mean = sum / count;
            let variance = (squares / count - mean * mean).max(0.0);
            let scale = 1.0 / (variance + self.eps).sqrt();
            for channel in group * in_group..group * in_group + sums.len() {
                let gain = f64::from(weight[channel]) * scale;
                gains.push(gain as f32);
                offsets.push((f64::from(bias[channel]) - mean * gain) as f32);
            }
        }
        Ok((gains, offsets))
    }

    fn run(&self, x: Tensor<4>, silu: bool) -> Result<Tensor<4>> {
        if host::serves(&x) {
            return host::group_norm(x, self.groups, self.eps, &self.weight, &self.bias, silu);
        }
        let dtype = x.dtype();
        if kernels::serves(&x) {
            let alike = |t: &Tensor<1>| t.clone().cast(dtype);
            let (weight, bias) = (alike(&self.weight), alike(&self.bias));
            return kernels::group_norm(x, self.groups, self.eps, &weight, &bias, silu);
        }
        let [n, channels, h, w] = x.dims();
        let x = x
            .cast(DType::F32)
            .reshape([n, self.groups, channels / self.groups * h * w]);
        let extents = [channels / self.groups, h, w];
        let centred = x.clone() - group_mean(x, extents);
        let variance = group_mean(centred.clone().square(), extents);
        let normed = centred / variance.add_scalar(self.eps).sqrt();
        let affine = |t: &Tensor<1>| t.clone().cast(DType::F32).reshape([1, channels, 1, 1]);
        let y = normed.reshape([n, channels, h, w]) * affine(&self.weight) + affine(&self.bias);
        let y = if silu { activation::silu(y) } else { y };
        Ok(y.cast(dtype))
    }
}

fn read(vector: &Tensor<1>) -> Result<Vec<f32>> {
    let values = vector.clone().try_into_vec_as::<f32>();
    values.map_err(DiffusionError::device)
}

/// Means over the last dimension of `[n, groups, c · h · w]`, taken along w, then h, then c. One long reduction came out
/// as 0 on software Vulkan with burn 0.22.1 (147,456 numbers; 36,864 were right), short ones are right everywhere.
fn group_mean(x: Tensor<3>, [c, h, w]: [usize; 3]) -> Tensor<3> {
    let [n, groups, _] = x.dims();
    let rows = x.reshape([n, groups * c * h, w]).mean_dim(2);
    let channels = rows.reshape([n, groups * c, h]).mean_dim(2);
    channels.reshape([n, groups, c]).mean_dim(2)
}

/// Layer normalisation (Ba et al. 2016) over the last dimension.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    eps: f64,
    weight: Tensor<1>,
    bias: Tensor<1>,
}

impl LayerNorm {
    /// Loads `weight` and `bias`, both `[width]`.
    pub fn load(scope: &Scope, width: usize, eps: f64) -> Self {
        Self {
            eps,
            weight: scope.tensor("weight", [width]),
            bias: scope.tensor("bias", [width]),
        }
    }

    /// The normalised tensor, of the same shape and type.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let dtype = x.dtype();
        let wide = |t: &Tensor<1>| t.clone().cast(DType::F32);
        module::layer_norm(
            x.cast(DType::F32),
            wide(&self.weight),
            Some(wide(&self.bias)),
            self.eps,
        )
        .cast(dtype)
    }
}
