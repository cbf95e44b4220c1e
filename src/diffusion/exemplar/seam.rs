//! Owns the last touch of a region: what the matches say about known pixels along the hole's edge is compared with the
//! truth, and the difference, spread over the hole as a membrane, is added to the fill. The fill's own detail stays.
//!
//! A small difference is light and is spread all the way (so skies and gradients meet on every side); what goes beyond
//! `LIGHT` is something cut in two, and fades within a few pixels, lest its colour bleeds.

use super::level::Level;
use super::membrane::{FIXED, FREE, Grid, OUTSIDE};
use super::pyramid::{FILL, KNOWN, PAINTED};
use super::vote::Says;

/// The largest difference spread over the whole hole, in colour units.
const LIGHT: f32 = 0.1;
/// The largest jump inside the hole that is taken for light, in colour units.
const JUMP: f32 = 0.06;
/// Length in pixels over which larger differences fade.
const FADE: f32 = 3.0;
/// Length in pixels over which the soft picture fades into the sharp one.
const MIX_DEPTH: f32 = 1.5;

/// The voted pixels of the hole, corrected.
pub(super) fn correction(level: &Level, says: &Says) -> Vec<[f32; 3]> {
    let Some((left, top, width, height)) = bounds(level) else {
        return Vec::new();
    };
    let mut small = Grid {
        width,
        height,
        kind: vec![OUTSIDE; width * height],
        value: vec![[0.0; 3]; width * height],
        force: vec![[0.0; 3]; width * height],
    };
    let mut rest = vec![[0.0; 3]; width * height];
    for y in 0..height {
        for x in 0..width {
            let (at, to) = ((y + top) * level.width + x + left, y * width + x);
            if level.state[at] == FILL {
                small.kind[to] = FREE;
                small.force[to] = force(level, says, at);
            } else if matches!(level.state[at], KNOWN | PAINTED)
                && beside_fill(level, x + left, y + top)
                && let Some(said) = says.at(level, at)
            {
                let gap = [0, 1, 2].map(|c| level.rgb[at][c] - said[c]);
                small.kind[to] = FIXED;
                small.value[to] = gap.map(|g| g.clamp(-LIGHT, LIGHT));
                rest[to] = [0, 1, 2].map(|c| gap[c] - small.value[to][c]);
            }
        }
    }
    let mut large = Grid {
        width,
        height,
        kind: small.kind.clone(),
        value: rest,
        force: vec![[0.0; 3]; width * height],
    };
    rayon::join(|| small.solve(0.0), || large.solve(1.0 / (FADE * FADE)));
    let corrected = |at: &u32| {
        let at = *at as usize;
        let from = (at / level.width - top) * width + at % level.width - left;
        [0, 1, 2].map(|c| level.rgb[at][c] + small.value[from][c] + large.value[from][c])
    };
    level.holes.iter().map(corrected).collect()
}

/// Where patches from different places meet inside the hole, light may jump: by how much the pixel's differences to its
/// neighbours fall short of what the matches say. Larger jumps than `JUMP` are left to be edges.
fn force(level: &Level, says: &Says, at: usize) -> [f32; 3] {
    let (x, y) = ((at % level.width) as i32, (at / level.width) as i32);
    let mut sum = [0.0f32; 3];
    for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
        let (nx, ny) = (x + dx, y + dy);
        if nx < 0 || ny < 0 || nx >= level.width as i32 || ny >= level.height as i32 {
            continue;
        }
        let beside = ny as usize * level.width + nx as usize;
        // A known neighbour enters the equations as what the matches say there plus its gap.
        let painted = match level.state[beside] {
            FILL => Some(level.rgb[beside]),
            KNOWN | PAINTED => says.at(level, beside),
            _ => None,
        };
        if let (Some(painted), Some(wanted)) = (painted, says.difference(level, at, dx, dy)) {
            let short = [0, 1, 2].map(|c| wanted[c] - (level.rgb[at][c] - painted[c]));
            if short.iter().all(|s| s.abs() <= JUMP) {
                for c in 0..3 {
                    sum[c] += short[c];
                }
            }
        }
    }
    sum
}

/// The corrected pictures of the hole, pixel by pixel in the order of `Level::holes`.
pub(super) struct Takes {
    pub soft: Vec<[f32; 3]>,
    pub sharp: Vec<[f32; 3]>,
}

impl Takes {
    /// A pixel mixed: `share` 1 is the soft picture, 0 the sharp one, −1 the `raw` one, uncorrected.
    fn mixed(&self, i: usize, raw: [f32; 3], share: f32) -> [f32; 3] {
        let (sharp, other) = (self.sharp[i], if share > 0.0 { self.soft[i] } else { raw });
        [0, 1, 2].map(|c| sharp[c] + share.abs() * (other[c] - sharp[c]))
    }
}

/// Paints the hole, which holds the raw sharp vote, with the sharp picture, mixed along the edge so that colour steps across
/// the edge are on average as large as the steps between the known pixels just outside it.
pub(super) fn mix(level: &mut Level, takes: &Takes) {
    let share = share(level, takes);
    for i in 0..level.holes.len() {
        let at = level.holes[i] as usize;
        let depth = f32::from(level.depth[at].clamp(1, 100)) - 1.0;
        level.rgb[at] = takes.mixed(i, level.rgb[at], share * (-depth / MIX_DEPTH).exp());
    }
}

/// The share for `Takes::mixed`.
fn share(level: &Level, takes: &Takes) -> f32 {
    const TRIES: usize = 41;
    let tried = |i: usize| -1.0 + 2.0 * i as f32 / (TRIES - 1) as f32;
    let mut steps = [0.0f64; TRIES];
    let mut natural = (0.0f64, 0usize);
    let mut count = 0usize;
    for (i, at) in level.holes.iter().enumerate() {
        for (edge, beyond) in edges(level, *at as usize) {
            let known = level.rgb[edge];
            for (number, sum) in steps.iter_mut().enumerate() {
                *sum += apart(
                    takes.mixed(i, level.rgb[*at as usize], tried(number)),
                    known,
                );
            }
            count += 1;
            if let Some(beyond) = beyond {
                natural.0 += apart(level.rgb[beyond], known);
                natural.1 += 1;
            }
        }
    }
    if natural.1 == 0 || count == 0 {
        return 0.0;
    }
    let wanted = natural.0 / natural.1 as f64;
    let miss = |i: usize| (steps[i] / count as f64 - wanted).abs();
    let best = (0..TRIES)
        .min_by(|a, b| miss(*a).total_cmp(&miss(*b)))
        .unwrap_or(TRIES / 2);
    tried(best)
}

/// Summed colour difference.
fn apart(a: [f32; 3], b: [f32; 3]) -> f64 {
    f64::from((0..3).map(|c| (a[c] - b[c]).abs()).sum::<f32>())
}

/// The known pixels that touch a pixel of the hole, each with the known one straight behind it.
fn edges(level: &Level, at: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
    let (x, y) = ((at % level.width) as i32, (at / level.width) as i32);
    let given = |x: i32, y: i32| {
        let inside = x >= 0 && y >= 0 && x < level.width as i32 && y < level.height as i32;
        let at = y.max(0) as usize * level.width + x.max(0) as usize;
        (inside && matches!(level.state[at], KNOWN | PAINTED)).then_some(at)
    };
    [(-1, 0), (1, 0), (0, -1), (0, 1)]
        .into_iter()
        .filter_map(move |(dx, dy)| Some((given(x + dx, y + dy)?, given(x + 2 * dx, y + 2 * dy))))
}

fn beside_fill(level: &Level, x: usize, y: usize) -> bool {
    let at = y * level.width + x;
    (x > 0 && level.state[at - 1] == FILL)
        || (x + 1 < level.width && level.state[at + 1] == FILL)
        || (y > 0 && level.state[at - level.width] == FILL)
        || (y + 1 < level.height && level.state[at + level.width] == FILL)
}

/// The hole's bounding box and a pixel around: left, top, width, height.
fn bounds(level: &Level) -> Option<(usize, usize, usize, usize)> {
    let columns = level.holes.iter().map(|at| *at as usize % level.width);
    let (left, right) = (columns.clone().min()?, columns.max()?);
    let top = *level.holes.first()? as usize / level.width;
    let bottom = *level.holes.last()? as usize / level.width;
    let (left, top) = (left.saturating_sub(1), top.saturating_sub(1));
    let (right, bottom) = (
        (right + 1).min(level.width - 1),
        (bottom + 1).min(level.height - 1),
    );
    Some((left, top, right - left + 1, bottom - top + 1))
}
