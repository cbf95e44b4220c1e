//! Owns Heun's method on the probability-flow equation (Karras et al., "Elucidating the design space of diffusion-based
//! generative models", algorithm 1): an Euler step, a second evaluation at its end, and the mean of both slopes. Built by
//! `SchedulerConfig::start`. Must never draw random numbers.

use super::config::SchedulerConfig;
use super::run::{Run, Visits};
use super::sigmas::SigmaSchedule;
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// A Heun schedule. Every level but the first and the last stands in it twice: as a step's end and as the next one's start.
pub struct Heun {
    run: Run<SigmaSchedule>,
    /// Slope and latents at the start of a step whose end is being looked at.
    half: Option<(Vec<f32>, Vec<f32>)>,
}

impl Heun {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let mut schedule = SigmaSchedule::new(config, steps)?;
        schedule.timesteps = doubled(&schedule.timesteps, schedule.timesteps.len());
        schedule.sigmas = doubled(&schedule.sigmas, schedule.sigmas.len() - 1);
        Ok(Self {
            run: Run {
                levels: schedule,
                begin: 2 * begin,
                prediction: config.prediction_type,
                clip: config.clip_sample_range.map(|r| r as f32),
            },
            half: None,
        })
    }
}

/// All entries from the second one up to `end` twice.
fn doubled(values: &[f32], end: usize) -> Vec<f32> {
    let times = |i: usize| if (1..end).contains(&i) { 2 } else { 1 };
    let repeat = |(i, v): (usize, &f32)| std::iter::repeat_n(*v, times(i));
    values.iter().enumerate().flat_map(repeat).collect()
}

impl Scheduler for Heun {
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
        let sigmas = &self.run.levels.sigmas;
        let clean = self.denoised(model_output, i, sample);
        let slope = zip_map(sample, &clean, |s, c| (s - c) / sigmas[i]);
        if let Some((first, from)) = self.half.take() {
            let length = sigmas[i] - sigmas[i - 1];
            let mean = zip_map(&first, &slope, f32::midpoint);
            return zip_map(&mean, &from, |m, f| f + m * length);
        }
        let length = sigmas[i + 1] - sigmas[i];
        let next = zip_map(&slope, sample, |d, s| s + d * length);
        self.half = Some((slope, sample.to_vec()));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_levels_stand_twice() {
        assert_eq!(doubled(&[3.0, 2.0, 1.0], 3), [3.0, 2.0, 2.0, 1.0, 1.0]);
        assert_eq!(
            doubled(&[9.0, 5.0, 2.0, 0.0], 3),
            [9.0, 5.0, 5.0, 2.0, 2.0, 0.0]
        );
        assert_eq!(doubled(&[9.0, 0.0], 1), [9.0, 0.0]);
    }
}
