//! Owns splitting a mask into parts that can be repainted one by one. Used by plan and app. Works on runs of pixels, so
//! that large, mostly empty masks cost little. Must never lose a pixel: every non-zero one belongs to exactly one part.

use rayon::prelude::*;

use super::Mask;
use super::base::first_set;
use crate::geometry::PixelRect;
use crate::raster::Plane;

/// A connected piece of a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Position in the list, counted from 0 by each part's first pixel (row by row).
    pub id: usize,
    /// Around all of its non-zero pixels.
    pub bounds: PixelRect,
    /// Number of its non-zero pixels.
    pub pixels: u64,
    runs: Vec<Run>,
}

/// Pixels `left..right` of row `y`; gaps of at most the joining distance count as filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    y: u32,
    left: u32,
    right: u32,
    pixels: u32,
}

impl Part {
    /// Its pixels as stretches of rows: row, first column, column behind the last; row by row. Gaps that were joined
    /// along a row count as filled.
    pub fn runs(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        self.runs.iter().map(|run| (run.y, run.left, run.right))
    }

    /// This part of `mask` alone, as large as `rect`; everything else is 0.
    pub fn extract(&self, mask: &Mask, rect: PixelRect) -> Plane {
        let mut out = Plane::new(rect.size());
        let inside = rect.intersect(mask.size().rect());
        for run in &self.runs {
            let y = run.y as i32;
            let left = (run.left as i32).max(inside.x);
            let right = (run.right as i32).min(inside.right());
            if y < inside.y || y >= inside.bottom() || left >= right {
                continue;
            }
            let from = run.y as usize * mask.plane.width() + left as usize;
            let to = (y - rect.y) as usize * out.width() + (left - rect.x) as usize;
            let len = (right - left) as usize;
            out.data[to..to + len].copy_from_slice(&mask.plane.data[from..from + len]);
        }
        out
    }
}

impl Mask {
    /// Splits the non-zero pixels into parts. Pixels belong together when at most `join_px` empty pixels lie between
    /// them along a row, a column or a diagonal (0: neighbours, diagonal ones included).
    pub fn parts(&self, join_px: u32) -> Vec<Part> {
        let bounds = self.bounds();
        if bounds.is_empty() {
            return Vec::new();
        }
        let join = join_px.min(1 << 20);
        let rows: Vec<Vec<Run>> = (bounds.y..bounds.bottom())
            .into_par_iter()
            .map(|y| self.runs_of_row(y as u32, bounds, join))
            .collect();
        let mut starts = Vec::with_capacity(rows.len() + 1);
        starts.push(0);
        for row in &rows {
            starts.push(starts[starts.len() - 1] + row.len());
        }
        let runs: Vec<Run> = rows.into_iter().flatten().collect();
        let mut sets = Sets::new(runs.len());
        for row in 1..starts.len() - 1 {
            let here = starts[row]..starts[row + 1];
            if here.is_empty() {
                continue;
            }
            for above in row.saturating_sub(join as usize + 1)..row {
                join_rows(
                    &runs,
                    here.clone(),
                    starts[above]..starts[above + 1],
                    join,
                    &mut sets,
                );
            }
        }
        collect(&runs, &mut sets)
    }

    fn runs_of_row(&self, y: u32, bounds: PixelRect, join: u32) -> Vec<Run> {
        let width = self.plane.width();
        let row = &self.plane.data[y as usize * width..][..width];
        let mut runs: Vec<Run> = Vec::new();
        let (mut x, end) = (bounds.x as usize, bounds.right() as usize);
        while let Some(offset) = first_set(&row[x..end]) {
            let left = x + offset;
            let length = row[left..end]
                .iter()
                .position(|v| *v == 0)
                .unwrap_or(end - left);
            let right = left + length;
            match runs.last_mut() {
                Some(last) if left as u32 - last.right <= join => {
                    last.right = right as u32;
                    last.pixels += length as u32;
                }
                _ => runs.push(Run {
                    y,
                    left: left as u32,
                    right: right as u32,
                    pixels: length as u32,
                }),
            }
            x = right;
        }
        runs
    }
}

/// Joins the runs of two rows that are near enough side by side; both lists are sorted.
fn join_rows(
    runs: &[Run],
    here: std::ops::Range<usize>,
    above: std::ops::Range<usize>,
    join: u32,
    sets: &mut Sets,
) {
    let mut first = above.start;
    for index in here {
        let run = runs[index];
        while first < above.end && runs[first].right + join < run.left {
            first += 1;
        }
        let mut other = first;
        while other < above.end && runs[other].left <= run.right + join {
            sets.join(index, other);
            other += 1;
        }
    }
}

fn collect(runs: &[Run], sets: &mut Sets) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut id_of_root = vec![usize::MAX; runs.len()];
    for (index, run) in runs.iter().enumerate() {
        let root = sets.root(index);
        let id = if id_of_root[root] == usize::MAX {
            id_of_root[root] = parts.len();
            parts.push(Part {
                id: parts.len(),
                bounds: PixelRect::default(),
                pixels: 0,
                runs: Vec::new(),
            });
            parts.len() - 1
        } else {
            id_of_root[root]
        };
        let part = &mut parts[id];
        let (left, right, y) = (run.left as i32, run.right as i32, run.y as i32);
        part.bounds = part
            .bounds
            .union(PixelRect::from_edges(left, y, right, y + 1));
        part.pixels += u64::from(run.pixels);
        part.runs.push(*run);
    }
    parts
}

/// Union-find; the smaller index becomes the root, so that the result does not depend on the order of joins.
pub(super) struct Sets(Vec<u32>);

impl Sets {
    pub fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    pub fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] as usize != at {
            let above = self.0[self.0[at] as usize];
            self.0[at] = above;
            at = above as usize;
        }
        at
    }

    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.0[high] = low as u32;
    }
}
