//! Owns looking for GPUs in a child process and remembering the answer. `devices` asks; `probe_child` is what the child
//! runs. The parent survives whatever a driver does to the child.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use burn::tensor::wgpu::wgpu;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::device::{Adapter, AdapterKind, DeviceReport, keep_kernels_in, start};
use super::memory::dedicated_bytes;
use super::worker::EngineOptions;

/// The hidden argument that makes Inlay a probe.
pub const PROBE_ARGUMENT: &str = "probe-devices";
/// A driver that takes longer than this is treated as broken.
const PROBE_LIMIT: Duration = Duration::from_secs(30);
/// A remembered answer is asked anew after this, in case hardware changed.
const REMEMBER: Duration = Duration::from_hours(7 * 24);

#[derive(Serialize, Deserialize)]
struct Remembered {
    inlay: String,
    adapters: Vec<Adapter>,
}

/// What devices there are. `refresh` probes even if an answer is remembered.
pub fn devices(options: &EngineOptions, refresh: bool) -> DeviceReport {
    let Some(program) = &options.probe_program else {
        return DeviceReport::new(Vec::new(), Some("GPUs were not looked for".to_owned()));
    };
    let file = options
        .state_dir
        .as_ref()
        .map(|dir| dir.join("devices.json"));
    if let Some(adapters) = file.as_deref().filter(|_| !refresh).and_then(recall) {
        return DeviceReport {
            remembered: true,
            ..DeviceReport::new(adapters, None)
        };
    }
    match probe(program) {
        Ok(adapters) => {
            if let Some(file) = &file
                && let Err(error) = remember(file, &adapters)
            {
                log::warn!("{}: can't remember the devices: {error}", file.display());
            }
            DeviceReport::new(adapters, None)
        }
        Err(problem) => DeviceReport::new(Vec::new(), Some(problem)),
    }
}

fn recall(file: &Path) -> Option<Vec<Adapter>> {
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    let age = SystemTime::now()
        .duration_since(written)
        .unwrap_or_default();
    let text = std::fs::read_to_string(file).ok()?;
    let remembered: Remembered = serde_json::from_str(&text).ok()?;
    (age < REMEMBER && remembered.inlay == env!("CARGO_PKG_VERSION")).then_some(remembered.adapters)
}

fn remember(file: &Path, adapters: &[Adapter]) -> std::io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let answer = Remembered {
        inlay: env!("CARGO_PKG_VERSION").to_owned(),
        adapters: adapters.to_vec(),
    };
    let temporary = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer_pretty(&temporary, &answer)?;
    temporary.persist(file)?;
    Ok(())
}

/// Runs the child and reads its answer, within the time limit.
fn probe(program: &PathBuf) -> Result<Vec<Adapter>, String> {
    let mut child = Command::new(program)
        .arg(PROBE_ARGUMENT)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the search for GPUs could not start: {error}"))?;
    let mut output = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(output) = &mut output {
            let _ = output.read_to_string(&mut text);
        }
        text
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() > PROBE_LIMIT => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("the graphics driver did not answer; only the CPU is used".to_owned());
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(format!("the search for GPUs failed: {error}")),
        }
    };
    let text = reader.join().unwrap_or_default();
    if !status.success() {
        return Err(format!(
            "the graphics driver crashed while it was tried ({status}); only the CPU is used"
        ));
    }
    serde_json::from_str(text.trim())
        .map_err(|error| format!("the search for GPUs gave no answer: {error}"))
}

/// Runs in the child: finds adapters, tries each real GPU with a small sum, returns the answer as JSON.
pub fn probe_child(cache_dir: Option<&Path>) -> String {
    keep_kernels_in(cache_dir);
    let mut adapters = Vec::new();
    for (backends, api) in [
        (wgpu::Backends::VULKAN, "vulkan"),
        (wgpu::Backends::METAL, "metal"),
        (wgpu::Backends::DX12, "dx12"),
    ] {
        adapters.extend(found_through(backends, api));
    }
    for adapter in adapters.iter_mut().filter(|a| a.is_gpu()) {
        match catch_unwind(AssertUnwindSafe(|| try_sum(adapter))) {
            Ok(Ok(())) => adapter.works = Some(true),
            Ok(Err(problem)) => {
                adapter.works = Some(false);
                adapter.problem = Some(problem);
            }
            Err(_) => {
                adapter.works = Some(false);
                adapter.problem = Some("the driver failed on a small sum".to_owned());
            }
        }
    }
    serde_json::to_string(&adapters).unwrap_or_else(|_| "[]".to_owned())
}

fn found_through(backends: wgpu::Backends, api: &str) -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut seen = std::collections::HashMap::new();
    pollster::block_on(instance.enumerate_adapters(backends))
        .iter()
        .map(|adapter| {
            let info = adapter.get_info();
            let kind = match info.device_type {
                wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
                wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
                wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
                wgpu::DeviceType::Cpu => AdapterKind::Software,
                wgpu::DeviceType::Other => AdapterKind::Other,
            };
            let count = seen.entry(kind).or_insert(0_usize);
            let index = *count;
            *count += 1;
            Adapter {
                name: info.name,
                api: api.to_owned(),
                kind,
                index,
                driver: format!("{} {}", info.driver, info.driver_info)
                    .trim()
                    .to_owned(),
                works: None,
                problem: None,
                f16: adapter.features().contains(wgpu::Features::SHADER_F16),
                memory_bytes: (kind == AdapterKind::Discrete)
                    .then(|| dedicated_bytes(&info.device_pci_bus_id))
                    .flatten(),
            }
        })
        .collect()
}

fn try_sum(adapter: &Adapter) -> Result<(), String> {
    let device = start(adapter)?;
    let values: Vec<f32> = (0..64).map(|v| v as f32).collect();
    let a = Tensor::<1>::from_data(TensorData::new(values, [64]), &device);
    let sum = (a.clone() * a)
        .sum()
        .try_into_data()
        .map_err(|error| error.to_string())?;
    let sum = sum.iter::<f32>().next().unwrap_or_default();
    let expected: f32 = (0..64_u16).map(|v| f32::from(v * v)).sum();
    if (sum - expected).abs() < 0.5 {
        Ok(())
    } else {
        Err(format!("it computed {sum} instead of {expected}"))
    }
}
