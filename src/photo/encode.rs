//! Owns writing photographs: which format, what it can hold, and telling the user what it can't. Used by app, cli and
//! gallery. Must never drop depth, alpha, colour or metadata silently, and never leave half a file (see `save`).

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::buffer::Sample;
use super::limits::MAX_SIDE;
use super::{ColorSpace, Layout, Photo, PhotoError, PhotoFormat, Recipe, Samples};
use super::{encode_formats, metadata, save};

/// How to write.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodeOptions {
    /// 1–100; values outside are clamped. Colour is kept at full resolution (4:4:4) at every quality.
    pub jpeg_quality: u8,
    /// Leaves out all metadata: EXIF (camera, place, time), XMP, texts and the recipe. The colour profile stays, since
    /// the colours need it.
    pub strip_metadata: bool,
    /// How the picture was made, to be written where other tools look for it (PNG, JPEG, WebP).
    pub recipe: Option<Recipe>,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            jpeg_quality: 95,
            strip_metadata: false,
            recipe: None,
        }
    }
}

/// What a format can hold.
struct Ability {
    name: &'static str,
    wide: bool,
    alpha: bool,
    gray: bool,
    icc: bool,
    max_side: u32,
}

impl PhotoFormat {
    /// The format that a file name's extension stands for.
    pub fn from_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "jpg" | "jpeg" | "jpe" | "jfif" => Self::Jpeg,
            "png" => Self::Png,
            "webp" => Self::WebP,
            "tif" | "tiff" => Self::Tiff,
            "bmp" | "dib" => Self::Bmp,
            "qoi" => Self::Qoi,
            "gif" => Self::Gif,
            _ => return None,
        })
    }

    /// Whether [`encode_file`] writes this format.
    pub const fn is_writable(self) -> bool {
        !matches!(self, Self::Gif)
    }

    const fn ability(self) -> Ability {
        let all = Ability {
            name: "PNG",
            wide: true,
            alpha: true,
            gray: true,
            icc: true,
            max_side: MAX_SIDE,
        };
        match self {
            Self::Png | Self::Gif => all,
            Self::Tiff => Ability {
                name: "TIFF",
                ..all
            },
            Self::Jpeg => Ability {
                name: "JPEG",
                wide: false,
                alpha: false,
                ..all
            },
            Self::WebP => Ability {
                name: "WebP",
                wide: false,
                gray: false,
                max_side: 16_383,
                ..all
            },
            Self::Bmp => Ability {
                name: "BMP",
                wide: false,
                alpha: false,
                gray: false,
                icc: false,
                ..all
            },
            Self::Qoi => Ability {
                name: "QOI",
                wide: false,
                gray: false,
                icc: false,
                ..all
            },
        }
    }
}

/// Writes `photo` to `path`, its format told by the extension. The old file, if there is one, is replaced only once
/// the new one is whole and on disk. Returns what the format could not hold, a sentence each.
pub fn encode_file(
    photo: &Photo,
    path: &Path,
    options: &EncodeOptions,
) -> Result<Vec<String>, PhotoError> {
    let (bytes, warnings) = encode_bytes(photo, writable_format(path)?, options)?;
    save::write_atomically(path, &bytes)?;
    Ok(warnings)
}

/// Writes `photo` beside `source` under a new name (`NAME-word.ext`, `NAME-word-2.ext`, …) that no file has, also
/// when two programs do so at once. Returns the path and the warnings of [`encode_file`].
pub fn encode_beside(
    photo: &Photo,
    source: &Path,
    word: &str,
    options: &EncodeOptions,
) -> Result<(PathBuf, Vec<String>), PhotoError> {
    let first = save::default_output(source, word);
    let (bytes, warnings) = encode_bytes(photo, writable_format(&first)?, options)?;
    let path = save::write_new(source, word, &bytes)?;
    Ok((path, warnings))
}

/// The format that a file name asks for, if it is one that Inlay writes.
pub fn writable_format(path: &Path) -> Result<PhotoFormat, PhotoError> {
    let list = "use .png, .tif, .jpg, .webp, .bmp or .qoi";
    match PhotoFormat::from_extension(path) {
        Some(PhotoFormat::Gif) => Err(PhotoError::CannotWrite(format!(
            "GIF can't hold a photograph's colours and is not written; {list}"
        ))),
        Some(format) => Ok(format),
        None => Err(PhotoError::CannotWrite(format!(
            "the name {} has no extension that tells a format; {list}",
            path.display()
        ))),
    }
}

/// The bytes of `photo` in `format`, and what the format could not hold.
pub fn encode_bytes(
    photo: &Photo,
    format: PhotoFormat,
    options: &EncodeOptions,
) -> Result<(Vec<u8>, Vec<String>), PhotoError> {
    photo.validate()?;
    let ability = format.ability();
    if photo.size.long_side() > ability.max_side {
        return Err(PhotoError::CannotWrite(format!(
            "{} holds at most {} pixels a side, the picture is {}; save it as PNG or TIFF",
            ability.name, ability.max_side, photo.size
        )));
    }
    let mut warnings = Vec::new();
    let fitting = fit(photo, &ability, &mut warnings)?;
    let metadata = metadata::gather(photo, format, ability.name, options, &mut warnings);
    let bytes = encode_formats::encode(&fitting, format, &metadata, options.jpeg_quality)?;
    Ok((bytes, warnings))
}

/// The photo as the format can hold it.
fn fit<'a>(
    photo: &'a Photo,
    ability: &Ability,
    warnings: &mut Vec<String>,
) -> Result<Cow<'a, Photo>, PhotoError> {
    let name = ability.name;
    let mut out = Cow::Borrowed(photo);
    if photo.icc.is_some() && !ability.icc {
        let space = ColorSpace::of(photo);
        if !space.is_srgb() {
            out = Cow::Owned(in_srgb(photo, &space));
            warnings.push(format!(
                "{name} can't hold a colour profile; the colours were converted to sRGB"
            ));
        }
        if let Cow::Owned(photo) = &mut out {
            photo.icc = None;
        }
    }
    if out.layout.has_alpha() && !ability.alpha {
        if out.transparency_plane().is_some() {
            warnings.push(format!(
                "{name} can't hold transparency; the picture was put on white"
            ));
        }
        out = Cow::Owned(on_white(&out));
    }
    if out.samples.is_16_bit() && !ability.wide {
        out = Cow::Owned(to_8_bit(&out));
        warnings.push(format!(
            "{name} holds 8 bits a channel; the 16-bit values were rounded"
        ));
    }
    if out.layout.is_gray() && !ability.gray {
        out.to_mut().promote_to_rgb()?;
    }
    Ok(out)
}

fn with_samples(photo: &Photo, layout: Layout, samples: Samples) -> Photo {
    Photo {
        size: photo.size,
        layout,
        samples,
        icc: photo.icc.clone(),
        exif: photo.exif.clone(),
        notes: photo.notes.clone(),
        format: photo.format,
    }
}

fn to_8_bit(photo: &Photo) -> Photo {
    let samples = match &photo.samples {
        Samples::U8(data) => data.clone(),
        Samples::U16(data) => data
            .par_iter()
            .with_min_len(1 << 16)
            .map(|v| ((u32::from(*v) * 255 + 32_767) / 65_535) as u8)
            .collect(),
    };
    with_samples(photo, photo.layout, Samples::U8(samples))
}

/// Colour values converted to sRGB in the photo's own depth; alpha untouched.
fn in_srgb(photo: &Photo, space: &ColorSpace) -> Photo {
    fn convert<T: Sample>(data: &[T], layout: Layout, space: &ColorSpace) -> Vec<T> {
        let channels = layout.channels();
        let colors = channels - usize::from(layout.has_alpha());
        let mut out = data.to_vec();
        out.par_chunks_mut(channels << 12).for_each(|span| {
            for pixel in span.chunks_exact_mut(channels) {
                let mut values = [0.0f32; 3];
                for c in 0..colors {
                    values[c] = pixel[c].to_f32() / T::MAX;
                }
                if layout.is_gray() {
                    values[0] = space.gray_to_srgb(values[0]);
                } else {
                    space.to_srgb(&mut values);
                }
                for c in 0..colors {
                    pixel[c] = T::from_f32(values[c] * T::MAX);
                }
            }
        });
        out
    }
    let samples = match &photo.samples {
        Samples::U8(data) => Samples::U8(convert(data, photo.layout, space)),
        Samples::U16(data) => Samples::U16(convert(data, photo.layout, space)),
    };
    with_samples(photo, photo.layout, samples)
}

/// Composited on white in the photo's encoded values.
fn on_white(photo: &Photo) -> Photo {
    fn flatten<T: Sample>(data: &[T], channels: usize) -> Vec<T> {
        let colors = channels - 1;
        data.par_chunks(channels << 12)
            .flat_map_iter(|span| {
                span.chunks_exact(channels).flat_map(move |pixel| {
                    let alpha = pixel[colors].to_f32() / T::MAX;
                    pixel[..colors]
                        .iter()
                        .map(move |v| T::from_f32(v.to_f32() * alpha + T::MAX * (1.0 - alpha)))
                })
            })
            .collect()
    }
    let (layout, channels) = if photo.layout.is_gray() {
        (Layout::Gray, 2)
    } else {
        (Layout::Rgb, 4)
    };
    let samples = match &photo.samples {
        Samples::U8(data) => Samples::U8(flatten(data, channels)),
        Samples::U16(data) => Samples::U16(flatten(data, channels)),
    };
    with_samples(photo, layout, samples)
}
