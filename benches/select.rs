//! Owns the timings of selecting on two cores. Bars: the wand over 24 megapixels under 300 ms. Run with
//! `cargo bench --bench select`.

use criterion::{Criterion, criterion_group, criterion_main};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::{Combine, FeatherEdge, Mask};
use inlay::raster::Plane;
use inlay::select::{Seen, WandOptions, wand};

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

criterion_group!(benches, wands, masks);
criterion_main!(benches);
