//! Owns classifier-free guidance (Ho and Salimans, "Classifier-free diffusion guidance", equation 6) and the one place that
//! calls the UNet. Used by the pipeline. Must never know schedules.

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::Serialize;

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::unet::{Condition, UNet};

/// How the two evaluations of a guided step run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuidanceBatching {
    /// As one batch of two: faster, with twice the memory for activations.
    #[default]
    Together,
    /// One after the other: for devices with little memory.
    OneByOne,
}

/// What the UNet is told in a run, and how strongly the prompt counts.
pub struct Guidance {
    /// The negative prompt's and the prompt's (as one batch, or one after the other), or the prompt's alone.
    conditions: Vec<Condition>,
    scale: f32,
    batching: GuidanceBatching,
}

impl Guidance {
    /// Without guidance: the prompt alone.
    pub fn plain(prompt: Condition) -> Self {
        Self {
            conditions: vec![prompt],
            scale: 1.0,
            batching: GuidanceBatching::Together,
        }
    }

    /// With guidance away from the negative prompt. Prompts of different lengths run one after the other.
    pub fn guided(
        negative: Condition,
        prompt: Condition,
        scale: f64,
        batching: GuidanceBatching,
    ) -> Self {
        let same = negative.prompt_embeds.dims() == prompt.prompt_embeds.dims();
        let conditions = match batching {
            GuidanceBatching::Together if same => vec![negative.beside(prompt)],
            _ => vec![negative, prompt],
        };
        Self {
            conditions,
            scale: scale as f32,
            batching,
        }
    }

    /// The guided model output for one input of `shape` (channels, height, width), on the host.
    pub fn predict(
        &self,
        unet: &UNet,
        device: &Device,
        input: &[f32],
        shape: [usize; 3],
        timestep: f32,
    ) -> Result<Vec<f32>> {
        let [channels, height, width] = shape;
        let mut outputs = Vec::new();
        let mut runs = 0;
        for condition in &self.conditions {
            let count = condition.prompt_embeds.dims()[0];
            runs += count;
            let data = TensorData::new(input.repeat(count), [count, channels, height, width]);
            let sample = Tensor::<4>::from_data(data, (device, DType::F32));
            outputs.extend(read(unet.forward_with(sample, timestep, condition)?)?);
        }
        if runs == 1 {
            return Ok(outputs);
        }
        let (negative, prompt) = outputs.split_at(outputs.len() / 2);
        Ok(combine(negative, prompt, self.scale))
    }

    /// How the two evaluations run.
    pub fn batching(&self) -> GuidanceBatching {
        self.batching
    }
}

/// From the negative prompt's output towards and past the prompt's: `negative + scale · (prompt − negative)`.
pub fn combine(negative: &[f32], prompt: &[f32], scale: f32) -> Vec<f32> {
    let pairs = negative.iter().zip(prompt);
    pairs.map(|(n, p)| n + scale * (p - n)).collect()
}

/// A tensor's numbers on the host. A device's failure shows here.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(DiffusionError::device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guidance_moves_past_the_prompt() {
        assert_eq!(combine(&[1.0, 2.0], &[3.0, 2.0], 1.0), [3.0, 2.0]);
        assert_eq!(combine(&[1.0, 2.0], &[3.0, 2.0], 7.5), [16.0, 2.0]);
    }
}
