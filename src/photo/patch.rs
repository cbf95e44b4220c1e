//! Owns putting a rectangle of one photo into another of the same kind: whole (`paste`) or by coverage (`mix`). Used by
//! document and app to show accepted fills. Must never touch a sample whose coverage is 0.

use rayon::prelude::*;

use super::buffer::Sample;
use super::{Layout, Photo, PhotoError, PhotoFormat, Samples};
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::Plane;

impl Photo {
    /// An 8-bit sRGB photo from interleaved RGB; length is `3 * width * height`.
    pub fn from_rgb8(size: PixelSize, rgb: Vec<u8>) -> Self {
        Self {
            size,
            layout: Layout::Rgb,
            samples: Samples::U8(rgb),
            icc: None,
            exif: None,
            notes: None,
            format: PhotoFormat::Png,
        }
    }

    /// A 16-bit sRGB photo from interleaved RGB; length is `3 * width * height`.
    pub fn from_rgb16(size: PixelSize, rgb: Vec<u16>) -> Self {
        Self {
            samples: Samples::U16(rgb),
            ..Self::from_rgb8(size, Vec::new())
        }
    }

    /// Copies `patch` over `rect`, sample by sample. Depth must agree; a colour patch makes a grey photo colour first,
    /// with that patch's profile.
    pub fn paste(&mut self, rect: PixelRect, patch: &Self) -> Result<(), PhotoError> {
        if rect.size() != patch.size || !self.size.rect().contains_rect(rect) {
            return Err(PhotoError::Caller(format!(
                "a patch of {} does not fit {} at {}, {} of a photo of {}",
                patch.size,
                rect.size(),
                rect.x,
                rect.y,
                self.size
            )));
        }
        if self.layout.is_gray() && !patch.layout.is_gray() {
            self.promote_to_rgb()?;
        }
        if self.layout != patch.layout {
            return Err(PhotoError::Caller(
                "a patch of another layout does not fit this photo".into(),
            ));
        }
        let channels = self.layout.channels();
        match (&mut self.samples, &patch.samples) {
            (Samples::U8(target), Samples::U8(source)) => {
                copy_rows(target, self.size, rect, source, channels);
            }
            (Samples::U16(target), Samples::U16(source)) => {
                copy_rows(target, self.size, rect, source, channels);
            }
            _ => {
                return Err(PhotoError::Caller(
                    "a patch of another depth does not fit this photo".into(),
                ));
            }
        }
        Ok(())
    }

    /// Mixes `content` into the photo with its corner at (`x`, `y`), by `coverage` (of the content's size; 0 keeps, 255
    /// replaces) times `opacity` (0–1), inside `clip` only. Places outside the photo are left out.
    ///
    /// Values are mixed as they are stored, in the photo's own space, and rounded once. Content that is transparent weighs
    /// less on a photo without alpha; elsewhere alpha is raised to at least what the content brings, and where it was low,
    /// the new colour weighs more by the "over" rule. A grey photo becomes colour when the content is. Depths must agree.
    pub fn mix(
        &mut self,
        (x, y): (i32, i32),
        content: &Self,
        coverage: &Plane,
        opacity: f32,
        clip: PixelRect,
    ) -> Result<(), PhotoError> {
        if coverage.size != content.size {
            return Err(PhotoError::Caller(format!(
                "the content is {} but its coverage {}; give both the same size",
                content.size, coverage.size
            )));
        }
        if self.layout.is_gray() && !content.layout.is_gray() {
            self.promote_to_rgb()?;
        }
        let place = PixelRect::new(x, y, content.size.width, content.size.height)
            .intersect(clip)
            .intersect(self.size.rect());
        if place.is_empty() {
            return Ok(());
        }
        let mix = Mix {
            place,
            corner: (x, y),
            width: self.size.width as usize,
            layout: self.layout,
            content_layout: content.layout,
            coverage,
            opacity: opacity.clamp(0.0, 1.0),
        };
        match (&mut self.samples, &content.samples) {
            (Samples::U8(target), Samples::U8(source)) => mix.run(target, source),
            (Samples::U16(target), Samples::U16(source)) => mix.run(target, source),
            _ => {
                return Err(PhotoError::Caller(
                    "content of another depth does not fit this photo".into(),
                ));
            }
        }
        Ok(())
    }

    /// Bytes of all samples.
    pub fn sample_bytes(&self) -> usize {
        match &self.samples {
            Samples::U8(data) => data.len(),
            Samples::U16(data) => data.len() * 2,
        }
    }
}

/// One `Photo::mix`.
struct Mix<'a> {
    /// What changes, in the photo; inside the content.
    place: PixelRect,
    /// The content's corner in the photo.
    corner: (i32, i32),
    width: usize,
    layout: Layout,
    content_layout: Layout,
    coverage: &'a Plane,
    opacity: f32,
}

impl Mix<'_> {
    fn run<T: Sample>(&self, target: &mut [T], source: &[T]) {
        let (channels, source_channels) = (self.layout.channels(), self.content_layout.channels());
        let stride = self.width * channels;
        let (left, len) = (
            self.place.x as usize * channels,
            self.place.width as usize * channels,
        );
        let from_x = (self.place.x - self.corner.0) as usize;
        let from_y = (self.place.y - self.corner.1) as usize;
        let content_width = self.coverage.width();
        let first = self.place.y as usize * stride;
        target[first..first + self.place.height as usize * stride]
            .par_chunks_mut(stride)
            .enumerate()
            .for_each(|(row, line)| {
                let at = (from_y + row) * content_width + from_x;
                let end = at + self.place.width as usize;
                self.row(
                    &mut line[left..left + len],
                    &source[at * source_channels..end * source_channels],
                    &self.coverage.data[at..end],
                );
            });
    }

    fn row<T: Sample>(&self, line: &mut [T], content: &[T], coverage: &[u8]) {
        let has_alpha = self.layout.has_alpha();
        let content_has_alpha = self.content_layout.has_alpha();
        let colors = self.layout.channels() - usize::from(has_alpha);
        let spreads_gray = self.content_layout.is_gray() && !self.layout.is_gray();
        let pixels = line
            .chunks_exact_mut(self.layout.channels())
            .zip(content.chunks_exact(self.content_layout.channels()))
            .zip(coverage);
        for ((pixel, new), coverage) in pixels {
            let mut share = f32::from(*coverage) / 255.0 * self.opacity;
            let brought = if content_has_alpha {
                new[new.len() - 1].to_f32() / T::MAX
            } else {
                1.0
            };
            if !has_alpha {
                share *= brought;
            }
            if share <= 0.0 {
                continue;
            }
            let mut weight = share;
            if has_alpha {
                let alpha = pixel[colors].to_f32() / T::MAX;
                let raised = share * brought;
                weight = share / (share + alpha * (1.0 - share));
                if alpha < raised {
                    pixel[colors] = T::from_f32(raised * T::MAX);
                }
            }
            for (c, sample) in pixel[..colors].iter_mut().enumerate() {
                let value = if spreads_gray { new[0] } else { new[c] };
                *sample = if weight >= 1.0 {
                    value
                } else {
                    let before = sample.to_f32();
                    T::from_f32(before + (value.to_f32() - before) * weight)
                };
            }
        }
    }
}

fn copy_rows<T: Copy>(
    target: &mut [T],
    size: PixelSize,
    rect: PixelRect,
    source: &[T],
    channels: usize,
) {
    let row = rect.width as usize * channels;
    if row == 0 {
        return;
    }
    for (line, pixels) in source.chunks_exact(row).enumerate() {
        let y = rect.y as usize + line;
        let start = (y * size.width as usize + rect.x as usize) * channels;
        target[start..start + row].copy_from_slice(pixels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_replaces_by_coverage_and_keeps_what_has_none() {
        let size = PixelSize::new(4, 1);
        let mut photo = Photo::from_rgb8(size, vec![100; 12]);
        let content = Photo::from_rgb8(PixelSize::new(3, 1), vec![200; 9]);
        let coverage = Plane {
            size: content.size,
            data: vec![0, 128, 255],
        };
        photo
            .mix((1, 0), &content, &coverage, 1.0, size.rect())
            .expect("fits");
        let expected = [100, 100, 150, 200].map(|v: u8| [v; 3]).concat();
        assert_eq!(photo.samples, Samples::U8(expected));
        // Outside the clip and outside the photo nothing happens.
        let before = photo.clone();
        let clip = PixelRect::new(0, 0, 1, 1);
        photo
            .mix((1, 0), &content, &coverage, 1.0, clip)
            .expect("fits");
        photo
            .mix((9, -7), &content, &coverage, 1.0, size.rect())
            .expect("fits");
        assert_eq!(photo, before);
    }

    #[test]
    fn transparency_of_photo_and_content_need_not_agree() {
        let size = PixelSize::new(2, 1);
        let full = Plane {
            size,
            data: vec![255; 2],
        };
        let mut opaque = Photo::from_rgb8(size, vec![100; 6]);
        let content = Photo {
            layout: Layout::Rgba,
            samples: Samples::U8(vec![200, 200, 200, 255, 200, 200, 200, 0]),
            ..Photo::from_rgb8(size, Vec::new())
        };
        opaque
            .mix((0, 0), &content, &full, 1.0, size.rect())
            .expect("fits");
        let expected = vec![200, 200, 200, 100, 100, 100];
        assert_eq!(opaque.samples, Samples::U8(expected));
        let mut clear = Photo {
            samples: Samples::U8(vec![0; 8]),
            ..content
        };
        let solid = Photo::from_rgb8(size, vec![50; 6]);
        clear
            .mix((0, 0), &solid, &full, 1.0, size.rect())
            .expect("fits");
        let expected = vec![50, 50, 50, 255, 50, 50, 50, 255];
        assert_eq!(clear.samples, Samples::U8(expected));
    }

    #[test]
    fn colour_content_makes_a_grey_photo_colour() {
        let size = PixelSize::new(2, 1);
        let mut photo = Photo {
            layout: Layout::Gray,
            samples: Samples::U8(vec![10, 20]),
            ..Photo::from_rgb8(size, Vec::new())
        };
        let content = Photo::from_rgb8(PixelSize::new(1, 1), vec![1, 2, 3]);
        let coverage = Plane {
            size: content.size,
            data: vec![255],
        };
        photo
            .mix((1, 0), &content, &coverage, 1.0, size.rect())
            .expect("fits");
        assert_eq!(photo.layout, Layout::Rgb);
        assert_eq!(photo.samples, Samples::U8(vec![10, 10, 10, 1, 2, 3]));
    }

    #[test]
    fn a_patch_that_was_cut_out_goes_back_exactly_and_a_wrong_one_is_refused() {
        let size = PixelSize::new(9, 7);
        let mut photo =
            Photo::from_rgb8(size, (0..9 * 7 * 3).map(|v| (v * 5 % 256) as u8).collect());
        let before = photo.clone();
        let rect = PixelRect::new(2, 3, 4, 2);
        let patch = photo.cropped(rect).expect("inside");
        photo
            .paste(rect, &Photo::from_rgb8(rect.size(), vec![9; 4 * 2 * 3]))
            .expect("fits");
        assert_ne!(photo, before);
        photo.paste(rect, &patch).expect("fits");
        assert_eq!(photo, before);
        assert!(photo.paste(rect.translate(6, 0), &patch).is_err());
    }
}
