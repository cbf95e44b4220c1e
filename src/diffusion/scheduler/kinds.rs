//! Owns the words of a scheduler's configuration: algorithms, schedules, spacings. Used throughout `scheduler`, and by who shows
//! a model's settings. Must never read files or compute.

/// The algorithms, by diffusers' class names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedulerClass {
    /// `DDIMScheduler`.
    Ddim,
    /// `PNDMScheduler`.
    Pndm,
    /// `EulerDiscreteScheduler`.
    Euler,
    /// `EulerAncestralDiscreteScheduler`.
    EulerAncestral,
    /// `HeunDiscreteScheduler`.
    Heun,
    /// `DPMSolverMultistepScheduler`.
    DpmMultistep,
    /// `UniPCMultistepScheduler`.
    UniPc,
    /// `LCMScheduler`.
    Lcm,
    /// `TCDScheduler`.
    Tcd,
}

impl SchedulerClass {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ddim,
        Self::Pndm,
        Self::Euler,
        Self::EulerAncestral,
        Self::Heun,
        Self::DpmMultistep,
        Self::UniPc,
        Self::Lcm,
        Self::Tcd,
    ];

    /// Diffusers' name of the class.
    pub const fn class_name(self) -> &'static str {
        match self {
            Self::Ddim => "DDIMScheduler",
            Self::Pndm => "PNDMScheduler",
            Self::Euler => "EulerDiscreteScheduler",
            Self::EulerAncestral => "EulerAncestralDiscreteScheduler",
            Self::Heun => "HeunDiscreteScheduler",
            Self::DpmMultistep => "DPMSolverMultistepScheduler",
            Self::UniPc => "UniPCMultistepScheduler",
            Self::Lcm => "LCMScheduler",
            Self::Tcd => "TCDScheduler",
        }
    }
}

/// What the UNet's output stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredictionType {
    /// The noise.
    Epsilon,
    /// The velocity √ᾱ·noise − √(1−ᾱ)·clean ("Imagen Video", section 2.4).
    VPrediction,
    /// The clean latents.
    Sample,
}

/// How noise grows over the training timesteps.
#[derive(Debug, Clone, PartialEq)]
pub enum BetaSchedule {
    /// Evenly spaced betas.
    Linear,
    /// Evenly spaced square roots of betas.
    ScaledLinear,
    /// The squared cosine of "Improved denoising diffusion probabilistic models".
    SquaredCosCapV2,
    /// The betas themselves, one a timestep.
    Trained(Vec<f32>),
}

/// Which training timesteps are visited ("Common diffusion noise schedules and sample steps are flawed", table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestepSpacing {
    /// From 0 on in whole strides.
    Leading,
    /// Both ends and evenly between.
    Linspace,
    /// From the last one down in equal strides.
    Trailing,
}

/// How sigmas are spaced between the first and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigmaSpacing {
    /// At the visited timesteps.
    Timesteps,
    /// Karras et al., "Elucidating the design space of diffusion-based generative models", equation 5, rho 7.
    Karras,
    /// Evenly in the logarithm between the visited ends.
    Exponential,
    /// Evenly in the log signal-to-noise ratio (Lu et al., "DPM-Solver").
    Lu,
}

/// The fields of `DPMSolverMultistepScheduler` alone.
#[derive(Debug, Clone, PartialEq)]
pub struct DpmConfig {
    /// 1, 2 or 3 model outputs a step.
    pub solver_order: usize,
    /// Heun's instead of the midpoint form of the second order.
    pub heun: bool,
    /// Add fresh noise at every step (`sde-dpmsolver++`).
    pub stochastic: bool,
    /// Lower orders at the last steps of schedules under 15 steps.
    pub lower_order_final: bool,
    /// Order 1 at the last step.
    pub euler_at_final: bool,
    /// The smallest log signal-to-noise ratio that is visited.
    pub lambda_min_clipped: f64,
}

/// The fields of `UniPCMultistepScheduler` alone.
#[derive(Debug, Clone, PartialEq)]
pub struct UniPcConfig {
    /// 1, 2 or 3 model outputs a step.
    pub solver_order: usize,
    /// Work on clean latents instead of noise.
    pub predict_x0: bool,
    /// B(h) = h instead of eʰ − 1 (Zhao et al., "UniPC", section 3.3).
    pub bh1: bool,
    /// Lower orders at the last steps.
    pub lower_order_final: bool,
    /// Steps after which the corrector stays away.
    pub disable_corrector: Vec<usize>,
}

/// The fields of `LCMScheduler` and `TCDScheduler` alone.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsistencyConfig {
    /// Steps of the schedule that the model was distilled on.
    pub original_inference_steps: usize,
    /// LCM: by what timesteps are multiplied in the boundary condition.
    pub timestep_scaling: f64,
}
