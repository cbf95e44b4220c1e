//! Owns what a model made for one crop, kept beside the stitched result so that the stitch can be done again with other
//! sliders, without the model. Made by the engine; used by it and by app.

use std::sync::Arc;

use super::masks::CropMasks;
use super::stitch::{RING_PX, StitchCache, StitchError, StitchOptions, Stitched};
use crate::geometry::PixelRect;
use crate::photo::resample::resize_rgb;
use crate::photo::{Photo, PhotoError, Samples};
use crate::raster::{Plane, RgbF32};

/// Why a result can't be put back.
#[derive(Debug, thiserror::Error)]
pub enum MadeError {
    #[error(transparent)]
    Stitch(#[from] StitchError),
    #[error(transparent)]
    Photo(#[from] PhotoError),
}

/// A model's picture of one crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// What the picture and the mask cover: in canvas coordinates, or in document space once it belongs to a fill.
    pub rect: PixelRect,
    /// As the model made it, at its working size: 16-bit samples that hold sRGB values from −0.5 to 1.5, since colours of
    /// wide-gamut photos lie outside 0–1.
    pub picture: Arc<Photo>,
    /// Where the model repainted, of the size of `rect`.
    pub denoise: Arc<Plane>,
    /// Draws the grain.
    pub seed: u64,
}

/// A stitch in the photo's own space and depth, for `Photo::mix`.
#[derive(Debug, Clone)]
pub struct Put {
    /// The composite mask's bounds, in the coordinates of [`Made::rect`].
    pub rect: PixelRect,
    /// Of the size of `rect`; equal to the photo where the coverage is 0.
    pub content: Photo,
    pub coverage: Plane,
}

impl Made {
    /// Keeps what a stitch can need of `picture`, which shows all of `context` at any size.
    pub fn new(context: PixelRect, picture: &RgbF32, masks: &CropMasks, seed: u64) -> Self {
        let whole = context.size().rect();
        let kept = if picture.size == context.size() {
            let near = super::stitch::bounds(&masks.composite).grow(RING_PX as i32 + 1);
            near.intersect(whole)
        } else {
            whole
        };
        let (picture, denoise) = if kept == whole {
            (
                Photo::from_rgb16(picture.size, words(&picture.data)),
                masks.denoise.clone(),
            )
        } else {
            let values = super::stitch::cut(&picture.data, context.width as usize * 3, kept, 3);
            let denoise = Plane {
                size: kept.size(),
                data: super::stitch::cut(&masks.denoise.data, context.width as usize, kept, 1),
            };
            (Photo::from_rgb16(kept.size(), words(&values)), denoise)
        };
        Self {
            rect: kept.translate(context.x, context.y),
            picture: Arc::new(picture),
            denoise: Arc::new(denoise),
            seed,
        }
    }

    /// The same elsewhere.
    #[must_use]
    pub fn translate(&self, x: i32, y: i32) -> Self {
        Self {
            rect: self.rect.translate(x, y),
            ..self.clone()
        }
    }

    /// Measures the picture against `photo`, which shows `rect` as it was before. `composite` has the size of `rect`.
    pub fn prepare(&self, photo: &RgbF32, composite: Plane) -> Result<StitchCache, MadeError> {
        let picture = resize_rgb(&self.values()?, self.rect.size());
        let masks = CropMasks {
            denoise: Plane::clone(&self.denoise),
            composite,
        };
        Ok(StitchCache::prepare(photo, &picture, &masks, self.seed)?)
    }

    /// Stitches in one go. `photo` shows `rect` as it was before.
    pub fn put(
        &self,
        photo: &Photo,
        composite: Plane,
        options: &StitchOptions,
    ) -> Result<Option<Put>, MadeError> {
        let before = photo.crop_rgb(photo.size.rect())?;
        let stitched = self.prepare(&before, composite)?.apply(options);
        put(&stitched, photo, self.rect)
    }

    fn values(&self) -> Result<RgbF32, PhotoError> {
        match &self.picture.samples {
            Samples::U16(words) if words.len() as u64 == self.picture.size.area() * 3 => {
                Ok(RgbF32 {
                    size: self.picture.size,
                    data: words
                        .iter()
                        .map(|w| f32::from(*w) / 65535.0 * 2.0 - 0.5)
                        .collect(),
                })
            }
            _ => Err(PhotoError::Caller(
                "the model's picture of this edit is not 16-bit RGB; make the edit again"
                    .to_owned(),
            )),
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.picture.sample_bytes() + self.denoise.data.len()
    }
}

/// The stitch in the space and depth of `photo`, which shows `rect`. None when there is nothing to put back.
pub fn put(stitched: &Stitched, photo: &Photo, rect: PixelRect) -> Result<Option<Put>, MadeError> {
    if stitched.rect.is_empty() {
        return Ok(None);
    }
    // The content is the picture at full coverage, so that opacity and mask can be changed later.
    let mut content = photo.cropped(stitched.rect)?;
    let everywhere = Plane {
        size: stitched.rect.size(),
        data: stitched
            .coverage
            .data
            .iter()
            .map(|c| if *c > 0 { 255 } else { 0 })
            .collect(),
    };
    content.blend(stitched.rect.size().rect(), &stitched.picture, &everywhere)?;
    Ok(Some(Put {
        rect: stitched.rect.translate(rect.x, rect.y),
        content,
        coverage: stitched.coverage.clone(),
    }))
}

fn words(values: &[f32]) -> Vec<u16> {
    let word = |v: &f32| (v.clamp(-0.5, 1.5).midpoint(0.5) * 65535.0).round() as u16;
    values.iter().map(word).collect()
}
