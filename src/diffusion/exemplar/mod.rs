//! Owns the exemplar denoiser: the model without weights that fills a hole from the photo's own known area. Called by the
//! engine like any other model. Must never know photos, plans or windows.
//!
//! # The model
//! Reverse diffusion whose score is exact for a known distribution, the patches p_i of the known area. At noise level
//! sigma the denoised patch is the posterior mean
//!
//! ```text
//! E[p | q] = Σ_i softmax_i(−d(q, p_i) / 2τ) p_i
//! ```
//!
//! (Kamb and Ganguli, "An analytic theory of creativity in convolutional diffusion models", 2024). The sum runs over the
//! few nearest patches, found by PatchMatch (`field`), the distance d knows texture and place (`distance`), overlapping
//! denoised patches are averaged (`vote`), and the next round adds noise of a lower sigma (`schedule`). That happens on a
//! pyramid, coarse to fine (`pyramid`, `level`); the coarsest level starts with an onion peel (`peel`); the finer ones with
//! the coarser one's matches, so that what reaches the photo are its own full-resolution pixels. A membrane and a mix of a
//! sharp and a soft vote make the seam (`seam`, `membrane`). A hole is split into `region`s, so that the work goes with
//! the hole and not with the photo.
//!
//! # Cost
//! A patch distance is seven rows of packed 16-bit multiply-adds, with an early end: 12 ns on one core on average (22 ns
//! without the early end). A dense table of the same distances by burn's flex matmul measured 2.4 ns a pair on two cores,
//! twice that with per-pixel weights (two products), before norms and the search for the least. That would win only where
//! every pair is wanted, at the coarsest level, which is under a tenth of the work; PatchMatch looks at about a hundred
//! sources a query instead of thousands. So this is plain Rust. See `benches/exemplar.rs`.
//!
//! # Results
//! Depend on picture, mask and settings alone, not on the number of threads.

mod denoise;
mod distance;
mod field;
mod level;
mod membrane;
mod peel;
mod preview;
mod progress;
mod pyramid;
mod random;
mod region;
mod schedule;
mod seam;
mod vote;

use crate::geometry::{PixelRect, PixelSize};
use crate::progress::{Cancelled, Observer};
use crate::raster::{Plane, RgbF32};
use denoise::{Chosen, Job};
use preview::Preview;
use progress::Progress;
use pyramid::{FILL, KNOWN, OTHER, PAINTED, Picture};
use region::{Region, Split};

/// Pixels of the mask with at least this value are painted.
pub const REPAINT: u8 = 128;
/// `ExemplarSettings::steps` above this changes nothing.
pub const MAX_STEPS: u32 = 64;

/// What the caller chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ExemplarSettings {
    /// Another seed is another fill.
    pub seed: u64,
    /// Rounds at an ordinary pyramid level, 1–64; the coarsest has twice as many, full resolution half.
    pub steps: u32,
    /// The limit of zero temperature: no noise is injected and every pick is the nearest patch, so the seed hardly
    /// matters and few rounds do.
    pub zero_temperature: bool,
}

impl ExemplarSettings {
    /// The quickest fill that is still good.
    pub const ERASE: Self = Self {
        seed: 0,
        steps: 4,
        zero_temperature: true,
    };
}

impl Default for ExemplarSettings {
    fn default() -> Self {
        Self {
            seed: 0,
            steps: 8,
            zero_temperature: false,
        }
    }
}

/// Why there is no fill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExemplarError {
    /// The caller can shrink the mask.
    #[error(
        "the mask covers the whole picture, so there is nothing to continue from: leave some of it unmasked"
    )]
    NothingKnown,
    /// A mistake of the caller's.
    #[error("the mask is {mask} pixels and the picture {picture}: they must be the same size")]
    SizeMismatch { picture: PixelSize, mask: PixelSize },
    /// A mistake of the caller's.
    #[error("the picture's or the mask's data does not have as many values as its size says")]
    WrongLength,
    /// Positions are 32 bits.
    #[error(
        "the picture is {0} pixels; fill a part of it at a time: four thousand megapixels are the most"
    )]
    TooLarge(PixelSize),
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for ExemplarError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Paints the pixels of `image` where `hole` is at least `REPAINT`; all others come back bit for bit.
///
/// Any size, any shape of hole, any number of holes; values outside 0..1 are tolerated (comparisons clamp them to
/// −0.5..1.5), known values that are not finite count as 0. An empty hole gives a copy. The observer hears steps in
/// thousandths of the estimated work, and gets full-size previews when it wants them.
pub fn fill(
    image: &RgbF32,
    hole: &Plane,
    settings: &ExemplarSettings,
    observer: &mut dyn Observer,
) -> Result<RgbF32, ExemplarError> {
    check(image, hole)?;
    observer.check()?;
    let mut out = image.clone();
    if !hole.data.iter().any(|v| *v >= REPAINT) {
        return Ok(out);
    }
    let split = {
        let depth = pyramid::depths(image.width(), image.height(), |at| hole.data[at] < REPAINT);
        region::split(hole, &depth)
    };
    let steps = settings.steps.clamp(1, MAX_STEPS) as usize;
    let work = |r: &Region| schedule::cost(r.count, r.depth, r.crop.area() as usize, steps);
    let mut progress = Progress::new(observer, split.regions.iter().map(work).sum());
    for region in &split.regions {
        let seed = settings
            .seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(u64::from(region.id));
        let chosen = Chosen {
            steps,
            seed,
            zero_temperature: settings.zero_temperature,
        };
        fill_one(&mut out, hole, &split, region, chosen, &mut progress)?;
    }
    progress.finish();
    Ok(out)
}

fn check(image: &RgbF32, hole: &Plane) -> Result<(), ExemplarError> {
    if image.size != hole.size {
        return Err(ExemplarError::SizeMismatch {
            picture: image.size,
            mask: hole.size,
        });
    }
    let area = image.size.area();
    if hole.data.len() as u64 != area || image.data.len() as u64 != 3 * area {
        return Err(ExemplarError::WrongLength);
    }
    if area >= u64::from(u32::MAX) {
        return Err(ExemplarError::TooLarge(image.size));
    }
    if area > 0 && hole.data.iter().all(|v| *v >= REPAINT) {
        return Err(ExemplarError::NothingKnown);
    }
    Ok(())
}

/// Fills one region of `out`; with the whole picture around it when its own crop has nothing to copy.
fn fill_one(
    out: &mut RgbF32,
    hole: &Plane,
    split: &Split,
    region: &Region,
    chosen: Chosen,
    progress: &mut Progress,
) -> Result<(), ExemplarError> {
    for crop in [region.crop, out.size.rect()] {
        let picture = cut(out, hole, split, region.id, crop);
        let state = picture.state.clone();
        let mut preview = Preview {
            picture: out,
            crop,
            state: &state,
        };
        let mut job = Job {
            chosen,
            watch: &mut preview,
            progress,
        };
        if let Some(level) =
            denoise::fill_region(picture, schedule::levels(region.depth), &mut job)?
        {
            for at in &level.holes {
                let (x, y) = (*at as usize % level.width, *at as usize / level.width);
                out.set_pixel(
                    x + crop.x as usize,
                    y + crop.y as usize,
                    level.rgb[*at as usize],
                );
            }
            return Ok(());
        }
    }
    Err(ExemplarError::NothingKnown)
}

/// The crop's colours, and what each of its pixels is to the region.
fn cut(image: &RgbF32, hole: &Plane, split: &Split, id: u32, crop: PixelRect) -> Picture {
    let (w, h) = (crop.width as usize, crop.height as usize);
    let mut rgb = Vec::with_capacity(w * h);
    let mut state = Vec::with_capacity(w * h);
    for y in crop.y as usize..crop.y as usize + h {
        for x in crop.x as usize..crop.x as usize + w {
            rgb.push(
                image
                    .pixel(x, y)
                    .map(|v| if v.is_finite() { v } else { 0.0 }),
            );
            state.push(if hole.get(x, y) < REPAINT {
                KNOWN
            } else {
                match split.owner(x, y).cmp(&id) {
                    std::cmp::Ordering::Equal => FILL,
                    std::cmp::Ordering::Less => PAINTED,
                    std::cmp::Ordering::Greater => OTHER,
                }
            });
        }
    }
    Picture::new(w, h, rgb, state)
}
