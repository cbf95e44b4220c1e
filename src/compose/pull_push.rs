//! Owns smooth interpolation over holes: known values are averaged down a pyramid and carried back up where nothing is
//! known (pull–push; Gortler et al., "The Lumigraph", 1996, section 3.4). Linear in the picture's area. Used by prefill
//! and by the colour match.

use crate::geometry::PixelSize;

/// Interleaved values with one weight a pixel (0 = unknown, 1 = known).
#[derive(Debug, Clone)]
pub struct Weighted {
    pub size: PixelSize,
    pub channels: usize,
    pub values: Vec<f32>,
    pub weights: Vec<f32>,
}

impl Weighted {
    pub fn new(size: PixelSize, channels: usize) -> Self {
        let area = size.area() as usize;
        Self {
            size,
            channels,
            values: vec![0.0; area * channels],
            weights: vec![0.0; area],
        }
    }
}

/// Values everywhere: known ones as they are (where the weight is 1), the rest smooth between them. All zero when
/// nothing is known.
pub fn interpolate(known: Weighted) -> Vec<f32> {
    let mut levels = vec![known];
    while let Some(last) = levels.last().filter(|l| l.size.long_side() > 1) {
        let next = pull(last);
        levels.push(next);
    }
    let Some(top) = levels.pop() else {
        return Vec::new();
    };
    let mut filled = top;
    while let Some(fine) = levels.pop() {
        filled = push(&filled, fine);
    }
    filled.values
}

/// Half the size: weighted means of 2 × 2, the weight saturating at 1.
fn pull(fine: &Weighted) -> Weighted {
    let size = PixelSize::new(fine.size.width.div_ceil(2), fine.size.height.div_ceil(2));
    let mut coarse = Weighted::new(size, fine.channels);
    let (fine_width, fine_height) = (fine.size.width as usize, fine.size.height as usize);
    let channels = fine.channels;
    for y in 0..size.height as usize {
        for x in 0..size.width as usize {
            let at = y * size.width as usize + x;
            let mut total = 0.0;
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (fx, fy) = (2 * x + dx, 2 * y + dy);
                if fx >= fine_width || fy >= fine_height {
                    continue;
                }
                let from = fy * fine_width + fx;
                let weight = fine.weights[from];
                total += weight;
                for c in 0..channels {
                    coarse.values[at * channels + c] += weight * fine.values[from * channels + c];
                }
            }
            if total > 0.0 {
                for c in 0..channels {
                    coarse.values[at * channels + c] /= total;
                }
            }
            coarse.weights[at] = total.min(1.0);
        }
    }
    coarse
}

/// What the coarse level says (bilinear), where the fine level's own weight leaves room.
fn push(coarse: &Weighted, mut fine: Weighted) -> Weighted {
    let width = fine.size.width as usize;
    let (coarse_width, coarse_height) = (coarse.size.width as usize, coarse.size.height as usize);
    let channels = fine.channels;
    for y in 0..fine.size.height as usize {
        let (y0, y1, ty) = neighbours(y, coarse_height);
        for x in 0..width {
            let at = y * width + x;
            let own = fine.weights[at];
            if own >= 1.0 {
                continue;
            }
            let (x0, x1, tx) = neighbours(x, coarse_width);
            for c in 0..channels {
                let value =
                    |cx: usize, cy: usize| coarse.values[(cy * coarse_width + cx) * channels + c];
                let above = value(x0, y0) * (1.0 - tx) + value(x1, y0) * tx;
                let below = value(x0, y1) * (1.0 - tx) + value(x1, y1) * tx;
                let carried = above * (1.0 - ty) + below * ty;
                let slot = &mut fine.values[at * channels + c];
                *slot = *slot * own + carried * (1.0 - own);
            }
            fine.weights[at] = 1.0;
        }
    }
    fine
}

/// The two coarse samples around fine sample `i` (pixel centres aligned) and the share of the second.
fn neighbours(i: usize, coarse_len: usize) -> (usize, usize, f32) {
    let at = i as f32 / 2.0 - 0.25;
    let low = at.floor();
    let clamp = |v: f32| (v.max(0.0) as usize).min(coarse_len - 1);
    (clamp(low), clamp(low + 1.0), at - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_stay_and_a_constant_fills_everything() {
        let mut known = Weighted::new(PixelSize::new(37, 21), 2);
        for (at, weight) in known.weights.iter_mut().enumerate() {
            if at % 5 == 0 {
                *weight = 1.0;
                known.values[at * 2] = 0.25;
                known.values[at * 2 + 1] = 0.75;
            }
        }
        for pair in interpolate(known).chunks(2) {
            assert!((pair[0] - 0.25).abs() < 1e-5 && (pair[1] - 0.75).abs() < 1e-5);
        }
    }

    #[test]
    fn a_hole_in_a_ramp_stays_between_its_sides() {
        let size = PixelSize::new(64, 8);
        let mut known = Weighted::new(size, 1);
        for y in 0..8 {
            for x in (0..64).filter(|x| !(20..44).contains(x)) {
                known.values[y * 64 + x] = x as f32;
                known.weights[y * 64 + x] = 1.0;
            }
        }
        let filled = interpolate(known);
        for x in 20..44 {
            assert!((4.0..=60.0).contains(&filled[4 * 64 + x]));
        }
        assert!(filled[4 * 64 + 22] < filled[4 * 64 + 41]);
    }
}
