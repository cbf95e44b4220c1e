//! Owns the one error of this room, its variants ordered by who can fix it. Used by everything under `diffusion`
//! and by the engine. Must never carry a back trace or a debug print: every text is one line that a user can act on.

use std::path::{Path, PathBuf};

use crate::progress::Cancelled;

/// What can go wrong between a folder on disk and a repainted crop.
#[derive(Debug, thiserror::Error)]
pub enum DiffusionError {
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),

    /// A file or a sub-folder of the model is missing or cannot be read. The user's disk.
    #[error("{}: {problem}", .path.display())]
    Folder {
        /// The file or folder that is missing or unreadable.
        path: PathBuf,
        /// What is wrong and what to do about it.
        problem: String,
    },

    /// A JSON file of the model is broken or contradicts itself or another part. The file's fault.
    #[error("{}: {problem}", .path.display())]
    Config {
        /// The JSON file.
        path: PathBuf,
        /// What is wrong and what to do about it.
        problem: String,
    },

    /// A weight file is broken, or its tensors are not those that the configuration asks for. The file's fault.
    #[error("{}: {problem}", .path.display())]
    Weights {
        /// The weight file, or the folder it lies in.
        path: PathBuf,
        /// What is wrong and what to do about it.
        problem: String,
    },

    /// The model is sound but uses something that this program does not run.
    #[error("{}: {what} is not supported; use a Stable Diffusion 1, 2 or XL model", .path.display())]
    Unsupported {
        /// The file that asks for it.
        path: PathBuf,
        /// The field and its value.
        what: String,
    },

    /// The caller passed something the model cannot take. The caller's fault.
    #[error("{0}")]
    Settings(String),

    /// The device failed, or a result could not be read back from it.
    #[error("the compute device failed: {0}; try a smaller picture or the CPU")]
    Device(String),
}

/// What every fallible function of this room returns.
pub type Result<T> = std::result::Result<T, DiffusionError>;

impl DiffusionError {
    /// A missing or unreadable file or folder.
    pub fn folder(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Folder {
            path: path.as_ref().into(),
            problem: problem.into(),
        }
    }

    /// A broken or contradictory JSON file.
    pub fn config(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Config {
            path: path.as_ref().into(),
            problem: problem.into(),
        }
    }

    /// A broken or unfitting weight file.
    pub fn weights(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Weights {
            path: path.as_ref().into(),
            problem: problem.into(),
        }
    }

    /// Something this program does not run.
    pub fn unsupported(path: impl AsRef<Path>, what: impl Into<String>) -> Self {
        Self::Unsupported {
            path: path.as_ref().into(),
            what: what.into(),
        }
    }

    /// A failed device or read; `reason` is shortened to its first line.
    pub fn device(reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string();
        let line = reason.lines().next().unwrap_or("unknown reason");
        Self::Device(line.chars().take(300).collect())
    }
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_and_name_the_path() {
        let e =
            DiffusionError::unsupported("unet/config.json", "addition_embed_type \"text_time\"");
        assert_eq!(
            e.to_string(),
            "unet/config.json: addition_embed_type \"text_time\" is not supported; use a Stable Diffusion 1, 2 or XL model"
        );
        let e = DiffusionError::device("first\nsecond");
        assert!(!e.to_string().contains('\n'));
        assert_eq!(DiffusionError::from(Cancelled).to_string(), "cancelled");
    }
}
