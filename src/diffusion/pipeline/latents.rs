//! Owns the way from pixels to latents and back: normalising, masking, the autoencoder's sample and its scale. Used by the
//! pipeline. Must never know schedules or texts.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::Result;
use crate::diffusion::guidance::read;
use crate::diffusion::noise::TorchRng;
use crate::diffusion::vae::{Encoded, Vae};
use crate::geometry::PixelSize;
use crate::raster::{Plane, RgbF32};

/// From this value up a mask repaints.
const REPAINTS_FROM: u8 = 128;

/// `[1, 3, h, w]` in −1…1, planes one after the other. `hidden` pixels become mid-grey, 0.
pub fn normalised(image: &RgbF32, hidden: Option<&Plane>) -> Vec<f32> {
    let pixels = image.width() * image.height();
    let mut out = vec![0.0; 3 * pixels];
    for (i, rgb) in image.data.chunks_exact(3).enumerate() {
        if hidden.is_some_and(|mask| mask.data[i] >= REPAINTS_FROM) {
            continue;
        }
        for (c, value) in rgb.iter().enumerate() {
            out[c * pixels + i] = 2.0 * value.clamp(0.0, 1.0) - 1.0;
        }
    }
    out
}

/// The mask at the latents' size, 1 = repaint: each latent takes its first pixel's, as nearest-neighbour resizing does.
pub fn latent_mask(mask: &Plane, side: usize) -> Vec<f32> {
    let (width, height) = (mask.width() / side, mask.height() / side);
    let value = |x: usize, y: usize| f32::from(mask.get(x * side, y * side) >= REPAINTS_FROM);
    (0..width * height)
        .map(|i| value(i % width, i / width))
        .collect()
}

/// How free each latent is, 0–1: the mask's mean over its pixels.
pub fn freedom(mask: &Plane, side: usize) -> Vec<f32> {
    let (width, height) = (mask.width() / side, mask.height() / side);
    let mean = |x: usize, y: usize| {
        let values =
            (0..side * side).map(|i| u32::from(mask.get(x * side + i % side, y * side + i / side)));
        values.sum::<u32>() as f32 / (255 * side * side) as f32
    };
    (0..width * height)
        .map(|i| mean(i % width, i / width))
        .collect()
}

/// The autoencoder's scaled latents of a normalised picture. `AutoencoderKL` draws a sample, `AutoencoderTiny` does not.
/// Like diffusers' inpainting pipeline this scales but never shifts.
pub fn encode(
    vae: &Vae,
    device: &Device,
    pixels: Vec<f32>,
    size: PixelSize,
    rng: &mut TorchRng,
) -> Result<Vec<f32>> {
    let shape = [1, 3, size.height as usize, size.width as usize];
    let image = Tensor::<4>::from_data(TensorData::new(pixels, shape), (device, DType::F32));
    let scale = vae.scaling_factor() as f32;
    let mut latents = match vae.encode(image)? {
        Encoded::Latents(latents) => read(latents)?,
        Encoded::Moments { mean, logvar } => {
            let (mean, logvar) = (read(mean)?, read(logvar)?);
            let noise = rng.randn(mean.len());
            let sample = |((m, l), n): ((&f32, &f32), f32)| m + (0.5 * l).exp() * n;
            mean.iter().zip(&logvar).zip(noise).map(sample).collect()
        }
    };
    for latent in &mut latents {
        *latent *= scale;
    }
    Ok(latents)
}

/// The random numbers that [`encode`] would draw for `count` latents, left unused.
pub fn skip_encode(vae: &VaeConfig, count: usize, rng: &mut TorchRng) {
    if matches!(vae, VaeConfig::Kl(_)) {
        rng.randn(count);
    }
}

/// The picture of scaled latents of `shape` (channels, height, width), clamped to 0–1.
pub fn decode(
    vae: &Vae,
    device: &Device,
    latents: &[f32],
    shape: [usize; 3],
) -> Result<(PixelSize, Vec<f32>)> {
    let scale = vae.scaling_factor() as f32;
    let unscaled: Vec<f32> = latents.iter().map(|l| l / scale).collect();
    let [channels, height, width] = shape;
    let data = TensorData::new(unscaled, [1, channels, height, width]);
    let image = vae.decode(Tensor::<4>::from_data(data, (device, DType::F32)))?;
    let [_, _, rows, columns] = image.dims();
    let planes = read(image)?;
    Ok((PixelSize::new(columns as u32, rows as u32), planes))
}

/// Planes in −1…1 as an interleaved picture in 0–1.
pub fn to_picture(size: PixelSize, planes: &[f32]) -> RgbF32 {
    let mut picture = RgbF32::new(size);
    let pixels = size.area() as usize;
    for (i, rgb) in picture.data.chunks_exact_mut(3).enumerate() {
        for (c, value) in rgb.iter_mut().enumerate() {
            *value = (planes[c * pixels + i] / 2.0 + 0.5).clamp(0.0, 1.0);
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_split_at_half_and_take_the_first_pixel() {
        let mut mask = Plane::new(PixelSize::new(16, 8));
        mask.set(0, 0, 127);
        mask.set(7, 7, 255);
        mask.set(8, 0, 128);
        assert_eq!(latent_mask(&mask, 8), [0.0, 1.0]);
    }

    #[test]
    fn greys_say_how_free_a_latent_is() {
        let mut mask = Plane::new(PixelSize::new(4, 2));
        mask.data = vec![255, 255, 0, 51, 255, 255, 0, 51];
        assert_eq!(freedom(&mask, 2), [1.0, 0.1]);
    }

    #[test]
    fn hidden_pixels_become_mid_grey() {
        let size = PixelSize::new(2, 1);
        let mut image = RgbF32::new(size);
        image.set_pixel(0, 0, [1.0, 0.5, 0.0]);
        let mut mask = Plane::new(size);
        mask.set(1, 0, 128);
        assert_eq!(
            normalised(&image, Some(&mask)),
            [1.0, 0.0, 0.0, 0.0, -1.0, 0.0]
        );
        assert_eq!(normalised(&image, None)[1], -1.0);
    }

    #[test]
    fn pictures_survive_the_round_trip() {
        let size = PixelSize::new(3, 2);
        let mut image = RgbF32::new(size);
        for (i, v) in image.data.iter_mut().enumerate() {
            *v = i as f32 / 32.0;
        }
        assert_eq!(to_picture(size, &normalised(&image, None)), image);
    }
}
