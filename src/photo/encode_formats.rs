//! Owns the bytes of each format. Gets photos that the format can hold (see `encode`). Must never convert a sample.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::{bmp::BmpEncoder, jpeg::JpegEncoder, qoi::QoiEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use rayon::prelude::*;
use tiff::encoder::colortype::ColorType;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, TiffValue};
use tiff::tags::{PhotometricInterpretation, Predictor, SampleFormat, Tag};

use super::decode_tiff::XMP_PACKET;
use super::metadata::Metadata;
use super::{Layout, Photo, PhotoError, PhotoFormat, Samples};
use super::{jpeg_segments, png_text, webp_chunks};

/// `photo` with `metadata` beside its pixels and colour profile; the photo's own metadata is not looked at.
pub fn encode(
    photo: &Photo,
    format: PhotoFormat,
    metadata: &Metadata,
    jpeg_quality: u8,
) -> Result<Vec<u8>, PhotoError> {
    match format {
        PhotoFormat::Jpeg => jpeg(photo, metadata, jpeg_quality),
        PhotoFormat::Png => png(photo, metadata),
        PhotoFormat::WebP => webp(photo, metadata),
        PhotoFormat::Tiff => tiff(photo, metadata),
        PhotoFormat::Bmp => simple(photo, "BMP", |data, w, h, color, out| {
            BmpEncoder::new(out).write_image(data, w, h, color)
        }),
        PhotoFormat::Qoi => simple(photo, "QOI", |data, w, h, color, out| {
            QoiEncoder::new(out).write_image(data, w, h, color)
        }),
        PhotoFormat::Gif => Err(PhotoError::CannotWrite(
            "GIF is not written; save as PNG".into(),
        )),
    }
}

fn failed(format: &str, error: impl std::fmt::Display) -> PhotoError {
    PhotoError::CannotWrite(format!(
        "the {format} file can't be made ({error}); save as PNG or TIFF"
    ))
}

fn bytes8<'a>(photo: &'a Photo, format: &str) -> Result<(&'a [u8], ExtendedColorType), PhotoError> {
    let color = match photo.layout {
        Layout::Gray => ExtendedColorType::L8,
        Layout::GrayAlpha => ExtendedColorType::La8,
        Layout::Rgb => ExtendedColorType::Rgb8,
        Layout::Rgba => ExtendedColorType::Rgba8,
    };
    match &photo.samples {
        Samples::U8(data) => Ok((data, color)),
        Samples::U16(_) => Err(failed(format, "it holds only 8 bits")),
    }
}

fn simple(
    photo: &Photo,
    format: &str,
    write: impl FnOnce(&[u8], u32, u32, ExtendedColorType, &mut Vec<u8>) -> image::ImageResult<()>,
) -> Result<Vec<u8>, PhotoError> {
    let (data, color) = bytes8(photo, format)?;
    let mut out = Vec::new();
    write(data, photo.size.width, photo.size.height, color, &mut out)
        .map_err(|e| failed(format, e))?;
    Ok(out)
}

/// Baseline, 4:4:4 (the encoder never subsamples), metadata behind the JFIF header.
fn jpeg(photo: &Photo, metadata: &Metadata, quality: u8) -> Result<Vec<u8>, PhotoError> {
    let quality = quality.clamp(1, 100);
    let mut out = simple(photo, "JPEG", |data, w, h, color, out| {
        JpegEncoder::new_with_quality(out, quality).encode(data, w, h, color)
    })?;
    let extra = jpeg_segments::metadata_segments(metadata, photo.icc.as_deref())
        .map_err(|e| failed("JPEG", e))?;
    jpeg_segments::insert_segments(&mut out, extra);
    Ok(out)
}

fn webp(photo: &Photo, metadata: &Metadata) -> Result<Vec<u8>, PhotoError> {
    let out = simple(photo, "WebP", |data, w, h, color, out| {
        let mut encoder = WebPEncoder::new_lossless(out);
        let refused = image::ImageError::Unsupported;
        if let Some(icc) = &photo.icc {
            encoder.set_icc_profile(icc.to_vec()).map_err(refused)?;
        }
        if let Some(exif) = &metadata.exif {
            encoder.set_exif_metadata(exif.to_vec()).map_err(refused)?;
        }
        encoder.write_image(data, w, h, color)
    })?;
    match &metadata.xmp {
        Some(xmp) => webp_chunks::with_xmp(&out, xmp, photo.size, photo.layout.has_alpha())
            .ok_or_else(|| failed("WebP", "its XMP notes do not fit")),
        None => Ok(out),
    }
}

fn png(photo: &Photo, metadata: &Metadata) -> Result<Vec<u8>, PhotoError> {
    let say = |e: png::EncodingError| failed("PNG", e);
    let mut info = png::Info::with_size(photo.size.width, photo.size.height);
    info.color_type = match photo.layout {
        Layout::Gray => png::ColorType::Grayscale,
        Layout::GrayAlpha => png::ColorType::GrayscaleAlpha,
        Layout::Rgb => png::ColorType::Rgb,
        Layout::Rgba => png::ColorType::Rgba,
    };
    let data: Cow<'_, [u8]> = match &photo.samples {
        Samples::U8(data) => Cow::Borrowed(data),
        Samples::U16(data) => Cow::Owned(big_endian(data)),
    };
    if photo.samples.is_16_bit() {
        info.bit_depth = png::BitDepth::Sixteen;
    }
    info.icc_profile = photo.icc.as_deref().map(Cow::Borrowed);
    info.exif_metadata = metadata.exif.as_deref().map(Cow::Borrowed);
    png_text::put(&mut info, metadata.xmp.as_deref(), &metadata.texts);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut out, info).map_err(say)?;
    // Level 2 of 9: a sixth smaller than the fastest mode, and still under half a second for 15 megapixels.
    encoder.set_deflate_compression(png::DeflateCompression::Level(2));
    encoder.set_filter(png::Filter::Adaptive);
    let mut writer = encoder.write_header().map_err(say)?;
    writer.write_image_data(&data).map_err(say)?;
    writer.finish().map_err(say)?;
    Ok(out)
}

fn big_endian(data: &[u16]) -> Vec<u8> {
    let mut out = vec![0; data.len() * 2];
    out.par_chunks_exact_mut(2)
        .with_min_len(1 << 16)
        .zip(data)
        .for_each(|(pair, value)| pair.copy_from_slice(&value.to_be_bytes()));
    out
}

/// A pixel layout for the TIFF encoder, with a horizontal predictor that looks one whole pixel back.
macro_rules! tiff_layout {
    ($name:ident, $inner:ty, $bits:expr, $channels:expr, $photometric:ident) => {
        struct $name;
        impl ColorType for $name {
            type Inner = $inner;
            const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::$photometric;
            const BITS_PER_SAMPLE: &'static [u16] = &[$bits; $channels];
            const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::Uint; $channels];

            fn horizontal_predict(row: &[$inner], result: &mut Vec<$inner>) {
                let lead = row.len().min($channels);
                result.extend_from_slice(&row[..lead]);
                result.extend(
                    row.iter()
                        .zip(&row[lead..])
                        .map(|(a, b)| b.wrapping_sub(*a)),
                );
            }
        }
    };
}

tiff_layout!(TiffGray8, u8, 8, 1, BlackIsZero);
tiff_layout!(TiffGrayAlpha8, u8, 8, 2, BlackIsZero);
tiff_layout!(TiffRgb8, u8, 8, 3, RGB);
tiff_layout!(TiffRgba8, u8, 8, 4, RGB);
tiff_layout!(TiffGray16, u16, 16, 1, BlackIsZero);
tiff_layout!(TiffGrayAlpha16, u16, 16, 2, BlackIsZero);
tiff_layout!(TiffRgb16, u16, 16, 3, RGB);
tiff_layout!(TiffRgba16, u16, 16, 4, RGB);

/// Deflate with the horizontal predictor; alpha is marked as unassociated.
fn tiff(photo: &Photo, metadata: &Metadata) -> Result<Vec<u8>, PhotoError> {
    match (&photo.samples, photo.layout) {
        (Samples::U8(data), Layout::Gray) => tiff_as::<TiffGray8>(photo, metadata, data),
        (Samples::U8(data), Layout::GrayAlpha) => tiff_as::<TiffGrayAlpha8>(photo, metadata, data),
        (Samples::U8(data), Layout::Rgb) => tiff_as::<TiffRgb8>(photo, metadata, data),
        (Samples::U8(data), Layout::Rgba) => tiff_as::<TiffRgba8>(photo, metadata, data),
        (Samples::U16(data), Layout::Gray) => tiff_as::<TiffGray16>(photo, metadata, data),
        (Samples::U16(data), Layout::GrayAlpha) => {
            tiff_as::<TiffGrayAlpha16>(photo, metadata, data)
        }
        (Samples::U16(data), Layout::Rgb) => tiff_as::<TiffRgb16>(photo, metadata, data),
        (Samples::U16(data), Layout::Rgba) => tiff_as::<TiffRgba16>(photo, metadata, data),
    }
}

fn tiff_as<C: ColorType>(
    photo: &Photo,
    metadata: &Metadata,
    data: &[C::Inner],
) -> Result<Vec<u8>, PhotoError>
where
    [C::Inner]: TiffValue,
{
    const UNASSOCIATED_ALPHA: u16 = 2;
    let say = |e: tiff::TiffError| failed("TIFF", e);
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out)
        .map_err(say)?
        .with_compression(Compression::Deflate(DeflateLevel::Fast))
        .with_predictor(Predictor::Horizontal);
    let mut image = encoder
        .new_image::<C>(photo.size.width, photo.size.height)
        .map_err(say)?;
    if photo.layout.has_alpha() {
        image
            .encoder()
            .write_tag(Tag::ExtraSamples, &[UNASSOCIATED_ALPHA][..])
            .map_err(say)?;
    }
    if let Some(icc) = &photo.icc {
        image
            .encoder()
            .write_tag(Tag::IccProfile, &icc[..])
            .map_err(say)?;
    }
    if let Some(xmp) = &metadata.xmp {
        image
            .encoder()
            .write_tag(XMP_PACKET, &xmp[..])
            .map_err(say)?;
    }
    image.write_data(data).map_err(say)?;
    Ok(out.into_inner())
}
