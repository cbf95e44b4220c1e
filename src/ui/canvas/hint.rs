//! Owns what the canvas shows when there is little on it: the first-start hint, the empty state, "opening", and the place
//! to drop a file. Called by `canvas::paint`.

use eframe::egui::{
    self, Align2, Area, Color32, CornerRadius, Id, Order, Pos2, Rect, RichText, Sense, Shape,
    Stroke, StrokeKind, Ui, Vec2, pos2, vec2,
};

use super::view::Mapping;
use crate::app::{Command, Tool};
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;
use crate::ui::action::{Action, Pick, Scene};
use crate::ui::icons::{self, Icon};
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets;

/// Two upright ellipses that cover the sample's ball and its shadow (assets/README.md): centre, radii, in photo pixels.
const SAMPLE_OBJECT: [(Pos2, Vec2); 2] = [
    (pos2(575.0, 744.0), vec2(78.0, 80.0)),
    (pos2(742.0, 812.0), vec2(212.0, 42.0)),
];
const SAMPLE_SIZE: PixelSize = PixelSize::new(1600, 1067);

/// The first-start hint, on the sample only.
pub fn show(ui: &Ui, mapping: &Mapping, scene: &mut Scene<'_>) {
    let is_sample = scene
        .app
        .document()
        .is_some_and(|d| d.path().is_none() && d.size() == SAMPLE_SIZE);
    if !is_sample
        || !scene.state.is_hint_shown
        || scene.has_mask
        || !scene.app.candidates().is_empty()
    {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(mapping.viewport);
    for piece in outline() {
        let piece: Vec<Pos2> = piece.into_iter().map(|at| mapping.to_view(at)).collect();
        painter.add(Shape::line(
            piece.clone(),
            Stroke::new(3.5, Color32::from_black_alpha(90)),
        ));
        painter.extend(Shape::dashed_line(
            &piece,
            Stroke::new(2.0, Color32::WHITE),
            7.0,
            5.0,
        ));
    }
    let below = mapping.to_view(pos2(742.0, 868.0));
    let top = below.y.clamp(
        mapping.viewport.top() + 12.0,
        mapping.viewport.bottom() - 130.0,
    );
    Area::new(Id::unique("hint"))
        .order(Order::Middle)
        .pivot(Align2::CENTER_TOP)
        .fixed_pos(pos2(below.x, top))
        .constrain_to(mapping.viewport.shrink(8.0))
        .accessible_name(text::HINT_NAME)
        .show(ui.ctx(), |ui| {
            theme::floating(palette)
                .inner_margin(egui::Margin::symmetric(16, 12))
                .show(ui, |ui| {
                    ui.set_max_width(330.0f32.min(mapping.viewport.width() - 56.0).max(80.0));
                    let title = match scene.app.tool() {
                        Tool::Erase => text::HINT_ERASE,
                        _ => text::HINT_TITLE,
                    };
                    let title = RichText::new(title)
                        .font(theme::semibold(14.0))
                        .color(palette.text);
                    ui.add(egui::Label::new(title).wrap());
                    widgets::small(ui, text::HINT_BODY);
                    ui.add_space(2.0);
                    if ui
                        .link(RichText::new(text::HINT_MARK).color(palette.accent_text))
                        .clicked()
                    {
                        if let Some(size) =
                            scene.app.document().map(crate::document::Document::size)
                        {
                            scene.send(Command::SetMask(Box::new(sample_mask(size))));
                        }
                        scene.state.is_hint_shown = false;
                    }
                });
        });
}

/// The outline of both ellipses together, as pieces: of each what is not inside the other.
fn outline() -> Vec<Vec<Pos2>> {
    const STEPS: usize = 240;
    let [ball, shadow] = SAMPLE_OBJECT;
    let mut pieces = Vec::new();
    for ((center, radii), (other, other_radii)) in [(ball, shadow), (shadow, ball)] {
        let mut piece = Vec::new();
        // Begins inside the other one, so that no piece is cut in two by the start of the ring.
        let start = ((other - center) / radii).angle();
        for i in 0..=STEPS {
            let (sin, cos) = (start + i as f32 / STEPS as f32 * std::f32::consts::TAU).sin_cos();
            let at = center + vec2(cos, sin) * radii;
            if ((at - other) / other_radii).length_sq() >= 1.0 {
                piece.push(at);
            } else if !piece.is_empty() {
                pieces.push(std::mem::take(&mut piece));
            }
        }
        pieces.push(piece);
    }
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

fn sample_mask(size: PixelSize) -> Mask {
    let mut mask = Mask::new(size);
    for (center, radii) in SAMPLE_OBJECT {
        let (corner, extent) = (center - radii, radii * 2.0);
        let rect = PixelRect::new(
            corner.x as i32,
            corner.y as i32,
            extent.x as u32,
            extent.y as u32,
        );
        mask.fill_ellipse(rect, false);
    }
    mask
}

/// No photo: say what to do, and offer it.
pub fn empty_state(ui: &mut Ui, viewport: Rect, scene: &mut Scene<'_>) {
    if scene.app.opening().is_some() {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let card = Rect::from_center_size(
        viewport.center(),
        vec2(340.0_f32.min(viewport.width() - 32.0), 260.0),
    );
    let mut ui = ui.new_child(
        egui::UiBuilder::new()
            .max_rect(card)
            .layout(egui::Layout::top_down(egui::Align::Center)),
    );
    let (square, _) = ui.allocate_exact_size(Vec2::splat(64.0), Sense::hover());
    ui.painter()
        .circle_filled(square.center(), 32.0, palette.panel);
    icons::paint(
        ui.painter(),
        square.shrink(18.0),
        Icon::Image,
        palette.accent_text,
    );
    ui.add_space(8.0);
    ui.label(
        RichText::new(text::EMPTY_TITLE)
            .font(theme::semibold(size::TITLE))
            .color(palette.text),
    );
    ui.add(egui::Label::new(RichText::new(text::EMPTY_BODY).color(palette.text_muted)).wrap());
    ui.add_space(10.0);
    if widgets::accent_button(&mut ui, text::EMPTY_OPEN).clicked() {
        scene.ask(Action::Pick(Pick::Photo));
    }
    if ui
        .link(RichText::new(text::EMPTY_SAMPLE).color(palette.accent_text))
        .clicked()
    {
        scene.send(Command::OpenSample);
    }
}

/// A file is being read.
pub fn opening(ui: &Ui, viewport: Rect, scene: &Scene<'_>) {
    if scene.app.opening().is_none() {
        return;
    }
    let palette = theme::palette(ui.ctx());
    Area::new(Id::unique("opening"))
        .order(Order::Middle)
        .pivot(Align2::CENTER_CENTER)
        .fixed_pos(viewport.center())
        .interactable(false)
        .show(ui.ctx(), |ui| {
            theme::floating(palette)
                .inner_margin(egui::Margin::symmetric(16, 10))
                .show(ui, |ui| {
                    ui.horizontal(|ui| {
                        ui.add(egui::Spinner::new().size(16.0).color(palette.accent_text));
                        ui.label(RichText::new(text::OPENING).color(palette.text));
                    });
                });
        });
}

/// While a file hovers over the window.
pub fn drop_target(ui: &Ui, viewport: Rect) {
    if ui.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let painter = ui
        .ctx()
        .layer_painter(egui::LayerId::new(Order::Foreground, Id::unique("drop")))
        .with_clip_rect(viewport);
    painter.rect_filled(viewport, 0.0, palette.canvas.gamma_multiply(0.86));
    let frame = viewport.shrink(18.0);
    painter.rect_stroke(
        frame,
        CornerRadius::same(14),
        Stroke::new(2.0, palette.accent_text),
        StrokeKind::Inside,
    );
    let middle = frame.center();
    icons::paint(
        &painter,
        Rect::from_center_size(middle - vec2(0.0, 44.0), Vec2::splat(34.0)),
        Icon::Image,
        palette.accent_text,
    );
    painter.text(
        middle,
        Align2::CENTER_CENTER,
        text::DROP_TITLE,
        theme::semibold(size::TITLE),
        palette.text,
    );
    let galley = painter.layout(
        text::DROP_BODY.to_owned(),
        theme::regular(size::BODY),
        palette.text_muted,
        (frame.width() - 40.0).clamp(80.0, 420.0),
    );
    painter.galley(
        middle + vec2(-galley.size().x / 2.0, 18.0),
        galley,
        palette.text_muted,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marked_part_is_what_the_assets_page_says() {
        let mask = sample_mask(SAMPLE_SIZE);
        let painted = mask.plane.data.iter().filter(|v| **v > 0).count();
        let share = painted as f64 / SAMPLE_SIZE.area() as f64;
        assert!((0.024..0.028).contains(&share), "{share}");
        // The outline runs along the marked part's edge, never through it.
        let pieces = outline();
        assert_eq!(pieces.len(), 2);
        for at in pieces.into_iter().flatten() {
            let nearest = SAMPLE_OBJECT
                .iter()
                .map(|(c, r)| ((at - *c) / *r).length_sq())
                .fold(f32::MAX, f32::min);
            assert!((nearest - 1.0).abs() < 1e-3, "{at:?}");
        }
    }
}
