//! Owns where other programs keep models: their usual folders below a home folder. Must never look into them.

use std::path::{Path, PathBuf};

/// Folders below which programs are usually put.
const PARENTS: [&str; 5] = ["", "Documents", "Downloads", "Apps", "ai"];
/// A program's name, its folder, and where in it models, LoRAs, autoencoders and textual inversions lie.
const PROGRAMS: [(&str, &str, &[&str]); 9] = [
    (
        "Stable Diffusion web UI",
        "stable-diffusion-webui",
        &["models", "embeddings"],
    ),
    (
        "Stable Diffusion web UI Forge",
        "stable-diffusion-webui-forge",
        &["models", "embeddings"],
    ),
    ("SD.Next", "automatic", &["models"]),
    ("SD.Next", "sdnext", &["models"]),
    ("ComfyUI", "ComfyUI", &["models"]),
    ("ComfyUI", "ComfyUI_windows_portable/ComfyUI", &["models"]),
    ("Fooocus", "Fooocus", &["models"]),
    ("InvokeAI", "invokeai", &["models"]),
    ("Stability Matrix", "StabilityMatrix", &["Models"]),
];

/// All of them, whether they exist or not.
pub fn folders(home: &Path) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let home = home.to_owned();
    PROGRAMS.iter().flat_map(move |(name, folder, inner)| {
        let home = home.clone();
        PARENTS.iter().flat_map(move |parent| {
            let program = home.join(parent).join(folder);
            inner.iter().map(move |part| (*name, program.join(part)))
        })
    })
}
