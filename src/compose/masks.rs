//! Owns the two masks of a crop, made from the user's mask by the plan's recipe. Called by the engine before and after
//! the model runs.

use crate::geometry::PixelRect;
use crate::mask::{Mask, distance_to_mask, seam_coverage};
use crate::photo::resample::{PlaneFilter, resize_plane};
use crate::plan::{CropPlan, InpaintPlan};
use crate::raster::Plane;

/// Masks of one crop, both of the size of its context.
#[derive(Debug, Clone)]
pub struct CropMasks {
    /// 255 where the model repaints.
    pub denoise: Plane,
    /// How much of the result goes into the photo; 0 where the photo must not change.
    pub composite: Plane,
}

/// Makes both masks. `mask` has the photo's size; `finished` are the repaint rectangles of earlier crops, which hold
/// pictures by now. Mask that is neither this crop's nor finished is hidden from the model too, but not put back.
pub fn crop_masks(
    plan: &InpaintPlan,
    crop: &CropPlan,
    mask: &Mask,
    finished: &[PixelRect],
) -> CropMasks {
    let photo_rect = plan.photo_rect();
    let context = crop.context_rect;
    let size = context.size();
    let mut own = Plane::new(size);
    let mut hidden = Plane::new(size);
    let (width, height) = (size.width as usize, size.height as usize);
    for row in 0..height {
        let y = context.y + row as i32;
        for column in 0..width {
            let x = context.x + column as i32;
            let at = row * width + column;
            let is_own = crop.repaint_rect.contains(x, y);
            if photo_rect.contains(x, y) {
                let value = mask
                    .plane
                    .get((x - photo_rect.x) as usize, (y - photo_rect.y) as usize);
                if is_own {
                    own.data[at] = value;
                } else if value > 0 && !finished.iter().any(|r| r.contains(x, y)) {
                    hidden.data[at] = 255;
                }
            } else if is_own {
                own.data[at] = 255;
            } else if !finished.iter().any(|r| r.contains(x, y)) {
                hidden.data[at] = 255;
            }
        }
    }
    let recipe = crop.masks;
    let reach = (recipe.blend_px + recipe.grow_px) as f32;
    let distance = (reach > 0.0).then(|| distance_to_mask(&own, reach + 1.0));
    let mut composite = own.clone();
    let mut denoise = hidden;
    for at in 0..own.data.len() {
        if own.data[at] > 0 {
            denoise.data[at] = 255;
        }
        let Some(distance) = &distance else { continue };
        let d = distance[at];
        if d <= reach {
            denoise.data[at] = 255;
        }
        composite.data[at] = composite.data[at].max(seam_coverage(d, recipe.blend_px));
    }
    CropMasks { denoise, composite }
}

/// The denoise mask at the model's size: a working pixel is repainted when any of its canvas pixels is.
pub fn working_mask(denoise: &Plane, crop: &CropPlan) -> Plane {
    resize_plane(denoise, crop.working_size, PlaneFilter::Max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;
    use crate::plan::{Extension, ModelFrame, PlanSettings, plan_inpaint};

    fn square_mask(canvas: PixelSize, hole: PixelRect) -> Mask {
        let mut mask = Mask::new(canvas);
        for y in hole.y..hole.bottom() {
            for x in hole.x..hole.right() {
                mask.plane.set(x as usize, y as usize, 255);
            }
        }
        mask
    }

    #[test]
    fn the_seam_stays_inside_its_width_and_the_model_repaints_all_of_it() {
        let canvas = PixelSize::new(700, 600);
        let mask = square_mask(canvas, PixelRect::new(300, 250, 60, 40));
        let frame = ModelFrame::checkpoint(PixelSize::new(512, 512), 8);
        let settings = PlanSettings {
            blend_px: Some(10),
            ..PlanSettings::default()
        };
        let plan =
            plan_inpaint(canvas, &mask, Extension::default(), &frame, &settings).expect("plan");
        let crop = plan.crops[0];
        let masks = crop_masks(&plan, &crop, &mask, &[]);
        for y in 0..crop.context_rect.height as usize {
            for x in 0..crop.context_rect.width as usize {
                let (cx, cy) = (
                    x as i32 + crop.context_rect.x,
                    y as i32 + crop.context_rect.y,
                );
                let inside = crop.repaint_rect.contains(cx, cy);
                let near = crop.repaint_rect.grow(10).contains(cx, cy);
                let composite = masks.composite.get(x, y);
                assert!(!inside || composite == 255);
                assert!(near || composite == 0, "({cx}, {cy}) is outside the seam");
                assert!(composite == 0 || masks.denoise.get(x, y) == 255);
            }
        }
    }

    #[test]
    fn an_extension_puts_nothing_back_into_the_photo() {
        let photo = PixelSize::new(200, 160);
        let extension = Extension {
            right: 50,
            ..Extension::default()
        };
        let frame = ModelFrame::checkpoint(PixelSize::new(128, 128), 8);
        let plan = plan_inpaint(
            photo,
            &Mask::new(photo),
            extension,
            &frame,
            &PlanSettings::default(),
        )
        .expect("plan");
        for crop in &plan.crops {
            let masks = crop_masks(&plan, crop, &Mask::new(photo), &[]);
            for y in 0..crop.context_rect.height as usize {
                for x in 0..crop.context_rect.width as usize {
                    let is_new = x as i32 + crop.context_rect.x >= 200;
                    assert_eq!(masks.composite.get(x, y) > 0, is_new);
                }
            }
        }
    }
}
