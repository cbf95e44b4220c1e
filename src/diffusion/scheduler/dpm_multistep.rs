//! Owns the multistep solvers DPM-Solver++ of order 1 to 3 (Lu et al., "DPM-Solver++", algorithm 2 and its stochastic form).
//! Built by `SchedulerConfig::start`. Draws once a step where the folder asks for the stochastic form, else never.

use super::config::SchedulerConfig;
use super::kinds::DpmConfig;
use super::levels::{Level, LevelSchedule};
use super::run::{Run, Visits};
use super::tables::impossible_schedule;
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

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
    run: Run<LevelSchedule>,
    stochastic: bool,
    weights: Vec<Weights>,
    /// Clean latents of earlier steps, newest last; at most two.
    history: Vec<Vec<f32>>,
}

impl DpmMultistep {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let schedule = LevelSchedule::new(config, steps)?;
        let levels = &schedule.levels;
        let weights: Vec<Weights> = (begin..schedule.timesteps.len())
            .map(|i| {
                let order = order(config, schedule.timesteps.len(), i, i - begin);
                weights(&config.dpm, order, levels, i)
            })
            .collect();
        if weights.iter().any(|w| !w.is_finite()) || weights.is_empty() {
            let why = "two steps have one and the same noise level";
            return Err(impossible_schedule(config.class.class_name(), steps, why));
        }
        Ok(Self {
            run: Run {
                levels: schedule,
                begin,
                prediction: config.prediction_type,
                clip: None,
            },
            stochastic: config.dpm.stochastic,
            weights,
            history: Vec::new(),
        })
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
        let clean = self.denoised(model_output, i, sample);
        let weights = self.weights[i - self.run.begin];
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
}
