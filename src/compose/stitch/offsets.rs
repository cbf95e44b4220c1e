//! Owns the colour evidence around a hole and the fields that follow from it. Called by `prepare`. Must never follow
//! texture: what is corrected is only what stands out of the spread of its neighbours.
//!
//! Three sources, from the surest to the least sure:
//!
//! 1. pixels the model kept: photo − result is the model's own drift;
//! 2. pixels it repainted although the photo is known there (the seam): photo − result is the fill's error, and content;
//! 3. where the mask has no such seam: the step from photo to fill across the edge. A step between none and the one just
//!    outside (a gradient going on) is natural and left alone.

use rayon::prelude::*;

use super::area::Area;
use super::filter::median;
use super::membrane::{Grid, membrane};

/// How strongly a full cell of kept pixels holds the drift field.
const DRIFT_WEIGHT: f32 = 1.0;
/// Squared steps across the edge may be so many times those beside it before anything is corrected.
const ALLOWANCE: f32 = 1.5;
/// Differences below this are rounding.
const NOTHING: f32 = 1e-5;
/// An estimate this many squared standard errors large is believed by half.
const DOUBT: f32 = 4.0;
/// The same for what was found as a step only: a step can be the photo's own.
const STEP_DOUBT: f32 = 12.0;

/// What one pass looks at.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Cell side in px.
    pub cell: usize,
    /// Neighbourhoods, in cells, from wide to narrow: each refines what the wider one left.
    pub radii: &'static [usize],
    /// How strongly boundary cells hold the field.
    pub weight: f32,
    /// Errors up to the first size are of colour; beyond the second they are content (another object), and nothing to
    /// correct.
    pub content: (f32, f32),
}

impl Scale {
    /// 1 where an error is one of colour, 0 where it is another content.
    fn colour_share(&self, error: [f32; 3]) -> f32 {
        let size = error.iter().fold(0.0_f32, |m, e| m.max(e.abs()));
        let (colour, content) = self.content;
        ((content - size) / (content - colour)).clamp(0.0, 1.0)
    }
}

/// The colour match: cells of 8 px, the whole edge first.
pub const COLOUR: Scale = Scale {
    cell: 8,
    radii: &[usize::MAX, 8, 3, 1],
    weight: 4.0,
    content: (0.2, 0.4),
};
/// The seam: finer, and only what the colour match left.
pub const SEAM: Scale = Scale {
    cell: 4,
    radii: &[3, 1],
    weight: 16.0,
    content: (0.06, 0.12),
};

/// The model's drift, measured on the pixels that it kept and carried into the hole. None when it kept them exactly.
pub fn drift(area: &Area, cell: usize) -> Option<Grid> {
    let mut means = Grid::new(cell, area.width, area.height);
    let columns = means.columns;
    let mut weights = vec![0.0; means.data.len()];
    means
        .data
        .par_chunks_mut(columns)
        .zip(weights.par_chunks_mut(columns))
        .enumerate()
        .for_each(|(cy, (means, weights))| {
            for cx in 0..columns {
                let mut sum = [0.0; 3];
                let mut count = 0.0_f32;
                for_cell(area, cell, cx, cy, |at| {
                    if area.is_known(at) {
                        add(&mut sum, Area::pixel(&area.photo, at), 1.0);
                        add(&mut sum, Area::pixel(&area.result, at), -1.0);
                        count += 1.0;
                    }
                });
                if count > 0.0 {
                    means[cx] = sum.map(|s| s / count);
                    weights[cx] = DRIFT_WEIGHT * count / (cell * cell) as f32;
                }
            }
        });
    let largest = means
        .data
        .iter()
        .flatten()
        .fold(0.0_f32, |m, v| m.max(v.abs()));
    (largest > NOTHING).then(|| membrane(&means, &weights))
}

/// What the edge still shows after `before` was added to the result, as a field over the hole. None when nothing stands
/// out.
pub fn residual(area: &Area, before: Option<&Grid>, scale: &Scale) -> Option<Grid> {
    let cells = Cells::gather(area, scale.cell);
    let evidence = cells.evidence(area, before);
    if evidence.is_empty() {
        return None;
    }
    let mut believed = believe(&evidence, &cells.shape, scale);
    let share = needed_share(&evidence, &believed);
    for value in &mut believed {
        *value = value.map(|v| v * share);
    }
    let mut values = cells.shape;
    let mut weights = vec![0.0; values.data.len()];
    let mut largest = 0.0_f32;
    for (one, value) in evidence.iter().zip(&believed) {
        let at = one.y * values.columns + one.x;
        values.data[at] = *value;
        weights[at] = scale.weight * scale.colour_share(one.error).max(0.05);
        largest = value.iter().fold(largest, |m, v| m.max(v.abs()));
    }
    (largest > NOTHING).then(|| membrane(&values, &weights))
}

fn add(sum: &mut [f32; 3], value: [f32; 3], factor: f32) {
    for c in 0..3 {
        sum[c] += factor * value[c];
    }
}

fn for_cell(area: &Area, cell: usize, cx: usize, cy: usize, mut visit: impl FnMut(usize)) {
    for y in cy * cell..((cy + 1) * cell).min(area.height) {
        for x in cx * cell..((cx + 1) * cell).min(area.width) {
            visit(y * area.width + x);
        }
    }
}

/// Sums over one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    seam: f32,
    /// Photo − result on the seam.
    seam_difference: [f32; 3],
    outer: f32,
    outer_photo: [f32; 3],
    /// The next band outward.
    far: f32,
    far_photo: [f32; 3],
    inner: f32,
    inner_result: [f32; 3],
}

impl Sums {
    fn merge(&mut self, other: &Self) {
        self.seam += other.seam;
        self.outer += other.outer;
        self.far += other.far;
        self.inner += other.inner;
        add(&mut self.seam_difference, other.seam_difference, 1.0);
        add(&mut self.outer_photo, other.outer_photo, 1.0);
        add(&mut self.far_photo, other.far_photo, 1.0);
        add(&mut self.inner_result, other.inner_result, 1.0);
    }
}

/// The error found at one boundary cell.
struct Evidence {
    x: usize,
    y: usize,
    error: [f32; 3],
    /// Where the error was found as a step: that step, and the photo's own squared step just outside. 0 where the error
    /// was seen directly.
    step: [f32; 3],
    natural: f32,
}

/// How much of the corrections brings the steps across the edge down to the photo's own: fewer than nature has would
/// show as well.
fn needed_share(evidence: &[Evidence], believed: &[[f32; 3]]) -> f32 {
    let (mut now, mut cross, mut square, mut natural) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
    for (one, value) in evidence.iter().zip(believed) {
        if one.step == [0.0; 3] {
            continue;
        }
        natural += one.natural;
        for (step, value) in one.step.iter().zip(value) {
            now += step * step;
            cross += step * value;
            square += value * value;
        }
    }
    if natural == 0.0 || square == 0.0 {
        return 1.0;
    }
    // What lies beside the hole tells its own steps only roughly, and smoother than nature shows too.
    let natural = natural * ALLOWANCE;
    // now + 2 λ cross + λ² square = natural, at the smaller λ.
    let root = cross * cross - square * (now - natural);
    if now <= natural {
        0.0
    } else if root <= 0.0 {
        1.0
    } else {
        ((-cross - root.sqrt()) / square).clamp(0.0, 1.0)
    }
}

struct Cells {
    shape: Grid,
    sums: Vec<Sums>,
}

impl Cells {
    fn gather(area: &Area, cell: usize) -> Self {
        let shape = Grid::new(cell, area.width, area.height);
        let band = (cell / 2).max(1) as u8;
        let mut sums = vec![Sums::default(); shape.data.len()];
        let rows = sums.par_chunks_mut(shape.columns).enumerate();
        rows.for_each(|(cy, row)| {
            for (cx, sum) in row.iter_mut().enumerate() {
                for_cell(area, cell, cx, cy, |at| {
                    let photo = Area::pixel(&area.photo, at);
                    let result = Area::pixel(&area.result, at);
                    if area.is_seam(at) {
                        sum.seam += 1.0;
                        add(&mut sum.seam_difference, photo, 1.0);
                        add(&mut sum.seam_difference, result, -1.0);
                    }
                    let (outside, inside) = (area.outside[at], area.inside[at]);
                    if (1..=band).contains(&outside) {
                        sum.outer += 1.0;
                        add(&mut sum.outer_photo, photo, 1.0);
                    } else if (band + 1..=2 * band).contains(&outside) {
                        sum.far += 1.0;
                        add(&mut sum.far_photo, photo, 1.0);
                    } else if (1..=band).contains(&inside) {
                        sum.inner += 1.0;
                        add(&mut sum.inner_result, result, 1.0);
                    }
                });
            }
        });
        Self { shape, sums }
    }

    fn around(&self, cx: usize, cy: usize) -> Sums {
        let mut total = Sums::default();
        for y in cy.saturating_sub(1)..(cy + 2).min(self.shape.rows) {
            for x in cx.saturating_sub(1)..(cx + 2).min(self.shape.columns) {
                total.merge(&self.sums[y * self.shape.columns + x]);
            }
        }
        total
    }

    fn evidence(&self, area: &Area, before: Option<&Grid>) -> Vec<Evidence> {
        let cell = self.shape.cell;
        let full = (cell * cell) as f32;
        let mut found = Vec::new();
        for y in 0..self.shape.rows {
            for x in 0..self.shape.columns {
                let own = &self.sums[y * self.shape.columns + x];
                if own.seam == 0.0 && own.inner == 0.0 {
                    continue;
                }
                let centre = |i: usize, len: usize| (i * cell + cell / 2).min(len - 1);
                let done = before.map_or([0.0; 3], |field| {
                    field.at(centre(x, area.width), centre(y, area.height))
                });
                let around = self.around(x, y);
                let direct = |sums: &Sums| (difference(sums, done), [0.0; 3], 0.0);
                let (error, step, natural) = if own.seam >= full / 4.0 {
                    direct(own)
                } else if around.seam >= full / 2.0 {
                    if own.seam == 0.0 {
                        continue;
                    }
                    direct(&around)
                } else if around.inner.min(around.outer) >= cell as f32 && own.inner > 0.0 {
                    (
                        step_error(&around, done),
                        step(&around, done),
                        natural_step(&around),
                    )
                } else {
                    continue;
                };
                found.push(Evidence {
                    x,
                    y,
                    error,
                    step,
                    natural,
                });
            }
        }
        found
    }
}

fn difference(sums: &Sums, done: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|c| sums.seam_difference[c] / sums.seam - done[c])
}

fn step(sums: &Sums, done: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|c| {
        sums.inner_result[c] / sums.inner + done[c] - sums.outer_photo[c] / sums.outer
    })
}

/// How far the fill's step across the edge lies outside the range between no step and a gradient going on.
fn step_error(sums: &Sums, done: [f32; 3]) -> [f32; 3] {
    let found = step(sums, done);
    std::array::from_fn(|c| {
        let outer = sums.outer_photo[c] / sums.outer;
        let found = found[c];
        let going_on = if sums.far > 0.0 {
            outer - sums.far_photo[c] / sums.far
        } else {
            0.0
        };
        found.clamp(going_on.min(0.0), going_on.max(0.0)) - found
    })
}

/// Squared step, summed over channels, between the photo's two bands outside the edge.
fn natural_step(sums: &Sums) -> f32 {
    if sums.far == 0.0 {
        return 0.0;
    }
    (0..3)
        .map(|c| (sums.outer_photo[c] / sums.outer - sums.far_photo[c] / sums.far).powi(2))
        .sum()
}

/// Estimates from wide to narrow neighbourhoods: at each, the clipped mean of what is left is added, shrunk by how well
/// it stands out of its own spread, and of the steps that the photo has by nature (James and Stein, 1961).
fn believe(evidence: &[Evidence], shape: &Grid, scale: &Scale) -> Vec<[f32; 3]> {
    let mut index = vec![usize::MAX; shape.data.len()];
    for (i, one) in evidence.iter().enumerate() {
        index[one.y * shape.columns + one.x] = i;
    }
    let natural = evidence.iter().map(|e| e.natural).sum::<f32>() / evidence.len() as f32;
    let doubt = if evidence.iter().any(|one| one.step != [0.0; 3]) {
        STEP_DOUBT
    } else {
        DOUBT
    };
    let mut believed = vec![[0.0; 3]; evidence.len()];
    for radius in scale.radii {
        let left: Vec<[f32; 3]> = evidence
            .iter()
            .zip(&believed)
            .map(|(one, done)| {
                let share = scale.colour_share(one.error);
                std::array::from_fn(|c| share * one.error[c] - done[c])
            })
            .collect();
        if *radius == usize::MAX {
            let shared = shrunk_mean(&left, natural, doubt);
            for value in &mut believed {
                add(value, shared, 1.0);
            }
            continue;
        }
        let mut near = Vec::new();
        for (one, value) in evidence.iter().zip(&mut believed) {
            near.clear();
            for y in one.y.saturating_sub(*radius)..(one.y + radius + 1).min(shape.rows) {
                for x in one.x.saturating_sub(*radius)..(one.x + radius + 1).min(shape.columns) {
                    if let Some(found) = left.get(index[y * shape.columns + x]) {
                        near.push(*found);
                    }
                }
            }
            add(value, shrunk_mean(&near, natural, doubt), 1.0);
        }
    }
    believed
}

/// Mean of the values clipped to their median ± 2.5 robust deviations, times the share of it that can't be chance.
fn shrunk_mean(values: &[[f32; 3]], natural: f32, doubt: f32) -> [f32; 3] {
    // Neighbouring cells share pixels: about half of them are independent.
    let independent = values.len() as f32 / 2.0;
    if independent < 1.5 {
        return [0.0; 3];
    }
    let mut mean = [0.0; 3];
    let (mut size, mut chance) = (0.0, 0.0);
    for c in 0..3 {
        let mut channel: Vec<f32> = values.iter().map(|v| v[c]).collect();
        let middle = median(&mut channel);
        let mut deviations: Vec<f32> = channel.iter().map(|v| (v - middle).abs()).collect();
        let reach = 2.5 * 1.4826 * median(&mut deviations) + 1.0 / 255.0;
        let clipped = || {
            values
                .iter()
                .map(|v| v[c].clamp(middle - reach, middle + reach))
        };
        let count = values.len() as f32;
        mean[c] = clipped().sum::<f32>() / count;
        let variance = clipped().map(|v| (v - mean[c]).powi(2)).sum::<f32>() / (count - 1.0);
        size += mean[c] * mean[c];
        chance += variance / independent;
    }
    if size <= 0.0 {
        return [0.0; 3];
    }
    chance = chance.max(natural / independent);
    let share = (1.0 - 0.5 * doubt * chance / size).max(0.0);
    mean.map(|m| m * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_within_its_spread_is_not_believed() {
        let noisy: Vec<[f32; 3]> = (0..40)
            .map(|i| [if i % 2 == 0 { 0.1 } else { -0.095 }, 0.0, 0.0])
            .collect();
        assert_eq!(shrunk_mean(&noisy, 0.0, DOUBT), [0.0; 3]);
        let sure: Vec<[f32; 3]> = (0..40)
            .map(|i| [0.1 + 0.001 * (i % 3) as f32, 0.0, 0.0])
            .collect();
        assert_eq!(shrunk_mean(&sure[..3], 0.02, DOUBT), [0.0; 3]);
        assert!((shrunk_mean(&sure, 0.0, DOUBT)[0] - 0.101).abs() < 0.001);
    }

    #[test]
    fn an_object_at_the_edge_is_clipped() {
        let mut values = vec![[0.02; 3]; 30];
        values[3..6].fill([0.9; 3]);
        assert!((shrunk_mean(&values, 0.0, DOUBT)[0] - 0.02).abs() < 0.002);
    }

    #[test]
    fn a_gradient_going_on_is_natural() {
        let sums = Sums {
            outer: 1.0,
            outer_photo: [0.5; 3],
            far: 1.0,
            far_photo: [0.3; 3],
            inner: 1.0,
            inner_result: [0.6, 0.75, 0.45],
            ..Sums::default()
        };
        let error = step_error(&sums, [0.0; 3]);
        assert_eq!(error[0], 0.0);
        assert!((error[1] + 0.05).abs() < 1e-6 && (error[2] - 0.05).abs() < 1e-6);
    }
}
