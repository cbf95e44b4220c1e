//! Owns what a window looks at that takes a while to work out: changed pixels as colours, the two masks of a plan. Each is
//! something to run on another thread, and shares pixels with the document. Changes nothing.

use std::sync::Arc;

use crate::app::io::with_result;
use crate::app::state::App;
use crate::compose::{CropMasks, crop_masks};
use crate::geometry::PixelRect;
use crate::mask::Mask;
use crate::photo::{Photo, PhotoError, heat_rgba8};
use crate::plan::InpaintPlan;

/// Side of the squares in which changes are looked for, in px.
const TILE: u32 = 1024;

/// Changed pixels as colours.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Rectangles of the picture (canvas pixels) that hold every changed pixel, with their RGBA; transparent where nothing
    /// changed.
    pub pictures: Vec<(PixelRect, Arc<Vec<u8>>)>,
    pub changed: u64,
    pub pixels: u64,
}

impl App {
    /// What the result on show would change, else what the edits have changed since the photo was opened.
    pub fn changes_later(&self) -> Option<impl FnOnce() -> Result<Changes, String> + Send + use<>> {
        let document = self.document.as_ref()?;
        let (base, photo) = (Arc::clone(document.base()), Arc::clone(document.photo()));
        let canvas = document.canvas();
        let candidate = self.shown_candidate().map(|candidate| {
            let frame = candidate.made_for.basis.frame;
            let frame = frame.translate(-canvas.x, -canvas.y);
            (Arc::clone(&candidate.result), frame)
        });
        Some(move || {
            match candidate {
                Some((result, frame)) => {
                    let before = photo.reframed(frame);
                    before.and_then(|before| {
                        let after = with_result(&photo, &result, frame)?;
                        changes(&before, &after, (frame.x, frame.y))
                    })
                }
                None => base
                    .reframed(canvas)
                    .and_then(|before| changes(&before, &photo, (0, 0))),
            }
            .map_err(|error| error.to_string())
        })
    }

    /// The plan of Generate with the masks of its crops, as the model will get them.
    pub fn masks_later(
        &self,
    ) -> Option<impl FnOnce() -> Result<(InpaintPlan, Vec<CropMasks>), String> + Send + use<>> {
        let plan = self.plan_later()?;
        let mask = Arc::clone(self.document.as_ref()?.mask());
        Some(move || {
            let plan = plan()?;
            let masks = masks_of(&plan, &mask);
            Ok((plan, masks))
        })
    }
}

fn masks_of(plan: &InpaintPlan, mask: &Mask) -> Vec<CropMasks> {
    let mut finished = Vec::new();
    let mut masks = Vec::with_capacity(plan.crops.len());
    for crop in &plan.crops {
        masks.push(crop_masks(plan, crop, mask, &finished));
        finished.push(crop.repaint_rect);
    }
    masks
}

/// `corner` is where the photos' corner lies on the canvas.
fn changes(before: &Photo, after: &Photo, corner: (i32, i32)) -> Result<Changes, PhotoError> {
    let whole = after.size.rect();
    let mut found = Changes {
        pixels: whole.area(),
        ..Changes::default()
    };
    for y in (0..whole.height).step_by(TILE as usize) {
        for x in (0..whole.width).step_by(TILE as usize) {
            let tile = PixelRect::new(x as i32, y as i32, TILE, TILE).intersect(whole);
            let difference = after.difference(before, tile)?;
            let changed = difference.iter().filter(|d| **d > 0.0).count() as u64;
            if changed > 0 {
                found.changed += changed;
                let rect = tile.translate(corner.0, corner.1);
                found
                    .pictures
                    .push((rect, Arc::new(heat_rgba8(&difference))));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;
    use crate::photo::Samples;

    #[test]
    fn every_changed_pixel_is_counted_and_lies_in_a_picture() {
        let size = PixelSize::new(1500, 1100);
        let before = Photo::from_rgb8(size, vec![7; size.area() as usize * 3]);
        let mut after = before.clone();
        let places = [(3_usize, 2_usize), (1400, 5), (1499, 1099)];
        if let Samples::U8(data) = &mut after.samples {
            for (x, y) in places {
                data[(y * 1500 + x) * 3] = 9;
            }
        }
        let found = changes(&before, &after, (-10, 20)).expect("fits");
        assert_eq!((found.changed, found.pixels), (3, size.area()));
        for (x, y) in places {
            let (x, y) = (x as i32 - 10, y as i32 + 20);
            let holds = |(rect, rgba): &(PixelRect, Arc<Vec<u8>>)| {
                let at = (y - rect.y) * rect.width as i32 + (x - rect.x);
                rect.contains(x, y) && rgba[at as usize * 4 + 3] == 255
            };
            assert!(found.pictures.iter().any(holds), "{x}, {y}");
        }
    }
}
