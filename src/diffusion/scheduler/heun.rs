//! Owns Heun's method on the probability-flow equation (Karras et al., "Elucidating the design space of diffusion-based
//! generative models", algorithm 1): an Euler step, a second evaluation at its end, and the mean of both slopes. Built by
//! `SchedulerConfig::start`. Must never draw random numbers.

use super::config::SchedulerConfig;
use super::kinds::PredictionType;
use super::sigmas::SigmaSchedule;
use super::{Scheduler, clipped, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// A Heun schedule. Every level but the first and the last stands in it twice: as a step's end and as the next one's start.
pub struct Heun {
    prediction: PredictionType,
    clip: Option<f32>,
    schedule: SigmaSchedule,
    begin: usize,
    /// Slope and latents at the start of a step whose end is being looked at.
    half: Option<(Vec<f32>, Vec<f32>)>,
}

impl Heun {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let mut schedule = SigmaSchedule::new(config, steps)?;
        schedule.timesteps = doubled(&schedule.timesteps, schedule.timesteps.len());
        schedule.sigmas = doubled(&schedule.sigmas, schedule.sigmas.len() - 1);
        Ok(Self {
            prediction: config.prediction_type,
            clip: config.clip_sample_range.map(|r| r as f32),
            schedule,
            begin: 2 * begin,
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
    fn timesteps(&self) -> &[f32] {
        &self.schedule.timesteps
    }

    fn begin_index(&self) -> usize {
        self.begin
    }

    fn init_noise_sigma(&self) -> f32 {
        self.schedule.init_noise_sigma
    }

    fn scale_model_input(&self, sample: &[f32], i: usize) -> Vec<f32> {
        self.schedule.scale_model_input(sample, i)
    }

    fn step(
        &mut self,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
        _rng: &mut TorchRng,
    ) -> Vec<f32> {
        let sigmas = &self.schedule.sigmas;
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

    fn denoised(&self, model_output: &[f32], i: usize, sample: &[f32]) -> Vec<f32> {
        let clean = self
            .schedule
            .denoised(self.prediction, model_output, i, sample);
        clipped(clean, self.clip)
    }

    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        self.schedule.add_noise(original, noise, i)
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
