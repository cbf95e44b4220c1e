//! Owns finding an object from a few strokes inside it and, if need be, outside. Called by app at every stroke. The same
//! strokes give the same object. Must never contradict a stroke.
//!
//! After Rother, Kolmogorov and Blake, "GrabCut", 2004: two mixtures of colours, one for each side, and the cheapest cut
//! between the sides, in turns; in a small picture, whose outline is then laid onto the edge at full size.

use super::colors::{Mixture, Sample};
use super::cut::{Grid, HARD, STEPS};
use super::refine::{RefineOptions, refine};
use super::small::{Said, Small};
use super::{Seen, SelectError, Selected, Stop, check};
use rayon::prelude::*;

use crate::geometry::{PixelRect, PixelSize};
use crate::mask::{Mask, distance_to_mask};
use crate::raster::Plane;

/// How an object is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectOptions {
    /// Long side of the small picture that the object is searched in first, 64–512: finer finds thinner things and takes
    /// longer.
    pub working_side: u32,
    /// Times the colours are learned anew from what was found, 1–8.
    pub rounds: u32,
}

impl Default for ObjectOptions {
    fn default() -> Self {
        Self {
            working_side: 256,
            rounds: 3,
        }
    }
}

/// Weight of an outline's length against colours; half of GrabCut's, since the second search is three times finer.
const SMOOTHNESS: f32 = 25.0;
/// Weight of how much nearer a place is to one side's strokes.
const NEARNESS: f32 = 3.0;
/// How strongly colour lengthens ways, in multiples of the mean contrast.
const WAY_CONTRAST: f32 = 4.0;
/// Costs are counted in these fractions.
const FINENESS: f32 = 16.0;
/// How many times finer the second search is, which only moves the outline.
const FINER: u32 = 3;
/// How far the second search moves the outline, in cells of the first.
const REACH: f32 = 2.5;
/// Cells at the picture's border that count as outside when nothing was said of them.
const RIM: usize = 2;

/// Finds the object that the strokes mark. `labels` covers the picture: 1 inside, 2 outside, 0 nothing said. Without a
/// stroke outside, the picture's border and what is unlike the strokes stand for it. `previous` is the selection that the
/// last call found in the same picture, if only strokes were added since: the colours are then learned from it at once.
///
/// Every pixel of a stroke inside is selected (255), of one outside is not (0), and all that is selected hangs together
/// with a stroke inside. Without a stroke inside, nothing is selected.
pub fn object(
    picture: &Seen,
    labels: &Plane,
    previous: Option<&Selected>,
    options: &ObjectOptions,
    stop: Stop,
) -> Result<Selected, SelectError> {
    picture.check_plane("plane of strokes", labels)?;
    if !labels.data.contains(&1) {
        return Ok(Selected::none());
    }
    let side = options.working_side.clamp(64, 512);
    let fine_step = picture.size().long_side().div_ceil(side * FINER).max(1) as usize;
    let step = fine_step * (picture.size().long_side().div_ceil(side * fine_step as u32)) as usize;
    let small = Small::new(picture, labels, step);
    let search = Search::new(&small);
    let mut inside = match previous {
        Some(previous) if !previous.is_empty() => Some(search.shrink(previous)),
        _ => None,
    };
    for _ in 0..options.rounds.clamp(1, 8) {
        check(stop)?;
        let mut found = search.cut(&search.learn(inside.as_deref()), stop)?;
        small.keep_touched(&mut found);
        let same = inside.as_ref() == Some(&found);
        inside = Some(found);
        if same {
            break;
        }
    }
    let inside = inside.unwrap_or_default();
    check(stop)?;
    let mut plane = if fine_step < step {
        let fine = Small::new(picture, labels, fine_step);
        let colors = search.learn(Some(&inside));
        let mut found = Outline::new(&fine, &search, &inside).cut(&colors, stop)?;
        fine.keep_touched(&mut found);
        fine.enlarge(&found, picture.size())
    } else {
        small.enlarge(&inside, picture.size())
    };
    let radius_px = 2.0 * fine_step as f32 + 2.0;
    refine(picture, &mut plane, RefineOptions { radius_px }, stop)?;
    Ok(finish(plane, labels))
}

/// Puts the strokes through, drops what none of them touches, and cuts to what is left.
fn finish(mut plane: Plane, labels: &Plane) -> Selected {
    for (value, label) in plane.data.iter_mut().zip(&labels.data) {
        match Said::of(*label) {
            Said::Inside => *value = 255,
            Said::Outside => *value = 0,
            Said::Nothing => {}
        }
    }
    let mut mask = Mask { plane };
    let width = mask.plane.width();
    let mut rect = PixelRect::default();
    for part in mask.parts(0) {
        let touched = part.runs().any(|(y, left, right)| {
            labels.data[y as usize * width..][left as usize..right as usize].contains(&1)
        });
        if touched {
            rect = rect.union(part.bounds);
            continue;
        }
        for (y, left, right) in part.runs() {
            mask.plane.data[y as usize * width..][left as usize..right as usize].fill(0);
        }
    }
    Selected {
        rect,
        plane: mask.crop(rect),
    }
}

/// Directions whose opposites are the other four.
const EVEN: [usize; 4] = [0, 2, 4, 6];

/// Which colours occur inside and outside.
type Sides = (Option<Mixture>, Option<Mixture>);

/// The first search, in the small picture.
struct Search<'a> {
    small: &'a Small,
    /// Some stroke lies outside.
    outside_said: bool,
    /// Nearness to strokes inside (1) against those outside (−1).
    nearness: Vec<f32>,
    /// What it costs to part two neighbours, by even directions.
    links: Vec<[i32; 4]>,
}

impl<'a> Search<'a> {
    fn new(small: &'a Small) -> Self {
        let outside_said = small.said.contains(&Said::Outside);
        let contrast = small.mean_contrast().max(1e-6);
        let scale = WAY_CONTRAST / contrast;
        let inside = small.ways(|at| small.said[at] == Said::Inside, scale);
        let outside = small.ways(
            |at| {
                small.said[at] == Said::Outside
                    || (small.said[at] == Said::Nothing && small.is_rim(at, 1))
            },
            scale,
        );
        let nearness = inside
            .iter()
            .zip(&outside)
            .map(|(i, o)| {
                if i.is_finite() && o.is_finite() && i + o > 0.0 {
                    (o - i) / (o + i)
                } else if i.is_finite() {
                    1.0
                } else {
                    0.0
                }
            })
            .collect();
        let beta = 1.0 / (2.0 * contrast);
        let links = (0..small.len())
            .map(|at| {
                EVEN.map(|direction| {
                    small
                        .neighbour(at, direction)
                        .map_or(0, |other| link(small, at, other, direction, beta))
                })
            })
            .collect();
        Self {
            small,
            outside_said,
            nearness,
            links,
        }
    }

    /// The selection in cells: those at least half selected.
    fn shrink(&self, selected: &Selected) -> Vec<bool> {
        let small = self.small;
        let half = small.step as i32 / 2;
        (0..small.len())
            .map(|at| {
                let x = (at % small.width * small.step) as i32 + half;
                let y = (at / small.width * small.step) as i32 + half;
                let rect = selected.rect;
                rect.contains(x, y)
                    && selected
                        .plane
                        .get((x - rect.x) as usize, (y - rect.y) as usize)
                        >= 128
            })
            .collect()
    }

    /// Colours inside and outside: from the strokes and, once there is a result, from that.
    fn learn(&self, found: Option<&[bool]>) -> Sides {
        let small = self.small;
        let samples = |weigh: &dyn Fn(usize) -> f32| -> Vec<Sample> {
            (0..small.len())
                .map(|at| (small.colors[at], weigh(at)))
                .filter(|s| s.1 > 0.0)
                .collect()
        };
        if let Some(found) = found {
            let side = |inside: bool, said: Said| {
                samples(&|at| {
                    if small.said[at] == said {
                        2.0
                    } else if found[at] == inside && small.said[at] == Said::Nothing {
                        1.0
                    } else {
                        0.0
                    }
                })
            };
            return (
                Mixture::learn(&side(true, Said::Inside)),
                Mixture::learn(&side(false, Said::Outside)),
            );
        }
        let own = Mixture::learn(&samples(&|at| {
            f32::from(u8::from(small.said[at] == Said::Inside))
        }));
        let strange: Vec<f32> = match &own {
            Some(own) => small.colors.iter().map(|c| own.strangeness(*c)).collect(),
            None => vec![0.0; small.len()],
        };
        let limit = self.unlike(&strange);
        let other = samples(&|at| match small.said[at] {
            Said::Outside => 4.0,
            Said::Nothing if small.is_rim(at, RIM) && strange[at] > limit => 1.0,
            Said::Nothing if !self.outside_said && strange[at] > limit => 0.3,
            Said::Inside | Said::Nothing => 0.0,
        });
        (own, Mixture::learn(&other))
    }

    /// From which strangeness on a colour counts as unlike the strokes: beyond nearly all of their own.
    fn unlike(&self, strange: &[f32]) -> f32 {
        let mut own: Vec<f32> = (0..strange.len())
            .filter(|at| self.small.said[*at] == Said::Inside)
            .map(|at| strange[at])
            .collect();
        own.sort_by(f32::total_cmp);
        own.get(own.len() * 95 / 100).copied().unwrap_or(0.0) + 1.0
    }

    fn cut(&self, colors: &Sides, stop: Stop) -> Result<Vec<bool>, SelectError> {
        let small = self.small;
        let pulls: Vec<i32> = (0..small.len())
            .into_par_iter()
            .with_min_len(1 << 12)
            .map(|at| pull(small, at, colors, self.nearness[at]))
            .collect();
        let mut grid = Grid::new(small.width, small.height);
        for (at, (pull, links)) in pulls.iter().zip(&self.links).enumerate() {
            let (x, y) = (at % small.width, at / small.width);
            grid.pull(x, y, *pull);
            for (strength, direction) in links.iter().copied().zip(EVEN) {
                grid.link(x, y, direction, strength);
            }
        }
        grid.cut(stop)
    }
}

/// What speaks for a cell's being inside (above 0) or outside.
fn pull(small: &Small, at: usize, colors: &Sides, nearness: f32) -> i32 {
    match small.said[at] {
        Said::Inside => HARD,
        Said::Outside => -HARD,
        Said::Nothing => {
            let color = small.colors[at];
            let by_color = match colors {
                (Some(own), Some(other)) => other.strangeness(color) - own.strangeness(color),
                _ => 0.0,
            };
            ((by_color + NEARNESS * nearness) * FINENESS).round() as i32
        }
    }
}

/// What it costs to part two neighbours.
fn link(small: &Small, at: usize, other: usize, direction: usize, beta: f32) -> i32 {
    let far = if direction < 4 {
        1.0
    } else {
        std::f32::consts::SQRT_2
    };
    let alike = (-beta * small.contrast(at, other)).exp();
    (SMOOTHNESS * alike / far * FINENESS).round() as i32
}

/// The second search: the outline found in the small picture, moved a little in a finer one (Lombaert, Sun, Grady and Xu,
/// "A Multilevel Banded Graph Cuts Method for Fast Image Segmentation", 2005).
struct Outline<'a> {
    fine: &'a Small,
    first: &'a Search<'a>,
    inside: Vec<bool>,
    /// Cells that are asked again.
    band: Vec<bool>,
}

impl<'a> Outline<'a> {
    fn new(fine: &'a Small, first: &'a Search<'a>, found: &[bool]) -> Self {
        let coarse = first.small;
        let inside: Vec<bool> = (0..fine.len())
            .map(|at| found[coarse.holding(fine, at)])
            .collect();
        let mut edge = Plane::new(PixelSize::new(fine.width as u32, fine.height as u32));
        for at in 0..fine.len() {
            for direction in [0, 2] {
                if let Some(other) = fine.neighbour(at, direction)
                    && inside[at] != inside[other]
                {
                    edge.data[at] = 255;
                    edge.data[other] = 255;
                }
            }
        }
        let reach = REACH * (coarse.step / fine.step) as f32;
        let band = distance_to_mask(&edge, reach)
            .into_iter()
            .map(|distance| distance <= reach)
            .collect();
        Self {
            fine,
            first,
            inside,
            band,
        }
    }

    fn cut(self, colors: &Sides, stop: Stop) -> Result<Vec<bool>, SelectError> {
        let fine = self.fine;
        let beta = 1.0 / (2.0 * fine.mean_contrast().max(1e-6));
        let asked: Vec<usize> = (0..fine.len()).filter(|at| self.band[*at]).collect();
        let pulls: Vec<(i32, [i32; 4])> = asked
            .par_iter()
            .with_min_len(1 << 10)
            .map(|at| self.links_of(*at, colors, beta))
            .collect();
        let mut grid = Grid::new(fine.width, fine.height);
        for (at, (pull, links)) in asked.iter().zip(&pulls) {
            let (x, y) = (at % fine.width, at / fine.width);
            grid.pull(x, y, *pull);
            for (strength, direction) in links.iter().zip(EVEN) {
                grid.link(x, y, direction, *strength);
            }
        }
        let found = grid.cut(stop)?;
        let mut inside = self.inside;
        for at in asked {
            inside[at] = found[at];
        }
        for (inside, said) in inside.iter_mut().zip(&fine.said) {
            match said {
                Said::Inside => *inside = true,
                Said::Outside => *inside = false,
                Said::Nothing => {}
            }
        }
        Ok(inside)
    }

    /// The pull on a cell, links to cells that are not asked included, and its links to those that are.
    fn links_of(&self, at: usize, colors: &Sides, beta: f32) -> (i32, [i32; 4]) {
        let fine = self.fine;
        let nearness = self.first.nearness[self.first.small.holding(fine, at)];
        let mut own = pull(fine, at, colors, nearness);
        let mut links = [0; 4];
        for direction in 0..STEPS.len() {
            let Some(other) = fine.neighbour(at, direction) else {
                continue;
            };
            if !self.band[other] {
                let strength = link(fine, at, other, direction, beta);
                own += if self.inside[other] {
                    strength
                } else {
                    -strength
                };
            } else if direction % 2 == 0 {
                links[direction / 2] = link(fine, at, other, direction, beta);
            }
        }
        (own, links)
    }
}
