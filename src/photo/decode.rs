//! Owns reading photographs: the file, its format by content, limits, orientation and metadata, and the checks that no
//! half picture gets in. Used by app, cli, mask and gallery. Must never guess a format by name or change a sample.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::error::PhotoError;
use super::limits::{MAX_EXIF_BYTES, MAX_FILE_BYTES, MAX_ICC_BYTES};
use super::{ColorSpace, Layout, Notes, Photo, PhotoFormat, Samples};
use super::{decode_jpeg, decode_png, decode_simple, decode_tiff, exif, orient, sniff};
use crate::geometry::PixelSize;

/// A photograph and what the user should know about how it was read.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub photo: Photo,
    pub warnings: Vec<String>,
}

/// What a format's decoder hands over: samples as stored, not yet upright.
pub(super) struct Stored {
    pub size: PixelSize,
    pub layout: Layout,
    pub samples: Samples,
    pub icc: Option<Vec<u8>>,
    pub exif: Option<Vec<u8>>,
    pub notes: Notes,
    /// Orientation from the format's own field; EXIF counts where this is `None`.
    pub orientation: Option<u8>,
    pub warnings: Vec<String>,
}

/// Reads the photograph at `path` (JPEG, PNG, WebP, TIFF, BMP, QOI, GIF, told by content).
pub fn decode_file(path: &Path) -> Result<Decoded, PhotoError> {
    let meta = std::fs::metadata(path).map_err(|e| PhotoError::reading(path, e))?;
    if meta.is_dir() {
        return Err(PhotoError::Unsupported(format!(
            "{} is a folder; choose a picture inside it",
            path.display()
        )));
    }
    if meta.len() > MAX_FILE_BYTES {
        return Err(PhotoError::TooLarge(format!(
            "{}: the file has {} MiB, the limit is {} MiB; save it in a compressed format first",
            path.display(),
            meta.len() >> 20,
            MAX_FILE_BYTES >> 20
        )));
    }
    let bytes = std::fs::read(path).map_err(|e| PhotoError::reading(path, e))?;
    decode_bytes(&bytes).map_err(|error| error.of_file(path))
}

/// Reads a photograph from memory; as [`decode_file`].
pub fn decode_bytes(bytes: &[u8]) -> Result<Decoded, PhotoError> {
    let format = sniff::sniff(bytes)?;
    // The decoders below are not ours. One that panics on a forged file fails that file and nothing else.
    let stored = catch_unwind(AssertUnwindSafe(|| match format {
        PhotoFormat::Jpeg => decode_jpeg::decode(bytes),
        PhotoFormat::Png => decode_png::decode(bytes),
        PhotoFormat::Tiff => decode_tiff::decode(bytes),
        _ => decode_simple::decode(bytes, format),
    }))
    .unwrap_or_else(|_| Err(PhotoError::damaged("picture", "its decoder gave up")))?;
    Ok(finish(stored, format))
}

/// Turns the picture upright and takes over what metadata is sound.
fn finish(stored: Stored, format: PhotoFormat) -> Decoded {
    let mut warnings = stored.warnings;
    let exif = stored
        .exif
        .map(|block| exif::without_prefix(&block).to_vec())
        .filter(|block| keep("EXIF block", block.len(), MAX_EXIF_BYTES, &mut warnings));
    let turn = stored
        .orientation
        .or_else(|| exif.as_deref().map(exif::orientation))
        .unwrap_or(1);
    let (samples, size) =
        orient::apply(stored.samples, stored.size, stored.layout.channels(), turn);
    let icc = stored.icc.filter(|profile| {
        keep(
            "colour profile",
            profile.len(),
            MAX_ICC_BYTES,
            &mut warnings,
        )
    });
    if let Some(profile) = &icc
        && let Err(problem) = ColorSpace::new(profile, stored.layout.is_gray())
    {
        warnings.push(format!(
            "the colour profile can't be used ({problem}); colours are shown as sRGB and the profile is kept"
        ));
    }
    let notes = stored.notes.cleaned(&mut warnings);
    Decoded {
        photo: Photo {
            size,
            layout: stored.layout,
            samples,
            icc: icc.map(Arc::from),
            exif: exif.map(|block| Arc::from(exif::upright(block))),
            notes: (!notes.is_empty()).then(|| Arc::new(notes)),
            format,
        },
        warnings,
    }
}

fn keep(what: &str, bytes: usize, limit: usize, warnings: &mut Vec<String>) -> bool {
    if bytes > limit {
        warnings.push(format!(
            "the {what} has {} MiB and was left out (the limit is {} MiB)",
            bytes >> 20,
            limit >> 20
        ));
    }
    bytes > 0 && bytes <= limit
}

/// A `Vec` of zeros, or an error instead of an abort when memory is short.
pub(super) fn zeros<T: Copy + Default>(len: usize) -> Result<Vec<T>, PhotoError> {
    let mut out = Vec::new();
    out.try_reserve_exact(len).map_err(|_full| {
        PhotoError::TooLarge(
            "there is not enough memory for this picture; close other programs".into(),
        )
    })?;
    out.resize(len, T::default());
    Ok(out)
}

/// The `image` crate's errors in our words.
pub(super) fn from_image(format: &str, error: &image::ImageError) -> PhotoError {
    use image::ImageError as E;
    match error {
        E::Limits(_) => PhotoError::TooLarge(format!(
            "the {format} file asks for more memory than allowed; make the picture smaller in another program"
        )),
        E::Unsupported(what) => PhotoError::Unsupported(format!(
            "this kind of {format} file is not read ({what}); open it in another program and save it as PNG"
        )),
        E::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            PhotoError::truncated(format)
        }
        other => PhotoError::damaged(format, other),
    }
}
