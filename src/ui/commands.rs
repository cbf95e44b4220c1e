//! Owns the table of everything that can be asked for by name: the one place that menus, the keyboard, the command
//! palette and the cheat sheet are made from. A new command needs one line here. Must never carry anything out.

use std::path::PathBuf;

use eframe::egui::{Context, Key, KeyboardShortcut, Modifiers};

use super::action::{Action, Scene, why_no_changes};
use super::shortcuts;
use super::text;
use crate::app::{Command, Shortcut, Tool};
use crate::mask::Combine;
use crate::settings::Theme;

/// What concerns the window alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewCommand {
    Fit,
    ActualSize,
    ZoomIn,
    ZoomOut,
    ShowMask,
    /// A line with the photo as it was on its left.
    Split,
    /// The crops that the model will be shown.
    ModelView,
    /// What the model repaints, and what of it goes into the photo.
    ModelMasks,
    /// Changed pixels in colours.
    HeatMap,
    CommandPalette,
    CheatSheet,
    /// Models on this machine.
    Models,
    Preferences,
    Quit,
}

/// Where a command stands in menus and in the cheat sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    File,
    Edit,
    Mask,
    Tools,
    View,
    Help,
}

impl Group {
    pub const ALL: [Self; 6] = [
        Self::File,
        Self::Edit,
        Self::Mask,
        Self::Tools,
        Self::View,
        Self::Help,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::File => text::MENU_FILE,
            Self::Edit => text::MENU_EDIT,
            Self::Mask => text::MENU_MASK,
            Self::Tools => text::MENU_TOOLS,
            Self::View => text::MENU_VIEW,
            Self::Help => text::MENU_HELP,
        }
    }
}

/// A command of the app or of the window.
#[derive(Debug, Clone)]
pub enum Act {
    App(Command),
    View(ViewCommand),
}

impl Act {
    pub fn label(&self) -> &'static str {
        match self {
            Self::App(command) => command.label(),
            Self::View(view) => text::view_label(*view),
        }
    }

    pub fn tooltip(&self) -> &'static str {
        match self {
            Self::App(command) => command.tooltip(),
            Self::View(view) => text::view_tip(*view),
        }
    }

    pub fn shortcut(&self) -> Option<KeyboardShortcut> {
        match self {
            Self::App(command) => command.shortcut().and_then(convert),
            Self::View(view) => Some(view_shortcut(*view)),
        }
    }

    /// Other keys that do the same.
    pub fn more_shortcuts(&self) -> &'static [KeyboardShortcut] {
        const REDO: &[KeyboardShortcut] = &[KeyboardShortcut::new(Modifiers::COMMAND, Key::Y)];
        const ZOOM_IN: &[KeyboardShortcut] =
            &[KeyboardShortcut::new(Modifiers::COMMAND, Key::Equals)];
        const FIND: &[KeyboardShortcut] = &[KeyboardShortcut::new(Modifiers::NONE, Key::F1)];
        const SHEET: &[KeyboardShortcut] = &[KeyboardShortcut::new(Modifiers::SHIFT, Key::Slash)];
        match self {
            Self::App(Command::Redo) => REDO,
            Self::View(ViewCommand::ZoomIn) => ZOOM_IN,
            Self::View(ViewCommand::CommandPalette) => FIND,
            Self::View(ViewCommand::CheatSheet) => SHEET,
            _ => &[],
        }
    }

    /// As menus and tooltips write it, or nothing.
    pub fn keys(&self, ctx: &Context) -> String {
        self.shortcut()
            .map_or_else(String::new, |shortcut| written(ctx, shortcut))
    }

    /// What `window` is asked for.
    pub fn action(self, scene: &Scene<'_>) -> Action {
        match self {
            Self::App(command) => shortcuts::to_action(command, scene.app),
            Self::View(view) => Action::View(view),
        }
    }

    /// In words, why it would do nothing now.
    pub fn why_not(&self, scene: &Scene<'_>) -> Option<&'static str> {
        match self {
            Self::App(command) => scene.why_not(command),
            Self::View(
                ViewCommand::Fit
                | ViewCommand::ActualSize
                | ViewCommand::ZoomIn
                | ViewCommand::ZoomOut,
            ) => scene.app.document().is_none().then_some(text::WHY_NO_PHOTO),
            Self::View(ViewCommand::Split) => scene
                .app
                .shown_candidate()
                .is_none()
                .then_some(text::WHY_NO_RESULT),
            Self::View(ViewCommand::HeatMap) if scene.state.canvas.is_heat_shown => None,
            Self::View(ViewCommand::HeatMap) => why_no_changes(scene.app),
            Self::View(_) => None,
        }
    }

    /// For what is on or off, or one of several.
    pub fn is_on(&self, scene: &Scene<'_>) -> Option<bool> {
        let settings = scene.app.settings();
        match self {
            Self::App(Command::ChooseTool(tool)) => Some(scene.app.tool() == *tool),
            Self::App(Command::SetCombine(how)) => Some(scene.app.combine() == *how),
            Self::App(Command::SetTheme(theme)) => Some(settings.theme == *theme),
            Self::App(Command::SetReducedMotion(_)) => Some(settings.reduced_motion),
            Self::View(ViewCommand::ShowMask) => Some(!scene.state.canvas.is_mask_hidden),
            Self::View(ViewCommand::Split) => Some(scene.state.canvas.split.is_some()),
            Self::View(ViewCommand::ModelView) => Some(scene.state.canvas.is_model_view_shown),
            Self::View(ViewCommand::ModelMasks) => Some(scene.state.canvas.are_masks_shown),
            Self::View(ViewCommand::HeatMap) => Some(scene.state.canvas.is_heat_shown),
            _ => None,
        }
    }
}

/// A line of the table.
pub struct Entry {
    pub group: Group,
    pub act: Act,
    /// Instead of the command's own.
    label: Option<&'static str>,
    /// A line above it in menus.
    pub begins_block: bool,
}

impl Entry {
    pub fn label(&self) -> &'static str {
        self.label.unwrap_or_else(|| self.act.label())
    }
}

/// What selections can do, in the order of the switch.
pub const COMBINES: [Combine; 4] = [
    Combine::Add,
    Combine::Subtract,
    Combine::Intersect,
    Combine::Replace,
];
/// How far a rough edge may be off, in px, from menu and keyboard.
pub const REFINE_PX: f32 = 12.0;

/// Everything, in the order of menus.
pub fn table(scene: &Scene<'_>) -> Vec<Entry> {
    let mut list = Lines(Vec::new());
    file_and_edit(&mut list, scene.state.variations);
    mask_and_tools(&mut list);
    view_and_help(&mut list, scene.app.settings().reduced_motion);
    list.0
}

struct Lines(Vec<Entry>);

impl Lines {
    fn block(&mut self, group: Group, acts: impl IntoIterator<Item = Act>) {
        for (number, act) in acts.into_iter().enumerate() {
            let begins_block = number == 0 && self.0.last().is_some_and(|e| e.group == group);
            self.0.push(Entry {
                group,
                act,
                label: None,
                begins_block,
            });
        }
    }

    fn named(&mut self, label: &'static str) {
        if let Some(last) = self.0.last_mut() {
            last.label = Some(label);
        }
    }
}

fn file_and_edit(list: &mut Lines, variations: u32) {
    use Act::{App, View};
    use Group::{Edit, File};
    list.block(
        File,
        [App(Command::Open(PathBuf::new())), App(Command::OpenSample)],
    );
    list.block(
        File,
        [
            App(Command::Save),
            App(Command::SaveAs(PathBuf::new())),
            App(Command::SaveProject(PathBuf::new())),
            App(Command::SaveHeatMap {
                candidate: None,
                path: PathBuf::new(),
            }),
        ],
    );
    list.block(
        File,
        [
            View(ViewCommand::Models),
            View(ViewCommand::Preferences),
            View(ViewCommand::Quit),
        ],
    );
    list.block(Edit, [App(Command::Undo), App(Command::Redo)]);
    list.block(
        Edit,
        [App(Command::CopyPicture), App(Command::PastePicture)],
    );
    list.block(
        Edit,
        [
            App(Command::Generate { count: variations }),
            App(Command::EraseMarked),
            App(Command::Again),
            App(Command::MoreLikeThis),
            App(Command::Accept),
            App(Command::AcceptPart),
            App(Command::Flip(-1)),
            App(Command::Flip(1)),
            App(Command::SaveCandidate {
                index: 0,
                path: PathBuf::new(),
            }),
            App(Command::Discard),
            App(Command::DiscardAll),
            App(Command::Cancel),
            App(Command::NewSeed),
        ],
    );
}

fn mask_and_tools(list: &mut Lines) {
    use Act::App;
    use Group::{Mask, Tools};
    list.block(Mask, [App(Command::ClearMask), App(Command::InvertMask)]);
    for (number, (px, label)) in text::GROW_BY.into_iter().chain(text::SHRINK_BY).enumerate() {
        list.block(Mask, [App(Command::GrowMask(px))]);
        list.named(label);
        if let Some(entry) = list.0.last_mut() {
            entry.begins_block = number == 0;
        }
    }
    for (number, (px, label)) in text::FEATHER_BY.into_iter().enumerate() {
        list.block(Mask, [App(Command::FeatherMask(px))]);
        list.named(label);
        if let Some(entry) = list.0.last_mut() {
            entry.begins_block = number == 0;
        }
    }
    list.block(
        Mask,
        [
            App(Command::RefineMask(REFINE_PX)),
            App(Command::CoverShadows),
            App(Command::FillHoles),
        ],
    );
    list.block(
        Mask,
        [
            App(Command::LoadMask(PathBuf::new())),
            App(Command::SaveMask(PathBuf::new())),
            App(Command::MaskFromTransparency),
        ],
    );
    list.block(Mask, COMBINES.map(|how| App(Command::SetCombine(how))));
    list.block(
        Tools,
        Tool::ALL.into_iter().map(|t| App(Command::ChooseTool(t))),
    );
    list.block(
        Tools,
        [
            App(Command::BrushSmaller),
            App(Command::BrushLarger),
            App(Command::EndObject),
            App(Command::ResetFrame),
        ],
    );
}

fn view_and_help(list: &mut Lines, is_motion_reduced: bool) {
    use Act::{App, View};
    use Group::{Help, View as Views};
    list.block(
        Views,
        [
            ViewCommand::Fit,
            ViewCommand::ActualSize,
            ViewCommand::ZoomIn,
            ViewCommand::ZoomOut,
        ]
        .map(View),
    );
    list.block(
        Views,
        [
            ViewCommand::ShowMask,
            ViewCommand::Split,
            ViewCommand::HeatMap,
            ViewCommand::ModelView,
            ViewCommand::ModelMasks,
        ]
        .map(View),
    );
    list.block(
        Views,
        [Theme::System, Theme::Dark, Theme::Light].map(|theme| App(Command::SetTheme(theme))),
    );
    list.block(Views, [App(Command::SetReducedMotion(!is_motion_reduced))]);
    list.block(
        Help,
        [ViewCommand::CommandPalette, ViewCommand::CheatSheet].map(View),
    );
}

fn view_shortcut(view: ViewCommand) -> KeyboardShortcut {
    let (modifiers, key) = match view {
        ViewCommand::Fit => (Modifiers::COMMAND, Key::Num0),
        ViewCommand::ActualSize => (Modifiers::COMMAND, Key::Num1),
        ViewCommand::ZoomIn => (Modifiers::COMMAND, Key::Plus),
        ViewCommand::ZoomOut => (Modifiers::COMMAND, Key::Minus),
        ViewCommand::ShowMask => (Modifiers::NONE, Key::M),
        ViewCommand::Split => (Modifiers::NONE, Key::Y),
        ViewCommand::ModelView => (Modifiers::NONE, Key::V),
        ViewCommand::ModelMasks => (Modifiers::NONE, Key::K),
        ViewCommand::HeatMap => (Modifiers::NONE, Key::D),
        ViewCommand::CommandPalette => (Modifiers::COMMAND, Key::P),
        ViewCommand::CheatSheet => (Modifiers::NONE, Key::Questionmark),
        ViewCommand::Models => (Modifiers::COMMAND, Key::L),
        ViewCommand::Preferences => (Modifiers::COMMAND, Key::Comma),
        ViewCommand::Quit => (Modifiers::COMMAND, Key::Q),
    };
    KeyboardShortcut::new(modifiers, key)
}

/// A shortcut in the system's way of writing, with the sign that is on the key rather than the key's name.
pub fn written(ctx: &Context, shortcut: KeyboardShortcut) -> String {
    let words = ctx.format_shortcut(&shortcut);
    let sign = match shortcut.logical_key {
        Key::Plus => "+",
        Key::Minus => "−",
        Key::Equals => "=",
        Key::Comma => ",",
        Key::Slash => "/",
        Key::Questionmark => "?",
        Key::OpenBracket => "[",
        Key::CloseBracket => "]",
        Key::Backslash => "\\",
        Key::Escape => "Esc",
        _ => return words,
    };
    let name = shortcut.logical_key.name();
    let stem = words.strip_suffix(name);
    stem.map_or_else(|| words.clone(), |stem| format!("{stem}{sign}"))
}

/// A command's shortcut in egui's terms.
pub fn convert(shortcut: Shortcut) -> Option<KeyboardShortcut> {
    let mut modifiers = Modifiers::NONE;
    if shortcut.command {
        modifiers |= Modifiers::COMMAND;
    }
    if shortcut.shift {
        modifiers |= Modifiers::SHIFT;
    }
    Key::from_name(shortcut.key).map(|key| KeyboardShortcut::new(modifiers, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_table() -> Vec<Entry> {
        let mut list = Lines(Vec::new());
        file_and_edit(&mut list, 1);
        mask_and_tools(&mut list);
        view_and_help(&mut list, false);
        list.0
    }

    #[test]
    fn no_two_commands_share_keys_and_every_key_exists() {
        let mut seen: Vec<(KeyboardShortcut, &str)> = Vec::new();
        for entry in whole_table() {
            if let Act::App(command) = &entry.act {
                assert_eq!(
                    command.shortcut().is_some(),
                    entry.act.shortcut().is_some(),
                    "{}: its key has no such name",
                    entry.label()
                );
            }
            let keys = entry.act.shortcut().into_iter();
            for key in keys.chain(entry.act.more_shortcuts().iter().copied()) {
                let twin = seen.iter().find(|(other, _)| *other == key);
                assert!(twin.is_none(), "{} and {twin:?}", entry.label());
                seen.push((key, entry.label()));
            }
        }
    }

    #[test]
    fn every_line_has_words_of_its_own() {
        let labels: Vec<_> = whole_table().iter().map(Entry::label).collect();
        for (number, label) in labels.iter().enumerate() {
            assert!(!label.is_empty());
            assert!(!labels[..number].contains(label), "{label} stands twice");
        }
    }
}
