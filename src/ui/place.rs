//! Owns where the window is and how large, so that it comes back there. Told once a frame by `window`.

use eframe::egui::{Context, ViewportCommand, ViewportInfo, pos2};

use crate::settings::WindowPlace;

/// Frames after which a window without a monitor is believed to be lost.
const PATIENCE: u32 = 20;

/// The window's place while it is neither maximised nor minimised.
#[derive(Debug, Default)]
pub struct Place {
    last: Option<WindowPlace>,
    frames: u32,
}

impl Place {
    pub fn follow(&mut self, ctx: &Context) {
        let info = ctx.input(|input| input.viewport().clone());
        self.note(&info, ctx.zoom_factor());
        self.frames = self.frames.saturating_add(1);
        let is_lost = info.outer_rect.is_some() && info.monitor_size.is_none();
        if self.frames == PATIENCE && is_lost {
            // Its monitor was unplugged since.
            ctx.send_viewport_cmd(ViewportCommand::OuterPosition(pos2(40.0, 40.0)));
        }
    }

    /// `zoom` is the interface's own scale: rectangles are measured in its points, windows are made in the system's.
    fn note(&mut self, info: &ViewportInfo, zoom: f32) {
        if info.minimized == Some(true) {
            return;
        }
        let is_maximized = info.maximized == Some(true) || info.fullscreen == Some(true);
        if is_maximized {
            if let Some(last) = &mut self.last {
                last.is_maximized = true;
            } else if let Some(inner) = info.inner_rect {
                self.last = Some(WindowPlace {
                    position: None,
                    size: (inner.size() * zoom).into(),
                    is_maximized: true,
                });
            }
            return;
        }
        let Some(inner) = info.inner_rect else {
            return;
        };
        self.last = Some(WindowPlace {
            position: info.outer_rect.map(|outer| (outer.min * zoom).into()),
            size: (inner.size() * zoom).into(),
            is_maximized: false,
        });
    }

    pub fn kept(&self) -> Option<WindowPlace> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Rect, vec2};

    #[test]
    fn a_maximised_window_remembers_the_size_it_had_before() {
        let mut place = Place::default();
        let info = |is_maximized: bool, side: f32| ViewportInfo {
            inner_rect: Some(Rect::from_min_size(pos2(10.0, 30.0), vec2(side, side))),
            outer_rect: Some(Rect::from_min_size(pos2(10.0, 5.0), vec2(side, side))),
            maximized: Some(is_maximized),
            ..ViewportInfo::default()
        };
        place.note(&info(false, 800.0), 1.25);
        place.note(&info(true, 2000.0), 1.25);
        let kept = place.kept().expect("a place");
        assert_eq!(kept.size, [1000.0, 1000.0]);
        assert_eq!(kept.position, Some([12.5, 6.25]));
        assert!(kept.is_maximized);
    }
}
