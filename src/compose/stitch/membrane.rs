//! Owns smooth fields over a coarse grid: a membrane pulled towards scattered values. Called by the colour, seam and grain
//! stages. Knows no pictures.
//!
//! Minimises Σ |∇u|² + Σ wᵢ (uᵢ − vᵢ)² (the membrane of Pérez, Gangnet, Blake, "Poisson image editing", 2003, with soft
//! instead of fixed boundary values) by cascadic multigrid: solve coarse, carry up, relax (Bornemann and Deuflhard, "The
//! cascadic multigrid method", 1996). Red-black Gauss–Seidel, so the order of threads can't show.

/// Relaxations on the finest level, doubled on every coarser one up to the most.
const SWEEPS: usize = 10;
const MOST_SWEEPS: usize = 160;

/// Three channels on a grid of cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Side of a cell in px.
    pub cell: usize,
    pub columns: usize,
    pub rows: usize,
    pub data: Vec<[f32; 3]>,
}

impl Grid {
    /// Zero everywhere; covers `width` × `height` px.
    pub fn new(cell: usize, width: usize, height: usize) -> Self {
        let (columns, rows) = (width.div_ceil(cell).max(1), height.div_ceil(cell).max(1));
        Self {
            cell,
            columns,
            rows,
            data: vec![[0.0; 3]; columns * rows],
        }
    }

    /// Index of the pixel in the middle of a cell, in a picture of this size.
    pub fn pixel(&self, at: usize, width: usize, height: usize) -> usize {
        let centre = |i: usize, len: usize| (i * self.cell + self.cell / 2).min(len - 1);
        centre(at / self.columns, height) * width + centre(at % self.columns, width)
    }

    /// Values of one picture row, bilinear between cell centres, for `out.len()` px from `x0` on.
    pub fn row(&self, y: usize, x0: usize, out: &mut [[f32; 3]]) {
        let (top, bottom, ty) = self.between(y, self.rows);
        let upper = &self.data[top * self.columns..(top + 1) * self.columns];
        let lower = &self.data[bottom * self.columns..(bottom + 1) * self.columns];
        let column = |i: usize| -> [f32; 3] {
            std::array::from_fn(|c| upper[i][c] + ty * (lower[i][c] - upper[i][c]))
        };
        let mut x = x0;
        let end = x0 + out.len();
        while x < end {
            let (left, right, first) = self.between(x, self.columns);
            // Up to the next cell centre both neighbours stay the same.
            let half = self.cell / 2;
            let next = ((x + self.cell - half) / self.cell * self.cell + half).max(x + 1);
            let (a, b) = (column(left), column(right));
            let step = if left == right {
                0.0
            } else {
                1.0 / self.cell as f32
            };
            for (i, value) in out[x - x0..next.min(end) - x0].iter_mut().enumerate() {
                let t = first + i as f32 * step;
                for c in 0..3 {
                    value[c] = a[c] + t * (b[c] - a[c]);
                }
            }
            x = next;
        }
    }

    /// The cells on both sides of a pixel and the share of the second.
    fn between(&self, at: usize, cells: usize) -> (usize, usize, f32) {
        let place = (at as f32 + 0.5) / self.cell as f32 - 0.5;
        let low = place.floor();
        if low < 0.0 {
            return (0, 0, 0.0);
        }
        let first = (low as usize).min(cells - 1);
        let second = (first + 1).min(cells - 1);
        (
            first,
            second,
            if first == second { 0.0 } else { place - low },
        )
    }

    /// Bilinear value at a place in px (cell centres are at `cell · (i + ½)`).
    pub fn at(&self, x: usize, y: usize) -> [f32; 3] {
        let mut out = [[0.0; 3]];
        self.row(y, x, &mut out);
        out[0]
    }
}

struct Level {
    columns: usize,
    rows: usize,
    values: Vec<[f32; 3]>,
    weights: Vec<f32>,
}

/// The membrane for `values` with `weights` (0 = free; a weight of 4 holds a cell as strongly as its neighbours do).
/// Zero everywhere when every weight is 0.
pub fn membrane(values: &Grid, weights: &[f32]) -> Grid {
    let mut levels = vec![Level {
        columns: values.columns,
        rows: values.rows,
        values: values.data.clone(),
        weights: weights.to_vec(),
    }];
    while let Some(last) = levels.last().filter(|l| l.columns.max(l.rows) > 2) {
        let next = coarser(last);
        levels.push(next);
    }
    let mut solved: Option<(Vec<[f32; 3]>, usize, usize)> = None;
    for (depth, level) in levels.iter().enumerate().rev() {
        let mut field = match &solved {
            None => start(level),
            Some((coarse, columns, rows)) => carried(coarse, *columns, *rows, level),
        };
        for _ in 0..(SWEEPS << depth.min(8)).min(MOST_SWEEPS) {
            sweep(level, &mut field, 0);
            sweep(level, &mut field, 1);
        }
        solved = Some((field, level.columns, level.rows));
    }
    Grid {
        data: solved.map(|s| s.0).unwrap_or_default(),
        ..*values
    }
    .with_shape(values)
}

impl Grid {
    fn with_shape(mut self, like: &Self) -> Self {
        self.data.resize(like.data.len(), [0.0; 3]);
        self
    }
}

/// The coarsest level starts at the weighted mean.
fn start(level: &Level) -> Vec<[f32; 3]> {
    let total: f32 = level.weights.iter().sum();
    let mut mean = [0.0; 3];
    if total > 0.0 {
        for (value, weight) in level.values.iter().zip(&level.weights) {
            for c in 0..3 {
                mean[c] += value[c] * weight / total;
            }
        }
    }
    vec![mean; level.values.len()]
}

fn coarser(fine: &Level) -> Level {
    let (columns, rows) = (fine.columns.div_ceil(2), fine.rows.div_ceil(2));
    let mut coarse = Level {
        columns,
        rows,
        values: vec![[0.0; 3]; columns * rows],
        weights: vec![0.0; columns * rows],
    };
    for y in 0..fine.rows {
        for x in 0..fine.columns {
            let from = y * fine.columns + x;
            let to = y / 2 * columns + x / 2;
            coarse.weights[to] += fine.weights[from];
            for c in 0..3 {
                coarse.values[to][c] += fine.weights[from] * fine.values[from][c];
            }
        }
    }
    for (value, weight) in coarse.values.iter_mut().zip(&coarse.weights) {
        if *weight > 0.0 {
            *value = value.map(|v| v / weight);
        }
    }
    coarse
}

/// Bilinear to the finer level.
fn carried(coarse: &[[f32; 3]], columns: usize, rows: usize, level: &Level) -> Vec<[f32; 3]> {
    let grid = Grid {
        cell: 2,
        columns,
        rows,
        data: coarse.to_vec(),
    };
    let mut out = vec![[0.0; 3]; level.columns * level.rows];
    for (y, row) in out.chunks_mut(level.columns).enumerate() {
        grid.row(y, 0, row);
    }
    out
}

fn sweep(level: &Level, field: &mut [[f32; 3]], colour: usize) {
    let (columns, rows) = (level.columns, level.rows);
    for y in 0..rows {
        for x in ((y + colour) % 2..columns).step_by(2) {
            let at = y * columns + x;
            let mut sum = [0.0; 3];
            let mut count = 0.0;
            let mut add = |value: [f32; 3]| {
                for c in 0..3 {
                    sum[c] += value[c];
                }
                count += 1.0;
            };
            if x > 0 {
                add(field[at - 1]);
            }
            if x + 1 < columns {
                add(field[at + 1]);
            }
            if y > 0 {
                add(field[at - columns]);
            }
            if y + 1 < rows {
                add(field[at + columns]);
            }
            let weight = level.weights[at];
            if count + weight > 0.0 {
                for c in 0..3 {
                    field[at][c] = (sum[c] + weight * level.values[at][c]) / (count + weight);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_boundary_gives_a_constant() {
        let mut values = Grid::new(8, 37 * 8, 23 * 8);
        let mut weights = vec![0.0; values.data.len()];
        for at in (0..weights.len()).step_by(11) {
            weights[at] = 2.0;
            values.data[at] = [0.3, -0.2, 0.0];
        }
        for value in membrane(&values, &weights).data {
            assert!((value[0] - 0.3).abs() < 1e-4 && (value[1] + 0.2).abs() < 1e-4);
        }
    }

    #[test]
    fn between_two_walls_lies_a_ramp() {
        let mut values = Grid::new(1, 65, 33);
        let mut weights = vec![0.0; values.data.len()];
        for y in 0..33 {
            for (x, value) in [(0, 0.0), (64, 1.0)] {
                values.data[y * 65 + x] = [value; 3];
                weights[y * 65 + x] = 1000.0;
            }
        }
        let field = membrane(&values, &weights);
        for x in 0..65 {
            assert!(
                (field.data[16 * 65 + x][0] - x as f32 / 64.0).abs() < 0.06,
                "{x}"
            );
        }
    }

    #[test]
    fn rows_interpolate_between_cell_centres() {
        let mut grid = Grid::new(4, 16, 4);
        for (i, value) in grid.data.iter_mut().enumerate() {
            *value = [i as f32; 3];
        }
        let mut row = vec![[0.0; 3]; 16];
        grid.row(2, 0, &mut row);
        for (x, value) in row.iter().enumerate() {
            let expected = ((x as f32 + 0.5) / 4.0 - 0.5).clamp(0.0, 3.0);
            assert!((value[0] - expected).abs() < 1e-5, "{x}: {}", value[0]);
            assert!((grid.at(x, 2)[0] - expected).abs() < 1e-5);
        }
    }
}
