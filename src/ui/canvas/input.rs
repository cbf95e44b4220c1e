//! Owns what a frame's events do on the canvas: runs them through the gesture and carries its effects out as commands.
//! Called by `canvas` once a frame.

use eframe::egui::{self, Event, Key, Pos2, Rect, Response, TouchPhase, Ui};

use super::gestures::{self, Effect, Gesture, Surroundings};
use super::view::Mapping;
use super::{can_extend, handles, selecting};
use crate::app::{Command, Tool};
use crate::ui::action::{Action, Scene};

/// Runs this frame's events through the gesture and carries its effects out.
pub fn follow_pointer(ui: &Ui, response: &Response, mapping: &Mapping, scene: &mut Scene<'_>) {
    let ctx = ui.ctx().clone();
    let layer = ui.layer_id();
    let mut events = ui.input(|input| input.events.clone());
    let by_keyboard = scene.state.canvas.keyboard.take_events();
    let is_by_keyboard = response.has_focus();
    events.extend(by_keyboard);
    let is_blocked = ctx.any_popup_open() || !ctx.memory(|memory| memory.allows_interaction(layer));
    let (is_typing, is_space_down, any_down) = (
        ctx.egui_wants_keyboard_input(),
        ctx.input(|input| input.key_down(Key::Space)),
        ctx.input(|input| input.pointer.any_down()),
    );
    let around = Surroundings {
        tool: scene.app.tool(),
        is_space_down: is_space_down && !is_typing && !is_by_keyboard,
        modifiers: ctx.input(|input| input.modifiers),
        can_paint: true,
    };
    let Some(frame) = scene.app.document().map(crate::document::Document::frame) else {
        return;
    };
    let is_here = |at: Pos2| {
        let is_on_top = is_by_keyboard || ctx.layer_id_at(at) == Some(layer);
        !is_blocked && mapping.viewport.contains(at) && is_on_top
    };
    let has_handles = can_extend(scene);
    let is_on_canvas = |at: Pos2| {
        is_here(at) && !(has_handles && !is_by_keyboard && handles::is_hit(mapping, frame, at))
    };
    let mut gesture = scene.state.canvas.gesture;
    let mut pointer = ctx.pointer_latest_pos();
    for event in &events {
        if let Event::PointerMoved(at) | Event::PointerButton { pos: at, .. } = event {
            pointer = Some(*at);
        }
        if let Event::Touch { force, phase, .. } = event {
            let is_over = matches!(phase, TouchPhase::End | TouchPhase::Cancel);
            scene.state.canvas.pressure = force.filter(|_| !is_over);
        }
        let effect = gesture.take(event, around, is_on_canvas);
        let effect = effect.or_else(|| {
            pointer
                .filter(|at| is_here(*at))
                .and_then(|_| gestures::scroll(event))
        });
        if let Some(effect) = effect {
            carry_out(
                effect,
                mapping.viewport,
                pointer,
                ui.pixels_per_point(),
                scene,
            );
        }
    }
    let is_held = any_down || scene.state.canvas.keyboard.is_pressed();
    if !is_held && let Some(effect) = gesture.stop() {
        carry_out(
            effect,
            mapping.viewport,
            pointer,
            ui.pixels_per_point(),
            scene,
        );
    }
    pinch(&ctx, mapping, &mut gesture, scene);
    scene.state.canvas.gesture = gesture;
}

/// Two fingers on a touch screen zoom and pan, and end a stroke that the first one began.
fn pinch(ctx: &egui::Context, mapping: &Mapping, gesture: &mut Gesture, scene: &mut Scene<'_>) {
    let Some(touch) = ctx
        .multi_touch()
        .filter(|touch| mapping.viewport.contains(touch.center_pos))
    else {
        return;
    };
    match gesture.stop() {
        Some(Effect::End) => end_stroke(scene),
        Some(_) => scene.state.canvas.selecting.cancel(),
        None => {}
    }
    let view = &mut scene.state.canvas.view;
    view.pan(mapping, touch.translation_delta);
    view.zoom_about(mapping, touch.center_pos, touch.zoom_delta);
}

fn end_stroke(scene: &mut Scene<'_>) {
    scene.send(if scene.app.tool() == Tool::Erase {
        Command::EraseStroke
    } else {
        Command::EndStroke
    });
}

fn carry_out(
    effect: Effect,
    viewport: Rect,
    pointer: Option<Pos2>,
    pixels_per_point: f32,
    scene: &mut Scene<'_>,
) {
    let mapping = scene.state.canvas.view.mapping(viewport, pixels_per_point);
    let pressure = scene.state.canvas.pressure.unwrap_or(1.0);
    match effect {
        Effect::Begin {
            at,
            erase,
            straight,
        } => {
            if !scene.state.canvas.keyboard.is_pressed() {
                scene.ask(Action::Unfocus);
            }
            let at = mapping.to_photo(at);
            let from = scene
                .state
                .canvas
                .last_point
                .filter(|_| straight)
                .unwrap_or(at);
            scene.send(Command::BeginStroke {
                x: from.x,
                y: from.y,
                erase,
                pressure,
            });
            if from != at {
                scene.send(Command::ContinueStroke {
                    x: at.x,
                    y: at.y,
                    pressure,
                });
            }
            scene.state.canvas.last_point = Some(at);
            scene.state.canvas.is_mask_resting = false;
            scene.state.canvas.is_mask_hidden = false;
            scene.state.is_hint_shown = false;
        }
        Effect::Continue { at } => {
            let at = mapping.to_photo(at);
            scene.send(Command::ContinueStroke {
                x: at.x,
                y: at.y,
                pressure,
            });
            scene.state.canvas.last_point = Some(at);
        }
        Effect::End => end_stroke(scene),
        Effect::Press {
            at,
            is_secondary,
            modifiers,
        } => {
            if !scene.state.canvas.keyboard.is_pressed() {
                scene.ask(Action::Unfocus);
            }
            scene.state.canvas.is_mask_resting = false;
            scene.state.canvas.is_mask_hidden = false;
            scene.state.is_hint_shown = false;
            selecting::press(
                mapping.to_photo(at),
                is_secondary,
                modifiers,
                &mapping,
                scene,
            );
        }
        Effect::Drag { at, modifiers } => {
            selecting::drag(mapping.to_photo(at), modifiers, scene);
        }
        Effect::Release => selecting::release(&mapping, scene),
        Effect::Pan(delta) => scene.state.canvas.view.pan(&mapping, delta),
        Effect::Zoom { factor } => {
            let anchor = pointer.unwrap_or(viewport.center());
            scene.state.canvas.view.zoom_about(&mapping, anchor, factor);
        }
    }
}
