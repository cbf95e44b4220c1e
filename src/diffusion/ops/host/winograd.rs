//! Owns 3×3 convolutions of stride 1 on the CPU by Winograd's F(2×2, 3×3) (Lavin and Gray 2015, section 4.1): sixteen products of transformed
//! weights and transformed 4×4 tiles instead of thirty-six, so 2.25 times less arithmetic. Used by `ops::conv`.
//! Must never be used for larger tiles: their rounding errors grow fast.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::diffusion::error::Result;
use crate::diffusion::ops::host::{give, numbers, numbers_mut, take};

/// Positions in a transformed tile.
const SPOTS: usize = 16;

/// Numbers in a band's transformed tiles: 4 MiB, so that they are still cached when the product reads them.
const BAND: usize = 1 << 20;

/// Tiles in a band at least: fewer leave the product nothing to share the weights' reading over.
const FEWEST_TILES: usize = 64;

/// Weights that are worth transforming. Wider layers run on small maps, where reading the larger transformed weights costs more
/// than the arithmetic saves; layers of a few channels have no arithmetic to save.
pub fn suits(inputs: usize, outputs: usize) -> bool {
    inputs >= 16 && outputs >= 16 && inputs * outputs <= 1_250_000
}

/// `[outputs, inputs, 3, 3]` to `G g Gᵀ`, `[16, outputs, inputs]`.
pub fn transform_weight(weight: Tensor<4>) -> Result<Tensor<3>> {
    let [outputs, inputs, _, _] = weight.dims();
    let data = take(weight)?;
    let source = numbers(&data)?;
    let mut out = vec![0f32; SPOTS * outputs * inputs];
    let rows = |g: [f32; 3]| {
        let (outer, middle) = (g[0] + g[2], g[1]);
        [g[0], (outer + middle) * 0.5, (outer - middle) * 0.5, g[2]]
    };
    for (at, g) in source.chunks_exact(9).enumerate() {
        let columns: [[f32; 4]; 3] = std::array::from_fn(|x| rows([g[x], g[3 + x], g[6 + x]]));
        for y in 0..4 {
            for (x, value) in rows([columns[0][y], columns[1][y], columns[2][y]])
                .into_iter()
                .enumerate()
            {
                out[(y * 4 + x) * outputs * inputs + at] = value;
            }
        }
    }
    Ok(give(TensorData::new(out, [SPOTS, outputs, inputs])))
}

/// `[n, inputs, h, w]`, not empty, to `[n, outputs, h, w]` with one row and column of zeros on each side.
pub fn conv2d(x: Tensor<4>, weight: &Tensor<3>, bias: Option<Tensor<1>>) -> Result<Tensor<4>> {
    let [n, channels, h, w] = x.dims();
    let outputs = weight.dims()[1];
    let bias = bias.map(take).transpose()?;
    let bias = bias.as_ref().map(numbers).transpose()?;
    let data = take(x)?;
    let source = numbers(&data)?;
    let (tiles_y, tiles_x) = (h.div_ceil(2), w.div_ceil(2));
    let fitting =
        (BAND / (SPOTS * channels.max(outputs) * tiles_x)).max(FEWEST_TILES.div_ceil(tiles_x));
    let band = tiles_y.div_ceil(tiles_y.div_ceil(fitting));
    let mut out = vec![0f32; n * outputs * h * w];
    let mut spare: Option<TensorData> = None;
    for (image, target) in source
        .chunks(channels * h * w)
        .zip(out.chunks_mut(outputs * h * w))
    {
        for first in (0..tiles_y).step_by(band) {
            let rows = first..(first + band).min(tiles_y);
            let count = rows.len() * tiles_x;
            let mut tiles = match spare.take() {
                Some(tiles) if tiles.num_elements() == channels * SPOTS * count => tiles,
                _ => TensorData::zeros::<f32, _>([channels, SPOTS, count]),
            };
            numbers_mut(&mut tiles)?
                .par_chunks_mut(SPOTS * count)
                .zip(image.par_chunks(h * w))
                .for_each(|(tiles, plane)| transform_tiles(tiles, plane, [h, w], rows.clone()));
            let tiles = give::<3>(tiles);
            let product = take(weight.clone().matmul(tiles.clone().swap_dims(0, 1)))?;
            let product = numbers(&product)?;
            target
                .par_chunks_mut(h * w)
                .enumerate()
                .for_each(|(channel, plane)| {
                    let spot = |s: usize| &product[(s * outputs + channel) * count..][..count];
                    let bias = bias.map_or(0.0, |b| b[channel]);
                    transform_back(plane, [h, w], rows.clone(), spot, bias);
                });
            spare = Some(take(tiles)?);
        }
    }
    Ok(give(TensorData::new(out, [n, outputs, h, w])))
}

/// One channel's `Bᵀ d B` for the tiles of `rows`: all tiles' first spots, then all their second, and so on.
fn transform_tiles(
    target: &mut [f32],
    plane: &[f32],
    [h, w]: [usize; 2],
    rows: std::ops::Range<usize>,
) {
    let tiles_x = w.div_ceil(2);
    let count = rows.len() * tiles_x;
    // The four lines under a row of tiles, even and odd columns apart, then their vertical combinations.
    let side = tiles_x + 1;
    let mut lines = vec![0f32; 8 * side];
    let mut mixed = vec![0f32; 8 * side];
    for (at, row) in rows.enumerate() {
        for (i, line) in lines.chunks_mut(2 * side).enumerate() {
            let (even, odd) = line.split_at_mut(side);
            match (row * 2 + i).checked_sub(1).filter(|y| *y < h) {
                Some(y) => part_line(even, odd, &plane[y * w..][..w]),
                None => line.fill(0.0),
            }
        }
        let (d0, rest) = lines.split_at(2 * side);
        let (d1, rest) = rest.split_at(2 * side);
        let (d2, d3) = rest.split_at(2 * side);
        for ((m, a), b) in mixed[..2 * side].iter_mut().zip(d0).zip(d2) {
            *m = a - b;
        }
        for ((m, a), b) in mixed[2 * side..4 * side].iter_mut().zip(d1).zip(d2) {
            *m = a + b;
        }
        for ((m, a), b) in mixed[4 * side..6 * side].iter_mut().zip(d2).zip(d1) {
            *m = a - b;
        }
        for ((m, a), b) in mixed[6 * side..].iter_mut().zip(d1).zip(d3) {
            *m = a - b;
        }
        for (y, line) in mixed.chunks(2 * side).enumerate() {
            let (even, odd) = line.split_at(side);
            let mut write = |x: usize, a: &[f32], b: &[f32], sign: f32| {
                let spot = &mut target[(y * 4 + x) * count + at * tiles_x..][..tiles_x];
                for ((to, a), b) in spot.iter_mut().zip(a).zip(b) {
                    *to = a + sign * b;
                }
            };
            write(0, even, &even[1..], -1.0);
            write(1, &even[1..], odd, 1.0);
            write(2, &even[1..], odd, -1.0);
            write(3, odd, &odd[1..], -1.0);
        }
    }
}

/// Splits a line with a zero before and zeros behind into its even and odd columns.
fn part_line(even: &mut [f32], odd: &mut [f32], line: &[f32]) {
    even[0] = 0.0;
    let mut pairs = line.chunks_exact(2);
    for ((pair, odd), even) in (&mut pairs).zip(odd.iter_mut()).zip(&mut even[1..]) {
        *odd = pair[0];
        *even = pair[1];
    }
    let whole = line.len() / 2;
    if let Some(last) = pairs.remainder().first() {
        odd[whole] = *last;
        even[whole + 1] = 0.0;
        odd[whole + 1..].fill(0.0);
    } else {
        odd[whole..].fill(0.0);
    }
}

/// One channel's `Aᵀ m A` for the tiles of `rows`, with the bias.
fn transform_back<'a>(
    plane: &mut [f32],
    [h, w]: [usize; 2],
    rows: std::ops::Range<usize>,
    spot: impl Fn(usize) -> &'a [f32],
    bias: f32,
) {
    let tiles_x = w.div_ceil(2);
    let mut upper = vec![0f32; 4 * tiles_x];
    let mut lower = vec![0f32; 4 * tiles_x];
    let start = rows.start;
    for row in rows {
        let line = |s: usize| &spot(s)[(row - start) * tiles_x..][..tiles_x];
        for x in 0..4 {
            let (m0, m1, m2, m3) = (line(x), line(4 + x), line(8 + x), line(12 + x));
            let (upper, lower) = (
                &mut upper[x * tiles_x..][..tiles_x],
                &mut lower[x * tiles_x..][..tiles_x],
            );
            for i in 0..tiles_x {
                upper[i] = m0[i] + m1[i] + m2[i];
                lower[i] = m1[i] - m2[i] - m3[i];
            }
        }
        for (y, sums) in [(row * 2, &upper), (row * 2 + 1, &lower)] {
            if y >= h {
                continue;
            }
            let (s0, rest) = sums.split_at(tiles_x);
            let (s1, rest) = rest.split_at(tiles_x);
            let (s2, s3) = rest.split_at(tiles_x);
            let out = &mut plane[y * w..][..w];
            let mut pairs = out.chunks_exact_mut(2);
            for (i, pair) in (&mut pairs).enumerate() {
                pair[0] = s0[i] + s1[i] + s2[i] + bias;
                pair[1] = s1[i] - s2[i] - s3[i] + bias;
            }
            if let Some(last) = pairs.into_remainder().first_mut() {
                let i = tiles_x - 1;
                *last = s0[i] + s1[i] + s2[i] + bias;
            }
        }
    }
}
