//! Owns what the canvas painter is fed: photo tiles, mask changes, previews and results as pictures. Compares the app's
//! state with what was fed last and hands on only what changed; conversions run on threads. Called by `canvas` once a
//! frame; must never block it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use eframe::egui::Context;

use crate::app::{App, Candidate};
use crate::document::Document;
use crate::engine::{JobId, JobResult};
use crate::geometry::{PixelRect, PixelSize};
use crate::gpu::{CanvasPainter, OverlayPicture, TileSource};
use crate::photo::Photo;
use crate::plan::Extension;
use crate::raster::RgbF32;

/// A photo as tiles.
struct PhotoTiles(Arc<Photo>);

impl TileSource for PhotoTiles {
    fn size(&self) -> PixelSize {
        self.0.size
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        self.0.display_rgba8(rect, step)
    }
}

/// A conversion that is done.
enum Converted {
    Candidate(JobId, Vec<OverlayPicture>),
    Preview(JobId, OverlayPicture),
}

/// Changes of the mask that came from strokes, counted so that other changes are noticed.
#[derive(Default)]
struct StrokeLog {
    revisions: u64,
    dirty: PixelRect,
}

/// Feeds the painter. Without a painter (no graphics) it does nothing.
pub struct Pictures {
    pub painter: Option<CanvasPainter>,
    generation: u64,
    shown: Option<Arc<Photo>>,
    mask_revision: Option<u64>,
    strokes: StrokeLog,
    /// What an accepted result changed, until the photo with it comes along.
    accepted: Option<PixelRect>,
    /// The canvas grew or shrank: where the old picture's corner lies in the new one.
    moved: Option<(i32, i32)>,
    candidates: HashMap<JobId, Vec<OverlayPicture>>,
    being_converted: HashSet<JobId>,
    /// Number of the last preview that was sent to a thread, by job.
    preview_numbers: HashMap<JobId, u64>,
    previews: Vec<(JobId, OverlayPicture)>,
    next_key: u64,
    sender: Sender<Converted>,
    receiver: Receiver<Converted>,
}

impl Pictures {
    pub fn new(painter: Option<CanvasPainter>) -> Self {
        let (sender, receiver) = channel();
        Self {
            painter,
            generation: 0,
            shown: None,
            mask_revision: None,
            strokes: StrokeLog::default(),
            accepted: None,
            moved: None,
            candidates: HashMap::new(),
            being_converted: HashSet::new(),
            preview_numbers: HashMap::new(),
            previews: Vec::new(),
            next_key: 1,
            sender,
            receiver,
        }
    }

    /// Another picture was opened: nothing of the old one may be shown.
    pub fn forget(&mut self) {
        self.shown = None;
        self.mask_revision = None;
        self.accepted = None;
        self.moved = None;
        self.previews.clear();
        self.candidates.clear();
    }

    /// A stroke command raised the mask's revision by `raised` and changed at most `rect`.
    pub fn note_stroke(&mut self, rect: PixelRect, raised: u64) {
        self.strokes.revisions += raised;
        self.strokes.dirty = self.strokes.dirty.union(rect);
    }

    /// A result without extension was accepted; only these pixels of the photo change.
    pub fn note_accepted(&mut self, candidate: &Candidate) {
        if candidate.extension.is_none() {
            let rects = candidate.result.patches.iter().map(|patch| patch.rect);
            self.accepted = rects.reduce(PixelRect::union);
        }
    }

    /// An extension was accepted or taken back; `former_corner` is where the old picture's corner lies in the new one.
    pub fn note_resized(&mut self, former_corner: (i32, i32)) {
        let (x, y) = self.moved.unwrap_or_default();
        self.moved = Some((x + former_corner.0, y + former_corner.1));
    }

    /// Hands everything that changed to the painter.
    pub fn feed(&mut self, app: &App, is_comparing: bool, ctx: &Context) {
        self.collect();
        self.convert_new(app, ctx);
        let Some(mut painter) = self.painter.take() else {
            return;
        };
        match app.document() {
            Some(document) => {
                self.feed_photo(&mut painter, document);
                self.feed_mask(&mut painter, document);
                painter.set_canvas(Some(canvas_rect(document)));
            }
            None if self.shown.is_some() => {
                self.forget();
                painter.set_photo(None, self.generation);
                painter.set_mask(None);
            }
            None => {}
        }
        let overlays = if is_comparing {
            Vec::new()
        } else {
            self.overlays(app)
        };
        painter.set_overlays(overlays);
        self.painter = Some(painter);
    }

    fn feed_photo(&mut self, painter: &mut CanvasPainter, document: &Document) {
        let photo = document.photo();
        if self
            .shown
            .as_ref()
            .is_some_and(|shown| Arc::ptr_eq(shown, photo))
        {
            return;
        }
        let source: Arc<dyn TileSource> = Arc::new(PhotoTiles(Arc::clone(photo)));
        let is_same_canvas = self
            .shown
            .as_ref()
            .is_some_and(|shown| shown.size == photo.size);
        match (self.accepted.take(), self.moved.take()) {
            (Some(changed), _) if is_same_canvas => painter.update_photo(source, changed),
            (_, Some(former_corner)) if self.shown.is_some() && !is_same_canvas => {
                self.mask_revision = None;
                painter.resize_photo(source, former_corner);
            }
            _ => {
                if !is_same_canvas {
                    self.generation += 1;
                    self.mask_revision = None;
                }
                painter.set_photo(Some(source), self.generation);
            }
        }
        self.shown = Some(Arc::clone(photo));
    }

    fn feed_mask(&mut self, painter: &mut CanvasPainter, document: &Document) {
        let strokes = std::mem::take(&mut self.strokes);
        let revision = document.mask_revision();
        match self.mask_revision {
            Some(known) if known == revision => return,
            Some(known) if known + strokes.revisions == revision => {
                painter.update_mask(&document.mask().plane, strokes.dirty);
            }
            _ => painter.set_mask(Some(&document.mask().plane)),
        }
        self.mask_revision = Some(revision);
    }

    fn collect(&mut self) {
        while let Ok(converted) = self.receiver.try_recv() {
            match converted {
                Converted::Candidate(id, pictures) => {
                    self.being_converted.remove(&id);
                    self.candidates.insert(id, pictures);
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
        for job in app.jobs() {
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

    /// The result on show, else what running jobs have so far.
    fn overlays(&self, app: &App) -> Vec<OverlayPicture> {
        if let Some(candidate) = app.shown_candidate() {
            if let Some(pictures) = self.candidates.get(&candidate.id) {
                return pictures.clone();
            }
            return self.previews_of(candidate.id);
        }
        app.jobs()
            .front()
            .map_or_else(Vec::new, |job| self.previews_of(job.id))
    }

    fn previews_of(&self, id: JobId) -> Vec<OverlayPicture> {
        self.previews
            .iter()
            .filter(|(job, _)| *job == id)
            .map(|(_, picture)| picture.clone())
            .collect()
    }
}

/// The canvas in photo coordinates.
fn canvas_rect(document: &Document) -> PixelRect {
    let (size, extension) = (document.size(), document.extension());
    PixelRect::from_edges(
        -(extension.left as i32),
        -(extension.top as i32),
        (size.width + extension.right) as i32,
        (size.height + extension.bottom) as i32,
    )
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
