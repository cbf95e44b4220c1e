//! Owns `StoredProject`, a project with its pictures in memory, and its way into an archive. Called by `document`.
//! Must never write what could not be read again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::ProjectError;
use super::archive::{self, Entry};
use super::format::{
    self, BaseText, FILE_NAME, FillText, PartText, PlaneText, ProjectText, SourceText, StoredGrowth,
};
use super::version;
use crate::geometry::{PixelRect, PixelSize};
use crate::photo::{EncodeOptions, Layout, Photo, PhotoFormat, Samples, encode_bytes};

const BASE: &str = "base.png";
const MASK: &str = "mask.png";

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
    /// The sliders of its stitch.
    pub stitch: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredPart {
    pub rect: PixelRect,
    /// Of the size of `rect`.
    pub content: Arc<Photo>,
    /// One byte a pixel of `rect`.
    pub coverage: Vec<u8>,
    /// How far the coverage fades outside the mask, in px.
    pub blend_px: u32,
    pub source: Option<StoredSource>,
}

/// What a part was stitched from.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSource {
    pub rect: PixelRect,
    /// The model's own picture: 16-bit RGB of any size.
    pub picture: Arc<Photo>,
    /// One byte a pixel of `rect`, as `composite`.
    pub denoise: Vec<u8>,
    pub composite: Vec<u8>,
    pub seed: u64,
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
    if pictures.iter().map(Picture::decoded_bytes).sum::<u64>() > format::MAX_PROJECT_BYTES {
        return Err(format::too_large());
    }
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
    fn decoded_bytes(&self) -> u64 {
        match self.pixels {
            Pixels::Photo(photo) => photo.sample_bytes() as u64,
            Pixels::Plane(data) => data.len() as u64,
        }
    }

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
        version: version::VERSION,
        reader: version::READER,
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
    let parts =
        fill.parts
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
                    blend_px: part.blend_px,
                    source: part.source.as_ref().map(|source| {
                        source_text(source, &format!("{folder}/part{number}"), pictures)
                    }),
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
        stitch: fill.stitch.clone(),
    }
}

fn source_text<'a>(
    source: &'a StoredSource,
    stem: &str,
    pictures: &mut Vec<Picture<'a>>,
) -> SourceText {
    let size = source.picture.size;
    let picture = format!("{stem}-model.png");
    pictures.push(Picture {
        name: picture.clone(),
        size,
        pixels: Pixels::Photo(&source.picture),
    });
    let mut plane = |word: &str, data: &'a [u8]| {
        let name = format!("{stem}-{word}.png");
        pictures.push(Picture {
            name: name.clone(),
            size: source.rect.size(),
            pixels: Pixels::Plane(data),
        });
        name
    };
    SourceText {
        rect: source.rect.into(),
        width: size.width,
        height: size.height,
        denoise: plane("denoise", &source.denoise),
        composite: plane("composite", &source.composite),
        picture,
        seed: source.seed,
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
