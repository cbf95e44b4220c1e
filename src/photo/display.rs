//! Owns pictures for the screen: 8-bit sRGB with straight alpha, averaged by a step, and thumbnails. Used by ui (through
//! app), gallery and cli. Must never be the source of a saved file.

use rayon::prelude::*;

use super::buffer::Sample;
use super::{ColorSpace, Layout, Photo, Samples};
use crate::geometry::{PixelRect, PixelSize};

/// Rows of 8-bit samples whose sum fits 16 bits.
const MAX_SUMMED_ROWS: u32 = 256;

/// An 8-bit sRGB picture with straight alpha, row by row; `4 * width * height` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub size: PixelSize,
    pub rgba: Vec<u8>,
}

impl Photo {
    /// `rect` as 8-bit sRGB RGBA, every output pixel the mean of `step` × `step` photo pixels (weighted by alpha).
    /// Size: width and height divided by `step`, rounded up. Places outside the canvas are transparent.
    pub fn display_rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        let step = step.max(1);
        let out = PixelSize::new(rect.width.div_ceil(step), rect.height.div_ceil(step));
        let mut rgba = vec![0; out.area() as usize * 4];
        if out.is_empty() || self.size.is_empty() {
            return rgba;
        }
        let space = ColorSpace::of(self);
        rgba.par_chunks_mut(out.width as usize * 4)
            .enumerate()
            .for_each(|(row, line)| match &self.samples {
                Samples::U8(data) if step == 1 && self.layout == Layout::Rgb && space.is_srgb() => {
                    self.copy_row(data, rect, row, line);
                }
                Samples::U8(data)
                    if (2..=MAX_SUMMED_ROWS).contains(&step)
                        && self.layout == Layout::Rgb
                        && self.size.rect().contains_rect(rect)
                        && space.is_srgb() =>
                {
                    self.mean_row(data, rect, step as usize, row, line);
                }
                Samples::U8(data) => self.display_row(data, &space, rect, step, row, line),
                Samples::U16(data) => self.display_row(data, &space, rect, step, row, line),
            });
        rgba
    }

    /// The whole photo, its long side at most `max_side` (at least 1) pixels; never enlarged.
    pub fn thumbnail(&self, max_side: u32) -> Picture {
        let max_side = max_side.max(1);
        let long = self.size.long_side().max(1);
        let fit = |side: u32| {
            let scaled = f64::from(side) * f64::from(max_side.min(long)) / f64::from(long);
            (scaled.round() as u32).clamp(1, side.max(1))
        };
        let size = PixelSize::new(fit(self.size.width), fit(self.size.height));
        let mut step = 1;
        while long / (step * 2) >= 2 * max_side {
            step *= 2;
        }
        let between = PixelSize::new(
            self.size.width.div_ceil(step),
            self.size.height.div_ceil(step),
        );
        let rgba = self.display_rgba8(self.size.rect(), step);
        if between == size {
            return Picture { size, rgba };
        }
        Picture {
            size,
            rgba: shrink(&rgba, between, size),
        }
    }

    /// The common case: 8-bit sRGB at full size, nothing to average or convert.
    fn copy_row(&self, data: &[u8], rect: PixelRect, row: usize, line: &mut [u8]) {
        let inside = rect.intersect(self.size.rect());
        let y = i64::from(rect.y) + row as i64;
        if inside.is_empty() || y < i64::from(inside.y) || y >= i64::from(inside.bottom()) {
            return;
        }
        let start = (y as usize * self.size.width as usize + inside.x as usize) * 3;
        let source = &data[start..start + inside.width as usize * 3];
        let skipped = (i64::from(inside.x) - i64::from(rect.x)) as usize;
        for (to, from) in line[skipped * 4..]
            .chunks_exact_mut(4)
            .zip(source.chunks_exact(3))
        {
            to[..3].copy_from_slice(from);
            to[3] = 255;
        }
    }

    /// 8-bit sRGB smaller than it is: sums whole rows first, which compilers turn into wide instructions. The same
    /// numbers as `display_row` makes.
    fn mean_row(&self, data: &[u8], rect: PixelRect, step: usize, row: usize, line: &mut [u8]) {
        let width = self.size.width as usize;
        let top = rect.y as usize + row * step;
        let bottom = (top + step).min(rect.bottom() as usize);
        let mut sums = vec![0_u16; rect.width as usize * 3];
        for y in top..bottom {
            let start = (y * width + rect.x as usize) * 3;
            for (sum, value) in sums
                .iter_mut()
                .zip(&data[start..start + rect.width as usize * 3])
            {
                *sum += u16::from(*value);
            }
        }
        for (to, cell) in line.chunks_exact_mut(4).zip(sums.chunks(step * 3)) {
            let mut totals = [0_u32; 3];
            for pixel in cell.chunks_exact(3) {
                for (total, sum) in totals.iter_mut().zip(pixel) {
                    *total += u32::from(*sum);
                }
            }
            let count = (cell.len() / 3 * (bottom - top)) as f64;
            for (to, total) in to.iter_mut().zip(totals) {
                let mean = (f64::from(total) / count) as f32 / u8::MAX as f32;
                *to = u8::from_f32(mean * 255.0);
            }
            to[3] = 255;
        }
    }

    fn display_row<T: Sample>(
        &self,
        data: &[T],
        space: &ColorSpace,
        rect: PixelRect,
        step: u32,
        row: usize,
        line: &mut [u8],
    ) {
        let (w, h) = (self.size.width as i64, self.size.height as i64);
        let top = i64::from(rect.y) + row as i64 * i64::from(step);
        let bottom = (top + i64::from(step))
            .min(i64::from(rect.y) + i64::from(rect.height))
            .min(h);
        let left = i64::from(rect.x).max(0);
        let right = (i64::from(rect.x) + i64::from(rect.width)).min(w);
        if top.max(0) >= bottom || left >= right {
            return;
        }
        let mut cells = vec![Cell::default(); line.len() / 4];
        let channels = self.layout.channels();
        for y in top.max(0)..bottom {
            let start = (y * w + left) as usize * channels;
            let source = &data[start..start + (right - left) as usize * channels];
            let skipped = (left - i64::from(rect.x)) as usize;
            add_row(source, self.layout, &mut cells, skipped, step as usize);
        }
        let mut colors = vec![0.0; cells.len() * 3];
        for (cell, color) in cells.iter().zip(colors.chunks_exact_mut(3)) {
            cell.color::<T>(self.layout, space, color);
        }
        if !self.layout.is_gray() {
            space.to_srgb(&mut colors);
        }
        for ((cell, color), to) in cells
            .iter()
            .zip(colors.chunks_exact(3))
            .zip(line.chunks_exact_mut(4))
        {
            if cell.count == 0 {
                continue;
            }
            for c in 0..3 {
                to[c] = u8::from_f32(color[c] * 255.0);
            }
            to[3] = cell.alpha::<T>(self.layout);
        }
    }
}

/// Sums over the photo pixels of one output pixel.
#[derive(Clone, Default)]
struct Cell {
    sum: [u64; 3],
    weight: u64,
    count: u64,
}

impl Cell {
    /// Mean colour, 0–1; grey already as sRGB.
    fn color<T: Sample>(&self, layout: Layout, space: &ColorSpace, out: &mut [f32]) {
        if self.weight == 0 {
            out.fill(0.0);
            return;
        }
        let mean = |sum: u64| (sum as f64 / self.weight as f64) as f32 / T::MAX;
        if layout.is_gray() {
            out.fill(space.gray_to_srgb(mean(self.sum[0])));
        } else {
            for (to, sum) in out.iter_mut().zip(self.sum) {
                *to = mean(sum);
            }
        }
    }

    fn alpha<T: Sample>(&self, layout: Layout) -> u8 {
        if !layout.has_alpha() {
            return 255;
        }
        let mean = self.weight as f64 / self.count as f64;
        u8::from_f32((mean / f64::from(T::MAX) * 255.0) as f32)
    }
}

/// Adds a row of photo pixels; the first one lies `skipped` pixels behind the first cell's left edge.
fn add_row<T: Sample>(
    source: &[T],
    layout: Layout,
    cells: &mut [Cell],
    skipped: usize,
    step: usize,
) {
    match layout {
        Layout::Gray => add_opaque::<T, 1>(source, cells, skipped, step),
        Layout::Rgb => add_opaque::<T, 3>(source, cells, skipped, step),
        Layout::GrayAlpha => add_weighted::<T, 1, 2>(source, cells, skipped, step),
        Layout::Rgba => add_weighted::<T, 3, 4>(source, cells, skipped, step),
    }
}

/// Calls `add` with each cell and its pixels of the row.
fn by_cell<T>(
    mut rest: &[T],
    channels: usize,
    cells: &mut [Cell],
    skipped: usize,
    step: usize,
    add: impl Fn(&mut Cell, &[T]),
) {
    let mut at = skipped;
    while !rest.is_empty() {
        let cell = at / step;
        let here = ((cell + 1) * step - at).min(rest.len() / channels);
        let (now, later) = rest.split_at(here * channels);
        add(&mut cells[cell], now);
        cells[cell].count += here as u64;
        at += here;
        rest = later;
    }
}

fn add_opaque<T: Sample, const N: usize>(
    source: &[T],
    cells: &mut [Cell],
    skipped: usize,
    step: usize,
) {
    by_cell(source, N, cells, skipped, step, |cell, pixels| {
        // A row has at most 65,535 pixels, so that 16-bit values can't overflow.
        let mut sums = [0u32; N];
        for pixel in pixels.chunks_exact(N) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += value.to_u32();
            }
        }
        for (total, sum) in cell.sum.iter_mut().zip(sums) {
            *total += u64::from(sum);
        }
        cell.weight += (pixels.len() / N) as u64;
    });
}

fn add_weighted<T: Sample, const COLORS: usize, const N: usize>(
    source: &[T],
    cells: &mut [Cell],
    skipped: usize,
    step: usize,
) {
    by_cell(source, N, cells, skipped, step, |cell, pixels| {
        for pixel in pixels.chunks_exact(N) {
            let weight = u64::from(pixel[COLORS].to_u32());
            for (sum, value) in cell.sum.iter_mut().zip(&pixel[..COLORS]) {
                *sum += u64::from(value.to_u32()) * weight;
            }
            cell.weight += weight;
        }
    });
}

/// Exact area average of straight-alpha RGBA.
fn shrink(rgba: &[u8], from: PixelSize, to: PixelSize) -> Vec<u8> {
    let mut out = vec![0; to.area() as usize * 4];
    let (fw, fh) = (from.width as usize, from.height as usize);
    let across = f64::from(from.width) / f64::from(to.width);
    let down = f64::from(from.height) / f64::from(to.height);
    let span = |index: usize, scale: f64, limit: usize| {
        let (a, b) = (index as f64 * scale, (index as f64 + 1.0) * scale);
        let overlap = move |i: usize| (b.min(i as f64 + 1.0) - a.max(i as f64)).max(0.0);
        (a as usize..(b.ceil() as usize).min(limit), overlap)
    };
    out.par_chunks_mut(to.width as usize * 4)
        .enumerate()
        .for_each(|(y, line)| {
            let (rows, tall) = span(y, down, fh);
            for (x, pixel) in line.chunks_exact_mut(4).enumerate() {
                let (columns, wide) = span(x, across, fw);
                let (mut color, mut alpha, mut area) = ([0.0; 3], 0.0, 0.0);
                for sy in rows.clone() {
                    for sx in columns.clone() {
                        let source = &rgba[(sy * fw + sx) * 4..][..4];
                        let part = tall(sy) * wide(sx);
                        let weight = part * f64::from(source[3]);
                        for c in 0..3 {
                            color[c] += weight * f64::from(source[c]);
                        }
                        alpha += weight;
                        area += part;
                    }
                }
                if alpha > 0.0 {
                    for c in 0..3 {
                        pixel[c] = u8::from_f32((color[c] / alpha) as f32);
                    }
                    pixel[3] = u8::from_f32((alpha / area) as f32);
                }
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summing_rows_gives_the_same_means() {
        let size = PixelSize::new(61, 47);
        let data = (0..61 * 47 * 3_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let photo = Photo::from_rgb8(size, data);
        let Samples::U8(data) = &photo.samples else {
            panic!("8 bits")
        };
        for (rect, step) in [
            (size.rect(), 2),
            (size.rect(), 8),
            (PixelRect::new(4, 8, 50, 39), 4),
            (PixelRect::new(60, 46, 1, 1), 64),
        ] {
            let out = photo.display_rgba8(rect, step);
            let width = rect.width.div_ceil(step) as usize * 4;
            for (row, line) in out.chunks_exact(width).enumerate() {
                let mut slow = vec![0; width];
                photo.display_row(data, &ColorSpace::of(&photo), rect, step, row, &mut slow);
                assert_eq!(line, slow, "{rect:?} {step} {row}");
            }
        }
    }
}
