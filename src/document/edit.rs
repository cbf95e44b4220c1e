//! Owns the kinds of change and what each must remember to be taken back. Made by `Document`, kept by `History`.

use std::sync::Arc;

use super::stroke::StrokeTiles;
use crate::geometry::PixelRect;
use crate::mask::Mask;
use crate::photo::Photo;
use crate::plan::Extension;

/// Pixels of a rectangle of the canvas, in the photo's own layout and depth.
#[derive(Debug, Clone)]
pub struct PixelPatch {
    pub rect: PixelRect,
    pub photo: Photo,
}

/// Everything that a change of the canvas replaces.
#[derive(Clone)]
pub struct CanvasState {
    pub photo: Arc<Photo>,
    pub mask: Arc<Mask>,
    pub extension: Extension,
}

/// One step of history, holding both sides of the change.
pub enum Edit {
    /// Painted tiles of the mask.
    Stroke(StrokeTiles),
    /// The mask as a whole (clear, invert, load).
    Mask { before: Arc<Mask>, after: Arc<Mask> },
    /// A handle was dragged.
    Extension { before: Extension, after: Extension },
    /// An accepted result.
    Pixels {
        before: Vec<PixelPatch>,
        after: Vec<PixelPatch>,
    },
    /// An accepted result that also grew the canvas or gave a grey photo colour.
    Canvas {
        before: Box<CanvasState>,
        after: Box<CanvasState>,
    },
}

impl Edit {
    /// For "Undo …" in a menu.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Stroke(_) => "brush stroke",
            Self::Mask { .. } => "mask change",
            Self::Extension { .. } => "canvas size",
            Self::Pixels { .. } => "fill",
            Self::Canvas { .. } => "extension",
        }
    }

    /// Bytes that this step keeps alive, about.
    pub fn bytes(&self) -> usize {
        let photo = Photo::sample_bytes;
        match self {
            Self::Stroke(tiles) => tiles.bytes(),
            Self::Mask { before, after } => before.plane.data.len() + after.plane.data.len(),
            Self::Extension { .. } => size_of::<Extension>() * 2,
            Self::Pixels { before, after } => {
                before.iter().chain(after).map(|p| photo(&p.photo)).sum()
            }
            Self::Canvas { before, after } => [before, after]
                .into_iter()
                .map(|state| photo(&state.photo) + state.mask.plane.data.len())
                .sum(),
        }
    }
}
