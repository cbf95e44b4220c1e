//! Owns what a plan must know of a checkpoint, read from its configuration alone. Called by app when a model is chosen.

use std::path::Path;

use super::error::EngineError;
use super::memory::ModelMemory;
use crate::diffusion::defaults::defaults;
use crate::diffusion::folder::ModelFolder;
use crate::geometry::PixelSize;
use crate::plan::ModelFrame;

/// A checkpoint as planning sees it.
#[derive(Debug, Clone)]
pub struct ModelSummary {
    /// The folder's name.
    pub name: String,
    pub frame: ModelFrame,
    /// `num_train_timesteps`: more steps than this make no sense.
    pub max_steps: u32,
    /// What it wants when nobody says: steps, and the guidance scale.
    pub steps: u32,
    pub guidance: f64,
    pub memory: ModelMemory,
}

/// Training timesteps when a scheduler's configuration does not say.
pub const DEFAULT_TRAIN_TIMESTEPS: u32 = 1000;

/// Reads a folder's configuration; loads nothing.
pub fn summarize(folder: &Path) -> Result<ModelSummary, EngineError> {
    let info = ModelFolder::open(folder)?;
    let (width, height) = info.native_size();
    let native = PixelSize::new(width as u32, height as u32);
    let max_steps = info
        .scheduler
        .get("num_train_timesteps")
        .and_then(serde_json::Value::as_u64)
        .map_or(DEFAULT_TRAIN_TIMESTEPS, |steps| steps as u32);
    let name = folder.file_name().map_or_else(
        || folder.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    );
    let own = defaults(&info);
    Ok(ModelSummary {
        name,
        frame: ModelFrame::checkpoint(native, info.vae.downscale() as u32),
        max_steps,
        steps: own.steps as u32,
        guidance: own.guidance,
        memory: ModelMemory::read(&info)?,
    })
}
