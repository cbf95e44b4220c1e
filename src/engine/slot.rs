//! Owns the loaded model: kept warm between jobs, dropped when another model, device or precision is chosen, and before a new one is loaded,
//! so that two never share memory. Runs it by the job's memory plan, and by a more frugal one when memory runs out all the same. Used by
//! the worker only.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use burn::tensor::DType;

use super::additions::additions;
use super::device::{DeviceChoice, Devices, OpenDevice, keep_kernels_in};
use super::error::EngineError;
use super::job::{JobRequest, Precision};
use super::memory::{
    MemoryReport, allowed_numbers, budget, forget_peak, is_out_of_memory, peak_memory_bytes,
    resident_bytes, say_short, too_little, work_of,
};
use super::prepared::{self, Prepared};
use super::probe;
use super::watch::Watch;
use super::worker::{EngineOptions, panic_text};
use crate::diffusion::DiffusionError;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::memory::{MemoryPlan, Planner, Work};
use crate::diffusion::pipeline::{Additions, Pipeline};
use crate::diffusion::weights::Numbers;
use crate::geometry::PixelSize;
use crate::progress::Observer;

/// What a loaded model is, apart from its numbers.
#[derive(PartialEq, Clone)]
struct Key {
    folder: PathBuf,
    additions: Additions,
    device: String,
}

/// How the present job runs.
struct Planned {
    key: Key,
    device: OpenDevice,
    folder: ModelFolder,
    planner: Planner,
    allowed: Vec<Numbers>,
    work: Work,
    plan: MemoryPlan,
    report: MemoryReport,
}

pub struct ModelSlot {
    options: EngineOptions,
    devices: Devices,
    loaded: Option<(Key, Pipeline)>,
    planned: Option<Planned>,
    prepared: Prepared,
}

impl ModelSlot {
    pub fn new(options: EngineOptions) -> Self {
        keep_kernels_in(options.cache_dir.as_deref());
        let prepared = Prepared::open(options.cache_dir.as_deref());
        Self {
            options,
            devices: Devices::default(),
            loaded: None,
            planned: None,
            prepared,
        }
    }

    /// Drops the model.
    pub fn clear(&mut self) {
        self.loaded = None;
        self.planned = None;
    }

    /// What names a run of a picture of this size, if the planned device has not made such a one before.
    pub fn first_run(&self, size: PixelSize) -> Option<String> {
        let planned = self.planned.as_ref()?;
        let numbers = planned.plan.numbers;
        let key = prepared::key(&planned.device, numbers, &planned.folder.unet, size)?;
        self.prepared.is_new(&key).then_some(key)
    }

    /// Remembers that it has.
    pub fn note_run(&mut self, key: String) {
        self.prepared.note(key);
    }

    fn open_device(&mut self, choice: DeviceChoice) -> Result<OpenDevice, EngineError> {
        let options = &self.options;
        self.devices.open(choice, || probe::devices(options, false))
    }

    /// Plans a job with the checkpoint `path`, says so where memory is short, and loads what the plan keeps loaded. Returns the names
    /// of device and number format.
    pub fn prepare(
        &mut self,
        request: &JobRequest,
        path: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<(String, &'static str), EngineError> {
        let last = self.planned.take();
        forget_peak();
        let device = self.open_device(request.device)?;
        let allowed = allowed_numbers(request.precision, &device)?;
        let key = Key {
            folder: path.to_owned(),
            additions: additions(&request.settings)?,
            device: device.label.clone(),
        };
        let warm = self.loaded.take_if(|(loaded, _)| *loaded == key);
        // Whatever else was loaded goes before memory is looked at.
        self.loaded = None;
        let known = last.filter(|last| warm.is_some() && last.key == key);
        let (folder, planner) = if let Some(known) = known {
            (known.folder, known.planner)
        } else {
            let folder = ModelFolder::open_with_vae(path, key.additions.vae.as_deref())?;
            let planner = Planner::new(&folder, !device.is_gpu)?;
            (folder, planner)
        };
        let held = warm.as_ref().map_or(0, |(_, pipeline)| {
            pipeline.held(&planner.needs(pipeline.plan().numbers))
        });
        self.loaded = warm;
        let work = work_of(request, &folder);
        let budget = budget(&device, request.memory_limit, held);
        let (plan, estimate) = planner
            .choose(&allowed, &work, budget)
            .map_err(|least| too_little(&least, budget, request.memory_limit, &allowed))?;
        let roomy = MemoryPlan::roomy(allowed[0]);
        let whole = planner.estimate(&roomy, &work);
        if let Some(text) = say_short(&plan, &roomy, &whole, budget) {
            watch.on_warning(text);
        }
        let report = MemoryReport {
            plan,
            budget_bytes: budget,
            limit_bytes: request.memory_limit,
            weights: planner.needs(plan.numbers).into(),
            estimate,
            estimated_peak_bytes: estimate.peak(),
            before_bytes: resident_bytes(),
            measured_peak_bytes: None,
            stepped_down: 0,
        };
        let label = device.label.clone();
        self.planned = Some(Planned {
            key,
            device,
            folder,
            planner,
            allowed,
            work,
            plan,
            report,
        });
        self.run(watch, |_, _| Ok(()))?;
        let numbers = self
            .planned
            .as_ref()
            .map_or(plan.numbers, |p| p.plan.numbers);
        Ok((label, numbers.name()))
    }

    /// Runs the planned model. Where memory runs out, the model is dropped and `work` is done again by the next plan that takes less.
    pub fn run<T>(
        &mut self,
        watch: &mut Watch<'_>,
        mut work: impl FnMut(&mut Pipeline, &mut Watch<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        loop {
            let times = watch.times.clone();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let pipeline = self.pipeline(watch)?;
                work(pipeline, watch)
            }));
            let reason = match outcome {
                Ok(Err(EngineError::Diffusion(DiffusionError::Device(reason))))
                    if is_out_of_memory(&reason) =>
                {
                    reason
                }
                Err(panic) => {
                    let reason = panic_text(panic.as_ref());
                    if !is_out_of_memory(&reason) {
                        resume_unwind(panic);
                    }
                    reason
                }
                Ok(other) => return other,
            };
            watch.times = times;
            self.step_down(&reason, watch)?;
        }
    }

    /// What the present job's model is.
    pub fn model(&self) -> Result<&ModelFolder, EngineError> {
        let loaded = self.loaded.as_ref().map(|(_, pipeline)| pipeline.folder());
        let planned = self.planned.as_ref().map(|planned| &planned.folder);
        loaded.or(planned).ok_or_else(no_checkpoint)
    }

    /// The model by the present plan, loaded if it is not.
    fn pipeline(&mut self, watch: &mut Watch<'_>) -> Result<&mut Pipeline, EngineError> {
        let planned = self.planned.as_ref().ok_or_else(no_checkpoint)?;
        let warm = self.loaded.take_if(|(key, pipeline)| {
            *key == planned.key && pipeline.plan().numbers == planned.plan.numbers
        });
        self.loaded = None;
        let pipeline = if let Some((_, mut pipeline)) = warm {
            if *pipeline.plan() != planned.plan {
                pipeline.set_plan(planned.plan);
            }
            pipeline
        } else {
            watch.stage("loading the model");
            Pipeline::build(
                planned.folder.clone(),
                &planned.key.additions,
                &planned.device.device,
                planned.plan,
                watch,
            )?
        };
        Ok(&mut self.loaded.insert((planned.key.clone(), pipeline)).1)
    }

    /// Memory ran out: drops the model and takes the next plan that needs less.
    fn step_down(&mut self, reason: &str, watch: &mut Watch<'_>) -> Result<(), EngineError> {
        self.loaded = None;
        let Some(planned) = &mut self.planned else {
            return Err(EngineError::OutOfMemory(reason.to_owned()));
        };
        planned.device.device.memory_cleanup();
        let lower = planned
            .planner
            .lower(&planned.allowed, &planned.work, &planned.plan);
        let Some((plan, estimate)) = lower else {
            return Err(EngineError::OutOfMemory(reason.to_owned()));
        };
        planned.plan = plan;
        planned.report = MemoryReport {
            plan,
            estimate,
            estimated_peak_bytes: estimate.peak(),
            weights: planned.planner.needs(plan.numbers).into(),
            stepped_down: planned.report.stepped_down + 1,
            ..planned.report.clone()
        };
        watch.on_warning(format!(
            "memory ran out; going on {}",
            plan.savings().join(", ")
        ));
        Ok(())
    }

    /// What the present job planned, and took so far.
    pub fn report(&self) -> Option<MemoryReport> {
        let planned = self.planned.as_ref()?;
        let on_device = || Some(planned.device.device.memory_pool_usage()?.bytes_reserved);
        Some(MemoryReport {
            measured_peak_bytes: if planned.device.is_gpu {
                on_device()
            } else {
                peak_memory_bytes()
            },
            ..planned.report.clone()
        })
    }
}

fn no_checkpoint() -> EngineError {
    EngineError::Settings("this model has no checkpoint".to_owned())
}

/// The type of numbers to measure networks in.
pub fn dtype(precision: Precision, device: &OpenDevice) -> Result<DType, EngineError> {
    Ok(match (precision, allowed_numbers(precision, device)?[0]) {
        (Precision::F16, _) | (_, Numbers::F16) => DType::F16,
        _ => DType::F32,
    })
}
