//! Owns the open picture: its photo, mask, pending extension and history. Changed by app alone, through the methods here,
//! each of which is one undoable edit. Must never know the engine, a model or a window: undo does not depend on hardware.

mod edit;
mod history;
pub mod journal;
pub mod project;
mod stroke;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::geometry::{PixelRect, PixelSize};
use crate::mask::{Mask, StrokeBrush};
use crate::photo::{Photo, PhotoError};
use crate::plan::Extension;

pub use edit::PixelPatch;
use edit::{CanvasState, Edit};
use history::History;
pub use project::read_archive as read_project_file;
use stroke::Stroke;

/// Why a change can't be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("the picture has changed since this result was made; generate again")]
    Stale,
    #[error(transparent)]
    Photo(#[from] PhotoError),
}

/// One open picture.
pub struct Document {
    path: Option<PathBuf>,
    photo: Arc<Photo>,
    mask: Arc<Mask>,
    extension: Extension,
    /// Raised whenever pixels or the canvas change; results are made for one revision.
    revision: u64,
    /// Raised whenever the mask changes, for caches of its picture.
    mask_revision: u64,
    saved_revision: u64,
    history: History,
    stroke: Option<Stroke>,
}

impl Document {
    pub fn new(photo: Photo, path: Option<PathBuf>) -> Self {
        let mask = Mask::new(photo.size);
        Self {
            path,
            photo: Arc::new(photo),
            mask: Arc::new(mask),
            extension: Extension::default(),
            revision: 1,
            mask_revision: 1,
            saved_revision: 1,
            history: History::default(),
            stroke: None,
        }
    }

    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub fn photo(&self) -> &Arc<Photo> {
        &self.photo
    }

    pub fn mask(&self) -> &Arc<Mask> {
        &self.mask
    }

    pub fn size(&self) -> PixelSize {
        self.photo.size
    }

    /// Canvas that a fill would grow by these pixels.
    pub fn extension(&self) -> Extension {
        self.extension
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn mask_revision(&self) -> u64 {
        self.mask_revision
    }

    pub fn is_modified(&self) -> bool {
        self.revision != self.saved_revision
    }

    /// The file now holds what revision `revision` looked like.
    pub fn mark_saved(&mut self, path: PathBuf, revision: u64) {
        self.path = Some(path);
        self.saved_revision = revision;
    }

    // --- mask -------------------------------------------------------------------------------------------------------

    /// Starts a stroke with one dab. Returns what changed on the canvas.
    pub fn begin_stroke(&mut self, at: (f32, f32), brush: StrokeBrush) -> PixelRect {
        self.end_stroke();
        self.stroke = Some(Stroke::new(brush, at));
        self.continue_stroke(at)
    }

    /// Paints on to `to`. Nothing happens when no stroke was begun.
    pub fn continue_stroke(&mut self, to: (f32, f32)) -> PixelRect {
        let Some(stroke) = &mut self.stroke else {
            return PixelRect::default();
        };
        let changed = stroke.paint_to(Arc::make_mut(&mut self.mask), to);
        self.mask_revision += 1;
        changed
    }

    /// Makes the stroke one step of history.
    pub fn end_stroke(&mut self) {
        if let Some(stroke) = self.stroke.take()
            && let Some(edit) = stroke.finish(&self.mask)
        {
            self.history.push(edit);
        }
    }

    pub fn is_painting(&self) -> bool {
        self.stroke.is_some()
    }

    /// Replaces the whole mask as one step. The size must be the photo's.
    pub fn set_mask(&mut self, mask: Mask) {
        if mask.size() != self.photo.size || mask == *self.mask {
            return;
        }
        let after = Arc::new(mask);
        let before = std::mem::replace(&mut self.mask, Arc::clone(&after));
        self.mask_revision += 1;
        self.history.push(Edit::Mask { before, after });
    }

    // --- canvas -----------------------------------------------------------------------------------------------------

    /// Shows a different extension without a step of history (while a handle is dragged).
    pub fn preview_extension(&mut self, extension: Extension) {
        self.extension = extension;
    }

    /// Makes the change from `before` to the present extension one step.
    pub fn commit_extension(&mut self, before: Extension) {
        if before != self.extension {
            self.history.push(Edit::Extension {
                before,
                after: self.extension,
            });
        }
    }

    /// Takes a result in: `patches` replace pixels of the canvas, which is the photo grown by `extension`.
    pub fn accept(
        &mut self,
        revision: u64,
        extension: Extension,
        patches: &[PixelPatch],
    ) -> Result<(), DocumentError> {
        if revision != self.revision {
            return Err(DocumentError::Stale);
        }
        self.end_stroke();
        let same_kind = patches.iter().all(|p| p.photo.layout == self.photo.layout);
        if extension.is_none() && same_kind {
            let before = patches
                .iter()
                .map(|p| {
                    Ok(PixelPatch {
                        rect: p.rect,
                        photo: self.photo.cropped(p.rect)?,
                    })
                })
                .collect::<Result<Vec<_>, PhotoError>>()?;
            let photo = Arc::make_mut(&mut self.photo);
            for patch in patches {
                photo.paste(patch.rect, &patch.photo)?;
            }
            self.history.push(Edit::Pixels {
                before,
                after: patches.to_vec(),
            });
        } else {
            let before = self.canvas_state();
            let Extension {
                left,
                top,
                right,
                bottom,
            } = extension;
            let mut photo = self.photo.extended(left, top, right, bottom)?;
            for patch in patches {
                photo.paste(patch.rect, &patch.photo)?;
            }
            let mask = self.mask.extended(left, top, right, bottom);
            let after = CanvasState {
                photo: Arc::new(photo),
                mask: Arc::new(mask),
                extension: Extension::default(),
            };
            self.restore(after.clone());
            self.history.push(Edit::Canvas {
                before: Box::new(before),
                after: Box::new(after),
            });
        }
        self.revision += 1;
        Ok(())
    }

    fn canvas_state(&self) -> CanvasState {
        CanvasState {
            photo: Arc::clone(&self.photo),
            mask: Arc::clone(&self.mask),
            extension: self.extension,
        }
    }

    fn restore(&mut self, state: CanvasState) {
        self.photo = state.photo;
        self.mask = state.mask;
        self.extension = state.extension;
        self.mask_revision += 1;
    }

    // --- history ----------------------------------------------------------------------------------------------------

    pub fn can_undo(&self) -> bool {
        self.stroke.is_some() || self.history.can_undo()
    }

    pub fn can_redo(&self) -> bool {
        self.stroke.is_none() && self.history.can_redo()
    }

    /// What the next undo takes back, for a menu.
    pub fn undo_label(&self) -> Option<&'static str> {
        self.history.undo_label()
    }

    pub fn redo_label(&self) -> Option<&'static str> {
        self.history.redo_label()
    }

    /// Takes the last step back. False when there is none.
    pub fn undo(&mut self) -> bool {
        self.end_stroke();
        let Some(edit) = self.history.take_undo() else {
            return false;
        };
        self.apply(&edit, Direction::Back);
        self.history.put_redo(edit);
        true
    }

    /// Does the last undone step again.
    pub fn redo(&mut self) -> bool {
        self.end_stroke();
        let Some(edit) = self.history.take_redo() else {
            return false;
        };
        self.apply(&edit, Direction::Forth);
        self.history.put_undo(edit);
        true
    }

    fn apply(&mut self, edit: &Edit, direction: Direction) {
        let back = direction == Direction::Back;
        match edit {
            Edit::Stroke(tiles) => {
                tiles.apply(Arc::make_mut(&mut self.mask), back);
                self.mask_revision += 1;
            }
            Edit::Mask { before, after } => {
                self.mask = Arc::clone(if back { before } else { after });
                self.mask_revision += 1;
            }
            Edit::Extension { before, after } => {
                self.extension = if back { *before } else { *after }
            }
            Edit::Pixels { before, after } => {
                let photo = Arc::make_mut(&mut self.photo);
                for patch in if back { before } else { after } {
                    if let Err(error) = photo.paste(patch.rect, &patch.photo) {
                        log::error!("history does not fit the photo: {error}");
                    }
                }
                self.revision += 1;
            }
            Edit::Canvas { before, after } => {
                self.restore(CanvasState::clone(if back { before } else { after }));
                self.revision += 1;
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Back,
    Forth,
}

#[cfg(test)]
mod tests;
