//! Checks the whole inpainting pipeline against pictures that diffusers made with tiny random models (`golden/make_sampling.py`),
//! and how it behaves when it is stopped, watched or asked for nonsense.

#![allow(clippy::unwrap_used)] // a test stops at the first surprise

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, DeviceKind};
use inlay::diffusion::DiffusionError;
use inlay::diffusion::config::read_json;
use inlay::diffusion::guidance::GuidanceBatching;
use inlay::diffusion::memory::MemoryPlan;
use inlay::diffusion::pipeline::{InpaintRequest, Pipeline};
use inlay::diffusion::scheduler::SchedulerName;
use inlay::geometry::PixelSize;
use inlay::progress::{Observer, Silent};
use inlay::raster::{Plane, RgbF32};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/sampling")
        .join(name)
}

fn index() -> Value {
    read_json(&golden("pictures.json")).unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A model folder put together from the shared parts. Lives as long as the returned handle.
fn assemble(model: &Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str| golden("parts").join(model[name].as_str().unwrap());
    copy_folder(
        &part("text").join("tokenizer"),
        &folder.path().join("tokenizer"),
    );
    copy_folder(
        &part("text").join("text_encoder"),
        &folder.path().join("text_encoder"),
    );
    copy_folder(&part("unet"), &folder.path().join("unet"));
    copy_folder(&part("vae"), &folder.path().join("vae"));
    let scheduler = folder.path().join("scheduler");
    std::fs::create_dir(&scheduler).unwrap();
    std::fs::write(
        scheduler.join("scheduler_config.json"),
        model["scheduler"].to_string(),
    )
    .unwrap();
    let index = json!({"_class_name": "StableDiffusionInpaintPipeline", "scheduler": ["diffusers", "x"],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]});
    std::fs::write(folder.path().join("model_index.json"), index.to_string()).unwrap();
    folder
}

fn load(model: &Value, device: &Device) -> Pipeline {
    let folder = assemble(model);
    Pipeline::load(folder.path(), device, DType::F32, &mut Silent).unwrap()
}

struct Pictures(Vec<u8>);

impl Pictures {
    fn open() -> Self {
        Self(std::fs::read(golden("pictures.safetensors")).unwrap())
    }

    /// Rows, columns and bytes of a tensor.
    fn bytes(&self, name: &str) -> (PixelSize, Vec<u8>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        let size = PixelSize::new(view.shape()[1] as u32, view.shape()[0] as u32);
        (size, view.data().to_vec())
    }

    fn request(&self, case: &Value, negative_prompt: &Value) -> InpaintRequest {
        let (size, rgb) = self.bytes(&format!("image{}", case["width"]));
        let (_, mask) = self.bytes(&format!("mask{}", case["width"]));
        InpaintRequest {
            image: RgbF32::from_rgb8(size, &rgb),
            mask: Plane { size, data: mask },
            prompt: case["prompt"].as_str().unwrap().into(),
            negative_prompt: negative_prompt.as_str().unwrap().into(),
            seed: 7,
            num_inference_steps: case["steps"].as_u64().unwrap() as usize,
            guidance_scale: case["guidance"].as_f64().unwrap(),
            strength: case["strength"].as_f64().unwrap(),
            scheduler: case["name"].as_str().map(|n| n.parse().unwrap()),
            soft_mask: false,
        }
    }

    /// Mean and largest absolute difference to the stored picture.
    fn compare(&self, at: usize, got: &RgbF32) -> (f64, f64) {
        let (size, bytes) = self.bytes(&format!("{at:03}"));
        assert_eq!(got.size, size);
        let want = bytes
            .chunks_exact(2)
            .map(|b| f64::from(u16::from_le_bytes([b[0], b[1]])) / 65535.0);
        let differences = got
            .data
            .iter()
            .zip(want)
            .map(|(g, w)| (f64::from(*g) - w).abs());
        let (sum, worst) = differences.fold((0.0, 0.0), |(s, m): (f64, f64), d| (s + d, m.max(d)));
        (sum / got.data.len() as f64, worst)
    }
}

/// Runs the cases that `wanted` picks, one model after the other, and compares with the stored pictures.
fn check_pictures(
    (index, pictures): (&Value, &Pictures),
    limit: f64,
    load: impl Fn(&str) -> Pipeline,
    wanted: impl Fn(&Value) -> bool,
) {
    let cases = index["cases"].as_array().unwrap();
    let mut loaded: Option<(&str, Pipeline)> = None;
    let (mut worst_mean, mut worst_pixel, mut count) = (0.0_f64, 0.0_f64, 0);
    let mut bad = Vec::new();
    for (at, case) in cases.iter().enumerate().filter(|(_, case)| wanted(case)) {
        let model = case["model"].as_str().unwrap();
        let pipeline = match &mut loaded {
            Some((name, pipeline)) if *name == model => pipeline,
            _ => &mut loaded.insert((model, load(model))).1,
        };
        let request = pictures.request(case, &index["negative_prompt"]);
        match pipeline.inpaint(&request, &mut Silent) {
            Err(e) => bad.push(format!("case {at} {case}: {e}")),
            Ok(picture) => {
                let (mean, pixel) = pictures.compare(at, &picture);
                worst_mean = worst_mean.max(mean);
                worst_pixel = worst_pixel.max(pixel);
                count += 1;
                if mean.is_nan() || mean > limit {
                    bad.push(format!(
                        "case {at} {case}: mean difference {mean:.1e}, worst {pixel:.1e}"
                    ));
                }
            }
        }
    }
    println!(
        "{count} pictures: mean difference up to {worst_mean:.1e}, worst pixel {worst_pixel:.1e}"
    );
    assert!(bad.is_empty(), "{} differ: {bad:#?}", bad.len());
    assert!(count > 0, "no case was run");
}

/// A matrix that `golden/compare_cli.py --prepare` made in the folder `INLAY_PARITY`, outside the repository.
#[test]
#[ignore = "needs a folder that golden/compare_cli.py prepared"]
fn parity_of_a_prepared_matrix() {
    let folder =
        PathBuf::from(std::env::var("INLAY_PARITY").expect("set INLAY_PARITY to the folder"));
    let index = read_json(&folder.join("pictures.json")).unwrap();
    let pictures = Pictures(std::fs::read(folder.join("pictures.safetensors")).unwrap());
    let load = |model: &str| {
        Pipeline::load(
            &folder.join(model),
            &Device::flex(),
            DType::F32,
            &mut Silent,
        )
        .unwrap()
    };
    check_pictures((&index, &pictures), 1e-4, load, |_| true);
}

#[test]
fn pictures_are_those_of_diffusers() {
    let index = index();
    let load = |model: &str| load(&index["models"][model], &Device::flex());
    check_pictures((&index, &Pictures::open()), 1e-4, load, |_| true);
}

#[test]
fn a_wgpu_device_agrees() {
    let Ok(device) = Device::wgpu_options()
        .device_kind(DeviceKind::DefaultDevice)
        .init()
    else {
        println!("SKIPPED: no wgpu device here, not even a software one");
        return;
    };
    // One model, one case: every new shape costs a software device seconds.
    let index = index();
    let load = |model: &str| load(&index["models"][model], &device);
    check_pictures((&index, &Pictures::open()), 1.0 / 255.0, load, |case| {
        case["model"] == "sd1-inpaint"
            && case["guidance"] == 1.0
            && case["name"].is_null()
            && case["strength"] == 1.0
    });
}

/// Remembers everything it is told, and cancels after some steps.
#[derive(Default)]
struct Watcher {
    steps: Vec<(usize, usize)>,
    stages: Vec<&'static str>,
    warnings: Vec<String>,
    previews: Vec<RgbF32>,
    wants_previews: bool,
    cancel_after: Option<usize>,
}

impl Observer for Watcher {
    fn is_cancelled(&self) -> bool {
        self.cancel_after
            .is_some_and(|n| self.steps.last().is_some_and(|(done, _)| *done >= n))
    }

    fn on_step(&mut self, done: usize, total: usize) {
        self.steps.push((done, total));
    }

    fn wants_preview(&self) -> bool {
        self.wants_previews
    }

    fn on_preview(&mut self, picture: RgbF32) {
        self.previews.push(picture);
    }

    fn on_stage(&mut self, name: &'static str, milliseconds: f64) {
        assert!(milliseconds >= 0.0);
        self.stages.push(name);
    }

    fn on_warning(&mut self, text: String) {
        self.warnings.push(text);
    }
}

fn small_request() -> InpaintRequest {
    let size = PixelSize::new(24, 16);
    let mut request = InpaintRequest {
        image: RgbF32::new(size),
        mask: Plane::new(size),
        prompt: "a red boat".into(),
        negative_prompt: String::new(),
        seed: 1,
        num_inference_steps: 4,
        guidance_scale: 5.0,
        strength: 1.0,
        scheduler: Some(SchedulerName::Ddim),
        soft_mask: false,
    };
    request.mask.data.fill(255);
    request.image.data.fill(0.4);
    request
}

#[test]
fn a_run_can_be_watched_and_stopped() {
    let mut pipeline = load(&index()["models"]["sd1-plain"], &Device::flex());
    let request = small_request();
    let mut watcher = Watcher {
        wants_previews: true,
        ..Watcher::default()
    };
    let watched = pipeline.inpaint(&request, &mut watcher).unwrap();
    assert_eq!(watcher.stages, ["text", "encode", "denoise", "decode"]);
    assert_eq!(watcher.steps, [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]);
    assert_eq!(watcher.previews.len(), 3);
    assert!(watcher.warnings.is_empty());
    let in_range = |p: &RgbF32| p.data.iter().all(|v| (0.0..=1.0).contains(v));
    assert!(watcher.previews.iter().all(in_range) && in_range(&watched));
    // Watching changes nothing, and neither does the second run's memory of the prompts.
    assert_eq!(pipeline.inpaint(&request, &mut Silent).unwrap(), watched);

    let mut watcher = Watcher {
        cancel_after: Some(2),
        ..Watcher::default()
    };
    let error = pipeline.inpaint(&request, &mut watcher).unwrap_err();
    assert!(matches!(error, DiffusionError::Cancelled(_)), "{error}");
    assert_eq!(watcher.steps.last(), Some(&(2, 4)));
    // Cancelled after the last step: nothing is decoded any more.
    let mut watcher = Watcher {
        cancel_after: Some(4),
        ..Watcher::default()
    };
    assert!(pipeline.inpaint(&request, &mut watcher).is_err());
    assert!(!watcher.stages.contains(&"decode"));
}

#[test]
fn guidance_in_two_halves_is_guidance() {
    let mut pipeline = load(&index()["models"]["sd2-inpaint"], &Device::flex());
    let request = small_request();
    let together = pipeline.inpaint(&request, &mut Silent).unwrap();
    pipeline.set_plan(MemoryPlan {
        batching: GuidanceBatching::OneByOne,
        ..*pipeline.plan()
    });
    let apart = pipeline.inpaint(&request, &mut Silent).unwrap();
    for (a, b) in together.data.iter().zip(&apart.data) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn half_precision_networks_make_nearly_the_same_picture() {
    let index = index();
    for name in ["sd1-inpaint", "sd1-plain-tiny"] {
        let folder = assemble(&index["models"][name]);
        let request = small_request();
        let [full, half] = [DType::F32, DType::F16].map(|dtype| {
            let mut pipeline =
                Pipeline::load(folder.path(), &Device::flex(), dtype, &mut Silent).unwrap();
            pipeline.inpaint(&request, &mut Silent).unwrap()
        });
        let sum: f64 = full
            .data
            .iter()
            .zip(&half.data)
            .map(|(a, b)| f64::from((a - b).abs()))
            .sum();
        let mean = sum / full.data.len() as f64;
        println!("{name}: f16 differs by {mean:.1e}");
        assert!(mean < 2.0 / 255.0 && mean > 0.0, "{name}: {mean}");
    }
}

#[test]
fn long_prompts_are_read_to_their_end() {
    let mut pipeline = load(&index()["models"]["sd1-inpaint-tiny"], &Device::flex());
    let mut request = small_request();
    request.num_inference_steps = 1;
    let mut paint = |end: &str| {
        request.prompt = "lake ".repeat(60) + end;
        let mut watcher = Watcher::default();
        let picture = pipeline.inpaint(&request, &mut watcher).unwrap();
        assert!(watcher.warnings.is_empty(), "{:?}", watcher.warnings);
        picture
    };
    assert_ne!(paint("zebra"), paint("house"));
    request.prompt = "lake ".repeat(4000);
    let error = pipeline.inpaint(&request, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("shorten"), "{error}");
}

#[test]
fn what_lies_outside_the_mask_stays_for_plain_models() {
    let mut pipeline = load(&index()["models"]["sd1-plain-tiny"], &Device::flex());
    let mut request = small_request();
    request.mask.data.fill(0);
    let kept = pipeline.inpaint(&request, &mut Silent).unwrap();
    request.seed = 99;
    request.prompt = "something else".into();
    assert_eq!(pipeline.inpaint(&request, &mut Silent).unwrap(), kept);
    request.mask.data.fill(255);
    assert_ne!(pipeline.inpaint(&request, &mut Silent).unwrap(), kept);
}

#[test]
fn nonsense_is_an_error_with_a_way_out() {
    let mut pipeline = load(&index()["models"]["sd1-inpaint"], &Device::flex());
    let mut problem = |change: &dyn Fn(&mut InpaintRequest)| {
        let mut request = small_request();
        change(&mut request);
        let error = pipeline.inpaint(&request, &mut Silent).unwrap_err();
        assert!(matches!(error, DiffusionError::Settings(_)), "{error}");
        error.to_string()
    };
    assert!(problem(&|r| r.num_inference_steps = 0).contains("from 1 to 1000"));
    assert!(problem(&|r| r.num_inference_steps = 1001).contains("from 1 to 1000"));
    assert!(problem(&|r| r.strength = 0.2).contains("raise"));
    assert!(problem(&|r| r.strength = 0.0).contains("strength"));
    assert!(problem(&|r| r.strength = f64::NAN).contains("strength"));
    assert!(problem(&|r| r.guidance_scale = f64::NAN).contains("guidance"));
    assert!(problem(&|r| r.image = RgbF32::new(PixelSize::new(24, 17))).contains("one size"));
    assert!(
        problem(&|r| {
            r.image = RgbF32::new(PixelSize::new(20, 16));
            r.mask = Plane::new(PixelSize::new(20, 16));
        })
        .contains("multiples of 8")
    );
}

#[test]
fn damaged_weights_are_found_out() {
    let model = &index()["models"]["sd1-inpaint"];
    let folder = assemble(model);
    let path = folder
        .path()
        .join("unet/diffusion_pytorch_model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len();
    // Half-precision numbers that are none.
    bytes[end - 2000..].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let loaded = Pipeline::load(folder.path(), &Device::flex(), DType::F32, &mut Silent);
    let error = match loaded {
        Err(error) => error,
        Ok(mut pipeline) => pipeline.inpaint(&small_request(), &mut Silent).unwrap_err(),
    };
    assert!(matches!(error, DiffusionError::Weights { .. }), "{error}");
}
