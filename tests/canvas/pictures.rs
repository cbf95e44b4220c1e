//! Pictures to draw and the views and styles to draw them with.

use std::sync::Arc;

use eframe::egui::{Color32, pos2};
use eframe::egui_wgpu::wgpu::TextureFormat;
use inlay::geometry::{PixelRect, PixelSize};
use inlay::gpu::{CanvasStyle, TileSource, View};

use super::stage::Stage;

pub const SIZE: [u32; 2] = [700, 560];

/// A picture kept as bytes, averaged the plain way.
pub struct Bytes {
    pub size: PixelSize,
    pub rgba: Vec<u8>,
}

impl Bytes {
    pub fn new(size: PixelSize, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Self {
        let rgba = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        Self {
            size,
            rgba: rgba.flat_map(|(x, y)| pixel(x, y)).collect(),
        }
    }

    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y * self.size.width + x) as usize * 4;
        [
            self.rgba[at],
            self.rgba[at + 1],
            self.rgba[at + 2],
            self.rgba[at + 3],
        ]
    }
}

impl TileSource for Bytes {
    fn size(&self) -> PixelSize {
        self.size
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for y in (rect.y..rect.bottom()).step_by(step as usize) {
            for x in (rect.x..rect.right()).step_by(step as usize) {
                let square = PixelRect::new(x, y, step, step).intersect(rect);
                let mut sum = [0_u32; 4];
                for py in square.y..square.bottom() {
                    for px in square.x..square.right() {
                        for (sum, value) in sum.iter_mut().zip(self.at(px as u32, py as u32)) {
                            *sum += u32::from(value);
                        }
                    }
                }
                let count = square.area() as u32;
                out.extend(sum.map(|sum| ((sum + count / 2) / count) as u8));
            }
        }
        out
    }
}

pub fn noise(x: u32, y: u32) -> [u8; 4] {
    let mut h = x.wrapping_mul(0x9E37_79B9) ^ y.wrapping_mul(0x85EB_CA6B);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    [h as u8, (h >> 8) as u8, (h >> 16) as u8, 255]
}

pub fn flat(size: PixelSize, rgba: [u8; 4]) -> Arc<Bytes> {
    Arc::new(Bytes::new(size, |_, _| rgba))
}

pub fn stage() -> Option<Stage> {
    Stage::new(SIZE, 1.0, TextureFormat::Rgba8Unorm)
}

pub fn plain() -> CanvasStyle {
    CanvasStyle {
        show_mask_edge: false,
        mask_color: Color32::from_rgb(255, 0, 0),
        mask_opacity: 0.5,
        ..Default::default()
    }
}

pub fn view(x: f32, y: f32, points_per_pixel: f32) -> View {
    View {
        origin_in_view: pos2(x, y),
        points_per_pixel,
    }
}

pub fn close(a: [u8; 4], b: [u8; 4], by: u8) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= by)
}

#[track_caller]
pub fn assert_close(got: [u8; 4], expected: [u8; 4], by: u8) {
    assert!(close(got, expected, by), "{got:?} is not {expected:?}");
}
