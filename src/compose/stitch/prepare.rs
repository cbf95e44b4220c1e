//! Owns everything about a stitch that does not depend on its sliders. Called once a result; `apply` then runs at every
//! move of a slider.

use super::area::{Area, cut};
use super::grain::Levels;
use super::membrane::{Grid, membrane};
use super::offsets::{COLOUR, SEAM, drift, residual};
use super::sharpen::{self, Sharpness};
use super::spectrum::{Tile, grain_tile};
use super::{StitchError, apply};
use crate::compose::CropMasks;
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::{Plane, RgbF32};

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
    /// Smooth part of result − photo along the seam; none without one.
    pub seam_low: Option<Grid>,
    pub amount: f32,
    pub detail: Option<Vec<f32>>,
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
    let ((colour, seam), (sharpness, levels, tile)) =
        rayon::join(|| offsets(area), || texture(area, seed));
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
        colour,
        seam,
        seam_low: seam_low(area),
        amount: sharpness.as_ref().map_or(0.0, |s| s.amount),
        detail: sharpness.map(|s| rgb(&s.detail)),
        levels,
        tile,
    }
}

fn offsets(area: &Area) -> (Option<Grid>, Option<Grid>) {
    let drift = drift(area, COLOUR.cell);
    let found = residual(area, drift.as_ref(), &COLOUR);
    let coarse = match (drift, found) {
        (Some(mut sum), Some(more)) => {
            for (a, b) in sum.data.iter_mut().zip(&more.data) {
                for c in 0..3 {
                    a[c] += b[c];
                }
            }
            Some(sum)
        }
        (one, other) => one.or(other),
    };
    let colour = coarse.map(|field| resampled(&field, area));
    let seam = residual(area, colour.as_ref(), &SEAM).map(|field| faded(field, area));
    (colour, seam)
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
        let centre = |i: usize, len: usize| (i * FIELD_CELL + FIELD_CELL / 2).min(len - 1);
        let (x, y) = (
            centre(at % field.columns, area.width),
            centre(at / field.columns, area.height),
        );
        let depth = f32::from(area.inside[y * area.width + x]);
        field.data[at] = field.data[at].map(|v| v * (-depth / SEAM_FADE_PX).exp());
    }
    field
}

fn texture(area: &Area, seed: u64) -> (Option<Sharpness>, Levels, Tile) {
    let sharpness = sharpen::measure(area);
    let sharpened: Option<Vec<f32>> = sharpness.as_ref().map(|s| {
        let add = |(value, detail): (&f32, &f32)| value + s.amount * detail;
        area.result.iter().zip(&s.detail).map(add).collect()
    });
    let levels = Levels::measure(area, sharpened.as_deref());
    let tile = grain_tile(area, sharpened.as_deref().unwrap_or(&area.result), seed);
    (sharpness, levels, tile)
}

/// How far the mask fades: the depth of its deepest partly covered pixel.
fn seam_px(area: &Area) -> f32 {
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
