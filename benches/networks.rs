//! Owns timings of whole networks at Stable Diffusion 1.5's size with made-up weights, on the CPU. Run with
//! `cargo bench --bench networks`; needs about 5 GiB of memory. Must never need a model on disk.

use std::path::Path;
use std::time::Duration;

use burn::tensor::{DType, Device, Distribution, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use inlay::diffusion::config::{JsonFile, UNetConfig, VaeConfig};
use inlay::diffusion::unet::UNet;
use inlay::diffusion::vae::Vae;
use serde_json::json;

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), (device, DType::F32))
}

fn config(json: serde_json::Value) -> JsonFile {
    JsonFile::from_value(Path::new("bench"), json).expect("an object")
}

fn unet(criterion: &mut Criterion) {
    let device = Device::flex();
    // What diffusers leaves at its defaults is SD 1.5's.
    let json = config(json!({
        "in_channels": 9,
        "cross_attention_dim": 768,
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    }));
    let unet = UNet::invented(
        &UNetConfig::from_json(&json).expect("sound"),
        &device,
        DType::F32,
    );
    let prompt = random([1, 77, 768], &device);
    for side in [32, 64] {
        let sample = random([1, 9, side, side], &device);
        criterion.bench_function(&format!("unet sd1.5 f32 {side}x{side}"), |bencher| {
            bencher.iter(|| {
                let out = unet
                    .forward(sample.clone(), 500.0, prompt.clone())
                    .expect("runs");
                out.try_into_data().expect("reads")
            });
        });
    }
}

fn vae(criterion: &mut Criterion) {
    let device = Device::flex();
    let levels = 4;
    let json = config(json!({
        "_class_name": "AutoencoderKL",
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": vec!["DownEncoderBlock2D"; levels],
        "up_block_types": vec!["UpDecoderBlock2D"; levels],
        "layers_per_block": 2,
    }));
    let vae = Vae::invented(
        &VaeConfig::from_json(&json).expect("sound"),
        &device,
        DType::F32,
    );
    let latents = random([1, 4, 32, 32], &device);
    criterion.bench_function("vae sd1.5 f32 decode 256x256", |bencher| {
        bencher.iter(|| {
            vae.decode(latents.clone())
                .expect("runs")
                .try_into_data()
                .expect("reads")
        });
    });
    let image = random([1, 3, 256, 256], &device);
    criterion.bench_function("vae sd1.5 f32 encode 256x256", |bencher| {
        bencher.iter(|| vae.encode(image.clone()).expect("runs"));
    });
}

criterion_group! {
    name = networks;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    targets = unet, vae
}
criterion_main!(networks);
