//! Owns stitching an accepted fill anew with other sliders, without the model: what it needs is taken from the document
//! at once, the work itself can run on any thread, and its result is accepted like any other change.

use std::sync::Arc;

use super::content::Content;
use super::fill::{Fill, FillId, FillPart, Source};
use super::{Document, DocumentError};
use crate::compose::{StitchCache, StitchOptions, Stitched, put};
use crate::geometry::PixelRect;
use crate::photo::Photo;
use crate::raster::{Plane, RgbF32};

/// A fill on its way to another stitch. Shares pixels with the document, changes nothing.
pub struct Restitch {
    fill: Arc<Fill>,
    base: Arc<Photo>,
    content: Content,
    position: usize,
}

/// The same, measured: each slider move costs one `apply`.
pub struct Restitcher {
    start: Restitch,
    parts: Vec<Option<Prepared>>,
}

struct Prepared {
    source: Source,
    below: Photo,
    /// The same for the screen.
    before: RgbF32,
    cache: StitchCache,
    /// The last preview's buffers.
    stitched: Stitched,
}

impl Fill {
    /// What the model made is kept, so that the stitch can be changed.
    pub fn can_restitch(&self) -> bool {
        self.parts.iter().any(|part| part.source.is_some())
    }
}

impl Document {
    /// Takes what a new stitch of a fill needs.
    pub fn restitch_start(&self, id: FillId) -> Result<Restitch, DocumentError> {
        let position = self.content.position(id).ok_or(DocumentError::NoSuchFill)?;
        Ok(Restitch {
            fill: Arc::clone(&self.content.fills[position]),
            base: Arc::clone(&self.base),
            content: self.content.clone(),
            position,
        })
    }

    /// The fill that the restitch began with is unchanged, and so is what lies below it.
    pub fn is_current(&self, start: &Restitch) -> bool {
        self.content.fills.len() > start.position
            && self.content.fills[..=start.position]
                .iter()
                .zip(&start.content.fills)
                .all(|(now, then)| Arc::ptr_eq(now, then))
    }

    /// Gives a fill the parts of a new stitch as one step.
    pub fn set_fill_stitch(
        &mut self,
        id: FillId,
        stitch: StitchOptions,
        parts: Vec<FillPart>,
    ) -> Result<(), DocumentError> {
        let fill = self.fill(id).ok_or(DocumentError::NoSuchFill)?;
        let changed = Fill {
            parts,
            stitch,
            ..Fill::clone(fill)
        };
        let after = self.replaced(id, changed)?;
        self.change_content("edge of fill", after)
    }
}

impl Restitch {
    pub fn fill(&self) -> &Fill {
        &self.fill
    }

    /// Measures every part against what lies below it.
    pub fn prepare(self) -> Result<Restitcher, DocumentError> {
        let parts = (0..self.fill.parts.len())
            .map(|number| self.prepare_part(number))
            .collect::<Result<_, _>>()?;
        Ok(Restitcher { start: self, parts })
    }

    fn prepare_part(&self, number: usize) -> Result<Option<Prepared>, DocumentError> {
        let Some(source) = self.fill.parts[number].source.clone() else {
            return Ok(None);
        };
        let below = self.below(number, source.made.rect)?;
        let before = below.crop_rgb(below.size.rect())?;
        let cache = source
            .made
            .prepare(&before, Plane::clone(&source.composite))?;
        Ok(Some(Prepared {
            source,
            below,
            before,
            cache,
            stitched: Stitched::default(),
        }))
    }

    /// What a part lies on: the fills below, and the parts before it as they are.
    fn below(&self, number: usize, rect: PixelRect) -> Result<Photo, DocumentError> {
        let mut content = self.content.clone();
        content.fills.truncate(self.position);
        content.fills.push(Arc::new(Fill {
            is_visible: true,
            opacity: 1.0,
            parts: self.fill.parts[..number].to_vec(),
            ..Fill::clone(&self.fill)
        }));
        let count = content.fills.len();
        let photo = content.render_first(&self.base, count, rect)?;
        Ok(Photo::clone(&photo))
    }
}

impl Restitcher {
    pub fn start(&self) -> &Restitch {
        &self.start
    }

    /// The fill's parts with these sliders.
    pub fn apply(&self, options: &StitchOptions) -> Result<Vec<FillPart>, DocumentError> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (part, prepared) in self.start.fill.parts.iter().zip(&self.parts) {
            let stitched = match prepared {
                None => None,
                Some(p) => put(&p.cache.apply(options), &p.below, p.source.made.rect)?,
            };
            parts.push(match stitched {
                None => part.clone(),
                Some(put) => FillPart {
                    rect: put.rect,
                    content: Arc::new(put.content),
                    coverage: Arc::new(put.coverage),
                    ..part.clone()
                },
            });
        }
        Ok(parts)
    }

    /// How the picture looks with these sliders, in the screen's 8 bits and before the edit has pixels of its own: for
    /// sliders that still move. May be a step off [`Self::look`], which costs several times as much. None where more
    /// than this edit decides how the picture looks: others above it, transparency, the canvas's end.
    pub fn preview(&mut self, options: &StitchOptions) -> Option<Vec<(PixelRect, Vec<u8>)>> {
        let start = &self.start;
        let canvas = start.content.canvas(start.base.size.rect());
        let place = start.fill.bounds();
        let mut above = start.content.fills[start.position + 1..].iter();
        let is_alone =
            !above.any(|fill| fill.is_visible && !fill.bounds().intersect(place).is_empty());
        if !is_alone || !start.fill.is_visible {
            return None;
        }
        let opacity = start.fill.opacity.clamp(0.0, 1.0);
        let mut pictures = Vec::new();
        for prepared in &mut self.parts {
            let p = prepared.as_mut()?;
            if p.below.layout.has_alpha() {
                return None;
            }
            p.cache.apply_into(options, &mut p.stitched);
            let corner = p.source.made.rect;
            let rect = p.stitched.rect.translate(corner.x, corner.y);
            if !canvas.contains_rect(rect) {
                return None;
            }
            if !rect.is_empty() {
                pictures.push((rect, p.stitched.over_rgba8(&p.before, opacity)));
            }
        }
        Some(pictures)
    }

    /// How the picture looks with these parts, wherever the fill lies: rectangles in document space.
    pub fn look(&self, parts: &[FillPart]) -> Result<Vec<(PixelRect, Photo)>, DocumentError> {
        let start = &self.start;
        let canvas = start.content.canvas(start.base.size.rect());
        let mut content = start.content.clone();
        content.fills[start.position] = Arc::new(Fill {
            parts: parts.to_vec(),
            ..Fill::clone(&start.fill)
        });
        let mut seen = Vec::new();
        for part in parts {
            let rect = part.rect.intersect(canvas);
            if !rect.is_empty() {
                let photo = content.render_first(&start.base, content.fills.len(), rect)?;
                seen.push((rect, Photo::clone(&photo)));
            }
        }
        Ok(seen)
    }
}
