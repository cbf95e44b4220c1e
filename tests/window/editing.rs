//! Drives what an editor does beyond one fill: selection tools by pointer and by keyboard alone, edits and history in the
//! side panel, proportions, queued fills, and the question after a crash.

use eframe::egui::{Key, Modifiers, PointerButton, accesskit::Role, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use inlay::app::{AppOptions, Paths, Tool};
use inlay::document::Document;
use inlay::geometry::PixelRect;

use crate::kit::{Bench, SIZE, photo};

fn document(bench: &Bench) -> &Document {
    bench.window().app().document().expect("a photo")
}

fn bounds(bench: &Bench) -> PixelRect {
    document(bench).mask().bounds()
}

/// Within a pixel or two, since the pointer stands between pixels.
fn is_about(found: PixelRect, expected: PixelRect) -> bool {
    expected.grow(2).contains_rect(found) && found.contains_rect(expected.grow(-2))
}

#[test]
fn every_selection_tool_marks_what_it_is_drawn_around() {
    let mut bench = Bench::new();
    bench.keys(Modifiers::NONE, Key::R);
    assert_eq!(bench.window().app().tool(), Tool::Rectangle);
    let none = Modifiers::NONE;
    bench.drag(PointerButton::Primary, none, &[(20.0, 20.0), (60.0, 50.0)]);
    assert!(is_about(bounds(&bench), PixelRect::new(20, 20, 40, 30)));
    // Alt takes away, Shift with Alt keeps what is common.
    bench.drag(
        PointerButton::Primary,
        Modifiers::ALT,
        &[(40.0, 10.0), (70.0, 60.0)],
    );
    assert!(is_about(bounds(&bench), PixelRect::new(20, 20, 20, 30)));
    let both = Modifiers::ALT | Modifiers::SHIFT;
    bench.drag(PointerButton::Primary, both, &[(20.0, 20.0), (30.0, 50.0)]);
    assert!(is_about(bounds(&bench), PixelRect::new(20, 20, 10, 30)));
    bench.keys(Modifiers::COMMAND, Key::D);

    bench.keys(none, Key::O);
    bench.drag(
        PointerButton::Primary,
        none,
        &[(100.0, 20.0), (140.0, 60.0)],
    );
    assert!(is_about(bounds(&bench), PixelRect::new(100, 20, 40, 40)));
    let corner = document(&bench).mask().plane.get(103, 23);
    assert_eq!(corner, 0, "an ellipse has no corners");
    bench.keys(Modifiers::COMMAND, Key::D);

    bench.keys(none, Key::L);
    let around = [(20.0, 60.0), (60.0, 60.0), (60.0, 100.0), (20.0, 100.0)];
    bench.drag(PointerButton::Primary, none, &around);
    assert!(is_about(bounds(&bench), PixelRect::new(20, 60, 40, 40)));
    bench.keys(Modifiers::COMMAND, Key::D);

    bench.keys(none, Key::P);
    for corner in [(80.0, 70.0), (130.0, 70.0), (130.0, 100.0), (10.0, 10.0)] {
        bench.drag(PointerButton::Primary, none, &[corner]);
    }
    assert_eq!(bench.painted(), 0, "it is not closed yet");
    bench.keys(none, Key::Backspace);
    bench.keys(none, Key::Enter);
    assert!(is_about(bounds(&bench), PixelRect::new(80, 70, 50, 30)));
    bench.keys(Modifiers::COMMAND, Key::D);

    bench.keys(none, Key::W);
    bench.drag(PointerButton::Primary, none, &[(80.0, 60.0)]);
    bench.wait("the wand", |window| !window.app().is_searching());
    assert!(is_about(bounds(&bench), PixelRect::new(68, 48, 24, 24)));
    bench.keys(Modifiers::COMMAND, Key::D);

    bench.keys(none, Key::Q);
    bench.drag(PointerButton::Primary, none, &[(76.0, 58.0), (84.0, 62.0)]);
    bench.wait("the object", |window| !window.app().is_searching());
    let found = bounds(&bench);
    let spot = PixelRect::new(68, 48, 24, 24);
    let is_near = spot.grow(9).contains_rect(found) && found.grow(3).contains_rect(spot);
    assert!(is_near, "{found:?}");
}

#[test]
fn the_keyboard_alone_paints_and_selects() {
    let mut bench = Bench::new();
    let canvas = bench.harness.get_by_label_contains("Canvas: ");
    canvas.focus();
    bench.harness.run();
    let none = Modifiers::NONE;
    let hold = |bench: &mut Bench, pressed| {
        bench.harness.event(eframe::egui::Event::Key {
            key: Key::Space,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: none,
        });
        bench.harness.run();
    };
    hold(&mut bench, true);
    for _ in 0..4 {
        bench.keys(none, Key::ArrowRight);
    }
    hold(&mut bench, false);
    let painted = bench.painted();
    assert!(painted > 100);
    assert_eq!(document(&bench).history_position(), 1, "one stroke");
    bench.keys(Modifiers::COMMAND, Key::D);
    bench.keys(none, Key::R);
    hold(&mut bench, true);
    bench.keys(Modifiers::SHIFT, Key::ArrowDown);
    bench.keys(Modifiers::SHIFT, Key::ArrowLeft);
    hold(&mut bench, false);
    assert!(bench.painted() > 20, "a rectangle by keyboard");
    let area = bounds(&bench).area();
    assert_eq!(bench.painted() as u64, area, "it is a rectangle");
}

#[test]
fn accepted_fills_are_edits_that_hide_fade_and_go() {
    let mut bench = Bench::new();
    let before = bench.samples();
    bench.paint_spot();
    bench.generate();
    bench.click("Accept");
    let after = bench.samples();
    bench.click("Edits · 1");
    bench.click("Show or hide this edit");
    assert_eq!(bench.samples(), before);
    bench.click("Show or hide this edit");
    assert_eq!(bench.samples(), after);
    bench
        .harness
        .get_by_role_and_label(Role::Slider, "Opacity")
        .set_value_accesskit(50.0);
    bench.harness.run();
    assert!(bench.samples() != before && bench.samples() != after);
    bench.click("Edit mask");
    assert!(document(&bench).target().is_some());
    bench.harness.get_by_label_contains("The mask tools change");
    bench.keys(Modifiers::COMMAND, Key::D);
    assert_eq!(bench.samples(), before, "nothing of the edit is marked");
    bench.keys(Modifiers::COMMAND, Key::Z);
    bench
        .harness
        .get_all_by_label("Done")
        .next()
        .expect("a way out")
        .click();
    bench.harness.run();
    assert!(document(&bench).target().is_none());
    bench.click("Remove");
    assert_eq!(bench.samples(), before);
    bench.click("History");
    bench.click("As it was opened");
    assert_eq!(document(&bench).history_position(), 0);
    assert!(!document(&bench).is_modified());
}

#[test]
fn a_preset_extends_and_its_reset_takes_it_back() {
    let mut bench = Bench::new();
    bench.click("16:9");
    let frame = document(&bench).frame();
    let ratio = f64::from(frame.width) / f64::from(frame.height);
    assert!((ratio - 16.0 / 9.0).abs() < 0.02, "{frame:?}");
    assert_eq!(frame.height, SIZE[1]);
    bench.click("Reset");
    assert_eq!(document(&bench).frame(), document(&bench).size().rect());
    bench.click("Crop");
    bench.click("1:1");
    assert_eq!(document(&bench).size().width, SIZE[1]);
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(document(&bench).size().width, SIZE[0]);
}

#[test]
fn fills_can_be_queued_while_one_runs() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench.harness.get_by_label("Generate").click();
    bench.harness.step();
    bench.keys(Modifiers::COMMAND, Key::Enter);
    bench.wait("both results", |window| {
        window.app().candidates().len() == 2 && window.app().jobs().is_empty()
    });
    let candidates = bench.window().app().candidates();
    assert_ne!(candidates[0].seed, candidates[1].seed, "another is another");
    bench.keys(Modifiers::SHIFT, Key::Delete);
    assert!(bench.window().app().candidates().is_empty());
}

#[test]
fn after_a_crash_the_next_start_offers_the_picture_back() {
    let folder = tempfile::tempdir().expect("folder");
    let home = folder.path().join("home");
    let path = photo(folder.path());
    let options = || AppOptions {
        paths: Some(Paths::below(&home)),
        keep_journal: true,
        ..AppOptions::default()
    };
    let size = vec2(1280.0, 820.0);
    let mut bench = Bench::start_with(options(), folder, Some(path), size, 1.0);
    bench.wait("the photo", |window| window.app().document().is_some());
    bench.paint_spot();
    let painted = bench.painted();
    // Gone without a good-bye: the journal stays.
    let Bench { harness, folder } = bench;
    drop(harness);

    let mut bench = Bench::start_with(options(), folder, None, size, 1.0);
    bench.wait("the question", |window| {
        let app = window.app();
        app.document().is_some() && !app.recoverable().is_empty()
    });
    bench.harness.get_by_label("Inlay did not close properly");
    bench.click("Restore");
    bench.wait("the picture", |window| {
        window
            .app()
            .document()
            .is_some_and(|d| d.size().width == SIZE[0])
    });
    assert_eq!(bench.painted(), painted);
    assert!(bench.window().app().recoverable().is_empty());
    let can = document(&bench).can_undo();
    assert!(can, "history came along");
    assert!(
        !bench
            .harness
            .get_by_label("Generate")
            .accesskit_node()
            .is_disabled()
    );
}
