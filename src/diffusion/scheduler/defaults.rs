//! Owns the values that each of diffusers' scheduler classes takes for fields that a file leaves out. Used by `config`. Must never
//! read files.

use super::kinds::SchedulerClass;

impl SchedulerClass {
    fn is_consistency(self) -> bool {
        matches!(self, Self::Lcm | Self::Tcd)
    }

    /// `beta_start`, `beta_end` and `beta_schedule`.
    pub(super) fn default_betas(self) -> (f64, f64, &'static str) {
        match self {
            Self::Heun => (0.00085, 0.012, "linear"),
            _ if self.is_consistency() => (0.00085, 0.012, "scaled_linear"),
            _ => (0.0001, 0.02, "linear"),
        }
    }

    /// `timestep_spacing`.
    pub(super) fn default_spacing(self) -> &'static str {
        match self {
            Self::Ddim | Self::Pndm | Self::Lcm | Self::Tcd => "leading",
            _ => "linspace",
        }
    }

    /// `clip_sample`.
    pub(super) fn clips_by_default(self) -> bool {
        !matches!(self, Self::Heun | Self::Lcm | Self::Tcd)
    }

    /// `set_alpha_to_one`.
    pub(super) fn ends_clean_by_default(self) -> bool {
        matches!(self, Self::Ddim | Self::Lcm | Self::Tcd)
    }

    /// Whether the class has a `thresholding` that it acts on.
    pub(super) fn can_threshold(self) -> bool {
        matches!(
            self,
            Self::Ddim | Self::DpmMultistep | Self::UniPc | Self::Lcm
        )
    }

    /// Whether sigmas can be spaced other than by timesteps.
    pub(super) fn spaces_sigmas(self) -> bool {
        matches!(
            self,
            Self::Euler | Self::Heun | Self::DpmMultistep | Self::UniPc
        )
    }

    /// Whether `final_sigmas_type` counts.
    pub(super) fn has_final_sigma(self) -> bool {
        matches!(self, Self::Euler | Self::DpmMultistep | Self::UniPc)
    }

    /// Whether the class runs models that predict clean latents.
    pub(super) fn takes_clean_output(self) -> bool {
        !matches!(self, Self::Pndm | Self::EulerAncestral)
    }

    /// Whether the class runs models trained to zero terminal signal.
    pub(super) fn takes_zero_snr(self) -> bool {
        !matches!(self, Self::Pndm | Self::Heun)
    }
}
