//! Measures what the canvas costs the window's thread: a frame of a 4K window over 100 megapixels, a stroke on a mask of
//! that size, taking in a whole one. `cargo bench --bench canvas`; needs an adapter, software will do.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use eframe::egui::pos2;
use inlay::geometry::{PixelRect, PixelSize};
use inlay::gpu::{CanvasPainter, CanvasStyle, TileSource, View};
use inlay::raster::Plane;
use inlay::ui::bench::Stage;

const PHOTO: PixelSize = PixelSize::new(12_000, 8_400);

/// A hundred megapixels that nobody stores.
struct Flat;

impl TileSource for Flat {
    fn size(&self) -> PixelSize {
        PHOTO
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        vec![200; (rect.width.div_ceil(step) * rect.height.div_ceil(step)) as usize * 4]
    }
}

/// One frame up to the point where egui would draw it. True while tiles are missing.
fn frame(stage: &Stage, canvas: &mut CanvasPainter, view: &View) -> bool {
    let mut is_loading = false;
    let output = stage.lay_out(|ui| {
        is_loading = canvas
            .paint(ui.painter(), stage.window(), view, &CanvasStyle::default())
            .still_loading;
    });
    output.drop_without_applying_deltas();
    stage.render_state.queue.submit([]);
    is_loading
}

fn measure(criterion: &mut Criterion) {
    let stage = match Stage::new([3840, 2160]) {
        Ok(stage) => stage,
        Err(error) => return eprintln!("SKIPPED: {error}"),
    };
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(Arc::new(Flat)), 1);
    let mut mask = Plane::new(PHOTO);
    for y in 2000..6000 {
        for x in 3000..9000 {
            mask.set(x, y, ((x * y) >> 9) as u8);
        }
    }
    criterion.bench_function("whole mask of 100 MP, nothing changed", |bench| {
        bench.iter(|| canvas.set_mask(black_box(Some(&mask))));
    });
    criterion.bench_function("stroke of 300 px on 100 MP", |bench| {
        bench.iter(|| canvas.update_mask(black_box(&mask), PixelRect::new(4000, 3000, 300, 300)));
    });
    for (name, scale) in [("100 %", 1.0), ("51 %, most texels", 0.51), ("fit", 0.25)] {
        let view = View {
            origin_in_view: pos2(-3000.0, -1500.0) * scale,
            points_per_pixel: scale,
        };
        while frame(&stage, &mut canvas, &view) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        criterion.bench_function(&format!("frame of 4K at {name}"), |bench| {
            bench.iter(|| frame(&stage, &mut canvas, &view));
        });
    }
    println!("on the device: {} MiB", canvas.cached_bytes() >> 20);
}

criterion_group! {
    name = canvas;
    config = Criterion::default().sample_size(20);
    targets = measure
}
criterion_main!(canvas);
