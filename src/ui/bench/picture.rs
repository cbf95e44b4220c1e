//! Owns the photos that are measured: made of waves and grain, so that a JPEG of one has about the bytes of a real one.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::geometry::PixelSize;
use crate::photo::{self, EncodeOptions, Photo, PhotoError};

/// Writes a JPEG into the folder and returns its path.
pub fn write(size: PixelSize, folder: &Path) -> Result<PathBuf, PhotoError> {
    let file = folder.join("photo.jpg");
    let photo = Photo::from_rgb8(size, pixels(size));
    photo::encode_file(&photo, &file, &EncodeOptions::default())?;
    Ok(file)
}

fn pixels(size: PixelSize) -> Vec<u8> {
    let row_bytes = size.width as usize * 3;
    let across: Vec<f32> = (0..size.width)
        .map(|x| (x as f32 / 61.0).sin() * 30.0 + (x as f32 / 901.0).sin() * 40.0)
        .collect();
    let mut rgb = vec![0; row_bytes * size.height as usize];
    rgb.par_chunks_exact_mut(row_bytes)
        .enumerate()
        .for_each(|(y, row)| {
            let down = (y as f32 / 47.0).cos() * 25.0;
            for ((x, pixel), across) in row.chunks_exact_mut(3).enumerate().zip(&across) {
                let mixed =
                    (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
                let grain = (mixed.wrapping_mul(0xC2B2_AE3D) >> 28) as f32;
                let base = 110.0 + across + down + grain;
                for (value, share) in pixel.iter_mut().zip([1.0, 0.92, 0.8]) {
                    *value = (base * share) as u8;
                }
            }
        });
    rgb
}
