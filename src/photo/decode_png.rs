//! Owns decoding PNG of every depth and colour type, with ICC, EXIF and transparency. Called by decode. Must never
//! reduce 16 bits to 8.

use std::io::Cursor;

use super::decode::{Stored, zeros};
use super::error::PhotoError;
use super::limits::{check_plausible, check_size};
use super::{Layout, Samples, png_text};
use crate::geometry::PixelSize;

/// Deflate can't shrink data to less than 1/1032; a 1-bit picture holds 8 pixels a byte.
const PIXELS_PER_BYTE: u64 = 1032 * 8;
/// For what the decoder allocates besides the picture: rows, ICC, text.
const SIDE_MEMORY: usize = 96 << 20;

pub fn decode(bytes: &[u8]) -> Result<Stored, PhotoError> {
    let limits = png::Limits { bytes: SIDE_MEMORY };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(png::Transformations::EXPAND);
    let info = decoder.read_header_info().map_err(|e| from_png(&e))?;
    let size = PixelSize::new(info.width, info.height);
    let wide = info.bit_depth == png::BitDepth::Sixteen;
    check_size(size, Layout::Gray, 1)?;
    check_plausible("PNG", size, bytes.len(), PIXELS_PER_BYTE)?;
    let mut reader = decoder.read_info().map_err(|e| from_png(&e))?;
    if let Some(animation) = reader.info().animation_control()
        && animation.num_frames > 1
    {
        return Err(PhotoError::Unsupported(
            "this PNG is animated (APNG); save one of its frames as a PNG first".into(),
        ));
    }
    let (color, depth) = reader.output_color_type();
    let layout = match (color, depth) {
        (png::ColorType::Grayscale, _) => Layout::Gray,
        (png::ColorType::GrayscaleAlpha, _) => Layout::GrayAlpha,
        (png::ColorType::Rgb, _) => Layout::Rgb,
        (png::ColorType::Rgba, _) => Layout::Rgba,
        (png::ColorType::Indexed, _) => {
            return Err(PhotoError::damaged("PNG", "its palette is missing"));
        }
    };
    check_size(size, layout, if wide { 2 } else { 1 })?;
    let samples = size.area() as usize * layout.channels();
    let expected = samples * if wide { 2 } else { 1 };
    if reader.output_buffer_size() != Some(expected) {
        return Err(PhotoError::damaged("PNG", "sizes disagree"));
    }
    let mut data: Vec<u8> = zeros(expected)?;
    reader.next_frame(&mut data).map_err(|e| from_png(&e))?;
    reader.finish().map_err(|e| from_png(&e))?;
    let info = reader.info();
    let mut warnings = Vec::new();
    if info.coding_independent_code_points.is_some() && info.icc_profile.is_none() {
        warnings.push(
            "the PNG describes its colours by a cICP chunk, which is not read; they are taken as sRGB".into(),
        );
    }
    let (notes, lost) = png_text::read(bytes);
    if lost > 0 {
        warnings.push(format!(
            "{lost} of the PNG's text notes are damaged or too large and were left out"
        ));
    }
    Ok(Stored {
        size,
        layout,
        icc: info.icc_profile.as_ref().map(|p| p.to_vec()),
        exif: info.exif_metadata.as_ref().map(|p| p.to_vec()),
        notes,
        samples: if wide {
            Samples::U16(from_big_endian(&data))
        } else {
            Samples::U8(data)
        },
        orientation: None,
        warnings,
    })
}

fn from_big_endian(data: &[u8]) -> Vec<u16> {
    use rayon::prelude::*;
    data.par_chunks_exact(2)
        .with_min_len(1 << 16)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect()
}

fn from_png(error: &png::DecodingError) -> PhotoError {
    match error {
        png::DecodingError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            PhotoError::truncated("PNG")
        }
        png::DecodingError::LimitsExceeded => PhotoError::TooLarge(
            "the PNG file asks for more memory than allowed; open it in another program and save it again".into(),
        ),
        other => PhotoError::damaged("PNG", other),
    }
}
