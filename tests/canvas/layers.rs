//! What lies over and around the photo: mask, edge, overlays, extension.

use std::sync::Arc;

use eframe::egui::{Rect, pos2};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::gpu::{CanvasPainter, CanvasStyle, OverlayPicture};
use inlay::raster::Plane;

use super::pictures::{Bytes, SIZE, assert_close, close, flat, noise, plain, stage, view};
use super::stage::Picture;

fn overlay(
    key: u64,
    rect: PixelRect,
    size: PixelSize,
    rgba: [u8; 4],
    clip_to_mask: bool,
) -> OverlayPicture {
    let bytes = rgba.repeat(size.area() as usize);
    OverlayPicture {
        key,
        rect_in_photo: rect,
        size,
        rgba: Arc::new(bytes),
        clip_to_mask,
    }
}

#[test]
fn the_mask_tints_with_its_opacity_and_strokes_show_at_once() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(1200, 1000);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, [0, 100, 200, 255])), 1);
    let mut mask = Plane::new(size);
    mask.data[100 * 1200 + 100] = 255;
    canvas.set_mask(Some(&mask));
    let at = view(0.0, 0.0, 1.0);
    let picture = stage.settle(&mut canvas, &at, &plain());
    assert_close(picture.at(100, 100), [128, 50, 100, 255], 1);
    assert_eq!(picture.at(101, 100), [0, 100, 200, 255]);

    // A stroke across two tiles, half covered, shows in the very next frame.
    let stroke = PixelRect::new(480, 300, 60, 40);
    for y in 300..340 {
        mask.data[y * 1200 + 480..y * 1200 + 540].fill(128);
    }
    canvas.update_mask(&mask, stroke);
    let (picture, _) = stage.frame(&mut canvas, &at, &plain());
    for x in 480..540 {
        assert_close(picture.at(x, 320), [64, 75, 150, 255], 1);
    }
    assert_eq!(picture.at(479, 320), [0, 100, 200, 255]);
    assert_eq!(picture.at(540, 320), [0, 100, 200, 255]);

    // Levels follow: at 50 % the same pixels.
    let half = stage.settle(&mut canvas, &view(0.0, 0.0, 0.5), &plain());
    assert_close(half.at(260, 160), [64, 75, 150, 255], 1);

    mask.data.fill(0);
    canvas.set_mask(Some(&mask));
    let (picture, _) = stage.frame(&mut canvas, &at, &plain());
    assert_eq!(picture.at(500, 320), [0, 100, 200, 255]);
    canvas.set_mask(None);
    stage.settle(&mut canvas, &at, &plain());
}

#[test]
fn the_edge_runs_along_the_masks_border_and_moves_with_time() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(600, 500);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, [90, 90, 90, 255])), 1);
    let mut mask = Plane::new(size);
    for y in 100..300 {
        mask.data[y * 600 + 200..y * 600 + 400].fill(255);
    }
    canvas.set_mask(Some(&mask));
    let style = CanvasStyle {
        show_mask_edge: true,
        mask_opacity: 0.0,
        ..plain()
    };
    for scale in [0.5, 1.0, 1.3] {
        let still = stage.settle(&mut canvas, &view(0.0, 0.0, scale), &style);
        let moved = stage.settle(
            &mut canvas,
            &view(0.0, 0.0, scale),
            &CanvasStyle {
                time_seconds: 0.25,
                ..style
            },
        );
        let on = |p: &Picture, x: f32, y: f32| p.at((x * scale) as u32, (y * scale) as u32);
        let edge: Vec<_> = (110..290).map(|y| on(&still, 200.0, y as f32)).collect();
        assert!(
            edge.iter().any(|c| c[0] > 150) && edge.iter().any(|c| c[0] < 70),
            "no dashes at {scale}"
        );
        assert!((110..290).any(|y| on(&still, 200.0, y as f32) != on(&moved, 200.0, y as f32)));
        let style = CanvasStyle {
            show_mask: false,
            mask_opacity: 1.0,
            ..style
        };
        let alone = stage.settle(&mut canvas, &view(0.0, 0.0, scale), &style);
        assert!(alone.rgba == still.rgba, "the edge without the colour");
        assert_eq!(on(&still, 300.0, 200.0), [90, 90, 90, 255]);
        assert_eq!(on(&still, 150.0, 200.0), [90, 90, 90, 255]);
    }
}

#[test]
fn overlays_lie_where_they_belong_and_are_cut_by_mask_and_split() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(600, 500);
    let ground = [10, 20, 30, 255];
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, ground)), 1);
    let mut mask = Plane::new(size);
    for y in 0..500 {
        mask.data[y * 600 + 200..y * 600 + 600].fill(255);
    }
    canvas.set_mask(Some(&mask));
    let style = CanvasStyle {
        show_mask: false,
        ..plain()
    };
    let at = view(20.0, 10.0, 1.0);
    let rect = PixelRect::new(100, 50, 200, 100);
    canvas.set_overlays(vec![overlay(
        1,
        rect,
        PixelSize::new(25, 13),
        [200, 100, 50, 255],
        false,
    )]);
    let picture = stage.settle(&mut canvas, &at, &style);
    for (x, y) in [(100, 50), (299, 149), (200, 100)] {
        assert_close(picture.at(x + 20, y + 10), [200, 100, 50, 255], 1);
    }
    for (x, y) in [(99, 50), (300, 149), (200, 49), (200, 150)] {
        assert_eq!(picture.at(x + 20, y + 10), ground);
    }
    canvas.set_overlays(vec![overlay(
        2,
        rect,
        rect.size(),
        [200, 100, 50, 128],
        true,
    )]);
    let clipped = stage.settle(&mut canvas, &at, &style);
    assert_close(clipped.at(250 + 20, 100 + 10), [105, 60, 40, 255], 1);
    assert_eq!(clipped.at(150 + 20, 100 + 10), ground);
    let split = CanvasStyle {
        split_x_in_view: Some(280.0),
        ..style
    };
    let split = stage.settle(&mut canvas, &at, &split);
    assert_eq!(split.at(279, 110), ground);
    assert_close(split.at(280, 110), [105, 60, 40, 255], 1);
    let short = OverlayPicture {
        rgba: Arc::new(vec![1; 5]),
        ..overlay(3, rect, rect.size(), [1; 4], false)
    };
    canvas.set_overlays(vec![short]);
    assert_eq!(
        stage.settle(&mut canvas, &at, &style).at(250, 110),
        ground,
        "bytes missing: not drawn, no panic"
    );
}

#[test]
fn a_candidate_looks_like_the_photo_it_will_become() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(1280, 1024);
    let photo = Arc::new(Bytes::new(size, noise));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let style = plain();
    for scale in [0.41, 1.0, 2.6] {
        canvas.set_photo(Some(photo.clone()), 1);
        canvas.set_overlays(Vec::new());
        let real = stage.settle(&mut canvas, &view(3.0, 4.0, scale), &style);
        canvas.set_photo(Some(flat(size, [0, 0, 0, 255])), 2);
        canvas.set_overlays(vec![OverlayPicture {
            key: 9,
            rect_in_photo: size.rect(),
            size,
            rgba: Arc::new(photo.rgba.clone()),
            clip_to_mask: false,
        }]);
        let laid = stage.settle(&mut canvas, &view(3.0, 4.0, scale), &style);
        for y in 0..SIZE[1] {
            for x in 0..SIZE[0] {
                assert!(close(real.at(x, y), laid.at(x, y), 2), "{x} {y} at {scale}");
            }
        }
    }
}

#[test]
fn an_extension_is_drawn_around_the_photo_and_nothing_outside_the_viewport() {
    let Some(mut stage) = stage() else { return };
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let size = PixelSize::new(200, 150);
    canvas.set_photo(Some(flat(size, [9, 9, 9, 255])), 1);
    canvas.set_canvas(Some(PixelRect::new(-50, 0, 300, 200)));
    // Reaches out of the window on two sides.
    stage.viewport = Some(Rect::from_min_max(pos2(-30.0, -40.0), pos2(330.0, 260.0)));
    let picture = stage.settle(&mut canvas, &view(100.0, 100.0, 1.0), &plain());
    assert_eq!(picture.at(100, 100), [9, 9, 9, 255]);
    assert_eq!((picture.at(49, 120), picture.at(120, 99)), ([0; 4], [0; 4]));
    for (x, y) in [(50, 100), (99, 200), (310, 120), (150, 255)] {
        let added = picture.at(x, y);
        assert!(
            added[3] == 255 && added != [9, 9, 9, 255] && added[2] > added[0],
            "{added:?} at {x} {y}"
        );
    }
    assert_eq!(
        (picture.at(331, 120), picture.at(150, 261)),
        ([0; 4], [0; 4])
    );
}
