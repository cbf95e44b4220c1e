//! Owns the filling of one region: pyramid, start, and the rounds of every level. Called by `fill` for each region.

use rayon::prelude::*;

use super::distance::Terms;
use super::field::{Field, Sweep};
use super::level::{Level, clean_patches};
use super::peel;
use super::progress::Progress;
use super::pyramid::Picture;
use super::schedule;
use super::seam;
use super::vote;
use crate::progress::Cancelled;

/// Clean patches wanted at a level before its patches shrink or a coarser level is dropped.
const ENOUGH: usize = 48;
/// Exhaustive search at the coarsest level up to this many distances.
const EXHAUSTIVE: usize = 12_000_000;

/// The unfinished picture, level by level, for previews.
pub(super) trait Watch {
    /// `width` × `height` is the level's size; asked only when a preview is wanted.
    fn look(&mut self, level: &Level, progress: &mut Progress);
}

/// Fills the region; the full-resolution level comes back painted. `None` when nothing is known.
pub(super) fn fill_region(
    full: Picture,
    levels: usize,
    steps: usize,
    seed: u64,
    watch: &mut dyn Watch,
    progress: &mut Progress,
) -> Result<Option<Level>, Cancelled> {
    let mut pictures = vec![full];
    while pictures.len() < levels {
        let half = pictures[pictures.len() - 1].halved();
        let enough = clean_patches(&half, ENOUGH).is_some_and(|(rx, ry, _)| rx.min(ry) >= 2);
        if !enough {
            break;
        }
        pictures.push(half);
    }
    let levels = pictures.len();
    let mut done: Option<(Level, Field)> = None;
    while let Some(picture) = pictures.pop() {
        let number = pictures.len();
        let Some(mut level) = Level::new(picture, ENOUGH) else {
            return Ok(None);
        };
        let seed = seed.wrapping_add((number as u64) << 40);
        let k = schedule::neighbours(number, levels);
        let mut field = match &done {
            Some((coarse, field)) => field.finer(coarse, &level, k, seed),
            None => start(&mut level, number, levels, k, seed, progress)?,
        };
        run(
            &mut level,
            &mut field,
            done.is_none(),
            number,
            levels,
            steps,
            seed,
            watch,
            progress,
        )?;
        if number == 0 {
            finish(&mut level, &field, progress)?;
        }
        done = Some((level, field));
    }
    Ok(done.map(|(level, _)| level))
}

fn start(
    level: &mut Level,
    number: usize,
    levels: usize,
    k: usize,
    seed: u64,
    progress: &mut Progress,
) -> Result<Field, Cancelled> {
    let terms = Terms {
        known: 1,
        texture: schedule::tune("PTEX", 0.0),
        location: schedule::location(number, levels),
    };
    peel::peel(level, k, terms, schedule::tune("PT", 4e-4), seed, progress)
}

fn run(
    level: &mut Level,
    field: &mut Field,
    fresh: bool,
    number: usize,
    levels: usize,
    steps: usize,
    seed: u64,
    watch: &mut dyn Watch,
    progress: &mut Progress,
) -> Result<(), Cancelled> {
    let rounds = schedule::rounds(number, levels, steps);
    if !fresh {
        // The coarser level's matches, a level finer: their own sharp pixels vote the first picture.
        field.matches.par_iter_mut().for_each(|m| m.d = 1e-3);
        vote::vote(level, field, rounds[0].voting, progress)?;
    }
    let exhaustive =
        fresh && level.queries.len() * level.sources.len() <= EXHAUSTIVE / rounds.len();
    let mut pass = 0u64;
    watch.look(level, progress);
    for (i, round) in rounds.iter().enumerate() {
        level.load_noisy(round.sigma, seed, i as u64);
        if exhaustive {
            field.exhaust(level, round.terms, progress)?;
        } else {
            for _ in 0..round.sweeps {
                let sweep = Sweep {
                    terms: round.terms,
                    forward: pass % 2 == 0,
                    tries: round.tries,
                    reach: if fresh {
                        level.width.max(level.height)
                    } else {
                        16
                    },
                    seed,
                    round: pass,
                };
                field.sweep(level, &sweep, progress)?;
                pass += 1;
            }
        }
        vote::vote(level, field, round.voting, progress)?;
        watch.look(level, progress);
    }
    Ok(())
}

/// Votes the full-resolution picture twice, sharp and soft, corrects both at the seam and mixes them there.
fn finish(level: &mut Level, field: &Field, progress: &mut Progress) -> Result<(), Cancelled> {
    let mut corrected = [vec![], vec![]];
    for (voting, to) in [schedule::SOFT, schedule::SHARP]
        .into_iter()
        .zip(&mut corrected)
    {
        vote::vote(level, field, voting, progress)?;
        let says = vote::Says::new(level, field, voting);
        *to = seam::correction(level, |at| says.at(level, at));
    }
    let [soft, sharp] = corrected;
    seam::mix(level, &sharp, &soft);
    Ok(())
}
