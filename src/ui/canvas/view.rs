//! Owns where the photo stands on the screen: zoom and position, and the mapping between photo pixels and points. Pure
//! arithmetic, used by the canvas; must never know egui's widgets or the app.
//!
//! Spaces: `_in_photo` counts pixels of the photo from its top left corner, so an extension to the left has negative x and
//! dragging a handle never moves the photo. `_in_view` counts points of the window.

use eframe::egui::{Pos2, Rect, Vec2, pos2};

/// Screen pixels for one photo pixel.
const SCALE_RANGE: std::ops::RangeInclusive<f32> = 0.01..=64.0;
/// Room kept free around a fitted picture for the handles: at least so many points, and this share of the viewport.
const FIT_MARGIN: f32 = 40.0;
const FIT_SHARE: f32 = 0.06;
/// How much of the viewport must stay covered when panning, in points.
const KEEP: f32 = 64.0;

/// What is looked at. Survives resizing of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Screen pixels (not points) for one photo pixel: 1 is "100 %" on every display.
    scale: f32,
    /// The photo point in the middle of the viewport.
    middle_in_photo: Pos2,
    /// Follows the window's size until the person zooms or pans.
    is_fitted: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            scale: 1.0,
            middle_in_photo: Pos2::ZERO,
            is_fitted: true,
        }
    }
}

/// A view in a viewport of the present frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mapping {
    pub viewport: Rect,
    /// Points for one photo pixel.
    pub points_per_px: f32,
    /// Where the photo's corner is; on a whole screen pixel, so that 100 % is crisp.
    pub origin_in_view: Pos2,
}

impl Mapping {
    pub fn to_view(self, in_photo: Pos2) -> Pos2 {
        self.origin_in_view + in_photo.to_vec2() * self.points_per_px
    }

    pub fn to_photo(self, in_view: Pos2) -> Pos2 {
        ((in_view - self.origin_in_view) / self.points_per_px).to_pos2()
    }

    pub fn rect_to_view(&self, in_photo: Rect) -> Rect {
        Rect::from_min_max(self.to_view(in_photo.min), self.to_view(in_photo.max))
    }
}

impl View {
    pub fn scale(&self) -> f32 {
        self.scale
    }

    pub fn is_fitted(&self) -> bool {
        self.is_fitted
    }

    /// The mapping for a viewport in points on a display with this many pixels a point.
    pub fn mapping(&self, viewport: Rect, pixels_per_point: f32) -> Mapping {
        let points_per_px = self.scale / pixels_per_point;
        let origin = viewport.center() - self.middle_in_photo.to_vec2() * points_per_px;
        let snap = |v: f32| (v * pixels_per_point).round() / pixels_per_point;
        Mapping {
            viewport,
            points_per_px,
            origin_in_view: pos2(snap(origin.x), snap(origin.y)),
        }
    }

    /// Shows all of `bounds_in_photo`; small pictures are enlarged to 200 % at most.
    pub fn fit(&mut self, bounds_in_photo: Rect, viewport: Rect, pixels_per_point: f32) {
        let margin = (viewport.size() * FIT_SHARE).max(Vec2::splat(FIT_MARGIN));
        let room = (viewport.size() - 2.0 * margin).max(Vec2::splat(32.0)) * pixels_per_point;
        let size = bounds_in_photo.size().max(Vec2::splat(1.0));
        let scale = (room.x / size.x)
            .min(room.y / size.y)
            .min(2.0 * pixels_per_point);
        self.scale = scale.clamp(*SCALE_RANGE.start(), *SCALE_RANGE.end());
        self.middle_in_photo = bounds_in_photo.center();
        self.is_fitted = true;
    }

    /// Changes the zoom by `factor` so that the photo point under `anchor_in_view` stays there.
    pub fn zoom_about(&mut self, mapping: &Mapping, anchor_in_view: Pos2, factor: f32) {
        self.set_scale_about(mapping, anchor_in_view, self.scale * factor);
    }

    pub fn set_scale_about(&mut self, mapping: &Mapping, anchor_in_view: Pos2, scale: f32) {
        if !scale.is_finite() {
            return;
        }
        let scale = scale.clamp(*SCALE_RANGE.start(), *SCALE_RANGE.end());
        let anchor_in_photo = mapping.to_photo(anchor_in_view);
        let points_per_px = mapping.points_per_px * scale / self.scale;
        self.scale = scale;
        self.middle_in_photo =
            anchor_in_photo + (mapping.viewport.center() - anchor_in_view) / points_per_px;
        self.is_fitted = false;
    }

    /// Zooms out about the middle; a fitted view will be fitted again.
    pub fn make_room(&mut self, mapping: &Mapping, factor: f32) {
        let was_fitted = self.is_fitted;
        self.zoom_about(mapping, mapping.viewport.center(), factor);
        self.is_fitted = was_fitted;
    }

    /// Moves the picture by `delta` points.
    pub fn pan(&mut self, mapping: &Mapping, delta: Vec2) {
        self.middle_in_photo -= delta / mapping.points_per_px;
        self.is_fitted = false;
    }

    /// The photo's corner moved (an extension was accepted or undone): what is on screen stays where it is.
    pub fn shift(&mut self, by_in_photo: Vec2) {
        self.middle_in_photo += by_in_photo;
    }

    /// Keeps a piece of `bounds_in_photo` in sight.
    pub fn keep_in_sight(&mut self, bounds_in_photo: Rect, mapping: &Mapping) {
        let reach = (mapping.viewport.size() / 2.0 - Vec2::splat(KEEP)).max(Vec2::ZERO)
            / mapping.points_per_px;
        let allowed = bounds_in_photo.expand2(reach);
        self.middle_in_photo = self.middle_in_photo.clamp(allowed.min, allowed.max);
    }
}

/// The next rung of the zoom ladder above or below a scale, for buttons and keys.
pub fn next_step(scale: f32, larger: bool) -> f32 {
    const LADDER: [f32; 17] = [
        0.02, 0.05, 0.1, 0.167, 0.25, 0.333, 0.5, 0.667, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0, 32.0,
        64.0,
    ];
    if larger {
        LADDER
            .into_iter()
            .find(|step| *step > scale * 1.01)
            .unwrap_or(64.0)
    } else {
        LADDER
            .into_iter()
            .rev()
            .find(|step| *step < scale * 0.99)
            .unwrap_or(0.02)
    }
}

/// A wheel turn as a zoom factor: one notch is a fifth.
pub fn wheel_factor(notches: f32) -> f32 {
    1.2_f32.powf(notches.clamp(-10.0, 10.0))
}

/// A rectangle of whole pixels in the view's terms.
pub fn rect_in_photo(rect: crate::geometry::PixelRect) -> Rect {
    Rect::from_min_max(
        pos2(rect.x as f32, rect.y as f32),
        pos2(rect.right() as f32, rect.bottom() as f32),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::vec2;

    fn viewport() -> Rect {
        Rect::from_min_size(pos2(50.0, 40.0), vec2(801.0, 603.0))
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let mut view = View::default();
        view.fit(
            Rect::from_min_size(Pos2::ZERO, vec2(4000.0, 3000.0)),
            viewport(),
            1.0,
        );
        let pointer = pos2(200.0, 333.0);
        let before = view.mapping(viewport(), 1.0);
        let under = before.to_photo(pointer);
        view.zoom_about(&before, pointer, 3.7);
        let after = view.mapping(viewport(), 1.0);
        // The origin snaps to whole screen pixels: at most half of one off.
        assert!((after.to_view(under) - pointer).abs().max_elem() <= 0.51);
        assert!(!view.is_fitted());
    }

    #[test]
    fn mapping_there_and_back_is_the_identity() {
        let mut view = View::default();
        view.fit(
            Rect::from_min_size(Pos2::ZERO, vec2(640.0, 480.0)),
            viewport(),
            1.5,
        );
        let mapping = view.mapping(viewport(), 1.5);
        let point = pos2(123.25, 77.5);
        assert!((mapping.to_photo(mapping.to_view(point)) - point).length() < 1e-3);
    }

    #[test]
    fn a_fitted_picture_lies_inside_the_viewport_at_every_scale_factor() {
        for pixels_per_point in [1.0, 1.25, 1.5, 2.0, 3.0] {
            for size in [
                vec2(16.0, 16.0),
                vec2(9000.0, 60.0),
                vec2(60.0, 9000.0),
                vec2(12000.0, 9000.0),
            ] {
                let mut view = View::default();
                let bounds = Rect::from_min_size(pos2(-30.0, 0.0), size);
                view.fit(bounds, viewport(), pixels_per_point);
                let shown = view
                    .mapping(viewport(), pixels_per_point)
                    .rect_to_view(bounds);
                assert!(
                    viewport().expand(1.0).contains_rect(shown),
                    "{size:?} at {pixels_per_point}: {shown:?}"
                );
            }
        }
    }

    #[test]
    fn hundred_percent_means_one_screen_pixel_on_every_display() {
        let view = View::default();
        assert!((view.mapping(viewport(), 2.0).points_per_px - 0.5).abs() < 1e-6);
        let origin = view.mapping(viewport(), 2.0).origin_in_view;
        assert_eq!((origin.x * 2.0).fract(), 0.0);
    }

    #[test]
    fn the_picture_cannot_be_lost() {
        let bounds = Rect::from_min_size(Pos2::ZERO, vec2(500.0, 400.0));
        let mut view = View::default();
        let mapping = view.mapping(viewport(), 1.0);
        view.pan(&mapping, vec2(1e6, -1e6));
        view.keep_in_sight(bounds, &mapping);
        let shown = view.mapping(viewport(), 1.0).rect_to_view(bounds);
        assert!(shown.intersects(viewport()));
    }

    #[test]
    fn the_ladder_goes_up_and_down() {
        assert_eq!(next_step(0.4, true), 0.5);
        assert_eq!(next_step(1.0, false), 0.667);
        assert_eq!(next_step(1e9, true), 64.0);
        assert!(wheel_factor(1.0) * wheel_factor(-1.0) - 1.0 < 1e-6);
    }
}
