//! Owns the dialog of preferences: theme, size of the interface, motion, the mask's look, memory for undo. Called by
//! `window` while it is open; changes show at once and are written when it closes.

use eframe::egui::{self, Context, DragValue, Id, Modal, RichText, ScrollArea, Slider, Ui, vec2};

use super::action::{Action, Scene};
use super::text;
use super::theme;
use super::widgets::{self, row};
use crate::app::Command;
use crate::settings::{Settings, Theme};

const WIDTH: f32 = 400.0;
/// Sizes of the interface to choose from.
const SCALES: [f32; 9] = [0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 3.0];

/// Shows the dialog. True when it is to be closed.
pub fn show(ctx: &Context, scene: &mut Scene<'_>) -> bool {
    let mut settings = scene.app.settings().clone();
    let held = scene.app.document().map(|d| d.history_memory().1);
    let room = ctx.content_rect().size();
    let frame = theme::floating(theme::palette(ctx)).inner_margin(egui::Margin::same(22));
    let mut is_done = false;
    let modal = Modal::new(Id::unique("preferences"))
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(WIDTH.min(room.x - 70.0));
            ui.set_max_height(room.y - 80.0);
            widgets::tick_look(ui);
            let palette = theme::palette(ui.ctx());
            let title = RichText::new(text::PREFERENCES).font(theme::semibold(16.0));
            ui.label(title.color(palette.text));
            ui.add_space(6.0);
            ScrollArea::vertical()
                .max_height((room.y - 180.0).max(60.0))
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 8.0;
                    look(ui, &mut settings);
                    widgets::divider(ui);
                    mask(ui, &mut settings);
                    widgets::divider(ui);
                    memory(ui, &mut settings, held);
                    widgets::divider(ui);
                    saving(ui, &mut settings);
                });
            ui.add_space(12.0);
            ui.horizontal(|ui| {
                let reset =
                    egui::Button::new(text::PREF_RESET).min_size(vec2(72.0, theme::CONTROL));
                if ui.add(reset).clicked() {
                    reset_to_defaults(&mut settings);
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    is_done = widgets::accent_button(ui, text::PREF_DONE).clicked();
                });
            });
        });
    if settings != *scene.app.settings() {
        scene.send(Command::SetPreferences(Box::new(settings)));
    }
    let is_closed = is_done || modal.should_close();
    if is_closed {
        scene.ask(Action::KeepPreferences);
    }
    is_closed
}

fn look(ui: &mut Ui, settings: &mut Settings) {
    row(ui, text::PREF_THEME, "", None, |ui| {
        for (theme, words) in [
            (Theme::System, text::THEME_SYSTEM),
            (Theme::Light, text::THEME_LIGHT),
            (Theme::Dark, text::THEME_DARK),
        ] {
            ui.radio_value(&mut settings.theme, theme, words);
        }
    });
    row(ui, text::PREF_SCALE, text::PREF_SCALE_TIP, None, |ui| {
        let combo = widgets::combo("interface size")
            .selected_text(text::percent(settings.ui_scale))
            .show_ui(ui, |ui| {
                for scale in SCALES {
                    ui.selectable_value(&mut settings.ui_scale, scale, text::percent(scale));
                }
            });
        combo.response.accessible_name(text::PREF_SCALE);
    });
    row(ui, text::PREF_MOTION, text::PREF_MOTION_TIP, None, |ui| {
        ui.checkbox(&mut settings.reduced_motion, "")
            .accessible_name(text::PREF_MOTION);
    });
}

fn mask(ui: &mut Ui, settings: &mut Settings) {
    row(ui, text::PREF_MASK_COLOR, "", None, |ui| {
        ui.color_edit_button_srgb(&mut settings.mask_color)
            .accessible_name(text::PREF_MASK_COLOR);
    });
    row(ui, text::PREF_MASK_OPACITY, "", None, |ui| {
        let width = (ui.available_width() - 60.0).max(40.0);
        let slider = Slider::new(&mut settings.mask_opacity, 0.1..=1.0);
        widgets::slider(ui, slider, width, text::PREF_MASK_OPACITY);
        ui.label(text::percent(settings.mask_opacity));
    });
}

/// `held` is what undo takes now, in bytes.
fn memory(ui: &mut Ui, settings: &mut Settings, held: Option<usize>) {
    row(ui, text::PREF_MEMORY, text::PREF_MEMORY_TIP, None, |ui| {
        let drag = DragValue::new(&mut settings.history_mib)
            .range(64..=65_536)
            .speed(8.0)
            .suffix(" MiB");
        ui.add_sized(vec2(110.0, theme::CONTROL), drag)
            .accessible_name(text::PREF_MEMORY);
        if let Some(held) = held {
            widgets::small(ui, text::memory_held(held));
        }
    });
}

fn saving(ui: &mut Ui, settings: &mut Settings) {
    row(ui, text::PREF_RECIPE, text::PREF_RECIPE_TIP, None, |ui| {
        ui.checkbox(&mut settings.keep_recipe, "")
            .accessible_name(text::PREF_RECIPE);
    });
    row(ui, text::PREF_STRIP, text::PREF_STRIP_TIP, None, |ui| {
        ui.checkbox(&mut settings.strip_metadata, "")
            .accessible_name(text::PREF_STRIP);
    });
}

/// What this dialog shows; brush, model and recent files stay.
fn reset_to_defaults(settings: &mut Settings) {
    let fresh = Settings::default();
    settings.theme = fresh.theme;
    settings.ui_scale = fresh.ui_scale;
    settings.reduced_motion = fresh.reduced_motion;
    settings.mask_color = fresh.mask_color;
    settings.mask_opacity = fresh.mask_opacity;
    settings.history_mib = fresh.history_mib;
    settings.keep_recipe = fresh.keep_recipe;
    settings.strip_metadata = fresh.strip_metadata;
}
