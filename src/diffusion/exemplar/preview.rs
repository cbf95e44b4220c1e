//! Owns the looks at the unfinished picture: a level of one region, enlarged into a copy of the photo. Made only when the
//! observer wants one.

use super::denoise::Watch;
use super::level::Level;
use super::progress::Progress;
use super::pyramid::{FILL, OTHER};
use crate::geometry::PixelRect;
use crate::raster::RgbF32;

/// Shows one region while it is filled.
pub(super) struct Preview<'a> {
    /// The photo with earlier regions painted.
    pub picture: &'a RgbF32,
    pub crop: PixelRect,
    /// State of the crop's pixels at full resolution.
    pub state: &'a [u8],
}

impl Watch for Preview<'_> {
    fn look(&mut self, level: &Level, number: usize, progress: &mut Progress) {
        if progress.observer.wants_preview() {
            let picture = self.enlarged(level, number);
            progress.observer.on_preview(picture);
        }
    }
}

impl Preview<'_> {
    /// The photo, its hole in this region painted bilinearly from the level; parts still to come stay grey.
    fn enlarged(&self, level: &Level, number: usize) -> RgbF32 {
        let mut out = self.picture.clone();
        let (left, top) = (self.crop.x as usize, self.crop.y as usize);
        let scale = 1.0 / (1u64 << number) as f32;
        for (at, state) in self.state.iter().enumerate() {
            let (x, y) = (at % self.crop.width as usize, at / self.crop.width as usize);
            if *state == FILL {
                out.set_pixel(
                    x + left,
                    y + top,
                    sample(
                        level,
                        (x as f32 + 0.5) * scale - 0.5,
                        (y as f32 + 0.5) * scale - 0.5,
                    ),
                );
            } else if *state == OTHER {
                out.set_pixel(x + left, y + top, [0.5; 3]);
            }
        }
        out
    }
}

fn sample(level: &Level, x: f32, y: f32) -> [f32; 3] {
    let (x, y) = (x.max(0.0), y.max(0.0));
    let (x0, y0) = (
        (x as usize).min(level.width - 1),
        (y as usize).min(level.height - 1),
    );
    let (x1, y1) = (
        (x0 + 1).min(level.width - 1),
        (y0 + 1).min(level.height - 1),
    );
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let at = |x: usize, y: usize| level.rgb[y * level.width + x];
    let (a, b, c, d) = (at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1));
    [0, 1, 2].map(|i| {
        let upper = a[i] + fx * (b[i] - a[i]);
        let lower = c[i] + fx * (d[i] - c[i]);
        upper + fy * (lower - upper)
    })
}
