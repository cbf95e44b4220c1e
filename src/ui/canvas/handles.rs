//! Owns the eight handles on the frame's edges and corners that drag outward to extend and inward to crop. Called by
//! `canvas`; sends frame commands. Must never change the frame itself.

use eframe::egui::{
    CornerRadius, CursorIcon, Painter, Pos2, Rect, Sense, Ui, Vec2, WidgetInfo, accesskit::Role,
    pos2, vec2,
};

use super::view::{Mapping, rect_in_photo};
use crate::app::Command;
use crate::geometry::PixelRect;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme::{self, Palette};

/// Length and thickness of a handle in points, and of what can be grabbed.
const LENGTH: f32 = 38.0;
const CORNER_LENGTH: f32 = 16.0;
const THICKNESS: f32 = 5.0;
const GRAB: f32 = 22.0;
/// Distance from the picture's edge to the handle's middle.
const OFFSET: f32 = 12.0;

/// An edge or a corner: -1 is left or top, 1 is right or bottom, 0 is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    x: i8,
    y: i8,
}

impl Handle {
    pub const ALL: [Self; 8] = [
        Self { x: -1, y: 0 },
        Self { x: 1, y: 0 },
        Self { x: 0, y: -1 },
        Self { x: 0, y: 1 },
        Self { x: -1, y: -1 },
        Self { x: 1, y: -1 },
        Self { x: -1, y: 1 },
        Self { x: 1, y: 1 },
    ];

    fn name(self) -> &'static str {
        match (self.x, self.y) {
            (-1, 0) => text::EDGE_LEFT,
            (1, 0) => text::EDGE_RIGHT,
            (0, -1) => text::EDGE_TOP,
            (0, 1) => text::EDGE_BOTTOM,
            (-1, -1) => text::CORNER_TOP_LEFT,
            (1, -1) => text::CORNER_TOP_RIGHT,
            (-1, _) => text::CORNER_BOTTOM_LEFT,
            _ => text::CORNER_BOTTOM_RIGHT,
        }
    }

    fn is_corner(self) -> bool {
        self.x != 0 && self.y != 0
    }

    fn grab_size(self) -> Vec2 {
        match (self.x, self.y) {
            (_, 0) => vec2(GRAB, LENGTH + 14.0),
            (0, _) => vec2(LENGTH + 14.0, GRAB),
            _ => Vec2::splat(GRAB + 6.0),
        }
    }

    fn cursor(self) -> CursorIcon {
        match (self.x, self.y) {
            (_, 0) => CursorIcon::ResizeHorizontal,
            (0, _) => CursorIcon::ResizeVertical,
            (x, y) if x == y => CursorIcon::ResizeNwSe,
            _ => CursorIcon::ResizeNeSw,
        }
    }

    /// Beside the edge (in the middle of what is in sight of it, so that it can be reached at any zoom) or the corner.
    fn middle(self, frame_in_view: Rect, sight: Rect) -> Pos2 {
        let seen = frame_in_view.intersect(sight);
        let middle = if seen.is_positive() {
            seen.center()
        } else {
            frame_in_view.center()
        };
        let at = |side: i8, low: f32, middle: f32, high: f32| match side {
            -1 => low - OFFSET,
            0 => middle,
            _ => high + OFFSET,
        };
        pos2(
            at(
                self.x,
                frame_in_view.left(),
                middle.x,
                frame_in_view.right(),
            ),
            at(
                self.y,
                frame_in_view.top(),
                middle.y,
                frame_in_view.bottom(),
            ),
        )
    }

    /// The dragged edge or corner itself.
    fn edge(self, frame_in_view: Rect, at: Pos2) -> Pos2 {
        let on = |side: i8, low: f32, own: f32, high: f32| match side {
            -1 => low,
            0 => own,
            _ => high,
        };
        pos2(
            on(self.x, frame_in_view.left(), at.x, frame_in_view.right()),
            on(self.y, frame_in_view.top(), at.y, frame_in_view.bottom()),
        )
    }
}

/// A drag that goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandleDrag {
    pub handle: Handle,
    before: PixelRect,
    /// From the edge to where the handle was taken, in points.
    grip: Vec2,
}

/// The frame with the dragged edge under the pointer; at least one pixel of it lies in `picture`. Absolute in the photo,
/// so that the view may zoom meanwhile. `keep_aspect` holds the proportions at corners.
fn dragged(
    drag: &HandleDrag,
    pointer: Pos2,
    mapping: &Mapping,
    picture: PixelRect,
    keep_aspect: bool,
) -> PixelRect {
    let edge = mapping.to_photo(pointer - drag.grip);
    let to = |v: f32| v.round().clamp(-65_535.0, 131_070.0) as i32;
    let PixelRect { x, y, .. } = drag.before;
    let (mut left, mut top) = (x, y);
    let (mut right, mut bottom) = (drag.before.right(), drag.before.bottom());
    match drag.handle.x {
        -1 => left = to(edge.x).min(right.min(picture.right()) - 1),
        1 => right = to(edge.x).max(left.max(picture.x) + 1),
        _ => {}
    }
    match drag.handle.y {
        -1 => top = to(edge.y).min(bottom.min(picture.bottom()) - 1),
        1 => bottom = to(edge.y).max(top.max(picture.y) + 1),
        _ => {}
    }
    if keep_aspect && drag.handle.is_corner() {
        let ratio = f64::from(drag.before.width) / f64::from(drag.before.height.max(1));
        let (width, height) = (f64::from(right - left), f64::from(bottom - top));
        if width / height > ratio {
            let height = (width / ratio).round() as i32;
            if drag.handle.y < 0 {
                top = bottom - height;
            } else {
                bottom = top + height;
            }
        } else {
            let width = (height * ratio).round() as i32;
            if drag.handle.x < 0 {
                left = right - width;
            } else {
                right = left + width;
            }
        }
    }
    PixelRect::from_edges(left, top, right, bottom)
}

/// True when a press there belongs to a handle.
pub fn is_hit(mapping: &Mapping, frame: PixelRect, at: Pos2) -> bool {
    let frame_in_view = mapping.rect_to_view(rect_in_photo(frame));
    let sight = mapping.viewport.shrink(GRAB);
    Handle::ALL.into_iter().any(|handle| {
        let middle = handle.middle(frame_in_view, sight);
        mapping.viewport.contains(middle)
            && Rect::from_center_size(middle, handle.grab_size()).contains(at)
    })
}

/// Lets the handles be dragged. Returns the one that the pointer is over or holds.
pub fn interact(
    ui: &Ui,
    mapping: &Mapping,
    drag: &mut Option<HandleDrag>,
    scene: &mut Scene<'_>,
) -> Option<Handle> {
    let document = scene.app.document()?;
    let frame = document.frame();
    let frame_in_view = mapping.rect_to_view(rect_in_photo(frame));
    let sight = mapping.viewport.shrink(GRAB);
    let mut hot = drag.map(|drag| drag.handle);
    for handle in Handle::ALL {
        let middle = handle.middle(frame_in_view, sight);
        let is_held = drag.is_some_and(|d| d.handle == handle);
        if !mapping.viewport.contains(middle) && !is_held {
            continue;
        }
        let place = Rect::from_center_size(middle, handle.grab_size());
        let id = ui.scope_id().with(("handle", handle.name()));
        let response = ui.interact(place, id, Sense::drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, handle.name()));
        if response.drag_started() {
            let from = ui
                .input(|input| input.pointer.press_origin())
                .unwrap_or(middle);
            *drag = Some(HandleDrag {
                handle,
                before: frame,
                grip: from - handle.edge(frame_in_view, from),
            });
        }
        let is_held = drag.is_some_and(|d| d.handle == handle);
        if let (Some(held), true, Some(pointer)) =
            (*drag, is_held, ui.input(|i| i.pointer.interact_pos()))
        {
            follow(ui, &held, pointer, mapping, scene);
            if ui.input(|input| input.key_pressed(eframe::egui::Key::Escape)) {
                scene.send(Command::PreviewFrame(None));
                *drag = None;
            } else if response.drag_stopped() || !ui.input(|input| input.pointer.any_down()) {
                scene.send(Command::CommitFrame);
                *drag = None;
            }
        }
        if response.hovered() || is_held {
            hot = Some(handle);
            ui.set_cursor_icon(handle.cursor());
        }
        if !is_held {
            response.on_hover_text(text::HANDLE_TIP);
        }
    }
    hot
}

fn follow(ui: &Ui, held: &HandleDrag, pointer: Pos2, mapping: &Mapping, scene: &mut Scene<'_>) {
    let Some(document) = scene.app.document() else {
        return;
    };
    let keep_aspect = ui.input(|input| input.modifiers.shift);
    let next = dragged(held, pointer, mapping, document.available(), keep_aspect);
    if next != document.frame() {
        scene.send(Command::PreviewFrame(Some(next)));
    }
}

/// Draws the handles.
pub fn paint(ui: &Ui, mapping: &Mapping, hot: Option<Handle>, scene: &Scene<'_>) {
    let Some(document) = scene.app.document() else {
        return;
    };
    let frame_in_view = mapping.rect_to_view(rect_in_photo(document.frame()));
    let sight = mapping.viewport.shrink(GRAB);
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(mapping.viewport);
    for handle in Handle::ALL {
        let middle = handle.middle(frame_in_view, sight);
        draw(&painter, middle, handle, hot == Some(handle), palette);
    }
}

/// A pill beside an edge, an angle at a corner.
fn draw(painter: &Painter, middle: Pos2, handle: Handle, is_hot: bool, palette: &Palette) {
    let thickness = if is_hot { THICKNESS + 1.0 } else { THICKNESS };
    let color = if is_hot {
        palette.accent_text
    } else {
        palette.text_muted.gamma_multiply(0.75)
    };
    let round = CornerRadius::same(3);
    if !handle.is_corner() {
        let shape = if handle.y == 0 {
            vec2(thickness, LENGTH)
        } else {
            vec2(LENGTH, thickness)
        };
        painter.rect_filled(Rect::from_center_size(middle, shape), round, color);
        return;
    }
    let inward = vec2(-f32::from(handle.x), -f32::from(handle.y));
    for arm in [
        vec2(CORNER_LENGTH, thickness),
        vec2(thickness, CORNER_LENGTH),
    ] {
        let corner = middle - inward * thickness / 2.0;
        let rect = Rect::from_two_pos(corner, corner + inward * arm);
        painter.rect_filled(rect, round, color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: PixelRect = PixelRect::new(0, 0, 200, 100);

    /// The photo's corner at (100, 100), two photo pixels a point.
    fn mapping() -> Mapping {
        Mapping {
            viewport: Rect::from_min_size(Pos2::ZERO, vec2(400.0, 300.0)),
            points_per_px: 0.5,
            origin_in_view: pos2(100.0, 100.0),
        }
    }

    fn drag(x: i8, y: i8, before: PixelRect) -> HandleDrag {
        HandleDrag {
            handle: Handle { x, y },
            before,
            grip: Vec2::ZERO,
        }
    }

    fn to(x: i8, y: i8, at: Pos2) -> PixelRect {
        dragged(&drag(x, y, PICTURE), at, &mapping(), PICTURE, false)
    }

    #[test]
    fn dragging_outward_adds_pixels_and_inward_crops_by_the_zoom() {
        assert_eq!(to(1, 0, pos2(250.0, 90.0)), PixelRect::new(0, 0, 300, 100));
        assert_eq!(
            to(-1, 0, pos2(50.0, 90.0)),
            PixelRect::new(-100, 0, 300, 100)
        );
        assert_eq!(
            to(0, -1, pos2(100.0, 110.0)),
            PixelRect::new(0, 20, 200, 80)
        );
        assert_eq!(to(1, 1, pos2(250.0, 160.0)), PixelRect::new(0, 0, 300, 120));
    }

    #[test]
    fn something_of_the_picture_always_stays() {
        assert_eq!(
            to(-1, 0, pos2(390.0, 100.0)),
            PixelRect::new(199, 0, 1, 100)
        );
        assert_eq!(to(0, 1, pos2(150.0, 0.0)), PixelRect::new(0, 0, 200, 1));
    }

    #[test]
    fn a_corner_keeps_the_proportions_when_asked() {
        let held = drag(1, 1, PICTURE);
        let kept = dragged(&held, pos2(300.0, 155.0), &mapping(), PICTURE, true);
        assert_eq!(kept, PixelRect::new(0, 0, 400, 200));
    }

    #[test]
    fn the_grip_keeps_the_edge_where_it_was_when_a_handle_is_taken() {
        let held = HandleDrag {
            grip: vec2(12.0, 0.0),
            ..drag(1, 0, PICTURE)
        };
        let after = dragged(&held, pos2(212.0, 130.0), &mapping(), PICTURE, false);
        assert_eq!(after, PICTURE);
    }

    #[test]
    fn handles_are_hit_beside_the_edges_only() {
        let hit = |at| is_hit(&mapping(), PICTURE, at);
        assert!(hit(pos2(88.0, 125.0)) && hit(pos2(212.0, 125.0)) && hit(pos2(150.0, 88.0)));
        assert!(hit(pos2(86.0, 86.0)) && !hit(pos2(150.0, 125.0)));
    }
}
