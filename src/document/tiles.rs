//! Owns changes of a mask as compressed tiles: both sides of those tiles that differ, so that a step of history costs by
//! what it changed. Used by strokes, whole-mask changes, history and the journal.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::geometry::PixelRect;
use crate::mask::Mask;

/// Side of a tile in px.
pub const TILE: i32 = 256;

/// What a mask's change replaced and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskTiles {
    tiles: Vec<Tile>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tile {
    x: i32,
    y: i32,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// The new side of a tile, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTile {
    pub x: i32,
    pub y: i32,
    #[serde(with = "serde_bytes")]
    pub after: Vec<u8>,
}

impl MaskTiles {
    /// From tiles as they were (uncompressed) to the mask as it is; none when nothing changed.
    pub fn from_before(
        before: impl IntoIterator<Item = ((i32, i32), Vec<u8>)>,
        mask: &Mask,
    ) -> Option<Self> {
        let tiles: Vec<_> = before
            .into_iter()
            .filter_map(|((x, y), before)| {
                let after = read_tile(mask, x, y);
                (after != before).then(|| Tile {
                    x,
                    y,
                    before: lz4_flex::compress_prepend_size(&before),
                    after: lz4_flex::compress_prepend_size(&after),
                })
            })
            .collect();
        (!tiles.is_empty()).then_some(Self { tiles })
    }

    /// Between two masks of the same size; none when they are equal.
    pub fn between(before: &Mask, after: &Mask) -> Option<Self> {
        let size = after.size();
        let (columns, rows) = (
            (size.width as i32 + TILE - 1) / TILE,
            (size.height as i32 + TILE - 1) / TILE,
        );
        let tiles: Vec<_> = (0..columns * rows)
            .into_par_iter()
            .filter_map(|i| {
                let (x, y) = (i % columns, i / columns);
                let (old, new) = (read_tile(before, x, y), read_tile(after, x, y));
                (old != new).then(|| Tile {
                    x,
                    y,
                    before: lz4_flex::compress_prepend_size(&old),
                    after: lz4_flex::compress_prepend_size(&new),
                })
            })
            .collect();
        (!tiles.is_empty()).then_some(Self { tiles })
    }

    /// Puts the tiles in as they were before (`back`) or after the change.
    pub fn apply(&self, mask: &mut Mask, back: bool) {
        for tile in &self.tiles {
            let data = if back { &tile.before } else { &tile.after };
            put_tile(mask, tile.x, tile.y, data);
        }
    }

    /// Around all tiles.
    pub fn bounds(&self) -> PixelRect {
        self.tiles
            .iter()
            .map(|t| PixelRect::new(t.x * TILE, t.y * TILE, TILE as u32, TILE as u32))
            .fold(PixelRect::default(), PixelRect::union)
    }

    pub fn bytes(&self) -> usize {
        self.tiles
            .iter()
            .map(|t| t.before.len() + t.after.len() + size_of::<Tile>())
            .sum()
    }

    /// The new side, for the journal.
    pub fn stored(&self) -> Vec<StoredTile> {
        let store = |t: &Tile| StoredTile {
            x: t.x,
            y: t.y,
            after: t.after.clone(),
        };
        self.tiles.iter().map(store).collect()
    }
}

/// `mask` with stored tiles put in; damaged ones and those outside are left out. Returns whether all went in.
pub fn put_stored(mask: &mut Mask, tiles: &[StoredTile]) -> bool {
    let mut seen = BTreeSet::new();
    tiles
        .iter()
        .map(|tile| seen.insert((tile.x, tile.y)) && put_tile(mask, tile.x, tile.y, &tile.after))
        .fold(true, |all, one| all & one)
}

fn put_tile(mask: &mut Mask, x: i32, y: i32, data: &[u8]) -> bool {
    let rect = tile_rect(mask, x, y);
    let most = (TILE * TILE) as usize;
    let claimed = data
        .first_chunk::<4>()
        .map(|n| u32::from_le_bytes(*n) as usize);
    if claimed.is_none_or(|n| n > most) {
        return false;
    }
    match lz4_flex::decompress_size_prepended(data) {
        Ok(pixels) if pixels.len() as u64 == rect.area() => {
            write_tile(mask, rect, &pixels);
            true
        }
        _ => {
            log::error!("a tile of the mask's history is damaged or does not fit");
            false
        }
    }
}

fn tile_rect(mask: &Mask, x: i32, y: i32) -> PixelRect {
    let most = i32::MAX / TILE - 1;
    if x < 0 || y < 0 || x > most || y > most {
        return PixelRect::default();
    }
    PixelRect::new(x * TILE, y * TILE, TILE as u32, TILE as u32).intersect(mask.size().rect())
}

/// The tiles that a rectangle of the canvas touches.
pub fn tiles_in(area: PixelRect) -> impl Iterator<Item = (i32, i32)> {
    let columns = area.x / TILE..=(area.right() - 1) / TILE;
    (area.y / TILE..=(area.bottom() - 1) / TILE)
        .flat_map(move |y| columns.clone().map(move |x| (x, y)))
}

/// A tile's pixels, row by row.
pub fn read_tile(mask: &Mask, x: i32, y: i32) -> Vec<u8> {
    let rect = tile_rect(mask, x, y);
    let width = mask.plane.width();
    let mut pixels = Vec::with_capacity(rect.area() as usize);
    for y in rect.y..rect.bottom() {
        let start = y as usize * width + rect.x as usize;
        pixels.extend_from_slice(&mask.plane.data[start..start + rect.width as usize]);
    }
    pixels
}

fn write_tile(mask: &mut Mask, rect: PixelRect, pixels: &[u8]) {
    let width = mask.plane.width();
    for (y, row) in (rect.y..rect.bottom()).zip(pixels.chunks_exact(rect.width.max(1) as usize)) {
        let start = y as usize * width + rect.x as usize;
        mask.plane.data[start..start + row.len()].copy_from_slice(row);
    }
}
