//! Owns compute kernels of our own for devices that burn reaches through CubeCL (Vulkan, Metal, DX12), where burn's own operations are
//! slow or many: 3×3 convolution, group norm with SiLU, the gated GELU. Written in CubeCL, so one source becomes WGSL, SPIR-V or MSL.
//! Used by `ops` only. Sums are f32 whatever the storage. Must never be needed for a right result: burn can do everything here, slower.

#![allow(clippy::used_underscore_binding)] // the launcher that `cube` writes reads a parameter that the kernel itself does not

mod conv;
mod gate;
mod norm;
#[cfg(test)]
mod tests;

pub use conv::conv3x3;
pub use gate::geglu;
pub use norm::group_norm;

use burn::backend::Cube;
use burn::cubecl::ir::{ElemType, FloatKind};
use burn::tensor::{DType, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use crate::diffusion::error::{DiffusionError, Result};

/// Cubes that every device starts along one axis.
const MOST_CUBES: usize = 65535;

/// True for tensors that these kernels work on.
pub fn serves<const D: usize>(x: &Tensor<D>) -> bool {
    element(x.dtype()).is_some() && x.clone().try_into_primitive::<Cube>().is_ok()
}

/// The type in which kernels read and write.
fn element(dtype: DType) -> Option<ElemType> {
    match dtype {
        DType::F32 => Some(FloatKind::F32.into()),
        DType::F16 => Some(FloatKind::F16.into()),
        _ => None,
    }
}

/// A tensor's handle, its numbers one behind the other in memory.
fn take<const D: usize>(x: Tensor<D>) -> Result<CubeTensor> {
    x.try_into_primitive::<Cube>()
        .map(into_contiguous)
        .map_err(|error| DiffusionError::device(format!("{error:?}")))
}

fn give<const D: usize>(x: CubeTensor) -> Tensor<D> {
    Tensor::from_primitive::<Cube>(x)
}

/// Memory for a result on the device of `like`.
fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D], dtype: DType) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, shape.into(), dtype)
}

/// Refuses what the kernels cannot read, with the reason for a log.
fn same_type(x: &CubeTensor, others: &[&CubeTensor]) -> Result<ElemType> {
    match element(x.dtype) {
        Some(kind) if others.iter().all(|t| t.dtype == x.dtype) => Ok(kind),
        _ => Err(DiffusionError::device(format!(
            "a layer mixes number types ({:?})",
            x.dtype
        ))),
    }
}
