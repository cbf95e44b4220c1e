//! Owns the timings of selecting on two cores. Bars: the wand over 24 megapixels and an object
//! in 4 megapixels, all included, under 300 ms each. Run with
//! `cargo bench --bench select`.

use criterion::{Criterion, criterion_group, criterion_main};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::{Combine, FeatherEdge, Mask};
use inlay::raster::Plane;
use inlay::select::{ObjectOptions, RefineOptions, Seen, WandOptions, object, refine, wand};

/// A smooth picture with grain, as a plain sky or wall is.
pub fn grainy(size: PixelSize) -> Vec<u8> {
    let mut state = 1_u32;
    let width = size.width as usize;
    let mut rgba = vec![255; size.area() as usize * 4];
    for (at, pixel) in rgba.chunks_exact_mut(4).enumerate() {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        let grain = (state >> 27) as u8;
        let light = 100.0 + 20.0 * ((at % width) as f32 / 300.0).sin();
        for (channel, value) in pixel[..3].iter_mut().enumerate() {
            *value = light as u8 + grain + channel as u8 * 7;
        }
    }
    rgba
}

fn wands(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wand");
    group.sample_size(10);
    for (name, size) in [
        ("24 MP", PixelSize::new(6000, 4000)),
        ("100 MP", PixelSize::new(11600, 8700)),
    ] {
        let rgba = grainy(size);
        let picture = Seen::new(&rgba, size).expect("fits");
        for (kind, tolerance, contiguous) in [
            ("all of it", 80, true),
            ("ragged", 18, true),
            ("everywhere", 40, false),
        ] {
            let options = WandOptions {
                tolerance,
                contiguous,
                ..WandOptions::default()
            };
            group.bench_function(format!("{name}, {kind}"), |bencher| {
                bencher
                    .iter(|| wand(&picture, (3000, 2000), &options, &|| false).expect("selects"));
            });
        }
    }
}

/// Edge work on a mask of 24 megapixels with a large and a small spot, hard and soft.
fn masks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask 24 MP");
    group.sample_size(10);
    for (name, spot) in [
        ("large", PixelRect::new(600, 400, 4800, 3200)),
        ("small", PixelRect::new(2800, 1900, 300, 200)),
    ] {
        let mut mask = Mask::new(PixelSize::new(6000, 4000));
        mask.fill_ellipse(spot, false);
        let mut run = |what: &str, work: fn(&mut Mask)| {
            group.bench_function(format!("{what}, {name}"), |bencher| {
                bencher.iter_batched(
                    || mask.clone(),
                    |mut mask| work(&mut mask),
                    criterion::BatchSize::LargeInput,
                );
            });
        };
        run("grow 20 px", |mask| mask.grow(20.0));
        run("shrink 20 px", |mask| mask.shrink(20.0));
        run("feather 10 px", |mask| {
            mask.feather(10.0, FeatherEdge::Both);
        });
        run("fill holes", Mask::fill_holes);
        run("add a part of 1 MP", |mask| {
            let part = Plane::new(PixelSize::new(1000, 1000));
            let rect = PixelRect::new(1500, 1500, 1000, 1000);
            let _ = mask.combine_part(rect, &part, Combine::Add);
        });
    }
    group.finish();
}

/// An object with grain on a ground with grain, 4 megapixels, and what edges cost in it.
fn objects(criterion: &mut Criterion) {
    let size = PixelSize::new(2400, 1700);
    let mut rgba = grainy(size);
    let mut truth = Mask::new(size);
    truth.fill_ellipse(PixelRect::new(700, 400, 1000, 900), false);
    for (pixel, inside) in rgba.chunks_exact_mut(4).zip(&truth.plane.data) {
        if *inside >= 128 {
            pixel[0] = pixel[0].saturating_add(40);
        }
    }
    let picture = Seen::new(&rgba, size).expect("fits");
    let mut labels = Plane::new(size);
    let mut stroke = Mask::new(size);
    stroke.fill_rect(PixelRect::new(1000, 800, 400, 20), false);
    for (label, inside) in labels.data.iter_mut().zip(&stroke.plane.data) {
        *label = inside / 255;
    }
    let mut group = criterion.benchmark_group("object 4 MP");
    group.sample_size(10);
    let options = ObjectOptions::default();
    let found = object(&picture, &labels, None, &options, &|| false).expect("finds");
    for (name, previous) in [("first stroke", None), ("going on", Some(&found))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| object(&picture, &labels, previous, &options, &|| false));
        });
    }
    truth.grow(4.0);
    group.bench_function("refine, radius 12", |bencher| {
        bencher.iter_batched(
            || truth.plane.clone(),
            |mut plane| refine(&picture, &mut plane, RefineOptions::default(), &|| false),
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, wands, masks, objects);
criterion_main!(benches);
