//! Owns random numbers, drawn exactly as PyTorch's CPU generator draws them, so that a seed means the same picture here as in
//! diffusers. Used by the pipeline and the schedulers. Must never draw from the system or from a device.
//!
//! Sources: Matsumoto and Nishimura, "Mersenne Twister" (1998); Box and Muller, "A note on the generation of random normal
//! deviates" (1958); the order of draws is that of `torch.randn` on the CPU.

use std::f64::consts::TAU;

use rand_mt::Mt;

/// PyTorch fills tensors of at least this many floats in blocks of this many; smaller ones number by number.
const BLOCK: usize = 16;

/// `torch.Generator("cpu").manual_seed(seed)`.
#[derive(Debug, Clone)]
pub struct TorchRng {
    engine: Mt,
    /// The second number of the last Box–Muller pair, kept between calls until a small draw takes it.
    spare: Option<f64>,
}

impl TorchRng {
    /// Seeds the generator. As in PyTorch only the low 32 bits count.
    pub fn new(seed: u64) -> Self {
        Self {
            engine: Mt::new(seed as u32),
            spare: None,
        }
    }

    /// `torch.randn(count, dtype=torch.float32)`: standard normal numbers.
    pub fn randn(&mut self, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        if count < BLOCK {
            for value in &mut out {
                *value = self.next_normal() as f32;
            }
            return out;
        }
        for value in &mut out {
            *value = self.uniform_f32();
        }
        for block in out.chunks_exact_mut(BLOCK) {
            box_muller(block);
        }
        if !count.is_multiple_of(BLOCK) {
            // The last whole block is drawn anew, over numbers that are finished already.
            let tail = &mut out[count - BLOCK..];
            for value in &mut *tail {
                *value = self.uniform_f32();
            }
            box_muller(tail);
        }
        out
    }

    /// 24 random bits in 0…1, 1 left out.
    fn uniform_f32(&mut self) -> f32 {
        (self.engine.next_u32() & 0x00ff_ffff) as f32 / 16_777_216.0
    }

    /// 53 random bits in 0…1, 1 left out.
    fn uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.engine.next_u32());
        let low = u64::from(self.engine.next_u32());
        ((high << 32 | low) & ((1 << 53) - 1)) as f64 / 9_007_199_254_740_992.0
    }

    fn next_normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let angle = TAU * self.uniform_f64();
        let radius = (-2.0 * (-self.uniform_f64()).ln_1p()).sqrt();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

/// Sixteen uniform numbers become normal: number `j` and number `j + 8` are one pair.
fn box_muller(block: &mut [f32]) {
    let (first, second) = block.split_at_mut(BLOCK / 2);
    for (a, b) in first.iter_mut().zip(second) {
        // PyTorch rounds to f32 in between; from the rounded angle on, more digits only cost its own approximations.
        let radius = (-2.0 * f64::from(1.0 - *a).ln()).sqrt();
        let angle = f64::from(TAU as f32 * *b);
        *a = (radius * angle.cos()) as f32;
        *b = (radius * angle.sin()) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.Generator().manual_seed(7)`, then `torch.randn(3)`, then the start of `torch.randn(17)`.
    #[test]
    fn the_first_numbers_are_those_of_torch() {
        let mut rng = TorchRng::new(7);
        let small = rng.randn(3);
        for (got, want) in small.iter().zip([-0.146_795_1, 0.786_141_3, 0.946_821_6]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        let large = rng.randn(17);
        for (got, want) in large
            .iter()
            .zip([-0.176_437_93, -1.216_929_4, -0.081_021_585])
        {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }

    #[test]
    fn only_the_low_half_of_the_seed_counts() {
        assert_eq!(
            TorchRng::new(7).randn(40),
            TorchRng::new((1 << 32) + 7).randn(40)
        );
    }

    #[test]
    fn the_spare_number_outlives_a_large_draw() {
        let mut rng = TorchRng::new(3);
        let pair = TorchRng::new(3).randn(2);
        assert_eq!(rng.randn(1), pair[..1]);
        rng.randn(16);
        assert_eq!(rng.randn(1), pair[1..]);
    }

    #[test]
    fn nothing_is_drawn_for_nothing() {
        assert!(TorchRng::new(1).randn(0).is_empty());
    }
}
