//! Erase, from the command line and through the commands that the window sends: gone at once, nothing else touched, one
//! step back; the edge of an accepted edit stitched anew; reports and heat maps.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Sandbox, gray16, mask, rgb8, rgb16, rgba8, samples, stderr, succeed};
use inlay::app::{App, AppEvent, AppOptions, Command, Paths, Shape, Tool};
use inlay::compose::StitchOptions;
use inlay::geometry::PixelRect;
use inlay::mask::Combine;
use inlay::photo::Photo;

const HOLE: [u32; 4] = [60, 40, 30, 24];

fn is_inside(x: u32, y: u32) -> bool {
    let [left, top, width, height] = HOLE;
    (left..left + width).contains(&x) && (top..top + height).contains(&y)
}

#[test]
fn erase_fills_the_hole_and_touches_nothing_else() {
    for picture in [
        rgb8(160, 120),
        rgb16(160, 120),
        rgba8(160, 120),
        gray16(160, 120),
    ] {
        let here = Sandbox::new();
        let before = here.save("photo.png", picture);
        here.save("mask.png", mask(160, 120, HOLE));
        succeed(&here.inlay(
            "erase photo.png --mask mask.png -o out.png --report out.json --heat-map heat.png",
        ));
        let (after, heat) = (here.load("out.png"), here.load("heat.png").into_rgb8());
        let mut changed = 0;
        for y in 0..120 {
            for x in 0..160 {
                let is_same = samples(&before, x, y) == samples(&after, x, y);
                assert!(is_same || is_inside(x, y), "at {x}, {y}");
                changed += u32::from(!is_same);
                let [r, g, b] = heat.get_pixel(x, y).0;
                assert_eq!(is_same, r == g && g == b, "heat at {x}, {y}");
            }
        }
        assert!(changed > 300, "{changed} pixels changed");
        let text = std::fs::read_to_string(here.path("out.json")).expect("report");
        let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let untouched = &report["untouched"];
        assert_eq!(untouched["pixels"], 160 * 120 - 30 * 24);
        assert_eq!(untouched["sha256_before"], untouched["sha256_after"]);
        assert_eq!(report["model"], "erase");
        // Without noise there is nothing that could differ.
        succeed(&here.inlay("erase photo.png --mask mask.png -o again.png"));
        assert_eq!(here.load("again.png"), after);
    }
}

#[test]
fn wrong_sliders_and_tasks_say_what_fits() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(96, 64));
    here.save("mask.png", mask(96, 64, [40, 20, 10, 10]));
    for (flag, word) in [
        ("--grain 3", "--grain must be between 0 and 2"),
        ("--feather -1", "feather"),
        ("--seam nan", "--seam must be between 0 and 1"),
    ] {
        let output = here.inlay(&format!(
            "erase photo.png --mask mask.png -o out.png {flag}"
        ));
        assert_eq!(output.status.code(), Some(2), "{flag}");
        assert!(
            stderr(&output).contains(word),
            "{flag}: {}",
            stderr(&output)
        );
    }
    let output = here.inlay("fill photo.png --mask mask.png -o out.png --task paint");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("modify"));
    assert!(!here.path("out.png").exists());
}

#[test]
fn quality_scores_every_method_and_leaves_the_rest_alone() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(200, 160));
    let output = here.inlay("bench quality photo.png --json --quiet --kinds object,border");
    succeed(&output);
    let table: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = table["rows"].as_array().expect("rows");
    for kind in ["object", "border"] {
        for method in ["erase", "exemplar", "erase, pasted"] {
            let row = rows
                .iter()
                .find(|r| r["kind"] == kind && r["method"] == method);
            let row = row.unwrap_or_else(|| panic!("no {method} in {kind}"));
            assert_eq!(row["scores"]["far_drift"], 0.0);
        }
    }
    let output = here.inlay("bench quality photo.png --kinds hole");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("scratches"));
}

fn app(home: &Path) -> App {
    let options = AppOptions {
        paths: Some(Paths::below(home)),
        ..AppOptions::default()
    };
    App::new(options, || {}).expect("starts")
}

fn until(app: &mut App, what: &str, mut done: impl FnMut(&App, &AppEvent) -> bool) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(2) {
        for event in app.poll() {
            if let AppEvent::OpenFailed(error) | AppEvent::SaveFailed(error) = &event {
                panic!("{what}: {error}");
            }
            if done(app, &event) {
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{what} did not happen");
}

fn opened(here: &Sandbox) -> App {
    here.save("photo.png", rgb8(240, 160));
    let mut app = app(&here.path("home"));
    app.dispatch(Command::Open(here.path("photo.png")));
    until(&mut app, "opening", |_, e| {
        matches!(e, AppEvent::PhotoOpened)
    });
    app
}

fn pixels(app: &App) -> Photo {
    Photo::clone(app.document().expect("open").photo())
}

fn stroke(app: &mut App, x: f32, y: f32) {
    app.dispatch(Command::ChooseTool(Tool::Erase));
    app.dispatch(Command::SetBrushDiameter(24.0));
    app.dispatch(Command::BeginStroke {
        x,
        y,
        erase: false,
        pressure: 1.0,
    });
    app.dispatch(Command::ContinueStroke {
        x: x + 20.0,
        y,
        pressure: 1.0,
    });
    app.dispatch(Command::EraseStroke);
}

#[test]
fn a_stroke_of_erase_is_one_edit_and_leaves_the_mask() {
    let here = Sandbox::new();
    let mut app = opened(&here);
    let before = pixels(&app);
    let shape = Shape::Rectangle(PixelRect::new(10, 10, 20, 20));
    app.dispatch(Command::SelectShape {
        shape,
        how: Combine::Replace,
    });
    let marked = app.document().expect("open").mask().bounds();
    // The second is drawn over the first while that is still worked at.
    stroke(&mut app, 100.0, 80.0);
    stroke(&mut app, 110.0, 84.0);
    let mut ends = 0;
    until(&mut app, "erasing", |app, e| {
        ends += usize::from(matches!(e, AppEvent::JobFinished(_)));
        ends >= 2 && app.jobs().is_empty()
    });
    let document = app.document().expect("open");
    assert_eq!(document.fills().len(), 2);
    assert_eq!(document.mask().bounds(), marked);
    assert_ne!(pixels(&app).samples, before.samples);
    app.dispatch(Command::Undo);
    assert_eq!(app.document().expect("open").fills().len(), 1);
    app.dispatch(Command::Undo);
    assert_eq!(pixels(&app).samples, before.samples);
}

#[test]
fn an_edits_edge_is_stitched_anew_and_kept_in_the_project() {
    let here = Sandbox::new();
    let mut app = opened(&here);
    stroke(&mut app, 100.0, 80.0);
    until(&mut app, "erasing", |_, e| {
        matches!(e, AppEvent::JobFinished(_))
    });
    let before = pixels(&app);
    let id = app.document().expect("open").fills()[0].id;
    let settle = |app: &mut App, stitch: StitchOptions| {
        app.dispatch(Command::SetFillStitch { id, stitch });
        app.dispatch(Command::EndStitch);
        let start = Instant::now();
        while app.is_stitching() && start.elapsed() < Duration::from_mins(1) {
            app.poll();
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(
            app.document()
                .expect("open")
                .fill(id)
                .expect("there")
                .stitch,
            stitch
        );
    };
    let own = app.document().expect("open").fills()[0].stitch;
    // The same sliders make the same picture from what was kept.
    settle(&mut app, StitchOptions { grain: 0.5, ..own });
    settle(&mut app, own);
    assert_eq!(pixels(&app).samples, before.samples);
    let soft = StitchOptions {
        feather: 6.0,
        ..own
    };
    settle(&mut app, soft);
    let feathered = pixels(&app);
    assert_ne!(feathered.samples, before.samples);
    let project = here.path("edits.inlay");
    app.dispatch(Command::SaveProject(project.clone()));
    until(&mut app, "saving", |_, e| {
        matches!(e, AppEvent::Saved { .. })
    });
    app.dispatch(Command::Open(project));
    until(&mut app, "opening", |_, e| {
        matches!(e, AppEvent::PhotoOpened)
    });
    assert_eq!(pixels(&app).samples, feathered.samples);
    let fill = &app.document().expect("open").fills()[0];
    assert_eq!(fill.stitch, soft);
    assert!(fill.can_restitch());

    // What is shown while a slider moves is what comes of it, to a step of rounding.
    let start = app.document().expect("open").restitch_start(fill.id);
    let mut restitcher = start.expect("kept").prepare().expect("measured");
    let options = StitchOptions { grain: 1.6, ..own };
    let quick = restitcher.preview(&options).expect("one edit alone");
    let parts = restitcher.apply(&options).expect("stitched");
    let exact = restitcher.look(&parts).expect("rendered");
    assert_eq!(quick.len(), exact.len());
    for ((rect, quick), (exact_rect, exact)) in quick.iter().zip(&exact) {
        assert_eq!(rect, exact_rect);
        let exact = exact.display_rgba8(exact.size.rect(), 1);
        assert!(quick.iter().zip(&exact).all(|(a, b)| a.abs_diff(*b) <= 1));
    }
}
