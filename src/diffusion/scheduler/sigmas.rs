//! Owns schedules in sigmas, which both Euler methods and Heun's share: spaced, checked, with the steps that all three take.
//! Must never draw random numbers.

use super::config::SchedulerConfig;
use super::kinds::{PredictionType, SigmaSpacing, TimestepSpacing};
use super::run::NoiseLevels;
use super::tables::{
    alphas_cumprod_for_sigmas, check_sigmas, interpolate, linspace_f32, sigma_to_timestep,
    spaced_sigmas, spaced_timesteps, train_sigmas,
};
use super::zip_map;
use crate::diffusion::error::Result;

/// A schedule in sigmas.
pub struct SigmaSchedule {
    pub timesteps: Vec<f32>,
    /// One more than timesteps, down to the final one.
    pub sigmas: Vec<f32>,
    pub init_noise_sigma: f32,
}

impl SigmaSchedule {
    pub fn new(config: &SchedulerConfig, steps: usize) -> Result<Self> {
        let table = train_sigmas(&alphas_cumprod_for_sigmas(config));
        let mut timesteps: Vec<f32> = spaced_timesteps(config, steps)
            .into_iter()
            .map(|t| t as f32)
            .collect();
        let mut sigmas: Vec<f64> = timesteps
            .iter()
            .map(|t| interpolate(&table, f64::from(*t)))
            .collect();
        if config.log_linear {
            let (first, last) = (table[table.len() - 1].ln(), table[0].ln());
            let logs = linspace_f32(f64::from(first), f64::from(last), steps + 1);
            sigmas = logs.into_iter().map(|l| f64::from(l.exp())).collect();
        }
        if config.sigma_spacing != SigmaSpacing::Timesteps {
            let logs: Vec<f32> = table.iter().map(|s| s.ln()).collect();
            sigmas = spaced_sigmas(config, sigmas[0], sigmas[sigmas.len() - 1], steps);
            timesteps = sigmas
                .iter()
                .map(|s| sigma_to_timestep(&logs, *s) as f32)
                .collect();
        }
        let last = if config.final_sigma_min {
            table[0]
        } else {
            0.0
        };
        let mut sigmas: Vec<f32> = sigmas.into_iter().map(|s| s as f32).collect();
        sigmas.push(last);
        check_sigmas(config.class.class_name(), steps, &sigmas)?;
        if config.continuous_timesteps {
            timesteps = sigmas[..sigmas.len() - 1]
                .iter()
                .map(|s| 0.25 * s.ln())
                .collect();
        }
        let largest = sigmas.iter().fold(0.0, |a: f32, s| a.max(*s));
        let init_noise_sigma = match config.timestep_spacing {
            TimestepSpacing::Leading => (largest * largest + 1.0).sqrt(),
            _ => largest,
        };
        Ok(Self {
            timesteps,
            sigmas,
            init_noise_sigma,
        })
    }

    /// One Euler step from entry `i` down to noise level `to`.
    pub fn euler_step(&self, denoised: &[f32], i: usize, sample: &[f32], to: f32) -> Vec<f32> {
        let sigma = self.sigmas[i];
        zip_map(denoised, sample, |d, s| s + (s - d) / sigma * (to - sigma))
    }
}

impl NoiseLevels for SigmaSchedule {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    /// Latents divided so that their variance is that of training, whatever the noise.
    fn scale_model_input(&self, sample: &[f32], i: usize) -> Vec<f32> {
        let divisor = (self.sigmas[i] * self.sigmas[i] + 1.0).sqrt();
        sample.iter().map(|s| s / divisor).collect()
    }

    fn denoised(
        &self,
        prediction: PredictionType,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
    ) -> Vec<f32> {
        let sigma = self.sigmas[i];
        let variance = sigma * sigma + 1.0;
        let factor = -sigma / variance.sqrt();
        match prediction {
            PredictionType::Epsilon => zip_map(model_output, sample, |o, s| s - sigma * o),
            PredictionType::VPrediction => {
                zip_map(model_output, sample, |o, s| o * factor + s / variance)
            }
            PredictionType::Sample => model_output.to_vec(),
        }
    }

    /// `original` plus noise of entry `i`'s level.
    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        let sigma = self.sigmas[i];
        zip_map(original, noise, |o, n| o + n * sigma)
    }
}
