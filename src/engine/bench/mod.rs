//! Owns `inlay bench engine`: loads a checkpoint's networks one after the other and times each alone, then the operations that
//! they spend their time in. Called by cli only; a measuring tool, not part of a job. How arithmetic is counted stands in
//! `diffusion::measure`.

mod timing;

use std::path::Path;
use std::time::Instant;

use burn::tensor::{DType, Device, Distribution, Tensor};
use serde::Serialize;

use super::device::{DeviceChoice, Devices, OpenDevice, keep_kernels_in};
use super::error::EngineError;
use super::job::Precision;
use super::memory::peak_memory_bytes;
use super::probe;
use super::slot::dtype;
use super::worker::EngineOptions;
use crate::diffusion::DiffusionError;
use crate::diffusion::clip::TextEncoder;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::measure::{counting, hot_ops};
use crate::diffusion::unet::{Condition, UNet};
use crate::diffusion::vae::{Encoded, Vae};
use crate::diffusion::weights::Deltas;
use timing::{matmul_peak, median, op_milliseconds};

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

/// A network run once. Medians.
#[derive(Debug, Clone, Serialize)]
pub struct StageTime {
    /// `text`, `text_2`, `unet_step`, `vae_encode` or `vae_decode`.
    pub name: &'static str,
    pub milliseconds: f64,
    /// Arithmetic in 10⁹ operations.
    pub gflop: f64,
    pub gflop_per_second: f64,
    /// Of the fastest matrix product; above 1 where convolutions take less arithmetic than they count for.
    pub share_of_peak: f64,
}

/// One operation at one size. Medians.
#[derive(Debug, Clone, Serialize)]
pub struct OpTime {
    pub name: &'static str,
    pub shape: String,
    pub milliseconds: f64,
    /// None for operations that are bound by memory.
    pub gflop_per_second: Option<f64>,
    pub share_of_peak: Option<f64>,
    /// Operands and results, once each.
    pub gigabyte_per_second: f64,
}

/// What was measured.
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
    pub stages: Vec<StageTime>,
    pub ops: Vec<OpTime>,
    /// The fastest product of two square matrices, in 10⁹ operations a second, and their side.
    pub matmul_peak_gflop_per_second: f64,
    pub matmul_peak_side: usize,
    /// Of this process, before single operations were timed.
    pub peak_memory_bytes: Option<u64>,
    /// That burn holds on a device of its own at the end.
    pub device_memory_bytes: Option<u64>,
}

/// Measures one folder on one device.
pub fn bench_engine(
    options: &EngineOptions,
    bench: &EngineBench<'_>,
) -> Result<EngineBenchReport, EngineError> {
    keep_kernels_in(options.cache_dir.as_deref());
    let open = Devices::default().open(bench.device, || probe::devices(options, false))?;
    let dtype = dtype(bench.precision, &open)?;
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
    let mut networks = Networks {
        folder: &folder,
        open: &open,
        dtype,
        latents: [height / downscale, width / downscale],
        runs: bench.runs,
        load_ms: 0.0,
        stages: Vec::new(),
    };
    networks.texts()?;
    networks.unet()?;
    networks.vae([height, width])?;
    let Networks {
        load_ms,
        mut stages,
        latents,
        ..
    } = networks;
    let peak_memory_bytes = peak_memory_bytes();
    let (peak, side) = matmul_peak(&open.device, dtype)?;
    for stage in &mut stages {
        stage.share_of_peak = stage.gflop_per_second / peak;
    }
    let tokens = folder.text.max_position_embeddings;
    let ops = time_ops(&folder, latents, tokens, &open, dtype, bench.runs, peak)?;
    let reserved = open.device.memory_pool_usage();
    Ok(EngineBenchReport {
        model: bench.folder.display().to_string(),
        device: open.label,
        precision: if dtype == DType::F16 { "f16" } else { "f32" },
        width,
        height,
        runs: bench.runs,
        threads: rayon::current_num_threads(),
        load_ms,
        stages,
        ops,
        matmul_peak_gflop_per_second: peak,
        matmul_peak_side: side,
        peak_memory_bytes,
        device_memory_bytes: reserved.map(|usage| usage.bytes_reserved),
    })
}

/// The checkpoint's networks, loaded and dropped one after the other.
struct Networks<'a> {
    folder: &'a ModelFolder,
    open: &'a OpenDevice,
    dtype: DType,
    /// Rows and columns.
    latents: [usize; 2],
    runs: usize,
    load_ms: f64,
    stages: Vec<StageTime>,
}

impl Networks<'_> {
    fn texts(&mut self) -> Result<(), EngineError> {
        let (folder, dtype, device) = (self.folder, self.dtype, self.open.device.clone());
        let ids = vec![1_u32; folder.text.max_position_embeddings];
        let end = [ids.len() - 1];
        let text = self.load(|| TextEncoder::load(folder, &device, dtype))?;
        if folder.second_text.is_none() {
            return self.stage("text", || read(text.forward(&[&ids], 0)?));
        }
        self.stage("text", || read(text.forward_for_xl(&[&ids], &end)?.0))?;
        drop(text);
        let none = Deltas::default();
        let second = self.load(|| TextEncoder::load_second_with(folder, &none, &device, dtype))?;
        if let Some(text) = second {
            self.stage("text_2", || read(text.forward_for_xl(&[&ids], &end)?.0))?;
        }
        Ok(())
    }

    fn unet(&mut self) -> Result<(), EngineError> {
        let (folder, dtype, device) = (self.folder, self.dtype, self.open.device.clone());
        let unet = self.load(|| UNet::load(folder, &device, dtype))?;
        let [rows, columns] = self.latents;
        let latents = noise([1, folder.unet.in_channels, rows, columns], &device);
        let condition = condition(folder, folder.text.max_position_embeddings, &device);
        self.stage("unet_step", || {
            read(unet.forward_with(latents.clone(), 500.0, &condition)?)
        })
    }

    fn vae(&mut self, [height, width]: [usize; 2]) -> Result<(), EngineError> {
        let (folder, dtype, device) = (self.folder, self.dtype, self.open.device.clone());
        let vae = self.load(|| Vae::load(folder, &device, dtype))?;
        let image = noise([1, 3, height, width], &device);
        self.stage("vae_encode", || match vae.encode(image.clone())? {
            Encoded::Moments { mean, .. } => read(mean),
            Encoded::Latents(latents) => read(latents),
        })?;
        let [rows, columns] = self.latents;
        let latents = noise([1, folder.vae.latent_channels(), rows, columns], &device);
        self.stage("vae_decode", || read(vae.decode(latents.clone())?))
    }

    fn load<T>(
        &mut self,
        work: impl FnOnce() -> Result<T, DiffusionError>,
    ) -> Result<T, EngineError> {
        let start = Instant::now();
        let value = work()?;
        self.load_ms += start.elapsed().as_secs_f64() * 1e3;
        Ok(value)
    }

    /// Times one network and counts its arithmetic.
    fn stage(
        &mut self,
        name: &'static str,
        work: impl Fn() -> Result<(), DiffusionError>,
    ) -> Result<(), EngineError> {
        // The first run is not timed: kernels are chosen and compiled in it.
        let (outcome, flop) = counting(&work);
        outcome?;
        let milliseconds = median(self.runs, || Ok(work()?))?;
        self.stages.push(StageTime {
            name,
            milliseconds,
            gflop: flop as f64 / 1e9,
            gflop_per_second: flop as f64 / 1e6 / milliseconds,
            share_of_peak: 0.0,
        });
        Ok(())
    }
}

fn time_ops(
    folder: &ModelFolder,
    latents: [usize; 2],
    tokens: usize,
    open: &OpenDevice,
    dtype: DType,
    runs: usize,
    peak: f64,
) -> Result<Vec<OpTime>, EngineError> {
    let mut times = Vec::new();
    for op in hot_ops(&folder.unet, latents, tokens, &open.device, dtype) {
        let (outcome, flop) = counting(|| op.run());
        outcome?;
        let milliseconds = op_milliseconds(&open.device, runs, || Ok(op.run()?))?;
        let per_second = (flop > 0).then(|| flop as f64 / 1e6 / milliseconds);
        times.push(OpTime {
            name: op.name,
            shape: op.shape,
            milliseconds,
            gflop_per_second: per_second,
            share_of_peak: per_second.map(|speed| speed / peak),
            gigabyte_per_second: op.bytes as f64 / 1e6 / milliseconds,
        });
    }
    Ok(times)
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

/// Waits for a result by reading it: lazy devices show their time, and their errors, only then.
fn read<const D: usize>(tensor: Tensor<D>) -> Result<(), DiffusionError> {
    let data = tensor.try_into_data().map_err(DiffusionError::device)?;
    // Reading may itself be put off until a number is asked for.
    std::hint::black_box(data.iter::<f32>().next());
    Ok(())
}
