//! Owns DDIM without fresh noise (Song et al., "Denoising diffusion implicit models", equation 12 with eta 0). Built by
//! `SchedulerConfig::start`. Must never draw random numbers.

use super::alphas::{AlphaSchedule, final_alpha, predicted_noise, whole_timesteps};
use super::config::SchedulerConfig;
use super::kinds::PredictionType;
use super::run::{Run, Visits};
use super::tables::{alphas_cumprod, impossible_schedule};
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// A DDIM schedule.
pub struct Ddim {
    run: Run<AlphaSchedule>,
    /// ᾱ at the timestep that each entry's step leads to.
    next: Vec<f32>,
}

impl Ddim {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let table = alphas_cumprod(config);
        let stride = config.num_train_timesteps / steps;
        let timesteps = whole_timesteps(config, steps, begin)?;
        let end = final_alpha(config, &table);
        let after = |t: &usize| t.checked_sub(stride).map_or(end, |prev| table[prev]);
        let schedule = Self {
            next: timesteps.iter().map(after).collect(),
            run: Run {
                levels: AlphaSchedule::new(&table, &timesteps),
                begin,
                prediction: config.prediction_type,
                clip: config.clip_sample_range.map(|r| r as f32),
            },
        };
        if (begin..timesteps.len()).any(|i| schedule.divides_by_zero(i)) {
            let why = "a timestep has no signal or no noise at all";
            return Err(impossible_schedule("DDIMScheduler", steps, why));
        }
        Ok(schedule)
    }

    fn divides_by_zero(&self, i: usize) -> bool {
        let (now, next) = (self.run.levels.alphas[i], self.next[i]);
        let by_signal = self.run.prediction == PredictionType::Epsilon && now <= 0.0;
        by_signal || !now.is_finite() || now >= 1.0 || next <= 0.0 || !next.is_finite()
    }
}

impl Scheduler for Ddim {
    fn run(&self) -> &dyn Visits {
        &self.run
    }

    fn step(
        &mut self,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
        _rng: &mut TorchRng,
    ) -> Vec<f32> {
        let (alpha, next) = (self.run.levels.alphas[i], self.next[i]);
        let clean = self.denoised(model_output, i, sample);
        let epsilon = predicted_noise(self.run.prediction, alpha, model_output, sample);
        let (next_signal, next_noise) = (next.sqrt(), (1.0 - next).sqrt());
        zip_map(&clean, &epsilon, |c, e| next_signal * c + next_noise * e)
    }
}
