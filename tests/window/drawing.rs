//! What the window draws, when, and where: frames, pixels on the screen, zoom.

use eframe::egui::{self, Event, Key, Modifiers, PointerButton, vec2};
use eframe::wgpu;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use inlay::app::AppOptions;
use inlay::ui::Window;
use std::time::Duration;

use crate::kit::{Bench, photo};

#[test]
fn nothing_is_drawn_when_nothing_happens() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench.harness.remove_cursor();
    for _ in 0..60 {
        bench.harness.step();
    }
    let delay = bench.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(
        delay > Duration::from_mins(1),
        "a frame is planned in {delay:?}"
    );
}

/// True where something can draw; says so where nothing can.
fn can_draw() -> bool {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let has_adapter =
        !pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all())).is_empty();
    if !has_adapter {
        eprintln!("SKIPPED: no adapter to draw with");
    }
    has_adapter
}

#[test]
fn the_photo_the_mask_and_the_result_are_drawn() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = photo(folder.path());
    let harness = Harness::builder()
        .with_size(vec2(1000.0, 700.0))
        .with_max_steps(60)
        .wgpu()
        .build_eframe(|cc| Window::new(cc, AppOptions::default(), Some(path)).expect("a window"));
    let mut bench = Bench { harness, folder };
    bench.wait("the photo", |window| window.app().document().is_some());
    let dark = bench.drawn(80.0, 60.0, |[red, _, _]| red < 60);
    assert!((20..=40).contains(&dark[0]), "the spot: {dark:?}");
    bench.drag(
        PointerButton::Primary,
        Modifiers::NONE,
        &[(70.0, 60.0), (90.0, 60.0)],
    );
    bench.harness.remove_cursor();
    let tinted = bench.drawn(80.0, 60.0, |[red, _, _]| red > 90);
    assert!(
        tinted[0] > tinted[1] + 40,
        "the mask's colour lies over it: {tinted:?}"
    );
    bench.generate();
    bench.harness.remove_cursor();
    let filled = bench.drawn(80.0, 60.0, |[red, green, _]| red > 100 && red < green + 80);
    assert!(
        filled[1] > 80,
        "the result is shown without the mask: {filled:?}"
    );
    bench.click("Accept");
    bench.keys(Modifiers::COMMAND, Key::Z);
    bench.harness.remove_cursor();
    let tinted = bench.drawn(80.0, 60.0, |[red, green, _]| red > 90 && red > green + 80);
    assert!(
        tinted[0] > tinted[1] + 40,
        "the mask that comes back is seen as it was: {tinted:?}"
    );
    bench.keys(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    bench.harness.remove_cursor();
    let filled = bench.drawn(80.0, 60.0, |[_, green, _]| green > 80);
    assert!(filled[1] > 80, "the fill is back: {filled:?}");
    bench.harness.key_down(Key::Backslash);
    bench.harness.step();
    let before = bench.drawn(80.0, 60.0, |[red, _, _]| red < 60);
    assert!(
        bench.window().is_comparing() && before[0] < 60,
        "edits are compared with the photo: {before:?}"
    );
    bench.harness.key_up(Key::Backslash);
    let after = bench.drawn(80.0, 60.0, |[_, green, _]| green > 80);
    assert!(after[1] > 80, "let go, the edit is seen: {after:?}");
}

#[test]
fn zoom_goes_by_keys_and_wheel_about_the_pointer() {
    let mut bench = Bench::new();
    bench.keys(Modifiers::COMMAND, Key::Num1);
    bench.harness.get_by_label_contains("Zoom in");
    let scale = |bench: &Bench| (bench.at(100.0, 0.0) - bench.at(0.0, 0.0)).x / 100.0;
    assert!((scale(&bench) - 1.0).abs() < 1e-3);
    let pointer = bench.at(40.0, 30.0);
    bench.harness.event(Event::PointerMoved(pointer));
    bench.harness.event(Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: vec2(0.0, 3.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    bench.harness.run();
    assert!(scale(&bench) > 1.6);
    assert!(
        (bench.at(40.0, 30.0) - pointer).length() < 2.0,
        "the photo stays under the pointer"
    );
    bench.keys(Modifiers::COMMAND, Key::Num0);
    let corner = bench.at(0.0, 0.0);
    assert!(corner.x > 60.0 && corner.y > 80.0, "all of it is in sight");
}
