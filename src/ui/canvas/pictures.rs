//! Owns what the canvas painter is fed: photo tiles, mask changes, previews and results as pictures. Compares the app's
//! state with what was fed last and hands on only what changed; conversions run on threads. Called by `canvas` once a
//! frame; must never block it.
//!
//! Keys of overlays: results, previews and originals count from 1; each other kind has a bit of its own (`marks`, `heat`,
//! `model_view`, and `LOOKS` here).

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};

use eframe::egui::Context;

use super::marks::Marks;
use crate::app::{App, Then};
use crate::document::Document;
use crate::engine::{JobId, JobResult};
use crate::geometry::{PixelRect, PixelSize};
use crate::gpu::{CanvasPainter, OverlayPicture, TileSource};
use crate::photo::Photo;
use crate::plan::Extension;
use crate::raster::RgbF32;

/// A photo as tiles. Does not keep the photo: the document must be able to change it in place, without a copy of all its
/// pixels.
struct PhotoTiles {
    photo: Weak<Photo>,
    size: PixelSize,
}

impl TileSource for PhotoTiles {
    fn size(&self) -> PixelSize {
        self.size
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        let photo = self.photo.upgrade();
        photo.map_or_else(Vec::new, |photo| photo.display_rgba8(rect, step))
    }

    fn is_gone(&self) -> bool {
        self.photo.strong_count() == 0
    }
}

/// Keys of an edit's edge begin here.
const LOOKS: u64 = 1 << 59;

/// A conversion that is done.
enum Converted {
    Candidate(JobId, Vec<OverlayPicture>),
    Preview(JobId, OverlayPicture),
    Originals(u64, Vec<OverlayPicture>),
}

/// Feeds the painter. Without a painter (no graphics) it does nothing.
pub struct Pictures {
    pub painter: Option<CanvasPainter>,
    generation: u64,
    /// Of the photo on show: the document's revision, and its canvas.
    shown: Option<u64>,
    canvas: PixelRect,
    mask_revision: Option<u64>,
    candidates: HashMap<JobId, Vec<OverlayPicture>>,
    being_converted: HashSet<JobId>,
    /// Number of the last preview that was sent to a thread, by job.
    preview_numbers: HashMap<JobId, u64>,
    previews: Vec<(JobId, OverlayPicture)>,
    /// What lay under the edits, for comparing: made for this revision.
    originals: Option<(u64, Vec<OverlayPicture>)>,
    /// An edit's edge while its sliders move: number of the look.
    look: Option<(u64, Vec<OverlayPicture>)>,
    marks: Marks,
    next_key: u64,
    sender: Sender<Converted>,
    receiver: Receiver<Converted>,
}

impl Default for Pictures {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Pictures {
    pub fn new(painter: Option<CanvasPainter>) -> Self {
        let (sender, receiver) = channel();
        Self {
            painter,
            generation: 0,
            shown: None,
            canvas: PixelRect::default(),
            mask_revision: None,
            candidates: HashMap::new(),
            being_converted: HashSet::new(),
            preview_numbers: HashMap::new(),
            previews: Vec::new(),
            originals: None,
            look: None,
            marks: Marks::default(),
            next_key: 1,
            sender,
            receiver,
        }
    }

    /// Another picture was opened: nothing of the old one may be shown.
    pub fn forget(&mut self) {
        self.shown = None;
        self.mask_revision = None;
        self.originals = None;
        self.look = None;
        self.previews.clear();
        self.candidates.clear();
    }

    /// Hands everything that changed to the painter. `above` lies over everything else.
    pub fn feed(
        &mut self,
        app: &App,
        is_comparing: bool,
        above: Vec<OverlayPicture>,
        ctx: &Context,
    ) {
        self.collect();
        self.convert_new(app, ctx);
        let Some(mut painter) = self.painter.take() else {
            return;
        };
        match app.document() {
            Some(document) => {
                self.feed_photo(&mut painter, document);
                self.feed_mask(&mut painter, document);
                let frame = document.size().rect().union(document.frame());
                painter.set_canvas(Some(frame));
            }
            None if self.shown.is_some() => {
                self.forget();
                painter.set_photo(None, self.generation);
                painter.set_mask(None);
            }
            None => {}
        }
        let overlays = if is_comparing {
            self.originals(app, ctx)
        } else {
            self.follow_look(app, painter.is_overlay_loading());
            let mut overlays = self.overlays(app);
            overlays.extend(self.marks.pictures(app));
            overlays.extend(above);
            overlays
        };
        painter.set_overlays(overlays);
        self.painter = Some(painter);
    }

    fn feed_photo(&mut self, painter: &mut CanvasPainter, document: &Document) {
        let revision = document.revision();
        if self.shown == Some(revision) {
            return;
        }
        let photo = document.photo();
        let source: Arc<dyn TileSource> = Arc::new(PhotoTiles {
            photo: Arc::downgrade(photo),
            size: photo.size,
        });
        let canvas = document.canvas();
        match self.shown.replace(revision) {
            None => {
                self.generation += 1;
                self.mask_revision = None;
                painter.set_photo(Some(source), self.generation);
            }
            Some(known) if self.canvas == canvas => match document.changed_since(known) {
                Some(changed) => painter.update_photo(source, changed),
                None => painter.set_photo(Some(source), self.generation),
            },
            Some(_) => {
                let former = (self.canvas.x - canvas.x, self.canvas.y - canvas.y);
                painter.resize_photo(source, former);
                self.mask_revision = None;
            }
        }
        self.canvas = canvas;
    }

    fn feed_mask(&mut self, painter: &mut CanvasPainter, document: &Document) {
        let revision = document.mask_revision();
        let known = self.mask_revision.replace(revision);
        if known == Some(revision) {
            return;
        }
        match known.and_then(|known| document.mask_changed_since(known)) {
            Some(changed) => painter.update_mask(&document.mask().plane, changed),
            None => painter.set_mask(Some(&document.mask().plane)),
        }
    }

    fn collect(&mut self) {
        while let Ok(converted) = self.receiver.try_recv() {
            match converted {
                Converted::Candidate(id, pictures) => {
                    self.being_converted.remove(&id);
                    self.candidates.insert(id, pictures);
                }
                Converted::Originals(revision, pictures) => {
                    self.originals = Some((revision, pictures));
                }
                Converted::Preview(id, picture) => {
                    self.being_converted.remove(&id);
                    // A later preview of the same part replaces the earlier one; other parts stay.
                    self.previews.retain(|(job, old)| {
                        *job != id || old.rect_in_photo != picture.rect_in_photo
                    });
                    self.previews.push((id, picture));
                }
            }
        }
    }

    /// Starts threads for results and previews that have no picture yet.
    fn convert_new(&mut self, app: &App, ctx: &Context) {
        let alive = |id: &JobId| app.candidates().iter().any(|c| c.id == *id);
        self.candidates.retain(|id, _| alive(id));
        let running = |id: &JobId| app.jobs().iter().any(|job| job.id == *id);
        self.previews.retain(|(id, _)| running(id) || alive(id));
        self.preview_numbers.retain(|id, _| running(id));
        for candidate in app.candidates() {
            if !self.candidates.contains_key(&candidate.id)
                && self.being_converted.insert(candidate.id)
            {
                let key = self.take_keys(candidate.result.patches.len() as u64);
                let (id, result, extension) = (
                    candidate.id,
                    Arc::clone(&candidate.result),
                    candidate.extension,
                );
                self.on_thread(ctx, move || {
                    Converted::Candidate(id, result_pictures(&result, extension, key))
                });
            }
        }
        // What is erased stays marked until it is gone: its previews would be hidden by that.
        for job in app.jobs().iter().filter(|job| job.then == Then::Choose) {
            let Some((rect, picture)) = &job.preview else {
                continue;
            };
            let is_new = self.preview_numbers.get(&job.id) != Some(&job.preview_number);
            if is_new && self.being_converted.insert(job.id) {
                self.preview_numbers.insert(job.id, job.preview_number);
                let key = self.take_keys(1);
                let (id, picture) = (job.id, Arc::clone(picture));
                let rect = in_photo(*rect, job.extension);
                self.on_thread(ctx, move || {
                    Converted::Preview(id, preview_picture(&picture, rect, key))
                });
            }
        }
    }

    fn take_keys(&mut self, count: u64) -> u64 {
        let first = self.next_key;
        self.next_key += count.max(1);
        first
    }

    fn on_thread(&self, ctx: &Context, work: impl FnOnce() -> Converted + Send + 'static) {
        let sender = self.sender.clone();
        let ctx = ctx.clone();
        std::thread::spawn(move || {
            let _ = sender.send(work());
            ctx.request_repaint();
        });
    }

    /// The photo as it was opened, where edits lie on it. Comparing a result with the picture needs none.
    fn originals(&mut self, app: &App, ctx: &Context) -> Vec<OverlayPicture> {
        let Some(document) = app.document().filter(|_| app.shown_candidate().is_none()) else {
            return Vec::new();
        };
        let revision = document.revision();
        if let Some((known, pictures)) = &self.originals
            && *known == revision
        {
            return pictures.clone();
        }
        let (base, canvas) = (Arc::clone(document.base()), document.canvas());
        let there = canvas.intersect(base.size.rect());
        let places: Vec<_> = document
            .fills()
            .iter()
            .filter(|fill| fill.is_visible)
            .flat_map(|fill| fill.parts.iter().map(|part| part.rect.intersect(there)))
            .filter(|rect| !rect.is_empty())
            .collect();
        let first = self.take_keys(places.len() as u64);
        // Asked once; until the answer is there the picture stays.
        self.originals = Some((revision, Vec::new()));
        self.on_thread(ctx, move || {
            let pictures = places
                .iter()
                .zip(first..)
                .map(|(rect, key)| OverlayPicture {
                    key,
                    rect_in_photo: rect.translate(-canvas.x, -canvas.y),
                    size: rect.size(),
                    rgba: Arc::new(base.display_rgba8(*rect, 1)),
                    clip_to_mask: false,
                });
            Converted::Originals(revision, pictures.collect())
        });
        Vec::new()
    }

    /// Takes the latest look of an edit's edge, once the one before is on the device: else a fast hand would never see
    /// one.
    fn follow_look(&mut self, app: &App, is_loading: bool) {
        let wanted = app.stitch_look().map(|look| look.number);
        let known = self.look.as_ref().map(|(number, _)| *number);
        if wanted == known || (is_loading && wanted.is_some() && known.is_some()) {
            return;
        }
        self.look = app
            .stitch_look()
            .zip(app.document())
            .map(|(look, document)| {
                let canvas = document.canvas();
                let keys = LOOKS | look.number << 16..;
                let pictures = look.pictures.iter().zip(keys);
                let pictures = pictures.map(|((rect, rgba), key)| OverlayPicture {
                    key,
                    rect_in_photo: rect.translate(-canvas.x, -canvas.y),
                    size: rect.size(),
                    rgba: Arc::clone(rgba),
                    clip_to_mask: false,
                });
                (look.number, pictures.collect())
            });
    }

    /// Number of the look of an edit's edge that is on the screen, if it is there; for measuring.
    pub fn shown_look(&self) -> Option<u64> {
        let is_loading = self
            .painter
            .as_ref()
            .is_some_and(CanvasPainter::is_overlay_loading);
        self.look
            .as_ref()
            .filter(|_| !is_loading)
            .map(|(number, _)| *number)
    }

    /// An edit's edge while its sliders move, the result on show, else what running jobs have so far.
    fn overlays(&self, app: &App) -> Vec<OverlayPicture> {
        if let Some((_, pictures)) = &self.look {
            return pictures.clone();
        }
        if let Some(candidate) = app.shown_candidate() {
            if let Some(pictures) = self.candidates.get(&candidate.id) {
                return pictures.clone();
            }
            return self.previews_of(candidate.id);
        }
        let front = app.jobs().front().filter(|job| job.then == Then::Choose);
        front.map_or_else(Vec::new, |job| self.previews_of(job.id))
    }

    fn previews_of(&self, id: JobId) -> Vec<OverlayPicture> {
        self.previews
            .iter()
            .filter(|(job, _)| *job == id)
            .map(|(_, picture)| picture.clone())
            .collect()
    }
}

/// From canvas coordinates (of a job's extension) to photo coordinates.
fn in_photo(rect: PixelRect, extension: Extension) -> PixelRect {
    rect.translate(-(extension.left as i32), -(extension.top as i32))
}

fn result_pictures(
    result: &JobResult,
    extension: Extension,
    first_key: u64,
) -> Vec<OverlayPicture> {
    let pictures = result.patches.iter().zip(first_key..);
    pictures
        .map(|(patch, key)| OverlayPicture {
            key,
            rect_in_photo: in_photo(patch.rect, extension),
            size: patch.photo.size,
            rgba: Arc::new(patch.photo.display_rgba8(patch.photo.size.rect(), 1)),
            clip_to_mask: false,
        })
        .collect()
}

fn preview_picture(picture: &RgbF32, rect_in_photo: PixelRect, key: u64) -> OverlayPicture {
    let rgb = picture.to_rgb8();
    let mut rgba = Vec::with_capacity(rgb.len() / 3 * 4);
    for pixel in rgb.chunks_exact(3) {
        rgba.extend_from_slice(pixel);
        rgba.push(255);
    }
    OverlayPicture {
        key,
        rect_in_photo,
        size: picture.size,
        rgba: Arc::new(rgba),
        clip_to_mask: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_on_an_extended_canvas_lands_beside_the_photo() {
        let extension = Extension {
            left: 100,
            top: 20,
            right: 0,
            bottom: 0,
        };
        let rect = in_photo(PixelRect::new(0, 0, 150, 60), extension);
        assert_eq!(rect, PixelRect::new(-100, -20, 150, 60));
        let mut picture = RgbF32::new(PixelSize::new(2, 1));
        picture.set_pixel(1, 0, [1.0, 0.5, 0.0]);
        let overlay = preview_picture(&picture, rect, 7);
        assert_eq!(*overlay.rgba, [0, 0, 0, 255, 255, 128, 0, 255]);
        assert!(overlay.clip_to_mask);
    }
}
