//! Owns putting a model's picture back into its photo so that nobody finds the edge: colours, seam, sharpness and grain
//! are matched to the surroundings. Called by the engine once a crop (`prepare`), and again at every move of a slider
//! (`apply`). The blend itself is `Photo::blend`, which honours the coverage bit for bit. Must never give coverage where
//! the composite mask has none.

mod apply;
mod area;
mod calm;
mod edge;
mod filter;
mod grain;
mod membrane;
mod offsets;
mod prepare;
mod sharpen;
mod spectrum;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::masks::CropMasks;
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::{Plane, RgbF32};

pub use area::{RING_PX, bounds, cut};
pub use prepare::StitchCache;

/// The sliders. Values outside their ranges count as the nearest inside; what is not a number counts as the default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StitchOptions {
    /// Width of the seam in px; none, or more than the mask's own, means the mask's own.
    pub blend_px: Option<f32>,
    /// Softens the coverage from the mask's edge inward over this many px, 0–64. Lets what was under the mask shine
    /// through there.
    pub feather: f32,
    /// Strength of the local colour and exposure match, 0–1.
    pub color_match: f32,
    /// Strength of the fine correction along the edge and of the two-band blend, 0–1.
    pub seam: f32,
    /// Share of the missing grain that is added, 0–2; 1 brings it to the photo's level.
    pub grain: f32,
    /// Share of the missing sharpness that is restored, 0–2.
    pub sharpness: f32,
}

impl Default for StitchOptions {
    fn default() -> Self {
        Self {
            blend_px: None,
            feather: 0.0,
            color_match: 1.0,
            seam: 1.0,
            grain: 1.0,
            sharpness: 1.0,
        }
    }
}

impl StitchOptions {
    /// Everything off: the picture is pasted by the composite mask as it is.
    pub const PASTE: Self = Self {
        blend_px: None,
        feather: 0.0,
        color_match: 0.0,
        seam: 0.0,
        grain: 0.0,
        sharpness: 0.0,
    };

    fn clamped(&self) -> Self {
        let normal = Self::default();
        let within = |value: f32, most: f32, normal: f32| {
            if value.is_nan() {
                normal
            } else {
                value.clamp(0.0, most)
            }
        };
        Self {
            blend_px: self
                .blend_px
                .filter(|px| !px.is_nan())
                .map(|px| px.max(0.0)),
            feather: within(self.feather, 64.0, normal.feather),
            color_match: within(self.color_match, 1.0, normal.color_match),
            seam: within(self.seam, 1.0, normal.seam),
            grain: within(self.grain, 2.0, normal.grain),
            sharpness: within(self.sharpness, 2.0, normal.sharpness),
        }
    }
}

/// A stitch for `Photo::blend`: mix `picture` in at `rect` by `coverage`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stitched {
    /// The composite mask's bounds, in the crop; empty when there was nothing to put back.
    pub rect: PixelRect,
    /// Of `rect`'s size; equal to the photo where the coverage is 0.
    pub picture: RgbF32,
    /// 0 wherever the composite mask is 0.
    pub coverage: Plane,
}

impl Default for Stitched {
    fn default() -> Self {
        let size = PixelSize::default();
        Self {
            rect: PixelRect::default(),
            picture: RgbF32::new(size),
            coverage: Plane::new(size),
        }
    }
}

impl Stitched {
    /// Mixed into a copy of the crop, as `Photo::blend` does in the photo's own depth. `photo` has the prepared size;
    /// parts of `rect` outside it are left out.
    #[must_use]
    pub fn flatten(&self, photo: &RgbF32) -> RgbF32 {
        let mut out = photo.clone();
        let inside = self.rect.intersect(photo.size.rect());
        for y in inside.y..inside.bottom() {
            for x in inside.x..inside.right() {
                let (from_x, from_y) = ((x - self.rect.x) as usize, (y - self.rect.y) as usize);
                let coverage = self.coverage.get(from_x, from_y);
                if coverage == 0 {
                    continue;
                }
                let alpha = f32::from(coverage) / 255.0;
                let (own, new) = (
                    photo.pixel(x as usize, y as usize),
                    self.picture.pixel(from_x, from_y),
                );
                let mixed = std::array::from_fn(|c| {
                    if coverage == 255 {
                        new[c]
                    } else {
                        own[c] + alpha * (new[c] - own[c])
                    }
                });
                out.set_pixel(x as usize, y as usize, mixed);
            }
        }
        out
    }

    /// `rect` for the screen: mixed over the crop that was prepared, RGBA of 8 bits.
    #[must_use]
    pub fn over_rgba8(&self, photo: &RgbF32, opacity: f32) -> Vec<u8> {
        let width = self.rect.width as usize;
        let mut out = vec![255; width * self.rect.height as usize * 4];
        let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        out.par_chunks_mut(width.max(1) * 4)
            .enumerate()
            .for_each(|(y, out)| {
                let from = (self.rect.y as usize + y) * photo.width() + self.rect.x as usize;
                let below = &photo.data[from * 3..(from + width) * 3];
                let row = y * width..(y + 1) * width;
                let made = &self.picture.data[row.start * 3..row.end * 3];
                let coverage = &self.coverage.data[row];
                for (x, out) in out.chunks_exact_mut(4).enumerate() {
                    let share = f32::from(coverage[x]) / 255.0 * opacity;
                    for c in 0..3 {
                        let own = below[x * 3 + c];
                        out[c] = byte(own + share * (made[x * 3 + c] - own));
                    }
                }
            });
        out
    }
}

/// Why a result can't be stitched. All of it is the caller's to fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StitchError {
    #[error(
        "the {what} is {found} but the photo's crop is {expected}: bring it to the crop's size first"
    )]
    Size {
        what: &'static str,
        found: PixelSize,
        expected: PixelSize,
    },
    #[error(
        "the result holds values that are not numbers; run it again with other settings or in f32"
    )]
    NotFinite,
}

/// Prepares and applies in one go, for callers without sliders. `seed` draws the grain.
pub fn stitch(
    photo: &RgbF32,
    result: &RgbF32,
    masks: &CropMasks,
    options: &StitchOptions,
    seed: u64,
) -> Result<Stitched, StitchError> {
    Ok(StitchCache::prepare(photo, result, masks, seed)?.apply(options))
}
