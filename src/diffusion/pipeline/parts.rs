//! Owns the networks of a loaded model: which are in memory, in which numbers, and what makes room for what, as the memory plan says. Used by
//! the pipeline. Must never run a network.

use std::time::Instant;

use burn::tensor::Device;

use super::text::Texts;
use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::memory::{MemoryPlan, ModelNeeds, Residency, vae_numbers};
use crate::diffusion::unet::UNet;
use crate::diffusion::vae::Vae;
use crate::diffusion::weights::{Deltas, Numbers};
use crate::progress::Observer;

/// A stage whose numbers may overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Text,
    Encode,
    Step,
    Decode,
}

impl Stage {
    /// For people.
    fn name(self) -> &'static str {
        match self {
            Self::Text => "the text encoder",
            Self::Encode => "the autoencoder, encoding,",
            Self::Step => "the model, in a step,",
            Self::Decode => "the autoencoder, decoding,",
        }
    }
}

/// The networks and what they are loaded from.
pub struct Parts {
    pub folder: ModelFolder,
    pub device: Device,
    pub texts: Texts,
    deltas: Deltas,
    plan: MemoryPlan,
    text_numbers: Numbers,
    unet_numbers: Numbers,
    encode_numbers: Numbers,
    decode_numbers: Numbers,
    unet: Option<UNet>,
    /// With the numbers it was loaded in.
    vae: Option<(Numbers, Vae)>,
}

impl Parts {
    /// Loads nothing yet.
    pub fn new(
        folder: ModelFolder,
        deltas: Deltas,
        device: &Device,
        plan: MemoryPlan,
    ) -> Result<Self> {
        Ok(Self {
            texts: Texts::open(&folder)?,
            device: device.clone(),
            deltas,
            text_numbers: plan.numbers,
            unet_numbers: plan.numbers,
            encode_numbers: vae_numbers(&folder, plan.numbers),
            decode_numbers: vae_numbers(&folder, plan.numbers),
            plan,
            unet: None,
            vae: None,
            folder,
        })
    }

    pub fn plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Goes on by another plan, in the same numbers; parts that it does not keep go.
    pub fn set_plan(&mut self, plan: MemoryPlan) {
        self.plan = MemoryPlan {
            numbers: self.plan.numbers,
            ..plan
        };
        match plan.residency {
            Residency::All => {}
            Residency::TextLeaves | Residency::TextApart => self.texts.unload(),
            Residency::OneAtATime => {
                self.texts.unload();
                self.drop_vae();
                self.unet = None;
            }
        }
        self.clean();
    }

    /// The text encoders, loaded.
    pub fn texts(&mut self, observer: &mut dyn Observer) -> Result<&mut Texts> {
        if !self.texts.is_loaded() {
            if matches!(
                self.plan.residency,
                Residency::TextApart | Residency::OneAtATime
            ) {
                self.unet = None;
                self.drop_vae();
            }
            let (folder, numbers) = (&self.folder, self.text_numbers);
            let (texts, deltas, device) = (&mut self.texts, &self.deltas, &self.device);
            loading(device, observer, || {
                texts.load(folder, deltas, device, numbers)
            })?;
        }
        Ok(&mut self.texts)
    }

    /// All prompts of a run are read.
    pub fn texts_done(&mut self) {
        if self.plan.residency != Residency::All {
            self.texts.unload();
            self.clean();
        }
    }

    /// The autoencoder for a stage, loaded. Where one of its stages overflowed, the other keeps its numbers: a seed makes the same picture
    /// in every run.
    pub fn vae(&mut self, stage: Stage, observer: &mut dyn Observer) -> Result<&Vae> {
        let numbers = self.numbers(stage);
        self.vae.take_if(|(loaded, _)| *loaded != numbers);
        if self.vae.is_none() && self.plan.residency == Residency::OneAtATime {
            self.texts.unload();
            self.unet = None;
        }
        let (folder, device) = (&self.folder, &self.device);
        let present = self.vae.take().map(|(_, vae)| vae);
        let load = || loading(device, observer, || Vae::load(folder, device, numbers));
        let mut vae = present.map_or_else(load, Ok)?;
        vae.way = self.plan.vae;
        Ok(&self.vae.insert((numbers, vae)).1)
    }

    /// The autoencoder, if it is there.
    pub fn present_vae(&self) -> Option<&Vae> {
        self.vae.as_ref().map(|(_, vae)| vae)
    }

    /// Bytes of the weights in memory now, by what each part needs.
    pub fn held(&self, needs: &ModelNeeds) -> u64 {
        let text = self.texts.is_loaded().then_some(needs.text.weights);
        let unet = self.unet.as_ref().map(|_| needs.unet.weights);
        let vae = self.vae.as_ref().map(|_| needs.vae.weights);
        [text, unet, vae].into_iter().flatten().sum()
    }

    /// The UNet, loaded.
    pub fn unet(&mut self, observer: &mut dyn Observer) -> Result<&UNet> {
        if self.unet.is_none() && self.plan.residency == Residency::OneAtATime {
            self.texts.unload();
            self.drop_vae();
        }
        let (folder, device, numbers) = (&self.folder, &self.device, self.unet_numbers);
        let (present, deltas) = (self.unet.take(), &self.deltas);
        let load = || {
            loading(device, observer, || {
                UNet::load_with(folder, deltas, device, numbers)
            })
        };
        let unet = present.map_or_else(load, Ok)?;
        Ok(self.unet.insert(unet))
    }

    /// After an overflow: the stage's network comes back in wider numbers. Says so.
    pub fn widen(&mut self, stage: Stage, observer: &mut dyn Observer) -> Result<()> {
        let Some(wider) = self.numbers(stage).wider() else {
            return Err(DiffusionError::weights(
                &self.folder.path,
                "gives values that are no numbers; its weights are damaged, download it again",
            ));
        };
        observer.on_warning(format!(
            "{} left the range of 16-bit numbers (f16); that was done again in f32",
            stage.name()
        ));
        match stage {
            Stage::Text => {
                self.text_numbers = wider;
                self.texts.forget();
                self.texts.unload();
            }
            Stage::Encode => self.encode_numbers = wider,
            Stage::Decode => self.decode_numbers = wider,
            Stage::Step => {
                self.unet_numbers = wider;
                self.unet = None;
            }
        }
        self.clean();
        Ok(())
    }

    fn numbers(&self, stage: Stage) -> Numbers {
        match stage {
            Stage::Text => self.text_numbers,
            Stage::Encode => self.encode_numbers,
            Stage::Decode => self.decode_numbers,
            Stage::Step => self.unet_numbers,
        }
    }

    /// A tiny autoencoder stays: it takes next to nothing, and draws the previews.
    fn drop_vae(&mut self) {
        if matches!(self.folder.vae, VaeConfig::Kl(_)) {
            self.vae = None;
        }
    }

    /// Hands unused memory back to the system, where the device hoards it.
    fn clean(&self) {
        self.device.memory_cleanup();
    }
}

/// Loads a part and reports the stage "load".
fn loading<T>(
    device: &Device,
    observer: &mut dyn Observer,
    load: impl FnOnce() -> Result<T>,
) -> Result<T> {
    observer.check()?;
    device.memory_cleanup();
    let started = Instant::now();
    let part = load()?;
    observer.on_stage("load", started.elapsed().as_secs_f64() * 1000.0);
    Ok(part)
}
