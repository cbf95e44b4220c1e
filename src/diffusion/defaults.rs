//! Owns what a model wants when a user does not say: steps, guidance, sampler, by what its own files tell. Used by the engine, so that
//! nobody has to know which checkpoint is distilled. Must never decide by a file's name.

use crate::diffusion::checkpoint::Family;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::scheduler::SchedulerName;

/// Models that were distilled to need few steps, by how they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distillation {
    /// Not distilled.
    None,
    /// Latent consistency: the `LCMScheduler`, or a UNet that is told the guidance scale.
    Lcm,
    /// Trajectory consistency (TCD, Hyper-SD): the `TCDScheduler`.
    Tcd,
    /// Adversarial (Turbo): one to four steps from the noisiest timestep down.
    Turbo,
    /// Progressive and adversarial (Lightning): four to eight such steps.
    Lightning,
}

/// A model's own settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Defaults {
    /// `num_inference_steps`.
    pub steps: usize,
    /// `guidance_scale`.
    pub guidance: f64,
    /// The sampler, where the one that the files name would be wrong.
    pub scheduler: Option<SchedulerName>,
}

/// How the model was distilled: by its scheduler's class and spacing, by what its UNet is told, and by the words that its files say
/// about themselves.
pub fn distillation(model: &ModelFolder) -> Distillation {
    let field = |name: &str| model.scheduler.get(name).and_then(|v| v.as_str());
    let class = field("_class_name").unwrap_or_default();
    let says = |word: &str| {
        let words = model.description.split(|c: char| !c.is_alphanumeric());
        words.into_iter().any(|w| w == word)
    };
    let zero_snr = model.scheduler.get("rescale_betas_zero_snr") == Some(&true.into());
    let trails = field("timestep_spacing") == Some("trailing");
    if class == "LCMScheduler" || model.unet.time_cond_proj_dim.is_some() || says("lcm") {
        Distillation::Lcm
    } else if class == "TCDScheduler" || says("hyper") || says("tcd") {
        Distillation::Tcd
    } else if says("lightning") {
        Distillation::Lightning
    } else if says("turbo") || (trails && !zero_snr && class.starts_with("Euler")) {
        // The published Turbo models name an Euler sampler with trailing timesteps; others that trail end without signal.
        Distillation::Turbo
    } else {
        Distillation::None
    }
}

/// The model's own settings. Undistilled ones are diffusers' pipelines'.
pub fn defaults(model: &ModelFolder) -> Defaults {
    let of = |steps, guidance, scheduler| Defaults {
        steps,
        guidance,
        scheduler,
    };
    let own = |class: &str, name| {
        let has = model.scheduler.get("_class_name").and_then(|v| v.as_str());
        (has != Some(class)).then_some(name)
    };
    let trailing = || {
        let has = model
            .scheduler
            .get("timestep_spacing")
            .and_then(|v| v.as_str());
        (has != Some("trailing")).then_some(SchedulerName::EulerTrailing)
    };
    match distillation(model) {
        Distillation::None if model.family() == Family::Sdxl => of(30, 5.0, None),
        Distillation::None => of(50, 7.5, None),
        // A UNet that is told the scale wants it; others run without guidance.
        Distillation::Lcm if model.unet.time_cond_proj_dim.is_some() => {
            of(4, 8.0, own("LCMScheduler", SchedulerName::Lcm))
        }
        Distillation::Lcm => of(4, 1.0, own("LCMScheduler", SchedulerName::Lcm)),
        Distillation::Tcd => of(8, 1.0, own("TCDScheduler", SchedulerName::Tcd)),
        Distillation::Turbo => of(4, 1.0, trailing()),
        Distillation::Lightning => of(8, 1.0, trailing()),
    }
}
