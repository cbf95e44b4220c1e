//! Owns attention on the CPU: a task is one head's block of queries, which meets the keys a tile at a time; the scores of block and tile
//! stay in the core's own cache from the first product over the softmax to the second. The softmax is exact: what was summed under an
//! earlier maximum is scaled when a tile raises it (Milakov and Gimelshein 2018, algorithm 3). Used by `ops::attend`.
//! Must never choose blocks by the number of threads.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::diffusion::error::Result;
use crate::diffusion::ops::host::{give, math, numbers, numbers_mut, take};

/// Queries in a block, at most.
const QUERIES: usize = 256;

/// Scores of one block and tile, in numbers: half a MiB.
const SCORES: usize = 1 << 17;

/// One head's queries against its keys and values, all `[1, 1, .., ..]`.
struct Head<'a> {
    q: Tensor<4>,
    kt: Tensor<4>,
    v: Tensor<4>,
    /// Of these queries and all keys.
    bias: Option<&'a [f32]>,
}

/// `q` `[n, heads, queries, d]`, `k` `[n, heads, keys, d]`, `v` `[n, heads, keys, e]` to `[n, queries, heads · e]`; `bias` is added to the
/// scaled scores, `[queries, keys]`.
pub fn attend(
    q: &Tensor<4>,
    k: &Tensor<4>,
    v: &Tensor<4>,
    bias: Option<Tensor<4>>,
) -> Result<Tensor<3>> {
    let [n, heads, queries, _] = q.dims();
    let (keys, outputs) = (k.dims()[2], v.dims()[3]);
    let bias = bias.map(take).transpose()?;
    let bias = bias.as_ref().map(numbers).transpose()?;
    let kt = k.clone().swap_dims(2, 3);
    let block = queries.clamp(1, QUERIES);
    let blocks = queries.div_ceil(block);
    // In the order of image, block, head.
    let parts = (0..n * blocks * heads)
        .into_par_iter()
        .map(|task| {
            let (head, at) = (task % heads, task / heads);
            let (image, start) = (at / blocks, at % blocks * block);
            let count = block.min(queries - start);
            let pick = |t: &Tensor<4>| t.clone().narrow(0, image, 1).narrow(1, head, 1);
            attend_head(&Head {
                q: pick(q).narrow(2, start, count),
                kt: pick(&kt),
                v: pick(v),
                bias: bias.map(|b| &b[start * keys..][..count * keys]),
            })
        })
        .collect::<Result<Vec<Vec<f32>>>>()?;
    let row = heads * outputs;
    let mut out = vec![0f32; n * queries * row];
    if row > 0 {
        out.par_chunks_mut(row).enumerate().for_each(|(at, line)| {
            let (image, query) = (at / queries, at % queries);
            let first = (image * blocks + query / block) * heads;
            let inside = query % block * outputs;
            for (to, part) in line.chunks_mut(outputs).zip(&parts[first..]) {
                to.copy_from_slice(&part[inside..][..outputs]);
            }
        });
    }
    Ok(give(TensorData::new(out, [n, queries, row])))
}

/// The head's output, `[queries, e]`.
fn attend_head(head: &Head<'_>) -> Result<Vec<f32>> {
    let [_, _, count, width] = head.q.dims();
    let [_, _, keys, outputs] = head.v.dims();
    let scale = 1.0 / (width as f32).sqrt();
    let tile = (SCORES / count.max(1)).max(1);
    let mut out = vec![0f32; count * outputs];
    let mut sums = vec![0f32; count];
    let mut peaks = vec![f32::NEG_INFINITY; count];
    for start in (0..keys).step_by(tile) {
        let here = tile.min(keys - start);
        let kt = head.kt.clone().narrow(3, start, here);
        let mut scores = take(head.q.clone().matmul(kt))?;
        for (i, line) in numbers_mut(&mut scores)?.chunks_mut(here).enumerate() {
            if let Some(bias) = head.bias {
                for (score, bias) in line.iter_mut().zip(&bias[i * keys + start..]) {
                    *score += bias / scale;
                }
            }
            let (peak, sum) = math::exponentials(line, scale, peaks[i]);
            if start > 0 && peak > peaks[i] {
                let shrink = ((peaks[i] - peak) * scale).exp();
                sums[i] *= shrink;
                for value in &mut out[i * outputs..][..outputs] {
                    *value *= shrink;
                }
            }
            peaks[i] = peak;
            sums[i] += sum;
        }
        let v = head.v.clone().narrow(2, start, here);
        let product = take(give::<4>(scores).matmul(v))?;
        let product = numbers(&product)?;
        if start == 0 {
            out.copy_from_slice(product);
        } else {
            for (value, more) in out.iter_mut().zip(product) {
                *value += more;
            }
        }
    }
    for (line, sum) in out.chunks_mut(outputs.max(1)).zip(&sums) {
        let inverse = 1.0 / sum;
        for value in line {
            *value *= inverse;
        }
    }
    Ok(out)
}
