//! Makes weights from their names by a formula, as `golden/made_up.py` does, so that golden models need no stored weights; writes
//! them as single files and as diffusers folders.

#![allow(dead_code)] // each test uses some of it

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

pub type Shapes = BTreeMap<String, Vec<usize>>;
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f16>)>;

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |value, byte| {
        (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Numbers in −1…1: splitmix64 from the name's hash on.
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f32> {
    let start = hash(name);
    (1..=count as u64).map(move |i| {
        let mut x = start.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        (x >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

/// A tensor's numbers.
pub fn tensor(name: &str, shape: &[usize]) -> Vec<f16> {
    let has = |part| name.contains(part);
    let (scale, centre) = if shape.len() < 2 {
        (0.35, if name.ends_with("weight") { 1.0 } else { 0.0 })
    } else if has("embedding") && !has("time_embedding") && !has("add_embedding") {
        (0.6, 0.0)
    } else {
        let fan_in: usize = shape[1..].iter().product();
        ((4.5 / fan_in as f64).sqrt() as f32, 0.0)
    };
    let last = if has("decoder.conv_out.") { 0.3 } else { 1.0 };
    let count = shape.iter().product();
    uniform(name, count)
        .map(|u| f16::from_f32((u * scale + centre) * last))
        .collect()
}

pub fn shapes(value: &Value) -> Shapes {
    serde_json::from_value(value.clone()).expect("names and shapes")
}

pub fn make(shapes: &Shapes, seed_prefix: &str) -> Tensors {
    let one = |(name, shape): (&String, &Vec<usize>)| {
        let values = tensor(&format!("{seed_prefix}{name}"), shape);
        (name.clone(), (shape.clone(), values))
    };
    shapes.iter().map(one).collect()
}

/// Writes tensors in half precision, as `dtype` (F16, F32 or BF16).
pub fn write(path: &Path, tensors: &Tensors, dtype: Dtype, metadata: &[(&str, &str)]) {
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes: Vec<u8> = match dtype {
                Dtype::F32 => values
                    .iter()
                    .flat_map(|v| v.to_f32().to_le_bytes())
                    .collect(),
                Dtype::BF16 => values
                    .iter()
                    .flat_map(|v| half::bf16::from_f32(v.to_f32()).to_le_bytes())
                    .collect(),
                _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            };
            (name, shape, bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (
            *name,
            TensorView::new(dtype, (*shape).clone(), bytes).expect("a view"),
        )
    });
    let about = metadata
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    safetensors::serialize_to_file(views, Some(about), path).expect("written");
}

/// The golden models' names and shapes.
pub fn models() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/single/models.json");
    serde_json::from_str(&fs::read_to_string(path).expect("golden models")).expect("json")
}

/// The tensors of a family's single file, with as many input channels.
pub fn single(family: &str, channels: usize) -> Tensors {
    let mut shapes = shapes(&models()[family]["file"]);
    let first = shapes
        .get_mut("model.diffusion_model.input_blocks.0.0.weight")
        .expect("the first convolution");
    first[1] = channels;
    make(&shapes, "")
}

/// Writes a family's diffusers folder without its tokenizers.
pub fn folder(family: &str, channels: usize, scheduler: &Value, path: &Path) {
    let model = &models()[family];
    for (component, names) in model["components"].as_object().expect("components") {
        let mut shapes = shapes(names);
        let mut config = model["configs"][component].clone();
        if component == "unet" {
            shapes.get_mut("conv_in.weight").expect("there")[1] = channels;
            config["in_channels"] = channels.into();
        }
        let inner = path.join(component);
        fs::create_dir_all(&inner).expect("created");
        fs::write(inner.join("config.json"), config.to_string()).expect("written");
        let stem = if component.starts_with("text") {
            "model"
        } else {
            "diffusion_pytorch_model"
        };
        let tensors = make(&shapes, &format!("{component}/"));
        write(
            &inner.join(format!("{stem}.safetensors")),
            &tensors,
            Dtype::F16,
            &[],
        );
    }
    fs::create_dir_all(path.join("scheduler")).expect("created");
    fs::write(
        path.join("scheduler/scheduler_config.json"),
        scheduler.to_string(),
    )
    .expect("written");
    let index = json!({
        "_class_name": if family == "xl" { "StableDiffusionXLInpaintPipeline" } else { "StableDiffusionInpaintPipeline" },
        "force_zeros_for_empty_prompt": true,
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": if family == "xl" { json!(["transformers", "CLIPTextModelWithProjection"]) } else { Value::Null },
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    fs::write(path.join("model_index.json"), index.to_string()).expect("written");
}
