//! Owns the samplers of consistency-distilled models: LCM (Luo et al., "Latent consistency models", algorithm 3) and TCD (Zheng
//! et al., "Trajectory consistency distillation", algorithm 4 with the paper's gamma 0.3). Built by `SchedulerConfig::start`.
//! Both draw once a step, except at the last one.

use super::alphas::{AlphaSchedule, predicted_noise};
use super::config::SchedulerConfig;
use super::kinds::{PredictionType, SchedulerClass};
use super::run::{Run, Visits};
use super::tables::{alphas_cumprod, impossible_schedule};
use super::{Scheduler, zip_map};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::noise::TorchRng;

/// How random TCD's steps are; diffusers calls it `eta`.
const GAMMA: f32 = 0.3;
/// The standard deviation that LCM's boundary condition takes latents to have.
const SIGMA_DATA: f32 = 0.5;

/// A schedule of either kind.
pub struct Consistency {
    run: Run<AlphaSchedule>,
    timestep_scaling: f32,
    is_tcd: bool,
    /// TCD: ᾱ at the timestep that each entry's step jumps to before noise is added.
    jumps: Vec<f32>,
    /// ᾱ at the timestep that each entry's step leads to.
    next: Vec<f32>,
}

impl Consistency {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let table = alphas_cumprod(config);
        let timesteps = timesteps(config, steps)?;
        let after = |i: usize| timesteps.get(i + 1).copied().unwrap_or(0);
        let jump = |t: usize| ((1.0 - GAMMA) * t as f32).floor() as usize;
        let schedule = Self {
            run: Run {
                levels: AlphaSchedule::new(&table, &timesteps),
                begin,
                prediction: config.prediction_type,
                clip: config
                    .clip_sample_range
                    .filter(|_| config.class == SchedulerClass::Lcm)
                    .map(|r| r as f32),
            },
            timestep_scaling: config.consistency.timestep_scaling as f32,
            is_tcd: config.class == SchedulerClass::Tcd,
            jumps: (0..timesteps.len())
                .map(|i| table[jump(after(i))])
                .collect(),
            next: (0..timesteps.len()).map(|i| table[after(i)]).collect(),
        };
        let visited = &schedule.run.levels.alphas[begin..];
        let no_signal = config.prediction_type == PredictionType::Epsilon
            && visited.iter().any(|a| *a <= 0.0 || !a.is_finite());
        let no_jump = schedule.is_tcd && schedule.jumps.iter().any(|a| *a <= 0.0);
        if no_signal || no_jump {
            let why = "a timestep has no signal at all";
            return Err(impossible_schedule(config.class.class_name(), steps, why));
        }
        Ok(schedule)
    }

    /// LCM: the boundary condition (appendix of the paper) between the latents and their clean ones.
    fn bounded(&self, clean: &[f32], i: usize, sample: &[f32]) -> Vec<f32> {
        let scaled = self.run.levels.timesteps[i] * self.timestep_scaling;
        let sum = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
        let (skip, out) = (SIGMA_DATA * SIGMA_DATA / sum, scaled / sum.sqrt());
        zip_map(clean, sample, |c, s| out * c + skip * s)
    }
}

/// The distillation's own timesteps, evenly thinned out, downwards.
fn timesteps(config: &SchedulerConfig, steps: usize) -> Result<Vec<usize>> {
    let original = config.consistency.original_inference_steps;
    let (train, class) = (config.num_train_timesteps, config.class.class_name());
    if original > train {
        return Err(DiffusionError::Settings(format!(
            "{class} was distilled on {original} steps, but the model knows only {train} timesteps; choose another sampler"
        )));
    }
    if steps > original {
        return Err(DiffusionError::Settings(format!(
            "{class} runs at most {original} steps, not {steps}; lower the number of steps (4 to 8 are usual)"
        )));
    }
    let stride = train / original;
    let share = original as f64 / steps as f64;
    let origin = |i: usize| (original - (i as f64 * share).floor() as usize) * stride - 1;
    Ok((0..steps).map(origin).collect())
}

impl Scheduler for Consistency {
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
        let is_last = i + 1 == self.run.levels.timesteps.len();
        let next = self.next[i];
        if !self.is_tcd {
            let clean = self.denoised(model_output, i, sample);
            let bounded = self.bounded(&clean, i, sample);
            if is_last {
                return bounded;
            }
            let noise = rng.randn(sample.len());
            let (signal, level) = (next.sqrt(), (1.0 - next).sqrt());
            return zip_map(&bounded, &noise, |b, n| signal * b + level * n);
        }
        let jump = self.jumps[i];
        let clean = self.denoised(model_output, i, sample);
        let epsilon = predicted_noise(
            self.run.prediction,
            self.run.levels.alphas[i],
            model_output,
            sample,
        );
        let (signal, level) = (jump.sqrt(), (1.0 - jump).sqrt());
        let jumped = zip_map(&clean, &epsilon, |c, e| signal * c + level * e);
        if is_last {
            return jumped;
        }
        let noise = rng.randn(sample.len());
        let share = next / jump;
        let (keep, fresh) = (share.sqrt(), (1.0 - share).max(0.0).sqrt());
        zip_map(&jumped, &noise, |j, n| keep * j + fresh * n)
    }
}
