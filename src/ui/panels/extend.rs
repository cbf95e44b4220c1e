//! Owns the part of the side panel about the canvas's frame: numbers, proportions with an anchor, overlap. Pushes actions
//! only.

use eframe::egui::{
    Button, CornerRadius, DragValue, Grid, Response, RichText, Sense, Slider, Ui, WidgetInfo,
    accesskit::Role, vec2,
};

use crate::app::{Anchor, Aspect, Command};
use crate::geometry::PixelRect;
use crate::plan::MAX_OVERLAP_PX;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets;

/// The most that a number adds to a side.
const MOST: i32 = 20_000;

pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let reset = Command::ResetFrame;
    let can_reset = scene.allows(&reset);
    widgets::section(ui, text::SECTION_EXTEND, |ui| {
        if can_reset {
            let words = RichText::new(text::RESET_EXTENSION).font(theme::regular(size::SMALL));
            let button = Button::new(words).small().frame_when_inactive(false);
            if ui.add(button).on_hover_text(reset.tooltip()).clicked() {
                scene.send(reset);
            }
        }
    });
    let Some(frame) = scene.app.document().map(crate::document::Document::frame) else {
        widgets::small(ui, text::EXTEND_HELP);
        return;
    };
    let can_edit = scene.app.jobs().is_empty() && scene.app.candidates().is_empty();
    ui.add_enabled_ui(can_edit, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        sides(ui, frame, scene);
        proportions(ui, scene);
        overlap(ui, scene);
    });
    let size = scene.app.document().map(crate::document::Document::size);
    match size {
        Some(size) if size != frame.size() => {
            widgets::small(ui, text::extended_size(size, frame.size()))
        }
        _ if !scene.app.jobs().is_empty() => widgets::small(ui, text::EXTEND_BUSY),
        _ if !can_edit => widgets::small(ui, text::EXTEND_WAIT),
        _ => widgets::small(ui, text::EXTEND_HELP),
    };
}

/// What each side gains, or loses where it is negative; and the size that follows, which can be typed as well.
fn sides(ui: &mut Ui, frame: PixelRect, scene: &mut Scene<'_>) {
    let Some(picture) = scene.app.document().map(crate::document::Document::size) else {
        return;
    };
    let (width, height) = (picture.width as i32, picture.height as i32);
    let mut gains = [
        (text::LEFT, -frame.x),
        (text::RIGHT, frame.right() - width),
        (text::TOP, -frame.y),
        (text::BOTTOM, frame.bottom() - height),
    ];
    let mut size = [frame.width as i32, frame.height as i32];
    let before = (gains, size);
    let mut drag = Drag::default();
    let room = (ui.available_width() - 2.0 * 48.0 - 3.0 * theme::GAP) / 2.0;
    Grid::new("extend")
        .spacing(vec2(theme::GAP, 6.0))
        .min_col_width(48.0)
        .show(ui, |ui| {
            for (number, (name, gain)) in gains.iter_mut().enumerate() {
                let least = if number < 2 { 1 - width } else { 1 - height };
                let words = text::extend_value(name);
                drag.note(&field(ui, name, &words, room, gain, least));
                if number % 2 == 1 {
                    ui.end_row();
                }
            }
            for (name, side) in [text::WIDTH, text::HEIGHT].into_iter().zip(&mut size) {
                let words = text::frame_value(name);
                drag.note(&field(ui, name, &words, room, side, 1));
            }
        });
    let [left, right, top, bottom] = gains.map(|(_, gain)| gain);
    let wanted = if size == before.1 {
        PixelRect::from_edges(-left, -top, width + right, height + bottom)
    } else {
        resized(
            frame,
            size.map(|side| side as u32),
            scene.state.extend.anchor,
        )
    };
    if (gains, size) != before {
        // A drag is one step of history, however many numbers it passes.
        scene.send(if drag.is_on || drag.is_over {
            Command::PreviewFrame(Some(wanted))
        } else {
            Command::SetFrame(wanted)
        });
    }
    if drag.is_over {
        scene.send(Command::CommitFrame);
    }
}

/// Whether one of the numbers is being dragged, or was just let go.
#[derive(Default)]
struct Drag {
    is_on: bool,
    is_over: bool,
}

impl Drag {
    fn note(&mut self, response: &Response) {
        self.is_on |= response.dragged();
        self.is_over |= response.drag_stopped();
    }
}

/// A name and a number of pixels beside it; `words` name it to screen readers.
fn field(
    ui: &mut Ui,
    name: &str,
    words: &str,
    width: f32,
    value: &mut i32,
    least: i32,
) -> Response {
    let palette = theme::palette(ui.ctx());
    ui.label(RichText::new(name).color(palette.text_muted));
    let drag = DragValue::new(value)
        .range(least..=MOST.max(least))
        .speed(2.0)
        .suffix(" px")
        .update_while_editing(false);
    ui.add_sized(vec2(width, theme::CONTROL), drag)
        .accessible_name(words)
}

/// The frame with another width and height, the anchor's side or corner staying where it is.
fn resized(frame: PixelRect, [width, height]: [u32; 2], anchor: Anchor) -> PixelRect {
    let place = |start: i32, old: u32, new: u32, share: u8| {
        let moved = (i64::from(old) - i64::from(new)) * i64::from(share.min(2)) / 2;
        start.saturating_add(moved as i32)
    };
    PixelRect::new(
        place(frame.x, frame.width, width, anchor.column),
        place(frame.y, frame.height, height, anchor.row),
        width,
        height,
    )
}

/// Presets, which way they go, and where the picture stays meanwhile.
fn proportions(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.horizontal(|ui| {
        for (crops, words) in [(false, text::BY_EXTENDING), (true, text::BY_CROPPING)] {
            let is_chosen = scene.state.extend.crops == crops;
            if ui.selectable_label(is_chosen, words).clicked() {
                scene.state.extend.crops = crops;
            }
        }
    });
    ui.horizontal_top(|ui| {
        anchors(ui, scene);
        ui.add_space(6.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
            for row in Aspect::ALL.chunks(3) {
                ui.horizontal(|ui| {
                    for aspect in row {
                        preset(ui, *aspect, scene);
                    }
                });
            }
        });
    });
}

fn preset(ui: &mut Ui, aspect: Aspect, scene: &mut Scene<'_>) {
    let document = scene.app.document();
    let is_there = document.is_some_and(|d| {
        let frame = d.frame();
        let width = f64::from(frame.height) * aspect.ratio(d.size());
        (width - f64::from(frame.width)).abs() <= 1.0
    });
    let words = RichText::new(aspect.label()).font(theme::regular(size::SMALL));
    let button = Button::new(words).selected(is_there);
    if ui.add_sized(vec2(56.0, 28.0), button).clicked() {
        let choice = scene.state.extend;
        scene.send(Command::FrameToAspect {
            aspect,
            anchor: choice.anchor,
            crop: choice.crops,
        });
    }
}

/// Three by three places.
fn anchors(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
        ui.spacing_mut().interact_size.y = 18.0;
        ui.vertical(|ui| {
            for row in 0..3 {
                ui.horizontal(|ui| {
                    for column in 0..3 {
                        let anchor = Anchor { column, row };
                        let is_chosen = scene.state.extend.anchor == anchor;
                        if place(ui, anchor, is_chosen).clicked() {
                            scene.state.extend.anchor = anchor;
                        }
                    }
                });
            }
        });
    });
}

fn place(ui: &mut Ui, anchor: Anchor, is_chosen: bool) -> Response {
    let palette = theme::palette(ui.ctx());
    let (rect, response) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::click());
    let name = text::anchor(anchor.column, anchor.row);
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_chosen, &name));
    let fill = match () {
        () if is_chosen => palette.accent,
        () if response.hovered() || response.has_focus() => palette.control_hover,
        () => palette.control,
    };
    ui.painter().rect_filled(rect, CornerRadius::same(4), fill);
    let dot = if is_chosen {
        palette.on_accent
    } else {
        palette.text_faint
    };
    ui.painter().circle_filled(rect.center(), 2.5, dot);
    response.on_hover_text(format!("{}: {name}", text::ANCHOR))
}

fn overlap(ui: &mut Ui, scene: &mut Scene<'_>) {
    let mut px = scene.app.overlap_px();
    let tip = Command::SetOverlap(px).tooltip();
    widgets::row(ui, text::OVERLAP, tip, None, |ui| {
        let width = (ui.available_width() - 64.0).max(40.0);
        let slider = Slider::new(&mut px, 0..=MAX_OVERLAP_PX).show_value(false);
        if widgets::slider(ui, slider, width, text::OVERLAP).changed() {
            scene.send(Command::SetOverlap(px));
        }
        ui.label(format!("{px} px"));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_size_keeps_the_anchored_side_in_place() {
        let frame = PixelRect::new(-10, 0, 110, 80);
        let at = |column, row| Anchor { column, row };
        let left_bottom = resized(frame, [200, 100], at(0, 2));
        assert_eq!(left_bottom, PixelRect::new(-10, -20, 200, 100));
        let middle = resized(frame, [90, 80], Anchor::MIDDLE);
        assert_eq!(middle, PixelRect::new(0, 0, 90, 80));
        let right = resized(frame, [120, 80], at(2, 0));
        assert_eq!(right.right(), frame.right());
    }
}
