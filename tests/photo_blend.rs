//! Results put back into photographs: untouched samples stay bit for bit in every layout and depth, colour goes through
//! the profile both ways, grey stays grey, transparent pixels take new colour.

use std::sync::Arc;

use inlay::geometry::{PixelRect, PixelSize};
use inlay::photo::{Layout, Photo, PhotoFormat, Samples};
use inlay::raster::{Plane, RgbF32};
use moxcms::ColorProfile;

const SIZE: PixelSize = PixelSize::new(64, 48);
const RECT: PixelRect = PixelRect::new(7, 5, 40, 30);

fn photo(layout: Layout, wide: bool, profile: Option<&ColorProfile>) -> Photo {
    let mut state = 7u32;
    let count = SIZE.area() as usize * layout.channels();
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16
    };
    Photo {
        size: SIZE,
        layout,
        samples: if wide {
            Samples::U16((0..count).map(|_| next()).collect())
        } else {
            Samples::U8((0..count).map(|_| (next() >> 8) as u8).collect())
        },
        icc: profile.map(|p| Arc::from(p.encode().expect("encodes"))),
        exif: None,
        notes: None,
        format: PhotoFormat::Png,
    }
}

fn coverage(value: impl Fn(u32, u32) -> u8) -> Plane {
    let mut plane = Plane::new(RECT.size());
    for y in 0..RECT.height {
        for x in 0..RECT.width {
            plane.set(x as usize, y as usize, value(x, y));
        }
    }
    plane
}

fn flat(rgb: [f32; 3]) -> RgbF32 {
    let mut picture = RgbF32::new(RECT.size());
    picture
        .data
        .chunks_exact_mut(3)
        .for_each(|p| p.copy_from_slice(&rgb));
    picture
}

fn values(samples: &Samples) -> Vec<u32> {
    match samples {
        Samples::U8(data) => data.iter().map(|v| u32::from(*v)).collect(),
        Samples::U16(data) => data.iter().map(|v| u32::from(*v)).collect(),
    }
}

fn profiles() -> Vec<Option<ColorProfile>> {
    vec![
        None,
        Some(ColorProfile::new_srgb()),
        Some(ColorProfile::new_display_p3()),
        Some(ColorProfile::new_adobe_rgb()),
        Some(ColorProfile::new_pro_photo_rgb()),
    ]
}

#[test]
fn samples_without_coverage_stay_bit_for_bit() {
    for layout in [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba] {
        for wide in [false, true] {
            for profile in profiles() {
                let before = photo(layout, wide, profile.as_ref());
                let mut after = before.clone();
                let cover = coverage(|x, y| {
                    if (x + y) % 3 == 0 {
                        ((x * 7) % 256) as u8
                    } else {
                        0
                    }
                });
                let color = if layout.is_gray() {
                    [0.5; 3]
                } else {
                    [0.9, 0.1, 0.4]
                };
                let done = after.blend(RECT, &flat(color), &cover).expect("blends");
                assert!(!done.promoted && RECT.contains_rect(done.touched));
                let channels = layout.channels();
                let (a, b) = (values(&before.samples), values(&after.samples));
                let mut changed = 0;
                for y in 0..SIZE.height as i32 {
                    for x in 0..SIZE.width as i32 {
                        let inside = RECT.contains(x, y)
                            && cover.get((x - RECT.x) as usize, (y - RECT.y) as usize) > 0;
                        let at = (y as usize * SIZE.width as usize + x as usize) * channels;
                        let same = a[at..at + channels] == b[at..at + channels];
                        assert!(same || inside, "{layout:?} {wide} at {x} {y}");
                        changed += usize::from(!same);
                    }
                }
                assert!(changed > 100);
            }
        }
    }
}

#[test]
fn the_photos_own_crop_changes_nothing() {
    let mut all = profiles();
    all.push(Some(ColorProfile::new_gray_with_gamma(2.2)));
    for layout in [Layout::Gray, Layout::Rgb] {
        for wide in [false, true] {
            for profile in &all {
                let before = photo(layout, wide, profile.as_ref());
                let mut after = before.clone();
                let crop = after.crop_rgb(RECT).expect("crops");
                let cover = coverage(|x, _| (x * 6 + 15) as u8);
                after.blend(RECT, &crop, &cover).expect("blends");
                assert_eq!(before, after, "{layout:?} {wide}");
            }
        }
    }
}

#[test]
fn full_coverage_writes_the_colour_in_the_photos_own_space() {
    for wide in [false, true] {
        for profile in profiles() {
            let mut target = photo(Layout::Rgb, wide, profile.as_ref());
            let color = [0.6, 0.3, 0.45];
            target
                .blend(RECT, &flat(color), &coverage(|_, _| 255))
                .expect("blends");
            // Seen through the profile again it is the colour that was asked for, to the photo's own step.
            let seen = target.crop_rgb(RECT).expect("crops");
            let step = if wide { 2.0e-4 } else { 4.0e-3 };
            for pixel in seen.data.chunks_exact(3) {
                assert!(
                    pixel.iter().zip(color).all(|(a, b)| (a - b).abs() < step),
                    "{pixel:?}"
                );
            }
        }
    }
    // In Adobe RGB the stored numbers differ from sRGB's: converted, not relabelled.
    let mut adobe = photo(Layout::Rgb, false, Some(&ColorProfile::new_adobe_rgb()));
    adobe
        .blend(RECT, &flat([0.0, 1.0, 0.0]), &coverage(|_, _| 255))
        .expect("blends");
    let at = (5 * 64 + 7) * 3;
    let stored = &values(&adobe.samples)[at..at + 3];
    // sRGB green in Adobe RGB (1998) is (144, 255, 60).
    assert!(
        stored[0].abs_diff(144) <= 1 && stored[1] == 255 && stored[2].abs_diff(60) <= 1,
        "{stored:?}"
    );
}

#[test]
fn partial_coverage_mixes_and_rounds() {
    let mut target = photo(Layout::Rgb, false, None);
    let Samples::U8(data) = &mut target.samples else {
        panic!("8 bits expected")
    };
    data.fill(100);
    target
        .blend(RECT, &flat([1.0; 3]), &coverage(|_, _| 51))
        .expect("blends");
    let at = (5 * 64 + 7) * 3;
    assert_eq!(values(&target.samples)[at], 131); // 100 + 155 · 0.2
}

#[test]
fn transparent_pixels_take_the_new_colour_whole() {
    for wide in [false, true] {
        let max = if wide { 65535 } else { 255 };
        let mut target = photo(Layout::Rgba, wide, None);
        let alphas = [0u32, max / 2, max];
        let set = |samples: &mut Samples| match samples {
            Samples::U8(d) => d.chunks_exact_mut(4).enumerate().for_each(|(i, p)| {
                p.copy_from_slice(&[0, 0, 0, alphas[i % 3] as u8]);
            }),
            Samples::U16(d) => d.chunks_exact_mut(4).enumerate().for_each(|(i, p)| {
                p.copy_from_slice(&[0, 0, 0, alphas[i % 3] as u16]);
            }),
        };
        set(&mut target.samples);
        target
            .blend(RECT, &flat([1.0; 3]), &coverage(|_, _| 102))
            .expect("blends");
        let seen = values(&target.samples);
        for x in 7..10usize {
            let index = 5 * 64 + x;
            let pixel = &seen[index * 4..index * 4 + 4];
            let share = |v: u32| (f64::from(v) / f64::from(max) * 1000.0).round() as u32;
            // Over: weight = c / (c + a (1 − c)) with c = 0.4; alpha = max(a, c).
            let (weight, alpha) = match index % 3 {
                0 => (1000, 400),
                1 => (571, 500),
                _ => (400, 1000),
            };
            assert!(share(pixel[0]).abs_diff(weight) <= 4, "{pixel:?}");
            assert!(share(pixel[3]).abs_diff(alpha) <= 4, "{pixel:?}");
        }
    }
}

#[test]
fn grey_stays_grey_until_the_result_has_colour() {
    let gray_profile = ColorProfile::new_gray_with_gamma(1.8);
    for wide in [false, true] {
        for profile in [None, Some(&gray_profile)] {
            let before = photo(Layout::Gray, wide, profile);
            let mut after = before.clone();
            let nearly = flat([0.5, 0.504, 0.502]);
            assert!(
                !after
                    .blend(RECT, &nearly, &coverage(|_, _| 255))
                    .expect("blends")
                    .promoted
            );
            assert_eq!(after.layout, Layout::Gray);

            let mut after = before.clone();
            let done = after.blend(
                RECT,
                &flat([0.7, 0.2, 0.2]),
                &coverage(|x, _| if x < 3 { 255 } else { 0 }),
            );
            assert!(done.expect("blends").promoted);
            assert_eq!(after.layout, Layout::Rgb);
            let (was, is) = (values(&before.samples), values(&after.samples));
            let seen_before = before.crop_rgb(SIZE.rect()).expect("crops");
            let seen_after = after.crop_rgb(SIZE.rect()).expect("crops");
            for (i, old) in was.iter().enumerate() {
                let (x, y) = (i as i32 % 64, i as i32 / 64);
                if PixelRect::new(7, 5, 3, 30).contains(x, y) {
                    continue;
                }
                // Same numbers, same look.
                assert_eq!(is[i * 3..i * 3 + 3], [*old; 3]);
                for c in 0..3 {
                    let (a, b) = (seen_before.data[i * 3 + c], seen_after.data[i * 3 + c]);
                    assert!((a - b).abs() < 1.5e-3, "{a} {b}");
                }
            }
        }
    }
}

#[test]
fn impossible_requests_are_errors() {
    let mut target = photo(Layout::Rgb, false, None);
    let cover = coverage(|_, _| 255);
    for rect in [
        PixelRect::new(-1, 0, 40, 30),
        PixelRect::new(30, 0, 40, 30),
        PixelRect::new(0, 40, 40, 30),
    ] {
        target.crop_rgb(rect).expect_err("outside");
        target
            .blend(rect, &flat([0.0; 3]), &cover)
            .expect_err("outside");
    }
    target
        .blend(PixelRect::new(0, 0, 5, 5), &flat([0.0; 3]), &cover)
        .expect_err("other size");
    let before = target.clone();
    target
        .blend(RECT, &flat([f32::NAN, 0.0, 0.0]), &cover)
        .expect_err("not numbers");
    assert_eq!(before, target);
    target
        .cropped(PixelRect::new(3, 3, 0, 5))
        .expect_err("empty");
    target.extended(u32::MAX, 1, 1, 1).expect_err("too large");
    target.extended(60_000, 0, 60_000, 0).expect_err("too long");
}

#[test]
fn extending_and_cropping_return_the_same_photo() {
    for layout in [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba] {
        for wide in [false, true] {
            let before = photo(layout, wide, None);
            let larger = before.extended(3, 0, 11, 9).expect("extends");
            assert_eq!(larger.size, PixelSize::new(78, 57));
            let back = larger.cropped(PixelRect::new(3, 0, 64, 48)).expect("crops");
            assert_eq!(back, before);
            let corner = larger
                .cropped(PixelRect::new(67, 48, 11, 9))
                .expect("crops");
            assert!(values(&corner.samples).iter().all(|v| *v == 0));
        }
    }
}

#[test]
fn display_averages_and_converts() {
    let target = photo(Layout::Rgb, false, None);
    let Samples::U8(data) = &target.samples else {
        panic!("8 bits expected")
    };
    let whole = target.display_rgba8(SIZE.rect(), 1);
    assert!(
        whole
            .chunks_exact(4)
            .zip(data.chunks_exact(3))
            .all(|(a, b)| &a[..3] == b && a[3] == 255)
    );
    // A window that hangs over the edge by 2 pixels, in steps of 4.
    let part = target.display_rgba8(PixelRect::new(-2, 44, 10, 6), 4);
    assert_eq!(part.len(), 3 * 2 * 4);
    let mean = |xs: std::ops::Range<usize>, c: usize| {
        let sum: u32 = (44..48)
            .flat_map(|y| xs.clone().map(move |x| (x, y)))
            .map(|(x, y)| u32::from(data[(y * 64 + x) * 3 + c]))
            .sum();
        (f64::from(sum) / (xs.len() * 4) as f64).round() as u8
    };
    for c in 0..3 {
        assert!(part[c].abs_diff(mean(0..2, c)) <= 1);
        assert!(part[4 + c].abs_diff(mean(2..6, c)) <= 1);
    }
    assert_eq!(part[15..16], [0]); // below the picture
    let small = target.thumbnail(10);
    assert_eq!((small.size, small.rgba.len()), (PixelSize::new(10, 8), 320));
    let same = target.thumbnail(1000);
    assert_eq!((same.size, same.rgba), (SIZE, whole));
}

#[test]
fn display_weighs_by_alpha_and_leaves_the_outside_clear() {
    for wide in [false, true] {
        let mut target = photo(Layout::Rgba, wide, None);
        target.size = PixelSize::new(2, 1);
        let bytes = [255, 0, 0, 255, 0, 0, 255, 0];
        target.samples = if wide {
            Samples::U16(bytes.iter().map(|v| *v * 257).collect())
        } else {
            Samples::U8(bytes.iter().map(|v| *v as u8).collect())
        };
        let mean = target.display_rgba8(PixelRect::new(0, 0, 2, 1), 2);
        assert_eq!(mean, [255, 0, 0, 128]);
    }
    // The same window at step 1, copied (8 bits) and converted (16 bits): a frame of clear pixels around the photo.
    let narrow = photo(Layout::Rgb, false, None);
    let mut wide = narrow.clone();
    wide.samples = Samples::U16(
        values(&narrow.samples)
            .iter()
            .map(|v| (v * 257) as u16)
            .collect(),
    );
    let window = PixelRect::new(-3, -2, 70, 53);
    let seen = narrow.display_rgba8(window, 1);
    assert_eq!(seen, wide.display_rgba8(window, 1));
    let clear = seen.chunks_exact(4).filter(|p| p == &[0; 4]).count();
    assert_eq!(clear as u64, window.area() - SIZE.area());
}
