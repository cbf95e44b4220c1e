//! Owns the `Mask` type: making it, reading and writing it as a picture, bounds, cutting. Used by every file of this
//! room. Must never rescale a mask silently: another size than the canvas is an error.

use std::path::Path;

use rayon::prelude::*;

use crate::geometry::{PixelRect, PixelSize};
use crate::photo::{
    EncodeOptions, Layout, Photo, PhotoError, PhotoFormat, Samples, decode_file, encode_bytes,
    write_atomically,
};
use crate::raster::Plane;

/// Coverage a pixel over the whole canvas: 255 = repaint, 0 = keep, between = partly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    pub plane: Plane,
}

/// What can go wrong with a mask.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    /// The mask's file can't be read or written.
    #[error(transparent)]
    File(#[from] PhotoError),
    /// Two sizes that must be equal are not.
    #[error(
        "the mask is {mask} pixels but the picture is {canvas}; make or export the mask in the picture's own size"
    )]
    Size { mask: PixelSize, canvas: PixelSize },
}

/// Pixels a parallel task should at least have.
pub(super) const GRAIN: usize = 1 << 16;

impl Mask {
    /// Nothing masked.
    pub fn new(size: PixelSize) -> Self {
        Self {
            plane: Plane::new(size),
        }
    }

    /// From any picture of the canvas' size: its luminance (Rec. 601 weights on the stored values), times alpha where
    /// there is one. White = repaint.
    pub fn from_file(path: &Path, canvas: PixelSize) -> Result<Self, MaskError> {
        let photo = decode_file(path)?.photo;
        if photo.size != canvas {
            return Err(MaskError::Size {
                mask: photo.size,
                canvas,
            });
        }
        Ok(Self::from_photo(&photo))
    }

    /// As [`Self::from_file`], from a picture in memory.
    pub fn from_photo(photo: &Photo) -> Self {
        let data = match &photo.samples {
            Samples::U8(data) => coverage(data, photo.layout, |v| u32::from(v) * 257),
            Samples::U16(data) => coverage(data, photo.layout, u32::from),
        };
        Self {
            plane: Plane {
                size: photo.size,
                data,
            },
        }
    }

    /// Where a photo is transparent (255 = wholly); `None` without alpha or when everything is opaque.
    pub fn from_transparency(photo: &Photo) -> Option<Self> {
        photo.transparency_plane().map(|plane| Self { plane })
    }

    /// As an 8-bit grey PNG.
    pub fn to_png(&self) -> Result<Vec<u8>, MaskError> {
        let photo = Photo {
            size: self.plane.size,
            layout: Layout::Gray,
            samples: Samples::U8(self.plane.data.clone()),
            icc: None,
            exif: None,
            notes: None,
            format: PhotoFormat::Png,
        };
        let (bytes, _) = encode_bytes(&photo, PhotoFormat::Png, &EncodeOptions::default())?;
        Ok(bytes)
    }

    /// Writes [`Self::to_png`] beside `path` and renames it there. [`Self::from_file`] reads the same mask back.
    pub fn to_png_file(&self, path: &Path) -> Result<(), MaskError> {
        Ok(write_atomically(path, &self.to_png()?)?)
    }

    pub fn size(&self) -> PixelSize {
        self.plane.size
    }

    /// Smallest rectangle around everything above 0; empty when there is nothing.
    pub fn bounds(&self) -> PixelRect {
        let width = self.plane.width().max(1);
        let rows = (GRAIN / width).max(1);
        self.plane
            .data
            .par_chunks(width * rows)
            .enumerate()
            .map(|(band, data)| {
                let mut found = PixelRect::default();
                for (y, row) in data.chunks_exact(width).enumerate() {
                    let Some(first) = first_set(row) else {
                        continue;
                    };
                    let last = row.iter().rposition(|v| *v > 0).unwrap_or(first);
                    let y = (band * rows + y) as i32;
                    found = found.union(PixelRect::from_edges(
                        first as i32,
                        y,
                        last as i32 + 1,
                        y + 1,
                    ));
                }
                found
            })
            .reduce(PixelRect::default, PixelRect::union)
    }

    pub fn is_empty(&self) -> bool {
        self.plane.data.par_chunks(GRAIN).all(is_clear)
    }

    /// Masked area in pixels, partly masked ones counted by their share.
    pub fn area(&self) -> f64 {
        let sum: u64 = self
            .plane
            .data
            .par_chunks(GRAIN)
            .map(|part| part.iter().map(|v| u64::from(*v)).sum::<u64>())
            .sum();
        sum as f64 / 255.0
    }

    /// The part inside `rect`; places outside the canvas are 0.
    pub fn crop(&self, rect: PixelRect) -> Plane {
        let mut out = Plane::new(rect.size());
        let part = rect.intersect(self.size().rect());
        if part.is_empty() {
            return out;
        }
        let (width, out_width) = (self.plane.width(), rect.width as usize);
        let len = part.width as usize;
        for y in part.y..part.bottom() {
            let from = y as usize * width + part.x as usize;
            let to = (y - rect.y) as usize * out_width + (part.x - rect.x) as usize;
            out.data[to..to + len].copy_from_slice(&self.plane.data[from..from + len]);
        }
        out
    }

    /// On a canvas grown by these pixels; the new area is not masked.
    #[must_use]
    pub fn extended(&self, left: u32, top: u32, right: u32, bottom: u32) -> Self {
        let size = self.size();
        self.reframed(PixelRect::new(
            -(left as i32),
            -(top as i32),
            size.width + left + right,
            size.height + top + bottom,
        ))
    }

    /// On the canvas that `rect` cuts out of this one, or that reaches beyond it; the new area is not masked.
    #[must_use]
    pub fn reframed(&self, rect: PixelRect) -> Self {
        Self {
            plane: self.crop(rect),
        }
    }

    /// Swaps masked and kept.
    pub fn invert(&mut self) {
        self.plane
            .data
            .par_iter_mut()
            .with_min_len(GRAIN)
            .for_each(|v| *v = 255 - *v);
    }

    /// Takes over `tile` from `part`, which covers `around`; both lie inside the canvas.
    pub(super) fn put(&mut self, tile: PixelRect, part: &Plane, around: PixelRect) {
        let width = self.plane.width();
        let len = tile.width as usize;
        for y in tile.y..tile.bottom() {
            let to = y as usize * width + tile.x as usize;
            let from = (y - around.y) as usize * part.width() + (tile.x - around.x) as usize;
            self.plane.data[to..to + len].copy_from_slice(&part.data[from..from + len]);
        }
    }
}

/// Position of the first value above 0; looks at 64 values at once.
pub(super) fn first_set(row: &[u8]) -> Option<usize> {
    let block = row.chunks(64).position(|part| !is_clear(part))?;
    row[block * 64..]
        .iter()
        .position(|v| *v > 0)
        .map(|at| block * 64 + at)
}

/// True when every value is 255.
pub(super) fn is_full(data: &[u8]) -> bool {
    data.chunks(4096)
        .all(|part| part.iter().fold(255, |all, v| all & v) == 255)
}

/// True when every value is 0.
pub(super) fn is_clear(data: &[u8]) -> bool {
    data.chunks(4096)
        .all(|part| part.iter().fold(0, |all, v| all | v) == 0)
}

impl Photo {
    /// As [`Mask::from_transparency`].
    pub fn transparency(&self) -> Option<Mask> {
        Mask::from_transparency(self)
    }
}

/// Luminance times alpha in 8 bits; `wide` brings a sample to 0–65535.
fn coverage<T: Copy + Sync>(data: &[T], layout: Layout, wide: impl Fn(T) -> u32 + Sync) -> Vec<u8> {
    let channels = layout.channels();
    data.par_chunks_exact(channels)
        .with_min_len(GRAIN)
        .map(|pixel| {
            let luma = if layout.is_gray() {
                u64::from(wide(pixel[0]))
            } else {
                let [r, g, b] = [0, 1, 2].map(|c| u64::from(wide(pixel[c])));
                (299 * r + 587 * g + 114 * b + 500) / 1000
            };
            let alpha = if layout.has_alpha() {
                u64::from(wide(pixel[channels - 1]))
            } else {
                65535
            };
            ((luma * alpha * 255 + 65535 * 65535 / 2) / (65535 * 65535)) as u8
        })
        .collect()
}
