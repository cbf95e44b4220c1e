//! Owns the frame: cropping and extending. Part of `Document`. Rectangles here are in canvas space.

use super::content::Content;
use super::history::{Change, PackedMask, Step};
use super::{Document, DocumentError};
use crate::geometry::PixelRect;
use crate::mask::Mask;

impl Document {
    /// What will be seen: the canvas, cropped where it is smaller and waiting for a fill where it is larger.
    pub fn frame(&self) -> PixelRect {
        let canvas = self.canvas();
        self.pending_frame
            .unwrap_or(self.content.frame)
            .translate(-canvas.x, -canvas.y)
    }

    /// How far the frame can grow without a fill: hidden by a crop, but there.
    pub fn available(&self) -> PixelRect {
        let canvas = self.canvas();
        self.content
            .covered(self.base.size.rect())
            .translate(-canvas.x, -canvas.y)
    }

    /// Shows another frame without a step of history (while a handle is dragged). None: as it was.
    pub fn preview_frame(&mut self, frame: Option<PixelRect>) {
        let canvas = self.canvas();
        self.pending_frame = frame
            .filter(|frame| !frame.is_empty())
            .map(|frame| frame.translate(canvas.x, canvas.y));
    }

    /// Makes the previewed frame one step: crops at once; what is new waits for a fill.
    pub fn commit_frame(&mut self) -> Result<(), DocumentError> {
        let canvas = self.canvas();
        match self.pending_frame.take() {
            Some(frame) => self.set_frame(frame.translate(-canvas.x, -canvas.y)),
            None => Ok(()),
        }
    }

    /// As `preview_frame` and `commit_frame` in one.
    pub fn set_frame(&mut self, frame: PixelRect) -> Result<(), DocumentError> {
        self.end_stroke();
        self.pending_frame = None;
        let canvas = self.canvas();
        let frame = frame.translate(canvas.x, canvas.y);
        if frame == self.content.frame {
            return Ok(());
        }
        let covered = self.content.covered(self.base.size.rect());
        if frame.intersect(covered).is_empty() {
            return Err(DocumentError::EmptyFrame);
        }
        let is_crop = frame.intersect(covered) != canvas;
        let after = Content {
            // Pixels stay the same as long as only an extension waits.
            number: if is_crop {
                self.take_number()
            } else {
                self.content.number
            },
            frame,
            ..self.content.clone()
        };
        let label = if is_crop { "crop" } else { "canvas size" };
        self.change_content(label, after)
    }

    /// Shows `after` and makes it one step, the mask moved along with the canvas.
    pub(super) fn change_content(
        &mut self,
        label: &'static str,
        after: Content,
    ) -> Result<(), DocumentError> {
        let step = self.content_step(label, after)?;
        self.record(step);
        Ok(())
    }

    /// The same without recording it.
    pub(super) fn content_step(
        &mut self,
        label: &'static str,
        after: Content,
    ) -> Result<Step, DocumentError> {
        let base = self.base.size.rect();
        let (old, new) = (self.content.canvas(base), after.canvas(base));
        let rendered = (old != new).then(|| after.render(&self.base)).transpose()?;
        let before = std::mem::replace(&mut self.content, after.clone());
        let mut masks = None;
        if let Some(photo) = rendered {
            let packed = PackedMask::new(&self.mask);
            let plane = self.mask.crop(new.translate(-old.x, -old.y));
            self.mask = std::sync::Arc::new(Mask { plane });
            masks = Some(Box::new((packed, PackedMask::new(&self.mask))));
            self.photo = photo;
            self.changes.note_mask(None);
            self.changes.note_pixels(new, before.difference(&after));
        } else {
            self.show_difference(&before, &after);
        }
        Ok(Step {
            label: label.into(),
            changes: vec![Change::Content {
                before,
                after,
                masks,
            }],
            merges_with: None,
        })
    }
}
