//! Owns PNDM (Liu et al., "Pseudo numerical methods for diffusion models on manifolds", equations 9, 12 and 13): linear
//! multistep, with or without the Runge–Kutta warm-up. Built by `SchedulerConfig::start`. Must never draw random numbers.

use super::alphas::{AlphaSchedule, final_alpha, predicted_noise, whole_timesteps};
use super::config::SchedulerConfig;
use super::run::{Run, Visits};
use super::tables::{alphas_cumprod, impossible_schedule};
use super::{Scheduler, zip_map};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::noise::TorchRng;

/// Timesteps that the warm-up visits twice each.
const WARM_UP: usize = 4;

/// What one step moves between: ᾱ at both ends. `None` where diffusers would read outside its table.
type Move = Option<(f32, f32)>;

/// A PNDM schedule and the model outputs it remembers.
pub struct Pndm {
    run: Run<AlphaSchedule>,
    warm_up_steps: usize,
    /// From and to which ᾱ each entry's step moves.
    moves: Vec<(f32, f32)>,
    /// The last model outputs, newest last; at most four.
    outputs: Vec<Vec<f32>>,
    /// The latents that the current group of steps started from.
    kept_sample: Option<Vec<f32>>,
    /// The warm-up's weighted sum of model outputs.
    weighted: Vec<f32>,
}

impl Pndm {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let table = alphas_cumprod(config);
        let mut spaced = whole_timesteps(config, steps, begin.saturating_sub(1))?;
        spaced.reverse();
        let stride = config.num_train_timesteps / steps;
        let warm_up = if config.skip_prk_steps {
            Vec::new()
        } else {
            warm_up_timesteps(&spaced, stride / 2)?
        };
        let timesteps = if config.skip_prk_steps {
            multistep_timesteps(&spaced)
        } else {
            let rest = spaced[..spaced.len() - (WARM_UP - 1)].iter().rev();
            warm_up.iter().chain(rest).copied().collect()
        };
        let end = final_alpha(config, &table);
        let at = |t: Option<usize>| t.map_or(Some(end), |t| table.get(t).copied());
        let step_move = |i: usize| -> Move {
            let counter = i - begin;
            let now = timesteps[i];
            if counter < warm_up.len() {
                let back = if counter % 2 == 1 { 0 } else { stride / 2 };
                let from = warm_up[counter / 4 * 4];
                Some((at(Some(from))?, at(now.checked_sub(back))?))
            } else if counter == 1 {
                Some((at(Some(now + stride))?, at(Some(now))?))
            } else {
                Some((at(Some(now))?, at(now.checked_sub(stride))?))
            }
        };
        let moves: Option<Vec<_>> = (begin..timesteps.len()).map(step_move).collect();
        let fault = |why| impossible_schedule("PNDMScheduler", steps, why);
        let visited = moves.ok_or_else(|| fault("it reaches beyond the last timestep"))?;
        let sound = |a: f32, b: f32| a > 0.0 && a < 1.0 && b > 0.0 && b <= 1.0;
        if visited.iter().any(|(from, to)| !sound(*from, *to)) {
            return Err(fault("a timestep has no signal or no noise at all"));
        }
        Ok(Self {
            run: Run {
                levels: AlphaSchedule::new(&table, &timesteps),
                begin,
                prediction: config.prediction_type,
                clip: None,
            },
            warm_up_steps: warm_up.len(),
            moves: visited,
            outputs: Vec::new(),
            kept_sample: None,
            weighted: Vec::new(),
        })
    }

    /// One of the four evaluations of a Runge–Kutta step: what to move along, and from which latents.
    fn warm_up(&mut self, counter: usize, output: &[f32], sample: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let direction = match counter % 4 {
            0 => {
                self.weighted = output.iter().map(|o| 1.0 / 6.0 * o).collect();
                self.outputs.push(output.to_vec());
                self.kept_sample = Some(sample.to_vec());
                output.to_vec()
            }
            1 | 2 => {
                self.weighted = zip_map(output, &self.weighted, |o, w| w + 1.0 / 3.0 * o);
                output.to_vec()
            }
            _ => {
                let weighted = std::mem::take(&mut self.weighted);
                zip_map(output, &weighted, |o, w| w + 1.0 / 6.0 * o)
            }
        };
        let from = self.kept_sample.clone().unwrap_or_else(|| sample.to_vec());
        (direction, from)
    }

    /// A linear multistep step: what to move along, and from which latents.
    fn multistep(
        &mut self,
        counter: usize,
        output: &[f32],
        sample: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        if counter == 1 && self.outputs.len() == 1 {
            // The second step repeats the first one with the mean of both outputs.
            let mean = zip_map(output, &self.outputs[0], f32::midpoint);
            let from = self.kept_sample.take().unwrap_or_else(|| sample.to_vec());
            return (mean, from);
        }
        let surplus = self.outputs.len().saturating_sub(3);
        self.outputs.drain(..surplus);
        self.outputs.push(output.to_vec());
        if self.outputs.len() == 1 {
            self.kept_sample = Some(sample.to_vec());
        }
        let direction = match self.outputs.as_slice() {
            [a, b] => zip_map(b, a, |b, a| (3.0 * b - a) / 2.0),
            [a, b, c] => {
                let newer = zip_map(c, b, |c, b| 23.0 * c - 16.0 * b);
                zip_map(&newer, a, |n, a| (n + 5.0 * a) / 12.0)
            }
            [a, b, c, d] => {
                let newer = zip_map(d, c, |d, c| 55.0 * d - 59.0 * c);
                let newer = zip_map(&newer, b, |n, b| n + 37.0 * b);
                zip_map(&newer, a, |n, a| 1.0 / 24.0 * (n - 9.0 * a))
            }
            _ => output.to_vec(),
        };
        (direction, sample.to_vec())
    }

    /// Equation 9: from ᾱ to ᾱ along the predicted noise.
    fn transfer(&self, sample: &[f32], (from, to): (f32, f32), direction: &[f32]) -> Vec<f32> {
        let (noise_from, noise_to) = (1.0 - from, 1.0 - to);
        let epsilon = predicted_noise(self.run.prediction, from, direction, sample);
        let keep = (to / from).sqrt();
        let denominator = from * noise_to.sqrt() + (from * noise_from * to).sqrt();
        zip_map(&epsilon, sample, |e, s| {
            keep * s - (to - from) * e / denominator
        })
    }
}

/// All timesteps but the last two once, upwards from the end; the second one twice.
fn multistep_timesteps(spaced: &[usize]) -> Vec<usize> {
    let mut out: Vec<usize> = spaced.iter().rev().copied().collect();
    if out.len() > 1 {
        out.insert(1, out[1]);
    }
    out
}

/// The warm-up's twelve timesteps: three Runge–Kutta steps with half strides inside.
fn warm_up_timesteps(spaced: &[usize], half: usize) -> Result<Vec<usize>> {
    if spaced.len() < WARM_UP {
        return Err(DiffusionError::Settings(format!(
            "PNDMScheduler with its warm-up needs at least {WARM_UP} steps, not {}; raise the number of steps",
            spaced.len()
        )));
    }
    let last = &spaced[spaced.len() - WARM_UP..];
    let pairs: Vec<usize> = last.iter().flat_map(|t| [*t, t + half]).collect();
    let doubled: Vec<usize> = pairs[..pairs.len() - 1]
        .iter()
        .flat_map(|t| [*t, *t])
        .collect();
    Ok(doubled[1..doubled.len() - 1]
        .iter()
        .rev()
        .copied()
        .collect())
}

impl Scheduler for Pndm {
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
        let counter = i - self.run.begin;
        let (direction, from) = if counter < self.warm_up_steps {
            self.warm_up(counter, model_output, sample)
        } else {
            self.multistep(counter, model_output, sample)
        };
        self.transfer(&from, self.moves[counter], &direction)
    }
}
