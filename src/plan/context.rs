//! Owns how much of the canvas a model sees around a mask, and at which size it works. Called by the planner only.
//!
//! The rule: leave room of at least 32 px and a quarter of the mask's longer side around it, see no less than the
//! model's native size where the canvas has it, stay squarer than 2:1, and work at the native pixel count. A native-size
//! crop is seen at exactly its own scale.

use super::{CropPlan, MaskRecipe, ModelFrame, PlanSettings, Refine};
use crate::geometry::{PixelRect, PixelSize};

/// Room around a mask, in px: never less than this.
const MIN_PAD_PX: u32 = 32;
/// A latent cell at the most: the denoise mask reaches this far past the seam, in working pixels.
const GROW_WORKING_PX: f64 = 8.0;
/// Contexts of models that work at the photo's scale: at least and at most this much room.
const FREE_PAD_PX: std::ops::RangeInclusive<u32> = 96..=1024;
/// No working side is shorter than this many model units, however thin the canvas.
const MIN_UNITS: u32 = 8;

/// The crop for a mask part with these bounds, both in canvas coordinates; `known` is the area that holds pixels.
pub fn crop_around(
    bounds: PixelRect,
    known: PixelRect,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> CropPlan {
    let context_rect = context_rect(bounds, known, frame);
    let working_size = working_size(context_rect.size(), frame);
    let scale = (working_size.area() as f64 / context_rect.area() as f64).sqrt();
    let masks = mask_recipe(bounds, scale, frame, settings);
    CropPlan {
        context_rect,
        repaint_rect: bounds,
        working_size,
        masks,
        prefill: settings.prefill,
        refine: refine(context_rect.size(), working_size, frame, settings),
    }
}

/// Where the settings want a second look.
pub fn refine(
    context: PixelSize,
    working: PixelSize,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> Option<Refine> {
    Refine::of(context, working, frame).filter(|_| settings.refine)
}

/// What the model sees around `bounds`: inside `known`, containing `bounds`.
pub fn context_rect(bounds: PixelRect, known: PixelRect, frame: &ModelFrame) -> PixelRect {
    let long = bounds.size().long_side();
    let (width, height) = if let Some(native) = frame.native_size {
        let pad = MIN_PAD_PX.max(long / 4);
        let width = (bounds.width + 2 * pad).max(native.width);
        let height = (bounds.height + 2 * pad).max(native.height);
        (width.max(height / 2), height.max(width / 2))
    } else {
        let pad = long.clamp(*FREE_PAD_PX.start(), *FREE_PAD_PX.end());
        (bounds.width + 2 * pad, bounds.height + 2 * pad)
    };
    let centre_x = bounds.x + bounds.width as i32 / 2;
    let centre_y = bounds.y + bounds.height as i32 / 2;
    PixelRect::new(
        centre_x - width as i32 / 2,
        centre_y - height as i32 / 2,
        width,
        height,
    )
    .shifted_into(known)
    .intersect(known)
    .union(bounds.intersect(known))
}

/// Multiples of the model's unit near its native pixel count, with the context's aspect ratio as far as units allow.
pub fn working_size(context: PixelSize, frame: &ModelFrame) -> PixelSize {
    let area = context.area().max(1) as f64;
    let Some(native) = frame.native_size else {
        let scale = (frame.max_area as f64 / area).sqrt().min(1.0);
        return round_to(context, scale, 1, 1);
    };
    if context == native {
        return native;
    }
    // Thin canvases would need absurdly long sides at full pixel count: the long side stays within twice the native one.
    let by_area = (native.area() as f64 / area).sqrt();
    let by_side = f64::from(2 * native.long_side()) / f64::from(context.long_side());
    round_to(context, by_area.min(by_side), frame.multiple, MIN_UNITS)
}

fn round_to(size: PixelSize, scale: f64, multiple: u32, min_units: u32) -> PixelSize {
    let side = |px: u32| {
        let units = (f64::from(px) * scale / f64::from(multiple)).round() as u32;
        units.max(min_units) * multiple
    };
    PixelSize::new(side(size.width), side(size.height))
}

/// Mask widths for a part with these bounds, seen at `scale`.
pub fn mask_recipe(
    bounds: PixelRect,
    scale: f64,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> MaskRecipe {
    if frame.keeps_known_pixels {
        return MaskRecipe {
            blend_px: settings.blend_px.unwrap_or(0),
            grow_px: 0,
        };
    }
    let blend_px = settings
        .blend_px
        .unwrap_or_else(|| (bounds.size().long_side() / 16).clamp(4, 24));
    let cell_px = (GROW_WORKING_PX / scale.max(1e-3)).ceil().clamp(1.0, 512.0) as u32;
    MaskRecipe {
        blend_px,
        grow_px: cell_px,
    }
}
