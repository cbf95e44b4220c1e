//! Owns the line at the bottom: size, depth and colour, pointer, device, zoom. Pushes view actions only.

use eframe::egui::{self, Align, Button, Layout, Margin, Panel, Popup, RichText, Ui, vec2};

use super::{ground, hairline};
use crate::app::Model;
use crate::photo::Samples;
use crate::ui::action::{Action, Scene};
use crate::ui::commands::ViewCommand;
use crate::ui::icons::Icon;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{self, IconButton};

const HEIGHT: f32 = 30.0;
/// Zooms in the list, in screen pixels for one photo pixel.
const ZOOMS: [f32; 7] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

pub fn status(ui: &mut Ui, scene: &mut Scene<'_>) {
    let frame = ground(ui, Margin::symmetric(14, 0));
    Panel::bottom("status")
        .exact_size(HEIGHT)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let whole = ui.max_rect().expand2(vec2(14.0, 0.0));
            ui.painter()
                .hline(whole.x_range(), whole.top() + 0.5, hairline(ui));
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 18.0;
                facts(ui, whole.width(), scene);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.spacing_mut().item_spacing.x = 2.0;
                    zoom(ui, scene);
                    if whole.width() > 640.0 {
                        ui.add_space(14.0);
                        device(ui, scene);
                    }
                });
            });
        });
}

fn fact(ui: &mut Ui, words: impl Into<String>) -> egui::Response {
    let palette = theme::palette(ui.ctx());
    ui.label(
        RichText::new(words)
            .font(theme::regular(size::SMALL))
            .color(palette.text_muted),
    )
}

fn facts(ui: &mut Ui, width: f32, scene: &Scene<'_>) {
    let Some(document) = scene.app.document() else {
        fact(ui, text::NO_PHOTO);
        return;
    };
    let photo = document.photo();
    match document.extension().canvas_size(document.size()) {
        Ok(canvas) if canvas != document.size() => {
            fact(ui, text::extended_size(document.size(), canvas))
        }
        _ => fact(ui, text::size(document.size())),
    };
    if width > 520.0 {
        let bits = if matches!(photo.samples, Samples::U16(_)) {
            16
        } else {
            8
        };
        fact(
            ui,
            text::depth(
                bits,
                photo.layout.is_gray(),
                photo.layout.has_alpha(),
                photo.icc.is_some(),
            ),
        );
    }
    if let Some((x, y)) = scene.state.canvas.pointer_in_photo {
        fact(ui, text::position(x, y)).on_hover_text(text::POSITION);
    }
}

fn device(ui: &mut Ui, scene: &Scene<'_>) {
    let words = match (scene.app.model(), &scene.state.last_device) {
        (Model::Exemplar | Model::Erase, _) => text::device("cpu").to_owned(),
        (Model::Checkpoint { .. }, Some(used)) => used.clone(),
        (Model::Checkpoint { .. }, None) => text::device(scene.app.device().name()).to_owned(),
    };
    fact(ui, format!("{}: {words}", text::DEVICE));
}

fn zoom(ui: &mut Ui, scene: &mut Scene<'_>) {
    let is_enabled = scene.app.document().is_some();
    if IconButton::new(Icon::Plus, text::ZOOM_IN)
        .side(22.0)
        .enabled(is_enabled)
        .show(ui)
        .clicked()
    {
        scene.ask(Action::View(ViewCommand::ZoomIn));
    }
    let words = text::percent(scene.state.canvas.view.scale());
    let palette = theme::palette(ui.ctx());
    let label = RichText::new(words)
        .font(theme::semibold(size::SMALL))
        .color(palette.text);
    let button = Button::new(label)
        .frame_when_inactive(false)
        .min_size(vec2(56.0, 22.0));
    let response = ui.add_enabled(is_enabled, button).on_hover_text(text::ZOOM);
    let response = response.accessible_name(text::ZOOM);
    Popup::menu(&response).show(|ui| {
        widgets::menu_look(ui, 130.0);
        if ui.button(text::FIT).clicked() {
            scene.ask(Action::View(ViewCommand::Fit));
            ui.close();
        }
        for scale in ZOOMS {
            if ui.button(text::percent(scale)).clicked() {
                scene.ask(Action::ZoomTo(scale));
                ui.close();
            }
        }
    });
    if IconButton::new(Icon::Minus, text::ZOOM_OUT)
        .side(22.0)
        .enabled(is_enabled)
        .show(ui)
        .clicked()
    {
        scene.ask(Action::View(ViewCommand::ZoomOut));
    }
    if IconButton::new(Icon::Fit, text::FIT)
        .side(22.0)
        .enabled(is_enabled)
        .show(ui)
        .clicked()
    {
        scene.ask(Action::View(ViewCommand::Fit));
    }
}
