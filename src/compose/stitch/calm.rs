//! Owns how much busier than its photo a fill is where they meet. Called by `prepare`. Grain and sharpness add what a fill
//! lacks everywhere; this takes away what it has too much, along the edge alone, where busy beside calm draws the
//! hole's outline. Must never touch the middle of a hole: what is painted there may be as crisp as it likes.
//!
//! The result is taken apart into bands of detail (a Laplacian stack: Burt and Adelson, 1983, without subsampling), and
//! each band is damped to the level that the photo has in it nearby.

use rayon::prelude::*;

use super::area::{Area, RING_PX, cut};
use super::filter::luma;
use super::grain::{CELL, cell_level};
use super::membrane::{Grid, membrane};
use crate::geometry::PixelRect;

/// Radii of the boxes, applied twice each, that part the bands, in px.
const RADII: [usize; 3] = [1, 3, 8];
/// Side of the tiles that are looked at one by one, in px: whole cells. Most of a large hole is far from its edge.
const TILE: usize = 8 * CELL;
/// How far the boxes look in all.
const HALO: i32 = 2 * (RADII[0] + RADII[1] + RADII[2]) as i32;
/// The level aimed at, by that of the surroundings: a little less, since what parts fill and photo adds its own.
const NEAR: f32 = 0.95;
/// Redrawn pixels that come back within this are the photo itself.
const ROUNDING: f32 = 0.5 / 255.0;
/// No band is damped to less than this share.
const LEAST: f32 = 0.05;
/// Fill this near to the edge is measured even in shallow holes, in px.
const SHALLOW_PX: f32 = 6.0;

/// What the model redrew this far outside the hole is damped as well, in px.
const MARGIN_PX: u8 = 4;

/// What is added to the result, at full strength; none where nothing is too busy, and for a model that left known pixels
/// exactly alone: it took the surroundings up as they are. `reach` is how far the damping reaches into the hole, in px.
pub fn measure(area: &Area, reach: f32) -> Option<Vec<f32>> {
    if !redrew(area) {
        return None;
    }
    let tiles: Vec<Tile> = places(area)
        .into_par_iter()
        .map(|rect| Tile::measure(area, rect, reach))
        .collect();
    let mut sum: Option<Vec<f32>> = None;
    for band in 0..RADII.len() {
        if let Some(shares) = surplus(area, &tiles, band) {
            let out = sum.get_or_insert_with(|| vec![0.0; area.result.len()]);
            for tile in &tiles {
                tile.damp(area, &shares, band, reach, out);
            }
        }
    }
    sum
}

/// The model changed known ground beside the hole.
fn redrew(area: &Area) -> bool {
    let differs = |at: usize| {
        let (photo, result) = (Area::pixel(&area.photo, at), Area::pixel(&area.result, at));
        (0..3).any(|c| (photo[c] - result[c]).abs() > ROUNDING)
    };
    (0..area.composite.len())
        .any(|at| area.composite[at] == 0 && area.denoise[at] > 0 && differs(at))
}

/// The tiles that hold photo, or fill that is near enough to its edge to be damped.
fn places(area: &Area) -> Vec<PixelRect> {
    let whole = PixelRect::new(0, 0, area.width as u32, area.height as u32);
    let is_near = |rect: &PixelRect| {
        (rect.y..rect.bottom()).any(|y| {
            let from = y as usize * area.width;
            area.in_core[from + rect.x as usize..from + rect.right() as usize]
                .iter()
                .any(|depth| u32::from(*depth) < RING_PX)
        })
    };
    (0..area.height)
        .step_by(TILE)
        .flat_map(|y| (0..area.width).step_by(TILE).map(move |x| (x, y)))
        .map(|(x, y)| PixelRect::new(x as i32, y as i32, TILE as u32, TILE as u32).intersect(whole))
        .filter(is_near)
        .collect()
}

/// Levels of a band by cell, of the photo and of the fill: how busy it is in light, and in colour.
type Levels = [Vec<Option<[f32; 2]>>; 2];

/// A part of the area, taken apart.
struct Tile {
    rect: PixelRect,
    /// By band: the fill's detail, RGB.
    bands: [Vec<f32>; RADII.len()],
    levels: [Levels; RADII.len()],
}

impl Tile {
    fn measure(area: &Area, rect: PixelRect, reach: f32) -> Self {
        let whole = PixelRect::new(0, 0, area.width as u32, area.height as u32);
        let around = rect.grow(HALO).intersect(whole);
        let width = around.width as usize;
        let inner = rect.translate(-around.x, -around.y);
        let own = |data: &[f32]| cut(data, width * 3, inner, 3);
        let mut photo = cut(&area.photo, area.width * 3, around, 3);
        let mut result = cut(&area.result, area.width * 3, around, 3);
        let mut bands = std::array::from_fn(|_| Vec::new());
        let mut levels = std::array::from_fn(|_| [Vec::new(), Vec::new()]);
        for (band, radius) in RADII.into_iter().enumerate() {
            let smoother = [
                blurred(&photo, width, radius),
                blurred(&result, width, radius),
            ];
            let detail = [minus(&photo, &smoother[0]), minus(&result, &smoother[1])];
            // What the hole hides reaches into the photo's smoothed surroundings.
            let clear = (2 * radius) as u8;
            let shallow = reach.max(SHALLOW_PX);
            levels[band] = [
                cells(area, rect, &own(&detail[0]), |at| area.outside[at] > clear),
                cells(area, rect, &own(&detail[1]), |at| {
                    area.composite[at] > 0 && f32::from(area.in_core[at]) <= shallow
                }),
            ];
            bands[band] = own(&detail[1]);
            [photo, result] = smoother;
        }
        Self {
            rect,
            bands,
            levels,
        }
    }

    fn damp(&self, area: &Area, shares: &Grid, band: usize, reach: f32, out: &mut [f32]) {
        let width = self.rect.width as usize;
        let mut row = vec![[0.0; 3]; width];
        for (line, detail) in self.bands[band].chunks_exact(width * 3).enumerate() {
            let y = self.rect.y as usize + line;
            shares.row(y, self.rect.x as usize, &mut row);
            let first = y * area.width + self.rect.x as usize;
            for (x, detail) in detail.chunks_exact(3).enumerate() {
                let at = first + x;
                let depth = area.in_core[at];
                // A little outside, too: there the edge is compared with the photo.
                let is_made = area.denoise[at] > 0 && area.to_core[at] <= MARGIN_PX;
                if !is_made || u32::from(depth) >= RING_PX {
                    continue;
                }
                let fade = (-0.5 * (f32::from(depth) / reach.max(1.0)).powi(2)).exp();
                let (light, colour) = split(detail);
                for c in 0..3 {
                    out[at * 3 + c] -= fade * (row[x][0] * light + row[x][1] * colour[c]);
                }
            }
        }
    }
}

/// The levels in each of a tile's cells that has enough pixels inside, row by row.
fn cells(
    area: &Area,
    rect: PixelRect,
    detail: &[f32],
    is_inside: impl Fn(usize) -> bool,
) -> Vec<Option<[f32; 2]>> {
    let (left, top, width) = (rect.x as usize, rect.y as usize, rect.width as usize);
    let parts = |x: usize, y: usize| {
        let at = ((y - top) * width + x - left) * 3;
        split(&detail[at..at + 3])
    };
    let in_light = |x: usize, y: usize| parts(x, y).0.abs();
    let in_colour = |x: usize, y: usize| parts(x, y).1.iter().map(|v| v.abs()).sum::<f32>() / 3.0;
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    for y in (top..rect.bottom() as usize).step_by(CELL) {
        for x in (left..rect.right() as usize).step_by(CELL) {
            let light = cell_level(area, (x, y), in_light, &is_inside, &mut buffer);
            let colour = cell_level(area, (x, y), in_colour, &is_inside, &mut buffer);
            found.push(light.zip(colour).map(|(light, colour)| [light, colour]));
        }
    }
    found
}

/// Light, and what each channel differs from it.
fn split(rgb: &[f32]) -> (f32, [f32; 3]) {
    let light = luma(rgb);
    (light, std::array::from_fn(|c| rgb[c] - light))
}

/// 1 − the shares that the fill's band should keep (of its light, then of its colour), where it is busier than the
/// photo's; none where it nowhere is.
fn surplus(area: &Area, tiles: &[Tile], band: usize) -> Option<Grid> {
    let mut shares = Grid::new(CELL, area.width, area.height);
    let gathered = [0, 1].map(|which| {
        let mut all = vec![None; shares.data.len()];
        for tile in tiles {
            let (x, y) = (tile.rect.x as usize / CELL, tile.rect.y as usize / CELL);
            let columns = (tile.rect.width as usize).div_ceil(CELL);
            for (row, levels) in tile.levels[band][which].chunks_exact(columns).enumerate() {
                let from = (y + row) * shares.columns + x;
                all[from..from + columns].copy_from_slice(levels);
            }
        }
        all
    });
    let wanted = carried(&gathered[0], &shares)?;
    let found = carried(&gathered[1], &shares)?;
    let mut any = false;
    let levels = wanted.data.iter().zip(&found.data);
    for (share, (wanted, found)) in shares.data.iter_mut().zip(levels) {
        *share = std::array::from_fn(|part| {
            1.0 - (wanted[part] * NEAR / found[part].max(1e-6)).clamp(LEAST, 1.0)
        });
        // Only light and colour are levels.
        share[2] = 0.0;
        any |= share.iter().any(|s| *s > 0.0);
    }
    any.then_some(shares)
}

fn minus(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Two box means of this radius, each across and down; cut at the border.
fn blurred(data: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let mut out = data.to_vec();
    for _ in 0..2 {
        for row in out.chunks_exact_mut(width * 3) {
            window_means(row, 3, radius);
        }
        window_means(&mut out, width * 3, radius);
    }
    out
}

/// Replaces each of `data`'s items, `len` numbers each, by the mean of itself and its `radius` neighbours on both sides.
fn window_means(data: &mut [f32], len: usize, radius: usize) {
    let own = data.to_vec();
    let count = own.len() / len.max(1);
    let item = |i: usize| &own[i * len..(i + 1) * len];
    let mut sums = vec![0.0; len];
    for i in 0..count + radius {
        if i < count {
            sums.iter_mut().zip(item(i)).for_each(|(s, v)| *s += v);
        }
        if let Some(gone) = i.checked_sub(2 * radius + 1) {
            sums.iter_mut().zip(item(gone)).for_each(|(s, v)| *s -= v);
        }
        if let Some(to) = i.checked_sub(radius) {
            let within = (to + radius + 1).min(count) - to.saturating_sub(radius);
            let scale = 1.0 / within as f32;
            let out = &mut data[to * len..(to + 1) * len];
            out.iter_mut().zip(&sums).for_each(|(o, s)| *o = s * scale);
        }
    }
}

/// Levels carried to the cells that do not speak; none when no cell speaks.
fn carried(levels: &[Option<[f32; 2]>], shape: &Grid) -> Option<Grid> {
    let mut values = shape.clone();
    let mut weights = vec![0.0; levels.len()];
    for (at, found) in levels.iter().enumerate() {
        if let Some([light, colour]) = found {
            values.data[at] = [*light, *colour, 0.0];
            weights[at] = 8.0;
        }
    }
    weights
        .iter()
        .any(|w| *w > 0.0)
        .then(|| membrane(&values, &weights))
}
