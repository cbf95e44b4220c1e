//! Owns the split of a hole into regions that are filled one after the other, each with a crop of the photo around it,
//! so that time and memory go with the hole and not with the photo. Must never look at colours.

use crate::geometry::PixelRect;
use crate::raster::Plane;

/// Side of the grid cells whose neighbourhood joins parts of a hole, in pixels.
const CELL: usize = 32;
/// Holes no deeper than this (pixels to the nearest known one) are scratches, and cut into tiles.
pub(super) const THIN_DEPTH: u16 = 8;
const THIN_TILE: usize = 256;
/// Least context around a region in pixels.
const MARGIN: u32 = 128;
const WIDE_MARGIN: u32 = 512;

/// Part of the hole, and the crop it is filled in.
pub(super) struct Region {
    pub crop: PixelRect,
    /// Index of this region in `Split::owner`.
    pub id: u32,
    /// Pixels to fill.
    pub count: usize,
    /// The largest Chebyshev distance to the known.
    pub depth: u16,
}

pub(super) struct Split {
    pub regions: Vec<Region>,
    /// Cells across.
    columns: usize,
    /// Region of every cell; 0 for none.
    owner: Vec<u32>,
}

impl Split {
    /// Region id of a pixel's cell.
    pub(super) fn owner(&self, x: usize, y: usize) -> u32 {
        self.owner[y / CELL * self.columns + x / CELL]
    }
}

#[derive(Clone, Copy, Default)]
struct Cell {
    count: usize,
    depth: u16,
    bounds: PixelRect,
}

/// Cuts the hole (`hole[at]`, row by row) of a `width` × `height` picture into regions, in scan order.
pub(super) fn split(hole: &Plane, depth: &[u16]) -> Split {
    let width = hole.width();
    let columns = width.div_ceil(CELL);
    let cells = measure(hole, depth, columns);
    let parts = join(&cells, columns);
    let count = parts.iter().max().map_or(0, |m| *m as usize + 1);
    let mut depths = vec![0u16; count];
    for (part, cell) in parts.iter().zip(&cells) {
        depths[*part as usize] = depths[*part as usize].max(cell.depth);
    }
    let mut ids = std::collections::BTreeMap::new();
    let mut regions: Vec<Cell> = Vec::new();
    let mut owner = vec![0u32; cells.len()];
    for (at, cell) in cells.iter().enumerate().filter(|(_, c)| c.count > 0) {
        let part = parts[at];
        let deep = depths[part as usize];
        let tile = (
            at % columns * CELL / THIN_TILE,
            at / columns * CELL / THIN_TILE,
        );
        let key = if deep <= THIN_DEPTH {
            (0, tile.0, tile.1)
        } else {
            (part, 0, 0)
        };
        let id = *ids.entry(key).or_insert_with(|| {
            regions.push(Cell::default());
            regions.len()
        });
        let region = &mut regions[id - 1];
        region.count += cell.count;
        region.bounds = region.bounds.union(cell.bounds);
        region.depth = region.depth.max(cell.depth);
        owner[at] = id as u32;
    }
    let picture = hole.size.rect();
    let regions = regions
        .into_iter()
        .enumerate()
        .map(|(i, cell)| Region {
            crop: context(cell.bounds, picture),
            id: i as u32 + 1,
            count: cell.count,
            depth: cell.depth,
        })
        .collect();
    Split {
        regions,
        columns,
        owner,
    }
}

/// The crop around a region: its short side wide on all sides, within limits.
fn context(bounds: PixelRect, picture: PixelRect) -> PixelRect {
    let (long, short) = (bounds.size().long_side(), bounds.size().short_side());
    let margin = short
        .max(long / 2)
        .clamp(MARGIN, WIDE_MARGIN.max(short / 2));
    bounds.grow(margin as i32).intersect(picture)
}

fn measure(hole: &Plane, depth: &[u16], columns: usize) -> Vec<Cell> {
    let width = hole.width();
    let mut cells = vec![Cell::default(); columns * hole.height().div_ceil(CELL)];
    for (y, row) in hole.data.chunks(width).enumerate() {
        for x in (0..width).filter(|x| row[*x] >= super::REPAINT) {
            let cell = &mut cells[y / CELL * columns + x / CELL];
            cell.count += 1;
            cell.depth = cell.depth.max(depth[y * width + x]);
            cell.bounds = cell.bounds.union(PixelRect::new(x as i32, y as i32, 1, 1));
        }
    }
    cells
}

/// Numbers groups of touching cells (eight neighbours) from 1; 0 where a cell is empty.
fn join(cells: &[Cell], columns: usize) -> Vec<u32> {
    let rows = cells.len() / columns.max(1);
    let mut part = vec![0u32; cells.len()];
    let mut next = 0;
    for start in 0..cells.len() {
        if cells[start].count == 0 || part[start] != 0 {
            continue;
        }
        next += 1;
        part[start] = next;
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            let (x, y) = (at % columns, at / columns);
            for ny in y.saturating_sub(1)..(y + 2).min(rows) {
                for nx in x.saturating_sub(1)..(x + 2).min(columns) {
                    let beside = ny * columns + nx;
                    if cells[beside].count > 0 && part[beside] == 0 {
                        part[beside] = next;
                        open.push(beside);
                    }
                }
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    fn split_of(size: PixelSize, rects: &[PixelRect]) -> Split {
        let mut hole = Plane::new(size);
        for r in rects {
            for y in r.y..r.bottom() {
                for x in r.x..r.right() {
                    hole.set(x as usize, y as usize, 255);
                }
            }
        }
        let depth =
            super::super::pyramid::depths(hole.width(), hole.height(), |at| hole.data[at] < 128);
        split(&hole, &depth)
    }

    #[test]
    fn far_holes_are_apart_and_near_ones_together() {
        let size = PixelSize::new(2000, 400);
        let one = PixelRect::new(100, 100, 60, 60);
        let near = PixelRect::new(170, 100, 60, 60);
        let far = PixelRect::new(1500, 100, 60, 60);
        assert_eq!(split_of(size, &[one, near]).regions.len(), 1);
        let both = split_of(size, &[one, far]);
        assert_eq!(both.regions.len(), 2);
        assert_eq!(both.regions[0].count, 3600);
        assert!(both.regions[0].crop.right() < 1500);
    }

    #[test]
    fn a_scratch_across_a_large_photo_is_cut_into_tiles() {
        let split = split_of(
            PixelSize::new(2048, 600),
            &[PixelRect::new(0, 300, 2048, 3)],
        );
        assert_eq!(split.regions.len(), 8);
        assert!(split.regions.iter().all(|r| r.crop.area() < 600 * 520));
    }
}
