//! Owns how the canvas looks: what ui chooses each frame, and the fixed colours of checkerboard and extension.

use eframe::egui::Color32;

/// Side of a checkerboard square in points, at any zoom.
pub const CHECKER_POINTS: f32 = 8.0;
/// Zoom (physical pixels for a photo pixel) from which the pixel grid shows.
pub const GRID_FROM: f64 = 16.0;

/// How to draw one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanvasStyle {
    /// The mask's colour.
    pub show_mask: bool,
    /// Alpha is ignored.
    pub mask_color: Color32,
    /// 0–1.
    pub mask_opacity: f32,
    /// The moving line where the mask crosses one half, with or without the colour.
    pub show_mask_edge: bool,
    /// Moves the line. Keep it constant where motion is reduced.
    pub time_seconds: f64,
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

/// The checkerboard's two greys.
pub fn checker_colors(dark: bool) -> [[u8; 3]; 2] {
    if dark {
        [[88, 88, 88], [66, 66, 66]]
    } else {
        [[255, 255, 255], [208, 208, 208]]
    }
}

/// Colour of an extension's new area, and how much of it (0–1) lies over the checkerboard.
pub fn extension_tint(dark: bool) -> ([u8; 3], f32) {
    if dark {
        ([72, 110, 168], 0.4)
    } else {
        ([120, 160, 220], 0.4)
    }
}
