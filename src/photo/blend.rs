//! Owns the door between a photograph and the models: `crop_rgb` (photo's own samples to sRGB floats) and `blend`
//! (a result back into the photo's own space and depth). Used by compose and document. Must never touch a sample
//! whose coverage is 0, and never round one that the result did not change.

use rayon::prelude::*;

use super::buffer::Sample;
use super::{ColorSpace, Layout, Photo, PhotoError, Samples};
use crate::geometry::PixelRect;
use crate::raster::{Plane, RgbF32};

/// A result value this close to the photo's own (a quarter of a 16-bit step) is the photo's own.
const SAME: f32 = 0.25 / 65535.0;
/// A grey photo stays grey while the result's chroma, times coverage, stays below this.
const GRAY_CHROMA: f32 = 2.0 / 255.0;
/// Rec. 709 luma weights.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// What a blend did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blended {
    /// Bounds of the pixels with coverage, in the canvas; empty when there were none.
    pub touched: PixelRect,
    /// True when a grey photo became a colour photo, because the result has colour.
    pub promoted: bool,
}

impl Photo {
    /// The pixels of `rect` (inside the canvas) as display-encoded sRGB, 0–1; alpha is left aside, grey is repeated.
    /// Without a profile, or with an sRGB one, that is exactly sample / 255 or sample / 65535.
    pub fn crop_rgb(&self, rect: PixelRect) -> Result<RgbF32, PhotoError> {
        self.check_inside(rect)?;
        let space = ColorSpace::of(self);
        let mut out = RgbF32::new(rect.size());
        match &self.samples {
            Samples::U8(data) => self.crop_rows(data, rect, &space, &mut out),
            Samples::U16(data) => self.crop_rows(data, rect, &space, &mut out),
        }
        Ok(out)
    }

    /// Mixes `rgb` (display-encoded sRGB) into `rect` by `coverage` (0 keeps, 255 replaces).
    ///
    /// Coverage 0 leaves every sample bit for bit. Otherwise the result is converted to the photo's own space, mixed
    /// there and rounded once; a pixel whose result equals the photo's own crop keeps its samples. Alpha is raised to
    /// at least the coverage; where it was low, the new colour weighs more by the "over" rule, so that a transparent
    /// pixel takes it whole. A grey photo stays grey unless the result has colour; then it becomes RGB(A) with
    /// R = G = B = its old samples, and a grey profile becomes an RGB profile with the same tone curve, so that
    /// untouched pixels keep both their numbers and their look.
    pub fn blend(
        &mut self,
        rect: PixelRect,
        rgb: &RgbF32,
        coverage: &Plane,
    ) -> Result<Blended, PhotoError> {
        self.check_inside(rect)?;
        if rgb.size != rect.size() || coverage.size != rect.size() {
            return Err(PhotoError::Caller(format!(
                "the result is {} and its coverage {}, but the place is {}; give all the same size",
                rgb.size,
                coverage.size,
                rect.size()
            )));
        }
        let bounds = bounds(coverage);
        if bounds.is_empty() {
            return Ok(Blended {
                touched: bounds,
                promoted: false,
            });
        }
        if !rgb.data.par_iter().all(|v| v.is_finite()) {
            return Err(PhotoError::Caller(
                "the result holds values that are not numbers; run it again with other settings"
                    .into(),
            ));
        }
        let promoted = self.layout.is_gray() && has_color(rgb, coverage);
        if promoted {
            self.promote_to_rgb()?;
        }
        let space = ColorSpace::of(self);
        let (layout, width) = (self.layout, self.size.width as usize);
        let job = Job {
            layout,
            space: &space,
            rgb,
            coverage,
        };
        match &mut self.samples {
            Samples::U8(data) => job.run(data, width, rect, bounds),
            Samples::U16(data) => job.run(data, width, rect, bounds),
        }
        Ok(Blended {
            touched: bounds.translate(rect.x, rect.y),
            promoted,
        })
    }

    pub(super) fn check_inside(&self, rect: PixelRect) -> Result<(), PhotoError> {
        if self.size.rect().contains_rect(rect)
            && rect.width <= self.size.width
            && rect.height <= self.size.height
        {
            return Ok(());
        }
        Err(PhotoError::Caller(format!(
            "the rectangle {} at {}, {} reaches outside the picture ({}); cut it to the canvas first",
            rect.size(),
            rect.x,
            rect.y,
            self.size
        )))
    }

    fn crop_rows<T: Sample>(
        &self,
        data: &[T],
        rect: PixelRect,
        space: &ColorSpace,
        out: &mut RgbF32,
    ) {
        if rect.is_empty() {
            return;
        }
        let channels = self.layout.channels();
        let stride = self.size.width as usize * channels;
        let (from, len) = (rect.x as usize * channels, rect.width as usize * channels);
        out.data
            .par_chunks_mut(rect.width as usize * 3)
            .enumerate()
            .for_each(|(y, row)| {
                let start = (rect.y as usize + y) * stride + from;
                read_row(&data[start..start + len], self.layout, space, row);
            });
    }
}

/// One row of samples as display-encoded sRGB triples.
pub(super) fn read_row<T: Sample>(
    source: &[T],
    layout: Layout,
    space: &ColorSpace,
    out: &mut [f32],
) {
    let channels = layout.channels();
    if layout.is_gray() {
        for (pixel, to) in source.chunks_exact(channels).zip(out.chunks_exact_mut(3)) {
            to.fill(space.gray_to_srgb(pixel[0].to_f32() / T::MAX));
        }
        return;
    }
    for (pixel, to) in source.chunks_exact(channels).zip(out.chunks_exact_mut(3)) {
        for c in 0..3 {
            to[c] = pixel[c].to_f32() / T::MAX;
        }
    }
    space.to_srgb(out);
}

struct Job<'a> {
    layout: Layout,
    space: &'a ColorSpace,
    rgb: &'a RgbF32,
    coverage: &'a Plane,
}

impl Job<'_> {
    /// `bounds` lies in the coverage; rows of the photo change in parallel.
    fn run<T: Sample>(&self, data: &mut [T], width: usize, rect: PixelRect, bounds: PixelRect) {
        let channels = self.layout.channels();
        let stride = width * channels;
        let first = (rect.y + bounds.y) as usize * stride;
        let last = first + bounds.height as usize * stride;
        let left = (rect.x + bounds.x) as usize * channels;
        let len = bounds.width as usize * channels;
        data[first..last]
            .par_chunks_mut(stride)
            .enumerate()
            .for_each(|(row, samples)| {
                let at = (bounds.y as usize + row) * self.rgb.width() + bounds.x as usize;
                let span = bounds.width as usize;
                self.row(
                    &mut samples[left..left + len],
                    &self.rgb.data[at * 3..(at + span) * 3],
                    &self.coverage.data[at..at + span],
                );
            });
    }

    fn row<T: Sample>(&self, samples: &mut [T], result: &[f32], coverage: &[u8]) {
        let channels = self.layout.channels();
        let mut old = vec![0.0; result.len()];
        read_row(samples, self.layout, self.space, &mut old);
        let mut new = result.to_vec();
        if self.layout.is_gray() {
            for pixel in new.chunks_exact_mut(3) {
                let luma: f32 = pixel
                    .iter()
                    .zip(LUMA)
                    .map(|(v, w)| v.clamp(0.0, 1.0) * w)
                    .sum();
                pixel.fill(self.space.gray_from_srgb(luma));
            }
        } else {
            self.space.from_srgb(&mut new);
        }
        let colors = channels - usize::from(self.layout.has_alpha());
        for (i, pixel) in samples.chunks_exact_mut(channels).enumerate() {
            if coverage[i] == 0 {
                continue;
            }
            let c = f32::from(coverage[i]) / 255.0;
            let mut weight = c;
            if self.layout.has_alpha() {
                let alpha = pixel[colors].to_f32() / T::MAX;
                weight = c / (c + alpha * (1.0 - c));
                if alpha < c {
                    pixel[colors] = T::from_f32(c * T::MAX);
                }
            }
            let here = i * 3..i * 3 + 3;
            if result[here.clone()]
                .iter()
                .zip(&old[here])
                .all(|(a, b)| (a - b).abs() <= SAME)
            {
                continue;
            }
            for (sample, value) in pixel[..colors].iter_mut().zip(&new[i * 3..]) {
                let value = value * T::MAX;
                let before = sample.to_f32();
                *sample = T::from_f32(if weight >= 1.0 {
                    value
                } else {
                    before + (value - before) * weight
                });
            }
        }
    }
}

/// Bounds of the non-zero bytes.
pub(super) fn bounds(plane: &Plane) -> PixelRect {
    let width = plane.width();
    if width == 0 {
        return PixelRect::default();
    }
    plane
        .data
        .par_chunks(width)
        .enumerate()
        .filter_map(|(y, row)| {
            let first = row.iter().position(|v| *v > 0)? as i32;
            let last = row.iter().rposition(|v| *v > 0)? as i32;
            Some(PixelRect::from_edges(
                first,
                y as i32,
                last + 1,
                y as i32 + 1,
            ))
        })
        .reduce(PixelRect::default, PixelRect::union)
}

fn has_color(rgb: &RgbF32, coverage: &Plane) -> bool {
    rgb.data
        .par_chunks_exact(3)
        .zip(coverage.data.par_iter())
        .any(|(pixel, c)| {
            let high = pixel.iter().fold(0.0f32, |m, v| m.max(v.clamp(0.0, 1.0)));
            let low = pixel.iter().fold(1.0f32, |m, v| m.min(v.clamp(0.0, 1.0)));
            (high - low) * f32::from(*c) / 255.0 > GRAY_CHROMA
        })
}
