//! Owns decoding WebP, BMP, QOI and GIF through the `image` crate, and the checks that it leaves to its caller
//! (animation, files that end early). Called by decode. Must never play an animation.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, qoi::QoiDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder};

use super::decode::{Stored, from_image, zeros};
use super::error::PhotoError;
use super::limits::{check_plausible, check_size};
use super::{Layout, Notes, PhotoFormat, Samples, webp_chunks};
use crate::geometry::PixelSize;

pub fn decode(bytes: &[u8], format: PhotoFormat) -> Result<Stored, PhotoError> {
    match format {
        PhotoFormat::WebP => webp(bytes),
        PhotoFormat::Bmp => {
            let decoder = BmpDecoder::new(Cursor::new(bytes));
            read("BMP", decoder, bytes, 2048)
        }
        PhotoFormat::Qoi => {
            // A run covers 62 pixels with one byte.
            let decoder = QoiDecoder::new(Cursor::new(bytes));
            let stored = read("QOI", decoder, bytes, 62)?;
            if !bytes.ends_with(&[0, 0, 0, 0, 0, 0, 0, 1]) {
                return Err(PhotoError::truncated("QOI"));
            }
            Ok(stored)
        }
        _ => gif(bytes),
    }
}

fn webp(bytes: &[u8]) -> Result<Stored, PhotoError> {
    // The feature flags of an extended header (WebP container specification, VP8X).
    if bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0) {
        return Err(PhotoError::Unsupported(
            "this WebP is animated; save one of its frames as PNG or WebP first".into(),
        ));
    }
    let claimed = bytes
        .get(4..8)
        .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    if u64::from(claimed) + 8 > bytes.len() as u64 {
        return Err(PhotoError::truncated("WebP"));
    }
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| from_image("WebP", &e))?;
    let mut stored = read("WebP", Ok(decoder), bytes, u64::MAX)?;
    stored.notes.xmp = webp_chunks::find(bytes, *b"XMP ").map(<[u8]>::to_vec);
    Ok(stored)
}

fn gif(bytes: &[u8]) -> Result<Stored, PhotoError> {
    let frames = gif_frames(bytes).ok_or_else(|| PhotoError::truncated("GIF"))?;
    let mut stored = read("GIF", GifDecoder::new(Cursor::new(bytes)), bytes, 1 << 14)?;
    if frames > 1 {
        stored.warnings.push(format!(
            "the GIF is an animation of {frames} frames; only the first one was opened"
        ));
    }
    drop_opaque_alpha(&mut stored);
    Ok(stored)
}

fn read<D: ImageDecoder>(
    format: &str,
    decoder: image::ImageResult<D>,
    bytes: &[u8],
    pixels_per_byte: u64,
) -> Result<Stored, PhotoError> {
    let say = |e: image::ImageError| from_image(format, &e);
    let mut decoder = decoder.map_err(say)?;
    let (width, height) = decoder.dimensions();
    let size = PixelSize::new(width, height);
    let layout = match decoder.color_type() {
        ColorType::L8 => Layout::Gray,
        ColorType::La8 => Layout::GrayAlpha,
        ColorType::Rgb8 => Layout::Rgb,
        ColorType::Rgba8 => Layout::Rgba,
        other => {
            return Err(PhotoError::Unsupported(format!(
                "{format} files with {other:?} pixels are not read; save the picture as PNG in another program"
            )));
        }
    };
    check_size(size, layout, 1)?;
    check_plausible(format, size, bytes.len(), pixels_per_byte)?;
    let icc = decoder.icc_profile().map_err(say)?;
    let exif = decoder.exif_metadata().map_err(say)?;
    let mut data = zeros(size.area() as usize * layout.channels())?;
    decoder.read_image(&mut data).map_err(say)?;
    Ok(Stored {
        size,
        layout,
        samples: Samples::U8(data),
        icc,
        exif,
        notes: Notes::default(),
        orientation: None,
        warnings: Vec::new(),
    })
}

/// Number of pictures in a GIF; `None` when the file ends inside a block before its first picture is whole or its
/// trailer is missing (GIF89a, section 15 onwards).
fn gif_frames(bytes: &[u8]) -> Option<usize> {
    let table = |flags: u8| {
        if flags & 0x80 == 0 {
            0
        } else {
            3 << ((flags & 7) + 1)
        }
    };
    let skip_blocks = |mut at: usize| -> Option<usize> {
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1 + length;
            if length == 0 {
                return Some(at);
            }
        }
    };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut frames = 0;
    loop {
        match bytes.get(at)? {
            0x21 => at = skip_blocks(at + 2)?,
            0x2C => {
                let flags = *bytes.get(at + 9)?;
                at = skip_blocks(at + 10 + table(flags) + 1)?;
                frames += 1;
            }
            _ => return (frames > 0).then_some(frames),
        }
    }
}

/// GIFs arrive as RGBA; a picture without any transparent pixel becomes RGB.
fn drop_opaque_alpha(stored: &mut Stored) {
    let Samples::U8(data) = &stored.samples else {
        return;
    };
    if stored.layout == Layout::Rgba && data.chunks_exact(4).all(|p| p[3] == 255) {
        let rgb = data
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2]])
            .collect();
        stored.samples = Samples::U8(rgb);
        stored.layout = Layout::Rgb;
    }
}
