//! Owns one level of the mask pyramid: its tiles, and reading and rewriting rectangles of it. Used by `pyramid` only. Tiles
//! of one value are not stored.
//!
//! This runs on the window's thread, which must never wait for the common thread pool where jobs compute; large work is
//! divided among threads of its own.

use std::num::NonZero;
use std::thread;

use super::grid::PITCH;
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::Plane;

/// Rectangles above this many pixels are worth several threads.
const PARALLEL_AREA: u64 = 1 << 20;
/// Threads that share large work.
const MOST_THREADS: usize = 8;

/// One tile of a level, without border.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tile {
    Uniform(u8),
    Dense(Vec<u8>),
}

/// A level's tiles, row by row.
pub struct Level {
    pub size: PixelSize,
    pub columns: u32,
    tiles: Vec<Tile>,
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

    /// The value of a tile that has only one.
    pub fn tile_value(&self, index: usize) -> Option<u8> {
        match self.tiles.get(index)? {
            Tile::Uniform(value) => Some(*value),
            Tile::Dense(_) => None,
        }
    }

    /// The smallest rectangle of whole tiles outside which the level holds what `mask` does. Both have one size.
    pub fn changed(&self, mask: &Plane) -> PixelRect {
        let mut tiles: Vec<_> = (0..self.tiles.len())
            .map(|index| (self.rect(index), &self.tiles[index]))
            .collect();
        for_each(&mut tiles, self.size.area(), |(own, tile)| {
            if holds(tile, *own, mask) {
                *own = PixelRect::default();
            }
        });
        tiles
            .into_iter()
            .map(|(rect, _)| rect)
            .fold(PixelRect::default(), PixelRect::union)
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
        for_each(&mut work, rect.area(), change);
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
    *tile = if data.chunks(4096).all(|part| is_all(part, first)) {
        Tile::Uniform(first)
    } else {
        Tile::Dense(data)
    };
}

/// Whether every value is `value`; written so that it compiles to wide comparisons.
fn is_all(row: &[u8], value: u8) -> bool {
    row.iter().fold(0, |different, v| different | (v ^ value)) == 0
}

/// Calls `change` for each item, on several threads when `area` (pixels behind the items) is worth it.
fn for_each<T: Send>(items: &mut [T], area: u64, change: impl Fn(&mut T) + Sync) {
    let cores = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_THREADS);
    let share = items.len().div_ceil(cores).max(1);
    if area <= PARALLEL_AREA || share == items.len() {
        items.iter_mut().for_each(change);
        return;
    }
    thread::scope(|scope| {
        for part in items.chunks_mut(share) {
            let change = &change;
            scope.spawn(move || part.iter_mut().for_each(change));
        }
    });
}

/// Index of a point within a rectangle's own rows.
pub fn at(rect: PixelRect, x: i32, y: i32) -> usize {
    (y - rect.y) as usize * rect.width as usize + (x - rect.x) as usize
}

/// Whether a tile holds what the mask has there.
fn holds(tile: &Tile, own: PixelRect, mask: &Plane) -> bool {
    (own.y..own.bottom()).all(|y| {
        let start = y as usize * mask.width() + own.x as usize;
        let row = &mask.data[start..start + own.width as usize];
        match tile {
            Tile::Uniform(value) => is_all(row, *value),
            Tile::Dense(data) => row == &data[at(own, own.x, y)..at(own, own.x, y) + row.len()],
        }
    })
}
