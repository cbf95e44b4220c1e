//! Owns the open picture: the photo, fills upon it, the frame, the mask, and the history of all of these. Changed by app
//! alone, through the methods of this room, each of which is one undoable step. Must never know the engine, a model or a
//! window: undo does not depend on hardware.
//!
//! Two spaces: *document space* has its origin at the corner of the photo as it was opened and never moves; *canvas
//! space* has it at the corner of the rendered picture (`Document::photo`), which crops and extensions move. Methods
//! say which one they take; without a word it is canvas space.

mod changes;
mod content;
mod fill;
mod fills;
mod framing;
mod history;
pub mod journal;
mod masking;
mod portable;
pub mod project;
mod recording;
mod replay;
mod restitch;
mod stroke;
mod tiles;
mod travel;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compose::MadeError;
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;
use crate::photo::{Photo, PhotoError};
use crate::plan::Extension;

use changes::ChangeLog;
use content::Content;
pub use fill::{Fill, FillId, FillMask, FillPart, FillRecipe, Growth, Source};
pub use fills::{Basis, Proposal, Rerun};
use history::{History, Target};
pub use project::{read_archive as read_project_file, write_archive as write_project_file};
pub use recording::Journal;
use recording::Record;
pub use replay::{Orphan, Recovered, find_orphans};
pub use restitch::{Restitch, Restitcher};
use stroke::Stroke;
use tiles::MaskTiles;

/// Why a change can't be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("the picture has changed where this result belongs; generate again")]
    Stale,
    #[error("this edit is no longer in the list")]
    NoSuchFill,
    #[error("the crop would be empty; leave at least one pixel of the picture")]
    EmptyFrame,
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error(transparent)]
    Stitch(#[from] MadeError),
}

/// One open picture.
pub struct Document {
    path: Option<PathBuf>,
    /// As it was opened.
    base: Arc<Photo>,
    content: Content,
    /// The content, rendered.
    photo: Arc<Photo>,
    mask: Arc<Mask>,
    /// A handle is being dragged.
    pending_frame: Option<PixelRect>,
    /// Strokes change the mask of this fill.
    target: Option<Target>,
    changes: ChangeLog,
    next_number: u64,
    /// The content that the file on disk shows.
    saved_number: u64,
    history: History,
    stroke: Option<Stroke>,
    journal: Option<Journal>,
}

impl Document {
    pub fn new(photo: Photo, path: Option<PathBuf>) -> Self {
        Self::on(Arc::new(photo), path)
    }

    fn on(base: Arc<Photo>, path: Option<PathBuf>) -> Self {
        Self {
            path,
            content: Content::new(&base),
            photo: Arc::clone(&base),
            mask: Arc::new(Mask::new(base.size)),
            base,
            pending_frame: None,
            target: None,
            changes: ChangeLog::default(),
            next_number: 1,
            saved_number: 0,
            history: History::default(),
            stroke: None,
            journal: None,
        }
    }

    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The picture as it is: the photo with all visible fills, inside the frame.
    pub fn photo(&self) -> &Arc<Photo> {
        &self.photo
    }

    /// The photo as it was opened.
    pub fn base(&self) -> &Arc<Photo> {
        &self.base
    }

    pub fn mask(&self) -> &Arc<Mask> {
        &self.mask
    }

    /// Of the rendered picture.
    pub fn size(&self) -> PixelSize {
        self.photo.size
    }

    /// The rendered picture's rectangle in document space.
    pub fn canvas(&self) -> PixelRect {
        self.content.canvas(self.base.size.rect())
    }

    /// Fills from bottom to top.
    pub fn fills(&self) -> &[Arc<Fill>] {
        &self.content.fills
    }

    pub fn fill(&self, id: FillId) -> Option<&Arc<Fill>> {
        self.content.fill(id)
    }

    /// Raised whenever pixels or the canvas change.
    pub fn revision(&self) -> u64 {
        self.changes.revision()
    }

    /// Raised whenever the mask changes.
    pub fn mask_revision(&self) -> u64 {
        self.changes.mask_revision()
    }

    /// Where pixels changed after `revision`, in canvas space; none when the canvas itself or too much changed.
    pub fn changed_since(&self, revision: u64) -> Option<PixelRect> {
        let canvas = self.canvas();
        self.changes
            .pixels_since(revision, canvas)
            .map(|rect| rect.intersect(canvas).translate(-canvas.x, -canvas.y))
    }

    /// Where the mask changed after `mask_revision`; none when all of it may have.
    pub fn mask_changed_since(&self, mask_revision: u64) -> Option<PixelRect> {
        self.changes.mask_since(mask_revision)
    }

    /// The picture differs from what was opened or saved.
    pub fn is_modified(&self) -> bool {
        self.content.number != self.saved_number
    }

    /// Names the pixels as they are, for `mark_saved`.
    pub fn content_number(&self) -> u64 {
        self.content.number
    }

    /// The file now holds what content `number` looked like.
    pub fn mark_saved(&mut self, path: PathBuf, number: u64) {
        if let Some(journal) = &mut self.journal {
            let path = path.clone();
            journal.note(Record::Saved { path, number });
        }
        self.path = Some(path);
        self.saved_number = number;
    }

    fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Canvas that a fill would grow by these pixels.
    pub fn extension(&self) -> Extension {
        let base = self.base.size.rect();
        match self.pending_frame {
            Some(frame) => Content {
                frame,
                ..self.content.clone()
            }
            .extension(base),
            None => self.content.extension(base),
        }
    }
}

#[cfg(test)]
mod tests;
