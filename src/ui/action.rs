//! Owns what the window's parts ask for, and what they share while a frame is built. Panels and the canvas read a `Scene`
//! and push `Action`s; `window` carries them out afterwards. Nothing here changes the app.

use std::path::PathBuf;

use super::canvas::CanvasState;
use crate::app::{App, Command};

/// Something asked for during a frame.
#[derive(Debug)]
pub enum Action {
    /// For the app.
    Send(Command),
    /// Ask for a file with the system's dialog.
    Pick(Pick),
    Fit,
    ActualSize,
    ZoomIn,
    ZoomOut,
    ZoomTo(f32),
    /// The keyboard belongs to the canvas again.
    Unfocus,
    Quit,
}

/// Which file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    Photo,
    SaveAs,
    Mask,
    Model,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Save,
    DontSave,
    Cancel,
}

/// What waits until unsaved changes are saved or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    Close,
    Open(PathBuf),
    OpenSample,
}

/// The window's own state, none of which belongs to the picture.
pub struct State {
    pub canvas: CanvasState,
    /// Results to make with one press of Generate.
    pub variations: u32,
    /// The first-start hint is on.
    pub is_hint_shown: bool,
    /// The device that the last job really used.
    pub last_device: Option<String>,
    /// A model folder is being read.
    pub is_model_being_read: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            canvas: CanvasState::default(),
            variations: 1,
            is_hint_shown: false,
            last_device: None,
            is_model_being_read: false,
        }
    }
}

/// What every part of the window sees.
pub struct Scene<'a> {
    pub app: &'a App,
    pub state: &'a mut State,
    pub actions: &'a mut Vec<Action>,
    /// Something is painted. Looked up once a frame: an empty mask of a large photo takes time to prove.
    pub has_mask: bool,
}

impl Scene<'_> {
    pub fn send(&mut self, command: Command) {
        self.actions.push(Action::Send(command));
    }

    pub fn ask(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Whether a command would do something now: what menus and keys grey out.
    pub fn allows(&self, command: &Command) -> bool {
        allows(self.app, self.has_mask, command)
    }

    /// In words, why Generate has nothing to do.
    pub fn why_not_generate(&self) -> Option<&'static str> {
        why_not_generate(self.app, self.has_mask)
    }
}

/// See [`Scene::allows`].
pub fn allows(app: &App, has_mask: bool, command: &Command) -> bool {
    let document = app.document();
    match command {
        // A picture without a file (the sample) is saved by choosing one.
        Command::Save => {
            document.is_some_and(|d| d.is_modified() || d.path().is_none()) && !app.is_saving()
        }
        Command::SaveAs(_) => document.is_some() && !app.is_saving(),
        Command::ClearMask | Command::GrowMask(_) => has_mask,
        Command::InvertMask | Command::LoadMask(_) => document.is_some(),
        Command::MaskFromTransparency => document.is_some_and(|d| d.photo().layout.has_alpha()),
        Command::Generate { .. } => {
            why_not_generate(app, has_mask).is_none() && app.jobs().is_empty()
        }
        Command::Again => {
            !app.candidates().is_empty()
                && app.jobs().is_empty()
                && why_not_generate(app, has_mask).is_none()
        }
        Command::Cancel => app.jobs().iter().any(|job| !job.is_cancelling),
        Command::Accept | Command::Discard => app.shown_candidate().is_some(),
        Command::Undo => document.is_some_and(crate::document::Document::can_undo),
        Command::Redo => document.is_some_and(crate::document::Document::can_redo),
        _ => true,
    }
}

/// See [`Scene::why_not_generate`].
fn why_not_generate(app: &App, has_mask: bool) -> Option<&'static str> {
    use super::text;
    if app.opening().is_some() && app.document().is_none() {
        return Some(text::WHY_OPENING);
    }
    if app.document().is_none() {
        return Some(text::WHY_NO_PHOTO);
    }
    let is_extended = app.document().is_some_and(|d| !d.extension().is_none());
    (!has_mask && !is_extended).then_some(text::WHY_NOTHING)
}
