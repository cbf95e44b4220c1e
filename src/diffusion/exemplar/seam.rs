//! Owns the last touch of a region: what the matches say about known pixels along the hole's edge is compared with the
//! truth, and the difference, spread over the hole as a membrane, is added to the fill. The fill's own detail stays.
//!
//! A small difference is light and is spread all the way (so skies and gradients meet on every side); what goes beyond
//! `LIGHT` is something cut in two, and fades within a few pixels, lest its colour bleeds.

use super::level::Level;
use super::membrane::{FIXED, FREE, Grid, OUTSIDE};
use super::pyramid::{FILL, KNOWN, PAINTED};
use super::schedule::tune;

/// The largest difference spread over the whole hole, in colour units.
const LIGHT: f32 = 0.06;
/// Length in pixels over which larger differences fade.
const FADE: f32 = 3.0;

/// The corrected pixels. `predicted` says what the fill would have painted at a known pixel next to the hole.
pub(super) fn correction(level: &Level, predicted: impl Fn(usize) -> Option<[f32; 3]>) -> Vec<(usize, [f32; 3])> {
    let Some((left, top, width, height)) = bounds(level) else {
        return Vec::new();
    };
    let mut small = Grid {
        width,
        height,
        kind: vec![OUTSIDE; width * height],
        value: vec![[0.0; 3]; width * height],
    };
    let mut rest = vec![[0.0; 3]; width * height];
    let light = tune("LIGHT", LIGHT);
    for y in 0..height {
        for x in 0..width {
            let (at, to) = ((y + top) * level.width + x + left, y * width + x);
            if level.state[at] == FILL {
                small.kind[to] = FREE;
            } else if matches!(level.state[at], KNOWN | PAINTED) && beside_fill(level, x + left, y + top) {
                if let Some(said) = predicted(at) {
                    let gain = tune("GAIN", 1.0);
                    let gap = [0, 1, 2].map(|c| gain * (level.rgb[at][c] - said[c]));
                    small.kind[to] = FIXED;
                    small.value[to] = gap.map(|g| g.clamp(-light, light));
                    rest[to] = [0, 1, 2].map(|c| gap[c] - small.value[to][c]);
                }
            }
        }
    }
    let mut large = Grid {
        width,
        height,
        kind: small.kind.clone(),
        value: rest,
    };
    small.solve(0.0);
    let fade = tune("SEAMFADE", FADE);
    large.solve(1.0 / (fade * fade));
    let corrected = |at: &u32| {
        let at = *at as usize;
        let from = (at / level.width - top) * width + at % level.width - left;
        let sum = [0, 1, 2].map(|c| level.rgb[at][c] + small.value[from][c] + large.value[from][c]);
        (at, sum)
    };
    level.holes.iter().map(corrected).collect()
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
    let (right, bottom) = ((right + 1).min(level.width - 1), (bottom + 1).min(level.height - 1));
    Some((left, top, right - left + 1, bottom - top + 1))
}
