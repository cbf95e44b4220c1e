//! Owns finding edges in the photo: what turns a hint from a person (a click, a rough outline, a few strokes) into a
//! mask. Called by app, on a thread of its own. Pure functions: same input, same answer, on any number of threads. Must
//! never know a document, a model or a window, and never change a picture.
//!
//! Every function works on [`Seen`], the picture as the screen shows it, which may be the whole canvas or a part of it;
//! places are counted from that picture's own corner. Long work asks `stop` now and then and ends with
//! [`SelectError::Cancelled`] once it says true, so that a caller for whom only the latest request counts can pass
//! `&|| latest.load(Ordering::Relaxed) != mine`.

mod bits;
mod boxes;
mod colors;
mod cut;
mod fit;
mod object;
mod refine;
mod shadow;
mod small;
mod wand;

pub use object::{ObjectOptions, object};
pub use refine::{RefineOptions, refine};
pub use shadow::{shadow_reach, shadows};
pub use wand::{WandOptions, wand};

use crate::geometry::{PixelRect, PixelSize};
use crate::progress::Cancelled;
use crate::raster::Plane;

/// Asked now and then during long work: true ends it.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// What can go wrong while selecting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The pixels are not as many as the size says.
    #[error(
        "the picture has {bytes} bytes but {size} pixels need {needed}; pass 8-bit RGBA, row by row"
    )]
    Bytes {
        bytes: usize,
        needed: u64,
        size: PixelSize,
    },
    /// Two planes that must be equally large are not.
    #[error(
        "the {what} is {plane} pixels but the picture is {picture}; cut both from the same rectangle"
    )]
    Size {
        what: &'static str,
        plane: PixelSize,
        picture: PixelSize,
    },
    /// Stopped by the caller.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// A picture as the screen shows it: 8-bit sRGB with straight alpha, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    rgba: &'a [u8],
    size: PixelSize,
}

impl<'a> Seen<'a> {
    /// `rgba` holds `4 * width * height` bytes, as `Photo::display_rgba8` makes them at step 1.
    pub fn new(rgba: &'a [u8], size: PixelSize) -> Result<Self, SelectError> {
        let needed = size.area() * 4;
        if rgba.len() as u64 != needed {
            return Err(SelectError::Bytes {
                bytes: rgba.len(),
                needed,
                size,
            });
        }
        Ok(Self { rgba, size })
    }

    pub fn size(&self) -> PixelSize {
        self.size
    }

    fn width(&self) -> usize {
        self.size.width as usize
    }

    fn height(&self) -> usize {
        self.size.height as usize
    }

    /// `RGBA` of the pixels of row `y`.
    fn row(&self, y: usize) -> &'a [u8] {
        &self.rgba[y * self.width() * 4..][..self.width() * 4]
    }

    fn check_plane(&self, what: &'static str, plane: &Plane) -> Result<(), SelectError> {
        if plane.size != self.size || plane.data.len() as u64 != self.size.area() {
            return Err(SelectError::Size {
                what,
                plane: plane.size,
                picture: self.size,
            });
        }
        Ok(())
    }
}

/// What was found: coverage (255 = selected) inside `rect`, nothing outside of it. `rect` is empty when nothing was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub rect: PixelRect,
    /// As large as `rect`.
    pub plane: Plane,
}

impl Selected {
    /// Nothing.
    pub fn none() -> Self {
        Self {
            rect: PixelRect::default(),
            plane: Plane::new(PixelSize::default()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rect.is_empty()
    }

    /// Moved: from places in the picture that was searched to places in the canvas, by that picture's corner.
    #[must_use]
    pub fn translated(mut self, dx: i32, dy: i32) -> Self {
        self.rect = self.rect.translate(dx, dy);
        self
    }
}

/// `Err` once `stop` says so, for `?`.
fn check(stop: Stop) -> Result<(), SelectError> {
    if stop() {
        Err(Cancelled.into())
    } else {
        Ok(())
    }
}
