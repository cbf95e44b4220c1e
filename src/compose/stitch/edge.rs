//! Owns what still parts photo and fill right at the hole's edge once colours match, pixel by pixel where the mask ends at
//! a hard line. Called by `prepare`.

use super::area::Area;
use super::membrane::{Grid, membrane};
use super::prepare::seam_px;

/// Width of the band beside the hole where photo and result are compared, in px.
const EDGE_BAND_PX: u8 = 3;
/// How strongly a pixel of that band holds the field.
const EDGE_WEIGHT: f32 = 64.0;
/// How far the last correction reaches into the hole: a share of its depth, in px at least and at most.
const EDGE_REACH: f32 = 0.35;
const EDGE_PX: std::ops::RangeInclusive<f32> = 4.0..=22.0;
/// Side of that correction's cells, in px.
const EDGE_CELL: usize = 2;

/// At a hard line single pixels of the photo are felt this far, each less by the square of its distance.
const FINE_PX: i32 = 3;
const FINE_SIGMA_PX: f32 = 1.0;

/// How far into the hole what belongs to its edge is felt, in px.
pub fn reach(area: &Area) -> f32 {
    let deepest = area.in_core.iter().copied().max().unwrap_or(0);
    (f32::from(deepest) * EDGE_REACH).clamp(*EDGE_PX.start(), *EDGE_PX.end())
}

/// What still parts photo and result right at the hole's edge, colours and content alike, where the model repainted known
/// ground: carried into the hole as a membrane and faded there, so that the fill leaves the photo without a step whatever
/// it shows (Pérez et al., "Poisson Image Editing", 2003, in its membrane form). None where nothing known was repainted.
pub fn field(area: &Area, calm: Option<&[f32]>, done: [&Option<Grid>; 2]) -> Option<Grid> {
    // Where the photo ends at a hard line its last pixels count; a fade leaves room for a calmer mean.
    let band = if seam_px(area) > 0.0 { EDGE_BAND_PX } else { 1 };
    let mut means = Grid::new(EDGE_CELL, area.width, area.height);
    let mut weights = vec![0.0_f32; means.data.len()];
    for y in 0..area.height {
        for x in 0..area.width {
            let at = y * area.width + x;
            let is_beside = area.to_core[at] > 0 && area.to_core[at] <= band;
            if !is_beside || area.denoise[at] == 0 {
                continue;
            }
            let to = y / EDGE_CELL * means.columns + x / EDGE_CELL;
            weights[to] += 1.0;
            for c in 0..3 {
                let calm = calm.map_or(0.0, |calm| calm[at * 3 + c]);
                means.data[to][c] += area.photo[at * 3 + c] - area.result[at * 3 + c] - calm;
            }
        }
    }
    if weights.iter().all(|w| *w == 0.0) {
        return None;
    }
    for (at, weight) in weights.iter_mut().enumerate() {
        if *weight > 0.0 {
            let pixel = means.pixel(at, area.width, area.height);
            let mut value = means.data[at].map(|v| v / *weight);
            for field in done.into_iter().flatten() {
                let there = field.at(pixel % area.width, pixel / area.width);
                for c in 0..3 {
                    value[c] -= there[c];
                }
            }
            means.data[at] = value;
            *weight *= EDGE_WEIGHT;
        }
    }
    let mut field = membrane(&means, &weights);
    let reach = reach(area);
    for at in 0..field.data.len() {
        let depth = f32::from(area.in_core[field.pixel(at, area.width, area.height)]);
        let fade = (-0.5 * (depth / reach).powi(2)).exp();
        field.data[at] = field.data[at].map(|v| v * fade);
    }
    Some(field)
}

/// What `fields` and `calm` leave between photo and result in the last pixels before a hard line, added to the fill's
/// first pixels behind it by way of `calm`, so that single bright and dark ones go on. Nothing where the mask fades.
pub fn continue_pixels(area: &Area, fields: &[&Option<Grid>], calm: &mut Option<Vec<f32>>) {
    let is_last =
        |at: usize| area.composite[at] == 0 && area.denoise[at] > 0 && area.to_core[at] == 1;
    let own = calm.as_deref();
    let left: Vec<(usize, usize, [f32; 3])> = (0..area.composite.len())
        .filter(|at| is_last(*at))
        .map(|at| {
            let (x, y) = (at % area.width, at / area.width);
            let mut value = std::array::from_fn(|c| {
                let calm = own.map_or(0.0, |calm| calm[at * 3 + c]);
                area.photo[at * 3 + c] - area.result[at * 3 + c] - calm
            });
            for field in fields.iter().filter_map(|f| f.as_ref()) {
                let there = field.at(x, y);
                for c in 0..3 {
                    value[c] -= there[c];
                }
            }
            (x, y, value)
        })
        .collect();
    if left.is_empty() {
        return;
    }
    // By pixel: the weighted sum of what is left nearby, and the weights.
    let mut sums = std::collections::BTreeMap::<usize, [f32; 4]>::new();
    for (x, y, value) in left {
        for dy in -FINE_PX..=FINE_PX {
            for dx in -FINE_PX..=FINE_PX {
                let (Some(x), Some(y)) = (
                    x.checked_add_signed(dx as isize)
                        .filter(|x| *x < area.width),
                    y.checked_add_signed(dy as isize)
                        .filter(|y| *y < area.height),
                ) else {
                    continue;
                };
                let at = y * area.width + x;
                if area.composite[at] == 0 || i32::from(area.in_core[at]) > FINE_PX {
                    continue;
                }
                let weight = gauss((dx * dx + dy * dy) as f32);
                let sum = sums.entry(at).or_default();
                for c in 0..3 {
                    sum[c] += weight * value[c];
                }
                sum[3] += weight;
            }
        }
    }
    let out = calm.get_or_insert_with(|| vec![0.0; area.result.len()]);
    for (at, sum) in sums {
        let depth = f32::from(area.in_core[at]);
        let share = gauss((depth - 1.0).powi(2)) / sum[3];
        for c in 0..3 {
            out[at * 3 + c] += share * sum[c];
        }
    }
}

fn gauss(squared_px: f32) -> f32 {
    (-0.5 * squared_px / FINE_SIGMA_PX.powi(2)).exp()
}
