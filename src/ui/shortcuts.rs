//! Owns the keyboard: turns keys into actions, and shortcuts into the words that menus show. Called once a frame before
//! anything else looks at the keys.

use std::path::PathBuf;

use eframe::egui::{Context, Key, KeyboardShortcut, Modifiers};

use super::action::{Action, Pick, Scene};
use crate::app::{App, Command, Shortcut, Tool};

/// A command's shortcut in egui's terms.
pub fn of(command: &Command) -> Option<KeyboardShortcut> {
    command.shortcut().and_then(convert)
}

fn convert(shortcut: Shortcut) -> Option<KeyboardShortcut> {
    let mut modifiers = Modifiers::NONE;
    if shortcut.command {
        modifiers |= Modifiers::COMMAND;
    }
    if shortcut.shift {
        modifiers |= Modifiers::SHIFT;
    }
    Key::from_name(shortcut.key).map(|key| KeyboardShortcut::new(modifiers, key))
}

/// As menus and tooltips write it, or nothing.
pub fn words(ctx: &Context, command: &Command) -> String {
    of(command).map_or_else(String::new, |shortcut| ctx.format_shortcut(&shortcut))
}

/// A tooltip with the shortcut behind it.
pub fn tip(ctx: &Context, command: &Command) -> String {
    let keys = words(ctx, command);
    let words = if command.tooltip().is_empty() {
        command.label()
    } else {
        command.tooltip()
    };
    if keys.is_empty() {
        words.to_owned()
    } else {
        format!("{words} ({keys})")
    }
}

pub const FIT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Num0);
pub const ACTUAL_SIZE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Num1);
pub const ZOOM_IN: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Plus);
pub const ZOOM_OUT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Minus);
const ZOOM_IN_UNSHIFTED: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Equals);
pub const QUIT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Q);
const REDO_TOO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Y);
/// Held: before instead of after.
pub const COMPARE: Key = Key::Backslash;

/// Takes this frame's shortcuts out of the input.
pub fn collect(ctx: &Context, scene: &mut Scene<'_>) {
    let app = scene.app;
    let variations = scene.state.variations;
    let is_typing = ctx.egui_wants_keyboard_input();
    // More modifiers first: egui lets a pattern without Shift match a press with it.
    let with_modifiers = [
        Command::SaveAs(PathBuf::new()),
        Command::InvertMask,
        Command::Redo,
        Command::Undo,
        Command::Open(PathBuf::new()),
        Command::Save,
        Command::ClearMask,
        Command::Generate { count: variations },
        Command::Again,
    ];
    for command in with_modifiers {
        // A field being typed into has its own undo.
        if is_typing && matches!(command, Command::Undo | Command::Redo) {
            continue;
        }
        let Some(shortcut) = of(&command) else {
            continue;
        };
        if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) && scene.allows(&command) {
            scene.ask(to_action(command, app));
        }
    }
    if !is_typing
        && ctx.input_mut(|input| input.consume_shortcut(&REDO_TOO))
        && scene.allows(&Command::Redo)
    {
        scene.send(Command::Redo);
    }
    view_keys(ctx, scene);
    if !is_typing {
        plain_keys(ctx, scene);
    }
}

/// Save without a file becomes Save as; the rest goes to the app as it is.
pub fn to_action(command: Command, app: &App) -> Action {
    match command {
        Command::SaveAs(path) if path.as_os_str().is_empty() => Action::Pick(Pick::SaveAs),
        Command::Open(path) if path.as_os_str().is_empty() => Action::Pick(Pick::Photo),
        Command::LoadMask(path) if path.as_os_str().is_empty() => Action::Pick(Pick::Mask),
        Command::Save if app.document().is_some_and(|d| d.path().is_none()) => {
            Action::Pick(Pick::SaveAs)
        }
        command => Action::Send(command),
    }
}

fn view_keys(ctx: &Context, scene: &mut Scene<'_>) {
    let keys = [
        (FIT, Action::Fit),
        (ACTUAL_SIZE, Action::ActualSize),
        (ZOOM_IN, Action::ZoomIn),
        (ZOOM_IN_UNSHIFTED, Action::ZoomIn),
        (ZOOM_OUT, Action::ZoomOut),
        (QUIT, Action::Quit),
    ];
    for (shortcut, action) in keys {
        if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
            scene.ask(action);
        }
    }
}

/// Keys without Ctrl: only when nothing has the keyboard's focus, so that Enter presses the focused button.
fn plain_keys(ctx: &Context, scene: &mut Scene<'_>) {
    let nothing_focused = ctx.memory(|memory| memory.focused().is_none()) && !ctx.any_popup_open();
    let commands = [
        Command::ChooseTool(Tool::Brush),
        Command::ChooseTool(Tool::Eraser),
        Command::ChooseTool(Tool::Pan),
        Command::BrushSmaller,
        Command::BrushLarger,
        Command::Cancel,
        Command::Accept,
        Command::Discard,
    ];
    for command in commands {
        let needs_focus_free = matches!(
            command,
            Command::Accept | Command::Discard | Command::Cancel
        );
        if (needs_focus_free && !nothing_focused) || !scene.allows(&command) {
            continue;
        }
        let Some(shortcut) = of(&command) else {
            continue;
        };
        if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
            scene.send(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shortcut_of_a_command_is_a_key_that_exists() {
        let commands = [
            Command::Open(PathBuf::new()),
            Command::Save,
            Command::SaveAs(PathBuf::new()),
            Command::ChooseTool(Tool::Brush),
            Command::ChooseTool(Tool::Eraser),
            Command::ChooseTool(Tool::Pan),
            Command::BrushSmaller,
            Command::BrushLarger,
            Command::ClearMask,
            Command::InvertMask,
            Command::Generate { count: 1 },
            Command::Again,
            Command::Cancel,
            Command::Accept,
            Command::Discard,
            Command::Undo,
            Command::Redo,
        ];
        let mut seen = Vec::new();
        for command in commands {
            let shortcut = of(&command);
            assert!(shortcut.is_some(), "{command:?}");
            assert!(!seen.contains(&shortcut), "{command:?} shares its keys");
            seen.push(shortcut);
        }
    }
}
