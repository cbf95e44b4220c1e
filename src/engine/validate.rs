//! Owns the ranges of settings: what every front end refuses before a job is queued. The samplers' names are listed here
//! for menus and help.

use super::error::EngineError;
use crate::diffusion::scheduler::SchedulerName;
use crate::plan::GenerateSettings;

/// Names for the command line with labels for menus.
pub const SAMPLERS: [(&str, &str); SchedulerName::ALL.len()] = {
    let mut all = [("", ""); SchedulerName::ALL.len()];
    let mut i = 0;
    while i < all.len() {
        let name = SchedulerName::ALL[i];
        all[i] = (name.as_str(), name.label());
        i += 1;
    }
    all
};

/// Checks a fill's settings; `max_steps` is the model's number of training timesteps.
pub fn validate_settings(settings: &GenerateSettings, max_steps: u32) -> Result<(), EngineError> {
    let wrong = |text: String| Err(EngineError::Settings(text));
    if let Some(steps) = settings.num_inference_steps
        && !(1..=max_steps).contains(&steps)
    {
        return wrong(format!(
            "steps must be between 1 and {max_steps}, not {steps}"
        ));
    }
    if let Some(strength) = settings.strength
        && !(strength > 0.0 && strength <= 1.0)
    {
        return wrong(format!(
            "strength must be above 0 and at most 1, not {strength}"
        ));
    }
    if let Some(guidance) = settings.guidance_scale
        && !guidance.is_finite()
    {
        return wrong(format!("guidance must be a finite number, not {guidance}"));
    }
    if let Some(lora) = settings
        .additions
        .loras
        .iter()
        .find(|l| !l.weight.is_finite())
    {
        return wrong(format!(
            "the weight of the LoRA {} must be a number, such as 0.8",
            lora.file.display()
        ));
    }
    scheduler_name(settings)?;
    Ok(())
}

/// The asked scheduler, if one is.
pub fn scheduler_name(settings: &GenerateSettings) -> Result<Option<SchedulerName>, EngineError> {
    let Some(name) = &settings.scheduler else {
        return Ok(None);
    };
    let found = SchedulerName::ALL
        .into_iter()
        .find(|known| known.as_str() == name);
    if found.is_none() {
        let known: Vec<_> = SAMPLERS.iter().map(|(name, _)| *name).collect();
        return Err(EngineError::Settings(format!(
            "there is no scheduler \"{name}\"; use one of {}",
            known.join(", ")
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_sampler_exists() {
        for (name, _) in SAMPLERS {
            let settings = GenerateSettings {
                scheduler: Some(name.to_owned()),
                ..GenerateSettings::default()
            };
            assert!(validate_settings(&settings, 1000).is_ok(), "{name}");
        }
    }

    #[test]
    fn out_of_range_values_are_refused() {
        let base = GenerateSettings::default;
        let wrong = [
            GenerateSettings {
                num_inference_steps: Some(0),
                ..base()
            },
            GenerateSettings {
                num_inference_steps: Some(1001),
                ..base()
            },
            GenerateSettings {
                strength: Some(0.0),
                ..base()
            },
            GenerateSettings {
                strength: Some(1.01),
                ..base()
            },
            GenerateSettings {
                strength: Some(f64::NAN),
                ..base()
            },
            GenerateSettings {
                guidance_scale: Some(f64::INFINITY),
                ..base()
            },
            GenerateSettings {
                scheduler: Some("nonsense".to_owned()),
                ..base()
            },
        ];
        for settings in wrong {
            assert!(validate_settings(&settings, 1000).is_err(), "{settings:?}");
        }
    }
}
