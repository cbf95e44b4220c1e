//! Owns the multistep solvers DPM-Solver++ of order 1 to 3 (Lu et al., "DPM-Solver++", algorithm 2 and its stochastic form).
//! Built by `SchedulerConfig::start`. Draws once a step where the folder asks for the stochastic form, else never.

use super::config::SchedulerConfig;
use super::kinds::{DpmConfig, PredictionType, SigmaSpacing, TimestepSpacing};
use super::tables::{
    alphas_cumprod_for_sigmas, check_sigmas, impossible_schedule, interpolate, linspace_f64,
    sigma_to_timestep, spaced_sigmas, trailing_timesteps, train_sigmas,
};
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// Signal, noise and half the log signal-to-noise ratio of one noise level.
#[derive(Debug, Clone, Copy)]
struct Level {
    alpha: f32,
    sigma: f32,
    lambda: f32,
}

impl Level {
    fn new(sigma: f32) -> Self {
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        let sigma = sigma * alpha;
        let lambda = alpha.ln() - sigma.ln();
        Self {
            alpha,
            sigma,
            lambda,
        }
    }
}

/// One step as weights: of the latents, of the newest clean latents and their differences, and of fresh noise.
#[derive(Debug, Clone, Copy)]
struct Weights {
    sample: f32,
    clean: f32,
    /// Of the first and second derivative, and the ratios of step lengths that make them; absent at lower orders.
    first: Option<(f32, f32)>,
    second: Option<(f32, f32)>,
    noise: f32,
}

/// A DPM-Solver++ schedule and the clean latents it remembers.
pub struct DpmMultistep {
    prediction: PredictionType,
    stochastic: bool,
    timesteps: Vec<f32>,
    begin: usize,
    levels: Vec<Level>,
    weights: Vec<Weights>,
    /// Clean latents of earlier steps, newest last; at most two.
    history: Vec<Vec<f32>>,
}

impl DpmMultistep {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let (timesteps, sigmas) = schedule(config, steps)?;
        let levels: Vec<Level> = sigmas.iter().map(|s| Level::new(*s)).collect();
        let weights: Vec<Weights> = (begin..timesteps.len())
            .map(|i| {
                let order = order(config, timesteps.len(), i, i - begin);
                weights(&config.dpm, order, &levels, i)
            })
            .collect();
        if weights.iter().any(|w| !w.is_finite()) || weights.is_empty() {
            let why = "two steps have one and the same noise level";
            return Err(impossible_schedule(config.class.class_name(), steps, why));
        }
        Ok(Self {
            prediction: config.prediction_type,
            stochastic: config.dpm.stochastic,
            timesteps,
            begin,
            levels,
            weights,
            history: Vec::new(),
        })
    }
}

/// Timesteps, and the sigmas with the final one behind.
fn schedule(config: &SchedulerConfig, steps: usize) -> Result<(Vec<f32>, Vec<f32>)> {
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
            && config.beta_schedule != super::BetaSchedule::SquaredCosCapV2;
        if rounds {
            for t in &mut timesteps {
                *t = t.round_ties_even();
            }
        }
        sigmas
    };
    let last = if config.final_sigma_min {
        table[0]
    } else {
        0.0
    };
    let mut sigmas: Vec<f32> = sigmas.into_iter().map(|s| s as f32).collect();
    sigmas.push(last);
    check_sigmas(config.class.class_name(), steps, &sigmas)?;
    let whole = timesteps.into_iter().map(|t| t.trunc() as f32).collect();
    Ok((whole, sigmas))
}

/// Like the other schedulers' spacings, but of one step more, whose end is left out, and without the noisiest timesteps
/// whose log signal-to-noise ratio lies below `lambda_min_clipped`.
fn visited_timesteps(config: &SchedulerConfig, alphas: &[f32], steps: usize) -> Vec<f64> {
    let count = config.num_train_timesteps;
    let lambda = |a: &f32| a.sqrt().ln() - (1.0 - a).sqrt().ln();
    let clipped = config.dpm.lambda_min_clipped;
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

/// How many model outputs step `i` of `count` uses when `done` ran before it.
fn order(config: &SchedulerConfig, count: usize, i: usize, done: usize) -> usize {
    let dpm = &config.dpm;
    let lower = dpm.lower_order_final && count < 15;
    let last = i + 1 == count;
    if done < 1 || (last && (dpm.euler_at_final || lower || !config.final_sigma_min)) {
        1
    } else if done < 2 || (i + 2 == count && lower) {
        dpm.solver_order.min(2)
    } else {
        dpm.solver_order
    }
}

/// Lu et al., equations for h = λ(next) − λ(now), with the earlier steps' lengths relative to h.
fn weights(dpm: &DpmConfig, order: usize, levels: &[Level], i: usize) -> Weights {
    let (next, now) = (levels[i + 1], levels[i]);
    let h = next.lambda - now.lambda;
    let mut out = if dpm.stochastic {
        Weights {
            sample: next.sigma / now.sigma * (-h).exp(),
            clean: next.alpha * (1.0 - (-2.0 * h).exp()),
            first: None,
            second: None,
            noise: next.sigma * (1.0 - (-2.0 * h).exp()).max(0.0).sqrt(),
        }
    } else {
        Weights {
            sample: next.sigma / now.sigma,
            clean: -(next.alpha * ((-h).exp() - 1.0)),
            first: None,
            second: None,
            noise: 0.0,
        }
    };
    if order < 2 {
        return out;
    }
    let r0 = (now.lambda - levels[i - 1].lambda) / h;
    // Heun's form and the third order weigh the first derivative alike.
    let exact = if dpm.stochastic {
        next.alpha * ((1.0 - (-2.0 * h).exp()) / (-2.0 * h) + 1.0)
    } else {
        next.alpha * (((-h).exp() - 1.0) / h + 1.0)
    };
    let first = if dpm.heun || order == 3 {
        exact
    } else {
        0.5 * out.clean
    };
    out.first = Some((first, r0));
    if order == 3 {
        let r1 = (levels[i - 1].lambda - levels[i - 2].lambda) / h;
        let weight = if dpm.stochastic {
            next.alpha * ((1.0 - (-2.0 * h).exp() - 2.0 * h) / (2.0 * h).powi(2) - 0.5)
        } else {
            -(next.alpha * (((-h).exp() - 1.0 + h) / (h * h) - 0.5))
        };
        out.second = Some((weight, r1));
    }
    out
}

impl Weights {
    fn is_finite(&self) -> bool {
        let ratio_is_sound = |pair: Option<(f32, f32)>| {
            pair.is_none_or(|(w, r)| w.is_finite() && (1.0 / r).is_finite() && !r.is_nan())
        };
        let plain = [self.sample, self.clean, self.noise];
        plain.iter().all(|w| w.is_finite())
            && ratio_is_sound(self.first)
            && ratio_is_sound(self.second)
    }
}

impl DpmMultistep {
    fn combine(&self, weights: &Weights, clean: &[f32], sample: &[f32]) -> Vec<f32> {
        let mut next = zip_map(clean, sample, |c, s| weights.sample * s + weights.clean * c);
        let Some((first_weight, r0)) = weights.first else {
            return next;
        };
        let [.., before] = self.history.as_slice() else {
            return next;
        };
        let mut first = zip_map(clean, before, |c, b| 1.0 / r0 * (c - b));
        if let (Some((second_weight, r1)), [.., long_before, before]) =
            (weights.second, self.history.as_slice())
        {
            let older = zip_map(before, long_before, |b, l| 1.0 / r1 * (b - l));
            let difference = zip_map(&first, &older, |f, o| f - o);
            first = zip_map(&difference, &first, |d, f| f + r0 / (r0 + r1) * d);
            next = zip_map(&difference, &next, |d, n| {
                n + second_weight * (1.0 / (r0 + r1) * d)
            });
        }
        zip_map(&first, &next, |f, n| n + first_weight * f)
    }
}

impl Scheduler for DpmMultistep {
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
        rng: &mut TorchRng,
    ) -> Vec<f32> {
        let clean = self.denoised(model_output, i, sample);
        let weights = self.weights[i - self.begin];
        let mut next = self.combine(&weights, &clean, sample);
        if self.stochastic {
            let noise = rng.randn(sample.len());
            next = zip_map(&noise, &next, |z, n| n + weights.noise * z);
        }
        self.history.push(clean);
        let surplus = self.history.len().saturating_sub(2);
        self.history.drain(..surplus);
        next
    }

    fn denoised(&self, model_output: &[f32], i: usize, sample: &[f32]) -> Vec<f32> {
        let Level { alpha, sigma, .. } = self.levels[i];
        match self.prediction {
            PredictionType::Epsilon => {
                zip_map(model_output, sample, |o, s| (s - sigma * o) / alpha)
            }
            PredictionType::VPrediction => {
                zip_map(model_output, sample, |o, s| alpha * s - sigma * o)
            }
            PredictionType::Sample => model_output.to_vec(),
        }
    }

    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        let Level { alpha, sigma, .. } = self.levels[i];
        zip_map(original, noise, |o, n| alpha * o + sigma * n)
    }
}
