//! Owns the keyboard: turns keys into actions by the table of commands, and shortcuts into the words of tooltips. Called
//! once a frame before anything else looks at the keys.

use eframe::egui::{Context, Event, Key, KeyboardShortcut, Modifiers};

use super::action::{Action, Pick, Scene};
use super::commands::{self, Act};
use crate::app::{App, Command};

/// Held: before instead of after.
pub const COMPARE: Key = Key::Backslash;

/// As menus and tooltips write it, or nothing.
pub fn words(ctx: &Context, command: &Command) -> String {
    let shortcut = command.shortcut().and_then(commands::convert);
    shortcut.map_or_else(String::new, |shortcut| commands::written(ctx, shortcut))
}

/// A tooltip with the shortcut behind it.
pub fn tip(ctx: &Context, command: &Command) -> String {
    tip_for(ctx, &Act::App(command.clone()))
}

/// See [`tip`].
pub fn tip_for(ctx: &Context, act: &Act) -> String {
    let keys = act.keys(ctx);
    let words = if act.tooltip().is_empty() {
        act.label()
    } else {
        act.tooltip()
    };
    if keys.is_empty() {
        words.to_owned()
    } else {
        format!("{words} ({keys})")
    }
}

/// Takes this frame's shortcuts out of the input.
pub fn collect(ctx: &Context, scene: &mut Scene<'_>) {
    let is_typing = ctx.egui_wants_keyboard_input() && !scene.state.canvas.has_keyboard();
    let has_none = ctx.memory(|memory| memory.focused().is_none());
    let is_free = (has_none || scene.state.canvas.has_keyboard()) && !ctx.any_popup_open();
    let mut keyed: Vec<(KeyboardShortcut, Act)> = Vec::new();
    for entry in commands::table(scene) {
        for shortcut in entry.act.more_shortcuts() {
            keyed.push((*shortcut, entry.act.clone()));
        }
        if let Some(shortcut) = entry.act.shortcut() {
            keyed.push((shortcut, entry.act));
        }
    }
    // More modifiers first: egui lets a pattern without Shift match a press with it.
    keyed.sort_by_key(|(shortcut, _)| {
        let Modifiers { shift, alt, .. } = shortcut.modifiers;
        std::cmp::Reverse(u8::from(shift) + u8::from(alt))
    });
    for (shortcut, act) in keyed {
        if !may_fire(shortcut, &act, is_typing, is_free) || act.why_not(scene).is_some() {
            continue;
        }
        if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
            let action = act.action(scene);
            scene.ask(action);
        }
    }
    if !is_typing {
        clipboard(ctx, scene);
    }
}

/// Keys without Ctrl belong to a field that is typed into, and Enter to a focused button; a field has its own undo and
/// clipboard.
fn may_fire(shortcut: KeyboardShortcut, act: &Act, is_typing: bool, is_free: bool) -> bool {
    let is_plain = !shortcut.modifiers.command && !is_function_key(shortcut.logical_key);
    let needs_nothing_focused = matches!(
        act,
        Act::App(
            Command::Accept
                | Command::AcceptPart
                | Command::Discard
                | Command::DiscardAll
                | Command::Flip(_)
                | Command::Cancel
        )
    );
    let is_field_s_own = matches!(
        act,
        Act::App(Command::Undo | Command::Redo | Command::CopyPicture | Command::PastePicture)
    );
    !(is_typing && (is_plain || is_field_s_own)) && (is_free || !needs_nothing_focused)
}

fn is_function_key(key: Key) -> bool {
    key == Key::F1
}

/// The window system turns Ctrl+C and Ctrl+V into events of their own.
fn clipboard(ctx: &Context, scene: &mut Scene<'_>) {
    let (copies, pastes) = ctx.input_mut(|input| {
        let has =
            |is: fn(&Event) -> bool, input: &eframe::egui::InputState| input.events.iter().any(is);
        let copies = has(|event| matches!(event, Event::Copy), input);
        let pastes = has(
            |event| matches!(event, Event::Paste(_) | Event::PasteImage(_)),
            input,
        );
        if pastes {
            input
                .events
                .retain(|event| !matches!(event, Event::Paste(_) | Event::PasteImage(_)));
        }
        (copies, pastes)
    });
    for (is_asked, command) in [
        (copies, Command::CopyPicture),
        (pastes, Command::PastePicture),
    ] {
        if is_asked && scene.allows(&command) {
            scene.send(command);
        }
    }
}

/// Save without a file becomes Save as; the rest goes to the app as it is.
pub fn to_action(command: Command, app: &App) -> Action {
    match command {
        Command::SaveAs(path) if path.as_os_str().is_empty() => Action::Pick(Pick::SaveAs),
        Command::Open(path) if path.as_os_str().is_empty() => Action::Pick(Pick::Photo),
        Command::LoadMask(path) if path.as_os_str().is_empty() => Action::Pick(Pick::Mask),
        Command::SaveMask(path) if path.as_os_str().is_empty() => Action::Pick(Pick::SaveMask),
        Command::SaveProject(path) if path.as_os_str().is_empty() => {
            Action::Pick(Pick::SaveProject)
        }
        Command::SaveCandidate { path, .. } if path.as_os_str().is_empty() => {
            Action::Pick(Pick::SaveResult)
        }
        Command::SaveHeatMap { path, .. } if path.as_os_str().is_empty() => {
            Action::Pick(Pick::SaveHeatMap)
        }
        Command::Save if app.document().is_some_and(|d| d.path().is_none()) => {
            Action::Pick(Pick::SaveAs)
        }
        command => Action::Send(command),
    }
}
