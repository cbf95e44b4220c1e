//! Owns the one pass over a stitch's pixels that runs while a slider moves. Called by `StitchCache::apply`. Must never
//! give coverage where the composite mask has none.
//!
//! Along the seam the difference fill − photo is blended in two bands (Burt and Adelson, "A multiresolution spline",
//! 1983): its smooth part over the whole seam, its detail over the middle half, so that neither colours step nor two
//! textures average to a blur. The picture is given such that mixing it in by its coverage makes exactly that blend.

use std::ops::Range;

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
    edge: Vec<[f32; 3]>,
    gain: Vec<[f32; 3]>,
    /// The grain tile, repeated.
    grain: Vec<f32>,
}

impl Rows {
    fn new(size: PixelSize) -> Self {
        let row = vec![[0.0; 3]; size.width as usize];
        Self {
            field: row.clone(),
            low: row.clone(),
            edge: row.clone(),
            grain: vec![0.0; row.len() * 3],
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
        let mut is_partial = false;
        for ((out, composite), inside) in coverage
            .iter_mut()
            .zip(&parts.composite.data[from..to])
            .zip(&parts.inside[from..to])
        {
            *out = self.cover(*composite, *inside);
            is_partial |= *out > 0 && *out < 255;
        }
        let (x0, y0) = (parts.origin.0, parts.origin.1 + y);
        if let Some(field) = &self.field {
            field.row(y0, x0, &mut rows.field);
        }
        if let Some(edge) = parts.edge.as_ref().filter(|_| self.seam > 0.0) {
            if self.field.is_none() {
                rows.field.fill([0.0; 3]);
            }
            edge.row(y0, x0, &mut rows.edge);
            for (sum, edge) in rows.field.iter_mut().zip(&rows.edge) {
                for c in 0..3 {
                    sum[c] += self.seam * edge[c];
                }
            }
        }
        if let Some(gains) = &self.gains {
            gains.row(y0, x0, &mut rows.gain);
            repeat_tile(&parts.tile.data, x0, y0, &mut rows.grain);
        }
        if let Some(low) = parts.seam_low.as_ref().filter(|_| is_partial) {
            low.row(y0, x0, &mut rows.low);
        }
        let values = from * 3..to * 3;
        let source = Source {
            photo: &parts.photo[values.clone()],
            result: &parts.result[values.clone()],
            detail: parts.detail.as_ref().map(|d| &d[values.clone()]),
            calm: parts
                .calm
                .as_ref()
                .filter(|_| self.seam > 0.0)
                .map(|c| &c[values]),
        };
        let mut start = 0;
        for run in coverage.chunk_by(|a, b| Share::of(*a) == Share::of(*b)) {
            let end = start + run.len();
            let at = start * 3..end * 3;
            match Share::of(run[0]) {
                Share::None => picture[at.clone()].copy_from_slice(&source.photo[at]),
                Share::All => self.core(at, &source, rows, picture),
                Share::Part => self.seam(start, run, &source, rows, picture),
            }
            start = end;
        }
    }

    /// Where the result replaces the photo.
    fn core(&self, at: Range<usize>, source: &Source, rows: &Rows, picture: &mut [f32]) {
        let out = &mut picture[at.clone()];
        let inputs = source.result[at.clone()]
            .iter()
            .zip(&rows.field.as_flattened()[at.clone()])
            .zip(&rows.gain.as_flattened()[at.clone()])
            .zip(&rows.grain[at.clone()]);
        for (out, (((result, field), gain), grain)) in out.iter_mut().zip(inputs) {
            *out = result + field + gain * grain;
        }
        if let Some(detail) = source.detail {
            for (out, detail) in out.iter_mut().zip(&detail[at.clone()]) {
                *out += self.amount * detail;
            }
        }
        if let Some(calm) = source.calm {
            for (out, calm) in out.iter_mut().zip(&calm[at]) {
                *out += self.seam * calm;
            }
        }
    }

    /// Where the result fades into the photo.
    fn seam(&self, start: usize, run: &[u8], source: &Source, rows: &Rows, picture: &mut [f32]) {
        for (x, coverage) in (start..).zip(run) {
            let share = self.detail_share(*coverage);
            for c in 0..3 {
                let at = x * 3 + c;
                let mut fine = rows.gain[x][c] * rows.grain[at];
                if let Some(detail) = source.detail {
                    fine += self.amount * detail[at];
                }
                if let Some(calm) = source.calm {
                    fine += self.seam * calm[at];
                }
                let low = rows.low[x][c];
                let difference = source.result[at] - source.photo[at];
                picture[at] =
                    source.photo[at] + low + rows.field[x][c] + share * (difference - low + fine);
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

/// One row of the pictures.
struct Source<'a> {
    photo: &'a [f32],
    result: &'a [f32],
    detail: Option<&'a [f32]>,
    calm: Option<&'a [f32]>,
}

/// How much of a pixel is the result's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    None,
    Part,
    All,
}

impl Share {
    fn of(coverage: u8) -> Self {
        match coverage {
            0 => Self::None,
            255 => Self::All,
            _ => Self::Part,
        }
    }
}

/// One row of the tile from column `x0` on.
fn repeat_tile(tile: &[f32], x0: usize, y: usize, out: &mut [f32]) {
    let row = &tile[y % TILE * TILE * 3..(y % TILE + 1) * TILE * 3];
    let first = &row[x0 % TILE * 3..];
    let (head, rest) = out.split_at_mut(first.len().min(out.len()));
    head.copy_from_slice(&first[..head.len()]);
    for chunk in rest.chunks_mut(row.len()) {
        chunk.copy_from_slice(&row[..chunk.len()]);
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
