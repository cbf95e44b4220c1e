//! Owns what a job will cost, said beforehand: time from what earlier jobs took on this machine, memory from the model's
//! size and the crop's. Shown beside "what the model sees".

use super::state::{App, MadeFor, Model};
use crate::engine::{DeviceChoice, JobReport};
use crate::plan::{CropPlan, InpaintPlan};

/// What exemplar keeps for each working pixel (measured: 120 from 0.4 to 5.4 megapixels).
const EXEMPLAR_BYTES: u64 = 125;
/// Weight of a new measurement against the older ones.
const NEWEST: f64 = 0.5;

/// Rough figures for one job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// None until a first job with this model has been timed.
    pub seconds: Option<f64>,
    pub memory_bytes: u64,
}

/// Megapixels times steps: what time grows with.
fn work(plan: &InpaintPlan, steps: u32) -> f64 {
    let pixels: f64 = plan.crops.iter().map(CropPlan::work_pixels).sum();
    pixels / 1e6 * f64::from(steps.max(1))
}

impl App {
    pub fn estimate(&self, plan: &InpaintPlan) -> Estimate {
        let sizes = plan.crops.iter().map(|crop| crop.working_size);
        let largest = sizes.max_by_key(|size| size.area()).unwrap_or_default();
        let photo = self
            .document
            .as_ref()
            .map_or(0, |d| d.photo().sample_bytes() as u64);
        let memory_bytes = match &self.model {
            Model::Exemplar | Model::Erase => photo + largest.area() * EXEMPLAR_BYTES,
            Model::Checkpoint { summary, .. } => {
                let guidance = self.generate.guidance_scale.unwrap_or(summary.guidance);
                photo
                    + summary
                        .memory
                        .bytes(largest, guidance > 1.0, self.precision)
            }
        };
        let speed = self
            .settings
            .speeds
            .get(&speed_key(self.model.name(), self.device));
        Estimate {
            seconds: speed.map(|speed| speed * work(plan, self.steps())),
            memory_bytes,
        }
    }

    /// Remembers how long a job took.
    pub(super) fn note_speed(&mut self, made_for: &MadeFor, report: &JobReport) {
        let work = work(&report.plan, made_for.steps);
        if work <= 0.0 {
            return;
        }
        let times = &report.milliseconds;
        let new = (times.total - times.load) / 1e3 / work;
        let key = speed_key(&made_for.model, made_for.device);
        let speed = self.settings.speeds.entry(key).or_insert(new);
        *speed += (new - *speed) * NEWEST;
        self.keep_settings();
    }

    /// As chosen or the model's own; exemplar's rounds belong to its speed.
    pub(super) fn steps(&self) -> u32 {
        match &self.model {
            Model::Exemplar | Model::Erase => 1,
            Model::Checkpoint { summary, .. } => {
                self.generate.num_inference_steps.unwrap_or(summary.steps)
            }
        }
    }
}

fn speed_key(model: &str, device: DeviceChoice) -> String {
    format!("{model} · {}", device.name())
}
