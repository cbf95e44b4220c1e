//! Owns the panel at the right: what is asked for, from top to bottom, with Generate held at its foot. Pushes actions only.

use eframe::egui::{Margin, Panel, ScrollArea, Ui, vec2};

use super::{generate, ground, hairline, model, prompt, settings};
use crate::ui::action::Scene;
use crate::ui::theme;
use crate::ui::widgets;

const WIDTH: f32 = 316.0;
/// It can be dragged between these.
const WIDTHS: std::ops::RangeInclusive<f32> = 240.0..=640.0;
/// What the canvas keeps of a small window, in points.
const CANVAS: f32 = 200.0;
/// Room for the button and its line, or for a running job: the panel must not jump between them.
const FOOT: f32 = 126.0;

pub fn side(ui: &mut Ui, scene: &mut Scene<'_>) {
    let frame = ground(ui, Margin::ZERO);
    let kept = scene.app.settings().panel_width.unwrap_or(WIDTH);
    let most = (ui.available_width() - CANVAS).clamp(*WIDTHS.start(), *WIDTHS.end());
    let shown = Panel::right("side")
        .default_size(kept.min(most))
        .size_range(*WIDTHS.start()..=most)
        .resizable(true)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let whole = ui.max_rect();
            let foot = ground(ui, Margin::symmetric(theme::MARGIN, 14));
            Panel::bottom("generate")
                .exact_size(FOOT)
                .resizable(false)
                .show_separator_line(false)
                .frame(foot)
                .show(ui, |ui| {
                    let line = ui.max_rect().expand2(vec2(f32::from(theme::MARGIN), 14.0));
                    ui.painter()
                        .hline(line.x_range(), line.top() + 0.5, hairline(ui));
                    generate::show(ui, scene);
                });
            let inner = ground(ui, Margin::symmetric(theme::MARGIN, 14));
            ScrollArea::vertical()
                .auto_shrink([false, false])
                .show(ui, |ui| {
                    inner.show(ui, |ui| {
                        ui.set_width(whole.width() - 2.0 * f32::from(theme::MARGIN));
                        model::show(ui, scene);
                        widgets::divider(ui);
                        prompt::show(ui, scene);
                        widgets::divider(ui);
                        settings::extend(ui, scene);
                        widgets::divider(ui);
                        settings::settings(ui, scene);
                    });
                });
            ui.painter()
                .vline(whole.left() + 0.5, whole.y_range(), hairline(ui));
        });
    let width = shown.response.rect.width();
    if (width - kept).abs() > 0.5 && kept <= most {
        scene.state.panel_width = Some(width);
    }
}
