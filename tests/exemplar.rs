//! Tests of the exemplar denoiser through its public call, on pictures made here: what must stay, what must be continued,
//! what must be refused, and that shapes of every kind stay in bounds.

use inlay::diffusion::exemplar::{ExemplarError, ExemplarSettings, fill};
use inlay::geometry::PixelSize;
use inlay::progress::{Observer, Silent};
use inlay::raster::{Plane, RgbF32};
use proptest::prelude::*;

fn picture(w: u32, h: u32, colour: impl Fn(usize, usize) -> [f32; 3]) -> RgbF32 {
    let mut out = RgbF32::new(PixelSize::new(w, h));
    for y in 0..h as usize {
        for x in 0..w as usize {
            out.set_pixel(x, y, colour(x, y));
        }
    }
    out
}

fn hole(w: u32, h: u32, inside: impl Fn(usize, usize) -> bool) -> Plane {
    let mut out = Plane::new(PixelSize::new(w, h));
    for y in 0..h as usize {
        for x in 0..w as usize {
            if inside(x, y) {
                out.set(x, y, 255);
            }
        }
    }
    out
}

fn rect(x0: usize, y0: usize, w: usize, h: usize) -> impl Fn(usize, usize) -> bool {
    move |x, y| (x0..x0 + w).contains(&x) && (y0..y0 + h).contains(&y)
}

fn settings(seed: u64) -> ExemplarSettings {
    ExemplarSettings {
        seed,
        ..ExemplarSettings::default()
    }
}

/// Fills after wiping the hole, so that nothing of the truth can leak through.
fn filled(truth: &RgbF32, mask: &Plane, seed: u64) -> RgbF32 {
    let mut damaged = truth.clone();
    for (at, m) in mask.data.iter().enumerate() {
        if *m >= 128 {
            damaged.data[3 * at..3 * at + 3].copy_from_slice(&[1.0, 0.0, 1.0]);
        }
    }
    let out = fill(&damaged, mask, &settings(seed), &mut Silent).expect("a fill");
    for (at, m) in mask.data.iter().enumerate() {
        if *m < 128 {
            let (a, b) = (
                &out.data[3 * at..3 * at + 3],
                &truth.data[3 * at..3 * at + 3],
            );
            assert!(
                a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()),
                "known pixel {at} changed"
            );
        }
    }
    assert!(out.data.iter().all(|v| v.is_finite()));
    out
}

/// Mean and largest absolute error inside the hole.
fn errors(a: &RgbF32, b: &RgbF32, mask: &Plane) -> (f32, f32) {
    let (mut sum, mut count, mut most) = (0.0, 0.0, 0.0f32);
    for (at, m) in mask.data.iter().enumerate() {
        if *m >= 128 {
            for c in 3 * at..3 * at + 3 {
                let e = (a.data[c] - b.data[c]).abs();
                sum += e;
                count += 1.0;
                most = most.max(e);
            }
        }
    }
    (sum / count, most)
}

/// The hole filled with the mean of the known, as a blur at its widest would.
fn mean_filled(truth: &RgbF32, mask: &Plane) -> RgbF32 {
    let mut mean = [0.0f32; 3];
    let known = mask.data.iter().filter(|m| **m < 128).count() as f32;
    for (at, _) in mask.data.iter().enumerate().filter(|(_, m)| **m < 128) {
        for (to, v) in mean.iter_mut().zip(&truth.data[3 * at..]) {
            *to += v / known;
        }
    }
    let mut out = truth.clone();
    for (at, _) in mask.data.iter().enumerate().filter(|(_, m)| **m >= 128) {
        out.data[3 * at..3 * at + 3].copy_from_slice(&mean);
    }
    out
}

fn noise(x: usize, y: usize) -> f32 {
    let mut v = (x as u32).wrapping_mul(0x9e37_79b9) ^ (y as u32).wrapping_mul(0x85eb_ca6b);
    v = (v ^ (v >> 15)).wrapping_mul(0x2c1b_3c6d);
    v = (v ^ (v >> 12)).wrapping_mul(0x297a_2d39);
    ((v ^ (v >> 15)) & 0xffff) as f32 / 65535.0
}

fn grain(x: usize, y: usize) -> [f32; 3] {
    let v = 0.3 + 0.4 * noise(x / 2, y / 2) + 0.1 * noise(x, y);
    [v, 0.8 * v, 0.6 * v]
}

/// A picture as a function of x and y.
type Colour<'a> = &'a dyn Fn(usize, usize) -> [f32; 3];

fn bricks(x: usize, y: usize) -> [f32; 3] {
    let row = y / 8;
    let mortar = y.is_multiple_of(8) || (x + row % 2 * 8).is_multiple_of(16);
    if mortar {
        [0.8, 0.8, 0.75]
    } else {
        [0.6, 0.2, 0.15]
    }
}

#[test]
fn textures_are_continued() {
    let stripes = |x: usize, _: usize| {
        if (x / 4).is_multiple_of(2) {
            [0.1, 0.2, 0.3]
        } else {
            [0.9, 0.8, 0.7]
        }
    };
    let checks = |x: usize, y: usize| {
        if (x / 5 + y / 5).is_multiple_of(2) {
            [0.9; 3]
        } else {
            [0.1; 3]
        }
    };
    let cases: [(&str, Colour); 3] = [
        ("stripes", &stripes),
        ("checks", &checks),
        ("bricks", &bricks),
    ];
    let mask = hole(160, 140, rect(60, 50, 37, 33));
    for (name, colour) in cases {
        let truth = picture(160, 140, colour);
        let ours = errors(&filled(&truth, &mask, 3), &truth, &mask).0;
        let blur = errors(&mean_filled(&truth, &mask), &truth, &mask).0;
        assert!(ours < 0.35 * blur, "{name}: {ours} against a blur's {blur}");
    }
}

#[test]
fn grain_keeps_its_contrast() {
    let truth = picture(200, 200, grain);
    let mask = hole(200, 200, rect(60, 70, 70, 60));
    let out = filled(&truth, &mask, 1);
    let spread = |p: &RgbF32| {
        let values: Vec<f32> = mask
            .data
            .iter()
            .enumerate()
            .filter(|(_, m)| **m >= 128)
            .map(|(at, _)| p.data[3 * at])
            .collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
    };
    let ratio = spread(&out) / spread(&truth);
    assert!(
        (0.8..1.25).contains(&ratio),
        "contrast is {ratio} of the truth"
    );
}

#[test]
fn a_horizon_goes_on_into_an_extension() {
    let truth = picture(240, 160, |x, y| {
        let n = 0.04 * noise(x, y);
        if y < 70 {
            [0.5 + n, 0.7 + n, 0.9 + n]
        } else {
            [0.2 + n, 0.4 + n, 0.15 + n]
        }
    });
    for (name, mask) in [
        ("right", hole(240, 160, |x, _| x >= 190)),
        ("left", hole(240, 160, |x, _| x < 50)),
        ("both", hole(240, 160, |x, _| !(40..200).contains(&x))),
    ] {
        let out = filled(&truth, &mask, 5);
        let wrong = (0..160 * 240)
            .filter(|at| mask.data[*at] >= 128 && (at / 240).abs_diff(70) > 4)
            .filter(|at| (out.data[3 * at + 2] > 0.5) != (at / 240 < 70))
            .count();
        assert_eq!(
            wrong, 0,
            "{name}: {wrong} pixels on the wrong side of the horizon"
        );
    }
}

#[test]
fn flat_colour_stays_flat() {
    let truth = picture(130, 90, |_, _| [0.37, 0.52, 0.81]);
    for mask in [
        hole(130, 90, rect(40, 20, 50, 50)),
        hole(130, 90, |x, _| x < 40),
        hole(130, 90, |x, y| x == y),
    ] {
        let (_, most) = errors(&filled(&truth, &mask, 9), &truth, &mask);
        assert!(most < 1.0 / 255.0, "{most}");
    }
}

#[test]
fn a_gradient_stays_a_gradient() {
    let slopes: [(f32, f32); 3] = [(0.0, 0.003), (0.002, 0.0), (0.0015, 0.0015)];
    for (sx, sy) in slopes {
        let truth = picture(180, 180, |x, y| [0.2 + sx * x as f32 + sy * y as f32; 3]);
        let mask = hole(180, 180, |x, y| {
            (x as i32 - 90).pow(2) + (y as i32 - 80).pow(2) < 40 * 40
        });
        let (_, most) = errors(&filled(&truth, &mask, 2), &truth, &mask);
        assert!(
            most < 2.0 / 255.0,
            "slope {sx} {sy}: off by {}",
            most * 255.0
        );
    }
}

#[test]
fn several_holes_are_filled_in_one_call() {
    let truth = picture(400, 120, bricks);
    let mask = hole(400, 120, |x, y| {
        rect(20, 40, 24, 24)(x, y)
            || rect(180, 30, 30, 20)(x, y)
            || rect(352, 72, 48, 48)(x, y)
            || y == 5
    });
    let ours = errors(&filled(&truth, &mask, 1), &truth, &mask).0;
    assert!(
        ours < 0.35 * errors(&mean_filled(&truth, &mask), &truth, &mask).0,
        "{ours}"
    );
}

#[test]
fn threads_do_not_change_the_result_and_seeds_do() {
    let truth = picture(150, 130, grain);
    let mask = hole(150, 130, |x, y| rect(40, 40, 60, 50)(x, y) || x + y == 100);
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| filled(&truth, &mask, seed))
    };
    let one = with(1, 4);
    assert!(
        one == with(2, 4) && one == with(5, 4),
        "the thread count shows"
    );
    let (mean, _) = errors(&one, &with(2, 5), &mask);
    assert!(mean > 0.03, "seeds differ by {mean} only");
}

#[test]
fn what_cannot_be_filled_is_refused() {
    let flat = picture(20, 10, |_, _| [0.5; 3]);
    let all = hole(20, 10, |_, _| true);
    assert_eq!(
        fill(&flat, &all, &settings(0), &mut Silent),
        Err(ExemplarError::NothingKnown)
    );
    assert!(ExemplarError::NothingKnown.to_string().contains("unmasked"));
    let other = hole(10, 20, |x, _| x == 3);
    assert!(matches!(
        fill(&flat, &other, &settings(0), &mut Silent),
        Err(ExemplarError::SizeMismatch { .. })
    ));
    let mut short = flat.clone();
    short.data.pop();
    let some = hole(20, 10, |x, _| x == 3);
    assert_eq!(
        fill(&short, &some, &settings(0), &mut Silent),
        Err(ExemplarError::WrongLength)
    );
}

#[test]
fn an_empty_mask_gives_the_picture_back() {
    let truth = picture(31, 17, grain);
    let none = hole(31, 17, |_, _| false);
    assert_eq!(fill(&truth, &none, &settings(0), &mut Silent), Ok(truth));
    let nothing = RgbF32::new(PixelSize::new(0, 0));
    let nowhere = Plane::new(PixelSize::new(0, 0));
    assert_eq!(
        fill(&nothing, &nowhere, &settings(0), &mut Silent),
        Ok(nothing)
    );
}

#[test]
fn odd_values_in_the_known_do_no_harm() {
    let mut truth = picture(64, 64, grain);
    truth.set_pixel(5, 5, [f32::NAN, f32::INFINITY, -7.0]);
    truth.set_pixel(40, 40, [12.0, -3.0, 0.5]);
    let mask = hole(64, 64, rect(20, 20, 16, 16));
    let out = fill(&truth, &mask, &settings(0), &mut Silent).expect("a fill");
    assert!(
        out.pixel(5, 5)[0].is_nan(),
        "known pixels come back as they were"
    );
    for y in 20..36 {
        for x in 20..36 {
            assert!(out.pixel(x, y).iter().all(|v| v.is_finite()));
        }
    }
}

/// Counts what it is told; cancels at a step.
#[derive(Default)]
struct Watcher {
    steps: Vec<(usize, usize)>,
    previews: Vec<PixelSize>,
    stop_at: Option<usize>,
    stopped: Option<std::time::Instant>,
}

impl Observer for Watcher {
    fn is_cancelled(&self) -> bool {
        self.stopped.is_some()
    }

    fn on_step(&mut self, done: usize, total: usize) {
        self.steps.push((done, total));
        if self.stop_at.is_some_and(|at| done >= at) && self.stopped.is_none() {
            self.stopped = Some(std::time::Instant::now());
        }
    }

    fn wants_preview(&self) -> bool {
        true
    }

    fn on_preview(&mut self, picture: RgbF32) {
        assert!(picture.data.iter().all(|v| v.is_finite()));
        self.previews.push(picture.size);
    }
}

#[test]
fn progress_is_told_and_previews_are_full_size() {
    let truth = picture(300, 200, grain);
    let mask = hole(300, 200, |x, y| {
        rect(100, 60, 90, 80)(x, y) || rect(3, 3, 20, 2)(x, y)
    });
    let mut watcher = Watcher::default();
    fill(&truth, &mask, &settings(0), &mut watcher).expect("a fill");
    assert!(
        watcher
            .steps
            .windows(2)
            .all(|w| w[0].0 < w[1].0 && w[0].1 == w[1].1)
    );
    let (done, total) = *watcher.steps.last().expect("steps");
    assert_eq!(done, total);
    assert!(watcher.steps.len() > 20, "{} steps", watcher.steps.len());
    let estimated = watcher.steps[watcher.steps.len() - 2].0 as f32 / total as f32;
    assert!(estimated > 0.5, "the estimate was reached at {estimated}");
    assert!(watcher.previews.len() > 10);
    assert!(watcher.previews.iter().all(|s| *s == truth.size));
}

#[test]
fn cancelling_returns_promptly() {
    let truth = picture(900, 700, grain);
    let mask = hole(900, 700, rect(250, 150, 400, 400));
    let mut watcher = Watcher {
        stop_at: Some(300),
        ..Watcher::default()
    };
    assert_eq!(
        fill(&truth, &mask, &settings(0), &mut watcher),
        Err(ExemplarError::Cancelled)
    );
    let took = watcher.stopped.expect("stopped").elapsed();
    assert!(took.as_millis() < 500, "{took:?} after the request");
}

#[test]
fn a_hole_far_larger_than_the_known_is_filled() {
    let truth = picture(160, 150, bricks);
    let mask = hole(160, 150, |x, y| !rect(50, 60, 48, 40)(x, y));
    let out = filled(&truth, &mask, 1);
    let bright = (0..160 * 150)
        .filter(|at| mask.data[*at] >= 128 && out.data[3 * at + 1] > 0.5)
        .count();
    let share = bright as f32 / mask.data.iter().filter(|m| **m >= 128).count() as f32;
    assert!(
        (0.08..0.4).contains(&share),
        "mortar takes {share} of the fill, 0.18 of the truth"
    );
}

#[test]
fn long_thin_pictures_and_masks_like_static_are_filled() {
    for (w, h) in [(4000, 3), (3, 2000), (4000, 1), (700, 2)] {
        let truth = picture(w, h, grain);
        filled(&truth, &hole(w, h, |x, y| (x / 9 + y / 9) % 4 == 1), 1);
        filled(&truth, &hole(w, h, |x, y| x + y > (w + h) as usize / 10), 1);
    }
    let truth = picture(120, 120, grain);
    filled(&truth, &hole(120, 120, |x, y| noise(x + 500, y) < 0.5), 1);
    filled(&truth, &hole(120, 120, |x, y| (x, y) != (60, 60)), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn shapes_of_every_kind_stay_in_bounds(
        (w, h) in (1u32..40, 1u32..40),
        rects in prop::collection::vec((0usize..40, 0usize..40, 1usize..30, 1usize..30), 0..5),
        specks in 0u32..100,
        seed in any::<u64>(),
    ) {
        let truth = picture(w, h, |x, y| [noise(x, y) * 3.0 - 1.0, noise(y, x), 0.5]);
        let mask = hole(w, h, |x, y| {
            rects.iter().any(|(a, b, c, d)| rect(*a, *b, *c, *d)(x, y)) || noise(x + 77, y + 5) * 400.0 < specks as f32
        });
        if mask.data.iter().all(|m| *m >= 128) {
            prop_assert_eq!(fill(&truth, &mask, &settings(seed), &mut Silent), Err(ExemplarError::NothingKnown));
        } else {
            filled(&truth, &mask, seed);
        }
    }
}
