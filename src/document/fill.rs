//! Owns `Fill`: an accepted result as a layer that can be hidden, faded, re-masked, run again and removed. Kept by
//! `Content`. Positions are in document space: pixels from the corner of the photo as it was opened.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::compose::{Made, StitchOptions};
use crate::geometry::PixelRect;
use crate::mask::with_seam;
use crate::photo::Photo;
use crate::plan::GenerateSettings;
use crate::raster::Plane;

/// Number of a fill, unique in its document and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FillId(pub u64);

/// How a fill came about, enough to make it again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FillRecipe {
    /// The model's name for people.
    pub model: String,
    /// Where the model lies; none is the built-in exemplar.
    pub model_folder: Option<PathBuf>,
    /// SHA-256 of the weights, its first ten digits, where known.
    pub model_hash: Option<String>,
    pub device: String,
    pub precision: String,
    /// The size at which the model worked on the (first) crop.
    pub width: u32,
    pub height: u32,
    pub settings: GenerateSettings,
}

/// Pixels added to (or, negative, taken from) each side of the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Growth {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Growth {
    /// From one rectangle to another.
    pub fn between(from: PixelRect, to: PixelRect) -> Self {
        Self {
            left: from.x - to.x,
            top: from.y - to.y,
            right: to.right() - from.right(),
            bottom: to.bottom() - from.bottom(),
        }
    }

    #[must_use]
    pub fn apply(self, rect: PixelRect) -> PixelRect {
        PixelRect::from_edges(
            rect.x - self.left,
            rect.y - self.top,
            rect.right() + self.right,
            rect.bottom() + self.bottom,
        )
    }
}

/// A rectangle of pixels and how much of them goes into the picture.
#[derive(Debug, Clone)]
pub struct FillPart {
    pub rect: PixelRect,
    /// In the photo's space and depth, of the rectangle's size.
    pub content: Arc<Photo>,
    /// The composite mask, of the rectangle's size.
    pub coverage: Arc<Plane>,
    pub blend_px: u32,
    /// None for fills of older versions, whose stitch can't be changed.
    pub source: Option<Source>,
}

/// What a part was stitched from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its rectangle is in document space.
    pub made: Arc<Made>,
    /// The composite mask before the sliders, of the size of `made.rect`.
    pub composite: Arc<Plane>,
}

/// The user's mask around a fill, compressed: it is looked at seldom.
#[derive(Debug, Clone)]
pub struct FillMask {
    pub rect: PixelRect,
    packed: Arc<Vec<u8>>,
}

/// An accepted result.
#[derive(Debug, Clone)]
pub struct Fill {
    pub id: FillId,
    pub name: String,
    pub is_visible: bool,
    /// 0–1.
    pub opacity: f32,
    /// Set when the result made the canvas larger.
    pub growth: Option<Growth>,
    pub parts: Vec<FillPart>,
    pub mask: FillMask,
    pub recipe: FillRecipe,
    /// How the parts were stitched.
    pub stitch: StitchOptions,
}

impl Fill {
    /// Where the fill can show.
    pub fn bounds(&self) -> PixelRect {
        self.parts
            .iter()
            .map(|part| part.rect)
            .fold(PixelRect::default(), PixelRect::union)
    }

    /// The same fill behind another mask: coverage is made anew from it, inside the parts.
    #[must_use]
    pub fn with_mask(&self, mask: FillMask) -> Self {
        Self {
            parts: mask.apply_to(&self.parts),
            mask,
            ..self.clone()
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(FillPart::bytes).sum::<usize>() + self.mask.packed.len()
    }
}

impl FillPart {
    fn bytes(&self) -> usize {
        let source = self.source.as_ref();
        self.content.sample_bytes()
            + self.coverage.data.len()
            + source.map_or(0, |s| s.made.bytes() + s.composite.data.len())
    }
}

impl FillMask {
    /// `plane` has the rectangle's size.
    pub fn new(rect: PixelRect, plane: &Plane) -> Self {
        Self {
            rect,
            packed: Arc::new(lz4_flex::compress_prepend_size(&plane.data)),
        }
    }

    /// Of the rectangle's size.
    pub fn plane(&self) -> Plane {
        let size = self.rect.size();
        match lz4_flex::decompress_size_prepended(&self.packed) {
            Ok(data) if data.len() as u64 == size.area() => Plane { size, data },
            _ => {
                log::error!("the mask of a fill is damaged");
                Plane::new(size)
            }
        }
    }

    /// The part inside `rect`, in document space; 0 outside.
    pub fn crop(&self, rect: PixelRect) -> Plane {
        crop(&self.plane(), self.rect, rect)
    }

    /// The parts with coverage made anew from this mask.
    pub fn apply_to(&self, parts: &[FillPart]) -> Vec<FillPart> {
        let masked = |part: &FillPart| FillPart {
            coverage: Arc::new(self.coverage_over(part.rect, part.blend_px)),
            source: part.source.as_ref().map(|source| Source {
                composite: Arc::new(self.composite_of(part, source)),
                ..source.clone()
            }),
            ..part.clone()
        };
        parts.iter().map(masked).collect()
    }

    fn coverage_over(&self, rect: PixelRect, blend_px: u32) -> Plane {
        let around = rect.grow(blend_px as i32 + 1);
        let wide = with_seam(&self.crop(around), blend_px);
        crop(&wide, around, rect)
    }

    /// Where the part may reach once it is stitched anew: all that the model repainted.
    fn composite_of(&self, part: &FillPart, source: &Source) -> Plane {
        let mut composite = self.coverage_over(source.made.rect, part.blend_px);
        for (value, repainted) in composite.data.iter_mut().zip(&source.made.denoise.data) {
            *value = (*value).min(*repainted);
        }
        composite
    }
}

/// From a plane over `from` the part over `to`; 0 outside.
pub fn crop(plane: &Plane, from: PixelRect, to: PixelRect) -> Plane {
    let mut out = Plane::new(to.size());
    let common = to.intersect(from);
    let len = common.width as usize;
    for y in common.y..common.bottom() {
        let start = (y - from.y) as usize * plane.width() + (common.x - from.x) as usize;
        let at = (y - to.y) as usize * out.width() + (common.x - to.x) as usize;
        out.data[at..at + len].copy_from_slice(&plane.data[start..start + len]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    #[test]
    fn growth_goes_from_one_rectangle_to_the_other() {
        let (from, to) = (
            PixelRect::new(0, 0, 100, 80),
            PixelRect::new(-20, 5, 130, 75),
        );
        assert_eq!(Growth::between(from, to).apply(from), to);
    }

    #[test]
    fn a_new_mask_makes_new_coverage_inside_the_parts() {
        let rect = PixelRect::new(10, 10, 8, 4);
        let photo = Photo::from_rgb8(rect.size(), vec![9; 8 * 4 * 3]);
        let fill = Fill {
            id: FillId(1),
            name: String::new(),
            is_visible: true,
            opacity: 1.0,
            growth: None,
            parts: vec![FillPart {
                rect,
                content: Arc::new(photo),
                coverage: Arc::new(Plane::new(rect.size())),
                blend_px: 2,
                source: None,
            }],
            mask: FillMask::new(PixelRect::default(), &Plane::new(PixelSize::default())),
            recipe: FillRecipe::default(),
            stitch: StitchOptions::default(),
        };
        let mut plane = Plane::new(PixelSize::new(3, 4));
        plane.data.fill(255);
        let masked = fill.with_mask(FillMask::new(PixelRect::new(9, 10, 3, 4), &plane));
        let row = &masked.parts[0].coverage.data[..8];
        assert_eq!(row[..2], [255, 255]);
        assert!(row[2] > row[3] && row[3] > 0);
        assert_eq!(row[4..], [0; 4]);
    }
}
