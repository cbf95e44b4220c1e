//! Each way of running a tiny model makes the picture that the roomy one makes.

use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::guidance::GuidanceBatching;
use inlay::diffusion::memory::{MemoryPlan, Planner, Residency};
use inlay::diffusion::pipeline::{Additions, Pipeline};
use inlay::diffusion::vae::VaeWay;
use inlay::diffusion::weights::Numbers;

use crate::common::Sandbox;
use crate::common::tiny_model::assemble;
use crate::kit::{Listener, differences, load, request};
use crate::made_up;

const MODELS: [&str; 3] = ["sd1-inpaint", "sd2-plain", "sd1-inpaint-tiny"];

#[test]
fn where_the_parts_are_changes_no_bit() {
    for model in MODELS {
        let here = Sandbox::new();
        assemble(model, &here.path("model"));
        let request = request(48, 32);
        let roomy = MemoryPlan::default();
        let mut listener = Listener::default();
        let expected = load(&here.path("model"), roomy, &mut listener)
            .inpaint(&request, &mut listener)
            .unwrap();
        let previews = listener.previews;
        assert!(previews > 0);
        for residency in [
            Residency::TextLeaves,
            Residency::TextApart,
            Residency::OneAtATime,
        ] {
            let plan = MemoryPlan { residency, ..roomy };
            let mut listener = Listener::default();
            let mut pipeline = load(&here.path("model"), plan, &mut listener);
            assert_eq!(listener.loads(), 0, "nothing is loaded before its turn");
            let needs = Planner::new(pipeline.folder(), true)
                .unwrap()
                .needs(Numbers::F32);
            assert_eq!(pipeline.held(&needs), 0);
            let picture = pipeline.inpaint(&request, &mut listener).unwrap();
            assert_eq!(picture, expected, "{model} {residency:?}");
            assert_eq!(listener.previews, previews, "{model} {residency:?}");
            let is_tiny = model.ends_with("tiny");
            let held = match residency {
                Residency::OneAtATime if !is_tiny => needs.vae.weights,
                _ => needs.vae.weights + needs.unet.weights,
            };
            assert_eq!(pipeline.held(&needs), held, "{model} {residency:?}");
            let expected_loads = match residency {
                Residency::OneAtATime if !is_tiny => 4,
                _ => 3,
            };
            assert_eq!(listener.loads(), expected_loads, "{model} {residency:?}");
            // The prompts are known: the text encoder stays where it is.
            let mut listener = Listener::default();
            assert_eq!(pipeline.inpaint(&request, &mut listener).unwrap(), expected);
            let expected_loads = match residency {
                Residency::OneAtATime if is_tiny => 0,
                Residency::OneAtATime => 2,
                _ => 0,
            };
            assert_eq!(listener.loads(), expected_loads, "{model} {residency:?}");
        }
    }
}

/// SDXL with its two text encoders, and an SD 2 file that must be asked what it predicts.
#[test]
fn single_files_run_every_way_too() {
    for (family, channels) in [("xl", 9), ("sd2", 4)] {
        let here = Sandbox::new();
        let file = here.path("model.safetensors");
        let tensors = made_up::single(family, channels);
        made_up::write(&file, &tensors, safetensors::Dtype::F16, &[]);
        let request = request(32, 48);
        let run = |plan| {
            let mut listener = Listener::default();
            load(&file, plan, &mut listener)
                .inpaint(&request, &mut listener)
                .unwrap()
        };
        let roomy = MemoryPlan::default();
        let expected = run(roomy);
        for residency in [
            Residency::TextLeaves,
            Residency::TextApart,
            Residency::OneAtATime,
        ] {
            let picture = run(MemoryPlan { residency, ..roomy });
            assert_eq!(picture, expected, "{family} {residency:?}");
        }
        let frugal = MemoryPlan {
            residency: Residency::OneAtATime,
            batching: GuidanceBatching::OneByOne,
            vae: VaeWay::Bands,
            attention_scores: 1 << 12,
            numbers: Numbers::HALF_STORED,
        };
        let (worst, _) = differences(&run(frugal), &expected);
        println!("{family}, all at once: {worst:.1e}");
        assert!(worst < 1e-3, "{family}: {worst}");
    }
}

#[test]
fn a_new_prompt_brings_the_text_encoder_back() {
    let here = Sandbox::new();
    assemble("sd1-inpaint", &here.path("model"));
    let mut request = request(32, 32);
    for (residency, loads) in [
        (Residency::All, 0),
        (Residency::TextLeaves, 1),
        (Residency::TextApart, 3),
    ] {
        let plan = MemoryPlan {
            residency,
            ..MemoryPlan::default()
        };
        let mut pipeline = load(&here.path("model"), plan, &mut Listener::default());
        request.prompt = "a red boat".into();
        let boat = pipeline
            .inpaint(&request, &mut Listener::default())
            .unwrap();
        request.prompt = "a green hill".into();
        let mut listener = Listener::default();
        let hill = pipeline.inpaint(&request, &mut listener).unwrap();
        assert_eq!(listener.loads(), loads, "{residency:?}");
        assert_ne!(boat, hill);
    }
}

#[test]
fn frugal_arithmetic_makes_the_same_picture() {
    for model in MODELS {
        let here = Sandbox::new();
        assemble(model, &here.path("model"));
        let request = request(48, 64);
        let roomy = MemoryPlan::default();
        let mut pipeline = load(&here.path("model"), roomy, &mut Listener::default());
        let expected = pipeline
            .inpaint(&request, &mut Listener::default())
            .unwrap();
        for (what, plan) in [
            (
                "one by one",
                MemoryPlan {
                    batching: GuidanceBatching::OneByOne,
                    ..roomy
                },
            ),
            (
                "bands",
                MemoryPlan {
                    vae: VaeWay::Bands,
                    ..roomy
                },
            ),
            (
                "few scores",
                MemoryPlan {
                    attention_scores: 1 << 10,
                    ..roomy
                },
            ),
        ] {
            pipeline.set_plan(plan);
            let picture = pipeline
                .inpaint(&request, &mut Listener::default())
                .unwrap();
            let (worst, _) = differences(&picture, &expected);
            println!("{model}, {what}: {worst:.1e}");
            assert!(worst < 1e-4, "{model} {what}: {worst}");
        }
    }
}

#[test]
fn weights_kept_in_16_bits_make_nearly_the_same_picture() {
    for model in MODELS {
        let here = Sandbox::new();
        assemble(model, &here.path("model"));
        let request = request(48, 32);
        let [full, half] = [Numbers::F32, Numbers::HALF_STORED].map(|numbers| {
            let plan = MemoryPlan::roomy(numbers);
            let mut pipeline = load(&here.path("model"), plan, &mut Listener::default());
            pipeline
                .inpaint(&request, &mut Listener::default())
                .unwrap()
        });
        // These files store f16: nothing is lost but the order of sums.
        let (worst, _) = differences(&full, &half);
        println!("{model}: {worst:.1e}");
        assert!(worst < 1e-4, "{model}: {worst}");
    }
}

#[test]
fn a_wgpu_device_runs_frugally_too() {
    let device = burn::tensor::Device::wgpu_options()
        .device_kind(burn::tensor::DeviceKind::DefaultDevice)
        .init();
    let Ok(device) = device else {
        println!("SKIPPED: no wgpu device here, not even a software one");
        return;
    };
    let here = Sandbox::new();
    assemble("sd1-inpaint", &here.path("model"));
    // One small case: every new shape costs a software device seconds.
    let mut request = request(32, 32);
    request.guidance_scale = 1.0;
    request.strength = 1.0;
    request.num_inference_steps = 1;
    let roomy = MemoryPlan::default();
    let expected = load(&here.path("model"), roomy, &mut Listener::default())
        .inpaint(&request, &mut Listener::default())
        .unwrap();
    let frugal = MemoryPlan {
        residency: Residency::OneAtATime,
        vae: VaeWay::Bands,
        numbers: Numbers::HALF_STORED,
        attention_scores: 1 << 10,
        ..roomy
    };
    let folder = ModelFolder::open(here.path("model")).unwrap();
    let additions = Additions::default();
    let mut pipeline = Pipeline::build(
        folder,
        &additions,
        &device,
        frugal,
        &mut Listener::default(),
    )
    .unwrap();
    let mut listener = Listener::default();
    let picture = pipeline.inpaint(&request, &mut listener).unwrap();
    assert!(listener.warnings.is_empty(), "{:?}", listener.warnings);
    let (worst, mean) = differences(&picture, &expected);
    println!("wgpu: mean {mean:.1e}, worst {worst:.1e}");
    assert!(worst < 1e-3, "{worst}");
    assert!(
        device
            .memory_pool_usage()
            .is_none_or(|usage| usage.bytes_reserved > 0)
    );
}
