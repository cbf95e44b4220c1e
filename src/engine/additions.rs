//! Owns turning a job's settings into what the pipeline loads and reads: additions by file, LoRAs that the prompt names, and the
//! model's own defaults. Used by `run` and by the slot. Must never load anything.

use std::path::{Path, PathBuf};

use super::error::EngineError;
use super::validate::scheduler_name;
use crate::diffusion::defaults::Defaults;
use crate::diffusion::lora::Lora;
use crate::diffusion::pipeline::{Additions, InpaintRequest};
use crate::diffusion::prompt::take_loras;
use crate::models;
use crate::plan::GenerateSettings;
use crate::raster::{Plane, RgbF32};

/// What the settings add to a model, the prompt's `<lora:…>` included. A name that is also one of the files changes that file's weight;
/// others are searched for in the models folders.
pub fn additions(settings: &GenerateSettings) -> Result<Additions, EngineError> {
    let files = &settings.additions;
    let mut loras: Vec<Lora> = files
        .loras
        .iter()
        .map(|choice| Lora {
            path: choice.file.clone(),
            weight: choice.weight,
        })
        .collect();
    for (name, weight) in take_loras(&settings.prompt).1 {
        let known = loras.iter_mut().find(|lora| is_called(&lora.path, &name));
        if let Some(lora) = known {
            lora.weight = weight;
        } else {
            let path = find(&name)?;
            loras.push(Lora { path, weight });
        }
    }
    loras.retain(|lora| lora.weight != 0.0);
    Ok(Additions {
        vae: files.vae.clone(),
        loras,
        embeddings: files.embeddings.clone(),
    })
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem.to_string_lossy() == name)
}

fn find(name: &str) -> Result<PathBuf, EngineError> {
    models::find_lora(name).ok_or_else(|| {
        EngineError::Settings(format!(
            "the prompt names the LoRA \"{name}\", which is in none of the models folders; name its file with --lora"
        ))
    })
}

/// What the pipeline is asked for.
pub fn request(
    settings: &GenerateSettings,
    defaults: &Defaults,
    image: RgbF32,
    mask: Plane,
) -> Result<InpaintRequest, EngineError> {
    let scheduler = scheduler_name(settings)?;
    Ok(InpaintRequest {
        image,
        mask,
        prompt: take_loras(&settings.prompt).0,
        negative_prompt: settings.negative_prompt.clone(),
        seed: settings.seed,
        num_inference_steps: settings
            .num_inference_steps
            .map_or(defaults.steps, |steps| steps as usize),
        guidance_scale: settings.guidance_scale.unwrap_or(defaults.guidance),
        strength: settings.strength.unwrap_or(1.0),
        scheduler: scheduler.or(defaults.scheduler),
        soft_mask: settings.soft_mask,
    })
}
