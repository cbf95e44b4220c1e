//! Owns the numbers that say how good a fill is: likeness to the truth inside the hole, how visible the hole's edge is,
//! and what moved where nothing should; with the kinds of holes that benchmarks cut and the table that shows the scores.
//! Called by `cli` and benches. Must never know burn, documents, files or windows; the same input always gives the same
//! numbers.

mod gradient;
mod kinds;
mod pixels;
mod random;
mod seam;
mod ssim;
mod table;

use crate::geometry::PixelSize;
use crate::raster::{Plane, RgbF32};

pub use gradient::{gradient_distance, luma};
pub use kinds::{KINDS, Kind, mask_kind, mask_kinds};
pub use pixels::{colour_drift, psnr};
pub use seam::{SeamScore, seam};
pub use ssim::{ssim, ssim_map};
pub use table::Table;

/// Pixels at least this far from the hole must come back as they were.
pub const FAR_PX: u32 = 64;

/// Why a fill can't be scored. All of it is the caller's to fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QualityError {
    #[error(
        "the {what} is {found} but the original is {expected}: score pictures of the same size"
    )]
    Size {
        what: &'static str,
        found: PixelSize,
        expected: PixelSize,
    },
    #[error("the hole is empty: mark at least one pixel")]
    EmptyHole,
}

/// How a fill compares with the truth that it replaces.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scores {
    /// Peak signal-to-noise ratio inside the hole in dB; more is nearer. Equal pictures give 100.
    pub psnr: f64,
    /// Mean structural similarity inside the hole, −1 to 1; 1 is equal. It rewards blur.
    pub ssim: f64,
    /// L1 distance of the gradient-magnitude histograms inside the hole, 0 to 2; 0 is the same texture statistics.
    pub gradient: f64,
    /// Visibility of the hole's edge.
    pub seam: SeamScore,
    /// Largest change of any channel at least [`FAR_PX`] from the hole, 0–1; must be 0.
    pub far_drift: f64,
}

/// Scores `filled` against the untouched photo. `hole` marks, with any value above 0, what was removed; a soft seam
/// around it, where `filled` also differs, is found and judged with it.
pub fn score(truth: &RgbF32, filled: &RgbF32, hole: &Plane) -> Result<Scores, QualityError> {
    for (what, found) in [("fill", filled.size), ("hole", hole.size)] {
        if found != truth.size {
            return Err(QualityError::Size {
                what,
                found,
                expected: truth.size,
            });
        }
    }
    if hole.data.iter().all(|v| *v == 0) {
        return Err(QualityError::EmptyHole);
    }
    Ok(Scores {
        psnr: psnr(truth, filled, hole),
        ssim: ssim(truth, filled, hole),
        gradient: gradient_distance(truth, filled, hole),
        seam: seam(truth, filled, hole),
        far_drift: colour_drift(truth, filled, hole, FAR_PX),
    })
}
