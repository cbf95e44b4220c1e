//! Owns the question about pictures that were open when Inlay ended badly: restore, delete, or later. Called by `window`;
//! answers are actions.

use eframe::egui::{self, Align, Context, Id, Layout, Modal, RichText, ScrollArea, vec2};

use super::action::Scene;
use super::text;
use super::theme;
use super::widgets;
use crate::app::Command;

/// True when it is put off.
pub fn ask(ctx: &Context, scene: &mut Scene<'_>) -> bool {
    let palette = theme::palette(ctx);
    let frame = theme::floating(palette).inner_margin(egui::Margin::same(22));
    let room = ctx.content_rect().size();
    let modal = Modal::new(Id::unique("crashes"))
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(440.0f32.min(room.x - 70.0));
            let title = RichText::new(text::CRASH_TITLE).font(theme::semibold(16.0));
            ui.label(title.color(palette.text));
            widgets::small(ui, text::CRASH_BODY);
            ui.add_space(8.0);
            ScrollArea::vertical()
                .max_height((room.y - 220.0).max(60.0))
                .auto_shrink([false, true])
                .show(ui, |ui| list(ui, scene));
            ui.add_space(12.0);
            let mut is_later = false;
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let later =
                    egui::Button::new(text::CRASH_LATER).min_size(vec2(84.0, theme::CONTROL));
                is_later = ui.add(later).clicked();
            });
            is_later
        });
    modal.inner || modal.should_close()
}

fn list(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let lines: Vec<_> = scene
        .app
        .recoverable()
        .iter()
        .map(|orphan| {
            (
                orphan.name.clone(),
                text::crash_line(orphan.steps, orphan.modified),
            )
        })
        .collect();
    for (index, (name, line)) in lines.into_iter().enumerate() {
        ui.push_id(index, |ui| {
            ui.horizontal(|ui| {
                ui.vertical(|ui| {
                    let words = RichText::new(name).font(theme::semibold(theme::size::BODY));
                    ui.label(words.color(palette.text));
                    widgets::small(ui, line);
                });
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let restore = Command::Recover(index);
                    if widgets::accent_button(ui, restore.label()).clicked() {
                        scene.send(restore);
                    }
                    let forget = Command::ForgetCrash(index);
                    if ui.button(forget.label()).clicked() {
                        scene.send(forget);
                    }
                });
            });
        });
        ui.separator();
    }
}
