//! Owns the sliders of an accepted edit's edge: seam, feather, colour, grain, sharpness. Part of the list of edits. Pushes
//! actions only; what the sliders make is shown by the canvas before it is a step of history.

use eframe::egui::{
    Align, CollapsingHeader, DragValue, Layout, Response, RichText, Slider, Ui, vec2,
};

use crate::app::Command;
use crate::compose::StitchOptions;
use crate::document::Fill;
use crate::ui::action::Scene;
use crate::ui::icons::Icon;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{self, IconButton};

const NAME: f32 = 80.0;
/// Holds "200 %" with its padding: a row that is wider than the panel would push the panel open.
const NUMBER: f32 = 62.0;
const ROW: f32 = 26.0;

/// A slider's words and range.
struct Row {
    name: &'static str,
    tip: &'static str,
    most: f32,
    is_px: bool,
    why_not: Option<&'static str>,
}

/// What was done to a slider in this frame.
#[derive(Default)]
struct Touch {
    is_changed: bool,
    /// Let go, or changed by a key or by typing.
    is_over: bool,
}

impl Touch {
    fn note(&mut self, response: &Response) {
        self.is_changed |= response.changed();
        self.is_over |= response.drag_stopped() || (response.changed() && !response.dragged());
    }
}

pub fn show(ui: &mut Ui, fill: &Fill, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let heading = RichText::new(text::EDGE)
        .font(theme::regular(size::SMALL))
        .color(palette.text_muted);
    let header = CollapsingHeader::new(heading)
        .id_salt("edge")
        .icon(widgets::fold_icon)
        .show_unindented(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            if !fill.can_restitch() {
                widgets::small(ui, text::EDGE_OLD);
            }
            ui.add_enabled_ui(fill.can_restitch(), |ui| sliders(ui, fill, scene));
        });
    header.header_response.on_hover_text(text::EDGE_TIP);
}

fn sliders(ui: &mut Ui, fill: &Fill, scene: &mut Scene<'_>) {
    let Some(before) = scene.app.stitch_of(fill.id) else {
        return;
    };
    let mut options = before;
    let mut touch = Touch::default();
    width(ui, fill, &mut options, &mut touch);
    let feather = row(text::EDGE_FEATHER, text::EDGE_FEATHER_TIP, 64.0, true);
    slider(ui, &feather, &mut options.feather, &mut touch);
    for (name, tip, most, share) in [
        (
            text::EDGE_COLOR,
            text::EDGE_COLOR_TIP,
            1.0,
            &mut options.color_match,
        ),
        (text::EDGE_SEAM, text::EDGE_SEAM_TIP, 1.0, &mut options.seam),
        (
            text::EDGE_GRAIN,
            text::EDGE_GRAIN_TIP,
            2.0,
            &mut options.grain,
        ),
        (
            text::EDGE_SHARPNESS,
            text::EDGE_SHARPNESS_TIP,
            2.0,
            &mut options.sharpness,
        ),
    ] {
        let mut percent = *share * 100.0;
        slider(
            ui,
            &row(name, tip, most * 100.0, false),
            &mut percent,
            &mut touch,
        );
        if touch.is_changed && (percent - *share * 100.0).abs() > 1e-3 {
            *share = percent / 100.0;
        }
    }
    let normal = scene.app.stitch_options();
    ui.horizontal(|ui| {
        ui.set_min_height(ROW);
        let is_pending = scene.app.is_stitching() && before != fill.stitch;
        if is_pending {
            widgets::small(ui, text::EDGE_WORKING);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let reset = IconButton::new(Icon::Reset, text::EDGE_RESET)
                .tip(text::EDGE_RESET_TIP)
                .side(ROW)
                .enabled(before != normal);
            if reset.show(ui).clicked() {
                options = normal;
                touch.is_changed = true;
                touch.is_over = true;
            }
        });
    });
    let id = fill.id;
    if touch.is_changed && options != before {
        let stitch = options;
        scene.send(Command::SetFillStitch { id, stitch });
    }
    if touch.is_over {
        scene.send(Command::EndStitch);
    }
}

fn row(name: &'static str, tip: &'static str, most: f32, is_px: bool) -> Row {
    Row {
        name,
        tip,
        most,
        is_px,
        why_not: None,
    }
}

/// From nothing to the mask's own width, which is where it stands until somebody moves it.
fn width(ui: &mut Ui, fill: &Fill, options: &mut StitchOptions, touch: &mut Touch) {
    let own = fill.parts.iter().map(|part| part.blend_px).max();
    let own = own.unwrap_or_default() as f32;
    let mut px = options.blend_px.unwrap_or(own).min(own);
    let mut line = row(text::EDGE_WIDTH, text::EDGE_WIDTH_TIP, own, true);
    line.why_not = (own <= 0.0).then_some(text::EDGE_NO_WIDTH);
    let known = px;
    slider(ui, &line, &mut px, touch);
    if px != known {
        options.blend_px = (px < own).then_some(px);
    }
}

/// A name, a slider and its number.
fn slider(ui: &mut Ui, row: &Row, value: &mut f32, touch: &mut Touch) {
    ui.horizontal(|ui| {
        ui.set_min_height(ROW);
        ui.spacing_mut().button_padding.x = 4.0;
        ui.spacing_mut().interact_size.y = ROW - 2.0;
        let tip = row.why_not.unwrap_or(row.tip);
        ui.allocate_ui(vec2(NAME, ROW), |ui| {
            ui.set_min_width(NAME);
            widgets::small(ui, row.name).on_hover_text(tip);
        });
        ui.add_enabled_ui(row.why_not.is_none(), |ui| {
            let room = (ui.available_width() - NUMBER - theme::GAP - 4.0).max(20.0);
            let bar = Slider::new(value, 0.0..=row.most.max(1e-3));
            touch.note(&widgets::slider(ui, bar, room, row.name).on_hover_text(tip));
            let number = DragValue::new(value)
                .range(0.0..=row.most)
                .speed(f64::from(row.most) / 200.0)
                .max_decimals(0)
                .suffix(if row.is_px { " px" } else { " %" })
                .update_while_editing(false);
            let field = ui
                .add_sized(vec2(NUMBER, ROW - 2.0), number)
                .accessible_name(text::edge_number(row.name, row.is_px));
            touch.note(&field);
        });
    });
}
