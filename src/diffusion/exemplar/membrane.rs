//! Owns the smooth surface over a hole with given values along its edge: the correction that lets a fill meet the photo
//! without a step. Pure arithmetic on flat grids. Used at the end of a region only.
//!
//! It solves the screened Poisson equation Σ (c − c_neighbour) + c / s² = force on four neighbours, with nothing flowing through the picture's own
//! border. Without screening this is the membrane of Farbman et al., "Coordinates for instant image cloning" (SIGGRAPH 2009),
//! that is, Poisson blending (Pérez et al., 2003) written as a correction. Solved by multigrid
//! V-cycles with red and black half-sweeps; close to converged, not exact, which a correction can bear.

use rayon::prelude::*;

/// Takes no part.
pub(super) const OUTSIDE: u8 = 0;
/// To be solved.
pub(super) const FREE: u8 = 1;
/// Given.
pub(super) const FIXED: u8 = 2;

/// Multigrid cycles.
const CYCLES: usize = 6;
/// Sweeps before and after a coarse correction.
const SWEEPS: usize = 3;
/// Sweeps that solve the coarsest grid.
const LAST_SWEEPS: usize = 60;
/// Over-relaxation on the coarsest grid, where it speeds convergence; below 2 it converges.
const OVER: f32 = 1.5;
/// Where this many or fewer are free, or a side is this short, the grid is not halved.
const SMALL: usize = 48;
const SHORT: usize = 4;

pub(super) struct Grid {
    pub width: usize,
    pub height: usize,
    pub kind: Vec<u8>,
    pub value: Vec<[f32; 3]>,
    /// What the free values' differences to their neighbours should sum to; zero for the plain membrane.
    pub force: Vec<[f32; 3]>,
}

impl Grid {
    /// Solves the free values; `screen` is 1 / s², in pixels of this grid.
    pub(super) fn solve(&mut self, screen: f32) {
        let free: Vec<u32> = (0..self.kind.len() as u32)
            .filter(|at| self.kind[*at as usize] == FREE)
            .collect();
        for _ in 0..CYCLES {
            self.cycle(&free, screen);
        }
    }

    /// One V-cycle.
    fn cycle(&mut self, free: &[u32], screen: f32) {
        let (red, black): (Vec<u32>, Vec<u32>) = free.iter().partition(|at| {
            (**at as usize % self.width + **at as usize / self.width).is_multiple_of(2)
        });
        if free.len() <= SMALL || self.width.min(self.height) <= SHORT {
            self.sweep(&red, &black, screen, LAST_SWEEPS, OVER);
            return;
        }
        self.sweep(&red, &black, screen, SWEEPS, 1.0);
        let mut half = self.residual(free, screen);
        let coarse: Vec<u32> = (0..half.kind.len() as u32)
            .filter(|at| half.kind[*at as usize] == FREE)
            .collect();
        if !coarse.is_empty() {
            half.cycle(&coarse, screen * 4.0);
            self.step_by(free, &half, screen);
        }
        self.sweep(&black, &red, screen, SWEEPS, 1.0);
    }

    /// Adds the coarse correction e, scaled by ⟨r, e⟩ / ⟨e, A e⟩: with the residual r that step never overshoots, however
    /// badly the coarse grid fits the hole's edge.
    fn step_by(&mut self, free: &[u32], half: &Self, screen: f32) {
        let mut step = Self {
            width: self.width,
            height: self.height,
            kind: self.kind.clone(),
            value: vec![[0.0; 3]; self.kind.len()],
            force: vec![[0.0; 3]; self.kind.len()],
        };
        for at in free {
            let at = *at as usize;
            step.value[at] = half.sample(at % self.width, at / self.width);
        }
        let mut along = [[0.0f64; 2]; 3];
        for at in free {
            let at = *at as usize;
            let (sum, mass) = self.around(at, screen);
            let (spread, _) = step.around(at, screen);
            for c in 0..3 {
                let e = step.value[at][c];
                along[c][0] += f64::from((sum[c] - mass * self.value[at][c]) * e);
                along[c][1] += f64::from((mass * e - spread[c]) * e);
            }
        }
        let scale = along.map(|[gain, bend]| {
            if bend > 0.0 {
                (gain / bend) as f32
            } else {
                0.0
            }
        });
        for at in free {
            let step = step.value[*at as usize];
            add(
                &mut self.value[*at as usize],
                [0, 1, 2].map(|c| scale[c] * step[c]),
                1.0,
            );
        }
    }

    fn sweep(&mut self, first: &[u32], second: &[u32], screen: f32, times: usize, over: f32) {
        for _ in 0..times {
            for half in [first, second] {
                let fresh: Vec<[f32; 3]> = half
                    .par_iter()
                    .with_min_len(4096)
                    .map(|at| {
                        let (sum, mass) = self.around(*at as usize, screen);
                        let now = self.value[*at as usize];
                        if mass > 0.0 {
                            [0, 1, 2].map(|c| now[c] + over * (sum[c] / mass - now[c]))
                        } else {
                            now
                        }
                    })
                    .collect();
                for (at, v) in half.iter().zip(fresh) {
                    self.value[*at as usize] = v;
                }
            }
        }
    }

    /// Force plus neighbours, and what the value is multiplied with to balance them.
    fn around(&self, at: usize, screen: f32) -> ([f32; 3], f32) {
        let (x, y) = (at % self.width, at / self.width);
        let mut sum = self.force[at];
        let mut mass = screen;
        let mut take = |from: usize| {
            if self.kind[from] != OUTSIDE {
                add(&mut sum, self.value[from], 1.0);
                mass += 1.0;
            }
        };
        if x > 0 {
            take(at - 1);
        }
        if x + 1 < self.width {
            take(at + 1);
        }
        if y > 0 {
            take(at - self.width);
        }
        if y + 1 < self.height {
            take(at + self.width);
        }
        (sum, mass)
    }

    /// What is still unbalanced, at half the size: a pixel is free where all those under it that take part are.
    fn residual(&self, free: &[u32], screen: f32) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut half = Self {
            width,
            height,
            kind: vec![OUTSIDE; width * height],
            value: vec![[0.0; 3]; width * height],
            force: vec![[0.0; 3]; width * height],
        };
        let under = |at: usize| at / self.width / 2 * width + at % self.width / 2;
        let mut bound = vec![false; width * height];
        for (at, kind) in self.kind.iter().enumerate().filter(|(_, k)| **k != OUTSIDE) {
            half.kind[under(at)] = FIXED;
            bound[under(at)] |= *kind == FIXED;
        }
        for at in free {
            let at = *at as usize;
            let to = under(at);
            if !bound[to] {
                half.kind[to] = FREE;
                let (sum, mass) = self.around(at, screen);
                add(&mut half.force[to], sum, 1.0);
                add(&mut half.force[to], self.value[at], -mass);
            }
        }
        half
    }

    /// Bilinear, at a pixel of the grid twice as fine, over what takes part.
    fn sample(&self, x: usize, y: usize) -> [f32; 3] {
        let (cx, cy) = ((x / 2) as i32, (y / 2) as i32);
        let (nx, ny) = (
            if x.is_multiple_of(2) { cx - 1 } else { cx + 1 },
            if y.is_multiple_of(2) { cy - 1 } else { cy + 1 },
        );
        let mut sum = [0.0f32; 3];
        let mut mass = 0.0;
        for (sx, sy, weight) in [(cx, cy, 9.0), (nx, cy, 3.0), (cx, ny, 3.0), (nx, ny, 1.0)] {
            if sx < 0 || sy < 0 || sx >= self.width as i32 || sy >= self.height as i32 {
                continue;
            }
            let at = sy as usize * self.width + sx as usize;
            if self.kind[at] != OUTSIDE {
                add(&mut sum, self.value[at], weight);
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

fn add(to: &mut [f32; 3], from: [f32; 3], times: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += times * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_along_the_edge_is_a_plane_inside() {
        let (w, h) = (100, 80);
        let plane = |at: usize| 0.001 * (at % w) as f32 - 0.002 * (at / w) as f32;
        let edge =
            |at: usize| at.is_multiple_of(w) || at % w == w - 1 || at / w == 0 || at / w == h - 1;
        let mut grid = Grid {
            width: w,
            height: h,
            kind: (0..w * h)
                .map(|at| if edge(at) { FIXED } else { FREE })
                .collect(),
            value: (0..w * h)
                .map(|at| if edge(at) { [plane(at); 3] } else { [0.0; 3] })
                .collect(),
            force: vec![[0.0; 3]; w * h],
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
    fn forces_are_balanced_in_any_shape() {
        let (w, h) = (150, 120);
        let inside = |at: usize| {
            let (x, y) = ((at % w) as f32 - 70.0, (at / w) as f32 - 60.0);
            x.hypot(y) < 50.0 + 8.0 * (x * 0.3).sin()
        };
        let mut grid = Grid {
            width: w,
            height: h,
            kind: (0..w * h)
                .map(|at| if inside(at) { FREE } else { FIXED })
                .collect(),
            value: vec![[0.0; 3]; w * h],
            // One jump of 0.1 down the middle.
            force: (0..w * h)
                .map(|at| {
                    [match at % w {
                        70 => 0.1,
                        71 => -0.1,
                        _ => 0.0,
                    } * f32::from(u8::from(inside(at))); 3]
                })
                .collect(),
        };
        grid.solve(0.0);
        for at in (0..w * h).filter(|at| inside(*at)) {
            let (sum, mass) = grid.around(at, 0.0);
            let off = sum[0] - mass * grid.value[at][0];
            assert!(off.abs() < 1e-3, "{at}: {off}");
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
            force: vec![[0.0; 3]; 60],
        };
        grid.solve(0.25);
        assert!(grid.value[1][0] > 0.4 && grid.value[30][0] < 0.01);
    }
}
