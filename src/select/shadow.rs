//! Owns finding what a marked thing leaves around it: its shadow, or the glow that a lens or a sharpener drew along its
//! edge. Called by app. Must never mark what goes on beyond its reach: that is another thing, not a shadow.
//!
//! The ground under the shadow is estimated from the ring beyond the reach (a normalised blur); a place belongs to the
//! shadow when it is darker (or, for a glow, lighter) than that ground by more than the ring itself wavers, and hangs
//! together with the mask.

use super::boxes::box_sums;
use super::{Seen, SelectError, Selected, Stop, check};
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::distance_to_mask;
use crate::raster::Plane;

/// Differences below this share of the range are nothing, however calm the ground.
const LEAST: f32 = 0.025;
/// So many robust deviations of the ground's own make a difference.
const DEVIATIONS: f32 = 2.5;
/// Grows what was found by this much, to take its soft edge along, in px.
const MARGIN_PX: f32 = 3.0;
/// Radius over which grain is averaged away, in px.
const CALM_PX: usize = 2;

/// How far from a mask of this size a shadow is looked for, in px.
pub fn shadow_reach(mask: PixelSize) -> u32 {
    (mask.long_side() / 2).clamp(16, 240)
}

/// The shadow and the glow of what `mask` covers, up to `reach` px away; the picture should show twice that around the
/// mask. Empty when there is none.
pub fn shadows(
    picture: &Seen,
    mask: &Plane,
    reach: u32,
    stop: Stop,
) -> Result<Selected, SelectError> {
    picture.check_plane("mask", mask)?;
    let (width, height) = (picture.width(), picture.height());
    if mask.data.iter().all(|v| *v == 0) {
        return Ok(Selected::none());
    }
    let far = reach.max(1) as f32;
    let distance = distance_to_mask(mask, 2.0 * far);
    let luma: Vec<f32> = (0..height)
        .flat_map(|y| picture.row(y).chunks_exact(4))
        .map(|p| {
            (0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2])) / 255.0
        })
        .collect();
    check(stop)?;
    let known: Vec<f32> = distance
        .iter()
        .map(|d| if *d > far { 1.0 } else { 0.0 })
        .collect();
    let Some(ground) = ground(&luma, &known, width, reach as usize, stop)? else {
        return Ok(Selected::none());
    };
    // Grain is averaged over unmarked pixels only.
    let outside: Vec<f32> = distance
        .iter()
        .map(|d| if *d > 0.0 { 1.0 } else { 0.0 })
        .collect();
    let calm = weighted(&luma, &outside, width, CALM_PX);
    let difference: Vec<f32> = calm.iter().zip(&ground).map(|(c, g)| c - g).collect();
    check(stop)?;
    let threshold = threshold(&difference, &distance, far);
    let mut found = Plane::new(mask.size);
    for sign in [-1.0, 1.0] {
        let is_part = |at: usize| {
            distance[at] > 0.0 && distance[at] <= far && sign * difference[at] > threshold
        };
        grow_from_mask(&distance, width, far, is_part, &mut found);
        check(stop)?;
    }
    Ok(widened(&found, mask))
}

/// The picture without what lies within reach of the mask, carried in from around; none when too little is around.
fn ground(
    luma: &[f32],
    known: &[f32],
    width: usize,
    reach: usize,
    stop: Stop,
) -> Result<Option<Vec<f32>>, SelectError> {
    let share = known.iter().sum::<f32>() / known.len().max(1) as f32;
    if share < 0.05 {
        return Ok(None);
    }
    let mut values: Vec<f32> = luma.iter().zip(known).map(|(v, w)| v * w).collect();
    let mut weights = known.to_vec();
    for _ in 0..3 {
        check(stop)?;
        values = mean(&values, width, reach);
        weights = mean(&weights, width, reach);
    }
    let all = luma.iter().zip(known).map(|(v, w)| v * w).sum::<f32>()
        / known.iter().sum::<f32>().max(1e-6);
    Ok(Some(
        values
            .iter()
            .zip(&weights)
            .map(|(v, w)| if *w > 1e-4 { v / w } else { all })
            .collect(),
    ))
}

/// Mean over a square, of pixels by weight; where there is no weight, the value itself.
fn weighted(values: &[f32], weights: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let products: Vec<f32> = values.iter().zip(weights).map(|(v, w)| v * w).collect();
    let (sums, shares) = (mean(&products, width, radius), mean(weights, width, radius));
    sums.iter()
        .zip(&shares)
        .zip(values)
        .map(|((sum, share), own)| if *share > 1e-4 { sum / share } else { *own })
        .collect()
}

/// Sums over a square, as shares of its full area.
fn mean(values: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let mut out = values.to_vec();
    box_sums(&mut out, width, radius, &mut Vec::new());
    let scale = 1.0 / ((2 * radius + 1) as f32).powi(2);
    for v in &mut out {
        *v *= scale;
    }
    out
}

/// What the ring just beyond the reach wavers by.
fn threshold(difference: &[f32], distance: &[f32], far: f32) -> f32 {
    let mut ring: Vec<f32> = difference
        .iter()
        .zip(distance)
        .filter(|(_, d)| **d > far && **d <= 1.7 * far)
        .map(|(v, _)| v.abs())
        .collect();
    if ring.is_empty() {
        return f32::INFINITY;
    }
    let middle = ring.len() / 2;
    let (_, median, _) = ring.select_nth_unstable_by(middle, f32::total_cmp);
    (DEVIATIONS * 1.4826 * *median).max(LEAST)
}

/// Marks the connected parts that touch the mask and end before the reach does.
fn grow_from_mask(
    distance: &[f32],
    width: usize,
    far: f32,
    is_part: impl Fn(usize) -> bool,
    found: &mut Plane,
) {
    let height = distance.len() / width.max(1);
    let mut seen = vec![false; distance.len()];
    for start in 0..distance.len() {
        if seen[start] || distance[start] > 2.0 || !is_part(start) {
            continue;
        }
        seen[start] = true;
        let mut part = vec![start];
        let mut next = 0;
        let mut ends_inside = true;
        while next < part.len() {
            let at = part[next];
            next += 1;
            ends_inside &= distance[at] < far - 1.0;
            let (x, y) = (at % width, at / width);
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let beside = ny * width + nx;
                    if !seen[beside] && is_part(beside) {
                        seen[beside] = true;
                        part.push(beside);
                    }
                }
            }
        }
        if ends_inside {
            for at in part {
                found.data[at] = 255;
            }
        }
    }
}

/// With its soft edge, and without what is marked already.
fn widened(found: &Plane, mask: &Plane) -> Selected {
    if found.data.iter().all(|v| *v == 0) {
        return Selected::none();
    }
    let near = distance_to_mask(found, MARGIN_PX + 1.0);
    let mut plane = Plane::new(found.size);
    let mut rect = PixelRect::default();
    let width = plane.width();
    for (at, value) in plane.data.iter_mut().enumerate() {
        if near[at] <= MARGIN_PX && mask.data[at] < 255 {
            *value = 255;
            rect = rect.union(PixelRect::new(
                (at % width) as i32,
                (at / width) as i32,
                1,
                1,
            ));
        }
    }
    Selected {
        rect,
        plane: plane.cropped(rect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grainy ground, a dark square at (80, 60) of 40 × 40, and below it a shadow that fades over 30 px.
    fn scene(depth: f32) -> (Vec<u8>, Plane, PixelSize) {
        let size = PixelSize::new(220, 200);
        let mut rgba = Vec::new();
        let mut mask = Plane::new(size);
        for y in 0..200i32 {
            for x in 0..220i32 {
                let grain = (x * 31 + y * 57) % 9 - 4;
                let is_thing = (80..120).contains(&x) && (60..100).contains(&y);
                let is_below = (82..118).contains(&x) && (100..130).contains(&y);
                let dark = if is_below {
                    depth * (130 - y) as f32 / 30.0
                } else {
                    0.0
                };
                let value = if is_thing {
                    30
                } else {
                    150 + grain - dark as i32
                };
                rgba.extend([value as u8, value as u8, value as u8, 255]);
                mask.data[(y * 220 + x) as usize] = if is_thing { 255 } else { 0 };
            }
        }
        (rgba, mask, size)
    }

    fn found(depth: f32) -> Selected {
        let (rgba, mask, size) = scene(depth);
        let seen = Seen::new(&rgba, size).expect("fits");
        shadows(&seen, &mask, 48, &|| false).expect("not stopped")
    }

    #[test]
    fn a_shadow_is_found_and_calm_ground_is_not() {
        assert!(found(0.0).is_empty());
        let shadow = found(60.0);
        let has = |x: i32, y: i32| {
            shadow.rect.contains(x, y)
                && shadow
                    .plane
                    .get((x - shadow.rect.x) as usize, (y - shadow.rect.y) as usize)
                    > 0
        };
        let all = (102..122).flat_map(|y| (86..114).map(move |x| (x, y)));
        let hit = all.clone().filter(|(x, y)| has(*x, *y)).count();
        assert!(hit * 10 >= all.count() * 9, "{hit} pixels of the shadow");
        assert!(!has(60, 80) && !has(100, 160) && !has(100, 40));
    }

    #[test]
    fn what_goes_on_beyond_the_reach_is_no_shadow() {
        let (mut rgba, mask, size) = scene(0.0);
        for y in 100..200 {
            for x in 90..110 {
                let at = (y * 220 + x) * 4;
                rgba[at..at + 3].fill(60);
            }
        }
        let seen = Seen::new(&rgba, size).expect("fits");
        let found = shadows(&seen, &mask, 48, &|| false).expect("not stopped");
        assert!(found.is_empty(), "{:?}", found.rect);
    }
}
