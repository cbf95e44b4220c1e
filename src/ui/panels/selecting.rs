//! Owns the selection tools' part of the options strip: what selections do to the mask, the wand's settings, the object
//! tool's help. Pushes actions only.

use eframe::egui::{DragValue, Ui, vec2};

use crate::app::{Command, Tool};
use crate::mask::Combine;
use crate::ui::action::Scene;
use crate::ui::commands::COMBINES;
use crate::ui::icons::Icon;
use crate::ui::shortcuts;
use crate::ui::text;
use crate::ui::widgets::{self, IconButton};

pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    combine_switch(ui, scene);
    ui.add_space(10.0);
    match scene.app.tool() {
        Tool::Wand => wand(ui, scene),
        Tool::Object => object(ui, scene),
        _ => {}
    }
    if scene.app.is_searching() {
        ui.add_space(8.0);
        widgets::small(ui, text::SEARCHING);
    } else if scene.has_mask {
        shadow(ui, scene);
    }
}

fn combine_switch(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.spacing_mut().item_spacing.x = 2.0;
    for how in COMBINES {
        let icon = match how {
            Combine::Add => Icon::Add,
            Combine::Subtract => Icon::Subtract,
            Combine::Intersect => Icon::Intersect,
            Combine::Replace => Icon::Replace,
        };
        let command = Command::SetCombine(how);
        let tip = shortcuts::tip(ui.ctx(), &command);
        let button = IconButton::new(icon, command.label())
            .tip(tip)
            .selected(scene.app.combine() == how);
        if button.show(ui).clicked() {
            scene.send(command);
        }
    }
}

fn wand(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.spacing_mut().item_spacing.x = 8.0;
    let before = *scene.app.wand_options();
    let mut options = before;
    widgets::small(ui, text::TOLERANCE);
    let drag = DragValue::new(&mut options.tolerance)
        .range(0..=255)
        .speed(0.5);
    ui.add_sized(vec2(52.0, 26.0), drag)
        .accessible_name(text::TOLERANCE);
    ui.checkbox(&mut options.contiguous, text::CONTIGUOUS);
    ui.checkbox(&mut options.antialias, text::SMOOTH);
    if options != before {
        scene.send(Command::SetWand(options));
    }
}

/// Where something is marked as a whole: what it leaves on the ground is forgotten by nobody.
fn shadow(ui: &mut Ui, scene: &mut Scene<'_>) {
    let command = Command::CoverShadows;
    let button = eframe::egui::Button::new(text::SHADOW_TOO);
    let tip = shortcuts::tip(ui.ctx(), &command);
    if ui.add(button).on_hover_text(tip).clicked() {
        scene.state.canvas.is_mask_resting = false;
        scene.send(command);
    }
}

fn object(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.spacing_mut().item_spacing.x = 8.0;
    widgets::small(ui, text::OBJECT_HELP);
    let command = Command::EndObject;
    let is_enabled = scene.allows(&command);
    let button = eframe::egui::Button::new(command.label());
    let tip = shortcuts::tip(ui.ctx(), &command);
    if ui
        .add_enabled(is_enabled, button)
        .on_hover_text(tip)
        .clicked()
    {
        scene.send(command);
    }
}
