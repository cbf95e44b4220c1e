//! Owns the report about a model on disk, as shown to the user and written as JSON by the command line. Must never
//! hold a tensor.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::geometry::PixelSize;

/// Why a path could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file system said no.
    #[error("cannot read {path}: {source}; check the name and the permissions")]
    Io {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

impl ModelError {
    pub(super) fn reading(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.display().to_string(),
            source,
        }
    }
}

/// What the path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// A folder with `model_index.json` and a folder for each part.
    DiffusersFolder,
    /// One `.safetensors` file.
    Safetensors,
    /// One PyTorch file (`.ckpt`, `.pt`, `.bin`).
    PytorchCheckpoint,
    NotAModel,
}

/// Which Stable Diffusion generation, by the width of its text condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelFamily {
    /// 768.
    Sd1,
    /// 1024.
    Sd2,
    /// 2048, two text encoders.
    Sdxl,
    /// None of them, such as a small model of one's own; may be usable all the same.
    Unknown,
}

/// One network of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// `unet`, `vae`, `text_encoder`.
    pub name: String,
    /// Class in its `config.json`, for folders.
    pub class_name: Option<String>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Sizes of its files together; for single files, of its tensors.
    pub bytes: u64,
    /// The type most numbers have: `F16`, `F32`, `BF16`.
    pub dtype: Option<String>,
    /// File names, several when sharded.
    pub files: Vec<String>,
}

/// What is known about a model without loading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    pub path: PathBuf,
    /// Folder or file name without extension.
    pub name: String,
    pub kind: ModelKind,
    /// The pipeline class of `model_index.json`.
    pub class_name: Option<String>,
    pub family: ModelFamily,
    /// Channels of the UNet's input.
    pub in_channels: Option<u32>,
    /// True when that input holds a mask and the masked image too (9 channels for 4 latent ones).
    pub inpainting: bool,
    pub latent_channels: Option<u32>,
    /// Picture pixels per latent pixel along a side.
    pub latent_downscale: Option<u32>,
    /// The picture size that the model was trained on.
    pub native_size: Option<PixelSize>,
    /// `epsilon`, `v_prediction` or `sample`.
    pub prediction_type: Option<String>,
    /// The scheduler's class.
    pub scheduler: Option<String>,
    /// Width of the text condition.
    pub text_width: Option<u32>,
    pub parts: Vec<PartInfo>,
    pub parameters: u64,
    pub bytes: u64,
    /// The type most numbers have.
    pub dtype: Option<String>,
    /// Whether Inlay can load it.
    pub usable: bool,
    /// If not, one line that says why and what to do.
    pub why_not: Option<String>,
}

impl ModelInfo {
    /// A report with nothing known yet, not usable.
    pub(super) fn unknown(path: &Path, kind: ModelKind) -> Self {
        let name = if kind == ModelKind::DiffusersFolder {
            path.file_name()
        } else {
            path.file_stem()
        };
        Self {
            path: path.to_path_buf(),
            name: name
                .unwrap_or(path.as_os_str())
                .to_string_lossy()
                .into_owned(),
            kind,
            class_name: None,
            family: ModelFamily::Unknown,
            in_channels: None,
            inpainting: false,
            latent_channels: None,
            latent_downscale: None,
            native_size: None,
            prediction_type: None,
            scheduler: None,
            text_width: None,
            parts: Vec::new(),
            parameters: 0,
            bytes: 0,
            dtype: None,
            usable: false,
            why_not: None,
        }
    }

    pub(super) fn because(mut self, why_not: impl Into<String>) -> Self {
        self.usable = false;
        self.why_not = Some(why_not.into());
        self
    }

    /// Sums over the parts.
    pub(super) fn add_up(&mut self) {
        self.parameters = self.parts.iter().map(|p| p.parameters).sum();
        self.bytes = self.parts.iter().map(|p| p.bytes).sum();
        let largest = self.parts.iter().max_by_key(|p| p.parameters);
        self.dtype = largest.and_then(|p| p.dtype.clone());
    }
}

impl ModelFamily {
    /// By the width of the text condition.
    pub(super) const fn of_width(width: u32) -> Self {
        match width {
            768 => Self::Sd1,
            1024 => Self::Sd2,
            2048 => Self::Sdxl,
            _ => Self::Unknown,
        }
    }
}
