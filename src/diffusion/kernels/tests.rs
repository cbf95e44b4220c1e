//! Owns what the kernels' tests share: a device, made-up numbers, the comparison. Used by the tests beside each kernel.
//! Must never need a GPU: a software one will do, and without one the tests say aloud that they skipped.

use std::sync::OnceLock;

use burn::tensor::{DType, Device, DeviceKind, Distribution, Tensor};

/// The first device through CubeCL; burn opens each only once a process.
pub fn device() -> Option<Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    let open = || {
        let options = Device::wgpu_options().device_kind(DeviceKind::DefaultDevice);
        options.init().ok()
    };
    let device = DEVICE.get_or_init(open).clone();
    if device.is_none() {
        println!("SKIPPED: no wgpu device here, not even a software one");
    }
    device
}

/// The types that a device computes in.
pub fn halves(device: &Device) -> Vec<DType> {
    let all = [DType::F32, DType::F16];
    all.into_iter()
        .filter(|d| device.supports_dtype(*d))
        .collect()
}

/// Normal numbers on the CPU.
pub fn random<const D: usize>(shape: [usize; D], deviation: f64) -> Tensor<D> {
    let like = (&Device::flex(), DType::F32);
    Tensor::random(shape, Distribution::Normal(0.0, deviation), like)
}

/// The largest difference as a share of the largest number, in f32.
pub fn worst<const D: usize>(expected: &Tensor<D>, got: Tensor<D>) -> f32 {
    assert_eq!(expected.dims(), got.dims());
    let got = got.to_device(&Device::flex()).cast(DType::F32);
    let difference = (expected.clone() - got).abs().max().into_scalar::<f32>();
    difference / expected.clone().abs().max().into_scalar::<f32>()
}
