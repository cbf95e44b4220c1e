//! Owns decoding TIFF with 8 and 16 bits: grey, RGB, with alpha, in strips, tiles or planes, JPEG inside too, with ICC
//! and orientation. Called by decode. Must never open a camera RAW file's thumbnail as if it were the photograph.

use std::io::Cursor;

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

use super::buffer::Sample;
use super::decode::Stored;
use super::error::PhotoError;
use super::limits::{MAX_DECODED_BYTES, MAX_ICC_BYTES, check_plausible, check_size};
use super::{Layout, Notes, Samples};
use crate::geometry::PixelSize;

/// Deflate's 1/1032 and LZW's lower bound, for 1-bit pictures.
const PIXELS_PER_BYTE: u64 = 1 << 14;
/// XMP specification, part 3, 1.1.6.
pub(super) const XMP_PACKET: Tag = Tag::Unknown(700);
const DNG_VERSION: Tag = Tag::Unknown(50706);
const YCBCR_COEFFICIENTS: Tag = Tag::Unknown(529);
const PALETTE: u16 = 3;
const ASSOCIATED_ALPHA: u16 = 1;

type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

pub fn decode(bytes: &[u8]) -> Result<Stored, PhotoError> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_DECODED_BYTES as usize;
    limits.intermediate_buffer_size = MAX_DECODED_BYTES as usize;
    limits.ifd_value_size = MAX_ICC_BYTES;
    let mut reader = Decoder::new(Cursor::new(bytes))
        .map_err(|e| from_tiff(&e))?
        .with_limits(limits);
    let (width, height) = reader.dimensions().map_err(|e| from_tiff(&e))?;
    let size = PixelSize::new(width, height);
    check_size(size, Layout::Gray, 1)?;
    check_plausible("TIFF", size, bytes.len(), PIXELS_PER_BYTE)?;
    refuse_raw(&mut reader)?;
    let kind = Kind::of(&mut reader)?;
    check_size(size, kind.layout, if kind.wide { 2 } else { 1 })?;
    let icc = reader.get_tag_u8_vec(Tag::IccProfile).ok();
    let notes = Notes {
        xmp: reader.get_tag_u8_vec(XMP_PACKET).ok(),
        texts: Vec::new(),
    };
    let orientation = number(&mut reader, Tag::Orientation).map_or(1, |v| v.min(255) as u8);
    let mut warnings = Vec::new();
    let samples = kind.read(&mut reader, size, &mut warnings)?;
    if reader.more_images() {
        warnings.push("the TIFF holds several pages; only the first one was opened".into());
    }
    Ok(Stored {
        size,
        layout: kind.layout,
        samples,
        icc,
        exif: None,
        notes,
        orientation: Some(orientation),
        warnings,
    })
}

fn number(reader: &mut Reader<'_>, tag: Tag) -> Option<u16> {
    reader.find_tag_unsigned::<u16>(tag).ok().flatten()
}

fn has(reader: &mut Reader<'_>, tag: Tag) -> bool {
    matches!(reader.find_tag(tag), Ok(Some(_)) | Err(_))
}

/// Camera files are TIFFs as well; their first page is a thumbnail or undeveloped.
fn refuse_raw(reader: &mut Reader<'_>) -> Result<(), PhotoError> {
    let reduced = number(reader, Tag::NewSubfileType).is_some_and(|v| v & 1 == 1);
    if has(reader, DNG_VERSION) || (reduced && has(reader, Tag::SubIfd)) {
        return Err(PhotoError::Unsupported(
            "this is a camera RAW file; develop it in a RAW converter and save it as 16-bit TIFF"
                .into(),
        ));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Kind {
    layout: Layout,
    wide: bool,
    bilevel: bool,
    ycbcr: bool,
    premultiplied: bool,
}

impl Kind {
    fn of(reader: &mut Reader<'_>) -> Result<Self, PhotoError> {
        let refuse = |what: String| {
            Err(PhotoError::Unsupported(format!(
                "{what} TIFF files are not read; open it in another program and save it as RGB TIFF with 8 or 16 bits"
            )))
        };
        if number(reader, Tag::PhotometricInterpretation) == Some(PALETTE) {
            return refuse("palette".into());
        }
        let formats = reader
            .find_tag_unsigned_vec::<u16>(Tag::SampleFormat)
            .ok()
            .flatten()
            .unwrap_or_default();
        if let Some(format) = formats.iter().find(|f| **f != 1 && **f != 4) {
            let name = match format {
                2 => "signed",
                3 => "floating-point (HDR)",
                _ => "complex-valued",
            };
            return refuse(name.into());
        }
        let extra = reader
            .find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)
            .ok()
            .flatten()
            .unwrap_or_default();
        let color = reader.colortype().map_err(|e| from_tiff(&e))?;
        let (layout, bits) = match color {
            ColorType::Gray(bits) => (Layout::Gray, bits),
            ColorType::GrayA(bits)
            | ColorType::Multiband {
                bit_depth: bits,
                num_samples: 2,
            } => (Layout::GrayAlpha, bits),
            ColorType::RGB(bits) => (Layout::Rgb, bits),
            ColorType::YCbCr(8) => (Layout::Rgb, 8),
            ColorType::RGBA(bits) => (Layout::Rgba, bits),
            ColorType::CMYK(_) | ColorType::CMYKA(_) => return refuse("CMYK (print)".into()),
            ColorType::Lab(_) => return refuse("Lab".into()),
            other => return refuse(format!("{other:?}")),
        };
        let bilevel = layout == Layout::Gray && bits == 1;
        if bits != 8 && bits != 16 && !bilevel {
            return refuse(format!("{bits}-bit"));
        }
        Ok(Self {
            layout,
            wide: bits == 16,
            bilevel,
            ycbcr: matches!(color, ColorType::YCbCr(_)),
            premultiplied: layout.has_alpha() && extra.first() == Some(&ASSOCIATED_ALPHA),
        })
    }

    fn read(
        self,
        reader: &mut Reader<'_>,
        size: PixelSize,
        warnings: &mut Vec<String>,
    ) -> Result<Samples, PhotoError> {
        if self.ycbcr && (has(reader, YCBCR_COEFFICIENTS) && !bt601(reader)) {
            warnings.push(
                "the TIFF uses unusual YCbCr coefficients; colours may be a little off".into(),
            );
        }
        let mut result = DecodingResult::U8(Vec::new());
        let layout = reader
            .read_image_to_buffer(&mut result)
            .map_err(|e| from_tiff(&e))?;
        let pixels = size.area() as usize;
        let channels = self.layout.channels();
        let planes = layout.planes;
        let samples = match result {
            DecodingResult::U8(data) if self.bilevel => {
                Samples::U8(unpack_bits(&data, size).ok_or_else(|| PhotoError::truncated("TIFF"))?)
            }
            DecodingResult::U8(data) if !self.wide => {
                Samples::U8(self.finish(gather(data, pixels, channels, planes)?, warnings))
            }
            DecodingResult::U16(data) if self.wide => {
                Samples::U16(self.finish(gather(data, pixels, channels, planes)?, warnings))
            }
            _ => {
                return Err(PhotoError::damaged(
                    "TIFF",
                    "its sample depth is contradictory",
                ));
            }
        };
        Ok(samples)
    }

    fn finish<T: Sample>(self, mut data: Vec<T>, warnings: &mut Vec<String>) -> Vec<T> {
        if self.ycbcr {
            data.chunks_exact_mut(3).for_each(ycbcr_to_rgb);
        }
        if self.premultiplied {
            let channels = self.layout.channels();
            data.chunks_exact_mut(channels).for_each(unpremultiply);
            warnings.push(
                "the TIFF's colours were multiplied by its alpha; they were divided again".into(),
            );
        }
        data
    }
}

fn bt601(reader: &mut Reader<'_>) -> bool {
    reader
        .get_tag_f32_vec(YCBCR_COEFFICIENTS)
        .is_ok_and(|c| c.len() == 3 && (c[0] - 0.299).abs() < 0.002 && (c[2] - 0.114).abs() < 0.002)
}

/// Pixels side by side from data that may come plane by plane, with its length checked.
fn gather<T: Copy>(
    data: Vec<T>,
    pixels: usize,
    channels: usize,
    planes: usize,
) -> Result<Vec<T>, PhotoError> {
    if planes > 1 {
        if planes < channels || data.len() < pixels * channels {
            return Err(PhotoError::truncated("TIFF"));
        }
        let stride = data.len() / planes;
        return Ok((0..pixels)
            .flat_map(|i| (0..channels).map(move |c| (i, c)))
            .map(|(i, c)| data[c * stride + i])
            .collect());
    }
    if data.len() == pixels * channels {
        return Ok(data);
    }
    Err(PhotoError::damaged(
        "TIFF",
        "it holds an unexpected number of samples",
    ))
}

/// One bit a pixel, rows padded to bytes, to 0 and 255.
fn unpack_bits(data: &[u8], size: PixelSize) -> Option<Vec<u8>> {
    let (w, h) = (size.width as usize, size.height as usize);
    let stride = w.div_ceil(8);
    if data.len() < stride * h {
        return None;
    }
    let mut out = Vec::with_capacity(w * h);
    for row in data.chunks_exact(stride).take(h) {
        out.extend((0..w).map(|x| {
            if row[x / 8] >> (7 - x % 8) & 1 == 1 {
                255
            } else {
                0
            }
        }));
    }
    Some(out)
}

/// Full-range BT.601 (JFIF 1.02), as JPEG data inside TIFF has it.
fn ycbcr_to_rgb<T: Sample>(pixel: &mut [T]) {
    let half = f32::midpoint(T::MAX, 1.0);
    let (y, cb, cr) = (
        pixel[0].to_f32(),
        pixel[1].to_f32() - half,
        pixel[2].to_f32() - half,
    );
    pixel[0] = T::from_f32(y + 1.402 * cr);
    pixel[1] = T::from_f32(y - 0.344_136 * cb - 0.714_136 * cr);
    pixel[2] = T::from_f32(y + 1.772 * cb);
}

fn unpremultiply<T: Sample>(pixel: &mut [T]) {
    let (alpha, color) = match pixel.split_last_mut() {
        Some((alpha, color)) => (alpha.to_f32(), color),
        None => return,
    };
    if alpha > 0.0 {
        for value in color {
            *value = T::from_f32(value.to_f32() * T::MAX / alpha);
        }
    }
}

fn from_tiff(error: &tiff::TiffError) -> PhotoError {
    match error {
        tiff::TiffError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            PhotoError::truncated("TIFF")
        }
        tiff::TiffError::UnsupportedError(what) => PhotoError::Unsupported(format!(
            "this kind of TIFF is not read ({what}); open it in another program and save it as RGB TIFF with 8 or 16 bits"
        )),
        tiff::TiffError::LimitsExceeded => PhotoError::TooLarge(
            "the TIFF asks for more memory than allowed; make the picture smaller in another program".into(),
        ),
        other => PhotoError::damaged("TIFF", other),
    }
}
