//! Owns the middle of the window: the photo under zoom and pan, painting on it, its handles, and what floats above it.
//! `interact` turns input into actions, `paint` draws; `window` carries the actions out in between, so that a stroke is
//! seen in the frame that it happens in.

mod cursor;
mod extension;
mod filmstrip;
mod floating;
mod gestures;
mod handles;
mod heat;
mod hint;
mod input;
mod keyboard;
mod legend;
mod marks;
mod model_view;
mod pictures;
mod selecting;
mod split;
mod view;

use std::time::Duration;

use eframe::egui::{self, Color32, Pos2, Rect, Sense, Ui, WidgetInfo, accesskit::Role};

pub use filmstrip::Filmstrip;
pub use heat::Heat;
pub use model_view::Planner;
pub use pictures::Pictures;
pub use selecting::keys;
pub use view::{View, next_step};

use super::action::{Action, Scene};
use super::commands::ViewCommand;
use super::text;
use super::theme;
use crate::app::Then;
use crate::gpu::CanvasStyle;
use gestures::Gesture;
use handles::{Handle, HandleDrag};
use keyboard::KeyboardCursor;
use selecting::Selecting;
use view::{Mapping, rect_in_photo};

/// Seconds after the last input during which the mask's edge moves; while a job runs it always does.
const LIVELY: f64 = 2.5;
/// Between two frames of the moving edge.
const EDGE_FRAME: Duration = Duration::from_millis(66);

/// How fast the view grows while a handle is held at the window's edge, as a rate of its size.
const OUTWARD_PER_SECOND: f32 = 0.7;

/// What the canvas remembers from frame to frame.
#[derive(Default)]
pub struct CanvasState {
    pub view: View,
    pub is_comparing: bool,
    /// The person wants no mask overlay at all.
    pub is_mask_hidden: bool,
    /// After a result was accepted only the mask's edge is shown, until the mask is touched again.
    pub is_mask_resting: bool,
    /// Where the line between before and after stands, as a share of the viewport's width.
    pub split: Option<f32>,
    pub is_model_view_shown: bool,
    /// What the model repaints and what goes into the photo, in colours.
    pub are_masks_shown: bool,
    /// Changed pixels in colours.
    pub is_heat_shown: bool,
    /// For the status bar.
    pub pointer_in_photo: Option<(i32, i32)>,
    pub viewport: Option<Rect>,
    gesture: Gesture,
    drag: Option<HandleDrag>,
    /// Under the pointer or held.
    hot_handle: Option<Handle>,
    /// Where the last stroke ended, for straight lines with Shift.
    last_point: Option<Pos2>,
    last_input: f64,
    /// Of the pen that is down, where it tells; else none.
    pressure: Option<f32>,
    selecting: Selecting,
    keyboard: KeyboardCursor,
}

impl CanvasState {
    /// Another picture: look at all of it, forget the rest.
    pub fn start_afresh(&mut self) {
        *self = Self {
            is_mask_hidden: self.is_mask_hidden,
            is_model_view_shown: self.is_model_view_shown,
            are_masks_shown: self.are_masks_shown,
            viewport: self.viewport,
            ..Self::default()
        };
    }

    /// The canvas is used by keyboard alone now.
    pub fn has_keyboard(&self) -> bool {
        self.keyboard.has_focus()
    }

    /// Zooms about the viewport's middle.
    pub fn zoom_to(&mut self, scale: f32, pixels_per_point: f32) {
        if let Some(viewport) = self.viewport {
            let mapping = self.view.mapping(viewport, pixels_per_point);
            self.view
                .set_scale_about(&mapping, viewport.center(), scale);
        }
    }

    pub fn fit(&mut self, scene_bounds: Rect, pixels_per_point: f32) {
        if let Some(viewport) = self.viewport {
            self.view.fit(scene_bounds, viewport, pixels_per_point);
        }
    }
}

/// The canvas's rectangle in photo pixels.
pub fn bounds(document: &crate::document::Document) -> Rect {
    rect_in_photo(document.size().rect().union(document.frame()))
}

/// Takes the space, follows the pointer and pushes what it asks for.
pub fn interact(ui: &mut Ui, scene: &mut Scene<'_>) {
    let viewport = ui.available_rect_before_wrap();
    scene.state.canvas.viewport = Some(viewport);
    let scale_before = scene.state.canvas.view.scale();
    let response = ui.allocate_rect(viewport, Sense::CLICK | Sense::DRAG | Sense::FOCUSABLE);
    let description = scene
        .app
        .document()
        .map_or_else(|| text::NO_PHOTO.to_owned(), |d| text::size(d.size()));
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Canvas,
            true,
            format!("{}: {description}", text::CANVAS),
        )
    });
    let pixels_per_point = ui.pixels_per_point();
    let Some(document) = scene.app.document() else {
        scene.state.canvas.gesture.stop();
        scene.state.canvas.pointer_in_photo = None;
        return;
    };
    let bounds = bounds(document);
    let canvas = &mut scene.state.canvas;
    if canvas.view.is_fitted() && canvas.drag.is_none() {
        canvas.view.fit(bounds, viewport, pixels_per_point);
    }
    let mapping = canvas.view.mapping(viewport, pixels_per_point);
    if keyboard::interact(ui, &response, &mapping, scene) {
        scene.state.canvas.is_mask_resting = false;
    }
    input::follow_pointer(ui, &response, &mapping, scene);
    let mapping = scene.state.canvas.view.mapping(viewport, pixels_per_point);
    let mut drag = scene.state.canvas.drag.take();
    scene.state.canvas.hot_handle = if can_extend(scene) {
        handles::interact(ui, &mapping, &mut drag, scene)
    } else {
        None
    };
    zoom_out_while_dragging_outward(ui, &mapping, drag.as_ref(), scene);
    scene.state.canvas.drag = drag;
    scene.state.canvas.view.keep_in_sight(bounds, &mapping);
    note_pointer(ui, &mapping, &response, scene);
    if scene.state.canvas.view.scale() != scale_before {
        // The status line below was drawn with the old zoom.
        ui.ctx().request_repaint();
    }
}

/// The canvas keeps its size while a job or a result depends on it.
fn can_extend(scene: &Scene<'_>) -> bool {
    scene.app.jobs().is_empty() && scene.app.candidates().is_empty()
}

/// A handle that is dragged to the window's edge makes room.
fn zoom_out_while_dragging_outward(
    ui: &Ui,
    mapping: &Mapping,
    drag: Option<&HandleDrag>,
    scene: &mut Scene<'_>,
) {
    let Some(pointer) = ui.input(|input| input.pointer.interact_pos()) else {
        return;
    };
    if drag.is_some() && !mapping.viewport.shrink(28.0).contains(pointer) {
        let seconds = ui.input(|input| input.stable_dt.min(0.1));
        scene
            .state
            .canvas
            .view
            .make_room(mapping, (-OUTWARD_PER_SECOND * seconds).exp());
        ui.ctx().request_repaint();
    }
}

fn note_pointer(ui: &Ui, mapping: &Mapping, response: &egui::Response, scene: &mut Scene<'_>) {
    let hover = response.hover_pos().map(|at| mapping.to_photo(at));
    let size = scene.app.document().map(crate::document::Document::size);
    scene.state.canvas.pointer_in_photo = hover
        .filter(|at| {
            size.is_some_and(|s| {
                at.x >= 0.0 && at.y >= 0.0 && at.x < s.width as f32 && at.y < s.height as f32
            })
        })
        .map(|at| (at.x as i32, at.y as i32));
    let (now, has_input) = ui.input(|input| (input.time, !input.events.is_empty()));
    if has_input {
        scene.state.canvas.last_input = now;
    }
}

/// What the canvas draws from besides the scene.
#[derive(Default)]
pub struct Sights {
    pub pictures: Pictures,
    pub planner: Planner,
    pub heat: Heat,
    pub strip: Filmstrip,
}

/// Draws the canvas and everything above it.
pub fn paint(ui: &mut Ui, scene: &mut Scene<'_>, sights: &mut Sights) {
    let Some(viewport) = scene.state.canvas.viewport else {
        return;
    };
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(viewport, 0.0, palette.canvas);
    sights.planner.follow(ui, scene);
    let mut above = sights.planner.mask_pictures(scene);
    if scene.state.canvas.is_heat_shown {
        above = sights.heat.pictures(scene.app, ui.ctx());
    } else {
        sights.heat.forget();
    }
    let is_comparing = scene.state.canvas.is_comparing;
    sights
        .pictures
        .feed(scene.app, is_comparing, above, ui.ctx());
    if scene.app.document().is_none() {
        hint::empty_state(ui, viewport, scene);
    } else {
        let mapping = scene
            .state
            .canvas
            .view
            .mapping(viewport, ui.pixels_per_point());
        paint_photo(ui, &mapping, scene, &mut sights.pictures);
        if scene.app.shown_candidate().is_none() {
            // A result is judged without lines on it.
            extension::paint(ui, &mapping, scene.state.canvas.drag.is_some(), scene);
        }
        if can_extend(scene) {
            handles::paint(ui, &mapping, scene.state.canvas.hot_handle, scene);
        }
        model_view::show(ui, &mapping, &sights.planner, scene);
        hint::show(ui, &mapping, scene);
        split::show(ui, viewport, scene);
        floating::candidate_bar(ui, viewport, scene);
        filmstrip::show(ui, viewport, &mut sights.strip, scene);
        floating::compare_label(ui, viewport, scene);
        legend::show(ui, viewport, &sights.heat, &sights.planner, scene);
        selecting::paint(ui, &mapping, scene);
        keyboard::paint(ui, &mapping, scene);
        cursor::show(ui, &mapping, scene);
    }
    hint::opening(ui, viewport, scene);
    hint::drop_target(ui, viewport);
}

fn paint_photo(ui: &Ui, mapping: &Mapping, scene: &mut Scene<'_>, pictures: &mut Pictures) {
    let Some(painter) = &mut pictures.painter else {
        return;
    };
    let settings = scene.app.settings();
    let canvas = &scene.state.canvas;
    let has_result = scene.app.shown_candidate().is_some();
    let has_job = !scene.app.jobs().is_empty();
    let is_painting = canvas.gesture.is_painting();
    let has_preview = scene
        .app
        .jobs()
        .front()
        .is_some_and(|job| job.preview.is_some() && job.then == Then::Choose);
    let has_colors = canvas.is_heat_shown || canvas.are_masks_shown;
    let is_quiet = !is_painting
        && (has_result || has_preview || canvas.is_mask_resting || canvas.is_comparing);
    let now = ui.input(|input| input.time);
    let has_focus = ui.input(|input| input.viewport().focused != Some(false));
    let is_lively =
        has_focus && !settings.reduced_motion && (has_job || now - canvas.last_input < LIVELY);
    let shows_edge = !canvas.is_comparing && (!has_result || is_painting);
    let [red, green, blue] = settings.mask_color;
    let style = CanvasStyle {
        show_mask: !canvas.is_mask_hidden && (shows_edge || !is_quiet),
        mask_color: Color32::from_rgb(red, green, blue),
        mask_opacity: match () {
            () if is_quiet || (has_colors && !is_painting) => 0.0,
            () if has_job => settings.mask_opacity * 0.5,
            () => settings.mask_opacity,
        },
        show_mask_edge: !canvas.is_mask_hidden && shows_edge,
        time_seconds: if settings.reduced_motion { 0.0 } else { now },
        dark: theme::palette(ui.ctx()).is_dark,
        split_x_in_view: split::x_in_view(canvas, mapping.viewport, has_result),
        pixel_grid: true,
    };
    if is_lively && style.show_mask_edge && scene.has_mask {
        ui.ctx().request_repaint_after(EDGE_FRAME);
    }
    let view = crate::gpu::View {
        origin_in_view: mapping.origin_in_view,
        points_per_pixel: mapping.points_per_px,
    };
    painter.paint(
        &ui.painter_at(mapping.viewport),
        mapping.viewport,
        &view,
        &style,
    );
}

/// Asks the view's changes of `window`.
pub fn view_action(
    action: &Action,
    state: &mut CanvasState,
    bounds_in_photo: Option<Rect>,
    pixels_per_point: f32,
) {
    match action {
        Action::View(ViewCommand::Fit) => {
            if let Some(bounds) = bounds_in_photo {
                state.fit(bounds, pixels_per_point);
            }
        }
        Action::View(ViewCommand::ActualSize) => state.zoom_to(1.0, pixels_per_point),
        Action::View(ViewCommand::ZoomIn) => {
            state.zoom_to(next_step(state.view.scale(), true), pixels_per_point)
        }
        Action::View(ViewCommand::ZoomOut) => {
            state.zoom_to(next_step(state.view.scale(), false), pixels_per_point)
        }
        Action::View(ViewCommand::ShowMask) => {
            state.is_mask_hidden = !state.is_mask_hidden;
            state.is_mask_resting = false;
        }
        Action::View(ViewCommand::Split) => {
            state.split = if state.split.is_some() {
                None
            } else {
                Some(0.5)
            };
        }
        Action::View(ViewCommand::ModelView) => {
            state.is_model_view_shown = !state.is_model_view_shown
        }
        // One set of colours at a time.
        Action::View(ViewCommand::ModelMasks) => {
            state.are_masks_shown = !state.are_masks_shown;
            state.is_heat_shown &= !state.are_masks_shown;
        }
        Action::View(ViewCommand::HeatMap) => {
            state.is_heat_shown = !state.is_heat_shown;
            state.are_masks_shown &= !state.is_heat_shown;
        }
        Action::ZoomTo(scale) => state.zoom_to(*scale, pixels_per_point),
        _ => {}
    }
}
