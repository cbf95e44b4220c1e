//! Owns what is asked of the pipeline, and whether it can be done. Used by the engine. Must never touch tensors.

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::scheduler::SchedulerName;
use crate::raster::{Plane, RgbF32};

/// One picture to repaint under a mask. Plain data; nothing else decides the result but the model.
#[derive(Debug, Clone)]
pub struct InpaintRequest {
    /// The picture, 0–1. Both sides are multiples of the pixels a latent stands for (8 for Stable Diffusion).
    pub image: RgbF32,
    /// As large as the picture. 128–255 is repainted, 0–127 kept; see `soft_mask` for another reading.
    pub mask: Plane,
    /// What to paint.
    pub prompt: String,
    /// What to stay away from; empty for nothing in particular. Unused at a guidance scale up to 1.
    pub negative_prompt: String,
    /// Every number means a picture of its own (the low 32 bits count, as in PyTorch).
    pub seed: u64,
    /// 1 to the model's number of training timesteps (1000).
    pub num_inference_steps: usize,
    /// Classifier-free guidance runs above 1.
    pub guidance_scale: f64,
    /// Above 0, at most 1: the share of the schedule that runs. At 1 nothing of what is under the mask counts.
    pub strength: f64,
    /// The sampler; `None` for the one that the model's folder names.
    pub scheduler: Option<SchedulerName>,
    /// The mask's greys say how soon a pixel is free: 255 from the first step on, 0 never (Levin and Fried, "Differential
    /// diffusion"). Until then it follows the photo.
    pub soft_mask: bool,
}

impl InpaintRequest {
    /// Whether diffusion is guided, and so evaluates the UNet twice a step.
    pub fn is_guided(&self) -> bool {
        self.guidance_scale > 1.0
    }

    /// Fails unless sizes and numbers make sense; `side` is how many pixels a latent stands for. The schedule checks steps
    /// and strength.
    pub fn check(&self, side: usize) -> Result<()> {
        let settings = |text: String| Err(DiffusionError::Settings(text));
        let size = self.image.size;
        if size.is_empty() {
            return settings("the picture is empty".into());
        }
        if self.mask.size != size {
            return settings(format!(
                "the mask is {}, but the picture is {size}; both must have one size",
                self.mask.size
            ));
        }
        let pixels = usize::try_from(size.area()).unwrap_or(usize::MAX);
        let values = pixels.checked_mul(3);
        if Some(self.image.data.len()) != values || self.mask.data.len() != pixels {
            return settings(format!(
                "the picture or its mask does not hold {size} pixels"
            ));
        }
        let fits = |length: u32| (length as usize).is_multiple_of(side);
        if !fits(size.width) || !fits(size.height) {
            return settings(format!(
                "the picture is {size}, but both sides must be multiples of {side} for this model"
            ));
        }
        if self.image.data.iter().any(|v| !v.is_finite()) {
            return settings("the picture holds values that are no numbers".into());
        }
        if !self.guidance_scale.is_finite() {
            return settings("the guidance scale must be a number, such as 7.5".into());
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test stops at the first surprise
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    fn request(width: u32, height: u32) -> InpaintRequest {
        let size = PixelSize::new(width, height);
        InpaintRequest {
            image: RgbF32::new(size),
            mask: Plane::new(size),
            prompt: String::new(),
            negative_prompt: String::new(),
            seed: 0,
            num_inference_steps: 20,
            guidance_scale: 7.5,
            strength: 1.0,
            scheduler: None,
            soft_mask: false,
        }
    }

    #[test]
    fn bad_requests_say_what_is_wrong() {
        assert!(request(16, 8).check(8).is_ok());
        let problem = |r: &InpaintRequest| r.check(8).unwrap_err().to_string();
        assert!(problem(&request(0, 8)).contains("empty"));
        assert!(problem(&request(12, 8)).contains("multiples of 8"));
        let mut r = request(16, 8);
        r.mask = Plane::new(PixelSize::new(8, 8));
        assert!(problem(&r).contains("8 × 8"));
        let mut r = request(16, 8);
        r.image.data.pop();
        assert!(problem(&r).contains("does not hold"));
        let mut r = request(16, 8);
        r.image.data[5] = f32::NAN;
        assert!(problem(&r).contains("no numbers"));
        let mut r = request(16, 8);
        r.guidance_scale = f64::INFINITY;
        assert!(problem(&r).contains("guidance"));
    }
}
