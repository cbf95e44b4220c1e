//! Drives what lies over the window and what looks at results: the command palette, the cheat sheet, preferences, the
//! split line, the offer to undo.

use std::path::Path;

use eframe::egui::{self, Event, Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use inlay::app::{AppOptions, Tool};
use inlay::models::library::Surroundings;
use inlay::settings::Theme;

use crate::kit::{self, Bench};
use crate::tiny_model;

fn type_text(bench: &mut Bench, words: &str) {
    bench.harness.event(Event::Text(words.to_owned()));
    bench.harness.run();
}

#[test]
fn the_palette_finds_runs_and_remembers() {
    let mut bench = Bench::new();
    bench.keys(Modifiers::COMMAND, Key::P);
    bench.harness.get_by_label("Find a command");
    type_text(&mut bench, "mask eras");
    bench.keys(Modifiers::NONE, Key::Enter);
    assert_eq!(bench.window().app().tool(), Tool::Eraser);
    assert!(bench.harness.query_by_label("Find a command").is_none());
    bench.keys(Modifiers::NONE, Key::F1);
    bench.harness.get_by_label("Find a command");
    bench.keys(Modifiers::NONE, Key::ArrowDown);
    bench.keys(Modifiers::NONE, Key::Escape);
    assert!(bench.harness.query_by_label("Find a command").is_none());
    assert_eq!(
        bench.window().app().tool(),
        Tool::Eraser,
        "Escape runs nothing"
    );
}

#[test]
fn the_palette_says_why_a_command_can_do_nothing() {
    let mut bench = Bench::new();
    bench.keys(Modifiers::COMMAND, Key::P);
    type_text(&mut bench, "accept");
    bench.harness.get_by_label("Accept: There is no result yet");
    bench.keys(Modifiers::NONE, Key::Enter);
    assert!(
        bench.harness.query_by_label("Find a command").is_some(),
        "it stays open"
    );
}

#[test]
fn the_cheat_sheet_lists_keys_and_closes() {
    let mut bench = Bench::new();
    bench.keys(Modifiers::NONE, Key::Questionmark);
    bench.harness.get_by_label_contains("Generate: ");
    bench.harness.get_by_label_contains("Move the view: ");
    bench.click("Close");
    assert!(
        bench
            .harness
            .query_by_label_contains("Move the view: ")
            .is_none()
    );
}

#[test]
fn preferences_show_at_once_and_reset() {
    let mut bench = Bench::new();
    bench.keys(Modifiers::COMMAND, Key::Comma);
    bench.click("Light");
    assert_eq!(bench.window().app().settings().theme, Theme::Light);
    bench.click("Reset");
    assert_eq!(bench.window().app().settings().theme, Theme::System);
    bench.click("Done");
    assert!(bench.harness.query_by_label("Preferences").is_none());
}

#[test]
fn the_split_line_moves_with_the_arrow_keys_and_goes_with_the_result() {
    let mut bench = Bench::new();
    bench.paint_spot();
    bench.generate();
    assert!(bench.harness.query_by_label("Split line").is_none());
    bench.keys(Modifiers::NONE, Key::Y);
    let before = bench.harness.get_by_label("Split line").rect().center().x;
    bench.harness.get_by_label("Split line").focus();
    bench.harness.run();
    for _ in 0..5 {
        bench.keys(Modifiers::SHIFT, Key::ArrowRight);
    }
    let after = bench.harness.get_by_label("Split line").rect().center().x;
    assert!(after > before + 50.0, "{before} to {after}");
    let value = bench
        .harness
        .get_by_label("Split line")
        .accesskit_node()
        .numeric_value();
    assert!(value.is_some_and(|value| value > 60.0), "{value:?}");
    bench.click("Discard");
    assert!(bench.harness.query_by_label("Split line").is_none());
}

#[test]
fn an_accepted_result_can_be_taken_back_from_its_card() {
    let mut bench = Bench::new();
    bench.paint_spot();
    let before = bench.samples();
    bench.generate();
    bench.click("Accept");
    assert_ne!(bench.samples(), before);
    let card = bench
        .harness
        .get_by_label("The result is in the picture")
        .rect();
    let undo = bench
        .harness
        .get_all_by_label("Undo")
        .find(|node| (node.rect().center().y - card.center().y).abs() < 12.0)
        .expect("a button in the card")
        .rect()
        .center();
    bench.click_at(undo);
    assert_eq!(bench.samples(), before);
    assert!(
        bench
            .harness
            .query_by_label("The result is in the picture")
            .is_none()
    );
}

#[test]
fn copying_a_picture_never_blocks_and_answers_with_a_notice() {
    let mut bench = Bench::new();
    bench.harness.event(Event::Copy);
    bench.harness.run();
    bench.wait("an answer", |window| !window.app().notices().is_empty());
}

/// A LoRA of one matrix, as training programs write it.
fn write_lora(path: &Path) {
    let layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q";
    let matrix = |name: &str, shape: &str, from: usize| {
        format!(
            r#""{layer}.{name}.weight":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{}]}}"#,
            from + 32
        )
    };
    let (down, up) = (
        matrix("lora_down", "[1,8]", 0),
        matrix("lora_up", "[8,1]", 32),
    );
    let header = format!("{{{down},{up}}}");
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([0; 64]);
    std::fs::write(path, bytes).expect("write");
}

#[test]
fn the_sheet_of_models_chooses_one_and_adds_to_it() {
    let folder = tempfile::tempdir().expect("folder");
    let own = folder.path().join("own");
    let name = tiny_model::pictures()["models"]
        .as_object()
        .and_then(|models| models.keys().next().cloned())
        .expect("a model");
    tiny_model::assemble(&name, &own.join("garden"));
    write_lora(&own.join("mossy.safetensors"));
    let options = AppOptions {
        library: Some(Surroundings {
            home: None,
            data_dir: None,
            variables: vec![("INLAY_MODELS".to_owned(), own.clone().into())],
        }),
        ..AppOptions::default()
    };
    let photo = kit::photo(folder.path());
    let size = egui::vec2(1280.0, 820.0);
    let mut bench = Bench::start_with(options, folder, Some(photo), size, 1.0);
    bench.wait("the photo", |window| window.app().document().is_some());
    bench.keys(Modifiers::COMMAND, Key::L);
    bench.harness.get_by_label("Models on this machine");
    let started = std::time::Instant::now();
    while bench.harness.query_by_label("garden").is_none() {
        assert!(started.elapsed().as_secs() < 60, "no list of models came");
        std::thread::sleep(std::time::Duration::from_millis(5));
        bench.harness.step();
    }
    bench.harness.run();
    bench
        .harness
        .get_by_label_contains("of memory, more slowly");
    bench
        .harness
        .get_by_label_contains("Choose a Stable Diffusion model first");
    bench.click("garden");
    bench.wait("the model", |window| window.app().model().reads_prompts());
    bench.click("mossy");
    bench.click("Done");
    assert!(
        bench
            .harness
            .query_by_label("Models on this machine")
            .is_none()
    );
    let loras = |bench: &Bench| {
        let settings = bench.window().app().generate_settings();
        settings.additions.loras.clone()
    };
    assert_eq!(loras(&bench)[0].file, own.join("mossy.safetensors"));
    bench.harness.get_by_label("Weight of mossy");
    bench.click("Take mossy away");
    assert!(loras(&bench).is_empty());
}
