//! Owns `scheduler_config.json`: which class runs, and its fields with that class's own defaults, as diffusers' `from_config`
//! and its inpainting pipeline would read them. Used by the schedulers. Must never compute a schedule.

use std::path::Path;

use serde_json::Value;

use super::SchedulerName;
use super::kinds::{
    BetaSchedule, ConsistencyConfig, DpmConfig, PredictionType, SchedulerClass, SigmaSpacing,
    TimestepSpacing, UniPcConfig,
};
use crate::diffusion::config::JsonFile;
use crate::diffusion::error::{DiffusionError, Result};

/// No model was trained with more timesteps; every table here has one entry a timestep.
const MOST_TIMESTEPS: usize = 100_000;

/// A scheduler's configuration, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerConfig {
    /// The algorithm that runs.
    pub class: SchedulerClass,
    /// The model was trained on so many noise levels.
    pub num_train_timesteps: usize,
    /// The first timestep's beta, 0–1.
    pub beta_start: f64,
    /// The last timestep's beta, 0–1.
    pub beta_end: f64,
    /// How beta goes from one to the other.
    pub beta_schedule: BetaSchedule,
    /// Betas are stretched until the last timestep has no signal (Lin et al., 2023, algorithm 1).
    pub rescale_betas_zero_snr: bool,
    /// What the UNet's output stands for.
    pub prediction_type: PredictionType,
    /// Which training timesteps are visited.
    pub timestep_spacing: TimestepSpacing,
    /// Added to leading timesteps.
    pub steps_offset: usize,
    /// DDIM, Heun and LCM: the clean latents are clipped to ± this.
    pub clip_sample_range: Option<f64>,
    /// DDIM and PNDM: what follows the last step is clean, not the first timestep.
    pub set_alpha_to_one: bool,
    /// PNDM: no Runge–Kutta warm-up.
    pub skip_prk_steps: bool,
    /// How sigmas are spaced.
    pub sigma_spacing: SigmaSpacing,
    /// Euler: sigmas start out evenly spaced in the logarithm over all training timesteps (`interpolation_type`).
    pub log_linear: bool,
    /// The last spaced sigma, where the schedule's own does not count.
    pub sigma_min: Option<f64>,
    /// The first spaced sigma, where the schedule's own does not count.
    pub sigma_max: Option<f64>,
    /// Euler, DPM++ and UniPC: the sigma after the last step is the first timestep's instead of 0.
    pub final_sigma_min: bool,
    /// Euler with `v_prediction`: the UNet is told ln(sigma) / 4 instead of the timestep.
    pub continuous_timesteps: bool,
    /// What only DPM++ reads.
    pub dpm: DpmConfig,
    /// What only UniPC reads.
    pub unipc: UniPcConfig,
    /// What only LCM and TCD read.
    pub consistency: ConsistencyConfig,
}

impl SchedulerConfig {
    /// Reads `value`, the object in the file `path`. Without a name the file's own `_class_name` runs; with one, that
    /// name's class reads the same object as diffusers' `from_config` does: fields that the class does not know are
    /// dropped, absent ones take the class's default. As in diffusers' inpainting pipeline, which repairs old
    /// configurations, the folder's own scheduler has `steps_offset` 1 and skips PNDM's warm-up whatever the file says,
    /// and a file that states other values is corrected before a name is applied.
    pub fn read(value: &Value, path: &Path, name: Option<SchedulerName>) -> Result<Self> {
        let file = Self::explicit_fields(value, path)?;
        let own_class = file.string("_class_name", "")?;
        let class = match name {
            Some(name) => name.class(),
            None => Self::own_class(&file, &own_class)?,
        };
        let karras = name.is_some_and(SchedulerName::is_karras);
        let offset = file.size("steps_offset", 0, 0..=MOST_TIMESTEPS)?;
        let offset_is_given = file.get("steps_offset").is_some();
        let skip_is_given = file.get("skip_prk_steps").is_some();
        file.flag("skip_prk_steps", false)?;
        let repaired = name.is_none();
        let (beta_start, beta_end, _) = class.default_betas();
        let config = Self {
            class,
            num_train_timesteps: file.size("num_train_timesteps", 1000, 1..=MOST_TIMESTEPS)?,
            beta_start: file.number("beta_start", beta_start, 0.0..=1.0)?,
            beta_end: file.number("beta_end", beta_end, 0.0..=1.0)?,
            beta_schedule: beta_schedule(&file, class)?,
            rescale_betas_zero_snr: file.flag("rescale_betas_zero_snr", false)?,
            prediction_type: prediction_type(&file)?,
            timestep_spacing: match name {
                Some(name) if name.is_trailing() => TimestepSpacing::Trailing,
                _ => timestep_spacing(&file, class)?,
            },
            steps_offset: if repaired || offset_is_given {
                1
            } else {
                offset
            },
            clip_sample_range: clip_range(&file, class)?,
            set_alpha_to_one: file.flag("set_alpha_to_one", class.ends_clean_by_default())?,
            skip_prk_steps: repaired || skip_is_given,
            sigma_spacing: sigma_spacing(&file, class, karras)?,
            log_linear: log_linear(&file, class)?,
            sigma_min: optional_sigma(&file, "sigma_min")?,
            sigma_max: optional_sigma(&file, "sigma_max")?,
            final_sigma_min: final_sigma_min(&file, class)?,
            continuous_timesteps: continuous_timesteps(&file, class)?,
            dpm: dpm(&file, class, name.is_some_and(SchedulerName::is_stochastic))?,
            unipc: unipc(&file, class)?,
            consistency: consistency(&file, class)?,
        };
        config.check(&file)?;
        Ok(config)
    }

    /// Which class the file asks for, without reading the rest. An unknown one is refused by naming those that run.
    pub fn own_class(file: &JsonFile, class_name: &str) -> Result<SchedulerClass> {
        let known = SchedulerClass::ALL
            .into_iter()
            .find(|c| c.class_name() == class_name);
        known.ok_or_else(|| {
            let classes = SchedulerClass::ALL.map(SchedulerClass::class_name);
            let names = SchedulerName::ALL.map(SchedulerName::as_str);
            DiffusionError::unsupported(
                file.path(),
                format!(
                    "the scheduler {class_name:?} (supported are {}; or choose one of {})",
                    classes.join(", "),
                    names.join(", ")
                ),
            )
        })
    }

    /// The object without the fields that diffusers marked as defaults of another class.
    fn explicit_fields(value: &Value, path: &Path) -> Result<JsonFile> {
        let mut value = value.clone();
        if let Value::Object(map) = &mut value
            && let Some(Value::Array(defaults)) = map.remove("_use_default_values")
        {
            for key in defaults.iter().filter_map(Value::as_str) {
                map.shift_remove(key);
            }
        }
        JsonFile::from_value(path, value)
    }

    fn check(&self, file: &JsonFile) -> Result<()> {
        if let BetaSchedule::Trained(betas) = &self.beta_schedule
            && betas.len() != self.num_train_timesteps
        {
            let (got, want) = (betas.len(), self.num_train_timesteps);
            return Err(file.error(
                "trained_betas",
                format_args!("has {got} entries, but num_train_timesteps is {want}"),
            ));
        }
        if self
            .sigma_min
            .is_some_and(|low| self.sigma_max.is_some_and(|high| low > high))
        {
            return Err(file.error("sigma_min", "is larger than sigma_max"));
        }
        if self.class.can_threshold() && file.flag("thresholding", false)? {
            return Err(file.unsupported("thresholding"));
        }
        let class = self.class.class_name();
        if self.prediction_type == PredictionType::Sample && !self.class.takes_clean_output() {
            return Err(DiffusionError::Settings(format!(
                "{class} cannot run a model that predicts clean latents (prediction_type \"sample\"); choose ddim, euler \
                 or dpm++2m"
            )));
        }
        if self.rescale_betas_zero_snr && !self.class.takes_zero_snr() {
            return Err(DiffusionError::Settings(format!(
                "{class} cannot run a model trained to zero terminal signal (rescale_betas_zero_snr); choose ddim, euler or \
                 dpm++2m"
            )));
        }
        Ok(())
    }
}

fn beta_schedule(file: &JsonFile, class: SchedulerClass) -> Result<BetaSchedule> {
    if let Some(value) = file.get("trained_betas") {
        let list = value.as_array().filter(|l| l.len() <= MOST_TIMESTEPS);
        let betas: Option<Vec<f32>> = list.and_then(|list| {
            list.iter()
                .map(|v| {
                    v.as_f64()
                        .filter(|b| (0.0..=1.0).contains(b))
                        .map(|b| b as f32)
                })
                .collect()
        });
        return betas
            .map(BetaSchedule::Trained)
            .ok_or_else(|| file.error("trained_betas", "must be a list of numbers from 0 to 1"));
    }
    match file
        .string("beta_schedule", class.default_betas().2)?
        .as_str()
    {
        "linear" => Ok(BetaSchedule::Linear),
        "scaled_linear" => Ok(BetaSchedule::ScaledLinear),
        "squaredcos_cap_v2" => Ok(BetaSchedule::SquaredCosCapV2),
        _ => Err(file.unsupported("beta_schedule")),
    }
}

fn prediction_type(file: &JsonFile) -> Result<PredictionType> {
    match file.string("prediction_type", "epsilon")?.as_str() {
        "epsilon" => Ok(PredictionType::Epsilon),
        "v_prediction" => Ok(PredictionType::VPrediction),
        "sample" => Ok(PredictionType::Sample),
        _ => Err(file.unsupported("prediction_type")),
    }
}

fn timestep_spacing(file: &JsonFile, class: SchedulerClass) -> Result<TimestepSpacing> {
    match file
        .string("timestep_spacing", class.default_spacing())?
        .as_str()
    {
        "leading" => Ok(TimestepSpacing::Leading),
        "linspace" => Ok(TimestepSpacing::Linspace),
        "trailing" => Ok(TimestepSpacing::Trailing),
        _ => Err(file.unsupported("timestep_spacing")),
    }
}

fn clip_range(file: &JsonFile, class: SchedulerClass) -> Result<Option<f64>> {
    let range = file.number("clip_sample_range", 1.0, 0.0..=1e6)?;
    Ok(file
        .flag("clip_sample", class.clips_by_default())?
        .then_some(range))
}

fn optional_sigma(file: &JsonFile, field: &str) -> Result<Option<f64>> {
    match file.get(field) {
        None => Ok(None),
        Some(_) => file.number(field, 0.0, 1e-9..=1e9).map(Some),
    }
}

fn sigma_spacing(file: &JsonFile, class: SchedulerClass, karras: bool) -> Result<SigmaSpacing> {
    let dpm = class == SchedulerClass::DpmMultistep;
    if !class.spaces_sigmas() {
        return Ok(SigmaSpacing::Timesteps);
    }
    let unsupported: &[&str] = if dpm || class == SchedulerClass::UniPc {
        &["use_beta_sigmas", "use_flow_sigmas", "use_dynamic_shifting"]
    } else {
        &["use_beta_sigmas"]
    };
    file.refuse_set(unsupported)?;
    let karras = karras || file.flag("use_karras_sigmas", false)?;
    let exponential = file.flag("use_exponential_sigmas", false)?;
    let lu = dpm && file.flag("use_lu_lambdas", false)?;
    if karras && exponential {
        return Err(DiffusionError::Settings(
            "the model's scheduler already spaces its sigmas exponentially; choose a sampler without karras".into(),
        ));
    }
    Ok(match (karras, lu, exponential) {
        (true, ..) => SigmaSpacing::Karras,
        (_, true, _) => SigmaSpacing::Lu,
        (.., true) => SigmaSpacing::Exponential,
        _ => SigmaSpacing::Timesteps,
    })
}

fn log_linear(file: &JsonFile, class: SchedulerClass) -> Result<bool> {
    if class != SchedulerClass::Euler {
        return Ok(false);
    }
    match file.string("interpolation_type", "linear")?.as_str() {
        "linear" => Ok(false),
        "log_linear" => Ok(true),
        _ => Err(file.unsupported("interpolation_type")),
    }
}

fn final_sigma_min(file: &JsonFile, class: SchedulerClass) -> Result<bool> {
    if !class.has_final_sigma() {
        return Ok(false);
    }
    match file.string("final_sigmas_type", "zero")?.as_str() {
        "zero" => Ok(false),
        "sigma_min" => Ok(true),
        _ => Err(file.unsupported("final_sigmas_type")),
    }
}

fn continuous_timesteps(file: &JsonFile, class: SchedulerClass) -> Result<bool> {
    if class != SchedulerClass::Euler {
        return Ok(false);
    }
    match file.string("timestep_type", "discrete")?.as_str() {
        "discrete" => Ok(false),
        "continuous" => Ok(prediction_type(file)? == PredictionType::VPrediction),
        _ => Err(file.unsupported("timestep_type")),
    }
}

fn dpm(file: &JsonFile, class: SchedulerClass, stochastic: bool) -> Result<DpmConfig> {
    let mut config = DpmConfig {
        solver_order: 2,
        heun: false,
        stochastic: false,
        lower_order_final: true,
        euler_at_final: false,
        lambda_min_clipped: f64::NEG_INFINITY,
    };
    if class != SchedulerClass::DpmMultistep {
        return Ok(config);
    }
    config.solver_order = file.size("solver_order", 2, 1..=3)?;
    // Names that diffusers' other solvers use stand for the usual form, as they do there.
    config.heun = match file.string("solver_type", "midpoint")?.as_str() {
        "midpoint" | "logrho" | "bh1" | "bh2" => false,
        "heun" => true,
        _ => return Err(file.unsupported("solver_type")),
    };
    config.stochastic = match file.string("algorithm_type", "dpmsolver++")?.as_str() {
        "sde-dpmsolver++" => true,
        _ if stochastic => true,
        "dpmsolver++" | "deis" => false,
        _ => return Err(file.unsupported("algorithm_type")),
    };
    config.lower_order_final = file.flag("lower_order_final", true)?;
    config.euler_at_final = file.flag("euler_at_final", false)?;
    config.lambda_min_clipped = match file.get("lambda_min_clipped") {
        None => f64::NEG_INFINITY,
        Some(_) => file.number("lambda_min_clipped", 0.0, -1e9..=1e9)?,
    };
    file.refuse_set(&["variance_type"])?;
    Ok(config)
}

fn unipc(file: &JsonFile, class: SchedulerClass) -> Result<UniPcConfig> {
    let mut config = UniPcConfig {
        solver_order: 2,
        predict_x0: true,
        bh1: false,
        lower_order_final: true,
        disable_corrector: Vec::new(),
    };
    if class != SchedulerClass::UniPc {
        return Ok(config);
    }
    config.solver_order = file.size("solver_order", 2, 1..=3)?;
    config.predict_x0 = file.flag("predict_x0", true)?;
    // Names that diffusers' other solvers use stand for the usual form, as they do there.
    config.bh1 = match file.string("solver_type", "bh2")?.as_str() {
        "bh2" | "midpoint" | "heun" | "logrho" => false,
        "bh1" => true,
        _ => return Err(file.unsupported("solver_type")),
    };
    config.lower_order_final = file.flag("lower_order_final", true)?;
    let is_list = |v: &Value| v.as_array().is_some_and(|list| !list.is_empty());
    if file.get("disable_corrector").is_some_and(is_list) {
        let steps = file.size_list("disable_corrector", MOST_TIMESTEPS, 0..=MOST_TIMESTEPS)?;
        config.disable_corrector = steps.unwrap_or_default();
    }
    file.refuse_set(&["solver_p", "shift_terminal"])?;
    Ok(config)
}

fn consistency(file: &JsonFile, class: SchedulerClass) -> Result<ConsistencyConfig> {
    let mut config = ConsistencyConfig {
        original_inference_steps: 50,
        timestep_scaling: 10.0,
    };
    if matches!(class, SchedulerClass::Lcm | SchedulerClass::Tcd) {
        config.original_inference_steps =
            file.size("original_inference_steps", 50, 1..=MOST_TIMESTEPS)?;
        config.timestep_scaling = file.number("timestep_scaling", 10.0, 1e-6..=1e9)?;
    }
    Ok(config)
}
