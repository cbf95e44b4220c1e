//! Owns scaled dot-product attention, a few queries at a time so that memory grows with the sequence and not with its square.
//! Used by the networks. Must never call burn's flash kernels: they compute in f16, and are wrong on some drivers.

use std::cell::Cell;

use burn::tensor::{DType, Tensor, activation};

use crate::diffusion::error::Result;
use crate::diffusion::ops::{host, measure};

/// The score matrices of all heads' chunks at most, in numbers: 64 MiB of f32, half of the smallest binding in use.
pub const MOST_SCORES: usize = 1 << 24;

thread_local! {
    /// What the running model may hold.
    static SCORES: Cell<usize> = const { Cell::new(MOST_SCORES) };
}

/// Runs `work`, in which score matrices hold at most so many numbers at once. They decide how far sums are cut, not what is summed.
pub fn with_scores<T>(numbers: usize, work: impl FnOnce() -> T) -> T {
    struct Back(usize);
    impl Drop for Back {
        fn drop(&mut self) {
            SCORES.set(self.0);
        }
    }
    let _back = Back(SCORES.replace(numbers.clamp(1, MOST_SCORES)));
    work()
}

/// `softmax(q kᵀ / √d + bias) v` (Vaswani et al. 2017, eq. 1), with the heads side by side again.
///
/// `q` `[n, heads, queries, d]`, `k` `[n, heads, keys, d]`, `v` `[n, heads, keys, e]`, `bias` `[1, 1, queries, keys]`; gives
/// `[n, queries, heads · e]` in `q`'s type. The softmax is f32; `upcast` computes the scores in f32, too.
pub fn attend(
    q: Tensor<4>,
    k: Tensor<4>,
    v: &Tensor<4>,
    bias: Option<Tensor<4>>,
    upcast: bool,
) -> Result<Tensor<3>> {
    let [n, heads, queries, width] = q.dims();
    let (keys, outputs) = (k.dims()[2], v.dims()[3]);
    measure::count(&[n, heads, queries, keys, width + outputs]);
    if host::serves(&q) {
        return host::attend(&q, &k, v, bias);
    }
    let dtype = q.dtype();
    let scores_dtype = if upcast { DType::F32 } else { dtype };
    // Both factors carry a root of the scale, which keeps f16 scores small.
    let root = (width as f64).powf(-0.25);
    let q = q.cast(scores_dtype).mul_scalar(root);
    let kt = k.cast(scores_dtype).mul_scalar(root).swap_dims(2, 3);
    let chunk = chunk_length(SCORES.get(), n * heads, queries, keys);
    let parts: Vec<Tensor<4>> = (0..queries.div_ceil(chunk))
        .map(|i| {
            let start = i * chunk;
            let length = chunk.min(queries - start);
            let rows = if length == queries {
                q.clone()
            } else {
                q.clone().narrow(2, start, length)
            };
            let scores = rows.matmul(kt.clone()).cast(DType::F32);
            let scores = match &bias {
                Some(bias) => scores + bias.clone().cast(DType::F32).narrow(2, start, length),
                None => scores,
            };
            activation::softmax(scores, 3).cast(dtype).matmul(v.clone())
        })
        .collect();
    Ok(Tensor::cat(parts, 2)
        .swap_dims(1, 2)
        .reshape([n, queries, heads * outputs]))
}

/// How many queries are done at once, of so many scores.
fn chunk_length(scores: usize, heads: usize, queries: usize, keys: usize) -> usize {
    let fitting = (scores / (heads * keys).max(1)).max(16);
    if fitting >= queries {
        return queries.max(1);
    }
    // Even chunks: one kernel shape, or two, instead of a short last one.
    let chunks = queries.div_ceil(fitting);
    queries.div_ceil(chunks).next_multiple_of(16)
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, TensorData};

    /// Several blocks of queries and tiles of keys, rising and falling maxima, whole tiles masked.
    #[test]
    fn blocks_agree_with_the_plain_formula() {
        let device = Device::flex();
        let random = |shape: [usize; 4], deviation: f64| {
            let like = (&device, DType::F32);
            Tensor::<4>::random(shape, Distribution::Normal(0.0, deviation), like)
        };
        for (n, heads, queries, keys, width, deviation, masked) in [
            (1, 2, 700, 500, 8, 1.0, false),
            (2, 3, 300, 1500, 8, 3.0, false),
            (1, 2, 40, 9000, 4, 3.0, true),
            (1, 1, 1, 1, 2, 1.0, false),
        ] {
            let q = random([n, heads, queries, width], deviation);
            let k = random([n, heads, keys, width], deviation);
            let v = random([n, heads, keys, 5], 1.0);
            // The first half of the keys hidden from odd queries, the second from even ones.
            let hidden = |at: usize| (at / keys % 2 == 1) == (at % keys < keys / 2);
            let bias: Vec<f32> = (0..queries * keys)
                .map(|at| if hidden(at) { -1e9 } else { 0.0 })
                .collect();
            let bias = TensorData::new(bias, [1, 1, queries, keys]);
            let bias = masked.then(|| Tensor::<4>::from_data(bias, (&device, DType::F32)));
            let scores = q.clone().matmul(k.clone().swap_dims(2, 3)) / (width as f64).sqrt();
            let scores = match &bias {
                Some(bias) => scores + bias.clone(),
                None => scores,
            };
            let plain = activation::softmax(scores, 3).matmul(v.clone());
            let plain = plain.swap_dims(1, 2).reshape([n, queries, heads * 5]);
            let blocked = attend(q, k, &v, bias, false).unwrap();
            let worst = (plain - blocked).abs().max().into_scalar::<f32>();
            assert!(worst < 5e-5, "{n} {queries} {keys}: {worst}");
        }
    }

    #[test]
    fn fewer_scores_at_once_are_the_same_attention() {
        let device = Device::flex();
        let random = |length: usize| {
            let shape = [1, 2, length, 8];
            // In f16, which takes the way of all devices on the CPU, too.
            Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), (&device, DType::F16))
        };
        let (q, k, v) = (random(300), random(200), random(200));
        let whole = attend(q.clone(), k.clone(), &v, None, true).unwrap();
        let cut = with_scores(5000, || {
            assert!(chunk_length(SCORES.get(), 2, 300, 200) < 50);
            attend(q, k, &v, None, true).unwrap()
        });
        assert_eq!(SCORES.get(), MOST_SCORES);
        let worst = (whole - cut).abs().max().into_scalar::<f32>();
        assert!(worst < 2e-3, "{worst}");
    }

    #[test]
    fn chunk_lengths_are_sane() {
        for (queries, keys) in [
            (1, 1),
            (4096, 4096),
            (4225, 77),
            (65536, 65536),
            (17, 1 << 20),
        ] {
            let chunk = chunk_length(MOST_SCORES, 8, queries, keys);
            assert!(
                chunk >= 1 && chunk <= queries.next_multiple_of(16),
                "{queries} {keys} {chunk}"
            );
        }
    }
}
