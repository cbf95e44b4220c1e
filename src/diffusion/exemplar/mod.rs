//! Owns the exemplar denoiser.

mod denoise;
mod distance;
mod field;
mod level;
mod membrane;
mod peel;
mod progress;
mod pyramid;
mod random;
mod region;
mod schedule;
mod seam;
mod vote;

use crate::progress::{Cancelled, Observer};
use crate::raster::{Plane, RgbF32};
use denoise::Watch;
use progress::Progress;
use pyramid::{FILL, KNOWN, OTHER, PAINTED, Picture};
use region::{Region, Split};

/// Hole pixels have at least this value in the mask.
pub const REPAINT: u8 = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExemplarSettings {
    pub seed: u64,
    pub steps: u32,
}

impl Default for ExemplarSettings {
    fn default() -> Self {
        Self { seed: 0, steps: 8 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExemplarError {
    #[error(
        "the mask covers the whole picture, so nothing is known to continue from; leave some of it unmasked"
    )]
    NothingKnown,
    #[error("the mask is {mask} but the picture is {picture}; make them the same size")]
    SizeMismatch {
        picture: crate::geometry::PixelSize,
        mask: crate::geometry::PixelSize,
    },
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for ExemplarError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

struct NoWatch;
impl Watch for NoWatch {
    fn look(&mut self, l: &level::Level, _: &mut Progress) {
        // DEBUGDUMP
        if let Ok(dir) = std::env::var("DUMP") {
            use std::sync::atomic::{AtomicUsize, Ordering};
            static N: AtomicUsize = AtomicUsize::new(0);
            let n = N.fetch_add(1, Ordering::Relaxed);
            let mut data = format!("P6 {} {} 255\n", l.width, l.height).into_bytes();
            for p in &l.rgb {
                for c in p {
                    data.push((c.clamp(0.0, 1.0) * 255.0) as u8);
                }
            }
            std::fs::write(format!("{dir}/{n:03}_{}.ppm", l.width), data).unwrap();
        }
    }
}

pub fn fill(
    image: &RgbF32,
    hole: &Plane,
    settings: &ExemplarSettings,
    observer: &mut dyn Observer,
) -> Result<RgbF32, ExemplarError> {
    let mut out = image.clone();
    let (w, h) = (image.width(), image.height());
    let depth = pyramid::depths(w, h, |at| hole.data[at] < REPAINT);
    let split = region::split(hole, &depth);
    drop(depth);
    let total = 1;
    let mut progress = Progress::new(observer, total);
    for region in &split.regions {
        let picture = cut(&out, hole, &split, region);
        let seed = settings
            .seed
            .wrapping_mul(0x1000)
            .wrapping_add(u64::from(region.id));
        let level = denoise::fill_region(
            picture,
            schedule::levels(region.depth),
            settings.steps as usize,
            seed,
            &mut NoWatch,
            &mut progress,
        )?
        .ok_or(ExemplarError::NothingKnown)?;
        for at in &level.holes {
            let (x, y) = (*at as usize % level.width, *at as usize / level.width);
            out.set_pixel(
                x + region.crop.x as usize,
                y + region.crop.y as usize,
                level.rgb[*at as usize],
            );
        }
    }
    progress.finish();
    Ok(out)
}

fn cut(image: &RgbF32, hole: &Plane, split: &Split, region: &Region) -> Picture {
    let crop = region.crop;
    let (w, h) = (crop.width as usize, crop.height as usize);
    let mut rgb = Vec::with_capacity(w * h);
    let mut state = Vec::with_capacity(w * h);
    for y in crop.y as usize..crop.y as usize + h {
        for x in crop.x as usize..crop.x as usize + w {
            rgb.push(image.pixel(x, y));
            state.push(if hole.get(x, y) < REPAINT {
                KNOWN
            } else {
                match split.owner(x, y).cmp(&region.id) {
                    std::cmp::Ordering::Equal => FILL,
                    std::cmp::Ordering::Less => PAINTED,
                    std::cmp::Ordering::Greater => OTHER,
                }
            });
        }
    }
    Picture::new(w, h, rgb, state)
}
