//! Owns `Mask`: which pixels to repaint, 8-bit coverage, 255 = repaint. Strokes, shapes, growing, feathering. Used by
//! plan, document, app and cli. Must never know a document, a model or a window.

mod base;
mod combine;
mod distance;
mod feather;
mod holes;
mod morphology;
mod parts;
mod seam;
mod shapes;
mod stroke;
mod tiles;

pub use base::{Mask, MaskError};
pub use combine::Combine;
pub use distance::distance_to_mask;
pub use feather::FeatherEdge;
pub use parts::Part;
pub use seam::{seam_coverage, with_seam};
pub use stroke::StrokeBrush;
