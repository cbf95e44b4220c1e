//! Owns the convolutional layers that UNet and autoencoder share: `ResnetBlock2D`, `Downsample2D`, `Upsample2D`. Field names follow
//! the checkpoint's keys. Must never do the arithmetic itself: that is `ops`.

use burn::tensor::Tensor;

use crate::diffusion::error::Result;
use crate::diffusion::ops::{Conv2d, ConvShape, GroupNorm, Linear, resize_nearest};
use crate::diffusion::weights::Scope;

/// A residual block's fixed numbers.
#[derive(Debug, Clone, Copy)]
pub struct ResnetShape {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Width of the time embedding; none in autoencoders.
    pub time_embed_dim: Option<usize>,
    /// Groups of both norms.
    pub groups: usize,
    /// Added to variances.
    pub eps: f64,
    /// Divides the sum of both branches.
    pub output_scale: f64,
}

/// `ResnetBlock2D` with the default time embedding (added behind the first convolution).
#[derive(Debug, Clone)]
pub struct ResnetBlock {
    pub(super) norm1: GroupNorm,
    pub(super) conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    pub(super) norm2: GroupNorm,
    pub(super) conv2: Conv2d,
    pub(super) conv_shortcut: Option<Conv2d>,
    output_scale: f64,
}

impl ResnetBlock {
    /// Loads the block's layers.
    pub fn load(scope: &Scope, shape: &ResnetShape) -> Self {
        let ResnetShape {
            inputs,
            outputs,
            groups,
            eps,
            ..
        } = *shape;
        let conv = |name, inputs, kernel| {
            Conv2d::load(
                &scope.scope(name),
                ConvShape::same(inputs, outputs, kernel),
                true,
            )
        };
        Self {
            norm1: GroupNorm::load(&scope.scope("norm1"), groups, inputs, eps),
            conv1: conv("conv1", inputs, 3),
            time_emb_proj: shape
                .time_embed_dim
                .map(|d| Linear::load(&scope.scope("time_emb_proj"), d, outputs, true)),
            norm2: GroupNorm::load(&scope.scope("norm2"), groups, outputs, eps),
            conv2: conv("conv2", outputs, 3),
            conv_shortcut: (inputs != outputs).then(|| conv("conv_shortcut", inputs, 1)),
            output_scale: shape.output_scale,
        }
    }

    /// `[n, inputs, h, w]` to `[n, outputs, h, w]`. `time` is the time embedding behind SiLU, `[1, time_embed_dim]` for the whole
    /// batch or `[n, time_embed_dim]`.
    pub fn forward(&self, x: Tensor<4>, time: Option<&Tensor<2>>) -> Result<Tensor<4>> {
        let hidden = self.norm1.forward_silu(x.clone())?;
        let hidden = match (&self.time_emb_proj, time) {
            (Some(projection), Some(time)) => {
                let shift = projection.forward(time.clone());
                match shift.dims() {
                    [1, _] => self.conv1.forward_plus(hidden, shift.squeeze_dim(0))?,
                    [n, width] => self.conv1.forward(hidden)? + shift.reshape([n, width, 1, 1]),
                }
            }
            _ => self.conv1.forward(hidden)?,
        };
        let hidden = self.conv2.forward(self.norm2.forward_silu(hidden)?)?;
        let x = match &self.conv_shortcut {
            Some(shortcut) => shortcut.forward(x)?,
            None => x,
        };
        let sum = hidden + x;
        Ok(if self.output_scale == 1.0 {
            sum
        } else {
            sum / self.output_scale
        })
    }
}

/// `Downsample2D`: a strided convolution that halves the size, rounding up (`pad_before` 1) or down (0).
#[derive(Debug, Clone)]
pub struct Downsample {
    pub(super) conv: Conv2d,
}

impl Downsample {
    /// Loads `conv`. `padding` 1 pads all sides, 0 only behind, as diffusers does.
    pub fn load(scope: &Scope, channels: usize, padding: usize) -> Self {
        let shape = ConvShape {
            inputs: channels,
            outputs: channels,
            kernel: 3,
            stride: 2,
            pad_before: padding,
            pad_after: 1,
        };
        Self {
            conv: Conv2d::load(&scope.scope("conv"), shape, true),
        }
    }

    /// `[n, channels, h, w]` to half the size.
    pub fn forward(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        self.conv.forward(x)
    }
}

/// `Upsample2D`: nearest-neighbour resize and a convolution.
#[derive(Debug, Clone)]
pub struct Upsample {
    pub(super) conv: Conv2d,
}

impl Upsample {
    /// Loads `conv`.
    pub fn load(scope: &Scope, channels: usize) -> Self {
        Self {
            conv: Conv2d::load(
                &scope.scope("conv"),
                ConvShape::same(channels, channels, 3),
                true,
            ),
        }
    }

    /// `[n, channels, h, w]` to `size`, or to twice the size.
    pub fn forward(&self, x: Tensor<4>, size: Option<[usize; 2]>) -> Result<Tensor<4>> {
        let [_, _, h, w] = x.dims();
        self.conv
            .forward(resize_nearest(x, size.unwrap_or([h * 2, w * 2]))?)
    }
}
