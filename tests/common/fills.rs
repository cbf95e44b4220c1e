//! Pictures and masks for the stitch's tests: photos with known grain, masks as the plan makes them, and what a model
//! does to a picture.

#![allow(dead_code)]

use inlay::compose::CropMasks;
use inlay::geometry::PixelSize;
use inlay::raster::{Plane, RgbF32};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Uniform in −1..1.
    pub fn signed(&mut self) -> f32 {
        2.0 * self.unit() - 1.0
    }

    pub fn gauss(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }
}

/// A smooth scene, the same for the same seed whatever the grain, with Gaussian grain of this deviation in each channel.
pub fn grainy_photo(size: PixelSize, sigma: f32, seed: u64) -> RgbF32 {
    let mut scene = Random(seed ^ 0x4d);
    let waves: Vec<[f32; 4]> = (0..9)
        .map(|_| {
            [
                scene.signed() * 0.05,
                scene.signed() * 0.03,
                scene.signed() * 0.03,
                scene.unit() * 6.0,
            ]
        })
        .collect();
    let mut grain = Random(seed ^ 0x63);
    let mut photo = RgbF32::new(size);
    let width = photo.width().max(1);
    for (at, value) in photo.data.iter_mut().enumerate() {
        let (x, y, c) = ((at / 3 % width) as f32, (at / 3 / width) as f32, at % 3);
        *value = 0.5
            + waves[c * 3..c * 3 + 3]
                .iter()
                .map(|w| w[0] * (w[1] * x + w[2] * y + w[3]).sin())
                .sum::<f32>();
        *value += sigma * grain.gauss();
    }
    photo
}

/// `inside` where the mask is not 0, `outside` elsewhere.
pub fn mixed(outside: &RgbF32, inside: &RgbF32, mask: &Plane) -> RgbF32 {
    let mut out = outside.clone();
    for at in (0..mask.data.len()).filter(|at| mask.data[*at] > 0) {
        out.data[at * 3..at * 3 + 3].copy_from_slice(&inside.data[at * 3..at * 3 + 3]);
    }
    out
}

/// As for a model that keeps known pixels: both masks are the hole.
pub fn hard_masks(hole: &Plane) -> CropMasks {
    CropMasks {
        denoise: hole.clone(),
        composite: hole.clone(),
    }
}

/// As the plan's recipe makes them: a smoothstep seam outside the hole, and more for the model.
pub fn soft_masks(hole: &Plane, blend_px: u32, grow_px: u32) -> CropMasks {
    let mut masks = hard_masks(hole);
    let distance = distances(hole);
    for (at, d) in distance.iter().enumerate() {
        if *d > 0.0 && *d <= (blend_px + grow_px) as f32 {
            masks.denoise.data[at] = 255;
        }
        let t = 1.0 - d / (blend_px as f32 + 1.0);
        if *d > 0.0 && blend_px > 0 && t > 0.0 {
            masks.composite.data[at] = (t * t * (3.0 - 2.0 * t) * 255.0).round() as u8;
        }
    }
    masks
}

/// Euclidean distance to the mask, exact up to 40 px.
pub fn distances(mask: &Plane) -> Vec<f32> {
    let (width, height) = (mask.width(), mask.height());
    let mut column: Vec<f32> = mask
        .data
        .iter()
        .map(|v| if *v > 0 { 0.0 } else { 1e6 })
        .collect();
    for at in width..width * height {
        column[at] = column[at].min(column[at - width] + 1.0);
    }
    for at in (0..(width * height).saturating_sub(width)).rev() {
        column[at] = column[at].min(column[at + width] + 1.0);
    }
    (0..width * height)
        .map(|at| {
            let (x, row) = (at % width, at / width * width);
            (x.saturating_sub(40)..(x + 41).min(width))
                .map(|near| (near.abs_diff(x) as f32).hypot(column[row + near]))
                .fold(1e6, f32::min)
        })
        .collect()
}

/// Gaussian blur; edges repeat.
pub fn blurred(picture: &RgbF32, sigma: f32) -> RgbF32 {
    let reach = (3.0 * sigma).ceil() as isize;
    let taps: Vec<f32> = (-reach..=reach)
        .map(|i| (-(i * i) as f32 / (2.0 * sigma * sigma)).exp())
        .collect();
    let total: f32 = taps.iter().sum();
    let (width, height) = (picture.width() as isize, picture.height() as isize);
    let pass = |from: &RgbF32, dx: isize, dy: isize| {
        let mut out = RgbF32::new(from.size);
        for y in 0..height {
            for x in 0..width {
                let mut sum = [0.0; 3];
                for (i, tap) in (-reach..=reach).zip(&taps) {
                    let (sx, sy) = (
                        (x + i * dx).clamp(0, width - 1),
                        (y + i * dy).clamp(0, height - 1),
                    );
                    let pixel = from.pixel(sx as usize, sy as usize);
                    for c in 0..3 {
                        sum[c] += tap * pixel[c];
                    }
                }
                out.set_pixel(x as usize, y as usize, sum.map(|s| s / total));
            }
        }
        out
    };
    pass(&pass(picture, 1, 0), 0, 1)
}

/// A colour error as a VAE makes it: a shift, a slope and a slow wave in each channel.
pub fn with_drift(picture: &RgbF32, random: &mut Random, size: f32) -> RgbF32 {
    let mut out = picture.clone();
    let (width, height) = (picture.width(), picture.height());
    for c in 0..3 {
        let [shift, across, down, wave] =
            [1.0, 0.5, 0.5, 0.3].map(|share| random.signed() * size * share);
        let phase = random.signed() * 3.0;
        for at in 0..width * height {
            let u = (at % width) as f32 / width as f32 * 2.0 - 1.0;
            let v = (at / width) as f32 / height as f32 * 2.0 - 1.0;
            out.data[at * 3 + c] +=
                shift + across * u + down * v + wave * (3.0 * u + 2.0 * v + phase).sin();
        }
    }
    out
}

/// The hole filled with the part of the same picture whose surroundings fit best among 60 places.
pub fn from_elsewhere(photo: &RgbF32, hole: &Plane, random: &mut Random) -> RgbF32 {
    let (width, height) = (photo.width() as i32, photo.height() as i32);
    let source = |at: usize, (dx, dy): (i32, i32)| {
        let (x, y) = (at as i32 % width, at as i32 / width);
        ((y + dy).rem_euclid(height) * width + (x + dx).rem_euclid(width)) as usize
    };
    let distance = distances(hole);
    let ring: Vec<usize> = (0..distance.len())
        .filter(|at| distance[*at] > 0.0 && distance[*at] < 10.0)
        .step_by(5)
        .collect();
    let mut best = (f32::MAX, (0, 0));
    for _ in 0..60 {
        let offset = (
            (random.signed() * 0.5 * width as f32) as i32,
            (random.signed() * 0.5 * height as f32) as i32,
        );
        if offset.0.abs() + offset.1.abs() < 40 {
            continue;
        }
        let error: f32 = ring
            .iter()
            .flat_map(|at| (0..3).map(move |c| (*at, c)))
            .map(|(at, c)| {
                (photo.data[at * 3 + c] - photo.data[source(at, offset) * 3 + c]).powi(2)
            })
            .sum();
        if error < best.0 {
            best = (error, offset);
        }
    }
    let mut out = photo.clone();
    for at in (0..hole.data.len()).filter(|at| hole.data[*at] > 0) {
        let from = source(at, best.1) * 3;
        out.data[at * 3..at * 3 + 3].copy_from_slice(&photo.data[from..from + 3]);
    }
    out
}
