//! Owns a brush stroke on the mask: painted at once, remembered as the tiles it touched, compressed when it ends. Used by
//! `Document`. A stroke costs by its own area, never by the photo's.

use std::collections::BTreeMap;

use crate::geometry::PixelRect;
use crate::mask::{Mask, StrokeBrush};

/// Side of a remembered tile in px.
const TILE: i32 = 256;

/// A stroke being drawn.
pub struct Stroke {
    brush: StrokeBrush,
    last: (f32, f32),
    /// Tiles as they were before this stroke touched them.
    before: BTreeMap<(i32, i32), Vec<u8>>,
}

impl Stroke {
    pub fn new(brush: StrokeBrush, at: (f32, f32)) -> Self {
        Self {
            brush,
            last: at,
            before: BTreeMap::new(),
        }
    }

    /// Paints from the last point to `to`; returns the changed rectangle.
    pub fn paint_to(&mut self, mask: &mut Mask, to: (f32, f32)) -> PixelRect {
        let reach = (self.brush.diameter / 2.0).ceil() as i32 + 2;
        let (from_x, from_y) = (self.last.0 as i32, self.last.1 as i32);
        let (to_x, to_y) = (to.0 as i32, to.1 as i32);
        let area = PixelRect::from_edges(
            from_x.min(to_x) - reach,
            from_y.min(to_y) - reach,
            from_x.max(to_x) + reach,
            from_y.max(to_y) + reach,
        )
        .intersect(mask.size().rect());
        if !area.is_empty() {
            for ty in area.y / TILE..=(area.bottom() - 1) / TILE {
                for tx in area.x / TILE..=(area.right() - 1) / TILE {
                    self.before
                        .entry((tx, ty))
                        .or_insert_with(|| read_tile(mask, tx, ty));
                }
            }
        }
        let changed = mask.stamp(self.last, to, &self.brush);
        self.last = to;
        changed
    }

    /// The step for history, or none when nothing changed.
    pub fn finish(self, mask: &Mask) -> Option<super::edit::Edit> {
        let tiles: Vec<_> = self
            .before
            .into_iter()
            .filter_map(|((tx, ty), before)| {
                let after = read_tile(mask, tx, ty);
                (after != before).then(|| Tile {
                    tx,
                    ty,
                    before: lz4_flex::compress_prepend_size(&before),
                    after: lz4_flex::compress_prepend_size(&after),
                })
            })
            .collect();
        (!tiles.is_empty()).then_some(super::edit::Edit::Stroke(StrokeTiles { tiles }))
    }
}

/// A finished stroke.
pub struct StrokeTiles {
    tiles: Vec<Tile>,
}

struct Tile {
    tx: i32,
    ty: i32,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl StrokeTiles {
    /// Puts the tiles back as they were before (`back`) or after the stroke.
    pub fn apply(&self, mask: &mut Mask, back: bool) {
        for tile in &self.tiles {
            match lz4_flex::decompress_size_prepended(if back { &tile.before } else { &tile.after })
            {
                Ok(pixels) => write_tile(mask, tile.tx, tile.ty, &pixels),
                Err(error) => log::error!("a stroke in history is damaged: {error}"),
            }
        }
    }

    pub fn bytes(&self) -> usize {
        self.tiles
            .iter()
            .map(|t| t.before.len() + t.after.len())
            .sum()
    }
}

fn tile_rect(mask: &Mask, tx: i32, ty: i32) -> PixelRect {
    PixelRect::new(tx * TILE, ty * TILE, TILE as u32, TILE as u32).intersect(mask.size().rect())
}

fn read_tile(mask: &Mask, tx: i32, ty: i32) -> Vec<u8> {
    let rect = tile_rect(mask, tx, ty);
    let width = mask.plane.width();
    let mut pixels = Vec::with_capacity(rect.area() as usize);
    for y in rect.y..rect.bottom() {
        let start = y as usize * width + rect.x as usize;
        pixels.extend_from_slice(&mask.plane.data[start..start + rect.width as usize]);
    }
    pixels
}

fn write_tile(mask: &mut Mask, tx: i32, ty: i32, pixels: &[u8]) {
    let rect = tile_rect(mask, tx, ty);
    let width = mask.plane.width();
    for (y, row) in (rect.y..rect.bottom()).zip(pixels.chunks_exact(rect.width.max(1) as usize)) {
        let start = y as usize * width + rect.x as usize;
        mask.plane.data[start..start + row.len()].copy_from_slice(row);
    }
}
