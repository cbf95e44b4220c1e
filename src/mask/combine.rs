//! Owns bringing two masks together. Used by app, document and cli. Costs by the smaller one's area where the rule allows
//! it. Must never combine masks of different canvases.

use rayon::prelude::*;

use super::base::GRAIN;
use super::{Mask, MaskError};
use crate::geometry::PixelRect;
use crate::raster::Plane;

/// What a new selection does to the mask that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Combine {
    /// Masked where either is: the larger value.
    Add,
    /// Masked where the old one is and the new one is not.
    Subtract,
    /// Masked where both are: the smaller value.
    Intersect,
    /// The new one alone.
    #[default]
    Replace,
}

impl Combine {
    fn rule(self) -> fn(u8, u8) -> u8 {
        match self {
            Self::Add => u8::max,
            Self::Subtract => |a, b| a.min(255 - b),
            Self::Intersect => u8::min,
            Self::Replace => |_, b| b,
        }
    }

    /// True when places that the new selection says nothing of become unmasked.
    fn clears_outside(self) -> bool {
        matches!(self, Self::Intersect | Self::Replace)
    }
}

impl Mask {
    /// Combines with a mask of the same canvas; returns where something may have changed.
    pub fn combine(&mut self, other: &Self, how: Combine) -> Result<PixelRect, MaskError> {
        self.apply(other, how.rule())?;
        Ok(self.size().rect())
    }

    /// Combines with `part`, which covers `rect` of this canvas and is 0 everywhere else; returns where something may
    /// have changed. `rect` may reach beyond the canvas. `Add` and `Subtract` cost by the rectangle's area; `Intersect`
    /// and `Replace` clear what lies outside of it, within the mask's bounds.
    pub fn combine_part(
        &mut self,
        rect: PixelRect,
        part: &Plane,
        how: Combine,
    ) -> Result<PixelRect, MaskError> {
        if part.size != rect.size() || part.data.len() as u64 != rect.area() {
            return Err(MaskError::Size {
                mask: part.size,
                canvas: rect.size(),
            });
        }
        let inside = rect.intersect(self.size().rect());
        let mut changed = inside;
        if how.clears_outside() {
            let bounds = self.bounds();
            changed = changed.union(bounds);
            self.clear_around(bounds, inside);
        }
        if !inside.is_empty() {
            self.apply_part(inside, rect, part, how.rule());
        }
        Ok(changed)
    }

    /// Masked where either is.
    pub fn union(&mut self, other: &Self) -> Result<(), MaskError> {
        self.apply(other, Combine::Add.rule())
    }

    /// Masked where this is and the other is not.
    pub fn subtract(&mut self, other: &Self) -> Result<(), MaskError> {
        self.apply(other, Combine::Subtract.rule())
    }

    /// Masked where both are.
    pub fn intersect(&mut self, other: &Self) -> Result<(), MaskError> {
        self.apply(other, Combine::Intersect.rule())
    }

    fn apply(&mut self, other: &Self, rule: fn(u8, u8) -> u8) -> Result<(), MaskError> {
        if self.size() != other.size() {
            return Err(MaskError::Size {
                mask: other.size(),
                canvas: self.size(),
            });
        }
        self.plane
            .data
            .par_chunks_mut(GRAIN)
            .zip(other.plane.data.par_chunks(GRAIN))
            .for_each(|(to, from)| by_rule(to, from, rule));
        Ok(())
    }

    fn apply_part(
        &mut self,
        inside: PixelRect,
        rect: PixelRect,
        part: &Plane,
        rule: fn(u8, u8) -> u8,
    ) {
        let width = self.plane.width();
        let len = inside.width as usize;
        let rows = inside.y as usize * width..inside.bottom() as usize * width;
        self.plane.data[rows]
            .par_chunks_mut(width)
            .with_min_len(GRAIN / width + 1)
            .enumerate()
            .for_each(|(row, line)| {
                let from = (inside.y - rect.y) as usize + row;
                let from = from * part.width() + (inside.x - rect.x) as usize;
                by_rule(
                    &mut line[inside.x as usize..][..len],
                    &part.data[from..from + len],
                    rule,
                );
            });
    }

    /// Unmasks what lies in `bounds` but not in `kept`; both inside the canvas.
    fn clear_around(&mut self, bounds: PixelRect, kept: PixelRect) {
        let width = self.plane.width();
        let kept = kept.intersect(bounds);
        let (left, right) = (bounds.x as usize, bounds.right() as usize);
        for y in bounds.y..bounds.bottom() {
            let row = &mut self.plane.data[y as usize * width..][..width];
            if kept.is_empty() || y < kept.y || y >= kept.bottom() {
                row[left..right].fill(0);
            } else {
                row[left..kept.x as usize].fill(0);
                row[kept.right() as usize..right].fill(0);
            }
        }
    }
}

fn by_rule(to: &mut [u8], from: &[u8], rule: fn(u8, u8) -> u8) {
    for (a, b) in to.iter_mut().zip(from) {
        *a = rule(*a, *b);
    }
}
