//! Drives what is about the edge of an edit: the Erase tool, its queue and its undo, the sliders of an accepted edit, the
//! heat map, both masks, tasks, shadows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{self, Event, Key, Modifiers, PointerButton, accesskit::Role};
use egui_kittest::kittest::{NodeT, Queryable};
use inlay::app::Tool;
use inlay::compose::StitchOptions;
use inlay::document::{Document, Fill};
use inlay::plan::Task;

use crate::kit::{Bench, SIZE};
use crate::tiny_model;

const NONE: Modifiers = Modifiers::NONE;

fn document(bench: &Bench) -> &Document {
    bench.window().app().document().expect("a photo")
}

fn last_fill(bench: &Bench) -> &Fill {
    document(bench).fills().last().expect("an edit")
}

/// Nothing runs, and nothing is being stitched.
fn rest(bench: &mut Bench) {
    bench.wait("rest", |window| {
        window.app().jobs().is_empty() && !window.app().is_stitching()
    });
}

fn erase_spot(bench: &mut Bench) {
    bench.keys(NONE, Key::J);
    assert_eq!(bench.window().app().tool(), Tool::Erase);
    bench.paint_spot();
}

#[test]
fn what_the_erase_tool_is_drawn_over_goes_and_one_undo_brings_it_back() {
    let mut bench = Bench::new();
    let before = bench.samples();
    erase_spot(&mut bench);
    rest(&mut bench);
    bench.harness.get_by_label("It is erased");
    assert_eq!(bench.painted(), 0, "nothing stays marked");
    assert_eq!(last_fill(&bench).name, "Erased");
    let middle = (60 * SIZE[0] as usize + 80) * 3;
    let after = bench.samples();
    assert!(after[middle] > before[middle] + 40, "the spot is gone");
    assert_eq!(document(&bench).history_position(), 1);
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.samples(), before);
    assert_eq!(bench.painted(), 0, "the stroke was never a mask");
    assert!(bench.harness.query_by_label("It is erased").is_none());
}

#[test]
fn strokes_wait_for_each_other_and_escape_drops_what_waits() {
    let mut bench = Bench::new();
    bench.keys(NONE, Key::J);
    // Each touches the one before, so that it is made for a picture that changes meanwhile.
    let places = [(60.0, 60.0), (76.0, 60.0), (92.0, 60.0)];
    for at in places {
        bench.drag(PointerButton::Primary, NONE, &[at, (at.0 + 4.0, at.1)]);
    }
    rest(&mut bench);
    assert_eq!(document(&bench).fills().len(), 3);
    assert!(document(&bench).verify().expect("renders"));
    for left in [2, 1, 0] {
        bench.keys(Modifiers::COMMAND, Key::Z);
        assert_eq!(
            document(&bench).fills().len(),
            left,
            "one undo, one erasure"
        );
    }
    let count = |bench: &Bench| document(bench).fills().len();
    for at in places {
        let at = [bench.at(at.0, at.1), bench.at(at.0 + 4.0, at.1)];
        for (pos, pressed) in [(at[0], true), (at[1], false)] {
            bench.harness.event(Event::PointerMoved(pos));
            bench.harness.event(Event::PointerButton {
                pos,
                button: PointerButton::Primary,
                pressed,
                modifiers: NONE,
            });
        }
        bench.harness.step();
    }
    bench.harness.key_press(Key::Escape);
    bench.harness.step();
    rest(&mut bench);
    assert!(count(&bench) < 3, "what waited is dropped");
    let erased = count(&bench);
    for _ in 0..20 {
        bench.harness.step();
    }
    assert_eq!(count(&bench), erased, "and does not come later");
}

#[test]
fn an_erasure_that_ends_while_the_next_stroke_is_drawn_does_not_cut_it() {
    let mut bench = Bench::new();
    erase_spot(&mut bench);
    let (from, to) = (bench.at(30.0, 30.0), bench.at(60.0, 30.0));
    bench.button(from, PointerButton::Primary, true, NONE);
    let started = std::time::Instant::now();
    let is_over = |bench: &Bench| {
        let jobs = bench.window().app().jobs();
        jobs.front().is_none_or(|job| job.progress.fraction >= 1.0)
    };
    while started.elapsed().as_secs() < 2 || !is_over(&bench) && started.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        bench.harness.step();
    }
    assert!(document(&bench).fills().is_empty(), "it waits for the hand");
    bench.harness.event(Event::PointerMoved(to));
    bench.harness.step();
    bench.button(to, PointerButton::Primary, false, NONE);
    rest(&mut bench);
    assert_eq!(document(&bench).fills().len(), 2);
    assert_eq!(bench.painted(), 0, "nothing of the stroke stays behind");
    let labels: Vec<_> = document(&bench).history_labels().collect();
    assert!(!labels.contains(&"brush stroke"), "{labels:?}");
}

#[test]
fn erasing_works_over_what_is_marked_and_leaves_the_mask() {
    let mut bench = Bench::new();
    bench.paint_spot();
    let painted = bench.painted();
    let before = bench.samples();
    erase_spot(&mut bench);
    rest(&mut bench);
    assert_ne!(bench.samples(), before, "a mask below is no shield");
    // Just what was marked: then nothing is left to mark.
    assert!(bench.painted() == 0 || bench.painted() == painted);
}

#[test]
fn the_button_beside_generate_erases_what_is_marked_in_one_step() {
    let mut bench = Bench::new();
    let erase = "Erase what is marked";
    assert!(bench.harness.query_by_label(erase).is_none());
    bench.paint_spot();
    let before = bench.samples();
    bench.click(erase);
    rest(&mut bench);
    assert_ne!(bench.samples(), before);
    assert_eq!(bench.painted(), 0);
    assert_eq!(document(&bench).history_position(), 2, "stroke, erasure");
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.samples(), before);
    assert!(bench.painted() > 100, "undo brings the mask back");
}

#[test]
fn erase_works_by_keyboard_alone() {
    let mut bench = Bench::new();
    bench.harness.get_by_label_contains("Canvas: ").focus();
    bench.harness.run();
    bench.keys(NONE, Key::J);
    for pressed in [true, false] {
        bench.harness.event(Event::Key {
            key: Key::Space,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: NONE,
        });
        bench.harness.run();
        if pressed {
            bench.keys(NONE, Key::ArrowRight);
        }
    }
    rest(&mut bench);
    assert_eq!(document(&bench).fills().len(), 1);
}

/// An accepted fill, and its sliders in sight.
fn with_sliders() -> Bench {
    let mut bench = Bench::new();
    erase_spot(&mut bench);
    rest(&mut bench);
    bench.click("Edits · 1");
    bench.click("Edge");
    bench
}

fn slide(bench: &mut Bench, name: &str, value: f64) {
    bench
        .harness
        .get_by_role_and_label(Role::Slider, name)
        .set_value_accesskit(value);
    bench.harness.run();
}

#[test]
fn every_slider_of_an_edge_is_a_step_and_reset_takes_all_back() {
    let mut bench = with_sliders();
    let before = bench.samples();
    let first = document(&bench).history_position();
    let sliders = [
        ("Feather", 12.0),
        ("Colour match", 20.0),
        ("Seam", 0.0),
        ("Grain", 180.0),
        ("Sharpness", 150.0),
    ];
    for (steps, (name, value)) in sliders.into_iter().enumerate() {
        slide(&mut bench, name, value);
        rest(&mut bench);
        let position = document(&bench).history_position();
        assert_eq!(position, first + steps + 1, "{name}");
    }
    let stitch = last_fill(&bench).stitch;
    let expected = StitchOptions {
        blend_px: None,
        feather: 12.0,
        color_match: 0.2,
        seam: 0.0,
        grain: 1.8,
        sharpness: 1.5,
    };
    assert_eq!(stitch, expected);
    assert_ne!(bench.samples(), before);
    assert!(document(&bench).verify().expect("renders"));
    bench.click("Reset edge");
    rest(&mut bench);
    assert_eq!(last_fill(&bench).stitch, StitchOptions::default());
    assert_eq!(bench.samples(), before, "the same sliders, the same pixels");
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert_eq!(last_fill(&bench).stitch, expected);
}

#[test]
fn a_drag_of_a_slider_is_one_step_and_stays_where_the_hand_left_it() {
    let mut bench = with_sliders();
    let steps = document(&bench).history_position();
    let slider = bench
        .harness
        .get_by_role_and_label(Role::Slider, "Feather")
        .rect();
    let at = |share: f32| {
        let inner = slider.shrink(8.0);
        egui::pos2(inner.left() + inner.width() * share, slider.center().y)
    };
    bench.button(at(0.1), PointerButton::Primary, true, NONE);
    let mut last = 0.0;
    for number in 2..=9 {
        bench
            .harness
            .event(Event::PointerMoved(at(number as f32 / 10.0)));
        bench.harness.step();
        let app = bench.window().app();
        let id = last_fill(&bench).id;
        let feather = app.stitch_of(id).expect("an edit").feather;
        assert!(
            feather > last,
            "the slider never jumps back: {feather} after {last}"
        );
        last = feather;
    }
    assert_eq!(document(&bench).history_position(), steps);
    bench.button(at(0.9), PointerButton::Primary, false, NONE);
    rest(&mut bench);
    assert_eq!(document(&bench).history_position(), steps + 1);
    let feather = last_fill(&bench).stitch.feather;
    assert!((feather - last).abs() < 4.0, "{feather} is near {last}");
}

#[test]
fn a_changed_mask_is_stitched_anew_when_its_editing_ends() {
    let mut bench = with_sliders();
    let steps = document(&bench).history_position();
    let end = |bench: &mut Bench| {
        let done = bench.harness.get_all_by_label("Done").next();
        done.expect("a way out").click();
        bench.harness.run();
        rest(bench);
    };
    bench.click("Edit mask");
    end(&mut bench);
    assert_eq!(
        document(&bench).history_position(),
        steps + 2,
        "nothing was changed, so nothing is stitched"
    );
    bench.click("Edit mask");
    bench.keys(NONE, Key::E);
    bench.drag(PointerButton::Primary, NONE, &[(40.0, 60.0), (72.0, 60.0)]);
    end(&mut bench);
    let labels = document(&bench).history_labels();
    assert_eq!(labels.last().map(AsRef::as_ref), Some("edge of fill"));
    assert!(document(&bench).verify().expect("renders"));
}

#[test]
fn the_heat_map_counts_what_is_changed_and_follows() {
    let mut bench = Bench::new();
    let key = |bench: &mut Bench| bench.keys(NONE, Key::D);
    key(&mut bench);
    assert!(bench.harness.query_by_label("Changed pixels").is_none());
    erase_spot(&mut bench);
    rest(&mut bench);
    key(&mut bench);
    bench.harness.get_by_label("Changed pixels");
    let seen = |bench: &mut Bench, words: &str| {
        for _ in 0..400 {
            if bench.harness.query_by_label_contains(words).is_some() {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
            bench.harness.step();
        }
        false
    };
    assert!(seen(&mut bench, "% differ"));
    bench.keys(Modifiers::COMMAND, Key::Z);
    assert!(seen(&mut bench, "No pixel differs"));
    bench.keys(NONE, Key::B);
    bench.paint_spot();
    bench.generate();
    assert!(seen(&mut bench, "% differ"), "the result on show counts");
    key(&mut bench);
    assert!(bench.harness.query_by_label("Changed pixels").is_none());
}

#[test]
fn both_masks_tell_their_widths() {
    let mut bench = Bench::new();
    bench.keys(NONE, Key::K);
    bench.harness.get_by_label("Masks of the model");
    bench.harness.get_by_label("Nothing is marked");
    bench.paint_spot();
    bench.wait("the masks", |_| true);
    for _ in 0..200 {
        let has_words = |words| bench.harness.query_by_label_contains(words).is_some();
        if has_words("Goes into the photo") && has_words("The model repaints") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        bench.harness.step();
    }
    bench.harness.get_by_label_contains("Goes into the photo");
    // The heat map and the masks do not lie on each other.
    bench.generate();
    bench.keys(NONE, Key::D);
    assert!(bench.harness.query_by_label("Masks of the model").is_none());
}

#[test]
fn shadows_are_offered_once_something_is_marked() {
    let mut bench = Bench::new();
    bench.keys(NONE, Key::Q);
    assert!(bench.harness.query_by_label("Its shadow too").is_none());
    bench.drag(PointerButton::Primary, NONE, &[(76.0, 58.0), (84.0, 62.0)]);
    bench.wait("the object", |window| !window.app().is_searching());
    let painted = bench.painted();
    bench.click("Its shadow too");
    bench.wait("the shadow", |window| !window.app().is_searching());
    assert!(bench.painted() >= painted);
    assert!(bench.window().app().notices().is_empty());
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("a folder".to_owned())
    }
}

#[test]
fn a_task_is_chosen_in_a_plain_word_where_a_model_reads_words() {
    let mut bench = Bench::new();
    assert!(bench.harness.query_by_label("What to do: Auto").is_none());
    let folder = bench.folder.path().join("model");
    let name = tiny_model::pictures()["models"]
        .as_object()
        .and_then(|models| models.keys().next().cloned())
        .expect("a model");
    tiny_model::assemble(&name, &folder);
    let files = &mut bench.harness.input_mut().dropped_files;
    files.push(Arc::new(Dropped(folder)));
    bench.harness.run();
    bench.wait("the model", |window| window.app().model().reads_prompts());
    bench.harness.get_by_label_contains("Auto means Remove now");
    bench.click("What to do: Change");
    let task = |bench: &Bench| bench.window().app().generate_settings().task;
    assert_eq!(task(&bench), Some(Task::Modify));
    let chosen = bench.harness.get_by_label("What to do: Change");
    assert_eq!(
        chosen.accesskit_node().toggled(),
        Some(egui::accesskit::Toggled::True)
    );
    bench.click("What to do: Auto");
    assert_eq!(task(&bench), None);
    bench.click("16:9");
    bench.harness.get_by_label_contains("New canvas continues");
    assert!(bench.harness.query_by_label("What to do: Auto").is_none());
}
