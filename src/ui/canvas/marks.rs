//! Owns how what is being erased stays marked until it is gone: a tint for each stroke that waits or runs. Called by
//! `canvas` once a frame; costs nothing while nothing is erased.

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::{App, Job, Then};
use crate::engine::JobId;
use crate::geometry::{PixelRect, PixelSize};
use crate::gpu::OverlayPicture;

/// Keys of these pictures begin here; see `pictures`.
const KEYS: u64 = 1 << 60;
/// A tint has this many pixels at most: it is made at once, so that no frame is without it.
const MOST_PIXELS: u64 = 1 << 19;

#[derive(Default)]
pub struct Marks {
    made: HashMap<JobId, OverlayPicture>,
}

impl Marks {
    /// The tints of all erasures under way, in photo coordinates.
    pub fn pictures(&mut self, app: &App) -> Vec<OverlayPicture> {
        let is_marked = |job: &&Job| job.then == Then::Accept && !job.is_cancelling;
        let jobs: Vec<&Job> = app.jobs().iter().filter(is_marked).collect();
        self.made
            .retain(|id, _| jobs.iter().any(|job| job.id == *id));
        let Some(document) = app.document() else {
            return Vec::new();
        };
        let canvas = document.canvas();
        let settings = app.settings();
        let alpha = (settings.mask_opacity.max(0.2) * 255.0) as u8;
        jobs.into_iter()
            .map(|job| {
                let picture = self
                    .made
                    .entry(job.id)
                    .or_insert_with(|| tint(job, settings.mask_color, alpha));
                let mut shown = picture.clone();
                shown.rect_in_photo = shown.rect_in_photo.translate(-canvas.x, -canvas.y);
                shown
            })
            .collect()
    }
}

/// In document space.
fn tint(job: &Job, [red, green, blue]: [u8; 3], alpha: u8) -> OverlayPicture {
    let mask = &job.made_for.mask;
    let plane = mask.plane();
    let (size, step) = reduced(mask.rect.size(), MOST_PIXELS);
    let mut rgba = Vec::with_capacity(size.area() as usize * 4);
    let half = step as usize / 2;
    for y in 0..size.height as usize {
        let from_y = (y * step as usize + half).min(plane.height().saturating_sub(1));
        for x in 0..size.width as usize {
            let from_x = (x * step as usize + half).min(plane.width().saturating_sub(1));
            let covered = u32::from(plane.get(from_x, from_y));
            let strength = covered * u32::from(alpha) / 255;
            rgba.extend([red, green, blue, strength as u8]);
        }
    }
    OverlayPicture {
        key: KEYS | job.id.0,
        rect_in_photo: stretched(mask.rect, size, step),
        size,
        rgba: Arc::new(rgba),
        clip_to_mask: false,
    }
}

/// A size with at most this many pixels, and how many pixels of the full size each of its sides stands for.
pub fn reduced(full: PixelSize, most: u64) -> (PixelSize, u32) {
    let step = (full.area() as f64 / most as f64).sqrt().ceil().max(1.0) as u32;
    let size = PixelSize::new(full.width.div_ceil(step), full.height.div_ceil(step));
    (size, step)
}

/// The rectangle that whole steps cover: a little more than the full one.
pub fn stretched(full: PixelRect, size: PixelSize, step: u32) -> PixelRect {
    PixelRect::new(full.x, full.y, size.width * step, size.height * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reduced_picture_lies_where_the_full_one_does() {
        let full = PixelRect::new(-7, 30, 5001, 3000);
        let (size, step) = reduced(full.size(), 1 << 20);
        assert!(size.area() <= (1 << 20) + 4096, "{size}");
        let shown = stretched(full, size, step);
        assert!(shown.contains_rect(full) && full.grow(step as i32).contains_rect(shown));
        assert_eq!(reduced(PixelSize::new(30, 20), 1 << 20).1, 1);
    }
}
