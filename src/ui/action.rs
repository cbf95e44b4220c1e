//! Owns what the window's parts ask for, and what they share while a frame is built. Panels and the canvas read a `Scene`
//! and push `Action`s; `window` carries them out afterwards. Nothing here changes the app.

use std::path::PathBuf;

use super::canvas::CanvasState;
use super::commands::ViewCommand;
use super::finder::Finder;
use super::models::Models;
use super::text;
use crate::app::{Anchor, App, Command};
use crate::document::FillId;

/// Something asked for during a frame.
#[derive(Debug)]
pub enum Action {
    /// For the app.
    Send(Command),
    /// Ask for a file with the system's dialog.
    Pick(Pick),
    View(ViewCommand),
    ZoomTo(f32),
    /// The keyboard belongs to the canvas again.
    Unfocus,
    /// Write preferences: a dialog that changed them was closed.
    KeepPreferences,
}

/// Which file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    Photo,
    SaveAs,
    Mask,
    /// A folder in diffusers' layout.
    Model,
    /// A checkpoint in one file.
    ModelFile,
    SaveProject,
    SaveMask,
    /// The result on show.
    SaveResult,
    /// A picture of what is changed.
    SaveHeatMap,
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
    Paste,
}

/// What lies over everything and has the keyboard.
pub enum Sheet {
    Finder(Finder),
    Keys,
    Preferences,
    Models(Models),
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
    pub sheet: Option<Sheet>,
    /// Labels of what the palette ran last, the latest first.
    pub recent_commands: Vec<&'static str>,
    /// The panel at the right, in points, as dragged.
    pub panel_width: Option<f32>,
    pub tab: Tab,
    pub extend: ExtendChoice,
    /// The edit whose name is being typed, and the name so far.
    pub renaming: Option<(FillId, String)>,
    /// The list of crashed runs is not shown any more.
    pub are_crashes_put_off: bool,
}

/// What the panel at the right shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    #[default]
    Fill,
    Edits,
    History,
}

/// How a preset of proportions is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendChoice {
    pub anchor: Anchor,
    /// Cut off instead of adding.
    pub crops: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            canvas: CanvasState::default(),
            variations: 1,
            is_hint_shown: false,
            last_device: None,
            is_model_being_read: false,
            sheet: None,
            recent_commands: Vec::new(),
            panel_width: None,
            tab: Tab::default(),
            extend: ExtendChoice {
                anchor: Anchor::MIDDLE,
                crops: false,
            },
            renaming: None,
            are_crashes_put_off: false,
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
        self.why_not(command).is_none()
    }

    /// In words, why a command would do nothing now.
    pub fn why_not(&self, command: &Command) -> Option<&'static str> {
        why_not(self.app, self.has_mask, command)
    }

    /// In words, why Generate has nothing to do.
    pub fn why_not_generate(&self) -> Option<&'static str> {
        why_not_generate(self.app, self.has_mask)
    }
}

/// Jobs that may run and wait.
const MOST_JOBS: usize = 8;

/// See [`Scene::why_not`].
fn why_not(app: &App, has_mask: bool, command: &Command) -> Option<&'static str> {
    let document = app.document();
    let needs = |is_there: bool, why: &'static str| (!is_there).then_some(why);
    let needs_photo = needs(document.is_some(), text::WHY_NO_PHOTO);
    let has_room = app.jobs().len() < MOST_JOBS;
    match command {
        // A picture without a file (the sample) is saved by choosing one.
        Command::Save => needs_photo
            .or(needs(!app.is_saving(), text::WHY_SAVING))
            .or(needs(
                document.is_some_and(|d| d.is_modified() || d.path().is_none()),
                text::WHY_SAVED,
            )),
        Command::SaveAs(_) | Command::SaveProject(_) => {
            needs_photo.or(needs(!app.is_saving(), text::WHY_SAVING))
        }
        Command::ClearMask
        | Command::GrowMask(_)
        | Command::FeatherMask(_)
        | Command::FillHoles
        | Command::RefineMask(_)
        | Command::CoverShadows
        | Command::EraseMarked
        | Command::SaveMask(_) => needs(has_mask, text::WHY_NO_MASK),
        Command::SaveHeatMap { .. } => needs_photo.or(why_no_changes(app)),
        Command::ResetFrame => needs_photo.or(needs(
            document.is_some_and(|d| d.frame() != d.available()),
            text::WHY_NO_FRAME,
        )),
        Command::EndObject => needs(!app.object_strokes().is_empty(), text::WHY_NO_OBJECT),
        Command::Flip(_) => needs(app.candidates().len() > 1, text::WHY_NO_RESULT),
        Command::InvertMask | Command::LoadMask(_) | Command::CopyPicture => needs_photo,
        Command::MaskFromTransparency => needs_photo.or(needs(
            document.is_some_and(|d| d.photo().layout.has_alpha()),
            text::WHY_OPAQUE,
        )),
        Command::Generate { .. } => {
            why_not_generate(app, has_mask).or(needs(has_room, text::WHY_BUSY))
        }
        Command::MoreLikeThis => needs(!app.candidates().is_empty(), text::WHY_NO_RESULT)
            .or(needs(has_room, text::WHY_BUSY)),
        Command::Again => needs(!app.candidates().is_empty(), text::WHY_NO_RESULT)
            .or(needs(has_room, text::WHY_BUSY))
            .or(why_not_generate(app, has_mask)),
        Command::Cancel => needs(
            app.jobs().iter().any(|job| !job.is_cancelling),
            text::WHY_IDLE,
        ),
        Command::Accept
        | Command::AcceptPart
        | Command::Discard
        | Command::DiscardAll
        | Command::SaveCandidate { .. } => {
            needs(app.shown_candidate().is_some(), text::WHY_NO_RESULT)
        }
        Command::Undo => needs(
            document.is_some_and(crate::document::Document::can_undo),
            text::WHY_NO_UNDO,
        ),
        Command::Redo => needs(
            document.is_some_and(crate::document::Document::can_redo),
            text::WHY_NO_REDO,
        ),
        _ => None,
    }
}

/// In words, why there are no changed pixels to look at.
pub fn why_no_changes(app: &App) -> Option<&'static str> {
    let has_edits = app.document().is_some_and(|d| !d.fills().is_empty());
    let is_changed = has_edits || app.shown_candidate().is_some();
    (!is_changed).then_some(text::WHY_UNCHANGED)
}

/// See [`Scene::why_not_generate`].
fn why_not_generate(app: &App, has_mask: bool) -> Option<&'static str> {
    if app.opening().is_some() && app.document().is_none() {
        return Some(text::WHY_OPENING);
    }
    if app.document().is_none() {
        return Some(text::WHY_NO_PHOTO);
    }
    let is_extended = app.document().is_some_and(|d| !d.extension().is_none());
    (!has_mask && !is_extended).then_some(text::WHY_NOTHING)
}
