//! Owns what floats over the photo while results wait: the bar with Accept and its neighbours, and the word "Before"
//! while comparing. Called by `canvas::paint`.

use eframe::egui::{self, Align2, Area, Id, Order, Rect, RichText, Sense, Ui, vec2};

use super::extension::chip;
use crate::app::Command;
use crate::ui::action::Scene;
use crate::ui::icons::Icon;
use crate::ui::shortcuts::{self, COMPARE};
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{self, IconButton};

/// Narrower canvases get buttons without words.
const ROOM_FOR_WORDS: f32 = 680.0;

/// The bar under a finished result.
pub fn candidate_bar(ui: &Ui, viewport: Rect, scene: &mut Scene<'_>) {
    let is_key_down =
        ui.input(|input| input.key_down(COMPARE)) && !ui.ctx().egui_wants_keyboard_input();
    let Some(seed) = scene.app.shown_candidate().map(|candidate| candidate.seed) else {
        // Without a result the edits are compared with the photo as it was opened.
        let has_edits = scene.app.document().is_some_and(|d| !d.fills().is_empty());
        compare(ui, is_key_down && has_edits, scene);
        return;
    };
    let palette = theme::palette(ui.ctx());
    let has_room = viewport.width() > ROOM_FOR_WORDS;
    let mut is_button_down = false;
    Area::new(Id::unique("candidate bar"))
        .order(Order::Middle)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(viewport.center_bottom() - vec2(0.0, 18.0))
        .constrain_to(viewport)
        .accessible_name(text::RESULT_BAR)
        .show(ui.ctx(), |ui| {
            theme::floating(palette).show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 4.0;
                    browse(ui, seed, scene);
                    is_button_down = compare_button(ui, has_room);
                    again_and_discard(ui, has_room, scene);
                    accept_part(ui, has_room, scene);
                    ui.add_space(4.0);
                    let accept = widgets::accent_button(ui, Command::Accept.label());
                    if accept
                        .on_hover_text(shortcuts::tip(ui.ctx(), &Command::Accept))
                        .clicked()
                    {
                        scene.send(Command::Accept);
                    }
                });
            });
        });
    compare(ui, is_button_down || is_key_down, scene);
}

fn compare(ui: &Ui, is_on: bool, scene: &mut Scene<'_>) {
    if scene.state.canvas.is_comparing != is_on {
        scene.state.canvas.is_comparing = is_on;
        ui.ctx().request_repaint();
    }
}

/// Previous, which of how many, next; or only the seed.
fn browse(ui: &mut Ui, seed: u64, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let (index, count) = (scene.app.shown_index(), scene.app.candidates().len());
    if count > 1 {
        if IconButton::new(Icon::Previous, text::PREVIOUS)
            .enabled(index > 0)
            .show(ui)
            .clicked()
        {
            scene.send(Command::ShowCandidate(index.saturating_sub(1)));
        }
        let words = RichText::new(text::result_of(index, count))
            .font(theme::semibold(size::BODY))
            .color(palette.text);
        ui.label(words).on_hover_text(text::seed(seed));
        if IconButton::new(Icon::Next, text::NEXT)
            .enabled(index + 1 < count)
            .show(ui)
            .clicked()
        {
            scene.send(Command::ShowCandidate(index + 1));
        }
    } else {
        ui.add_space(8.0);
        ui.label(
            RichText::new(text::seed(seed))
                .font(theme::regular(size::SMALL))
                .color(palette.text_muted),
        );
        ui.add_space(4.0);
    }
    separator(ui);
}

/// Acts while held.
fn compare_button(ui: &mut Ui, has_room: bool) -> bool {
    let response = if has_room {
        let button = egui::Button::new(text::COMPARE)
            .frame_when_inactive(false)
            .sense(Sense::click_and_drag());
        ui.add(button).on_hover_text(text::COMPARE_TIP)
    } else {
        IconButton::new(Icon::Compare, text::COMPARE)
            .tip(text::COMPARE_TIP)
            .held()
            .show(ui)
    };
    response.is_pointer_button_down_on()
}

fn again_and_discard(ui: &mut Ui, has_room: bool, scene: &mut Scene<'_>) {
    for (command, icon) in [
        (Command::Again, Icon::Again),
        (Command::MoreLikeThis, Icon::Spark),
        (Command::Discard, Icon::Clear),
    ] {
        let is_enabled = scene.allows(&command);
        let tip = shortcuts::tip(ui.ctx(), &command);
        let is_clicked = if has_room {
            let button = egui::Button::new(command.label()).frame_when_inactive(false);
            ui.add_enabled(is_enabled, button)
                .on_hover_text(tip)
                .clicked()
        } else {
            IconButton::new(icon, command.label())
                .tip(tip)
                .enabled(is_enabled)
                .show(ui)
                .clicked()
        };
        if is_clicked {
            scene.send(command);
        }
    }
}

/// Only where the mask was changed since: then a part can be kept.
fn accept_part(ui: &mut Ui, has_room: bool, scene: &mut Scene<'_>) {
    if !has_room || !scene.app.can_accept_part() {
        return;
    }
    let command = Command::AcceptPart;
    let button = egui::Button::new(command.label()).frame_when_inactive(false);
    let tip = shortcuts::tip(ui.ctx(), &command);
    if ui.add(button).on_hover_text(tip).clicked() {
        scene.send(command);
    }
}

fn separator(ui: &mut Ui) {
    let palette = theme::palette(ui.ctx());
    let (rect, _) = ui.allocate_exact_size(vec2(9.0, theme::CONTROL), Sense::hover());
    ui.painter().vline(
        rect.center().x,
        rect.shrink2(vec2(0.0, 4.0)).y_range(),
        (1.0, palette.line_strong),
    );
}

/// While comparing, say what is seen.
pub fn compare_label(ui: &Ui, viewport: Rect, scene: &Scene<'_>) {
    if scene.state.canvas.is_comparing {
        let at = viewport.center_top() + vec2(0.0, 26.0);
        chip(
            &ui.painter_at(viewport),
            at,
            text::BEFORE,
            true,
            theme::palette(ui.ctx()),
        );
    }
}
