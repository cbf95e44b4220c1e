//! Owns Euler's method with fresh noise at every step (ancestral sampling, as k-diffusion introduced it). Built by
//! `SchedulerConfig::start`. Draws once a step, the last one included, as diffusers does.

use super::config::SchedulerConfig;
use super::euler::SigmaSchedule;
use super::kinds::PredictionType;
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// An ancestral Euler schedule.
pub struct EulerAncestral {
    prediction: PredictionType,
    schedule: SigmaSchedule,
    begin: usize,
}

impl EulerAncestral {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        Ok(Self {
            prediction: config.prediction_type,
            schedule: SigmaSchedule::new(config, steps)?,
            begin,
        })
    }
}

impl Scheduler for EulerAncestral {
    fn timesteps(&self) -> &[f32] {
        &self.schedule.timesteps
    }

    fn begin_index(&self) -> usize {
        self.begin
    }

    fn init_noise_sigma(&self) -> f32 {
        self.schedule.init_noise_sigma
    }

    fn scale_model_input(&self, sample: &[f32], i: usize) -> Vec<f32> {
        self.schedule.scale_model_input(sample, i)
    }

    fn step(
        &mut self,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
        rng: &mut TorchRng,
    ) -> Vec<f32> {
        let (from, to) = (self.schedule.sigmas[i], self.schedule.sigmas[i + 1]);
        let (from2, to2) = (from * from, to * to);
        // Equal levels make the root's argument 0, rising ones negative: then nothing is added.
        let up = (to2 * (from2 - to2) / from2).max(0.0).sqrt();
        let down = (to2 - up * up).max(0.0).sqrt();
        let denoised = self.denoised(model_output, i, sample);
        let moved = self.schedule.euler_step(&denoised, i, sample, down);
        let noise = rng.randn(sample.len());
        zip_map(&noise, &moved, |n, m| m + n * up)
    }

    fn denoised(&self, model_output: &[f32], i: usize, sample: &[f32]) -> Vec<f32> {
        self.schedule
            .denoised(self.prediction, model_output, i, sample)
    }

    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        self.schedule.add_noise(original, noise, i)
    }
}
