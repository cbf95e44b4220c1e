//! Owns the command palette: a field, a list that narrows while it is typed into, Enter runs. Called by `window` while it
//! is open. Must never carry a command out itself.

use eframe::egui::{
    self, Align2, Context, CornerRadius, Id, Key, Modal, Modifiers, Rect, RichText, ScrollArea,
    Sense, TextEdit, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::action::Scene;
use super::commands::{self, Entry};
use super::text;
use super::theme::{self, size};

const WIDTH: f32 = 520.0;
const ROW: f32 = 34.0;
const ROWS: f32 = 9.0;
/// Commands that are remembered as recent.
const RECENT: usize = 8;
/// What a command that can do nothing now loses in the order.
const IDLE: i32 = 10;

/// What was typed and what is chosen in the list.
#[derive(Debug, Default)]
pub struct Finder {
    query: String,
    chosen: usize,
    is_settled: bool,
}

/// Shows the palette. True when it is to be closed.
pub fn show(finder: &mut Finder, ctx: &Context, scene: &mut Scene<'_>) -> bool {
    let entries = found(commands::table(scene), &finder.query, scene);
    let step = steps(ctx);
    let is_entered = ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
    let last = entries.len().saturating_sub(1);
    finder.chosen = finder.chosen.saturating_add_signed(step).min(last);
    let mut run = is_entered.then_some(finder.chosen);
    let room = ctx.content_rect().size();
    let frame = theme::floating(theme::palette(ctx)).inner_margin(egui::Margin::same(10));
    let modal = Modal::new(Id::unique("command palette"))
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(WIDTH.min(room.x - 60.0));
            ui.set_max_height(room.y - 80.0);
            field(ui, finder);
            ui.add_space(4.0);
            if entries.is_empty() {
                super::widgets::small(ui, text::FINDER_NOTHING);
            }
            ScrollArea::vertical()
                .max_height((ROW * ROWS).min(room.y - 120.0).max(ROW))
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    for (number, entry) in entries.iter().enumerate() {
                        let is_chosen = number == finder.chosen;
                        let response = row(ui, entry, is_chosen, scene);
                        if is_chosen && (step != 0 || !finder.is_settled) {
                            response.scroll_to_me(None);
                        }
                        if response.clicked() {
                            run = Some(number);
                        }
                    }
                });
            finder.is_settled = true;
        });
    let ran = run.is_some_and(|number| {
        entries
            .into_iter()
            .nth(number)
            .is_some_and(|entry| run_entry(entry, scene))
    });
    ran || modal.should_close()
}

/// Lines that the arrow keys ask for.
fn steps(ctx: &Context) -> isize {
    ctx.input_mut(|input| {
        let mut count = |key| input.count_and_consume_key(Modifiers::NONE, key) as isize;
        count(Key::ArrowDown) - count(Key::ArrowUp)
            + 8 * (count(Key::PageDown) - count(Key::PageUp))
    })
}

fn field(ui: &mut Ui, finder: &mut Finder) {
    let palette = theme::palette(ui.ctx());
    let edit = TextEdit::singleline(&mut finder.query)
        .hint_text(RichText::new(text::FINDER_HINT).color(palette.text_faint))
        .font(theme::regular(15.0))
        .margin(egui::Margin::symmetric(10, 9))
        .desired_width(f32::INFINITY);
    let response = ui.add(edit).accessible_name(text::FINDER_NAME);
    response.request_focus();
    if response.changed() {
        finder.chosen = 0;
        finder.is_settled = false;
    }
}

/// False when it would do nothing now.
fn run_entry(entry: Entry, scene: &mut Scene<'_>) -> bool {
    if entry.act.why_not(scene).is_some() {
        return false;
    }
    let label = entry.label();
    let recent = &mut scene.state.recent_commands;
    recent.retain(|other| *other != label);
    recent.insert(0, label);
    recent.truncate(RECENT);
    let action = entry.act.action(scene);
    scene.ask(action);
    true
}

fn row(ui: &mut Ui, entry: &Entry, is_chosen: bool, scene: &Scene<'_>) -> egui::Response {
    let palette = theme::palette(ui.ctx());
    let why_not = entry.act.why_not(scene);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let name = match why_not {
        Some(why) => format!("{}: {why}", entry.label()),
        None => entry.label().to_owned(),
    };
    response.widget_info(|| {
        WidgetInfo::selected(Role::ListBoxOption, why_not.is_none(), is_chosen, &name)
    });
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let fill = match () {
        () if is_chosen => palette.accent_soft,
        () if response.hovered() => palette.control_hover,
        () => egui::Color32::TRANSPARENT,
    };
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, CornerRadius::same(theme::RADIUS), fill);
    let inside = rect.shrink2(vec2(10.0, 0.0));
    let keys = painter.text(
        inside.right_center(),
        Align2::RIGHT_CENTER,
        entry.act.keys(ui.ctx()),
        theme::regular(size::SMALL),
        palette.text_muted,
    );
    let group = painter.text(
        inside.left_center(),
        Align2::LEFT_CENTER,
        entry.group.name(),
        theme::regular(size::SMALL),
        palette.text_muted,
    );
    let ink = if why_not.is_some() {
        palette.text_faint
    } else {
        palette.text
    };
    let left = (group.right() + 12.0).max(inside.left() + 48.0);
    let label = painter.text(
        pos2(left, inside.center().y),
        Align2::LEFT_CENTER,
        entry.label(),
        theme::regular(size::BODY),
        ink,
    );
    if let Some(why) = why_not {
        let room = Rect::from_x_y_ranges(label.right() + 12.0..=keys.left() - 10.0, rect.y_range());
        ui.painter_at(room.intersect(ui.clip_rect())).text(
            room.right_center(),
            Align2::RIGHT_CENTER,
            why,
            theme::regular(size::SMALL),
            palette.text_muted,
        );
    }
    response
}

/// What fits what was typed, the best first; recent ones first while nothing is typed.
fn found(entries: Vec<Entry>, query: &str, scene: &Scene<'_>) -> Vec<Entry> {
    let recent = &scene.state.recent_commands;
    let age = |entry: &Entry| {
        let place = recent.iter().position(|label| *label == entry.label());
        place.unwrap_or(recent.len())
    };
    let mut scored: Vec<(i32, usize, Entry)> = entries
        .into_iter()
        .filter_map(|entry| {
            let whole = format!("{} {}", entry.group.name(), entry.label());
            let score =
                score(query, entry.label()).or_else(|| score(query, &whole).map(|s| s - 20));
            // What can't be done now stands below its equals.
            let idle = if entry.act.why_not(scene).is_some() {
                IDLE
            } else {
                0
            };
            Some((idle - score?, age(&entry), entry))
        })
        .collect();
    // Stable: equals stay in the order of the menus.
    scored.sort_by_key(|(score, age, _)| (*score, *age));
    scored.into_iter().map(|(_, _, entry)| entry).collect()
}

/// How well the letters of `query`, in their order, are found in `words`; None when one is missing. Beginnings of words
/// and letters in a row count more.
fn score(query: &str, words: &str) -> Option<i32> {
    let words: Vec<char> = words.to_lowercase().chars().collect();
    let mut from = 0;
    let mut total = 0;
    let mut before = None;
    for letter in query.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let is_begin = |at: usize| at == 0 || !words[at - 1].is_alphanumeric();
        let rest = from..words.len();
        let here = |at: &usize| words[*at] == letter;
        let run = before
            .map(|at: usize| at + 1)
            .filter(|at| *at < words.len() && here(at));
        let at = run
            .or_else(|| rest.clone().find(|at| here(at) && is_begin(*at)))
            .or_else(|| rest.clone().find(here))?;
        total += match () {
            () if run.is_some() => 8,
            () if is_begin(at) => 6,
            () => 1,
        };
        total -= i32::try_from(at - from).unwrap_or(i32::MAX).min(4);
        before = Some(at);
        from = at + 1;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn letters_in_order_are_found_and_beginnings_win() {
        assert!(score("svas", "Save as…").is_some());
        assert!(score("xq", "Save as…").is_none());
        assert!(score("inv", "Invert mask") > score("inv", "Main view"));
        assert!(score("cm", "Clear mask") > score("cm", "Accept more"));
        assert_eq!(score("", "Anything"), Some(0));
    }
}
