//! Owns what every sampler does alike: where a run begins in its schedule, what the UNet's output means there, noise added
//! to begin with. Each sampler holds a [`Run`] and adds its own step. Must never draw random numbers.

use super::clipped;
use super::kinds::PredictionType;

/// The noise levels of a schedule, whatever they are counted in. `i` counts entries of `timesteps`.
pub trait NoiseLevels: Send {
    fn timesteps(&self) -> &[f32];

    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    fn scale_model_input(&self, sample: &[f32], _i: usize) -> Vec<f32> {
        sample.to_vec()
    }

    /// Clean latents from the UNet's output.
    fn denoised(
        &self,
        prediction: PredictionType,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
    ) -> Vec<f32>;

    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32>;
}

/// A schedule on its way.
pub struct Run<L> {
    pub levels: L,
    /// The first entry that runs.
    pub begin: usize,
    pub prediction: PredictionType,
    /// Clean latents are held within ± this.
    pub clip: Option<f32>,
}

/// A run without its type, for the methods that all samplers share.
pub trait Visits {
    fn levels(&self) -> &dyn NoiseLevels;

    fn begin(&self) -> usize;

    /// Clean latents from the UNet's output, clipped where the schedule says so.
    fn clean(&self, model_output: &[f32], i: usize, sample: &[f32]) -> Vec<f32>;
}

impl<L: NoiseLevels> Visits for Run<L> {
    fn levels(&self) -> &dyn NoiseLevels {
        &self.levels
    }

    fn begin(&self) -> usize {
        self.begin
    }

    fn clean(&self, model_output: &[f32], i: usize, sample: &[f32]) -> Vec<f32> {
        let clean = self
            .levels
            .denoised(self.prediction, model_output, i, sample);
        clipped(clean, self.clip)
    }
}
