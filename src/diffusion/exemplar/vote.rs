//! Owns the posterior mean: every pixel to fill becomes the weighted mean of what the matches of all patches over it say.
//! Must never search.
//!
//! A patch's own estimate is the mean of its few nearest sources under softmax(−d / 2τ). Overlapping patches are averaged
//! under a bell, in inverse proportion to their distance (Newson et al. weight by exp(−d / 2σ²) with a local σ; the
//! inverse needs no σ and spans about the same range), and less the further they lie from the known, as in Wexler et al.,
//! "Space-time completion of video" (PAMI 2007).

use rayon::prelude::*;

use super::field::Field;
use super::level::{Level, NOWHERE};
use super::progress::Progress;
use crate::progress::Cancelled;

/// Squared colour units; distances below this are alike.
const FLOOR: f32 = 2e-5;
const PIXELS_A_BATCH: usize = 1 << 16;

#[derive(Clone, Copy)]
pub(super) struct Voting {
    /// τ of the softmax over a patch's neighbours, squared colour units.
    pub temperature: f32,
    /// Standard deviation of the bell in pixels.
    pub bell: f32,
    /// Weight ratio of a patch to one that is a pixel nearer to the known; 0–1.
    pub fade: f32,
}

pub(super) fn cost(level: &Level, k: usize) -> usize {
    level.holes.len() * (1 + k * (2 * level.rx + 1) * (2 * level.ry + 1) / 12)
}

/// Repaints `level.rgb` and `level.texture` inside the hole, except where no patch with a match reaches.
pub(super) fn vote(
    level: &mut Level,
    field: &Field,
    voting: Voting,
    progress: &mut Progress,
) -> Result<(), Cancelled> {
    let weights = patch_weights(level, field, voting);
    let bell = bell(level, voting.bell);
    let mut painted = Vec::with_capacity(level.holes.len());
    for batch in level.holes.chunks(PIXELS_A_BATCH) {
        let part: Vec<_> = batch
            .par_iter()
            .map(|at| pixel(level, field, &weights, &bell, *at as usize))
            .collect();
        painted.extend(part);
        progress.advance(batch.len() * cost(level, field.k) / level.holes.len())?;
    }
    for (at, v) in level.holes.iter().zip(painted) {
        if let Some(v) = v {
            level.rgb[*at as usize] = [v[0], v[1], v[2]];
            level.texture[*at as usize] = [v[3], v[4]];
        }
    }
    Ok(())
}

/// What the matches say about any pixel near the hole; `None` where no patch reaches it.
pub(super) struct Says<'a> {
    field: &'a Field,
    weights: Vec<f32>,
    bell: Vec<f32>,
}

impl<'a> Says<'a> {
    pub(super) fn new(level: &Level, field: &'a Field, voting: Voting) -> Self {
        Self {
            field,
            weights: patch_weights(level, field, voting),
            bell: bell(level, voting.bell),
        }
    }

    pub(super) fn at(&self, level: &Level, at: usize) -> Option<[f32; 3]> {
        let v = pixel(level, self.field, &self.weights, &self.bell, at)?;
        Some([v[0], v[1], v[2]])
    }

    /// By how much a pixel should differ from the one (dx, dy) beside it, by the nearest matches of both; one step at most.
    pub(super) fn difference(
        &self,
        level: &Level,
        at: usize,
        dx: i32,
        dy: i32,
    ) -> Option<[f32; 3]> {
        let beside = (at as i64 + i64::from(dy) * level.width as i64 + i64::from(dx)) as usize;
        match (
            self.step(level, at, dx, dy),
            self.step(level, beside, -dx, -dy),
        ) {
            (Some(here), Some(there)) => Some([0, 1, 2].map(|c| 0.5 * (here[c] - there[c]))),
            (Some(here), None) => Some(here),
            (None, there) => there.map(|t| t.map(|v| -v)),
        }
    }

    /// The same by the nearest match of the patch around the pixel alone.
    fn step(&self, level: &Level, at: usize, dx: i32, dy: i32) -> Option<[f32; 3]> {
        let index = level.query_at[at];
        if index == NOWHERE || (level.rx as i32) < dx.abs() || (level.ry as i32) < dy.abs() {
            return None;
        }
        let here = self.field.matches[index as usize * self.field.k].at;
        if here == NOWHERE {
            return None;
        }
        // A clean centre has its whole patch inside the picture.
        let there = (i64::from(here) + i64::from(dy) * level.width as i64 + i64::from(dx)) as usize;
        let (here, there) = (level.rgb[here as usize], level.rgb[there]);
        Some([0, 1, 2].map(|c| here[c] - there[c]))
    }
}

fn bell(level: &Level, deviation: f32) -> Vec<f32> {
    let falloff = |d: i32| (-(d * d) as f32 / (2.0 * deviation * deviation)).exp();
    let (rx, ry) = (level.rx as i32, level.ry as i32);
    (-ry..=ry)
        .flat_map(|dy| (-rx..=rx).map(move |dx| falloff(dx) * falloff(dy)))
        .collect()
}

/// Weight of each match of each query.
fn patch_weights(level: &Level, field: &Field, voting: Voting) -> Vec<f32> {
    let k = field.k;
    let mut weights = vec![0.0f32; field.matches.len()];
    weights
        .par_chunks_mut(k)
        .zip(field.matches.par_chunks(k))
        .zip(&level.queries)
        .for_each(|((weights, matches), at)| {
            let best = matches[0].d;
            let mut sum = 0.0;
            for (w, m) in weights.iter_mut().zip(matches) {
                if m.at != NOWHERE && m.d.is_finite() {
                    *w = (-(m.d - best) / (2.0 * voting.temperature)).exp();
                    sum += *w;
                }
            }
            if sum == 0.0 {
                return;
            }
            let depth = i32::from(level.depth[*at as usize].min(400));
            let trust = voting.fade.powi(depth).max(1e-12) / (best + FLOOR) / sum;
            for w in weights {
                *w *= trust;
            }
        });
    weights
}

fn pixel(
    level: &Level,
    field: &Field,
    weights: &[f32],
    bell: &[f32],
    at: usize,
) -> Option<[f32; 5]> {
    let (x, y) = ((at % level.width) as i32, (at / level.width) as i32);
    let (rx, ry) = (level.rx as i32, level.ry as i32);
    let mut sum = [0.0f32; 5];
    let mut mass = 0.0;
    for dy in -ry..=ry {
        let qy = y + dy;
        if qy < 0 || qy >= level.height as i32 {
            continue;
        }
        for dx in -rx..=rx {
            let qx = x + dx;
            if qx < 0 || qx >= level.width as i32 {
                continue;
            }
            let index = level.query_at[qy as usize * level.width + qx as usize];
            if index == NOWHERE {
                continue;
            }
            let window = bell[((dy + ry) * (2 * rx + 1) + dx + rx) as usize];
            let first = index as usize * field.k;
            let chosen = field.matches[first..].iter().zip(&weights[first..]);
            for (m, weight) in chosen.take(field.k) {
                let w = weight * window;
                if w == 0.0 || m.at == NOWHERE {
                    continue;
                }
                // Clean centres have their whole patch inside the picture.
                let row = i64::from(dy) * level.width as i64;
                let from = (i64::from(m.at) - row - i64::from(dx)) as usize;
                let (rgb, texture) = (level.rgb[from], level.texture[from]);
                for (to, v) in sum.iter_mut().zip(rgb.into_iter().chain(texture)) {
                    *to += w * v;
                }
                mass += w;
            }
        }
    }
    (mass > 0.0).then(|| sum.map(|s| s / mass))
}
