//! Owns the foot of the side panel: Generate with what it will do or why it can't, or the running job with its progress
//! and Cancel. Pushes actions only.

use eframe::egui::{
    self, Align, Button, CornerRadius, Layout, Rect, RichText, Sense, Ui, Vec2, WidgetInfo,
    accesskit::Role, vec2,
};

use crate::app::{Command, Job};
use crate::ui::action::{Action, Scene};
use crate::ui::commands::{Act, ViewCommand};
use crate::ui::icons::Icon;
use crate::ui::shortcuts;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{self, Weight};

/// Width of the button beside Generate.
const ERASE: f32 = 78.0;

pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    if scene.app.jobs().is_empty() {
        idle(ui, scene);
    } else {
        busy(ui, scene);
    }
}

fn idle(ui: &mut Ui, scene: &mut Scene<'_>) {
    let command = Command::Generate {
        count: scene.state.variations,
    };
    let why_not = scene.why_not_generate();
    let keys = shortcuts::words(ui.ctx(), &command);
    // While a result waits, Accept is the button that matters.
    let weight = match () {
        () if why_not.is_some() => Weight::Disabled,
        () if scene.app.shown_candidate().is_some() => Weight::Quiet,
        () => Weight::Strong,
    };
    ui.horizontal(|ui| {
        let room = ui.available_width();
        let width = if scene.has_mask {
            room - ERASE - theme::GAP
        } else {
            room
        };
        ui.allocate_ui(vec2(width, 42.0), |ui| {
            ui.set_max_width(width);
            let icon = Some(Icon::Spark);
            let response = widgets::primary_button(ui, icon, command.label(), &keys, weight);
            let response = response.on_hover_text(why_not.unwrap_or(command.tooltip()));
            if response.clicked() && why_not.is_none() {
                scene.send(command);
            }
        });
        if scene.has_mask {
            erase(ui, scene);
        }
    });
    ui.vertical_centered(|ui| {
        let is_extended = scene
            .app
            .document()
            .is_some_and(|d| !d.extension().is_none());
        let words = why_not.unwrap_or(match (scene.has_mask, is_extended) {
            (true, true) => text::READY_BOTH,
            (false, true) => text::READY_EXTEND,
            _ => text::READY_MASK,
        });
        widgets::small(ui, words);
    });
    let width = ui.available_width();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let each = (width - 4.0) / 2.0;
        for (view, words) in [
            (ViewCommand::ModelView, text::TOGGLE_VIEW),
            (ViewCommand::ModelMasks, text::TOGGLE_MASKS),
        ] {
            toggle(ui, view, words, each, why_not.is_none(), scene);
        }
    });
}

/// What is marked goes at once: for people without a model, too.
fn erase(ui: &mut Ui, scene: &mut Scene<'_>) {
    let command = Command::EraseMarked;
    let words = RichText::new(text::ERASE).font(theme::semibold(size::BODY));
    let button = Button::new(words).corner_radius(CornerRadius::same(9));
    let tip = shortcuts::tip(ui.ctx(), &command);
    let response = ui
        .add_sized(vec2(ERASE, 42.0), button)
        .accessible_name(command.label());
    if response.on_hover_text(tip).clicked() {
        scene.send(command);
    }
}

fn toggle(
    ui: &mut Ui,
    view: ViewCommand,
    words: &str,
    width: f32,
    is_ready: bool,
    scene: &mut Scene<'_>,
) {
    let act = Act::View(view);
    let is_shown = act.is_on(scene) == Some(true);
    let label = RichText::new(words).font(theme::regular(size::SMALL));
    let button = Button::selectable(is_shown, label).min_size(vec2(width, 22.0));
    let response = ui
        .add_enabled(is_ready || is_shown, button)
        .accessible_name(act.label());
    if response
        .on_hover_text(shortcuts::tip_for(ui.ctx(), &act))
        .clicked()
    {
        scene.ask(Action::View(view));
    }
}

fn busy(ui: &mut Ui, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let Some(job) = scene.app.jobs().front() else {
        return;
    };
    let waiting = scene.app.jobs().len();
    ui.horizontal(|ui| {
        let stage = if job.is_cancelling {
            text::CANCELLING.to_owned()
        } else {
            text::stage(job.progress.stage)
        };
        ui.label(
            RichText::new(stage)
                .font(theme::semibold(size::BODY))
                .color(palette.text),
        );
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if waiting > 1 {
                widgets::small(ui, text::waiting(waiting - 1));
            }
        });
    });
    bar(
        ui,
        job.progress.fraction,
        job.is_running && job.progress.total == 0,
    );
    widgets::small(ui, details(job, scene.app.model().reads_prompts()));
    ui.horizontal(|ui| {
        ui.set_min_height(theme::CONTROL);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let can_cancel = scene.allows(&Command::Cancel);
            let button = Button::new(Command::Cancel.label()).min_size(vec2(76.0, theme::CONTROL));
            let tip = shortcuts::tip(ui.ctx(), &Command::Cancel);
            if ui
                .add_enabled(can_cancel, button)
                .on_hover_text(tip)
                .clicked()
            {
                scene.send(Command::Cancel);
            }
            queue(ui, scene);
        });
    });
}

/// One can paint on and queue more meanwhile.
fn queue(ui: &mut Ui, scene: &mut Scene<'_>) {
    let command = Command::Generate {
        count: scene.state.variations,
    };
    let why_not = scene.why_not(&command);
    let button = Button::new(text::QUEUE_ANOTHER).min_size(vec2(0.0, theme::CONTROL));
    let response = ui.add_enabled(why_not.is_none(), button);
    let response = match why_not {
        Some(why) => response.on_disabled_hover_text(why),
        None => response.on_hover_text(shortcuts::tip(ui.ctx(), &command)),
    };
    if response.clicked() {
        scene.send(command);
    }
}

/// Exemplar works in rounds too fine to count aloud: a share says more.
fn details(job: &Job, counts_steps: bool) -> String {
    let progress = &job.progress;
    let mut first = String::new();
    if progress.total > 0 {
        first = if counts_steps {
            text::step(progress.done, progress.total)
        } else {
            text::share(progress.fraction)
        };
    }
    if progress.crops > 1 {
        first = format!("{} · {first}", text::crop(progress.crop, progress.crops));
    }
    let second = progress.remaining.map_or_else(String::new, text::remaining);
    let line = [first, second].into_iter().filter(|part| !part.is_empty());
    text::stage(&line.collect::<Vec<_>>().join(" · "))
}

/// A thin bar; without a known share a piece wanders along it.
fn bar(ui: &mut Ui, fraction: f32, is_unknown: bool) {
    let palette = theme::palette(ui.ctx());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 6.0), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, text::PROGRESS);
        info.value = Some(f64::from((fraction * 100.0).floor()));
        info
    });
    let round = CornerRadius::same(3);
    ui.painter().rect_filled(rect, round, palette.control);
    let filled = if is_unknown {
        let t = (ui.input(|input| input.time) * 0.6).fract() as f32;
        ui.ctx()
            .request_repaint_after(std::time::Duration::from_millis(50));
        let width = rect.width() * 0.25;
        let left = rect.left() + (rect.width() + width) * t - width;
        Rect::from_min_size(
            egui::pos2(left, rect.top()),
            Vec2::new(width, rect.height()),
        )
        .intersect(rect)
    } else {
        Rect::from_min_size(
            rect.min,
            vec2(
                (rect.width() * fraction.clamp(0.0, 1.0)).max(6.0),
                rect.height(),
            ),
        )
    };
    ui.painter().rect_filled(filled, round, palette.accent);
}
