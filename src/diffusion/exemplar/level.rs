//! Owns one pyramid level as the patch search sees it: fixed-point pixels with a margin, which centres may be copied
//! (sources), which must be matched (queries). Must never search or vote.
//!
//! Pixels are `i16` with `ONE` for 1.0 so that a patch row of eight pixels compares in a handful of 128-bit
//! multiply-adds on every x86-64 and ARM64 machine, without `unsafe`.

use rayon::prelude::*;

use super::pyramid::{FILL, KNOWN, OTHER, PAINTED, Picture, depths};
use super::random::Stream;

/// Fixed-point 1.0. Values are clamped to −0.5..1.5, so that a difference times the largest weight (8) fits an `i16`.
pub(super) const ONE: f32 = 1365.0;
/// Pixels of one patch row as stored: seven at most, and one that always has weight 0.
pub(super) const ROW_PIXELS: usize = 8;
pub(super) const ROW: usize = ROW_PIXELS * 3;
/// The largest patch radius: 7 × 7 patches.
pub(super) const MAX_RADIUS: usize = 3;
const RIGHT_MARGIN: usize = ROW_PIXELS - MAX_RADIUS;
/// Not a position.
pub(super) const NOWHERE: u32 = u32::MAX;

/// How much a pixel counts when a patch is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Outside the picture, unknown, or not painted yet.
    None = 0,
    Painted = 1,
    Known = 2,
}

pub(super) struct Level {
    pub width: usize,
    pub height: usize,
    /// Patch radius across and down; smaller than three where the picture or its known part is too small for it.
    pub rx: usize,
    pub ry: usize,
    pub rgb: Vec<[f32; 3]>,
    pub texture: Vec<[f32; 2]>,
    pub state: Vec<u8>,
    /// Fixed-point RGB with the margin, noise included.
    pixels: Vec<i16>,
    /// `Trust` with the margin.
    trust: Vec<u8>,
    padded: usize,
    /// True at centres whose whole patch lies in the picture and is known.
    pub clean: Vec<bool>,
    /// Those centres, in scan order. Never empty.
    pub sources: Vec<u32>,
    /// Centres of patches that touch a pixel to fill, in scan order.
    pub queries: Vec<u32>,
    /// Index into `queries`, or `NOWHERE`.
    pub query_at: Vec<u32>,
    /// Pixels to fill, in scan order.
    pub holes: Vec<u32>,
    /// Chebyshev distance to the known, for every pixel.
    pub depth: Vec<u16>,
}

/// The largest radius with at least `wanted` clean patches (or any at all, once it is 0), and its clean map.
pub(super) fn clean_patches(picture: &Picture, wanted: usize) -> Option<(usize, usize, Vec<bool>)> {
    let (w, h) = (picture.width, picture.height);
    let unknown: Vec<bool> = picture.state.iter().map(|s| *s != KNOWN).collect();
    for radius in (0..=MAX_RADIUS).rev() {
        let (rx, ry) = (radius.min((w - 1) / 2), radius.min((h - 1) / 2));
        let mut clean = near(&unknown, w, h, rx, ry);
        for (at, c) in clean.iter_mut().enumerate() {
            let (x, y) = (at % w, at / w);
            *c = !*c && x >= rx && y >= ry && x + rx < w && y + ry < h;
        }
        let count = clean.iter().filter(|c| **c).count();
        if count >= wanted || radius == 0 && count > 0 {
            return Some((rx, ry, clean));
        }
    }
    None
}

/// True where any pixel of the window around is set.
pub(super) fn near(set: &[bool], w: usize, h: usize, rx: usize, ry: usize) -> Vec<bool> {
    let mut wide = vec![false; w * h];
    for (row, out) in set.chunks(w).zip(wide.chunks_mut(w)) {
        let mut count = row[..rx.min(w)].iter().filter(|s| **s).count();
        for x in 0..w {
            if x + rx < w {
                count += usize::from(row[x + rx]);
            }
            if x > rx {
                count -= usize::from(row[x - rx - 1]);
            }
            out[x] = count > 0;
        }
    }
    let mut out = vec![false; w * h];
    for y in 0..h {
        for from in y.saturating_sub(ry)..(y + ry + 1).min(h) {
            for x in 0..w {
                out[y * w + x] |= wide[from * w + x];
            }
        }
    }
    out
}

fn positions(set: impl Iterator<Item = bool>) -> Vec<u32> {
    set.enumerate()
        .filter(|(_, s)| *s)
        .map(|(at, _)| at as u32)
        .collect()
}

impl Level {
    /// `None` when nothing is known. `wanted` is how many clean patches are asked for before the radius shrinks.
    pub(super) fn new(picture: Picture, wanted: usize) -> Option<Self> {
        let (rx, ry, clean) = clean_patches(&picture, wanted)?;
        let depth = depths(picture.width, picture.height, |at| {
            matches!(picture.state[at], KNOWN | PAINTED)
        });
        let Picture {
            width,
            height,
            rgb,
            texture,
            state,
        } = picture;
        let fill: Vec<bool> = state.iter().map(|s| *s == FILL).collect();
        let touching = near(&fill, width, height, rx, ry);
        let queries = positions(touching.iter().zip(&state).map(|(t, s)| *t && *s != OTHER));
        let mut query_at = vec![NOWHERE; width * height];
        for (index, at) in queries.iter().enumerate() {
            query_at[*at as usize] = index as u32;
        }
        let padded = width + MAX_RADIUS + RIGHT_MARGIN;
        let rows = height + 2 * MAX_RADIUS;
        let mut level = Self {
            width,
            height,
            rx,
            ry,
            sources: positions(clean.iter().copied()),
            holes: positions(fill.into_iter()),
            // A patch row is read eight pixels wide wherever it starts.
            pixels: vec![0; (padded * rows + ROW_PIXELS) * 3],
            trust: vec![Trust::None as u8; padded * rows + ROW_PIXELS],
            padded,
            rgb,
            texture,
            state,
            clean,
            queries,
            query_at,
            depth,
        };
        level.load();
        Some(level)
    }

    /// Index of a pixel in the padded planes.
    fn padded_at(&self, at: usize) -> usize {
        (at / self.width + MAX_RADIUS) * self.padded + at % self.width + MAX_RADIUS
    }

    /// Starts the hole with the colours and texture of a level half as fine.
    pub(super) fn inherit(&mut self, coarse: &Self) {
        for at in &self.holes {
            let at = *at as usize;
            let from = at / self.width / 2 * coarse.width + at % self.width / 2;
            self.rgb[at] = coarse.rgb[from];
            self.texture[at] = coarse.texture[from];
        }
    }

    fn load(&mut self) {
        for at in 0..self.rgb.len() {
            let to = self.padded_at(at);
            self.pixels[to * 3..to * 3 + 3].copy_from_slice(&self.rgb[at].map(fixed));
            self.trust[to] = match self.state[at] {
                KNOWN | PAINTED => Trust::Known,
                FILL => Trust::Painted,
                _ => Trust::None,
            } as u8;
        }
    }

    /// Says whether the pixels to fill count in comparisons.
    pub(super) fn trust_holes(&mut self, trust: Trust) {
        for i in 0..self.holes.len() {
            let to = self.padded_at(self.holes[i] as usize);
            self.trust[to] = trust as u8;
        }
    }

    /// Paints one pixel to fill, and makes it count.
    pub(super) fn paint(&mut self, at: usize, rgb: [f32; 3], texture: [f32; 2]) {
        self.rgb[at] = rgb;
        self.texture[at] = texture;
        let to = self.padded_at(at);
        self.pixels[to * 3..to * 3 + 3].copy_from_slice(&rgb.map(fixed));
        self.trust[to] = Trust::Painted as u8;
    }

    /// Writes the pixels to fill, plus `sigma` of normal noise, where the comparisons read them.
    pub(super) fn load_noisy(&mut self, sigma: f32, seed: u64, round: u64) {
        let (rgb, holes) = (&self.rgb, &self.holes);
        let noisy: Vec<[i16; 3]> = holes
            .par_iter()
            .map(|at| {
                let mut p = rgb[*at as usize];
                if sigma > 0.0 {
                    let mut stream = Stream::new(seed, round, u64::from(*at));
                    for c in &mut p {
                        *c += sigma * stream.normal();
                    }
                }
                p.map(fixed)
            })
            .collect();
        for (i, p) in noisy.iter().enumerate() {
            let to = self.padded_at(self.holes[i] as usize) * 3;
            self.pixels[to..to + 3].copy_from_slice(p);
        }
    }

    /// Where the patch around a centre starts in `pixels`, and the step to its next row.
    pub(super) fn patch_start(&self, at: u32) -> (usize, usize) {
        let (x, y) = (at as usize % self.width, at as usize / self.width);
        let start = (y + MAX_RADIUS - self.ry) * self.padded + x + MAX_RADIUS - self.rx;
        (start * 3, self.padded * 3)
    }

    pub(super) fn pixels(&self) -> &[i16] {
        &self.pixels
    }

    pub(super) fn trust(&self) -> &[u8] {
        &self.trust
    }
}

/// NaN becomes 0.
fn fixed(v: f32) -> i16 {
    (v.clamp(-0.5, 1.5) * ONE).round() as i16
}
