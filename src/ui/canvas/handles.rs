//! Owns the four handles on the canvas's edges that drag outward to extend it. Called by `canvas`; sends extension
//! commands and draws the new area's outline and labels. Must never change the extension itself.

use eframe::egui::{
    Align2, CornerRadius, CursorIcon, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui,
    Vec2, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::view::{Mapping, canvas_bounds};
use crate::app::Command;
use crate::geometry::PixelSize;
use crate::plan::Extension;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme::{self, Palette, size};

/// Length and thickness of a handle in points, and of what can be grabbed.
const LENGTH: f32 = 38.0;
const THICKNESS: f32 = 5.0;
const GRAB: f32 = 22.0;
/// Distance from the picture's edge to the handle's middle.
const OFFSET: f32 = 12.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

impl Side {
    pub const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Top, Self::Bottom];

    pub fn name(self) -> &'static str {
        match self {
            Self::Left => text::LEFT,
            Self::Right => text::RIGHT,
            Self::Top => text::TOP,
            Self::Bottom => text::BOTTOM,
        }
    }

    pub fn of(self, extension: Extension) -> u32 {
        match self {
            Self::Left => extension.left,
            Self::Right => extension.right,
            Self::Top => extension.top,
            Self::Bottom => extension.bottom,
        }
    }

    #[must_use]
    pub fn with(self, extension: Extension, px: u32) -> Extension {
        let mut changed = extension;
        match self {
            Self::Left => changed.left = px,
            Self::Right => changed.right = px,
            Self::Top => changed.top = px,
            Self::Bottom => changed.bottom = px,
        }
        changed
    }

    fn grab_size(self) -> Vec2 {
        if self.is_vertical() {
            vec2(GRAB, LENGTH + 14.0)
        } else {
            vec2(LENGTH + 14.0, GRAB)
        }
    }

    fn edge_of(self, rect: Rect) -> [Pos2; 2] {
        match self {
            Self::Left => [rect.left_top(), rect.left_bottom()],
            Self::Right => [rect.right_top(), rect.right_bottom()],
            Self::Top => [rect.left_top(), rect.right_top()],
            Self::Bottom => [rect.left_bottom(), rect.right_bottom()],
        }
    }

    fn is_vertical(self) -> bool {
        matches!(self, Self::Left | Self::Right)
    }

    /// The middle of the edge as far as it is in sight, so that a handle can be reached at any zoom.
    fn middle(self, canvas_in_view: Rect, sight: Rect) -> Pos2 {
        let seen = canvas_in_view.intersect(sight);
        let middle = if seen.is_positive() {
            seen.center()
        } else {
            canvas_in_view.center()
        };
        match self {
            Self::Left => pos2(canvas_in_view.left() - OFFSET, middle.y),
            Self::Right => pos2(canvas_in_view.right() + OFFSET, middle.y),
            Self::Top => pos2(middle.x, canvas_in_view.top() - OFFSET),
            Self::Bottom => pos2(middle.x, canvas_in_view.bottom() + OFFSET),
        }
    }
}

/// A drag that goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandleDrag {
    side: Side,
    before: Extension,
    /// From the canvas's edge to where the handle was taken, in points.
    grip: Vec2,
}

/// The extension with the dragged edge under the pointer. Absolute in the photo, so that the view may zoom meanwhile.
fn dragged(drag: &HandleDrag, pointer: Pos2, mapping: &Mapping, photo: PixelSize) -> Extension {
    let edge = mapping.to_photo(pointer - drag.grip);
    let outward = match drag.side {
        Side::Left => -edge.x,
        Side::Right => edge.x - photo.width as f32,
        Side::Top => -edge.y,
        Side::Bottom => edge.y - photo.height as f32,
    };
    drag.side
        .with(drag.before, outward.round().clamp(0.0, 65_535.0) as u32)
}

/// Where the canvas's edge is, as a point on the side's axis.
fn edge_in_view(side: Side, canvas_in_view: Rect, at: Pos2) -> Pos2 {
    match side {
        Side::Left => pos2(canvas_in_view.left(), at.y),
        Side::Right => pos2(canvas_in_view.right(), at.y),
        Side::Top => pos2(at.x, canvas_in_view.top()),
        Side::Bottom => pos2(at.x, canvas_in_view.bottom()),
    }
}

/// True when a press there belongs to a handle.
pub fn is_hit(mapping: &Mapping, photo: PixelSize, extension: Extension, at: Pos2) -> bool {
    let canvas_in_view = mapping.rect_to_view(canvas_bounds(photo, extension));
    let sight = mapping.viewport.shrink(GRAB);
    Side::ALL.into_iter().any(|side| {
        let middle = side.middle(canvas_in_view, sight);
        mapping.viewport.contains(middle)
            && Rect::from_center_size(middle, side.grab_size()).contains(at)
    })
}

/// Lets the handles be dragged. Returns the one that the pointer is over or holds.
pub fn interact(
    ui: &Ui,
    mapping: &Mapping,
    drag: &mut Option<HandleDrag>,
    scene: &mut Scene<'_>,
) -> Option<Side> {
    let document = scene.app.document()?;
    let extension = document.extension();
    let canvas_in_view = mapping.rect_to_view(canvas_bounds(document.size(), extension));
    let sight = mapping.viewport.shrink(GRAB);
    let mut hot = drag.map(|drag| drag.side);
    for side in Side::ALL {
        let middle = side.middle(canvas_in_view, sight);
        if !mapping.viewport.contains(middle) && drag.is_none_or(|d| d.side != side) {
            continue;
        }
        let id = ui.scope_id().with(("handle", side.name()));
        let response = ui.interact(
            Rect::from_center_size(middle, side.grab_size()),
            id,
            Sense::drag(),
        );
        let name = text::extend_handle(side.name());
        response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, &name));
        if response.drag_started() {
            let from = ui
                .input(|input| input.pointer.press_origin())
                .unwrap_or(middle);
            let grip = from - edge_in_view(side, canvas_in_view, from);
            *drag = Some(HandleDrag {
                side,
                before: extension,
                grip,
            });
        }
        let is_dragged = drag.is_some_and(|d| d.side == side);
        if let (Some(held), true, Some(pointer)) =
            (*drag, is_dragged, ui.input(|i| i.pointer.interact_pos()))
        {
            let next = dragged(&held, pointer, mapping, document.size());
            if next != extension {
                scene.send(Command::PreviewExtension(next));
            }
            if response.drag_stopped() || !ui.input(|input| input.pointer.any_down()) {
                scene.send(Command::CommitExtension {
                    before: held.before,
                });
                *drag = None;
            }
        }
        let is_hot = response.hovered() || is_dragged;
        if is_hot {
            hot = Some(side);
            let cursor = if side.is_vertical() {
                CursorIcon::ResizeHorizontal
            } else {
                CursorIcon::ResizeVertical
            };
            ui.set_cursor_icon(cursor);
        }
        if !is_dragged {
            response.on_hover_text(text::extend_handle_tip(side.name()));
        }
    }
    hot
}

/// Draws the handles.
pub fn paint(ui: &Ui, mapping: &Mapping, hot: Option<Side>, scene: &Scene<'_>) {
    let Some(document) = scene.app.document() else {
        return;
    };
    let canvas_in_view = mapping.rect_to_view(canvas_bounds(document.size(), document.extension()));
    let sight = mapping.viewport.shrink(GRAB);
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(mapping.viewport);
    for side in Side::ALL {
        pill(
            &painter,
            side.middle(canvas_in_view, sight),
            side,
            hot == Some(side),
            palette,
        );
    }
}

fn pill(painter: &Painter, middle: Pos2, side: Side, is_hot: bool, palette: &Palette) {
    let thickness = if is_hot { THICKNESS + 1.0 } else { THICKNESS };
    let shape = if side.is_vertical() {
        vec2(thickness, LENGTH)
    } else {
        vec2(LENGTH, thickness)
    };
    let rect = Rect::from_center_size(middle, shape);
    let color = if is_hot {
        palette.accent_text
    } else {
        palette.text_muted.gamma_multiply(0.75)
    };
    painter.rect_filled(rect, CornerRadius::same(3), color);
}

/// The outline of the new area, and how many pixels each side gains.
pub fn paint_extension(ui: &Ui, mapping: &Mapping, drag: Option<&HandleDrag>, scene: &Scene<'_>) {
    let Some(document) = scene.app.document() else {
        return;
    };
    let extension = document.extension();
    if extension.is_none() {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let photo = mapping.rect_to_view(canvas_bounds(document.size(), Extension::default()));
    let canvas = mapping.rect_to_view(canvas_bounds(document.size(), extension));
    let painter = ui.painter_at(mapping.viewport);
    let line = Stroke::new(1.0, palette.accent_text);
    painter.rect_stroke(
        canvas,
        0.0,
        Stroke::new(1.5, palette.accent_text),
        StrokeKind::Outside,
    );
    for side in Side::ALL.into_iter().filter(|side| side.of(extension) > 0) {
        painter.extend(Shape::dashed_line(&side.edge_of(photo), line, 5.0, 5.0));
    }
    for side in Side::ALL {
        let px = side.of(extension);
        let strip = strip(side, photo, canvas);
        let is_dragged = drag.is_some_and(|d| d.side == side);
        if px > 0 && (is_dragged || strip.size().min_elem() > 54.0) {
            chip(
                &painter,
                strip.intersect(mapping.viewport).center(),
                &text::added(px),
                is_dragged,
                palette,
            );
        }
    }
}

fn strip(side: Side, photo: Rect, canvas: Rect) -> Rect {
    match side {
        Side::Left => Rect::from_min_max(
            pos2(canvas.left(), photo.top()),
            pos2(photo.left(), photo.bottom()),
        ),
        Side::Right => Rect::from_min_max(
            pos2(photo.right(), photo.top()),
            pos2(canvas.right(), photo.bottom()),
        ),
        Side::Top => Rect::from_min_max(
            pos2(photo.left(), canvas.top()),
            pos2(photo.right(), photo.top()),
        ),
        Side::Bottom => Rect::from_min_max(
            pos2(photo.left(), photo.bottom()),
            pos2(photo.right(), canvas.bottom()),
        ),
    }
}

/// A small label on any ground.
pub fn chip(painter: &Painter, center: Pos2, words: &str, is_strong: bool, palette: &Palette) {
    let (fill, ink) = if is_strong {
        (palette.accent, palette.on_accent)
    } else {
        (palette.raised.gamma_multiply(0.92), palette.text)
    };
    let galley = painter.layout_no_wrap(words.to_owned(), theme::semibold(size::SMALL), ink);
    let rect = Rect::from_center_size(center, galley.size() + vec2(16.0, 8.0));
    painter.rect_filled(rect, CornerRadius::same(8), fill);
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        words,
        theme::semibold(size::SMALL),
        ink,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHOTO: PixelSize = PixelSize::new(200, 100);

    /// The photo's corner at (100, 100), two photo pixels a point.
    fn mapping() -> Mapping {
        Mapping {
            viewport: Rect::from_min_size(Pos2::ZERO, vec2(400.0, 300.0)),
            points_per_px: 0.5,
            origin_in_view: pos2(100.0, 100.0),
        }
    }

    fn drag(side: Side, before: Extension) -> HandleDrag {
        HandleDrag {
            side,
            before,
            grip: Vec2::ZERO,
        }
    }

    #[test]
    fn dragging_outward_adds_pixels_by_the_zoom() {
        let to = |side, at| dragged(&drag(side, Extension::default()), at, &mapping(), PHOTO);
        assert_eq!(to(Side::Right, pos2(250.0, 90.0)).right, 100);
        assert_eq!(to(Side::Left, pos2(50.0, 90.0)).left, 100);
        assert_eq!(to(Side::Top, pos2(100.0, 60.0)).top, 80);
        assert_eq!(to(Side::Bottom, pos2(100.0, 160.0)).bottom, 20);
    }

    #[test]
    fn an_edge_never_goes_into_the_photo_and_other_sides_stay() {
        let before = Extension {
            left: 10,
            top: 5,
            right: 0,
            bottom: 0,
        };
        let after = dragged(
            &drag(Side::Left, before),
            pos2(390.0, 100.0),
            &mapping(),
            PHOTO,
        );
        assert_eq!(
            after,
            Extension {
                left: 0,
                top: 5,
                right: 0,
                bottom: 0
            }
        );
    }

    #[test]
    fn the_grip_keeps_the_edge_where_it_was_when_a_handle_is_taken() {
        let held = HandleDrag {
            grip: vec2(12.0, 0.0),
            ..drag(Side::Right, Extension::default())
        };
        assert_eq!(
            dragged(&held, pos2(212.0, 130.0), &mapping(), PHOTO),
            Extension::default()
        );
    }

    #[test]
    fn handles_are_hit_beside_the_edges_only() {
        let hit = |at| is_hit(&mapping(), PHOTO, Extension::default(), at);
        assert!(hit(pos2(88.0, 125.0)) && hit(pos2(212.0, 125.0)) && hit(pos2(150.0, 88.0)));
        assert!(!hit(pos2(150.0, 125.0)));
    }
}
