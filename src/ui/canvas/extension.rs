//! Owns how a frame that differs from the picture looks: the outline and size of new canvas, the overlap that a fill
//! re-draws, the shade over what a crop takes away. Called by `canvas`; draws only.

use eframe::egui::{
    Align2, Color32, CornerRadius, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, pos2, vec2,
};

use super::view::{Mapping, rect_in_photo};
use crate::plan::Extension;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme::{self, Palette, size};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

impl Side {
    const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Top, Self::Bottom];

    fn of(self, extension: Extension) -> u32 {
        match self {
            Self::Left => extension.left,
            Self::Right => extension.right,
            Self::Top => extension.top,
            Self::Bottom => extension.bottom,
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
}

/// The frame's outline; `is_dragged` shows every number, however thin its strip.
pub fn paint(ui: &Ui, mapping: &Mapping, is_dragged: bool, scene: &Scene<'_>) {
    let Some(document) = scene.app.document() else {
        return;
    };
    let picture = document.size().rect();
    let (frame, extension) = (document.frame(), document.extension());
    if frame == picture {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(mapping.viewport);
    let picture_in_view = mapping.rect_to_view(rect_in_photo(picture));
    let frame_in_view = mapping.rect_to_view(rect_in_photo(frame));
    shade_crop(&painter, picture_in_view, frame_in_view);
    let outline = Stroke::new(1.5, palette.accent_text);
    painter.rect_stroke(frame_in_view, 0.0, outline, StrokeKind::Outside);
    if extension.is_none() {
        if is_dragged {
            let words = text::size(frame.size());
            let at = frame_in_view.intersect(mapping.viewport).center();
            chip(&painter, at, &words, true, palette);
        }
        return;
    }
    let inner = frame_in_view.intersect(picture_in_view);
    paint_overlap(&painter, mapping, inner, extension, scene);
    let line = Stroke::new(1.0, palette.accent_text);
    for side in Side::ALL.into_iter().filter(|side| side.of(extension) > 0) {
        painter.extend(Shape::dashed_line(&side.edge_of(inner), line, 5.0, 5.0));
        let strip = strip(side, inner, frame_in_view);
        if is_dragged || strip.size().min_elem() > 54.0 {
            let at = strip.intersect(mapping.viewport).center();
            chip(
                &painter,
                at,
                &text::added(side.of(extension)),
                is_dragged,
                palette,
            );
        }
    }
}

/// Where the fill also re-draws the photo, so that the new canvas can grow out of it.
fn paint_overlap(
    painter: &Painter,
    mapping: &Mapping,
    inner: Rect,
    extension: Extension,
    scene: &Scene<'_>,
) {
    let px = scene.app.overlap_px() as f32 * mapping.points_per_px;
    if px < 1.0 {
        return;
    }
    let [red, green, blue] = scene.app.settings().mask_color;
    let tint = Color32::from_rgb(red, green, blue).gamma_multiply(0.25);
    for side in Side::ALL.into_iter().filter(|side| side.of(extension) > 0) {
        let mut band = inner;
        match side {
            Side::Left => band.max.x = band.min.x + px,
            Side::Right => band.min.x = band.max.x - px,
            Side::Top => band.max.y = band.min.y + px,
            Side::Bottom => band.min.y = band.max.y - px,
        }
        painter.rect_filled(band.intersect(inner), 0.0, tint);
    }
}

/// Darkens what a crop takes away.
fn shade_crop(painter: &Painter, picture: Rect, frame: Rect) {
    let shade = Color32::from_black_alpha(150);
    let kept = picture.intersect(frame);
    let rests = [
        Rect::from_min_max(picture.min, pos2(picture.max.x, kept.min.y)),
        Rect::from_min_max(pos2(picture.min.x, kept.max.y), picture.max),
        Rect::from_min_max(
            pos2(picture.min.x, kept.min.y),
            pos2(kept.min.x, kept.max.y),
        ),
        Rect::from_min_max(
            pos2(kept.max.x, kept.min.y),
            pos2(picture.max.x, kept.max.y),
        ),
    ];
    for rest in rests.into_iter().filter(Rect::is_positive) {
        painter.rect_filled(rest, 0.0, shade);
    }
}

fn strip(side: Side, inner: Rect, frame: Rect) -> Rect {
    match side {
        Side::Left => Rect::from_min_max(
            pos2(frame.left(), inner.top()),
            pos2(inner.left(), inner.bottom()),
        ),
        Side::Right => Rect::from_min_max(
            pos2(inner.right(), inner.top()),
            pos2(frame.right(), inner.bottom()),
        ),
        Side::Top => Rect::from_min_max(
            pos2(inner.left(), frame.top()),
            pos2(inner.right(), inner.top()),
        ),
        Side::Bottom => Rect::from_min_max(
            pos2(inner.left(), inner.bottom()),
            pos2(inner.right(), frame.bottom()),
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
