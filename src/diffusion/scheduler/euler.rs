//! Owns Euler's method on the probability-flow equation (Karras et al., "Elucidating the design space of diffusion-based
//! generative models", algorithm 2 without churn) and its ancestral form, which adds fresh noise at every step as k-diffusion
//! introduced it. Built by `SchedulerConfig::start`. The ancestral form draws once a step, the last one included, as diffusers
//! does; the plain one never draws.

use super::config::SchedulerConfig;
use super::kinds::{PredictionType, SchedulerClass};
use super::sigmas::SigmaSchedule;
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// An Euler schedule.
pub struct Euler {
    prediction: PredictionType,
    schedule: SigmaSchedule,
    begin: usize,
    is_ancestral: bool,
}

impl Euler {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        Ok(Self {
            prediction: config.prediction_type,
            schedule: SigmaSchedule::new(config, steps)?,
            begin,
            is_ancestral: config.class == SchedulerClass::EulerAncestral,
        })
    }

    /// How far down the step goes before noise of the second level is added.
    fn split(&self, i: usize) -> (f32, f32) {
        let (from, to) = (self.schedule.sigmas[i], self.schedule.sigmas[i + 1]);
        if !self.is_ancestral {
            return (to, 0.0);
        }
        let (from2, to2) = (from * from, to * to);
        // Equal levels make the root's argument 0, rising ones negative: then nothing is added.
        let up = (to2 * (from2 - to2) / from2).max(0.0).sqrt();
        ((to2 - up * up).max(0.0).sqrt(), up)
    }
}

impl Scheduler for Euler {
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
        let (down, up) = self.split(i);
        let denoised = self.denoised(model_output, i, sample);
        let moved = self.schedule.euler_step(&denoised, i, sample, down);
        if !self.is_ancestral {
            return moved;
        }
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
