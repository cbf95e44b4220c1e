//! Owns what the picture is made of: the photo, the fills upon it and the frame around it; cheap to clone, so that every
//! step of history can hold one. Knows how to render itself. Used by `Document`.
//!
//! Document space has its origin at the corner of the photo as it was opened. `covered` is what photo and visible
//! extensions have pixels for; the frame is what the person wants to see; the canvas is their common part. Frame beyond
//! the canvas is an extension that waits for its fill.

use std::sync::Arc;

use super::fill::{Fill, FillId};
use crate::geometry::PixelRect;
use crate::photo::{Photo, PhotoError};
use crate::plan::Extension;

#[derive(Debug, Clone)]
pub struct Content {
    /// Two contents with the same number have the same pixels.
    pub number: u64,
    /// From bottom to top.
    pub fills: Vec<Arc<Fill>>,
    pub frame: PixelRect,
}

impl Content {
    pub fn new(base: &Photo) -> Self {
        Self {
            number: 0,
            fills: Vec::new(),
            frame: base.size.rect(),
        }
    }

    pub fn fill(&self, id: FillId) -> Option<&Arc<Fill>> {
        self.fills.iter().find(|fill| fill.id == id)
    }

    pub fn position(&self, id: FillId) -> Option<usize> {
        self.fills.iter().position(|fill| fill.id == id)
    }

    /// What the photo and the visible ones of the first `count` fills have pixels for.
    pub fn covered_by_first(&self, base: PixelRect, count: usize) -> PixelRect {
        self.fills
            .iter()
            .take(count)
            .filter(|fill| fill.is_visible)
            .filter_map(|fill| fill.growth)
            .fold(base, |covered, growth| growth.apply(covered))
    }

    pub fn covered(&self, base: PixelRect) -> PixelRect {
        self.covered_by_first(base, self.fills.len())
    }

    /// The rectangle of the rendered picture. Never empty: a frame that lies wholly outside is ignored.
    pub fn canvas(&self, base: PixelRect) -> PixelRect {
        let covered = self.covered(base);
        let canvas = self.frame.intersect(covered);
        if canvas.is_empty() { covered } else { canvas }
    }

    /// Frame beyond the canvas.
    pub fn extension(&self, base: PixelRect) -> Extension {
        let canvas = self.canvas(base);
        let frame = self.frame.union(canvas);
        Extension {
            left: (canvas.x - frame.x) as u32,
            top: (canvas.y - frame.y) as u32,
            right: (frame.right() - canvas.right()) as u32,
            bottom: (frame.bottom() - canvas.bottom()) as u32,
        }
    }

    /// The whole picture; shares the photo's own pixels when nothing lies on it.
    pub fn render(&self, base: &Arc<Photo>) -> Result<Arc<Photo>, PhotoError> {
        self.render_first(base, self.fills.len(), self.canvas(base.size.rect()))
    }

    /// The first `count` fills on the photo, for the rectangle `canvas`.
    pub fn render_first(
        &self,
        base: &Arc<Photo>,
        count: usize,
        canvas: PixelRect,
    ) -> Result<Arc<Photo>, PhotoError> {
        let whole = base.size.rect();
        let shown = || {
            self.fills
                .iter()
                .take(count)
                .filter(|f| f.is_visible && f.opacity > 0.0)
        };
        if canvas == whole && shown().next().is_none() {
            return Ok(Arc::clone(base));
        }
        let mut photo = if canvas == whole {
            Photo::clone(base)
        } else {
            base.reframed(canvas)?
        };
        for fill in shown() {
            mix_fill(&mut photo, fill, canvas, canvas)?;
        }
        Ok(Arc::new(photo))
    }

    /// Renders `rect` (document space) of `photo`, which shows the canvas, anew.
    pub fn render_rect(
        &self,
        base: &Photo,
        photo: &mut Photo,
        canvas: PixelRect,
        rect: PixelRect,
    ) -> Result<(), PhotoError> {
        let rect = rect.intersect(canvas);
        if rect.is_empty() {
            return Ok(());
        }
        let mut patch = base.reframed(rect)?;
        for fill in self
            .fills
            .iter()
            .filter(|f| f.is_visible && f.opacity > 0.0)
        {
            mix_fill(&mut patch, fill, rect, rect)?;
        }
        // The picture may be colour by now where this patch is still grey.
        if !photo.layout.is_gray() && patch.layout.is_gray() {
            patch.promote_to_rgb()?;
        }
        photo.paste(rect.translate(-canvas.x, -canvas.y), &patch)
    }

    /// Where two contents on the same canvas may differ, in document space.
    pub fn difference(&self, other: &Self) -> Vec<PixelRect> {
        let common = self
            .fills
            .iter()
            .zip(&other.fills)
            .take_while(|(a, b)| Arc::ptr_eq(a, b))
            .count();
        let mut rects = Vec::new();
        for fills in [&self.fills[common..], &other.fills[common..]] {
            for fill in fills {
                rects.extend(fill.parts.iter().map(|part| part.rect));
            }
        }
        rects.sort_by_key(|r| (r.y, r.x, r.width, r.height));
        rects.dedup();
        rects
    }
}

/// Lays a fill on `photo`, whose corner is that of `canvas`, inside `clip` (document space).
fn mix_fill(
    photo: &mut Photo,
    fill: &Fill,
    canvas: PixelRect,
    clip: PixelRect,
) -> Result<(), PhotoError> {
    let clip = clip.translate(-canvas.x, -canvas.y);
    for part in &fill.parts {
        photo.mix(
            (part.rect.x - canvas.x, part.rect.y - canvas.y),
            &part.content,
            &part.coverage,
            fill.opacity,
            clip,
        )?;
    }
    Ok(())
}
