//! Owns changes to a photograph's canvas and layout: extending, cropping, grey to RGB, its transparency. Used by
//! document and compose. Must never alter the value of a sample that it moves.

use std::sync::Arc;

use rayon::prelude::*;

use super::buffer::Sample;
use super::color::promoted_profile;
use super::decode::zeros;
use super::limits::check_size;
use super::{Layout, Photo, PhotoError, Samples};
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::Plane;

impl Samples {
    /// Bytes of one sample: 1 or 2.
    pub const fn bytes_per_sample(&self) -> u64 {
        match self {
            Self::U8(_) => 1,
            Self::U16(_) => 2,
        }
    }

    pub const fn is_16_bit(&self) -> bool {
        matches!(self, Self::U16(_))
    }
}

impl Photo {
    /// Checks that the samples fill the size, as a photo from outside this room may not.
    pub fn validate(&self) -> Result<(), PhotoError> {
        check_size(self.size, self.layout, self.samples.bytes_per_sample())?;
        let have = match &self.samples {
            Samples::U8(data) => data.len(),
            Samples::U16(data) => data.len(),
        };
        if have as u64 != self.size.area() * self.layout.channels() as u64 {
            return Err(PhotoError::Caller(format!(
                "the photo has {have} samples, which does not fit {}",
                self.size
            )));
        }
        Ok(())
    }

    /// The same photo on a canvas larger by these numbers of pixels. New samples are 0 (black; transparent where
    /// there is alpha), the others keep value and place.
    pub fn extended(
        &self,
        left: u32,
        top: u32,
        right: u32,
        bottom: u32,
    ) -> Result<Self, PhotoError> {
        let grown = |a: u32, b: u32, c: u32| a.checked_add(b).and_then(|sum| sum.checked_add(c));
        let (Some(width), Some(height)) = (
            grown(self.size.width, left, right),
            grown(self.size.height, top, bottom),
        ) else {
            return Err(PhotoError::TooLarge(
                "the extended canvas is too large; extend it by less".into(),
            ));
        };
        let size = PixelSize::new(width, height);
        check_size(size, self.layout, self.samples.bytes_per_sample())?;
        self.placed(size, self.size.rect(), (left as usize, top as usize))
    }

    /// The part of the photo inside `rect`, which must lie inside the canvas and not be empty.
    pub fn cropped(&self, rect: PixelRect) -> Result<Self, PhotoError> {
        self.check_inside(rect)?;
        if rect.is_empty() {
            return Err(PhotoError::Caller(
                "the crop is empty; draw a larger rectangle".into(),
            ));
        }
        self.placed(rect.size(), rect, (0, 0))
    }

    /// The photo as seen through `rect`, which may reach outside it; there samples are 0 (black; transparent where there
    /// is alpha).
    pub fn reframed(&self, rect: PixelRect) -> Result<Self, PhotoError> {
        check_size(rect.size(), self.layout, self.samples.bytes_per_sample())?;
        let mut part = rect.intersect(self.size.rect());
        if part.is_empty() {
            part = PixelRect::new(0, 0, 0, 0);
        }
        let to = |inner: i32, outer: i32| (i64::from(inner) - i64::from(outer)).max(0) as usize;
        let corner = if part.is_empty() {
            (0, 0)
        } else {
            (to(part.x, rect.x), to(part.y, rect.y))
        };
        self.placed(rect.size(), part, corner)
    }

    /// `part` of this photo on a new canvas, its corner at `to`.
    fn placed(
        &self,
        size: PixelSize,
        part: PixelRect,
        to: (usize, usize),
    ) -> Result<Self, PhotoError> {
        let channels = self.layout.channels();
        let samples = match &self.samples {
            Samples::U8(data) => Samples::U8(place(data, self.size, channels, size, part, to)?),
            Samples::U16(data) => Samples::U16(place(data, self.size, channels, size, part, to)?),
        };
        Ok(Self {
            size,
            layout: self.layout,
            samples,
            icc: self.icc.clone(),
            exif: self.exif.clone(),
            notes: self.notes.clone(),
            format: self.format,
        })
    }

    /// Makes a grey photo RGB with R = G = B = its samples. A grey profile becomes an RGB profile with the same tone
    /// curve; a profile that can't be read is kept as it is. Colour photos stay as they are.
    pub fn promote_to_rgb(&mut self) -> Result<(), PhotoError> {
        let layout = match self.layout {
            Layout::Gray => Layout::Rgb,
            Layout::GrayAlpha => Layout::Rgba,
            Layout::Rgb | Layout::Rgba => return Ok(()),
        };
        check_size(self.size, layout, self.samples.bytes_per_sample())?;
        let alpha = layout.has_alpha();
        self.samples = match &self.samples {
            Samples::U8(data) => Samples::U8(repeat_gray(data, alpha)?),
            Samples::U16(data) => Samples::U16(repeat_gray(data, alpha)?),
        };
        self.layout = layout;
        if let Some(icc) = &self.icc
            && super::ColorSpace::new(icc, true).is_ok()
        {
            self.icc = promoted_profile(icc).map(Arc::from);
        }
        Ok(())
    }

    /// How transparent each pixel is, 255 = wholly; `None` without alpha or when everything is opaque.
    pub fn transparency_plane(&self) -> Option<Plane> {
        if !self.layout.has_alpha() {
            return None;
        }
        let channels = self.layout.channels();
        let data = match &self.samples {
            Samples::U8(data) => inverse_alpha(data, channels),
            Samples::U16(data) => inverse_alpha(data, channels),
        };
        data.par_iter().any(|v| *v > 0).then_some(Plane {
            size: self.size,
            data,
        })
    }
}

fn place<T: Sample>(
    data: &[T],
    old: PixelSize,
    channels: usize,
    size: PixelSize,
    part: PixelRect,
    (left, top): (usize, usize),
) -> Result<Vec<T>, PhotoError> {
    let stride = size.width as usize * channels;
    let mut out: Vec<T> = zeros(stride * size.height as usize)?;
    let len = part.width as usize * channels;
    let from = |y: usize| ((part.y as usize + y) * old.width as usize + part.x as usize) * channels;
    out.par_chunks_mut(stride)
        .skip(top)
        .take(part.height as usize)
        .enumerate()
        .for_each(|(y, row)| {
            row[left * channels..left * channels + len]
                .copy_from_slice(&data[from(y)..from(y) + len]);
        });
    Ok(out)
}

fn repeat_gray<T: Sample>(data: &[T], alpha: bool) -> Result<Vec<T>, PhotoError> {
    let (from, to) = if alpha { (2, 4) } else { (1, 3) };
    let mut out: Vec<T> = zeros(data.len() / from * to)?;
    out.par_chunks_exact_mut(to)
        .zip(data.par_chunks_exact(from))
        .with_min_len(1 << 14)
        .for_each(|(out, pixel)| {
            out[..3].fill(pixel[0]);
            if alpha {
                out[3] = pixel[1];
            }
        });
    Ok(out)
}

fn inverse_alpha<T: Sample>(data: &[T], channels: usize) -> Vec<u8> {
    data.par_chunks_exact(channels)
        .with_min_len(1 << 14)
        .map(|pixel| 255 - u8::from_f32(pixel[channels - 1].to_f32() * 255.0 / T::MAX))
        .collect()
}
