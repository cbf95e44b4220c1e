//! Owns 3×3 convolution of stride 1 on a device: an implicit matrix product. A cube of units makes one tile of the picture for some output
//! channels; it steps through the input channels, a few at a time, with their pixels and weights in shared memory, so that no
//! matrix of patches is ever written. Used by `ops::conv`. The way that is fastest for a shape (a tile size, or burn's own
//! kernels) is found by measuring on the device and remembered. Must never sum in f16.

use burn::cubecl;
use burn::tensor::Tensor as BurnTensor;
use burn::tensor::ops::{ConvOptions, PadMode};
use burn_cubecl::CubeTuneId;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_forward};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::AutotuneKey;
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use cubecl::tune::{LocalTuner, Tunable, TunableSet, local_tuner};
use serde::{Deserialize, Serialize};

use super::{MOST_CUBES, empty, give, same_type, take};
use crate::diffusion::error::Result;

/// Pixels of the largest map that is laid out as columns, and the weights (a ninth of them) of the smallest layer.
const MOST_COLUMNS: usize = 512;
const DEEP: usize = 1 << 18;

/// How the work is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Tile {
    /// Pixels that a cube makes; `across` divides the width.
    width: usize,
    height: usize,
    /// Output channels that a cube makes.
    outputs: usize,
    /// Input channels in shared memory at a time.
    inputs: usize,
    /// Pixels in a row that a unit makes.
    across: usize,
    /// Output channels that a unit makes; divides `outputs`.
    deep: usize,
}

impl Tile {
    const fn units(&self) -> usize {
        self.width / self.across * self.height * (self.outputs / self.deep)
    }

    /// Input pixels of one channel under the tile.
    const fn patch(&self) -> usize {
        (self.width + 2) * (self.height + 2)
    }

    /// Between one weight's outputs and the next weight's, in numbers: one more than needed, so that units which write
    /// different weights of one output meet different banks.
    const fn pitch(&self) -> usize {
        self.outputs + 1
    }

    const fn shared_bytes(&self) -> usize {
        4 * self.inputs * (self.patch() + 9 * self.pitch())
    }
}

/// Every tile fits the 16 KiB of shared memory and, but for the small one, the 256 units that all devices have. Names are what
/// remembered measurements are found by.
const TILES: [(&str, Tile); 3] = [
    // Most work for each number read: large maps.
    ("tile_16x16x64", tile(16, 16, 64, 8)),
    // Half the sums held by a unit, for devices with few registers.
    ("tile_16x16x32", tile(16, 16, 32, 4)),
    // Small maps, which larger tiles would overhang.
    ("tile_8x8x64", tile(8, 8, 64, 8)),
];

const fn tile(width: usize, height: usize, outputs: usize, deep: usize) -> Tile {
    Tile {
        width,
        height,
        outputs,
        inputs: 4,
        across: 8,
        deep,
    }
}

#[cube(launch)]
fn conv3x3_kernel<F: Float>(
    input: &Tensor<F>,
    weight: &Tensor<F>,
    bias: &Tensor<F>,
    output: &mut Tensor<F>,
    #[comptime] tile: Tile,
    #[define(F)] _dtype: ElemType,
) {
    let rows = input.shape(2);
    let columns = input.shape(3);
    let outputs = output.shape(1);
    let tiles_x = columns.div_ceil(tile.width);
    let left = CUBE_POS_X as usize % tiles_x * tile.width;
    let top = CUBE_POS_X as usize / tiles_x * tile.height;
    let first = CUBE_POS_Y as usize * tile.outputs;
    let image = CUBE_POS_Z as usize;

    let runs = comptime!(tile.width / tile.across);
    let spots = comptime!(tile.width / tile.across * tile.height);
    let spot = UNIT_POS as usize % spots;
    let x = spot % runs * tile.across;
    let y = spot / runs;
    let mine = UNIT_POS as usize / spots * tile.deep;

    let mut patch = Shared::<[f32]>::new_slice(comptime!(tile.inputs * tile.patch()));
    let mut filters = Shared::<[f32]>::new_slice(comptime!(tile.inputs * 9 * tile.pitch()));
    let mut sums = Array::<f32>::new(comptime!(tile.deep * tile.across));
    // Not every shading language begins with zeros.
    #[unroll]
    for i in 0..comptime!(tile.deep * tile.across) {
        sums[i] = 0.0f32;
    }

    for chunk in 0..input.shape(1).div_ceil(tile.inputs) {
        let from = chunk * tile.inputs;
        sync_cube();
        load_patch(input, &mut patch, image, from, top, left, tile);
        load_filters(weight, &mut filters, first, from, tile);
        sync_cube();
        for c in 0..tile.inputs {
            #[unroll]
            for ky in 0..3 {
                let base = c * comptime!(tile.patch()) + (y + ky) * comptime!(tile.width + 2) + x;
                let mut line = Array::<f32>::new(comptime!(tile.across + 2));
                #[unroll]
                for i in 0..comptime!(tile.across + 2) {
                    line[i] = patch[base + i];
                }
                #[unroll]
                for kx in 0..3 {
                    let at = (c * 9 + ky * 3 + kx) * comptime!(tile.pitch()) + mine;
                    #[unroll]
                    for o in 0..tile.deep {
                        let factor = filters[at + o];
                        #[unroll]
                        for i in 0..tile.across {
                            sums[o * tile.across + i] += factor * line[kx + i];
                        }
                    }
                }
            }
        }
    }
    #[unroll]
    for o in 0..tile.deep {
        let channel = first + mine + o;
        if channel < outputs && top + y < rows {
            let offset = f32::cast_from(bias[channel]);
            let line = ((image * outputs + channel) * rows + top + y) * columns;
            #[unroll]
            for i in 0..tile.across {
                let column = left + x + i;
                if column < columns {
                    output[line + column] = F::cast_from(sums[o * tile.across + i] + offset);
                }
            }
        }
    }
}

/// The pixels under a tile and one around them, zero outside the picture.
#[cube]
fn load_patch<F: Float>(
    input: &Tensor<F>,
    patch: &mut Shared<[f32]>,
    image: usize,
    from: usize,
    top: usize,
    left: usize,
    #[comptime] tile: Tile,
) {
    let channels = input.shape(1);
    let rows = input.shape(2);
    let columns = input.shape(3);
    let area = comptime!(tile.patch());
    let mut i = UNIT_POS as usize;
    while i < comptime!(tile.inputs * tile.patch()) {
        let channel = from + i / area;
        // One more than the place in the picture, which may be −1.
        let row = top + i % area / comptime!(tile.width + 2);
        let column = left + i % area % comptime!(tile.width + 2);
        let is_inside =
            channel < channels && row >= 1 && row <= rows && column >= 1 && column <= columns;
        let mut value = 0.0f32;
        if is_inside {
            let line = (image * channels + channel) * rows + row - 1;
            value = f32::cast_from(input[line * columns + column - 1]);
        }
        patch[i] = value;
        i += comptime!(tile.units());
    }
}

/// The weights of a tile's outputs for some inputs: all outputs of the first weight, then of the second.
#[cube]
fn load_filters<F: Float>(
    weight: &Tensor<F>,
    filters: &mut Shared<[f32]>,
    first: usize,
    from: usize,
    #[comptime] tile: Tile,
) {
    let outputs = weight.shape(0);
    let depth = weight.shape(1) * 9;
    let taken = comptime!(tile.inputs * 9);
    let mut i = UNIT_POS as usize;
    while i < comptime!(tile.inputs * 9 * tile.outputs) {
        let output = i / taken;
        let at = from * 9 + i % taken;
        let mut value = 0.0f32;
        if first + output < outputs && at < depth {
            value = f32::cast_from(weight[(first + output) * depth + at]);
        }
        filters[i % taken * comptime!(tile.pitch()) + output] = value;
        i += comptime!(tile.units());
    }
}

/// What was measured, kept between runs beside burn's own measurements.
static TUNER: LocalTuner<ConvKey, CubeTuneId> = local_tuner!();

/// Input, weight and bias, contiguous and of one type.
type Inputs = (CubeTensor, CubeTensor, CubeTensor);

/// What a measurement holds for. Sides are rounded, because every new size would be measured anew.
#[derive(Hash, Eq, PartialEq, Debug, Clone, Serialize, Deserialize, AutotuneKey)]
struct ConvKey {
    inputs: usize,
    outputs: usize,
    #[autotune(anchor)]
    rows: usize,
    #[autotune(anchor)]
    columns: usize,
    #[autotune(anchor)]
    images: usize,
    is_half: bool,
}

fn key((input, weight, _): &Inputs) -> ConvKey {
    let [images, inputs, rows, columns] = input.meta.shape().dims();
    let outputs = weight.meta.shape()[0];
    let is_half = input.dtype == burn::tensor::DType::F16;
    ConvKey::new(inputs, outputs, rows, columns, images, is_half)
}

/// `[n, inputs, h, w]`, not empty, to `[n, outputs, h, w]` with one row and column of zeros around the picture. `weight`
/// `[outputs, inputs, 3, 3]` and `bias` `[outputs]` are of the input's type.
pub fn conv3x3(
    x: BurnTensor<4>,
    weight: &BurnTensor<4>,
    bias: BurnTensor<1>,
) -> Result<BurnTensor<4>> {
    let inputs = (take(x)?, take(weight.clone())?, take(bias)?);
    same_type(&inputs.0, &[&inputs.1, &inputs.2])?;
    let client = inputs.0.client.clone();
    let id = CubeTuneId::new(&client, &inputs.0.device);
    let ways = TUNER.init(&id, || {
        let set = TunableSet::new(key, |_: &ConvKey, inputs: &Inputs| inputs.clone());
        let set = set.with(Tunable::new("burn", burns));
        let set = set.with(Tunable::new("columns", columns));
        TILES.into_iter().fold(set, |set, (name, tile)| {
            set.with(Tunable::new(name, move |inputs| tiled(inputs, tile)))
        })
    });
    Ok(give(TUNER.execute(&id, &client, ways, inputs)))
}

/// As burn does it, with whichever of its kernels it finds best.
fn burns((input, weight, bias): Inputs) -> std::result::Result<CubeTensor, String> {
    let options = ConvOptions::new([1; 2], [1; 2], [1; 2], 1);
    conv_forward::<2>(input, weight, Some(bias), options, ConvStrategy::Autotune)
        .map(into_contiguous)
        .map_err(|error| format!("{error:?}"))
}

/// Patches as the columns of a matrix (Chellapilla et al. 2006, "im2col"), then burn's matrix product. For deep layers on small maps,
/// where tiles are too few to keep a device busy and the matrix is small.
fn columns((input, weight, bias): Inputs) -> std::result::Result<CubeTensor, String> {
    let [n, inputs, h, w] = input.meta.shape().dims();
    let outputs = weight.meta.shape()[0];
    if n * h * w > MOST_COLUMNS || inputs * outputs < DEEP {
        return Err("the matrix of columns would be too large for its use".to_owned());
    }
    let (x, weight, bias) = (give::<4>(input), give::<4>(weight), give::<1>(bias));
    let x = x.pad([(1, 1), (1, 1)], PadMode::Constant(0.0));
    let shifted = (0..9).map(|at| {
        let part = x.clone().narrow(2, at / 3, h).narrow(3, at % 3, w);
        part.reshape([n, inputs, 1, h * w])
    });
    let columns: BurnTensor<3> =
        BurnTensor::cat(shifted.collect(), 2).reshape([n, inputs * 9, h * w]);
    let product = weight.reshape([1, outputs, inputs * 9]).matmul(columns);
    let sum = product + bias.reshape([1, outputs, 1]);
    take(sum.reshape([n, outputs, h, w])).map_err(|error| error.to_string())
}

/// With the kernel above.
fn tiled((input, weight, bias): Inputs, tile: Tile) -> std::result::Result<CubeTensor, String> {
    let kind = same_type(&input, &[&weight, &bias]).map_err(|error| error.to_string())?;
    let client = input.client.clone();
    let limits = &client.properties().hardware;
    let [n, _, h, w] = input.meta.shape().dims();
    let outputs = weight.meta.shape()[0];
    let tiles = w.div_ceil(tile.width) * h.div_ceil(tile.height);
    if tile.shared_bytes() > limits.max_shared_memory_size
        || tile.units() > limits.max_units_per_cube as usize
        || tiles.max(n) > MOST_CUBES
    {
        return Err("the device is too small for this tile".to_owned());
    }
    let out = empty(&input, [n, outputs, h, w], input.dtype);
    conv3x3_kernel::launch(
        &client,
        CubeCount::Static(
            tiles as u32,
            outputs.div_ceil(tile.outputs) as u32,
            n as u32,
        ),
        CubeDim::new_1d(tile.units() as u32),
        input.into_tensor_arg(),
        weight.into_tensor_arg(),
        bias.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        tile,
        kind,
    );
    Ok(out)
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::kernels::tests::{device, halves, random, worst};
    use burn::tensor::{DType, module};

    /// Every tile, on shapes that overhang it in each direction, against burn on the CPU.
    #[test]
    fn tiles_agree_with_the_cpu() {
        let Some(device) = device() else { return };
        for [n, inputs, outputs, h, w] in [
            [2, 5, 70, 9, 19],
            [1, 8, 64, 16, 16],
            [1, 3, 4, 1, 1],
            [1, 33, 17, 18, 5],
        ] {
            let x = random([n, inputs, h, w], 1.0);
            let weight = random([outputs, inputs, 3, 3], 0.2);
            let bias = random([outputs], 1.0);
            for dtype in halves(&device) {
                let there = (
                    take(x.clone().to_device(&device).cast(dtype)).unwrap(),
                    take(weight.clone().to_device(&device).cast(dtype)).unwrap(),
                    take(bias.clone().to_device(&device).cast(dtype)).unwrap(),
                );
                // What was rounded before the kernel saw it is not the kernel's error.
                let [x, weight] = [&x, &weight].map(|t| t.clone().cast(dtype).cast(DType::F32));
                let bias = bias.clone().cast(dtype).cast(DType::F32);
                let options = ConvOptions::new([1; 2], [1; 2], [1; 2], 1);
                let expected = module::conv2d(x, weight, Some(bias), options);
                for (name, tile) in TILES {
                    let got: BurnTensor<4> = give(tiled(there.clone(), tile).unwrap());
                    let bound = if dtype == DType::F16 { 6e-4 } else { 2e-6 };
                    let worst = worst(&expected, got);
                    assert!(
                        worst < bound,
                        "{name} {dtype:?} {n}×{inputs}→{outputs} {h}×{w}: {worst}"
                    );
                }
            }
        }
    }

    /// Whatever is measured to be fastest.
    #[test]
    fn the_chosen_way_agrees_with_the_cpu() {
        let Some(device) = device() else { return };
        let (x, weight, bias) = (
            random([1, 16, 12, 20], 1.0),
            random([24, 16, 3, 3], 0.2),
            random([24], 1.0),
        );
        let options = ConvOptions::new([1; 2], [1; 2], [1; 2], 1);
        let expected = module::conv2d(x.clone(), weight.clone(), Some(bias.clone()), options);
        let weight = weight.to_device(&device);
        for _ in 0..2 {
            let got = conv3x3(
                x.clone().to_device(&device),
                &weight,
                bias.clone().to_device(&device),
            );
            let worst = worst(&expected, got.unwrap());
            assert!(worst < 2e-6, "{worst}");
        }
    }

    #[test]
    fn tiles_fit_every_device() {
        for (name, tile) in TILES {
            assert!(
                tile.shared_bytes() <= 16 << 10,
                "{name} {}",
                tile.shared_bytes()
            );
            assert!(tile.units() <= 256, "{name}");
            assert_eq!(
                tile.width % tile.across + tile.outputs % tile.deep,
                0,
                "{name}"
            );
        }
    }
}
