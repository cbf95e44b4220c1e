//! Owns Euler's method on the probability-flow equation (Karras et al., "Elucidating the design space of diffusion-based
//! generative models", algorithm 2 without churn) and its ancestral form, which adds fresh noise at every step as k-diffusion
//! introduced it. Built by `SchedulerConfig::start`. The ancestral form draws once a step, the last one included, as diffusers
//! does; the plain one never draws.

use super::config::SchedulerConfig;
use super::kinds::SchedulerClass;
use super::run::{Run, Visits};
use super::sigmas::SigmaSchedule;
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// An Euler schedule.
pub struct Euler {
    run: Run<SigmaSchedule>,
    is_ancestral: bool,
}

impl Euler {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        Ok(Self {
            run: Run {
                levels: SigmaSchedule::new(config, steps)?,
                begin,
                prediction: config.prediction_type,
                clip: None,
            },
            is_ancestral: config.class == SchedulerClass::EulerAncestral,
        })
    }

    /// How far down the step goes before noise of the second level is added.
    fn split(&self, i: usize) -> (f32, f32) {
        let (from, to) = (self.run.levels.sigmas[i], self.run.levels.sigmas[i + 1]);
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
    fn run(&self) -> &dyn Visits {
        &self.run
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
        let moved = self.run.levels.euler_step(&denoised, i, sample, down);
        if !self.is_ancestral {
            return moved;
        }
        let noise = rng.randn(sample.len());
        zip_map(&noise, &moved, |n, m| m + n * up)
    }
}
