//! Owns how much grain a fill lacks, place by place. Called by `prepare`. A fill that has as much high-pass as the photo's
//! quiet places around it lacks nothing; nor does one that gives the photo back.
//!
//! A fill can be quiet by right: it may show sky beside grass. Where the model also redrew pixels that it should have
//! kept, the grain it loses is seen there. Where it kept them exactly, only a fill that is quieter nearly everywhere than
//! its surroundings' quiet places is taken to lack grain.

use rayon::prelude::*;

use super::area::Area;
use super::filter::{high_pass_rgb, quantile};
use super::membrane::{Grid, membrane};
use super::spectrum::level;

/// Side of a cell in px.
pub const CELL: usize = 16;
/// A cell speaks when it has this many pixels of a side.
const MIN_PIXELS: usize = 12;
/// The level wanted is this quantile of the photo's cells in a neighbourhood: low, because texture only adds, …
const QUIET: f32 = 0.3;
/// … unless the model is known to lose grain, and texture as fine as grain with it.
const TYPICAL: f32 = 0.5;
/// Neighbourhood of that quantile, in cells to each side.
const REACH: usize = 2;
/// The photo's grain is that of its quietest cells (this quantile); no place is wanted more than so many times as rough,
/// for beyond it new grain would be seen as grain, not as texture.
const QUIETEST: f32 = 0.1;
const ROUGHEST: f32 = 4.0;
/// A fill within this factor of the level wanted is left alone.
const NEAR: f32 = 1.06;
/// A model that brings kept pixels back with less than this share of their grain loses grain.
const LOSSY: f32 = 0.9;
/// Where nothing is known of the model: sure that grain lacks below the first share of the level wanted (median over the
/// fill), sure that none does above the second.
const DOUBT: (f32, f32) = (0.6, 0.95);
/// Composite mask from which on a pixel is fill for the most part.
const MOSTLY: u8 = 96;
/// A cell whose pixels all came back within this, on average, is the photo itself.
const SAME: f32 = 0.25 / 255.0;

/// How much grain is there and how much should be.
#[derive(Debug, Clone)]
pub struct Levels {
    /// Per cell: the level wanted, the fill's as it came, and the fill's at full sharpness.
    cells: Grid,
    /// Per cell, 0–1: how sure it is that the fill lacks any.
    certainty: Vec<f32>,
}

impl Levels {
    /// `flat` is the picture with the result in it, colours and seam matched; `sharpened` the same at full sharpness,
    /// none when that changes nothing; `calm` what was taken from a busy fill along its edge, and grain with it.
    pub fn measure(
        area: &Area,
        flat: &[f32],
        sharpened: Option<&[f32]>,
        calm: Option<&[f32]>,
    ) -> Self {
        let photo = cells(area, &area.photo, |at| area.composite[at] == 0);
        let plain = fill_cells(area, flat);
        let sharp = sharpened.map_or_else(|| plain.clone(), |s| fill_cells(area, s));
        let mut grid = Grid::new(CELL, area.width, area.height);
        let mut all: Vec<f32> = photo.iter().flatten().copied().collect();
        let most = ROUGHEST * quantile(&mut all, QUIETEST);
        let level = |share: f32| spread(&quiet(&photo, &grid, share), &grid);
        let (quiet, typical) = (level(QUIET), level(TYPICAL));
        let loses = loses_grain(area);
        let doubt = doubt(&plain, &quiet);
        let calmed = calmed(area, calm, &grid);
        let same = unchanged(area, &grid);
        let found = spread(&plain, &grid);
        let found_sharp = spread(&sharp, &grid);
        let mut certainty = vec![1.0; grid.data.len()];
        for (at, value) in grid.data.iter_mut().enumerate() {
            let is_sure = loses || calmed[at];
            if !is_sure {
                certainty[at] = doubt;
            }
            let wanted = if is_sure { typical[at] } else { quiet[at] }.min(most);
            *value = [
                if same[at] { 0.0 } else { wanted },
                found[at],
                found_sharp[at],
            ];
        }
        Self {
            cells: grid,
            certainty,
        }
    }

    /// Factor on a tile of level 1, the same for every channel, at a sharpness and grain strength of 0–1.
    pub fn gains(&self, sharpness: f32, strength: f32) -> Grid {
        let mut gains = self.cells.clone();
        for (value, certainty) in gains.data.iter_mut().zip(&self.certainty) {
            let [wanted, plain, sharp] = *value;
            let found = (plain + sharpness * (sharp - plain)) * NEAR;
            *value = [strength * certainty * (wanted * wanted - found * found).max(0.0).sqrt(); 3];
        }
        gains
    }
}

/// Levels of the fill's cells, from pixels that are fill for the most part and whose neighbours are fill; in holes too thin
/// for that, from any.
fn fill_cells(area: &Area, picture: &[f32]) -> Vec<Option<f32>> {
    let fullest = area.composite.iter().max().copied().unwrap_or(0);
    let is_fill = |at: usize| area.composite[at] >= fullest.min(MOSTLY);
    let found = cells(area, picture, |at| is_fill(at) && area.inside[at] > 1);
    if found.iter().any(Option::is_some) {
        return found;
    }
    cells(area, picture, is_fill)
}

/// True when kept pixels came back with clearly less grain.
fn loses_grain(area: &Area) -> bool {
    let photo = cells(area, &area.photo, |at| area.is_known(at));
    let result = cells(area, &area.result, |at| area.is_known(at));
    let mut ratios: Vec<f32> = photo
        .iter()
        .zip(&result)
        .filter_map(|(a, b)| Some((*b)? / a.filter(|a| *a > 0.0)?))
        .collect();
    !ratios.is_empty() && quantile(&mut ratios, 0.5) < LOSSY
}

/// How sure it is that the fill lacks grain, from the fill alone.
fn doubt(fill: &[Option<f32>], wanted: &[f32]) -> f32 {
    let mut ratios: Vec<f32> = fill
        .iter()
        .zip(wanted)
        .filter(|(_, wanted)| **wanted > 0.0)
        .filter_map(|(found, wanted)| found.map(|f| f / wanted))
        .collect();
    if ratios.is_empty() {
        return 0.0;
    }
    let typical = quantile(&mut ratios, 0.5);
    ((DOUBT.1 - typical) / (DOUBT.1 - DOUBT.0)).clamp(0.0, 1.0)
}

/// Cells from which something was taken.
fn calmed(area: &Area, calm: Option<&[f32]>, grid: &Grid) -> Vec<bool> {
    let mut found = vec![false; grid.data.len()];
    for (at, taken) in calm.unwrap_or_default().chunks_exact(3).enumerate() {
        if area.composite[at] > 0 && taken.iter().any(|v| v.abs() > SAME) {
            found[at / area.width / CELL * grid.columns + at % area.width / CELL] = true;
        }
    }
    found
}

/// Cells in which the fill is the photo, and empty ones beside them.
fn unchanged(area: &Area, grid: &Grid) -> Vec<bool> {
    let own: Vec<Option<bool>> = (0..grid.data.len())
        .map(|index| {
            let (cx, cy) = (index % grid.columns * CELL, index / grid.columns * CELL);
            let (mut sum, mut count) = (0.0, 0.0);
            for y in cy..(cy + CELL).min(area.height) {
                for x in cx..(cx + CELL).min(area.width) {
                    let at = y * area.width + x;
                    if area.composite[at] > 0 {
                        for c in at * 3..at * 3 + 3 {
                            sum += (area.photo[c] - area.result[c]).abs();
                        }
                        count += 3.0;
                    }
                }
            }
            (count > 0.0).then(|| sum / count < SAME)
        })
        .collect();
    let beside = |index: usize| {
        let (cx, cy) = (index % grid.columns, index / grid.columns);
        (cy.saturating_sub(1)..(cy + 2).min(grid.rows)).any(|y| {
            (cx.saturating_sub(1)..(cx + 2).min(grid.columns))
                .any(|x| own[y * grid.columns + x] == Some(true))
        })
    };
    (0..own.len())
        .map(|index| own[index].unwrap_or_else(|| beside(index)))
        .collect()
}

/// The level of grain in every cell that has enough pixels inside.
fn cells(
    area: &Area,
    picture: &[f32],
    is_inside: impl Fn(usize) -> bool + Sync,
) -> Vec<Option<f32>> {
    let high = high_pass_rgb(picture, area.width);
    let grid = Grid::new(CELL, area.width, area.height);
    let one = |buffer: &mut Vec<f32>, index: usize| {
        let corner = (index % grid.columns * CELL, index / grid.columns * CELL);
        cell_level(
            area,
            corner,
            |x, y| high[y * area.width + x],
            &is_inside,
            buffer,
        )
    };
    (0..grid.data.len())
        .into_par_iter()
        .map_init(Vec::new, one)
        .collect()
}

/// The level of one cell, by its upper left corner; none when too few pixels are inside. The outermost rows and columns
/// never count: high-passes have no values there. `value` gets x and y in the area.
pub fn cell_level(
    area: &Area,
    corner: (usize, usize),
    value: impl Fn(usize, usize) -> f32,
    is_inside: &impl Fn(usize) -> bool,
    buffer: &mut Vec<f32>,
) -> Option<f32> {
    buffer.clear();
    let (left, top) = corner;
    for y in top.max(1)..(top + CELL).min(area.height.saturating_sub(1)) {
        for x in left.max(1)..(left + CELL).min(area.width.saturating_sub(1)) {
            if is_inside(y * area.width + x) {
                buffer.push(value(x, y));
            }
        }
    }
    (buffer.len() >= MIN_PIXELS).then(|| level(buffer))
}

/// This quantile over each cell's neighbourhood, where the cell itself speaks.
fn quiet(levels: &[Option<f32>], grid: &Grid, share: f32) -> Vec<Option<f32>> {
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
            Some(quantile(&mut near, share))
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
