//! Owns `StoredProject`, a project with its pictures in memory, and its way into an archive and back. Called by
//! `document`. Must never take memory for a picture before its own header agrees with what the project says of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::ProjectError;
use super::archive::{self, Entry, Reader};
use super::format::{
    self, BaseText, FILE_NAME, FillText, MAX_TEXT_BYTES, PartText, PlaneText, ProjectText,
    StoredGrowth,
};
use crate::geometry::{PixelRect, PixelSize};
use crate::photo::{
    EncodeOptions, Layout, Photo, PhotoFormat, Samples, decode_bytes, encode_bytes,
};

const BASE: &str = "base.png";
const MASK: &str = "mask.png";
/// Profile, EXIF and notes at their limits, and what PNG puts around them.
const MAX_METADATA_BYTES: u64 = 40 << 20;
/// PNG's chunks and a zlib stream around pixels that don't compress.
const CONTAINER_BYTES: u64 = 64 << 10;

/// A whole project. Rectangles are in document space, whose origin is the base photo's top left.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProject {
    pub base: Arc<Photo>,
    /// Where the base photo was opened from.
    pub source: Option<PathBuf>,
    pub frame: PixelRect,
    /// From bottom to top.
    pub fills: Vec<StoredFill>,
    /// The mask as it stands.
    pub mask: Option<StoredPlane>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredFill {
    /// Different in every fill of a project.
    pub id: u64,
    pub name: String,
    pub visible: bool,
    /// 0–1.
    pub opacity: f32,
    pub growth: Option<StoredGrowth>,
    pub parts: Vec<StoredPart>,
    pub mask: Option<StoredPlane>,
    pub recipe: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredPart {
    pub rect: PixelRect,
    /// Of the size of `rect`.
    pub content: Arc<Photo>,
    /// One byte a pixel of `rect`.
    pub coverage: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPlane {
    pub rect: PixelRect,
    /// One byte a pixel of `rect`.
    pub data: Vec<u8>,
}

/// Writes the project to `path`; the old file is replaced only once the new one is whole and on disk. Returns what PNG
/// could not hold of the base photo, a sentence each.
pub fn write_archive(path: &Path, project: &StoredProject) -> Result<Vec<String>, ProjectError> {
    let (text, pictures) = text_of(project);
    let text = Entry {
        name: FILE_NAME.into(),
        data: format::to_bytes(&text)?,
    };
    // What could not be read again is not written.
    format::from_bytes(&text.data)
        .map_err(|e| ProjectError::Caller(format!("the project can't be saved: {e}")))?;
    let encoded = pictures
        .into_par_iter()
        .map(Picture::encoded)
        .collect::<Result<Vec<_>, _>>()?;
    let mut warnings = Vec::new();
    let mut entries = Vec::with_capacity(encoded.len());
    for (entry, said) in encoded {
        warnings.extend(said);
        entries.push(entry);
    }
    archive::write(path, &text, &entries)?;
    Ok(warnings)
}

/// A picture on its way into the archive.
struct Picture<'a> {
    name: String,
    size: PixelSize,
    pixels: Pixels<'a>,
}

enum Pixels<'a> {
    Photo(&'a Photo),
    Plane(&'a [u8]),
}

impl Picture<'_> {
    fn encoded(self) -> Result<(Entry, Vec<String>), ProjectError> {
        let options = EncodeOptions::default();
        let (found, result) = match self.pixels {
            Pixels::Photo(photo) => (photo.size, encode_bytes(photo, PhotoFormat::Png, &options)),
            Pixels::Plane(data) => {
                let photo = Photo {
                    size: self.size,
                    layout: Layout::Gray,
                    samples: Samples::U8(data.to_vec()),
                    icc: None,
                    exif: None,
                    notes: None,
                    format: PhotoFormat::Png,
                };
                (self.size, encode_bytes(&photo, PhotoFormat::Png, &options))
            }
        };
        if found != self.size {
            return Err(ProjectError::Caller(format!(
                "the project can't be saved: {} has {found} pixels in a place of {}",
                self.name, self.size
            )));
        }
        let (data, warnings) = result?;
        Ok((
            Entry {
                name: self.name,
                data,
            },
            warnings,
        ))
    }
}

/// The text of the project and the pictures that it names.
fn text_of(project: &StoredProject) -> (ProjectText, Vec<Picture<'_>>) {
    let base = &project.base;
    let mut pictures = vec![Picture {
        name: BASE.into(),
        size: base.size,
        pixels: Pixels::Photo(base),
    }];
    let fills = project
        .fills
        .iter()
        .enumerate()
        .map(|(index, fill)| fill_text(index, fill, &mut pictures))
        .collect();
    let mask = project
        .mask
        .as_ref()
        .map(|plane| plane_text(plane, MASK.into(), &mut pictures));
    let text = ProjectText {
        version: format::VERSION,
        reader: format::READER,
        app: concat!("Inlay ", env!("CARGO_PKG_VERSION")).into(),
        base: BaseText {
            file: BASE.into(),
            width: base.size.width,
            height: base.size.height,
            layout: base.layout.into(),
            depth: if base.samples.is_16_bit() { 16 } else { 8 },
            source_format: format::format_word(base.format).into(),
            source_path: project
                .source
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned()),
        },
        frame: project.frame.into(),
        fills,
        mask,
    };
    (text, pictures)
}

fn fill_text<'a>(index: usize, fill: &'a StoredFill, pictures: &mut Vec<Picture<'a>>) -> FillText {
    let folder = format!("fills/{index}");
    let parts = fill
        .parts
        .iter()
        .enumerate()
        .map(|(number, part)| {
            let content = format!("{folder}/part{number}.png");
            let coverage = format!("{folder}/part{number}-coverage.png");
            pictures.push(Picture {
                name: content.clone(),
                size: part.rect.size(),
                pixels: Pixels::Photo(&part.content),
            });
            pictures.push(Picture {
                name: coverage.clone(),
                size: part.rect.size(),
                pixels: Pixels::Plane(&part.coverage),
            });
            PartText {
                rect: part.rect.into(),
                content,
                coverage,
            }
        })
        .collect();
    FillText {
        id: fill.id,
        name: fill.name.clone(),
        visible: fill.visible,
        opacity: fill.opacity,
        growth: fill.growth,
        parts,
        mask: fill
            .mask
            .as_ref()
            .map(|plane| plane_text(plane, format!("{folder}/mask.png"), pictures)),
        recipe: fill.recipe.clone(),
    }
}

fn plane_text<'a>(
    plane: &'a StoredPlane,
    file: String,
    pictures: &mut Vec<Picture<'a>>,
) -> PlaneText {
    pictures.push(Picture {
        name: file.clone(),
        size: plane.rect.size(),
        pixels: Pixels::Plane(&plane.data),
    });
    PlaneText {
        rect: plane.rect.into(),
        file,
    }
}

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
                content: Arc::new(pictures.photo(&part.content, rect.size(), CONTAINER_BYTES)?),
                coverage: pictures.plane(&part.coverage, rect.size())?,
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
