//! Owns the parts of a run that evaluate a network: each loads what it needs, and says `None` where numbers left the range of f16, so that the
//! stage is done again in wider ones. Used by the pipeline. Must never pass on numbers that are none.

use super::latents;
use super::parts::Stage;
use super::preview::Preview;
use super::text::Prompt;
use super::{Pipeline, TorchRng};
use crate::diffusion::error::Result;
use crate::diffusion::guidance::Guidance;
use crate::geometry::PixelSize;
use crate::progress::Observer;
use crate::raster::RgbF32;

impl Pipeline {
    /// A prompt's embeddings, from memory or read by the text encoders.
    pub(super) fn embed(
        &mut self,
        text: &str,
        observer: &mut dyn Observer,
    ) -> Result<Option<Prompt>> {
        if let Some(prompt) = self.parts.texts.recall(text) {
            return Ok(Some(prompt));
        }
        let prompt = self.parts.texts(observer)?.read(text)?;
        if !prompt.is_finite()? {
            return Ok(None);
        }
        self.parts.texts.keep(text, &prompt);
        Ok(Some(prompt))
    }

    /// A picture's latents; see [`latents::encode`].
    pub(super) fn encode(
        &mut self,
        pixels: Vec<f32>,
        size: PixelSize,
        rng: &mut TorchRng,
        observer: &mut dyn Observer,
    ) -> Result<Vec<f32>> {
        let device = self.parts.device.clone();
        let vae = self.parts.vae(Stage::Encode, observer)?;
        latents::encode(vae, &device, pixels, size, rng)
    }

    /// Latents' picture; see [`latents::decode`].
    pub(super) fn decode(
        &mut self,
        latents: &[f32],
        shape: [usize; 3],
        observer: &mut dyn Observer,
    ) -> Result<Option<(PixelSize, Vec<f32>)>> {
        let device = self.parts.device.clone();
        let vae = self.parts.vae(Stage::Decode, observer)?;
        let (size, planes) = latents::decode(vae, &device, latents, shape)?;
        Ok(is_finite(&planes).then_some((size, planes)))
    }

    /// One guided evaluation of the UNet.
    pub(super) fn predict(
        &mut self,
        guidance: &Guidance,
        input: &[f32],
        shape: [usize; 3],
        timestep: f32,
        observer: &mut dyn Observer,
    ) -> Result<Option<Vec<f32>>> {
        let device = self.parts.device.clone();
        let unet = self.parts.unet(observer)?;
        let output = guidance.predict(unet, &device, input, shape, timestep)?;
        Ok(is_finite(&output).then_some(output))
    }

    pub(super) fn learn_preview(&mut self, observer: &mut dyn Observer) -> Result<()> {
        if self.preview.is_none() {
            let device = self.parts.device.clone();
            let preview = Preview::learn(self.parts.vae(Stage::Encode, observer)?, &device)?;
            self.preview = Some(preview);
        }
        Ok(())
    }

    pub(super) fn show(
        &mut self,
        clean: &[f32],
        shape: [usize; 3],
        observer: &mut dyn Observer,
    ) -> Result<Option<RgbF32>> {
        self.learn_preview(observer)?;
        match &self.preview {
            Some(preview) => {
                preview.show(self.parts.present_vae(), &self.parts.device, clean, shape)
            }
            None => Ok(None),
        }
    }
}

/// True where all are numbers.
pub(super) fn is_finite(values: &[f32]) -> bool {
    values.iter().all(|v| v.is_finite())
}
