//! Owns the nearest-neighbour field: for each query patch the few closest source patches found so far, and the PatchMatch
//! search that improves them (Barnes et al., SIGGRAPH 2009; several neighbours as in their ECCV 2010 paper).
//!
//! The search runs on blocks of sixteen rows. Inside a block it propagates in scan order; across blocks it reads the field
//! as it was before the sweep. Blocks do not depend on the number of threads, so neither does the result.

use rayon::prelude::*;

use super::distance::{Query, Terms};
use super::level::{Level, NOWHERE};
use super::progress::Progress;
use super::random::Stream;
use crate::progress::Cancelled;

/// The most neighbours a query may have.
pub(super) const MAX_NEIGHBOURS: usize = 8;
const BLOCK_ROWS: usize = 16;
/// Distance evaluations between two looks at the cancel flag.
const EVALUATIONS_A_BATCH: usize = 500_000;

/// A source patch and its distance; `at` is `NOWHERE` when empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub at: u32,
    pub d: f32,
}

/// Distance given to inherited matches before they are measured; they vote alike.
const INHERITED: f32 = 1e-3;

const EMPTY: Match = Match {
    at: NOWHERE,
    d: f32::INFINITY,
};

/// The closest matches met so far, nearest first, without repeats.
pub(super) struct Nearest {
    list: [Match; MAX_NEIGHBOURS],
    k: usize,
}

impl Nearest {
    pub(super) fn new(k: usize) -> Self {
        Self {
            list: [EMPTY; MAX_NEIGHBOURS],
            k: k.clamp(1, MAX_NEIGHBOURS),
        }
    }

    pub(super) fn list(&self) -> &[Match] {
        &self.list[..self.k]
    }

    /// Compares with one source and keeps it if it is near enough.
    pub(super) fn offer(&mut self, level: &Level, query: &Query, at: u32) {
        if self.list().iter().any(|m| m.at == at) {
            return;
        }
        let limit = self.list[self.k - 1].d;
        let d = query.distance(level, at, limit);
        if d < limit {
            let mut to = self.k - 1;
            while to > 0 && self.list[to - 1].d > d {
                self.list[to] = self.list[to - 1];
                to -= 1;
            }
            self.list[to] = Match { at, d };
        }
    }
}

pub(super) struct Field {
    pub k: usize,
    /// `k` a query, nearest first.
    pub matches: Vec<Match>,
}

/// One pass over all queries.
#[derive(Clone, Copy)]
pub(super) struct Sweep {
    pub terms: Terms,
    /// Scan order; alternate it.
    pub forward: bool,
    /// Random tries a query, each within half the reach of the one before.
    pub tries: usize,
    /// Reach of the first try in pixels.
    pub reach: usize,
    pub seed: u64,
    /// Distinguishes the random numbers of this pass from those of all others.
    pub round: u64,
}

impl Sweep {
    /// Expected distance evaluations.
    pub(super) fn cost(&self, queries: usize, k: usize) -> usize {
        queries * (3 * k + self.tries)
    }
}

/// Queries in blocks of whole rows, as index ranges.
fn blocks(level: &Level) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    while start < level.queries.len() {
        let row = level.queries[start] as usize / level.width / BLOCK_ROWS;
        let limit = ((row + 1) * BLOCK_ROWS * level.width) as u32;
        let end = start + level.queries[start..].partition_point(|q| *q < limit);
        out.push(start..end);
        start = end;
    }
    out
}

/// `at` moved by (dx, dy), if that is a clean centre.
pub(super) fn shifted(level: &Level, at: u32, dx: i32, dy: i32) -> Option<u32> {
    if at == NOWHERE {
        return None;
    }
    let x = (at as usize % level.width) as i32 + dx;
    let y = (at as usize / level.width) as i32 + dy;
    if x < 0 || y < 0 || x >= level.width as i32 || y >= level.height as i32 {
        return None;
    }
    let to = y as usize * level.width + x as usize;
    level.clean[to].then_some(to as u32)
}

impl Field {
    /// Random sources everywhere.
    pub(super) fn random(level: &Level, k: usize, seed: u64) -> Self {
        let matches = level
            .queries
            .par_iter()
            .flat_map_iter(|at| {
                let mut stream = Stream::new(seed, 0x11, u64::from(*at));
                (0..k).map(move |_| Match {
                    at: level.sources[stream.below(level.sources.len())],
                    d: f32::INFINITY,
                })
            })
            .collect();
        Self { k, matches }
    }

    /// The field of a level twice as fine: every match doubled, moved to the nearest clean centre where it is not one. Where
    /// that fails the match is a random source at infinite distance, which does not vote.
    pub(super) fn finer(&self, coarse: &Level, fine: &Level, k: usize, seed: u64) -> Self {
        let mut finer = Self::random(fine, k, seed);
        finer
            .matches
            .par_chunks_mut(k)
            .zip(&fine.queries)
            .for_each(|(to, at)| {
                let (x, y) = (*at as usize % fine.width, *at as usize / fine.width);
                let index = coarse.query_at[y / 2 * coarse.width + x / 2];
                if index == NOWHERE {
                    return;
                }
                let from = &self.matches[index as usize * self.k..][..self.k];
                for (to, from) in to.iter_mut().zip(from) {
                    if from.at == NOWHERE {
                        continue;
                    }
                    let (sx, sy) = (
                        from.at as usize % coarse.width,
                        from.at as usize / coarse.width,
                    );
                    if let Some(at) = clean_near(fine, 2 * sx + x % 2, 2 * sy + y % 2) {
                        *to = Match { at, d: INHERITED };
                    }
                }
            });
        finer
    }

    /// Searches once more for every query, against the pixels as they are now.
    pub(super) fn sweep(
        &mut self,
        level: &Level,
        sweep: &Sweep,
        progress: &mut Progress,
    ) -> Result<(), Cancelled> {
        let before: Vec<u32> = self.matches.iter().map(|m| m.at).collect();
        let k = self.k;
        let mut jobs = Vec::new();
        let mut rest = self.matches.as_mut_slice();
        for block in blocks(level) {
            let (mine, others) = rest.split_at_mut(block.len() * k);
            jobs.push((block, mine));
            rest = others;
        }
        let mut jobs = jobs.as_mut_slice();
        while !jobs.is_empty() {
            let mut evaluations = 0;
            let mut count = 0;
            while count < jobs.len() && (count == 0 || evaluations < EVALUATIONS_A_BATCH) {
                evaluations += sweep.cost(jobs[count].0.len(), k);
                count += 1;
            }
            let (batch, others) = jobs.split_at_mut(count);
            batch
                .par_iter_mut()
                .for_each(|(block, out)| sweep_block(level, sweep, block.clone(), &before, out, k));
            progress.advance(evaluations)?;
            jobs = others;
        }
        Ok(())
    }

    /// Compares every query with every source.
    pub(super) fn exhaust(
        &mut self,
        level: &Level,
        terms: Terms,
        progress: &mut Progress,
    ) -> Result<(), Cancelled> {
        let k = self.k;
        let batch = (EVALUATIONS_A_BATCH / level.sources.len()).max(1);
        for (matches, queries) in self
            .matches
            .chunks_mut(batch * k)
            .zip(level.queries.chunks(batch))
        {
            matches
                .par_chunks_mut(k)
                .zip(queries)
                .for_each(|(out, at)| {
                    let query = Query::gather(level, *at, terms);
                    let mut nearest = Nearest::new(k);
                    for m in out.iter().filter(|m| m.at != NOWHERE) {
                        nearest.offer(level, &query, m.at);
                    }
                    for source in &level.sources {
                        nearest.offer(level, &query, *source);
                    }
                    out.copy_from_slice(nearest.list());
                });
            progress.advance(queries.len() * level.sources.len())?;
        }
        Ok(())
    }
}

/// A clean centre at or within three pixels of (x, y).
fn clean_near(level: &Level, x: usize, y: usize) -> Option<u32> {
    let x = x.min(level.width - 1);
    let y = y.min(level.height - 1);
    let at = (y * level.width + x) as u32;
    (0..=3i32).find_map(|reach| {
        (-reach..=reach)
            .flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)))
            .find_map(|(dx, dy)| shifted(level, at, dx, dy))
    })
}

fn sweep_block(
    level: &Level,
    sweep: &Sweep,
    block: std::ops::Range<usize>,
    before: &[u32],
    out: &mut [Match],
    k: usize,
) {
    let step = if sweep.forward { -1 } else { 1 };
    let count = block.len();
    for turn in 0..count {
        let local = if sweep.forward {
            turn
        } else {
            count - 1 - turn
        };
        let index = block.start + local;
        let at = level.queries[index];
        let query = Query::gather(level, at, sweep.terms);
        let mut nearest = Nearest::new(k);
        for own in &before[index * k..(index + 1) * k] {
            if *own != NOWHERE {
                nearest.offer(level, &query, *own);
            }
        }
        for (dx, dy) in [(step, 0), (0, step)] {
            let Some(neighbour) = query_beside(level, at, dx, dy) else {
                continue;
            };
            let fresh = block.contains(&neighbour);
            for j in 0..k {
                let theirs = if fresh {
                    out[(neighbour - block.start) * k + j].at
                } else {
                    before[neighbour * k + j]
                };
                if let Some(candidate) = shifted(level, theirs, -dx, -dy) {
                    nearest.offer(level, &query, candidate);
                }
            }
        }
        try_random(level, sweep, at, &query, &mut nearest);
        out[local * k..(local + 1) * k].copy_from_slice(nearest.list());
    }
}

fn query_beside(level: &Level, at: u32, dx: i32, dy: i32) -> Option<usize> {
    let x = (at as usize % level.width) as i32 + dx;
    let y = (at as usize / level.width) as i32 + dy;
    if x < 0 || y < 0 || x >= level.width as i32 || y >= level.height as i32 {
        return None;
    }
    let index = level.query_at[y as usize * level.width + x as usize];
    (index != NOWHERE).then_some(index as usize)
}

/// Random tries in windows that halve, around the nearest so far; a try that is not clean becomes any source at all.
fn try_random(level: &Level, sweep: &Sweep, at: u32, query: &Query, nearest: &mut Nearest) {
    let mut stream = Stream::new(sweep.seed, sweep.round << 8 | 0x22, u64::from(at));
    let mut reach = sweep.reach.max(1) as i32;
    for _ in 0..sweep.tries {
        let centre = nearest.list()[0].at;
        let (dx, dy) = (stream.between(-reach, reach), stream.between(-reach, reach));
        let candidate = shifted(level, centre, dx, dy)
            .unwrap_or_else(|| level.sources[stream.below(level.sources.len())]);
        nearest.offer(level, query, candidate);
        reach = (reach / 2).max(1);
    }
}
