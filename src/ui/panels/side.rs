//! Owns the panel at the right: what is asked for, from top to bottom, with Generate held at its foot. Pushes actions only.

use eframe::egui::{Button, Margin, Panel, RichText, ScrollArea, Ui, vec2};

use super::{edits, extend, generate, ground, hairline, history, model, prompt, settings};
use crate::ui::action::{Scene, Tab};
use crate::ui::text;
use crate::ui::theme;
use crate::ui::widgets;

const WIDTH: f32 = 316.0;
/// It can be dragged between these.
const WIDTHS: std::ops::RangeInclusive<f32> = 280.0..=640.0;
/// What tools and canvas keep of a small window, in points.
const CANVAS: f32 = 130.0;
/// Room for the button and its line, or for a running job: the panel must not jump between them.
const FOOT: f32 = 126.0;

pub fn side(ui: &mut Ui, scene: &mut Scene<'_>) {
    let frame = ground(ui, Margin::ZERO);
    let kept = scene.app.settings().panel_width.unwrap_or(WIDTH);
    let most = (ui.available_width() - CANVAS).clamp(*WIDTHS.start(), *WIDTHS.end());
    let panel = Panel::right("side");
    let panel = if kept > most {
        // A small window leaves no choice.
        panel.exact_size(most).resizable(false)
    } else {
        let range = *WIDTHS.start()..=most;
        panel.default_size(kept).size_range(range).resizable(true)
    };
    let shown = panel
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
                        tabs(ui, scene);
                        ui.add_space(4.0);
                        match scene.state.tab {
                            Tab::Fill => fill(ui, scene),
                            Tab::Edits => edits::show(ui, scene),
                            Tab::History => history::show(ui, scene),
                        }
                    });
                });
            ui.painter()
                .vline(whole.left() + 0.5, whole.y_range(), hairline(ui));
        });
    let width = shown.response.rect.width();
    if kept <= most && (width - kept).abs() > 0.5 {
        scene.state.panel_width = Some(width);
    }
}

fn fill(ui: &mut Ui, scene: &mut Scene<'_>) {
    model::show(ui, scene);
    widgets::divider(ui);
    prompt::show(ui, scene);
    widgets::divider(ui);
    extend::show(ui, scene);
    widgets::divider(ui);
    settings::settings(ui, scene);
}

fn tabs(ui: &mut Ui, scene: &mut Scene<'_>) {
    let count = scene.app.document().map_or(0, |d| d.fills().len());
    let edits = if count == 0 {
        text::TAB_EDITS.to_owned()
    } else {
        format!("{} · {count}", text::TAB_EDITS)
    };
    let names = [
        (Tab::Fill, text::TAB_FILL.to_owned()),
        (Tab::Edits, edits),
        (Tab::History, text::TAB_HISTORY.to_owned()),
    ];
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let width = (ui.available_width() - 8.0) / 3.0;
        for (tab, name) in names {
            let words = RichText::new(name).font(theme::semibold(12.5));
            let button = Button::selectable(scene.state.tab == tab, words);
            if ui.add_sized(vec2(width, 28.0), button).clicked() {
                scene.state.tab = tab;
            }
        }
    });
}
