//! Owns the choice of how a model runs: every way that there is, what each takes at its peak, and the one that costs least time among
//! those that fit. Used by the engine; the pipeline does as the plan says.

use serde::{Serialize, Serializer};

use super::needs::{ModelNeeds, ModelShapes, vae_numbers};
use super::stages::{self, Ground};
use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::Result;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::guidance::GuidanceBatching;
use crate::diffusion::ops::MOST_SCORES;
use crate::diffusion::vae::VaeWay;
use crate::diffusion::weights::Numbers;

/// Attention scores at once where memory is short.
const FEW_SCORES: usize = MOST_SCORES / 8;
/// A lower plan should take at most this share of the last peak, or it would fail as that one did.
const WORTH_STEPPING: f64 = 0.95;

/// Which parts of a model are in memory together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Residency {
    /// All, from job to job.
    #[default]
    All,
    /// The text encoder goes when it has spoken and comes back for a new prompt.
    TextLeaves,
    /// While the text encoder speaks, nothing else is there.
    TextApart,
    /// One at a time, read again from its file whenever its turn comes.
    OneAtATime,
}

/// How a model runs. The default is the fastest way, in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// What the networks keep and compute in.
    #[serde(serialize_with = "name_of", rename = "precision")]
    pub numbers: Numbers,
    /// What is in memory together.
    #[serde(rename = "parts")]
    pub residency: Residency,
    /// Guided steps as one batch of two, or one after the other.
    #[serde(rename = "guidance")]
    pub batching: GuidanceBatching,
    /// How much the autoencoder works on at once.
    #[serde(rename = "autoencoder")]
    pub vae: VaeWay,
    /// Attention scores at once, in numbers.
    pub attention_scores: usize,
}

fn name_of<S: Serializer>(numbers: &Numbers, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(numbers.name())
}

impl Default for MemoryPlan {
    fn default() -> Self {
        Self::roomy(Numbers::F32)
    }
}

impl MemoryPlan {
    /// The fastest way with these numbers.
    pub fn roomy(numbers: Numbers) -> Self {
        Self {
            numbers,
            residency: Residency::default(),
            batching: GuidanceBatching::default(),
            vae: VaeWay::default(),
            attention_scores: MOST_SCORES,
        }
    }

    /// What it does to save memory, for people; empty where it does nothing.
    pub fn savings(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        match self.residency {
            Residency::All => {}
            Residency::TextLeaves => all.push("unloading the text encoder after use"),
            Residency::TextApart => all.push("running the text encoder before the rest is loaded"),
            Residency::OneAtATime => {
                all.push("running text encoder, model and autoencoder one after the other");
            }
        }
        if self.batching == GuidanceBatching::OneByOne {
            all.push("guiding in two evaluations a step");
        }
        if self.vae == VaeWay::Bands {
            all.push("running the autoencoder in bands");
        }
        if self.attention_scores < MOST_SCORES {
            all.push("attending in smaller pieces");
        }
        if self.numbers == Numbers::HALF_STORED {
            all.push("keeping weights in 16 bits");
        }
        all
    }

    /// Relative cost in time: only the order matters. Reading weights again costs seconds a picture; widening them, seconds a step.
    fn cost(&self, numbers_rank: usize) -> usize {
        let parts = match self.residency {
            Residency::All => 0,
            Residency::TextLeaves => 1,
            Residency::TextApart => 8,
            Residency::OneAtATime => 16,
        };
        let guidance = usize::from(self.batching == GuidanceBatching::OneByOne) * 3;
        let vae = usize::from(self.vae == VaeWay::Bands) * 5;
        let attention = usize::from(self.attention_scores < MOST_SCORES) * 2;
        parts + guidance + vae + attention + numbers_rank * 32
    }
}

/// What a run is asked to do, as far as memory is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Of the largest picture that the model sees, in px.
    pub width: usize,
    /// The same.
    pub height: usize,
    /// Steps evaluate the UNet for two prompts.
    pub is_guided: bool,
}

/// Bytes at the peak of each stage, weights included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Estimate {
    /// While a prompt is read.
    pub text: u64,
    /// While the photo is encoded.
    pub encode: u64,
    /// In a denoising step.
    pub step: u64,
    /// While the result is decoded.
    pub decode: u64,
}

impl Estimate {
    /// The highest.
    pub fn peak(&self) -> u64 {
        self.text.max(self.encode).max(self.step).max(self.decode)
    }
}

/// Knows a model's sizes, and so what each way of running takes.
#[derive(Debug, Clone)]
pub struct Planner {
    folder: ModelFolder,
    shapes: ModelShapes,
    on_cpu: bool,
}

impl Planner {
    /// Reads the headers of the model's files. On the CPU weights and pictures share the computer's memory.
    pub fn new(folder: &ModelFolder, on_cpu: bool) -> Result<Self> {
        Ok(Self {
            folder: folder.clone(),
            shapes: ModelShapes::read(folder)?,
            on_cpu,
        })
    }

    /// Bytes of the weights.
    pub fn needs(&self, numbers: Numbers) -> ModelNeeds {
        let vae = vae_numbers(&self.folder, numbers);
        self.shapes.needs(numbers, vae, self.on_cpu)
    }

    /// What a plan takes.
    pub fn estimate(&self, plan: &MemoryPlan, work: &Work) -> Estimate {
        let needs = self.needs(plan.numbers);
        let (text, unet, vae) = (needs.text, needs.unet, needs.vae);
        let ground = |numbers: Numbers| Ground {
            is_host: self.on_cpu && numbers.computed_bytes() == 4,
            on_cpu: self.on_cpu,
            bytes: numbers.computed_bytes(),
            scores: plan.attention_scores as u64,
        };
        let on = ground(plan.numbers);
        let on_vae = ground(vae_numbers(&self.folder, plan.numbers));
        let size = [work.height as u64, work.width as u64];
        let latents = size.map(|side| side / self.folder.vae.downscale() as u64);
        let together = work.is_guided && plan.batching == GuidanceBatching::Together;
        let mut speaking = stages::text(&self.folder.text, &on);
        if let Some(second) = &self.folder.second_text {
            speaking = speaking.max(stages::text(&second.config, &on));
        }
        let working = Estimate {
            text: (speaking + text.widening).max(text.loading),
            encode: (stages::encode(&self.folder.vae, size, plan.vae, &on_vae) + vae.widening)
                .max(vae.loading),
            step: (stages::unet(&self.folder.unet, latents, 1 + u64::from(together), &on)
                + unet.widening)
                .max(unet.loading),
            decode: (stages::decode(&self.folder.vae, size, plan.vae, &on_vae) + vae.widening)
                .max(vae.loading),
        };
        let all = needs.weights();
        let painting = unet.weights + vae.weights;
        // A tiny autoencoder stays: it also draws the previews.
        let stays = match self.folder.vae {
            VaeConfig::Tiny(_) => vae.weights,
            VaeConfig::Kl(_) => 0,
        };
        let (at_text, at_vae, at_unet) = match plan.residency {
            Residency::All => (all, all, all),
            Residency::TextLeaves => (all, painting, painting),
            Residency::TextApart => (text.weights + stays, painting, painting),
            Residency::OneAtATime => (text.weights + stays, vae.weights, unet.weights + stays),
        };
        Estimate {
            text: at_text + working.text,
            encode: at_vae + working.encode,
            step: at_unet + working.step,
            decode: at_vae + working.decode,
        }
    }

    /// Every way to run with the numbers that are allowed (best first), the fastest first.
    fn plans(&self, allowed: &[Numbers]) -> Vec<(usize, MemoryPlan)> {
        let mut all = Vec::new();
        let scores: &[usize] = if self.on_cpu {
            &[MOST_SCORES]
        } else {
            &[MOST_SCORES, FEW_SCORES]
        };
        for (rank, numbers) in allowed.iter().enumerate() {
            for residency in [
                Residency::All,
                Residency::TextLeaves,
                Residency::TextApart,
                Residency::OneAtATime,
            ] {
                for batching in [GuidanceBatching::Together, GuidanceBatching::OneByOne] {
                    for vae in [VaeWay::Whole, VaeWay::Bands] {
                        for attention_scores in scores {
                            let plan = MemoryPlan {
                                numbers: *numbers,
                                residency,
                                batching,
                                vae,
                                attention_scores: *attention_scores,
                            };
                            all.push((plan.cost(rank), plan));
                        }
                    }
                }
            }
        }
        all.sort_by_key(|(cost, _)| *cost);
        all
    }

    /// The fastest plan whose peak is at most `budget` bytes (no limit where that is unknown), or the least that any takes.
    pub fn choose(
        &self,
        allowed: &[Numbers],
        work: &Work,
        budget: Option<u64>,
    ) -> std::result::Result<(MemoryPlan, Estimate), Estimate> {
        let mut least = None;
        for (_, plan) in self.plans(allowed) {
            let estimate = self.estimate(&plan, work);
            if budget.is_none_or(|budget| estimate.peak() <= budget) {
                return Ok((plan, estimate));
            }
            if least.is_none_or(|l: Estimate| estimate.peak() < l.peak()) {
                least = Some(estimate);
            }
        }
        Err(least.unwrap_or_default())
    }

    /// The fastest plan that takes clearly less than `than` did, or at least less, for when memory ran out in spite of the estimates.
    pub fn lower(
        &self,
        allowed: &[Numbers],
        work: &Work,
        than: &MemoryPlan,
    ) -> Option<(MemoryPlan, Estimate)> {
        let peak = self.estimate(than, work).peak();
        let most = (peak as f64 * WORTH_STEPPING) as u64;
        let plans: Vec<_> = self
            .plans(allowed)
            .into_iter()
            .map(|(_, plan)| (plan, self.estimate(&plan, work)))
            .collect();
        let below = |limit: u64| plans.iter().find(|(_, e)| e.peak() <= limit).copied();
        below(most).or_else(|| below(peak.checked_sub(1)?))
    }
}
