//! Owns the comparison of the networks with diffusers and transformers, on the golden files that `golden/make_networks.py` makes, and the
//! refusal of folders that are broken, foreign or hostile. Run by `cargo test`. Must never need a network or a GPU; where a software Vulkan
//! device can be had, the same numbers are asked of it.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, DeviceKind, Tensor, TensorData};
use inlay::diffusion::clip::TextEncoder;
use inlay::diffusion::config::{JsonFile, UNetConfig};
use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::tokenizer::Tokenizer;
use inlay::diffusion::unet::UNet;
use inlay::diffusion::vae::{Encoded, Vae};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

const NAMES: [&str; 2] = ["v1", "v2"];
const BOTH: [&str; 2] = ["even", "uneven"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/networks")
        .join(name)
}

/// What the reference computed.
struct Expected(Vec<u8>);

impl Expected {
    fn open(name: &str) -> Self {
        Self(std::fs::read(golden(name).join("expected.safetensors")).unwrap())
    }

    fn data(&self, key: &str) -> TensorData {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(key).unwrap();
        let numbers: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        TensorData::new(numbers, view.shape().to_vec())
    }

    fn tensor<const D: usize>(&self, key: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.data(key), (device, DType::F32))
    }

    fn ids(&self) -> Vec<Vec<u32>> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor("text.ids").unwrap();
        let ids: Vec<u32> = view
            .data()
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        ids.chunks(view.shape()[1]).map(<[u32]>::to_vec).collect()
    }

    /// The largest difference as a share of the largest number.
    fn check<const D: usize>(&self, key: &str, got: Tensor<D>, tolerance: f32) {
        let expected = self.data(key);
        assert_eq!(got.dims().to_vec(), expected.shape().to_vec(), "{key}");
        let expected = expected.as_slice::<f32>().unwrap();
        let got = got.try_into_vec_as::<f32>().unwrap();
        let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
        let worst = expected.iter().zip(&got).fold(0f32, |m, (a, b)| {
            m.max(if b.is_nan() { f32::NAN } else { (a - b).abs() })
        });
        println!("{key}: relative error {:.1e}", worst / largest);
        assert!(worst / largest < tolerance, "{key}: {worst} of {largest}");
    }
}

fn check_text(
    expected: &Expected,
    folder: &ModelFolder,
    device: &Device,
    dtype: DType,
    tolerance: f32,
) {
    let encoder = TextEncoder::load(folder, device, dtype).unwrap();
    let ids = expected.ids();
    let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    expected.check("text.out", encoder.forward(&ids, 0).unwrap(), tolerance);
    expected.check("text.skip1", encoder.forward(&ids, 1).unwrap(), tolerance);
    assert!(encoder.forward(&ids, 4).is_err());
    assert!(encoder.forward(&[], 0).is_err());
    assert!(encoder.forward(&[&[1_000_000]], 0).is_err());
}

fn check_unet(
    expected: &Expected,
    folder: &ModelFolder,
    device: &Device,
    dtype: DType,
    tolerance: f32,
    cases: &[&str],
) {
    let unet = UNet::load(folder, device, dtype).unwrap();
    for case in cases {
        let key = |part: &str| format!("unet.{case}.{part}");
        let timestep = expected.data(&key("timestep")).as_slice::<f32>().unwrap()[0];
        let sample = expected.tensor::<4>(&key("sample"), device);
        let prompt = expected.tensor::<3>(&key("prompt"), device);
        expected.check(
            &key("out"),
            unet.forward(sample.clone(), timestep, prompt.clone())
                .unwrap(),
            tolerance,
        );
        assert!(
            unet.forward(sample.clone().narrow(1, 0, 3), timestep, prompt.clone())
                .is_err()
        );
        assert!(
            unet.forward(sample, timestep, prompt.narrow(2, 0, 5))
                .is_err()
        );
    }
}

fn check_vae(
    expected: &Expected,
    folder: &ModelFolder,
    device: &Device,
    dtype: DType,
    tolerance: f32,
) {
    let vae = Vae::load(folder, device, dtype).unwrap();
    assert_eq!((vae.downscale(), vae.latent_channels()), (4, 4));
    let image = expected.tensor::<4>("vae.image", device);
    match vae.encode(image.clone()).unwrap() {
        Encoded::Moments { mean, logvar } => {
            expected.check("vae.mean", mean, tolerance);
            expected.check("vae.logvar", logvar, tolerance);
        }
        Encoded::Latents(latents) => expected.check("vae.mean", latents, tolerance),
    }
    let latents = expected.tensor::<4>("vae.latents", device);
    expected.check(
        "vae.decoded",
        vae.decode(latents.clone()).unwrap(),
        tolerance,
    );
    assert!(vae.encode(image.narrow(3, 0, 30)).is_err());
    assert!(vae.decode(latents.narrow(1, 0, 3)).is_err());
}

fn check_all(device: &Device, dtype: DType, tolerance: f32) {
    for name in NAMES {
        let expected = Expected::open(name);
        let folder = ModelFolder::open(golden(name)).unwrap();
        check_text(&expected, &folder, device, dtype, tolerance);
        check_unet(&expected, &folder, device, dtype, tolerance, &BOTH);
        check_vae(&expected, &folder, device, dtype, tolerance);
    }
}

#[test]
fn networks_agree_with_the_reference_on_the_cpu() {
    check_all(&Device::flex(), DType::F32, 2e-5);
}

/// Half precision takes burn's own operations instead of the CPU's kernels.
#[test]
fn networks_agree_with_the_reference_in_half_precision() {
    check_all(&Device::flex(), DType::F16, 2e-2);
}

#[test]
fn networks_agree_with_the_reference_on_wgpu() {
    let Ok(device) = Device::wgpu_options()
        .device_kind(DeviceKind::DefaultDevice)
        .init()
    else {
        println!("SKIPPED: no wgpu device here, not even a software one");
        return;
    };
    // One of each part: every new shape costs a software device seconds.
    let expected = Expected::open("v1");
    let folder = ModelFolder::open(golden("v1")).unwrap();
    check_text(&expected, &folder, &device, DType::F32, 1e-4);
    check_unet(&expected, &folder, &device, DType::F32, 1e-4, &["uneven"]);
    check_vae(&expected, &folder, &device, DType::F32, 1e-4);
}

#[test]
fn the_tokenizer_agrees_with_the_reference() {
    for name in NAMES {
        let folder = ModelFolder::open(golden(name)).unwrap();
        let tokenizer = Tokenizer::load(&folder).unwrap();
        let cases: Vec<Value> =
            serde_json::from_slice(&std::fs::read(golden(name).join("tokens.json")).unwrap())
                .unwrap();
        for case in cases {
            let text = case["text"].as_str().unwrap();
            let tokens = tokenizer.encode(text).unwrap();
            let ids: Vec<u64> = tokens.ids.iter().map(|id| u64::from(*id)).collect();
            assert_eq!(json!(ids), case["ids"], "{name} {text:?}");
            assert_eq!(
                json!(tokens.dropped.is_some()),
                case["is_cut"],
                "{name} {text:?}"
            );
            if let Some(dropped) = tokens.dropped {
                assert!(text.ends_with(&dropped), "{dropped:?}");
            }
        }
    }
}

/// The same tokens come from a `tokenizer.json` alone.
#[test]
fn a_tokenizer_in_one_file_is_the_same() {
    let copy = Copy::of("v2");
    let folder = copy.path().join("tokenizer");
    let vocab: Value =
        serde_json::from_slice(&std::fs::read(folder.join("vocab.json")).unwrap()).unwrap();
    let merges = std::fs::read_to_string(folder.join("merges.txt")).unwrap();
    let merges: Vec<&str> = merges.lines().skip(1).collect();
    let whole =
        json!({"version": "1.0", "model": {"type": "BPE", "vocab": vocab, "merges": merges}});
    let before = Tokenizer::load(&copy.open().unwrap()).unwrap();
    std::fs::remove_file(folder.join("vocab.json")).unwrap();
    std::fs::remove_file(folder.join("merges.txt")).unwrap();
    std::fs::write(folder.join("tokenizer.json"), whole.to_string()).unwrap();
    let after = Tokenizer::load(&copy.open().unwrap()).unwrap();
    for text in ["hello! it's", "\u{65e5} caf\u{e9}"] {
        assert_eq!(before.encode(text).unwrap(), after.encode(text).unwrap());
    }
}

/// A golden folder that a test may change.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let target = tempfile::tempdir().unwrap();
        copy_folder(&golden(name), target.path());
        Self(target)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self) -> inlay::diffusion::Result<ModelFolder> {
        ModelFolder::open(self.path())
    }

    fn set(&self, file: &str, field: &str, value: Value) {
        let path = self.path().join(file);
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("-Infinity", "null");
        let mut json: Value = serde_json::from_str(&text).unwrap();
        json[field] = value;
        std::fs::write(path, json.to_string()).unwrap();
    }

    /// Rewrites a weight file, with each tensor's new name and shape.
    fn rewrite(
        &self,
        from: &str,
        to: &[&str],
        change: impl Fn(&str, &[usize]) -> (String, Vec<usize>),
    ) {
        let path = self.path().join(from);
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        std::fs::remove_file(&path).unwrap();
        let names: Vec<String> = file.names().into_iter().map(ToString::to_string).collect();
        for (part, target) in to.iter().enumerate() {
            let mine = names
                .iter()
                .enumerate()
                .filter(|(i, _)| i % to.len() == part)
                .map(|(_, name)| {
                    let view = file.tensor(name).unwrap();
                    let (name, shape) = change(name, view.shape());
                    (
                        name,
                        TensorView::new(view.dtype(), shape, view.data()).unwrap(),
                    )
                });
            safetensors::serialize_to_file(mine, None, &self.path().join(target)).unwrap();
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

const VAE_FILE: &str = "vae/diffusion_pytorch_model.safetensors";
const UNET_FILE: &str = "unet/diffusion_pytorch_model.safetensors";
const TEXT_FILE: &str = "text_encoder/model.safetensors";

#[test]
fn other_generations_of_names_and_files_load_the_same() {
    let device = Device::flex();
    let expected = Expected::open("v1");
    for as_convolution in [false, true] {
        let copy = Copy::of("v1");
        // The first generation's autoencoder, in an fp16 variant's file.
        copy.rewrite(
            VAE_FILE,
            &["vae/diffusion_pytorch_model.fp16.safetensors"],
            |name, shape| {
                let old = [
                    ("to_q.", "query."),
                    ("to_k.", "key."),
                    ("to_v.", "value."),
                    ("to_out.0.", "proj_attn."),
                ];
                match old
                    .iter()
                    .find(|(new, _)| name.contains("attentions") && name.contains(new))
                {
                    Some((new, old)) if as_convolution && shape.len() == 2 => {
                        (name.replace(new, old), [shape, &[1, 1]].concat())
                    }
                    Some((new, old)) => (name.replace(new, old), shape.to_vec()),
                    None => (name.to_owned(), shape.to_vec()),
                }
            },
        );
        // The text model under its old prefix, and with a tensor that is no weight.
        copy.rewrite(TEXT_FILE, &[TEXT_FILE], |name, shape| {
            (format!("text_model.{name}"), shape.to_vec())
        });
        // The UNet in two shards.
        let shards = [
            "unet/m-00001-of-00002.safetensors",
            "unet/m-00002-of-00002.safetensors",
        ];
        copy.rewrite(UNET_FILE, &shards, |name, shape| {
            (name.to_owned(), shape.to_vec())
        });
        let map = json!({"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors"});
        let index = copy
            .path()
            .join("unet/diffusion_pytorch_model.safetensors.index.json");
        std::fs::write(index, json!({"weight_map": map}).to_string()).unwrap();

        let folder = copy.open().unwrap();
        assert_eq!(folder.weights[0].files.len(), 2);
        check_text(&expected, &folder, &device, DType::F32, 2e-5);
        check_unet(&expected, &folder, &device, DType::F32, 2e-5, &BOTH);
        check_vae(&expected, &folder, &device, DType::F32, 2e-5);
    }
}

#[test]
fn a_folder_tells_what_it_holds() {
    let folder = ModelFolder::open(golden("v1")).unwrap();
    assert_eq!(folder.class_name, "StableDiffusionInpaintPipeline");
    assert!(folder.is_inpaint());
    assert_eq!(folder.native_size(), (32, 32));
    assert_eq!(folder.scheduler["_class_name"], "PNDMScheduler");
    let unet = &folder.weights[0];
    assert_eq!(unet.component, "unet");
    assert_eq!(unet.dtypes, [("F16".to_owned(), unet.parameters)]);
    assert!(unet.bytes > unet.parameters * 2);
    let folder = ModelFolder::open(golden("v2")).unwrap();
    assert!(!folder.is_inpaint());
    assert_eq!(folder.native_size(), (64, 32));
    assert_eq!(folder.scheduler["lambda_min_clipped"], Value::Null);
}

#[test]
fn foreign_and_contradictory_configurations_are_refused_by_field() {
    let unet = "unet/config.json";
    let (vae, text, index) = (
        "vae/config.json",
        "text_encoder/config.json",
        "model_index.json",
    );
    let cases = [
        (index, "_class_name", json!("StableDiffusionXLPipeline")),
        (index, "_class_name", json!("FluxPipeline")),
        (
            index,
            "text_encoder_2",
            json!(["transformers", "CLIPTextModelWithProjection"]),
        ),
        (index, "unet", json!(["diffusers", "UNet3DConditionModel"])),
        (unet, "_class_name", json!("UNet3DConditionModel")),
        (unet, "addition_embed_type", json!("text_time")),
        (unet, "class_embed_type", json!("timestep")),
        (unet, "encoder_hid_dim", json!(768)),
        (unet, "time_cond_proj_dim", json!(256)),
        (unet, "resnet_time_scale_shift", json!("scale_shift")),
        (
            unet,
            "mid_block_type",
            json!("UNetMidBlock2DSimpleCrossAttn"),
        ),
        (unet, "act_fn", json!("gelu")),
        (
            unet,
            "down_block_types",
            json!(["AttnDownBlock2D", "DownBlock2D", "DownBlock2D"]),
        ),
        (unet, "down_block_types", json!(["DownBlock2D"])),
        (unet, "down_block_types", Value::Null),
        (unet, "block_out_channels", json!([])),
        (unet, "block_out_channels", json!([16, 32])),
        (unet, "block_out_channels", json!([16, 32, 0])),
        (unet, "block_out_channels", json!([16, 32, 1_000_000_000])),
        (unet, "block_out_channels", json!([16, "32", 32])),
        (
            unet,
            "block_out_channels",
            json!([16, 32, 32, 32, 32, 32, 32, 32, 32, 32]),
        ),
        (unet, "norm_num_groups", json!(0)),
        (unet, "norm_num_groups", json!(7)),
        (unet, "norm_num_groups", json!(-8)),
        (unet, "norm_eps", json!(-1.0)),
        (unet, "attention_head_dim", json!(0)),
        (unet, "attention_head_dim", json!(5)),
        (unet, "attention_head_dim", json!([4, 4])),
        (unet, "layers_per_block", json!(0)),
        (unet, "layers_per_block", json!(1_000_000)),
        (unet, "transformer_layers_per_block", json!([[1, 2], 1, 1])),
        (unet, "cross_attention_dim", json!(32)),
        (unet, "cross_attention_dim", json!([24, 24, 32])),
        (unet, "only_cross_attention", json!("yes")),
        (unet, "in_channels", json!(5)),
        (unet, "in_channels", json!(0)),
        (unet, "out_channels", json!(8)),
        (unet, "conv_in_kernel", json!(4)),
        (unet, "freq_shift", json!(8)),
        (unet, "sample_size", json!([8, 8, 8])),
        (vae, "_class_name", json!("AsymmetricAutoencoderKL")),
        (vae, "block_out_channels", json!([8, 16])),
        (
            vae,
            "down_block_types",
            json!([
                "DownEncoderBlock2D",
                "AttnDownEncoderBlock2D",
                "DownEncoderBlock2D"
            ]),
        ),
        (vae, "norm_num_groups", json!(3)),
        (vae, "in_channels", json!(4)),
        (vae, "scaling_factor", json!(0)),
        (vae, "latents_mean", json!([0, 0, 0, 0])),
        (vae, "latent_channels", json!(1_000_000)),
        (text, "hidden_act", json!("relu")),
        (text, "model_type", json!("t5")),
        (text, "num_attention_heads", json!(5)),
        (text, "max_position_embeddings", json!(1)),
        (text, "vocab_size", json!(1e12)),
    ];
    for (file, field, value) in cases {
        let copy = Copy::of("v1");
        copy.set(file, field, value.clone());
        let error = copy
            .open()
            .expect_err(&format!("{file} {field} {value}"))
            .to_string();
        // A list of another length may be found out by the field that counts against it.
        let named = error.contains(field)
            || error.contains("_block_types")
            || error.contains("out_channels");
        assert!(
            named && !error.contains('\n') && error.len() < 700,
            "{file} {field} {value}: {error}"
        );
    }
}

#[test]
fn weights_that_do_not_fit_their_configuration_are_listed() {
    let device = Device::flex();
    let copy = Copy::of("v1");
    copy.set("unet/config.json", "layers_per_block", json!(2));
    let error = UNet::load(&copy.open().unwrap(), &device, DType::F32)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("missing: down_blocks.0.attentions.1") && error.contains("more"),
        "{error}"
    );
    let copy = Copy::of("v1");
    copy.set("vae/config.json", "block_out_channels", json!([16, 16, 24]));
    let error = Vae::load(&copy.open().unwrap(), &device, DType::F32)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("of another shape: decoder.")
            || error.contains("of another shape: encoder."),
        "{error}"
    );
    let copy = Copy::of("v1");
    copy.set("text_encoder/config.json", "num_hidden_layers", json!(2));
    let error = TextEncoder::load(&copy.open().unwrap(), &device, DType::F32)
        .unwrap_err()
        .to_string();
    assert!(error.contains("unknown: encoder.layers.2"), "{error}");
}

#[test]
fn missing_and_broken_files_are_named() {
    let files = [
        "model_index.json",
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "scheduler/scheduler_config.json",
    ];
    for file in files {
        let copy = Copy::of("v1");
        for text in ["", "{", "[]", "\u{0}", "{\"a\": 1e999}"] {
            std::fs::write(copy.path().join(file), text).unwrap();
            if let Err(error) = copy.open() {
                assert!(
                    error
                        .to_string()
                        .contains(file.split('/').next_back().unwrap()),
                    "{error}"
                );
            } else {
                panic!("{file} with {text:?}");
            }
        }
        std::fs::remove_file(copy.path().join(file)).unwrap();
        let error = copy.open().unwrap_err().to_string();
        assert!(
            error.contains(file.split('/').next_back().unwrap()),
            "{error}"
        );
    }
    for file in [UNET_FILE, VAE_FILE, TEXT_FILE] {
        let copy = Copy::of("v1");
        let path = copy.path().join(file);
        let bytes = std::fs::read(&path).unwrap();
        for cut in [0, 7, 100, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert!(
                copy.open()
                    .unwrap_err()
                    .to_string()
                    .contains(".safetensors")
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert!(copy.open().unwrap_err().to_string().contains("safetensors"));
    }
    let copy = Copy::of("v1");
    std::fs::remove_dir_all(copy.path().join("tokenizer")).unwrap();
    let error = Tokenizer::load(&copy.open().unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("tokenizer"), "{error}");
    assert!(ModelFolder::open(copy.path().join("nowhere")).is_err());
}

/// Whatever stands in a field: an error or a network that runs, never a panic.
#[test]
fn no_configuration_makes_anything_panic() {
    let device = Device::flex();
    let copy = Copy::of("v2");
    let values = [
        Value::Null,
        json!(0),
        json!(-1),
        json!(1),
        json!(3),
        json!(1e300),
        json!(true),
        json!("x"),
        json!([]),
        json!([1]),
        json!([0, 1, 8]),
        json!({"a": 1}),
    ];
    let mut ran = 0;
    for part in ["unet", "vae", "text_encoder"] {
        let file = format!("{part}/config.json");
        let path = copy.path().join(&file);
        let original = std::fs::read_to_string(&path).unwrap();
        let fields: serde_json::Map<String, Value> = serde_json::from_str(&original).unwrap();
        for field in fields.keys() {
            for value in &values {
                copy.set(&file, field, value.clone());
                if let Ok(folder) = copy.open() {
                    ran += usize::from(runs(part, &folder, &device));
                }
                std::fs::write(&path, &original).unwrap();
            }
        }
    }
    println!("{ran} changed configurations ran");
    assert!(ran > 100, "{ran}");
}

/// Loads and runs one part on odd little sizes; false when it was refused.
fn runs(part: &str, folder: &ModelFolder, device: &Device) -> bool {
    let zeros = |shape: [usize; 4]| Tensor::<4>::zeros(shape, (device, DType::F32));
    match part {
        "unet" => UNet::load(folder, device, DType::F32).is_ok_and(|unet| {
            let prompt = Tensor::<3>::zeros([1, 3, folder.text.hidden_size], (device, DType::F32));
            // The smallest may be too small for the configuration, but must say so.
            let good = [(8, 8), (5, 3), (1, 1)].map(|(h, w)| {
                let sample = zeros([1, folder.unet.in_channels, h, w]);
                unet.forward(sample, 5.0, prompt.clone()).is_ok()
            });
            good[0]
        }),
        "vae" => Vae::load(folder, device, DType::F32).is_ok_and(|vae| {
            let side = vae.downscale();
            let latents = zeros([1, vae.latent_channels(), 1, 2]);
            vae.encode(zeros([1, 3, side, side * 3])).is_ok() && vae.decode(latents).is_ok()
        }),
        _ => TextEncoder::load(folder, device, DType::F32)
            .is_ok_and(|encoder| encoder.forward(&[&[0, 1]], 0).is_ok()),
    }
}

/// Wide enough that products, convolutions and attention are shared out over threads.
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let device = Device::flex();
    let json = json!({
        "in_channels": 4,
        "block_out_channels": [192, 384],
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "layers_per_block": 1,
        "cross_attention_dim": 64,
    });
    let json = JsonFile::from_value(Path::new("config.json"), json).unwrap();
    let unet = UNet::invented(&UNetConfig::from_json(&json).unwrap(), &device, DType::F32);
    let waves = |count: usize| {
        (0..count)
            .map(|i| (i as f32 * 0.37).sin())
            .collect::<Vec<f32>>()
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let sample = TensorData::new(waves(4 * 48 * 40), [1, 4, 48, 40]);
            let prompt = TensorData::new(waves(20 * 64), [1, 20, 64]);
            let sample = Tensor::from_data(sample, (&device, DType::F32));
            let prompt = Tensor::from_data(prompt, (&device, DType::F32));
            let out = unet.forward(sample, 77.0, prompt).unwrap();
            out.try_into_vec_as::<f32>().unwrap()
        })
    };
    let one = run(1);
    assert!(one.iter().all(|v| v.is_finite()));
    for threads in [2, 5, 16] {
        assert!(one == run(threads), "{threads} threads");
    }
}
