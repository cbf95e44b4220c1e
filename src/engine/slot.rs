//! Owns the loaded model: kept warm between jobs, dropped when another model, device or precision is chosen, and before a
//! new one is loaded, so that two never share memory. Used by the worker only.

use burn::tensor::DType;

use super::additions::additions;
use super::device::{DeviceChoice, Devices, OpenDevice, keep_kernels_in};
use super::error::EngineError;
use super::job::Precision;
use super::memory::available_bytes;
use super::probe;
use super::watch::Watch;
use super::worker::EngineOptions;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::pipeline::{Additions, Pipeline};
use crate::plan::GenerateSettings;

/// Room beside the weights that a model needs to run, as a share of them.
const WORKING_SHARE: f64 = 0.25;

#[derive(PartialEq, Clone)]
struct Key {
    folder: std::path::PathBuf,
    additions: Additions,
    device: String,
    dtype: DType,
}

pub struct ModelSlot {
    options: EngineOptions,
    devices: Devices,
    loaded: Option<(Key, Pipeline)>,
}

impl ModelSlot {
    pub fn new(options: EngineOptions) -> Self {
        keep_kernels_in(options.cache_dir.as_deref());
        Self {
            options,
            devices: Devices::default(),
            loaded: None,
        }
    }

    /// Drops the model.
    pub fn clear(&mut self) {
        self.loaded = None;
    }

    pub fn open_device(&mut self, choice: DeviceChoice) -> Result<OpenDevice, EngineError> {
        let options = &self.options;
        self.devices.open(choice, || probe::devices(options, false))
    }

    /// The pipeline for a folder or file with what `settings` add to it, loaded if it is not already. Returns it with the time
    /// spent loading.
    pub fn pipeline(
        &mut self,
        folder: &std::path::Path,
        settings: &GenerateSettings,
        device: &OpenDevice,
        dtype: DType,
        watch: &mut Watch<'_>,
    ) -> Result<(&mut Pipeline, f64), EngineError> {
        let key = Key {
            folder: folder.to_owned(),
            additions: additions(settings)?,
            device: device.label.clone(),
            dtype,
        };
        let is_warm = self
            .loaded
            .as_ref()
            .is_some_and(|(loaded, _)| *loaded == key);
        let mut milliseconds = 0.0;
        if !is_warm {
            self.loaded = None;
            watch.stage("loading the model");
            let info = ModelFolder::open_with_vae(folder, key.additions.vae.as_deref())?;
            check_memory(&info, device, dtype)?;
            let (pipeline, took) = Watch::timed(|| {
                Pipeline::load_with(folder, &key.additions, &device.device, dtype, watch)
            });
            milliseconds = took;
            self.loaded = Some((key, pipeline?));
        }
        match &mut self.loaded {
            Some((_, pipeline)) => Ok((pipeline, milliseconds)),
            None => Err(EngineError::Stopped),
        }
    }
}

/// The number format for a job.
pub fn dtype(precision: Precision, device: &OpenDevice) -> Result<DType, EngineError> {
    match precision {
        Precision::Auto if device.is_gpu && device.f16 => Ok(DType::F16),
        Precision::F32 | Precision::Auto => Ok(DType::F32),
        Precision::F16 if device.f16 || !device.is_gpu => Ok(DType::F16),
        Precision::F16 => Err(EngineError::Settings(format!(
            "{} does not compute in f16; use --precision f32",
            device.label
        ))),
    }
}

/// Weights on the CPU must fit what is free: running out while loading would end the process.
fn check_memory(info: &ModelFolder, device: &OpenDevice, dtype: DType) -> Result<(), EngineError> {
    if device.is_gpu {
        return Ok(());
    }
    let parameters: u64 = info.weights.iter().map(|w| w.parameters).sum();
    let bytes_each = if dtype == DType::F16 { 2 } else { 4 };
    let needed = ((parameters * bytes_each) as f64 * (1.0 + WORKING_SHARE)) as u64;
    let free = available_bytes();
    if needed > free {
        return Err(EngineError::Memory {
            needed_mib: needed >> 20,
            free_mib: free >> 20,
        });
    }
    Ok(())
}
