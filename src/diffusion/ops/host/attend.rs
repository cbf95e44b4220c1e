//! Owns attention on the CPU: one task a block of queries, whose scores stay in the core's own cache from the first product over the softmax
//! to the second. Used by `ops::attend`. Must never choose the block by the number of threads.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::diffusion::error::Result;
use crate::diffusion::ops::host::{give, math, numbers, numbers_mut, take};

/// Scores of one block and head, in numbers: half a MiB.
const SCORES: usize = 1 << 17;

/// Queries in a block, at most.
const MOST_QUERIES: usize = 256;

/// `q` `[n, heads, queries, d]`, `k` `[n, heads, keys, d]`, `v` `[n, heads, keys, e]` to `[n, queries, heads · e]`; `bias` is added to the
/// scaled scores, `[queries, keys]`.
pub fn attend(
    q: &Tensor<4>,
    k: &Tensor<4>,
    v: &Tensor<4>,
    bias: Option<Tensor<4>>,
) -> Result<Tensor<3>> {
    let [n, heads, queries, width] = q.dims();
    let (keys, outputs) = (k.dims()[2], v.dims()[3]);
    let scale = 1.0 / (width as f32).sqrt();
    let bias = bias.map(take).transpose()?;
    let bias = bias.as_ref().map(numbers).transpose()?;
    let kt = k.clone().swap_dims(2, 3);
    let block = (SCORES / keys.max(1))
        .clamp(8, MOST_QUERIES)
        .min(queries.max(1));
    let row = heads * outputs;
    let blocks = queries.div_ceil(block);
    let mut out = vec![0f32; n * queries * row];
    let mut tasks: Vec<(usize, usize, &mut [f32])> = Vec::with_capacity(n * blocks);
    for (image, target) in out.chunks_mut((queries * row).max(1)).enumerate() {
        for (at, target) in target.chunks_mut(block * row).enumerate() {
            tasks.push((image, at * block, target));
        }
    }
    tasks
        .into_par_iter()
        .try_for_each(|(image, start, target)| -> Result<()> {
            let count = target.len() / row;
            for head in 0..heads {
                let pick = |t: &Tensor<4>| t.clone().narrow(0, image, 1).narrow(1, head, 1);
                let scores = pick(q).narrow(2, start, count).matmul(pick(&kt));
                let mut scores = take(scores)?;
                let mut sums = vec![0f32; count];
                for (i, (line, sum)) in numbers_mut(&mut scores)?
                    .chunks_mut(keys)
                    .zip(&mut sums)
                    .enumerate()
                {
                    if let Some(bias) = bias {
                        for (score, bias) in line.iter_mut().zip(&bias[(start + i) * keys..]) {
                            *score += bias / scale;
                        }
                    }
                    *sum = math::exponentials(line, scale);
                }
                let product = take(give::<4>(scores).matmul(pick(v)))?;
                for ((line, sum), target) in numbers(&product)?
                    .chunks(outputs)
                    .zip(&sums)
                    .zip(target.chunks_mut(row))
                {
                    let inverse = 1.0 / sum;
                    for (to, from) in target[head * outputs..].iter_mut().zip(line) {
                        *to = from * inverse;
                    }
                }
            }
            Ok(())
        })?;
    Ok(give(TensorData::new(out, [n, queries, row])))
}
