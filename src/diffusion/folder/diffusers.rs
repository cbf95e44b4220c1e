//! Owns opening a folder in diffusers' layout. Used by `ModelFolder::open`. Must never decide by a folder's name.

use std::path::Path;

use serde_json::{Value, json};

use super::{ModelFolder, SecondText, Vocabulary, blame, check_fit, summary, vae};
use crate::diffusion::checkpoint::merged_metadata;
use crate::diffusion::config::{JsonFile, TextConfig, UNetConfig, VaeConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{find_weights, read_header};

pub fn open(path: &Path, other_vae: Option<&Path>) -> Result<ModelFolder> {
    let (class_name, index) = pipeline_class(path)?;
    let open = |part: &str| JsonFile::open(&path.join(part));
    let unet_json = open("unet/config.json")?;
    let unet = UNetConfig::from_json(&unet_json)?;
    let text = TextConfig::from_json(&open("text_encoder/config.json")?)?;
    let second_text = is_xl(&class_name)
        .then(|| second_text(path, &index))
        .transpose()?;
    let (vae, vae_files) = if let Some(other) = other_vae {
        let scale = if second_text.is_some() {
            crate::diffusion::checkpoint::Family::Sdxl
        } else {
            crate::diffusion::checkpoint::Family::Sd1
        };
        vae::open(other, crate::diffusion::checkpoint::scaling_factor(scale))?
    } else {
        let config = VaeConfig::from_json(&open("vae/config.json")?)?;
        let files = find_weights(&path.join("vae"), "diffusion_pytorch_model")?;
        (config, files)
    };
    let second_config = second_text.as_ref().map(|t| &t.config);
    check_fit(blame(&unet_json), &unet, &vae, &text, second_config)?;
    let scheduler_path = path.join("scheduler/scheduler_config.json");
    let unet_files = find_weights(&path.join("unet"), "diffusion_pytorch_model")?;
    let text_files = find_weights(&path.join("text_encoder"), "model")?;
    let mut weights = vec![
        summary("unet", &unet_files)?,
        summary("vae", &vae_files)?,
        summary("text_encoder", &text_files)?,
    ];
    if let Some(second) = &second_text {
        weights.push(summary("text_encoder_2", &second.files)?);
    }
    let description = match unet_files.files.first() {
        Some(file) => merged_metadata(&read_header(file)?),
        None => String::new(),
    };
    Ok(ModelFolder {
        path: path.into(),
        class_name,
        unet,
        vae,
        text,
        second_text,
        vocabulary: Vocabulary::Folder(path.join("tokenizer")),
        scheduler: JsonFile::open(&scheduler_path)?.into_value(),
        scheduler_path,
        unet_files,
        vae_files,
        text_files,
        weights,
        description,
        untold: None,
    })
}

fn second_text(path: &Path, index: &JsonFile) -> Result<SecondText> {
    let config = JsonFile::open(&path.join("text_encoder_2/config.json"))?;
    Ok(SecondText {
        config: TextConfig::from_json(&config)?,
        files: find_weights(&path.join("text_encoder_2"), "model")?,
        vocabulary: Vocabulary::Folder(path.join("tokenizer_2")),
        forces_zeros: index.flag("force_zeros_for_empty_prompt", true)?,
    })
}

fn is_xl(class_name: &str) -> bool {
    class_name.starts_with("StableDiffusionXL")
}

/// Reads `model_index.json`, refusing pipelines of other kinds.
fn pipeline_class(path: &Path) -> Result<(String, JsonFile)> {
    let file = path.join("model_index.json");
    if !file.is_file() {
        let problem =
            "is missing; choose the folder that holds \"unet\", \"vae\" and \"text_encoder\"";
        return Err(DiffusionError::folder(file, problem));
    }
    let index = JsonFile::open(&file)?;
    let class = index.string("_class_name", "StableDiffusionPipeline")?;
    if !class.starts_with("StableDiffusion") || class.contains("StableDiffusion3") {
        return Err(index.unsupported("_class_name"));
    }
    let absent = |part: &str| index.get(part).is_none_or(|v| v == &json!([null, null]));
    let mut others = vec![
        "text_encoder_3",
        "transformer",
        "controlnet",
        "prior",
        "low_res_scheduler",
    ];
    if !is_xl(&class) {
        others.extend(["text_encoder_2", "tokenizer_2"]);
    }
    for part in others {
        if !absent(part) {
            return Err(index.unsupported(part));
        }
    }
    if is_xl(&class) {
        if absent("text_encoder") || index.flag("requires_aesthetics_score", false)? {
            let what = "SDXL's refiner; use the base or an inpainting model: a folder with one text encoder";
            return Err(DiffusionError::unsupported(file, what));
        }
        expect(&index, &[("text_encoder_2", "CLIPTextModelWithProjection")])?;
    }
    expect(
        &index,
        &[
            ("unet", "UNet2DConditionModel"),
            ("text_encoder", "CLIPTextModel"),
        ],
    )?;
    Ok((class, index))
}

/// Refuses parts of another class.
fn expect(index: &JsonFile, parts: &[(&str, &str)]) -> Result<()> {
    for (part, class) in parts {
        let named = index
            .get(part)
            .and_then(|v| v.get(1))
            .and_then(Value::as_str);
        if named.is_some_and(|n| n != *class) {
            return Err(index.unsupported(part));
        }
    }
    Ok(())
}
