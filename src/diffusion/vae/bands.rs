//! Owns running `AutoencoderKL` a band of rows at a time, for devices that can't hold its large layers. Used by `vae`.
//!
//! The layers run one after the other over the whole picture, as ever; only within a layer is the work cut. What lies between layers waits in
//! the computer's memory, and a group norm's statistics are summed over all bands before any band is normalised. Bands overlap by what a
//! 3×3 kernel sees. So there are no seams, and the result is the whole picture's up to the rounding of those sums. An enlarged picture is
//! never kept: its rows are made again from the smaller one where they are needed. Must never split the middle block: its attention
//! looks at everything, and it is small.

use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use rayon::prelude::*;

use super::Encoded;
use super::kl::{Decoder, Encoder, Kl};
use crate::diffusion::error::Result;
use crate::diffusion::guidance::read;
use crate::diffusion::ops::{Conv2d, GroupNorm, resize_nearest, silu};
use crate::diffusion::resnet::ResnetBlock;

/// Rows beyond a band's own that are looked at. One is needed; two keep bands on even rows, where a fast kernel cuts the whole picture, too.
const REACH: usize = 2;

/// Numbers in a band of one layer's input: 16 MiB in f32.
pub const BAND: usize = 1 << 22;

/// Planes of one picture in the computer's memory.
struct Held {
    channels: usize,
    height: usize,
    width: usize,
    data: Vec<f32>,
}

/// Where rows come from.
#[derive(Clone, Copy)]
enum Rows<'a> {
    Held(&'a Held),
    /// The convolution of the picture at twice its size.
    Doubled(&'a Held, &'a Conv2d),
}

/// Where and how bands are computed.
#[derive(Clone, Copy)]
struct Bands<'a> {
    device: &'a Device,
    dtype: DType,
    /// Numbers of a band.
    size: usize,
}

/// `gain · x + offset` a channel.
struct Affine {
    gain: Tensor<4>,
    offset: Tensor<4>,
}

impl Held {
    fn empty(channels: usize, height: usize, width: usize) -> Self {
        Self {
            channels,
            height,
            width,
            data: vec![0.0; channels * height * width],
        }
    }

    fn of(x: Tensor<4>) -> Result<Self> {
        let [_, channels, height, width] = x.dims();
        Ok(Self {
            channels,
            height,
            width,
            data: read(x)?,
        })
    }

    fn into_tensor(self, bands: &Bands<'_>) -> Tensor<4> {
        let data = TensorData::new(self.data, [1, self.channels, self.height, self.width]);
        bands.upload(data)
    }

    fn put(&mut self, rows: &Range<usize>, values: &[f32]) {
        let (plane, band) = (self.height * self.width, rows.len() * self.width);
        let start = rows.start * self.width;
        self.data
            .par_chunks_mut(plane.max(1))
            .zip(values.par_chunks(band.max(1)))
            .for_each(|(to, from)| to[start..start + band].copy_from_slice(from));
    }

    fn rows(&self, rows: &Range<usize>) -> TensorData {
        let plane = (self.height * self.width).max(1);
        let (start, band) = (rows.start * self.width, rows.len() * self.width);
        let mut out = vec![0.0; self.channels * band];
        out.par_chunks_mut(band.max(1))
            .zip(self.data.par_chunks(plane))
            .for_each(|(to, from)| to.copy_from_slice(&from[start..start + band]));
        TensorData::new(out, [1, self.channels, rows.len(), self.width])
    }
}

impl<'a> Rows<'a> {
    fn of(held: &'a Held, doubling: Option<&'a Conv2d>) -> Self {
        match doubling {
            Some(conv) => Self::Doubled(held, conv),
            None => Self::Held(held),
        }
    }

    /// Channels, height, width.
    fn shape(&self) -> [usize; 3] {
        match self {
            Self::Held(held) => [held.channels, held.height, held.width],
            Self::Doubled(held, _) => [held.channels, held.height * 2, held.width * 2],
        }
    }
}

impl Bands<'_> {
    fn upload(&self, data: TensorData) -> Tensor<4> {
        Tensor::<4>::from_data(data, (self.device, DType::F32)).cast(self.dtype)
    }

    /// Even bands of rows for layers of `channels` at `width`.
    fn over(&self, height: usize, width: usize, channels: usize) -> Vec<Range<usize>> {
        let fitting = (self.size / (width * channels).max(1)).max(2 * REACH) / 2 * 2;
        let rows = height
            .div_ceil(height.div_ceil(fitting).max(1))
            .next_multiple_of(2);
        (0..height)
            .step_by(rows.max(2))
            .map(|start| start..(start + rows).min(height))
            .collect()
    }

    /// Rows on the device.
    fn take(&self, source: Rows<'_>, rows: &Range<usize>) -> Result<Tensor<4>> {
        let (held, conv) = match source {
            Rows::Held(held) => return Ok(self.upload(held.rows(rows))),
            Rows::Doubled(held, conv) => (held, conv),
        };
        let wide = reach(rows, held.height * 2);
        let small = wide.start / 2..wide.end.div_ceil(2);
        let x = self.upload(held.rows(&small));
        let [_, _, h, w] = x.dims();
        let x = resize_nearest(x, [h * 2, w * 2])?;
        let x = x.narrow(2, wide.start - small.start * 2, wide.len());
        Ok(conv
            .forward(x)?
            .narrow(2, rows.start - wide.start, rows.len()))
    }

    /// What group norm makes of the source, from sums over all of it.
    fn norm(&self, source: Rows<'_>, norm: &GroupNorm) -> Result<Affine> {
        let [channels, height, width] = source.shape();
        let mut sums = vec![[0.0; 2]; channels];
        match source {
            Rows::Held(held) => add_sums(&mut sums, &held.data, height * width),
            Rows::Doubled(..) => {
                for rows in self.over(height, width, channels) {
                    let band = read(self.take(source, &rows)?)?;
                    add_sums(&mut sums, &band, rows.len() * width);
                }
            }
        }
        let (gains, offsets) = norm.affine(&sums, height * width)?;
        let vector = |values: Vec<f32>| self.upload(TensorData::new(values, [1, channels, 1, 1]));
        Ok(Affine {
            gain: vector(gains),
            offset: vector(offsets),
        })
    }

    /// Some rows of a 3×3 convolution behind norm and `SiLU`.
    fn convolve(
        &self,
        source: Rows<'_>,
        norm: &Affine,
        conv: &Conv2d,
        rows: &Range<usize>,
    ) -> Result<Tensor<4>> {
        let wide = reach(rows, source.shape()[1]);
        let x = self.take(source, &wide)?;
        let x = silu(x * norm.gain.clone() + norm.offset.clone())?;
        Ok(conv
            .forward(x)?
            .narrow(2, rows.start - wide.start, rows.len()))
    }

    /// A residual block, behind the doubling where one stands in front. Writes over its input where the result has its shape.
    fn resnet(&self, mut x: Held, doubling: Option<&Conv2d>, block: &ResnetBlock) -> Result<Held> {
        let source = Rows::of(&x, doubling);
        let [inputs, height, width] = source.shape();
        let outputs = block.conv1.outputs();
        let bands = self.over(height, width, inputs.max(outputs));
        let norm = self.norm(source, &block.norm1)?;
        let mut hidden = Held::empty(outputs, height, width);
        for rows in &bands {
            let band = self.convolve(source, &norm, &block.conv1, rows)?;
            hidden.put(rows, &read(band)?);
        }
        let norm = self.norm(Rows::Held(&hidden), &block.norm2)?;
        let keeps_shape = doubling.is_none() && block.conv_shortcut.is_none();
        let mut out = (!keeps_shape).then(|| Held::empty(outputs, height, width));
        for rows in &bands {
            let before = self.take(Rows::of(&x, doubling), rows)?;
            let before = match &block.conv_shortcut {
                Some(shortcut) => shortcut.forward(before)?,
                None => before,
            };
            let band = self.convolve(Rows::Held(&hidden), &norm, &block.conv2, rows)? + before;
            out.as_mut().unwrap_or(&mut x).put(rows, &read(band)?);
        }
        Ok(out.unwrap_or(x))
    }

    /// Any convolution of stride 1 that keeps the size.
    fn plain(&self, source: &Held, conv: &Conv2d) -> Result<Held> {
        let (height, width) = (source.height, source.width);
        let mut out = Held::empty(conv.outputs(), height, width);
        for rows in self.over(height, width, source.channels.max(conv.outputs())) {
            let wide = reach(&rows, height);
            let x = conv.forward(self.take(Rows::Held(source), &wide)?)?;
            out.put(
                &rows,
                &read(x.narrow(2, rows.start - wide.start, rows.len()))?,
            );
        }
        Ok(out)
    }

    /// The strided convolution that halves an encoder's picture; it adds a row and a column of zeros behind.
    fn halve(&self, source: &Held, conv: &Conv2d) -> Result<Held> {
        let (height, width) = (source.height / 2, source.width / 2);
        let mut out = Held::empty(conv.outputs(), height, width);
        for rows in self.over(height, width, source.channels * 4) {
            let wide = rows.start * 2..(rows.end * 2 + 1).min(source.height);
            let x = conv.forward(self.take(Rows::Held(source), &wide)?)?;
            out.put(&rows, &read(x.narrow(2, 0, rows.len()))?);
        }
        Ok(out)
    }

    fn encoder(&self, encoder: &Encoder, image: Tensor<4>) -> Result<Tensor<4>> {
        let mut x = self.plain(&Held::of(image)?, &encoder.conv_in)?;
        for (resnets, sampler) in &encoder.down_blocks {
            for resnet in resnets {
                x = self.resnet(x, None, resnet)?;
            }
            if let Some(sampler) = sampler {
                x = self.halve(&x, &sampler.conv)?;
            }
        }
        let x = encoder.mid_block.forward(x.into_tensor(self))?;
        encoder
            .conv_out
            .forward(encoder.conv_norm_out.forward_silu(x)?)
    }

    fn decoder(&self, decoder: &Decoder, latents: Tensor<4>) -> Result<Held> {
        let x = decoder.conv_in.forward(latents)?;
        let mut x = Held::of(decoder.mid_block.forward(x)?)?;
        let mut doubling = None;
        for (resnets, sampler) in &decoder.up_blocks {
            for resnet in resnets {
                x = self.resnet(x, doubling.take(), resnet)?;
            }
            doubling = sampler.as_ref().map(|s| &s.conv);
        }
        let last = Rows::Held(&x);
        let norm = self.norm(last, &decoder.conv_norm_out)?;
        let conv = &decoder.conv_out;
        let mut out = Held::empty(conv.outputs(), x.height, x.width);
        for rows in self.over(x.height, x.width, x.channels) {
            out.put(&rows, &read(self.convolve(last, &norm, conv, &rows)?)?);
        }
        Ok(out)
    }
}

/// Adds each channel's sum and sum of squares.
fn add_sums(sums: &mut [[f64; 2]], values: &[f32], plane: usize) {
    sums.par_iter_mut()
        .zip(values.par_chunks(plane.max(1)))
        .for_each(|(sums, plane)| {
            for value in plane {
                let value = f64::from(*value);
                sums[0] += value;
                sums[1] += value * value;
            }
        });
}

/// The rows that a band's convolution looks at.
fn reach(rows: &Range<usize>, height: usize) -> Range<usize> {
    rows.start.saturating_sub(REACH)..(rows.end + REACH).min(height)
}

impl Kl {
    /// As `encode`, of one picture, in bands of about `size` numbers.
    pub fn encode_in_bands(&self, image: Tensor<4>, size: usize) -> Result<Encoded> {
        let device = image.device();
        let bands = Bands {
            device: &device,
            dtype: image.dtype(),
            size,
        };
        self.moments(bands.encoder(&self.encoder, image)?)
    }

    /// As `decode`, of one picture, in bands of about `size` numbers. The picture is f32.
    pub fn decode_in_bands(&self, latents: Tensor<4>, size: usize) -> Result<Tensor<4>> {
        let device = latents.device();
        let bands = Bands {
            device: &device,
            dtype: latents.dtype(),
            size,
        };
        let latents = self.decoder_input(latents)?;
        let out = bands.decoder(&self.decoder, latents)?;
        let data = TensorData::new(out.data, [1, out.channels, out.height, out.width]);
        Ok(Tensor::from_data(data, (&device, DType::F32)))
    }
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::config::KlConfig;
    use crate::diffusion::weights::Weights;

    fn config() -> KlConfig {
        KlConfig {
            in_channels: 3,
            out_channels: 3,
            block_out_channels: vec![16, 32, 32],
            layers_per_block: 1,
            latent_channels: 4,
            norm_num_groups: 8,
            scaling_factor: 1.0,
            shift_factor: 0.0,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
            force_upcast: false,
        }
    }

    /// A picture whose brightness, contrast and texture change from end to end: statistics of a part are not those of the whole.
    fn uneven(channels: usize, height: usize, width: usize) -> Tensor<4> {
        let value = |i: usize| {
            let (y, x) = (i / width % height, i % width);
            let slope = y as f32 / height as f32;
            slope * 2.0 - 1.0 + slope * ((x * 7 + y * 3 + i) as f32).sin()
        };
        let data: Vec<f32> = (0..channels * height * width).map(value).collect();
        let data = TensorData::new(data, [1, channels, height, width]);
        Tensor::from_data(data, (&Device::flex(), DType::F32))
    }

    fn worst(a: Tensor<4>, b: Tensor<4>) -> (f32, f32) {
        assert_eq!(a.dims(), b.dims());
        let size = a.clone().abs().max().into_scalar::<f32>();
        ((a - b).abs().max().into_scalar::<f32>(), size)
    }

    #[test]
    fn bands_make_the_whole_picture() {
        let weights = Weights::invented(&Device::flex(), DType::F32);
        let kl = Kl::load(&weights.root(), &config());
        let latents = uneven(4, 20, 13);
        let whole = kl.decode(latents.clone()).unwrap();
        let image = uneven(3, 64, 44);
        let Encoded::Moments { mean, logvar } = kl.encode(image.clone()).unwrap() else {
            panic!("no moments");
        };
        for size in [1, 6_000, 20_000, 1 << 22] {
            let banded = kl.decode_in_bands(latents.clone(), size).unwrap();
            let (error, scale) = worst(whole.clone(), banded);
            println!("decode, bands of {size}: {error:.1e} of {scale:.1}");
            assert!(error < 2e-5 * scale, "decode {size}: {error} of {scale}");
            let Encoded::Moments {
                mean: banded_mean,
                logvar: banded_logvar,
            } = kl.encode_in_bands(image.clone(), size).unwrap()
            else {
                panic!("no moments");
            };
            for (whole, banded) in [(&mean, banded_mean), (&logvar, banded_logvar)] {
                let (error, scale) = worst(whole.clone(), banded);
                println!("encode, bands of {size}: {error:.1e} of {scale:.1}");
                assert!(error < 2e-5 * scale, "encode {size}: {error} of {scale}");
            }
        }
    }

    #[test]
    fn statistics_of_bands_alone_would_show() {
        let weights = Weights::invented(&Device::flex(), DType::F32);
        let kl = Kl::load(&weights.root(), &config());
        let latents = uneven(4, 20, 13);
        let whole = kl.decode(latents.clone()).unwrap();
        // The upper half decoded alone, far from the cut: what a tiling without common statistics makes.
        let alone = kl.decode(latents.narrow(2, 0, 10)).unwrap();
        let (error, scale) = worst(whole.narrow(2, 0, 8), alone.narrow(2, 0, 8));
        assert!(
            error > 1e-2 * scale,
            "{error} of {scale}: the picture is no test"
        );
    }

    #[test]
    fn bands_cover_every_row_once_and_start_even() {
        let device = Device::flex();
        for (height, width, channels, size) in [
            (64, 64, 128, 1 << 14),
            (7, 3, 4, 10),
            (2, 9, 1, 1 << 20),
            (1, 1, 1, 1),
        ] {
            let bands = Bands {
                device: &device,
                dtype: DType::F32,
                size,
            };
            let all = bands.over(height, width, channels);
            let rows: Vec<usize> = all.iter().cloned().flatten().collect();
            assert_eq!(rows, (0..height).collect::<Vec<_>>());
            assert!(all.iter().all(|r| r.start.is_multiple_of(2)));
        }
    }
}
