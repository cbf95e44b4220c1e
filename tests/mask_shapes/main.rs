//! Mask operations against slow, obvious versions of themselves, on random masks.

mod cases;

use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::{Combine, FeatherEdge, Mask, MaskError, StrokeBrush};
use inlay::photo::{EncodeOptions, Layout, Photo, PhotoFormat, Samples, encode_file};
use proptest::prelude::*;

/// Masks with few blobs, hard or soft, up to 40 × 30.
fn masks() -> impl Strategy<Value = Mask> {
    let blob = (
        0..40u32,
        0..30u32,
        1..7u32,
        1..7u32,
        prop_oneof![Just(255u8), 1..=255u8],
    );
    (
        1..40u32,
        1..30u32,
        prop::collection::vec(blob, 0..6),
        any::<bool>(),
    )
        .prop_map(|(w, h, blobs, hard)| {
            let mut mask = Mask::new(PixelSize::new(w, h));
            for (x, y, bw, bh, value) in blobs {
                for py in y..(y + bh).min(h) {
                    for px in x..(x + bw).min(w) {
                        mask.plane
                            .set(px as usize, py as usize, if hard { 255 } else { value });
                    }
                }
            }
            mask
        })
}

/// Every pixel with its place.
fn places(mask: &Mask) -> Vec<(i32, i32, u8)> {
    let w = mask.plane.width();
    mask.plane
        .data
        .iter()
        .enumerate()
        .map(|(i, v)| ((i % w) as i32, (i / w) as i32, *v))
        .collect()
}

fn by_pixel(mask: &Mask, rule: impl Fn(i32, i32) -> u8) -> Vec<u8> {
    places(mask)
        .into_iter()
        .map(|(x, y, _)| rule(x, y))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn growing_takes_the_largest_value_in_reach(mask in masks(), px in 0.5f32..9.0) {
        let all = places(&mask);
        let near = |x: i32, y: i32| all.iter()
            .filter(|(ox, oy, _)| ((ox - x).pow(2) + (oy - y).pow(2)) as f64 <= f64::from(px).powi(2))
            .map(|(_, _, v)| *v).max().unwrap_or(0);
        let want = by_pixel(&mask, near);
        let mut grown = mask.clone();
        grown.grow(px);
        prop_assert_eq!(grown.plane.data, want);
    }

    #[test]
    fn shrinking_takes_the_smallest_value_in_reach(mask in masks(), px in 0.5f32..9.0) {
        let all = places(&mask);
        let near = |x: i32, y: i32| all.iter()
            .filter(|(ox, oy, _)| ((ox - x).pow(2) + (oy - y).pow(2)) as f64 <= f64::from(px).powi(2))
            .map(|(_, _, v)| *v).min().unwrap_or(0);
        let want = by_pixel(&mask, near);
        let mut shrunk = mask.clone();
        shrunk.shrink(px);
        prop_assert_eq!(shrunk.plane.data, want);
    }

    #[test]
    fn distances_are_exact(mask in masks(), dx in -5i32..5, dy in -5i32..5) {
        let rect = mask.size().rect().translate(dx, dy);
        let set: Vec<(i32, i32)> = places(&mask).into_iter()
            .filter(|(x, y, v)| *v >= 128 && rect.contains(*x, *y)).map(|(x, y, _)| (x, y)).collect();
        let got = mask.distance_outside(rect);
        prop_assert_eq!(got.len() as u64, rect.area());
        for (i, distance) in got.iter().enumerate() {
            let (x, y) = (rect.x + i as i32 % rect.width as i32, rect.y + i as i32 / rect.width as i32);
            let want = set.iter().map(|(a, b)| f64::from((a - x).pow(2) + (b - y).pow(2)).sqrt())
                .fold(f64::INFINITY, f64::min) as f32;
            prop_assert_eq!(*distance, want);
        }
    }

    #[test]
    fn parts_join_exactly_what_is_near(mask in masks(), join in 0u32..6) {
        let set: Vec<(i32, i32)> = places(&mask).into_iter().filter(|p| p.2 > 0).map(|p| (p.0, p.1)).collect();
        // Slow labelling: spread the smallest index until nothing changes.
        let mut label: Vec<usize> = (0..set.len()).collect();
        loop {
            let mut changed = false;
            for i in 0..set.len() {
                for j in 0..set.len() {
                    let gap = (set[i].0 - set[j].0).abs().max((set[i].1 - set[j].1).abs()) - 1;
                    if gap <= join as i32 && label[j] < label[i] {
                        label[i] = label[j];
                        changed = true;
                    }
                }
            }
            if !changed { break; }
        }
        let mut roots: Vec<usize> = label.clone();
        roots.sort_unstable();
        roots.dedup();
        let parts = mask.parts(join);
        prop_assert_eq!(parts.len(), roots.len());
        for (part, root) in parts.iter().zip(roots) {
            let own: Vec<(i32, i32)> = set.iter().zip(&label).filter(|(_, l)| **l == root).map(|(p, _)| *p).collect();
            let bounds = own.iter().fold(PixelRect::default(), |b, (x, y)| b.union(PixelRect::new(*x, *y, 1, 1)));
            prop_assert_eq!(part.bounds, bounds);
            prop_assert_eq!(part.pixels, own.len() as u64);
            let alone = part.extract(&mask, mask.size().rect());
            for (x, y, v) in places(&mask) {
                let expected = if own.contains(&(x, y)) { v } else { 0 };
                prop_assert_eq!(alone.get(x as usize, y as usize), expected);
            }
        }
        prop_assert!(parts.iter().enumerate().all(|(i, p)| p.id == i));
    }

    #[test]
    fn holes_are_what_the_border_cannot_reach(mask in masks()) {
        let (w, h) = (mask.plane.width() as i32, mask.plane.height() as i32);
        let free = |x: i32, y: i32| mask.plane.get(x as usize, y as usize) < 128;
        let mut open: Vec<(i32, i32)> = places(&mask).into_iter().map(|p| (p.0, p.1))
            .filter(|(x, y)| (*x == 0 || *y == 0 || *x == w - 1 || *y == h - 1) && free(*x, *y)).collect();
        let mut seen: std::collections::HashSet<(i32, i32)> = open.iter().copied().collect();
        while let Some((x, y)) = open.pop() {
            for (nx, ny) in [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)] {
                if nx >= 0 && ny >= 0 && nx < w && ny < h && free(nx, ny) && seen.insert((nx, ny)) {
                    open.push((nx, ny));
                }
            }
        }
        let want = by_pixel(&mask, |x, y| {
            let own = mask.plane.get(x as usize, y as usize);
            if own < 128 && !seen.contains(&(x, y)) { 255 } else { own }
        });
        let mut filled = mask.clone();
        filled.fill_holes();
        prop_assert_eq!(filled.plane.data, want);
    }

    #[test]
    fn bounds_area_and_emptiness_agree(mask in masks()) {
        let set: Vec<_> = places(&mask).into_iter().filter(|p| p.2 > 0).collect();
        let bounds = set.iter().fold(PixelRect::default(), |b, (x, y, _)| b.union(PixelRect::new(*x, *y, 1, 1)));
        prop_assert_eq!(mask.bounds(), bounds);
        prop_assert_eq!(mask.is_empty(), set.is_empty());
        let area: f64 = set.iter().map(|p| f64::from(p.2) / 255.0).sum();
        prop_assert!((mask.area() - area).abs() < 1e-6);
    }

    #[test]
    fn feathering_is_a_gaussian_away_from_borders(mask in masks(), sigma in 0.4f32..2.0) {
        // Far from the border: the mask in the middle of a large canvas.
        let mut large = Mask::new(PixelSize::new(80, 70));
        for (x, y, v) in places(&mask) {
            large.plane.set(x as usize + 20, y as usize + 20, v);
        }
        let half = (3.0 * sigma).ceil() as i32;
        let weight = |d: i32| (-0.5 * (f64::from(d) / f64::from(sigma)).powi(2)).exp();
        let total: f64 = (-half..=half).map(weight).sum();
        let mut soft = large.clone();
        soft.feather(sigma, FeatherEdge::Both);
        for (x, y, got) in places(&soft) {
            let mut sum = 0.0;
            for dy in -half..=half {
                for dx in -half..=half {
                    let (sx, sy) = (x + dx, y + dy);
                    if (0..80).contains(&sx) && (0..70).contains(&sy) {
                        sum += weight(dx) * weight(dy) * f64::from(large.plane.get(sx as usize, sy as usize));
                    }
                }
            }
            prop_assert!((sum / total.powi(2) - f64::from(got)).abs() < 0.51 + 1e-3, "{} {}", sum, got);
        }
    }

    #[test]
    fn a_stroke_is_the_distance_to_its_line(
        a in (-5f32..45.0, -5f32..35.0), b in (-5f32..45.0, -5f32..35.0), diameter in 1f32..20.0,
    ) {
        let brush = StrokeBrush { diameter, hardness: 1.0, erase: false };
        let mut mask = Mask::new(PixelSize::new(40, 30));
        let dirty = mask.stamp(a, b, &brush);
        for (x, y, got) in places(&mask) {
            let (px, py) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            // Distance to the segment by fine sampling.
            let distance = (0..=2000).map(|i| f64::from(i) / 2000.0).map(|t| {
                let (lx, ly) = (f64::from(a.0) + t * f64::from(b.0 - a.0), f64::from(a.1) + t * f64::from(b.1 - a.1));
                ((lx - px).powi(2) + (ly - py).powi(2)).sqrt()
            }).fold(f64::INFINITY, f64::min);
            let want = (f64::from(diameter) / 2.0 + 0.5 - distance).clamp(0.0, 1.0) * 255.0;
            prop_assert!((want - f64::from(got)).abs() < 2.0, "at {} {}: {} {}", x, y, want, got);
            prop_assert!(got == 0 || dirty.contains(x, y));
        }
        // A second pass over the same line changes nothing; erasing it leaves nothing above the soft rim's half.
        let once = mask.clone();
        mask.stamp(b, a, &brush);
        let worst = once.plane.data.iter().zip(&mask.plane.data).map(|(a, b)| a.abs_diff(*b)).max();
        prop_assert!(worst <= Some(1));
        mask.stamp(a, b, &StrokeBrush { erase: true, ..brush });
        prop_assert!(mask.plane.data.iter().all(|v| *v <= 128));
    }

    #[test]
    fn a_part_combines_as_a_mask_that_is_empty_elsewhere(mask in masks(), other in masks(),
        dx in -45i32..45, dy in -35i32..35) {
        let rect = other.size().rect().translate(dx, dy);
        let placed = other.reframed(mask.size().rect().translate(-dx, -dy));
        for how in [Combine::Add, Combine::Subtract, Combine::Intersect, Combine::Replace] {
            let (mut by_part, mut by_mask) = (mask.clone(), mask.clone());
            let changed = by_part.combine_part(rect, &other.plane, how).expect("sizes agree");
            by_mask.combine(&placed, how).expect("sizes agree");
            prop_assert_eq!(&by_part, &by_mask);
            let (before, after) = (places(&mask), places(&by_part));
            prop_assert!(before.iter().zip(&after).all(|(b, a)| b.2 == a.2 || changed.contains(b.0, b.1)));
        }
    }

    #[test]
    fn loops_are_inside_wherever_the_outline_winds_around(
        points in prop::collection::vec((-5f32..45.0, -5f32..35.0), 3..9)) {
        let mut mask = Mask::new(PixelSize::new(40, 30));
        mask.fill_polygon(&points, false);
        let winding = |x: f32, y: f32| -> f32 {
            let angle = |p: (f32, f32)| (p.1 - y).atan2(p.0 - x);
            let turns = points.iter().zip(points.iter().cycle().skip(1)).map(|(a, b)| {
                let turn = angle(*b) - angle(*a);
                turn - std::f32::consts::TAU * (turn / std::f32::consts::TAU).round()
            });
            turns.sum::<f32>() / std::f32::consts::TAU
        };
        for (x, y, value) in places(&mask) {
            // Pixels that no side passes are all in or all out.
            let corners = [(0.02, 0.02), (0.98, 0.02), (0.02, 0.98), (0.98, 0.98), (0.5, 0.5)];
            let turns = corners.map(|(a, b)| winding(x as f32 + a, y as f32 + b).round() as i32);
            let near = points.iter().zip(points.iter().cycle().skip(1)).any(|(a, b)| {
                (0..=200).map(|i| i as f32 / 200.0).any(|t| {
                    let p = (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
                    (p.0 - x as f32 - 0.5).abs() < 0.8 && (p.1 - y as f32 - 0.5).abs() < 0.8
                })
            });
            if !near {
                prop_assert_eq!(value, if turns[4] == 0 { 0 } else { 255 }, "at {} {}", x, y);
            }
        }
    }

    #[test]
    fn polygons_cover_their_area(points in prop::collection::vec((0f32..40.0, 0f32..30.0), 3..4)) {
        let mut mask = Mask::new(PixelSize::new(40, 30));
        mask.fill_polygon(&points, false);
        let [a, b, c] = points[..] else { return Ok(()) };
        let area = ((b.0 - a.0) * (c.1 - a.1) - (c.0 - a.0) * (b.1 - a.1)).abs() / 2.0;
        prop_assert!((mask.area() as f32 - area).abs() < 0.02 * area + 1.5, "{} {}", mask.area(), area);
        mask.fill_polygon(&points, true);
        prop_assert!(mask.plane.data.iter().all(|v| *v <= 128));
    }
}

#[test]
fn outward_feather_keeps_the_inside_and_fades_outside() {
    let mut mask = Mask::new(PixelSize::new(100, 60));
    mask.fill_rect(PixelRect::new(40, 0, 20, 60), false);
    let before = mask.clone();
    mask.feather(5.0, FeatherEdge::Outward);
    let row: Vec<u8> = (0..100).map(|x| mask.plane.get(x, 30)).collect();
    assert!(row[40..60].iter().all(|v| *v == 255));
    assert!(
        row[..40].windows(2).all(|w| w[0] <= w[1]) && row[60..].windows(2).all(|w| w[0] >= w[1])
    );
    // The edge lies at 60; the centre of 62 is half a sigma outside: erfc(0.5 / √2) = 0.617.
    assert_eq!(row[62], 157);
    assert_eq!(row[80], 0);
    assert!(
        before
            .plane
            .data
            .iter()
            .zip(&mask.plane.data)
            .all(|(a, b)| a <= b)
    );
}

#[test]
fn a_mask_at_the_border_does_not_fade_there() {
    let mut mask = Mask::new(PixelSize::new(60, 40));
    mask.fill_rect(PixelRect::new(0, 0, 60, 20), false);
    mask.feather(4.0, FeatherEdge::Both);
    assert!((0..60).all(|x| mask.plane.get(x, 0) == 255));
    mask.shrink(3.0);
    assert!(mask.plane.get(0, 0) == 255);
}

#[test]
fn masks_come_from_pictures_of_the_same_size_only() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("mask.png");
    let canvas = PixelSize::new(3, 1);
    let save = |layout, samples| {
        let photo = Photo {
            size: canvas,
            layout,
            samples,
            icc: None,
            exif: None,
            notes: None,
            format: PhotoFormat::Png,
        };
        encode_file(&photo, &path, &EncodeOptions::default()).expect("saves");
        Mask::from_file(&path, canvas).expect("reads").plane.data
    };
    assert_eq!(
        save(Layout::Gray, Samples::U8(vec![0, 128, 255])),
        [0, 128, 255]
    );
    assert_eq!(
        save(Layout::Gray, Samples::U16(vec![0, 32896, 65535])),
        [0, 128, 255]
    );
    assert_eq!(
        save(
            Layout::GrayAlpha,
            Samples::U8(vec![255, 0, 255, 128, 128, 255])
        ),
        [0, 128, 128]
    );
    assert_eq!(
        save(
            Layout::Rgb,
            Samples::U8(vec![255, 0, 0, 0, 255, 0, 0, 0, 255])
        ),
        [76, 150, 29]
    );
    let error = Mask::from_file(&path, PixelSize::new(4, 5)).expect_err("another size");
    assert!(matches!(error, MaskError::Size { .. }));
    assert!(
        error.to_string().contains("3 × 1") && error.to_string().contains("4 × 5"),
        "{error}"
    );

    let mut mask = Mask::new(PixelSize::new(20, 10));
    mask.fill_ellipse(PixelRect::new(2, 2, 15, 6), false);
    std::fs::write(&path, mask.to_png().expect("encodes")).expect("writes");
    assert_eq!(Mask::from_file(&path, mask.size()).expect("reads"), mask);
    mask.invert();
    mask.to_png_file(&path).expect("replaces");
    assert_eq!(Mask::from_file(&path, mask.size()).expect("reads"), mask);
    mask.to_png_file(&folder.path().join("nowhere").join("mask.png"))
        .expect_err("no such folder");
    assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1);
}

#[test]
fn transparency_becomes_a_mask() {
    let mut photo = Photo {
        size: PixelSize::new(3, 1),
        layout: Layout::GrayAlpha,
        samples: Samples::U8(vec![9, 0, 9, 100, 9, 255]),
        icc: None,
        exif: None,
        notes: None,
        format: PhotoFormat::Png,
    };
    assert_eq!(
        photo.transparency().expect("some").plane.data,
        [255, 155, 0]
    );
    photo.samples = Samples::U16(vec![9, 0, 9, 25700, 9, 65535]);
    assert_eq!(
        photo.transparency().expect("some").plane.data,
        [255, 155, 0]
    );
    photo.samples = Samples::U8(vec![9, 255, 9, 255, 9, 255]);
    assert!(photo.transparency().is_none());
}
