//! Owns the few controls that egui has not: icon buttons, the primary button, section headings, rows of settings. Used by
//! panels and the canvas; each gives its response and an accessible name. Must never send commands itself.

use eframe::egui::{
    self, Align, Align2, Color32, ComboBox, CornerRadius, DragValue, Layout, Rect, Response,
    RichText, Sense, Slider, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, accesskit::Role, vec2,
};

use super::icons::{self, Icon};
use super::text;
use super::theme::{self, Palette, size};

/// A square button with a picture.
pub struct IconButton<'a> {
    icon: Icon,
    name: &'a str,
    tip: String,
    side: f32,
    is_selected: Option<bool>,
    is_enabled: bool,
    sense: Sense,
}

impl<'a> IconButton<'a> {
    /// `name` is what a screen reader says.
    pub fn new(icon: Icon, name: &'a str) -> Self {
        Self {
            icon,
            name,
            tip: name.to_owned(),
            side: theme::CONTROL,
            is_selected: None,
            is_enabled: true,
            sense: Sense::click(),
        }
    }

    pub fn tip(mut self, tip: impl Into<String>) -> Self {
        self.tip = tip.into();
        self
    }

    pub fn side(mut self, side: f32) -> Self {
        self.side = side;
        self
    }

    pub fn selected(mut self, is_selected: bool) -> Self {
        self.is_selected = Some(is_selected);
        self
    }

    pub fn enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    /// For buttons that act while held.
    pub fn held(mut self) -> Self {
        self.sense = Sense::click_and_drag();
        self
    }

    pub fn show(self, ui: &mut Ui) -> Response {
        let palette = theme::palette(ui.ctx());
        let is_enabled = self.is_enabled && ui.is_enabled();
        let sense = if is_enabled {
            self.sense
        } else {
            Sense::hover()
        };
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(self.side), sense);
        response.widget_info(|| match self.is_selected {
            Some(on) => WidgetInfo::selected(Role::Button, is_enabled, on, self.name),
            None => WidgetInfo::labeled(Role::Button, is_enabled, self.name),
        });
        if ui.is_rect_visible(rect) {
            let is_on = self.is_selected == Some(true);
            let fill = match () {
                () if response.is_pointer_button_down_on() => palette.control_active,
                () if is_on => palette.accent_soft,
                () if response.hovered() && is_enabled => palette.control_hover,
                () => Color32::TRANSPARENT,
            };
            ui.painter()
                .rect_filled(rect, CornerRadius::same(theme::RADIUS), fill);
            focus_ring(ui, &response, rect, palette);
            let color = match () {
                () if !is_enabled => palette.text_faint.gamma_multiply(0.6),
                () if is_on => palette.accent_text,
                () if response.hovered() => palette.text,
                () => palette.text_muted,
            };
            let icon_side = (self.side * 0.6).round().min(20.0);
            icons::paint(
                ui.painter(),
                Rect::from_center_size(rect.center(), Vec2::splat(icon_side)),
                self.icon,
                color,
            );
        }
        response.on_hover_text(self.tip)
    }
}

/// Keyboard focus must be seen.
fn focus_ring(ui: &Ui, response: &Response, rect: Rect, palette: &Palette) {
    if response.has_focus() {
        let stroke = Stroke::new(1.5, palette.accent_text);
        ui.painter().rect_stroke(
            rect,
            CornerRadius::same(theme::RADIUS),
            stroke,
            StrokeKind::Inside,
        );
    }
}

/// How much a large button asks for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Disabled,
    Quiet,
    Strong,
}

/// The one button that matters, as wide as there is room. `shortcut` is written at its right end.
pub fn primary_button(
    ui: &mut Ui,
    icon: Option<Icon>,
    label: &str,
    shortcut: &str,
    weight: Weight,
) -> Response {
    let palette = theme::palette(ui.ctx());
    let is_enabled = weight != Weight::Disabled;
    let sense = if is_enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 42.0), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, is_enabled, label));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let (fill, ink) = match () {
        () if !is_enabled => (palette.control, palette.text_faint),
        () if weight == Weight::Quiet && response.hovered() => {
            (palette.control_hover, palette.text)
        }
        () if weight == Weight::Quiet => (palette.control, palette.text),
        () if response.is_pointer_button_down_on() => {
            (palette.accent.gamma_multiply(0.9), palette.on_accent)
        }
        () if response.hovered() => (palette.accent_hover, palette.on_accent),
        () => (palette.accent, palette.on_accent),
    };
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(9), fill);
    if response.has_focus() {
        let stroke = Stroke::new(2.0, palette.accent_text);
        painter.rect_stroke(
            rect.expand(2.0),
            CornerRadius::same(11),
            stroke,
            StrokeKind::Outside,
        );
    }
    let galley = painter.layout_no_wrap(label.to_owned(), theme::semibold(14.0), ink);
    let icon_room = if icon.is_some() { 24.0 } else { 0.0 };
    let left = rect.center().x - galley.size().x / 2.0 - icon_room / 2.0;
    if let Some(icon) = icon {
        let square =
            Rect::from_center_size(egui::pos2(left + 8.0, rect.center().y), Vec2::splat(17.0));
        icons::paint(painter, square, icon, ink);
    }
    painter.galley(
        egui::pos2(left + icon_room, rect.center().y - galley.size().y / 2.0),
        galley,
        ink,
    );
    if !shortcut.is_empty() && rect.width() > 200.0 {
        let at = rect.right_center() - vec2(14.0, 0.0);
        painter.text(
            at,
            Align2::RIGHT_CENTER,
            shortcut,
            theme::regular(size::SMALL),
            ink.gamma_multiply(0.75),
        );
    }
    response
}

/// A button in the accent colour for small places, such as the bar under a result.
pub fn accent_button(ui: &mut Ui, label: &str) -> Response {
    let palette = theme::palette(ui.ctx());
    let text = RichText::new(label)
        .font(theme::semibold(size::BODY))
        .color(palette.on_accent);
    ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, fill) in [
            (&mut widgets.inactive, palette.accent),
            (&mut widgets.hovered, palette.accent_hover),
            (&mut widgets.active, palette.accent_hover),
        ] {
            state.weak_bg_fill = fill;
        }
        ui.add(egui::Button::new(text).min_size(vec2(72.0, theme::CONTROL)))
    })
    .inner
}

/// The small heading above a group, with something at the right end.
pub fn section(ui: &mut Ui, title: &str, right: impl FnOnce(&mut Ui)) {
    let palette = theme::palette(ui.ctx());
    ui.horizontal(|ui| {
        ui.set_min_height(20.0);
        ui.label(
            RichText::new(title)
                .font(theme::semibold(12.0))
                .color(palette.text),
        );
        ui.with_layout(Layout::right_to_left(Align::Center), right);
    });
}

/// Between groups: air, a hairline, air.
pub fn divider(ui: &mut Ui) {
    let palette = theme::palette(ui.ctx());
    ui.add_space(6.0);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(
        rect.x_range(),
        rect.center().y,
        Stroke::new(1.0, palette.line),
    );
    ui.add_space(6.0);
}

/// Muted explanation under something.
pub fn small(ui: &mut Ui, words: impl Into<String>) -> Response {
    let palette = theme::palette(ui.ctx());
    ui.add(
        egui::Label::new(
            RichText::new(words)
                .font(theme::regular(size::SMALL))
                .color(palette.text_muted),
        )
        .wrap(),
    )
}

/// Where the value column of settings begins.
const LABEL_WIDTH: f32 = 92.0;

/// A row: name at the left, control at the right over the rest of the width. Greyed out when `why_not` says why.
pub fn row<R>(
    ui: &mut Ui,
    name: &str,
    tip: &str,
    why_not: Option<&str>,
    control: impl FnOnce(&mut Ui) -> R,
) -> R {
    let palette = theme::palette(ui.ctx());
    let inner = ui.horizontal(|ui| {
        ui.set_min_height(theme::CONTROL);
        let color = if why_not.is_some() {
            palette.text_faint
        } else {
            palette.text_muted
        };
        let (rect, response) =
            ui.allocate_exact_size(vec2(LABEL_WIDTH, theme::CONTROL), Sense::hover());
        ui.painter().text(
            rect.left_center(),
            Align2::LEFT_CENTER,
            name,
            theme::regular(size::BODY),
            color,
        );
        response.on_hover_text(why_not.unwrap_or(tip));
        ui.add_enabled_ui(why_not.is_none(), control)
    });
    let inner = inner.inner;
    if let Some(why) = why_not {
        // The control itself is disabled: tell why wherever the pointer rests in the row.
        let id = inner.response.id.with("why");
        ui.interact(inner.response.rect, id, Sense::hover())
            .on_hover_text(why);
    }
    inner.inner
}

/// A number that is "auto" until somebody sets it, with a way back.
pub fn auto_number(
    ui: &mut Ui,
    name: &str,
    value: &mut Option<f64>,
    first: f64,
    range: std::ops::RangeInclusive<f64>,
    decimals: usize,
) -> bool {
    let before = *value;
    let mut is_changed = false;
    let width = ui.available_width();
    let has_reset = value.is_some();
    let field = if has_reset {
        width - theme::CONTROL - theme::GAP
    } else {
        width
    };
    let mut shown = value.unwrap_or(first);
    let is_auto = value.is_none();
    let drag = DragValue::new(&mut shown)
        .range(range.clone())
        .speed((range.end() - range.start()) / 300.0)
        .max_decimals(decimals)
        .custom_formatter(move |number, _| {
            if is_auto {
                text::AUTO.to_owned()
            } else {
                format!("{number:.decimals$}")
            }
        })
        .custom_parser(|typed| typed.trim().replace(',', ".").parse().ok());
    let response = ui
        .add_sized(vec2(field, theme::CONTROL), drag)
        .accessible_name(name);
    if response.changed() {
        *value = Some(shown);
        is_changed = true;
    }
    if has_reset {
        let reset_name = format!("{name}: {}", text::BACK_TO_AUTO.to_lowercase());
        if IconButton::new(Icon::Reset, &reset_name)
            .tip(text::BACK_TO_AUTO)
            .show(ui)
            .clicked()
        {
            *value = None;
            is_changed = true;
        }
    }
    is_changed && *value != before
}

/// The arrow of something that folds: right when closed, down when open.
pub fn fold_icon(ui: &mut Ui, openness: f32, response: &Response) {
    let color = ui
        .style()
        .interact(response)
        .fg_stroke
        .color
        .gamma_multiply(0.7);
    let icon = if openness > 0.5 {
        Icon::Down
    } else {
        Icon::Next
    };
    icons::paint(
        ui.painter(),
        Rect::from_center_size(response.rect.center(), Vec2::splat(13.0)),
        icon,
        color,
    );
}

/// Rows of a menu stand closer than controls of a panel.
pub fn menu_look(ui: &mut Ui, width: f32) {
    ui.set_min_width(width);
    ui.spacing_mut().item_spacing.y = 2.0;
}

/// Boxes and circles to tick, seen on raised ground too.
pub fn tick_look(ui: &mut Ui) {
    let palette = theme::palette(ui.ctx());
    let widgets = &mut ui.visuals_mut().widgets;
    for state in [&mut widgets.inactive, &mut widgets.hovered] {
        state.bg_fill = palette.field;
        state.bg_stroke = Stroke::new(1.0, palette.text_faint);
        state.fg_stroke.color = palette.text;
    }
    ui.visuals_mut().selection.bg_fill = palette.accent;
}

/// A list to choose from, with Inlay's own arrow.
pub fn combo(salt: &str) -> ComboBox<'static> {
    ComboBox::from_id_salt(salt.to_owned()).icon(|ui, rect, visuals, _is_open| {
        let square = Rect::from_center_size(rect.center(), Vec2::splat(13.0));
        icons::paint(
            ui.painter(),
            square,
            Icon::Down,
            visuals.fg_stroke.color.gamma_multiply(0.7),
        );
    })
}

/// A slim slider without a number; the number stands beside it.
pub fn slider(ui: &mut Ui, slider: Slider<'_>, width: f32, name: &str) -> Response {
    let palette = theme::palette(ui.ctx());
    ui.scope(|ui| {
        ui.spacing_mut().slider_width = width;
        ui.spacing_mut().interact_size.y = 16.0;
        let visuals = ui.visuals_mut();
        visuals.selection.bg_fill = palette.accent;
        for state in [
            &mut visuals.widgets.inactive,
            &mut visuals.widgets.hovered,
            &mut visuals.widgets.active,
        ] {
            state.bg_fill = palette.line_strong;
            state.fg_stroke = Stroke::new(2.0, palette.accent_text);
        }
        ui.add(slider.show_value(false).trailing_fill(true))
            .accessible_name(name)
    })
    .inner
}
