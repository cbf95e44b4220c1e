//! Owns the way of a project out of its archive. Called by `document`. Must never take memory for a picture before its
//! own header agrees with what the project says of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::Reader;
use super::format::{self, BaseText, FILE_NAME, MAX_TEXT_BYTES, PlaneText, SourceText};
use super::{ProjectError, StoredFill, StoredPart, StoredPlane, StoredProject, StoredSource};
use crate::geometry::{PixelRect, PixelSize};
use crate::photo::{Layout, Photo, Samples, decode_bytes};

/// Profile, EXIF and notes at their limits, and what PNG puts around them.
const MAX_METADATA_BYTES: u64 = 40 << 20;
/// PNG's chunks and a zlib stream around pixels that don't compress.
const CONTAINER_BYTES: u64 = 64 << 10;

/// Reads the project at `path`. Every fault names the entry that has it.
pub fn read_archive(path: &Path) -> Result<StoredProject, ProjectError> {
    read(path).map_err(|error| error.of_file(path))
}

fn read(path: &Path) -> Result<StoredProject, ProjectError> {
    let mut pictures = Pictures {
        reader: Reader::open(path)?,
        left: format::MAX_PROJECT_BYTES,
    };
    let text = format::from_bytes(&pictures.reader.read(FILE_NAME, MAX_TEXT_BYTES)?)?;
    let base = pictures.base(&text.base)?;
    let mut fills = Vec::new();
    for fill in text.fills {
        let mut parts = Vec::new();
        for part in &fill.parts {
            let rect: PixelRect = part.rect.into();
            parts.push(StoredPart {
                rect,
                content: Arc::new(pictures.photo(
                    &part.content,
                    rect.size(),
                    MAX_METADATA_BYTES,
                )?),
                coverage: pictures.plane(&part.coverage, rect.size())?,
                blend_px: part.blend_px,
                source: match &part.source {
                    None => None,
                    Some(source) => Some(pictures.source(source)?),
                },
            });
        }
        fills.push(StoredFill {
            id: fill.id,
            name: fill.name,
            visible: fill.visible,
            opacity: fill.opacity,
            growth: fill.growth,
            parts,
            mask: pictures.stored_plane(fill.mask.as_ref())?,
            recipe: fill.recipe,
            stitch: fill.stitch,
        });
    }
    Ok(StoredProject {
        base: Arc::new(base),
        source: text.base.source_path.map(PathBuf::from),
        frame: text.frame.into(),
        fills,
        mask: pictures.stored_plane(text.mask.as_ref())?,
    })
}

/// The archive's pictures, decoded one after the other.
struct Pictures {
    reader: Reader,
    /// Bytes that decoded pictures may still take.
    left: u64,
}

impl Pictures {
    fn base(&mut self, base: &BaseText) -> Result<Photo, ProjectError> {
        let size = PixelSize::new(base.width, base.height);
        let mut photo = self.photo(&base.file, size, MAX_METADATA_BYTES)?;
        let depth = if photo.samples.is_16_bit() { 16 } else { 8 };
        if photo.layout != base.layout.into() || depth != base.depth {
            return Err(ProjectError::damaged(
                &base.file,
                format!(
                    "is {:?} with {depth} bits, the project says {:?} with {}",
                    photo.layout, base.layout, base.depth
                ),
            ));
        }
        photo.format = format::format_of(&base.source_format);
        Ok(photo)
    }

    /// The picture `name`, which must have `size`; `around` bytes of its file may be other than pixels.
    fn photo(&mut self, name: &str, size: PixelSize, around: u64) -> Result<Photo, ProjectError> {
        // At most four channels of 16 bits, a filter byte a row, and five bytes for each 16 KiB that deflate gives up on.
        let pixels = size.area() * 8 + u64::from(size.height);
        let bytes = self.reader.read(name, pixels + pixels / 1024 + around)?;
        let header = Header::of(&bytes)
            .ok_or_else(|| ProjectError::damaged(name, "is not a PNG picture"))?;
        if header.size != size {
            return Err(ProjectError::damaged(
                name,
                format!("has {} pixels, the project says {size}", header.size),
            ));
        }
        let needed = size.area() * header.bytes_per_pixel;
        self.left = self
            .left
            .checked_sub(needed)
            .ok_or_else(format::too_large)?;
        let photo = decode_bytes(&bytes)
            .map_err(|error| ProjectError::damaged(name, format!("can't be decoded ({error})")))?
            .photo;
        if photo.size != size {
            return Err(ProjectError::damaged(name, "is turned by its EXIF"));
        }
        Ok(photo)
    }

    fn plane(&mut self, name: &str, size: PixelSize) -> Result<Vec<u8>, ProjectError> {
        let photo = self.photo(name, size, CONTAINER_BYTES)?;
        match (photo.layout, photo.samples) {
            (Layout::Gray, Samples::U8(data)) => Ok(data),
            _ => Err(ProjectError::damaged(name, "is not 8-bit grey")),
        }
    }

    fn source(&mut self, source: &SourceText) -> Result<StoredSource, ProjectError> {
        let rect: PixelRect = source.rect.into();
        let size = PixelSize::new(source.width, source.height);
        let picture = self.photo(&source.picture, size, CONTAINER_BYTES)?;
        if picture.layout != Layout::Rgb || !picture.samples.is_16_bit() {
            return Err(ProjectError::damaged(&source.picture, "is not 16-bit RGB"));
        }
        Ok(StoredSource {
            rect,
            picture: Arc::new(picture),
            denoise: self.plane(&source.denoise, rect.size())?,
            composite: self.plane(&source.composite, rect.size())?,
            seed: source.seed,
        })
    }

    fn stored_plane(
        &mut self,
        plane: Option<&PlaneText>,
    ) -> Result<Option<StoredPlane>, ProjectError> {
        let Some(plane) = plane else { return Ok(None) };
        let rect: PixelRect = plane.rect.into();
        let data = self.plane(&plane.file, rect.size())?;
        Ok(Some(StoredPlane { rect, data }))
    }
}

/// What a PNG says first (PNG, 11.2.1).
struct Header {
    size: PixelSize,
    bytes_per_pixel: u64,
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Self> {
        let head = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
        let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let size = PixelSize::new(number(0)?, number(4)?);
        let channels = match head.get(9)? {
            0 => 1,
            4 => 2,
            2 => 3,
            // Indexed pictures unfold to four at most.
            _ => 4,
        };
        let depth = if *head.get(8)? == 16 { 2 } else { 1 };
        Some(Self {
            size,
            bytes_per_pixel: channels * depth,
        })
    }
}
