//! Owns how notices appear: small cards at the top right of the canvas. News fades by itself, problems stay until they are
//! dismissed. Called by `window`; must never make notices.

use std::collections::HashMap;
use std::time::Duration;

use eframe::egui::{self, Align2, Area, Id, Order, Pos2, Rect, RichText, Sense, Ui, Vec2, vec2};

use super::action::Scene;
use super::icons::{self, Icon};
use super::shortcuts;
use super::text;
use super::theme;
use super::widgets::IconButton;
use crate::app::{Command, Notice, NoticeKind};
use crate::document::Document;

/// Seconds that news stays, that a warning stays.
const NEWS: f64 = 5.0;
const WARNING: f64 = 12.0;
const FADE: f64 = 0.4;

/// Seconds that an offer to undo stays.
const OFFER: f64 = 7.0;
/// Room for Undo and the cross.
const BUTTONS: f32 = 110.0;
/// Wide enough for an offer's words and its button.
const WIDEST: f32 = 360.0;

/// A step that can be taken back from the card that tells of it.
struct Offer {
    words: &'static str,
    /// Steps of history that were done then: after any other step Undo would mean something else.
    steps: usize,
    since: Option<f64>,
}

/// When each notice was first seen, and the step that can be taken back.
#[derive(Default)]
pub struct Toasts {
    first_seen: HashMap<u64, f64>,
    offer: Option<Offer>,
}

impl Toasts {
    /// Tells of a step that was done, with a button that takes it back.
    pub fn offer_undo(&mut self, words: &'static str, document: &Document) {
        self.offer = document.can_undo().then(|| Offer {
            words,
            steps: document.history_position(),
            since: None,
        });
    }

    /// Draws the notices over the canvas and asks for the old ones to go.
    pub fn show(&mut self, ui: &Ui, canvas: Rect, scene: &mut Scene<'_>) {
        let now = ui.input(|input| input.time);
        let notices: Vec<Notice> = scene.app.notices().iter().cloned().collect();
        self.first_seen
            .retain(|number, _| notices.iter().any(|notice| notice.number == *number));
        let mut at = canvas.right_top() + vec2(-14.0, 14.0);
        at.y = self.show_offer(ui, canvas, at, scene);
        for notice in &notices {
            let age = now - *self.first_seen.entry(notice.number).or_insert(now);
            let Some(opacity) = opacity(notice.kind, age) else {
                scene.send(Command::DismissNotice(notice.number));
                continue;
            };
            if let Some(wait) = until_change(notice.kind, age) {
                ui.ctx().request_repaint_after(wait);
            }
            let shown = Area::new(Id::unique(("notice", notice.number)))
                .order(Order::Foreground)
                .pivot(Align2::RIGHT_TOP)
                .fixed_pos(at)
                .constrain_to(canvas)
                .show(ui.ctx(), |ui| {
                    ui.set_opacity(opacity);
                    card(ui, notice, canvas.width(), scene);
                });
            at.y = shown.response.rect.bottom() + 8.0;
        }
    }
}

impl Toasts {
    /// Returns where the next card begins.
    fn show_offer(&mut self, ui: &Ui, canvas: Rect, at: Pos2, scene: &mut Scene<'_>) -> f32 {
        let now = ui.input(|input| input.time);
        let Some(offer) = &mut self.offer else {
            return at.y;
        };
        let document = scene.app.document();
        let steps = document.map(Document::history_position);
        let since = *offer.since.get_or_insert(now);
        let id = Id::unique("undo offer");
        // It does not vanish under the hand that reaches for it.
        let is_held = ui.ctx().memory(eframe::egui::Memory::focused) == Some(id.with("button"))
            || ui
                .ctx()
                .pointer_hover_pos()
                .is_some_and(|at| ui.ctx().layer_id_at(at).is_some_and(|layer| layer.id == id));
        if steps != Some(offer.steps) || (now - since > OFFER && !is_held) {
            self.offer = None;
            return at.y;
        }
        ui.ctx()
            .request_repaint_after(Duration::from_secs_f64((OFFER - (now - since)).max(0.1)));
        let words = offer.words;
        let mut is_over = false;
        let shown = Area::new(id)
            .order(Order::Foreground)
            .pivot(Align2::RIGHT_TOP)
            .fixed_pos(at)
            .constrain_to(canvas)
            .show(ui.ctx(), |ui| {
                let palette = theme::palette(ui.ctx());
                let frame = theme::floating(palette).inner_margin(egui::Margin::symmetric(12, 8));
                frame.show(ui, |ui| {
                    ui.set_max_width(WIDEST.min(canvas.width() - 40.0));
                    // A narrow canvas wraps the words, not the buttons.
                    let least = ui.available_width().min(WIDEST) - BUTTONS;
                    ui.horizontal(|ui| {
                        ui.scope(|ui| {
                            ui.set_max_width(least.max(60.0));
                            let words = RichText::new(words).color(palette.text);
                            ui.add(egui::Label::new(words).wrap());
                        });
                        let button = egui::Button::new(
                            RichText::new(text::OFFER_UNDO).color(palette.accent_text),
                        );
                        let tip = shortcuts::tip(ui.ctx(), &Command::Undo);
                        let undo = ui
                            .push_id(id.with("button"), |ui| ui.add(button))
                            .inner
                            .on_hover_text(tip);
                        if undo.clicked() {
                            scene.send(Command::Undo);
                            is_over = true;
                        }
                        is_over |= IconButton::new(Icon::Close, text::DISMISS)
                            .show(ui)
                            .clicked();
                    });
                });
            });
        if is_over {
            self.offer = None;
        }
        shown.response.rect.bottom() + 8.0
    }
}

fn life(kind: NoticeKind) -> Option<f64> {
    match kind {
        NoticeKind::Info => Some(NEWS),
        NoticeKind::Warning => Some(WARNING),
        NoticeKind::Error => None,
    }
}

/// None once it is over.
fn opacity(kind: NoticeKind, age: f64) -> Option<f32> {
    let Some(life) = life(kind) else {
        return Some(1.0);
    };
    let left = life - age;
    (left > 0.0).then(|| (left / FADE).min(1.0) as f32)
}

/// How long nothing changes; none for ever.
fn until_change(kind: NoticeKind, age: f64) -> Option<Duration> {
    let left = life(kind)? - age;
    Some(if left > FADE {
        Duration::from_secs_f64(left - FADE)
    } else {
        Duration::from_millis(33)
    })
}

fn card(ui: &mut Ui, notice: &Notice, room: f32, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let (icon, color) = match notice.kind {
        NoticeKind::Info => (Icon::Check, palette.good),
        NoticeKind::Warning => (Icon::Warning, palette.warning),
        NoticeKind::Error => (Icon::Warning, palette.error),
    };
    let width = (room - 28.0).clamp(160.0, 360.0);
    theme::floating(palette)
        .inner_margin(egui::Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(width - 26.0);
            ui.horizontal_top(|ui| {
                let (square, _) =
                    ui.allocate_exact_size(vec2(18.0, theme::CONTROL), Sense::hover());
                icons::paint(
                    ui.painter(),
                    Rect::from_center_size(square.center(), Vec2::splat(17.0)),
                    icon,
                    color,
                );
                let words = RichText::new(text::stage(&notice.text)).color(palette.text);
                ui.vertical(|ui| {
                    ui.set_width(width - 26.0 - 18.0 - theme::CONTROL - 2.0 * theme::GAP);
                    ui.add_space(5.0);
                    ui.add(egui::Label::new(words).wrap().selectable(true));
                    ui.add_space(3.0);
                });
                if IconButton::new(Icon::Close, text::DISMISS)
                    .show(ui)
                    .clicked()
                {
                    scene.send(Command::DismissNotice(notice.number));
                }
            });
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_goes_and_errors_stay() {
        assert_eq!(opacity(NoticeKind::Info, 0.0), Some(1.0));
        assert!(opacity(NoticeKind::Info, NEWS - 0.1).is_some_and(|o| o < 1.0));
        assert_eq!(opacity(NoticeKind::Info, NEWS + 0.1), None);
        assert_eq!(opacity(NoticeKind::Error, 1e6), Some(1.0));
        assert_eq!(until_change(NoticeKind::Error, 0.0), None);
    }
}
