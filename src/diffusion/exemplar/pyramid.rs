//! Owns the pictures that the exemplar denoiser works on: one region of the photo at full size and its halvings, each with
//! colours, texture features and what is known. Must never look at patches.
//!
//! A coarse pixel is a source only where every pixel under it is known, so no invented colour ever enters the bank. The
//! texture features are those of Newson et al., "Non-local patch-based image inpainting" (IPOL 2017, section 3.3): the
//! mean absolute horizontal and vertical gradients, taken at full resolution and averaged down, so that a coarse level
//! still tells rippled water from sky of the same colour.

use rayon::prelude::*;

/// What a pixel is to the region being filled.
pub(super) const KNOWN: u8 = 0;
/// To be painted by this region.
pub(super) const FILL: u8 = 1;
/// Unknown, and painted by another region: neither a source nor a target.
pub(super) const OTHER: u8 = 2;
/// Painted by an earlier region, or (at coarse levels) known in half of its area or more: fits are made to it, but it is
/// not copied.
pub(super) const PAINTED: u8 = 3;

/// One resolution of a region, row by row.
pub(super) struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<[f32; 3]>,
    /// Mean absolute luma gradient across and down, in colour units a full-resolution pixel.
    pub texture: Vec<[f32; 2]>,
    pub state: Vec<u8>,
}

impl Picture {
    /// The full-resolution picture; texture is computed here.
    pub(super) fn new(width: usize, height: usize, rgb: Vec<[f32; 3]>, state: Vec<u8>) -> Self {
        let texture = gradients(width, height, &rgb, &state);
        Self {
            width,
            height,
            rgb,
            texture,
            state,
        }
    }

    /// Half the size, rounded up. Colour and texture are means over what is known (over everything where nothing is).
    pub(super) fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let count = width * height;
        let mut half = Self {
            width,
            height,
            rgb: vec![[0.0; 3]; count],
            texture: vec![[0.0; 2]; count],
            state: vec![KNOWN; count],
        };
        half.rgb
            .par_chunks_mut(width)
            .zip(half.texture.par_chunks_mut(width))
            .zip(half.state.par_chunks_mut(width))
            .enumerate()
            .for_each(|(y, ((rgb, texture), state))| {
                for x in 0..width {
                    (rgb[x], texture[x], state[x]) = self.cell(x, y);
                }
            });
        half
    }

    /// The mean of the (up to) four pixels under a pixel of the next level, and what it is.
    fn cell(&self, x: usize, y: usize) -> ([f32; 3], [f32; 2], u8) {
        let mut sum = [[0.0f32; 5]; 2];
        let mut mass = [0.0f32; 2];
        let mut seen = [0usize; 4];
        for sy in 2 * y..(2 * y + 2).min(self.height) {
            for sx in 2 * x..(2 * x + 2).min(self.width) {
                let at = sy * self.width + sx;
                let state = self.state[at];
                seen[state as usize] += 1;
                let unknown = usize::from(matches!(state, FILL | OTHER));
                let values = &mut sum[unknown];
                for (to, from) in values
                    .iter_mut()
                    .zip(self.rgb[at].iter().chain(&self.texture[at]))
                {
                    *to += from;
                }
                mass[unknown] += 1.0;
            }
        }
        let unknown = seen[FILL as usize] + seen[OTHER as usize];
        let what = if unknown + seen[PAINTED as usize] == 0 {
            KNOWN
        } else if unknown <= seen[KNOWN as usize] + seen[PAINTED as usize] {
            PAINTED
        } else if seen[FILL as usize] > 0 {
            FILL
        } else {
            OTHER
        };
        let side = usize::from(mass[0] == 0.0);
        let v = sum[side].map(|s| s / mass[side].max(1.0));
        ([v[0], v[1], v[2]], [v[3], v[4]], what)
    }
}

/// Chebyshev distance of every pixel to the nearest one that is `zero`, capped at 65535 (also the answer when none is).
pub(super) fn depths(w: usize, h: usize, zero: impl Fn(usize) -> bool) -> Vec<u16> {
    let mut depth: Vec<u16> = (0..w * h)
        .map(|at| if zero(at) { 0 } else { u16::MAX })
        .collect();
    let nearer = |depth: &mut [u16], at: usize, from: usize| {
        depth[at] = depth[at].min(depth[from].saturating_add(1));
    };
    for y in 0..h {
        for x in 0..w {
            let at = y * w + x;
            if depth[at] == 0 {
                continue;
            }
            if x > 0 {
                nearer(&mut depth, at, at - 1);
            }
            if y > 0 {
                for nx in x.saturating_sub(1)..(x + 2).min(w) {
                    nearer(&mut depth, at, (y - 1) * w + nx);
                }
            }
        }
    }
    for y in (0..h).rev() {
        for x in (0..w).rev() {
            let at = y * w + x;
            if depth[at] == 0 {
                continue;
            }
            if x + 1 < w {
                nearer(&mut depth, at, at + 1);
            }
            if y + 1 < h {
                for nx in x.saturating_sub(1)..(x + 2).min(w) {
                    nearer(&mut depth, at, (y + 1) * w + nx);
                }
            }
        }
    }
    depth
}

fn luma(p: [f32; 3]) -> f32 {
    0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]
}

/// Absolute forward differences of luma between known pixels, averaged over the 5 × 5 window's known part.
fn gradients(w: usize, h: usize, rgb: &[[f32; 3]], state: &[u8]) -> Vec<[f32; 2]> {
    let mut out = vec![[0.0f32; 3]; w * h];
    out.par_chunks_mut(w.max(1))
        .enumerate()
        .for_each(|(y, row)| {
            for (x, to) in row.iter_mut().enumerate() {
                let at = y * w + x;
                let right = if x + 1 < w { at + 1 } else { at };
                let down = if y + 1 < h { at + w } else { at };
                if [at, right, down].iter().all(|i| state[*i] == KNOWN) {
                    let here = luma(rgb[at]);
                    *to = [
                        (luma(rgb[right]) - here).abs(),
                        (luma(rgb[down]) - here).abs(),
                        1.0,
                    ];
                }
            }
        });
    let wide = slide(&out, w, h, true);
    let both = slide(&wide, w, h, false);
    both.iter()
        .map(|v| [v[0] / v[2].max(1e-6), v[1] / v[2].max(1e-6)])
        .collect()
}

/// Sums of five along rows or columns.
fn slide(from: &[[f32; 3]], w: usize, h: usize, along_rows: bool) -> Vec<[f32; 3]> {
    let mut out = vec![[0.0f32; 3]; w * h];
    out.par_chunks_mut(w.max(1))
        .enumerate()
        .for_each(|(y, row)| {
            for (x, to) in row.iter_mut().enumerate() {
                let (at, len) = if along_rows { (x, w) } else { (y, h) };
                for i in at.saturating_sub(2)..(at + 3).min(len) {
                    let v = if along_rows {
                        from[y * w + i]
                    } else {
                        from[i * w + x]
                    };
                    for c in 0..3 {
                        to[c] += v[c];
                    }
                }
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partly_known_cell_averages_the_known_and_is_no_source() {
        let rgb = vec![[0.2; 3], [9.0; 3], [0.4; 3], [0.6; 3]];
        let half = Picture::new(2, 2, rgb, vec![KNOWN, FILL, KNOWN, KNOWN]).halved();
        assert_eq!((half.width, half.height), (1, 1));
        assert_eq!(half.state, [PAINTED]);
        assert!((half.rgb[0][0] - 0.4).abs() < 1e-6);
    }

    #[test]
    fn depth_grows_away_from_the_known() {
        let mut state = [FILL; 7];
        state[0] = KNOWN;
        assert_eq!(depths(7, 1, |at| state[at] == KNOWN), [0, 1, 2, 3, 4, 5, 6]);
    }
}
