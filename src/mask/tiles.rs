//! Owns working on a large mask in tiles: only those near masked pixels are touched, in parallel. Used by morphology
//! and feather. Must never let a tile's border show: each one sees `reach` pixels around it.

use rayon::prelude::*;

use super::Mask;
use super::base::{is_clear, is_full};
use crate::geometry::PixelRect;
use crate::raster::Plane;

/// Replaces the mask by `work` on its tiles. `work` gets a plane cut from the mask (a tile with `reach` pixels around
/// it, less at the canvas' border) and returns one of the same size, exact at least in the tile. Tiles that see
/// nothing masked, or nothing but fully masked pixels, are left alone: `work` must not change such planes.
pub(super) fn by_tiles(mask: &mut Mask, reach: u32, work: impl Fn(&Plane) -> Plane + Sync) {
    let bounds = mask.bounds();
    if bounds.is_empty() {
        return;
    }
    let canvas = mask.size().rect();
    let reach = reach as i32;
    let region = bounds.grow(reach).intersect(canvas);
    let side = (reach as u32 * 4).clamp(256, 2048);
    let mut tiles = Vec::new();
    for y in (region.y..region.bottom()).step_by(side as usize) {
        for x in (region.x..region.right()).step_by(side as usize) {
            tiles.push(PixelRect::new(x, y, side, side).intersect(region));
        }
    }
    let done: Vec<(PixelRect, PixelRect, Plane)> = tiles
        .into_par_iter()
        .filter_map(|tile| {
            let around = tile.grow(reach).intersect(canvas);
            let part = mask.crop(around);
            let plain = is_clear(&part.data) || is_full(&part.data);
            (!plain).then(|| (tile, around, work(&part)))
        })
        .collect();
    for (tile, around, part) in done {
        mask.put(tile, &part, around);
    }
}
