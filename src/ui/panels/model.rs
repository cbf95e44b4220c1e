//! Owns the choice of the model: Exemplar, a recent folder, another folder. Part of the side panel.

use super::additions;
use eframe::egui::{
    self, CornerRadius, Popup, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use crate::app::{Command, Model};
use crate::engine::ModelChoice;
use crate::ui::action::{Action, Scene};
use crate::ui::commands::ViewCommand;
use crate::ui::icons::{self, Icon};
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets;

const HEIGHT: f32 = 52.0;

pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    widgets::section(ui, text::SECTION_MODEL, |ui| {
        if scene.state.is_model_being_read {
            ui.add(egui::Spinner::new().size(14.0));
            widgets::small(ui, text::MODEL_READING);
        }
    });
    let (name, line) = describe(scene);
    let card =
        card(ui, &name, &line).on_hover_text(Command::ChooseModel(ModelChoice::Exemplar).tooltip());
    let width = card.rect.width() - 14.0;
    Popup::menu(&card).show(|ui| menu(ui, width, scene));
    additions::show(ui, scene);
}

fn describe(scene: &Scene<'_>) -> (String, String) {
    match scene.app.model() {
        Model::Exemplar | Model::Erase => {
            (text::EXEMPLAR.to_owned(), text::EXEMPLAR_LINE.to_owned())
        }
        Model::Checkpoint { summary, folder } => {
            let native = summary
                .frame
                .native_size
                .map_or_else(String::new, text::native);
            let place = folder
                .parent()
                .map_or_else(String::new, |parent| parent.display().to_string());
            (
                summary.name.clone(),
                if native.is_empty() { place } else { native },
            )
        }
    }
}

/// The present model as a wide button with two lines.
fn card(ui: &mut Ui, name: &str, line: &str) -> egui::Response {
    let palette = theme::palette(ui.ctx());
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, text::model_name(name)));
    let (fill, line_color) = if response.hovered() || response.has_focus() {
        (palette.control_hover, palette.line_strong)
    } else {
        (palette.control, palette.line)
    };
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, CornerRadius::same(8), fill);
    painter.rect_stroke(
        rect,
        CornerRadius::same(8),
        Stroke::new(1.0, line_color),
        StrokeKind::Inside,
    );
    let icon = Rect::from_center_size(pos2(rect.left() + 26.0, rect.center().y), Vec2::splat(30.0));
    painter.rect_filled(icon, CornerRadius::same(7), palette.accent_soft);
    icons::paint(&painter, icon.shrink(6.0), Icon::Spark, palette.accent_text);
    let room = rect.width() - 52.0 - 34.0;
    let write = |words: &str, font: egui::FontId, color, y: f32| {
        let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), font, color);
        job.wrap.max_width = room;
        job.wrap.max_rows = 1;
        job.wrap.break_anywhere = true;
        let galley = painter.layout_job(job);
        painter.galley(
            pos2(rect.left() + 52.0, y - galley.size().y / 2.0),
            galley,
            color,
        );
    };
    write(
        name,
        theme::semibold(size::BODY),
        palette.text,
        rect.top() + 18.0,
    );
    write(
        line,
        theme::regular(size::SMALL),
        palette.text_muted,
        rect.top() + 35.0,
    );
    let arrow = Rect::from_center_size(rect.right_center() - vec2(18.0, 0.0), Vec2::splat(14.0));
    icons::paint(&painter, arrow, Icon::Down, palette.text_muted);
    response
}

fn menu(ui: &mut Ui, width: f32, scene: &mut Scene<'_>) {
    widgets::menu_look(ui, width);
    let is_exemplar = matches!(scene.app.model(), Model::Exemplar);
    if ui
        .radio(is_exemplar, text::EXEMPLAR)
        .on_hover_text(text::NO_WORDS_TITLE)
        .clicked()
    {
        scene.send(Command::ChooseModel(ModelChoice::Exemplar));
        ui.close();
    }
    let recent = scene.app.settings().recent_models.clone();
    if !recent.is_empty() {
        ui.separator();
        widgets::small(ui, text::RECENT_MODELS);
    }
    for folder in recent {
        let is_chosen = matches!(scene.app.model(), Model::Checkpoint { folder: chosen, .. } if *chosen == folder);
        let name = folder.file_name().map_or_else(
            || folder.display().to_string(),
            |n| n.to_string_lossy().into_owned(),
        );
        if ui
            .radio(is_chosen, name)
            .on_hover_text(folder.display().to_string())
            .clicked()
        {
            scene.state.is_model_being_read = true;
            scene.send(Command::ChooseModel(ModelChoice::Folder(folder)));
            ui.close();
        }
    }
    ui.separator();
    if ui.button(text::view_label(ViewCommand::Models)).clicked() {
        scene.ask(Action::View(ViewCommand::Models));
        ui.close();
    }
}
