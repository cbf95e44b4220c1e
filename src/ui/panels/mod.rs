//! Owns what stands around the canvas: menus above, tools at the left and over the photo, settings at the right, the state
//! below. Each file is one panel that reads a `Scene` and pushes actions.

mod additions;
mod edge;
mod edits;
mod extend;
mod generate;
mod history;
mod model;
mod prompt;
mod selecting;
mod settings;
mod side;
mod status;
mod tools;
mod top;

pub use edits::target_bar;
pub use side::side;
pub use status::status;
pub use tools::{options, rail};
pub use top::{picture_name, top};

use eframe::egui::{Frame, Margin, Stroke, Ui};

use super::theme;

/// The plain ground of a panel.
fn ground(ui: &Ui, margin: Margin) -> Frame {
    Frame::new()
        .fill(theme::palette(ui.ctx()).panel)
        .inner_margin(margin)
}

/// A hairline at one edge of a panel, crisp at every scale.
fn hairline(ui: &Ui) -> Stroke {
    Stroke::new(
        1.0 / ui.pixels_per_point().max(1.0),
        theme::palette(ui.ctx()).line,
    )
}
