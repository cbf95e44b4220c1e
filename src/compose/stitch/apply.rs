//! Owns the one pass over a stitch's pixels that runs while a slider moves. Called by `StitchCache::apply`. Must never
//! give coverage where the composite mask has none.
//!
//! Along the seam the difference fill − photo is blended in two bands (Burt and Adelson, "A multiresolution spline",
//! 1983): its smooth part over the whole seam, its detail over the middle half, so that neither colours step nor two
//! textures average to a blur. The picture is given such that mixing it in by its coverage makes exactly that blend.

use rayon::prelude::*;

use super::membrane::Grid;
use super::prepare::{FIELD_CELL, Parts};
use super::spectrum::TILE;
use super::{StitchOptions, Stitched};
use crate::geometry::PixelSize;

pub fn apply(parts: Option<&Parts>, options: &StitchOptions, out: &mut Stitched) {
    let Some(parts) = parts else {
        *out = Stitched::default();
        return;
    };
    let size = parts.rect.size();
    out.rect = parts.rect;
    out.picture.size = size;
    out.coverage.size = size;
    let area = size.area() as usize;
    out.picture.data.resize(area * 3, 0.0);
    out.coverage.data.resize(area, 0);
    let frame = Frame {
        parts,
        coverage: coverage_table(options, parts.seam_px),
        feather: options.feather,
        seam: options.seam,
        amount: parts.amount * options.sharpness,
        field: field(parts, options),
        gains: (options.grain > 0.0).then(|| parts.levels.gains(options.sharpness, options.grain)),
    };
    let width = size.width as usize;
    out.picture
        .data
        .par_chunks_mut(width * 3)
        .zip(out.coverage.data.par_chunks_mut(width))
        .enumerate()
        .for_each_init(
            || Rows::new(size),
            |rows, (y, (picture, coverage))| frame.row(y, rows, picture, coverage),
        );
}

/// Interpolated fields of one row; reused.
struct Rows {
    field: Vec<[f32; 3]>,
    low: Vec<[f32; 3]>,
    gain: Vec<[f32; 3]>,
}

impl Rows {
    fn new(size: PixelSize) -> Self {
        let row = vec![[0.0; 3]; size.width as usize];
        Self {
            field: row.clone(),
            low: row.clone(),
            gain: row,
        }
    }
}

struct Frame<'a> {
    parts: &'a Parts,
    coverage: [u8; 256],
    feather: f32,
    seam: f32,
    amount: f32,
    field: Option<Grid>,
    gains: Option<Grid>,
}

impl Frame<'_> {
    fn row(&self, y: usize, rows: &mut Rows, picture: &mut [f32], coverage: &mut [u8]) {
        let parts = self.parts;
        let width = coverage.len();
        let (from, to) = (y * width, (y + 1) * width);
        let photo = &parts.photo[from * 3..to * 3];
        let result = &parts.result[from * 3..to * 3];
        let inside = &parts.inside[from..to];
        let mut is_partial = false;
        for ((out, composite), inside) in coverage
            .iter_mut()
            .zip(&parts.composite.data[from..to])
            .zip(inside)
        {
            *out = self.cover(*composite, *inside);
            is_partial |= *out > 0 && *out < 255;
        }
        let (x0, y0) = (parts.origin.0, parts.origin.1 + y);
        if let Some(field) = &self.field {
            field.row(y0, x0, &mut rows.field);
        }
        if let Some(gains) = &self.gains {
            gains.row(y0, x0, &mut rows.gain);
        }
        if let Some(low) = parts.seam_low.as_ref().filter(|_| is_partial) {
            low.row(y0, x0, &mut rows.low);
        }
        let detail = parts.detail.as_ref().map(|d| &d[from * 3..to * 3]);
        let grain = &parts.tile.data[y0 % TILE * TILE * 3..(y0 % TILE + 1) * TILE * 3];
        for x in 0..width {
            let at = x * 3;
            if coverage[x] == 0 {
                picture[at..at + 3].copy_from_slice(&photo[at..at + 3]);
                continue;
            }
            let tile = (x0 + x) % TILE * 3;
            let gain = rows.gain[x][0];
            let share = self.detail_share(coverage[x]);
            for c in 0..3 {
                let smooth = rows.field[x][c];
                let mut fine = gain * grain[tile + c];
                if let Some(detail) = detail {
                    fine += self.amount * detail[at + c];
                }
                picture[at + c] = if coverage[x] == 255 {
                    result[at + c] + smooth + fine
                } else {
                    let difference = result[at + c] - photo[at + c];
                    let low = rows.low[x][c];
                    photo[at + c] + low + smooth + share * (difference - low + fine)
                };
            }
        }
    }

    fn cover(&self, composite: u8, inside: u8) -> u8 {
        let own = self.coverage[composite as usize];
        if self.feather <= 0.0 || own == 0 {
            return own;
        }
        let t = f32::from(inside) / (self.feather + 1.0);
        if t >= 1.0 {
            return own;
        }
        (f32::from(own) * smoothstep(t)).round() as u8
    }

    /// The detail's coverage as a share of the colours' coverage.
    fn detail_share(&self, coverage: u8) -> f32 {
        let alpha = f32::from(coverage) / 255.0;
        let steep = smoothstep(2.0 * alpha - 0.5);
        1.0 + self.seam * (steep / alpha - 1.0)
    }
}

/// Colour and seam corrections at their strengths, in one grid.
fn field(parts: &Parts, options: &StitchOptions) -> Option<Grid> {
    let mut sum: Option<Grid> = None;
    for (grid, strength) in [
        (&parts.colour, options.color_match),
        (&parts.seam, options.seam),
    ] {
        let Some(grid) = grid.as_ref().filter(|_| strength > 0.0) else {
            continue;
        };
        debug_assert_eq!(grid.cell, FIELD_CELL);
        match &mut sum {
            None => {
                let mut first = grid.clone();
                for value in &mut first.data {
                    *value = value.map(|v| v * strength);
                }
                sum = Some(first);
            }
            Some(sum) => {
                for (a, b) in sum.data.iter_mut().zip(&grid.data) {
                    for c in 0..3 {
                        a[c] += strength * b[c];
                    }
                }
            }
        }
    }
    sum
}

/// Coverage for each value of the composite mask: its own, or that of a seam only `blend_px` wide. The narrower seam lies
/// at the inner end of the mask's own.
fn coverage_table(options: &StitchOptions, seam_px: f32) -> [u8; 256] {
    let steeper = options
        .blend_px
        .map_or(1.0, |px| ((seam_px + 1.0) / (px + 1.0)).max(1.0));
    std::array::from_fn(|value| {
        if steeper <= 1.0 || value == 0 || value == 255 {
            return value as u8;
        }
        let t = 1.0 - (1.0 - inverse_smoothstep(value as f32 / 255.0)) * steeper;
        (smoothstep(t) * 255.0).round() as u8
    })
}

fn smoothstep(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn inverse_smoothstep(value: f32) -> f32 {
    0.5 - ((1.0 - 2.0 * value.clamp(0.0, 1.0)).asin() / 3.0).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_undoes_the_step() {
        for i in 0..=20 {
            let t = i as f32 / 20.0;
            assert!((inverse_smoothstep(smoothstep(t)) - t).abs() < 1e-3);
        }
    }

    #[test]
    fn a_narrower_seam_covers_no_more() {
        let mut options = StitchOptions::default();
        let own = coverage_table(&options, 16.0);
        let mut last = own;
        for px in [24.0, 12.0, 4.0, 0.0] {
            options.blend_px = Some(px);
            let table = coverage_table(&options, 16.0);
            assert_eq!((table[0], table[255]), (0, 255));
            assert!(table.iter().zip(&last).all(|(now, before)| now <= before));
            last = table;
        }
        assert!(last[..250].iter().all(|v| *v == 0));
    }
}
