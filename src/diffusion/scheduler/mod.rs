//! Owns samplers: which noise levels are visited, and how latents move from one to the next. Used by the pipeline; the engine
//! and the user interface read the names. Arithmetic is on plain `f32` slices on the host: latents are tiny, and so every device
//! gives the same picture. Must never touch tensors or the UNet.

mod alphas;
mod config;
mod consistency;
mod ddim;
mod defaults;
mod dpm_multistep;
mod euler;
mod heun;
mod kinds;
mod levels;
mod name;
mod pndm;
mod run;
mod sigmas;
mod tables;
mod unipc;

pub use config::SchedulerConfig;
pub use kinds::{
    BetaSchedule, ConsistencyConfig, DpmConfig, PredictionType, SchedulerClass, SigmaSpacing,
    TimestepSpacing, UniPcConfig,
};
pub use name::SchedulerName;
pub use run::{NoiseLevels, Visits};

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::noise::TorchRng;

/// One run of a sampler: its schedule for a number of steps, and whatever it remembers between steps. All slices are of one
/// length. `i` counts entries of [`Self::timesteps`] and goes from [`Self::begin_index`] up, each once and in order.
pub trait Scheduler: Send {
    /// What this sampler shares with the others.
    fn run(&self) -> &dyn Visits;

    /// The next latents. Draws from `rng` only where the sampler adds fresh noise.
    fn step(
        &mut self,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
        rng: &mut TorchRng,
    ) -> Vec<f32>;

    /// The timesteps of the whole schedule, as the UNet is told them. PNDM has more of them than there are steps.
    fn timesteps(&self) -> &[f32] {
        self.run().levels().timesteps()
    }

    /// The first entry that runs: 0, or more at a strength below 1.
    fn begin_index(&self) -> usize {
        self.run().begin()
    }

    /// What pure noise is multiplied by at strength 1.
    fn init_noise_sigma(&self) -> f32 {
        self.run().levels().init_noise_sigma()
    }

    /// The latents as the UNet wants to see them at entry `i`.
    fn scale_model_input(&self, sample: &[f32], i: usize) -> Vec<f32> {
        self.run().levels().scale_model_input(sample, i)
    }

    /// The clean latents that `model_output` points to at entry `i`, for previews.
    fn denoised(&self, model_output: &[f32], i: usize, sample: &[f32]) -> Vec<f32> {
        self.run().clean(model_output, i, sample)
    }

    /// `original` with as much of `noise` as entry `i` starts from.
    fn add_noise(&self, original: &[f32], noise: &[f32], i: usize) -> Vec<f32> {
        self.run().levels().add_noise(original, noise, i)
    }
}

impl SchedulerConfig {
    /// The schedule of `num_inference_steps` steps of which the last `strength` (above 0, at most 1) run. Fails where no step
    /// would run, and where the schedule divides by zero.
    pub fn start(&self, num_inference_steps: usize, strength: f64) -> Result<Box<dyn Scheduler>> {
        let most = self.num_train_timesteps;
        if !(1..=most).contains(&num_inference_steps) {
            return Err(DiffusionError::Settings(format!(
                "the number of steps is {num_inference_steps}, but must be from 1 to {most}"
            )));
        }
        let begin = begin_index(num_inference_steps, strength)?;
        let steps = num_inference_steps;
        Ok(match self.class {
            SchedulerClass::Ddim => Box::new(ddim::Ddim::new(self, steps, begin)?),
            SchedulerClass::Pndm => Box::new(pndm::Pndm::new(self, steps, begin)?),
            SchedulerClass::Euler | SchedulerClass::EulerAncestral => {
                Box::new(euler::Euler::new(self, steps, begin)?)
            }
            SchedulerClass::Heun => Box::new(heun::Heun::new(self, steps, begin)?),
            SchedulerClass::DpmMultistep => {
                Box::new(dpm_multistep::DpmMultistep::new(self, steps, begin)?)
            }
            SchedulerClass::UniPc => Box::new(unipc::UniPc::new(self, steps, begin)?),
            SchedulerClass::Lcm | SchedulerClass::Tcd => {
                Box::new(consistency::Consistency::new(self, steps, begin)?)
            }
        })
    }
}

/// How many steps are left out at the start for a strength (`get_timesteps` of diffusers' image-to-image pipelines).
fn begin_index(steps: usize, strength: f64) -> Result<usize> {
    if !(strength > 0.0 && strength <= 1.0) {
        return Err(DiffusionError::Settings(format!(
            "the strength is {strength}, but must be above 0 and at most 1"
        )));
    }
    let run = ((steps as f64 * strength) as usize).min(steps);
    if run == 0 {
        let enough = (1.0 / strength).ceil();
        return Err(DiffusionError::Settings(format!(
            "a strength of {strength} leaves none of {steps} steps to run; raise the strength to {:.2} or the number of \
             steps to {enough}",
            1.0 / steps as f64
        )));
    }
    Ok(steps - run)
}

/// `f(model_output, sample)` for every latent.
fn zip_map(model_output: &[f32], sample: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    model_output
        .iter()
        .zip(sample)
        .map(|(o, s)| f(*o, *s))
        .collect()
}

/// Latents held within ± `range`, where there is one.
fn clipped(mut latents: Vec<f32>, range: Option<f32>) -> Vec<f32> {
    if let Some(range) = range {
        for latent in &mut latents {
            *latent = latent.clamp(-range, range);
        }
    }
    latents
}

/// Clean latents from the UNet's output where `alpha` is the share of signal ᾱ (DDIM paper, equation 12).
fn clean_latents(
    prediction: PredictionType,
    alpha: f32,
    model_output: &[f32],
    sample: &[f32],
) -> Vec<f32> {
    let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
    match prediction {
        PredictionType::Epsilon => zip_map(model_output, sample, |o, s| (s - noise * o) / signal),
        PredictionType::VPrediction => zip_map(model_output, sample, |o, s| signal * s - noise * o),
        PredictionType::Sample => model_output.to_vec(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test stops at the first surprise
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::path::Path;

    fn read(value: &Value, name: Option<SchedulerName>) -> Result<SchedulerConfig> {
        SchedulerConfig::read(value, Path::new("scheduler_config.json"), name)
    }

    #[test]
    fn names_round_trip() {
        for name in SchedulerName::ALL {
            assert_eq!(name.as_str().parse::<SchedulerName>().unwrap(), name);
            assert_eq!(json!(name), json!(name.as_str()));
        }
        let error = "nonsense".parse::<SchedulerName>().unwrap_err().to_string();
        assert!(error.contains("dpm++2m-karras"), "{error}");
    }

    #[test]
    fn absent_fields_take_the_defaults_of_the_class_that_runs() {
        let file =
            json!({"_class_name": "PNDMScheduler", "beta_start": 0.00085, "clip_sample": null});
        let own = read(&file, None).unwrap();
        assert_eq!(own.class, SchedulerClass::Pndm);
        assert!(own.skip_prk_steps && own.steps_offset == 1 && !own.set_alpha_to_one);
        let pndm = read(&file, Some(SchedulerName::Pndm)).unwrap();
        assert!(!pndm.skip_prk_steps && pndm.steps_offset == 0);
        let ddim = read(&file, Some(SchedulerName::Ddim)).unwrap();
        assert_eq!(ddim.timestep_spacing, TimestepSpacing::Leading);
        assert_eq!(ddim.clip_sample_range, Some(1.0));
        assert!(ddim.set_alpha_to_one);
        let euler = read(&file, Some(SchedulerName::EulerKarras)).unwrap();
        assert_eq!(euler.timestep_spacing, TimestepSpacing::Linspace);
        assert_eq!(euler.sigma_spacing, SigmaSpacing::Karras);
        assert_eq!(euler.beta_start, 0.00085);
    }

    #[test]
    fn fields_marked_as_defaults_are_not_carried_over() {
        let file = json!({"_class_name": "DDIMScheduler", "timestep_spacing": "leading",
            "_use_default_values": ["timestep_spacing"]});
        let euler = read(&file, Some(SchedulerName::Euler)).unwrap();
        assert_eq!(euler.timestep_spacing, TimestepSpacing::Linspace);
    }

    #[test]
    fn unknown_classes_name_what_runs() {
        let error = read(&json!({"_class_name": "DEISMultistepScheduler"}), None).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("DEISMultistepScheduler") && text.contains("EulerDiscreteScheduler"),
            "{text}"
        );
        assert!(matches!(error, DiffusionError::Unsupported { .. }));
        let named = read(
            &json!({"_class_name": "DEISMultistepScheduler", "solver_type": "bh2"}),
            Some(SchedulerName::DpmPlusPlus2M),
        );
        assert!(!named.unwrap().dpm.heun);
    }

    #[test]
    fn strength_cuts_as_diffusers_does() {
        assert_eq!(begin_index(50, 1.0).unwrap(), 0);
        assert_eq!(begin_index(5, 0.6).unwrap(), 2);
        assert_eq!(begin_index(10, 0.9).unwrap(), 1);
        // 100 × 0.29 is 28.999… in binary.
        assert_eq!(begin_index(100, 0.29).unwrap(), 72);
        let text = begin_index(4, 0.2).unwrap_err().to_string();
        assert!(text.contains("0.25") && text.contains("to 5"), "{text}");
        for bad in [0.0, -1.0, 1.01, f64::NAN] {
            assert!(begin_index(4, bad).is_err());
        }
    }

    #[test]
    fn nonsense_is_refused_not_run() {
        let zero_snr = json!({"rescale_betas_zero_snr": true, "timestep_spacing": "trailing"});
        let settings = |r: Result<()>| assert!(matches!(r, Err(DiffusionError::Settings(_))));
        settings(read(&zero_snr, Some(SchedulerName::Pndm)).map(|_| ()));
        let ddim = read(&zero_snr, Some(SchedulerName::Ddim)).unwrap();
        settings(ddim.start(10, 1.0).map(|_| ()));
        settings(ddim.start(0, 1.0).map(|_| ()));
        settings(ddim.start(1001, 1.0).map(|_| ()));
        let clean = json!({"prediction_type": "sample"});
        settings(read(&clean, Some(SchedulerName::EulerAncestral)).map(|_| ()));
        // As many steps as timesteps: two steps of one noise level, between which DPM++ divides by zero.
        let dpm = read(&json!({}), Some(SchedulerName::DpmPlusPlus2M)).unwrap();
        settings(dpm.start(1000, 1.0).map(|_| ()));
        assert!(dpm.start(500, 1.0).is_ok());
    }
}
