//! Times the exemplar denoiser: a 512-pixel hole in its context, an object, scratches across a large photo. The target is four
//! seconds for the first on two cores.

use criterion::{Criterion, criterion_group, criterion_main};
use inlay::diffusion::exemplar::{ExemplarSettings, fill};
use inlay::geometry::PixelSize;
use inlay::progress::Silent;
use inlay::raster::{Plane, RgbF32};

/// Waves of several lengths with noise: neither flat nor repeating.
fn scene(side: u32) -> RgbF32 {
    let mut out = RgbF32::new(PixelSize::new(side, side));
    let mut state = 1u32;
    for y in 0..side as usize {
        for x in 0..side as usize {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 16) as f32 / 65536.0;
            let (u, v) = (x as f32, y as f32);
            let wave = 0.2 * (u * 0.11 + (v * 0.013).sin() * 4.0).sin() + 0.15 * (v * 0.31).sin();
            let value = 0.45 + wave + 0.1 * noise;
            out.set_pixel(x, y, [value, 0.9 * value, 0.2 + 0.5 * value]);
        }
    }
    out
}

fn mask(side: u32, inside: impl Fn(f32, f32) -> bool) -> Plane {
    let mut out = Plane::new(PixelSize::new(side, side));
    for y in 0..side as usize {
        for x in 0..side as usize {
            out.set(x, y, if inside(x as f32, y as f32) { 255 } else { 0 });
        }
    }
    out
}

fn exemplar(c: &mut Criterion) {
    let mut group = c.benchmark_group("exemplar");
    group.sample_size(10);
    let cases = [
        (
            "hole 512 in 1536",
            1536,
            mask(1536, |x, y| {
                (512.0..1024.0).contains(&x) && (512.0..1024.0).contains(&y)
            }),
        ),
        (
            "object 128 in 768",
            768,
            mask(768, |x, y| (x - 384.0).hypot(y - 384.0) < 64.0),
        ),
        (
            "scratches in 3000",
            3000,
            mask(3000, |x, y| {
                (y - 900.0 - 40.0 * (x * 0.01).sin()).abs() < 2.0
            }),
        ),
    ];
    for (name, side, hole) in cases {
        let picture = scene(side);
        group.bench_function(name, |b| {
            b.iter(|| fill(&picture, &hole, &ExemplarSettings::default(), &mut Silent));
        });
    }
    group.finish();
}

criterion_group!(benches, exemplar);
criterion_main!(benches);
