//! Owns the numbers: seed, steps, guidance, strength, sampler, variations, device, precision. What a
//! model does not use is greyed out and says why. Part of the side panel.

use eframe::egui::{DragValue, RichText, Slider, Ui, vec2};

use crate::app::{Command, Model};
use crate::engine::{DeviceChoice, Precision, SAMPLERS};
use crate::plan::GenerateSettings;
use crate::ui::action::Scene;
use crate::ui::icons::Icon;
use crate::ui::shortcuts;
use crate::ui::text;
use crate::ui::theme;
use crate::ui::widgets::{self, IconButton, auto_number, row};

const MAX_SEED: u64 = 999_999_999;
const MAX_VARIATIONS: u32 = 8;
/// Where a slider stands before "auto" was left, for models that say nothing of it.
const FIRST_STEPS: f64 = 50.0;
const FIRST_GUIDANCE: f64 = 7.5;
const FIRST_STRENGTH: f64 = 1.0;

/// The model's numbers.
pub fn settings(ui: &mut Ui, scene: &mut Scene<'_>) {
    widgets::section(ui, text::SECTION_SETTINGS, |_| {});
    ui.spacing_mut().item_spacing.y = 6.0;
    let mut settings = scene.app.generate_settings().clone();
    let before = settings.clone();
    let why_not = (!scene.app.model().reads_prompts()).then_some(text::NOT_FOR_EXEMPLAR);
    let (first_steps, first_guidance) = match scene.app.model() {
        Model::Checkpoint { summary, .. } => (f64::from(summary.steps), summary.guidance),
        Model::Exemplar | Model::Erase => (FIRST_STEPS, FIRST_GUIDANCE),
    };
    variations(ui, scene);
    seed(ui, &mut settings, scene);
    row(ui, text::STEPS, text::STEPS_TIP, None, |ui| {
        let mut steps = settings.num_inference_steps.map(f64::from);
        let max = f64::from(scene.app.model().max_steps());
        if auto_number(
            ui,
            text::STEPS,
            &mut steps,
            first_steps,
            1.0..=max.min(200.0),
            0,
        ) {
            settings.num_inference_steps = steps.map(|steps| steps.round() as u32);
        }
    });
    row(ui, text::GUIDANCE, text::GUIDANCE_TIP, why_not, |ui| {
        auto_number(
            ui,
            text::GUIDANCE,
            &mut settings.guidance_scale,
            first_guidance,
            1.0..=30.0,
            1,
        );
    });
    row(ui, text::STRENGTH, text::STRENGTH_TIP, why_not, |ui| {
        auto_number(
            ui,
            text::STRENGTH,
            &mut settings.strength,
            FIRST_STRENGTH,
            0.05..=1.0,
            2,
        );
    });
    row(ui, text::SAMPLER, text::SAMPLER_TIP, why_not, |ui| {
        sampler(ui, &mut settings);
    });
    machine(ui, scene);
    if settings != before {
        scene.send(Command::EditSettings(Box::new(settings)));
    }
}

fn variations(ui: &mut Ui, scene: &mut Scene<'_>) {
    row(ui, text::VARIATIONS, text::VARIATIONS_TIP, None, |ui| {
        let width = ui.available_width() - 34.0;
        let slider = Slider::new(&mut scene.state.variations, 1..=MAX_VARIATIONS);
        widgets::slider(ui, slider, width, text::VARIATIONS);
        let palette = theme::palette(ui.ctx());
        ui.label(RichText::new(scene.state.variations.to_string()).color(palette.text));
    });
}

fn seed(ui: &mut Ui, settings: &mut GenerateSettings, scene: &mut Scene<'_>) {
    row(ui, text::SEED, text::SEED_TIP, None, |ui| {
        let width = ui.available_width() - theme::CONTROL - theme::GAP;
        let end = MAX_SEED.max(settings.seed);
        let drag = DragValue::new(&mut settings.seed).range(0..=end).speed(1.0);
        ui.add_sized(vec2(width, theme::CONTROL), drag)
            .accessible_name(text::SEED);
        let tip = shortcuts::tip(ui.ctx(), &Command::NewSeed);
        if IconButton::new(Icon::Dice, Command::NewSeed.label())
            .tip(tip)
            .show(ui)
            .clicked()
        {
            scene.send(Command::NewSeed);
        }
    });
}

fn sampler(ui: &mut Ui, settings: &mut GenerateSettings) {
    let name = |key: &str| {
        SAMPLERS
            .iter()
            .find(|(k, _)| *k == key)
            .map_or(text::SAMPLER_OWN, |(_, name)| *name)
    };
    let shown = settings
        .scheduler
        .as_deref()
        .map_or(text::SAMPLER_OWN, name);
    let combo = widgets::combo("sampler")
        .width(ui.available_width())
        .selected_text(shown)
        .show_ui(ui, |ui| {
            ui.selectable_value(&mut settings.scheduler, None, text::SAMPLER_OWN);
            for (key, name) in SAMPLERS {
                ui.selectable_value(&mut settings.scheduler, Some(key.to_owned()), name);
            }
        });
    combo.response.accessible_name(text::SAMPLER);
}

/// Where and how exactly it is computed.
fn machine(ui: &mut Ui, scene: &mut Scene<'_>) {
    let why_not = (!scene.app.model().reads_prompts()).then_some(text::EXEMPLAR_ON_CPU);
    let tip = Command::ChooseDevice(DeviceChoice::Auto).tooltip();
    row(ui, text::DEVICE, tip, why_not, |ui| {
        let mut chosen = scene.app.device();
        let combo = widgets::combo("device")
            .width(ui.available_width())
            .selected_text(text::device(chosen.name()))
            .show_ui(ui, |ui| {
                for device in DeviceChoice::ALL
                    .into_iter()
                    .filter(|device| is_here(*device))
                {
                    ui.selectable_value(&mut chosen, device, text::device(device.name()));
                }
            });
        combo.response.accessible_name(text::DEVICE);
        if chosen != scene.app.device() {
            scene.send(Command::ChooseDevice(chosen));
        }
    });
    let tip = Command::ChoosePrecision(Precision::Auto).tooltip();
    row(ui, text::PRECISION, tip, why_not, |ui| {
        let words = |precision| match precision {
            Precision::Auto => text::PRECISION_AUTO,
            Precision::F32 => text::PRECISION_F32,
            Precision::F16 => text::PRECISION_F16,
        };
        let mut chosen = scene.app.precision();
        let combo = widgets::combo("precision")
            .width(ui.available_width())
            .selected_text(words(chosen))
            .show_ui(ui, |ui| {
                for precision in [Precision::Auto, Precision::F32, Precision::F16] {
                    ui.selectable_value(&mut chosen, precision, words(precision));
                }
            });
        combo.response.accessible_name(text::PRECISION);
        if chosen != scene.app.precision() {
            scene.send(Command::ChoosePrecision(chosen));
        }
    });
}

/// Interfaces that this platform has.
fn is_here(device: DeviceChoice) -> bool {
    match device {
        DeviceChoice::Metal => cfg!(target_os = "macos"),
        DeviceChoice::Dx12 => cfg!(target_os = "windows"),
        DeviceChoice::Vulkan => cfg!(not(target_os = "macos")),
        _ => true,
    }
}
