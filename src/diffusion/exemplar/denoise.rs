//! Owns the filling of one region: pyramid, start, the rounds of every level, the last touch. Called by `fill` for each
//! region. Must never see the whole photo.

use super::distance::Terms;
use super::field::{Field, Sweep};
use super::level::{Level, clean_patches};
use super::peel;
use super::progress::Progress;
use super::pyramid::{FILL, Picture};
use super::schedule::{self, Round};
use super::seam;
use super::vote;
use crate::progress::Cancelled;

/// Clean patches wanted at a level before its patches shrink or a coarser level is dropped.
const ENOUGH: usize = 48;
/// Exhaustive search at the coarsest level up to this many distances over all its rounds.
const EXHAUSTIVE: usize = 12_000_000;
/// Reach of the random search at all but the coarsest level, in pixels.
const REACH: usize = 16;
/// Temperature of the draws in the onion peel, squared colour units.
const PEEL_TEMPERATURE: f32 = 4e-4;

/// Where the unfinished picture goes.
pub(super) trait Watch {
    /// `number` halvings lie between the region and this level.
    fn look(&mut self, level: &Level, number: usize, progress: &mut Progress);
}

/// What the caller chose, for one region.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    /// Rounds at an ordinary level.
    pub steps: usize,
    pub seed: u64,
    pub zero_temperature: bool,
}

/// What every stage of a region needs.
pub(super) struct Job<'a, 'b> {
    pub chosen: Chosen,
    pub watch: &'a mut dyn Watch,
    pub progress: &'a mut Progress<'b>,
}

/// A level's place in the pyramid.
#[derive(Clone, Copy)]
struct Place {
    /// 0 is full resolution.
    number: usize,
    levels: usize,
    seed: u64,
}

impl Place {
    fn coarsest(self) -> bool {
        self.number + 1 == self.levels
    }
}

/// Fills the region; the full-resolution level comes back painted. `None` when it has nothing to copy from.
pub(super) fn fill_region(
    full: Picture,
    levels: usize,
    job: &mut Job,
) -> Result<Option<Level>, Cancelled> {
    let mut pictures = pyramid(full, levels);
    let levels = pictures.len();
    let mut done: Option<(Level, Field)> = None;
    while let Some(picture) = pictures.pop() {
        let number = pictures.len();
        let Some(mut level) = Level::new(picture, ENOUGH) else {
            return Ok(None);
        };
        let place = Place {
            number,
            levels,
            seed: job.chosen.seed.wrapping_add((number as u64) << 40),
        };
        let mut field = start(&mut level, place, done.take(), job)?;
        refine(&mut level, &mut field, place, job)?;
        if number == 0 {
            finish(&mut level, &field, job)?;
        }
        job.watch.look(&level, number, job.progress);
        done = Some((level, field));
    }
    Ok(done.map(|(level, _)| level))
}

/// Halvings, until `levels` or until a level would have no hole or too few patches to copy.
fn pyramid(full: Picture, levels: usize) -> Vec<Picture> {
    let mut pictures = vec![full];
    while pictures.len() < levels {
        let half = pictures[pictures.len() - 1].halved();
        let enough = clean_patches(&half, ENOUGH).is_some_and(|(rx, ry, _)| rx.min(ry) >= 2);
        if !enough || !half.state.contains(&FILL) {
            break;
        }
        pictures.push(half);
    }
    pictures
}

/// The first picture and matches of a level: the coarser level's a level finer, or the onion peel.
fn start(
    level: &mut Level,
    place: Place,
    coarser: Option<(Level, Field)>,
    job: &mut Job,
) -> Result<Field, Cancelled> {
    let k = schedule::neighbours(place.number, place.levels);
    if let Some((coarse, field)) = coarser {
        level.inherit(&coarse);
        let field = field.finer(&coarse, level, k, place.seed);
        // Their own sharp pixels vote the first picture.
        vote::vote(level, &field, schedule::FIRST, job.progress)?;
        return Ok(field);
    }
    let terms = Terms {
        known: 1,
        texture: 0.0,
        location: schedule::location(place.number, place.levels),
    };
    let temperature = if job.chosen.zero_temperature {
        0.0
    } else {
        PEEL_TEMPERATURE
    };
    peel::peel(level, k, terms, temperature, place.seed, job.progress)
}

/// The rounds: noise, search, posterior mean.
fn refine(
    level: &mut Level,
    field: &mut Field,
    place: Place,
    job: &mut Job,
) -> Result<(), Cancelled> {
    let mut rounds = schedule::rounds(place.number, place.levels, job.chosen.steps);
    if job.chosen.zero_temperature {
        schedule::without_noise(&mut rounds);
    }
    let distances = level.queries.len().saturating_mul(level.sources.len());
    let exhaustive = place.coarsest() && distances <= EXHAUSTIVE / rounds.len().max(1);
    let mut pass = 0u64;
    for (i, round) in rounds.iter().enumerate() {
        level.load_noisy(round.sigma, place.seed, i as u64);
        if exhaustive {
            field.exhaust(level, round.terms, job.progress)?;
        } else {
            search(level, field, place, round, &mut pass, job)?;
        }
        // The last round's vote at full resolution is `finish`'s.
        if place.number == 0 && i + 1 == rounds.len() {
            job.progress.advance(vote::cost(level, field.k))?;
            break;
        }
        vote::vote(level, field, round.voting, job.progress)?;
        job.watch.look(level, place.number, job.progress);
    }
    Ok(())
}

fn search(
    level: &Level,
    field: &mut Field,
    place: Place,
    round: &Round,
    pass: &mut u64,
    job: &mut Job,
) -> Result<(), Cancelled> {
    for _ in 0..round.sweeps {
        let sweep = Sweep {
            terms: round.terms,
            forward: pass.is_multiple_of(2),
            tries: round.tries,
            reach: if place.coarsest() {
                level.width.max(level.height)
            } else {
                REACH
            },
            seed: place.seed,
            round: *pass,
        };
        field.sweep(level, &sweep, job.progress)?;
        *pass += 1;
    }
    Ok(())
}

/// Votes the full-resolution picture twice, soft and sharp, corrects both at the seam and mixes them there.
fn finish(level: &mut Level, field: &Field, job: &mut Job) -> Result<(), Cancelled> {
    let mut corrected = [vec![], vec![]];
    for (voting, to) in [schedule::SOFT, schedule::SHARP]
        .into_iter()
        .zip(&mut corrected)
    {
        vote::vote(level, field, voting, job.progress)?;
        let says = vote::Says::new(level, field, voting);
        *to = seam::correction(level, &says);
        job.progress.advance(vote::cost(level, field.k))?;
    }
    let [soft, sharp] = corrected;
    seam::mix(level, &seam::Takes { soft, sharp });
    Ok(())
}
