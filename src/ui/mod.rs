//! Owns the window: what a person sees and does with the mouse, the keyboard or a screen reader. Reads the app's state and
//! sends it commands; draws the photo through `gpu`. Must never change a document, touch files or know a model.
//!
//! `window` holds the app and runs one frame; `action` is what its parts share; `panels` and `canvas` are those parts.
//! `commands` is the table that menus, keys, `finder` (the command palette) and `cheat_sheet` are made from.
//! `bench` measures the canvas. `text` holds the words, `theme` the look, `icons` the pictures.

mod action;
pub mod bench;
mod canvas;
mod cheat_sheet;
mod commands;
mod crashes;
mod dialogs;
mod finder;
mod icons;
mod models;
mod panels;
mod place;
mod preferences;
mod question;
mod shortcuts;
mod text;
mod theme;
mod toasts;
mod widgets;
mod window;

use std::path::PathBuf;

use anyhow::anyhow;
use eframe::egui::{IconData, ViewportBuilder};

use crate::app::AppOptions;
use crate::settings::{Settings, WindowPlace};

pub use window::Window;

const ICON: &[u8] = include_bytes!("../../assets/icon.png");
const APP_ID: &str = "inlay";
const SIZE: [f32; 2] = [1280.0, 820.0];
const SMALLEST: [f32; 2] = [640.0, 400.0];

/// Opens the window on a photo, or on the sample, and returns when it is closed.
pub fn run(options: AppOptions, photo: Option<PathBuf>) -> anyhow::Result<()> {
    let place = kept_place(&options);
    let mut viewport = ViewportBuilder::default()
        .with_app_id(APP_ID)
        .with_title(text::APP_NAME)
        .with_inner_size(place.map_or(SIZE, |place| place.size))
        .with_maximized(place.is_some_and(|place| place.is_maximized))
        .with_min_inner_size(SMALLEST)
        .with_drag_and_drop(true)
        .with_icon(icon());
    if let Some(position) = place.and_then(|place| place.position) {
        viewport = viewport.with_position(position);
    }
    let native = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Wgpu,
        // A picture is judged by its pixels: no noise on top.
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    let mut started = false;
    let outcome = eframe::run_native(
        text::APP_NAME,
        native,
        Box::new(|cc| {
            let window = Window::new(cc, options, photo)?;
            started = true;
            Ok(Box::new(window))
        }),
    );
    outcome.map_err(|error| explain(&error, started))
}

/// Where the window was when it was last closed.
fn kept_place(options: &AppOptions) -> Option<WindowPlace> {
    let paths = options
        .paths
        .as_ref()
        .filter(|_| options.keep_preferences)?;
    Settings::load(&paths.settings_file()).window
}

/// Why there is no window, in a line that says what to do.
fn explain(error: &eframe::Error, started: bool) -> anyhow::Error {
    log::info!("the window ended with: {error}");
    match error {
        eframe::Error::Wgpu(reason) => anyhow!("{} ({reason})", text::NO_GRAPHICS),
        // Its text names places in a library's sources.
        _ if !started => anyhow!(text::NO_WINDOW),
        other => anyhow!("{other}"),
    }
}

fn icon() -> IconData {
    eframe::icon_data::from_png_bytes(ICON).unwrap_or_default()
}
