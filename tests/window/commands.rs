//! Drives every command of the table twice, by its name in the palette and by its keys, on a picture with an edit, a mask
//! and a result: whatever it does, the window goes on and the picture is what its edits say.

use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use crate::kit::Bench;

/// These end the window, or open the system's dialogs.
fn is_left_out(label: &str) -> bool {
    label == "Quit" || label.ends_with('…') && label != "Find a command…"
}

/// A picture with one edit, a mask on it and a result for that.
fn busy() -> Bench {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench.generate();
    bench.click("Accept");
    bench.paint_spot();
    bench.generate();
    bench
}

fn check(bench: &mut Bench, what: &str) {
    bench.settle();
    if let Some(document) = bench.window().app().document() {
        assert!(document.verify().expect("renders"), "{what}");
    }
    // It still takes keys.
    bench.harness.key_press(Key::Escape);
    bench.settle();
}

#[test]
fn every_command_can_be_found_and_run() {
    let labels: Vec<&str> = Bench::new()
        .harness
        .state_mut()
        .commands()
        .into_iter()
        .map(|(label, _)| label)
        .collect();
    assert!(labels.len() > 50, "{}", labels.len());
    for label in labels {
        if is_left_out(label) {
            continue;
        }
        let mut bench = busy();
        bench
            .harness
            .key_press_modifiers(Modifiers::COMMAND, Key::P);
        bench.settle();
        bench.harness.event(Event::Text(label.to_owned()));
        bench.settle();
        let found = bench.harness.query_all_by_label_contains(label).count();
        assert!(found > 0, "{label} is not in the palette");
        bench.harness.key_press(Key::Enter);
        check(&mut bench, label);
    }
}

#[test]
fn every_key_does_something_and_breaks_nothing() {
    let keyed: Vec<_> = Bench::new().harness.state_mut().commands();
    let mut count = 0;
    for (label, keys) in keyed {
        let Some(keys) = keys.filter(|_| !is_left_out(label)) else {
            continue;
        };
        count += 1;
        let mut bench = busy();
        bench
            .harness
            .key_press_modifiers(keys.modifiers, keys.logical_key);
        check(&mut bench, label);
    }
    assert!(count > 35, "{count}");
}
