//! Owns the numbers that schedules are made of: cumulated signal, sigmas, timestep spacings and sigma spacings, rounded
//! as PyTorch and NumPy round them. Used by the schedulers. Must never see latents.
//!
//! ᾱ is the share of signal left at a timestep (Ho et al., "Denoising diffusion probabilistic models", equation 4) and
//! sigma = √((1−ᾱ)/ᾱ) the noise level of the same point (Karras et al., 2022).

use super::config::SchedulerConfig;
use super::kinds::{BetaSchedule, SigmaSpacing, TimestepSpacing};
use crate::diffusion::error::{DiffusionError, Result};

/// `torch.linspace` in f32: from both ends, with one rounding a number.
pub fn linspace_f32(start: f64, end: f64, count: usize) -> Vec<f32> {
    let (start, end) = (start as f32, end as f32);
    if count < 2 {
        return vec![start; count];
    }
    let step = (end - start) / (count - 1) as f32;
    let at = |i: usize| {
        if i < count / 2 {
            step.mul_add(i as f32, start)
        } else {
            (-step).mul_add((count - 1 - i) as f32, end)
        }
    };
    (0..count).map(at).collect()
}

/// `numpy.linspace` in f64.
pub fn linspace_f64(start: f64, end: f64, count: usize) -> Vec<f64> {
    if count < 2 {
        return vec![start; count];
    }
    let step = (end - start) / (count - 1) as f64;
    let mut out: Vec<f64> = (0..count).map(|i| i as f64 * step + start).collect();
    out[count - 1] = end;
    out
}

/// Products of all entries up to each, summed up in f64.
fn cumulated_product(values: &[f32]) -> Vec<f32> {
    let multiply = |product: &mut f64, v: &f32| {
        *product *= f64::from(*v);
        Some(*product as f32)
    };
    values.iter().scan(1.0, multiply).collect()
}

fn betas(config: &SchedulerConfig) -> Vec<f32> {
    let count = config.num_train_timesteps;
    match &config.beta_schedule {
        BetaSchedule::Trained(betas) => betas.clone(),
        BetaSchedule::Linear => linspace_f32(config.beta_start, config.beta_end, count),
        BetaSchedule::ScaledLinear => {
            let mut betas = linspace_f32(config.beta_start.sqrt(), config.beta_end.sqrt(), count);
            for beta in &mut betas {
                *beta *= *beta;
            }
            betas
        }
        BetaSchedule::SquaredCosCapV2 => {
            let signal = |t: f64| {
                let angle = (t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2;
                angle.cos().powi(2)
            };
            let at = |i: usize| i as f64 / count as f64;
            let beta = |i| (1.0 - signal(at(i + 1)) / signal(at(i))).min(0.999);
            (0..count).map(|i| beta(i) as f32).collect()
        }
    }
}

/// Betas whose last timestep has no signal left (Lin et al., 2023, algorithm 1).
fn rescaled_to_zero_snr(betas: &[f32]) -> Vec<f32> {
    let alphas: Vec<f32> = betas.iter().map(|b| 1.0 - b).collect();
    let roots: Vec<f32> = cumulated_product(&alphas)
        .iter()
        .map(|a| a.sqrt())
        .collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    let factor = first / (first - last);
    let signal: Vec<f32> = roots
        .iter()
        .map(|root| {
            let shifted = (root - last) * factor;
            shifted * shifted
        })
        .collect();
    let mut out = vec![1.0 - signal[0]];
    out.extend(signal.windows(2).map(|pair| 1.0 - pair[1] / pair[0]));
    out
}

/// ᾱ of every training timestep. With zero terminal signal the last one is exactly 0.
pub fn alphas_cumprod(config: &SchedulerConfig) -> Vec<f32> {
    let mut betas = betas(config);
    if config.rescale_betas_zero_snr {
        betas = rescaled_to_zero_snr(&betas);
    }
    let alphas: Vec<f32> = betas.iter().map(|b| 1.0 - b).collect();
    cumulated_product(&alphas)
}

/// ᾱ as the sigma-based schedulers use it: zero terminal signal becomes 2⁻²⁴, so that sigma stays finite.
pub fn alphas_cumprod_for_sigmas(config: &SchedulerConfig) -> Vec<f32> {
    let mut alphas = alphas_cumprod(config);
    if config.rescale_betas_zero_snr
        && let Some(last) = alphas.last_mut()
    {
        *last = (-24_f32).exp2();
    }
    alphas
}

/// sigma of every training timestep.
pub fn train_sigmas(alphas_cumprod: &[f32]) -> Vec<f32> {
    alphas_cumprod
        .iter()
        .map(|a| ((1.0 - a) / a).sqrt())
        .collect()
}

/// The visited timesteps of DDIM, PNDM and the Euler schedulers, downwards; only `Linspace` can give fractions.
pub fn spaced_timesteps(config: &SchedulerConfig, steps: usize) -> Vec<f64> {
    let count = config.num_train_timesteps;
    match config.timestep_spacing {
        TimestepSpacing::Linspace => {
            let mut out = linspace_f64(0.0, (count - 1) as f64, steps);
            out.reverse();
            out
        }
        TimestepSpacing::Leading => {
            let stride = count / steps;
            let at = |i: usize| (i * stride + config.steps_offset) as f64;
            (0..steps).rev().map(at).collect()
        }
        TimestepSpacing::Trailing => trailing_timesteps(count, count as f64 / steps as f64),
    }
}

/// `numpy.arange(from, 0, -stride)`, rounded, less one. Rounding errors of the stride can add an entry, which is −1.
pub fn trailing_timesteps(from: usize, stride: f64) -> Vec<f64> {
    let from = from as f64;
    let count = (from / stride).ceil() as usize;
    let step = (from - stride) - from;
    (0..count)
        .map(|i| (from + i as f64 * step).round_ties_even() - 1.0)
        .collect()
}

/// The table's value at a fractional index, flat beyond the ends (`numpy.interp`).
pub fn interpolate(table: &[f32], at: f64) -> f64 {
    let last = table.len() - 1;
    if at <= 0.0 {
        return f64::from(table[0]);
    }
    if at >= last as f64 {
        return f64::from(table[last]);
    }
    let low = at.floor();
    let (a, b) = (
        f64::from(table[low as usize]),
        f64::from(table[low as usize + 1]),
    );
    (b - a) * (at - low) + a
}

/// The fractional timestep whose sigma is `sigma`, by the logarithms of the training sigmas.
pub fn sigma_to_timestep(log_sigmas: &[f32], sigma: f64) -> f64 {
    let log_sigma = sigma.max(1e-10).ln();
    let below = log_sigmas.iter().rposition(|l| f64::from(*l) <= log_sigma);
    let low = below.unwrap_or(0).min(log_sigmas.len().saturating_sub(2));
    let high = (low + 1).min(log_sigmas.len() - 1);
    let span = log_sigmas[low] - log_sigmas[high];
    if span == 0.0 {
        return low as f64;
    }
    let w = ((f64::from(log_sigmas[low]) - log_sigma) / f64::from(span)).clamp(0.0, 1.0);
    (1.0 - w) * low as f64 + w * high as f64
}

/// Sigmas between `first` and `last` as `spacing` has them; the configuration's own bounds go before.
pub fn spaced_sigmas(config: &SchedulerConfig, first: f64, last: f64, steps: usize) -> Vec<f64> {
    const RHO: f64 = 7.0;
    let high = config.sigma_max.unwrap_or(first);
    let low = config.sigma_min.unwrap_or(last);
    match config.sigma_spacing {
        SigmaSpacing::Karras => {
            let (low, high) = (low.powf(1.0 / RHO), high.powf(1.0 / RHO));
            let ramp = linspace_f64(0.0, 1.0, steps);
            let sigma = |r: f64| (high + r * (low - high)).powf(RHO);
            ramp.into_iter().map(sigma).collect()
        }
        SigmaSpacing::Exponential => linspace_f64(high.ln(), low.ln(), steps)
            .into_iter()
            .map(f64::exp)
            .collect(),
        SigmaSpacing::Lu => {
            let (high, low) = (first.ln(), last.ln());
            let ramp = linspace_f64(0.0, 1.0, steps);
            ramp.into_iter()
                .map(|r| (high + r * (low - high)).exp())
                .collect()
        }
        SigmaSpacing::Timesteps => vec![first; steps],
    }
}

/// The error for a schedule that would divide by zero: `why` in few words.
pub fn impossible_schedule(class: &str, steps: usize, why: &str) -> DiffusionError {
    DiffusionError::Settings(format!(
        "{class} cannot run {steps} steps of this model's schedule ({why}); change the number of steps or the sampler"
    ))
}

/// Fails unless every sigma that is visited (all but the final one) is finite and above 0.
pub fn check_sigmas(class: &str, steps: usize, sigmas: &[f32]) -> Result<()> {
    let visited = &sigmas[..sigmas.len().saturating_sub(1)];
    if visited.iter().any(|s| !s.is_finite() || *s <= 0.0) || visited.is_empty() {
        return Err(impossible_schedule(
            class,
            steps,
            "a noise level is 0 or infinite",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacings_have_the_shape_of_the_paper() {
        assert_eq!(linspace_f64(0.0, 9.0, 4), [0.0, 3.0, 6.0, 9.0]);
        assert_eq!(
            trailing_timesteps(1000, 200.0),
            [999.0, 799.0, 599.0, 399.0, 199.0]
        );
        // 1000 / 61 rounds so that NumPy's range has one entry more than was asked for.
        assert_eq!(trailing_timesteps(1000, 1000.0 / 61.0).len(), 62);
    }

    #[test]
    fn interpolation_is_flat_beyond_the_ends() {
        let table = [1.0, 3.0, 4.0];
        let got = [-1.0, 0.5, 1.25, 2.0, 7.0].map(|at| interpolate(&table, at));
        assert_eq!(got, [1.0, 2.0, 3.25, 4.0, 4.0]);
    }

    #[test]
    fn timesteps_invert_sigmas() {
        let sigmas = [0.1_f32, 0.5, 2.0, 9.0];
        let logs: Vec<f32> = sigmas.iter().map(|s| s.ln()).collect();
        for (i, s) in sigmas.iter().enumerate() {
            assert!((sigma_to_timestep(&logs, f64::from(*s)) - i as f64).abs() < 1e-5);
        }
        assert_eq!(sigma_to_timestep(&logs, 1e-20), 0.0);
        assert_eq!(sigma_to_timestep(&logs, 1e20), 3.0);
    }
}
