//! Owns how much softer than its photo a fill is. Called by `prepare`. Must never sharpen a fill whose detail already
//! matches, and never by more than [`MAX_AMOUNT`].
//!
//! Where the model also redrew pixels that it should have kept, its softness is measured there: the unsharp amount that
//! brings its detail nearest to the photo's (least squares). Where it kept them exactly, textured cells around the hole
//! and in it are compared by the ratio of their finest to their next finest detail, which does not depend on contrast.

use rayon::prelude::*;

use super::area::Area;
use super::filter::{blur5, luma, median};

/// Strongest unsharp masking.
pub const MAX_AMOUNT: f32 = 1.5;
/// Amounts below this are not worth the noise.
const MIN_AMOUNT: f32 = 0.05;
/// Kept pixels needed to measure on them.
const MIN_KEPT: usize = 256;
/// Side of a compared cell in px, cells needed on each side, and how much softer (in energy ratio) a fill has to be.
const CELL: usize = 16;
const MIN_CELLS: usize = 6;
const SOFTER: f32 = 0.7;
/// Gains of the finest and the next band per unit of unsharp amount, for the 5-tap blur.
const GAINS: (f32, f32) = (0.8, 0.35);

/// The result's detail (result − blur) over the whole area, and how much of it to add.
pub struct Sharpness {
    pub amount: f32,
    pub detail: Vec<f32>,
}

/// None when the fill is as sharp as the photo.
pub fn measure(area: &Area) -> Option<Sharpness> {
    let blurred = blur5(&area.result, area.width);
    let detail = minus(&area.result, &blurred);
    let photo_blurred = blur5(&area.photo, area.width);
    let photo_detail = minus(&area.photo, &photo_blurred);
    let amount = match by_kept_pixels(area, &photo_detail, &detail) {
        Some(amount) => amount,
        None => by_statistics(area, [&photo_detail, &photo_blurred], [&detail, &blurred]),
    };
    let amount = amount.min(MAX_AMOUNT);
    (amount >= MIN_AMOUNT).then_some(Sharpness { amount, detail })
}

fn minus(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.par_iter().zip(b).map(|(a, b)| a - b).collect()
}

/// None when too few pixels were kept, or all of them exactly.
fn by_kept_pixels(area: &Area, photo: &[f32], result: &[f32]) -> Option<f32> {
    let (mut kept, mut changed) = (0, 0.0_f64);
    let (mut gained, mut power, mut noise) = (0.0_f64, 0.0_f64, 0.0_f64);
    for at in 0..area.composite.len() {
        // The blur reaches two pixels into what was repainted.
        if !area.is_known(at) || area.outside[at] < 4 {
            continue;
        }
        kept += 1;
        for c in at * 3..at * 3 + 3 {
            let (lost, has) = (photo[c] - result[c], result[c]);
            changed += f64::from(lost.abs());
            gained += f64::from(lost * has);
            power += f64::from(has * has);
            noise += f64::from(lost * lost);
        }
    }
    if kept < MIN_KEPT || changed / kept as f64 <= 1e-4 || power <= 0.0 {
        return None;
    }
    let amount = gained / power;
    // What grain alone would give (the squared standard error of a regression's slope) is not believed.
    let chance = noise / (3 * kept) as f64 / power;
    Some((amount * (1.0 - 4.0 * chance / amount.powi(2).max(1e-12)).max(0.0)) as f32)
}

/// Compares detail statistics of the ring and of the hole.
fn by_statistics(area: &Area, photo: [&[f32]; 2], result: [&[f32]; 2]) -> f32 {
    let around = fineness(area, photo, |at| area.composite[at] == 0);
    let inside = fineness(area, result, |at| area.composite[at] == 255);
    let (Some(around), Some(inside)) = (around, inside) else {
        return 0.0;
    };
    let share = inside / around.max(1e-6);
    if share >= SOFTER {
        return 0.0;
    }
    // ((1 + a g₁) / (1 + a g₂))² = SOFTER / share, as far as it can be reached.
    let wanted = (SOFTER / share.max(0.05)).sqrt().min(1.3);
    ((wanted - 1.0) / (GAINS.0 - wanted * GAINS.1).max(0.1)).max(0.0)
}

/// Median over textured cells of (finest detail)² / (next detail)²; none where too few are textured.
fn fineness(area: &Area, bands: [&[f32]; 2], is_inside: impl Fn(usize) -> bool) -> Option<f32> {
    let [detail, blurred] = bands;
    let coarser = blur5(blurred, area.width);
    let mut cells = Vec::new();
    for cy in (0..area.height).step_by(CELL) {
        for cx in (0..area.width).step_by(CELL) {
            let (mut fine, mut next, mut count) = (0.0, 0.0, 0);
            for y in cy..(cy + CELL).min(area.height) {
                for x in cx..(cx + CELL).min(area.width) {
                    let at = y * area.width + x;
                    if is_inside(at) {
                        fine += luma(&detail[at * 3..]).powi(2);
                        next += (luma(&blurred[at * 3..]) - luma(&coarser[at * 3..])).powi(2);
                        count += 1;
                    }
                }
            }
            if count >= CELL * CELL / 2 {
                cells.push((next / count as f32, fine / next.max(1e-12)));
            }
        }
    }
    // Texture is what stands above the flattest cells' noise.
    let mut energies: Vec<f32> = cells.iter().map(|c| c.0).collect();
    let middle = median(&mut energies).max((2.0_f32 / 255.0).powi(2));
    let mut textured: Vec<f32> = cells
        .iter()
        .filter(|c| c.0 >= middle)
        .map(|c| c.1)
        .collect();
    (textured.len() >= MIN_CELLS).then(|| median(&mut textured))
}
