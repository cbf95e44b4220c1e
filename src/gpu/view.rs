//! Owns `View`, the mapping between photo pixels and points of the window, and `Screen`, the same in physical pixels as the
//! layers need it. `View` is made by ui for each frame; zooming and panning are the window's business.

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
        Rect::from_min_max(
            corner(in_photo.x, in_photo.y),
            corner(in_photo.right(), in_photo.bottom()),
        )
    }
}

/// The view in physical pixels of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Screen {
    /// The photo's corner in physical pixels; whole where pixels map to pixels.
    pub origin: [f64; 2],
    /// Physical pixels for one photo pixel.
    pub scale: f64,
    pub pixels_per_point: f32,
    /// What is seen of the viewport, in physical pixels: left, top, right, bottom.
    seen: [f64; 4],
}

impl Screen {
    /// None when there is nothing to draw: an empty viewport, or numbers that make no view.
    pub fn new(view: &View, seen: Rect, pixels_per_point: f32) -> Option<Self> {
        let ppp = f64::from(pixels_per_point);
        let scale = snap_scale(f64::from(view.points_per_pixel) * ppp);
        let origin = [view.origin_in_view.x, view.origin_in_view.y].map(|v| f64::from(v) * ppp);
        let is_view = seen.is_positive()
            && seen.is_finite()
            && scale.is_finite()
            && scale > 1e-6
            && scale < 1e6;
        if !is_view || ppp <= 0.0 || !origin.iter().all(|v| v.is_finite() && v.abs() < 1e9) {
            return None;
        }
        // Whole-number zooms are meant to show pixels as they are: a fraction of a pixel of offset would blur them all.
        let is_exact = scale.fract() == 0.0 || (1.0 / scale).fract() == 0.0;
        let origin = if is_exact {
            origin.map(f64::round)
        } else {
            origin
        };
        let seen = [seen.min.x, seen.min.y, seen.max.x, seen.max.y].map(|v| f64::from(v) * ppp);
        Some(Self {
            origin,
            scale,
            pixels_per_point,
            seen,
        })
    }

    /// The same for a picture whose corner lies at `corner` of the photo.
    pub fn moved(self, corner: (i32, i32)) -> Self {
        let origin = self.px([f64::from(corner.0), f64::from(corner.1)]);
        Self { origin, ..self }
    }

    /// Physical pixels of a corner given in photo pixels.
    pub fn px(&self, in_photo: [f64; 2]) -> [f64; 2] {
        [
            self.origin[0] + in_photo[0] * self.scale,
            self.origin[1] + in_photo[1] * self.scale,
        ]
    }

    /// A rectangle in physical pixels: left, top, right, bottom.
    pub fn rect_px(&self, in_photo: PixelRect) -> [f32; 4] {
        let min = self.px([f64::from(in_photo.x), f64::from(in_photo.y)]);
        let max = self.px([f64::from(in_photo.right()), f64::from(in_photo.bottom())]);
        [min[0] as f32, min[1] as f32, max[0] as f32, max[1] as f32]
    }

    /// The photo pixels in sight, outward to whole ones, cut to `within`.
    pub fn visible(&self, within: PixelRect) -> PixelRect {
        let in_photo = |px: f64, axis: usize| (px - self.origin[axis]) / self.scale;
        let whole = |v: f64| v.clamp(-1e9, 1e9) as i32;
        PixelRect::from_edges(
            whole(in_photo(self.seen[0], 0).floor()),
            whole(in_photo(self.seen[1], 1).floor()),
            whole(in_photo(self.seen[2], 0).ceil()),
            whole(in_photo(self.seen[3], 1).ceil()),
        )
        .intersect(within)
    }
}

/// Rounds away the error of f32 where a zoom is 1:n or n:1.
fn snap_scale(scale: f64) -> f64 {
    let near = |v: f64| (v - v.round()).abs() < v * 1e-5 && v.round() >= 1.0;
    if near(scale) {
        scale.round()
    } else if near(1.0 / scale) {
        1.0 / (1.0 / scale).round()
    } else {
        scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{pos2, vec2};

    fn screen(points_per_pixel: f32, origin: Pos2, pixels_per_point: f32) -> Screen {
        let seen = Rect::from_min_size(pos2(10.0, 20.0), vec2(300.0, 200.0));
        Screen::new(
            &View {
                origin_in_view: origin,
                points_per_pixel,
            },
            seen,
            pixels_per_point,
        )
        .expect("a view")
    }

    #[test]
    fn hundred_percent_is_exact_on_every_display() {
        for ppp in [1.0_f32, 1.1, 1.25, 1.333, 1.5, 1.75, 2.0, 2.625, 3.0] {
            let screen = screen(1.0 / ppp, pos2(33.37, -81.9), ppp);
            assert_eq!(screen.scale, 1.0, "{ppp}");
            assert_eq!(screen.origin.map(f64::fract), [0.0, 0.0], "{ppp}");
        }
        assert_eq!(screen(0.5, Pos2::ZERO, 1.0).scale, 0.5);
        assert_eq!(
            screen(0.4321, pos2(0.3, 0.0), 1.0).origin[0],
            f64::from(0.3_f32)
        );
    }

    #[test]
    fn visible_pixels_are_cut_outward() {
        let screen = screen(2.0, pos2(11.0, 20.0), 1.0);
        let photo = PixelRect::new(0, 0, 1000, 70);
        assert_eq!(screen.visible(photo), PixelRect::from_edges(0, 0, 150, 70));
        assert_eq!(
            screen.rect_px(PixelRect::new(-1, 0, 2, 2)),
            [9.0, 20.0, 13.0, 24.0]
        );
    }

    #[test]
    fn impossible_views_are_none() {
        let seen = Rect::from_min_size(Pos2::ZERO, vec2(10.0, 10.0));
        let view = |scale: f32, x: f32| View {
            origin_in_view: pos2(x, 0.0),
            points_per_pixel: scale,
        };
        for (scale, x) in [
            (0.0, 0.0),
            (f32::NAN, 0.0),
            (-1.0, 0.0),
            (f32::INFINITY, 0.0),
            (1.0, f32::NAN),
        ] {
            assert_eq!(Screen::new(&view(scale, x), seen, 1.0), None);
        }
        assert_eq!(Screen::new(&view(1.0, 0.0), Rect::NOTHING, 1.0), None);
        assert_eq!(Screen::new(&view(1.0, 0.0), seen, 0.0), None);
    }

    #[test]
    fn there_and_back() {
        let view = View {
            origin_in_view: pos2(12.0, 7.0),
            points_per_pixel: 0.25,
        };
        let point = pos2(300.0, 44.0);
        assert!((view.photo_from_view(view.view_from_photo(point)) - point).length() < 1e-3);
    }
}
