//! Owns what the colours over the photo mean: a card in its corner for the heat map and for the masks of the model. Called
//! by `canvas::paint`.

use eframe::egui::{
    Align2, Area, Color32, CornerRadius, Id, Mesh, Order, Rect, RichText, Sense, Shape, Ui,
    WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::heat::Heat;
use super::model_view::{COMPOSITE, DENOISE, Planner};
use crate::photo::heat_rgba8;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets;

const BAR: f32 = 190.0;

pub fn show(ui: &Ui, viewport: Rect, heat: &Heat, planner: &Planner, scene: &Scene<'_>) {
    let canvas = &scene.state.canvas;
    if scene.state.canvas.is_comparing || !(canvas.is_heat_shown || canvas.are_masks_shown) {
        return;
    }
    Area::new(Id::unique("legend"))
        .order(Order::Middle)
        .pivot(Align2::LEFT_TOP)
        .fixed_pos(viewport.left_top() + vec2(12.0, 12.0))
        .constrain_to(viewport)
        .interactable(false)
        .show(ui.ctx(), |ui| {
            let palette = theme::palette(ui.ctx());
            let frame =
                theme::floating(palette).inner_margin(eframe::egui::Margin::symmetric(12, 8));
            frame.show(ui, |ui| {
                ui.set_max_width(260.0_f32.min(viewport.width() - 48.0).max(80.0));
                ui.spacing_mut().item_spacing.y = 4.0;
                if canvas.is_heat_shown {
                    changed(ui, heat);
                } else {
                    masks(ui, planner);
                }
            });
        });
}

fn title(ui: &mut Ui, words: &str) {
    let palette = theme::palette(ui.ctx());
    let words = RichText::new(words).font(theme::semibold(size::SMALL));
    ui.label(words.color(palette.text));
}

fn changed(ui: &mut Ui, heat: &Heat) {
    title(ui, text::HEAT_TITLE);
    let width = BAR.min(ui.available_width());
    let (rect, response) = ui.allocate_exact_size(vec2(width, 8.0), Sense::hover());
    let spoken = format!("{} – {}", text::HEAT_LEAST, text::HEAT_MOST);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    scale(ui, rect);
    ui.horizontal(|ui| {
        ui.set_width(width);
        widgets::small(ui, text::HEAT_LEAST);
        ui.with_layout(
            eframe::egui::Layout::right_to_left(eframe::egui::Align::Center),
            |ui| widgets::small(ui, text::HEAT_MOST),
        );
    });
    let words = heat.counts().map_or_else(
        || text::HEAT_WAIT.to_owned(),
        |(changed, pixels)| text::changed(changed, pixels),
    );
    widgets::small(ui, words);
}

/// The colours from one step of 8 bits to all of the range, as the map has them.
fn scale(ui: &Ui, rect: Rect) {
    const STEPS: usize = 64;
    let differences: Vec<f32> = (0..=STEPS)
        .map(|i| ((i as f32 / STEPS as f32 * 8.0).exp2() - 1.0).clamp(1.0, 255.0) / 255.0)
        .collect();
    let colors = heat_rgba8(&differences);
    let mut mesh = Mesh::default();
    for (i, color) in colors.chunks_exact(4).enumerate() {
        let x = rect.left() + rect.width() * i as f32 / STEPS as f32;
        let color = Color32::from_rgb(color[0], color[1], color[2]);
        mesh.colored_vertex(pos2(x, rect.top()), color);
        mesh.colored_vertex(pos2(x, rect.bottom()), color);
        if i > 0 {
            let at = 2 * i as u32;
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    }
    ui.painter().add(Shape::mesh(mesh));
}

fn masks(ui: &mut Ui, planner: &Planner) {
    title(ui, text::MASKS_TITLE);
    let Some(widths) = planner.widths() else {
        widgets::small(ui, text::MASKS_NONE);
        return;
    };
    let rows = [
        (COMPOSITE, text::mask_composite(widths.blend_px)),
        (
            DENOISE,
            text::mask_denoise(widths.grow_px + widths.blend_px),
        ),
    ];
    for ([red, green, blue], words) in rows {
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(14.0, 16.0), Sense::hover());
            let swatch = Rect::from_center_size(rect.center(), vec2(12.0, 12.0));
            let color = Color32::from_rgb(red, green, blue);
            ui.painter()
                .rect_filled(swatch, CornerRadius::same(3), color);
            widgets::small(ui, words);
        });
    }
}
