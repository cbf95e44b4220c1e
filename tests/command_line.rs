//! The command line as a contract: what is written, what is left alone, names of outputs, exit codes.

mod common;

use common::{
    Sandbox, gray_alpha8, gray8, gray16, mask, rgb8, rgb16, rgba8, rgba16, samples, stderr, succeed,
};
use image::DynamicImage;

const HOLE: [u32; 4] = [60, 40, 30, 24];

/// No pixel farther than 48 px from the mask may change; the exemplar model changes none outside it at all.
fn assert_untouched_outside(
    before: &DynamicImage,
    after: &DynamicImage,
    [mx, my, mw, mh]: [u32; 4],
) {
    assert_eq!(
        (before.width(), before.height(), before.color()),
        (after.width(), after.height(), after.color())
    );
    for y in 0..before.height() {
        for x in 0..before.width() {
            if !((mx..mx + mw).contains(&x) && (my..my + mh).contains(&y)) {
                assert_eq!(samples(before, x, y), samples(after, x, y), "at {x}, {y}");
            }
        }
    }
}

#[test]
fn pixels_outside_the_mask_come_back_bit_for_bit_in_every_depth_and_layout() {
    let pictures: [(&str, DynamicImage); 7] = [
        ("rgb8", rgb8(160, 120)),
        ("rgb16", rgb16(160, 120)),
        ("rgba8", rgba8(160, 120)),
        ("rgba16", rgba16(160, 120)),
        ("gray8", gray8(160, 120)),
        ("gray16", gray16(160, 120)),
        ("gray_alpha8", gray_alpha8(160, 120)),
    ];
    for (name, picture) in pictures {
        let here = Sandbox::new();
        let before = here.save("photo.png", picture);
        here.save("mask.png", mask(160, 120, HOLE));
        succeed(&here.inlay("fill photo.png --mask mask.png --seed 3 -o out.png"));
        let after = here.load("out.png");
        assert_untouched_outside(&before, &after, HOLE);
        let changed = (HOLE[0]..HOLE[0] + HOLE[2]).any(|x| {
            (HOLE[1]..HOLE[1] + HOLE[3]).any(|y| samples(&before, x, y) != samples(&after, x, y))
        });
        assert!(changed, "{name}: nothing was filled");
    }
}

#[test]
fn tiff_keeps_sixteen_bits_and_every_untouched_sample() {
    let here = Sandbox::new();
    let before = here.save("photo.tiff", rgb16(160, 120));
    here.save("mask.png", mask(160, 120, HOLE));
    succeed(&here.inlay("fill photo.tiff --mask mask.png --seed 3 -o out.tiff"));
    assert_untouched_outside(&before, &here.load("out.tiff"), HOLE);
}

#[test]
fn the_same_seed_gives_the_same_picture_and_count_gives_several() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(160, 120));
    here.save("mask.png", mask(160, 120, HOLE));
    succeed(&here.inlay("fill photo.png --mask mask.png --seed 5 -o one.png"));
    succeed(&here.inlay("fill photo.png --mask mask.png --seed 5 --count 2 -o many.png"));
    assert_eq!(here.load("one.png"), here.load("many-1.png"));
    assert_ne!(here.load("many-1.png"), here.load("many-2.png"));
}

#[test]
fn without_an_output_nothing_existing_is_overwritten() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(96, 64));
    here.save("mask.png", mask(96, 64, [40, 20, 10, 10]));
    std::fs::write(here.path("photo-filled.png"), b"mine").expect("written");
    succeed(&here.inlay("fill photo.png --mask mask.png"));
    assert_eq!(
        std::fs::read(here.path("photo-filled.png")).expect("there"),
        b"mine"
    );
    let written = std::fs::read_dir(here.dir.path())
        .expect("readable")
        .filter_map(Result::ok)
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("photo-filled")
        })
        .count();
    assert_eq!(written, 2);
}

#[test]
fn transparent_pixels_are_the_mask_when_none_is_named() {
    let here = Sandbox::new();
    let DynamicImage::ImageRgba8(mut picture) = rgba8(120, 90) else {
        unreachable!()
    };
    for pixel in picture.pixels_mut() {
        pixel.0[3] = 255;
    }
    for y in 30..50 {
        for x in 40..70 {
            picture.put_pixel(x, y, image::Rgba([0, 0, 0, 0]));
        }
    }
    here.save("photo.png", picture.into());
    succeed(&here.inlay("fill photo.png --seed 1 -o out.png"));
    let after = here.load("out.png");
    assert_eq!(samples(&after, 50, 40)[3], 255);
    assert!(samples(&after, 50, 40)[..3].iter().any(|v| *v > 20));

    here.save("opaque.png", rgb8(40, 40));
    let refused = here.inlay("fill opaque.png -o none.png");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--mask"));
}

#[test]
fn extending_keeps_every_original_pixel_and_paints_the_rest() {
    let here = Sandbox::new();
    let before = here.save("photo.png", rgb16(100, 80));
    succeed(&here.inlay("extend photo.png --left 30 --bottom 20 --seed 2 -o out.png"));
    let after = here.load("out.png");
    assert_eq!((after.width(), after.height()), (130, 100));
    for y in 0..80 {
        for x in 0..100 {
            assert_eq!(samples(&before, x, y), samples(&after, x + 30, y));
        }
    }
    assert!(samples(&after, 5, 95).iter().any(|v| *v > 1000));
}

#[test]
fn the_report_tells_how_the_picture_came_about() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(160, 120));
    here.save("mask.png", mask(160, 120, HOLE));
    succeed(
        &here.inlay(
            "fill photo.png --mask mask.png --seed 11 --report report.json -o out.png --quiet",
        ),
    );
    let text = std::fs::read_to_string(here.path("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(report["seed"], 11);
    assert_eq!(report["model"], "exemplar");
    assert_eq!(report["plan"]["crops"].as_array().map(Vec::len), Some(1));
    assert!(
        report["milliseconds"]["total"]
            .as_f64()
            .is_some_and(|ms| ms > 0.0)
    );
    for stage in ["load", "text", "encode", "decode", "stitch"] {
        assert!(report["milliseconds"][stage].is_number(), "{stage}");
    }
    assert!(
        report["milliseconds"]["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    );
}

#[test]
fn quiet_says_nothing_and_plain_runs_name_the_file() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(96, 64));
    here.save("mask.png", mask(96, 64, [40, 20, 10, 10]));
    let quiet = here.inlay("fill photo.png --mask mask.png -o out.png --quiet");
    succeed(&quiet);
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty());
    let plain = here.inlay("fill photo.png --mask mask.png -o out.png");
    assert!(String::from_utf8_lossy(&plain.stdout).contains("out.png"));
}

#[test]
fn what_makes_no_sense_exits_with_2_and_writes_nothing() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(96, 64));
    here.save("mask.png", mask(96, 64, [40, 20, 10, 10]));
    for options in [
        "fill photo.png --mask mask.png -o out.png --steps 0",
        "fill photo.png --mask mask.png -o out.png --steps 1001",
        "fill photo.png --mask mask.png -o out.png --steps x",
        "fill photo.png --mask mask.png -o out.png --strength 0",
        "fill photo.png --mask mask.png -o out.png --strength 1.5",
        "fill photo.png --mask mask.png -o out.png --strength -0.5",
        "fill photo.png --mask mask.png -o out.png --strength nan",
        "fill photo.png --mask mask.png -o out.png --guidance inf",
        "fill photo.png --mask mask.png -o out.png --guidance nan",
        "fill photo.png --mask mask.png -o out.png --scheduler best",
        "fill photo.png --mask mask.png -o out.png --count 0",
        "fill photo.png --mask mask.png -o out.png --device tpu",
        "fill photo.png --mask mask.png -o out.png --precision f8",
        "fill photo.png --mask mask.png -o out.png --quality 0",
        "fill photo.png --mask mask.png -o out.png --blend 49",
        "fill photo.png --mask mask.png -o out.xyz",
        "fill photo.png --mask mask.png -o out",
        "fill photo.png --mask mask.png -o out.gif",
        "fill",
        "extend photo.png -o out.png",
        "extend photo.png --left 0 -o out.png",
        "extend photo.png --left -5 -o out.png",
        "extend photo.png --left 70000 -o out.png",
        "extend photo.png --right 4000000000 -o out.png",
        "inspect",
        "fill photo.png --no-such-option",
    ] {
        let output = here.inlay(options);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{options}: {}",
            stderr(&output)
        );
        assert!(!here.path("out.png").exists(), "{options} wrote something");
    }
}

#[test]
fn an_output_folder_that_is_not_there_is_named() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(96, 64));
    here.save("mask.png", mask(96, 64, [40, 20, 10, 10]));
    let output = here.inlay("fill photo.png --mask mask.png -o nowhere/out.png");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere"));
}

#[test]
fn devices_are_listed_and_the_cpu_is_always_there() {
    let here = Sandbox::new();
    let output = here.inlay("devices --json");
    succeed(&output);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
    assert!(
        report["cpu_threads"]
            .as_u64()
            .is_some_and(|threads| threads > 0)
    );
    assert!(report["chosen"].is_string() && report["why"].is_string());
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_display_the_window_says_so_and_points_to_fill() {
    let output = Sandbox::new().inlay("");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("inlay fill"),
        "{}",
        stderr(&output)
    );
}

fn recipe(here: &Sandbox, name: &str) -> Option<inlay::photo::Recipe> {
    inlay::photo::read_recipe(&std::fs::read(here.path(name)).expect("written"))
}

#[test]
fn files_carry_their_recipe_unless_told_not_to() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(96, 64));
    here.save("mask.png", mask(96, 64, [40, 20, 10, 10]));
    for ending in ["png", "jpg", "webp"] {
        let fill = format!("fill photo.png --mask mask.png --seed 77 -o out.{ending}");
        succeed(&here.inlay(&fill));
        let found = recipe(&here, &format!("out.{ending}")).expect(ending);
        assert_eq!(found.seed, Some(77), "{ending}");
        assert_eq!(found.model.as_deref(), Some("Exemplar"), "{ending}");
        for option in ["--no-recipe", "--strip-metadata"] {
            succeed(&here.inlay(&format!("{fill} {option}")));
            assert_eq!(
                recipe(&here, &format!("out.{ending}")),
                None,
                "{ending} {option}"
            );
        }
    }
}

#[test]
fn stripping_takes_out_what_the_photo_brought_and_no_recipe_keeps_it() {
    let here = Sandbox::new();
    here.save("plain.png", rgb8(96, 64));
    here.save("mask.png", mask(96, 64, [40, 20, 10, 10]));
    succeed(&here.inlay("fill plain.png --mask mask.png --seed 5 -o photo.png"));
    let fill = "extend photo.png --right 8 --seed 6 -o out.png";
    // The photo's own recipe is metadata like any other: it stays when only ours is unwanted.
    succeed(&here.inlay(&format!("{fill} --no-recipe")));
    assert_eq!(recipe(&here, "out.png").and_then(|r| r.seed), Some(5));
    succeed(&here.inlay(&format!("{fill} --strip-metadata")));
    assert_eq!(recipe(&here, "out.png"), None);
}

#[test]
fn an_overlap_redraws_that_much_of_the_photo_and_no_more() {
    let here = Sandbox::new();
    let before = here.save("photo.png", rgb8(120, 80));
    succeed(&here.inlay("extend photo.png --right 40 --overlap 24 --seed 2 -o out.png"));
    let after = here.load("out.png");
    let changed = |x: u32| (0..80).any(|y| samples(&before, x, y) != samples(&after, x, y));
    // A seam beside it is as wide as the overlap at most.
    assert!((0..72).all(|x| !changed(x)));
    assert!((96..120).any(changed), "nothing was re-drawn");
    for wrong in ["257", "-1", "x"] {
        let output = here.inlay(&format!(
            "extend photo.png --right 40 --overlap {wrong} -o no.png"
        ));
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn a_project_is_filled_as_the_picture_it_shows() {
    use inlay::app::{App, AppEvent, AppOptions, Command, Shape};
    use inlay::geometry::PixelRect;
    use inlay::mask::Combine;

    let here = Sandbox::new();
    let photo = here.save("photo.png", rgb8(120, 90));
    let mut app = App::new(AppOptions::default(), || ()).expect("starts");
    let wait = |app: &mut App, wanted: fn(&AppEvent) -> bool| {
        for _ in 0..60_000 {
            if app.poll().iter().any(wanted) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("waited in vain");
    };
    app.dispatch(Command::Open(here.path("photo.png")));
    wait(&mut app, |event| matches!(event, AppEvent::PhotoOpened));
    app.dispatch(Command::SetFrame(PixelRect::new(20, 10, 100, 80)));
    let shape = Shape::Rectangle(PixelRect::new(30, 30, 20, 12));
    app.dispatch(Command::SelectShape {
        shape,
        how: Combine::Replace,
    });
    app.dispatch(Command::SaveProject(here.path("work.inlay")));
    wait(&mut app, |event| matches!(event, AppEvent::Saved { .. }));

    succeed(&here.inlay("fill work.inlay --seed 3 -o out.png"));
    let after = here.load("out.png");
    assert_eq!((after.width(), after.height()), (100, 80));
    let is_same = |x: u32, y: u32| samples(&photo, x + 20, y + 10) == samples(&after, x, y);
    assert!((0..100).all(|x| (0..80).all(|y| {
        let is_masked = (30..50).contains(&x) && (30..42).contains(&y);
        is_masked || is_same(x, y)
    })));
    assert!(
        !(30..50).all(|x| (30..42).all(|y| is_same(x, y))),
        "nothing was filled"
    );
    // Without an output a picture is written beside it, never a project.
    succeed(&here.inlay("extend work.inlay --right 8 --seed 3"));
    assert_eq!(here.load("work-extended.png").width(), 108);
}
