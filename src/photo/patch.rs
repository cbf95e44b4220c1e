//! Owns replacing a rectangle of a photo by another photo of the same kind: how results are accepted and taken back. Used
//! by document and app. Must never convert a sample.

use super::{Layout, Photo, PhotoError, PhotoFormat, Samples};
use crate::geometry::{PixelRect, PixelSize};

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

    /// Bytes of all samples.
    pub fn sample_bytes(&self) -> usize {
        match &self.samples {
            Samples::U8(data) => data.len(),
            Samples::U16(data) => data.len() * 2,
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
