//! Owns the one thread that computes: models, devices, jobs. Front ends hand it a `JobRequest` and read `JobEvent`s;
//! both channels are bounded and nothing here waits for a window. Must never know documents, commands or egui, and never
//! let a panic or a device error reach anything but the job that met it.

mod additions;
mod bench;
mod device;
mod error;
mod frame;
mod job;
mod memory;
mod prepared;
mod probe;
mod run;
mod slot;
mod untouched;
mod validate;
mod watch;
mod worker;

pub use bench::{EngineBench, EngineBenchReport, OpTime, StageTime, bench_engine};
pub use device::{Adapter, AdapterKind, DeviceChoice, DeviceReport, devices, probe_child};
pub use error::EngineError;
pub use frame::{DEFAULT_TRAIN_TIMESTEPS, ModelSummary, summarize};
pub use job::{
    JobEvent, JobId, JobReport, JobRequest, JobResult, Milliseconds, ModelChoice, Patch, Precision,
};
pub use memory::{
    MemoryNeeds, MemoryReport, ModelMemory, WeightBytes, memory_needs, peak_memory_bytes,
};
pub use untouched::Untouched;
pub use validate::{SAMPLERS, validate_settings};
pub use worker::{Engine, EngineOptions};
