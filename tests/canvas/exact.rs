//! What the photo looks like: its own bytes at 100 %, squares above, means below, checkerboard behind.

use std::sync::Arc;

use eframe::egui::{Rect, pos2};
use eframe::egui_wgpu::wgpu::TextureFormat;
use inlay::geometry::{PixelRect, PixelSize};
use inlay::gpu::{CanvasPainter, CanvasStyle, TileSource, View};
use inlay::raster::Plane;

use super::pictures::{Bytes, SIZE, assert_close, close, flat, noise, plain, stage, view};
use super::stage::Stage;

#[test]
fn at_100_percent_the_screen_holds_the_photos_own_bytes() {
    for (ppp, origin) in [
        (1.0, pos2(-480.0, -490.0)),
        (1.5, pos2(-300.3, -222.9)),
        (2.0, pos2(7.25, 3.5)),
    ] {
        let Some(mut stage) = Stage::new(SIZE, ppp, TextureFormat::Rgba8Unorm) else {
            return;
        };
        let photo = Arc::new(Bytes::new(PixelSize::new(1300, 1100), noise));
        let mut canvas = CanvasPainter::new(&stage.render_state);
        canvas.set_photo(Some(photo.clone()), 1);
        let picture = stage.settle(
            &mut canvas,
            &View {
                origin_in_view: origin,
                points_per_pixel: 1.0 / ppp,
            },
            &plain(),
        );
        let corner = [origin.x, origin.y].map(|v| (v * ppp).round() as i32);
        let mut seen = 0;
        for y in 0..SIZE[1] {
            for x in 0..SIZE[0] {
                let (px, py) = (x as i32 - corner[0], y as i32 - corner[1]);
                if photo.size.rect().contains(px, py) {
                    assert_eq!(
                        picture.at(x, y),
                        photo.at(px as u32, py as u32),
                        "{x} {y} at {ppp}"
                    );
                    seen += 1;
                } else {
                    assert_eq!(picture.at(x, y), [0; 4], "outside the photo at {x} {y}");
                }
            }
        }
        assert!(seen > 200_000);
    }
}

#[test]
fn a_target_that_converts_to_srgb_shows_the_same() {
    let Some(mut stage) = Stage::new(SIZE, 1.0, TextureFormat::Rgba8UnormSrgb) else {
        return;
    };
    let photo = Arc::new(Bytes::new(PixelSize::new(256, 256), |x, y| {
        [x as u8, y as u8, 255 - x as u8, 255]
    }));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(photo.clone()), 1);
    let picture = stage.settle(&mut canvas, &view(5.0, 6.0, 1.0), &plain());
    for y in 0..256 {
        for x in 0..256 {
            assert_close(picture.at(x + 5, y + 6), photo.at(x, y), 1);
        }
    }
}

#[test]
fn enlarged_pixels_are_squares_and_reduced_ones_are_means() {
    let Some(mut stage) = stage() else { return };
    let photo = Arc::new(Bytes::new(PixelSize::new(1500, 900), noise));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(photo.clone()), 1);
    let large = stage.settle(&mut canvas, &view(-4000.0, -4000.0, 8.0), &plain());
    for y in 0..SIZE[1] {
        for x in 0..SIZE[0] {
            // The soft edge lies between the last and first physical pixel; both keep their own side's colour.
            assert_close(large.at(x, y), photo.at((x + 4000) / 8, (y + 4000) / 8), 1);
        }
    }
    for (shrink, scale) in [(2, 0.5), (4, 0.25)] {
        let small = stage.settle(&mut canvas, &view(0.0, 0.0, scale), &plain());
        let means = photo.rgba8(photo.size.rect(), shrink);
        let width = 1500 / shrink;
        for y in 0..(900 / shrink).min(SIZE[1]) {
            for x in 0..width.min(SIZE[0]) {
                let at = (y * width + x) as usize * 4;
                assert_close(
                    small.at(x, y),
                    [means[at], means[at + 1], means[at + 2], 255],
                    1,
                );
            }
        }
    }
}

#[test]
fn no_zoom_shows_seams_between_tiles() {
    let Some(mut stage) = stage() else { return };
    let photo = Arc::new(Bytes::new(PixelSize::new(1700, 1300), |x, y| {
        [(x / 8) as u8, (y / 6) as u8, 90, 255]
    }));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(photo), 1);
    for scale in [0.27, 0.37, 0.499, 0.61, 0.83, 1.0, 1.37, 2.9] {
        let at = view(-508.0 * scale + 300.3, -508.0 * scale + 250.7, scale);
        let picture = stage.settle(&mut canvas, &at, &plain());
        for y in 200..300 {
            for x in 200..400 {
                let (a, b) = (picture.at(x, y), picture.at(x + 1, y + 1));
                assert!(
                    close(a, b, 3),
                    "{a:?} beside {b:?} at {x} {y}, zoom {scale}"
                );
                assert_eq!(
                    (a[3], a[2].abs_diff(90) <= 1),
                    (255, true),
                    "hole at {x} {y}, zoom {scale}"
                );
            }
        }
    }
}

#[test]
fn transparency_lies_over_a_checkerboard_of_constant_size() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(3000, 3000);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let checker =
        |canvas: &mut CanvasPainter, stage: &mut Stage, scale: f32, alpha: u8, generation: u64| {
            canvas.set_photo(Some(flat(size, [250, 100, 50, alpha])), generation);
            stage.settle(canvas, &view(0.0, 0.0, scale), &plain())
        };
    let clear = checker(&mut canvas, &mut stage, 1.0, 0, 1);
    let [light, dark] = [clear.at(2, 2), clear.at(10, 2)];
    assert_ne!(light, dark);
    assert_eq!(
        (clear.at(7, 7), clear.at(8, 8), clear.at(8, 7)),
        (light, light, dark)
    );
    let zoomed = checker(&mut canvas, &mut stage, 4.0, 0, 2);
    assert_eq!(
        (zoomed.at(7, 7), zoomed.at(8, 8), zoomed.at(8, 7)),
        (light, light, dark)
    );
    let half = checker(&mut canvas, &mut stage, 1.0, 128, 3);
    let over = |ground: [u8; 4]| {
        let mix =
            |c: u8, g: u8| ((f32::from(c) * 128.0 + f32::from(g) * 127.0) / 255.0).round() as u8;
        [
            mix(250, ground[0]),
            mix(100, ground[1]),
            mix(50, ground[2]),
            255,
        ]
    };
    assert_close(half.at(2, 2), over(light), 1);
    assert_close(half.at(10, 2), over(dark), 1);
}

#[test]
fn old_pixels_stay_until_new_ones_come_and_another_picture_starts_empty() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(600, 500);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let at = view(0.0, 0.0, 1.0);
    canvas.set_photo(Some(flat(size, [50, 60, 70, 255])), 1);
    stage.settle(&mut canvas, &at, &plain());
    canvas.set_photo(Some(flat(size, [150, 60, 70, 255])), 1);
    let (first, is_loading) = stage.frame(&mut canvas, &at, &plain());
    assert!(
        first.at(20, 20) == [50, 60, 70, 255]
            || (!is_loading && first.at(20, 20) == [150, 60, 70, 255])
    );
    let then = stage.settle(&mut canvas, &at, &plain());
    assert!((0..600).all(|x| then.at(x, 300) == [150, 60, 70, 255]));
    canvas.update_photo(flat(size, [0, 255, 0, 255]), PixelRect::new(0, 0, 10, 10));
    let changed = stage.settle(&mut canvas, &at, &plain());
    assert_eq!(
        (changed.at(5, 5), changed.at(590, 20)),
        ([0, 255, 0, 255], [150, 60, 70, 255])
    );
    canvas.set_photo(None, 2);
    assert_eq!(stage.settle(&mut canvas, &at, &plain()).at(20, 20), [0; 4]);
}

#[test]
fn nonsense_never_panics() {
    let Some(mut stage) = stage() else { return };
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(PixelSize::new(0, 0), [0; 4])), 1);
    stage.settle(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
    canvas.set_photo(Some(flat(PixelSize::new(1, 1), [7; 4])), 2);
    canvas.set_mask(Some(&Plane::new(PixelSize::new(9, 9))));
    canvas.update_mask(
        &Plane::new(PixelSize::new(1, 1)),
        PixelRect::new(-5, -5, 900, 900),
    );
    canvas.update_photo(
        flat(PixelSize::new(3, 3), [7; 4]),
        PixelRect::new(-5, -5, 900, 900),
    );
    canvas.invalidate_photo(PixelRect::new(i32::MIN / 4, 0, 9, 9));
    for (x, scale) in [
        (f32::NAN, 1.0),
        (0.0, 0.0),
        (0.0, f32::INFINITY),
        (1e9, 1.0),
        (-1e8, 900.0),
        (0.0, 1e-5),
    ] {
        stage.frame(
            &mut canvas,
            &view(x, 0.0, scale),
            &CanvasStyle {
                pixel_grid: true,
                ..CanvasStyle::default()
            },
        );
    }
    stage.viewport = Some(Rect::from_min_max(pos2(9.0, 9.0), pos2(3.0, 3.0)));
    stage.frame(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
}

#[test]
fn the_finest_pattern_turns_grey_when_reduced_instead_of_flickering() {
    let Some(mut stage) = stage() else { return };
    let board = |x: u32, y: u32| {
        if (x + y).is_multiple_of(2) {
            [255; 4]
        } else {
            [0, 0, 0, 255]
        }
    };
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(
        Some(Arc::new(Bytes::new(PixelSize::new(1600, 1300), board))),
        1,
    );
    for scale in [0.3, 0.45, 0.6] {
        let picture = stage.settle(&mut canvas, &view(0.3, 0.7, scale), &plain());
        for y in 5..350 {
            for x in 5..450 {
                assert_close(picture.at(x, y), [127, 127, 127, 255], 18);
            }
        }
    }
}
