//! Owns changes of the mask: strokes, whole-mask changes, and editing the mask of an accepted fill. Part of `Document`.

use std::sync::Arc;

use super::fill::{FillId, FillMask, crop};
use super::history::{Change, PackedMask, Step, Target};
use super::stroke::Stroke;
use super::tiles::{MaskTiles, read_tile, tiles_in};
use super::{Document, DocumentError};
use crate::geometry::PixelRect;
use crate::mask::{Mask, StrokeBrush};
use crate::raster::Plane;

impl Document {
    /// Starts a stroke with one dab; `pressure` (0–1) scales the brush. Returns what changed.
    pub fn begin_stroke(&mut self, at: (f32, f32), brush: StrokeBrush, pressure: f32) -> PixelRect {
        self.end_stroke();
        self.stroke = Some(Stroke::new(brush, at));
        self.continue_stroke(at, pressure)
    }

    /// Paints on to `to`. Nothing happens when no stroke was begun.
    pub fn continue_stroke(&mut self, to: (f32, f32), pressure: f32) -> PixelRect {
        let Some(stroke) = &mut self.stroke else {
            return PixelRect::default();
        };
        let changed = stroke.paint_to(Arc::make_mut(&mut self.mask), to, pressure);
        self.changes.note_mask(Some(changed));
        changed
    }

    /// Makes the stroke one step of history.
    pub fn end_stroke(&mut self) {
        if let Some(stroke) = self.stroke.take()
            && let Some(tiles) = stroke.finish(&self.mask)
        {
            self.finish_mask_change("brush stroke", tiles);
        }
    }

    /// Takes back what was painted of the stroke so far.
    pub fn cancel_stroke(&mut self) {
        if let Some(stroke) = self.stroke.take()
            && let Some(tiles) = stroke.finish(&self.mask)
        {
            tiles.apply(Arc::make_mut(&mut self.mask), true);
            self.changes.note_mask(Some(tiles.bounds()));
        }
    }

    /// Ends the stroke and takes it out of the mask: what it painted, as a mask of its own. None when it painted nothing.
    pub fn take_stroke(&mut self) -> Option<Mask> {
        let stroke = self.stroke.take()?;
        let painted = stroke.take(Arc::make_mut(&mut self.mask))?;
        self.changes.note_mask(Some(painted.bounds()));
        Some(painted)
    }

    pub fn is_painting(&self) -> bool {
        self.stroke.is_some()
    }

    /// Replaces the whole mask as one step. The size must be the picture's.
    pub fn set_mask(&mut self, label: &'static str, mask: Mask) {
        self.end_stroke();
        if mask.size() != self.photo.size {
            return;
        }
        let Some(tiles) = MaskTiles::between(&self.mask, &mask) else {
            return;
        };
        self.mask = Arc::new(mask);
        self.changes.note_mask(Some(tiles.bounds()));
        self.finish_mask_change(label, tiles);
    }

    /// Changes the mask inside `area` as one step; costs by that area. What `change` does outside is not remembered.
    pub fn edit_mask(
        &mut self,
        label: &'static str,
        area: PixelRect,
        change: impl FnOnce(&mut Mask),
    ) {
        self.end_stroke();
        let area = area.intersect(self.mask.size().rect());
        if area.is_empty() {
            return;
        }
        let before: Vec<_> = tiles_in(area)
            .map(|(x, y)| ((x, y), read_tile(&self.mask, x, y)))
            .collect();
        change(Arc::make_mut(&mut self.mask));
        if let Some(tiles) = MaskTiles::from_before(before, &self.mask) {
            self.changes.note_mask(Some(tiles.bounds()));
            self.finish_mask_change(label, tiles);
        }
    }

    /// The mask is changed already: makes that a step, and a new mask for the fill that is being edited.
    fn finish_mask_change(&mut self, label: &'static str, tiles: MaskTiles) {
        let mut changes = vec![Change::Mask(tiles)];
        if let Some(change) = self.follow_target() {
            changes.push(change);
        }
        self.record(Step {
            label: label.into(),
            changes,
            merges_with: None,
        });
    }

    fn follow_target(&mut self) -> Option<Change> {
        let id = self.target.as_ref()?.fill;
        let fill = self.content.fill(id)?;
        // What lies outside the canvas can't be painted on: it keeps its mask.
        let canvas = self.canvas();
        let rect = fill.mask.rect.union(fill.bounds());
        let mut plane = fill.mask.crop(rect);
        let seen = crop(&self.mask.plane, canvas, rect);
        let inside = canvas.intersect(rect).translate(-rect.x, -rect.y);
        copy(&seen, &mut plane, inside);
        let changed = fill.with_mask(FillMask::new(rect, &plane));
        match self.replaced(id, changed) {
            Ok(after) => {
                let before = self.content.clone();
                self.show(&after);
                Some(Change::Content {
                    before,
                    after,
                    masks: None,
                })
            }
            Err(error) => {
                log::error!("the fill's mask could not be changed: {error}");
                None
            }
        }
    }

    /// The fill whose mask the tools change now.
    pub fn target(&self) -> Option<FillId> {
        self.target.as_ref().map(|target| target.fill)
    }

    /// From now on the tools change this fill's mask; none: the document's own again.
    pub fn set_target(&mut self, id: Option<FillId>) -> Result<(), DocumentError> {
        self.end_stroke();
        let before = self.target.clone();
        if before.as_ref().map(|target| target.fill) == id {
            return Ok(());
        }
        let own = before
            .as_ref()
            .map_or_else(|| PackedMask::new(&self.mask), |t| t.own_mask.clone());
        let (mask, after) = match id {
            Some(id) => {
                let fill = self.content.fill(id).ok_or(DocumentError::NoSuchFill)?;
                let plane = fill.mask.crop(self.canvas());
                (
                    Mask { plane },
                    Some(Target {
                        fill: id,
                        own_mask: own,
                    }),
                )
            }
            None => (own.unpack(), None),
        };
        let mut changes = Vec::new();
        if mask.size() == self.mask.size()
            && let Some(tiles) = MaskTiles::between(&self.mask, &mask)
        {
            self.mask = Arc::new(mask);
            self.changes.note_mask(None);
            changes.push(Change::Mask(tiles));
        }
        self.target.clone_from(&after);
        changes.push(Change::Target { before, after });
        let label = if id.is_some() {
            "editing a fill’s mask"
        } else {
            "end of editing a fill’s mask"
        };
        self.record(Step {
            label: label.into(),
            changes,
            merges_with: None,
        });
        Ok(())
    }
}

/// Copies the pixels of `rect`; both planes have the same size.
fn copy(from: &Plane, to: &mut Plane, rect: PixelRect) {
    let len = rect.width as usize;
    for y in rect.y..rect.bottom() {
        let at = y as usize * from.width() + rect.x as usize;
        to.data[at..at + len].copy_from_slice(&from.data[at..at + len]);
    }
}
