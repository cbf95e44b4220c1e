//! Owns growing the canvas: `Extension`, and the order of overlapping crops that paint the new area outward. Called by
//! the planner; `Extension` is used wherever a canvas can grow.
//!
//! New area is painted side by side (left, right, top, bottom; the later sides take the corners), each side in steps
//! that repaint at most half of what the model sees, so that every step has as much to go by as it adds.

use serde::{Deserialize, Serialize};

use super::{CropPlan, MaskRecipe, ModelFrame, PlanError, PlanSettings, context};
use crate::geometry::{PixelRect, PixelSize};

/// Megapixels that a canvas may have, as for files.
const MAX_MEGAPIXELS: u64 = 200;
const MAX_SIDE: u64 = 65_535;
/// Widest band of the photo that an extension may re-draw.
pub const MAX_OVERLAP_PX: u32 = 256;

/// Pixels added to each side of the photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Extension {
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
}

/// Whether a canvas of this size can be made.
pub fn check_canvas(size: PixelSize) -> Result<(), PlanError> {
    if u64::from(size.long_side()) > MAX_SIDE || size.area() > MAX_MEGAPIXELS * 1_000_000 {
        return Err(PlanError::CanvasTooLarge(size.to_string(), MAX_MEGAPIXELS));
    }
    Ok(())
}

impl Extension {
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// The photo's size with this added, or why it is too large.
    pub fn canvas_size(self, photo: PixelSize) -> Result<PixelSize, PlanError> {
        let width = u64::from(photo.width) + u64::from(self.left) + u64::from(self.right);
        let height = u64::from(photo.height) + u64::from(self.top) + u64::from(self.bottom);
        if !self.is_none()
            && (width.max(height) > MAX_SIDE || width * height > MAX_MEGAPIXELS * 1_000_000)
        {
            return Err(PlanError::CanvasTooLarge(
                format!("{width} × {height}"),
                MAX_MEGAPIXELS,
            ));
        }
        Ok(PixelSize::new(width as u32, height as u32))
    }

    /// Where the photo lies on the extended canvas.
    pub fn photo_rect(self, photo: PixelSize) -> PixelRect {
        PixelRect::new(self.left as i32, self.top as i32, photo.width, photo.height)
    }
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

/// The crops that paint the new area, in order.
pub fn crops(
    photo: PixelSize,
    extension: &Extension,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> Vec<CropPlan> {
    let mut known = extension.photo_rect(photo);
    let mut crops = Vec::new();
    let sides = [
        (Side::Left, extension.left),
        (Side::Right, extension.right),
        (Side::Top, extension.top),
        (Side::Bottom, extension.bottom),
    ];
    for (side, amount) in sides {
        let mut left_to_paint = amount;
        while left_to_paint > 0 {
            let step = step_px(side, known, frame).min(left_to_paint);
            let strip = strip_beside(known, side, step);
            known = known.union(strip);
            crops.push(crop_for_strip(strip, known, side, frame, settings));
            left_to_paint -= step;
        }
    }
    crops
}

/// How much one crop may add: half of a crop as long as the side, and no more than there is to go by.
fn step_px(side: Side, known: PixelRect, frame: &ModelFrame) -> u32 {
    let (along, depth) = match side {
        Side::Left | Side::Right => (known.height, known.width),
        Side::Top | Side::Bottom => (known.width, known.height),
    };
    match frame.native_size {
        None => u32::MAX,
        Some(native) => (along.max(native.short_side()) / 2)
            .min(depth.max(frame.multiple))
            .max(frame.multiple),
    }
}

fn strip_beside(known: PixelRect, side: Side, px: u32) -> PixelRect {
    let PixelRect {
        x,
        y,
        width,
        height,
    } = known;
    match side {
        Side::Left => PixelRect::new(x - px as i32, y, px, height),
        Side::Right => PixelRect::new(known.right(), y, px, height),
        Side::Top => PixelRect::new(x, y - px as i32, width, px),
        Side::Bottom => PixelRect::new(x, known.bottom(), width, px),
    }
}

/// `known` already includes the strip: what lies farther out is not there yet and must not be seen.
fn crop_for_strip(
    strip: PixelRect,
    known: PixelRect,
    side: Side,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> CropPlan {
    let (along, thickness) = match side {
        Side::Left | Side::Right => (strip.height, strip.width),
        Side::Top | Side::Bottom => (strip.width, strip.height),
    };
    // At least as much known ground as new; models with a native size want a square of the side's length.
    let deep = match frame.native_size {
        Some(native) => along.max(native.short_side()).max(2 * thickness),
        None => thickness + thickness.max(along / 2).clamp(256, 1536),
    };
    let context_rect = match side {
        Side::Left => PixelRect {
            width: deep,
            ..strip
        },
        Side::Top => PixelRect {
            height: deep,
            ..strip
        },
        Side::Right => PixelRect::from_edges(
            strip.right() - deep as i32,
            strip.y,
            strip.right(),
            strip.bottom(),
        ),
        Side::Bottom => PixelRect::from_edges(
            strip.x,
            strip.bottom() - deep as i32,
            strip.right(),
            strip.bottom(),
        ),
    }
    .intersect(known);
    let working_size = context::working_size(context_rect.size(), frame);
    let scale = (working_size.area() as f64 / context_rect.area() as f64).sqrt();
    let masks = context::mask_recipe(strip, scale, frame, settings);
    // Nothing of the photo is repainted for an extension unless an overlap was asked for.
    let masks = MaskRecipe {
        blend_px: settings.overlap_px.min(MAX_OVERLAP_PX),
        ..masks
    };
    CropPlan {
        context_rect,
        repaint_rect: strip,
        working_size,
        masks,
        prefill: settings.extend_prefill,
        refine: context::refine(context_rect.size(), working_size, frame, settings),
    }
}
