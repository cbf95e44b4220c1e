//! Owns `AutoencoderTiny` (TAESD): plain convolutions without norms. Used by `vae`. Must never clamp its output: callers may blend it.

use burn::tensor::{DType, Tensor, activation as burn_activation};

use crate::diffusion::config::{TinyActivation, TinyConfig};
use crate::diffusion::error::Result;
use crate::diffusion::ops::{Conv2d, ConvShape, resize_nearest, silu};
use crate::diffusion::vae::Encoded;
use crate::diffusion::weights::Scope;

/// `AutoencoderTiny`.
#[derive(Debug)]
pub struct Tiny {
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
}

/// One entry of diffusers' `layers`, whose indices the checkpoint's keys carry.
#[derive(Debug)]
enum Layer {
    Conv(Conv2d),
    Block {
        convs: [Conv2d; 3],
        activation: TinyActivation,
    },
    Activation(TinyActivation),
    Double,
}

impl Tiny {
    /// Loads `encoder.layers.*` and `decoder.layers.*`.
    pub fn load(scope: &Scope, config: &TinyConfig) -> Self {
        Self {
            encoder: encoder(&scope.scope("encoder.layers"), config),
            decoder: decoder(&scope.scope("decoder.layers"), config),
        }
    }

    /// See `Vae::encode`.
    pub fn encode(&self, image: Tensor<4>) -> Result<Encoded> {
        let latents = run(&self.encoder, (image + 1.0) / 2.0)?;
        Ok(Encoded::Latents(latents.cast(DType::F32)))
    }

    /// See `Vae::decode`.
    pub fn decode(&self, latents: Tensor<4>) -> Result<Tensor<4>> {
        let soft_clamped = (latents / 3.0).tanh() * 3.0;
        Ok(run(&self.decoder, soft_clamped)? * 2.0 - 1.0)
    }
}

fn encoder(scope: &Scope, config: &TinyConfig) -> Vec<Layer> {
    let mut layers = Vec::new();
    let widths = &config.encoder_block_out_channels;
    for (stage, (width, blocks)) in widths.iter().zip(&config.num_encoder_blocks).enumerate() {
        let inputs = if stage == 0 {
            config.in_channels
        } else {
            *width
        };
        let mut shape = ConvShape::same(inputs, *width, 3);
        if stage > 0 {
            shape.stride = 2;
        }
        push(&mut layers, |i| {
            Layer::Conv(Conv2d::load(&scope.scope(i), shape, stage == 0))
        });
        for _ in 0..*blocks {
            push(&mut layers, |i| {
                block(&scope.scope(i), *width, config.activation)
            });
        }
    }
    let last = widths[widths.len() - 1];
    let shape = ConvShape::same(last, config.latent_channels, 3);
    push(&mut layers, |i| {
        Layer::Conv(Conv2d::load(&scope.scope(i), shape, true))
    });
    layers
}

fn decoder(scope: &Scope, config: &TinyConfig) -> Vec<Layer> {
    let widths = &config.decoder_block_out_channels;
    let first = ConvShape::same(config.latent_channels, widths[0], 3);
    let mut layers = vec![
        Layer::Conv(Conv2d::load(&scope.scope(0), first, true)),
        Layer::Activation(config.activation),
    ];
    for (stage, (width, blocks)) in widths.iter().zip(&config.num_decoder_blocks).enumerate() {
        let is_last = stage + 1 == widths.len();
        for _ in 0..*blocks {
            push(&mut layers, |i| {
                block(&scope.scope(i), *width, config.activation)
            });
        }
        if !is_last {
            layers.push(Layer::Double);
        }
        let outputs = if is_last { config.out_channels } else { *width };
        let shape = ConvShape::same(*width, outputs, 3);
        push(&mut layers, |i| {
            Layer::Conv(Conv2d::load(&scope.scope(i), shape, is_last))
        });
    }
    layers
}

/// Adds the layer of the next index.
fn push(layers: &mut Vec<Layer>, make: impl FnOnce(usize) -> Layer) {
    let layer = make(layers.len());
    layers.push(layer);
}

/// `AutoencoderTinyBlock`: `conv.0`, `conv.2` and `conv.4` with activations between.
fn block(scope: &Scope, width: usize, activation: TinyActivation) -> Layer {
    let conv = |i: usize| {
        Conv2d::load(
            &scope.scope("conv").scope(i),
            ConvShape::same(width, width, 3),
            true,
        )
    };
    Layer::Block {
        convs: [conv(0), conv(2), conv(4)],
        activation,
    }
}

fn activate(x: Tensor<4>, activation: TinyActivation) -> Result<Tensor<4>> {
    match activation {
        TinyActivation::Relu => Ok(burn_activation::relu(x)),
        TinyActivation::Silu => silu(x),
    }
}

fn run(layers: &[Layer], mut x: Tensor<4>) -> Result<Tensor<4>> {
    for layer in layers {
        x = match layer {
            Layer::Conv(conv) => conv.forward(x)?,
            Layer::Activation(kind) => activate(x, *kind)?,
            Layer::Double => {
                let [_, _, h, w] = x.dims();
                resize_nearest(x, [h * 2, w * 2])?
            }
            Layer::Block { convs, activation } => {
                let hidden = activate(convs[0].forward(x.clone())?, *activation)?;
                let hidden = activate(convs[1].forward(hidden)?, *activation)?;
                // The sum passes a ReLU whatever the activation, as in diffusers.
                burn_activation::relu(convs[2].forward(hidden)? + x)
            }
        };
    }
    Ok(x)
}
