//! Owns the line between before and after: the photo as it was on its left, the result on its right. Dragged, or moved
//! with the arrow keys while it has the focus. Called by `canvas::paint`; the painter does the cutting.

use eframe::egui::{
    self, Area, Color32, CornerRadius, CursorIcon, EventFilter, Id, Key, Modifiers, Order, Rect,
    Response, Sense, Stroke, Ui, Vec2, WidgetInfo, accesskit, pos2, vec2,
};

use super::CanvasState;
use super::extension::chip;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme;

/// Width of what can be grabbed, in points.
const GRAB: f32 = 18.0;
const KNOB: f32 = 15.0;
/// Height of the bar under a result, with the air around it.
const FOOT: f32 = 72.0;
/// One press of an arrow key, as a share of the viewport; with Shift ten times as much.
const STEP: f32 = 0.005;
/// The line stays in reach.
const RANGE: std::ops::RangeInclusive<f32> = 0.02..=0.98;

/// Where overlays begin, in points of the window; none shows them everywhere.
pub fn x_in_view(canvas: &CanvasState, viewport: Rect, has_result: bool) -> Option<f32> {
    let share = canvas.split.filter(|_| has_result)?;
    Some(viewport.left() + viewport.width() * share)
}

/// Draws the line and lets it be moved.
pub fn show(ui: &Ui, viewport: Rect, scene: &mut Scene<'_>) {
    if scene.app.shown_candidate().is_none() {
        scene.state.canvas.split = None;
        return;
    }
    let Some(share) = scene.state.canvas.split else {
        return;
    };
    let x = viewport.left() + viewport.width() * share;
    // The line lies under the bar at the foot and leaves its buttons to be pressed.
    let strip = Rect::from_x_y_ranges(
        x - GRAB / 2.0..=x + GRAB / 2.0,
        viewport.top()..=(viewport.bottom() - FOOT).max(viewport.center().y + KNOB),
    );
    line(ui, x, viewport);
    let response = Area::new(Id::unique("split line"))
        .order(Order::Middle)
        .fixed_pos(strip.min)
        .constrain(false)
        .show(ui.ctx(), |ui| {
            ui.set_clip_rect(viewport);
            let (_, response) = ui.allocate_exact_size(strip.size(), Sense::click_and_drag());
            draw(ui, x, viewport, &response);
            response
        })
        .inner;
    labels(ui, x, viewport);
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    let mut moved = share;
    if let Some(pointer) = response
        .interact_pointer_pos()
        .filter(|_| response.dragged())
    {
        moved = (pointer.x - viewport.left()) / viewport.width().max(1.0);
    }
    moved += asked_steps(ui, &response) * STEP;
    if let Some(value) = asked_value(ui, response.id) {
        moved = value / 100.0;
    }
    let moved = moved.clamp(*RANGE.start(), *RANGE.end());
    describe(ui, &response, moved);
    if moved != share {
        scene.state.canvas.split = Some(moved);
        ui.ctx().request_repaint();
    }
}

/// By arrow keys and by a screen reader.
fn asked_steps(ui: &Ui, response: &Response) -> f32 {
    let id = response.id;
    if response.has_focus() {
        let arrows = EventFilter {
            horizontal_arrows: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, arrows));
    } else {
        return ui.input(|input| {
            let count = |action| input.num_accesskit_action_requests(id, action) as f32;
            4.0 * (count(accesskit::Action::Increment) - count(accesskit::Action::Decrement))
        });
    }
    ui.input_mut(|input| {
        let mut count = |modifiers, key| input.count_and_consume_key(modifiers, key) as f32;
        let wide =
            count(Modifiers::SHIFT, Key::ArrowRight) - count(Modifiers::SHIFT, Key::ArrowLeft);
        let fine = count(Modifiers::NONE, Key::ArrowRight) - count(Modifiers::NONE, Key::ArrowLeft);
        let asked = |action| input.num_accesskit_action_requests(id, action) as f32;
        10.0 * wide
            + fine
            + 4.0 * (asked(accesskit::Action::Increment) - asked(accesskit::Action::Decrement))
    })
}

/// A value that a screen reader sets, in percent.
fn asked_value(ui: &Ui, id: Id) -> Option<f32> {
    ui.input(|input| {
        input
            .accesskit_action_requests(id, accesskit::Action::SetValue)
            .filter_map(|request| match request.data {
                Some(accesskit::ActionData::NumericValue(value)) => Some(value as f32),
                _ => None,
            })
            .last()
    })
}

fn describe(ui: &Ui, response: &Response, share: f32) {
    let percent = f64::from((share * 1000.0).round() / 10.0);
    response.widget_info(|| WidgetInfo::slider(true, percent, text::SPLIT_LINE));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(f64::from(*RANGE.start()) * 100.0);
        node.set_max_numeric_value(f64::from(*RANGE.end()) * 100.0);
        node.set_numeric_value_step(f64::from(STEP) * 100.0);
        node.add_action(accesskit::Action::SetValue);
        node.add_action(accesskit::Action::Increment);
        node.add_action(accesskit::Action::Decrement);
    });
}

fn line(ui: &Ui, x: f32, viewport: Rect) {
    let painter = ui.painter_at(viewport);
    let shade = Stroke::new(3.5, Color32::from_black_alpha(90));
    painter.vline(x, viewport.y_range(), shade);
    painter.vline(x, viewport.y_range(), Stroke::new(1.5, Color32::WHITE));
}

fn draw(ui: &Ui, x: f32, viewport: Rect, response: &Response) {
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter();
    let knob = pos2(x, viewport.center().y);
    let is_hot = response.hovered() || response.dragged() || response.has_focus();
    let fill = if is_hot {
        palette.accent
    } else {
        palette.raised
    };
    let ink = if is_hot {
        palette.on_accent
    } else {
        palette.text
    };
    painter.circle_filled(knob, KNOB + 1.5, Color32::from_black_alpha(70));
    painter.circle(knob, KNOB, fill, Stroke::new(1.5, Color32::WHITE));
    if response.has_focus() {
        let ring = Rect::from_center_size(knob, Vec2::splat(2.0 * KNOB + 8.0));
        let stroke = Stroke::new(2.0, palette.accent_text);
        painter.rect_stroke(
            ring,
            CornerRadius::same(19),
            stroke,
            egui::StrokeKind::Middle,
        );
    }
    for side in [-1.0, 1.0] {
        let tip = knob + vec2(side * 8.0, 0.0);
        let stroke = Stroke::new(1.8, ink);
        painter.line_segment([tip, tip + vec2(-side * 4.0, -4.0)], stroke);
        painter.line_segment([tip, tip + vec2(-side * 4.0, 4.0)], stroke);
    }
}

fn labels(ui: &Ui, x: f32, viewport: Rect) {
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(viewport);
    let top = viewport.top() + 26.0;
    if x - viewport.left() > 90.0 {
        chip(&painter, pos2(x - 46.0, top), text::BEFORE, true, palette);
    }
    if viewport.right() - x > 90.0 {
        chip(&painter, pos2(x + 42.0, top), text::AFTER, true, palette);
    }
}
