//! Owns the bar at the top: the mark, menus made from commands, the picture's name, undo, redo, theme, Save. Pushes
//! actions only.

use std::path::Path;

use eframe::egui::{
    Align, Button, Layout, Margin, Panel, Rect, RichText, Sense, Ui, UiBuilder, Vec2,
    containers::menu::MenuBar, pos2, vec2,
};

use super::{ground, hairline};
use crate::app::Command;
use crate::settings::Theme;
use crate::ui::action::Scene;
use crate::ui::commands::{self, Act, Entry, Group};
use crate::ui::icons::{self, Icon};
use crate::ui::shortcuts;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{self, IconButton};

const HEIGHT: f32 = 44.0;
/// A narrower window gets one menu that holds the others.
const ROOM_FOR_MENUS: f32 = 610.0;

pub fn top(ui: &mut Ui, scene: &mut Scene<'_>) {
    let frame = ground(ui, Margin::symmetric(12, 0));
    Panel::top("top")
        .exact_size(HEIGHT)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let whole = ui.max_rect().expand2(vec2(12.0, 0.0));
            ui.painter()
                .hline(whole.x_range(), whole.bottom() - 0.5, hairline(ui));
            let row = ui.max_rect();
            let left = ui.horizontal_centered(|ui| {
                let (square, _) = ui.allocate_exact_size(Vec2::splat(22.0), Sense::hover());
                let palette = theme::palette(ui.ctx());
                icons::mark(ui.painter(), square, palette.accent, palette.on_accent);
                ui.add_space(4.0);
                menus(ui, scene)
            });
            let builder = UiBuilder::new()
                .max_rect(row)
                .layout(Layout::right_to_left(Align::Center));
            ui.scope_builder(builder, |ui| {
                right_end(ui, scene);
                title(ui, scene, left.inner);
            });
        });
}

/// The picture's name in the middle, as long as there is room.
fn title(ui: &Ui, scene: &Scene<'_>, left: f32) {
    let palette = theme::palette(ui.ctx());
    let Some(document) = scene.app.document() else {
        return;
    };
    let right = ui.cursor().right();
    let room =
        Rect::from_x_y_ranges(left..=right, ui.max_rect().y_range()).shrink2(vec2(12.0, 0.0));
    let name = picture_name(document.path());
    let galley = ui
        .painter()
        .layout_no_wrap(name, theme::semibold(size::BODY), palette.text);
    if galley.size().x + 20.0 > room.width() {
        return;
    }
    let screen_middle = ui.ctx().content_rect().center().x;
    let half = galley.size().x / 2.0;
    let middle = screen_middle.clamp(room.left() + half, room.right() - half - 14.0);
    let at = pos2(middle - half, room.center().y - galley.size().y / 2.0);
    if document.is_modified() {
        let dot = pos2(middle + half + 10.0, room.center().y);
        ui.painter().circle_filled(dot, 3.0, palette.warning);
        let hover = Rect::from_center_size(dot, Vec2::splat(14.0));
        ui.interact(hover, ui.scope_id().with("modified"), Sense::hover())
            .on_hover_text(text::UNSAVED);
    }
    ui.painter().galley(at, galley, palette.text);
}

/// What to call the picture.
pub fn picture_name(path: Option<&Path>) -> String {
    path.and_then(Path::file_name).map_or_else(
        || text::SAMPLE_NAME.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn right_end(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.spacing_mut().item_spacing.x = 4.0;
    let palette = theme::palette(ui.ctx());
    let save = shortcuts::to_action(Command::Save, scene.app);
    let can_save = scene.allows(&Command::Save);
    let words = if scene.app.is_saving() {
        text::SAVING
    } else {
        Command::Save.label()
    };
    let button = Button::new(RichText::new(words).font(theme::semibold(size::BODY)))
        .min_size(vec2(64.0, theme::CONTROL));
    let tip = shortcuts::tip(ui.ctx(), &Command::Save);
    if ui
        .add_enabled(can_save, button)
        .on_hover_text(tip)
        .clicked()
    {
        scene.ask(save);
    }
    ui.add_space(4.0);
    let (icon, name, theme) = if palette.is_dark {
        (Icon::Sun, text::TO_LIGHT, Theme::Light)
    } else {
        (Icon::Moon, text::TO_DARK, Theme::Dark)
    };
    if IconButton::new(icon, name).show(ui).clicked() {
        scene.send(Command::SetTheme(theme));
    }
    for (command, icon) in [(Command::Redo, Icon::Redo), (Command::Undo, Icon::Undo)] {
        let tip = format!(
            "{} ({})",
            history_label(&command, scene),
            shortcuts::words(ui.ctx(), &command)
        );
        let is_enabled = scene.allows(&command);
        if IconButton::new(icon, command.label())
            .tip(tip)
            .enabled(is_enabled)
            .show(ui)
            .clicked()
        {
            scene.send(command);
        }
    }
}

fn history_label(command: &Command, scene: &Scene<'_>) -> String {
    let document = scene.app.document();
    match command {
        Command::Undo => text::undo(document.and_then(crate::document::Document::undo_label)),
        _ => text::redo(document.and_then(crate::document::Document::redo_label)),
    }
}

/// Returns where they end.
fn menus(ui: &mut Ui, scene: &mut Scene<'_>) -> f32 {
    MenuBar::new()
        .ui(ui, |ui| {
            ui.spacing_mut().button_padding = vec2(8.0, 4.0);
            let mut right = 0.0;
            if ui.ctx().content_rect().width() < ROOM_FOR_MENUS {
                let all = ui.menu_button(text::MENU_ALL, |ui| {
                    widgets::menu_look(ui, 150.0);
                    for group in Group::ALL {
                        ui.menu_button(group.name(), |ui| menu(ui, group, scene));
                    }
                });
                return all.response.rect.right();
            }
            for group in Group::ALL {
                let button = ui.menu_button(group.name(), |ui| menu(ui, group, scene));
                right = button.response.rect.right();
            }
            right
        })
        .inner
}

/// A menu made from the table of commands.
fn menu(ui: &mut Ui, group: Group, scene: &mut Scene<'_>) {
    widgets::menu_look(ui, 224.0);
    for entry in commands::table(scene) {
        if entry.group != group {
            continue;
        }
        if entry.begins_block {
            ui.separator();
        }
        let is_open = matches!(entry.act, Act::App(Command::Open(_)));
        menu_entry(ui, entry, scene);
        if is_open {
            ui.menu_button(text::MENU_RECENT, |ui| recent_menu(ui, scene));
        }
    }
}

fn menu_entry(ui: &mut Ui, entry: Entry, scene: &mut Scene<'_>) {
    let why_not = entry.act.why_not(scene);
    let words = match &entry.act {
        Act::App(command @ (Command::Undo | Command::Redo)) => history_label(command, scene),
        _ => entry.label().to_owned(),
    };
    let is_on = entry.act.is_on(scene);
    let mut button = Button::selectable(is_on == Some(true), words);
    let keys = entry.act.keys(ui.ctx());
    if !keys.is_empty() {
        button = button.shortcut_text(keys);
    }
    let response = ui.add_enabled(why_not.is_none(), button);
    let tip = why_not.unwrap_or(entry.act.tooltip());
    let response = match (tip.is_empty(), why_not) {
        (true, _) => response,
        (false, None) => response.on_hover_text(tip),
        (false, Some(_)) => response.on_disabled_hover_text(tip),
    };
    if response.clicked() {
        let action = entry.act.action(scene);
        scene.ask(action);
        ui.close();
    }
}

fn recent_menu(ui: &mut Ui, scene: &mut Scene<'_>) {
    let recent = scene.app.settings().recent_files.clone();
    if recent.is_empty() {
        widgets::small(ui, text::MENU_RECENT_EMPTY);
    }
    for path in recent {
        let response = ui
            .button(picture_name(Some(&path)))
            .on_hover_text(path.display().to_string());
        if response.clicked() {
            scene.send(Command::Open(path));
            ui.close();
        }
    }
}
