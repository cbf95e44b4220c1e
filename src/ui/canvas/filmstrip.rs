//! Owns the strip of results under the photo: a small picture of each, made on a thread, with its seed; a click shows it in
//! place. Called by `canvas::paint` while there are results.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::mpsc::{Receiver, Sender, channel};

use eframe::egui::{
    self, Align2, Area, ColorImage, Context, CornerRadius, Id, Order, Rect, Sense, Stroke,
    StrokeKind, TextureHandle, TextureOptions, Ui, WidgetInfo, accesskit::Role, vec2,
};

use crate::app::{Candidate, Command};
use crate::engine::JobId;
use crate::ui::action::Scene;
use crate::ui::text;
use crate::ui::theme::{self, size};

/// Side of a small picture in points, and how far the strip stands above the canvas's edge.
const SIDE: f32 = 64.0;
const ABOVE: f32 = 78.0;
/// Pixels of a small picture, for screens of twice the density.
const PIXELS: u32 = 160;

/// The small pictures, by result.
pub struct Filmstrip {
    pictures: HashMap<JobId, Option<TextureHandle>>,
    sender: Sender<(JobId, ColorImage)>,
    receiver: Receiver<(JobId, ColorImage)>,
}

impl Default for Filmstrip {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self {
            pictures: HashMap::new(),
            sender,
            receiver,
        }
    }
}

impl Filmstrip {
    fn follow(&mut self, ctx: &Context, scene: &Scene<'_>) {
        while let Ok((id, image)) = self.receiver.try_recv() {
            let texture = ctx.load_texture("result", image, TextureOptions::LINEAR);
            self.pictures.insert(id, Some(texture));
        }
        let candidates = scene.app.candidates();
        self.pictures
            .retain(|id, _| candidates.iter().any(|c| c.id == *id));
        for candidate in candidates {
            if let Entry::Vacant(place) = self.pictures.entry(candidate.id) {
                place.insert(None);
                self.make(ctx, candidate);
            }
        }
    }

    /// From the largest part of the result.
    fn make(&self, ctx: &Context, candidate: &Candidate) {
        let (id, result) = (candidate.id, std::sync::Arc::clone(&candidate.result));
        let (sender, ctx) = (self.sender.clone(), ctx.clone());
        std::thread::spawn(move || {
            let largest = result.patches.iter().max_by_key(|patch| patch.rect.area());
            let Some(photo) = largest.map(|patch| &patch.photo) else {
                return;
            };
            let step = (photo.size.short_side() / PIXELS).max(1);
            let rgba = photo.display_rgba8(photo.size.rect(), step);
            let size = [
                photo.size.width.div_ceil(step) as usize,
                photo.size.height.div_ceil(step) as usize,
            ];
            let _ = sender.send((id, ColorImage::from_rgba_unmultiplied(size, &rgba)));
            ctx.request_repaint();
        });
    }
}

pub fn show(ui: &Ui, viewport: Rect, strip: &mut Filmstrip, scene: &mut Scene<'_>) {
    strip.follow(ui.ctx(), scene);
    let count = scene.app.candidates().len();
    if count < 2 || viewport.height() < 260.0 {
        return;
    }
    let palette = theme::palette(ui.ctx());
    Area::new(Id::unique("filmstrip"))
        .order(Order::Middle)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(viewport.center_bottom() - vec2(0.0, ABOVE))
        .constrain_to(viewport)
        .accessible_name(text::FILMSTRIP)
        .show(ui.ctx(), |ui| {
            theme::floating(palette).show(ui, |ui| {
                ui.set_max_width(viewport.width() - 40.0);
                egui::ScrollArea::horizontal().show(ui, |ui| {
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 6.0;
                        for index in 0..count {
                            picture(ui, index, strip, scene);
                        }
                    });
                });
            });
        });
}

fn picture(ui: &mut Ui, index: usize, strip: &Filmstrip, scene: &mut Scene<'_>) {
    let Some(candidate) = scene.app.candidates().get(index) else {
        return;
    };
    let palette = theme::palette(ui.ctx());
    let is_shown = scene.app.shown_index() == index;
    let report = &candidate.result.report;
    let tip = text::candidate_tip(
        candidate.seed,
        report.milliseconds.total / 1e3,
        &report.device,
        report.settings.num_inference_steps,
    );
    let (rect, response) = ui.allocate_exact_size(vec2(SIDE, SIDE + 16.0), Sense::click());
    let words = text::seed(candidate.seed);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_shown, &words));
    let square = Rect::from_min_size(rect.min, vec2(SIDE, SIDE));
    let round = CornerRadius::same(5);
    let painter = ui.painter();
    painter.rect_filled(square, round, palette.control);
    if let Some(Some(texture)) = strip.pictures.get(&candidate.id) {
        egui::Image::new(texture)
            .corner_radius(round)
            .uv(middle_square(texture.size_vec2()))
            .paint_at(ui, square);
    }
    let line = if is_shown {
        Stroke::new(2.0, palette.accent_text)
    } else if response.hovered() || response.has_focus() {
        Stroke::new(1.0, palette.text)
    } else {
        Stroke::new(1.0, palette.line)
    };
    ui.painter()
        .rect_stroke(square, round, line, StrokeKind::Inside);
    ui.painter().text(
        rect.center_bottom(),
        Align2::CENTER_BOTTOM,
        candidate.seed.to_string(),
        theme::regular(size::SMALL - 1.0),
        if is_shown {
            palette.text
        } else {
            palette.text_muted
        },
    );
    if response.on_hover_text(tip).clicked() {
        scene.send(Command::ShowCandidate(index));
    }
}

/// The middle of a picture, as texture coordinates.
fn middle_square(size: egui::Vec2) -> Rect {
    let side = size.min_elem();
    Rect::from_center_size(egui::pos2(0.5, 0.5), vec2(side / size.x, side / size.y))
}
