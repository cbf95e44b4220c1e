//! Owns opening a single file that holds a whole model. Used by `ModelFolder::open`. Must never decide by a file's name.

use std::path::Path;
use std::sync::Arc;

use super::{ModelFolder, SecondText, Vocabulary, check_fit, summary, vae};
use crate::diffusion::checkpoint::{
    Checkpoint, Family, Pieces, Prediction, merged_metadata, scaling_factor,
};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{WeightFiles, read_header};

pub fn open(path: &Path, other_vae: Option<&Path>) -> Result<ModelFolder> {
    let header = read_header(path)?;
    let mut checkpoint = Checkpoint::read(&header)?;
    let files = |pieces: Pieces| WeightFiles {
        folder: path.into(),
        files: vec![path.into()],
        pieces: Some(Arc::new(pieces)),
    };
    let (vae, vae_files) = match (other_vae, checkpoint.vae.take()) {
        (Some(other), _) => vae::open(other, scaling_factor(checkpoint.family))?,
        (None, Some((config, pieces))) => (config, files(pieces)),
        (None, None) => {
            return Err(DiffusionError::weights(
                path,
                "holds no autoencoder; name one with --vae",
            ));
        }
    };
    let blame = |field: &str, problem: String| {
        DiffusionError::weights(path, format!("has a UNet whose \"{field}\" {problem}"))
    };
    let second = checkpoint.second_text.as_ref().map(|t| &t.config);
    check_fit(
        blame,
        &checkpoint.unet,
        &vae,
        &checkpoint.text.config,
        second,
    )?;
    let unet_files = files(std::mem::take(&mut checkpoint.unet_pieces));
    let text_files = files(std::mem::take(&mut checkpoint.text.pieces));
    let mut weights = vec![
        summary("unet", &unet_files)?,
        summary("vae", &vae_files)?,
        summary("text_encoder", &text_files)?,
    ];
    let second_text = checkpoint.second_text.take().map(|part| SecondText {
        config: part.config,
        files: files(part.pieces),
        vocabulary: Vocabulary::Clip {
            pads_with_end: false,
        },
        forces_zeros: true,
    });
    if let Some(second) = &second_text {
        weights.push(summary("text_encoder_2", &second.files)?);
    }
    let inpaints = checkpoint.unet.in_channels != vae.latent_channels();
    let class_name = match (checkpoint.family, inpaints) {
        (Family::Sdxl, true) => "StableDiffusionXLInpaintPipeline",
        (Family::Sdxl, false) => "StableDiffusionXLPipeline",
        (_, true) => "StableDiffusionInpaintPipeline",
        (_, false) => "StableDiffusionPipeline",
    };
    let told = match checkpoint.prediction {
        Prediction::Velocity => Prediction::Velocity,
        _ => Prediction::Epsilon,
    };
    Ok(ModelFolder {
        path: path.into(),
        class_name: class_name.into(),
        unet: checkpoint.unet.clone(),
        vae,
        text: checkpoint.text.config.clone(),
        second_text,
        vocabulary: Vocabulary::Clip {
            pads_with_end: checkpoint.family != Family::Sd2,
        },
        scheduler: checkpoint.scheduler(told),
        scheduler_path: path.into(),
        unet_files,
        vae_files,
        text_files,
        weights,
        description: merged_metadata(&header),
        untold: checkpoint.needs_probe().then(|| Box::new(checkpoint)),
    })
}
