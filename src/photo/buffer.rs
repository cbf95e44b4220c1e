//! Owns `Photo`, the full-resolution pixels exactly as decoded. Made by decode, changed only by the stitch, read by
//! everyone. Must never convert or round a sample that nobody asked it to touch.

use std::sync::Arc;

use super::Notes;
use crate::geometry::PixelSize;

/// Samples in the file's own depth, interleaved, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
}

/// What 8- and 16-bit samples have in common, for code that serves both.
pub(crate) trait Sample: Copy + Default + PartialEq + Send + Sync + 'static {
    const MAX: f32;
    fn to_f32(self) -> f32;
    fn to_u32(self) -> u32;
    /// Rounded and clamped to the range.
    fn from_f32(value: f32) -> Self;
}

impl Sample for u8 {
    const MAX: f32 = 255.0;

    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn to_u32(self) -> u32 {
        u32::from(self)
    }

    fn from_f32(value: f32) -> Self {
        (value + 0.5) as Self
    }
}

impl Sample for u16 {
    const MAX: f32 = 65535.0;

    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn to_u32(self) -> u32 {
        u32::from(self)
    }

    fn from_f32(value: f32) -> Self {
        (value + 0.5) as Self
    }
}

/// Which channels a pixel has. Colour values are in the space of the photo's ICC profile (sRGB when there is none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    pub const fn is_gray(self) -> bool {
        matches!(self, Self::Gray | Self::GrayAlpha)
    }
}

/// The file formats that Inlay reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PhotoFormat {
    Jpeg,
    Png,
    WebP,
    Tiff,
    Bmp,
    Qoi,
    Gif,
}

/// A decoded photograph, upright (orientation applied).
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    pub size: PixelSize,
    pub layout: Layout,
    pub samples: Samples,
    /// The ICC profile's bytes, written back unchanged.
    pub icc: Option<Arc<[u8]>>,
    /// The EXIF block (TIFF structure, without any container prefix), its orientation tag set to upright.
    pub exif: Option<Arc<[u8]>>,
    /// What the file said besides EXIF; none when it said nothing.
    pub notes: Option<Arc<Notes>>,
    /// What the file was.
    pub format: PhotoFormat,
}
