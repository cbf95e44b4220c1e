//! Checks single files and SDXL models against pictures that diffusers made of the same files and folders (`golden/make_single.py`),
//! and that a single file in any type of numbers, or as a PyTorch file, makes the same picture.

#![allow(clippy::unwrap_used)] // a test stops at the first surprise

#[path = "common/made_up.rs"]
mod made_up;

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device};
use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::pipeline::{InpaintRequest, Pipeline};
use inlay::diffusion::tokenizer::Tokenizer;
use inlay::geometry::PixelSize;
use inlay::progress::Silent;
use inlay::raster::{Plane, RgbF32};
use made_up::{Tensors, folder, single, write};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/single")
        .join(name)
}

fn cases() -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(golden("pictures.json")).unwrap()).unwrap()
}

struct Pictures(Vec<u8>);

impl Pictures {
    fn open() -> Self {
        Self(std::fs::read(golden("pictures.safetensors")).unwrap())
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        file.tensor(name).unwrap().data().to_vec()
    }

    fn request(&self, case: &Value) -> InpaintRequest {
        let size = PixelSize::new(32, 40);
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        InpaintRequest {
            image: RgbF32::from_rgb8(size, &self.bytes("image")),
            mask: Plane {
                size,
                data: self.bytes("mask"),
            },
            prompt: text("prompt"),
            negative_prompt: text("negative"),
            seed: 7,
            num_inference_steps: 4,
            guidance_scale: case["guidance"].as_f64().unwrap(),
            strength: case["strength"].as_f64().unwrap(),
            scheduler: None,
            soft_mask: false,
        }
    }

    /// Mean absolute difference to the stored picture.
    fn difference(&self, at: usize, got: &RgbF32) -> f64 {
        let bytes = self.bytes(&format!("{at:03}"));
        let want = bytes
            .chunks_exact(2)
            .map(|b| f64::from(u16::from_le_bytes([b[0], b[1]])) / 65535.0);
        let sum: f64 = got
            .data
            .iter()
            .zip(want)
            .map(|(g, w)| (f64::from(*g) - w).abs())
            .sum();
        sum / got.data.len() as f64
    }
}

fn load(path: &Path) -> Pipeline {
    Pipeline::load(path, &Device::flex(), DType::F32, &mut Silent).unwrap()
}

fn channels(case: &Value) -> usize {
    case["channels"].as_u64().unwrap() as usize
}

/// The single file of a case. The velocity model says nothing, so that it must be probed; other SD 2 files would be, too.
fn write_file(case: &Value, path: &Path, tensors: &Tensors, dtype: Dtype) {
    let epsilon = case["scheduler"]["prediction_type"] == "epsilon";
    let about = [("modelspec.prediction_type", "epsilon")];
    write(path, tensors, dtype, if epsilon { &about } else { &[] });
}

fn check(kind: &str, make: impl Fn(&Value, &Path) -> PathBuf) {
    let pictures = Pictures::open();
    let (mut loaded, mut worst, mut bad) = (None::<(String, Pipeline)>, 0.0_f64, Vec::new());
    for (at, case) in cases()
        .iter()
        .enumerate()
        .filter(|(_, c)| c["kind"] == kind)
    {
        let name = case["model"].as_str().unwrap();
        if loaded.as_ref().is_none_or(|(n, _)| n != name) {
            let scratch = tempfile::tempdir().unwrap();
            loaded = Some((name.to_owned(), load(&make(case, scratch.path()))));
        }
        let pipeline = &mut loaded.as_mut().unwrap().1;
        assert_eq!(pipeline.is_inpaint_model(), channels(case) == 9);
        let got = pipeline
            .inpaint(&pictures.request(case), &mut Silent)
            .unwrap();
        let difference = pictures.difference(at, &got);
        worst = worst.max(difference);
        if difference.is_nan() || difference > 1e-4 {
            bad.push(format!("{at} {case}: {difference:.1e}"));
        }
    }
    println!("{kind}: mean difference up to {worst:.1e}");
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn single_files_make_the_pictures_of_diffusers() {
    check("file", |case, scratch| {
        let path = scratch.join("m.safetensors");
        let tensors = single(case["family"].as_str().unwrap(), channels(case));
        write_file(case, &path, &tensors, Dtype::F16);
        path
    });
}

/// SDXL as a folder, with small vocabularies of its own.
#[test]
fn sdxl_folders_make_the_pictures_of_diffusers() {
    check("folder", |case, scratch| {
        folder("xl", channels(case), &case["scheduler"], scratch);
        for (name, part) in [("tokenizer", "text1"), ("tokenizer_2", "text2")] {
            let from = golden("../sampling/parts").join(part).join("tokenizer");
            let inner = scratch.join(name);
            std::fs::create_dir_all(&inner).unwrap();
            for entry in std::fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), inner.join(entry.file_name())).unwrap();
            }
        }
        scratch.to_owned()
    });
}

#[test]
fn types_of_numbers_make_one_picture() {
    let pictures = Pictures::open();
    let cases = cases();
    let case = &cases[0];
    let tensors = single("sd1", 9);
    let scratch = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    for dtype in [Dtype::F32, Dtype::BF16] {
        let path = scratch.path().join("m.safetensors");
        write_file(case, &path, &tensors, dtype);
        made.push(
            load(&path)
                .inpaint(&pictures.request(case), &mut Silent)
                .unwrap(),
        );
    }
    assert!(pictures.difference(0, &made[0]) < 1e-4);
    // BF16 keeps 8 bits of a number: near, but not the same.
    let difference = pictures.difference(0, &made[1]);
    assert!(difference > 0.0 && difference < 0.05, "{difference}");
}

#[test]
fn the_built_in_vocabulary_gives_clips_own_ids() {
    let cases: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(golden("tokens.json")).unwrap()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    for (family, pad) in [("sd1", "<|endoftext|>"), ("sd2", "!")] {
        let path = scratch.path().join("m.safetensors");
        write(&path, &single(family, 4), Dtype::F16, &[]);
        let tokenizer = Tokenizer::load(&ModelFolder::open(&path).unwrap()).unwrap();
        for case in cases.iter().filter(|c| c["pad"] == pad) {
            let text = case["text"].as_str().unwrap();
            let mut want: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            want.resize(77, case["padding"].as_u64().unwrap() as u32);
            assert_eq!(tokenizer.encode(text).unwrap().ids, want, "{text:?}");
        }
        let long = tokenizer.encode(&"x".repeat(19_000)).unwrap();
        assert_eq!(long.ids.len(), 77);
    }
}
