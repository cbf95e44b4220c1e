//! Owns how much grain a fill lacks, place by place. Called by `prepare`. A fill that has as much high-pass as the photo's
//! quiet places around it lacks nothing.

use super::area::Area;
use super::filter::{high_pass, luma, quantile};
use super::membrane::{Grid, membrane};
use super::spectrum::level;

/// Side of a cell in px.
const CELL: usize = 16;
/// A cell speaks when it has this many pixels of a side.
const MIN_PIXELS: usize = 24;
/// The level wanted is this quantile of the photo's cells in a neighbourhood: low, because texture only adds.
const QUIET: f32 = 0.3;
/// Neighbourhood of that quantile, in cells to each side.
const REACH: usize = 2;
/// A fill within this factor of the level wanted is left alone.
const NEAR: f32 = 1.06;

/// Per cell: the level wanted, the fill's as it came, and the fill's at full sharpness.
#[derive(Debug, Clone)]
pub struct Levels(Grid);

impl Levels {
    /// `sharpened` is the result at full sharpness; none when that changes nothing.
    pub fn measure(area: &Area, sharpened: Option<&[f32]>) -> Self {
        let photo = cells(area, &area.photo, |at| area.composite[at] == 0);
        let has_core = area.composite.contains(&255);
        let in_fill = |at: usize| area.composite[at] > if has_core { 254 } else { 0 };
        let plain = cells(area, &area.result, in_fill);
        let sharp = sharpened.map_or_else(|| plain.clone(), |s| cells(area, s, in_fill));
        let mut grid = Grid::new(CELL, area.width, area.height);
        let wanted = spread(&quiet(&photo, &grid), &grid);
        let found = spread(&plain, &grid);
        let found_sharp = spread(&sharp, &grid);
        for (at, value) in grid.data.iter_mut().enumerate() {
            *value = [wanted[at], found[at], found_sharp[at]];
        }
        Self(grid)
    }

    /// Factor on a tile of level 1 (first channel), at a sharpness and grain strength of 0–1.
    pub fn gains(&self, sharpness: f32, strength: f32) -> Grid {
        let mut gains = self.0.clone();
        for value in &mut gains.data {
            let [wanted, plain, sharp] = *value;
            let found = (plain + sharpness * (sharp - plain)) * NEAR;
            *value = [
                strength * (wanted * wanted - found * found).max(0.0).sqrt(),
                0.0,
                0.0,
            ];
        }
        gains
    }
}

/// The level of every cell that has enough pixels inside.
fn cells(area: &Area, picture: &[f32], is_inside: impl Fn(usize) -> bool) -> Vec<Option<f32>> {
    let lumas: Vec<f32> = picture.chunks_exact(3).map(luma).collect();
    let high = high_pass(&lumas, area.width);
    let grid = Grid::new(CELL, area.width, area.height);
    let mut out = vec![None; grid.data.len()];
    let mut values = Vec::with_capacity(CELL * CELL);
    for (index, found) in out.iter_mut().enumerate() {
        values.clear();
        let (cx, cy) = (index % grid.columns * CELL, index / grid.columns * CELL);
        for y in cy.max(1)..(cy + CELL).min(area.height.saturating_sub(1)) {
            for x in cx.max(1)..(cx + CELL).min(area.width.saturating_sub(1)) {
                let at = y * area.width + x;
                if is_inside(at) {
                    values.push(high[at]);
                }
            }
        }
        if values.len() >= MIN_PIXELS {
            *found = Some(level(&mut values));
        }
    }
    out
}

/// Low quantile over each cell's neighbourhood, where the cell itself speaks.
fn quiet(levels: &[Option<f32>], grid: &Grid) -> Vec<Option<f32>> {
    let mut near = Vec::new();
    (0..levels.len())
        .map(|index| {
            levels[index]?;
            let (cx, cy) = (index % grid.columns, index / grid.columns);
            near.clear();
            for y in cy.saturating_sub(REACH)..(cy + REACH + 1).min(grid.rows) {
                for x in cx.saturating_sub(REACH)..(cx + REACH + 1).min(grid.columns) {
                    near.extend(levels[y * grid.columns + x]);
                }
            }
            Some(quantile(&mut near, QUIET))
        })
        .collect()
}

/// Carried smoothly to the cells that do not speak.
fn spread(levels: &[Option<f32>], grid: &Grid) -> Vec<f32> {
    let mut values = Grid {
        data: vec![[0.0; 3]; levels.len()],
        ..*grid
    };
    let mut weights = vec![0.0; levels.len()];
    for (at, found) in levels.iter().enumerate() {
        if let Some(value) = found {
            values.data[at][0] = *value;
            weights[at] = 8.0;
        }
    }
    membrane(&values, &weights)
        .data
        .iter()
        .map(|v| v[0])
        .collect()
}
