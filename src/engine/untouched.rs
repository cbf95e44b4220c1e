//! Owns the proof that a job touched nothing outside its composite masks: hashes of those pixels' samples before and
//! after. Called when a report is asked for.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::job::Patch;
use crate::geometry::PixelRect;
use crate::photo::{Photo, PhotoError, Samples};
use crate::raster::Plane;

/// The pixels that no coverage reaches, new canvas left aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untouched {
    pub pixels: u64,
    /// SHA-256 over their samples, row by row, 16-bit ones with the low byte first; of the photo …
    pub sha256_before: String,
    /// … and of the result.
    pub sha256_after: String,
}

/// `photo` lies at `place` of `canvas`.
pub fn untouched(
    photo: &Photo,
    canvas: &Photo,
    place: PixelRect,
    patches: &[Patch],
) -> Result<Untouched, PhotoError> {
    let mut touched = Plane::new(photo.size);
    for patch in patches {
        let inside = patch.rect.intersect(place);
        for y in inside.y..inside.bottom() {
            for x in inside.x..inside.right() {
                let (from_x, from_y) = ((x - patch.rect.x) as usize, (y - patch.rect.y) as usize);
                if patch.coverage.get(from_x, from_y) > 0 {
                    touched.set((x - place.x) as usize, (y - place.y) as usize, 1);
                }
            }
        }
    }
    let mut before = std::borrow::Cow::Borrowed(photo);
    if photo.layout.is_gray() && !canvas.layout.is_gray() {
        before.to_mut().promote_to_rgb()?;
    }
    Ok(Untouched {
        pixels: touched.data.iter().map(|v| u64::from(*v == 0)).sum(),
        sha256_before: hash(&before, (0, 0), &touched),
        sha256_after: hash(canvas, (place.x, place.y), &touched),
    })
}

/// Over the pixels of a photo, from `corner` on, whose place in `touched` holds 0.
fn hash(photo: &Photo, corner: (i32, i32), touched: &Plane) -> String {
    let channels = photo.layout.channels();
    let mut hash = Sha256::new();
    for (y, row) in touched.data.chunks(touched.width().max(1)).enumerate() {
        let start = (corner.1 as usize + y) * photo.size.width as usize + corner.0 as usize;
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            let samples = (start + x) * channels..(start + x + run.len()) * channels;
            x += run.len();
            if run[0] != 0 {
                continue;
            }
            match &photo.samples {
                Samples::U8(data) => hash.update(&data[samples]),
                Samples::U16(data) => {
                    let bytes = data[samples].iter().flat_map(|v| v.to_le_bytes());
                    hash.update(bytes.collect::<Vec<u8>>());
                }
            }
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
