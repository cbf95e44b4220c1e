//! Owns turning a document into a stored project and back. Used by app when a project file is written or opened. The
//! history stays behind: a project holds the photo, the fills, the frame and the mask.

use std::path::PathBuf;
use std::sync::Arc;

use super::Document;
use super::content::Content;
use super::fill::{Fill, FillId, FillMask, FillPart, Growth, Source};
use super::project::{
    StoredFill, StoredGrowth, StoredPart, StoredPlane, StoredProject, StoredSource,
};
use crate::compose::Made;
use crate::mask::Mask;
use crate::photo::PhotoError;
use crate::raster::Plane;

impl Document {
    /// Everything that a project file keeps. Shares the pixels with the document.
    pub fn to_project(&self) -> StoredProject {
        let canvas = self.canvas();
        let own = self.target.as_ref().map_or_else(
            || Mask::clone(&self.mask),
            |target| target.own_mask.unpack(),
        );
        let bounds = own.bounds();
        StoredProject {
            base: Arc::clone(&self.base),
            source: self.path.clone(),
            frame: self.content.frame,
            fills: self.content.fills.iter().map(|fill| stored(fill)).collect(),
            mask: (!bounds.is_empty()).then(|| StoredPlane {
                rect: bounds.translate(canvas.x, canvas.y),
                data: own.crop(bounds).data,
            }),
        }
    }

    /// A document from a project; `path` is the project's file.
    pub fn from_project(project: StoredProject, path: Option<PathBuf>) -> Result<Self, PhotoError> {
        let content = Content {
            number: 0,
            fills: project
                .fills
                .into_iter()
                .map(|f| Arc::new(live(f)))
                .collect(),
            frame: project.frame,
        };
        let photo = content.render(&project.base)?;
        let canvas = content.canvas(project.base.size.rect());
        let mut mask = Mask::new(canvas.size());
        if let Some(stored) = project.mask {
            let plane = Plane {
                size: stored.rect.size(),
                data: stored.data,
            };
            mask = Mask {
                plane: super::fill::crop(&plane, stored.rect, canvas),
            };
        }
        let newest = content.fills.iter().map(|fill| fill.id.0).max();
        let base = Arc::clone(&project.base);
        Ok(Self {
            content,
            photo,
            mask: Arc::new(mask),
            next_number: newest.unwrap_or(0) + 1,
            ..Self::on(base, path)
        })
    }
}

fn stored(fill: &Fill) -> StoredFill {
    let part = |part: &FillPart| StoredPart {
        rect: part.rect,
        content: Arc::clone(&part.content),
        coverage: part.coverage.data.clone(),
        blend_px: part.blend_px,
        source: part.source.as_ref().map(|source| StoredSource {
            rect: source.made.rect,
            picture: Arc::clone(&source.made.picture),
            denoise: source.made.denoise.data.clone(),
            composite: source.composite.data.clone(),
            seed: source.made.seed,
        }),
    };
    StoredFill {
        id: fill.id.0,
        name: fill.name.clone(),
        visible: fill.is_visible,
        opacity: fill.opacity,
        growth: fill.growth.map(|g| StoredGrowth {
            left: g.left,
            top: g.top,
            right: g.right,
            bottom: g.bottom,
        }),
        parts: fill.parts.iter().map(part).collect(),
        mask: (!fill.mask.rect.is_empty()).then(|| StoredPlane {
            rect: fill.mask.rect,
            data: fill.mask.plane().data,
        }),
        recipe: serde_json::to_value(&fill.recipe).unwrap_or_default(),
        stitch: serde_json::to_value(fill.stitch).unwrap_or_default(),
    }
}

fn live(stored: StoredFill) -> Fill {
    let part = |part: StoredPart| FillPart {
        coverage: Arc::new(Plane {
            size: part.rect.size(),
            data: part.coverage,
        }),
        rect: part.rect,
        content: part.content,
        blend_px: part.blend_px,
        source: part.source.map(live_source),
    };
    let mask = stored.mask.map_or_else(
        || {
            FillMask::new(
                crate::geometry::PixelRect::default(),
                &Plane::new(crate::geometry::PixelSize::default()),
            )
        },
        |plane| {
            FillMask::new(
                plane.rect,
                &Plane {
                    size: plane.rect.size(),
                    data: plane.data,
                },
            )
        },
    );
    Fill {
        id: FillId(stored.id),
        name: stored.name,
        is_visible: stored.visible,
        opacity: stored.opacity,
        growth: stored.growth.map(|g| Growth {
            left: g.left,
            top: g.top,
            right: g.right,
            bottom: g.bottom,
        }),
        parts: stored.parts.into_iter().map(part).collect(),
        mask,
        // A recipe that can't be read costs the recipe, not the fill.
        recipe: serde_json::from_value(stored.recipe).unwrap_or_default(),
        stitch: serde_json::from_value(stored.stitch).unwrap_or_default(),
    }
}

fn live_source(stored: StoredSource) -> Source {
    let plane = |data| {
        Arc::new(Plane {
            size: stored.rect.size(),
            data,
        })
    };
    Source {
        composite: plane(stored.composite),
        made: Arc::new(Made {
            rect: stored.rect,
            picture: stored.picture,
            denoise: plane(stored.denoise),
            seed: stored.seed,
        }),
    }
}
