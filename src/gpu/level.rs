//! Owns one level of the mask pyramid: its tiles, and reading and rewriting rectangles of it. Used by `pyramid` only. Tiles
//! of one value are not stored.

use rayon::prelude::*;

use super::grid::PITCH;
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::Plane;

/// Rectangles above this many pixels are worth several threads.
const PARALLEL_AREA: u64 = 1 << 18;

/// One tile of a level, without border.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tile {
    Uniform(u8),
    Dense(Vec<u8>),
}

pub struct Level {
    pub size: PixelSize,
    pub columns: u32,
    pub tiles: Vec<Tile>,
}

impl Level {
    pub fn new(size: PixelSize) -> Self {
        let columns = size.width.div_ceil(PITCH);
        let rows = size.height.div_ceil(PITCH);
        Self {
            size,
            columns,
            tiles: vec![Tile::Uniform(0); (columns * rows) as usize],
        }
    }

    /// A tile's texels in its level.
    pub fn rect(&self, index: usize) -> PixelRect {
        let (x, y) = (index as u32 % self.columns, index as u32 / self.columns);
        PixelRect::new((x * PITCH) as i32, (y * PITCH) as i32, PITCH, PITCH)
            .intersect(self.size.rect())
    }

    pub fn indices(&self, rect: PixelRect) -> Vec<usize> {
        let rect = rect.intersect(self.size.rect());
        if rect.is_empty() {
            return Vec::new();
        }
        let pitch = PITCH as i32;
        let columns = rect.x / pitch..=(rect.right() - 1) / pitch;
        (rect.y / pitch..=(rect.bottom() - 1) / pitch)
            .flat_map(|y| columns.clone().map(move |x| (x, y)))
            .map(|(x, y)| y as usize * self.columns as usize + x as usize)
            .collect()
    }

    /// The value of every texel of `rect`, when it is the same.
    pub fn uniform(&self, rect: PixelRect) -> Option<u8> {
        let mut common = None;
        for index in self.indices(rect) {
            let own = self.rect(index);
            let part = own.intersect(rect);
            let value = match &self.tiles[index] {
                Tile::Uniform(value) => *value,
                Tile::Dense(data) => {
                    let first = data[at(own, part.x, part.y)];
                    let same = (part.y..part.bottom()).all(|y| {
                        let start = at(own, part.x, y);
                        data[start..start + part.width as usize]
                            .iter()
                            .all(|v| *v == first)
                    });
                    same.then_some(first)?
                }
            };
            if *common.get_or_insert(value) != value {
                return None;
            }
        }
        common
    }

    /// Copies `rect`, row by row.
    pub fn read(&self, rect: PixelRect) -> Vec<u8> {
        let mut out = vec![0; rect.area() as usize];
        for index in self.indices(rect) {
            let own = self.rect(index);
            let part = own.intersect(rect);
            for y in part.y..part.bottom() {
                let to = at(rect, part.x, y);
                let row = &mut out[to..to + part.width as usize];
                match &self.tiles[index] {
                    Tile::Uniform(value) => row.fill(*value),
                    Tile::Dense(data) => {
                        let from = at(own, part.x, y);
                        row.copy_from_slice(&data[from..from + row.len()]);
                    }
                }
            }
        }
        out
    }

    /// Rewrites the rows of `rect`: `fill(x, y, row)` gives texels from (x, y) of the level on.
    pub fn rewrite(&mut self, rect: PixelRect, fill: impl Fn(i32, i32, &mut [u8]) + Sync) {
        let mut work: Vec<_> = self
            .indices(rect)
            .into_iter()
            .map(|index| {
                (
                    index,
                    self.rect(index),
                    std::mem::replace(&mut self.tiles[index], Tile::Uniform(0)),
                )
            })
            .collect();
        let change = |(_, own, tile): &mut (usize, PixelRect, Tile)| {
            rewrite_tile(tile, *own, own.intersect(rect), &fill);
        };
        if rect.area() > PARALLEL_AREA {
            work.par_iter_mut().for_each(change);
        } else {
            work.iter_mut().for_each(change);
        }
        for (index, _, tile) in work {
            self.tiles[index] = tile;
        }
    }
}

fn rewrite_tile(
    tile: &mut Tile,
    own: PixelRect,
    part: PixelRect,
    fill: &impl Fn(i32, i32, &mut [u8]),
) {
    let mut data = match tile {
        Tile::Dense(data) => std::mem::take(data),
        Tile::Uniform(value) => vec![*value; own.area() as usize],
    };
    for y in part.y..part.bottom() {
        let start = at(own, part.x, y);
        fill(part.x, y, &mut data[start..start + part.width as usize]);
    }
    let first = data.first().copied().unwrap_or(0);
    *tile = if data.iter().all(|v| *v == first) {
        Tile::Uniform(first)
    } else {
        Tile::Dense(data)
    };
}

/// Index of a point within a rectangle's own rows.
pub fn at(rect: PixelRect, x: i32, y: i32) -> usize {
    (y - rect.y) as usize * rect.width as usize + (x - rect.x) as usize
}

/// Whether a tile holds what the mask has there.
pub fn holds(tile: &Tile, own: PixelRect, mask: &Plane) -> bool {
    (own.y..own.bottom()).all(|y| {
        let start = y as usize * mask.width() + own.x as usize;
        let row = &mask.data[start..start + own.width as usize];
        match tile {
            Tile::Uniform(value) => row.iter().all(|v| v == value),
            Tile::Dense(data) => row == &data[at(own, own.x, y)..at(own, own.x, y) + row.len()],
        }
    })
}
