//! Owns how the bench times: medians of runs, and how fast the device multiplies matrices at its best. Used by the bench only.
//! Must never leave work of one measurement to the next: every sample ends with the device idle.

use std::time::Instant;

use burn::tensor::{DType, Device, Distribution, Tensor};

use crate::diffusion::DiffusionError;
use crate::engine::error::EngineError;

/// A sample of a single operation lasts at least this long, so that clocks and launches do not decide.
const SAMPLE_SECONDS: f64 = 0.02;

/// Operations in a sample at most.
const MOST_IN_SAMPLE: usize = 256;

/// Matrices grow until one product takes this long.
const PEAK_SECONDS: f64 = 0.05;

/// Sides of the square matrices that are multiplied.
const SIDES: [usize; 5] = [512, 1024, 2048, 4096, 8192];

/// Milliseconds of `runs` runs of `work`, which waits for its own result.
pub fn median(
    runs: usize,
    mut work: impl FnMut() -> Result<(), EngineError>,
) -> Result<f64, EngineError> {
    let mut times = Vec::new();
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Milliseconds of one `work`, of which many are started before the device is waited for. It has run before.
pub fn op_milliseconds(
    device: &Device,
    runs: usize,
    mut work: impl FnMut() -> Result<(), EngineError>,
) -> Result<f64, EngineError> {
    let mut sample = |count: usize| -> Result<f64, EngineError> {
        wait(device)?;
        let start = Instant::now();
        for _ in 0..count {
            work()?;
        }
        wait(device)?;
        Ok(start.elapsed().as_secs_f64() / count as f64)
    };
    let once = sample(1)?;
    let count = ((SAMPLE_SECONDS / once.max(1e-9)).ceil() as usize).clamp(1, MOST_IN_SAMPLE);
    let mut times = (0..runs.max(3))
        .map(|_| sample(count))
        .collect::<Result<Vec<f64>, _>>()?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2] * 1e3)
}

/// The most 10⁹ operations a second that products of square matrices reach, and their side.
pub fn matmul_peak(device: &Device, dtype: DType) -> Result<(f64, usize), EngineError> {
    let mut best = (0.0, SIDES[0]);
    for side in SIDES {
        let random = || {
            let like = (device, DType::F32);
            Tensor::<2>::random([side, side], Distribution::Normal(0.0, 1.0), like).cast(dtype)
        };
        let (a, b) = (random(), random());
        let work = || {
            drop(a.clone().matmul(b.clone()));
            Ok(())
        };
        work()?;
        let milliseconds = op_milliseconds(device, 3, work)?;
        let speed = 2.0 * (side as f64).powi(3) / 1e6 / milliseconds;
        if speed > best.0 {
            best = (speed, side);
        }
        if milliseconds > PEAK_SECONDS * 1e3 {
            break;
        }
    }
    Ok(best)
}

fn wait(device: &Device) -> Result<(), EngineError> {
    Ok(device.sync().map_err(DiffusionError::device)?)
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_the_runs_asked_for() {
        let mut runs = 0;
        let time = median(5, || {
            runs += 1;
            Ok(())
        });
        assert_eq!(runs, 5);
        assert!(time.unwrap() >= 0.0);
    }

    #[test]
    fn short_operations_are_sampled_in_numbers() {
        let mut runs = 0;
        let time = op_milliseconds(&Device::flex(), 3, || {
            runs += 1;
            Ok(())
        });
        assert!(runs > 3 * 100 && runs <= 3 * MOST_IN_SAMPLE + 1, "{runs}");
        assert!(time.unwrap() < 1.0);
    }
}
