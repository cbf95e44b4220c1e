//! Owns the timing of a stitch of 4 megapixels: measuring a result once, and what runs at every move of a slider (bar:
//! under 50 ms on two cores). Run with `cargo bench --bench stitch`.

use criterion::{Criterion, criterion_group, criterion_main};
use inlay::compose::{CropMasks, StitchCache, StitchOptions, Stitched};
use inlay::geometry::PixelSize;
use inlay::raster::{Plane, RgbF32};

/// A hole of 2048 × 2048 px, which is the edit, with 64 px around it and a seam of 24 px.
const HOLE: usize = 2048;
const ROOM: usize = 64;
const SEAM: usize = 24;

pub fn scene() -> (RgbF32, RgbF32, CropMasks) {
    let side = HOLE + 2 * ROOM;
    let size = PixelSize::new(side as u32, side as u32);
    let mut photo = RgbF32::new(size);
    let mut state = 1_u32;
    for (at, value) in photo.data.iter_mut().enumerate() {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        let grain = (state >> 8) as f32 / (1 << 24) as f32 * 0.05;
        *value = 0.4 + 0.2 * ((at / 3 % side) as f32 / 300.0).sin() + grain;
    }
    let mut result = photo.clone();
    for at in 3..result.data.len() - 3 {
        result.data[at] = (photo.data[at - 3] + photo.data[at] + photo.data[at + 3]) / 3.0 + 0.03;
    }
    let mut composite = Plane::new(size);
    let mut denoise = Plane::new(size);
    for y in 0..side {
        for x in 0..side {
            let depth = x.min(y).min(side - 1 - x).min(side - 1 - y) as i32 - (ROOM - SEAM) as i32;
            let t = (depth as f32 / SEAM as f32).clamp(0.0, 1.0);
            composite.set(x, y, (t * t * (3.0 - 2.0 * t) * 255.0).round() as u8);
            denoise.set(x, y, if depth > -8 { 255 } else { 0 });
        }
    }
    (photo, result, CropMasks { denoise, composite })
}

fn stitch(criterion: &mut Criterion) {
    let (photo, result, masks) = scene();
    let mut group = criterion.benchmark_group("stitch 4 MP");
    group.sample_size(20);
    group.bench_function("prepare", |bencher| {
        bencher.iter(|| StitchCache::prepare(&photo, &result, &masks, 1).expect("sizes agree"));
    });
    let cache = StitchCache::prepare(&photo, &result, &masks, 1).expect("sizes agree");
    let mut out = Stitched::default();
    let mut grain = 0.0;
    group.bench_function("slider", |bencher| {
        bencher.iter(|| {
            grain = (grain + 0.1) % 1.0;
            let options = StitchOptions {
                grain,
                ..StitchOptions::default()
            };
            cache.apply_into(&options, &mut out);
        });
    });
    group.finish();
}

criterion_group!(benches, stitch);
criterion_main!(benches);
