//! Owns the seam score: how visible the edge of a fill is, measured against how visible the same line is in the truth.
//! Called by `score`. Must never reward blur: too smooth is as wrong as too harsh.
//!
//! Three measures are taken along the hole's edge in a picture, each the same way in the fill and in the truth:
//!
//! - **colour**: mean colours of a 4 px band inside and a 4 px band outside, compared cell by cell along the edge (RMS);
//! - **gradient**: mean difference of neighbouring pixels across the edge;
//! - **noise**: high-pass level in a 12 px band inside over that in a 12 px band outside (Immerkær, "Fast noise variance
//!   estimation", 1996, with a trimmed mean).
//!
//! Where the fill fades into the photo outside the hole (pixels there differ from the truth), the bands outside start
//! where the fade ends and the gradient is taken over all of it, so that a wide fade hides nothing from the score.

use crate::raster::{Plane, RgbF32};

/// Width of the bands whose colours are compared, in px.
const COLOUR_BAND_PX: u32 = 4;
/// Width of the bands whose noise is compared, in px.
const NOISE_BAND_PX: u32 = 12;
/// Side of a cell along the edge in px.
const CELL_PX: usize = 16;
/// A cell counts when it holds at least this many pixels of the inner band, and there are as many of the outer nearby.
const CELL_MIN: f64 = 8.0;
/// Fades are looked for this far from the hole.
const MAX_FADE_PX: u32 = 64;
/// Added above and below every ratio, so that steps nobody can see do not count: one 8-bit step for colours, less for
/// the measures that average over more pixels.
const COLOUR_FLOOR: f64 = 1.0 / 255.0;
const GRADIENT_FLOOR: f64 = 0.5 / 255.0;
const NOISE_FLOOR: f64 = 0.25 / 255.0;

/// Ratios of the fill's measure to the truth's; 1 is indistinguishable, above is harsher, below smoother.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SeamScore {
    pub colour: f64,
    pub gradient: f64,
    pub noise: f64,
}

impl SeamScore {
    /// The three as one: |ln ratio| is the root mean square of the three |ln|, so that too harsh in one measure never
    /// makes up for too smooth in another; above 1 when the fill is mostly harsher, below when mostly smoother.
    pub fn ratio(&self) -> f64 {
        let logs = [self.colour.ln(), self.gradient.ln(), self.noise.ln()];
        let rms = (logs.iter().map(|l| l * l).sum::<f64>() / 3.0).sqrt();
        rms.copysign(logs.iter().sum::<f64>()).exp()
    }

    /// |ln ratio|: 0 is indistinguishable.
    pub fn visibility(&self) -> f64 {
        self.ratio().ln().abs()
    }
}

/// Scores the edge of `hole` (any value above 0) in `filled` against `truth`. 1 throughout for equal pictures and for
/// holes without an edge.
pub fn seam(truth: &RgbF32, filled: &RgbF32, hole: &Plane) -> SeamScore {
    let outside = distance_from(hole, MAX_FADE_PX + NOISE_BAND_PX + 2);
    let known = Plane {
        size: hole.size,
        data: hole
            .data
            .iter()
            .map(|v| if *v > 0 { 0 } else { 255 })
            .collect(),
    };
    let inside = distance_from(&known, NOISE_BAND_PX + 2);
    let fade = fade_px(truth, filled, &outside);
    let bands = Bands {
        inside,
        outside,
        fade,
        width: truth.width(),
    };
    let ratio = |measure: &dyn Fn(&RgbF32) -> f64, floor: f64| {
        (measure(filled) + floor) / (measure(truth) + floor)
    };
    SeamScore {
        colour: ratio(&|p| bands.colour_step(p), COLOUR_FLOOR),
        gradient: ratio(&|p| bands.gradient_across(p), GRADIENT_FLOOR),
        noise: ratio(&|p| bands.noise(p).0, NOISE_FLOOR)
            / ratio(&|p| bands.noise(p).1, NOISE_FLOOR),
    }
}

/// How far from the hole the fill still differs from the truth.
fn fade_px(truth: &RgbF32, filled: &RgbF32, outside: &[u32]) -> u32 {
    let mut fade = 0;
    for (at, distance) in outside.iter().enumerate() {
        let changed = || truth.data[at * 3..at * 3 + 3] != filled.data[at * 3..at * 3 + 3];
        if *distance > fade && *distance <= MAX_FADE_PX && changed() {
            fade = *distance;
        }
    }
    fade
}

/// Colours of some pixels.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    values: [f64; 3],
    count: f64,
}

impl Sum {
    fn add(&mut self, rgb: &[f32]) {
        for (sum, value) in self.values.iter_mut().zip(rgb) {
            *sum += f64::from(*value);
        }
        self.count += 1.0;
    }

    fn merge(&mut self, other: &Self) {
        for (sum, value) in self.values.iter_mut().zip(other.values) {
            *sum += value;
        }
        self.count += other.count;
    }
}

struct Bands {
    inside: Vec<u32>,
    outside: Vec<u32>,
    fade: u32,
    width: usize,
}

impl Bands {
    fn is_inner(&self, at: usize, band: u32) -> bool {
        self.outside[at] == 0 && self.inside[at] <= band
    }

    fn is_outer(&self, at: usize, band: u32) -> bool {
        self.outside[at] > self.fade && self.outside[at] <= self.fade + band
    }

    /// RMS over cells and channels of the difference between a cell's inner mean and the outer mean nearby.
    fn colour_step(&self, picture: &RgbF32) -> f64 {
        let columns = self.width.div_ceil(CELL_PX).max(1);
        let rows = picture.height().div_ceil(CELL_PX);
        let mut cells = vec![[Sum::default(); 2]; columns * rows];
        for at in 0..self.outside.len() {
            let side = if self.is_inner(at, COLOUR_BAND_PX) {
                0
            } else if self.is_outer(at, COLOUR_BAND_PX) {
                1
            } else {
                continue;
            };
            let cell = at / self.width / CELL_PX * columns + at % self.width / CELL_PX;
            cells[cell][side].add(&picture.data[at * 3..at * 3 + 3]);
        }
        // Far enough that the outer band of a cell's stretch of edge is reached across the fade.
        let reach = ((self.fade + 2 * COLOUR_BAND_PX) as usize).div_ceil(CELL_PX);
        let (mut square, mut weight) = (0.0, 0.0);
        for y in 0..rows {
            for x in 0..columns {
                let inner = &cells[y * columns + x][0];
                if inner.count < CELL_MIN {
                    continue;
                }
                let mut outer = Sum::default();
                for ny in y.saturating_sub(reach)..(y + reach + 1).min(rows) {
                    for nx in x.saturating_sub(reach)..(x + reach + 1).min(columns) {
                        outer.merge(&cells[ny * columns + nx][1]);
                    }
                }
                if outer.count < CELL_MIN {
                    continue;
                }
                for c in 0..3 {
                    let step = inner.values[c] / inner.count - outer.values[c] / outer.count;
                    square += step * step * inner.count;
                    weight += inner.count;
                }
            }
        }
        if weight > 0.0 {
            (square / weight).sqrt()
        } else {
            0.0
        }
    }

    /// Position on the way out: negative inside, 0 … fade + 1 outside; none where the edge is far.
    fn level(&self, at: usize) -> Option<i64> {
        match self.outside[at] {
            0 => (self.inside[at] <= 1).then_some(-1),
            far => (far <= self.fade + 1).then_some(i64::from(far)),
        }
    }

    /// Mean absolute difference, over channels, of neighbours of which one is farther out.
    fn gradient_across(&self, picture: &RgbF32) -> f64 {
        let mut sum = 0.0;
        let mut count = 0_u64;
        let mut pair = |a: usize, b: usize| {
            if let (Some(la), Some(lb)) = (self.level(a), self.level(b))
                && la != lb
            {
                for c in 0..3 {
                    sum += f64::from((picture.data[a * 3 + c] - picture.data[b * 3 + c]).abs());
                }
                count += 3;
            }
        };
        for at in 0..self.outside.len() {
            if at % self.width + 1 < self.width {
                pair(at, at + 1);
            }
            if at + self.width < self.outside.len() {
                pair(at, at + self.width);
            }
        }
        if count > 0 { sum / count as f64 } else { 0.0 }
    }

    /// High-pass level of the inner and the outer band, mean over channels. Where a hole is too thin to hold the 3 × 3
    /// kernel, its pixels are taken with their surroundings.
    fn noise(&self, picture: &RgbF32) -> (f64, f64) {
        let height = picture.height();
        let mut found: [[Vec<f32>; 3]; 2] = Default::default();
        let deep = (0..self.outside.len()).any(|at| self.outside[at] == 0 && self.inside[at] > 2);
        for y in 1..height.saturating_sub(1) {
            for x in 1..self.width.saturating_sub(1) {
                let at = y * self.width + x;
                let side = if self.is_inner(at, NOISE_BAND_PX) && (!deep || self.inside[at] > 1) {
                    0
                } else if self.is_outer(at, NOISE_BAND_PX) && self.outside[at] > self.fade + 1 {
                    1
                } else {
                    continue;
                };
                for (c, values) in found[side].iter_mut().enumerate() {
                    values.push(high_pass(picture, at, c, self.width).abs());
                }
            }
        }
        let [inner, outer] = found;
        let level =
            |channels: [Vec<f32>; 3]| channels.into_iter().map(trimmed_mean).sum::<f64>() / 3.0;
        (level(inner), level(outer))
    }
}

/// Immerkær's difference of two Laplacians, scaled so that white noise keeps its standard deviation.
fn high_pass(picture: &RgbF32, at: usize, channel: usize, width: usize) -> f32 {
    let p = |i: usize| picture.data[i * 3 + channel];
    let corners = p(at - width - 1) + p(at - width + 1) + p(at + width - 1) + p(at + width + 1);
    let sides = p(at - width) + p(at - 1) + p(at + 1) + p(at + width);
    (corners - 2.0 * sides + 4.0 * p(at)) / 6.0
}

/// Mean of the lower three quarters.
fn trimmed_mean(mut values: Vec<f32>) -> f64 {
    let keep = (values.len() * 3).div_ceil(4);
    if keep == 0 {
        return 0.0;
    }
    values.select_nth_unstable_by(keep - 1, f32::total_cmp);
    let sum: f64 = values[..keep].iter().map(|v| f64::from(*v)).sum();
    sum / keep as f64
}

/// Distance in px (chamfer 3–4, rounded up) to the nearest marked pixel: 0 on the mark, at most `limit`.
pub fn distance_from(mark: &Plane, limit: u32) -> Vec<u32> {
    let (width, height) = (mark.width(), mark.height());
    let far = limit.saturating_mul(3).max(3);
    let mut d: Vec<u32> = mark
        .data
        .iter()
        .map(|v| if *v > 0 { 0 } else { far })
        .collect();
    let steps = [(-1, 0, 3), (0, -1, 3), (-1, -1, 4), (1, -1, 4)];
    let mut relax = |x: usize, y: usize, sign: isize| {
        let at = y * width + x;
        for (dx, dy, cost) in steps {
            let (nx, ny) = (x as isize + sign * dx, y as isize + sign * dy);
            if nx >= 0 && ny >= 0 && nx < width as isize && ny < height as isize {
                d[at] = d[at].min(d[ny as usize * width + nx as usize] + cost);
            }
        }
    };
    for y in 0..height {
        for x in 0..width {
            relax(x, y, 1);
        }
    }
    for y in (0..height).rev() {
        for x in (0..width).rev() {
            relax(x, y, -1);
        }
    }
    d.iter().map(|v| v.div_ceil(3).min(limit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    fn scene() -> (RgbF32, Plane) {
        let size = PixelSize::new(96, 80);
        let mut photo = RgbF32::new(size);
        let mut state = 1_u32;
        for value in &mut photo.data {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            *value = 0.4 + (state >> 8) as f32 / (1 << 24) as f32 * 0.1;
        }
        let mut hole = Plane::new(size);
        for y in 25..55 {
            for x in 30..70 {
                hole.set(x, y, 255);
            }
        }
        (photo, hole)
    }

    fn altered(photo: &RgbF32, hole: &Plane, change: impl Fn(f32) -> f32) -> RgbF32 {
        let mut filled = photo.clone();
        for (at, value) in filled.data.iter_mut().enumerate() {
            if hole.data[at / 3] > 0 {
                *value = change(*value);
            }
        }
        filled
    }

    #[test]
    fn the_truth_scores_one() {
        let (photo, hole) = scene();
        assert!(seam(&photo, &photo, &hole).visibility() < 1e-9);
    }

    #[test]
    fn a_step_scores_above_and_blur_below() {
        let (photo, hole) = scene();
        let step = seam(&photo, &altered(&photo, &hole, |v| v + 0.1), &hole);
        assert!(step.colour > 3.0 && step.gradient > 1.5 && (step.noise - 1.0).abs() < 0.01);
        assert!(step.ratio() > 1.5);
        let flat = seam(&photo, &altered(&photo, &hole, |_| 0.45), &hole);
        assert!(flat.noise < 0.3 && flat.ratio() < 0.7);
    }

    #[test]
    fn a_wide_fade_does_not_hide_a_colour_step() {
        let (photo, hole) = scene();
        let mut filled = altered(&photo, &hole, |v| v + 0.1);
        for (at, d) in distance_from(&hole, 20).iter().enumerate() {
            if *d > 0 && *d < 16 {
                for c in at * 3..at * 3 + 3 {
                    filled.data[c] += 0.1 * (1.0 - *d as f32 / 16.0);
                }
            }
        }
        assert!(seam(&photo, &filled, &hole).colour > 3.0);
    }

    #[test]
    fn distances_are_about_euclidean() {
        let mut mark = Plane::new(PixelSize::new(30, 30));
        mark.set(0, 0, 255);
        let d = distance_from(&mark, 100);
        assert_eq!((d[10], d[300], d[0]), (10, 10, 0));
        assert!((d[10 * 30 + 10] as f64 - 14.14).abs() < 1.0);
    }
}
