//! Owns the heat map over the photo: which pixels differ from the photo as it was opened, or would by the result on show.
//! Compared on a thread when the picture has changed; the latest question wins. Called by `canvas` once a frame.

use std::sync::Arc;

use eframe::egui::Context;

use crate::app::{App, Changes};
use crate::document::Document;
use crate::engine::JobId;
use crate::geometry::{PixelRect, PixelSize};
use crate::gpu::OverlayPicture;
use crate::ui::question::Question;

/// Keys of these pictures begin here; see `pictures`.
const KEYS: u64 = 1 << 61;
/// How dark the photo under the colours is.
const DIM: u8 = 165;

/// What a heat map follows from: document, its revision, the result on show.
type Basis = (u64, u64, PixelRect, Option<JobId>);

#[derive(Default)]
pub struct Heat {
    question: Question<Basis, Option<Changes>>,
    shown: Option<(u64, Changes)>,
}

impl Heat {
    /// For the legend: changed pixels, and how many there are. None while they are looked for.
    pub fn counts(&self) -> Option<(u64, u64)> {
        let (_, changes) = self.shown.as_ref()?;
        Some((changes.changed, changes.pixels))
    }

    /// Nobody looks: nothing is kept.
    pub fn forget(&mut self) {
        self.question.forget();
        self.shown = None;
    }

    /// The dimmed photo and the colours on it, in photo coordinates.
    pub fn pictures(&mut self, app: &App, ctx: &Context) -> Vec<OverlayPicture> {
        self.follow(app, ctx);
        let Some(document) = app.document() else {
            return Vec::new();
        };
        let all = document.size().rect().union(document.frame());
        let mut pictures = vec![OverlayPicture {
            key: KEYS,
            rect_in_photo: all,
            size: PixelSize::new(1, 1),
            rgba: Arc::new(vec![0, 0, 0, DIM]),
            clip_to_mask: false,
        }];
        if let Some((number, changes)) = &self.shown {
            let keys = (KEYS | number << 20) + 1..;
            pictures.extend(
                changes
                    .pictures
                    .iter()
                    .zip(keys)
                    .map(|((rect, rgba), key)| OverlayPicture {
                        key,
                        rect_in_photo: *rect,
                        size: rect.size(),
                        rgba: Arc::clone(rgba),
                        clip_to_mask: false,
                    }),
            );
        }
        pictures
    }

    fn follow(&mut self, app: &App, ctx: &Context) {
        if let Some((number, changes)) = self.question.answer() {
            self.shown = changes.map(|changes| (number, changes));
        }
        let Some(document) = app.document() else {
            return;
        };
        let basis = basis(document, app);
        if !self.question.is_new(&basis) {
            return;
        }
        if let Some(work) = app.changes_later() {
            self.question.ask(basis, ctx, move |_| {
                work()
                    .inspect_err(|error| log::error!("no heat map: {error}"))
                    .ok()
            });
        }
    }
}

fn basis(document: &Document, app: &App) -> Basis {
    let shown = app.shown_candidate().map(|candidate| candidate.id);
    (
        document.content_number(),
        document.revision(),
        document.canvas(),
        shown,
    )
}
