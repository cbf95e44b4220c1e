//! Owns the comparison of the networks with diffusers and transformers, on the golden files that `golden/make_networks.py` makes, and, in
//! `hostile`, the refusal of folders that are broken, foreign or hostile. Run by `cargo test`. Must never need a network or a GPU; where a
//! software Vulkan device can be had, the same numbers are asked of it.
#![allow(clippy::unwrap_used)]

mod hostile;
mod kit;

use std::path::Path;

use burn::tensor::{DType, Device, DeviceKind, Tensor, TensorData};
use inlay::diffusion::config::{JsonFile, UNetConfig};
use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::tokenizer::Tokenizer;
use inlay::diffusion::unet::UNet;
use inlay::diffusion::vae::Vae;
use kit::{BOTH, Copy, Expected, NAMES, TEXT_FILE, UNET_FILE, VAE_FILE};
use kit::{check_all, check_text, check_unet, check_vae, golden};
use serde_json::{Value, json};

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
    large_decodes_agree(&folder, &device);
}

/// Long reductions go wrong on some devices where short ones are right: a picture of some size shows it.
fn large_decodes_agree(folder: &ModelFolder, device: &Device) {
    let side = 256 / folder.vae.downscale();
    let shape = [1, folder.vae.latent_channels(), side, side];
    let values: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|i| (i as f32 * 0.37).sin())
        .collect();
    let decode = |device: &Device| -> Vec<f32> {
        let vae = Vae::load(folder, device, DType::F32).unwrap();
        let latents = Tensor::<4>::from_data(TensorData::new(values.clone(), shape), device);
        let picture = vae.decode(latents).unwrap().try_into_data().unwrap();
        picture.iter::<f32>().collect()
    };
    let (cpu, other) = (decode(&Device::flex()), decode(device));
    let largest = cpu.iter().fold(0.0_f32, |a, v| a.max(v.abs()));
    for (a, b) in cpu.iter().zip(&other) {
        assert!((a - b).abs() <= 1e-4 * largest, "{a} on the CPU, {b} there");
    }
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
