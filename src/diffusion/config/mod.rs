//! Owns the configuration of a model: diffusers' and transformers' own JSON fields, read once, checked, and kept as plain
//! numbers. Used by the networks, by `folder` and by the `models` room. Must never touch tensors or weight files.

mod json;
mod text;
mod unet;
mod vae;

pub use json::{JsonFile, read_json};
pub use text::{TextActivation, TextConfig};
pub use unet::{AdditionConfig, BlockKind, TIME_IDS, UNetBlockConfig, UNetConfig};
pub use vae::{KlConfig, TinyActivation, TinyConfig, VaeConfig};
