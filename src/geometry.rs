//! Owns sizes and rectangles in whole pixels, and nothing else. Used by every room; depends on none.
//!
//! Coordinates grow right and down. A rectangle may reach outside the canvas (an extension to the left has a
//! negative `x`), so positions are signed and extents are not.

use serde::{Deserialize, Serialize};

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct PixelSize {
    pub width: u32,
    pub height: u32,
}

impl PixelSize {
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels, without overflow.
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    pub const fn long_side(self) -> u32 {
        if self.width > self.height {
            self.width
        } else {
            self.height
        }
    }

    pub const fn short_side(self) -> u32 {
        if self.width < self.height {
            self.width
        } else {
            self.height
        }
    }

    /// The rectangle that covers this size from the origin.
    pub const fn rect(self) -> PixelRect {
        PixelRect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }
}

impl std::fmt::Display for PixelSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {}", self.width, self.height)
    }
}

/// A half-open rectangle: `x..right()` by `y..bottom()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct PixelRect {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

impl PixelRect {
    pub const fn new(x: i32, y: i32, width: u32, height: u32) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// From edges; empty when an edge pair is reversed.
    pub fn from_edges(left: i32, top: i32, right: i32, bottom: i32) -> Self {
        Self {
            x: left,
            y: top,
            width: (right - left).max(0) as u32,
            height: (bottom - top).max(0) as u32,
        }
    }

    pub const fn right(self) -> i32 {
        self.x + self.width as i32
    }

    pub const fn bottom(self) -> i32 {
        self.y + self.height as i32
    }

    pub const fn size(self) -> PixelSize {
        PixelSize {
            width: self.width,
            height: self.height,
        }
    }

    pub const fn area(self) -> u64 {
        self.size().area()
    }

    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    pub fn contains(self, x: i32, y: i32) -> bool {
        x >= self.x && y >= self.y && x < self.right() && y < self.bottom()
    }

    pub fn contains_rect(self, other: Self) -> bool {
        other.x >= self.x
            && other.y >= self.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// The common part; empty when there is none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self::from_edges(
            self.x.max(other.x),
            self.y.max(other.y),
            self.right().min(other.right()),
            self.bottom().min(other.bottom()),
        )
    }

    /// The smallest rectangle around both; an empty one adds nothing.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self::from_edges(
            self.x.min(other.x),
            self.y.min(other.y),
            self.right().max(other.right()),
            self.bottom().max(other.bottom()),
        )
    }

    /// Wider by `px` on every side (narrower when negative).
    #[must_use]
    pub fn grow(self, px: i32) -> Self {
        Self::from_edges(
            self.x - px,
            self.y - px,
            self.right() + px,
            self.bottom() + px,
        )
    }

    #[must_use]
    pub fn translate(self, dx: i32, dy: i32) -> Self {
        Self {
            x: self.x + dx,
            y: self.y + dy,
            ..self
        }
    }

    /// Moved, not cut, so that it lies inside `bounds` as far as its size allows.
    #[must_use]
    pub fn shifted_into(self, bounds: Self) -> Self {
        let place = |at: i32, len: u32, low: i32, room: u32| {
            if len >= room {
                low
            } else {
                at.clamp(low, low + (room - len) as i32)
            }
        };
        Self {
            x: place(self.x, self.width, bounds.x, bounds.width),
            y: place(self.y, self.height, bounds.y, bounds.height),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersection_of_strangers_is_empty() {
        assert!(
            PixelRect::new(0, 0, 4, 4)
                .intersect(PixelRect::new(9, 9, 2, 2))
                .is_empty()
        );
    }

    #[test]
    fn shifting_keeps_the_size_and_stays_inside() {
        let bounds = PixelSize::new(100, 50).rect();
        let moved = PixelRect::new(-20, 40, 30, 30).shifted_into(bounds);
        assert_eq!(moved, PixelRect::new(0, 20, 30, 30));
        assert!(bounds.contains_rect(moved));
    }

    #[test]
    fn union_ignores_the_empty() {
        let a = PixelRect::new(3, 4, 5, 6);
        assert_eq!(a.union(PixelRect::default()), a);
    }
}
