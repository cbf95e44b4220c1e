//! Owns `inlay bench engine`: loads a checkpoint's networks one after the other and times each alone. Called by cli only;
//! a measuring tool, not part of a job.

use std::path::Path;
use std::time::Instant;

use burn::tensor::{DType, Device, Distribution, Tensor};
use serde::Serialize;

use super::device::{DeviceChoice, Devices, keep_kernels_in};
use super::error::EngineError;
use super::job::Precision;
use super::memory::peak_memory_bytes;
use super::probe;
use super::slot::dtype;
use super::worker::EngineOptions;
use crate::diffusion::DiffusionError;
use crate::diffusion::clip::TextEncoder;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::unet::{Condition, UNet};
use crate::diffusion::vae::{Encoded, Vae};

/// What to measure.
#[derive(Debug, Clone)]
pub struct EngineBench<'a> {
    pub folder: &'a Path,
    pub device: DeviceChoice,
    pub precision: Precision,
    /// Picture size in px, width and height; none is the model's native one.
    pub size: Option<(usize, usize)>,
    /// Timed runs of each network, after one that is not counted.
    pub runs: usize,
}

/// Medians in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct EngineBenchReport {
    pub model: String,
    pub device: String,
    pub precision: &'static str,
    pub width: usize,
    pub height: usize,
    pub runs: usize,
    pub threads: usize,
    pub load_ms: f64,
    pub text_ms: f64,
    pub unet_step_ms: f64,
    pub vae_encode_ms: f64,
    pub vae_decode_ms: f64,
    pub peak_memory_bytes: Option<u64>,
}

/// Measures one folder on one device.
pub fn bench_engine(
    options: &EngineOptions,
    bench: &EngineBench<'_>,
) -> Result<EngineBenchReport, EngineError> {
    keep_kernels_in(options.cache_dir.as_deref());
    let open = Devices::default().open(bench.device, || probe::devices(options, false))?;
    let dtype = dtype(bench.precision, &open)?;
    let device = &open.device;
    let folder = ModelFolder::open(bench.folder)?;
    let (width, height) = bench.size.unwrap_or_else(|| folder.native_size());
    let downscale = folder.vae.downscale();
    if width == 0
        || height == 0
        || !width.is_multiple_of(downscale)
        || !height.is_multiple_of(downscale)
    {
        return Err(EngineError::Settings(format!(
            "the size must be a multiple of {downscale} on both sides, not {width} × {height}"
        )));
    }
    let (rows, columns) = (height / downscale, width / downscale);
    let mut load_ms = 0.0;

    let text = timed(&mut load_ms, || TextEncoder::load(&folder, device, dtype))?;
    let ids = vec![1_u32; folder.text.max_position_embeddings];
    let (text_ms, _) = median(bench.runs, || read(text.forward(&[&ids], 0)?))?;
    drop(text);
    let condition = condition(&folder, ids.len(), device);

    let unet = timed(&mut load_ms, || UNet::load(&folder, device, dtype))?;
    let latents = noise([1, folder.unet.in_channels, rows, columns], device);
    let (unet_step_ms, _) = median(bench.runs, || {
        read(unet.forward_with(latents.clone(), 500.0, &condition)?)
    })?;
    drop(unet);

    let vae = timed(&mut load_ms, || Vae::load(&folder, device, dtype))?;
    let image = noise([1, 3, height, width], device);
    let (vae_encode_ms, _) = median(bench.runs, || match vae.encode(image.clone())? {
        Encoded::Moments { mean, .. } => read(mean),
        Encoded::Latents(latents) => read(latents),
    })?;
    let latents = noise([1, folder.vae.latent_channels(), rows, columns], device);
    let (vae_decode_ms, _) = median(bench.runs, || read(vae.decode(latents.clone())?))?;

    Ok(EngineBenchReport {
        model: bench.folder.display().to_string(),
        device: open.label,
        precision: if dtype == DType::F16 { "f16" } else { "f32" },
        width,
        height,
        runs: bench.runs,
        threads: rayon::current_num_threads(),
        load_ms,
        text_ms,
        unet_step_ms,
        vae_encode_ms,
        vae_decode_ms,
        peak_memory_bytes: peak_memory_bytes(),
    })
}

fn noise<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// Made-up texts: their numbers do not change the time.
fn condition(folder: &ModelFolder, length: usize, device: &Device) -> Condition {
    let embeds = noise([1, length, folder.unet.cross_attention_dim], device);
    let second = folder.second_text.as_ref();
    Condition {
        pooled: second.map(|t| noise([1, t.config.projection_dim], device)),
        ..Condition::plain(embeds)
    }
}

/// Waits for a result by reading it: lazy devices show their time only then.
fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DiffusionError> {
    let data = tensor.try_into_data().map_err(DiffusionError::device)?;
    Ok(data.iter::<f32>().collect())
}

fn timed<T>(
    total_ms: &mut f64,
    work: impl FnOnce() -> Result<T, DiffusionError>,
) -> Result<T, EngineError> {
    let start = Instant::now();
    let value = work()?;
    *total_ms += start.elapsed().as_secs_f64() * 1e3;
    Ok(value)
}

/// Runs once uncounted (kernels are chosen and compiled), then `runs` times.
fn median<T>(
    runs: usize,
    mut work: impl FnMut() -> Result<T, DiffusionError>,
) -> Result<(f64, T), EngineError> {
    let mut value = work()?;
    let mut times = Vec::new();
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        value = work()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], value))
}
