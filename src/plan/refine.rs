//! Owns the second look at large crops: a model works at its native size, so a large hole is drafted small, enlarged, and
//! repainted tile by tile with most of the draft kept. Called by the planner; carried out by compose and engine.

use serde::{Deserialize, Serialize};

use super::ModelFrame;
use crate::geometry::{PixelRect, PixelSize};

/// Share of the noise schedule that a tile runs: enough to make texture, too little to change what the draft shows.
pub const REFINE_STRENGTH: f64 = 0.4;
/// Pixels that the enlarged draft may have.
const MAX_AREA: f64 = 6e6;
/// Enlarging by less than this is left to the resampler.
const WORTH_IT: f64 = 1.25;

/// How a draft is refined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refine {
    /// The size to which the draft of the whole context is enlarged.
    pub size: PixelSize,
    /// What the model sees at once; both sides fit it.
    pub tile: PixelSize,
    /// Neighbouring tiles share at least this much.
    pub overlap_px: u32,
}

impl Refine {
    /// None where the draft is (nearly) as large as the context already.
    pub fn of(context: PixelSize, working: PixelSize, frame: &ModelFrame) -> Option<Self> {
        let native = frame.native_size?;
        let draft = (working.area() as f64 / context.area().max(1) as f64).sqrt();
        let scale = (MAX_AREA / context.area().max(1) as f64).sqrt().min(1.0);
        if scale < WORTH_IT * draft {
            return None;
        }
        let side = |px: u32| (f64::from(px) * scale).round() as u32;
        let size = PixelSize::new(side(context.width), side(context.height));
        let fitting =
            |side: u32, native: u32| (side.min(native) / frame.multiple).max(1) * frame.multiple;
        let tile = PixelSize::new(
            fitting(size.width, native.width),
            fitting(size.height, native.height),
        );
        let size = PixelSize::new(size.width.max(tile.width), size.height.max(tile.height));
        Some(Self {
            size,
            tile,
            overlap_px: tile.short_side() / 5,
        })
    }

    /// The tiles in reading order; they cover `size`, and neighbours overlap.
    pub fn tiles(&self) -> Vec<PixelRect> {
        let columns = starts(self.size.width, self.tile.width, self.overlap_px);
        let rows = starts(self.size.height, self.tile.height, self.overlap_px);
        rows.iter()
            .flat_map(|y| columns.iter().map(move |x| (*x, *y)))
            .map(|(x, y)| PixelRect::new(x, y, self.tile.width, self.tile.height))
            .collect()
    }
}

/// Where tiles begin along one side: evenly, the first and the last at the ends.
fn starts(length: u32, tile: u32, overlap: u32) -> Vec<i32> {
    let free = length - tile;
    let step = (tile - overlap.min(tile - 1)).max(1);
    let gaps = free.div_ceil(step);
    (0..=gaps)
        .map(|i| (u64::from(free) * u64::from(i) / u64::from(gaps.max(1))) as i32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> ModelFrame {
        ModelFrame::checkpoint(PixelSize::new(512, 512), 8)
    }

    #[test]
    fn tiles_cover_and_overlap() {
        for (length, tile, overlap) in [
            (512, 512, 100),
            (513, 512, 100),
            (3000, 512, 102),
            (90, 64, 12),
        ] {
            let starts = starts(length, tile, overlap);
            assert_eq!(starts[0], 0);
            assert_eq!(starts[starts.len() - 1] as u32 + tile, length);
            for pair in starts.windows(2) {
                assert!(pair[1] > pair[0] && (pair[1] - pair[0]) as u32 <= tile - overlap);
            }
        }
    }

    #[test]
    fn only_large_contexts_are_refined_and_never_beyond_the_photos_own_scale() {
        let native = PixelSize::new(512, 512);
        assert_eq!(Refine::of(native, native, &frame()), None);
        assert_eq!(Refine::of(PixelSize::new(600, 600), native, &frame()), None);
        let found = Refine::of(
            PixelSize::new(1200, 900),
            PixelSize::new(592, 440),
            &frame(),
        );
        assert_eq!(found.map(|r| r.size), Some(PixelSize::new(1200, 900)));
        let huge = Refine::of(
            PixelSize::new(6000, 4000),
            PixelSize::new(624, 416),
            &frame(),
        );
        let size = huge.expect("refined").size;
        assert!(size.area() <= 6_100_000 && size.area() > 5_900_000);
        assert_eq!(
            Refine::of(PixelSize::new(6000, 4000), native, &ModelFrame::EXEMPLAR),
            None
        );
    }
}
