//! Owns what is told about memory: a job's report, the line before a frugal run, the refusal, and what a model needs. Used by the slot and
//! by `inlay inspect`.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::super::error::EngineError;
use super::super::job::Precision;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::memory::{Estimate, MemoryPlan, ModelNeeds, Planner, Work};
use crate::diffusion::weights::Numbers;
use crate::geometry::PixelSize;

/// Bytes of the weights in memory, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WeightBytes {
    pub text: u64,
    pub model: u64,
    pub autoencoder: u64,
}

impl From<ModelNeeds> for WeightBytes {
    fn from(needs: ModelNeeds) -> Self {
        Self {
            text: needs.text.weights,
            model: needs.unet.weights,
            autoencoder: needs.vae.weights,
        }
    }
}

/// What a job planned and took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryReport {
    pub plan: MemoryPlan,
    /// What the model might take at most; none where the device does not tell and no limit was set.
    pub budget_bytes: Option<u64>,
    /// The limit that was set.
    pub limit_bytes: Option<u64>,
    pub weights: WeightBytes,
    /// The estimated peak of each stage, weights included.
    pub estimate: Estimate,
    pub estimated_peak_bytes: u64,
    /// The process's size when the job began.
    pub before_bytes: Option<u64>,
    /// On the CPU the process's largest size during the job, Inlay itself and the photo included; on a GPU what its allocator held.
    pub measured_peak_bytes: Option<u64>,
    /// How often memory ran out and the job went on with a more frugal plan.
    pub stepped_down: u32,
}

/// What a model needs to fill a picture of its own size on the CPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryNeeds {
    /// Everything in memory, in f32.
    pub f32_mib: u64,
    /// The same with 16-bit weights.
    pub f16_mib: u64,
    /// The most frugal way.
    pub least_mib: u64,
}

/// What a model takes in memory, told before it is loaded.
#[derive(Debug, Clone)]
pub struct ModelMemory {
    planner: Arc<Planner>,
    native: Work,
}

impl ModelMemory {
    /// From the headers of the model's files.
    pub fn read(folder: &ModelFolder) -> Result<Self, EngineError> {
        let (width, height) = folder.native_size();
        Ok(Self {
            planner: Arc::new(Planner::new(folder, true)?),
            native: Work {
                width,
                height,
                is_guided: true,
            },
        })
    }

    /// Bytes at the peak of filling a picture of this size on the CPU, with everything in memory.
    pub fn bytes(&self, size: PixelSize, is_guided: bool, precision: Precision) -> u64 {
        let work = Work {
            width: size.width as usize,
            height: size.height as usize,
            is_guided,
        };
        let numbers = match precision {
            Precision::F16 => Numbers::HALF_STORED,
            Precision::Auto | Precision::F32 => Numbers::F32,
        };
        self.roomy(numbers, &work)
    }

    fn roomy(&self, numbers: Numbers, work: &Work) -> u64 {
        let plan = MemoryPlan::roomy(numbers);
        self.planner.estimate(&plan, work).peak()
    }

    /// What it needs at its own size.
    pub fn needs(&self) -> MemoryNeeds {
        let allowed = [Numbers::F32, Numbers::HALF_STORED];
        let least = match self.planner.choose(&allowed, &self.native, Some(0)) {
            Ok((_, estimate)) | Err(estimate) => estimate,
        };
        MemoryNeeds {
            f32_mib: mib(self.roomy(Numbers::F32, &self.native)),
            f16_mib: mib(self.roomy(Numbers::HALF_STORED, &self.native)),
            least_mib: mib(least.peak()),
        }
    }
}

/// [`ModelMemory::needs`] of a folder or file.
pub fn memory_needs(model: &Path) -> Result<MemoryNeeds, EngineError> {
    Ok(ModelMemory::read(&ModelFolder::open(model)?)?.needs())
}

/// Said before a job that must run in another way than the `roomy` one, which would take `whole`.
pub fn say_short(
    plan: &MemoryPlan,
    roomy: &MemoryPlan,
    whole: &Estimate,
    budget: Option<u64>,
) -> Option<String> {
    let budget = budget?;
    (plan != roomy).then(|| {
        let mut savings = plan.savings();
        savings.retain(|saving| !roomy.savings().contains(saving));
        format!(
            "memory is short ({:.1} of {:.1} GiB): {}",
            gib(budget),
            gib(whole.peak()),
            savings.join(", ")
        )
    })
}

/// The refusal, before anything is loaded.
pub fn too_little(
    least: &Estimate,
    budget: Option<u64>,
    limit: Option<u64>,
    allowed: &[Numbers],
) -> EngineError {
    let is_limit = limit.is_some() && limit == budget;
    let mut ways = vec![if is_limit {
        "raise --memory-limit"
    } else {
        "close other programs"
    }];
    if allowed == [Numbers::F32] {
        ways.push("use --precision f16");
    }
    ways.push("use a smaller model");
    EngineError::Memory {
        needed_mib: mib(least.peak()),
        free_mib: budget.unwrap_or_default() >> 20,
        ways: ways.join(" or "),
    }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1u32 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::memory::Residency;

    #[test]
    fn what_is_saved_is_said_with_numbers() {
        let roomy = Estimate {
            text: 0,
            encode: 0,
            step: 3 << 30,
            decode: 1,
        };
        let usual = MemoryPlan::roomy(Numbers::HALF_STORED);
        let mut plan = usual;
        assert_eq!(say_short(&plan, &usual, &roomy, Some(1 << 31)), None);
        plan.residency = Residency::OneAtATime;
        let text = say_short(&plan, &usual, &roomy, Some(1 << 31)).unwrap_or_default();
        assert!(text.contains("2.0 of 3.0 GiB") && text.contains("one after the other"));
        // What was asked for saves nothing.
        assert!(!text.contains("16 bits"));
        let full = MemoryPlan::default();
        let text = say_short(&plan, &full, &roomy, Some(1 << 31)).unwrap_or_default();
        assert!(text.contains("16 bits"));
    }

    #[test]
    fn refusals_say_what_would_help() {
        let least = Estimate {
            step: 900 << 20,
            ..Estimate::default()
        };
        let limit = Some(500 << 20);
        let text = too_little(&least, limit, limit, &[Numbers::F32]).to_string();
        for part in ["900 MiB", "500 MiB", "--memory-limit", "--precision f16"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = too_little(&least, Some(1 << 20), None, &[Numbers::F16]).to_string();
        assert!(text.contains("close other programs") && !text.contains("--precision"));
    }
}
