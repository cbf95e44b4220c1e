//! Owns a brush stroke being drawn: painted at once, its tiles remembered as they were. Used by `Document`. A stroke
//! costs by its own area, never by the photo's.

use std::collections::BTreeMap;

use super::tiles::{MaskTiles, read_tile, tiles_in};
use crate::geometry::PixelRect;
use crate::mask::{Mask, StrokeBrush};

pub struct Stroke {
    brush: StrokeBrush,
    last: (f32, f32),
    /// Tiles as they were before this stroke touched them.
    before: BTreeMap<(i32, i32), Vec<u8>>,
    path: Vec<Dab>,
}

/// A piece of a stroke, straight.
struct Dab {
    from: (f32, f32),
    to: (f32, f32),
    brush: StrokeBrush,
}

impl Stroke {
    pub fn new(brush: StrokeBrush, at: (f32, f32)) -> Self {
        Self {
            brush,
            last: at,
            before: BTreeMap::new(),
            path: Vec::new(),
        }
    }

    /// Paints from the last point to `to`, with the brush as wide as `pressure` (0–1) makes it; returns the changed
    /// rectangle.
    pub fn paint_to(&mut self, mask: &mut Mask, to: (f32, f32), pressure: f32) -> PixelRect {
        let brush = StrokeBrush {
            diameter: (self.brush.diameter * pressure.clamp(0.05, 1.0)).max(1.0),
            ..self.brush
        };
        let reach = (brush.diameter / 2.0).ceil() as i32 + 2;
        let (from_x, from_y) = (self.last.0 as i32, self.last.1 as i32);
        let (to_x, to_y) = (to.0 as i32, to.1 as i32);
        let area = PixelRect::from_edges(
            from_x.min(to_x).saturating_sub(reach),
            from_y.min(to_y).saturating_sub(reach),
            from_x.max(to_x).saturating_add(reach),
            from_y.max(to_y).saturating_add(reach),
        )
        .intersect(mask.size().rect());
        if !area.is_empty() {
            for (x, y) in tiles_in(area) {
                self.before
                    .entry((x, y))
                    .or_insert_with(|| read_tile(mask, x, y));
            }
        }
        let changed = mask.stamp(self.last, to, &brush);
        self.path.push(Dab {
            from: self.last,
            to,
            brush,
        });
        self.last = to;
        changed
    }

    /// What was painted, as a mask of its own, whatever was marked there before: takes it out of `mask` again. None when
    /// nothing was painted.
    pub fn take(self, mask: &mut Mask) -> Option<Mask> {
        let mut painted = Mask::new(mask.size());
        for dab in self.path.iter().filter(|dab| !dab.brush.erase) {
            painted.stamp(dab.from, dab.to, &dab.brush);
        }
        if let Some(tiles) = MaskTiles::from_before(self.before, mask) {
            tiles.apply(mask, true);
        }
        (!painted.is_empty()).then_some(painted)
    }

    /// The change for history, or none when nothing changed.
    pub fn finish(self, mask: &Mask) -> Option<MaskTiles> {
        MaskTiles::from_before(self.before, mask)
    }
}
