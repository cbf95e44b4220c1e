//! Owns DDIM without fresh noise (Song et al., "Denoising diffusion implicit models", equation 12 with eta 0). Built by
//! `SchedulerConfig::start`. Must never draw random numbers.

use super::config::SchedulerConfig;
use super::kinds::{PredictionType, TimestepSpacing};
use super::tables::{alphas_cumprod, impossible_schedule, spaced_timesteps};
use super::{Scheduler, clean_latents, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// A DDIM schedule.
pub struct Ddim {
    prediction: PredictionType,
    clip: Option<f32>,
    timesteps: Vec<f32>,
    begin: usize,
    /// ᾱ at each entry, and at the timestep that its step leads to.
    alphas: Vec<(f32, f32)>,
}

impl Ddim {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let table = alphas_cumprod(config);
        let stride = config.num_train_timesteps / steps;
        let timesteps = whole_timesteps(config, steps, begin)?;
        let end = if config.set_alpha_to_one {
            1.0
        } else {
            table[0]
        };
        let alpha = |t: usize| {
            (
                table[t],
                t.checked_sub(stride).map_or(end, |prev| table[prev]),
            )
        };
        let schedule = Self {
            prediction: config.prediction_type,
            clip: config.clip_sample_range.map(|r| r as f32),
            alphas: timesteps.iter().map(|t| alpha(*t)).collect(),
            timesteps: timesteps.iter().map(|t| *t as f32).collect(),
            begin,
        };
        let visited = schedule.alphas.get(begin..).unwrap_or_default();
        if visited.iter().any(|a| schedule.divides_by_zero(*a)) {
            let why = "a timestep has no signal or no noise at all";
            return Err(impossible_schedule("DDIMScheduler", steps, why));
        }
        Ok(schedule)
    }

    fn divides_by_zero(&self, (now, next): (f32, f32)) -> bool {
        let by_signal = self.prediction == PredictionType::Epsilon && now <= 0.0;
        by_signal || !now.is_finite() || now >= 1.0 || next <= 0.0 || !next.is_finite()
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

impl Scheduler for Ddim {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn begin_index(&self) -> usize {
        self.begin
    }

    fn step(
        &mut self,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
        _rng: &mut TorchRng,
    ) -> Vec<f32> {
        let (alpha, next) = self.alphas[i];
        let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        let clean = self.denoised(model_output, i, sample);
        let unclipped = clean_latents(self.prediction, alpha, model_output, sample);
        let epsilon = match self.prediction {
            PredictionType::Epsilon => model_output.to_vec(),
            PredictionType::VPrediction => {
                zip_map(model_output, sample, |o, s| signal * o + noise * s)
            }
            PredictionType::Sample => zip_map(&unclipped, sample, |c, s| (s - signal * c) / noise),
        };
        let (next_signal, next_noise) = (next.sqrt(), (1.0 - next).sqrt());
        zip_map(&clean, &epsilon, |c, e| next_signal * c + next_noise * e)
    }

    fn denoised(&self, model_output: &[f32], i: usize, sample: &[f32]) -> Vec<f32> {
        let mut clean = clean_latents(self.prediction, self.alphas[i].0, model_output, sample);
        if let Some(range) = self.clip {
            for c in &mut clean {
                *c = c.clamp(-range, range);
            }
        }
        clean
    }

    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        let alpha = self.alphas[i].0;
        let (signal, level) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        zip_map(original, noise, |o, n| signal * o + level * n)
    }
}
