//! Owns accepting results as fills, and changing the list of fills. Part of `Document`. Everything here is in document
//! space.

use std::sync::Arc;

use super::content::Content;
use super::fill::{Fill, FillId, FillMask, FillPart, FillRecipe, Growth};
use super::history::Change;
use super::recording::Record;
use super::{Document, DocumentError, MaskTiles};
use crate::compose::StitchOptions;
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;
use crate::photo::Photo;
use crate::plan::Extension;
use crate::raster::Plane;

/// What a job was made for: with this a late result is placed, or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    pub revision: u64,
    /// The job's canvas (picture and extension).
    pub frame: PixelRect,
    pub extension: Extension,
    /// The fill that the result is to replace.
    pub replaces: Option<FillId>,
}

/// A result that asks to be accepted.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub basis: Basis,
    pub parts: Vec<FillPart>,
    /// What the model saw: if anything in there changed meanwhile, the result is out of date.
    pub contexts: Vec<PixelRect>,
    pub mask: FillMask,
    pub recipe: FillRecipe,
    pub stitch: StitchOptions,
    pub name: String,
    /// The mask stays painted; otherwise what was marked is cleared with the same step.
    pub keeps_mask: bool,
}

/// What a job for making a fill anew starts from.
pub struct Rerun {
    pub basis: Basis,
    /// The picture below the fill.
    pub photo: Arc<Photo>,
    /// Of the photo's size.
    pub mask: Mask,
}

impl Document {
    /// What a job that starts now is made for.
    pub fn basis(&self) -> Basis {
        let canvas = self.canvas();
        let extension = self.extension();
        Basis {
            revision: self.revision(),
            frame: grown(canvas, extension),
            extension,
            replaces: None,
        }
    }

    /// The mask with all new canvas added, as fills keep it.
    pub fn mask_for_fill(&self) -> FillMask {
        let (canvas, extension) = (self.canvas(), self.extension());
        let bounds = self.mask.bounds().translate(canvas.x, canvas.y);
        if extension.is_none() {
            let plane = self.mask.crop(bounds.translate(-canvas.x, -canvas.y));
            return FillMask::new(bounds, &plane);
        }
        let frame = grown(canvas, extension);
        let mut plane = Plane {
            size: frame.size(),
            data: vec![255; frame.area() as usize],
        };
        let inside = canvas.translate(-frame.x, -frame.y);
        let width = plane.width();
        for (row, values) in self
            .mask
            .plane
            .data
            .chunks_exact(inside.width.max(1) as usize)
            .enumerate()
        {
            let at = (inside.y as usize + row) * width + inside.x as usize;
            plane.data[at..at + values.len()].copy_from_slice(values);
        }
        FillMask::new(frame, &plane)
    }

    /// Whether a result can still be accepted.
    pub fn is_fresh(&self, basis: &Basis, contexts: &[PixelRect]) -> bool {
        if basis.replaces.is_some_and(|id| self.fill(id).is_none()) {
            return false;
        }
        let grows_from_here = basis.extension.is_none()
            || basis.replaces.is_some()
            || basis.frame == grown(self.canvas(), basis.extension);
        grows_from_here && self.changes.is_untouched(basis.revision, contexts)
    }

    /// Takes a result in, as a new fill on top or in place of the one it replaces.
    pub fn accept(&mut self, proposal: Proposal) -> Result<FillId, DocumentError> {
        if !self.is_fresh(&proposal.basis, &proposal.contexts) {
            return Err(DocumentError::Stale);
        }
        self.end_stroke();
        self.pending_frame = None;
        let base = self.base.size.rect();
        let Proposal {
            basis,
            parts,
            mask,
            recipe,
            stitch,
            name,
            keeps_mask,
            ..
        } = proposal;
        if let Some(id) = basis.replaces {
            let old = self.fill(id).ok_or(DocumentError::NoSuchFill)?;
            let changed = Fill {
                parts,
                mask,
                recipe,
                stitch,
                ..Fill::clone(old)
            };
            let after = self.replaced(id, changed)?;
            self.change_content("fill made again", after)?;
            return Ok(id);
        }
        let covered = self.content.covered(base);
        let growth = (!basis.extension.is_none()).then(|| Growth::between(covered, basis.frame));
        let id = FillId(self.take_number());
        let fill = Fill {
            id,
            name,
            is_visible: true,
            opacity: 1.0,
            growth,
            parts,
            mask,
            recipe,
            stitch,
        };
        let mut after = self.next_content();
        after.fills.push(Arc::new(fill));
        if growth.is_some() {
            after.frame = basis.frame;
        }
        let label = if growth.is_some() {
            "extension"
        } else {
            "fill"
        };
        let mut step = self.content_step(label, after)?;
        // What was marked is filled; the fill keeps the mask, and undo brings it back.
        let empty = Mask::new(self.mask.size());
        if !keeps_mask && let Some(tiles) = MaskTiles::between(&self.mask, &empty) {
            self.changes.note_mask(Some(tiles.bounds()));
            self.mask = Arc::new(empty);
            step.changes.push(Change::Mask(tiles));
        }
        self.record(step);
        Ok(id)
    }

    /// The picture below a fill and its mask, to make it again.
    pub fn rerun(&self, id: FillId) -> Result<Rerun, DocumentError> {
        let position = self.content.position(id).ok_or(DocumentError::NoSuchFill)?;
        let fill = &self.content.fills[position];
        let base = self.base.size.rect();
        let covered = self.content.covered_by_first(base, position);
        let frame = fill.growth.map_or(covered, |growth| growth.apply(covered));
        let canvas = frame.intersect(covered);
        let photo = self.content.render_first(&self.base, position, canvas)?;
        let extension = Extension {
            left: (canvas.x - frame.x) as u32,
            top: (canvas.y - frame.y) as u32,
            right: (frame.right() - canvas.right()) as u32,
            bottom: (frame.bottom() - canvas.bottom()) as u32,
        };
        let mask = Mask {
            plane: fill.mask.crop(canvas),
        };
        Ok(Rerun {
            basis: Basis {
                revision: self.revision(),
                frame,
                extension,
                replaces: Some(id),
            },
            photo,
            mask,
        })
    }

    pub fn set_fill_visible(&mut self, id: FillId, is_visible: bool) -> Result<(), DocumentError> {
        let fill = self.fill(id).ok_or(DocumentError::NoSuchFill)?;
        if fill.is_visible == is_visible {
            return Ok(());
        }
        let changed = Fill {
            is_visible,
            ..Fill::clone(fill)
        };
        let after = self.replaced(id, changed)?;
        let label = if is_visible { "show fill" } else { "hide fill" };
        self.change_content(label, after)
    }

    /// 0–1. Changes in one drag become one step; `end_drag` ends it.
    pub fn set_fill_opacity(&mut self, id: FillId, opacity: f32) -> Result<(), DocumentError> {
        let fill = self.fill(id).ok_or(DocumentError::NoSuchFill)?;
        let opacity = if opacity.is_finite() {
            opacity.clamp(0.0, 1.0)
        } else {
            1.0
        };
        if fill.opacity == opacity {
            return Ok(());
        }
        let changed = Fill {
            opacity,
            ..Fill::clone(fill)
        };
        let after = self.replaced(id, changed)?;
        let mut step = self.content_step("fill opacity", after)?;
        step.merges_with = Some((step.label.clone(), id));
        self.record(step);
        Ok(())
    }

    /// A drag of a slider is over.
    pub fn end_drag(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.note(Record::EndDrag);
        }
        self.history.end_merge();
    }

    pub fn rename_fill(&mut self, id: FillId, name: String) -> Result<(), DocumentError> {
        let fill = self.fill(id).ok_or(DocumentError::NoSuchFill)?;
        if fill.name == name {
            return Ok(());
        }
        let changed = Fill {
            name,
            ..Fill::clone(fill)
        };
        let after = self.replaced(id, changed)?;
        self.change_content("fill name", after)
    }

    /// To this place in the list, counted from the bottom.
    pub fn move_fill(&mut self, id: FillId, to: usize) -> Result<(), DocumentError> {
        let from = self.content.position(id).ok_or(DocumentError::NoSuchFill)?;
        let to = to.min(self.content.fills.len() - 1);
        if from == to {
            return Ok(());
        }
        let mut after = self.next_content();
        let fill = after.fills.remove(from);
        after.fills.insert(to, fill);
        self.change_content("order of fills", after)
    }

    /// Takes a fill out; canvas that it brought goes with it.
    pub fn remove_fill(&mut self, id: FillId) -> Result<(), DocumentError> {
        let position = self.content.position(id).ok_or(DocumentError::NoSuchFill)?;
        if self.target() == Some(id) {
            self.set_target(None)?;
        }
        let mut after = self.next_content();
        let fill = after.fills.remove(position);
        if fill.growth.is_some() {
            let covered = after.covered(self.base.size.rect());
            let frame = after.frame.intersect(covered);
            after.frame = if frame.is_empty() { covered } else { frame };
        }
        self.change_content("removed fill", after)
    }

    /// The present content under a new number, for changing.
    fn next_content(&mut self) -> Content {
        Content {
            number: self.take_number(),
            ..self.content.clone()
        }
    }

    /// The content with one fill changed.
    pub(super) fn replaced(&mut self, id: FillId, fill: Fill) -> Result<Content, DocumentError> {
        let position = self.content.position(id).ok_or(DocumentError::NoSuchFill)?;
        let mut after = self.next_content();
        after.fills[position] = Arc::new(fill);
        Ok(after)
    }
}

fn grown(rect: PixelRect, by: Extension) -> PixelRect {
    let size = PixelSize::new(
        rect.width + by.left + by.right,
        rect.height + by.top + by.bottom,
    );
    PixelRect::new(
        rect.x - by.left as i32,
        rect.y - by.top as i32,
        size.width,
        size.height,
    )
}
