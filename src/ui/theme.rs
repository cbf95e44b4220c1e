//! Owns how Inlay looks: colours of both themes, fonts, spacing, rounding. Installed once when the window opens; widgets
//! ask it for colours. Must never know the state of the app.

use std::sync::Arc;

use eframe::egui::epaint::text::{FontTweak, VariationCoords};
use eframe::egui::{
    self, Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin,
    Shadow, Stroke, Style, TextStyle, Vec2, Visuals, style::HandleShape, style::WidgetVisuals,
};

/// Corner radius of controls, of raised surfaces.
pub const RADIUS: u8 = 6;
pub const RADIUS_FLOAT: u8 = 12;
/// Height of a control in points.
pub const CONTROL: f32 = 28.0;
/// Inner margin of panels.
pub const MARGIN: i8 = 16;
/// Distance between related things; double it between groups.
pub const GAP: f32 = 8.0;

/// Inter, latin, weights 400–600 (assets/fonts, SIL Open Font License 1.1).
const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter-400-600-latin.ttf");
const SEMIBOLD: &str = "semibold";

/// The colours of one theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    pub is_dark: bool,
    /// Behind the photo.
    pub canvas: Color32,
    pub panel: Color32,
    /// Cards, floating bars, menus.
    pub raised: Color32,
    /// Fields to type into.
    pub field: Color32,
    pub control: Color32,
    pub control_hover: Color32,
    pub control_active: Color32,
    pub line: Color32,
    pub line_strong: Color32,
    pub text: Color32,
    pub text_muted: Color32,
    pub text_faint: Color32,
    /// The primary button.
    pub accent: Color32,
    pub accent_hover: Color32,
    pub on_accent: Color32,
    /// Accent as text or thin line.
    pub accent_text: Color32,
    /// Accent behind selected things.
    pub accent_soft: Color32,
    pub good: Color32,
    pub warning: Color32,
    pub error: Color32,
    pub shadow: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

pub const DARK: Palette = Palette {
    is_dark: true,
    canvas: rgb(0x121317),
    panel: rgb(0x1b1c21),
    raised: rgb(0x24262c),
    field: rgb(0x141519),
    control: rgb(0x292b32),
    control_hover: rgb(0x33363f),
    control_active: rgb(0x3c404a),
    line: rgb(0x2a2c33),
    line_strong: rgb(0x3b3e48),
    text: rgb(0xe7e8ec),
    text_muted: rgb(0xa6a9b4),
    text_faint: rgb(0x797d89),
    accent: rgb(0x4f63e4),
    accent_hover: rgb(0x5568ea),
    on_accent: rgb(0xffffff),
    accent_text: rgb(0x9aa8ff),
    accent_soft: rgb(0x2d3361),
    good: rgb(0x5fc798),
    warning: rgb(0xe5b25c),
    error: rgb(0xf0737b),
    shadow: Color32::from_black_alpha(110),
};

pub const LIGHT: Palette = Palette {
    is_dark: false,
    canvas: rgb(0xdfe0e4),
    panel: rgb(0xf6f6f8),
    raised: rgb(0xffffff),
    field: rgb(0xffffff),
    control: rgb(0xe9eaee),
    control_hover: rgb(0xdfe1e7),
    control_active: rgb(0xd3d6de),
    line: rgb(0xdedfe5),
    line_strong: rgb(0xc3c6cf),
    text: rgb(0x1c1e24),
    text_muted: rgb(0x565a66),
    text_faint: rgb(0x7b7f8b),
    accent: rgb(0x4a5de0),
    accent_hover: rgb(0x3c4fd0),
    on_accent: rgb(0xffffff),
    accent_text: rgb(0x3a4ccb),
    accent_soft: rgb(0xdde2ff),
    good: rgb(0x1f8a5c),
    warning: rgb(0x9a6700),
    error: rgb(0xc8313c),
    shadow: Color32::from_black_alpha(38),
};

/// The colours of the theme that is on.
pub fn palette(ctx: &Context) -> &'static Palette {
    match ctx.theme() {
        egui::Theme::Dark => &DARK,
        egui::Theme::Light => &LIGHT,
    }
}

/// Headings of sections, names of buttons that matter.
pub fn semibold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(SEMIBOLD.into()))
}

pub fn regular(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// The text sizes in use.
pub mod size {
    pub const TITLE: f32 = 18.0;
    pub const BODY: f32 = 13.0;
    pub const SMALL: f32 = 11.5;
}

/// Sets fonts and both themes.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    ctx.options_mut(|options| {
        // Ctrl and + zoom the photo here, not the interface.
        options.zoom_with_keyboard = false;
        options.fallback_theme = egui::Theme::Dark;
    });
    ctx.set_style_of(egui::Theme::Dark, style(&DARK));
    ctx.set_style_of(egui::Theme::Light, style(&LIGHT));
}

fn fonts() -> FontDefinitions {
    let weighted = |weight: f32| {
        let coords = VariationCoords::new([(b"wght", weight)]);
        Arc::new(FontData::from_static(INTER).tweak(FontTweak {
            coords,
            ..FontTweak::default()
        }))
    };
    let mut fonts = FontDefinitions::default();
    fonts.font_data.insert("inter".to_owned(), weighted(400.0));
    fonts
        .font_data
        .insert("inter-semibold".to_owned(), weighted(600.0));
    let fallbacks = fonts
        .families
        .get(&FontFamily::Proportional)
        .cloned()
        .unwrap_or_default();
    let with = |first: &str| {
        std::iter::once(first.to_owned())
            .chain(fallbacks.iter().cloned())
            .collect::<Vec<_>>()
    };
    fonts
        .families
        .insert(FontFamily::Name(SEMIBOLD.into()), with("inter-semibold"));
    fonts
        .families
        .insert(FontFamily::Proportional, with("inter"));
    fonts
}

fn style(palette: &Palette) -> Style {
    let mut style = Style {
        text_styles: [
            (TextStyle::Small, regular(size::SMALL)),
            (TextStyle::Body, regular(size::BODY)),
            (TextStyle::Button, regular(size::BODY)),
            (TextStyle::Heading, semibold(size::TITLE)),
            (TextStyle::Monospace, FontId::monospace(12.0)),
        ]
        .into(),
        visuals: visuals(palette),
        animation_time: 0.12,
        explanation_tooltips: false,
        drag_value_text_style: TextStyle::Body,
        ..Style::default()
    };
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::splat(GAP);
    spacing.button_padding = Vec2::new(10.0, 5.0);
    spacing.interact_size = Vec2::new(36.0, CONTROL);
    spacing.menu_margin = Margin::same(6);
    spacing.window_margin = Margin::same(20);
    spacing.slider_rail_height = 4.0;
    spacing.icon_width = 16.0;
    spacing.icon_spacing = 8.0;
    spacing.tooltip_width = 300.0;
    spacing.menu_width = 240.0;
    spacing.combo_height = 320.0;
    spacing.scroll.bar_width = 8.0;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.45;
    style
}

fn visuals(palette: &Palette) -> Visuals {
    let mut visuals = if palette.is_dark {
        Visuals::dark()
    } else {
        Visuals::light()
    };
    let state = |fill: Color32, line: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, line),
        corner_radius: CornerRadius::same(RADIUS),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let widgets = &mut visuals.widgets;
    widgets.noninteractive = state(palette.panel, palette.line, palette.text);
    widgets.inactive = state(palette.control, Color32::TRANSPARENT, palette.text);
    widgets.hovered = state(palette.control_hover, Color32::TRANSPARENT, palette.text);
    widgets.active = state(palette.control_active, palette.accent_text, palette.text);
    widgets.open = state(palette.control_hover, palette.line_strong, palette.text);
    visuals.weak_text_color = Some(palette.text_muted);
    visuals.selection.bg_fill = palette.accent_soft;
    visuals.selection.stroke = Stroke::new(1.0, palette.accent_text);
    visuals.hyperlink_color = palette.accent_text;
    visuals.extreme_bg_color = palette.field;
    visuals.faint_bg_color = palette.raised;
    visuals.code_bg_color = palette.field;
    visuals.warn_fg_color = palette.warning;
    visuals.error_fg_color = palette.error;
    visuals.panel_fill = palette.panel;
    visuals.window_fill = palette.raised;
    visuals.window_stroke = Stroke::new(1.0, palette.line_strong);
    visuals.window_corner_radius = CornerRadius::same(RADIUS_FLOAT);
    visuals.menu_corner_radius = CornerRadius::same(10);
    visuals.window_shadow = shadow(palette, 28);
    visuals.popup_shadow = shadow(palette, 16);
    visuals.slider_trailing_fill = true;
    visuals.handle_shape = HandleShape::Circle;
    visuals.text_cursor.stroke = Stroke::new(1.5, palette.accent_text);
    visuals.disabled_alpha = 0.45;
    visuals
}

pub fn shadow(palette: &Palette, blur: u8) -> Shadow {
    Shadow {
        offset: [0, (blur / 3) as i8],
        blur,
        spread: 0,
        color: palette.shadow,
    }
}

/// The frame of things that float over the photo.
pub fn floating(palette: &Palette) -> egui::Frame {
    egui::Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line_strong))
        .corner_radius(CornerRadius::same(RADIUS_FLOAT))
        .inner_margin(Margin::same(6))
        .shadow(shadow(palette, 18))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two opaque colours, 1–21 (WCAG 2.2).
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |c: Color32| {
            let linear = egui::Rgba::from(c);
            0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_is_readable_in_both_themes() {
        for palette in [DARK, LIGHT] {
            for ground in [palette.panel, palette.raised, palette.field] {
                assert!(contrast(palette.text, ground) >= 7.0);
                assert!(contrast(palette.text_muted, ground) >= 4.5);
                assert!(contrast(palette.accent_text, ground) >= 4.5);
                assert!(contrast(palette.error, ground) >= 4.5);
                assert!(contrast(palette.text_faint, ground) >= 3.0);
            }
            for fill in [palette.accent, palette.accent_hover] {
                assert!(contrast(palette.on_accent, fill) >= 4.5);
            }
        }
    }

    #[test]
    fn the_font_has_a_weight_axis() {
        let axes = FontData::from_static(INTER).variation_axes();
        assert!(
            axes.iter().any(|axis| axis.tag == "wght"
                && axis.range.min <= 400.0
                && axis.range.max >= 600.0)
        );
    }
}
