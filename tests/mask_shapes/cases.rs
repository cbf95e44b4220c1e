//! Masks in chosen cases: rules of combining, strokes that miss, large masks, any number of threads.

use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::{Combine, FeatherEdge, Mask, MaskError, StrokeBrush};
use inlay::raster::Plane;

#[test]
fn combining_follows_the_rules_and_checks_sizes() {
    let of = |data: &[u8]| Mask {
        plane: Plane {
            size: PixelSize::new(3, 1),
            data: data.to_vec(),
        },
    };
    let (a, b) = (of(&[0, 100, 255]), of(&[50, 200, 200]));
    let apply = |rule: fn(&mut Mask, &Mask) -> Result<(), MaskError>| {
        let mut out = a.clone();
        rule(&mut out, &b).expect("same size");
        out.plane.data
    };
    assert_eq!(apply(Mask::union), [50, 200, 255]);
    assert_eq!(apply(Mask::subtract), [0, 55, 55]);
    assert_eq!(apply(Mask::intersect), [0, 100, 200]);
    let mut inverted = a.clone();
    inverted.invert();
    assert_eq!(inverted.plane.data, [255, 155, 0]);
    inverted
        .union(&Mask::new(PixelSize::new(1, 3)))
        .expect_err("other size");
    inverted
        .combine_part(PixelRect::new(0, 0, 2, 1), &a.plane, Combine::Add)
        .expect_err("other size");
}

#[test]
fn strokes_that_miss_or_are_not_numbers_change_nothing() {
    let brush = StrokeBrush {
        diameter: 10.0,
        hardness: 0.5,
        erase: false,
    };
    let mut mask = Mask::new(PixelSize::new(30, 30));
    assert!(
        mask.stamp((-50.0, -50.0), (-40.0, -40.0), &brush)
            .is_empty()
    );
    assert!(mask.stamp((f32::NAN, 0.0), (5.0, 5.0), &brush).is_empty());
    assert!(
        mask.stamp((f32::INFINITY, 0.0), (5.0, 5.0), &brush)
            .is_empty()
    );
    let broken = StrokeBrush {
        diameter: f32::NAN,
        ..brush
    };
    assert!(mask.stamp((5.0, 5.0), (5.0, 5.0), &broken).is_empty());
    assert!(mask.is_empty());
    mask.grow(f32::NAN);
    mask.feather(-1.0, FeatherEdge::Both);
    assert!(
        mask.fill_polygon(&[(0.0, 0.0), (1.0, f32::NAN), (2.0, 2.0)], false)
            .is_empty()
    );
    // A soft brush is full in the middle and fades to its rim.
    mask.stamp(
        (15.0, 15.0),
        (15.0, 15.0),
        &StrokeBrush {
            diameter: 20.0,
            hardness: 0.0,
            erase: false,
        },
    );
    let row: Vec<u8> = (15..30).map(|x| mask.plane.get(x, 15)).collect();
    assert!(
        row[0] > 245 && row.windows(2).all(|w| w[0] >= w[1]) && row[11..].iter().all(|v| *v == 0),
        "{row:?}"
    );
}

#[test]
fn large_masks_have_no_seams() {
    type Work = fn(&mut Mask);
    // The same blobs at two places of a large canvas, cut by inner borders differently, must give the same result.
    let draw = |dx: f32, dy: f32, soft: bool| {
        let mut mask = Mask::new(PixelSize::new(1500, 1200));
        let brush = StrokeBrush {
            diameter: 30.0,
            hardness: if soft { 0.5 } else { 1.0 },
            erase: false,
        };
        for i in 0..12 {
            let (x, y) = ((i * 211 % 700) as f32 + dx, (i * 397 % 600) as f32 + dy);
            mask.stamp((x, y), (x + 130.0, y + 40.0), &brush);
        }
        if !soft {
            mask.plane
                .data
                .iter_mut()
                .for_each(|v| *v = if *v > 127 { 255 } else { 0 });
        }
        mask
    };
    let work: [(&str, Work); 5] = [
        ("grow", |m| m.grow(37.3)),
        ("shrink", |m| m.shrink(6.5)),
        ("feather", |m| m.feather(11.0, FeatherEdge::Both)),
        ("outward", |m| m.feather(11.0, FeatherEdge::Outward)),
        ("fill", Mask::fill_holes),
    ];
    for soft in [false, true] {
        for (name, work) in work {
            let (mut a, mut b) = (draw(200.0, 200.0, soft), draw(413.0, 307.0, soft));
            work(&mut a);
            work(&mut b);
            let window = PixelRect::new(100, 100, 1000, 800);
            let (a, b) = (a.crop(window), b.crop(window.translate(213, 107)));
            assert!(a.data.iter().any(|v| *v > 0));
            assert!(a == b, "{name} shows a seam (soft: {soft})");
        }
    }
}

#[test]
fn threads_do_not_change_results() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("pool");
        pool.install(|| {
            let mut mask = Mask::new(PixelSize::new(300, 200));
            let brush = StrokeBrush {
                diameter: 14.0,
                hardness: 0.4,
                erase: false,
            };
            for i in 0..20 {
                let t = i as f32;
                mask.stamp(
                    (t * 15.0, (t * 37.0) % 200.0),
                    ((t * 71.0) % 300.0, t * 9.0),
                    &brush,
                );
            }
            mask.grow(5.5);
            mask.feather(2.5, FeatherEdge::Outward);
            mask.shrink(1.5);
            mask.feather(1.5, FeatherEdge::Both);
            (mask.parts(4), mask)
        })
    };
    assert_eq!(run(1), run(7));
}
