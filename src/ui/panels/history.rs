//! Owns the list of steps in the side panel: what was done, where one is, and jumping there. Pushes actions only.

use eframe::egui::{Button, RichText, Ui, vec2};

use crate::app::Command;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets;

/// The newest first.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let Some(document) = scene.app.document() else {
        return;
    };
    let labels: Vec<String> = document.history_labels().map(str::to_owned).collect();
    let here = document.history_position();
    let (budget, used) = document.history_memory();
    widgets::section(ui, text::TAB_HISTORY, |ui| {
        widgets::small(ui, text::history_memory(used, budget));
    });
    ui.spacing_mut().item_spacing.y = 1.0;
    for (number, label) in labels.iter().enumerate().rev() {
        step(ui, number + 1, here, label, scene);
    }
    step(ui, 0, here, text::HISTORY_START, scene);
}

fn step(ui: &mut Ui, done: usize, here: usize, label: &str, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let color = if done > here {
        palette.text_faint
    } else {
        palette.text
    };
    let words = RichText::new(sentence(label))
        .font(theme::regular(size::BODY))
        .color(color);
    let button = Button::selectable(done == here, words).min_size(vec2(ui.available_width(), 26.0));
    let response = ui.push_id(done, |ui| ui.add(button)).inner;
    if done == here && response.gained_focus() {
        response.scroll_to_me(None);
    }
    if response.clicked() && done != here {
        scene.send(Command::JumpTo(done));
    }
}

fn sentence(words: &str) -> String {
    text::stage(words)
}
