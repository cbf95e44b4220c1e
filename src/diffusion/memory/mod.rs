//! Owns the arithmetic of memory: what a model's weights take, what each stage of a run takes beside them, and which way of running fits
//! into how much. Numbers in, numbers out. Used by the engine, which knows what there is, and by the pipeline, which does as planned.
//! Must never ask a system or a device anything, nor load a tensor.

mod needs;
mod plan;
mod stages;

pub use needs::{ModelNeeds, PartNeeds, vae_numbers};
pub use plan::{Estimate, MemoryPlan, Planner, Residency, Work};
