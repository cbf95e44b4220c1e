//! Owns showing where two photos differ: every pixel with a changed sample in a colour, from blue (one step) over yellow
//! to red (all of the range). Used by the window and the command line. Must never leave out a change, however small.

use rayon::prelude::*;

use super::{Layout, Photo, PhotoError, Samples};
use crate::geometry::PixelRect;

impl Photo {
    /// Largest difference of any sample of each pixel of `rect`, as a share of the range, 0–1; 0 only where no sample
    /// differs. `before` may be grey where this photo is in colour, and must have the same size and depth.
    pub fn difference(&self, before: &Self, rect: PixelRect) -> Result<Vec<f32>, PhotoError> {
        self.check_inside(rect)?;
        if self.size != before.size {
            return Err(PhotoError::Caller(format!(
                "a photo of {} can't be compared with one of {}",
                self.size, before.size
            )));
        }
        match (&self.samples, &before.samples) {
            (Samples::U8(now), Samples::U8(then)) => {
                let pair = Pair::new(self, before);
                Ok(pair.rows(rect, |a, b| f32::from(now[a].abs_diff(then[b])) / 255.0))
            }
            (Samples::U16(now), Samples::U16(then)) => {
                let pair = Pair::new(self, before);
                Ok(pair.rows(rect, |a, b| f32::from(now[a].abs_diff(then[b])) / 65535.0))
            }
            _ => Err(PhotoError::Caller(
                "an 8-bit photo can't be compared with a 16-bit one".to_owned(),
            )),
        }
    }
}

/// A picture of what differs: changed pixels in colour on the dimmed grey photo.
pub fn heat_map(before: &Photo, after: &Photo) -> Result<Photo, PhotoError> {
    let whole = after.size.rect();
    let heat = heat_rgba8(&after.difference(before, whole)?);
    let shown = before.display_rgba8(whole, 1);
    let rgb = heat
        .par_chunks_exact(4)
        .zip(shown.par_chunks_exact(4))
        .flat_map_iter(|(heat, shown)| {
            if heat[3] > 0 {
                [heat[0], heat[1], heat[2]]
            } else {
                let sum = shown[..3].iter().map(|v| u32::from(*v)).sum::<u32>();
                [(sum / 9) as u8; 3]
            }
        })
        .collect();
    Ok(Photo::from_rgb8(after.size, rgb))
}

/// RGBA for the screen: transparent where nothing differs.
pub fn heat_rgba8(difference: &[f32]) -> Vec<u8> {
    difference
        .par_iter()
        .flat_map_iter(|d| if *d > 0.0 { heat(*d) } else { [0; 4] })
        .collect()
}

/// One step of 8 bits is a seventh of the way already: small changes are what one looks for.
fn heat(difference: f32) -> [u8; 4] {
    const STOPS: [[f32; 3]; 4] = [
        [40.0, 90.0, 255.0],
        [0.0, 220.0, 190.0],
        [255.0, 225.0, 40.0],
        [255.0, 40.0, 30.0],
    ];
    let t = (1.0 + difference * 255.0).log2() / 8.0 * 3.0;
    let from = (t as usize).min(2);
    let share = (t - from as f32).clamp(0.0, 1.0);
    let mix = |c: usize| (STOPS[from][c] + (STOPS[from + 1][c] - STOPS[from][c]) * share) as u8;
    [mix(0), mix(1), mix(2), 255]
}

/// Layouts of two photos of one size.
struct Pair {
    width: usize,
    now: Layout,
    then: Layout,
}

impl Pair {
    fn new(now: &Photo, then: &Photo) -> Self {
        Self {
            width: now.size.width as usize,
            now: now.layout,
            then: then.layout,
        }
    }

    /// Of the first photo's channel, its place in the second.
    fn channel(&self, c: usize) -> usize {
        let colors = self.now.channels() - usize::from(self.now.has_alpha());
        let then_colors = self.then.channels() - usize::from(self.then.has_alpha());
        if c < colors {
            c.min(then_colors - 1)
        } else {
            self.then.channels() - 1
        }
    }

    fn rows(&self, rect: PixelRect, difference: impl Fn(usize, usize) -> f32 + Sync) -> Vec<f32> {
        let (channels, then_channels) = (self.now.channels(), self.then.channels());
        let compared = if self.now.has_alpha() && !self.then.has_alpha() {
            channels - 1
        } else {
            channels
        };
        let mut out = vec![0.0; rect.area() as usize];
        out.par_chunks_mut((rect.width as usize).max(1))
            .enumerate()
            .for_each(|(y, row)| {
                let start = (rect.y as usize + y) * self.width + rect.x as usize;
                for (x, value) in row.iter_mut().enumerate() {
                    let (a, b) = ((start + x) * channels, (start + x) * then_channels);
                    *value = (0..compared)
                        .map(|c| difference(a + c, b + self.channel(c)))
                        .fold(0.0, f32::max);
                }
            });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    #[test]
    fn the_smallest_change_is_seen_and_no_change_is_not() {
        let size = PixelSize::new(3, 2);
        let before = Photo::from_rgb8(size, vec![7; 18]);
        let mut after = before.clone();
        if let Samples::U8(data) = &mut after.samples {
            data[4 * 3 + 2] = 8;
        }
        let found = after.difference(&before, size.rect()).expect("fits");
        assert_eq!(found.iter().filter(|d| **d > 0.0).count(), 1);
        assert!((found[4] - 1.0 / 255.0).abs() < 1e-6);
        let rgba = heat_rgba8(&found);
        assert_eq!(rgba[4 * 4 + 3], 255);
        assert_eq!(rgba.iter().filter(|v| **v > 0).count(), 4);
        assert!(
            after
                .difference(
                    &Photo::from_rgb8(PixelSize::new(1, 1), vec![0; 3]),
                    size.rect()
                )
                .is_err()
        );
    }

    #[test]
    fn grey_that_became_colour_is_compared_by_value() {
        let size = PixelSize::new(2, 1);
        let gray = Photo {
            layout: Layout::Gray,
            samples: Samples::U8(vec![10, 20]),
            ..Photo::from_rgb8(size, Vec::new())
        };
        let rgb = Photo::from_rgb8(size, vec![10, 10, 10, 20, 25, 20]);
        let found = rgb.difference(&gray, size.rect()).expect("fits");
        assert_eq!(found[0], 0.0);
        assert!((found[1] - 5.0 / 255.0).abs() < 1e-6);
    }
}
