//! Owns knowing what models lie on disk, without loading any. Used by app, cli and engine. Must never touch burn: only
//! JSON files and the headers of weight files are read.

mod checkpoint;
mod folder;
mod hash;
mod header;
mod info;
mod json;
pub mod library;

pub use hash::weights_hash;
pub use info::{ModelError, ModelFamily, ModelInfo, ModelKind, PartInfo};

use std::path::{Path, PathBuf};

/// Tells what `path` (a folder or a file) is: a diffusers folder, a single-file checkpoint, or no model, and whether
/// Inlay can use it. Reads a few hundred kilobytes at most, however large the weights are. An error means that the
/// path itself can't be read; everything else, damage included, is told in [`ModelInfo::why_not`].
pub fn inspect(path: &Path) -> Result<ModelInfo, ModelError> {
    let meta = std::fs::metadata(path).map_err(|e| ModelError::reading(path, e))?;
    if meta.is_dir() {
        folder::inspect(path)
    } else {
        checkpoint::inspect(path, meta.len())
    }
}

/// A LoRA by its file's name without the ending, in any place that this computer keeps models in.
pub fn find_lora(name: &str) -> Option<PathBuf> {
    library::Surroundings::of_process().find_lora(name)
}
