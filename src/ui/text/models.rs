//! Owns the words about models, where they lie and what is added to them. Part of `text`, which passes them on; must never
//! decide anything.

use crate::engine::MemoryNeeds;
use crate::models::library::{Entry, EntryKind, Origin};
use crate::models::{ModelFamily, ModelInfo};

pub const MODELS: &str = "Models on this machine";
pub const MODELS_LINE: &str =
    "Folders of other programs and of the Hugging Face cache are read in place and never changed.";
pub const MODELS_SEARCH: &str = "Search by name or folder";
pub const MODELS_LOOKING: &str = "Looking through the folders…";
pub const MODELS_NONE: &str = "No models were found in the folders below. Choose a file or a folder to use one from elsewhere.";
pub const MODELS_FILE: &str = "Choose a file…";
pub const MODELS_FOLDER: &str = "Choose a folder…";
pub const MODELS_NEED_CHECKPOINT: &str =
    "Choose a Stable Diffusion model first: this is added to one";
pub const ADDED_LORA: &str = "LoRA";
pub const ADDED_EMBEDDING: &str = "textual inversion";
pub const ADDED_VAE: &str = "autoencoder";

pub fn lora_weight(name: &str) -> String {
    format!("Weight of {name}")
}

pub fn take_away(name: &str) -> String {
    format!("Take {name} away")
}

pub fn entry_kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Model => "Models",
        EntryKind::Lora => "LoRAs",
        EntryKind::Vae => "Autoencoders",
        EntryKind::Embedding => "Textual inversions",
    }
}

pub fn models_places(places: &[String]) -> String {
    if places.is_empty() {
        return "Looked nowhere: there is no models folder yet".to_owned();
    }
    format!("Looked in {}", places.join(", "))
}

/// What an entry is, how large, and whose.
pub fn entry_line(entry: &Entry) -> String {
    let mut parts = entry.model.as_ref().map_or_else(Vec::new, model_words);
    parts.push(megabytes(entry.bytes));
    parts.push(match (entry.origin, entry.program) {
        (_, Some(program)) => format!("from {program}"),
        (Origin::HuggingFace, _) => "from the Hugging Face cache".to_owned(),
        _ => "own".to_owned(),
    });
    parts.join(" · ")
}

fn model_words(info: &ModelInfo) -> Vec<String> {
    let family = match info.family {
        ModelFamily::Sd1 => Some("Stable Diffusion 1"),
        ModelFamily::Sd2 => Some("Stable Diffusion 2"),
        ModelFamily::Sdxl => Some("Stable Diffusion XL"),
        ModelFamily::Unknown => None,
    };
    let inpainting = info.inpainting.then(|| "inpainting".to_owned());
    let size = info.native_size.map(|size| size.to_string());
    family
        .map(str::to_owned)
        .into_iter()
        .chain(inpainting)
        .chain(size)
        .chain(info.dtype.clone())
        .collect()
}

/// What a model takes at its own size, and at least.
pub fn memory_needs(needs: &MemoryNeeds) -> String {
    format!(
        "needs {} of memory, more slowly {}",
        memory_size(needs.f32_mib),
        memory_size(needs.least_mib)
    )
}

fn memory_size(mib: u64) -> String {
    if mib < 1024 {
        format!("{mib} MiB")
    } else {
        format!("{:.1} GiB", mib as f64 / 1024.0)
    }
}

fn megabytes(bytes: u64) -> String {
    if bytes < 1_000_000_000 {
        format!("{} MB", bytes.div_ceil(1_000_000))
    } else {
        format!("{:.1} GB", bytes as f64 / 1e9)
    }
}
