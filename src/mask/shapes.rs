//! Owns filled shapes: rectangle, ellipse and polygon (lasso), antialiased. Used by the selection tools through app.
//! Must never build up: values combine by their maximum, or by their minimum when erasing.

use super::Mask;
use crate::geometry::PixelRect;

/// Lines per pixel row that a polygon is measured at; coverage along a row is exact.
const LINES: usize = 8;

impl Mask {
    /// Masks (or, with `erase`, frees) the rectangle, cut to the canvas; returns what may have changed.
    pub fn fill_rect(&mut self, rect: PixelRect, erase: bool) -> PixelRect {
        let inside = rect.intersect(self.size().rect());
        if inside.is_empty() {
            return PixelRect::default();
        }
        let width = self.plane.width();
        for y in inside.y as usize..inside.bottom() as usize {
            let row = y * width;
            self.plane.data[row + inside.x as usize..row + inside.right() as usize]
                .fill(if erase { 0 } else { 255 });
        }
        inside
    }

    /// Masks or frees the ellipse that fits `rect`.
    pub fn fill_ellipse(&mut self, rect: PixelRect, erase: bool) -> PixelRect {
        if rect.is_empty() {
            return PixelRect::default();
        }
        let (a, b) = (rect.width as f32 / 2.0, rect.height as f32 / 2.0);
        let centre = (rect.x as f32 + a, rect.y as f32 + b);
        let corners = 64 + (a.max(b) as usize).min(4000);
        let points: Vec<(f32, f32)> = (0..corners)
            .map(|i| std::f32::consts::TAU * i as f32 / corners as f32)
            .map(|turn| (centre.0 + a * turn.cos(), centre.1 + b * turn.sin()))
            .collect();
        self.fill_polygon(&points, erase)
    }

    /// Masks or frees the inside of the closed polygon (even-odd rule; canvas coordinates). Fewer than three points,
    /// or points that are not numbers, change nothing.
    pub fn fill_polygon(&mut self, points: &[(f32, f32)], erase: bool) -> PixelRect {
        let finite = points.iter().all(|p| p.0.abs() < 1e7 && p.1.abs() < 1e7);
        if points.len() < 3 || !finite {
            return PixelRect::default();
        }
        let fold = |pick: fn(&(f32, f32)) -> f32, rule: fn(f32, f32) -> f32| {
            points.iter().map(pick).reduce(rule).unwrap_or(0.0)
        };
        let dirty = PixelRect::from_edges(
            fold(|p| p.0, f32::min).floor() as i32,
            fold(|p| p.1, f32::min).floor() as i32,
            fold(|p| p.0, f32::max).ceil() as i32,
            fold(|p| p.1, f32::max).ceil() as i32,
        )
        .intersect(self.size().rect());
        if dirty.is_empty() {
            return PixelRect::default();
        }
        let width = self.plane.width();
        let mut cover = vec![0.0f32; dirty.width as usize];
        let mut cuts = Vec::new();
        for y in dirty.y..dirty.bottom() {
            cover.fill(0.0);
            for line in 0..LINES {
                let at = y as f32 + (line as f32 + 0.5) / LINES as f32;
                crossings(points, at, &mut cuts);
                for pair in cuts.chunks_exact(2) {
                    add_span(
                        &mut cover,
                        pair[0] - dirty.x as f32,
                        pair[1] - dirty.x as f32,
                    );
                }
            }
            let start = y as usize * width + dirty.x as usize;
            let row = &mut self.plane.data[start..start + cover.len()];
            for (value, cover) in row.iter_mut().zip(&cover) {
                let coverage = (cover / LINES as f32 * 255.0 + 0.5) as u8;
                *value = if erase {
                    (*value).min(255 - coverage)
                } else {
                    (*value).max(coverage)
                };
            }
        }
        dirty
    }
}

/// Where the polygon's edges cross the height `y`, from left to right.
fn crossings(points: &[(f32, f32)], y: f32, cuts: &mut Vec<f32>) {
    cuts.clear();
    let mut previous = points[points.len() - 1];
    for point in points {
        let (a, b) = (previous, *point);
        if (a.1 <= y) != (b.1 <= y) {
            cuts.push(a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0));
        }
        previous = *point;
    }
    cuts.sort_by(f32::total_cmp);
}

/// Adds the span `left..right` to the pixels' coverage, partly covered ones by their share.
fn add_span(cover: &mut [f32], left: f32, right: f32) {
    let left = left.clamp(0.0, cover.len() as f32);
    let right = right.clamp(0.0, cover.len() as f32);
    if right <= left {
        return;
    }
    let (first, last) = (left as usize, (right.ceil() as usize).min(cover.len()));
    for (x, value) in cover[first..last].iter_mut().enumerate() {
        let x = (first + x) as f32;
        *value += (right.min(x + 1.0) - left.max(x)).max(0.0);
    }
}
