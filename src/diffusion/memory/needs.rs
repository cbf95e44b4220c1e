//! Owns what a model's weights take in memory, part by part, from the shapes in its files' headers. Used by `plan`.

use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::Result;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::ops::kept_numbers;
use crate::diffusion::weights::{Numbers, WeightFiles};

/// Bytes of one part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartNeeds {
    /// Its weights, ready to compute with.
    pub weights: u64,
    /// What reading its largest tensor takes for a moment.
    pub loading: u64,
    /// What widening its largest tensor takes while that is used, where weights are kept in fewer bits than are computed in.
    pub widening: u64,
}

/// Bytes of a model's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelNeeds {
    /// The text encoder, or both of SDXL's.
    pub text: PartNeeds,
    /// The UNet.
    pub unet: PartNeeds,
    /// The autoencoder.
    pub vae: PartNeeds,
}

impl ModelNeeds {
    /// All weights.
    pub fn weights(&self) -> u64 {
        self.text.weights + self.unet.weights + self.vae.weights
    }
}

/// A tensor's shape and the bytes of one of its numbers in the file.
type Shapes = Vec<(Vec<usize>, u64)>;

/// The shapes of all tensors of a model.
#[derive(Debug, Clone)]
pub(super) struct ModelShapes {
    text: Shapes,
    unet: Shapes,
    vae: Shapes,
    /// Rows of the text encoders' token tables, which stay in the computer's memory.
    vocabularies: Vec<usize>,
}

impl ModelShapes {
    pub fn read(folder: &ModelFolder) -> Result<Self> {
        let shapes = |files: &WeightFiles| files.shapes();
        let mut text = shapes(&folder.text_files)?;
        let mut vocabularies = vec![folder.text.vocab_size];
        if let Some(second) = &folder.second_text {
            text.extend(shapes(&second.files)?);
            vocabularies.push(second.config.vocab_size);
        }
        Ok(Self {
            text,
            unet: shapes(&folder.unet_files)?,
            vae: shapes(&folder.vae_files)?,
            vocabularies,
        })
    }

    /// Bytes with these numbers; `vae` are the autoencoder's.
    pub fn needs(&self, numbers: Numbers, vae: Numbers, on_cpu: bool) -> ModelNeeds {
        let is_table = |shape: &[usize]| shape.len() == 2 && self.vocabularies.contains(&shape[0]);
        let mut text = part(&self.text, numbers, on_cpu, |shape| is_table(shape));
        let table = part(&self.text, Numbers::F32, false, |shape| !is_table(shape));
        if on_cpu {
            text.weights += table.weights;
            text.loading = text.loading.max(table.loading);
        }
        ModelNeeds {
            text,
            unet: part(&self.unet, numbers, on_cpu, |_| false),
            vae: part(&self.vae, vae, on_cpu, |_| false),
        }
    }
}

/// Sums over all tensors but those to leave out.
fn part(
    shapes: &[(Vec<usize>, u64)],
    numbers: Numbers,
    on_cpu: bool,
    leave_out: impl Fn(&[usize]) -> bool,
) -> PartNeeds {
    let mut needs = PartNeeds::default();
    for (shape, in_file) in shapes.iter().filter(|(shape, _)| !leave_out(shape)) {
        let count = shape.iter().product::<usize>() as u64;
        let bytes = if shape.len() > 1 {
            numbers.stored_bytes()
        } else {
            numbers.computed_bytes()
        };
        let is_transformed = on_cpu && bytes == 4;
        let kept = if is_transformed {
            kept_numbers(shape) as u64
        } else {
            count
        };
        needs.weights += kept * bytes;
        // The file's bytes, the numbers made of them, and what the kernels make of those, of which one stays.
        let beside = if kept == count { 0 } else { count * bytes };
        needs.loading = needs.loading.max(count * in_file + beside);
        if bytes < numbers.computed_bytes() {
            needs.widening = needs
                .widening
                .max(count * (bytes + numbers.computed_bytes()));
        }
    }
    needs
}

/// SDXL's autoencoder overflows in f16 arithmetic and says so; the others' field counts for nothing, as in diffusers.
pub fn vae_numbers(folder: &ModelFolder, numbers: Numbers) -> Numbers {
    match &folder.vae {
        VaeConfig::Kl(kl) if folder.is_xl() && kl.force_upcast && numbers == Numbers::F16 => {
            Numbers::F32
        }
        _ => numbers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_follow_shapes_and_numbers() {
        let shapes = vec![
            (vec![1000, 64], 2),
            (vec![64], 2),
            (vec![320, 320, 3, 3], 2),
            (vec![4, 4, 1, 1], 2),
        ];
        let model = ModelShapes {
            text: shapes.clone(),
            unet: shapes.clone(),
            vae: Vec::new(),
            vocabularies: vec![1000],
        };
        let half = model.needs(Numbers::F16, Numbers::F16, false);
        let conv = 320 * 320 * 9;
        assert_eq!(half.unet.weights, 2 * (64_000 + 64 + conv + 16));
        // The token table is no part of a GPU's memory.
        assert_eq!(half.text.weights, 2 * (64 + conv + 16));
        let stored = model.needs(Numbers::HALF_STORED, Numbers::F32, true);
        assert_eq!(stored.unet.weights, 2 * (64_000 + conv + 16) + 4 * 64);
        // On the CPU the table is f32 whatever the rest is, and f32 kernels are kept transformed.
        assert_eq!(stored.text.weights, stored.unet.weights + 2 * 64_000);
        let full = model.needs(Numbers::F32, Numbers::F32, true);
        let kept = kept_numbers(&[320, 320, 3, 3]) as u64;
        assert_eq!(full.unet.weights, 4 * (64_000 + 64 + kept + 16));
        assert!(full.unet.loading >= 2 * conv);
    }
}
