//! Owns the overlay that shows what the model will see: each crop's rectangle, the size it works at, the widths of its
//! masks, and on demand both masks in colours. Plans and masks are made on a thread when what they follow from has changed
//! and the hand rests. Called by `canvas::paint`.

use std::sync::Arc;

use eframe::egui::{
    Align2, Color32, CornerRadius, Painter, Rect, Shape, Stroke, StrokeKind, Ui, pos2, vec2,
};

use super::marks::{reduced, stretched};
use super::view::Mapping;
use crate::geometry::PixelRect;
use crate::gpu::OverlayPicture;
use crate::plan::{CropPlan, Extension, GenerateSettings, InpaintPlan, MaskRecipe};
use crate::raster::Plane;
use crate::ui::action::Scene;
use crate::ui::question::Question;
use crate::ui::text;
use crate::ui::theme::{self, Palette, size};

/// What a plan follows from.
#[derive(Debug, Clone, PartialEq)]
struct Basis {
    revision: u64,
    mask_revision: u64,
    extension: Extension,
    overlap_px: u32,
    settings: GenerateSettings,
    model: String,
    has_masks: bool,
}

/// Colours of what goes into the photo, and of what the model repaints beyond that.
pub const COMPOSITE: [u8; 3] = [30, 200, 230];
pub const DENOISE: [u8; 3] = [255, 170, 40];
/// Of both, over the photo.
const TINT: u32 = 150;
/// Keys of the masks' pictures begin here; see `pictures`.
const KEYS: u64 = 1 << 62;
/// Pixels of a mask's picture at most.
const MOST_PIXELS: u64 = 1 << 20;

type Planned = (Option<InpaintPlan>, Vec<OverlayPicture>);

/// Makes plans away from the window's thread.
#[derive(Default)]
pub struct Planner {
    question: Question<Basis, Planned>,
    plan: Option<InpaintPlan>,
    masks: Vec<OverlayPicture>,
}

impl Planner {
    /// The widest of all crops' masks; none where nothing is to be filled.
    pub fn widths(&self) -> Option<MaskRecipe> {
        let masks = self.plan.as_ref()?.crops.iter().map(|crop| crop.masks);
        masks.max_by_key(|masks| masks.blend_px + masks.grow_px)
    }

    /// Both masks of the present plan in colours, in photo coordinates, if they are wanted.
    pub fn mask_pictures(&self, scene: &Scene<'_>) -> Vec<OverlayPicture> {
        if scene.state.canvas.are_masks_shown {
            self.masks.clone()
        } else {
            Vec::new()
        }
    }

    /// One thread at a time: while one runs, what changes is asked for afterwards.
    pub fn follow(&mut self, ui: &Ui, scene: &Scene<'_>) {
        let has_masks = scene.state.canvas.are_masks_shown;
        if !(has_masks || scene.state.canvas.is_model_view_shown) {
            return;
        }
        if let Some((_, planned)) = self.question.answer() {
            (self.plan, self.masks) = planned;
        }
        let Some(document) = scene.app.document() else {
            self.plan = None;
            self.masks.clear();
            return;
        };
        if scene.state.canvas.gesture.is_painting() {
            return;
        }
        let basis = Basis {
            revision: document.revision(),
            mask_revision: document.mask_revision(),
            extension: document.extension(),
            overlap_px: scene.app.overlap_px(),
            settings: scene.app.generate_settings().clone(),
            model: scene.app.model().name().to_owned(),
            has_masks,
        };
        if !self.question.is_new(&basis) {
            return;
        }
        if has_masks {
            if let Some(make) = scene.app.masks_later() {
                self.question.ask(basis, ui.ctx(), move |number| {
                    let (plan, masks) = make().ok().unzip();
                    let tints = plan.iter().zip(masks.iter()).flat_map(|(plan, masks)| {
                        let crops = plan.crops.iter().zip(masks).zip(KEYS | number << 16..);
                        crops.map(|((crop, masks), key)| {
                            tint(crop, plan.extension, &masks.denoise, &masks.composite, key)
                        })
                    });
                    let tints = tints.collect();
                    (plan, tints)
                });
            }
        } else if let Some(make) = scene.app.plan_later() {
            self.question
                .ask(basis, ui.ctx(), move |_| (make().ok(), Vec::new()));
        }
    }
}

/// Draws the crops of the present plan.
pub fn show(ui: &Ui, mapping: &Mapping, planner: &Planner, scene: &Scene<'_>) {
    if !scene.state.canvas.is_model_view_shown {
        return;
    }
    let Some(plan) = &planner.plan else {
        return;
    };
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(mapping.viewport);
    let in_view = |rect: PixelRect| {
        // Plans count from the extended canvas's corner.
        let corner = pos2(
            rect.x as f32 - plan.extension.left as f32,
            rect.y as f32 - plan.extension.top as f32,
        );
        mapping.rect_to_view(Rect::from_min_size(
            corner,
            vec2(rect.width as f32, rect.height as f32),
        ))
    };
    let mut taken: Vec<Rect> = Vec::new();
    for crop in &plan.crops {
        outline(
            &painter,
            in_view(crop.context_rect),
            in_view(crop.repaint_rect),
            palette,
        );
    }
    let estimate = text::estimate(&scene.app.estimate(plan));
    for (number, crop) in plan.crops.iter().enumerate() {
        let first = text::model_view(crop.working_size, crop.scale());
        let second = text::model_masks(crop.masks.blend_px, crop.masks.grow_px);
        let at = in_view(crop.context_rect).intersect(mapping.viewport);
        // What the whole job costs stands with its first crop.
        let lines = [first, second, estimate.clone()];
        let shown = if number == 0 { 3 } else { 2 };
        label(&painter, at, &lines[..shown], &mut taken, palette);
    }
}

/// Both masks of a crop as one picture: what goes into the photo in one colour, as strongly as it does; what the model
/// repaints besides in the other.
fn tint(
    crop: &CropPlan,
    extension: Extension,
    denoise: &Plane,
    composite: &Plane,
    key: u64,
) -> OverlayPicture {
    let context = crop.context_rect;
    let (size, step) = reduced(context.size(), MOST_PIXELS);
    let half = step as usize / 2;
    let mut rgba = Vec::with_capacity(size.area() as usize * 4);
    for y in 0..size.height as usize {
        let from_y = (y * step as usize + half).min(denoise.height().saturating_sub(1));
        for x in 0..size.width as usize {
            let from_x = (x * step as usize + half).min(denoise.width().saturating_sub(1));
            let inside = u32::from(composite.get(from_x, from_y));
            let repainted = u32::from(denoise.get(from_x, from_y));
            let mix = |c: usize| {
                let (a, b) = (u32::from(COMPOSITE[c]), u32::from(DENOISE[c]));
                ((a * inside + b * (255 - inside)) / 255) as u8
            };
            let alpha = inside.max(repainted) * TINT / 255;
            rgba.extend([mix(0), mix(1), mix(2), alpha as u8]);
        }
    }
    let corner = (-(extension.left as i32), -(extension.top as i32));
    OverlayPicture {
        key,
        rect_in_photo: stretched(context.translate(corner.0, corner.1), size, step),
        size,
        rgba: Arc::new(rgba),
        clip_to_mask: false,
    }
}

fn outline(painter: &Painter, context: Rect, repaint: Rect, palette: &Palette) {
    painter.rect_stroke(
        context,
        CornerRadius::ZERO,
        Stroke::new(3.0, Color32::from_black_alpha(110)),
        StrokeKind::Middle,
    );
    painter.rect_stroke(
        context,
        CornerRadius::ZERO,
        Stroke::new(1.5, palette.accent_text),
        StrokeKind::Middle,
    );
    let corners = [
        repaint.left_top(),
        repaint.right_top(),
        repaint.right_bottom(),
        repaint.left_bottom(),
        repaint.left_top(),
    ];
    painter.extend(Shape::dashed_line(
        &corners,
        Stroke::new(1.5, Color32::from_black_alpha(110)),
        6.0,
        5.0,
    ));
    painter.extend(Shape::dashed_line(
        &corners,
        Stroke::new(1.0, Color32::WHITE),
        6.0,
        5.0,
    ));
}

/// In the rectangle's upper left corner, below labels that are there already.
fn label(
    painter: &Painter,
    rect: Rect,
    words: &[String],
    taken: &mut Vec<Rect>,
    palette: &Palette,
) {
    if !rect.is_positive() {
        return;
    }
    let galleys: Vec<_> = words
        .iter()
        .enumerate()
        .map(|(line, words)| {
            let (font, ink) = match line {
                0 => (theme::semibold(size::SMALL), palette.text),
                _ => (theme::regular(size::SMALL), palette.text_muted),
            };
            (painter.layout_no_wrap(words.clone(), font, ink), ink)
        })
        .collect();
    let width = galleys.iter().map(|(g, _)| g.size().x).fold(0.0, f32::max);
    let height: f32 = galleys.iter().map(|(g, _)| g.size().y).sum();
    let size = vec2(width + 16.0, height + 10.0);
    let mut card = Align2::LEFT_TOP.anchor_size(rect.left_top() + vec2(6.0, 6.0), size);
    while let Some(other) = taken.iter().find(|other| other.intersects(card)) {
        card = card.translate(vec2(0.0, other.bottom() + 4.0 - card.top()));
    }
    taken.push(card);
    painter.rect_filled(
        card,
        CornerRadius::same(6),
        palette.raised.gamma_multiply(0.94),
    );
    let mut at = card.min + vec2(8.0, 5.0);
    for (galley, ink) in galleys {
        let step = galley.size().y;
        painter.galley(at, galley, ink);
        at.y += step;
    }
}
