//! Owns contact sheets: truth, hole and every method's fill side by side, for the eye. Called by `inlay bench quality`.

use std::path::Path;

use super::{Failure, Fills, Outcome, look, rgb8};
use crate::geometry::{PixelRect, PixelSize};
use crate::photo::resample::resize_rgb;
use crate::photo::{EncodeOptions, encode_file};
use crate::raster::{Plane, RgbF32};

/// Longest side of one picture on the sheet.
const SIDE: u32 = 420;
const GAP: u32 = 6;

/// In the order: truth, hole, fills by name.
pub fn write(path: &Path, truth: &RgbF32, hole: &Plane, fills: &Fills) -> Outcome {
    let rect = look(hole, SIDE);
    let mut marked = truth.clone();
    for (pixel, value) in marked.data.chunks_exact_mut(3).zip(&hole.data) {
        if *value > 0 {
            pixel.copy_from_slice(&[1.0, 0.0, 1.0]);
        }
    }
    let shown = [truth, &marked].into_iter();
    let pictures: Vec<RgbF32> = shown
        .chain(fills.values().map(|fill| &fill.picture))
        .map(|picture| small(picture, rect))
        .collect();
    let Some(first) = pictures.first() else {
        return Ok(());
    };
    let (width, height) = (first.size.width, first.size.height);
    let count = pictures.len() as u32;
    let mut sheet = RgbF32::new(PixelSize::new(count * (width + GAP) - GAP, height));
    for (place, picture) in (0..).zip(&pictures) {
        for y in 0..height as usize {
            for x in 0..width as usize {
                let to = x + (place * (width + GAP)) as usize;
                sheet.set_pixel(to, y, picture.pixel(x, y));
            }
        }
    }
    encode_file(&rgb8(&sheet), path, &EncodeOptions::default())
        .map(|_| ())
        .map_err(|e| Failure::Failed(e.to_string()))
}

fn small(picture: &RgbF32, rect: PixelRect) -> RgbF32 {
    let mut part = RgbF32::new(rect.size());
    for y in 0..part.height() {
        for x in 0..part.width() {
            let value = picture.pixel(x + rect.x as usize, y + rect.y as usize);
            part.set_pixel(x, y, value);
        }
    }
    let scale = (f64::from(SIDE) / f64::from(rect.size().long_side().max(1))).min(1.0);
    let side = |px: u32| ((f64::from(px) * scale).round() as u32).max(1);
    resize_rgb(&part, PixelSize::new(side(rect.width), side(rect.height)))
}
