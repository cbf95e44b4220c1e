//! Owns what a layer hands to the device: one `Instance` a rectangle, and the list of draws in order. Mirrors the inputs of
//! `shaders/canvas.wgsl`.

use super::cache::Slot;
use super::grid::{BORDER, PITCH, TileKey};
use super::view::Screen;
use crate::geometry::PixelRect;

/// Filter smoothly when magnified, instead of showing pixels as squares.
pub const SMOOTH: i32 = 1;
/// The rectangle lies outside the photo, where the canvas was extended.
pub const EXTENSION: i32 = 2;

/// One rectangle, as the vertex shader reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Instance {
    /// Left, top, right, bottom in physical pixels.
    pub rect_px: [f32; 4],
    /// Texel of the tile at the rectangle's corner, and texels a physical pixel.
    pub tile: [f32; 4],
    /// The same for an overlay's texture, at `params[2]`'s level.
    pub overlay: [f32; 4],
    /// Layer of the tile (negative: none, the value is constant), constant 0–255, overlay level, flags.
    pub params: [i32; 4],
}

impl Instance {
    /// A rectangle without a tile, with a constant value.
    pub fn flat(screen: &Screen, rect: PixelRect, value: u8, flags: i32) -> Self {
        Self {
            rect_px: screen.rect_px(rect),
            tile: [0.0; 4],
            overlay: [0.0; 4],
            params: [-1, i32::from(value), 0, flags],
        }
    }

    /// The part `rect` (photo pixels) of a tile, which may be of any level that covers it. Only a coarse tile that stands
    /// in for a finer one is ever magnified above level 0; it should look soft, not like pixels.
    pub fn of_tile(screen: &Screen, rect: PixelRect, key: TileKey, layer: u32) -> Self {
        let flags = if key.level > 0 { SMOOTH } else { 0 };
        let step = f64::from(1_u32 << key.level.min(31));
        let texel = |at: i32, tile: u32| {
            (f64::from(at) / step - f64::from(tile) * f64::from(PITCH) + f64::from(BORDER)) as f32
        };
        let texels_per_px = (1.0 / (screen.scale * step)) as f32;
        Self {
            rect_px: screen.rect_px(rect),
            tile: [
                texel(rect.x, key.x),
                texel(rect.y, key.y),
                texels_per_px,
                texels_per_px,
            ],
            overlay: [0.0; 4],
            params: [layer as i32, 0, 0, flags],
        }
    }
}

/// Which shader draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Backdrop,
    Photo,
    Mask,
    /// The number of the overlay.
    Overlay(usize),
}

/// Neighbouring instances of one pass and page, as a range of the instance buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub pass: Pass,
    /// Page of the tile cache that the pass reads, if any.
    pub page: Option<usize>,
    pub first: u32,
    pub end: u32,
}

/// All draws of a frame, in order.
#[derive(Debug, Default)]
pub struct DrawList {
    pub instances: Vec<Instance>,
    pub batches: Vec<Batch>,
}

impl DrawList {
    pub fn push(&mut self, pass: Pass, page: Option<usize>, instance: Instance) {
        let end = self.instances.len() as u32 + 1;
        self.instances.push(instance);
        match self.batches.last_mut() {
            Some(last) if last.pass == pass && last.page == page => last.end = end,
            _ => self.batches.push(Batch {
                pass,
                page,
                first: end - 1,
                end,
            }),
        }
    }

    /// A tile, or a part of one.
    pub fn push_tile(
        &mut self,
        pass: Pass,
        screen: &Screen,
        rect: PixelRect,
        tile: (TileKey, Slot),
    ) {
        let (key, slot) = tile;
        self.push(
            pass,
            Some(slot.page),
            Instance::of_tile(screen, rect, key, slot.layer),
        );
    }
}

/// Adds the part of the canvas that an extension added, as far as it is in view.
pub fn draw_extension(screen: &Screen, canvas: PixelRect, photo: PixelRect, draws: &mut DrawList) {
    for part in around(screen.visible(canvas), photo) {
        draws.push(
            Pass::Backdrop,
            None,
            Instance::flat(screen, part, 0, EXTENSION),
        );
    }
}

/// What `outer` has outside `inner`, as up to four rectangles.
pub fn around(outer: PixelRect, inner: PixelRect) -> Vec<PixelRect> {
    let inner = inner.intersect(outer);
    if inner.is_empty() {
        return if outer.is_empty() {
            Vec::new()
        } else {
            vec![outer]
        };
    }
    let parts = [
        PixelRect::from_edges(outer.x, outer.y, outer.right(), inner.y),
        PixelRect::from_edges(outer.x, inner.bottom(), outer.right(), outer.bottom()),
        PixelRect::from_edges(outer.x, inner.y, inner.x, inner.bottom()),
        PixelRect::from_edges(inner.right(), inner.y, outer.right(), inner.bottom()),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_around_a_hole_covers_the_rest_once() {
        let outer = PixelRect::new(-5, -3, 20, 10);
        for inner in [
            PixelRect::new(0, 0, 4, 4),
            PixelRect::new(-9, 2, 40, 2),
            PixelRect::new(90, 0, 4, 4),
            outer,
        ] {
            let parts = around(outer, inner);
            let area: u64 = parts.iter().map(|p| p.area()).sum();
            assert_eq!(area, outer.area() - inner.intersect(outer).area());
            assert!(parts.iter().all(|p| p.intersect(inner).is_empty()));
        }
    }
}
