//! Owns what the pointer's events mean on the canvas: painting, erasing, selecting, panning, zooming. A state machine from events to
//! effects, free of widgets, so that every pointer position between two frames counts. Called by `canvas` each frame.

use eframe::egui::{
    Event, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, Vec2, vec2,
};

use super::view::wheel_factor;
use crate::app::Tool;

/// Points for one line of a scrolling device that is not a wheel.
const LINE: f32 = 40.0;
/// Points of a pixel-wise Ctrl-scroll that double the size.
const DOUBLING: f32 = 240.0;

/// What is being done while a button is held.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Gesture {
    #[default]
    None,
    Stroke {
        button: PointerButton,
    },
    /// A selection tool's button is held.
    Select {
        button: PointerButton,
    },
    Pan {
        button: PointerButton,
        last: Pos2,
    },
}

/// What follows from an event. Positions are in points of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    Begin {
        at: Pos2,
        erase: bool,
        /// From the end of the last stroke, straight.
        straight: bool,
    },
    Continue {
        at: Pos2,
    },
    End,
    /// For the selection tools.
    Press {
        at: Pos2,
        is_secondary: bool,
        modifiers: Modifiers,
    },
    Drag {
        at: Pos2,
        modifiers: Modifiers,
    },
    Release,
    Pan(Vec2),
    Zoom {
        factor: f32,
    },
}

/// What must be known besides the event.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    pub tool: Tool,
    pub is_space_down: bool,
    pub modifiers: Modifiers,
    /// Painting is possible: a photo is open and no result covers it up.
    pub can_paint: bool,
}

impl Gesture {
    pub fn is_painting(self) -> bool {
        matches!(self, Self::Stroke { .. })
    }

    pub fn is_panning(self) -> bool {
        matches!(self, Self::Pan { .. })
    }

    /// Takes an event in. `is_on_canvas` says whether a press or a scroll there belongs to the canvas.
    pub fn take(
        &mut self,
        event: &Event,
        around: Surroundings,
        is_on_canvas: impl Fn(Pos2) -> bool,
    ) -> Option<Effect> {
        match event {
            Event::PointerButton {
                pos,
                button,
                pressed: true,
                modifiers,
            } => {
                if *self != Self::None || !is_on_canvas(*pos) {
                    return None;
                }
                self.press(*pos, *button, *modifiers, around)
            }
            Event::PointerButton {
                button,
                pressed: false,
                ..
            } => self.release(*button),
            Event::PointerMoved(pos) => self.moved(*pos, around.modifiers),
            // A stroke may leave the window and come back; a window without focus hears no release.
            Event::WindowFocused(false) => self.stop(),
            _ => None,
        }
    }

    fn press(
        &mut self,
        at: Pos2,
        button: PointerButton,
        modifiers: Modifiers,
        around: Surroundings,
    ) -> Option<Effect> {
        let pans = button == PointerButton::Middle
            || (button == PointerButton::Primary
                && (around.is_space_down || around.tool == Tool::Pan));
        if pans {
            *self = Self::Pan { button, last: at };
            return None;
        }
        if around.tool.selects() {
            let is_secondary = button == PointerButton::Secondary;
            if !around.can_paint || !(is_secondary || button == PointerButton::Primary) {
                return None;
            }
            *self = Self::Select { button };
            return Some(Effect::Press {
                at,
                is_secondary,
                modifiers,
            });
        }
        // What the Erase tool is drawn over goes: there is nothing to take back but by undo.
        let takes_back = around.tool != Tool::Erase;
        let erase = match button {
            PointerButton::Primary => takes_back && (around.tool == Tool::Eraser || modifiers.alt),
            PointerButton::Secondary if takes_back => true,
            _ => return None,
        };
        if !around.can_paint {
            return None;
        }
        *self = Self::Stroke { button };
        Some(Effect::Begin {
            at,
            erase,
            straight: modifiers.shift,
        })
    }

    fn moved(&mut self, at: Pos2, modifiers: Modifiers) -> Option<Effect> {
        match self {
            Self::Select { .. } => Some(Effect::Drag { at, modifiers }),
            Self::Stroke { .. } => Some(Effect::Continue { at }),
            Self::Pan { last, .. } => {
                let delta = at - *last;
                *last = at;
                Some(Effect::Pan(delta))
            }
            Self::None => None,
        }
    }

    fn release(&mut self, released: PointerButton) -> Option<Effect> {
        match *self {
            Self::Stroke { button } | Self::Select { button } | Self::Pan { button, .. }
                if button == released =>
            {
                self.stop()
            }
            _ => None,
        }
    }

    /// Ends whatever goes on.
    pub fn stop(&mut self) -> Option<Effect> {
        match std::mem::take(self) {
            Self::Stroke { .. } => Some(Effect::End),
            Self::Select { .. } => Some(Effect::Release),
            Self::Pan { .. } | Self::None => None,
        }
    }
}

/// Wheels zoom; two fingers pan; with Ctrl both zoom; Shift turns a wheel sideways.
pub fn scroll(event: &Event) -> Option<Effect> {
    match *event {
        Event::Zoom(factor) => Some(Effect::Zoom { factor }),
        Event::MouseWheel {
            unit,
            delta,
            source,
            modifiers,
            ..
        } => {
            let zooms = modifiers.ctrl || modifiers.command;
            match unit {
                MouseWheelUnit::Point if zooms => Some(Effect::Zoom {
                    factor: (delta.y / DOUBLING).exp2(),
                }),
                MouseWheelUnit::Point => Some(Effect::Pan(delta)),
                _ if zooms => Some(Effect::Zoom {
                    factor: wheel_factor(delta.y),
                }),
                _ if modifiers.shift => Some(Effect::Pan(vec2(delta.y + delta.x, 0.0) * LINE)),
                _ if is_wheel(delta, source) => Some(Effect::Zoom {
                    factor: wheel_factor(delta.y),
                }),
                _ => Some(Effect::Pan(delta * LINE)),
            }
        }
        _ => None,
    }
}

/// A wheel turns up or down by whole notches. Devices that say nothing about themselves and send fractions are touchpads.
fn is_wheel(delta: Vec2, source: MouseWheelSource) -> bool {
    match source {
        MouseWheelSource::Wheel => true,
        MouseWheelSource::Trackpad | MouseWheelSource::Momentum => false,
        MouseWheelSource::Unknown => delta.x == 0.0 && delta.y.fract() == 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{TouchPhase, pos2};

    fn around(tool: Tool) -> Surroundings {
        Surroundings {
            tool,
            is_space_down: false,
            modifiers: Modifiers::NONE,
            can_paint: true,
        }
    }

    fn button(button: PointerButton, pressed: bool, modifiers: Modifiers) -> Event {
        Event::PointerButton {
            pos: pos2(10.0, 10.0),
            button,
            pressed,
            modifiers,
        }
    }

    fn run(events: &[Event], around: Surroundings) -> Vec<Effect> {
        let mut gesture = Gesture::default();
        events
            .iter()
            .filter_map(|event| gesture.take(event, around, |_| true))
            .collect()
    }

    #[test]
    fn every_position_between_frames_becomes_part_of_the_stroke() {
        let mut events = vec![button(PointerButton::Primary, true, Modifiers::NONE)];
        events.extend((0..50).map(|i| Event::PointerMoved(pos2(i as f32, 0.0))));
        events.push(button(PointerButton::Primary, false, Modifiers::NONE));
        let effects = run(&events, around(Tool::Brush));
        assert_eq!(effects.len(), 52);
        assert_eq!(
            effects.first(),
            Some(&Effect::Begin {
                at: pos2(10.0, 10.0),
                erase: false,
                straight: false
            })
        );
        assert_eq!(effects.last(), Some(&Effect::End));
    }

    #[test]
    fn the_right_button_alt_and_the_eraser_erase() {
        let erases = |events: &[Event], tool| {
            matches!(
                run(events, around(tool)).first(),
                Some(Effect::Begin { erase: true, .. })
            )
        };
        assert!(erases(
            &[button(PointerButton::Secondary, true, Modifiers::NONE)],
            Tool::Brush
        ));
        assert!(erases(
            &[button(PointerButton::Primary, true, Modifiers::ALT)],
            Tool::Brush
        ));
        assert!(erases(
            &[button(PointerButton::Primary, true, Modifiers::NONE)],
            Tool::Eraser
        ));
        assert!(!erases(
            &[button(PointerButton::Primary, true, Modifiers::NONE)],
            Tool::Brush
        ));
    }

    #[test]
    fn the_erase_tool_has_one_stroke_only() {
        let begin = |which, modifiers| run(&[button(which, true, modifiers)], around(Tool::Erase));
        assert!(begin(PointerButton::Secondary, Modifiers::NONE).is_empty());
        let effects = begin(PointerButton::Primary, Modifiers::ALT);
        assert!(matches!(effects[..], [Effect::Begin { erase: false, .. }]));
    }

    #[test]
    fn space_the_middle_button_and_the_hand_pan() {
        let moved = Event::PointerMoved(pos2(14.0, 7.0));
        let pan = vec![Effect::Pan(vec2(4.0, -3.0))];
        let primary = button(PointerButton::Primary, true, Modifiers::NONE);
        let with_space = Surroundings {
            is_space_down: true,
            ..around(Tool::Brush)
        };
        assert_eq!(run(&[primary.clone(), moved.clone()], with_space), pan);
        assert_eq!(run(&[primary, moved.clone()], around(Tool::Pan)), pan);
        let middle = button(PointerButton::Middle, true, Modifiers::NONE);
        assert_eq!(run(&[middle, moved], around(Tool::Brush)), pan);
    }

    #[test]
    fn neither_another_button_nor_the_window_s_edge_ends_a_stroke() {
        let begin = button(PointerButton::Primary, true, Modifiers::NONE);
        let other = button(PointerButton::Secondary, false, Modifiers::NONE);
        assert_eq!(
            run(
                &[begin.clone(), other, Event::PointerGone],
                around(Tool::Brush)
            )
            .len(),
            1
        );
        assert_eq!(
            run(&[begin, Event::WindowFocused(false)], around(Tool::Brush)).last(),
            Some(&Effect::End)
        );
    }

    #[test]
    fn presses_elsewhere_are_not_for_the_canvas() {
        let mut gesture = Gesture::default();
        let press = button(PointerButton::Primary, true, Modifiers::NONE);
        assert_eq!(gesture.take(&press, around(Tool::Brush), |_| false), None);
        assert_eq!(gesture, Gesture::None);
    }

    #[test]
    fn wheels_zoom_and_fingers_pan() {
        let wheel = |unit, delta, modifiers| Event::MouseWheel {
            unit,
            delta,
            phase: TouchPhase::Move,
            source: MouseWheelSource::Unknown,
            modifiers,
        };
        let zooms = |event| matches!(scroll(&event), Some(Effect::Zoom { factor }) if factor > 1.0);
        assert!(zooms(wheel(
            MouseWheelUnit::Line,
            vec2(0.0, 1.0),
            Modifiers::NONE
        )));
        assert!(zooms(wheel(
            MouseWheelUnit::Line,
            vec2(0.0, 1.0),
            Modifiers::CTRL
        )));
        assert!(zooms(wheel(
            MouseWheelUnit::Point,
            vec2(0.0, 12.0),
            Modifiers::CTRL
        )));
        assert_eq!(
            scroll(&wheel(
                MouseWheelUnit::Point,
                vec2(3.0, 12.0),
                Modifiers::NONE
            )),
            Some(Effect::Pan(vec2(3.0, 12.0)))
        );
        assert_eq!(
            scroll(&wheel(
                MouseWheelUnit::Line,
                vec2(0.0, 1.0),
                Modifiers::SHIFT
            )),
            Some(Effect::Pan(vec2(LINE, 0.0)))
        );
        assert!(zooms(Event::Zoom(1.1)));
    }
}
