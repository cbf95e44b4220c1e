//! Selecting from a hint: the wand against a slow fill, edges that snap, objects from few strokes.

use std::collections::HashSet;

use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::{Combine, Mask, StrokeBrush};
use inlay::raster::Plane;
use inlay::select::{
    ObjectOptions, RefineOptions, Seen, Selected, WandOptions, object, refine, wand,
};
use proptest::prelude::*;

/// Nobody stops.
const GO: &(dyn Fn() -> bool + Sync) = &|| false;

/// The selection on the whole picture.
fn whole(selected: &Selected, size: PixelSize) -> Vec<u8> {
    let mut out = vec![0; size.area() as usize];
    for y in 0..selected.rect.height as usize {
        for x in 0..selected.rect.width as usize {
            let (px, py) = (selected.rect.x as usize + x, selected.rect.y as usize + y);
            out[py * size.width as usize + px] = selected.plane.get(x, y);
        }
    }
    out
}

/// Small pictures of few colours, some transparent, in widths around a machine word.
fn pictures() -> impl Strategy<Value = (PixelSize, Vec<u8>)> {
    (prop_oneof![1..9u32, 60..70u32, 126..131u32], 1..9u32).prop_flat_map(|(w, h)| {
        let colors = prop::collection::vec(0..6u8, (w * h) as usize);
        colors.prop_map(move |colors| {
            let rgba = colors
                .into_iter()
                .flat_map(|c| match c {
                    0 => [10, 20, 30, 255],
                    1 | 2 => [14, 20, 26, 255],
                    3 => [200, 20, 30, 255],
                    4 => [77, 0, 5, 0],
                    _ => [12, 23, 31, 255],
                })
                .collect();
            (PixelSize::new(w, h), rgba)
        })
    })
}

fn weighted(pixel: &[u8]) -> [u8; 4] {
    let times = |v: u8| ((u32::from(v) * u32::from(pixel[3]) + 127) / 255) as u8;
    [times(pixel[0]), times(pixel[1]), times(pixel[2]), pixel[3]]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_wand_is_a_flood_fill((size, rgba) in pictures(), at in any::<prop::sample::Index>(),
        tolerance in 0..12u8, contiguous in any::<bool>()) {
        let (w, h) = (size.width as i32, size.height as i32);
        let at = at.index(size.area() as usize) as i32;
        let seed = (at % w, at / w);
        let color = |(x, y): (i32, i32)| weighted(&rgba[(y * w + x) as usize * 4..][..4]);
        let alike = |p| (0..4).all(|c| color(p)[c].abs_diff(color(seed)[c]) <= tolerance);
        let mut want: HashSet<(i32, i32)> = HashSet::new();
        if contiguous {
            let mut open = vec![seed];
            while let Some((x, y)) = open.pop() {
                if x >= 0 && y >= 0 && x < w && y < h && alike((x, y)) && want.insert((x, y)) {
                    open.extend([(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]);
                }
            }
        } else {
            want.extend((0..w * h).map(|i| (i % w, i / w)).filter(|p| alike(*p)));
        }
        let mut options = WandOptions { tolerance, contiguous, antialias: false, sample_radius: 0 };
        let picture = Seen::new(&rgba, size).expect("fits");
        let hard = wand(&picture, seed, &options, GO).expect("selects");
        let got = whole(&hard, size);
        for i in 0..w * h {
            let expected = if want.contains(&(i % w, i / w)) { 255 } else { 0 };
            prop_assert_eq!(got[i as usize], expected, "at {} {}", i % w, i / w);
        }
        let bounds = want.iter().fold(PixelRect::default(), |b, (x, y)| b.union(PixelRect::new(*x, *y, 1, 1)));
        prop_assert_eq!(hard.rect, bounds);
        // The smooth outline agrees with the hard one at half coverage.
        options.antialias = true;
        let soft = whole(&wand(&picture, seed, &options, GO).expect("selects"), size);
        prop_assert!(soft.iter().zip(&got).all(|(s, g)| (*s >= 128) == (*g == 255)));
    }
}

#[test]
fn a_wand_outside_selects_nothing_and_a_stopped_one_says_so() {
    let size = PixelSize::new(300, 200);
    let rgba = vec![90; size.area() as usize * 4];
    let picture = Seen::new(&rgba, size).expect("fits");
    let options = WandOptions::default();
    assert!(
        wand(&picture, (300, 0), &options, GO)
            .expect("selects")
            .is_empty()
    );
    assert!(
        wand(&picture, (0, -1), &options, GO)
            .expect("selects")
            .is_empty()
    );
    wand(&picture, (5, 5), &options, &|| true).expect_err("stopped");
    let all = wand(&picture, (5, 5), &options, GO).expect("selects");
    assert_eq!(all.rect, size.rect());
    assert!(
        all.plane.data.iter().all(|v| *v == 255),
        "the picture's border must not fade"
    );
    Seen::new(&rgba[1..], size).expect_err("too short");
}

#[test]
fn a_slanted_edge_gets_the_area_it_covers() {
    let size = PixelSize::new(40, 40);
    let dark = |i: usize| i % 40 + i / 40 <= 39;
    let rgba: Vec<u8> = (0..1600)
        .flat_map(|i| if dark(i) { [0, 0, 0, 255] } else { [255; 4] })
        .collect();
    let picture = Seen::new(&rgba, size).expect("fits");
    let got = whole(
        &wand(&picture, (0, 0), &WandOptions::default(), GO).expect("selects"),
        size,
    );
    // A half-plane whose edge passes between the two diagonals covers 7/8 of one and 1/8 of the other.
    for x in 5..35 {
        assert_eq!(got[(39 - x) * 40 + x], 223);
        assert_eq!(got[(40 - x) * 40 + x], 31);
    }
}

/// Chance from a seed.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1664525).wrapping_add(1013904223);
        (self.0 >> 8) % sides
    }
}

/// A textured object with a soft edge over a textured ground: its picture and its true mask. The object's colours are
/// two, the ground's are three.
fn scene(size: PixelSize, seed: u32) -> (Vec<u8>, Mask) {
    let mut truth = Mask::new(size);
    let (w, h) = (size.width as f32, size.height as f32);
    let part = |x: f32, y: f32| (x * w, y * h);
    truth.fill_ellipse(
        PixelRect::new(
            (0.3 * w) as i32,
            (0.25 * h) as i32,
            (0.35 * w) as u32,
            (0.5 * h) as u32,
        ),
        false,
    );
    truth.fill_polygon(&[part(0.55, 0.3), part(0.85, 0.5), part(0.6, 0.65)], false);
    truth.feather(1.2, inlay::mask::FeatherEdge::Both);
    let mut dice = Dice(seed);
    let ground = [[60, 110, 60], [90, 140, 70], [150, 170, 190]];
    let object = [[190, 120, 60], [120, 60, 50]];
    let mut rgba = Vec::new();
    for at in 0..size.area() as usize {
        let (x, y) = (at % size.width as usize, at / size.width as usize);
        let inside = f32::from(truth.plane.data[at]) / 255.0;
        let behind = ground[if y * 3 < size.height as usize {
            2
        } else {
            (x / 9 + y / 7) % 2
        }];
        let before = object[usize::from((x / 13 + y / 29) % 3 == 0)];
        for c in 0..3 {
            let grain = dice.roll(25) as f32 - 12.0;
            let light = before[c] as f32 * inside + behind[c] as f32 * (1.0 - inside);
            rgba.push((light + grain).clamp(0.0, 255.0) as u8);
        }
        rgba.push(255);
    }
    (rgba, truth)
}

fn stroke(labels: &mut Plane, value: u8, from: (f32, f32), to: (f32, f32)) {
    let (w, h) = (labels.size.width as f32, labels.size.height as f32);
    let mut mask = Mask::new(labels.size);
    let brush = StrokeBrush {
        diameter: (w / 100.0).max(1.5),
        hardness: 1.0,
        erase: false,
    };
    mask.stamp((from.0 * w, from.1 * h), (to.0 * w, to.1 * h), &brush);
    for (label, covered) in labels.data.iter_mut().zip(&mask.plane.data) {
        if *covered >= 128 {
            *label = value;
        }
    }
}

/// Shared area over joined area, at half coverage.
fn agreement(a: &[u8], b: &[u8]) -> f64 {
    let (mut shared, mut joined) = (0, 0);
    for (a, b) in a.iter().zip(b) {
        shared += u32::from(*a >= 128 && *b >= 128);
        joined += u32::from(*a >= 128 || *b >= 128);
    }
    f64::from(shared) / f64::from(joined.max(1))
}

fn difference(a: &Plane, b: &Plane) -> f64 {
    let sum: u64 = a
        .data
        .iter()
        .zip(&b.data)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / 255.0
}

#[test]
fn a_rough_edge_snaps_to_the_photo() {
    let size = PixelSize::new(400, 300);
    for seed in 1..4 {
        let (rgba, truth) = scene(size, seed);
        let picture = Seen::new(&rgba, size).expect("fits");
        let mut rough = truth.clone();
        rough
            .plane
            .data
            .iter_mut()
            .for_each(|v| *v = if *v >= 128 { 255 } else { 0 });
        rough.grow(4.0);
        let rough = rough.reframed(size.rect().translate(2, -1));
        let mut refined = rough.plane.clone();
        let options = RefineOptions { radius_px: 10.0 };
        let changed = refine(&picture, &mut refined, options, GO).expect("refines");
        let (before, after) = (
            difference(&rough.plane, &truth.plane),
            difference(&refined, &truth.plane),
        );
        assert!(after < before / 4.0, "{before} px wrong became {after}");
        // 10 px from the pixels along the rough edge (11 from those on its other side) nothing moves.
        let (mut wide, mut narrow) = (rough.clone(), rough.clone());
        wide.grow(11.0);
        narrow.shrink(11.0);
        for at in 0..refined.data.len() {
            if narrow.plane.data[at] == 255 || wide.plane.data[at] == 0 {
                assert_eq!(refined.data[at], rough.plane.data[at]);
            }
            let (x, y) = ((at % 400) as i32, (at / 400) as i32);
            assert!(refined.data[at] == rough.plane.data[at] || changed.contains(x, y));
        }
    }
}

#[test]
fn refining_keeps_soft_edges_soft_and_plain_places_as_they_are() {
    // A ramp of 12 px from dark to light, and a rough edge in its middle.
    let size = PixelSize::new(120, 60);
    let share = |x: usize| ((x as f32 - 53.5) / 12.0).clamp(0.0, 1.0);
    let rgba: Vec<u8> = (0..7200)
        .flat_map(|i| {
            let light = (30.0 + 180.0 * share(i % 120)) as u8;
            [light, light, light, 255]
        })
        .collect();
    let picture = Seen::new(&rgba, size).expect("fits");
    let mut mask = Mask::new(size);
    mask.fill_rect(PixelRect::new(60, 0, 60, 60), false);
    let options = RefineOptions { radius_px: 20.0 };
    refine(&picture, &mut mask.plane, options, GO).expect("refines");
    for x in 0..120 {
        let wrong = (f32::from(mask.plane.get(x, 30)) / 255.0 - share(x)).abs();
        assert!(
            wrong < 0.2,
            "at {x}: {} for {}",
            mask.plane.get(x, 30),
            share(x)
        );
    }
    // One colour everywhere: nothing to hold on to.
    let plain = vec![120; size.area() as usize * 4];
    let mut mask = Mask::new(size);
    mask.fill_ellipse(PixelRect::new(30, 10, 50, 40), false);
    let before = mask.clone();
    let picture = Seen::new(&plain, size).expect("fits");
    refine(&picture, &mut mask.plane, options, GO).expect("refines");
    assert_eq!(mask, before);
}

#[test]
fn few_strokes_find_the_object() {
    for (size, seed) in [
        (PixelSize::new(640, 480), 1),
        (PixelSize::new(301, 217), 2),
        (PixelSize::new(1500, 1000), 3),
    ] {
        let (rgba, truth) = scene(size, seed);
        let picture = Seen::new(&rgba, size).expect("fits");
        let mut labels = Plane::new(size);
        stroke(&mut labels, 1, (0.4, 0.5), (0.65, 0.5));
        let options = ObjectOptions::default();
        let inside_only = object(&picture, &labels, None, &options, GO).expect("finds");
        let good = agreement(&whole(&inside_only, size), &truth.plane.data);
        assert!(good > 0.95, "{size} with one stroke: {good}");
        stroke(&mut labels, 2, (0.1, 0.1), (0.9, 0.15));
        stroke(&mut labels, 2, (0.1, 0.9), (0.9, 0.9));
        let both = object(&picture, &labels, None, &options, GO).expect("finds");
        let good = agreement(&whole(&both, size), &truth.plane.data);
        assert!(good > 0.97, "{size} with three strokes: {good}");
        let again = object(&picture, &labels, Some(&both), &options, GO).expect("finds");
        let good = agreement(&whole(&again, size), &truth.plane.data);
        assert!(good > 0.97, "{size} going on from a result: {good}");
    }
}

#[test]
fn an_object_is_the_same_on_any_number_of_threads() {
    let size = PixelSize::new(500, 333);
    let (rgba, _) = scene(size, 5);
    let mut labels = Plane::new(size);
    stroke(&mut labels, 1, (0.4, 0.5), (0.5, 0.5));
    stroke(&mut labels, 2, (0.1, 0.1), (0.2, 0.8));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("pool");
        pool.install(|| {
            let picture = Seen::new(&rgba, size).expect("fits");
            object(&picture, &labels, None, &ObjectOptions::default(), GO).expect("finds")
        })
    };
    let one = run(1);
    assert!(!one.is_empty());
    assert_eq!(one, run(7));
    let picture = Seen::new(&rgba, size).expect("fits");
    object(&picture, &labels, None, &ObjectOptions::default(), &|| true).expect_err("stopped");
    let other = Plane::new(PixelSize::new(333, 500));
    object(&picture, &other, None, &ObjectOptions::default(), GO).expect_err("another size");
}

#[test]
fn islands_that_no_stroke_touches_are_dropped() {
    // Two equal discs; one has a stroke.
    let size = PixelSize::new(300, 200);
    let mut discs = Mask::new(size);
    discs.fill_ellipse(PixelRect::new(30, 50, 90, 90), false);
    let first = discs.clone();
    discs.fill_ellipse(PixelRect::new(180, 50, 90, 90), false);
    let rgba: Vec<u8> = discs
        .plane
        .data
        .iter()
        .flat_map(|v| {
            if *v >= 128 {
                [220, 60, 40, 255]
            } else {
                [40, 90, 160, 255]
            }
        })
        .collect();
    let picture = Seen::new(&rgba, size).expect("fits");
    let mut labels = Plane::new(size);
    stroke(&mut labels, 1, (0.2, 0.45), (0.3, 0.5));
    let options = ObjectOptions::default();
    let one = object(&picture, &labels, None, &options, GO).expect("finds");
    assert!(agreement(&whole(&one, size), &first.plane.data) > 0.98);
    stroke(&mut labels, 1, (0.75, 0.45), (0.75, 0.5));
    let two = object(&picture, &labels, None, &options, GO).expect("finds");
    assert!(agreement(&whole(&two, size), &discs.plane.data) > 0.98);
    let mut mask = Mask::new(size);
    mask.combine_part(two.rect, &two.plane, Combine::Add)
        .expect("sizes agree");
    mask.combine_part(one.rect, &one.plane, Combine::Subtract)
        .expect("sizes agree");
    assert!(mask.bounds().x > 120, "the other disc is left");
}

#[test]
fn without_a_hint_nothing_is_selected_and_with_nothing_to_see_strokes_decide() {
    let size = PixelSize::new(200, 120);
    let rgba = vec![90; size.area() as usize * 4];
    let picture = Seen::new(&rgba, size).expect("fits");
    let options = ObjectOptions::default();
    let mut labels = Plane::new(size);
    assert!(
        object(&picture, &labels, None, &options, GO)
            .expect("runs")
            .is_empty()
    );
    labels.data.fill(2);
    assert!(
        object(&picture, &labels, None, &options, GO)
            .expect("runs")
            .is_empty()
    );
    labels.data.fill(1);
    let all = object(&picture, &labels, None, &options, GO).expect("runs");
    assert_eq!(all.rect, size.rect());
    assert!(all.plane.data.iter().all(|v| *v == 255));
    labels.data.fill(0);
    stroke(&mut labels, 1, (0.5, 0.5), (0.5, 0.5));
    stroke(&mut labels, 2, (0.1, 0.5), (0.1, 0.5));
    let found = whole(
        &object(&picture, &labels, None, &options, GO).expect("runs"),
        size,
    );
    assert_eq!(found[60 * 200 + 100], 255);
    assert_eq!(found[60 * 200 + 20], 0);
    let none = Seen::new(&[], PixelSize::default()).expect("fits");
    let nothing = Plane::new(PixelSize::default());
    assert!(
        object(&none, &nothing, None, &options, GO)
            .expect("runs")
            .is_empty()
    );
    refine(&none, &mut nothing.clone(), RefineOptions::default(), GO).expect("runs");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn strokes_are_never_contradicted(
        (w, h) in prop_oneof![(1..4u32, 1..300u32), (1..300u32, 1..4u32), (20..90u32, 20..90u32)],
        seed in any::<u32>(), kinds in 2..7u32, previous in any::<bool>(), scatter in 2..60u32,
    ) {
        let size = PixelSize::new(w, h);
        let mut dice = Dice(seed);
        let mut labels = Plane::new(size);
        let mut rgba = Vec::new();
        for at in 0..size.area() as usize {
            let tone = (dice.roll(kinds) * 40) as u8;
            rgba.extend([tone, (at % 7 * 20) as u8, tone / 2, if dice.roll(9) == 0 { 0 } else { 255 }]);
            if dice.roll(scatter) == 0 {
                labels.data[at] = dice.roll(4) as u8;
            }
        }
        let before = Selected {
            rect: PixelRect::new(-3, -2, 30, 9),
            plane: Plane { size: PixelSize::new(30, 9), data: vec![200; 270] },
        };
        let picture = Seen::new(&rgba, size).expect("fits");
        let previous = previous.then_some(&before);
        let options = ObjectOptions { working_side: 64, rounds: 2 };
        let selected = object(&picture, &labels, previous, &options, GO).expect("finds");
        prop_assert!(size.rect().contains_rect(selected.rect));
        let mask = Mask { plane: Plane { size, data: whole(&selected, size) } };
        for (label, value) in labels.data.iter().zip(&mask.plane.data) {
            prop_assert!(*label != 1 || *value == 255);
            prop_assert!(*label != 2 || *value == 0);
        }
        for part in mask.parts(0) {
            let touched = part.runs()
                .any(|(y, l, r)| (l..r).any(|x| labels.get(x as usize, y as usize) == 1));
            prop_assert!(touched, "an island at {:?}", part.bounds);
        }
        let bounds = mask.bounds();
        prop_assert_eq!(selected.rect, bounds);
    }
}
