//! Owns what is added to the chosen checkpoint: LoRAs with their weights, textual inversions, another autoencoder. Part of
//! the side panel, under the model; nothing where nothing is added.

use std::path::Path;

use eframe::egui::{Align, Label, Layout, RichText, Slider, Ui};

use crate::app::Command;
use crate::ui::action::Scene;
use crate::ui::icons::Icon;
use crate::ui::text;
use crate::ui::theme;
use crate::ui::widgets::{self, IconButton};

/// Weights that a slider gives; a prompt may ask for more.
const WEIGHTS: std::ops::RangeInclusive<f32> = -1.0..=2.0;
const NUMBER: f32 = 40.0;

pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let before = scene.app.generate_settings();
    if before.additions.is_none() || !scene.app.model().reads_prompts() {
        return;
    }
    let mut settings = before.clone();
    let additions = &mut settings.additions;
    ui.add_space(4.0);
    additions.loras.retain_mut(|lora| {
        let is_kept = line(ui, &lora.file, text::ADDED_LORA);
        ui.horizontal(|ui| {
            let width = ui.available_width() - NUMBER;
            let slider = Slider::new(&mut lora.weight, WEIGHTS).step_by(0.05);
            widgets::slider(ui, slider, width, &text::lora_weight(&stem(&lora.file)));
            ui.label(format!("{:.2}", lora.weight));
        });
        is_kept
    });
    additions
        .embeddings
        .retain(|file| line(ui, file, text::ADDED_EMBEDDING));
    additions.vae = additions
        .vae
        .take()
        .filter(|file| line(ui, file, text::ADDED_VAE));
    if settings != *before {
        scene.send(Command::EditSettings(Box::new(settings)));
    }
}

/// A file by its name, with a cross. False when it is taken away.
fn line(ui: &mut Ui, file: &Path, what: &str) -> bool {
    let name = stem(file);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let remove = text::take_away(&name);
            let button = IconButton::new(Icon::Close, &remove).side(22.0);
            let is_kept = !button.show(ui).clicked();
            let palette = theme::palette(ui.ctx());
            let words = RichText::new(format!("{name} · {what}")).color(palette.text_muted);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(words).truncate())
                    .on_hover_text(file.display().to_string());
            });
            is_kept
        })
        .inner
    })
    .inner
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
