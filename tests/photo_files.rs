//! Photographs through files: every format there and back, orientation, metadata, and saving that never costs the
//! old file. Uses only the public API; every file is made here.

use std::sync::Arc;

use inlay::geometry::{PixelRect, PixelSize};
use inlay::photo::{
    EncodeOptions, Layout, Photo, PhotoError, PhotoFormat, Samples, decode_bytes, decode_file,
    encode_beside, encode_bytes, encode_file,
};

const LAYOUTS: [Layout; 4] = [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba];

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

fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    block.extend([0x01, 0x0F, 0, 2, 0, 0, 0, 4, b'C', b'a', b'm', 0]);
    block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    block.extend([0, 0, 0, 0]);
    block
}

fn icc_p3() -> Arc<[u8]> {
    moxcms::ColorProfile::new_display_p3()
        .encode()
        .expect("encodes")
        .into()
}

fn encode(photo: &Photo, format: PhotoFormat) -> (Vec<u8>, Vec<String>) {
    encode_bytes(photo, format, &EncodeOptions::default()).expect("encodes")
}

#[test]
fn png_and_tiff_return_every_layout_and_depth() {
    for format in [PhotoFormat::Png, PhotoFormat::Tiff] {
        for layout in LAYOUTS {
            for wide in [false, true] {
                for (w, h) in [(61, 43), (1, 1), (700, 2)] {
                    let mut before = photo(w, h, layout, wide);
                    before.format = format;
                    let (bytes, warnings) = encode(&before, format);
                    assert_eq!(warnings, [""; 0]);
                    let after = decode_bytes(&bytes).expect("decodes");
                    assert_eq!(after.photo, before, "{format:?} {layout:?} {wide}");
                    assert_eq!(after.warnings, [""; 0]);
                }
            }
        }
    }
}

#[test]
fn webp_bmp_and_qoi_return_what_they_can_hold() {
    for (format, layouts) in [
        (PhotoFormat::WebP, &[Layout::Rgb, Layout::Rgba][..]),
        (PhotoFormat::Bmp, &[Layout::Rgb][..]),
        (PhotoFormat::Qoi, &[Layout::Rgb, Layout::Rgba][..]),
    ] {
        for layout in layouts {
            let mut before = photo(61, 43, *layout, false);
            before.format = format;
            let (bytes, warnings) = encode(&before, format);
            assert_eq!(warnings, [""; 0]);
            assert_eq!(decode_bytes(&bytes).expect("decodes").photo, before);
        }
        // Grey becomes RGB with equal channels, silently: nothing is lost.
        let gray = photo(9, 9, Layout::Gray, false);
        let (bytes, _) = encode(&gray, format);
        let after = decode_bytes(&bytes).expect("decodes").photo;
        let (Samples::U8(was), Samples::U8(is)) = (&gray.samples, &after.samples) else {
            panic!("8 bits expected");
        };
        assert!(
            was.iter()
                .zip(is.chunks_exact(3))
                .all(|(v, p)| p == [*v; 3])
        );
    }
}

#[test]
fn jpeg_keeps_colour_resolution_grey_and_size() {
    let gray = photo(50, 31, Layout::Gray, false);
    let (bytes, _) = encode(&gray, PhotoFormat::Jpeg);
    let after = decode_bytes(&bytes).expect("decodes").photo;
    assert_eq!((after.layout, after.size), (Layout::Gray, gray.size));
    // Columns of pure red and blue: subsampled colour would mix them.
    let mut stripes = photo(64, 64, Layout::Rgb, false);
    stripes.samples = Samples::U8(
        (0..64 * 64)
            .flat_map(|i| {
                if i % 2 == 0 {
                    [220, 30, 30]
                } else {
                    [30, 30, 220]
                }
            })
            .collect(),
    );
    let (bytes, _) = encode(&stripes, PhotoFormat::Jpeg);
    let after = decode_bytes(&bytes).expect("decodes").photo;
    let (Samples::U8(a), Samples::U8(b)) = (&stripes.samples, &after.samples) else {
        panic!("8 bits expected");
    };
    let worst = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst < Some(24), "{worst:?}");
    let coarse = encode_bytes(
        &stripes,
        PhotoFormat::Jpeg,
        &EncodeOptions {
            jpeg_quality: 20,
            ..EncodeOptions::default()
        },
    );
    assert!(coarse.expect("encodes").0.len() < bytes.len());
}

#[test]
fn profiles_and_exif_come_back_byte_for_byte() {
    let long_profile: Arc<[u8]> = {
        // A profile of more than 64 KiB: valid, followed by padding that its size field covers.
        let mut bytes = icc_p3().to_vec();
        bytes.resize(150_000, 0x5A);
        let size = (bytes.len() as u32).to_be_bytes();
        bytes[..4].copy_from_slice(&size);
        bytes.into()
    };
    for icc in [icc_p3(), long_profile] {
        for format in [
            PhotoFormat::Jpeg,
            PhotoFormat::Png,
            PhotoFormat::WebP,
            PhotoFormat::Tiff,
        ] {
            let mut before = photo(20, 10, Layout::Rgb, false);
            before.icc = Some(icc.clone());
            before.exif = Some(exif(1).into());
            let (bytes, warnings) = encode(&before, format);
            let after = decode_bytes(&bytes).expect("decodes").photo;
            assert_eq!(after.icc, before.icc, "{format:?}");
            if format == PhotoFormat::Tiff {
                assert!(warnings[0].contains("EXIF"), "{warnings:?}");
            } else {
                assert_eq!(warnings, [""; 0]);
                assert_eq!(after.exif, before.exif, "{format:?}");
            }
            let bare = EncodeOptions {
                strip_metadata: true,
                ..EncodeOptions::default()
            };
            let (bytes, _) = encode_bytes(&before, format, &bare).expect("encodes");
            let after = decode_bytes(&bytes).expect("decodes").photo;
            assert_eq!((after.exif, after.icc), (None, before.icc.clone()));
        }
    }
}

#[test]
fn all_orientations_are_applied_and_reset() {
    // What a viewer must show: 3 × 2 with six different pixels.
    let upright = photo(3, 2, Layout::Rgb, false);
    let Samples::U8(pixels) = &upright.samples else {
        panic!("8 bits expected")
    };
    let pixel = |x: usize, y: usize| &pixels[(y * 3 + x) * 3..][..3];
    for orientation in 1..=8u8 {
        // Where the upright pixel (x, y) is stored, after EXIF's own wording (row 0 is the visual top, right, …).
        let stored = |x: usize, y: usize| match orientation {
            1 => (x, y),
            2 => (2 - x, y),
            3 => (2 - x, 1 - y),
            4 => (x, 1 - y),
            5 => (y, x),
            6 => (y, 2 - x),
            7 => (1 - y, 2 - x),
            _ => (1 - y, x),
        };
        let (w, h) = if orientation >= 5 { (2, 3) } else { (3, 2) };
        let mut data = vec![0; 18];
        for y in 0..2 {
            for x in 0..3 {
                let (sx, sy) = stored(x, y);
                data[(sy * w + sx) * 3..][..3].copy_from_slice(pixel(x, y));
            }
        }
        let mut file = photo(w as u32, h, Layout::Rgb, false);
        file.samples = Samples::U8(data);
        file.exif = Some(exif(orientation).into());
        for format in [PhotoFormat::Png, PhotoFormat::WebP] {
            let after = decode_bytes(&encode(&file, format).0)
                .expect("decodes")
                .photo;
            assert_eq!(
                (after.size, &after.samples),
                (upright.size, &upright.samples),
                "{orientation} {format:?}"
            );
            assert_eq!(after.exif.as_deref(), Some(&exif(1)[..]));
        }
        // JPEG loses exact values: compare its size and the EXIF block.
        let after = decode_bytes(&encode(&file, PhotoFormat::Jpeg).0)
            .expect("decodes")
            .photo;
        assert_eq!(
            (after.size, after.exif.as_deref()),
            (upright.size, Some(&exif(1)[..]))
        );
    }
}

#[test]
fn small_depths_palettes_and_transparent_colours_of_png() {
    use png::{BitDepth, ColorType};
    let write = |color, depth, data: &[u8], palette: Option<&[u8]>, trns: Option<&[u8]>| {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, 4, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if let Some(palette) = palette {
            encoder.set_palette(palette.to_vec());
        }
        if let Some(trns) = trns {
            encoder.set_trns(trns.to_vec());
        }
        let mut writer = encoder.write_header().expect("header");
        writer.write_image_data(data).expect("data");
        writer.finish().expect("end");
        decode_bytes(&out).expect("decodes").photo
    };
    let gray = |bytes: &[u8]| Samples::U8(bytes.to_vec());
    let one = write(
        ColorType::Grayscale,
        BitDepth::One,
        &[0b1010_0000],
        None,
        None,
    );
    assert_eq!(
        (one.layout, one.samples),
        (Layout::Gray, gray(&[255, 0, 255, 0]))
    );
    let two = write(
        ColorType::Grayscale,
        BitDepth::Two,
        &[0b0001_1011],
        None,
        None,
    );
    assert_eq!(two.samples, gray(&[0, 85, 170, 255]));
    let four = write(
        ColorType::Grayscale,
        BitDepth::Four,
        &[0x0F, 0x80],
        None,
        None,
    );
    assert_eq!(four.samples, gray(&[0, 255, 136, 0]));
    let palette = [1, 2, 3, 4, 5, 6];
    let plain = write(
        ColorType::Indexed,
        BitDepth::One,
        &[0b0110_0000],
        Some(&palette),
        None,
    );
    assert_eq!(
        (plain.layout, plain.samples),
        (Layout::Rgb, gray(&[1, 2, 3, 4, 5, 6, 4, 5, 6, 1, 2, 3]))
    );
    let clear = write(
        ColorType::Indexed,
        BitDepth::One,
        &[0b0110_0000],
        Some(&palette),
        Some(&[9]),
    );
    assert_eq!(clear.layout, Layout::Rgba);
    let key = write(
        ColorType::Grayscale,
        BitDepth::Eight,
        &[7, 8, 7, 9],
        None,
        Some(&[0, 7]),
    );
    assert_eq!(
        (key.layout, key.samples),
        (Layout::GrayAlpha, gray(&[7, 0, 8, 255, 7, 0, 9, 255]))
    );
}

#[test]
fn what_a_format_cannot_hold_is_told() {
    let mut wide = photo(8, 8, Layout::Rgba, true);
    wide.icc = Some(icc_p3());
    for (format, words) in [
        (PhotoFormat::Jpeg, &["transparency", "16-bit"][..]),
        (PhotoFormat::WebP, &["16-bit"][..]),
        (PhotoFormat::Bmp, &["profile", "transparency", "16-bit"][..]),
        (PhotoFormat::Qoi, &["profile", "16-bit"][..]),
    ] {
        let (bytes, warnings) = encode(&wide, format);
        assert_eq!(warnings.len(), words.len(), "{warnings:?}");
        for word in words {
            assert!(
                warnings.iter().any(|w| w.contains(word)),
                "{word}: {warnings:?}"
            );
        }
        decode_bytes(&bytes).expect("decodes");
    }
    // An opaque alpha channel is dropped without a word.
    let mut opaque = photo(4, 4, Layout::Rgba, false);
    if let Samples::U8(data) = &mut opaque.samples {
        data.iter_mut().skip(3).step_by(4).for_each(|a| *a = 255);
    }
    assert_eq!(encode(&opaque, PhotoFormat::Jpeg).1, [""; 0]);
}

#[test]
fn names_decide_the_format_and_gif_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let small = photo(4, 4, Layout::Rgb, false);
    for name in ["a.gif", "a.xyz", "a"] {
        let error = encode_file(&small, &folder.path().join(name), &EncodeOptions::default());
        assert!(
            matches!(&error, Err(PhotoError::CannotWrite(text)) if text.contains(".png")),
            "{error:?}"
        );
    }
    let too_wide = photo(16_384, 1, Layout::Rgb, false);
    let error = encode_file(
        &too_wide,
        &folder.path().join("a.webp"),
        &EncodeOptions::default(),
    );
    assert!(error.expect_err("too wide").to_string().contains("16383"));
}

#[test]
fn saving_replaces_whole_files_and_keeps_the_old_one_on_failure() {
    let folder = tempfile::tempdir().expect("folder");
    let target = folder.path().join("photo.png");
    let first = photo(30, 20, Layout::Rgb, false);
    encode_file(&first, &target, &EncodeOptions::default()).expect("saves");
    let before = std::fs::read(&target).expect("reads");
    // A photo that can't be encoded leaves the file alone.
    let mut broken = first.clone();
    broken.samples = Samples::U8(vec![0; 7]);
    encode_file(&broken, &target, &EncodeOptions::default()).expect_err("too few samples");
    assert_eq!(std::fs::read(&target).expect("reads"), before);
    // So does a missing folder, and a folder in the place of the file.
    encode_file(
        &first,
        &folder.path().join("no/photo.png"),
        &EncodeOptions::default(),
    )
    .expect_err("no folder");
    std::fs::create_dir(folder.path().join("dir.png")).expect("folder");
    encode_file(
        &first,
        &folder.path().join("dir.png"),
        &EncodeOptions::default(),
    )
    .expect_err("a folder");
    let mut protected = std::fs::metadata(&target).expect("there").permissions();
    protected.set_readonly(true);
    std::fs::set_permissions(&target, protected).expect("sets");
    encode_file(&first, &target, &EncodeOptions::default()).expect_err("write-protected");
    assert_eq!(std::fs::read(&target).expect("reads"), before);
    // Nothing is left lying about.
    let names: Vec<_> = std::fs::read_dir(folder.path()).expect("lists").collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[cfg(unix)]
#[test]
fn permissions_and_links_survive_saving() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("folder");
    let target = folder.path().join("photo.png");
    let small = photo(5, 5, Layout::Rgb, false);
    encode_file(&small, &target, &EncodeOptions::default()).expect("saves");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).expect("sets");
    let link = folder.path().join("link.png");
    std::os::unix::fs::symlink(&target, &link).expect("links");
    encode_file(
        &photo(6, 6, Layout::Rgb, false),
        &link,
        &EncodeOptions::default(),
    )
    .expect("saves");
    assert!(
        std::fs::symlink_metadata(&link)
            .expect("there")
            .is_symlink()
    );
    let mode = std::fs::metadata(&target)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(
        decode_file(&target).expect("decodes").photo.size,
        PixelSize::new(6, 6)
    );
}

#[test]
fn parallel_saves_beside_a_file_never_collide() {
    let folder = tempfile::tempdir().expect("folder");
    let source = folder.path().join("cat.gif");
    let paths: Vec<_> = std::thread::scope(|scope| {
        let save = || {
            let small = photo(5, 5, Layout::Rgb, false);
            encode_beside(&small, &source, "filled", &EncodeOptions::default())
                .expect("saves")
                .0
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(save)).collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("ends"))
            .collect()
    });
    let unique: std::collections::BTreeSet<_> = paths.iter().collect();
    assert_eq!(unique.len(), 8);
    assert!(paths.iter().any(|p| p.ends_with("cat-filled.png")));
    assert!(paths.iter().any(|p| p.ends_with("cat-filled-8.png")));
}

#[test]
fn folders_and_missing_files_are_named() {
    let folder = tempfile::tempdir().expect("folder");
    let text = decode_file(folder.path())
        .expect_err("a folder")
        .to_string();
    assert!(text.contains("is a folder"), "{text}");
    let text = decode_file(&folder.path().join("none.png"))
        .expect_err("missing")
        .to_string();
    assert!(
        text.contains("none.png") && text.contains("check"),
        "{text}"
    );
}

#[test]
fn an_unusable_profile_is_kept_with_a_warning() {
    let mut before = photo(5, 5, Layout::Rgb, false);
    before.icc = Some(Arc::from(&b"certainly not a profile"[..]));
    let (bytes, _) = encode(&before, PhotoFormat::Png);
    let after = decode_bytes(&bytes).expect("decodes");
    assert_eq!(after.photo.icc, before.icc);
    assert!(after.warnings[0].contains("sRGB"), "{:?}", after.warnings);
    let crop = after
        .photo
        .crop_rgb(PixelRect::new(0, 0, 5, 5))
        .expect("crops");
    let Samples::U8(data) = &before.samples else {
        panic!("8 bits expected")
    };
    assert!(
        crop.data
            .iter()
            .zip(data)
            .all(|(a, b)| *a == f32::from(*b) / 255.0)
    );
}
