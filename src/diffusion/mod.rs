//! Owns the models: everything between a crop and its repainted picture. Used by the engine only. Must never know
//! photos, plans, documents or windows; it sees `RgbF32`, `Plane` and text.

mod attention;
pub mod checkpoint;
pub mod clip;
pub mod config;
pub mod defaults;
pub mod error;
pub mod exemplar;
pub mod folder;
pub mod guidance;
mod kernels;
pub mod lora;
pub mod memory;
pub mod noise;
mod ops;
pub mod pipeline;
pub mod prompt;
mod resnet;
pub mod scheduler;
pub mod tokenizer;
pub mod unet;
pub mod vae;
pub mod weights;

pub use error::{DiffusionError, Result};
pub use ops::measure;
