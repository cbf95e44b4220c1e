//! Checks LoRAs against pictures that diffusers and peft made with the same ones fused (`golden/make_single.py`), and what is said of
//! those that do not fit.

#![allow(clippy::unwrap_used)] // a test stops at the first surprise

#[path = "common/made_up.rs"]
mod made_up;

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device};
use half::f16;
use inlay::diffusion::lora::Lora;
use inlay::diffusion::pipeline::{Additions, InpaintRequest, Pipeline};
use inlay::geometry::PixelSize;
use inlay::progress::{Observer, Silent};
use inlay::raster::{Plane, RgbF32};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/single")
        .join(name)
}

fn index() -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden("loras.json")).unwrap()).unwrap()
}

fn bytes(file: &str, name: &str) -> Vec<u8> {
    let all = std::fs::read(golden(file)).unwrap();
    let file = SafeTensors::deserialize(&all).unwrap();
    file.tensor(name).unwrap().data().to_vec()
}

/// Writes a LoRA of the golden list.
fn write_lora(name: &str, path: &Path) {
    let index = index();
    let shapes = made_up::shapes(&index["files"][name]);
    let mut tensors = made_up::make(&shapes, "");
    for (key, (_, values)) in &mut tensors {
        if key.rsplit('.').next() == Some("alpha") {
            *values = vec![f16::from_f64(index["alphas"][name].as_f64().unwrap())];
        }
    }
    made_up::write(path, &tensors, Dtype::F16, &[]);
}

fn model(family: &str, path: &Path) {
    made_up::write(path, &made_up::single(family, 4), Dtype::F16, &[]);
}

fn load(path: &Path, loras: Vec<Lora>) -> Result<Pipeline, String> {
    let additions = Additions {
        loras,
        ..Additions::default()
    };
    Pipeline::load_with(path, &additions, &Device::flex(), DType::F32, &mut Silent)
        .map_err(|e| e.to_string())
}

fn request() -> InpaintRequest {
    let size = PixelSize::new(32, 40);
    InpaintRequest {
        image: RgbF32::from_rgb8(size, &bytes("pictures.safetensors", "image")),
        mask: Plane {
            size,
            data: bytes("pictures.safetensors", "mask"),
        },
        prompt: "a stone house by the lake".into(),
        negative_prompt: "rain, people with umbrellas".into(),
        seed: 7,
        num_inference_steps: 4,
        guidance_scale: 5.0,
        strength: 1.0,
        scheduler: None,
        soft_mask: false,
    }
}

#[test]
fn fused_loras_make_the_pictures_of_diffusers() {
    let folder = tempfile::tempdir().unwrap();
    let index = index();
    for (at, case) in index["cases"].as_array().unwrap().iter().enumerate() {
        let path = folder.path().join("model.safetensors");
        model(case["family"].as_str().unwrap(), &path);
        let mut loras = Vec::new();
        for pair in case["loras"].as_array().unwrap() {
            let name = pair[0].as_str().unwrap();
            let file = folder.path().join(format!("{name}.safetensors"));
            write_lora(name, &file);
            loras.push(Lora {
                path: file,
                weight: pair[1].as_f64().unwrap() as f32,
            });
        }
        let got = load(&path, loras)
            .unwrap()
            .inpaint(&request(), &mut Silent)
            .unwrap();
        let want = bytes("loras.safetensors", &format!("{at:03}"));
        let want = want
            .chunks_exact(2)
            .map(|b| f64::from(u16::from_le_bytes([b[0], b[1]])) / 65535.0);
        let differences = got
            .data
            .iter()
            .zip(want)
            .map(|(g, w)| (f64::from(*g) - w).abs());
        let mean = differences.sum::<f64>() / got.data.len() as f64;
        println!("{case}: {mean:.1e}");
        assert!(mean < 1e-4, "{case}: {mean:.1e}");
    }
}

#[test]
fn loras_that_do_not_fit_say_which_model_they_fit() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    model("sd1", &at("model.safetensors"));
    let error = |file: &Path| {
        let lora = Lora {
            path: file.to_owned(),
            weight: 1.0,
        };
        load(&at("model.safetensors"), vec![lora]).err().unwrap()
    };
    // As wide as the published models, whose width tells.
    for (width, name) in [(768, "SD 1"), (1024, "SD 2"), (2048, "SDXL")] {
        let mut tensors = made_up::Tensors::new();
        let start = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
        let zeros = |count| vec![f16::ZERO; count];
        tensors.insert(
            format!("{start}.lora_down.weight"),
            (vec![4, width], zeros(4 * width)),
        );
        tensors.insert(
            format!("{start}.lora_up.weight"),
            (vec![320, 4], zeros(1280)),
        );
        made_up::write(&at("wide.safetensors"), &tensors, Dtype::F16, &[]);
        let text = error(&at("wide.safetensors"));
        assert!(text.contains(name), "{text}");
    }
    write_lora("xl", &at("xl.safetensors"));
    assert!(error(&at("xl.safetensors")).contains("SDXL"));
    // Other things than LoRAs.
    assert!(error(&at("model.safetensors")).contains("no LoRA"));
    assert!(error(&at("nothing")).contains("cannot be read"));
    let mut tensors = made_up::Tensors::new();
    tensors.insert(
        "lora_unet_mid_block_x.hada_w1_a".into(),
        (vec![1], vec![f16::ONE]),
    );
    made_up::write(&at("loha.safetensors"), &tensors, Dtype::F16, &[]);
    assert!(error(&at("loha.safetensors")).contains("LoHa"));
}

/// Parts of a LoRA for layers that the model has not are left out with a warning.
#[test]
fn parts_that_change_nothing_are_told() {
    #[derive(Default)]
    struct Listener(Vec<String>);
    impl Observer for Listener {
        fn is_cancelled(&self) -> bool {
            false
        }
        fn on_step(&mut self, _done: usize, _total: usize) {}
        fn on_warning(&mut self, text: String) {
            self.0.push(text);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = (
        folder.path().join("m.safetensors"),
        folder.path().join("l.safetensors"),
    );
    model("sd1", &path);
    let index = index();
    let mut shapes = made_up::shapes(&index["files"]["peft"]);
    for part in ["A", "B"] {
        let rank = if part == "A" {
            vec![3, 32]
        } else {
            vec![32, 3]
        };
        shapes.insert(
            format!(
                "text_encoder.text_model.encoder.layers.40.self_attn.v_proj.lora_{part}.weight"
            ),
            rank,
        );
    }
    made_up::write(&file, &made_up::make(&shapes, ""), Dtype::F16, &[]);
    let additions = Additions {
        loras: vec![Lora {
            path: file,
            weight: 1.0,
        }],
        ..Additions::default()
    };
    let mut listener = Listener::default();
    Pipeline::load_with(
        &path,
        &additions,
        &Device::flex(),
        DType::F32,
        &mut listener,
    )
    .unwrap();
    assert_eq!(listener.0.len(), 1, "{:?}", listener.0);
    assert!(listener.0[0].contains("1 parts"));
}
