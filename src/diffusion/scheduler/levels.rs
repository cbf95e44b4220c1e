//! Owns schedules in log signal-to-noise ratios, which DPM-Solver++ and UniPC share: the visited levels and latents at them.
//! Must never draw random numbers.

use super::config::SchedulerConfig;
use super::kinds::{BetaSchedule, PredictionType, SchedulerClass, SigmaSpacing, TimestepSpacing};
use super::run::NoiseLevels;
use super::tables::{
    alphas_cumprod_for_sigmas, check_sigmas, interpolate, linspace_f64, sigma_to_timestep,
    spaced_sigmas, trailing_timesteps, train_sigmas,
};
use super::zip_map;
use crate::diffusion::error::Result;

/// Signal, noise and half the log signal-to-noise ratio of one noise level.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    pub alpha: f32,
    pub sigma: f32,
    pub lambda: f32,
}

impl Level {
    pub fn new(sigma: f32) -> Self {
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        let sigma = sigma * alpha;
        let lambda = alpha.ln() - sigma.ln();
        Self {
            alpha,
            sigma,
            lambda,
        }
    }

    /// Clean latents from the UNet's output at this level.
    pub fn denoised(
        self,
        prediction: PredictionType,
        model_output: &[f32],
        sample: &[f32],
    ) -> Vec<f32> {
        let Self { alpha, sigma, .. } = self;
        match prediction {
            PredictionType::Epsilon => {
                zip_map(model_output, sample, |o, s| (s - sigma * o) / alpha)
            }
            PredictionType::VPrediction => {
                zip_map(model_output, sample, |o, s| alpha * s - sigma * o)
            }
            PredictionType::Sample => model_output.to_vec(),
        }
    }

    /// The noise that the UNet's output stands for at this level.
    pub fn noise(
        self,
        prediction: PredictionType,
        model_output: &[f32],
        sample: &[f32],
    ) -> Vec<f32> {
        let Self { alpha, sigma, .. } = self;
        match prediction {
            PredictionType::Epsilon => model_output.to_vec(),
            PredictionType::VPrediction => {
                zip_map(model_output, sample, |o, s| alpha * o + sigma * s)
            }
            PredictionType::Sample => zip_map(model_output, sample, |o, s| (s - alpha * o) / sigma),
        }
    }

    /// `original` with noise of this level.
    pub fn add_noise(self, original: &[f32], noise: &[f32]) -> Vec<f32> {
        zip_map(original, noise, |o, n| self.alpha * o + self.sigma * n)
    }
}

/// A schedule of levels: one more than timesteps, down to the final one.
pub struct LevelSchedule {
    pub timesteps: Vec<f32>,
    pub levels: Vec<Level>,
}

impl LevelSchedule {
    pub fn new(config: &SchedulerConfig, steps: usize) -> Result<Self> {
        let (timesteps, sigmas) = spaced(config, steps)?;
        Ok(Self {
            timesteps,
            levels: sigmas.iter().map(|s| Level::new(*s)).collect(),
        })
    }
}

impl NoiseLevels for LevelSchedule {
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
        self.levels[i].denoised(prediction, model_output, sample)
    }

    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        self.levels[i].add_noise(original, noise)
    }
}

/// Timesteps, and the sigmas with the final one behind.
fn spaced(config: &SchedulerConfig, steps: usize) -> Result<(Vec<f32>, Vec<f32>)> {
    let alphas = alphas_cumprod_for_sigmas(config);
    let table = train_sigmas(&alphas);
    let logs: Vec<f32> = table.iter().map(|s| s.ln()).collect();
    let mut timesteps = visited_timesteps(config, &alphas, steps);
    let sigmas: Vec<f64> = if config.sigma_spacing == SigmaSpacing::Timesteps {
        timesteps.iter().map(|t| interpolate(&table, *t)).collect()
    } else {
        let (first, last) = (table[table.len() - 1], table[0]);
        let sigmas = spaced_sigmas(config, f64::from(first), f64::from(last), steps);
        timesteps = sigmas
            .iter()
            .map(|s| sigma_to_timestep(&logs, *s))
            .collect();
        let rounds = config.sigma_spacing != SigmaSpacing::Exponential
            && (config.class == SchedulerClass::UniPc
                || config.beta_schedule != BetaSchedule::SquaredCosCapV2);
        if rounds {
            for t in &mut timesteps {
                *t = t.round_ties_even();
            }
        }
        sigmas
    };
    let mut sigmas: Vec<f32> = sigmas.into_iter().map(|s| s as f32).collect();
    // UniPC repeats the last spaced level, DPM-Solver++ goes on to the first timestep's.
    let repeats =
        config.class == SchedulerClass::UniPc && config.sigma_spacing != SigmaSpacing::Timesteps;
    let last = match (config.final_sigma_min, repeats) {
        (false, _) => 0.0,
        (true, true) => sigmas.last().copied().unwrap_or(0.0),
        (true, false) => table[0],
    };
    sigmas.push(last);
    check_sigmas(config.class.class_name(), steps, &sigmas)?;
    let whole = timesteps.into_iter().map(|t| t.trunc() as f32).collect();
    Ok((whole, sigmas))
}

/// Like the sigma schedulers' spacings, but of one step more, whose end is left out, and without the noisiest timesteps
/// whose log signal-to-noise ratio lies below `lambda_min_clipped`.
fn visited_timesteps(config: &SchedulerConfig, alphas: &[f32], steps: usize) -> Vec<f64> {
    let count = config.num_train_timesteps;
    let lambda = |a: &f32| a.sqrt().ln() - (1.0 - a).sqrt().ln();
    let clipped = match config.class {
        SchedulerClass::DpmMultistep => config.dpm.lambda_min_clipped,
        _ => f64::NEG_INFINITY,
    };
    let too_noisy = alphas
        .iter()
        .rev()
        .take_while(|a| f64::from(lambda(a)) < clipped);
    let last = count - too_noisy.count();
    match config.timestep_spacing {
        TimestepSpacing::Linspace => {
            let all = linspace_f64(0.0, last as f64 - 1.0, steps + 1);
            let whole = all[1..].iter().rev().map(|t| t.round_ties_even());
            whole.collect()
        }
        TimestepSpacing::Leading => {
            let stride = last / (steps + 1);
            let at = |i: usize| (i * stride + config.steps_offset) as f64;
            (1..=steps).rev().map(at).collect()
        }
        TimestepSpacing::Trailing => trailing_timesteps(last, count as f64 / steps as f64),
    }
}
