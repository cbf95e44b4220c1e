//! Owns the start at the coarsest level: the hole is painted from its edge inwards, a ring at a time, each pixel from the
//! source whose already known or painted pixels fit best (the onion-peel initialisation of Newson et al., IPOL 2017,
//! with a draw among nearly equal sources, as Efros and Leung do, so that seeds differ). Must never run on large levels
//! without its budget.

use rayon::prelude::*;

use super::distance::{Query, Terms};
use super::field::{Field, MAX_NEIGHBOURS, Nearest, shifted};
use super::level::{Level, NOWHERE, Trust};
use super::progress::Progress;
use super::random::Stream;
use crate::progress::Cancelled;

/// Distance evaluations spent on the whole peel, at most (about 20 ns each).
const BUDGET: usize = 24_000_000;

/// Expected distance evaluations.
pub(super) fn estimate(holes: f32, sources: f32) -> f32 {
    (holes * sources).min(BUDGET as f32)
}

/// Paints the whole hole and returns a field of `k` matches a query.
pub(super) fn peel(
    level: &mut Level,
    k: usize,
    terms: Terms,
    temperature: f32,
    seed: u64,
    progress: &mut Progress,
) -> Result<Field, Cancelled> {
    level.trust_holes(Trust::None);
    let mut order = level.holes.clone();
    order.sort_by_key(|at| (level.depth[*at as usize], *at));
    let share = (BUDGET / order.len().max(1)).clamp(8, level.sources.len().max(8));
    let mut from = vec![NOWHERE; level.rgb.len()];
    let mut rest = order.as_slice();
    while let Some(first) = rest.first() {
        let ring = level.depth[*first as usize];
        let count = rest.partition_point(|at| level.depth[*at as usize] == ring);
        // A long ring is cut, so that cancelling stays prompt; its parts still read only earlier rings' paint.
        let mut picks = Vec::with_capacity(count);
        for part in rest[..count].chunks((400_000 / share).max(16)) {
            let pick = |at: &u32| pick(level, &from, *at, share, terms, temperature, seed);
            picks.extend(part.par_iter().map(pick).collect::<Vec<u32>>());
            progress.advance(part.len() * share)?;
        }
        for (at, pick) in rest[..count].iter().zip(picks) {
            let source = pick as usize;
            level.paint(*at as usize, level.rgb[source], level.texture[source]);
            from[*at as usize] = pick;
        }
        rest = &rest[count..];
    }
    let mut field = Field::random(level, k, seed);
    for (matches, at) in field.matches.chunks_mut(k).zip(&level.queries) {
        if from[*at as usize] != NOWHERE {
            matches[0].at = from[*at as usize];
        }
    }
    Ok(field)
}

/// A source for one pixel: what continues its painted neighbours, or the best of `share` sources.
fn pick(
    level: &Level,
    from: &[u32],
    at: u32,
    share: usize,
    terms: Terms,
    temperature: f32,
    seed: u64,
) -> u32 {
    let query = Query::gather(level, at, terms);
    let mut stream = Stream::new(seed, 0x33, u64::from(at));
    let mut nearest = Nearest::new(MAX_NEIGHBOURS);
    let (x, y) = (
        (at as usize % level.width) as i32,
        (at as usize / level.width) as i32,
    );
    for dy in -1..=1i32 {
        for dx in -1..=1i32 {
            let (nx, ny) = (x + dx, y + dy);
            if nx < 0 || ny < 0 || nx >= level.width as i32 || ny >= level.height as i32 {
                continue;
            }
            let beside = from[ny as usize * level.width + nx as usize];
            if let Some(candidate) = shifted(level, beside, -dx, -dy) {
                nearest.offer(level, &query, candidate);
            }
        }
    }
    if share >= level.sources.len() {
        for source in &level.sources {
            nearest.offer(level, &query, *source);
        }
    } else {
        for _ in 0..share {
            nearest.offer(
                level,
                &query,
                level.sources[stream.below(level.sources.len())],
            );
        }
    }
    draw(&nearest, temperature, &mut stream)
}

/// A match drawn with probability ∝ exp(−(d − d₀) / 2τ); at temperature 0 the nearest.
fn draw(nearest: &Nearest, temperature: f32, stream: &mut Stream) -> u32 {
    let list = nearest.list();
    if temperature <= 0.0 {
        return list[0].at;
    }
    let weight = |d: f32| {
        if d.is_finite() {
            (-(d - list[0].d) / (2.0 * temperature)).exp()
        } else {
            0.0
        }
    };
    let mut left = stream.unit() * list.iter().map(|m| weight(m.d)).sum::<f32>();
    for m in list {
        left -= weight(m.d);
        if left <= 0.0 && m.at != NOWHERE {
            return m.at;
        }
    }
    list[0].at
}
