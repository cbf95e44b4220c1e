//! Owns how much busier than its photo a fill is where they meet. Called by `prepare`. Grain and sharpness add what a fill
//! lacks everywhere; this takes away what it has too much, along the edge alone, where busy beside calm draws the
//! hole's outline. Must never touch the middle of a hole: what is painted there may be as crisp as it likes.
//!
//! The result is taken apart into bands of detail (a Laplacian stack: Burt and Adelson, 1983, without subsampling), and
//! each band is damped to the level that the photo has in it nearby.

use rayon::prelude::*;

use super::area::Area;
use super::grain::cell_levels;
use super::membrane::{Grid, membrane};

/// Radii of the boxes, applied twice each, that part the bands, in px.
const RADII: [usize; 3] = [1, 3, 8];
/// The level aimed at, by that of the surroundings: a little less, since what parts fill and photo adds its own.
const NEAR: f32 = 0.95;
/// Redrawn pixels that come back within this are the photo itself.
const ROUNDING: f32 = 0.5 / 255.0;
/// No band is damped to less than this share.
const LEAST: f32 = 0.05;
/// Fill this near to the edge is measured even in shallow holes, in px.
const SHALLOW_PX: f32 = 6.0;

/// What is added to the result, at full strength; none where nothing is too busy, and for a model that left known pixels
/// exactly alone: it took the surroundings up as they are. `reach` is how far the damping reaches into the hole, in px.
pub fn measure(area: &Area, reach: f32) -> Option<Vec<f32>> {
    let differs = |at: usize| {
        let (photo, result) = (Area::pixel(&area.photo, at), Area::pixel(&area.result, at));
        (0..3).any(|c| (photo[c] - result[c]).abs() > ROUNDING)
    };
    let redrew = (0..area.composite.len())
        .any(|at| area.composite[at] == 0 && area.denoise[at] > 0 && differs(at));
    if !redrew {
        return None;
    }
    let mut sum: Option<Vec<f32>> = None;
    let (mut photo, mut result) = (area.photo.clone(), area.result.clone());
    for radius in RADII {
        let smoother = [
            blurred(&photo, area.width, radius),
            blurred(&result, area.width, radius),
        ];
        let bands = [minus(&photo, &smoother[0]), minus(&result, &smoother[1])];
        if let Some(shares) = surplus(area, &bands, radius, reach) {
            let out = sum.get_or_insert_with(|| vec![0.0; area.result.len()]);
            damp(area, &shares, &bands[1], reach, out);
        }
        [photo, result] = smoother;
    }
    sum
}

/// 1 − the share that the fill's band should keep, where it is busier than the photo's; none where it nowhere is.
fn surplus(area: &Area, bands: &[Vec<f32>; 2], radius: usize, reach: f32) -> Option<Grid> {
    // What the hole hides reaches into the photo's smoothed surroundings.
    let clear = (2 * radius) as u8;
    let (photo, shape) = cell_levels(area, &bands[0], |at| area.outside[at] > clear);
    let (result, _) = cell_levels(area, &bands[1], |at| {
        area.composite[at] > 0 && f32::from(area.in_core[at]) <= reach.max(SHALLOW_PX)
    });
    let wanted = carried(&photo, &shape)?;
    let found = carried(&result, &shape)?;
    let mut shares = shape;
    let mut any = false;
    for (at, value) in shares.data.iter_mut().enumerate() {
        let share = (wanted[at] * NEAR / found[at].max(1e-6)).clamp(LEAST, 1.0);
        any |= share < 1.0;
        *value = [1.0 - share; 3];
    }
    any.then_some(shares)
}

fn damp(area: &Area, shares: &Grid, band: &[f32], reach: f32, out: &mut [f32]) {
    out.par_chunks_mut(area.width * 3)
        .enumerate()
        .for_each_init(
            || vec![[0.0; 3]; area.width],
            |row, (y, out)| {
                shares.row(y, 0, row);
                for (x, out) in out.chunks_exact_mut(3).enumerate() {
                    let at = y * area.width + x;
                    if area.composite[at] == 0 {
                        continue;
                    }
                    let depth = f32::from(area.in_core[at]);
                    let fade = (-0.5 * (depth / reach.max(1.0)).powi(2)).exp();
                    for c in 0..3 {
                        out[c] -= row[x][c] * fade * band[at * 3 + c];
                    }
                }
            },
        );
}

fn minus(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.par_iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Two box means of this radius, each across and down; cut at the border.
fn blurred(data: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let mut out = data.to_vec();
    for _ in 0..2 {
        out = down(&across(&out, width, radius), width, radius);
    }
    out
}

fn across(data: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let mut out = vec![0.0; data.len()];
    out.par_chunks_mut(width * 3)
        .zip(data.par_chunks(width * 3))
        .for_each(|(out, row)| {
            for c in 0..3 {
                let (mut sum, mut count) = (0.0, 0.0);
                for x in 0..width + radius {
                    if x < width {
                        sum += row[x * 3 + c];
                        count += 1.0;
                    }
                    if x > 2 * radius {
                        sum -= row[(x - 2 * radius - 1) * 3 + c];
                        count -= 1.0;
                    }
                    if x >= radius {
                        out[(x - radius) * 3 + c] = sum / count;
                    }
                }
            }
        });
    out
}

fn down(data: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let stride = width * 3;
    let height = data.len() / stride.max(1);
    let mut out = vec![0.0; data.len()];
    out.par_chunks_mut(stride).enumerate().for_each(|(y, out)| {
        let (from, to) = (y.saturating_sub(radius), (y + radius + 1).min(height));
        for row in data[from * stride..to * stride].chunks_exact(stride) {
            for (sum, value) in out.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let scale = 1.0 / (to - from) as f32;
        for value in out {
            *value *= scale;
        }
    });
    out
}

/// Levels carried to the cells that do not speak; none when no cell speaks.
fn carried(levels: &[Option<f32>], shape: &Grid) -> Option<Vec<f32>> {
    let mut values = shape.clone();
    let mut weights = vec![0.0; levels.len()];
    for (at, found) in levels.iter().enumerate() {
        if let Some(level) = found {
            values.data[at] = [*level; 3];
            weights[at] = 8.0;
        }
    }
    if weights.iter().all(|w| *w == 0.0) {
        return None;
    }
    Some(
        membrane(&values, &weights)
            .data
            .iter()
            .map(|v| v[0])
            .collect(),
    )
}
