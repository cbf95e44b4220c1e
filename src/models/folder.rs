//! Owns inspecting a diffusers folder: `model_index.json`, the parts' configurations and the headers of their weights.
//! Used by `inspect`. Must never decide by a folder's name.

use std::path::Path;

use serde_json::Value;

use super::header::{self, Tally};
use super::json::{self, number, text};
use super::{ModelError, ModelFamily, ModelInfo, ModelKind, PartInfo};
use crate::geometry::PixelSize;

/// SDXL's further part.
const SECOND_TEXT: (&str, &str) = ("text_encoder_2", "model");
/// The parts that are needed, with the base name of their weights.
const PARTS: [(&str, &str); 3] = [
    ("unet", "diffusion_pytorch_model"),
    ("vae", "diffusion_pytorch_model"),
    ("text_encoder", "model"),
];

pub(super) fn inspect(path: &Path) -> Result<ModelInfo, ModelError> {
    if !path.join("model_index.json").exists() {
        return not_a_model(path);
    }
    let mut info = ModelInfo::unknown(path, ModelKind::DiffusersFolder);
    let index = match json::read(&path.join("model_index.json")) {
        Ok(index) => index,
        Err(problem) => return Ok(info.because(format!("{problem}; get the model again"))),
    };
    info.class_name = text(&index, "_class_name");
    let mut problems = Vec::new();
    let part_json = |part: &str, file: &str| json::read(&path.join(part).join(file));
    match part_json("unet", "config.json") {
        Ok(unet) => read_unet(&unet, &mut info),
        Err(problem) => problems.push(format!("unet/{problem}")),
    }
    match part_json("vae", "config.json") {
        Ok(vae) => read_vae(&vae, &mut info),
        Err(problem) => problems.push(format!("vae/{problem}")),
    }
    match part_json("text_encoder", "config.json") {
        Ok(encoder) => {
            let width = number(&encoder, "hidden_size");
            if info.text_width.is_some()
                && width != info.text_width
                && !has_part(&index, "text_encoder_2")
            {
                problems.push("the UNet and the text encoder do not belong together".into());
            }
            info.text_width = info.text_width.or(width);
        }
        Err(problem) => problems.push(format!("text_encoder/{problem}")),
    }
    match part_json("scheduler", "scheduler_config.json") {
        Ok(scheduler) => {
            info.scheduler = text(&scheduler, "_class_name");
            info.prediction_type =
                Some(text(&scheduler, "prediction_type").unwrap_or_else(|| "epsilon".into()));
        }
        Err(problem) => problems.push(format!("scheduler/{problem}")),
    }
    let second = has_part(&index, SECOND_TEXT.0).then_some(SECOND_TEXT);
    for (part, base) in PARTS.into_iter().chain(second) {
        match weights(path, part, base) {
            Ok(found) => info.parts.push(found),
            Err(problem) => problems.push(format!("{part}/{problem}")),
        }
    }
    info.add_up();
    finish(&mut info, &index);
    problems.extend(unfit(&info, &index, path));
    info.usable = problems.is_empty();
    info.why_not = problems.into_iter().next();
    Ok(info)
}

fn read_unet(unet: &Value, info: &mut ModelInfo) {
    info.in_channels = number(unet, "in_channels");
    info.text_width = number(unet, "cross_attention_dim");
    info.latent_channels = number(unet, "out_channels");
    // In latent pixels until the VAE's scale is known; one number, or height and width.
    info.native_size = match unet.get("sample_size") {
        Some(Value::Array(sides)) => {
            let side = |i: usize| sides.get(i)?.as_u64().and_then(|v| u32::try_from(v).ok());
            side(1).zip(side(0)).map(|(w, h)| PixelSize::new(w, h))
        }
        _ => number(unet, "sample_size").map(|side| PixelSize::new(side, side)),
    };
}

fn read_vae(vae: &Value, info: &mut ModelInfo) {
    info.latent_channels = number(vae, "latent_channels").or(info.latent_channels);
    // Every block but the last halves the size; AutoencoderTiny names its stages one by one.
    let stages = ["block_out_channels", "encoder_block_out_channels"]
        .iter()
        .find_map(|key| vae.get(*key)?.as_array().map(Vec::len));
    info.latent_downscale = stages
        .filter(|count| (1..=8).contains(count))
        .map(|count| 1 << (count - 1));
}

/// What follows from several files together.
fn finish(info: &mut ModelInfo, index: &Value) {
    info.family = info
        .text_width
        .map_or(ModelFamily::Unknown, ModelFamily::of_width);
    if has_part(index, "text_encoder_2") {
        info.family = ModelFamily::Sdxl;
    }
    if let (Some(input), Some(latent)) = (info.in_channels, info.latent_channels) {
        info.inpainting = input == 2 * latent + 1;
    }
    info.native_size = info
        .native_size
        .zip(info.latent_downscale)
        .and_then(|(size, scale)| {
            let side = |v: u32| v.checked_mul(scale);
            Some(PixelSize::new(side(size.width)?, side(size.height)?))
        });
}

/// True when `model_index.json` names a class for the part (absent parts are `[null, null]`).
fn has_part(index: &Value, part: &str) -> bool {
    index
        .get(part)
        .and_then(|v| v.get(1))
        .is_some_and(Value::is_string)
}

/// Reasons not to use a complete folder, the most telling first.
fn unfit(info: &ModelInfo, index: &Value, path: &Path) -> Vec<String> {
    let mut out = Vec::new();
    let class = info.class_name.as_deref().unwrap_or("");
    let is_xl = info.family == ModelFamily::Sdxl || class.contains("XL");
    let is_refiner = index.get("requires_aesthetics_score") == Some(&Value::Bool(true))
        || !has_part(index, "text_encoder");
    if is_xl && is_refiner {
        out.push("SDXL's refiner is not supported; choose the base or an inpainting model".into());
    } else if has_part(index, "transformer")
        || !class.starts_with("StableDiffusion")
        || class.contains("Diffusion3")
    {
        out.push(format!(
            "models of the kind {} are not supported; choose a Stable Diffusion 1, 2 or XL model",
            if class.is_empty() {
                "without a name"
            } else {
                class
            }
        ));
    } else if has_part(index, "controlnet") {
        out.push("ControlNet pipelines are not supported; choose the base model alone".into());
    }
    if let (Some(input), Some(latent)) = (info.in_channels, info.latent_channels)
        && input != latent
        && !info.inpainting
    {
        out.push(format!(
            "its UNet takes {input} channels; only {latent} and, for inpainting, {} are supported",
            2 * latent + 1
        ));
    }
    if let Some(kind) = &info.prediction_type
        && !matches!(kind.as_str(), "epsilon" | "v_prediction" | "sample")
    {
        out.push(format!(
            "its prediction type {kind} is not known; choose another model"
        ));
    }
    let mut tokenizers = vec!["tokenizer"];
    if is_xl {
        tokenizers.push("tokenizer_2");
    }
    for name in tokenizers {
        let folder = path.join(name);
        let has = |file: &str| folder.join(file).is_file();
        let complete = has("tokenizer.json") || (has("vocab.json") && has("merges.txt"));
        if !complete {
            out.push(format!(
                "{name}/ holds neither tokenizer.json nor vocab.json and merges.txt; get the model again"
            ));
        }
    }
    out
}

/// The weight files of a part and what their headers say.
fn weights(path: &Path, part: &str, base: &str) -> Result<PartInfo, String> {
    let folder = path.join(part);
    let files = weight_files(&folder, base)?;
    let mut tally = Tally::default();
    let mut bytes = 0;
    for file in &files {
        let header = header::read(&folder.join(file))?;
        header.tensors.values().for_each(|t| tally.add(t));
        bytes += std::fs::metadata(folder.join(file)).map_or(0, |m| m.len());
    }
    if let Some(odd) = tally.odd_type() {
        return Err(format!(
            "its weights are stored as {odd}; get the F16 or F32 version"
        ));
    }
    let config = json::read(&folder.join("config.json")).ok();
    let class_name = config.and_then(|c| {
        text(&c, "_class_name")
            .or_else(|| c.get("architectures")?.get(0)?.as_str().map(str::to_owned))
    });
    Ok(PartInfo {
        name: part.into(),
        class_name,
        parameters: tally.parameters,
        bytes,
        dtype: tally.dtype(),
        files,
    })
}

/// The plain file, the shards of an index, or a variant such as `fp16`, in this order.
fn weight_files(folder: &Path, base: &str) -> Result<Vec<String>, String> {
    let plain = format!("{base}.safetensors");
    if folder.join(&plain).is_file() {
        return Ok(vec![plain]);
    }
    let names: Vec<String> = std::fs::read_dir(folder)
        .map_err(|e| format!("can't be listed ({e})"))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let mut indexes: Vec<&String> = names
        .iter()
        .filter(|n| n.starts_with(base) && n.ends_with(".index.json") && n.contains("safetensors"))
        .collect();
    indexes.sort();
    if let Some(name) = indexes.first() {
        return shards(folder, name);
    }
    let mut variants: Vec<String> = names
        .iter()
        .filter(|n| n.starts_with(&format!("{base}.")) && n.ends_with(".safetensors"))
        .cloned()
        .collect();
    variants.sort();
    if let Some(name) = variants.into_iter().next() {
        return Ok(vec![name]);
    }
    if names
        .iter()
        .any(|n| Path::new(n).extension().is_some_and(|e| e == "bin"))
    {
        return Err(
            "its weights are PyTorch .bin files, which can carry code; get the safetensors version"
                .into(),
        );
    }
    Err(format!("{plain} is missing; get the model again"))
}

fn shards(folder: &Path, index: &str) -> Result<Vec<String>, String> {
    let index = json::read(&folder.join(index))?;
    let map = index
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or("the index names no files; get the model again")?;
    let mut files: Vec<String> = map
        .values()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect();
    files.sort();
    files.dedup();
    // A forged index must not lead out of the folder.
    if files
        .iter()
        .any(|f| f.contains(['/', '\\']) || f.starts_with('.'))
    {
        return Err("the index names files outside the folder; get the model again".into());
    }
    Ok(files)
}

fn not_a_model(path: &Path) -> Result<ModelInfo, ModelError> {
    let info = ModelInfo::unknown(path, ModelKind::NotAModel);
    let entries = std::fs::read_dir(path).map_err(|e| ModelError::reading(path, e))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let checkpoint = names.iter().find(|n| n.ends_with(".safetensors"));
    let nested = names
        .iter()
        .find(|n| path.join(n).join("model_index.json").is_file());
    Ok(match (nested, checkpoint) {
        (Some(name), _) => info.because(format!(
            "this folder is no model, but {name} inside it is; choose that"
        )),
        (None, Some(name)) => info.because(format!(
            "this folder is no model; look at the file {name} inside it"
        )),
        (None, None) => {
            info.because("model_index.json is missing; choose the folder that holds it")
        }
    })
}
