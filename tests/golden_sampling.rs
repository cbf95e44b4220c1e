//! Checks noise and schedulers against numbers that PyTorch and diffusers made (`golden/make_sampling.py`).

#![allow(clippy::unwrap_used)] // a test stops at the first surprise

use std::path::{Path, PathBuf};

use inlay::diffusion::config::read_json;
use inlay::diffusion::noise::TorchRng;
use inlay::diffusion::scheduler::{SchedulerConfig, SchedulerName};
use safetensors::SafeTensors;
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/sampling")
        .join(name)
}

fn floats(tensors: &SafeTensors, name: &str) -> Vec<f32> {
    let data = tensors.tensor(name).unwrap();
    data.data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[test]
fn noise_is_torchs() {
    let bytes = std::fs::read(golden("noise.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut largest: f32 = 0.0;
    for name in tensors.names() {
        let [seed, _, sizes] = name.split('/').collect::<Vec<_>>()[..] else {
            panic!("{name}");
        };
        let mut rng = TorchRng::new(seed.parse().unwrap());
        let got: Vec<f32> = sizes
            .split(',')
            .flat_map(|n| rng.randn(n.parse().unwrap()))
            .collect();
        let want = floats(&tensors, name);
        assert_eq!(got.len(), want.len());
        for (i, (a, b)) in got.iter().zip(&want).enumerate() {
            assert!((a - b).abs() < 1e-6, "{name}[{i}]: {a} instead of {b}");
            largest = largest.max((a - b).abs());
        }
    }
    println!("largest difference {largest:e}");
}

/// As in the script: a model output that depends on latents and step.
fn fake_output(input: &[f32], step: usize) -> Vec<f32> {
    let value = |(k, x): (usize, &f32)| {
        let wave = (0.37 * k as f64 + 1.3 * step as f64 + 0.11).sin();
        (0.25 * f64::from(*x) + 0.8 * wave) as f32
    };
    input.iter().enumerate().map(value).collect()
}

/// Largest difference relative to the largest wanted number (at least 1).
fn relative_error(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let scale = want.iter().fold(1.0_f32, |m, w| m.max(w.abs()));
    got.iter()
        .zip(want)
        .fold(0.0, |m: f32, (g, w)| m.max((g - w).abs() / scale))
}

/// What the script stores of a run, in its order: timesteps, start, one latent a step, one re-noised latent a step, end.
fn run(config: &SchedulerConfig, steps: usize, strength: f64) -> Result<[Vec<f32>; 5], String> {
    let mut schedule = config.start(steps, strength).map_err(|e| e.to_string())?;
    let mut rng = TorchRng::new(11);
    let (original, noise) = (rng.randn(16), rng.randn(16));
    let begin = schedule.begin_index();
    let timesteps = schedule.timesteps()[begin..].to_vec();
    let mut latents = if strength == 1.0 {
        let sigma = schedule.init_noise_sigma();
        noise.iter().map(|n| n * sigma).collect()
    } else {
        schedule.add_noise(&original, &noise, begin)
    };
    let started = latents.clone();
    let (mut path, mut renoised) = (Vec::new(), Vec::new());
    for step in 0..timesteps.len() {
        let i = begin + step;
        let output = fake_output(&schedule.scale_model_input(&latents, i), step);
        latents = schedule.step(&output, i, &latents, &mut rng);
        path.push(latents[5]);
        if step + 1 < timesteps.len() {
            renoised.push(schedule.add_noise(&original, &noise, i + 1)[5]);
        }
    }
    Ok([timesteps, started, path, renoised, latents])
}

#[test]
fn schedules_are_those_of_diffusers() {
    let index = read_json(&golden("schedules.json")).unwrap();
    let bytes = std::fs::read(golden("schedules.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let path = Path::new("scheduler_config.json");
    let (mut largest, mut bad) = (0.0_f32, Vec::new());
    for (at, case) in index["cases"].as_array().unwrap().iter().enumerate() {
        let config = &index["configs"][case["config"].as_u64().unwrap() as usize];
        let name: Option<SchedulerName> = case["name"].as_str().map(|n| n.parse().unwrap());
        let steps = case["steps"].as_u64().unwrap() as usize;
        let strength = case["strength"].as_f64().unwrap();
        let result = SchedulerConfig::read(config, path, name)
            .map_err(|e| e.to_string())
            .and_then(|c| run(&c, steps, strength));
        let label = format!("case {at}: {case} of {config}");
        let parts = match (result, &case["fails"]) {
            (Err(_), Value::String(_)) => continue,
            (Ok(parts), Value::Null) => parts,
            (Err(e), _) => {
                bad.push(format!("{label}: refused: {e}"));
                continue;
            }
            (Ok(_), _) => {
                bad.push(format!("{label}: ran, but diffusers fails"));
                continue;
            }
        };
        // Without signal at the first step sigma is 4096: one rounding of PyTorch's power function shows at once.
        let limit = if config["rescale_betas_zero_snr"] == true {
            1e-4
        } else {
            1e-5
        };
        let mut want = &floats(&tensors, &format!("{at:04}"))[..];
        let counts: Vec<usize> = parts.iter().map(Vec::len).collect();
        if counts.iter().sum::<usize>() != want.len() {
            bad.push(format!(
                "{label}: {counts:?} numbers instead of {}",
                want.len()
            ));
            continue;
        }
        for (title, got) in ["timesteps", "start", "path", "renoised", "end"]
            .iter()
            .zip(&parts)
        {
            let (expected, rest) = want.split_at(got.len());
            want = rest;
            let error = relative_error(got, expected);
            largest = largest.max(error);
            if error.is_nan() || error > limit {
                bad.push(format!(
                    "{label}: {title} differs by {error:e}: {got:?} {expected:?}"
                ));
                break;
            }
        }
    }
    println!("largest relative difference {largest:e}");
    let shown: Vec<&String> = bad.iter().take(6).collect();
    assert!(bad.is_empty(), "{} schedules differ: {shown:#?}", bad.len());
}
