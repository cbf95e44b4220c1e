//! How much of a large picture is read, and how much is kept.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use eframe::egui::{Pos2, vec2};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::gpu::{CanvasPainter, TileSource, View};
use inlay::raster::Plane;

use super::pictures::{SIZE, plain, stage, view};

/// A hundred megapixels that are never stored, and what was asked of them.
#[derive(Default)]
struct Huge {
    asked: Mutex<Vec<(PixelRect, u32)>>,
    pixels: AtomicU64,
}

impl TileSource for Huge {
    fn size(&self) -> PixelSize {
        PixelSize::new(12_000, 8_400)
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        self.asked.lock().expect("no panic").push((rect, step));
        let count = u64::from(rect.width.div_ceil(step)) * u64::from(rect.height.div_ceil(step));
        self.pixels.fetch_add(count, Ordering::Relaxed);
        [(rect.x / 64) as u8, (rect.y / 64) as u8, step as u8, 255].repeat(count as usize)
    }
}

#[test]
fn only_what_is_in_view_and_its_neighbourhood_is_read() {
    let Some(mut stage) = stage() else { return };
    let huge = Arc::new(Huge::default());
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(huge.clone()), 1);
    let at = view(-6000.0, -4000.0, 1.0);
    stage.settle(&mut canvas, &at, &plain());
    // Let the neighbourhood come in as well.
    for _ in 0..50 {
        stage.frame(&mut canvas, &at, &plain());
        std::thread::sleep(std::time::Duration::from_millis(4));
    }
    let asked = huge.asked.lock().expect("no panic").clone();
    let in_view = PixelRect::new(6000, 4000, SIZE[0], SIZE[1]);
    let fine: Vec<_> = asked.iter().filter(|(_, step)| *step == 1).collect();
    let visible = fine
        .iter()
        .filter(|(rect, _)| !rect.grow(-2).intersect(in_view).is_empty())
        .count();
    assert!(
        (4..=9).contains(&visible),
        "{visible} tiles in view were read"
    );
    assert!(
        fine.iter()
            .all(|(rect, _)| !rect.intersect(in_view.grow(520)).is_empty()),
        "read far from the view"
    );
    assert!(
        asked.len() <= 5 * 5 + 1 + 9,
        "{} tiles were read",
        asked.len()
    );
    let different: HashSet<_> = asked.iter().map(|(rect, step)| (*rect, *step)).collect();
    assert_eq!(different.len(), asked.len(), "a tile was read twice");
    assert!(
        asked.iter().any(|(_, step)| *step == 32),
        "the whole photo at its coarsest"
    );
}

#[test]
fn memory_stays_bounded_while_panning_and_zooming_over_100_megapixels() {
    let Some(mut stage) = stage() else { return };
    let huge = Arc::new(Huge::default());
    let bound = 64 << 20;
    let mut canvas = CanvasPainter::with_memory(&stage.render_state, bound, 16 << 20);
    canvas.set_photo(Some(huge.clone()), 1);
    canvas.set_mask(Some(&Plane {
        size: huge.size(),
        data: (0..12_000 * 8_400).map(|n| (n >> 3) as u8).collect(),
    }));
    for scale in [1.0, 0.3, 0.07] {
        for n in 0..12 {
            let reach = vec2(12_000.0, 8_400.0) * scale - vec2(700.0, 560.0);
            let origin = Pos2::ZERO - reach * (n as f32 / 11.0);
            stage.settle(
                &mut canvas,
                &View {
                    origin_in_view: origin,
                    points_per_pixel: scale,
                },
                &plain(),
            );
            assert!(
                canvas.cached_bytes() <= bound + (16 << 20),
                "{} bytes",
                canvas.cached_bytes()
            );
        }
    }
    assert!(
        huge.pixels.load(Ordering::Relaxed) > 64 * 512 * 512,
        "more was read than fits, so something was thrown out"
    );
}
