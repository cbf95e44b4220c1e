//! Owns what the window asks before it goes on: files that were picked, unsaved changes before something is opened or
//! closed. Part of `window`.

use std::path::PathBuf;

use eframe::egui::{Context, ViewportCommand};

use super::Window;
use crate::app::{Command, PROJECT_ENDING};
use crate::document::Document;
use crate::engine::ModelChoice;
use crate::ui::action::{Answer, Pending, Pick};
use crate::ui::dialogs::{Picked, TypedPath};
use crate::ui::shortcuts;

impl Window {
    pub(super) fn on_picked(&mut self, picked: Picked) {
        match picked {
            Picked::Path(Pick::Photo, path) => self.guard(Pending::Open(path)),
            Picked::Path(Pick::SaveAs, path) => self.app.dispatch(Command::SaveAs(path)),
            Picked::Path(Pick::Mask, path) => self.app.dispatch(Command::LoadMask(path)),
            Picked::Path(Pick::SaveProject, path) => {
                let path = path.with_extension(PROJECT_ENDING);
                self.app.dispatch(Command::SaveProject(path));
            }
            Picked::Path(Pick::SaveMask, path) => self.app.dispatch(Command::SaveMask(path)),
            Picked::Path(Pick::SaveResult, path) => {
                let index = self.app.shown_index();
                self.app.dispatch(Command::SaveCandidate { index, path });
            }
            Picked::Path(Pick::SaveHeatMap, path) => {
                let shown = self.app.shown_candidate().map(|_| self.app.shown_index());
                self.app.dispatch(Command::SaveHeatMap {
                    candidate: shown,
                    path,
                });
            }
            Picked::Path(Pick::Model | Pick::ModelFile, folder) => {
                self.state.is_model_being_read = true;
                self.app
                    .dispatch(Command::ChooseModel(ModelChoice::Folder(folder)));
            }
            Picked::Nothing => self.give_up(),
            Picked::NoDialog(pick) => {
                self.typed_path = Some(TypedPath::new(pick, self.suggestion(pick).as_deref()));
            }
        }
    }

    /// The path that a dialog starts from.
    pub(super) fn suggestion(&self, pick: Pick) -> Option<PathBuf> {
        match pick {
            Pick::SaveAs | Pick::SaveResult => self.app.suggested_output(),
            Pick::SaveProject => self.app.suggested_project(),
            Pick::SaveMask => self
                .app
                .suggested_output()
                .map(|path| path.with_extension("mask.png")),
            Pick::SaveHeatMap => self
                .app
                .suggested_output()
                .map(|path| path.with_extension("changes.png")),
            Pick::Photo | Pick::Mask => self
                .app
                .document()
                .and_then(Document::path)
                .map(PathBuf::from),
            Pick::Model | Pick::ModelFile => self.app.settings().recent_models.first().cloned(),
        }
    }

    /// The way on is given up: nothing is opened or closed.
    pub(super) fn give_up(&mut self) {
        if self.is_waiting_for_save {
            self.is_waiting_for_save = false;
            self.pending = None;
        }
    }

    /// Does it at once, or asks about unsaved changes first.
    pub(super) fn guard(&mut self, pending: Pending) {
        if self.app.document().is_some_and(Document::is_modified) {
            self.pending = Some(pending);
        } else {
            self.pending = None;
            self.carry_on(pending);
        }
    }

    pub(super) fn carry_on(&mut self, pending: Pending) {
        match pending {
            Pending::Open(path) => self.app.dispatch(Command::Open(path)),
            Pending::OpenSample => self.app.dispatch(Command::OpenSample),
            Pending::Paste => self.app.dispatch(Command::PastePicture),
            Pending::Close => self.may_close = true,
        }
    }

    /// Changes are saved or given up.
    pub(super) fn go_on(&mut self, ctx: &Context) {
        if let Some(pending) = self.pending.take() {
            let closes = pending == Pending::Close;
            self.carry_on(pending);
            if closes {
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
        }
    }

    pub(super) fn on_answer(&mut self, answer: Answer, frame: &eframe::Frame, ctx: &Context) {
        match answer {
            Answer::Cancel => self.pending = None,
            Answer::DontSave => self.go_on(ctx),
            Answer::Save => {
                self.is_waiting_for_save = true;
                let action = shortcuts::to_action(Command::Save, &self.app);
                self.carry_out(action, frame, ctx);
            }
        }
    }
}
