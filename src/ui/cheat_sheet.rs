//! Owns the sheet of all keys, made from the table of commands. Called by `window` while it is open; changes nothing.

use eframe::egui::{
    self, Align, Align2, Context, CornerRadius, Id, Layout, Modal, RichText, ScrollArea, Sense,
    StrokeKind, Ui, WidgetInfo, accesskit::Role, vec2,
};

use super::action::Scene;
use super::commands::{self, Group};
use super::icons::Icon;
use super::text;
use super::theme::{self, size};
use super::widgets::IconButton;

const COLUMN: f32 = 330.0;
const GUTTER: f32 = 32.0;
const ROW: f32 = 27.0;
/// Room for the scroll bar beside the keys.
const BAR: f32 = 14.0;

/// A heading and its rows: what, by which keys.
struct Block {
    title: &'static str,
    rows: Vec<(&'static str, Vec<String>)>,
}

/// Shows the sheet. True when it is to be closed.
pub fn show(ctx: &Context, scene: &Scene<'_>) -> bool {
    let blocks = blocks(ctx, scene);
    let room = ctx.content_rect().size();
    let count = if room.x > 2.0 * COLUMN + GUTTER + 120.0 {
        2
    } else {
        1
    };
    let width = (COLUMN * count as f32 + GUTTER * (count - 1) as f32).min(room.x - 70.0);
    let frame = theme::floating(theme::palette(ctx)).inner_margin(egui::Margin::same(20));
    let mut is_closed = false;
    let modal = Modal::new(Id::unique("cheat sheet"))
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(width);
            ui.set_max_height(room.y - 90.0);
            ui.horizontal(|ui| {
                let palette = theme::palette(ui.ctx());
                let title = RichText::new(text::CHEAT_TITLE).font(theme::semibold(16.0));
                ui.label(title.color(palette.text));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    is_closed = IconButton::new(Icon::Close, text::CLOSE).show(ui).clicked();
                });
            });
            ui.add_space(6.0);
            ScrollArea::vertical()
                .max_height((room.y - 150.0).max(80.0))
                .auto_shrink([false, true])
                .show(ui, |ui| columns(ui, count, width - BAR, &blocks));
        });
    is_closed || modal.should_close()
}

fn blocks(ctx: &Context, scene: &Scene<'_>) -> Vec<Block> {
    let table = commands::table(scene);
    let mut blocks = Vec::new();
    for group in Group::ALL {
        let mut rows = Vec::new();
        for entry in table.iter().filter(|entry| entry.group == group) {
            let all = entry.act.shortcut().into_iter();
            let all = all.chain(entry.act.more_shortcuts().iter().copied());
            let keys: Vec<_> = all.map(|keys| commands::written(ctx, keys)).collect();
            if !keys.is_empty() {
                rows.push((entry.label(), keys));
            }
        }
        blocks.push(Block {
            title: group.name(),
            rows,
        });
    }
    let pointer = text::POINTER_KEYS.into_iter();
    blocks.push(Block {
        title: text::CHEAT_POINTER,
        rows: pointer
            .map(|(what, how)| (what, vec![how.to_owned()]))
            .collect(),
    });
    blocks.retain(|block| !block.rows.is_empty());
    blocks
}

/// Blocks go into the first column until it holds its share.
fn columns(ui: &mut Ui, count: usize, width: f32, blocks: &[Block]) {
    let height = |block: &Block| block.rows.len() + 2;
    let share = blocks.iter().map(height).sum::<usize>().div_ceil(count);
    let column = (width - GUTTER * (count - 1) as f32) / count as f32;
    let mut rest = blocks;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = GUTTER;
        for number in 0..count {
            let mut filled = 0;
            let mut taken = 0;
            while taken < rest.len() && (number + 1 == count || filled < share) {
                filled += height(&rest[taken]);
                taken += 1;
            }
            let (mine, others) = rest.split_at(taken);
            rest = others;
            ui.vertical(|ui| {
                ui.set_width(column);
                ui.spacing_mut().item_spacing = vec2(6.0, 0.0);
                for block in mine {
                    show_block(ui, block, column);
                }
            });
        }
    });
}

fn show_block(ui: &mut Ui, block: &Block, width: f32) {
    let palette = theme::palette(ui.ctx());
    ui.add_space(6.0);
    let title = RichText::new(block.title).font(theme::semibold(size::SMALL));
    ui.label(title.color(palette.accent_text));
    ui.add_space(2.0);
    for (what, keys) in &block.rows {
        let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
        let spoken = format!("{what}: {}", keys.join(", "));
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
        if !ui.is_rect_visible(rect) {
            continue;
        }
        let font = theme::regular(size::BODY);
        ui.painter().text(
            rect.left_center(),
            Align2::LEFT_CENTER,
            what,
            font,
            palette.text,
        );
        let mut right = rect.right();
        for key in keys.iter().rev() {
            right = chip(ui, key, right, rect.center().y) - 6.0;
        }
    }
    ui.add_space(8.0);
}

/// A key cap whose right edge is given. Returns its left one.
fn chip(ui: &Ui, key: &str, right: f32, middle: f32) -> f32 {
    let palette = theme::palette(ui.ctx());
    let font = theme::regular(size::SMALL);
    let galley = ui
        .painter()
        .layout_no_wrap(key.to_owned(), font, palette.text_muted);
    let cap = egui::Rect::from_min_size(
        egui::pos2(right - galley.size().x - 14.0, middle - 10.5),
        vec2(galley.size().x + 14.0, 21.0),
    );
    let round = CornerRadius::same(5);
    ui.painter().rect_filled(cap, round, palette.control);
    ui.painter()
        .rect_stroke(cap, round, (1.0, palette.line_strong), StrokeKind::Inside);
    ui.painter().galley(
        cap.center() - galley.size() / 2.0,
        galley,
        palette.text_muted,
    );
    cap.left()
}
