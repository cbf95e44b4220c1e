//! Owns the list of accepted fills in the side panel: showing, fading, naming, ordering, masks, making one again. Pushes
//! actions only.

use eframe::egui::{
    self, Align, Button, CornerRadius, Key, Layout, Margin, RichText, Sense, Slider, Ui, vec2,
};

use super::edge;
use crate::app::{Command, Model};
use crate::document::{Document, Fill, FillId, FillRecipe};
use crate::ui::action::Scene;
use crate::ui::icons::Icon;
use crate::ui::shortcuts;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{self, IconButton};

/// The topmost first, as one looks down on them.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let Some(document) = scene.app.document() else {
        return;
    };
    let fills = document.fills().to_vec();
    if fills.is_empty() {
        widgets::section(ui, text::EDITS_EMPTY_TITLE, |_| {});
        widgets::small(ui, text::EDITS_EMPTY);
        return;
    }
    let count = fills.len();
    for (place, fill) in fills.iter().enumerate().rev() {
        ui.push_id(fill.id.0, |ui| card(ui, fill, place, count, scene));
    }
}

fn card(ui: &mut Ui, fill: &Fill, place: usize, count: usize, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let is_target = scene.app.document().and_then(Document::target) == Some(fill.id);
    let line = if is_target {
        palette.accent_text
    } else {
        palette.line
    };
    let frame = egui::Frame::new()
        .fill(palette.raised)
        .stroke((1.0, line))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(10, 8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            let icon = if fill.is_visible {
                Icon::Eye
            } else {
                Icon::EyeOff
            };
            if IconButton::new(icon, text::SHOW_EDIT)
                .side(26.0)
                .show(ui)
                .clicked()
            {
                scene.send(Command::SetFillVisible {
                    id: fill.id,
                    visible: !fill.is_visible,
                });
            }
            name(ui, fill, scene);
        });
        widgets::small(ui, edit_line(&fill.recipe));
        opacity(ui, fill, scene);
        edge::show(ui, fill, scene);
        buttons(ui, fill, place, count, is_target, scene);
    });
}

/// What made it. Erase has no luck: its seed says nothing.
fn edit_line(recipe: &FillRecipe) -> String {
    let is_erase = recipe.model_folder.is_none() && recipe.model == Model::Erase.name();
    if is_erase {
        recipe.model.clone()
    } else {
        text::edit_line(&recipe.model, recipe.settings.seed)
    }
}

fn name(ui: &mut Ui, fill: &Fill, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    if let Some((id, typed)) = &mut scene.state.renaming
        && *id == fill.id
    {
        let field = egui::TextEdit::singleline(typed).desired_width(f32::INFINITY);
        let response = ui.add(field).accessible_name(text::EDIT_NAME);
        response.request_focus();
        let (is_entered, is_left) = ui.input(|input| {
            (
                input.key_pressed(Key::Enter),
                input.key_pressed(Key::Escape),
            )
        });
        let is_elsewhere = response.clicked_elsewhere();
        if is_entered || is_left || is_elsewhere {
            let name = typed.trim().to_owned();
            if !is_left && !name.is_empty() {
                scene.send(Command::RenameFill { id: fill.id, name });
            }
            scene.state.renaming = None;
        }
        return;
    }
    let color = if fill.is_visible {
        palette.text
    } else {
        palette.text_muted
    };
    let words = RichText::new(&fill.name)
        .font(theme::semibold(size::BODY))
        .color(color);
    let label = egui::Label::new(words).truncate().sense(Sense::click());
    let response = ui.add(label).on_hover_text(text::RENAME_TIP);
    let is_f2 = response.has_focus() && ui.input(|input| input.key_pressed(Key::F2));
    if response.double_clicked() || is_f2 {
        scene.state.renaming = Some((fill.id, fill.name.clone()));
    }
}

fn opacity(ui: &mut Ui, fill: &Fill, scene: &mut Scene<'_>) {
    ui.horizontal(|ui| {
        widgets::small(ui, text::OPACITY);
        let mut percent = fill.opacity * 100.0;
        let width = (ui.available_width() - 52.0).max(40.0);
        let slider = Slider::new(&mut percent, 0.0..=100.0).show_value(false);
        let response = widgets::slider(ui, slider, width, text::OPACITY);
        widgets::small(ui, text::percent(percent / 100.0));
        if response.changed() {
            scene.send(Command::SetFillOpacity {
                id: fill.id,
                opacity: percent / 100.0,
            });
        }
        let is_by_key = response.changed() && !response.dragged();
        if response.drag_stopped() || is_by_key {
            scene.send(Command::EndDrag);
        }
    });
}

fn buttons(
    ui: &mut Ui,
    fill: &Fill,
    place: usize,
    count: usize,
    is_target: bool,
    scene: &mut Scene<'_>,
) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let target = (!is_target).then_some(fill.id);
        let edit = Command::EditFillMask(target);
        let words = if is_target {
            text::TARGET_DONE
        } else {
            edit.label()
        };
        if small_button(ui, words, &edit, is_target) {
            if !is_target {
                scene.state.canvas.is_mask_resting = false;
                scene.state.canvas.is_mask_hidden = false;
            }
            scene.send(edit);
        }
        let again = Command::RerunFill {
            id: fill.id,
            count: scene.state.variations,
        };
        if small_button(ui, again.label(), &again, false) {
            scene.send(again);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            order_and_remove(ui, fill.id, place, count, scene);
        });
    });
}

fn small_button(ui: &mut Ui, words: &str, command: &Command, is_lit: bool) -> bool {
    let button = Button::selectable(
        is_lit,
        RichText::new(words).font(theme::regular(size::SMALL)),
    );
    ui.add(button.min_size(vec2(0.0, 24.0)))
        .on_hover_text(shortcuts::tip(ui.ctx(), command))
        .clicked()
}

/// From the right: remove, down, up.
fn order_and_remove(ui: &mut Ui, id: FillId, place: usize, count: usize, scene: &mut Scene<'_>) {
    let remove = Command::RemoveFill(id);
    let moves = [
        (Icon::Down, text::EDIT_DOWN, place.checked_sub(1)),
        (
            Icon::Up,
            text::EDIT_UP,
            Some(place + 1).filter(|to| *to < count),
        ),
    ];
    if IconButton::new(Icon::Clear, remove.label())
        .tip(remove.tooltip())
        .side(24.0)
        .show(ui)
        .clicked()
    {
        scene.send(remove);
    }
    for (icon, name, to) in moves {
        let button = IconButton::new(icon, name).side(24.0).enabled(to.is_some());
        if let (true, Some(to)) = (button.show(ui).clicked(), to) {
            scene.send(Command::MoveFill { id, to });
        }
    }
}

/// Says over the options that the tools change an edit's mask, and ends it.
pub fn target_bar(ui: &mut Ui, scene: &mut Scene<'_>) {
    let target = scene.app.document().and_then(|d| d.fill(d.target()?));
    let Some(name) = target.map(|fill| fill.name.clone()) else {
        return;
    };
    let palette = theme::palette(ui.ctx());
    let frame = egui::Frame::new()
        .fill(palette.accent)
        .inner_margin(Margin::symmetric(14, 4));
    egui::Panel::top("target")
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let words = RichText::new(text::editing_mask(&name))
                    .font(theme::semibold(size::BODY))
                    .color(palette.on_accent);
                ui.label(words);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if ui.button(text::TARGET_DONE).clicked() {
                        scene.send(Command::EditFillMask(None));
                    }
                });
            });
        });
}
