//! Owns the decision of what a job will do: `InpaintPlan`, plain serialisable data made from a canvas, a mask and what
//! the model can see. Made by app, carried out by engine and compose. Must never touch pixels of a photo, files, burn
//! or a window; the same input always gives the same plan.

mod context;
mod extend;
mod parts;
mod refine;
mod settings;
mod task;

use serde::{Deserialize, Serialize};

use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;

pub use extend::{Extension, MAX_OVERLAP_PX, check_canvas};
pub use refine::{REFINE_STRENGTH, Refine};
pub use settings::{
    GenerateSettings, LoraChoice, ModelAdditions, ModelFrame, PlanSettings, Prefill, StrengthRange,
};
pub use task::Task;

/// Version of the serialised form; raised when a field changes meaning.
pub const PLAN_VERSION: u32 = 1;

/// Why no plan can be made. Everything here is the caller's to fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the mask is empty: paint over what should be repainted, or extend the canvas")]
    NothingToRepaint,
    #[error("the mask is {mask} but the photo is {photo}: they must have the same size")]
    MaskSize { mask: PixelSize, photo: PixelSize },
    #[error(
        "the extended canvas would be {0}: at most {1} megapixels and 65535 pixels a side are supported"
    )]
    CanvasTooLarge(String, u64),
    #[error(
        "the whole photo ({size}) can't be shown to this model: its sides must be multiples of {multiple}; crop it or leave out --whole"
    )]
    WholeNotMultiple { size: PixelSize, multiple: u32 },
    #[error("the blend width is {0} px; use 0 to 48")]
    BlendTooWide(u32),
}

/// How the two masks of a crop follow from the user's mask. Widths are in canvas pixels.
///
/// The composite mask is opaque on the user's mask and fades to nothing over `blend_px` outside it; only there does the
/// photo change. The denoise mask (what the model repaints) covers the composite mask and `grow_px` more, so that the
/// seam lies inside repainted ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskRecipe {
    pub blend_px: u32,
    pub grow_px: u32,
}

/// One look of the model at a part of the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CropPlan {
    /// What the model sees, in canvas pixels; always inside the canvas.
    pub context_rect: PixelRect,
    /// Only mask inside this rectangle is put back by this crop.
    pub repaint_rect: PixelRect,
    /// The size at which the model works; the context is resampled to it.
    pub working_size: PixelSize,
    pub masks: MaskRecipe,
    pub prefill: Prefill,
    /// A second look at higher resolution, for large crops of models with a native size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refine: Option<Refine>,
}

impl CropPlan {
    /// What the work grows with: pixels that the model repaints, a tile's by the share of the schedule that it runs.
    pub fn work_pixels(&self) -> f64 {
        let tiles = self.refine.as_ref().map_or(0.0, |refine| {
            refine.tiles().len() as f64 * refine.tile.area() as f64 * REFINE_STRENGTH
        });
        self.working_size.area() as f64 + tiles
    }

    /// Working pixels for one canvas pixel (geometric mean of both axes).
    pub fn scale(&self) -> f64 {
        (self.working_size.area() as f64 / self.context_rect.area().max(1) as f64).sqrt()
    }
}

/// What a job does, crop by crop, in order. Later crops see the results of earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InpaintPlan {
    pub version: u32,
    /// The photo before any extension.
    pub photo_size: PixelSize,
    pub extension: Extension,
    /// The canvas of the result: the photo and its extension.
    pub canvas_size: PixelSize,
    pub crops: Vec<CropPlan>,
}

impl InpaintPlan {
    /// Where the photo lies on the canvas.
    pub fn photo_rect(&self) -> PixelRect {
        self.extension.photo_rect(self.photo_size)
    }
}

/// Plans a fill, an extension, or both. `mask` has the photo's size.
pub fn plan_inpaint(
    photo_size: PixelSize,
    mask: &Mask,
    extension: Extension,
    frame: &ModelFrame,
    settings: &PlanSettings,
) -> Result<InpaintPlan, PlanError> {
    if mask.size() != photo_size {
        return Err(PlanError::MaskSize {
            mask: mask.size(),
            photo: photo_size,
        });
    }
    if let Some(px) = settings.blend_px.filter(|px| *px > 48) {
        return Err(PlanError::BlendTooWide(px));
    }
    let canvas_size = extension.canvas_size(photo_size)?;
    let clusters = parts::clusters(mask, photo_size, frame, settings);
    if clusters.is_empty() && extension.is_none() {
        return Err(PlanError::NothingToRepaint);
    }
    let mut crops = Vec::new();
    if settings.whole {
        crops.push(whole_crop(canvas_size, frame, settings, &extension)?);
    } else {
        let photo_rect = extension.photo_rect(photo_size);
        for bounds in clusters {
            let bounds = bounds.translate(photo_rect.x, photo_rect.y);
            crops.push(context::crop_around(bounds, photo_rect, frame, settings));
        }
        crops.extend(extend::crops(photo_size, &extension, frame, settings));
    }
    Ok(InpaintPlan {
        version: PLAN_VERSION,
        photo_size,
        extension,
        canvas_size,
        crops,
    })
}

fn whole_crop(
    canvas: PixelSize,
    frame: &ModelFrame,
    settings: &PlanSettings,
    extension: &Extension,
) -> Result<CropPlan, PlanError> {
    if !canvas.width.is_multiple_of(frame.multiple) || !canvas.height.is_multiple_of(frame.multiple)
    {
        return Err(PlanError::WholeNotMultiple {
            size: canvas,
            multiple: frame.multiple,
        });
    }
    let prefill = if extension.is_none() {
        settings.prefill
    } else {
        settings.extend_prefill
    };
    Ok(CropPlan {
        context_rect: canvas.rect(),
        repaint_rect: canvas.rect(),
        working_size: canvas,
        masks: context::mask_recipe(canvas.rect(), 1.0, frame, settings),
        prefill,
        refine: None,
    })
}

#[cfg(test)]
mod tests;
