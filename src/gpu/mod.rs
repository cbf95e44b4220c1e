//! Owns the canvas: a photograph of any size with its mask and candidates, drawn inside egui with Inlay's own shaders.
//! Called by ui. Must never know the app, a document or a model; it is given pixels and rectangles.
//!
//! Everything is measured in pixels of the photo, from its top left corner (`_in_photo`). An extension of the canvas to
//! the left or the top therefore has negative coordinates, and growing a canvas never moves the photo.
//!
//! A frame: `CanvasPainter::paint` asks each layer (photo, mask, overlay) to upload a little and to add rectangles to one
//! `DrawList`; the callback then draws that list inside egui's own render pass. Tiles are read on background threads.

mod brush_ring;
mod cache;
mod draw;
mod grid;
mod level;
mod loader;
mod mask;
mod overlay;
mod painter;
mod photo;
mod picture;
mod pipelines;
mod pyramid;
mod source;
mod style;
mod view;

pub use brush_ring::draw_brush_ring;
pub use overlay::OverlayPicture;
pub use painter::{CanvasPainter, PaintStatus, TILE_MEMORY_BYTES};
pub use source::TileSource;
pub use style::CanvasStyle;
pub use view::View;

/// `shaders/canvas.wgsl`.
const CANVAS_SHADER: &str = include_str!("../../shaders/canvas.wgsl");
