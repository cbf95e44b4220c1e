//! Owns the canvas: a photograph of any size with its mask and candidates, drawn inside egui with Inlay's own shaders.
//! Called by ui. Must never know the app, a document or a model; it is given pixels and rectangles.
//!
//! Everything is measured in pixels of the photo, from its top left corner (`_in_photo`). An extension of the canvas to
//! the left or the top therefore has negative coordinates, and growing a canvas never moves the photo.

mod overlay;
mod painter;
mod source;
mod style;
mod view;

pub use overlay::OverlayPicture;
pub use painter::{CanvasPainter, PaintStatus};
pub use source::TileSource;
pub use style::{CanvasStyle, draw_brush_ring};
pub use view::View;
