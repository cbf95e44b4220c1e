//! The recipe and other notes in saved pictures: they come back in every format that holds them, the photo's own
//! metadata stays, the switch leaves nothing, and hostile blocks never panic. Every file is made here.

use std::sync::Arc;

use inlay::geometry::PixelSize;
use inlay::photo::{
    EncodeOptions, Layout, Notes, Photo, PhotoFormat, Recipe, Samples, decode_bytes, encode_bytes,
    read_recipe,
};
use proptest::prelude::*;

const HOLDERS: [PhotoFormat; 3] = [PhotoFormat::Png, PhotoFormat::Jpeg, PhotoFormat::WebP];

fn photo() -> Photo {
    let size = PixelSize::new(16, 8);
    Photo {
        size,
        layout: Layout::Rgb,
        samples: Samples::U8((0..16 * 8 * 3).map(|v| (v % 251) as u8).collect()),
        icc: None,
        exif: None,
        notes: None,
        format: PhotoFormat::Png,
    }
}

fn recipe() -> Recipe {
    Recipe {
        prompt: "a red house, 赤い家\nby the sea".into(),
        negative_prompt: "blurry, low quality".into(),
        num_inference_steps: Some(20),
        sampler: Some("Euler a".into()),
        guidance_scale: Some(7.5),
        seed: Some(18_446_744_073_709_551_615),
        size: Some(PixelSize::new(512, 640)),
        model_hash: Some("0123456789".into()),
        model: Some("tiny, \"inpainting\"".into()),
        strength: Some(0.75),
        other: vec![("Mask blur".into(), "4".into())],
        details: None,
    }
}

fn with(recipe: Recipe) -> EncodeOptions {
    EncodeOptions {
        recipe: Some(recipe),
        ..EncodeOptions::default()
    }
}

fn encode(photo: &Photo, format: PhotoFormat, options: &EncodeOptions) -> (Vec<u8>, Vec<String>) {
    encode_bytes(photo, format, options).expect("encodes")
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// Numbers of a TIFF structure in one byte order.
#[derive(Clone, Copy)]
struct Tiff {
    big: bool,
}

impl Tiff {
    fn n2(self, v: u16) -> Vec<u8> {
        if self.big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
        .to_vec()
    }

    fn n4(self, v: u32) -> Vec<u8> {
        if self.big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
        .to_vec()
    }

    fn entry(self, tag: u16, kind: u16, count: u32, value: &[u8]) -> Vec<u8> {
        [&self.n2(tag), &self.n2(kind), &self.n4(count), value].concat()
    }

    fn directory(self, entries: &[Vec<u8>], next: u32) -> Vec<u8> {
        let count = self.n2(entries.len() as u16);
        [count, entries.concat(), self.n4(next)].concat()
    }

    /// Camera name, orientation, an EXIF directory with a maker note and perhaps a comment, a second directory and an
    /// odd byte at the end.
    fn camera(self, orientation: u16, inner: bool, comment: Option<&[u8; 12]>) -> Vec<u8> {
        let mut main = vec![
            self.entry(0x010F, 2, 4, b"Cam\0"),
            self.entry(0x0112, 3, 1, &[self.n2(orientation), vec![0, 0]].concat()),
        ];
        let entries = if inner { 3 } else { 2 };
        let after_main = 8 + 2 + entries * 12 + 4;
        let mut exif = vec![self.entry(0x927C, 7, 6, &self.n4(0))];
        if comment.is_some() {
            exif.push(self.entry(0x9286, 7, 12, &self.n4(0)));
        }
        let inner_bytes = if inner {
            2 + exif.len() as u32 * 12 + 4
        } else {
            0
        };
        let second = after_main + inner_bytes;
        let values = second + 2 + 12 + 4;
        if inner {
            main.push(self.entry(0x8769, 4, 1, &self.n4(after_main)));
            exif[0][8..].copy_from_slice(&self.n4(values));
            if comment.is_some() {
                exif[1][8..].copy_from_slice(&self.n4(values + 6));
            }
        }
        let mut out = if self.big { b"MM\0*" } else { b"II*\0" }.to_vec();
        out.extend(self.n4(8));
        out.extend(self.directory(&main, second));
        if inner {
            out.extend(self.directory(&exif, 0));
        }
        out.extend(self.directory(&[self.entry(0x0103, 3, 1, &[0, 6, 0, 0])], 0));
        out.extend(b"MAKER\0");
        out.extend(comment.into_iter().flatten());
        out.push(0xAA);
        out
    }

    fn read(self, bytes: &[u8], at: usize, len: usize) -> u32 {
        let raw = &bytes[at..at + len];
        let fold = |sum: u32, b: &u8| (sum << 8) | u32::from(*b);
        if self.big {
            raw.iter().fold(0, fold)
        } else {
            raw.iter().rev().fold(0, fold)
        }
    }

    /// Tag and twelve bytes of each entry of the directory at `at`, and the next directory's place.
    fn entries(self, bytes: &[u8], at: u32) -> (Vec<(u16, Vec<u8>)>, u32) {
        let at = at as usize;
        let count = self.read(bytes, at, 2) as usize;
        let list = (0..count).map(|index| {
            let place = at + 2 + index * 12;
            let raw = bytes[place..place + 12].to_vec();
            (self.read(bytes, place, 2) as u16, raw)
        });
        (list.collect(), self.read(bytes, at + 2 + count * 12, 4))
    }
}

#[test]
fn recipes_come_back_in_three_formats() {
    for format in HOLDERS {
        for layout in [Layout::Rgb, Layout::Rgba, Layout::Gray] {
            let mut picture = photo();
            picture.layout = layout;
            let count = picture.size.area() as usize * layout.channels();
            picture.samples = Samples::U8(vec![255; count]);
            let (bytes, warnings) = encode(&picture, format, &with(recipe()));
            assert_eq!(warnings, [""; 0]);
            assert_eq!(read_recipe(&bytes), Some(recipe()), "{format:?}");
            decode_bytes(&bytes).expect("still a picture");
        }
    }
    let mut detailed = recipe();
    detailed.details = Some("{\"fills\":[{\"seed\":1,\"name\":\"日本\"}]}".into());
    let (bytes, _) = encode(&photo(), PhotoFormat::Png, &with(detailed.clone()));
    assert_eq!(read_recipe(&bytes), Some(detailed));
    assert!(holds(&bytes, b"iTXtinlay\0") || holds(&bytes, b"tEXtinlay\0"));
}

#[test]
fn the_text_field_is_latin_where_it_can_be() {
    let mut plain = recipe();
    plain.prompt = "Zoë's café".into();
    let (bytes, _) = encode(&photo(), PhotoFormat::Png, &with(plain));
    assert!(holds(
        &bytes,
        b"tEXtparameters\0Zo\xEB's caf\xE9\nNegative prompt: blurry"
    ));
    let (bytes, _) = encode(&photo(), PhotoFormat::Png, &with(recipe()));
    assert!(holds(&bytes, b"iTXtparameters\0\0\0\0\0a red house"));
    let (bytes, _) = encode(&photo(), PhotoFormat::Jpeg, &with(recipe()));
    assert!(holds(&bytes, b"UNICODE\0\0a\0 \0r\0e\0d"));
}

#[test]
fn other_formats_say_that_they_cannot_hold_it() {
    for format in [PhotoFormat::Tiff, PhotoFormat::Bmp, PhotoFormat::Qoi] {
        let (bytes, warnings) = encode(&photo(), format, &with(recipe()));
        assert!(warnings[0].contains("recipe"), "{warnings:?}");
        assert_eq!(warnings.len(), 1);
        assert_eq!(read_recipe(&bytes), None);
        assert_eq!(bytes, encode(&photo(), format, &EncodeOptions::default()).0);
    }
}

#[test]
fn the_cameras_exif_stays_in_both_byte_orders() {
    for big in [false, true] {
        for inner in [false, true] {
            for format in [PhotoFormat::Jpeg, PhotoFormat::WebP] {
                let tiff = Tiff { big };
                let before = tiff.camera(1, inner, None);
                let mut picture = photo();
                picture.exif = Some(before.clone().into());
                let (bytes, warnings) = encode(&picture, format, &with(recipe()));
                assert_eq!(warnings, [""; 0]);
                assert_eq!(
                    read_recipe(&bytes),
                    Some(recipe()),
                    "{big} {inner} {format:?}"
                );
                let after = decode_bytes(&bytes).expect("decodes").photo.exif;
                let after = after.expect("EXIF");
                // Only one offset of the old bytes changed, and nothing moved.
                let changed = before.iter().zip(after.iter()).filter(|(a, b)| a != b);
                assert!(changed.count() <= 4);
                let (main, next) = tiff.entries(&after, tiff.read(&after, 4, 4));
                let tags: Vec<u16> = main.iter().map(|(tag, _)| *tag).collect();
                assert_eq!(tags, [0x010F, 0x0112, 0x8769]);
                let (second, _) = tiff.entries(&after, next);
                assert_eq!(second[0].0, 0x0103);
                let (exif, _) = tiff.entries(&after, tiff.read(&main[2].1, 8, 4));
                let tags: Vec<u16> = exif.iter().map(|(tag, _)| *tag).collect();
                if inner {
                    assert_eq!(tags, [0x927C, 0x9286]);
                    let maker = tiff.read(&exif[0].1, 8, 4) as usize;
                    assert_eq!(&after[maker..maker + 6], b"MAKER\0");
                } else {
                    assert_eq!(tags, [0x9000, 0x9286]);
                }
            }
        }
    }
}

#[test]
fn a_turned_photo_is_written_upright_with_its_recipe() {
    for big in [false, true] {
        let mut sideways = photo();
        sideways.exif = Some(Tiff { big }.camera(6, true, None).into());
        let stored = encode(&sideways, PhotoFormat::Png, &EncodeOptions::default()).0;
        let opened = decode_bytes(&stored).expect("decodes").photo;
        assert_eq!(opened.size, PixelSize::new(8, 16));
        let (bytes, _) = encode(&opened, PhotoFormat::Jpeg, &with(recipe()));
        let again = decode_bytes(&bytes).expect("decodes").photo;
        assert_eq!(again.size, opened.size);
        assert_eq!(read_recipe(&bytes), Some(recipe()));
    }
}

#[test]
fn a_replaced_comment_is_named_and_a_replaced_recipe_is_not() {
    let tiff = Tiff { big: false };
    let mut picture = photo();
    picture.exif = Some(tiff.camera(1, true, Some(b"ASCII\0\0\0Oma ")).into());
    let (bytes, warnings) = encode(&picture, PhotoFormat::Jpeg, &with(recipe()));
    assert!(warnings[0].contains("\"Oma\""), "{warnings:?}");
    let opened = decode_bytes(&bytes).expect("decodes").photo;
    let mut second = recipe();
    second.seed = Some(2);
    let (bytes, warnings) = encode(&opened, PhotoFormat::Jpeg, &with(second.clone()));
    assert_eq!(warnings, [""; 0]);
    assert_eq!(read_recipe(&bytes), Some(second));
    // A blank comment, as cameras leave it, is nothing to speak of.
    picture.exif = Some(tiff.camera(1, true, Some(b"ASCII\0\0\0    ")).into());
    let (_, warnings) = encode(&picture, PhotoFormat::Jpeg, &with(recipe()));
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn what_does_not_fit_into_a_jpeg_is_left_out_aloud() {
    let mut long = recipe();
    long.prompt = "word ".repeat(8_000);
    let mut picture = photo();
    picture.exif = Some(Tiff { big: true }.camera(1, true, None).into());
    let (bytes, warnings) = encode(&picture, PhotoFormat::Jpeg, &with(long.clone()));
    assert!(warnings[0].contains("64 KiB"), "{warnings:?}");
    assert_eq!(read_recipe(&bytes), None);
    let opened = decode_bytes(&bytes).expect("decodes").photo;
    assert_eq!(opened.exif, picture.exif);
    for format in [PhotoFormat::Png, PhotoFormat::WebP] {
        let (bytes, warnings) = encode(&picture, format, &with(long.clone()));
        assert_eq!(warnings, [""; 0]);
        let read = read_recipe(&bytes).expect("reads");
        assert_eq!(read.prompt, long.prompt.trim());
    }
}

#[test]
fn stripping_leaves_nothing_but_the_colour_profile() {
    let mut picture = photo();
    let icc: Arc<[u8]> = moxcms::ColorProfile::new_display_p3()
        .encode()
        .expect("a profile")
        .into();
    picture.icc = Some(icc.clone());
    picture.exif = Some(Tiff { big: true }.camera(1, true, None).into());
    picture.notes = Some(Arc::new(Notes {
        xmp: Some(b"<x:xmpmeta/>".to_vec()),
        texts: vec![("Comment".into(), "secret".into())],
    }));
    let mut bare = photo();
    bare.icc = Some(icc.clone());
    let strip = EncodeOptions {
        strip_metadata: true,
        ..with(recipe())
    };
    for format in [
        PhotoFormat::Png,
        PhotoFormat::Jpeg,
        PhotoFormat::WebP,
        PhotoFormat::Tiff,
    ] {
        let (bytes, warnings) = encode(&picture, format, &strip);
        assert_eq!(warnings, [""; 0]);
        assert_eq!(bytes, encode(&bare, format, &EncodeOptions::default()).0);
        let opened = decode_bytes(&bytes).expect("decodes").photo;
        assert_eq!(opened.icc, Some(icc.clone()));
        assert_eq!((opened.exif, opened.notes), (None, None));
        assert_eq!(read_recipe(&bytes), None);
    }
}

#[test]
fn xmp_and_texts_of_the_opened_photo_are_kept() {
    let mut picture = photo();
    let xmp = "<x:xmpmeta><d tiff:Orientation=\"1\">ü</d></x:xmpmeta>".as_bytes();
    picture.notes = Some(Arc::new(Notes {
        xmp: Some(xmp.to_vec()),
        texts: vec![
            ("Author".into(), "Zoë".into()),
            ("Comment".into(), "日本".into()),
        ],
    }));
    for format in [
        PhotoFormat::Png,
        PhotoFormat::Jpeg,
        PhotoFormat::WebP,
        PhotoFormat::Tiff,
    ] {
        for options in [EncodeOptions::default(), with(recipe())] {
            let (bytes, warnings) = encode(&picture, format, &options);
            let notes = decode_bytes(&bytes).expect("decodes").photo.notes;
            let notes = notes.expect("notes");
            assert_eq!(notes.xmp.as_deref(), Some(xmp), "{format:?}");
            let key_is = |key: &str| notes.texts.iter().any(|(k, _)| k == key);
            let png = format == PhotoFormat::Png;
            assert_eq!(key_is("Author"), png);
            assert_eq!(key_is("Comment"), png || format == PhotoFormat::Jpeg);
            let told = warnings.iter().any(|w| w.contains("Author"));
            assert_eq!(told, !png, "{format:?} {warnings:?}");
        }
    }
    let (_, warnings) = encode(&picture, PhotoFormat::Bmp, &EncodeOptions::default());
    assert!(warnings.iter().any(|w| w.contains("XMP")), "{warnings:?}");
    let mut large = picture.clone();
    large.notes = Some(Arc::new(Notes {
        xmp: Some(vec![b' '; 70_000]),
        texts: Vec::new(),
    }));
    let (_, warnings) = encode(&large, PhotoFormat::Jpeg, &EncodeOptions::default());
    assert!(warnings.iter().any(|w| w.contains("XMP")), "{warnings:?}");
}

#[test]
fn a_new_recipe_takes_the_place_of_the_old_one() {
    let (bytes, _) = encode(&photo(), PhotoFormat::Png, &with(recipe()));
    let opened = decode_bytes(&bytes).expect("decodes").photo;
    let mut second = recipe();
    second.seed = Some(2);
    let (bytes, _) = encode(&opened, PhotoFormat::Png, &with(second.clone()));
    assert_eq!(read_recipe(&bytes), Some(second));
    let again = decode_bytes(&bytes).expect("decodes").photo.notes;
    assert_eq!(again.expect("notes").texts.len(), 1);
    // Saved without one, the photo keeps what it came with.
    let (bytes, _) = encode(&opened, PhotoFormat::Png, &EncodeOptions::default());
    assert_eq!(read_recipe(&bytes), Some(recipe()));
}

#[test]
fn damaged_exif_is_kept_and_the_recipe_left_out_aloud() {
    for broken in [
        &b"not a tiff"[..],
        b"II*\0\xFF\xFF\xFF\xFF",
        b"MM\0*\0\0\0\x08\xFF\xFF",
        b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\xFF\0\0\0\0\0\0\0",
    ] {
        let mut picture = photo();
        picture.exif = Some(broken.to_vec().into());
        for format in [PhotoFormat::Jpeg, PhotoFormat::WebP] {
            let (bytes, warnings) = encode(&picture, format, &with(recipe()));
            assert!(warnings[0].contains("damaged"), "{warnings:?}");
            let opened = decode_bytes(&bytes).expect("decodes").photo;
            assert_eq!(opened.exif.as_deref(), Some(broken));
            assert_eq!(read_recipe(&bytes), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn hostile_exif_never_panics(
        big: bool,
        inner: bool,
        changes in prop::collection::vec((0usize..140, any::<u8>()), 1..12),
        cut in 0usize..140,
    ) {
        let mut block = Tiff { big }.camera(6, inner, Some(b"ASCII\0\0\0Oma "));
        for (at, value) in changes {
            if let Some(byte) = block.get_mut(at) {
                *byte = value;
            }
        }
        block.truncate(block.len().saturating_sub(cut).max(1));
        let mut picture = photo();
        picture.exif = Some(block.into());
        for format in HOLDERS {
            let (bytes, warnings) = encode(&picture, format, &with(recipe()));
            if warnings.is_empty() {
                prop_assert_eq!(read_recipe(&bytes), Some(recipe()));
            }
            prop_assert!(decode_bytes(&bytes).is_ok());
        }
    }

    #[test]
    fn any_recipe_survives_its_text(
        prompt in "[a-zA-Z(),.: é日\"\\\\-]{0,40}",
        negative in "[a-zA-Z(),.: é日\"\\\\-]{0,40}",
        sampler in ".{0,20}",
        key in "[A-Z][a-z /-]{0,10}[a-z]",
        value in ".{0,20}",
        seed: u64,
        guidance in 0.0f32..100.0,
    ) {
        let made = Recipe {
            prompt: prompt.trim().to_owned(),
            negative_prompt: negative.trim().to_owned(),
            sampler: Some(sampler.replace('\0', "")),
            seed: Some(seed),
            guidance_scale: Some(guidance),
            other: vec![(key, value.replace('\0', ""))],
            ..Recipe::default()
        };
        let known = ["Steps", "Sampler", "Seed", "Size", "Model", "Version"];
        prop_assume!(!known.contains(&made.other[0].0.as_str()));
        prop_assume!(!made.prompt.starts_with("Negative prompt:"));
        prop_assert_eq!(Recipe::parse(&made.parameters_text()), Some(made));
    }

    #[test]
    fn any_text_is_parsed_or_not(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Recipe::parse(&text);
        let _ = read_recipe(&bytes);
        for head in [&b"\x89PNG\r\n\x1a\n"[..], b"\xFF\xD8\xFF\xE1", b"RIFF\0\0\0\0WEBP"] {
            let _ = read_recipe(&[head, &bytes].concat());
        }
    }
}
