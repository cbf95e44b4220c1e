//! Owns decoding JPEG: structure and coded data are checked beside the decoder, so that a file that ends early or is
//! broken inside is an error and never a half-grey picture. Called by decode. Must never hide damage.

use std::io::Cursor;

use image::ImageDecoder as _;
use image::codecs::jpeg::JpegDecoder;

use super::decode::{Stored, from_image, zeros};
use super::error::PhotoError;
use super::limits::{check_plausible, check_size};
use super::{Samples, jpeg_check, jpeg_segments, metadata};

/// Even an empty block costs two bits, and 4:2:0 has six blocks for 256 pixels; progressive files can halve that.
const PIXELS_PER_BYTE: u64 = 1024;

pub fn decode(bytes: &[u8]) -> Result<Stored, PhotoError> {
    let segments = jpeg_segments::split(bytes);
    let frame = jpeg_segments::frame(&segments)?;
    let layout = frame.layout();
    check_size(frame.size, layout, 1)?;
    check_plausible("JPEG", frame.size, bytes.len(), PIXELS_PER_BYTE)?;
    let mut warnings = Vec::new();
    if !segments.complete && frame.progressive {
        return Err(PhotoError::truncated("JPEG"));
    }
    let (checked, decoded) = rayon::join(
        || jpeg_check::check(&segments, &frame),
        || pixels(bytes, &frame),
    );
    match checked {
        Ok(()) if segments.complete => {}
        Ok(()) if segments.list.iter().any(|s| s.marker == jpeg_segments::SOS) => {
            warnings.push("the JPEG file lacks its end mark, but the picture is complete".into());
        }
        Ok(()) => return Err(PhotoError::truncated("JPEG")),
        Err(_) if !segments.complete => return Err(PhotoError::truncated("JPEG")),
        Err(broken) => {
            return Err(PhotoError::damaged(
                "JPEG",
                format!("only the first {:.0} % can be read", broken.sound * 100.0),
            ));
        }
    }
    let icc = jpeg_segments::icc(&segments).unwrap_or_else(|problem| {
        warnings.push(format!("{problem}; colours are taken as sRGB"));
        None
    });
    Ok(Stored {
        size: frame.size,
        layout,
        samples: Samples::U8(decoded?),
        icc,
        exif: jpeg_segments::exif(&segments),
        notes: metadata::jpeg_notes(&segments),
        orientation: None,
        warnings,
    })
}

fn pixels(bytes: &[u8], frame: &jpeg_segments::Frame) -> Result<Vec<u8>, PhotoError> {
    let say = |e: image::ImageError| from_image("JPEG", &e);
    let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(say)?;
    let expected = frame.size.area() as usize * frame.layout().channels();
    let (width, height) = decoder.dimensions();
    if (width, height) != (frame.size.width, frame.size.height)
        || decoder.total_bytes() != expected as u64
    {
        return Err(PhotoError::damaged("JPEG", "two different sizes"));
    }
    let mut data = zeros(expected)?;
    decoder.read_image(&mut data).map_err(say)?;
    Ok(data)
}
