//! Owns the grouping of a mask's parts into crops: far-apart parts are filled one after the other, near ones together.
//! Called by the planner only.

use super::{ModelFrame, PlanSettings, context};
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;

/// Parts nearer than this are one part from the start, in px.
const JOIN_PX: u32 = 16;
/// More parts than this are joined more widely first: dust over a whole scan is not a thousand crops.
const MAX_PARTS: usize = 64;
/// Two crops become one when seeing both together costs the model no more than this share of its scale.
const SCALE_KEPT: f64 = 0.85;
/// Models that work at the photo's scale join when the joint context is at most this much larger.
const AREA_GROWTH: f64 = 1.25;

/// Bounds of the groups, top to bottom, in photo coordinates. Empty for an empty mask.
pub fn clusters(
    mask: &Mask,
    photo: PixelSize,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> Vec<PixelRect> {
    let mut join_px = JOIN_PX;
    let mut bounds = bounds_of_parts(mask, join_px);
    while bounds.len() > MAX_PARTS {
        join_px *= 2;
        bounds = bounds_of_parts(mask, join_px);
    }
    if settings.whole {
        let all = bounds.into_iter().reduce(PixelRect::union);
        return all.into_iter().collect();
    }
    while let Some((a, b)) = mergeable(&bounds, photo, frame, settings) {
        let other = bounds.swap_remove(b);
        bounds[a] = bounds[a].union(other);
    }
    bounds.sort_by_key(|r| (r.y, r.x));
    bounds
}

fn bounds_of_parts(mask: &Mask, join_px: u32) -> Vec<PixelRect> {
    mask.parts(join_px)
        .into_iter()
        .map(|part| part.bounds)
        .collect()
}

fn mergeable(
    bounds: &[PixelRect],
    photo: PixelSize,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> Option<(usize, usize)> {
    for a in 0..bounds.len() {
        for b in a + 1..bounds.len() {
            if belong_together(bounds[a], bounds[b], photo, frame, settings) {
                return Some((a, b));
            }
        }
    }
    None
}

fn belong_together(
    a: PixelRect,
    b: PixelRect,
    photo: PixelSize,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> bool {
    let known = photo.rect();
    let reach = |r: PixelRect| {
        let masks = context::mask_recipe(r, 1.0, frame, settings);
        r.grow(masks.blend_px as i32)
    };
    if !reach(a).intersect(reach(b)).is_empty() {
        return true;
    }
    let crop = |r: PixelRect| {
        let context = context::context_rect(r, known, frame);
        let working = context::working_size(context.size(), frame);
        (
            context,
            (working.area() as f64 / context.area() as f64).sqrt(),
        )
    };
    let ((rect_a, scale_a), (rect_b, scale_b), (rect_both, scale_both)) =
        (crop(a), crop(b), crop(a.union(b)));
    if frame.native_size.is_some() {
        scale_both >= SCALE_KEPT * scale_a.min(scale_b)
    } else {
        rect_both.area() as f64 <= AREA_GROWTH * (rect_a.area() + rect_b.area()) as f64
    }
}
