//! Owns the choice of a device: what was found, what is used and why. Called by the worker before the first model and by
//! `inlay devices`. Probing itself is in `probe`, in a child process, because a bad driver can take its process along.

use std::collections::HashMap;
use std::path::Path;

use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind};
use serde::{Deserialize, Serialize};

use super::error::EngineError;
pub use super::probe::{devices, probe_child};

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A real GPU that works, else the CPU.
    #[default]
    Auto,
    Cpu,
    /// A real GPU through whichever interface works.
    Gpu,
    Vulkan,
    Metal,
    Dx12,
}

impl DeviceChoice {
    pub const ALL: [Self; 6] = [
        Self::Auto,
        Self::Cpu,
        Self::Gpu,
        Self::Vulkan,
        Self::Metal,
        Self::Dx12,
    ];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Dx12 => "dx12",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    Discrete,
    Integrated,
    Virtual,
    /// A software renderer.
    Software,
    Other,
}

/// One way to one device, as a probe found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub api: String,
    pub kind: AdapterKind,
    /// Counted within the kind and interface.
    pub index: usize,
    pub driver: String,
    /// A small computation came out right. None: not tried (software renderers).
    pub works: Option<bool>,
    /// Why it does not work.
    pub problem: Option<String>,
    /// Computes in f16.
    pub f16: bool,
    /// Memory of its own, where that could be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl Adapter {
    pub fn is_gpu(&self) -> bool {
        !matches!(self.kind, AdapterKind::Software)
    }

    /// Its memory is the computer's.
    pub fn shares_memory(&self) -> bool {
        matches!(self.kind, AdapterKind::Software | AdapterKind::Integrated)
    }
}

/// What `inlay devices` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    pub adapters: Vec<Adapter>,
    /// What `auto` uses.
    pub chosen: String,
    pub why: String,
    /// True when this answer was remembered from an earlier probe.
    pub remembered: bool,
    pub cpu_threads: usize,
}

impl DeviceReport {
    pub(super) fn new(adapters: Vec<Adapter>, probe_problem: Option<String>) -> Self {
        let (chosen, why) = match (best(&adapters, DeviceChoice::Auto), probe_problem) {
            (Some(adapter), _) => (
                adapter.name.clone(),
                format!(
                    "the fastest kind of GPU that works, through {}",
                    adapter.api
                ),
            ),
            (None, Some(problem)) => ("CPU".to_owned(), problem),
            (None, None) if adapters.iter().any(Adapter::is_gpu) => (
                "CPU".to_owned(),
                "no GPU computed a test sum correctly".to_owned(),
            ),
            (None, None) => ("CPU".to_owned(), "no GPU was found".to_owned()),
        };
        Self {
            adapters,
            chosen,
            why,
            remembered: false,
            cpu_threads: rayon::current_num_threads(),
        }
    }
}

/// The adapter that a choice means. Software renderers only when their interface is asked for by name.
pub(super) fn best(adapters: &[Adapter], choice: DeviceChoice) -> Option<&Adapter> {
    let rank = |kind: AdapterKind| match kind {
        AdapterKind::Discrete => 0,
        AdapterKind::Integrated => 1,
        AdapterKind::Virtual => 2,
        AdapterKind::Other => 3,
        AdapterKind::Software => 4,
    };
    let by_name = matches!(
        choice,
        DeviceChoice::Vulkan | DeviceChoice::Metal | DeviceChoice::Dx12
    );
    adapters
        .iter()
        .filter(|a| match choice {
            DeviceChoice::Cpu => false,
            DeviceChoice::Auto | DeviceChoice::Gpu => a.is_gpu() && a.works == Some(true),
            _ => a.api == choice.name() && a.works != Some(false),
        })
        .filter(|a| by_name || a.is_gpu())
        .min_by_key(|a| rank(a.kind))
}

/// A device ready for tensors.
#[derive(Clone)]
pub struct OpenDevice {
    pub device: Device,
    /// For people: "CPU", "NVIDIA … (vulkan)".
    pub label: String,
    pub is_gpu: bool,
    pub f16: bool,
    /// Tensors lie in the computer's own memory.
    pub shares_memory: bool,
    /// Memory of its own, where that is known.
    pub memory_bytes: Option<u64>,
}

impl OpenDevice {
    fn cpu() -> Self {
        Self {
            device: Device::flex(),
            label: "CPU".to_owned(),
            is_gpu: false,
            f16: false,
            shares_memory: true,
            memory_bytes: None,
        }
    }
}

/// Opens devices and keeps them: burn initialises each only once a process.
#[derive(Default)]
pub struct Devices {
    open: HashMap<String, OpenDevice>,
}

impl Devices {
    /// The device for a choice. `auto` falls to the CPU; a named one never does.
    pub fn open(
        &mut self,
        choice: DeviceChoice,
        report: impl FnOnce() -> DeviceReport,
    ) -> Result<OpenDevice, EngineError> {
        if choice == DeviceChoice::Cpu {
            return Ok(OpenDevice::cpu());
        }
        let report = report();
        let Some(adapter) = best(&report.adapters, choice) else {
            if choice == DeviceChoice::Auto {
                return Ok(OpenDevice::cpu());
            }
            let broken = report.adapters.iter().find_map(|a| a.problem.clone());
            let because = broken.map_or_else(String::new, |problem| format!(" ({problem})"));
            let asked = choice.name();
            return Err(EngineError::Device(format!(
                "no {asked} device that works was found{because}; `inlay devices` lists what there is, --device cpu always works"
            )));
        };
        let label = format!("{} ({})", adapter.name, adapter.api);
        if let Some(open) = self.open.get(&label) {
            return Ok(open.clone());
        }
        let device = start(adapter).map_err(EngineError::Device)?;
        let open = OpenDevice {
            device,
            label: label.clone(),
            is_gpu: adapter.is_gpu(),
            f16: adapter.f16,
            shares_memory: adapter.shares_memory(),
            memory_bytes: adapter.memory_bytes,
        };
        self.open.insert(label, open.clone());
        Ok(open)
    }
}

/// Tells burn where to keep what it learns about kernels, before its first use in this process; otherwise a file in the
/// current folder would decide. Without a folder it is the system's temporary one.
pub(super) fn keep_kernels_in(cache_dir: Option<&Path>) {
    let dir = cache_dir.map_or_else(std::env::temp_dir, Path::to_owned);
    let asked = serde_json::json!({ "environment": { "path": { "directory": dir } } });
    match serde_json::from_value::<CubeClRuntimeConfig>(asked) {
        // False when it is set already, which is as good.
        Ok(config) => {
            let _ = CubeClRuntimeConfig::try_set(config.override_from_env());
        }
        Err(error) => log::warn!("kernels are kept in burn's own place: {error}"),
    }
}

/// Initialises burn's runtime on an adapter.
pub(super) fn start(adapter: &Adapter) -> Result<Device, String> {
    let kind = match adapter.kind {
        AdapterKind::Discrete => DeviceKind::DiscreteGpu(adapter.index),
        AdapterKind::Integrated => DeviceKind::IntegratedGpu(adapter.index),
        AdapterKind::Virtual => DeviceKind::VirtualGpu(adapter.index),
        AdapterKind::Software => DeviceKind::Cpu,
        AdapterKind::Other => DeviceKind::DefaultDevice,
    };
    let api = match adapter.api.as_str() {
        "vulkan" => WgpuBackend::Vulkan,
        "metal" => WgpuBackend::Metal,
        "dx12" => WgpuBackend::Dx12,
        other => return Err(format!("unknown graphics interface {other}")),
    };
    Device::wgpu_options()
        .device_kind(kind)
        .graphics_api(api)
        .init()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(kind: AdapterKind, api: &str, works: Option<bool>) -> Adapter {
        Adapter {
            name: format!("{kind:?}"),
            api: api.to_owned(),
            kind,
            index: 0,
            driver: String::new(),
            works,
            problem: None,
            f16: false,
            memory_bytes: None,
        }
    }

    #[test]
    fn auto_never_takes_a_software_renderer_or_a_broken_gpu() {
        let adapters = [
            adapter(AdapterKind::Software, "vulkan", None),
            adapter(AdapterKind::Discrete, "vulkan", Some(false)),
        ];
        assert!(best(&adapters, DeviceChoice::Auto).is_none());
        assert_eq!(DeviceReport::new(adapters.to_vec(), None).chosen, "CPU");
    }

    #[test]
    fn an_interface_asked_for_by_name_may_be_software() {
        let adapters = [adapter(AdapterKind::Software, "vulkan", None)];
        assert!(best(&adapters, DeviceChoice::Vulkan).is_some());
        assert!(best(&adapters, DeviceChoice::Gpu).is_none());
        assert!(best(&adapters, DeviceChoice::Metal).is_none());
    }

    #[test]
    fn a_discrete_gpu_comes_before_an_integrated_one() {
        let adapters = [
            adapter(AdapterKind::Integrated, "vulkan", Some(true)),
            adapter(AdapterKind::Discrete, "vulkan", Some(true)),
        ];
        assert_eq!(
            best(&adapters, DeviceChoice::Auto).map(|a| a.kind),
            Some(AdapterKind::Discrete)
        );
    }
}
