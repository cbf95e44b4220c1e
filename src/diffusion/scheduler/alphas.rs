//! Owns schedules in shares of signal (ᾱ), which DDIM, PNDM and the consistency samplers share: whole timesteps with their ᾱ,
//! and the noise that belongs to them. Must never draw random numbers.

use super::config::SchedulerConfig;
use super::kinds::{PredictionType, TimestepSpacing};
use super::run::NoiseLevels;
use super::tables::{impossible_schedule, spaced_timesteps};
use super::{clean_latents, zip_map};
use crate::diffusion::error::Result;

/// Visited timesteps and ᾱ at each.
pub struct AlphaSchedule {
    pub timesteps: Vec<f32>,
    pub alphas: Vec<f32>,
}

impl AlphaSchedule {
    /// `table` holds ᾱ of every training timestep; all of `timesteps` lie inside it.
    pub fn new(table: &[f32], timesteps: &[usize]) -> Self {
        Self {
            timesteps: timesteps.iter().map(|t| *t as f32).collect(),
            alphas: timesteps.iter().map(|t| table[*t]).collect(),
        }
    }
}

impl NoiseLevels for AlphaSchedule {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn denoised(
        &self,
        prediction: PredictionType,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
    ) -> Vec<f32> {
        clean_latents(prediction, self.alphas[i], model_output, sample)
    }

    /// `original` with noise of entry `i`'s level, at a variance of 1.
    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        let alpha = self.alphas[i];
        let (signal, level) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        zip_map(original, noise, |o, n| signal * o + level * n)
    }
}

/// The noise that the UNet's output stands for, where `alpha` is ᾱ and `clean` the clean latents that belong to it.
pub fn predicted_noise(
    prediction: PredictionType,
    alpha: f32,
    model_output: &[f32],
    sample: &[f32],
) -> Vec<f32> {
    let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
    match prediction {
        PredictionType::Epsilon => model_output.to_vec(),
        PredictionType::VPrediction => zip_map(model_output, sample, |o, s| signal * o + noise * s),
        PredictionType::Sample => zip_map(model_output, sample, |c, s| (s - signal * c) / noise),
    }
}

/// ᾱ of what follows the last step.
pub fn final_alpha(config: &SchedulerConfig, table: &[f32]) -> f32 {
    if config.set_alpha_to_one {
        1.0
    } else {
        table[0]
    }
}

/// The schedule's timesteps as whole numbers; those from `begin` on lie inside the training range. An entry of −1, which rounding can add behind
/// trailing ones, is left out: diffusers takes it for the noisiest timestep and spoils the picture.
pub fn whole_timesteps(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Vec<usize>> {
    let mut timesteps = spaced_timesteps(config, steps);
    if config.timestep_spacing == TimestepSpacing::Trailing {
        timesteps.retain(|t| *t >= 0.0);
    }
    let last = config.num_train_timesteps - 1;
    let mut whole: Vec<usize> = timesteps
        .iter()
        .map(|t| t.round_ties_even() as usize)
        .collect();
    let (skipped, visited) = whole.split_at_mut(begin.min(timesteps.len()));
    if visited.is_empty() || visited.iter().any(|t| *t > last) {
        let class = config.class.class_name();
        let why = "it reaches beyond the last timestep";
        return Err(impossible_schedule(class, steps, why));
    }
    for t in skipped {
        *t = last.min(*t);
    }
    Ok(whole)
}
