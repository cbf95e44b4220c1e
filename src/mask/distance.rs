//! Owns exact Euclidean distances to a set of pixels (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled
//! Functions", 2012). Used by morphology and feather, and by compose through `Mask::distance_outside`. Must never
//! approximate: squared distances are whole numbers.

use rayon::prelude::*;

use super::Mask;
use crate::geometry::PixelRect;
use crate::raster::Plane;

/// Squared distance where the set is empty or too far to count.
pub(super) const FAR: u32 = u32::MAX;

/// Squared distance in pixels from every pixel of `plane` to the nearest one for which `is_set` holds; [`FAR`] where
/// there is none within `limit` pixels.
pub(super) fn squared_distances(
    plane: &Plane,
    limit: u32,
    is_set: impl Fn(u8) -> bool + Sync,
) -> Vec<u32> {
    let (width, height) = (plane.width(), plane.height());
    let mut columns = vec![FAR; width * height];
    if width == 0 || height == 0 {
        return columns;
    }
    for (to, value) in columns.iter_mut().zip(&plane.data) {
        if is_set(*value) {
            *to = 0;
        }
    }
    // Distance along the column: once down, once up.
    for y in 1..height {
        let (above, here) = columns.split_at_mut(y * width);
        step(&above[(y - 1) * width..], &mut here[..width], limit);
    }
    for y in (1..height).rev() {
        let (here, below) = columns.split_at_mut(y * width);
        step(&below[..width], &mut here[(y - 1) * width..], limit);
    }
    columns
        .par_chunks_mut(width)
        .for_each_init(Envelope::default, |envelope, row| {
            envelope.apply(row, limit)
        });
    columns
}

fn step(from: &[u32], to: &mut [u32], limit: u32) {
    for (to, from) in to.iter_mut().zip(from) {
        let next = from.saturating_add(1);
        let next = if next > limit { FAR } else { next };
        *to = next.min(*to);
    }
}

/// The lower envelope of parabolas over one row; reused from row to row.
#[derive(Default)]
struct Envelope {
    /// Place and height of each parabola.
    roots: Vec<(i64, i64)>,
    /// First place where each parabola is the lowest.
    starts: Vec<i64>,
}

impl Envelope {
    fn apply(&mut self, row: &mut [u32], limit: u32) {
        self.roots.clear();
        self.starts.clear();
        for (x, distance) in row.iter().enumerate() {
            if *distance != FAR {
                self.push(x as i64, i64::from(*distance).pow(2));
            }
        }
        if self.roots.is_empty() {
            return;
        }
        let longest = u64::from(limit).pow(2);
        let mut at = 0;
        for (x, out) in row.iter_mut().enumerate() {
            let x = x as i64;
            while at + 1 < self.roots.len() && self.starts[at + 1] <= x {
                at += 1;
            }
            let (place, height) = self.roots[at];
            let squared = ((x - place).pow(2) + height) as u64;
            *out = if squared > longest {
                FAR
            } else {
                u32::try_from(squared).unwrap_or(FAR)
            };
        }
    }

    fn push(&mut self, place: i64, height: i64) {
        loop {
            let (Some(&(last, low)), Some(&start)) = (self.roots.last(), self.starts.last()) else {
                self.roots.push((place, height));
                self.starts.push(i64::MIN);
                return;
            };
            // The first whole x where the new parabola is at least as low as the last one.
            let rise = (height + place * place) - (low + last * last);
            let meet = rise.div_euclid(2 * (place - last))
                + i64::from(rise.rem_euclid(2 * (place - last)) != 0);
            if meet <= start {
                self.roots.pop();
                self.starts.pop();
                continue;
            }
            self.roots.push((place, height));
            self.starts.push(meet);
            return;
        }
    }
}

impl Mask {
    /// For every pixel of `rect`, row by row: its distance in pixels (centre to centre) to the nearest masked pixel
    /// (128 or more) inside `rect`; 0 on masked pixels, infinite when there is none. Places outside the canvas count
    /// as not masked.
    pub fn distance_outside(&self, rect: PixelRect) -> Vec<f32> {
        let plane = self.crop(rect);
        squared_distances(&plane, rect.width.max(rect.height).saturating_mul(2), |v| {
            v >= 128
        })
        .into_par_iter()
        .with_min_len(1 << 14)
        .map(|squared| {
            if squared == FAR {
                f32::INFINITY
            } else {
                (f64::from(squared)).sqrt() as f32
            }
        })
        .collect()
    }
}
