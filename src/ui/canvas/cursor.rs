//! Owns what the pointer looks like over the canvas: the brush ring, a cross, a hand. Called by `canvas`.

use eframe::egui::{CursorIcon, Key, Ui};

use super::view::Mapping;
use crate::app::Tool;
use crate::gpu::draw_brush_ring;
use crate::ui::action::Scene;

/// The brush ring or a hand.
pub fn show(ui: &Ui, mapping: &Mapping, scene: &Scene<'_>) {
    let canvas = &scene.state.canvas;
    if canvas.gesture.is_panning() {
        ui.set_cursor_icon(CursorIcon::Grabbing);
        return;
    }
    let Some(pointer) = ui.ctx().pointer_hover_pos() else {
        return;
    };
    let is_here = mapping.viewport.contains(pointer)
        && ui.ctx().layer_id_at(pointer) == Some(ui.layer_id())
        && !ui.ctx().any_popup_open();
    if !(is_here || canvas.gesture.is_painting()) || canvas.hot_handle.is_some() {
        return;
    }
    let pans = scene.app.tool() == Tool::Pan
        || (ui.input(|input| input.key_down(Key::Space)) && !ui.ctx().egui_wants_keyboard_input());
    if pans {
        ui.set_cursor_icon(CursorIcon::Grab);
        return;
    }
    if scene.app.tool().selects() {
        ui.set_cursor_icon(CursorIcon::Crosshair);
        return;
    }
    let settings = scene.app.settings();
    let radius = settings.brush_diameter_px / 2.0 * mapping.points_per_px;
    ui.set_cursor_icon(if radius < 4.0 {
        CursorIcon::Crosshair
    } else {
        CursorIcon::None
    });
    draw_brush_ring(
        &ui.painter_at(mapping.viewport),
        pointer,
        radius,
        settings.brush_hardness,
    );
}
