//! Owns the smooth surface over a hole with given values along its edge: the correction that lets a fill meet the photo
//! without a step. Pure arithmetic on flat grids. Used at the end of a region only.
//!
//! It solves the screened Laplace equation Δc = c / s² on four neighbours, with nothing flowing through the picture's own
//! border. Without screening this is the membrane of Farbman et al., "Coordinates for instant image cloning" (SIGGRAPH 2009),
//! that is, Poisson blending (Pérez et al., 2003) written as a correction. Solved coarse to fine, red and black half-sweeps
//! at each size; the result is close to converged, not exact, which a correction can bear.

use rayon::prelude::*;

/// Takes no part.
pub(super) const OUTSIDE: u8 = 0;
/// To be solved.
pub(super) const FREE: u8 = 1;
/// Given.
pub(super) const FIXED: u8 = 2;

const SWEEPS: usize = 12;
/// Over-relaxation; below 2 it converges.
const OVER: f32 = 1.5;
/// Where this many or fewer are free, or a side is this short, the grid is solved at once.
const SMALL: usize = 48;

pub(super) struct Grid {
    pub width: usize,
    pub height: usize,
    pub kind: Vec<u8>,
    pub value: Vec<[f32; 3]>,
}

impl Grid {
    /// Solves the free values; `screen` is 1 / s², in grid units of this size.
    pub(super) fn solve(&mut self, screen: f32) {
        let free: Vec<u32> = (0..self.kind.len() as u32)
            .filter(|at| self.kind[*at as usize] == FREE)
            .collect();
        if free.is_empty() {
            return;
        }
        let small = free.len() <= SMALL || self.width.min(self.height) <= 2;
        if !small {
            let mut half = self.halved();
            half.solve(screen * 4.0);
            for at in &free {
                self.value[*at as usize] =
                    half.sample(*at as usize % self.width, *at as usize / self.width);
            }
        }
        let (red, black): (Vec<u32>, Vec<u32>) = free
            .iter()
            .partition(|at| (**at as usize % self.width + **at as usize / self.width) % 2 == 0);
        for _ in 0..if small { 8 * SWEEPS } else { SWEEPS } {
            for half in [&red, &black] {
                let fresh: Vec<[f32; 3]> = half
                    .par_iter()
                    .with_min_len(4096)
                    .map(|at| self.relaxed(*at as usize, screen))
                    .collect();
                for (at, v) in half.iter().zip(fresh) {
                    self.value[*at as usize] = v;
                }
            }
        }
    }

    fn relaxed(&self, at: usize, screen: f32) -> [f32; 3] {
        let (x, y) = (at % self.width, at / self.width);
        let mut sum = [0.0f32; 3];
        let mut mass = screen;
        let mut add = |from: usize| {
            if self.kind[from] != OUTSIDE {
                for c in 0..3 {
                    sum[c] += self.value[from][c];
                }
                mass += 1.0;
            }
        };
        if x > 0 {
            add(at - 1);
        }
        if x + 1 < self.width {
            add(at + 1);
        }
        if y > 0 {
            add(at - self.width);
        }
        if y + 1 < self.height {
            add(at + self.width);
        }
        let now = self.value[at];
        if mass > 0.0 {
            [0, 1, 2].map(|c| now[c] + OVER * (sum[c] / mass - now[c]))
        } else {
            now
        }
    }

    /// Half the size: fixed where any of the four is, with their mean.
    fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut half = Self {
            width,
            height,
            kind: vec![OUTSIDE; width * height],
            value: vec![[0.0; 3]; width * height],
        };
        let mut mass = vec![0.0f32; width * height];
        for at in 0..self.kind.len() {
            let to = at / self.width / 2 * width + at % self.width / 2;
            half.kind[to] = half.kind[to].max(self.kind[at]);
            if self.kind[at] == FIXED {
                for c in 0..3 {
                    half.value[to][c] += self.value[at][c];
                }
                mass[to] += 1.0;
            }
        }
        for (v, m) in half.value.iter_mut().zip(mass).filter(|(_, m)| *m > 0.0) {
            *v = v.map(|c| c / m);
        }
        half
    }

    /// Bilinear, at a pixel of the grid twice as fine, over what takes part.
    fn sample(&self, x: usize, y: usize) -> [f32; 3] {
        let (cx, cy) = ((x / 2) as i32, (y / 2) as i32);
        let (nx, ny) = (
            if x % 2 == 0 { cx - 1 } else { cx + 1 },
            if y % 2 == 0 { cy - 1 } else { cy + 1 },
        );
        let mut sum = [0.0f32; 3];
        let mut mass = 0.0;
        for (sx, sy, weight) in [(cx, cy, 9.0), (nx, cy, 3.0), (cx, ny, 3.0), (nx, ny, 1.0)] {
            if sx < 0 || sy < 0 || sx >= self.width as i32 || sy >= self.height as i32 {
                continue;
            }
            let at = sy as usize * self.width + sx as usize;
            if self.kind[at] != OUTSIDE {
                for c in 0..3 {
                    sum[c] += weight * self.value[at][c];
                }
                mass += weight;
            }
        }
        if mass > 0.0 {
            sum.map(|s| s / mass)
        } else {
            sum
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_along_the_edge_is_a_plane_inside() {
        let (w, h) = (100, 80);
        let plane = |at: usize| 0.001 * (at % w) as f32 - 0.002 * (at / w) as f32;
        let edge = |at: usize| at % w == 0 || at % w == w - 1 || at / w == 0 || at / w == h - 1;
        let mut grid = Grid {
            width: w,
            height: h,
            kind: (0..w * h)
                .map(|at| if edge(at) { FIXED } else { FREE })
                .collect(),
            value: (0..w * h)
                .map(|at| if edge(at) { [plane(at); 3] } else { [0.0; 3] })
                .collect(),
        };
        grid.solve(0.0);
        for at in 0..w * h {
            assert!(
                (grid.value[at][0] - plane(at)).abs() < 2e-3,
                "{at}: {} {}",
                grid.value[at][0],
                plane(at)
            );
        }
    }

    #[test]
    fn screening_makes_it_fade() {
        let mut grid = Grid {
            width: 60,
            height: 1,
            kind: (0..60)
                .map(|at| if at == 0 { FIXED } else { FREE })
                .collect(),
            value: (0..60)
                .map(|at| if at == 0 { [1.0; 3] } else { [0.0; 3] })
                .collect(),
        };
        grid.solve(0.25);
        assert!(grid.value[1][0] > 0.4 && grid.value[30][0] < 0.01);
    }
}
