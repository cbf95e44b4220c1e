//! Drives the numbers of the canvas in the side panel, and what preferences say about memory.

use eframe::egui::{Event, Key, Modifiers, PointerButton, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use inlay::document::Document;
use inlay::geometry::PixelRect;

use crate::kit::{Bench, SIZE};

fn document(bench: &Bench) -> &Document {
    bench.window().app().document().expect("a photo")
}

#[test]
fn a_typed_width_extends_at_the_anchor_and_undo_takes_it_back() {
    let mut bench = Bench::new();
    bench.click("Middle left");
    bench
        .harness
        .get_by_label("Width of the canvas in pixels")
        .set_value_accesskit(200.0);
    bench.harness.run();
    let wide = PixelRect::new(0, 0, 200, SIZE[1]);
    assert_eq!(document(&bench).frame(), wide, "the left side stays");
    assert_eq!(document(&bench).extension().right, 200 - SIZE[0]);
    bench
        .harness
        .get_by_label("Height of the canvas in pixels")
        .set_value_accesskit(60.0);
    bench.harness.run();
    assert_eq!(document(&bench).size().height, 60, "less is a crop");
    bench.keys(Modifiers::COMMAND, Key::Z);
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(
        document(&bench).frame(),
        PixelRect::new(0, 0, SIZE[0], SIZE[1])
    );
}

#[test]
fn a_dragged_number_is_one_step_of_history() {
    let mut bench = Bench::new();
    let field = bench.harness.get_by_label("Extend right in pixels").rect();
    bench.button(
        field.center(),
        PointerButton::Primary,
        true,
        Modifiers::NONE,
    );
    for step in 1..=8 {
        let at = field.center() + vec2(step as f32 * 5.0, 0.0);
        bench.harness.event(Event::PointerMoved(at));
        bench.harness.run();
    }
    assert!(
        document(&bench).extension().right > 10,
        "seen while dragging"
    );
    assert_eq!(document(&bench).history_position(), 0);
    let end = field.center() + vec2(40.0, 0.0);
    bench.button(end, PointerButton::Primary, false, Modifiers::NONE);
    assert!(document(&bench).extension().right > 10);
    assert_eq!(document(&bench).history_position(), 1);
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert!(document(&bench).extension().is_none());
}

#[test]
fn preferences_say_what_undo_holds() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench.keys(Modifiers::COMMAND, Key::Comma);
    let held = bench.harness.get_by_label_contains("holds ");
    let words = held
        .accesskit_node()
        .value()
        .or(held.accesskit_node().label());
    assert_eq!(words.as_deref(), Some("holds 1 MiB now"));
}
