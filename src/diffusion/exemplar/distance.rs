//! Owns the distance between the patch around a query and a source patch. Called millions of times: no allocation.
//!
//! For a query patch q and a source p, over the 7 × 7 pixels k and three channels,
//!
//! ```text
//! d = Σ_k w_k (q_k − p_k)² / (3 Σ_k w_k) + texture_weight |T_q − T_p|² + location_weight (2 Δy² + ½ Δx²)
//! ```
//!
//! in squared colour units (0..1 a channel). w is larger on known pixels than on painted ones, as in a reverse-diffusion
//! likelihood with less noise where the picture is given, and 0 outside. T are the texture features of Newson et al.
//! (IPOL 2017); Δ are in parts of the region's longer side, and rows matter more because horizons are level.

use super::level::{Level, MAX_RADIUS, ONE, ROW, ROW_PIXELS, Trust};

const ROWS: usize = 2 * MAX_RADIUS + 1;

/// Weights of the terms, for one round.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// 1–8: weight of a known pixel against 1 of a painted one.
    pub known: i16,
    pub texture: f32,
    pub location: f32,
}

/// A query patch, unpacked once and compared with many sources.
pub(super) struct Query {
    pixels: [i16; ROW * ROWS],
    weights: [i16; ROW * ROWS],
    rows: usize,
    /// From summed fixed-point squares to `d`.
    scale: f32,
    texture: [f32; 2],
    x: f32,
    y: f32,
    terms: Terms,
    per_side: f32,
}

impl Query {
    pub(super) fn gather(level: &Level, at: u32, terms: Terms) -> Self {
        let (x, y) = (at as usize % level.width, at as usize / level.width);
        let (mut from, step) = level.patch_start(at);
        let rows = 2 * level.ry + 1;
        let mut query = Self {
            pixels: [0; ROW * ROWS],
            weights: [0; ROW * ROWS],
            rows,
            scale: 0.0,
            texture: level.texture[at as usize],
            x: x as f32,
            y: y as f32,
            terms,
            per_side: 1.0 / level.width.max(level.height) as f32,
        };
        let mut sum = 0i32;
        for row in 0..rows {
            let to = row * ROW;
            query.pixels[to..to + ROW].copy_from_slice(&level.pixels()[from..from + ROW]);
            let trust = &level.trust()[from / 3..from / 3 + ROW_PIXELS];
            for (i, t) in trust.iter().take(2 * level.rx + 1).enumerate() {
                let weight = if *t == Trust::Known as u8 {
                    terms.known
                } else {
                    i16::from(*t == Trust::Painted as u8)
                };
                query.weights[to + 3 * i..to + 3 * i + 3].fill(weight);
                sum += i32::from(weight);
            }
            from += step;
        }
        query.scale = 1.0 / (3.0 * ONE * ONE * sum.max(1) as f32);
        query
    }

    /// Distance to the source around `at` (a clean centre), or anything ≥ `limit` as soon as it is that far.
    pub(super) fn distance(&self, level: &Level, at: u32, limit: f32) -> f32 {
        let (x, y) = (at as usize % level.width, at as usize / level.width);
        let texture = level.texture[at as usize];
        let (tx, ty) = (self.texture[0] - texture[0], self.texture[1] - texture[1]);
        let (dx, dy) = (
            (self.x - x as f32) * self.per_side,
            (self.y - y as f32) * self.per_side,
        );
        let apart = self.terms.texture * (tx * tx + ty * ty)
            + self.terms.location * (2.0 * dy * dy + 0.5 * dx * dx);
        if apart >= limit {
            return apart;
        }
        let stop = (limit - apart) / self.scale;
        let (mut from, step) = level.patch_start(at);
        let mut sum = 0.0f32;
        for row in 0..self.rows {
            let Some(source) = level.pixels().get(from..from + ROW) else {
                return f32::INFINITY;
            };
            let q = &self.pixels[row * ROW..(row + 1) * ROW];
            let w = &self.weights[row * ROW..(row + 1) * ROW];
            sum += row_distance(q, source, w) as f32;
            if sum >= stop {
                break;
            }
            from += step;
        }
        apart + sum * self.scale
    }
}

/// Σ w (q − p)² over a row; shaped so that it compiles to packed multiply-adds.
fn row_distance(q: &[i16], p: &[i16], w: &[i16]) -> i32 {
    let mut sum = 0i32;
    for i in 0..ROW {
        let d = q[i].wrapping_sub(p[i]);
        sum += i32::from(d) * i32::from(d.wrapping_mul(w[i]));
    }
    sum
}
