//! Owns laying a rough mask's edge onto the photo's. Called by app and by the object search. Costs by the band around
//! the edge, not by the picture. Must never touch a pixel outside that band.
//!
//! A guided filter (He, Sun and Tang, "Guided Image Filtering", 2010, section 3; its fast form of 2015) that trusts what
//! it is sure of: around every place coverage is fitted as a linear function of colour, but with little weight inside
//! the band, where the rough mask may be wrong. The function is a local line between the two sides' colours, so that
//! hair and motion blur come out soft. Where colours do not tell the sides apart, the rough mask stays.

use rayon::prelude::*;

use super::fit::{Cells, Fit};
use super::{Seen, SelectError, Stop, check};
use crate::geometry::PixelRect;
use crate::mask::distance_to_mask;
use crate::raster::Plane;

/// How far an edge may move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefineOptions {
    /// Half the band's width in pixels, 1–256: about how wrong the rough edge may be. Pixels that are this
    /// far from those along the rough edge, or farther, stay as they are.
    pub radius_px: f32,
}

impl Default for RefineOptions {
    fn default() -> Self {
        Self { radius_px: 12.0 }
    }
}

/// Cells a tile has along a side.
const TILE_CELLS: usize = 64;
/// Cells from a window's centre to its side.
const WINDOW_CELLS: f32 = 8.0;

/// Sizes that follow from the radius.
#[derive(Clone, Copy)]
struct Scale {
    radius: f32,
    /// Pixels along a cell's side: colours are averaged over it before fitting.
    step: usize,
    /// Cells from a window's centre to its side.
    window: usize,
}

impl Scale {
    fn new(options: RefineOptions) -> Self {
        let radius = if options.radius_px.is_finite() {
            options.radius_px.clamp(1.0, 256.0)
        } else {
            RefineOptions::default().radius_px
        };
        let reach = 2.0 * radius;
        let step = (reach / WINDOW_CELLS).ceil().max(1.0);
        Self {
            radius,
            step: step as usize,
            window: (reach / step).ceil() as usize,
        }
    }
}

/// Moves the edge of `mask`, which covers the picture, onto the edge in the picture; returns where something may have
/// changed.
pub fn refine(
    picture: &Seen,
    mask: &mut Plane,
    options: RefineOptions,
    stop: Stop,
) -> Result<PixelRect, SelectError> {
    picture.check_plane("mask", mask)?;
    let scale = Scale::new(options);
    let side = TILE_CELLS * scale.step;
    let canvas = picture.size().rect();
    let mut tiles = Vec::new();
    for y in (0..canvas.height).step_by(side) {
        for x in (0..canvas.width).step_by(side) {
            let tile = PixelRect::new(x as i32, y as i32, side as u32, side as u32);
            tiles.push(tile.intersect(canvas));
        }
    }
    let rough = &*mask;
    let done: Vec<(PixelRect, Vec<u8>)> = tiles
        .into_par_iter()
        .map(|tile| {
            check(stop)?;
            let band = Band::new(rough, tile, scale.radius);
            Ok(band.map(|band| (tile, refine_tile(picture, rough, &band, scale))))
        })
        .filter_map(Result::transpose)
        .collect::<Result<_, SelectError>>()?;
    let mut changed = PixelRect::default();
    let width = mask.width();
    for (tile, values) in done {
        changed = changed.union(tile);
        for (row, line) in values.chunks_exact(tile.width as usize).enumerate() {
            let at = (tile.y as usize + row) * width + tile.x as usize;
            mask.data[at..at + line.len()].copy_from_slice(line);
        }
    }
    Ok(changed)
}

/// How far each pixel of a tile is from the rough edge.
struct Band {
    tile: PixelRect,
    /// Row by row; infinite beyond the radius.
    distances: Vec<f32>,
}

impl Band {
    /// `None` when the tile is not near an edge.
    fn new(rough: &Plane, tile: PixelRect, radius: f32) -> Option<Self> {
        let around = tile
            .grow(radius.ceil() as i32 + 1)
            .intersect(rough.size.rect());
        let (width, height) = (around.width as usize, around.height as usize);
        let row = |y: usize| {
            let at = (around.y as usize + y) * rough.width() + around.x as usize;
            &rough.data[at..at + width]
        };
        let first = row(0)[0];
        if matches!(first, 0 | 255) && (0..height).all(|y| row(y).iter().all(|v| *v == first)) {
            return None;
        }
        let mut edge = Plane::new(around.size());
        for (y, line) in edge.data.chunks_exact_mut(width).enumerate() {
            let (here, below) = (row(y), row((y + 1).min(height - 1)));
            let above = row(y.saturating_sub(1));
            for (x, to) in line.iter_mut().enumerate() {
                let inside = here[x] >= 128;
                let near = [
                    here[x.saturating_sub(1)],
                    here[(x + 1).min(width - 1)],
                    above[x],
                    below[x],
                ];
                if near.iter().any(|v| (*v >= 128) != inside) {
                    *to = 255;
                }
            }
        }
        let all = distance_to_mask(&edge, radius);
        let (left, top) = ((tile.x - around.x) as usize, (tile.y - around.y) as usize);
        let mut distances = Vec::with_capacity(tile.area() as usize);
        for y in 0..tile.height as usize {
            let at = (top + y) * width + left;
            distances.extend_from_slice(&all[at..at + tile.width as usize]);
        }
        let any = distances.iter().any(|d| *d < radius);
        any.then_some(Self { tile, distances })
    }
}

fn refine_tile(picture: &Seen, rough: &Plane, band: &Band, scale: Scale) -> Vec<u8> {
    let tile = band.tile;
    // A window around a cell of the tile, and one around each of its cells, which are averaged.
    let cells = Cells::cut(picture, rough, tile, scale.step, 2 * scale.window);
    let trust = cells.trust(scale.radius);
    let fit = Fit::new(&cells, &trust, scale.window);
    let width = tile.width as usize;
    let mut out = Vec::with_capacity(tile.area() as usize);
    for y in 0..tile.height as usize {
        let py = tile.y as usize + y;
        let colors = &picture.row(py)[tile.x as usize * 4..][..width * 4];
        let rough = &rough.data[py * rough.width() + tile.x as usize..][..width];
        for x in 0..width {
            let (own, distance) = (rough[x], band.distances[y * width + x]);
            if distance >= scale.radius {
                out.push(own);
                continue;
            }
            let color = [0, 1, 2].map(|c| f32::from(colors[x * 4 + c]) / 255.0);
            let (value, certain) = fit.at(tile.x as usize + x, py, color);
            // Towards the band's border the rough mask comes back.
            let near = smooth((scale.radius - distance) / (0.4 * scale.radius));
            let old = f32::from(own) / 255.0;
            let new = old + (value - old) * near * certain;
            out.push((new * 255.0 + 0.5) as u8);
        }
    }
    out
}

/// 0 to 1, level at both ends.
pub(super) fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
