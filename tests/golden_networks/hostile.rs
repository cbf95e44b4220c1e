//! Owns the refusal of folders that are broken, foreign or hostile: by name, in one line, and never with a panic. Run by `cargo test`.
//! Must never change the golden folders themselves.

use burn::tensor::{DType, Device, Tensor};
use inlay::diffusion::clip::TextEncoder;
use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::tokenizer::Tokenizer;
use inlay::diffusion::unet::UNet;
use inlay::diffusion::vae::Vae;
use serde_json::{Value, json};

use crate::kit::{Copy, TEXT_FILE, UNET_FILE, VAE_FILE};

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
        (unet, "time_cond_proj_dim", json!(-256)),
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
        // A list of another length may be found out by the field that counts against it, SDXL by the part it lacks.
        let named = error.contains(field)
            || error.contains("text_encoder_2")
            || error.contains("addition_time_embed_dim")
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
