//! Telling models on disk apart: small made-up folders and headers, complete, damaged and foreign.

#[path = "common/made_up.rs"]
mod made_up;

use std::path::Path;

use inlay::geometry::PixelSize;
use inlay::models::{ModelFamily, ModelInfo, ModelKind, inspect};
use serde_json::{Value, json};

/// A safetensors file with zeros for data; `missing` bytes are cut from its end.
fn weights(path: &Path, tensors: &[(&str, &[u64])], dtype: &str, missing: usize) {
    let size = if dtype == "F32" { 4 } else { 2 };
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut at = 0;
    for (name, shape) in tensors {
        let bytes = shape.iter().product::<u64>() * size;
        header.insert(
            (*name).into(),
            json!({"dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes]}),
        );
        at += bytes;
    }
    let text = Value::Object(header).to_string();
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text.as_bytes());
    file.resize(file.len() + at as usize - missing, 0);
    std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    std::fs::write(path, file).expect("writes");
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    std::fs::write(path, text).expect("writes");
}

fn model(root: &Path) {
    write(
        &root.join("model_index.json"),
        r#"{"_class_name": "StableDiffusionInpaintPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "safety_checker": [null, null]}"#,
    );
    write(
        &root.join("unet/config.json"),
        r#"{"_class_name": "UNet2DConditionModel", "in_channels": 9, "out_channels": 4, "cross_attention_dim": 768, "sample_size": 64}"#,
    );
    write(
        &root.join("vae/config.json"),
        r#"{"_class_name": "AutoencoderKL", "latent_channels": 4, "block_out_channels": [128, 256, 512, 512]}"#,
    );
    write(
        &root.join("text_encoder/config.json"),
        r#"{"architectures": ["CLIPTextModel"], "hidden_size": 768}"#,
    );
    write(
        &root.join("scheduler/scheduler_config.json"),
        r#"{"_class_name": "PNDMScheduler", "lambda_min_clipped": -Infinity}"#,
    );
    write(&root.join("tokenizer/vocab.json"), "{}");
    write(&root.join("tokenizer/merges.txt"), "");
    weights(
        &root.join("unet/diffusion_pytorch_model.fp16.safetensors"),
        &[("conv_in.weight", &[320, 9, 3, 3])],
        "F16",
        0,
    );
    weights(
        &root.join("vae/diffusion_pytorch_model.safetensors"),
        &[("a", &[10, 10]), ("b", &[])],
        "F32",
        0,
    );
    weights(
        &root.join("text_encoder/model.safetensors"),
        &[("c", &[7])],
        "F16",
        0,
    );
}

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path().join("paint-model");
    model(&root);
    (folder, root)
}

fn why(info: &ModelInfo) -> String {
    assert!(!info.usable);
    let text = info.why_not.clone().expect("a reason");
    assert!(!text.contains('\n'));
    text
}

#[test]
fn a_complete_folder_is_described() {
    let (_keep, root) = folder();
    let info = inspect(&root).expect("readable");
    assert_eq!((info.usable, &info.why_not), (true, &None));
    assert_eq!(
        (info.kind, info.family, info.name.as_str()),
        (ModelKind::DiffusersFolder, ModelFamily::Sd1, "paint-model")
    );
    assert_eq!((info.in_channels, info.inpainting), (Some(9), true));
    assert_eq!(
        (info.latent_channels, info.latent_downscale),
        (Some(4), Some(8))
    );
    assert_eq!(info.native_size, Some(PixelSize::new(512, 512)));
    assert_eq!(info.prediction_type.as_deref(), Some("epsilon"));
    assert_eq!(info.scheduler.as_deref(), Some("PNDMScheduler"));
    assert_eq!(info.text_width, Some(768));
    let parameters: Vec<u64> = info.parts.iter().map(|p| p.parameters).collect();
    assert_eq!(parameters, [25_920, 101, 7]);
    assert_eq!(
        (info.parameters, info.dtype.as_deref()),
        (26_028, Some("F16"))
    );
    assert_eq!(info.parts[1].class_name.as_deref(), Some("AutoencoderKL"));
    let json = serde_json::to_value(&info).expect("serialises");
    assert_eq!(
        (&json["kind"], &json["family"]),
        (&json!("diffusers_folder"), &json!("sd1"))
    );
    assert_eq!(
        serde_json::from_value::<ModelInfo>(json).expect("returns"),
        info
    );
}

#[test]
fn what_is_wrong_with_a_folder_is_told() {
    type Harm = fn(&Path);
    let cases: [(&str, Harm); 10] = [
        ("unet/config.json is missing", |r| {
            std::fs::remove_file(r.join("unet/config.json")).expect("removes");
        }),
        ("incomplete", |r| {
            weights(
                &r.join("vae/diffusion_pytorch_model.safetensors"),
                &[("a", &[10])],
                "F32",
                3,
            );
        }),
        ("not a safetensors file", |r| {
            write(
                &r.join("vae/diffusion_pytorch_model.safetensors"),
                "version https://git-lfs",
            );
        }),
        ("missing", |r| {
            std::fs::remove_file(r.join("text_encoder/model.safetensors")).expect("removes");
        }),
        ("F8", |r| {
            weights(
                &r.join("text_encoder/model.safetensors"),
                &[("c", &[7])],
                "F8_E4M3",
                0,
            );
        }),
        ("tokenizer", |r| {
            std::fs::remove_file(r.join("tokenizer/merges.txt")).expect("removes");
        }),
        ("belong together", |r| {
            write(
                &r.join("text_encoder/config.json"),
                r#"{"hidden_size": 1024}"#,
            );
        }),
        ("JSON", |r| write(&r.join("model_index.json"), "{")),
        ("text_encoder_2", |r| {
            write(
                &r.join("model_index.json"),
                r#"{"_class_name": "StableDiffusionXLPipeline", "text_encoder_2": ["t", "C"]}"#,
            );
        }),
        ("FluxPipeline", |r| {
            write(
                &r.join("model_index.json"),
                r#"{"_class_name": "FluxPipeline"}"#,
            );
        }),
    ];
    for (word, harm) in cases {
        let (_keep, root) = folder();
        harm(&root);
        let info = inspect(&root).expect("readable");
        assert_eq!(info.kind, ModelKind::DiffusersFolder);
        assert!(why(&info).contains(word), "{word}: {:?}", info.why_not);
    }
}

#[test]
fn sharded_and_bin_weights() {
    let (_keep, root) = folder();
    let unet = root.join("unet");
    std::fs::remove_file(unet.join("diffusion_pytorch_model.fp16.safetensors")).expect("removes");
    write(&unet.join("diffusion_pytorch_model.bin"), "PK");
    assert!(why(&inspect(&root).expect("readable")).contains(".bin"));
    write(
        &unet.join("diffusion_pytorch_model.safetensors.index.json"),
        r#"{"weight_map": {"a": "diffusion_pytorch_model-00002-of-00002.safetensors", "b": "diffusion_pytorch_model-00001-of-00002.safetensors"}}"#,
    );
    weights(
        &unet.join("diffusion_pytorch_model-00001-of-00002.safetensors"),
        &[("b", &[3])],
        "F16",
        0,
    );
    weights(
        &unet.join("diffusion_pytorch_model-00002-of-00002.safetensors"),
        &[("a", &[4])],
        "F16",
        0,
    );
    let info = inspect(&root).expect("readable");
    assert!(info.usable, "{:?}", info.why_not);
    assert_eq!(
        (info.parts[0].parameters, info.parts[0].files.len()),
        (7, 2)
    );
    write(
        &unet.join("diffusion_pytorch_model.safetensors.index.json"),
        r#"{"weight_map": {"a": "../../../secret.safetensors"}}"#,
    );
    assert!(why(&inspect(&root).expect("readable")).contains("outside"));
}

#[test]
fn single_files_are_told_apart_by_their_tensors() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("some.bin");
    for (family, channels, wanted, side) in [
        ("sd1", 9, ModelFamily::Sd1, 512),
        ("sd1", 4, ModelFamily::Sd1, 512),
        ("sd2", 9, ModelFamily::Sd2, 512),
        ("sd2", 4, ModelFamily::Sd2, 768),
        ("xl", 4, ModelFamily::Sdxl, 1024),
    ] {
        let tensors = made_up::single(family, channels);
        made_up::write(&path, &tensors, safetensors::Dtype::F16, &[]);
        let info = inspect(&path).expect("readable");
        assert_eq!((info.usable, &info.why_not), (true, &None));
        assert_eq!(
            (info.kind, info.family, info.inpainting),
            (ModelKind::Safetensors, wanted, channels == 9)
        );
        // The tiny autoencoders halve twice, not three times.
        assert_eq!(
            (info.in_channels, info.native_size.map(|s| s.width)),
            (Some(channels as u32), Some(side / 2))
        );
        assert_eq!(info.dtype.as_deref(), Some("F16"));
        let parts: Vec<_> = info.parts.iter().map(|p| p.name.as_str()).collect();
        let count = if family == "xl" { 4 } else { 3 };
        assert_eq!(
            parts,
            ["unet", "vae", "text_encoder", "text_encoder_2"][..count]
        );
        let prediction = if family == "sd2" {
            None
        } else {
            Some("epsilon")
        };
        assert_eq!(info.prediction_type.as_deref(), prediction);
    }
}

#[test]
fn sd2_files_say_what_they_predict_in_several_ways() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("some.safetensors");
    let mut tensors = made_up::single("sd2", 4);
    let predicts = || inspect(&path).expect("readable").prediction_type;
    let write = |tensors: &made_up::Tensors, about: &[(&str, &str)]| {
        made_up::write(&path, tensors, safetensors::Dtype::F16, about);
    };
    write(&tensors, &[("modelspec.prediction_type", "v")]);
    assert_eq!(predicts().as_deref(), Some("v_prediction"));
    write(&tensors, &[("modelspec.prediction_type", "epsilon")]);
    assert_eq!(predicts().as_deref(), Some("epsilon"));
    write(&tensors, &[]);
    assert_eq!(predicts(), None);
    std::fs::write(
        path.with_extension("yaml"),
        "model:\n  params:\n    parameterization: \"v\"\n",
    )
    .expect("writes");
    assert_eq!(predicts().as_deref(), Some("v_prediction"));
    std::fs::remove_file(path.with_extension("yaml")).expect("removes");
    tensors.insert("v_pred".into(), (vec![1], vec![half::f16::ONE]));
    write(&tensors, &[]);
    assert_eq!(predicts().as_deref(), Some("v_prediction"));
}

#[test]
fn what_is_wrong_with_a_single_file_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("some.safetensors");
    let whole = made_up::single("sd1", 4);
    let without = |start: &str| {
        let mut tensors = whole.clone();
        tensors.retain(|name, _| !name.starts_with(start));
        made_up::write(&path, &tensors, safetensors::Dtype::F16, &[]);
        why(&inspect(&path).expect("readable"))
    };
    assert!(without("first_stage_model.").contains("--vae"));
    assert!(without("cond_stage_model.").contains("text encoder"));
    assert!(without("model.diffusion_model.out.2.weight").contains("out.2.weight"));
    let missing = without("model.diffusion_model.input_blocks.0.0.weight");
    assert!(missing.contains("input_blocks.0.0"), "{missing}");
    for (name, word) in [
        ("lora_unet_down.lora_down.weight", "LoRA"),
        ("control_model.input", "ControlNet"),
        ("double_blocks.0.img", "transformer"),
        ("text_model.encoder.layers.0.x", "text encoder"),
        ("emb_params", "textual inversion"),
        ("something.else", "no Stable Diffusion"),
    ] {
        let shape: &[u64] = if name.starts_with("some") {
            &[1, 2, 3]
        } else {
            &[1, 768]
        };
        weights(&path, &[(name, shape)], "F16", 0);
        let info = inspect(&path).expect("readable");
        assert_eq!(info.kind, ModelKind::NotAModel);
        assert!(why(&info).contains(word), "{:?}", info.why_not);
    }
}

#[test]
fn other_things_are_no_models() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    assert!(why(&inspect(path).expect("readable")).contains("model_index.json"));
    write(&path.join("notes.txt"), "hello");
    let info = inspect(&path.join("notes.txt")).expect("readable");
    assert_eq!(info.kind, ModelKind::NotAModel);
    write(&path.join("empty.safetensors"), "");
    assert!(
        why(&inspect(&path.join("empty.safetensors")).expect("readable")).contains("too short")
    );
    let mut lies = u64::MAX.to_le_bytes().to_vec();
    lies.extend(b"{}");
    std::fs::write(path.join("lies.safetensors"), lies).expect("writes");
    why(&inspect(&path.join("lies.safetensors")).expect("readable"));
    std::fs::remove_file(path.join("empty.safetensors")).expect("removes");
    std::fs::remove_file(path.join("lies.safetensors")).expect("removes");
    model(&path.join("inside"));
    assert!(why(&inspect(path).expect("readable")).contains("inside"));
    assert!(inspect(&path.join("nothing")).is_err());
}
