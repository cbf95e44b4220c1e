//! Owns opening an autoencoder that is not the model's own: a file in either naming, a folder with `config.json`, or the one inside
//! a model's folder. Must never load a tensor.

use std::path::Path;
use std::sync::Arc;

use crate::diffusion::checkpoint::{contents, read_vae};
use crate::diffusion::config::{JsonFile, VaeConfig};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::{WeightFiles, find_weights, read_header};

/// `scaling_factor` is that of the model it is for; folders tell their own.
pub fn open(path: &Path, scaling_factor: f64) -> Result<(VaeConfig, WeightFiles)> {
    if path.is_dir() {
        let inner = path.join("vae");
        let folder = if inner.join("config.json").is_file() {
            inner.as_path()
        } else {
            path
        };
        let config = VaeConfig::from_json(&JsonFile::open(&folder.join("config.json"))?)?;
        return Ok((config, find_weights(folder, "diffusion_pytorch_model")?));
    }
    let header = read_header(path)?;
    let Some((config, pieces)) = read_vae(&header, scaling_factor)? else {
        let problem = format!("holds no autoencoder: it {}", contents(&header).complaint());
        return Err(DiffusionError::weights(path, problem));
    };
    let files = WeightFiles {
        folder: path.into(),
        files: vec![path.into()],
        pieces: Some(Arc::new(pieces)),
    };
    Ok((config, files))
}
