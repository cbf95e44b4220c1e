//! Drives the real window through AccessKit and pointer events, with the exemplar model on a small photo: what a person
//! does from opening to undo, without a screen.
#![allow(clippy::naive_bytecount)] // a test need not count fast

mod commands;
mod drawing;
mod editing;
mod erasing;
mod kit;
mod sheets;
mod sizes;
mod tiny;
#[path = "../common/tiny_model.rs"]
mod tiny_model;

use eframe::egui::{self, Event, Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use inlay::app::Tool;
use kit::{Bench, SIZE};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[test]
fn paint_generate_accept_undo_redo() {
    let mut bench = Bench::new();
    let before = bench.samples();
    bench.paint_spot();
    assert!(bench.painted() > 100);
    bench.generate();
    assert_eq!(
        bench.samples(),
        before,
        "a result changes nothing before it is accepted"
    );
    bench.click("Accept");
    let after = bench.samples();
    assert_ne!(after, before);
    let middle = (60 * SIZE[0] as usize + 80) * 3;
    assert!(
        after[middle] > before[middle] + 40,
        "the dark spot is filled from around it"
    );
    let corner = 5 * 3;
    assert_eq!(
        after[corner..corner + 90],
        before[corner..corner + 90],
        "far pixels stay"
    );
    assert_eq!(bench.painted(), 0, "what was marked is filled");
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.samples(), before);
    assert!(bench.painted() > 100, "undo brings the mask back");
    bench.keys(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(bench.samples(), after);
}

#[test]
fn generate_says_why_it_can_do_nothing() {
    let mut bench = Bench::new();
    assert!(
        bench
            .harness
            .get_by_label("Generate")
            .accesskit_node()
            .is_disabled()
    );
    bench.harness.get_by_label_contains("Paint over something");
    bench.paint_spot();
    assert!(
        !bench
            .harness
            .get_by_label("Generate")
            .accesskit_node()
            .is_disabled()
    );
}

#[test]
fn keys_do_what_menus_say() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench.keys(Modifiers::COMMAND, Key::Enter);
    bench.wait("a result", |window| !window.app().candidates().is_empty());
    bench.keys(Modifiers::NONE, Key::Delete);
    assert!(
        bench.window().app().candidates().is_empty(),
        "Delete discards"
    );
    bench.keys(Modifiers::NONE, Key::E);
    assert_eq!(bench.window().app().tool(), Tool::Eraser);
    bench.keys(Modifiers::NONE, Key::B);
    assert_eq!(bench.window().app().tool(), Tool::Brush);
    let size = bench.window().app().settings().brush_diameter_px;
    bench.keys(Modifiers::NONE, Key::CloseBracket);
    assert!(bench.window().app().settings().brush_diameter_px > size);
    let painted = bench.painted();
    bench.keys(Modifiers::COMMAND | Modifiers::SHIFT, Key::I);
    assert_eq!(
        bench.painted(),
        (SIZE[0] * SIZE[1]) as usize - fully(&bench)
    );
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.painted(), painted);
    bench.keys(Modifiers::COMMAND, Key::D);
    assert_eq!(bench.painted(), 0);
}

/// Pixels that an inverted mask leaves out.
fn fully(bench: &Bench) -> usize {
    let document = bench.window().app().document().expect("a photo");
    document
        .mask()
        .plane
        .data
        .iter()
        .filter(|value| **value == 0)
        .count()
}

#[test]
fn the_right_button_erases_and_shift_draws_a_straight_line() {
    let mut bench = Bench::new();
    for _ in 0..8 {
        bench.keys(Modifiers::NONE, Key::OpenBracket);
    }
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[(20.0, 20.0)]);
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &[(140.0, 100.0)]);
    let mask = |bench: &Bench, x: usize, y: usize| {
        bench
            .window()
            .app()
            .document()
            .expect("a photo")
            .mask()
            .plane
            .get(x, y)
    };
    assert!(
        mask(&bench, 80, 60) > 128,
        "the line runs through the middle"
    );
    let painted = bench.painted();
    bench.drag(
        PointerButton::Secondary,
        Modifiers::NONE,
        &[(70.0, 60.0), (90.0, 60.0)],
    );
    assert_eq!(mask(&bench, 80, 60), 0);
    bench.drag(PointerButton::Primary, Modifiers::ALT, &[(20.0, 20.0)]);
    assert_eq!(mask(&bench, 20, 20), 0);
    assert!(bench.painted() < painted);
}

#[test]
fn a_handle_dragged_outward_extends_and_the_fill_grows_the_photo() {
    let mut bench = Bench::new();
    let handle = bench.harness.get_by_label("Right edge").rect().center();
    let mapping = (bench.at(100.0, 0.0) - bench.at(0.0, 0.0)).x / 100.0;
    bench.button(handle, PointerButton::Primary, true, Modifiers::NONE);
    for step in 1..=8 {
        bench.harness.event(Event::PointerMoved(
            handle + vec2(step as f32 * 4.0 * mapping, 0.0),
        ));
    }
    bench.harness.run();
    let pending = bench
        .window()
        .app()
        .document()
        .expect("a photo")
        .extension()
        .right;
    assert!((28..=34).contains(&pending), "{pending}");
    bench.button(
        handle + vec2(32.0 * mapping, 0.0),
        PointerButton::Primary,
        false,
        Modifiers::NONE,
    );
    bench.generate();
    bench.keys(Modifiers::NONE, Key::Enter);
    let size = |bench: &Bench| bench.window().app().document().expect("a photo").size();
    assert_eq!(size(&bench).width, SIZE[0] + pending);
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(size(&bench).width, SIZE[0], "undo takes the extension back");
    assert_eq!(
        bench
            .window()
            .app()
            .document()
            .expect("a photo")
            .extension()
            .right,
        pending
    );
    bench.click("Reset");
    assert!(
        bench
            .window()
            .app()
            .document()
            .expect("a photo")
            .extension()
            .is_none()
    );
}

#[test]
fn several_variations_can_be_browsed_and_compared() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench
        .harness
        .get_by_label("Variations")
        .set_value_accesskit(2.0);
    bench.harness.run();
    bench.click("Generate");
    bench.wait("two results", |window| {
        window.app().candidates().len() == 2 && window.app().jobs().is_empty()
    });
    assert_eq!(bench.window().app().shown_index(), 0);
    bench.click("Next result");
    assert_eq!(bench.window().app().shown_index(), 1);
    bench.harness.get_by_label("2 / 2");
    bench.keys(Modifiers::NONE, Key::ArrowLeft);
    assert_eq!(bench.window().app().shown_index(), 0);
    let compare = bench.harness.get_by_label("Compare").rect().center();
    bench.button(compare, PointerButton::Primary, true, Modifiers::NONE);
    assert!(bench.window().is_comparing());
    bench.button(compare, PointerButton::Primary, false, Modifiers::NONE);
    assert!(!bench.window().is_comparing());
}

#[test]
fn escape_stops_a_job() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench
        .harness
        .get_by_label("Variations")
        .set_value_accesskit(8.0);
    bench.harness.run();
    bench.harness.get_by_label("Generate").click();
    bench.harness.step();
    bench.harness.key_press(Key::Escape);
    bench.wait("the end", |window| window.app().jobs().is_empty());
    assert!(bench.window().app().candidates().len() < 8);
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

#[test]
fn unsaved_changes_are_asked_about() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench.generate();
    bench.click("Accept");
    let other = bench.folder.path().join("other.png");
    image::RgbImage::from_pixel(40, 30, image::Rgb([9, 8, 7]))
        .save(&other)
        .expect("written");
    let drop_it = |bench: &mut Bench| {
        bench
            .harness
            .input_mut()
            .dropped_files
            .push(Arc::new(Dropped(other.clone())));
        bench.harness.run();
    };
    drop_it(&mut bench);
    bench.harness.get_by_label("Save changes to photo.png?");
    bench.click("Cancel");
    assert_eq!(
        bench
            .window()
            .app()
            .document()
            .expect("a photo")
            .size()
            .width,
        SIZE[0]
    );
    drop_it(&mut bench);
    // The dialog's Save, not the one in the bar above.
    let save = bench
        .harness
        .get_all_by_label("Save")
        .last()
        .expect("two of them");
    save.click();
    bench.wait("the other photo", |window| {
        window
            .app()
            .document()
            .is_some_and(|d| d.size().width == 40)
    });
    let written = image::open(bench.folder.path().join("photo.png"))
        .expect("saved")
        .to_rgb8();
    assert!(
        written.get_pixel(80, 60).0[0] > 70,
        "what was saved holds the fill"
    );
}

#[test]
fn problems_stay_until_they_are_dismissed() {
    let folder = tempfile::tempdir().expect("folder");
    let missing = folder.path().join("missing.jpg");
    let mut bench = Bench::start(folder, Some(missing), vec2(1000.0, 700.0), 1.0);
    bench.wait("the notice", |window| !window.app().notices().is_empty());
    for _ in 0..2000 {
        bench.harness.step();
    }
    assert_eq!(
        bench.window().app().notices().len(),
        1,
        "an error does not fade"
    );
    bench.harness.get_by_label("Open a photo to begin");
    bench.click("Dismiss");
    assert!(bench.window().app().notices().is_empty());
}

#[test]
fn the_first_fill_is_two_clicks_away() {
    let folder = tempfile::tempdir().expect("folder");
    let mut bench = Bench::start(folder, None, vec2(1280.0, 820.0), 1.0);
    bench.wait("the sample", |window| window.app().document().is_some());
    bench
        .harness
        .get_by_label("Paint over the ball, then press Generate");
    bench.click("Mark it for me");
    assert!(bench.painted() > 10_000);
    assert!(
        bench.harness.query_by_label("Mark it for me").is_none(),
        "the hint is gone"
    );
    assert!(
        !bench
            .harness
            .get_by_label("Generate")
            .accesskit_node()
            .is_disabled()
    );
    let save = bench.harness.get_by_label("Save");
    assert!(
        !save.accesskit_node().is_disabled(),
        "the sample can be given a file"
    );
}

#[test]
fn settings_that_exemplar_ignores_are_greyed_out() {
    let bench = Bench::new();
    for name in ["Guidance", "Strength", "Sampler", "Device", "Precision"] {
        assert!(
            bench
                .harness
                .get_by_label(name)
                .accesskit_node()
                .is_disabled(),
            "{name}"
        );
    }
    for name in ["Seed", "Steps", "Variations"] {
        assert!(
            !bench
                .harness
                .get_by_label(name)
                .accesskit_node()
                .is_disabled(),
            "{name}"
        );
    }
}

#[test]
fn small_windows_and_large_scales_keep_what_matters_in_sight() {
    for (size, scale) in [
        (vec2(900.0, 600.0), 1.0),
        (vec2(900.0, 600.0), 2.0),
        (vec2(1600.0, 1000.0), 1.5),
    ] {
        let mut bench = Bench::sized(size, scale);
        bench.paint_spot();
        bench.generate();
        let screen = egui::Rect::from_min_size(Pos2::ZERO, size);
        for name in [
            "Generate",
            "Accept",
            "Discard",
            "Again",
            "Clear mask",
            "Save",
            "Fit in window",
        ] {
            let rect = bench.harness.get_by_label(name).rect();
            assert!(screen.contains_rect(rect), "{name} at {rect:?} in {size:?}");
        }
    }
}
