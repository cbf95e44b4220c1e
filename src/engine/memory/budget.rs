//! Owns what a job may take: the device's memory or the limit that was set, the number formats that the asked precision allows, and telling
//! a failure for want of memory from others. Used by the slot.

use super::super::device::OpenDevice;
use super::super::error::EngineError;
use super::super::job::{JobRequest, Precision};
use super::available_bytes;
use crate::diffusion::defaults::defaults;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::memory::Work;
use crate::diffusion::weights::Numbers;

/// Of what is free, this share is taken at most: estimates err, and others want some, too. In percent.
const SHARE: u64 = 90;

/// Bytes that a job may take on a device, `held` by the loaded model included; `None` where nobody knows.
pub fn budget(device: &OpenDevice, limit: Option<u64>, held: u64) -> Option<u64> {
    let present = if device.shares_memory {
        Some((available_bytes() + held) / 100 * SHARE)
    } else {
        device.memory_bytes.map(|bytes| bytes / 100 * SHARE)
    };
    match (present, limit) {
        (Some(present), Some(limit)) => Some(present.min(limit)),
        (present, limit) => present.or(limit),
    }
}

/// The number formats for a job, the wanted first; the others may save memory.
pub fn allowed_numbers(
    precision: Precision,
    device: &OpenDevice,
) -> Result<Vec<Numbers>, EngineError> {
    match precision {
        Precision::Auto if device.is_gpu && device.f16 => Ok(vec![Numbers::F16]),
        Precision::Auto => Ok(vec![Numbers::F32, Numbers::HALF_STORED]),
        Precision::F32 => Ok(vec![Numbers::F32]),
        // Processors compute in f16 many times slower than they widen it.
        Precision::F16 if !device.is_gpu => Ok(vec![Numbers::HALF_STORED]),
        Precision::F16 if device.f16 => Ok(vec![Numbers::F16]),
        Precision::F16 => Err(EngineError::Settings(format!(
            "{} does not compute in f16; use --precision f32",
            device.label
        ))),
    }
}

/// The largest picture that the model sees in a job, and whether it is guided.
pub fn work_of(request: &JobRequest, model: &ModelFolder) -> Work {
    let crops = &request.plan.crops;
    let tiles = crops.iter().filter_map(|c| c.refine.map(|r| r.tile));
    let sizes = crops.iter().map(|c| c.working_size).chain(tiles);
    let largest = sizes.max_by_key(|size| size.area()).unwrap_or_default();
    let guidance = request.settings.guidance_scale;
    Work {
        width: largest.width as usize,
        height: largest.height as usize,
        is_guided: guidance.unwrap_or(defaults(model).guidance) > 1.0,
    }
}

/// True for texts with which devices and drivers say that memory ran out.
pub fn is_out_of_memory(text: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "out of memory",
        "out-of-memory",
        "outofmemory",
        "out of device memory",
        "not enough memory",
        "can't allocate buffer",
    ];
    let text = text.to_lowercase();
    SIGNS.iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn device(is_gpu: bool, f16: bool, memory_bytes: Option<u64>) -> OpenDevice {
        OpenDevice {
            device: Device::flex(),
            label: "this device".to_owned(),
            is_gpu,
            f16,
            shares_memory: !is_gpu,
            memory_bytes,
        }
    }

    #[test]
    fn the_smaller_of_limit_and_memory_counts() {
        let gpu = device(true, true, Some(1000));
        assert_eq!(budget(&gpu, None, 0), Some(900));
        assert_eq!(budget(&gpu, Some(500), 0), Some(500));
        assert_eq!(budget(&gpu, Some(5000), 0), Some(900));
        let unknown = device(true, true, None);
        assert_eq!(budget(&unknown, None, 0), None);
        assert_eq!(budget(&unknown, Some(7), 0), Some(7));
        let cpu = device(false, false, None);
        assert!(budget(&cpu, None, 0).is_some_and(|bytes| bytes > 0));
        assert_eq!(budget(&cpu, Some(1), 0), Some(1));
    }

    #[test]
    fn an_asked_precision_is_obeyed_or_refused() {
        let cpu = device(false, false, None);
        let allowed = |precision, device: &OpenDevice| allowed_numbers(precision, device).ok();
        assert_eq!(
            allowed(Precision::Auto, &cpu),
            Some(vec![Numbers::F32, Numbers::HALF_STORED])
        );
        assert_eq!(allowed(Precision::F32, &cpu), Some(vec![Numbers::F32]));
        assert_eq!(
            allowed(Precision::F16, &cpu),
            Some(vec![Numbers::HALF_STORED])
        );
        let gpu = device(true, true, None);
        assert_eq!(allowed(Precision::Auto, &gpu), Some(vec![Numbers::F16]));
        assert_eq!(allowed(Precision::F32, &gpu), Some(vec![Numbers::F32]));
        assert_eq!(allowed(Precision::F16, &device(true, false, None)), None);
    }

    #[test]
    fn what_drivers_say_is_understood() {
        for text in [
            "out of device memory allocating 1048576 bytes",
            "An out-of-memory error happened during launch",
            "wgpu error: Out of Memory",
            "Not enough memory left.",
            "can't allocate buffer of size: 4294967296",
        ] {
            assert!(is_out_of_memory(text), "{text}");
        }
        assert!(!is_out_of_memory("Parent device is lost"));
    }
}
