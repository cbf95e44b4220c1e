//! Owns the samplers' names: what a user chooses from, and what each asks of the model's own configuration. Used by the engine,
//! the command line and the window. Must never read files or compute.

use super::kinds::SchedulerClass;
use crate::diffusion::error::{DiffusionError, Result};

/// The samplers that a user can choose. Choosing none runs the one that the model's folder names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum SchedulerName {
    /// DDIM.
    #[serde(rename = "ddim")]
    Ddim,
    /// DDIM from the noisiest timestep down, for distilled models.
    #[serde(rename = "ddim-trailing")]
    DdimTrailing,
    /// PNDM, Stable Diffusion 1.5's own.
    #[serde(rename = "pndm")]
    Pndm,
    /// Euler's method.
    #[serde(rename = "euler")]
    Euler,
    /// Euler's method from the noisiest timestep down, for distilled models.
    #[serde(rename = "euler-trailing")]
    EulerTrailing,
    /// Euler's method with fresh noise at every step.
    #[serde(rename = "euler-a")]
    EulerAncestral,
    /// Heun's method: two evaluations a step.
    #[serde(rename = "heun")]
    Heun,
    /// DPM-Solver++ of order 2.
    #[serde(rename = "dpm++2m")]
    DpmPlusPlus2M,
    /// DPM-Solver++ of order 2 with fresh noise at every step.
    #[serde(rename = "dpm++2m-sde")]
    DpmPlusPlus2MSde,
    /// Euler's method over Karras' noise levels.
    #[serde(rename = "euler-karras")]
    EulerKarras,
    /// DPM-Solver++ of order 2 over Karras' noise levels.
    #[serde(rename = "dpm++2m-karras")]
    DpmPlusPlus2MKarras,
    /// DPM-Solver++ of order 2 with fresh noise, over Karras' noise levels.
    #[serde(rename = "dpm++2m-sde-karras")]
    DpmPlusPlus2MSdeKarras,
    /// UniPC: a predictor and a corrector at one evaluation a step.
    #[serde(rename = "unipc")]
    UniPc,
    /// Latent consistency models' own.
    #[serde(rename = "lcm")]
    Lcm,
    /// Trajectory consistency distillation's own.
    #[serde(rename = "tcd")]
    Tcd,
}

impl SchedulerName {
    /// All of them, in the order of a menu.
    pub const ALL: [Self; 15] = [
        Self::Ddim,
        Self::DdimTrailing,
        Self::Pndm,
        Self::Euler,
        Self::EulerTrailing,
        Self::EulerAncestral,
        Self::EulerKarras,
        Self::Heun,
        Self::DpmPlusPlus2M,
        Self::DpmPlusPlus2MKarras,
        Self::DpmPlusPlus2MSde,
        Self::DpmPlusPlus2MSdeKarras,
        Self::UniPc,
        Self::Lcm,
        Self::Tcd,
    ];

    /// The name on the command line and in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::DdimTrailing => "ddim-trailing",
            Self::Pndm => "pndm",
            Self::Euler => "euler",
            Self::EulerTrailing => "euler-trailing",
            Self::EulerAncestral => "euler-a",
            Self::Heun => "heun",
            Self::DpmPlusPlus2M => "dpm++2m",
            Self::DpmPlusPlus2MSde => "dpm++2m-sde",
            Self::EulerKarras => "euler-karras",
            Self::DpmPlusPlus2MKarras => "dpm++2m-karras",
            Self::DpmPlusPlus2MSdeKarras => "dpm++2m-sde-karras",
            Self::UniPc => "unipc",
            Self::Lcm => "lcm",
            Self::Tcd => "tcd",
        }
    }

    /// The name for a menu.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ddim => "DDIM",
            Self::DdimTrailing => "DDIM trailing",
            Self::Pndm => "PNDM",
            Self::Euler => "Euler",
            Self::EulerTrailing => "Euler trailing",
            Self::EulerAncestral => "Euler ancestral",
            Self::Heun => "Heun",
            Self::DpmPlusPlus2M => "DPM++ 2M",
            Self::DpmPlusPlus2MSde => "DPM++ 2M SDE",
            Self::EulerKarras => "Euler Karras",
            Self::DpmPlusPlus2MKarras => "DPM++ 2M Karras",
            Self::DpmPlusPlus2MSdeKarras => "DPM++ 2M SDE Karras",
            Self::UniPc => "UniPC",
            Self::Lcm => "LCM",
            Self::Tcd => "TCD",
        }
    }

    /// The algorithm behind the name.
    pub const fn class(self) -> SchedulerClass {
        match self {
            Self::Ddim | Self::DdimTrailing => SchedulerClass::Ddim,
            Self::Pndm => SchedulerClass::Pndm,
            Self::Euler | Self::EulerTrailing | Self::EulerKarras => SchedulerClass::Euler,
            Self::EulerAncestral => SchedulerClass::EulerAncestral,
            Self::Heun => SchedulerClass::Heun,
            Self::DpmPlusPlus2M
            | Self::DpmPlusPlus2MKarras
            | Self::DpmPlusPlus2MSde
            | Self::DpmPlusPlus2MSdeKarras => SchedulerClass::DpmMultistep,
            Self::UniPc => SchedulerClass::UniPc,
            Self::Lcm => SchedulerClass::Lcm,
            Self::Tcd => SchedulerClass::Tcd,
        }
    }

    /// Whether the name asks for Karras' sigmas.
    pub const fn is_karras(self) -> bool {
        matches!(
            self,
            Self::EulerKarras | Self::DpmPlusPlus2MKarras | Self::DpmPlusPlus2MSdeKarras
        )
    }

    /// Whether the name asks for DPM-Solver++'s stochastic form.
    pub const fn is_stochastic(self) -> bool {
        matches!(self, Self::DpmPlusPlus2MSde | Self::DpmPlusPlus2MSdeKarras)
    }

    /// Whether the name asks for trailing timesteps.
    pub const fn is_trailing(self) -> bool {
        matches!(self, Self::DdimTrailing | Self::EulerTrailing)
    }
}

impl std::fmt::Display for SchedulerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for SchedulerName {
    type Err = DiffusionError;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|name| name.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            DiffusionError::Settings(format!(
                "there is no sampler {text:?}; choose one of {names}"
            ))
        })
    }
}
