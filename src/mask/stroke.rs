//! Owns brush strokes: the coverage of a round brush moved along a line. Used by the brush tool through app. Costs by
//! the stroke's own area. Must never build up where a stroke crosses itself: values combine by their maximum.

use super::Mask;
use crate::geometry::PixelRect;

/// A round brush.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrokeBrush {
    /// Pixels; clamped to 0.1–20000.
    pub diameter: f32,
    /// 1: a crisp edge (antialiased over one pixel); 0: fades from the centre on.
    pub hardness: f32,
    /// Takes away instead of adding.
    pub erase: bool,
}

/// Coverage by distance from the stroke's line.
pub(super) struct Tip {
    outer: f32,
    width: f32,
}

impl Tip {
    pub fn new(brush: &StrokeBrush) -> Option<Self> {
        if !brush.diameter.is_finite() || brush.hardness.is_nan() {
            return None;
        }
        let radius = brush.diameter.clamp(0.1, 20_000.0) / 2.0;
        let softness = 1.0 - brush.hardness.clamp(0.0, 1.0);
        Some(Self {
            outer: radius + 0.5,
            width: 1.0 + (radius - 0.5).max(0.0) * softness,
        })
    }

    /// Up to this distance coverage is full, whatever rounding does; negative where it never surely is.
    fn inner(&self) -> f32 {
        self.outer - self.width - self.outer * 1e-4
    }

    fn coverage(&self, distance: f32) -> u8 {
        let share = ((self.outer - distance) / self.width).clamp(0.0, 1.0);
        let share = if self.width > 1.0 {
            share * share * (3.0 - 2.0 * share)
        } else {
            share
        };
        (share * 255.0 + 0.5) as u8
    }
}

/// Applies the brush along the line from `from` to `to` (canvas coordinates, pixel centres at .5; equal points make a
/// dot) and returns the rectangle that may have changed. Consecutive pieces of a pointer's path join without gaps or
/// seams at any speed, since each is the exact capsule around its line.
pub(super) fn stamp(
    mask: &mut Mask,
    from: (f32, f32),
    to: (f32, f32),
    brush: &StrokeBrush,
) -> PixelRect {
    let finite = [from.0, from.1, to.0, to.1]
        .iter()
        .all(|v| v.is_finite() && v.abs() < 1e7);
    let (Some(tip), true) = (Tip::new(brush), finite) else {
        return PixelRect::default();
    };
    let reach = tip.outer;
    let dirty = PixelRect::from_edges(
        (from.0.min(to.0) - reach).floor() as i32,
        (from.1.min(to.1) - reach).floor() as i32,
        (from.0.max(to.0) + reach).ceil() as i32,
        (from.1.max(to.1) + reach).ceil() as i32,
    )
    .intersect(mask.size().rect());
    if dirty.is_empty() {
        return PixelRect::default();
    }
    let line = Line::new(from, to);
    let width = mask.plane.width();
    for y in dirty.y..dirty.bottom() {
        let centre_y = y as f32 + 0.5;
        let Some((low, high)) = line.span_near(centre_y, reach) else {
            continue;
        };
        // A disc is narrower the farther the row is from its middle; a pixel to spare for rounding.
        let off = centre_y - centre_y.clamp(from.1.min(to.1), from.1.max(to.1));
        let half = (reach * reach - off * off).max(0.0).sqrt() + 1.0;
        let left = ((low - half).floor() as i32).max(dirty.x);
        let right = ((high + half).ceil() as i32).min(dirty.right());
        if left >= right {
            continue;
        }
        let start = y as usize * width;
        let row = &mut mask.plane.data[start + left as usize..start + right as usize];
        // Pixels of the row before and after those that the tip covers wholly.
        let (full, rest) = match line.span_within(centre_y, tip.inner()) {
            Some((low, high)) => {
                let first = (low - 0.5).ceil().clamp(left as f32, right as f32) as i32;
                let end = (high - 0.5).floor() as i32 + 1;
                (first - left, end.clamp(first, right) - left)
            }
            None => (right - left, right - left),
        };
        let (before, inner) = row.split_at_mut(full as usize);
        let (inner, after) = inner.split_at_mut((rest - full) as usize);
        inner.fill(if brush.erase { 0 } else { 255 });
        for (part, start) in [(before, left), (after, left + rest)] {
            for (offset, value) in part.iter_mut().enumerate() {
                let centre_x = (start + offset as i32) as f32 + 0.5;
                let coverage = tip.coverage(line.distance(centre_x, centre_y));
                *value = if brush.erase {
                    (*value).min(255 - coverage)
                } else {
                    (*value).max(coverage)
                };
            }
        }
    }
    dirty
}

impl Mask {
    /// See [`StrokeBrush`]: draws (or erases) from one point to the next and returns the rectangle that may have
    /// changed, cut to the canvas; empty when the stroke misses it.
    pub fn stamp(&mut self, from: (f32, f32), to: (f32, f32), brush: &StrokeBrush) -> PixelRect {
        stamp(self, from, to, brush)
    }
}

struct Line {
    from: (f32, f32),
    along: (f32, f32),
    squared: f32,
}

impl Line {
    fn new(from: (f32, f32), to: (f32, f32)) -> Self {
        let along = (to.0 - from.0, to.1 - from.1);
        Self {
            from,
            along,
            squared: along.0 * along.0 + along.1 * along.1,
        }
    }

    fn distance(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.from.0, y - self.from.1);
        let at = if self.squared > 0.0 {
            ((dx * self.along.0 + dy * self.along.1) / self.squared).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let (dx, dy) = (dx - self.along.0 * at, dy - self.along.1 * at);
        (dx * dx + dy * dy).sqrt()
    }

    /// An x range at height `y` in which every point lies within `radius` of the line: around both its ends, and what is
    /// between them, since all points near a line make a convex shape. None where neither end is near enough.
    fn span_within(&self, y: f32, radius: f32) -> Option<(f32, f32)> {
        let around = |(x, end_y): (f32, f32)| {
            let squared = radius * radius - (y - end_y) * (y - end_y);
            (radius > 0.0 && squared >= 0.0).then(|| (x - squared.sqrt(), x + squared.sqrt()))
        };
        let to = (self.from.0 + self.along.0, self.from.1 + self.along.1);
        match (around(self.from), around(to)) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        }
    }

    /// The x range of the part of the line whose y is within `reach` of `y`.
    fn span_near(&self, y: f32, reach: f32) -> Option<(f32, f32)> {
        let (mut a, mut b) = (0.0f32, 1.0f32);
        if self.along.1.abs() > 1e-6 {
            let one = (y - reach - self.from.1) / self.along.1;
            let two = (y + reach - self.from.1) / self.along.1;
            a = a.max(one.min(two));
            b = b.min(one.max(two));
        } else if (y - self.from.1).abs() > reach + 1e-3 {
            return None;
        }
        if a > b {
            return None;
        }
        let (one, two) = (
            self.from.0 + self.along.0 * a,
            self.from.0 + self.along.0 * b,
        );
        Some((one.min(two), one.max(two)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    #[test]
    fn a_stamp_is_its_tips_coverage_at_every_pixel() {
        let points = [
            (20.0, 20.0),
            (61.3, 40.7),
            (61.3, 40.7),
            (5.0, 70.2),
            (90.0, 70.2),
            (200.0, -30.0),
        ];
        for (diameter, hardness, erase) in [
            (1.0, 1.0, false),
            (7.0, 0.3, false),
            (40.0, 0.8, false),
            (90.0, 1.0, true),
            (300.0, 0.0, true),
            (300.0, 0.9, false),
        ] {
            let brush = StrokeBrush {
                diameter,
                hardness,
                erase,
            };
            let tip = Tip::new(&brush).expect("a tip");
            for pair in points.windows(2) {
                let mut mask = Mask::new(PixelSize::new(120, 90));
                for (n, value) in mask.plane.data.iter_mut().enumerate() {
                    *value = (n * 7 % 256) as u8;
                }
                let before = mask.clone();
                mask.stamp(pair[0], pair[1], &brush);
                let line = Line::new(pair[0], pair[1]);
                for (n, (new, old)) in mask.plane.data.iter().zip(&before.plane.data).enumerate() {
                    let at = ((n % 120) as f32 + 0.5, (n / 120) as f32 + 0.5);
                    let coverage = tip.coverage(line.distance(at.0, at.1));
                    let expected = if erase {
                        (*old).min(255 - coverage)
                    } else {
                        (*old).max(coverage)
                    };
                    assert_eq!(*new, expected, "{brush:?} {pair:?} at {at:?}");
                }
            }
        }
    }
}
