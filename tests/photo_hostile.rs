//! Hostile and damaged files: cut short, altered, forged headers, foreign formats, animations. Each must end in one
//! clear line of advice and never in a panic. Every file is made here.

use inlay::geometry::PixelSize;
use inlay::photo::{
    EncodeOptions, Layout, Photo, PhotoFormat, Samples, decode_bytes, encode_bytes,
};

/// A picture with smooth parts and noise, reproducible.
fn photo(width: u32, height: u32, layout: Layout, wide: bool) -> Photo {
    let mut state = 12_345u32;
    let count = (width * height) as usize * layout.channels();
    let values = (0..count).map(|i| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let smooth = (i as f32 / 57.0).sin() * 14_000.0 + 30_000.0;
        (smooth as u32 + (state >> 20)) as u16
    });
    Photo {
        size: PixelSize::new(width, height),
        layout,
        samples: if wide {
            Samples::U16(values.collect())
        } else {
            Samples::U8(values.map(|v| (v >> 8) as u8).collect())
        },
        icc: None,
        exif: None,
        notes: None,
        format: PhotoFormat::Png,
    }
}

fn encode(photo: &Photo, format: PhotoFormat) -> (Vec<u8>, Vec<String>) {
    encode_bytes(photo, format, &EncodeOptions::default()).expect("encodes")
}

fn error_of(bytes: &[u8]) -> String {
    let error = decode_bytes(bytes)
        .expect_err("must be refused")
        .to_string();
    assert!(!error.contains('\n') && error.len() < 400, "{error}");
    error
}

fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    block.extend([0x01, 0x0F, 0, 2, 0, 0, 0, 4, b'C', b'a', b'm', 0]);
    block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    block.extend([0, 0, 0, 0]);
    block
}

#[test]
fn cut_files_of_every_format_are_errors() {
    let color = photo(90, 70, Layout::Rgb, false);
    for format in [
        PhotoFormat::Jpeg,
        PhotoFormat::Png,
        PhotoFormat::WebP,
        PhotoFormat::Tiff,
        PhotoFormat::Bmp,
        PhotoFormat::Qoi,
    ] {
        let (whole, _) = encode(&color, format);
        for percent in [0, 1, 3, 10, 25, 50, 75, 90, 97, 99] {
            let text = error_of(&whole[..whole.len() * percent / 100]);
            assert!(
                percent < 25 || text.contains("copy"),
                "{format:?} {percent} %: {text}"
            );
        }
        error_of(&whole[..whole.len() - 12]);
    }
    let mut gif = Vec::new();
    let Samples::U8(data) = &color.samples else {
        panic!("8 bits expected")
    };
    image::codecs::gif::GifEncoder::new(&mut gif)
        .encode(data, 90, 70, image::ExtendedColorType::Rgb8)
        .expect("encodes");
    let opened = decode_bytes(&gif).expect("decodes");
    assert_eq!(
        (opened.photo.size, opened.photo.layout),
        (color.size, Layout::Rgb)
    );
    for percent in [5, 20, 50, 90] {
        error_of(&gif[..gif.len() * percent / 100]);
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let color = photo(40, 30, Layout::Rgba, false);
    for format in [
        PhotoFormat::Jpeg,
        PhotoFormat::Png,
        PhotoFormat::WebP,
        PhotoFormat::Tiff,
        PhotoFormat::Bmp,
        PhotoFormat::Qoi,
    ] {
        let mut photo = color.clone();
        photo.icc = Some(
            moxcms::ColorProfile::new_display_p3()
                .encode()
                .expect("encodes")
                .into(),
        );
        photo.exif = Some(exif(6).into());
        let (whole, _) = encode(&photo, format);
        let mut state = 99u32;
        for round in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..=round % 4 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Headers, where the lies are, get half of the hits.
                let reach = if round % 2 == 0 {
                    bytes.len().min(200)
                } else {
                    bytes.len()
                };
                let at = (state >> 8) as usize % reach;
                bytes[at] ^= (state >> 3) as u8 | 1;
            }
            if let Ok(decoded) = decode_bytes(&bytes) {
                let photo = decoded.photo;
                photo.validate().expect("consistent");
                photo.crop_rgb(photo.size.rect()).expect("converts");
            }
        }
    }
}

#[test]
fn a_png_with_one_altered_byte_is_noticed() {
    let (whole, _) = encode(&photo(60, 60, Layout::Rgb, true), PhotoFormat::Png);
    for part in 1..9 {
        let mut bytes = whole.clone();
        let at = bytes.len() * part / 9;
        bytes[at] ^= 0x10;
        error_of(&bytes);
    }
}

fn png_header(width: u32, height: u32) -> Vec<u8> {
    // A true header (with its checksum), then a promise of data.
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().expect("header");
    out
}

fn jpeg_with(marker: u8, precision: u8, components: u8, width: u16, height: u16) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8, 0xFF, marker, 0, 8 + components * 3, precision];
    out.extend(height.to_be_bytes());
    out.extend(width.to_be_bytes());
    out.push(components);
    for id in 1..=components {
        out.extend([id, 0x11, 0]);
    }
    out.extend([0xFF, 0xDA, 0, 6 + components * 2, components]);
    for id in 1..=components {
        out.extend([id, 0]);
    }
    out.extend([0, 63, 0, 1, 2, 3, 0xFF, 0xD9]);
    out
}

fn tiff_with(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut out = b"II*\0\x08\0\0\0".to_vec();
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    out.extend([0; 64]);
    out
}

#[test]
fn thirty_hostile_files_are_refused_with_advice() {
    let tiff_base = |photometric: u32, samples: u32, bits: u32, side: u32| {
        vec![
            (256, 4, side),
            (257, 4, side),
            (258, 3, bits),
            (259, 3, 1),
            (262, 3, photometric),
            (273, 4, 100),
            (277, 3, samples),
            (278, 4, side),
            (279, 4, 16),
        ]
    };
    let with = |mut entries: Vec<(u16, u16, u32)>, more: (u16, u16, u32)| {
        entries.push(more);
        entries.sort_unstable();
        tiff_with(&entries)
    };
    let mut bomb_bmp = encode(&photo(4, 4, Layout::Rgb, false), PhotoFormat::Bmp).0;
    bomb_bmp[18..26].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F]);
    let mut bomb_qoi = encode(&photo(4, 4, Layout::Rgb, false), PhotoFormat::Qoi).0;
    bomb_qoi[4..12].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x20, 0]);
    let mut zero_qoi = bomb_qoi.clone();
    zero_qoi[4..12].fill(0);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "empty"),
        ("one byte", vec![0xFF], "not a picture"),
        ("text", b"just some text".to_vec(), "not a picture"),
        ("zeros", vec![0; 4096], "not a picture"),
        ("html", b"<html><body>404".to_vec(), "web page"),
        (
            "svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
            "SVG",
        ),
        (
            "heic",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
            "HEIC",
        ),
        (
            "avif",
            b"\0\0\0\x18ftypavif\0\0\0\0mif1avif".to_vec(),
            "AVIF",
        ),
        ("psd", b"8BPS\0\x01\0\0\0\0\0\0".to_vec(), "PSD"),
        ("cr2", b"II*\0\x10\0\0\0CR\x02\0".to_vec(), "RAW"),
        ("raf", b"FUJIFILMCCD-RAW 0201FF".to_vec(), "RAW"),
        ("pdf", b"%PDF-1.7".to_vec(), "PDF"),
        ("jxl", b"\0\0\0\x0cJXL \r\n\x87\n".to_vec(), "JPEG XL"),
        ("video", b"\0\0\0\x18ftypisom\0\0\0\0".to_vec(), "video"),
        ("png bomb", png_header(14_000, 14_000), "get a fresh copy"),
        ("png too large", png_header(60_000, 60_000), "limit is 200"),
        ("png too long", png_header(70_000, 1), "65535"),
        ("png headless", b"\x89PNG\r\n\x1a\n".to_vec(), "copy"),
        ("jpeg cmyk", jpeg_with(0xC0, 8, 4, 16, 16), "CMYK"),
        ("jpeg 12 bit", jpeg_with(0xC1, 12, 3, 16, 16), "12-bit"),
        ("jpeg lossless", jpeg_with(0xC3, 8, 3, 16, 16), "lossless"),
        (
            "jpeg arithmetic",
            jpeg_with(0xC9, 8, 3, 16, 16),
            "arithmetic",
        ),
        (
            "jpeg two channels",
            jpeg_with(0xC0, 8, 2, 16, 16),
            "2-channel",
        ),
        (
            "jpeg bomb",
            jpeg_with(0xC0, 8, 3, 14_000, 14_000),
            "get a fresh copy",
        ),
        ("jpeg of no size", jpeg_with(0xC0, 8, 3, 0, 16), "no pixels"),
        (
            "jpeg without tables",
            jpeg_with(0xC0, 8, 3, 16, 16),
            "damaged",
        ),
        (
            "jpeg of marks",
            [&[0xFF, 0xD8][..], &[0xFF; 1000]].concat(),
            "copy",
        ),
        (
            "tiff bomb",
            tiff_with(&tiff_base(1, 1, 8, 14_000)),
            "get a fresh copy",
        ),
        (
            "tiff too large",
            tiff_with(&tiff_base(1, 1, 8, 60_000)),
            "limit is 200",
        ),
        (
            "tiff of no size",
            tiff_with(&tiff_base(1, 1, 8, 0)),
            "damaged",
        ),
        ("tiff cmyk", tiff_with(&tiff_base(5, 4, 8, 4)), "CMYK"),
        ("tiff palette", tiff_with(&tiff_base(3, 1, 8, 4)), "palette"),
        ("tiff 32 bit", tiff_with(&tiff_base(1, 1, 32, 2)), "32-bit"),
        (
            "tiff float",
            with(tiff_base(1, 1, 32, 2), (339, 3, 3)),
            "floating-point",
        ),
        (
            "tiff dng",
            with(tiff_base(1, 1, 8, 4), (50_706, 4, 1025)),
            "RAW",
        ),
        ("tiff headless", b"II*\0\xff\xff\xff\xff".to_vec(), "copy"),
        ("bmp bomb", bomb_bmp, ""),
        ("qoi bomb", bomb_qoi, "get a fresh copy"),
        ("qoi of no size", zero_qoi, ""),
        ("gif headless", b"GIF89a\0\0".to_vec(), "too early"),
        ("webp headless", b"RIFF\x04\0\0\0WEBP".to_vec(), ""),
    ];
    assert!(cases.len() >= 30);
    for (name, bytes, word) in cases {
        let text = error_of(&bytes);
        assert!(text.contains(word), "{name}: {text}");
    }
}

#[test]
fn animations_are_refused_or_reduced_with_a_warning() {
    let frame = |v: u8| vec![v; 8 * 8 * 4];
    let mut apng = Vec::new();
    let mut encoder = png::Encoder::new(&mut apng, 8, 8);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(2, 0).expect("animated");
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(&frame(1)).expect("frame");
    writer.write_image_data(&frame(2)).expect("frame");
    writer.finish().expect("end");
    assert!(error_of(&apng).contains("animated"));

    let mut gif = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        for v in [10, 200] {
            let image = image::RgbaImage::from_pixel(8, 8, image::Rgba([v, v, v, 255]));
            encoder
                .encode_frame(image::Frame::new(image))
                .expect("frame");
        }
    }
    let decoded = decode_bytes(&gif).expect("first frame");
    assert!(
        decoded.warnings[0].contains("2 frames"),
        "{:?}",
        decoded.warnings
    );

    // An extended WebP header with the animation bit, and no frames behind it.
    let mut webp = b"RIFF\x2e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x07\0\0\x07\0\0".to_vec();
    webp.extend(b"ANIM\x06\0\0\0\0\0\0\0\0\0");
    webp.extend(b"ANMF\0\0\0\0");
    assert!(error_of(&webp).contains("animated"));
}
