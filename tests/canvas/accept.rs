//! What is seen between accepting a result and having its pixels on the device: never anything but the result.

use std::sync::Arc;
use std::time::Duration;

use inlay::geometry::{PixelRect, PixelSize};
use inlay::gpu::{CanvasPainter, OverlayPicture, TileSource};

use super::pictures::{Bytes, flat, plain, stage, view};
use super::stage::{Picture, Stage};

/// A source on a slow disk.
struct Slow(Arc<Bytes>);

impl TileSource for Slow {
    fn size(&self) -> PixelSize {
        self.0.size()
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        std::thread::sleep(Duration::from_millis(40));
        self.0.rgba8(rect, step)
    }
}

const OLD: [u8; 4] = [10, 20, 30, 255];
const NEW: [u8; 4] = [200, 100, 50, 255];

fn candidate(rect: PixelRect) -> OverlayPicture {
    OverlayPicture {
        key: 1,
        rect_in_photo: rect,
        size: rect.size(),
        rgba: Arc::new(NEW.repeat(rect.area() as usize)),
        clip_to_mask: false,
    }
}

/// Frames until all is loaded, each looked at.
fn watch(
    stage: &mut Stage,
    canvas: &mut CanvasPainter,
    at: (f32, f32),
    look: impl Fn(&Picture),
) -> usize {
    for frames in 1..2000 {
        let (picture, is_loading) = stage.frame(canvas, &view(at.0, at.1, 1.0), &plain());
        look(&picture);
        if !is_loading {
            return frames;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    panic!("the canvas never finishes loading");
}

#[test]
fn accepting_a_fill_never_shows_the_old_pixels_again() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(900, 700);
    let rect = PixelRect::new(400, 300, 200, 150);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, OLD)), 1);
    canvas.set_overlays(vec![candidate(rect)]);
    let before = stage.settle(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
    assert_eq!((before.at(450, 350), before.at(50, 50)), (NEW, OLD));
    let filled = Bytes::new(size, |x, y| {
        if rect.contains(x as i32, y as i32) {
            NEW
        } else {
            OLD
        }
    });
    canvas.update_photo(Arc::new(Slow(Arc::new(filled))), rect);
    canvas.set_overlays(Vec::new());
    let frames = watch(&mut stage, &mut canvas, (0.0, 0.0), |picture| {
        assert_eq!(
            (
                picture.at(450, 350),
                picture.at(595, 445),
                picture.at(50, 50)
            ),
            (NEW, NEW, OLD)
        );
    });
    assert!(frames > 2, "the source was not slow enough to see anything");
    // The held picture is gone: a change below is seen.
    canvas.update_photo(flat(size, OLD), rect);
    let after = stage.settle(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
    assert_eq!(after.at(450, 350), OLD);
}

#[test]
fn accepting_an_extension_keeps_everything_in_place() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(500, 400);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, OLD)), 1);
    canvas.set_canvas(Some(PixelRect::new(-100, 0, 600, 400)));
    canvas.set_overlays(vec![candidate(PixelRect::new(-100, 0, 100, 400))]);
    stage.settle(&mut canvas, &view(150.0, 20.0, 1.0), &plain());
    let extended = Bytes::new(
        PixelSize::new(600, 400),
        |x, _| if x < 100 { NEW } else { OLD },
    );
    canvas.resize_photo(Arc::new(Slow(Arc::new(extended))), (100, 0));
    canvas.set_canvas(None);
    canvas.set_overlays(Vec::new());
    let look = |picture: &Picture| {
        assert_eq!((picture.at(50, 20), picture.at(149, 419)), (NEW, NEW));
        assert_eq!((picture.at(150, 20), picture.at(649, 419)), (OLD, OLD));
        assert_eq!((picture.at(49, 20), picture.at(650, 20)), ([0; 4], [0; 4]));
    };
    assert!(watch(&mut stage, &mut canvas, (50.0, 20.0), look) > 2);
    look(&stage.settle(&mut canvas, &view(50.0, 20.0, 1.0), &plain()));
    // And back.
    canvas.resize_photo(Arc::new(Slow(flat(size, OLD))), (-100, 0));
    let look = |picture: &Picture| assert_eq!(picture.at(150, 20), OLD);
    assert!(watch(&mut stage, &mut canvas, (150.0, 20.0), look) > 2);
    let after = stage.settle(&mut canvas, &view(150.0, 20.0, 1.0), &plain());
    assert_eq!((after.at(149, 20), after.at(150, 20)), ([0; 4], OLD));
}

#[test]
fn a_picture_that_follows_another_never_shows_what_lies_below() {
    let Some(mut stage) = stage() else { return };
    // Large enough to be brought to the device by a thread and over several frames.
    let size = PixelSize::new(1400, 1200);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, OLD)), 1);
    let first = candidate(size.rect());
    canvas.set_overlays(vec![first.clone()]);
    stage.settle(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
    let later = [90, 200, 160, 255];
    let second = OverlayPicture {
        key: 2,
        rgba: Arc::new(later.repeat(size.area() as usize)),
        ..first
    };
    canvas.set_overlays(vec![second]);
    assert!(canvas.is_overlay_loading());
    let frames = watch(&mut stage, &mut canvas, (0.0, 0.0), |picture| {
        let seen = picture.at(450, 350);
        assert!(seen == NEW || seen == later, "{seen:?}");
    });
    assert!(frames > 1, "it takes a while");
    let end = stage.settle(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
    assert_eq!(end.at(450, 350), later);
    assert!(!canvas.is_overlay_loading());
    // Nothing follows: then nothing stays.
    canvas.set_overlays(Vec::new());
    let end = stage.settle(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
    assert_eq!(end.at(450, 350), OLD);
}
