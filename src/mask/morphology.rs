//! Owns growing and shrinking masks by a Euclidean radius. Used by app, plan and cli. Works only near masked
//! pixels. Must never turn a soft edge hard.

use rayon::prelude::*;

use super::Mask;
use super::base::is_clear;
use super::distance::squared_distances;
use super::tiles::by_tiles;
use crate::raster::Plane;

/// Longest radius in pixels that is honoured.
const MAX_RADIUS: f32 = 2_000.0;

impl Mask {
    /// Widens the mask: every pixel takes the largest value within `px` pixels (centre to centre). A soft edge moves
    /// outwards and stays as soft as it was. 0, negative and impossible radii change nothing.
    pub fn grow(&mut self, px: f32) {
        let Some(radius) = radius(px) else { return };
        by_tiles(self, radius.ceil() as u32, |part| dilate(part, radius));
    }

    /// Narrows the mask: every pixel takes the smallest value within `px` pixels. Outside the canvas counts as masked,
    /// so that a mask does not withdraw from the picture's own border.
    pub fn shrink(&mut self, px: f32) {
        let Some(radius) = radius(px) else { return };
        by_tiles(self, radius.ceil() as u32, |part| {
            let mut kept = part.clone();
            invert(&mut kept);
            let mut shrunk = dilate(&kept, radius);
            invert(&mut shrunk);
            shrunk
        });
    }
}

fn radius(px: f32) -> Option<f32> {
    (px.is_finite() && px > 0.0).then(|| px.min(MAX_RADIUS))
}

fn invert(plane: &mut Plane) {
    for value in &mut plane.data {
        *value = 255 - *value;
    }
}

/// Largest value within `radius`. Two-valued planes go by exact distances, soft ones by maxima over the disc's rows.
fn dilate(plane: &Plane, radius: f32) -> Plane {
    let hard = plane.data.par_iter().all(|v| matches!(v, 0 | 255));
    if hard {
        dilate_hard(plane, radius)
    } else {
        dilate_soft(plane, radius)
    }
}

fn dilate_hard(plane: &Plane, radius: f32) -> Plane {
    let reach = f64::from(radius).powi(2);
    let distances = squared_distances(plane, radius.ceil() as u32, |v| v == 255);
    Plane {
        size: plane.size,
        data: distances
            .into_par_iter()
            .with_min_len(1 << 14)
            .map(|squared| if f64::from(squared) <= reach { 255 } else { 0 })
            .collect(),
    }
}

/// A disc is a stack of rows: the row `dy` away reaches sqrt(r² − dy²) to both sides.
fn dilate_soft(plane: &Plane, radius: f32) -> Plane {
    let (width, height) = (plane.width(), plane.height());
    let reach = f64::from(radius).powi(2);
    let half = |dy: i64| (reach - (dy * dy) as f64).sqrt() as usize;
    let down = radius.floor() as i64;
    let clear: Vec<bool> = plane.data.chunks_exact(width).map(is_clear).collect();
    let mut out = Plane::new(plane.size);
    out.data.par_chunks_mut(width).enumerate().for_each_init(
        || (Vec::new(), Vec::new()),
        |(one, two), (y, line)| {
            for dy in -down..=down {
                let source = usize::try_from(y as i64 + dy).unwrap_or(height);
                if source >= height || clear[source] {
                    continue;
                }
                let row = &plane.data[source * width..][..width];
                max_along(row, half(dy).min(width), one, two, line);
            }
        },
    );
    out
}

/// Raises `line` to the maximum of `row` over `half` pixels to both sides, by doubling spans. `one` and `two` are
/// scratch space.
fn max_along(row: &[u8], half: usize, one: &mut Vec<u8>, two: &mut Vec<u8>, line: &mut [u8]) {
    let window = 2 * half + 1;
    one.clear();
    one.resize(half, 0);
    one.extend_from_slice(row);
    one.resize(row.len() + 2 * half, 0);
    two.resize(one.len(), 0);
    let mut span = 1;
    while span * 2 <= window {
        let usable = one.len() - span;
        for ((to, a), b) in two[..usable].iter_mut().zip(one.iter()).zip(&one[span..]) {
            *to = *a.max(b);
        }
        one[..usable].copy_from_slice(&two[..usable]);
        span *= 2;
    }
    let shift = window - span;
    for ((to, a), b) in line.iter_mut().zip(one.iter()).zip(&one[shift..]) {
        *to = (*to).max(*a.max(b));
    }
}
