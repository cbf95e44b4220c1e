//! Owns `View`, the mapping between photo pixels and points of the window. Made by ui for each frame; read by the painter.
//! Zooming and panning are the window's business.

use eframe::egui::{Pos2, Rect};

use crate::geometry::PixelRect;

/// Where the photo stands in the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// The photo's top left corner, in points of the window.
    pub origin_in_view: Pos2,
    /// Points for one photo pixel. 100 % is `1.0 / pixels_per_point`.
    pub points_per_pixel: f32,
}

impl View {
    pub fn view_from_photo(&self, in_photo: Pos2) -> Pos2 {
        self.origin_in_view + in_photo.to_vec2() * self.points_per_pixel
    }

    pub fn photo_from_view(&self, in_view: Pos2) -> Pos2 {
        ((in_view - self.origin_in_view) / self.points_per_pixel).to_pos2()
    }

    pub fn rect_in_view(&self, in_photo: PixelRect) -> Rect {
        let corner = |x: i32, y: i32| self.view_from_photo(Pos2::new(x as f32, y as f32));
        Rect::from_min_max(corner(in_photo.x, in_photo.y), corner(in_photo.right(), in_photo.bottom()))
    }
}
