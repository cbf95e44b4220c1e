//! Owns the window: the app, the order of panels, carrying actions out, what waits for a saved picture, closing. Everything
//! it draws is in `panels` and `canvas`. Must never block a frame.

mod asking;

use std::path::PathBuf;

use eframe::egui::{self, CentralPanel, Context, ThemePreference, Ui, ViewportCommand};

use super::action::{Action, Pending, Scene, Sheet, State};
use super::canvas::{self, Pictures, Sights};
use super::commands::ViewCommand;
use super::dialogs::{self, Dialogs, TypedPath};
use super::panels;
use super::place::Place;
use super::toasts::Toasts;
use super::{cheat_sheet, commands, crashes, finder, models, preferences, shortcuts, text, theme};
use crate::app::{App, AppEvent, AppOptions, Command};
use crate::document::Document;
use crate::engine::{EngineError, ModelChoice};
use crate::gpu::CanvasPainter;
use crate::settings::Theme;

/// Inlay's window. Also what tests drive.
pub struct Window {
    app: App,
    state: State,
    sights: Sights,
    dialogs: Dialogs,
    toasts: Toasts,
    pending: Option<Pending>,
    typed_path: Option<TypedPath>,
    /// Chosen "Save": go on as soon as it is written.
    is_waiting_for_save: bool,
    may_close: bool,
    title: String,
    place: Place,
    /// Mask revision and whether it is painted.
    known_mask: (u64, bool),
}

impl Window {
    /// Builds the window's contents; `photo` is opened, else the sample.
    pub fn new(
        cc: &eframe::CreationContext<'_>,
        options: AppOptions,
        photo: Option<PathBuf>,
    ) -> Result<Self, EngineError> {
        theme::install(&cc.egui_ctx);
        let ctx = cc.egui_ctx.clone();
        let app = App::new(options, move || ctx.request_repaint())?;
        let painter = cc.wgpu_render_state.as_ref().map(CanvasPainter::new);
        let mut window = Self {
            app,
            state: State::default(),
            sights: Sights {
                pictures: Pictures::new(painter),
                ..Sights::default()
            },
            dialogs: Dialogs::default(),
            toasts: Toasts::default(),
            pending: None,
            typed_path: None,
            is_waiting_for_save: false,
            may_close: false,
            title: String::new(),
            place: Place::default(),
            known_mask: (0, false),
        };
        window.app.look_for_crashes();
        if let Some(folder) = window.app.settings().model_folder.clone() {
            window.state.is_model_being_read = true;
            window
                .app
                .dispatch(Command::ChooseModel(ModelChoice::Folder(folder)));
        }
        window
            .app
            .dispatch(photo.map_or(Command::OpenSample, Command::Open));
        Ok(window)
    }

    /// The state, for tests.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Every command by name, with its keys, for tests that drive all of them.
    pub fn commands(&mut self) -> Vec<(&'static str, Option<egui::KeyboardShortcut>)> {
        let has_mask = self.has_mask();
        let scene = Scene {
            app: &self.app,
            state: &mut self.state,
            actions: &mut Vec::new(),
            has_mask,
        };
        let named = |entry: commands::Entry| (entry.label(), entry.act.shortcut());
        commands::table(&scene).into_iter().map(named).collect()
    }

    /// The photo is shown as it was.
    pub fn is_comparing(&self) -> bool {
        self.state.canvas.is_comparing
    }

    /// Where a photo pixel is on the screen, for tests that point at it.
    pub fn on_screen(&self, x: f32, y: f32, pixels_per_point: f32) -> Option<egui::Pos2> {
        let viewport = self.state.canvas.viewport?;
        Some(
            self.state
                .canvas
                .view
                .mapping(viewport, pixels_per_point)
                .to_view(egui::pos2(x, y)),
        )
    }

    fn poll(&mut self, ctx: &Context) {
        for event in self.app.poll() {
            match event {
                AppEvent::PhotoOpened => {
                    self.state.canvas.start_afresh();
                    self.sights.pictures.forget();
                    self.state.is_hint_shown = !self.app.settings().has_filled_once;
                    self.known_mask = (0, false);
                }
                AppEvent::ModelChosen | AppEvent::ModelFailed(_) => {
                    self.state.is_model_being_read = false;
                }
                AppEvent::JobFinished(_) => {
                    let shown = self.app.shown_candidate();
                    if let Some(device) = shown.map(|c| c.result.report.device.clone()) {
                        self.state.last_device = Some(device);
                    }
                    self.state.canvas.is_comparing = false;
                }
                AppEvent::Erased => {
                    if let Some(document) = self.app.document() {
                        self.toasts.offer_undo(text::ERASED, document);
                    }
                }
                AppEvent::Saved { .. } if self.is_waiting_for_save => {
                    self.is_waiting_for_save = false;
                    self.go_on(ctx);
                }
                AppEvent::SaveFailed(_) => self.give_up(),
                _ => {}
            }
        }
        while let Some(picked) = self.dialogs.next() {
            self.on_picked(picked);
        }
    }

    fn apply(&mut self, actions: Vec<Action>, frame: &eframe::Frame, ctx: &Context) {
        for action in actions {
            self.carry_out(action, frame, ctx);
        }
    }

    fn carry_out(&mut self, action: Action, frame: &eframe::Frame, ctx: &Context) {
        match action {
            Action::Send(Command::Open(path)) => self.guard(Pending::Open(path)),
            Action::Send(Command::OpenSample) => self.guard(Pending::OpenSample),
            Action::Send(Command::PastePicture) => self.guard(Pending::Paste),
            Action::Send(command) => {
                let generates = matches!(command, Command::Generate { .. } | Command::Again);
                if generates || matches!(command, Command::EraseMarked) {
                    // So that Enter accepts the result instead of writing a line into the prompt.
                    unfocus(ctx);
                }
                self.dispatch(command);
            }
            Action::Pick(pick) => {
                let suggestion = self.suggestion(pick);
                self.dialogs.open(pick, suggestion.as_deref(), frame, ctx);
            }
            Action::Unfocus => unfocus(ctx),
            Action::KeepPreferences => self.app.dispatch(Command::KeepSettings),
            Action::View(ViewCommand::Quit) => ctx.send_viewport_cmd(ViewportCommand::Close),
            Action::View(ViewCommand::CommandPalette) => {
                self.state.sheet = Some(Sheet::Finder(finder::Finder::default()))
            }
            Action::View(ViewCommand::CheatSheet) => self.state.sheet = Some(Sheet::Keys),
            Action::View(ViewCommand::Models) => {
                self.state.sheet = Some(Sheet::Models(models::Models::default()));
            }
            Action::View(ViewCommand::Preferences) => self.state.sheet = Some(Sheet::Preferences),
            view => {
                let bounds = self.app.document().map(canvas::bounds);
                canvas::view_action(
                    &view,
                    &mut self.state.canvas,
                    bounds,
                    ctx.pixels_per_point(),
                );
            }
        }
    }

    /// Sends a command; keeps the photo where it is on the screen when the canvas around it changes.
    fn dispatch(&mut self, command: Command) {
        let corner = |app: &App| app.document().map(|d| (d.canvas().x, d.canvas().y));
        let before = corner(&self.app);
        if matches!(command, Command::Accept | Command::AcceptPart)
            && self.app.shown_candidate().is_some()
        {
            self.state.canvas.is_mask_resting = true;
        } else if matches!(command, Command::Undo | Command::Redo | Command::JumpTo(_)) {
            // A mask that comes back is seen as it was.
            self.state.canvas.is_mask_resting = false;
        }
        let offer = text::done(&command);
        self.app.dispatch(command);
        if let (Some(words), Some(document)) = (offer, self.app.document()) {
            self.toasts.offer_undo(words, document);
        }
        if let (Some(before), Some(after)) = (before, corner(&self.app))
            && before != after
        {
            let by = egui::vec2((before.0 - after.0) as f32, (before.1 - after.1) as f32);
            self.state.canvas.view.shift(by);
        }
    }

    fn has_mask(&mut self) -> bool {
        let Some(document) = self.app.document() else {
            return false;
        };
        if self.known_mask.0 != document.mask_revision() {
            self.known_mask = (document.mask_revision(), !document.mask().is_empty());
        }
        self.known_mask.1
    }

    /// Runs a part of the window and carries out what it asked for.
    fn part(
        &mut self,
        ui: &mut Ui,
        frame: &eframe::Frame,
        show: impl FnOnce(&mut Ui, &mut Scene<'_>),
    ) {
        let mut actions = Vec::new();
        let has_mask = self.has_mask();
        show(
            ui,
            &mut Scene {
                app: &self.app,
                state: &mut self.state,
                actions: &mut actions,
                has_mask,
            },
        );
        let ctx = ui.ctx().clone();
        self.apply(actions, frame, &ctx);
    }

    fn drops(&mut self, ctx: &Context) {
        let dropped = ctx.input(|input| {
            input
                .raw
                .dropped_files
                .first()
                .map(|file| file.path().to_owned())
        });
        if let Some(path) = dropped {
            let is_model = path.is_dir() || dialogs::is_model_file(&path);
            if is_model {
                self.state.is_model_being_read = true;
                self.app
                    .dispatch(Command::ChooseModel(ModelChoice::Folder(path)));
            } else {
                self.guard(Pending::Open(path));
            }
        }
    }

    fn closing(&mut self, ctx: &Context) {
        if !ctx.input(|input| input.viewport().close_requested()) || self.may_close {
            return;
        }
        if self.app.document().is_some_and(Document::is_modified) {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.pending = Some(Pending::Close);
        }
    }

    fn decorate(&mut self, ctx: &Context) {
        let wanted = match self.app.settings().theme {
            Theme::System => ThemePreference::System,
            Theme::Light => ThemePreference::Light,
            Theme::Dark => ThemePreference::Dark,
        };
        if ctx.options(|options| options.theme_preference) != wanted {
            ctx.set_theme(wanted);
        }
        if (ctx.zoom_factor() - self.app.settings().ui_scale).abs() > 1e-3 {
            ctx.set_zoom_factor(self.app.settings().ui_scale);
        }
        let title = self.app.document().map_or_else(
            || text::APP_NAME.to_owned(),
            |document| {
                text::window_title(
                    &panels::picture_name(document.path()),
                    document.is_modified(),
                )
            },
        );
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    fn ask(&mut self, ui: &mut Ui, frame: &eframe::Frame) {
        if let Some(typed) = &mut self.typed_path {
            if let Some(picked) = typed.ask(ui.ctx()) {
                self.typed_path = None;
                self.on_picked(picked);
            }
            return;
        }
        if self.pending.is_none() {
            return;
        }
        let name = panels::picture_name(self.app.document().and_then(Document::path));
        let is_saving = self.is_waiting_for_save;
        if let Some(answer) = dialogs::ask_to_save(ui.ctx(), &name, is_saving) {
            let ctx = ui.ctx().clone();
            self.on_answer(answer, frame, &ctx);
        }
    }
}

/// What lies over everything, if anything does.
fn sheet(ui: &mut Ui, scene: &mut Scene<'_>) {
    let ctx = ui.ctx().clone();
    let Some(mut sheet) = scene.state.sheet.take() else {
        return;
    };
    let is_closed = match &mut sheet {
        Sheet::Finder(finder) => finder::show(finder, &ctx, scene),
        Sheet::Keys => cheat_sheet::show(&ctx, scene),
        Sheet::Preferences => preferences::show(&ctx, scene),
        Sheet::Models(models) => models::show(models, &ctx, scene),
    };
    if !is_closed {
        scene.state.sheet = Some(sheet);
    }
}

fn crash_question(ui: &mut Ui, scene: &mut Scene<'_>) {
    if !scene.app.recoverable().is_empty() && !scene.state.are_crashes_put_off {
        scene.state.are_crashes_put_off = crashes::ask(&ui.ctx().clone(), scene);
    }
}

fn unfocus(ctx: &Context) {
    ctx.memory_mut(|memory| {
        if let Some(focused) = memory.focused() {
            memory.surrender_focus(focused);
        }
    });
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.poll(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.decorate(&ctx);
        self.drops(&ctx);
        self.closing(&ctx);
        if self.pending.is_none() && self.typed_path.is_none() && self.state.sheet.is_none() {
            self.part(ui, frame, |ui, scene| canvas::keys(ui.ctx(), scene));
            self.part(ui, frame, |ui, scene| shortcuts::collect(ui.ctx(), scene));
        }
        self.part(ui, frame, panels::top);
        self.part(ui, frame, panels::status);
        self.part(ui, frame, panels::side);
        self.part(ui, frame, panels::rail);
        self.part(ui, frame, panels::target_bar);
        self.part(ui, frame, panels::options);
        CentralPanel::no_frame().show(ui, |ui| {
            self.part(ui, frame, canvas::interact);
            let mut actions = Vec::new();
            let has_mask = self.has_mask();
            let mut scene = Scene {
                app: &self.app,
                state: &mut self.state,
                actions: &mut actions,
                has_mask,
            };
            canvas::paint(ui, &mut scene, &mut self.sights);
            if let Some(viewport) = scene.state.canvas.viewport {
                self.toasts.show(ui, viewport, &mut scene);
            }
            self.apply(actions, frame, &ctx);
        });
        self.part(ui, frame, sheet);
        self.part(ui, frame, crash_question);
        self.ask(ui, frame);
        self.place.follow(&ctx);
    }

    fn on_exit(&mut self) {
        self.app.dispatch(Command::Cancel);
        let mut settings = self.app.settings().clone();
        settings.window = self.place.kept().or(settings.window);
        settings.panel_width = self.state.panel_width.or(settings.panel_width);
        self.app
            .dispatch(Command::SetPreferences(Box::new(settings)));
        self.app.dispatch(Command::KeepSettings);
        self.app.close_document();
    }
}
