//! Owns using the canvas by keyboard alone: a cursor that the arrow keys move and Space presses, as a pointer's events, so
//! that every tool works. Used by `canvas` while the canvas has the keyboard's focus (Tab leads there).

use eframe::egui::{
    Color32, Event, EventFilter, Key, Modifiers, PointerButton, Pos2, Response, Stroke, Ui, vec2,
};

use super::view::Mapping;
use crate::ui::action::Scene;
use crate::ui::theme;

/// Points of the window for one press of an arrow key; with Shift, and with Ctrl.
const STEP: f32 = 8.0;
const LONG_STEP: f32 = 48.0;
const FINE_STEP: f32 = 1.0;

#[derive(Debug, Default)]
pub struct KeyboardCursor {
    /// In photo pixels.
    at: Option<Pos2>,
    is_pressed: bool,
    /// For the gesture, in order.
    events: Vec<Event>,
    has_focus: bool,
}

impl KeyboardCursor {
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub fn has_focus(&self) -> bool {
        self.has_focus
    }

    pub fn is_pressed(&self) -> bool {
        self.is_pressed
    }

    /// Keys as a pointer's events. `clamp` keeps a place on the canvas in sight.
    fn take(
        &mut self,
        keys: &[(Key, bool, Modifiers)],
        mapping: &Mapping,
        clamp: impl Fn(Pos2) -> Pos2,
    ) {
        let mut at = mapping.to_view(
            self.at
                .unwrap_or_else(|| mapping.to_photo(mapping.viewport.center())),
        );
        for (key, is_down, modifiers) in keys {
            let step = match (modifiers.shift, modifiers.command) {
                (true, _) => LONG_STEP,
                (_, true) => FINE_STEP,
                _ => STEP,
            };
            let by = match key {
                Key::ArrowLeft => vec2(-step, 0.0),
                Key::ArrowRight => vec2(step, 0.0),
                Key::ArrowUp => vec2(0.0, -step),
                Key::ArrowDown => vec2(0.0, step),
                Key::Space if *is_down != self.is_pressed => {
                    self.is_pressed = *is_down;
                    self.events.push(Event::PointerButton {
                        pos: at,
                        button: PointerButton::Primary,
                        pressed: *is_down,
                        modifiers: *modifiers,
                    });
                    continue;
                }
                _ => continue,
            };
            if *is_down {
                at = clamp(at + by);
                self.events.push(Event::PointerMoved(at));
            }
        }
        self.at = Some(mapping.to_photo(at));
    }

    /// The focus went: whatever was pressed is let go.
    fn let_go(&mut self, mapping: &Mapping) {
        if std::mem::take(&mut self.is_pressed) {
            let at = mapping.to_view(self.at.unwrap_or_default());
            self.events.push(Event::PointerButton {
                pos: at,
                button: PointerButton::Primary,
                pressed: false,
                modifiers: Modifiers::NONE,
            });
        }
    }
}

/// Takes the keys while the canvas has the focus. True when something was pressed.
pub fn interact(ui: &Ui, response: &Response, mapping: &Mapping, scene: &mut Scene<'_>) -> bool {
    let cursor = &mut scene.state.canvas.keyboard;
    cursor.has_focus = response.has_focus();
    if !cursor.has_focus {
        cursor.let_go(mapping);
        return false;
    }
    let filter = EventFilter {
        horizontal_arrows: true,
        vertical_arrows: true,
        tab: false,
        escape: false,
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let keys: Vec<_> = ui.input(|input| {
        input
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Key {
                    key,
                    pressed,
                    modifiers,
                    ..
                } => Some((*key, *pressed, *modifiers)),
                _ => None,
            })
            .collect()
    });
    let inside = mapping.viewport.shrink(2.0);
    cursor.take(&keys, mapping, |at| inside.clamp(at));
    if !keys.is_empty() {
        ui.ctx().request_repaint();
    }
    cursor.is_pressed
}

/// A cross where Space would press, and a line around the canvas that has the focus.
pub fn paint(ui: &Ui, mapping: &Mapping, scene: &Scene<'_>) {
    let cursor = &scene.state.canvas.keyboard;
    if !cursor.has_focus {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(mapping.viewport);
    let frame = Stroke::new(2.0, palette.accent_text);
    let inner = mapping.viewport.shrink(1.0);
    painter.rect_stroke(inner, 0.0, frame, eframe::egui::StrokeKind::Inside);
    let at = cursor
        .at
        .map_or(mapping.viewport.center(), |at| mapping.to_view(at));
    for (width, color) in [(3.5, Color32::from_black_alpha(170)), (1.5, Color32::WHITE)] {
        let stroke = Stroke::new(width, color);
        painter.line_segment([at - vec2(9.0, 0.0), at + vec2(9.0, 0.0)], stroke);
        painter.line_segment([at - vec2(0.0, 9.0), at + vec2(0.0, 9.0)], stroke);
    }
    if !scene.app.tool().selects() {
        let settings = scene.app.settings();
        let radius = settings.brush_diameter_px / 2.0 * mapping.points_per_px;
        crate::gpu::draw_brush_ring(&painter, at, radius, settings.brush_hardness);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Rect, pos2};

    #[test]
    fn space_and_arrows_make_a_drag() {
        let mapping = Mapping {
            viewport: Rect::from_min_size(Pos2::ZERO, vec2(400.0, 300.0)),
            points_per_px: 0.5,
            origin_in_view: pos2(100.0, 100.0),
        };
        let mut cursor = KeyboardCursor::default();
        let none = Modifiers::NONE;
        let keys = [
            (Key::Space, true, none),
            // Held: the key repeats.
            (Key::Space, true, none),
            (Key::ArrowRight, true, none),
            (Key::ArrowDown, true, Modifiers::SHIFT),
            (Key::Space, false, none),
        ];
        cursor.take(&keys, &mapping, |at| at);
        let places: Vec<_> = cursor
            .take_events()
            .into_iter()
            .map(|event| match event {
                Event::PointerButton { pos, pressed, .. } => (pos, Some(pressed)),
                Event::PointerMoved(pos) => (pos, None),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [
            (pos2(200.0, 150.0), Some(true)),
            (pos2(208.0, 150.0), None),
            (pos2(208.0, 198.0), None),
            (pos2(208.0, 198.0), Some(false)),
        ];
        assert_eq!(places, expected);
        assert!(!cursor.is_pressed());
    }
}
