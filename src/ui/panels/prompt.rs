//! Owns the words for the model, or why there are none to give. Part of the side panel.

use eframe::egui::{
    self, CornerRadius, Margin, Rect, RichText, Sense, TextEdit, Ui, Vec2, WidgetInfo,
    accesskit::Role, vec2,
};

use crate::app::Command;
use crate::plan::Task;
use crate::ui::action::{Action, Scene};
use crate::ui::commands::ViewCommand;
use crate::ui::icons::{self, Icon};
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets;

pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    widgets::section(ui, text::SECTION_PROMPT, |_| {});
    if scene.app.model().reads_prompts() {
        task(ui, scene);
        words(ui, scene);
    } else {
        no_words(ui, scene);
    }
}

/// In a plain word, what is to happen under the mask.
fn task(ui: &mut Ui, scene: &mut Scene<'_>) {
    let is_extended = scene
        .app
        .document()
        .is_some_and(|d| !d.extension().is_none());
    if is_extended && !scene.has_mask {
        // Nothing to choose: there is nothing under new canvas.
        let words = RichText::new(text::TASK_EXTEND).font(theme::semibold(size::BODY));
        ui.label(words);
        widgets::small(ui, text::TASK_EXTENDS);
        return;
    }
    let mut settings = scene.app.generate_settings().clone();
    let before = settings.task;
    let now = Task::of(&settings);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.spacing_mut().button_padding.x = 7.0;
        let auto = (None, text::TASK_AUTO, text::TASK_AUTO_TIP);
        let chosen = Task::ALL.map(|task| (Some(task), text::task(task), text::task_tip(task)));
        for (task, words, tip) in std::iter::once(auto).chain(chosen) {
            let response = ui.selectable_label(settings.task == task, words);
            response
                .clone()
                .widget_info(|| task_info(words, settings.task == task));
            if response.on_hover_text(tip).clicked() {
                settings.task = task;
            }
        }
    });
    widgets::small(ui, text::task_now(now, before.is_none()));
    if is_extended {
        widgets::small(ui, text::TASK_EXTENDS);
    }
    if settings.task != before {
        scene.send(Command::EditSettings(Box::new(settings)));
    }
}

fn task_info(words: &str, is_chosen: bool) -> WidgetInfo {
    let name = format!("{}: {words}", text::TASK);
    WidgetInfo::selected(Role::RadioButton, true, is_chosen, name)
}

fn words(ui: &mut Ui, scene: &mut Scene<'_>) {
    let mut settings = scene.app.generate_settings().clone();
    let palette = theme::palette(ui.ctx());
    let prompt = TextEdit::multiline(&mut settings.prompt)
        .hint_text(RichText::new(text::PROMPT_HINT).color(palette.text_faint))
        .desired_rows(3)
        .desired_width(f32::INFINITY)
        .margin(Margin::symmetric(10, 8));
    let mut is_changed = ui.add(prompt).accessible_name(text::PROMPT_NAME).changed();
    let is_open = !settings.negative_prompt.is_empty();
    let heading = RichText::new(text::NEGATIVE_PROMPT)
        .font(theme::regular(size::BODY))
        .color(palette.text_muted);
    let header = egui::CollapsingHeader::new(heading)
        .default_open(is_open)
        .icon(widgets::fold_icon);
    header.show_unindented(ui, |ui| {
        let negative = TextEdit::multiline(&mut settings.negative_prompt)
            .hint_text(RichText::new(text::NEGATIVE_HINT).color(palette.text_faint))
            .desired_rows(2)
            .desired_width(f32::INFINITY)
            .margin(Margin::symmetric(10, 8));
        is_changed |= ui
            .add(negative)
            .accessible_name(text::NEGATIVE_PROMPT)
            .changed();
    });
    if is_changed {
        scene.send(Command::EditSettings(Box::new(settings)));
    }
}

/// Exemplar reads nothing: say so where the prompt would be, and show the way.
fn no_words(ui: &mut Ui, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let frame = egui::Frame::new()
        .fill(palette.raised)
        .stroke((1.0, palette.line))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::same(12));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            let (square, _) = ui.allocate_exact_size(Vec2::splat(16.0), Sense::hover());
            icons::paint(
                ui.painter(),
                Rect::from_center_size(square.center() + vec2(0.0, 1.0), Vec2::splat(16.0)),
                Icon::Info,
                palette.text_muted,
            );
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                let title = RichText::new(text::NO_WORDS_TITLE)
                    .font(theme::semibold(12.5))
                    .color(palette.text);
                ui.add(egui::Label::new(title).wrap());
                widgets::small(ui, text::NO_WORDS);
                ui.add_space(2.0);
                if ui
                    .link(RichText::new(text::CHOOSE_MODEL).font(theme::regular(12.5)))
                    .clicked()
                {
                    scene.ask(Action::View(ViewCommand::Models));
                }
            });
        });
    });
}
