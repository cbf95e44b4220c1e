//! Owns fitting coverage as a local linear function of colour. Used by refine. Must never divide by what may be 0.

use super::Seen;
use super::boxes::box_sums;
use super::refine::smooth;
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::distance_to_mask;
use crate::raster::Plane;

/// Colour variance (of values 0–1) that counts as noise.
const NOISE: f32 = 1e-4;
/// Weight of a place on the rough edge itself, against 1 beyond the band.
const EDGE_TRUST: f32 = 0.03;
/// Share of the coverage's variance that colour must explain: from here it begins to count, from there it counts fully.
const EXPLAINED: (f32, f32) = (0.25, 0.6);
/// How much steeper than the fitted line coverage rises, so that both sides reach 0 and 255.
const STEEPER: f32 = 1.25;

/// A part of the picture and its rough mask, averaged over cells of `step` × `step` pixels.
pub(super) struct Cells {
    /// In cells, counted over the whole picture.
    rect: PixelRect,
    step: usize,
    /// 0–1, less 0.5, so that sums keep their precision.
    colors: [Vec<f32>; 3],
    /// 0–1.
    cover: Vec<f32>,
}

impl Cells {
    /// The cells of `tile` (whose corner lies on a cell's) and `margin` cells around, less at the picture's border.
    pub fn cut(picture: &Seen, rough: &Plane, tile: PixelRect, step: usize, margin: usize) -> Self {
        let size = picture.size();
        let all = PixelSize::new(
            size.width.div_ceil(step as u32),
            size.height.div_ceil(step as u32),
        );
        let rect = PixelRect::new(
            tile.x / step as i32,
            tile.y / step as i32,
            tile.width.div_ceil(step as u32),
            tile.height.div_ceil(step as u32),
        )
        .grow(margin as i32)
        .intersect(all.rect());
        let count = rect.area() as usize;
        let mut sums = vec![[0u32; 5]; count];
        let width = rect.width as usize;
        let rows = rect.y as usize * step..(rect.bottom() as usize * step).min(picture.height());
        let left = rect.x as usize * step;
        let right = (rect.right() as usize * step).min(picture.width());
        for y in rows {
            let line = &mut sums[(y / step - rect.y as usize) * width..][..width];
            let colors = picture.row(y)[left * 4..right * 4].chunks(4 * step);
            let cover = rough.data[y * rough.width()..][left..right].chunks(step);
            for ((sum, colors), cover) in line.iter_mut().zip(colors).zip(cover) {
                for (pixel, value) in colors.chunks_exact(4).zip(cover) {
                    for c in 0..3 {
                        sum[c] += u32::from(pixel[c]);
                    }
                    sum[3] += u32::from(*value);
                    sum[4] += 1;
                }
            }
        }
        let mean = |channel: usize, less: f32| -> Vec<f32> {
            let share = |sum: &[u32; 5]| sum[channel] as f32 / (255 * sum[4].max(1)) as f32 - less;
            sums.iter().map(share).collect()
        };
        Self {
            rect,
            step,
            colors: [mean(0, 0.5), mean(1, 0.5), mean(2, 0.5)],
            cover: mean(3, 0.0),
        }
    }

    /// How far the rough mask is to be believed: little on its edge, wholly from `radius` pixels on.
    pub fn trust(&self, radius: f32) -> Vec<f32> {
        let (width, height) = (self.rect.width as usize, self.rect.height as usize);
        let inside = |at: usize| self.cover[at] >= 0.5;
        let mut edge = Plane::new(self.rect.size());
        for at in 0..self.cover.len() {
            let (x, y) = (at % width, at / width);
            let across = x + 1 < width && inside(at) != inside(at + 1);
            let down = y + 1 < height && inside(at) != inside(at + width);
            if across {
                edge.data[at] = 255;
                edge.data[at + 1] = 255;
            }
            if down {
                edge.data[at] = 255;
                edge.data[at + width] = 255;
            }
        }
        let reach = radius / self.step as f32;
        distance_to_mask(&edge, reach + 1.0)
            .into_iter()
            .map(|distance| {
                let share = (distance / reach).min(1.0);
                EDGE_TRUST + (1.0 - EDGE_TRUST) * share.powi(3)
            })
            .collect()
    }
}

/// Coverage over colour, cell by cell.
pub(super) struct Fit {
    rect: PixelRect,
    step: f32,
    /// A slope for each channel, an offset, and how far colour tells (0–1).
    lines: Vec<[f32; 5]>,
}

impl Fit {
    pub fn new(cells: &Cells, trust: &[f32], window: usize) -> Self {
        let width = cells.rect.width as usize;
        let mut scratch = Vec::new();
        let mut sum = |value: &dyn Fn(usize) -> f32| -> Vec<f32> {
            let mut plane: Vec<f32> = (0..trust.len()).map(|at| trust[at] * value(at)).collect();
            box_sums(&mut plane, width, window, &mut scratch);
            plane
        };
        let (color, cover) = (&cells.colors, &cells.cover);
        let moments = Moments {
            weight: sum(&|_| 1.0),
            color: [0, 1, 2].map(|c| sum(&|at| color[c][at])),
            cover: sum(&|at| cover[at]),
            cover_cover: sum(&|at| cover[at] * cover[at]),
            color_cover: [0, 1, 2].map(|c| sum(&|at| color[c][at] * cover[at])),
            color_color: [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
                .map(|(a, b)| sum(&|at| color[a][at] * color[b][at])),
        };
        let fitted: Vec<[f32; 5]> = (0..trust.len()).map(|at| moments.line(at)).collect();
        let mut mean = [0, 1, 2, 3, 4].map(|part| {
            let mut plane: Vec<f32> = fitted
                .iter()
                .map(|line| line[4] * if part < 4 { line[part] } else { 1.0 })
                .collect();
            box_sums(&mut plane, width, window / 2, &mut scratch);
            plane
        });
        let mut count = vec![1.0; trust.len()];
        box_sums(&mut count, width, window / 2, &mut scratch);
        let [certain, parts @ ..] = {
            mean.rotate_right(1);
            mean
        };
        let lines = (0..trust.len())
            .map(|at| {
                let by = certain[at].max(1e-6);
                let [r, g, b, offset] = [0, 1, 2, 3].map(|part: usize| parts[part][at] / by);
                [r, g, b, offset, certain[at].max(0.0) / count[at].max(1.0)]
            })
            .collect();
        Self {
            rect: cells.rect,
            step: cells.step as f32,
            lines,
        }
    }

    /// Coverage of a colour (0–1) at a pixel, and how far to believe it (0–1).
    pub fn at(&self, x: usize, y: usize, color: [f32; 3]) -> (f32, f32) {
        let place = |at: usize, first: i32, count: u32| {
            let at = (at as f32 + 0.5) / self.step - 0.5 - first as f32;
            let at = at.clamp(0.0, (count - 1) as f32);
            let low = at as usize;
            (low, (low + 1).min(count as usize - 1), at - low as f32)
        };
        let (left, right, fx) = place(x, self.rect.x, self.rect.width);
        let (top, bottom, fy) = place(y, self.rect.y, self.rect.height);
        let width = self.rect.width as usize;
        let mut line = [0.0; 5];
        for (cell, weight) in [
            (top * width + left, (1.0 - fx) * (1.0 - fy)),
            (top * width + right, fx * (1.0 - fy)),
            (bottom * width + left, (1.0 - fx) * fy),
            (bottom * width + right, fx * fy),
        ] {
            for (sum, part) in line.iter_mut().zip(&self.lines[cell]) {
                *sum += weight * part;
            }
        }
        let fitted = (0..3).map(|c| line[c] * (color[c] - 0.5)).sum::<f32>() + line[3];
        let steep = (fitted - 0.5) * STEEPER + 0.5;
        let (none, full) = EXPLAINED;
        (
            steep.clamp(0.0, 1.0),
            smooth((line[4] - none) / (full - none)),
        )
    }
}

/// Weighted sums over each cell's window.
struct Moments {
    weight: Vec<f32>,
    color: [Vec<f32>; 3],
    cover: Vec<f32>,
    cover_cover: Vec<f32>,
    color_cover: [Vec<f32>; 3],
    color_color: [Vec<f32>; 6],
}

impl Moments {
    /// Slopes, offset and the explained share of the variance. The slope of a least-squares line to two classes falls
    /// short by the share it explains; it is divided by that share again, so that the classes' means map to 0 and 1.
    fn line(&self, at: usize) -> [f32; 5] {
        let weight = self.weight[at].max(1e-6);
        let color = [0, 1, 2].map(|c: usize| self.color[c][at] / weight);
        let cover = self.cover[at] / weight;
        let spread = self.cover_cover[at] / weight - cover * cover;
        if spread < 1e-3 {
            return [0.0, 0.0, 0.0, cover, 0.0];
        }
        let with = [0, 1, 2].map(|c: usize| self.color_cover[c][at] / weight - color[c] * cover);
        let of = |part: usize, a: usize, b: usize| {
            self.color_color[part][at] / weight - color[a] * color[b]
        };
        let slopes = solve(
            [
                of(0, 0, 0) + NOISE,
                of(1, 0, 1),
                of(2, 0, 2),
                of(3, 1, 1) + NOISE,
                of(4, 1, 2),
                of(5, 2, 2) + NOISE,
            ],
            with,
        );
        let explained = (0..3).map(|c| slopes[c] * with[c]).sum::<f32>() / spread;
        let explained = explained.clamp(0.0, 1.0);
        let slopes = slopes.map(|slope| slope / explained.max(0.5));
        let offset = cover - (0..3).map(|c| slopes[c] * color[c]).sum::<f32>();
        [slopes[0], slopes[1], slopes[2], offset, explained]
    }
}

/// Solves the symmetric system (rr, rg, rb, gg, gb, bb) by Cramer's rule; zeros where it has no solution.
fn solve([rr, rg, rb, gg, gb, bb]: [f32; 6], [r, g, b]: [f32; 3]) -> [f32; 3] {
    let (c0, c1, c2) = (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg);
    let det = rr * c0 + rg * c1 + rb * c2;
    if !det.is_finite() || det.abs() < 1e-14 {
        return [0.0; 3];
    }
    let (c3, c4, c5) = (rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg);
    [
        (c0 * r + c1 * g + c2 * b) / det,
        (c1 * r + c3 * g + c4 * b) / det,
        (c2 * r + c4 * g + c5 * b) / det,
    ]
}
