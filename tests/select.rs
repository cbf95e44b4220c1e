//! Selecting from a hint: the wand against a slow fill, edges that snap, objects from few strokes.

use std::collections::HashSet;

use inlay::geometry::{PixelRect, PixelSize};
use inlay::select::{Seen, Selected, WandOptions, wand};
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
