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

    /// Masks or frees the inside of the closed polygon (canvas coordinates). A pixel is inside where the outline winds
    /// around it at all (non-zero rule), so that a freehand loop that crosses itself leaves no holes, whichever way it
    /// was drawn. Fewer than three points, or points that are not numbers, change nothing.
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
        let mut outline = Outline::new(points);
        let width = self.plane.width();
        let mut cover = vec![0.0f32; dirty.width as usize];
        for y in dirty.y..dirty.bottom() {
            cover.fill(0.0);
            outline.move_to(y as f32);
            for line in 0..LINES {
                let at = y as f32 + (line as f32 + 0.5) / LINES as f32;
                outline.each_span(at, |left, right| {
                    add_span(&mut cover, left - dirty.x as f32, right - dirty.x as f32);
                });
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

/// One side of a polygon, from its upper to its lower end.
struct Side {
    top: (f32, f32),
    bottom: (f32, f32),
    /// 1 when it was drawn downwards, −1 upwards.
    turn: i32,
}

/// The sides of a polygon, visited row by row from above.
struct Outline {
    /// By their upper ends.
    sides: Vec<Side>,
    /// How many of them have been reached.
    reached: usize,
    /// Those that may cross the row.
    active: Vec<usize>,
    /// Where they cross a line, and which way.
    cuts: Vec<(f32, i32)>,
}

impl Outline {
    fn new(points: &[(f32, f32)]) -> Self {
        let after = points.iter().cycle().skip(1);
        let mut sides: Vec<Side> = points
            .iter()
            .zip(after)
            .filter(|(a, b)| a.1 != b.1)
            .map(|(&a, &b)| {
                let (top, bottom, turn) = if a.1 < b.1 { (a, b, 1) } else { (b, a, -1) };
                Side { top, bottom, turn }
            })
            .collect();
        sides.sort_by(|a, b| a.top.1.total_cmp(&b.top.1));
        Self {
            sides,
            reached: 0,
            active: Vec::new(),
            cuts: Vec::new(),
        }
    }

    /// Goes on to the row `y..y + 1`; rows come from above.
    fn move_to(&mut self, y: f32) {
        while self
            .sides
            .get(self.reached)
            .is_some_and(|side| side.top.1 < y + 1.0)
        {
            self.active.push(self.reached);
            self.reached += 1;
        }
        let sides = &self.sides;
        self.active.retain(|side| sides[*side].bottom.1 >= y);
    }

    /// Calls `take` with every stretch of the line at `y` that lies inside, from left to right.
    fn each_span(&mut self, y: f32, mut take: impl FnMut(f32, f32)) {
        self.cuts.clear();
        for side in self.active.iter().map(|side| &self.sides[*side]) {
            let (a, b) = (side.top, side.bottom);
            if a.1 <= y && b.1 > y {
                self.cuts
                    .push((a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0), side.turn));
            }
        }
        self.cuts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut turns, mut from) = (0, 0.0);
        for (x, turn) in &self.cuts {
            if turns == 0 {
                from = *x;
            }
            turns += turn;
            if turns == 0 {
                take(from, *x);
            }
        }
    }
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
