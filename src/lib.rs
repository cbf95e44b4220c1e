//! Inlay fills, extends and restores photographs with a diffusion model on the user's own machine.

pub mod compose;
pub mod diffusion;
pub mod geometry;
pub mod mask;
pub mod models;
pub mod photo;
pub mod plan;
pub mod progress;
pub mod raster;
