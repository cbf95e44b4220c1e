//! Owns changing the size of pictures: `resize_rgb` (Lanczos, antialiased) and `resize_plane` (masks). Used by
//! compose, engine and mask. Pixel centres stay aligned: output x looks at input (x + 0.5) · scale − 0.5. Must never
//! shift a picture by half a pixel or change one whose size stays.

use rayon::prelude::*;

use crate::geometry::PixelSize;
use crate::raster::{Plane, RgbF32};

/// How a mask changes its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaneFilter {
    /// The pixel under the centre.
    Nearest,
    /// The mean over the pixel's area.
    Area,
    /// The largest value that the pixel's area touches: nothing masked gets lost.
    Max,
}

/// Lanczos with three lobes, widened when shrinking (the usual antialiasing rule, as in Pillow's LANCZOS). Values may
/// overshoot 0–1 a little at edges. The same size gives the very same picture.
pub fn resize_rgb(picture: &RgbF32, size: PixelSize) -> RgbF32 {
    if picture.size == size {
        return picture.clone();
    }
    if size.is_empty() || picture.size.is_empty() {
        return RgbF32::new(size);
    }
    let mut current = picture.data.clone();
    let mut now = picture.size;
    if now.width != size.width {
        let taps = lanczos_taps(now.width, size.width);
        current = across(&current, now.width as usize, &taps);
        now.width = size.width;
    }
    if now.height != size.height {
        let taps = lanczos_taps(now.height, size.height);
        current = down(&current, now.width as usize * 3, &taps);
    }
    RgbF32 {
        size,
        data: current,
    }
}

/// A mask at another size.
pub fn resize_plane(plane: &Plane, size: PixelSize, filter: PlaneFilter) -> Plane {
    if plane.size == size {
        return plane.clone();
    }
    let mut out = Plane::new(size);
    if size.is_empty() || plane.size.is_empty() {
        return out;
    }
    let columns: Vec<Cover> = covers(plane.size.width, size.width);
    let rows: Vec<Cover> = covers(plane.size.height, size.height);
    let width = plane.width();
    out.data
        .par_chunks_mut(size.width as usize)
        .zip(rows.par_iter())
        .for_each(|(line, row)| {
            for (value, column) in line.iter_mut().zip(&columns) {
                *value = match filter {
                    PlaneFilter::Nearest => plane.data[row.centre * width + column.centre],
                    PlaneFilter::Area => {
                        let mut sum = 0.0f64;
                        for y in row.first..row.end {
                            let part: f64 = (column.first..column.end)
                                .map(|x| f64::from(plane.data[y * width + x]) * column.overlap(x))
                                .sum();
                            sum += part * row.overlap(y);
                        }
                        let area = (row.high - row.low) * (column.high - column.low);
                        (sum / area).round() as u8
                    }
                    PlaneFilter::Max => (row.first..row.end)
                        .flat_map(|y| &plane.data[y * width + column.first..y * width + column.end])
                        .fold(0, |high, v| high.max(*v)),
                };
            }
        });
    out
}

/// The stretch of input pixels under one output pixel.
struct Cover {
    low: f64,
    high: f64,
    first: usize,
    end: usize,
    centre: usize,
}

impl Cover {
    fn overlap(&self, i: usize) -> f64 {
        (self.high.min(i as f64 + 1.0) - self.low.max(i as f64)).max(0.0)
    }
}

fn covers(from: u32, to: u32) -> Vec<Cover> {
    let (from, to) = (from as usize, to as usize);
    (0..to)
        .map(|i| Cover {
            low: (i * from) as f64 / to as f64,
            high: ((i + 1) * from) as f64 / to as f64,
            // In whole numbers, so that no rounding drops or adds a pixel.
            first: i * from / to,
            end: ((i + 1) * from).div_ceil(to),
            centre: (2 * i + 1) * from / (2 * to),
        })
        .collect()
}

/// Weights of one output pixel over `first..first + weights.len()`.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

const LOBES: f64 = 3.0;

fn lanczos(x: f64) -> f64 {
    if x.abs() >= LOBES {
        return 0.0;
    }
    if x.abs() < 1e-9 {
        return 1.0;
    }
    let at = std::f64::consts::PI * x;
    LOBES * at.sin() * (at / LOBES).sin() / (at * at)
}

fn lanczos_taps(from: u32, to: u32) -> Vec<Taps> {
    let scale = f64::from(from) / f64::from(to);
    let stretch = scale.max(1.0);
    let support = LOBES * stretch;
    (0..to)
        .map(|i| {
            let centre = (f64::from(i) + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from as usize);
            let raw: Vec<f64> = (first..end)
                .map(|x| lanczos((x as f64 + 0.5 - centre) / stretch))
                .collect();
            let total: f64 = raw.iter().sum();
            Taps {
                first,
                weights: raw.iter().map(|w| (w / total) as f32).collect(),
            }
        })
        .collect()
}

fn across(data: &[f32], width: usize, taps: &[Taps]) -> Vec<f32> {
    let out_width = taps.len();
    let height = data.len() / (width * 3);
    let mut out = vec![0.0; out_width * height * 3];
    out.par_chunks_mut(out_width * 3)
        .zip(data.par_chunks(width * 3))
        .for_each(|(line, source)| {
            for (pixel, tap) in line.chunks_exact_mut(3).zip(taps) {
                let mut sum = [0.0f32; 3];
                let from = &source[tap.first * 3..(tap.first + tap.weights.len()) * 3];
                for (rgb, weight) in from.chunks_exact(3).zip(&tap.weights) {
                    for c in 0..3 {
                        sum[c] += rgb[c] * weight;
                    }
                }
                pixel.copy_from_slice(&sum);
            }
        });
    out
}

fn down(data: &[f32], stride: usize, taps: &[Taps]) -> Vec<f32> {
    let mut out = vec![0.0; stride * taps.len()];
    out.par_chunks_mut(stride)
        .zip(taps)
        .for_each(|(line, tap)| {
            for (offset, weight) in tap.weights.iter().enumerate() {
                let source = &data[(tap.first + offset) * stride..][..stride];
                for (sum, value) in line.iter_mut().zip(source) {
                    *sum += value * weight;
                }
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(w: u32, h: u32) -> RgbF32 {
        let mut picture = RgbF32::new(PixelSize::new(w, h));
        for y in 0..h as usize {
            for x in 0..w as usize {
                let u = (x as f32 + 0.5) / w as f32;
                let v = (y as f32 + 0.5) / h as f32;
                picture.set_pixel(x, y, [u, v, 0.25]);
            }
        }
        picture
    }

    #[test]
    fn a_ramp_stays_in_place_both_ways() {
        for size in [
            PixelSize::new(40, 20),
            PixelSize::new(333, 170),
            PixelSize::new(97, 300),
        ] {
            let out = resize_rgb(&ramp(160, 80), size);
            let want = ramp(size.width, size.height);
            for y in size.height as usize / 5..size.height as usize * 4 / 5 {
                for x in size.width as usize / 5..size.width as usize * 4 / 5 {
                    let (a, b) = (out.pixel(x, y), want.pixel(x, y));
                    assert!(
                        (0..3).all(|c| (a[c] - b[c]).abs() < 2e-3),
                        "{x} {y} {a:?} {b:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let picture = ramp(31, 17);
        assert_eq!(resize_rgb(&picture, picture.size), picture);
    }

    #[test]
    fn one_masked_pixel_survives_max_and_keeps_its_mass_in_area() {
        let mut plane = Plane::new(PixelSize::new(1001, 701));
        plane.set(517, 333, 255);
        let size = PixelSize::new(64, 45);
        let max = resize_plane(&plane, size, PlaneFilter::Max);
        assert!(max.data.contains(&255));
        let mut full = Plane::new(PixelSize::new(10, 10));
        full.data.fill(200);
        for filter in [PlaneFilter::Nearest, PlaneFilter::Area, PlaneFilter::Max] {
            for side in [3, 7, 23] {
                let out = resize_plane(&full, PixelSize::new(side, side), filter);
                assert!(out.data.iter().all(|v| *v == 200), "{filter:?} {side}");
            }
        }
    }

    #[test]
    fn doubling_by_nearest_repeats_pixels() {
        let plane = Plane {
            size: PixelSize::new(2, 1),
            data: vec![10, 20],
        };
        let out = resize_plane(&plane, PixelSize::new(4, 2), PlaneFilter::Nearest);
        assert_eq!(out.data, [10, 10, 20, 20, 10, 10, 20, 20]);
    }
}
