//! Owns `CanvasPainter`, which ui calls to draw the canvas.

use std::sync::Arc;

use eframe::egui::{Painter, Rect};
use eframe::egui_wgpu::RenderState;

use super::{CanvasStyle, OverlayPicture, TileSource, View};
use crate::geometry::PixelRect;
use crate::raster::Plane;

/// What a frame could not show yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaintStatus {
    /// Parts in view are still coarse or old. A repaint is asked for when better ones arrive.
    pub still_loading: bool,
}

/// Draws photo, mask and overlays. One for each window; lives as long as the window's render state.
pub struct CanvasPainter {}

impl CanvasPainter {
    pub fn new(render_state: &RenderState) -> Self {
        let _ = render_state;
        Self {}
    }

    /// Shows a picture. Cheap to call every frame: nothing happens while `generation` and the source (by pointer) stay.
    ///
    /// A new `generation` is another picture: nothing of the old one is shown. Another source with the same generation
    /// is the same picture with other pixels: old pixels stay visible until the new ones are there.
    pub fn set_photo(&mut self, source: Option<Arc<dyn TileSource>>, generation: u64) {
        let _ = (source, generation);
    }

    /// The same picture with pixels changed in `changed` only, read from `source` from now on.
    pub fn update_photo(&mut self, source: Arc<dyn TileSource>, changed: PixelRect) {
        let _ = (source, changed);
    }

    /// The present source has other pixels in `rect`.
    pub fn invalidate_photo(&mut self, rect: PixelRect) {
        let _ = rect;
    }

    /// The canvas around the photo (negative coordinates: extended to the left or top). Without it, the photo's own
    /// rectangle.
    pub fn set_canvas(&mut self, canvas_in_photo: Option<PixelRect>) {
        let _ = canvas_in_photo;
    }

    /// Takes in a whole mask of the photo's size (None: no mask). Compares with what it has; costs a read of the mask.
    pub fn set_mask(&mut self, mask: Option<&Plane>) {
        let _ = mask;
    }

    /// Takes in a mask that differs in `changed` only; costs by that rectangle's size. For live strokes.
    pub fn update_mask(&mut self, mask: &Plane, changed: PixelRect) {
        let _ = (mask, changed);
    }

    /// Lays pictures over the photo, later ones above earlier ones. Cheap to call every frame.
    pub fn set_overlays(&mut self, overlays: Vec<OverlayPicture>) {
        let _ = overlays;
    }

    /// Draws into `viewport` (points of the window).
    pub fn paint(&mut self, painter: &Painter, viewport: Rect, view: &View, style: &CanvasStyle) -> PaintStatus {
        let _ = (painter, viewport, view, style);
        PaintStatus::default()
    }

    /// Graphics memory held for tiles and overlays, in bytes.
    pub fn cached_bytes(&self) -> u64 {
        0
    }
}
