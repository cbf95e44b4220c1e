//! What the memory tests share: tiny models, requests, an engine that is listened to, and a model's folder of full size without its numbers.

use std::collections::HashMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use half::f16;
use inlay::compose::StitchOptions;
use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::memory::{MemoryPlan, Planner, Work};
use inlay::diffusion::pipeline::{Additions, InpaintRequest, Pipeline};
use inlay::engine::{
    DeviceChoice, Engine, EngineError, EngineOptions, JobEvent, JobId, JobRequest, JobResult,
    ModelChoice, Precision,
};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::Mask;
use inlay::photo;
use inlay::plan::{Extension, GenerateSettings, ModelFrame, PlanSettings, plan_inpaint};
use inlay::progress::Observer;
use inlay::raster::{Plane, RgbF32};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use crate::common::tiny_model::assemble;
use crate::common::{Sandbox, rgb8};

/// Remembers stages and warnings.
#[derive(Default)]
pub struct Listener {
    pub stages: Vec<&'static str>,
    pub warnings: Vec<String>,
    pub previews: usize,
}

impl Listener {
    pub fn loads(&self) -> usize {
        self.stages.iter().filter(|s| **s == "load").count()
    }
}

impl Observer for Listener {
    fn is_cancelled(&self) -> bool {
        false
    }

    fn on_step(&mut self, _done: usize, _total: usize) {}

    fn wants_preview(&self) -> bool {
        true
    }

    fn on_preview(&mut self, _picture: RgbF32) {
        self.previews += 1;
    }

    fn on_stage(&mut self, name: &'static str, _milliseconds: f64) {
        self.stages.push(name);
    }

    fn on_warning(&mut self, text: String) {
        self.warnings.push(text);
    }
}

/// A picture with something in it, half of it masked.
pub fn request(width: u32, height: u32) -> InpaintRequest {
    let size = PixelSize::new(width, height);
    let mut image = RgbF32::new(size);
    for (i, value) in image.data.iter_mut().enumerate() {
        *value = 0.5 + 0.4 * (i as f32 * 0.37).sin();
    }
    let mut mask = Plane::new(size);
    for y in 0..mask.height() {
        for x in mask.width() / 2..mask.width() {
            mask.set(x, y, 255);
        }
    }
    InpaintRequest {
        image,
        mask,
        prompt: "a red boat".into(),
        negative_prompt: "rain".into(),
        seed: 3,
        num_inference_steps: 3,
        guidance_scale: 5.0,
        strength: 0.9,
        scheduler: None,
        soft_mask: false,
    }
}

pub fn load(folder: &Path, plan: MemoryPlan, listener: &mut Listener) -> Pipeline {
    let folder = ModelFolder::open(folder).unwrap();
    let device = burn::tensor::Device::flex();
    Pipeline::build(folder, &Additions::default(), &device, plan, listener).unwrap()
}

/// Largest and mean absolute difference.
pub fn differences(a: &RgbF32, b: &RgbF32) -> (f32, f32) {
    assert_eq!(a.size, b.size);
    let all = a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs());
    let (worst, sum) = all.fold((0f32, 0f32), |(w, s), d| (w.max(d), s + d));
    (worst, sum / a.data.len() as f32)
}

/// Scales a tensor so that its largest number is 30,000: no f16 overflows, but sums of several do.
pub fn blow_up(file: &Path, name: &str) {
    let bytes = fs::read(file).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: HashMap<String, (Vec<usize>, Vec<u8>)> = HashMap::new();
    for (key, view) in all.tensors() {
        assert_eq!(view.dtype(), Dtype::F16);
        tensors.insert(key, (view.shape().to_vec(), view.data().to_vec()));
    }
    let values = &mut tensors.get_mut(name).unwrap().1;
    let number = |b: &[u8]| f16::from_le_bytes([b[0], b[1]]).to_f32();
    let most = values
        .chunks(2)
        .map(|b| number(b).abs())
        .fold(0.0, f32::max);
    for pair in values.chunks_mut(2) {
        let scaled = f16::from_f32(number(pair) * 30_000.0 / most);
        pair.copy_from_slice(&scaled.to_le_bytes());
    }
    let views = tensors.iter().map(|(key, (shape, data))| {
        (
            key,
            TensorView::new(Dtype::F16, shape.clone(), data).unwrap(),
        )
    });
    safetensors::serialize_to_file(views, None, file).unwrap();
}

type Events = Arc<Mutex<Option<std::sync::mpsc::Receiver<JobEvent>>>>;

/// An engine whose events are collected on the worker itself, as it sends them; `meddle` sees each, and may panic as a driver would.
pub struct Listened {
    pub engine: Engine,
    seen: Arc<Mutex<Vec<JobEvent>>>,
    number: u64,
}

impl Listened {
    pub fn start(meddle: impl Fn(&JobEvent) + Send + 'static) -> Self {
        let events = Events::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (source, sink) = (Arc::clone(&events), Arc::clone(&seen));
        let wake = move || {
            let mut new = Vec::new();
            if let Some(receiver) = &*source.lock().unwrap() {
                new.extend(receiver.try_iter());
            }
            for event in new {
                let cause = format!("{event:?}").len();
                assert!(cause > 0);
                sink.lock().unwrap().push(event);
            }
            // Outside the lock: a panic must not poison it.
            let last = sink.lock().unwrap().pop();
            if let Some(last) = last {
                let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    meddle(&last);
                }));
                sink.lock().unwrap().push(last);
                if let Err(panic) = verdict {
                    std::panic::resume_unwind(panic);
                }
            }
        };
        let (engine, receiver) = Engine::start(EngineOptions::default(), wake).unwrap();
        *events.lock().unwrap() = Some(receiver);
        Self {
            engine,
            seen,
            number: 0,
        }
    }

    /// Runs a job and returns its outcome with the warnings on the way.
    pub fn run(&mut self, mut job: JobRequest) -> (Result<JobResult, EngineError>, Vec<String>) {
        self.number += 1;
        job.id = JobId(self.number);
        self.engine.submit(job).unwrap();
        let started = std::time::Instant::now();
        let mut warnings = Vec::new();
        loop {
            assert!(started.elapsed().as_secs() < 120, "the job never ended");
            std::thread::sleep(std::time::Duration::from_millis(5));
            for event in self.seen.lock().unwrap().drain(..) {
                match event {
                    JobEvent::Warning { text, .. } => warnings.push(text),
                    JobEvent::Finished { result, .. } => return (Ok(*result), warnings),
                    JobEvent::Failed { error, .. } => return (Err(*error), warnings),
                    JobEvent::Cancelled { .. } => return (Err(EngineError::Cancelled), warnings),
                    _ => {}
                }
            }
        }
    }
}

/// A tiny model on disk and a job for it.
pub struct Bed {
    pub here: Sandbox,
}

impl Bed {
    pub fn new(model: &str) -> Self {
        let here = Sandbox::new();
        assemble(model, &here.path("model"));
        here.save("photo.png", rgb8(64, 48));
        Self { here }
    }

    pub fn job(&self, memory_limit: Option<u64>, precision: Precision) -> JobRequest {
        let photo = photo::decode_file(&self.here.path("photo.png"))
            .unwrap()
            .photo;
        let mut mask = Mask::new(photo.size);
        mask.fill_rect(PixelRect::new(20, 12, 20, 20), false);
        let settings = PlanSettings {
            whole: true,
            ..PlanSettings::default()
        };
        let frame = ModelFrame::checkpoint(photo.size, 8);
        let plan = plan_inpaint(photo.size, &mask, Extension::default(), &frame, &settings);
        JobRequest {
            id: JobId(0),
            photo: Arc::new(photo),
            mask: Arc::new(mask),
            plan: plan.unwrap(),
            settings: GenerateSettings {
                prompt: "a red boat".into(),
                seed: 5,
                num_inference_steps: Some(3),
                guidance_scale: Some(4.0),
                ..GenerateSettings::default()
            },
            model: ModelChoice::Folder(self.here.path("model")),
            device: DeviceChoice::Cpu,
            precision,
            memory_limit,
            stitch: StitchOptions::default(),
            raw: true,
            hash_untouched: false,
        }
    }

    pub fn planner(&self) -> Planner {
        let folder = ModelFolder::open(self.here.path("model")).unwrap();
        Planner::new(&folder, true).unwrap()
    }

    pub const WORK: Work = Work {
        width: 64,
        height: 48,
        is_guided: true,
    };
}

/// A folder of Stable Diffusion 1.5's or XL's size: configurations, and weight files that are all hole.
pub fn full_size(folder: &Path, is_xl: bool) {
    let write = |name: &str, value: serde_json::Value| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    };
    let index = if is_xl {
        "StableDiffusionXLInpaintPipeline"
    } else {
        "StableDiffusionInpaintPipeline"
    };
    let part = |name: &str| json!(["x", name]);
    let second = if is_xl {
        part("CLIPTextModelWithProjection")
    } else {
        json!([null, null])
    };
    write(
        "model_index.json",
        json!({"_class_name": index, "text_encoder": part("CLIPTextModel"), "text_encoder_2": second}),
    );
    write(
        "scheduler/scheduler_config.json",
        json!({"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear"}),
    );
    let widths = json!([128, 256, 512, 512]);
    let kinds = |kind: &str| json!([kind, kind, kind, kind]);
    write(
        "vae/config.json",
        json!({"_class_name": "AutoencoderKL", "block_out_channels": widths, "layers_per_block": 2,
            "down_block_types": kinds("DownEncoderBlock2D"), "up_block_types": kinds("UpDecoderBlock2D")}),
    );
    let (cross, plain) = ("CrossAttnDownBlock2D", "DownBlock2D");
    let (up, plain_up) = ("CrossAttnUpBlock2D", "UpBlock2D");
    let text = json!({"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
        "vocab_size": 49408});
    write("text_encoder/config.json", text);
    let unet = if is_xl {
        let second = json!({"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
            "vocab_size": 49408, "projection_dim": 1280, "hidden_act": "gelu"});
        write("text_encoder_2/config.json", second);
        json!({"in_channels": 9, "cross_attention_dim": 2048, "block_out_channels": [320, 640, 1280], "sample_size": 128,
            "down_block_types": [plain, cross, cross], "up_block_types": [up, up, plain_up],
            "transformer_layers_per_block": [1, 2, 10], "attention_head_dim": [5, 10, 20], "use_linear_projection": true,
            "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816})
    } else {
        json!({"in_channels": 9, "cross_attention_dim": 768, "block_out_channels": [320, 640, 1280, 1280], "sample_size": 64,
            "down_block_types": [cross, cross, cross, plain], "up_block_types": [plain_up, up, up, up]})
    };
    write("unet/config.json", unet);
    let table = vec![49408, 768];
    let (unet, layers) = if is_xl { (2_567, 123) } else { (860, 84) };
    hole(
        &folder.join("text_encoder/model.safetensors"),
        &[table, vec![layers - 38, 1_000_000]],
    );
    if is_xl {
        let shapes = [vec![49408, 1280], vec![632, 1_000_000]];
        hole(&folder.join("text_encoder_2/model.safetensors"), &shapes);
    }
    hole(
        &folder.join("unet/diffusion_pytorch_model.safetensors"),
        &vec![vec![20, 1_000_000]; unet / 20],
    );
    hole(
        &folder.join("vae/diffusion_pytorch_model.safetensors"),
        &vec![vec![1, 1_000_000]; 84],
    );
}

/// A safetensors file of such tensors in f16 that takes no room on disk.
fn hole(path: &Path, shapes: &[Vec<usize>]) {
    let mut header = serde_json::Map::new();
    let mut at = 0_u64;
    for (i, shape) in shapes.iter().enumerate() {
        let bytes = 2 * shape.iter().product::<usize>() as u64;
        let entry = json!({"dtype": "F16", "shape": shape, "data_offsets": [at, at + bytes]});
        header.insert(format!("t{i}"), entry);
        at += bytes;
    }
    let text = serde_json::Value::Object(header).to_string();
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&(text.len() as u64).to_le_bytes()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let end = 8 + text.len() as u64 + at;
    file.set_len(end).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
}
