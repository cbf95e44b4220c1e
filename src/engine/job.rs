//! Owns what goes into the engine and what comes out: plain data, complete in itself. Used by app and by the worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::device::DeviceChoice;
use super::memory::MemoryReport;
use super::untouched::Untouched;
use crate::compose::{Made, StitchOptions};
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;
use crate::photo::Photo;
use crate::plan::{GenerateSettings, InpaintPlan};
use crate::raster::{Plane, RgbF32};

/// Number of a job, unique within a run of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct JobId(pub u64);

/// Which model makes the picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ModelChoice {
    /// The weight-free denoiser that is always there.
    Exemplar,
    /// The same at zero temperature: no noise, the nearest patch alone, in a fraction of the time; no seed changes it.
    Erase,
    /// A diffusers-layout folder.
    Folder(PathBuf),
}

impl std::fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exemplar => f.write_str("exemplar"),
            Self::Erase => f.write_str("erase"),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Number format of the networks. Schedulers and latents are f32 always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// f16 on GPUs that compute in it, else f32.
    #[default]
    Auto,
    F32,
    F16,
}

/// Everything a job needs. The photo and the mask are shared, never changed while shared.
#[derive(Debug, Clone)]
pub struct JobRequest {
    pub id: JobId,
    pub photo: Arc<Photo>,
    pub mask: Arc<Mask>,
    pub plan: InpaintPlan,
    pub settings: GenerateSettings,
    pub model: ModelChoice,
    pub device: DeviceChoice,
    pub precision: Precision,
    /// Bytes that a checkpoint may take at most, weights and what it computes with; none leaves it to the device.
    pub memory_limit: Option<u64>,
    /// How results are put back.
    pub stitch: StitchOptions,
    /// Return the model's own picture of the single crop instead of stitching it.
    pub raw: bool,
    /// Report hashes of the pixels that were left alone.
    pub hash_untouched: bool,
}

/// What one crop of a job made, for a rectangle of the canvas: mix `content` in by `coverage` (`Photo::mix`).
#[derive(Debug, Clone)]
pub struct Patch {
    pub rect: PixelRect,
    /// As the picture looks there with the result in it.
    pub photo: Photo,
    /// In the photo's own space and depth; equal to the photo where the coverage is 0.
    pub content: Arc<Photo>,
    /// The composite mask, of the rectangle's size.
    pub coverage: Arc<Plane>,
    /// What the stitch starts from, to do it again with other sliders.
    pub made: Arc<Made>,
    /// The composite mask before the sliders, of the size of `made.rect`.
    pub composite: Arc<Plane>,
    /// How far the coverage fades outside the mask.
    pub blend_px: u32,
    /// What the model saw of the canvas; the patch is out of date once something in there changes.
    pub context_rect: PixelRect,
}

/// What a finished job made. Pixels outside the patches are the photo's.
#[derive(Debug, Clone)]
pub struct JobResult {
    pub canvas_size: PixelSize,
    pub patches: Vec<Patch>,
    /// The model's own picture, when asked for.
    pub raw: Option<RgbF32>,
    pub report: JobReport,
}

/// Wall-clock times of a job's stages.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Milliseconds {
    pub load: f64,
    pub text: f64,
    pub encode: f64,
    pub prefill: f64,
    /// One entry a step, over all crops in order.
    pub steps: Vec<f64>,
    pub decode: f64,
    pub stitch: f64,
    pub total: f64,
}

/// How a result came about, for `--report` and the gallery.
#[derive(Debug, Clone, Serialize)]
pub struct JobReport {
    pub inlay: &'static str,
    pub model: String,
    pub device: String,
    pub precision: &'static str,
    pub seed: u64,
    pub settings: GenerateSettings,
    pub plan: InpaintPlan,
    pub stitch: StitchOptions,
    pub milliseconds: Milliseconds,
    pub peak_memory_bytes: Option<u64>,
    /// Of jobs with a checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryReport>,
    /// When asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untouched: Option<Untouched>,
    pub warnings: Vec<String>,
}

/// What the engine tells about a job. Steps and previews may be skipped when nobody keeps up; the rest never is.
#[derive(Debug)]
pub enum JobEvent {
    Started {
        id: JobId,
    },
    /// What is going on, for a status line ("loading the model").
    Stage {
        id: JobId,
        text: &'static str,
    },
    Step {
        id: JobId,
        /// Of the whole job, 0–1.
        fraction: f32,
        crop: usize,
        crops: usize,
        done: usize,
        total: usize,
        remaining: Option<Duration>,
    },
    Preview {
        id: JobId,
        /// Where the picture belongs, in canvas coordinates; the picture may be smaller than that.
        rect: PixelRect,
        picture: RgbF32,
    },
    Warning {
        id: JobId,
        text: String,
    },
    Finished {
        id: JobId,
        result: Box<JobResult>,
    },
    Failed {
        id: JobId,
        error: Box<super::EngineError>,
    },
    Cancelled {
        id: JobId,
    },
}
