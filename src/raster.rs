//! Owns the two plain pictures that rooms hand to each other: `RgbF32` (what a model sees and makes) and
//! `Plane` (one 8-bit value a pixel: masks). Knows nothing of files, models or windows.

use crate::geometry::{PixelRect, PixelSize};

/// Interleaved RGB in display-encoded sRGB, nominally 0–1, row by row. Length is `3 * width * height`.
#[derive(Debug, Clone, PartialEq)]
pub struct RgbF32 {
    pub size: PixelSize,
    pub data: Vec<f32>,
}

impl RgbF32 {
    /// All black.
    pub fn new(size: PixelSize) -> Self {
        Self {
            size,
            data: vec![0.0; size.area() as usize * 3],
        }
    }

    pub fn width(&self) -> usize {
        self.size.width as usize
    }

    pub fn height(&self) -> usize {
        self.size.height as usize
    }

    pub fn pixel(&self, x: usize, y: usize) -> [f32; 3] {
        let at = (y * self.width() + x) * 3;
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }

    pub fn set_pixel(&mut self, x: usize, y: usize, rgb: [f32; 3]) {
        let at = (y * self.width() + x) * 3;
        self.data[at..at + 3].copy_from_slice(&rgb);
    }

    /// Rounded to 8 bits a channel, clamped.
    pub fn to_rgb8(&self) -> Vec<u8> {
        self.data
            .iter()
            .map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8)
            .collect()
    }

    pub fn from_rgb8(size: PixelSize, rgb: &[u8]) -> Self {
        Self {
            size,
            data: rgb.iter().map(|v| f32::from(*v) / 255.0).collect(),
        }
    }
}

/// One byte a pixel, row by row. For masks 255 = repaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    pub size: PixelSize,
    pub data: Vec<u8>,
}

impl Plane {
    pub fn new(size: PixelSize) -> Self {
        Self {
            size,
            data: vec![0; size.area() as usize],
        }
    }

    pub fn width(&self) -> usize {
        self.size.width as usize
    }

    pub fn height(&self) -> usize {
        self.size.height as usize
    }

    pub fn get(&self, x: usize, y: usize) -> u8 {
        self.data[y * self.width() + x]
    }

    /// The part inside `rect`, which must lie inside the plane.
    #[must_use]
    pub fn cropped(&self, rect: PixelRect) -> Self {
        let mut out = Self::new(rect.size());
        let rows = out.data.chunks_exact_mut((rect.width as usize).max(1));
        for (y, row) in (rect.y as usize..).zip(rows) {
            let at = y * self.width() + rect.x as usize;
            row.copy_from_slice(&self.data[at..at + row.len()]);
        }
        out
    }

    pub fn set(&mut self, x: usize, y: usize, value: u8) {
        let at = y * self.width() + x;
        self.data[at] = value;
    }
}
