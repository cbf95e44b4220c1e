//! Owns the exemplar denoiser's random numbers. Every number is a function of (seed, stream, counter), so a pixel draws
//! the same ones whichever thread works on it and whatever was drawn before. Must never hold shared state.

/// Steele, Lea and Flood's SplitMix64 finaliser ("Fast splittable pseudorandom number generators", OOPSLA 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One pixel's own sequence.
pub(super) struct Stream {
    state: u64,
}

impl Stream {
    /// `what` names the purpose and the round, `at` the pixel.
    pub(super) fn new(seed: u64, what: u64, at: u64) -> Self {
        let first =
            mix(seed.wrapping_add(GOLDEN)).wrapping_add(mix(what.wrapping_mul(GOLDEN) ^ 0x51));
        Self {
            state: mix(first ^ at.wrapping_mul(GOLDEN)),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Uniform in 0..1, 24 bits.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in `0..count`; 0 when `count` is 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// Uniform in `low..=high`.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1).max(1) as usize) as i32
    }

    /// Roughly standard normal: twelve 16-bit uniforms summed (Irwin and Hall), which needs no library function whose last
    /// bit might differ between machines.
    pub(super) fn normal(&mut self) -> f32 {
        let mut sum = 0u64;
        for _ in 0..3 {
            let bits = self.next();
            sum += (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        }
        sum as f32 / 65536.0 - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_has_mean_zero_and_variance_one() {
        let mut stream = Stream::new(7, 1, 3);
        let draws: Vec<f32> = (0..20_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let var = draws.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((var - 1.0).abs() < 0.04, "{var}");
    }

    #[test]
    fn ranges_are_kept() {
        let mut stream = Stream::new(1, 2, 3);
        for _ in 0..1000 {
            assert!((-3..=5).contains(&stream.between(-3, 5)));
            assert!(stream.below(7) < 7);
        }
        assert_eq!(stream.below(0), 0);
    }
}
