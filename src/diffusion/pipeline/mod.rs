//! Owns inpainting from a request to a picture: diffusers' `StableDiffusionInpaintPipeline`, draw for draw. Used by the engine.
//! Must never know photos, plans or files other than the model's folder.
//!
//! Networks may run in f16; latents and schedule stay in f32 on the host, so that a seed means one picture on all devices.

mod additions;
mod latents;
mod preview;
mod probe;
mod request;
mod text;

use std::path::Path;
use std::time::Instant;

use burn::tensor::{DType, Device};

pub use additions::Additions;
pub use request::InpaintRequest;

use crate::diffusion::config::VaeConfig;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::guidance::{Guidance, GuidanceBatching};
use crate::diffusion::lora;
use crate::diffusion::noise::TorchRng;
use crate::diffusion::scheduler::{Scheduler, SchedulerConfig};
use crate::diffusion::unet::{Condition, UNet};
use crate::diffusion::vae::Vae;
use crate::progress::Observer;
use crate::raster::RgbF32;
use preview::Preview;
use text::{Prompt, Texts};

/// A model on a device, ready to repaint pictures.
pub struct Pipeline {
    folder: ModelFolder,
    device: Device,
    dtype: DType,
    texts: Texts,
    unet: UNet,
    vae: Vae,
    preview: Option<Preview>,
    /// How guided steps evaluate the UNet; change it when memory is short.
    pub guidance_batching: GuidanceBatching,
}

/// What the autoencoder and the generator give before the first step. All latents have one shape.
struct Prepared {
    /// Channels, height, width of the latents.
    shape: [usize; 3],
    /// The photo's, where the run starts from it or keeps what is outside the mask by it.
    image_latents: Vec<f32>,
    noise: Vec<f32>,
    /// 1 = repaint, one plane.
    mask: Vec<f32>,
    /// With a soft mask, how free each latent is, 0–1, one plane; else empty.
    freedom: Vec<f32>,
    /// Empty for models that do not look at it.
    masked_image_latents: Vec<f32>,
}

impl Pipeline {
    /// Loads the folder or single file `path`. `dtype` is `F32` or `F16` for the networks. Reports the stage "load".
    pub fn load(
        path: &Path,
        device: &Device,
        dtype: DType,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        Self::from_folder(ModelFolder::open(path)?, device, dtype, observer)
    }

    /// As [`Self::load`], with additions. Warns of parts of a LoRA that change nothing in this model.
    pub fn load_with(
        path: &Path,
        additions: &Additions,
        device: &Device,
        dtype: DType,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let folder = ModelFolder::open_with_vae(path, additions.vae.as_deref())?;
        Self::build(folder, additions, device, dtype, observer)
    }

    /// As [`Self::load`], of a model that is open already.
    pub fn from_folder(
        folder: ModelFolder,
        device: &Device,
        dtype: DType,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        Self::build(folder, &Additions::default(), device, dtype, observer)
    }

    fn build(
        mut folder: ModelFolder,
        additions: &Additions,
        device: &Device,
        dtype: DType,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let started = Instant::now();
        observer.check()?;
        let (deltas, left_over) = lora::resolve(&folder, &additions.loras)?;
        for (lora, count) in additions.loras.iter().zip(left_over) {
            if count > 0 {
                observer.on_warning(format!(
                    "{}: {count} parts of this LoRA change nothing in this model",
                    lora.path.display()
                ));
            }
        }
        let mut texts = Texts::load(&folder, &deltas, device, dtype)?;
        for path in &additions.embeddings {
            additions::add_embedding(&mut texts, path)?;
        }
        observer.check()?;
        let vae = Vae::load(&folder, device, vae_dtype(&folder, dtype))?;
        observer.check()?;
        let unet = UNet::load_with(&folder, &deltas, device, dtype)?;
        if folder.needs_probe() {
            let nothing = texts.embed("")?.embeds;
            folder.told(probe::prediction(&unet, &folder.unet, nothing, device)?);
        }
        report(observer, "load", started);
        Ok(Self {
            folder,
            device: device.clone(),
            dtype,
            texts,
            unet,
            vae,
            preview: None,
            guidance_batching: GuidanceBatching::default(),
        })
    }

    /// What the model's folder holds.
    pub fn folder(&self) -> &ModelFolder {
        &self.folder
    }

    /// The device it runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The networks' type of numbers.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// How many pixels a latent stands for; both sides of a request are multiples of it.
    pub fn side_multiple(&self) -> usize {
        self.vae.downscale()
    }

    /// Whether the UNet sees the mask and the masked picture (9 input channels).
    pub fn is_inpaint_model(&self) -> bool {
        self.unet.config().in_channels != self.vae.latent_channels()
    }

    /// Repaints a picture. Reports the stages "text", "encode", "denoise" and "decode", and every step; asks for cancellation
    /// before each of them. The result has the size of `request.image` and lies in 0–1.
    pub fn inpaint(
        &mut self,
        request: &InpaintRequest,
        observer: &mut dyn Observer,
    ) -> Result<RgbF32> {
        request.check(self.side_multiple())?;
        let config = SchedulerConfig::read(
            &self.folder.scheduler,
            &self.folder.scheduler_path,
            request.scheduler,
        )?;
        let mut schedule = config.start(request.num_inference_steps, request.strength)?;
        let mut rng = TorchRng::new(request.seed);
        let guidance = self.read_prompts(request, observer)?;
        let prepared = self.prepare(request, &mut rng, observer)?;

        let started = Instant::now();
        let latents = self.denoise(
            &prepared,
            &guidance,
            schedule.as_mut(),
            &mut rng,
            request,
            observer,
        )?;
        report(observer, "denoise", started);

        observer.check()?;
        let started = Instant::now();
        let (size, planes) = latents::decode(&self.vae, &self.device, &latents, prepared.shape)?;
        self.check_finite(&planes)?;
        if size != request.image.size {
            return Err(DiffusionError::Settings(format!(
                "the model made {size} of a picture of {}",
                request.image.size
            )));
        }
        let picture = latents::to_picture(size, &planes);
        report(observer, "decode", started);
        Ok(picture)
    }

    fn read_prompts(
        &mut self,
        request: &InpaintRequest,
        observer: &mut dyn Observer,
    ) -> Result<Guidance> {
        observer.check()?;
        let started = Instant::now();
        let prompt = self.texts.embed(&request.prompt)?;
        let told = self.unet.config().time_cond_proj_dim.is_some();
        let guidance = if request.is_guided() && !told {
            let negative = if request.negative_prompt.is_empty() && self.texts.forces_zeros() {
                prompt.zeroed()
            } else {
                self.texts.embed(&request.negative_prompt)?
            };
            Guidance::guided(
                condition(negative, request),
                condition(prompt, request),
                request.guidance_scale,
                self.guidance_batching,
            )
        } else {
            Guidance::plain(condition(prompt, request))
        };
        report(observer, "text", started);
        Ok(guidance)
    }

    /// Encodes and draws in diffusers' order: the photo's sample (unless neither start nor end needs it), the noise, the
    /// masked photo's sample. The last is drawn even for models that do not look at it.
    fn prepare(
        &self,
        request: &InpaintRequest,
        rng: &mut TorchRng,
        observer: &mut dyn Observer,
    ) -> Result<Prepared> {
        observer.check()?;
        let started = Instant::now();
        let (image, mask) = (&request.image, &request.mask);
        let side = self.side_multiple();
        let shape = [
            self.vae.latent_channels(),
            image.height() / side,
            image.width() / side,
        ];
        let count = shape.iter().product();
        let encode = |pixels: Vec<f32>, rng: &mut TorchRng| {
            latents::encode(&self.vae, &self.device, pixels, image.size, rng)
        };
        let needs_photo = request.strength < 1.0 || !self.is_inpaint_model() || request.soft_mask;
        let image_latents = if needs_photo {
            encode(latents::normalised(image, None), rng)?
        } else {
            Vec::new()
        };
        observer.check()?;
        let noise = rng.randn(count);
        let masked_image_latents = if self.is_inpaint_model() {
            encode(latents::normalised(image, Some(mask)), rng)?
        } else {
            latents::skip_encode(&self.vae, count, rng);
            Vec::new()
        };
        self.check_finite(&image_latents)?;
        self.check_finite(&masked_image_latents)?;
        report(observer, "encode", started);
        Ok(Prepared {
            shape,
            image_latents,
            noise,
            mask: latents::latent_mask(mask, side),
            freedom: if request.soft_mask {
                latents::freedom(mask, side)
            } else {
                Vec::new()
            },
            masked_image_latents,
        })
    }

    fn denoise(
        &mut self,
        prepared: &Prepared,
        guidance: &Guidance,
        schedule: &mut dyn Scheduler,
        rng: &mut TorchRng,
        request: &InpaintRequest,
        observer: &mut dyn Observer,
    ) -> Result<Vec<f32>> {
        let begin = schedule.begin_index();
        let end = schedule.timesteps().len();
        let [channels, height, width] = prepared.shape;
        let inpaints = self.is_inpaint_model();
        let input_channels = self.unet.config().in_channels;
        let mut latents = if request.strength < 1.0 {
            schedule.add_noise(&prepared.image_latents, &prepared.noise, begin)
        } else {
            let sigma = schedule.init_noise_sigma();
            prepared.noise.iter().map(|n| n * sigma).collect()
        };
        observer.on_step(0, end - begin);
        for i in begin..end {
            observer.check()?;
            let mut input = schedule.scale_model_input(&latents, i);
            if inpaints {
                input.extend_from_slice(&prepared.mask);
                input.extend_from_slice(&prepared.masked_image_latents);
            }
            let output = guidance.predict(
                &self.unet,
                &self.device,
                &input,
                [input_channels, height, width],
                schedule.timesteps()[i],
            )?;
            self.check_finite(&output)?;
            let is_last = i + 1 == end;
            let frees = frees_at(
                prepared,
                inpaints,
                (i + 1 - begin) as f32 / (end - begin) as f32,
            );
            let preview = (!is_last && observer.wants_preview())
                .then(|| schedule.denoised(&output, i, &latents));
            latents = schedule.step(&output, i, &latents, rng);
            if let Some(free) = &frees {
                let kept = if is_last {
                    prepared.image_latents.clone()
                } else {
                    schedule.add_noise(&prepared.image_latents, &prepared.noise, i + 1)
                };
                latents = blend(&kept, &latents, free);
            }
            observer.on_step(i + 1 - begin, end - begin);
            if let Some(mut clean) = preview {
                if let Some(free) = &frees {
                    clean = blend(&prepared.image_latents, &clean, free);
                }
                let picture = self.show(&clean, [channels, height, width])?;
                observer.on_preview(picture);
            }
        }
        Ok(latents)
    }

    fn show(&mut self, clean: &[f32], shape: [usize; 3]) -> Result<RgbF32> {
        let preview = match self.preview.take() {
            Some(preview) => preview,
            None => Preview::learn(&self.vae, &self.device)?,
        };
        let picture = preview.show(&self.vae, &self.device, clean, shape);
        self.preview = Some(preview);
        picture
    }

    fn check_finite(&self, values: &[f32]) -> Result<()> {
        if values.iter().all(|v| v.is_finite()) {
            return Ok(());
        }
        if self.dtype == DType::F32 {
            return Err(DiffusionError::weights(
                &self.folder.path,
                "gives values that are no numbers; its weights are damaged, download it again",
            ));
        }
        Err(DiffusionError::Settings(
            "the model's numbers overflowed in 16 bits (f16); run it in f32".into(),
        ))
    }
}

/// Which latents the step that ends at `progress` (0–1 of the run) leaves as they are painted; the others follow the photo. `None`
/// where an inpainting model paints freely. With a soft mask a latent is free once `1 − freedom` of the run is over, and never at 0.
fn frees_at(prepared: &Prepared, inpaints: bool, progress: f32) -> Option<Vec<f32>> {
    if prepared.freedom.is_empty() {
        return (!inpaints).then(|| prepared.mask.clone());
    }
    let is_free = |f: &f32| f32::from(*f > 0.0 && progress > 1.0 - f);
    Some(prepared.freedom.iter().map(is_free).collect())
}

/// SDXL's autoencoder overflows in f16 and says so; the others' field counts for nothing, as in diffusers.
fn vae_dtype(folder: &ModelFolder, dtype: DType) -> DType {
    match &folder.vae {
        VaeConfig::Kl(kl) if folder.is_xl() && kl.force_upcast => DType::F32,
        _ => dtype,
    }
}

/// What the UNet is told of a prompt. SDXL hears that the picture is whole and of its own size.
fn condition(prompt: Prompt, request: &InpaintRequest) -> Condition {
    let size = request.image.size;
    let (height, width) = (size.height as f32, size.width as f32);
    Condition {
        prompt_embeds: prompt.embeds,
        pooled: prompt.pooled,
        time_ids: [height, width, 0.0, 0.0, height, width],
        guidance_scale: request.guidance_scale as f32,
    }
}

/// `(1 − mask) · kept + mask · painted`, the mask's one plane for every channel.
fn blend(kept: &[f32], painted: &[f32], mask: &[f32]) -> Vec<f32> {
    let pairs = kept.iter().zip(painted).zip(mask.iter().cycle());
    pairs.map(|((k, p), m)| (1.0 - m) * k + m * p).collect()
}

fn report(observer: &mut dyn Observer, stage: &'static str, started: Instant) {
    observer.on_stage(stage, started.elapsed().as_secs_f64() * 1000.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blending_repeats_the_mask_for_every_channel() {
        let got = blend(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], &[0.0, 1.0]);
        assert_eq!(got, [1.0, 6.0, 3.0, 8.0]);
    }
}
