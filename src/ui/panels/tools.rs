//! Owns the rail of tools at the left and the strip of brush and mask controls above the photo. Pushes actions only.

use eframe::egui::{
    self, Align, DragValue, Layout, Margin, Panel, RichText, ScrollArea, Sense, Slider, Ui, Vec2,
    WidgetInfo, accesskit::Role, scroll_area::ScrollBarVisibility, vec2,
};

use super::{ground, hairline, selecting};
use crate::app::{Command, Tool};
use crate::ui::action::{Action, Scene};
use crate::ui::commands::{Act, REFINE_PX, ViewCommand};
use crate::ui::icons::Icon;
use crate::ui::shortcuts;
use crate::ui::text;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{self, IconButton};

const RAIL: f32 = 52.0;
const BUTTON: f32 = 36.0;
const STRIP: f32 = 42.0;
/// Six buttons.
const MASK_BUTTONS: f32 = 6.0 * 30.0;
/// A wider strip says how the tool works.
const ROOM_FOR_HELP: f32 = 905.0;
const BRUSH_RANGE: std::ops::RangeInclusive<f32> = 1.0..=2000.0;
/// The slider's end; larger brushes can be typed.
const SLIDER_END: f32 = 600.0;

pub fn rail(ui: &mut Ui, scene: &mut Scene<'_>) {
    let frame = ground(ui, Margin::symmetric(8, 10));
    Panel::left("tools")
        .exact_size(RAIL)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let whole = ui.max_rect().expand2(vec2(8.0, 10.0));
            ui.painter()
                .vline(whole.right() - 0.5, whole.y_range(), hairline(ui));
            let foot = 4.0 * (BUTTON + 4.0);
            // On a low window tools scroll, and the switches stay.
            let room = (ui.available_height() - foot).max(BUTTON);
            ui.spacing_mut().item_spacing.y = 4.0;
            ScrollArea::vertical()
                .max_height(room)
                .scroll_bar_visibility(ScrollBarVisibility::AlwaysHidden)
                .show(ui, |ui| tool_buttons(ui, scene));
            ui.with_layout(Layout::bottom_up(Align::Center), |ui| {
                view_switches(ui, scene);
            });
        });
}

fn tool_buttons(ui: &mut Ui, scene: &mut Scene<'_>) {
    for tool in Tool::ALL {
        let command = Command::ChooseTool(tool);
        let tip = shortcuts::tip(ui.ctx(), &command);
        let response = IconButton::new(icon_of(tool), tool.label())
            .tip(tip)
            .side(BUTTON)
            .selected(scene.app.tool() == tool)
            .show(ui);
        if response.gained_focus() {
            response.scroll_to_me(None);
        }
        if response.clicked() {
            scene.send(command);
        }
    }
}

/// A new tool's icon.
fn icon_of(tool: Tool) -> Icon {
    match tool {
        Tool::Brush => Icon::Brush,
        Tool::Eraser => Icon::Eraser,
        Tool::Rectangle => Icon::Rectangle,
        Tool::Ellipse => Icon::Ellipse,
        Tool::Lasso => Icon::Lasso,
        Tool::Polygon => Icon::Polygon,
        Tool::Wand => Icon::Wand,
        Tool::Object => Icon::Object,
        Tool::Erase => Icon::Erase,
        Tool::Pan => Icon::Hand,
    }
}

/// From below: the mask, what the model sees, what is changed, the split line.
fn view_switches(ui: &mut Ui, scene: &mut Scene<'_>) {
    let eye = if scene.state.canvas.is_mask_hidden {
        Icon::EyeOff
    } else {
        Icon::Eye
    };
    for (view, icon) in [
        (ViewCommand::ShowMask, eye),
        (ViewCommand::ModelView, Icon::Frame),
        (ViewCommand::HeatMap, Icon::Heat),
        (ViewCommand::Split, Icon::Split),
    ] {
        let act = Act::View(view);
        let is_on = act.is_on(scene) == Some(true);
        let is_lit = is_on && (view != ViewCommand::ShowMask || scene.has_mask);
        let why_not = act.why_not(scene);
        let tip = why_not.map_or_else(|| shortcuts::tip_for(ui.ctx(), &act), str::to_owned);
        if IconButton::new(icon, act.label())
            .tip(tip)
            .side(BUTTON)
            .selected(is_lit)
            .enabled(why_not.is_none())
            .show(ui)
            .clicked()
        {
            scene.ask(Action::View(view));
        }
    }
}

pub fn options(ui: &mut Ui, scene: &mut Scene<'_>) {
    let frame = ground(ui, Margin::symmetric(14, 0));
    Panel::top("options")
        .exact_size(STRIP)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let whole = ui.max_rect().expand2(vec2(14.0, 0.0));
            ui.painter()
                .hline(whole.x_range(), whole.bottom() - 0.5, hairline(ui));
            let has_room = whole.width() > 600.0;
            // On a narrow window everything stays in reach by scrolling.
            ScrollArea::horizontal()
                .scroll_bar_visibility(ScrollBarVisibility::AlwaysHidden)
                .show(ui, |ui| {
                    ui.set_min_size(vec2(whole.width() - 28.0, STRIP));
                    ui.horizontal_centered(|ui| {
                        let width = match whole.width() {
                            room if room > 600.0 => 120.0,
                            room if room > 500.0 => 70.0,
                            _ => 0.0,
                        };
                        if scene.app.tool().selects() {
                            selecting::show(ui, scene);
                        } else {
                            brush_size(ui, width, scene);
                            ui.add_space(if has_room { 14.0 } else { 2.0 });
                            brush_hardness(ui, width, scene);
                            if scene.app.tool() == Tool::Erase && whole.width() > ROOM_FOR_HELP {
                                ui.add_space(6.0);
                                widgets::small(ui, text::ERASE_HELP);
                            }
                        }
                        let rest = ui.available_width();
                        if rest > MASK_BUTTONS {
                            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                                mask_buttons(ui, has_room, scene);
                            });
                        } else {
                            ui.allocate_ui_with_layout(
                                vec2(MASK_BUTTONS, STRIP),
                                Layout::right_to_left(Align::Center),
                                |ui| mask_buttons(ui, false, scene),
                            );
                        }
                    });
                });
        });
}

fn label(ui: &mut Ui, words: &str) {
    let palette = theme::palette(ui.ctx());
    ui.label(
        RichText::new(words)
            .font(theme::regular(size::BODY))
            .color(palette.text_muted),
    );
}

fn brush_size(ui: &mut Ui, width: f32, scene: &mut Scene<'_>) {
    label(ui, text::BRUSH_SIZE);
    let mut diameter = scene.app.settings().brush_diameter_px;
    let before = diameter;
    let tip = Command::SetBrushDiameter(diameter).tooltip();
    if width > 0.0 {
        let slider = Slider::new(&mut diameter, 2.0..=SLIDER_END)
            .logarithmic(true)
            .clamping(egui::SliderClamping::Edits);
        widgets::slider(ui, slider, width, text::BRUSH_SIZE).on_hover_text(tip);
    }
    let number = DragValue::new(&mut diameter)
        .range(BRUSH_RANGE)
        .speed(0.5)
        .max_decimals(0)
        .suffix(" px");
    ui.add_sized(vec2(64.0, 26.0), number)
        .accessible_name(text::BRUSH_SIZE_VALUE);
    if diameter != before {
        scene.send(Command::SetBrushDiameter(diameter));
    }
}

fn brush_hardness(ui: &mut Ui, width: f32, scene: &mut Scene<'_>) {
    label(ui, text::BRUSH_HARDNESS);
    let before = scene.app.settings().brush_hardness * 100.0;
    let mut percent = before;
    let tip = Command::SetBrushHardness(0.0).tooltip();
    if width > 0.0 {
        let slider = Slider::new(&mut percent, 0.0..=100.0);
        widgets::slider(ui, slider, width, text::BRUSH_HARDNESS).on_hover_text(tip);
    }
    let number = DragValue::new(&mut percent)
        .range(0.0..=100.0)
        .speed(0.5)
        .max_decimals(0)
        .suffix(" %");
    ui.add_sized(vec2(54.0, 26.0), number)
        .accessible_name(text::BRUSH_HARDNESS_VALUE);
    if percent != before {
        scene.send(Command::SetBrushHardness(percent / 100.0));
    }
}

/// From the right: clear, invert, refine, shadow, shrink, grow, the word.
fn mask_buttons(ui: &mut Ui, has_room: bool, scene: &mut Scene<'_>) {
    ui.spacing_mut().item_spacing.x = 2.0;
    let buttons = [
        (Command::ClearMask, Icon::Clear),
        (Command::InvertMask, Icon::Invert),
        (Command::RefineMask(REFINE_PX), Icon::Refine),
        (Command::CoverShadows, Icon::Shadow),
        (Command::GrowMask(-4), Icon::Shrink),
        (Command::GrowMask(4), Icon::Grow),
    ];
    for (command, icon) in buttons {
        let is_enabled = scene.allows(&command);
        let tip = shortcuts::tip(ui.ctx(), &command);
        if IconButton::new(icon, command.label())
            .tip(tip)
            .enabled(is_enabled)
            .show(ui)
            .clicked()
        {
            scene.state.canvas.is_mask_resting = false;
            scene.send(command);
        }
    }
    if has_room {
        ui.add_space(4.0);
        let (rect, response) =
            ui.allocate_exact_size(Vec2::new(34.0, theme::CONTROL), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text::MASK));
        let palette = theme::palette(ui.ctx());
        let font = theme::regular(size::BODY);
        ui.painter().text(
            rect.right_center(),
            egui::Align2::RIGHT_CENTER,
            text::MASK,
            font,
            palette.text_muted,
        );
    }
}
