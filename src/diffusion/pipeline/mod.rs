//! Owns inpainting from a request to a picture: diffusers' `StableDiffusionInpaintPipeline`, draw for draw. Used by the engine.
//! Must never know photos, plans or files other than the model's folder.
//!
//! Networks may run in f16; latents and schedule stay in f32 on the host, so that a seed means one picture on all devices.

mod additions;
mod latents;
mod parts;
mod preview;
mod probe;
mod request;
mod stages;
mod text;

use std::path::Path;
use std::time::Instant;

use burn::tensor::{DType, Device};

pub use additions::Additions;
pub use request::InpaintRequest;

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::guidance::Guidance;
use crate::diffusion::lora;
use crate::diffusion::memory::{MemoryPlan, ModelNeeds, Residency};
use crate::diffusion::noise::TorchRng;
use crate::diffusion::ops::with_scores;
use crate::diffusion::scheduler::{Scheduler, SchedulerConfig};
use crate::diffusion::unet::Condition;
use crate::progress::Observer;
use crate::raster::RgbF32;
use parts::{Parts, Stage};
use preview::Preview;
use stages::is_finite;
use text::Prompt;

/// A model on a device, ready to repaint pictures.
pub struct Pipeline {
    parts: Parts,
    preview: Option<Preview>,
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
        Self::load_with(path, &Additions::default(), device, dtype, observer)
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
        let plan = MemoryPlan::roomy(dtype.into());
        Self::build(folder, additions, device, plan, observer)
    }

    /// As [`Self::load`], of a model that is open already.
    pub fn from_folder(
        folder: ModelFolder,
        device: &Device,
        dtype: DType,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let plan = MemoryPlan::roomy(dtype.into());
        Self::build(folder, &Additions::default(), device, plan, observer)
    }

    /// A model that is open already, to run by `plan`: loads what the plan keeps in memory, the rest when its turn comes.
    pub fn build(
        folder: ModelFolder,
        additions: &Additions,
        device: &Device,
        plan: MemoryPlan,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
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
        let mut parts = Parts::new(folder, deltas, device, plan)?;
        for path in &additions.embeddings {
            additions::add_embedding(&mut parts.texts, path)?;
        }
        let mut pipeline = Self {
            parts,
            preview: None,
        };
        if plan.residency == Residency::All {
            pipeline.parts.texts(observer)?;
            pipeline.parts.vae(Stage::Encode, observer)?;
            pipeline.parts.unet(observer)?;
        }
        if pipeline.parts.folder.needs_probe() {
            let nothing = pipeline.settle(Stage::Text, observer, |pipeline, observer| {
                pipeline.embed("", observer)
            })?;
            let nothing = nothing.embeds;
            pipeline.parts.texts_done();
            let config = pipeline.parts.folder.unet.clone();
            let unet = pipeline.parts.unet(observer)?;
            let told = probe::prediction(unet, &config, nothing, device)?;
            pipeline.parts.folder.told(told);
        }
        Ok(pipeline)
    }

    /// What the model's folder holds.
    pub fn folder(&self) -> &ModelFolder {
        &self.parts.folder
    }

    /// The device it runs on.
    pub fn device(&self) -> &Device {
        &self.parts.device
    }

    /// How it runs.
    pub fn plan(&self) -> &MemoryPlan {
        self.parts.plan()
    }

    /// Bytes of the weights that are in memory now, by what each part needs.
    pub fn held(&self, needs: &ModelNeeds) -> u64 {
        self.parts.held(needs)
    }

    /// Runs another way from now on; the numbers stay those that it was loaded with.
    pub fn set_plan(&mut self, plan: MemoryPlan) {
        self.parts.set_plan(plan);
    }

    /// How many pixels a latent stands for; both sides of a request are multiples of it.
    pub fn side_multiple(&self) -> usize {
        self.parts.folder.vae.downscale()
    }

    /// Whether the UNet sees the mask and the masked picture (9 input channels).
    pub fn is_inpaint_model(&self) -> bool {
        self.parts.folder.is_inpaint()
    }

    /// Repaints a picture. Reports the stages "text", "encode", "denoise" and "decode", "load" wherever a part is read from its file, and
    /// every step; asks for cancellation before each of them. The result has the size of `request.image` and lies in 0–1.
    pub fn inpaint(
        &mut self,
        request: &InpaintRequest,
        observer: &mut dyn Observer,
    ) -> Result<RgbF32> {
        let scores = self.plan().attention_scores;
        with_scores(scores, || self.run(request, observer))
    }

    fn run(&mut self, request: &InpaintRequest, observer: &mut dyn Observer) -> Result<RgbF32> {
        request.check(self.side_multiple())?;
        let config = SchedulerConfig::read(
            &self.parts.folder.scheduler,
            &self.parts.folder.scheduler_path,
            request.scheduler,
        )?;
        let start = || config.start(request.num_inference_steps, request.strength);
        start()?;
        let guidance = self.read_prompts(request, observer)?;
        let (prepared, rng) = self.settle(Stage::Encode, observer, |pipeline, observer| {
            let mut rng = TorchRng::new(request.seed);
            let prepared = pipeline.prepare(request, &mut rng, observer)?;
            Ok(prepared.map(|prepared| (prepared, rng)))
        })?;
        let latents = self.settle(Stage::Step, observer, |pipeline, observer| {
            pipeline.parts.unet(observer)?;
            let started = Instant::now();
            let (mut schedule, mut rng) = (start()?, rng.clone());
            let latents = pipeline.denoise(
                &prepared,
                &guidance,
                schedule.as_mut(),
                &mut rng,
                request,
                observer,
            )?;
            report(observer, "denoise", started);
            Ok(latents)
        })?;
        observer.check()?;
        self.parts.vae(Stage::Decode, observer)?;
        let started = Instant::now();
        let (size, planes) = self.settle(Stage::Decode, observer, |pipeline, observer| {
            pipeline.decode(&latents, prepared.shape, observer)
        })?;
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
        let told = self.parts.folder.unet.time_cond_proj_dim.is_some();
        let is_guided = request.is_guided() && !told;
        let is_zeroed = request.negative_prompt.is_empty() && self.parts.texts.forces_zeros();
        let mut prompts = vec![request.prompt.as_str()];
        if is_guided && !is_zeroed {
            prompts.push(&request.negative_prompt);
        }
        if prompts.iter().any(|text| !self.parts.texts.knows(text)) {
            self.parts.texts(observer)?;
        }
        let started = Instant::now();
        let mut read = self.settle(Stage::Text, observer, |pipeline, observer| {
            let read = prompts.iter().map(|text| pipeline.embed(text, observer));
            read.collect::<Result<Option<Vec<Prompt>>>>()
        })?;
        let last = read.pop();
        let prompt = read.pop().or_else(|| last.clone()).ok_or_else(lost)?;
        let guidance = if is_guided {
            let negative = last
                .filter(|_| !is_zeroed)
                .unwrap_or_else(|| prompt.zeroed());
            Guidance::guided(
                condition(negative, request),
                condition(prompt, request),
                request.guidance_scale,
                self.plan().batching,
            )
        } else {
            Guidance::plain(condition(prompt, request))
        };
        self.parts.texts_done();
        report(observer, "text", started);
        Ok(guidance)
    }

    /// Runs a stage until its numbers are numbers: in wider ones after each overflow, which the stage reports as `None`.
    fn settle<T>(
        &mut self,
        stage: Stage,
        observer: &mut dyn Observer,
        mut run: impl FnMut(&mut Self, &mut dyn Observer) -> Result<Option<T>>,
    ) -> Result<T> {
        loop {
            if let Some(done) = run(self, observer)? {
                return Ok(done);
            }
            self.parts.widen(stage, observer)?;
        }
    }

    /// Encodes and draws in diffusers' order: the photo's sample (unless neither start nor end needs it), the noise, the
    /// masked photo's sample. The last is drawn even for models that do not look at it.
    fn prepare(
        &mut self,
        request: &InpaintRequest,
        rng: &mut TorchRng,
        observer: &mut dyn Observer,
    ) -> Result<Option<Prepared>> {
        observer.check()?;
        self.parts.vae(Stage::Encode, observer)?;
        let started = Instant::now();
        let (image, mask) = (&request.image, &request.mask);
        let side = self.side_multiple();
        let shape = [
            self.parts.folder.vae.latent_channels(),
            image.height() / side,
            image.width() / side,
        ];
        let count = shape.iter().product();
        let needs_photo = request.strength < 1.0 || !self.is_inpaint_model() || request.soft_mask;
        let image_latents = if needs_photo {
            let pixels = latents::normalised(image, None);
            self.encode(pixels, image.size, rng, observer)?
        } else {
            Vec::new()
        };
        observer.check()?;
        let noise = rng.randn(count);
        let masked_image_latents = if self.is_inpaint_model() {
            let pixels = latents::normalised(image, Some(mask));
            self.encode(pixels, image.size, rng, observer)?
        } else {
            latents::skip_encode(&self.parts.folder.vae, count, rng);
            Vec::new()
        };
        if !is_finite(&image_latents) || !is_finite(&masked_image_latents) {
            return Ok(None);
        }
        if self.plan().residency == Residency::OneAtATime {
            // Later the autoencoder is gone.
            self.learn_preview(observer)?;
        }
        report(observer, "encode", started);
        Ok(Some(Prepared {
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
        }))
    }

    fn denoise(
        &mut self,
        prepared: &Prepared,
        guidance: &Guidance,
        schedule: &mut dyn Scheduler,
        rng: &mut TorchRng,
        request: &InpaintRequest,
        observer: &mut dyn Observer,
    ) -> Result<Option<Vec<f32>>> {
        let begin = schedule.begin_index();
        let end = schedule.timesteps().len();
        let [channels, height, width] = prepared.shape;
        let inpaints = self.is_inpaint_model();
        let input_channels = self.parts.folder.unet.in_channels;
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
            let shape = [input_channels, height, width];
            let timestep = schedule.timesteps()[i];
            let Some(output) = self.predict(guidance, &input, shape, timestep, observer)? else {
                return Ok(None);
            };
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
                if let Some(picture) = self.show(&clean, [channels, height, width], observer)? {
                    observer.on_preview(picture);
                }
            }
        }
        Ok(Some(latents))
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

fn lost() -> DiffusionError {
    DiffusionError::Settings("the prompt was lost; please report this".into())
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
