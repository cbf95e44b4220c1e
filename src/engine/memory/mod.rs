//! Owns memory as the engine sees it: what the machine and its devices have, what a job may take of it, and what is told about that. The
//! arithmetic of models is `diffusion::memory`. Used by the slot, by reports and by `inlay inspect`. Must never load anything.

mod account;
mod budget;
mod graphics;
mod system;

pub use account::{MemoryNeeds, MemoryReport, ModelMemory, WeightBytes, memory_needs};
pub(super) use account::{say_short, too_little};
pub(super) use budget::{allowed_numbers, budget, is_out_of_memory, work_of};
pub(super) use graphics::dedicated_bytes;
pub use system::peak_memory_bytes;
pub(super) use system::{available_bytes, forget_peak, resident_bytes};
