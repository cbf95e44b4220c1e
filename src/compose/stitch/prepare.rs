//! Owns everything about a stitch that does not depend on its sliders. Called once a result; `apply` then runs at every
//! move of a slider.

use super::area::{Area, cut};
use super::grain::Levels;
use super::membrane::{Grid, membrane};
use super::offsets::{COLOUR, SEAM, drift, residual};
use super::sharpen::{self, Sharpness};
use super::spectrum::{Tile, grain_tile};
use super::{StitchError, apply, calm, edge};
use crate::compose::CropMasks;
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::{Plane, RgbF32};
use rayon::prelude::*;

/// What the seam's fine correction fades with, inside the hole, in px.
const SEAM_FADE_PX: f32 = 12.0;
/// Side of the cells of the fields that `apply` reads, in px.
pub(super) const FIELD_CELL: usize = 4;

/// A result measured against its photo, ready for [`StitchCache::apply`]. Holds copies of both pictures where they meet.
pub struct StitchCache {
    pub(super) size: PixelSize,
    pub(super) parts: Option<Parts>,
}

/// Pictures and planes are of the window's size; grids cover the area around it, in which the window starts at `origin`.
pub(super) struct Parts {
    pub rect: PixelRect,
    pub origin: (usize, usize),
    pub photo: Vec<f32>,
    pub result: Vec<f32>,
    pub composite: Plane,
    /// Distance to the edge of the composite mask, for the feather.
    pub inside: Vec<u8>,
    /// Width in px of the mask's own seam.
    pub seam_px: f32,
    /// Added for the colour match and for the seam, on the same cells.
    pub colour: Option<Grid>,
    pub seam: Option<Grid>,
    /// Added for the seam too, on finer cells: what is left at the very edge.
    pub edge: Option<Grid>,
    /// Smooth part of result − photo along the seam; none without one.
    pub seam_low: Option<Grid>,
    pub amount: f32,
    pub detail: Option<Vec<f32>>,
    /// Added at full seam strength, pixel by pixel: less where the fill is busier than the photo beside it, and what goes
    /// on across a hard line.
    pub calm: Option<Vec<f32>>,
    pub levels: Levels,
    pub tile: Tile,
}

impl StitchCache {
    /// Measures `result` (the model's picture at the context's size) against `photo` (the context before any prefill).
    /// All four pictures have one size. `seed` draws the grain.
    pub fn prepare(
        photo: &RgbF32,
        result: &RgbF32,
        masks: &CropMasks,
        seed: u64,
    ) -> Result<Self, StitchError> {
        let parts = Area::new(photo, result, masks)?.map(|area| measure(&area, seed));
        Ok(Self {
            size: photo.size,
            parts,
        })
    }

    /// Where the stitch changes the crop; empty when the composite mask is.
    pub fn rect(&self) -> PixelRect {
        self.parts.as_ref().map_or(PixelRect::default(), |p| p.rect)
    }

    /// Size of the crop that was prepared.
    pub fn crop_size(&self) -> PixelSize {
        self.size
    }

    /// The picture for these sliders.
    pub fn apply(&self, options: &super::StitchOptions) -> super::Stitched {
        let mut out = super::Stitched::default();
        self.apply_into(options, &mut out);
        out
    }

    /// As [`Self::apply`], into the buffers of an earlier call.
    pub fn apply_into(&self, options: &super::StitchOptions, out: &mut super::Stitched) {
        apply::apply(self.parts.as_ref(), &options.clamped(), out);
    }
}

fn measure(area: &Area, seed: u64) -> Parts {
    let ((offsets, calm), sharpness) = rayon::join(
        || {
            let mut calm = calm::measure(area, edge::reach(area));
            let offsets = offsets(area, calm.as_deref());
            edge::continue_pixels(area, &offsets.fields(), &mut calm);
            (offsets, calm)
        },
        || sharpen::measure(area),
    );
    let flat = flat(area, &offsets, calm.as_deref());
    let (levels, tile) = texture(area, &flat, calm.as_deref(), sharpness.as_ref(), seed);
    let window = area.window;
    let rgb = |data: &[f32]| cut(data, area.width * 3, window, 3);
    Parts {
        rect: area.window_in_crop,
        origin: (window.x as usize, window.y as usize),
        photo: rgb(&area.photo),
        result: rgb(&area.result),
        composite: Plane {
            size: window.size(),
            data: cut(&area.composite, area.width, window, 1),
        },
        inside: cut(&area.inside, area.width, window, 1),
        seam_px: seam_px(area),
        colour: offsets.colour,
        seam: offsets.seam,
        edge: offsets.edge,
        seam_low: seam_low(area),
        amount: sharpness.as_ref().map_or(0.0, |s| s.amount),
        detail: sharpness.map(|s| rgb(&s.detail)),
        calm: calm.map(|c| rgb(&c)),
        levels,
        tile,
    }
}

fn offsets(area: &Area, calm: Option<&[f32]>) -> Offsets {
    let drift = drift(area, COLOUR.cell);
    let found = residual(area, drift.as_ref(), &COLOUR);
    let colour = sum(drift, found).map(|field| resampled(&field, area));
    let fine = residual(area, colour.as_ref(), &SEAM).map(|field| faded(field, area));
    let edge = edge::field(area, calm, [&colour, &fine]);
    Offsets {
        colour,
        seam: fine,
        edge,
    }
}

/// What is added to the result.
struct Offsets {
    colour: Option<Grid>,
    seam: Option<Grid>,
    edge: Option<Grid>,
}

impl Offsets {
    fn fields(&self) -> [&Option<Grid>; 3] {
        [&self.colour, &self.seam, &self.edge]
    }
}

/// The sum of two fields on the same cells.
fn sum(one: Option<Grid>, other: Option<Grid>) -> Option<Grid> {
    match (one, other) {
        (Some(mut sum), Some(more)) => {
            for (a, b) in sum.data.iter_mut().zip(&more.data) {
                for c in 0..3 {
                    a[c] += b[c];
                }
            }
            Some(sum)
        }
        (one, other) => one.or(other),
    }
}

/// The field on the finer cells that `apply` reads.
fn resampled(field: &Grid, area: &Area) -> Grid {
    let mut fine = Grid::new(FIELD_CELL, area.width, area.height);
    let columns = fine.columns;
    for (at, value) in fine.data.iter_mut().enumerate() {
        let centre = |i: usize, len: usize| (i * FIELD_CELL + FIELD_CELL / 2).min(len - 1);
        *value = field.at(
            centre(at % columns, area.width),
            centre(at / columns, area.height),
        );
    }
    fine
}

/// Fine corrections belong to the edge: they fade towards the middle of the hole.
fn faded(mut field: Grid, area: &Area) -> Grid {
    for at in 0..field.data.len() {
        let depth = f32::from(area.inside[field.pixel(at, area.width, area.height)]);
        field.data[at] = field.data[at].map(|v| v * (-depth / SEAM_FADE_PX).exp());
    }
    field
}

fn texture(
    area: &Area,
    flat: &[f32],
    calm: Option<&[f32]>,
    sharpness: Option<&Sharpness>,
    seed: u64,
) -> (Levels, Tile) {
    let sharpened: Option<Vec<f32>> = sharpness.map(|s| {
        let add = |(value, detail): (&f32, &f32)| value + s.amount * detail;
        flat.par_iter().zip(&s.detail).map(add).collect()
    });
    let levels = Levels::measure(area, flat, sharpened.as_deref(), calm);
    let tile = grain_tile(area, sharpened.as_deref().unwrap_or(flat), seed);
    (levels, tile)
}

/// The picture with the result in it, colours and seam matched, before grain and sharpness: in thin holes what is left of
/// the edge counts as grain.
fn flat(area: &Area, offsets: &Offsets, calm: Option<&[f32]>) -> Vec<f32> {
    let mut out = area.photo.clone();
    let fields = offsets.fields();
    out.par_chunks_mut(area.width * 3)
        .enumerate()
        .for_each_init(
            || vec![[0.0; 3]; area.width],
            |row, (y, out)| {
                let first = y * area.width;
                let mut added = vec![[0.0; 3]; area.width];
                for field in fields.into_iter().flatten() {
                    field.row(y, 0, row);
                    for (sum, value) in added.iter_mut().zip(&*row) {
                        for c in 0..3 {
                            sum[c] += value[c];
                        }
                    }
                }
                for (x, pixel) in out.chunks_exact_mut(3).enumerate() {
                    let at = first + x;
                    let share = f32::from(area.composite[at]) / 255.0;
                    for c in 0..3 {
                        let calm = calm.map_or(0.0, |calm| calm[at * 3 + c]);
                        let made = area.result[at * 3 + c] + added[x][c] + calm;
                        pixel[c] += share * (made - pixel[c]);
                    }
                }
            },
        );
    out
}

/// How far the mask fades: the depth of its deepest partly covered pixel.
pub(super) fn seam_px(area: &Area) -> f32 {
    let partly = area.composite.iter().zip(&area.inside);
    let deepest = partly
        .filter(|(c, _)| **c > 0 && **c < 255)
        .map(|(_, d)| *d);
    f32::from(deepest.max().unwrap_or(0))
}

/// Cell means of result − photo where the photo is valid, carried on to the other cells.
fn seam_low(area: &Area) -> Option<Grid> {
    if !area.composite.iter().any(|c| *c > 0 && *c < 255) {
        return None;
    }
    let mut means = Grid::new(FIELD_CELL, area.width, area.height);
    let mut weights = vec![0.0; means.data.len()];
    for y in 0..area.height {
        for x in 0..area.width {
            let at = y * area.width + x;
            if area.composite[at] == 255 {
                continue;
            }
            let to = y / FIELD_CELL * means.columns + x / FIELD_CELL;
            weights[to] += 1.0;
            for c in 0..3 {
                means.data[to][c] += area.result[at * 3 + c] - area.photo[at * 3 + c];
            }
        }
    }
    for (value, weight) in means.data.iter_mut().zip(&weights) {
        if *weight > 0.0 {
            *value = value.map(|v| v / weight);
        }
    }
    Some(membrane(&means, &weights))
}
