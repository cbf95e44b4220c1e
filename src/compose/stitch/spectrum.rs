//! Owns the look of a photo's grain: its spectrum and how its channels go together, measured in flat patches, and a tile
//! of new grain that has both. Called by `prepare`. Must never depend on anything but its input and the seed.
//!
//! A patch is freed of its plane, windowed (Hann) and transformed. Cross-spectra of the finer frequencies give the
//! channels' covariance, whose eigenvectors are grain channels that can be made one by one; radial means of their power
//! give the spectra (as in Gatys-free texture synthesis by phase noise: Galerne, Gousseau, Morel, "Random phase
//! textures", 2011).

use rayon::prelude::*;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex32;

use super::area::Area;
use super::filter::{high_pass_rgb, luma};

/// Side of a measured patch and step between patches, in px.
const PATCH: usize = 32;
const STEP: usize = 16;
/// The flattest quarter of the patches is used, at least and at most this many.
const PATCHES: std::ops::RangeInclusive<usize> = 3..=48;
/// Radial bins: up to the corner of the spectrum.
const BINS: usize = 24;
/// Below this bin a patch shows content, not grain.
const FIRST_BIN: usize = 4;
/// Side of a tile in px.
pub const TILE: usize = 256;

type Spectra = [[f32; BINS]; 3];

/// A periodic picture of grain, interleaved RGB, mean 0; its high-pass [`level`] is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    pub data: Vec<f32>,
}

/// The noise level of a set of |high-pass| values: mean of the lower three quarters. About 0.51 σ for Gaussian noise.
pub fn level(values: &mut [f32]) -> f32 {
    let keep = (values.len() * 3).div_ceil(4);
    if keep == 0 {
        return 0.0;
    }
    values.select_nth_unstable_by(keep - 1, f32::total_cmp);
    values[..keep].iter().sum::<f32>() / keep as f32
}

/// Grain as the photo around the hole has it and the fill (the same pixels in `filled`) has not. White and grey when no
/// patch fits beside the hole.
pub fn grain_tile(area: &Area, filled: &[f32], seed: u64) -> Tile {
    let photo = patches(area, &area.photo, |at| area.composite[at] == 0);
    if photo.is_empty() {
        return synthesise(&IDENTITY, &[[1.0; BINS]; 3], seed);
    }
    let axes = eigenvectors(covariance(&photo));
    let mut wanted = spectra(&photo, &axes);
    let fill = patches(area, filled, |at| area.composite[at] == 255);
    if !fill.is_empty() {
        let present = spectra(&fill, &axes);
        let missing: Spectra = std::array::from_fn(|k| {
            std::array::from_fn(|r| (wanted[k][r] - present[k][r]).max(0.0))
        });
        let power = |s: &Spectra| s.iter().flat_map(|k| &k[FIRST_BIN..]).sum::<f32>();
        if power(&missing) > 0.1 * power(&wanted) {
            wanted = missing;
        }
    }
    synthesise(&axes, &wanted, seed)
}

/// Transforms of one patch's channels.
type Patch = [Vec<Complex32>; 3];

/// The flattest patches whose pixels all satisfy `is_inside`.
fn patches(area: &Area, picture: &[f32], is_inside: impl Fn(usize) -> bool + Sync) -> Vec<Patch> {
    let lines: Vec<usize> = (0..(area.height + 1).saturating_sub(PATCH))
        .step_by(STEP)
        .collect();
    let line = |y: &usize| {
        let fits = |x: &usize| {
            let mut rows = (*y..*y + PATCH).map(|row| row * area.width + x);
            rows.all(|from| (from..from + PATCH).all(&is_inside))
        };
        let columns = (0..(area.width + 1).saturating_sub(PATCH)).step_by(STEP);
        let found: Vec<(f32, usize, usize)> = columns
            .filter(fits)
            .map(|x| (roughness(area, picture, x, *y), x, *y))
            .collect();
        found
    };
    let mut found: Vec<(f32, usize, usize)> = lines.par_iter().flat_map_iter(line).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.2, a.1).cmp(&(b.2, b.1))));
    let keep = (found.len() / 4).clamp(*PATCHES.start(), *PATCHES.end());
    found.truncate(keep);
    let mut planner = FftPlanner::new();
    found
        .iter()
        .map(|(_, x, y)| {
            std::array::from_fn(|c| {
                let mut values = flattened(area, picture, *x, *y, c);
                transform(&mut values, PATCH, &mut planner, false);
                values
            })
        })
        .collect()
}

/// Mean squared difference of neighbours two apart: sees soft content that the high-pass misses.
fn roughness(area: &Area, picture: &[f32], x: usize, y: usize) -> f32 {
    let mut sum = 0.0;
    for row in y..y + PATCH - 2 {
        for column in x..x + PATCH - 2 {
            let at = row * area.width + column;
            let here = luma(&picture[at * 3..]);
            sum += (luma(&picture[(at + 2) * 3..]) - here).powi(2);
            sum += (luma(&picture[(at + 2 * area.width) * 3..]) - here).powi(2);
        }
    }
    sum
}

/// One channel less its least-squares plane, under a Hann window of unit power.
fn flattened(area: &Area, picture: &[f32], x: usize, y: usize, c: usize) -> Vec<Complex32> {
    let value = |i: usize, j: usize| picture[((y + j) * area.width + x + i) * 3 + c];
    let middle = (PATCH as f32 - 1.0) / 2.0;
    let (mut mean, mut slope_x, mut slope_y, mut spread) = (0.0, 0.0, 0.0, 0.0);
    for j in 0..PATCH {
        for i in 0..PATCH {
            let (u, v) = (i as f32 - middle, j as f32 - middle);
            mean += value(i, j);
            slope_x += u * value(i, j);
            slope_y += v * value(i, j);
            spread += u * u;
        }
    }
    mean /= (PATCH * PATCH) as f32;
    let hann = |i: usize| {
        let turn = std::f32::consts::TAU * (i as f32 + 0.5) / PATCH as f32;
        (1.0 - turn.cos()) * (2.0_f32 / 3.0).sqrt()
    };
    (0..PATCH * PATCH)
        .map(|at| {
            let (i, j) = (at % PATCH, at / PATCH);
            let (u, v) = (i as f32 - middle, j as f32 - middle);
            let flat = value(i, j) - mean - (slope_x * u + slope_y * v) / spread;
            Complex32::new(flat * hann(i) * hann(j), 0.0)
        })
        .collect()
}

/// Square two-dimensional transform in place, without scaling.
fn transform(
    values: &mut [Complex32],
    side: usize,
    planner: &mut FftPlanner<f32>,
    is_inverse: bool,
) {
    let fft = if is_inverse {
        planner.plan_fft_inverse(side)
    } else {
        planner.plan_fft_forward(side)
    };
    for _ in 0..2 {
        fft.process(values);
        for y in 0..side {
            for x in 0..y {
                values.swap(y * side + x, x * side + y);
            }
        }
    }
}

/// Distance from the zero frequency in patch bins, for a transform with `side` samples.
fn radius(at: usize, side: usize) -> f32 {
    let fold = |i: usize| (i.min(side - i)) as f32 * (PATCH as f32 / side as f32);
    fold(at % side).hypot(fold(at / side))
}

fn covariance(patches: &[Patch]) -> [[f64; 3]; 3] {
    let mut sum = [[0.0; 3]; 3];
    for [r, g, b] in patches {
        for (at, ((r, g), b)) in r.iter().zip(g).zip(b).enumerate() {
            if radius(at, PATCH) < FIRST_BIN as f32 {
                continue;
            }
            let pixel = [r, g, b];
            for (row, a) in sum.iter_mut().zip(pixel) {
                for (cell, b) in row.iter_mut().zip(pixel) {
                    *cell += f64::from((a * b.conj()).re);
                }
            }
        }
    }
    sum
}

/// Radial means of the power of the grain channels. Below the first bin, where content hides the grain, the curve does
/// not rise.
fn spectra(patches: &[Patch], axes: &[[f32; 3]; 3]) -> Spectra {
    let mut power = [[0.0_f32; BINS]; 3];
    let mut counts = [0.0_f32; BINS];
    for [r, g, b] in patches {
        for (at, ((r, g), b)) in r.iter().zip(g).zip(b).enumerate() {
            let bin = (radius(at, PATCH).round() as usize).min(BINS - 1);
            counts[bin] += 1.0;
            for (channel, axis) in power.iter_mut().zip(axes) {
                channel[bin] += (r * axis[0] + g * axis[1] + b * axis[2]).norm_sqr();
            }
        }
    }
    for channel in &mut power {
        for (value, count) in channel.iter_mut().zip(&counts) {
            *value /= count.max(1.0);
        }
        for bin in 0..FIRST_BIN {
            channel[bin] = channel[bin].min(channel[FIRST_BIN]);
        }
    }
    power
}

const IDENTITY: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// Rows are unit eigenvectors of a symmetric matrix (cyclic Jacobi rotations).
fn eigenvectors(mut m: [[f64; 3]; 3]) -> [[f32; 3]; 3] {
    let mut axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..16 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if m[p][q].abs() <= 1e-14 * (m[p][p].abs() + m[q][q].abs()) {
                continue;
            }
            let angle = 0.5 * (2.0 * m[p][q]).atan2(m[q][q] - m[p][p]);
            let (sin, cos) = angle.sin_cos();
            for row in &mut m {
                (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
            }
            let (rp, rq) = (m[p], m[q]);
            let (ap, aq): ([f64; 3], [f64; 3]) = (axes[p], axes[q]);
            for k in 0..3 {
                m[p][k] = cos * rp[k] - sin * rq[k];
                m[q][k] = sin * rp[k] + cos * rq[k];
                axes[p][k] = cos * ap[k] - sin * aq[k];
                axes[q][k] = sin * ap[k] + cos * aq[k];
            }
        }
    }
    axes.map(|axis| axis.map(|v| v as f32))
}

fn synthesise(axes: &[[f32; 3]; 3], spectra: &Spectra, seed: u64) -> Tile {
    let mut planner = FftPlanner::new();
    let mut data = vec![0.0; TILE * TILE * 3];
    for (k, spectrum) in spectra.iter().enumerate() {
        let mut values = white(seed.wrapping_mul(3).wrapping_add(k as u64));
        transform(&mut values, TILE, &mut planner, false);
        for (at, value) in values.iter_mut().enumerate() {
            let place = radius(at, TILE).min((BINS - 1) as f32);
            let (low, t) = (place as usize, place.fract());
            let high = (low + 1).min(BINS - 1);
            let power = spectrum[low] * (1.0 - t) + spectrum[high] * t;
            *value *= if at == 0 { 0.0 } else { power.sqrt() };
        }
        transform(&mut values, TILE, &mut planner, true);
        for (pixel, value) in data.chunks_exact_mut(3).zip(&values) {
            for c in 0..3 {
                pixel[c] += axes[k][c] * value.re;
            }
        }
    }
    let mut high = high_pass_rgb(&data, TILE);
    let found = level(&mut high);
    let scale = if found > 0.0 { 1.0 / found } else { 0.0 };
    for value in &mut data {
        *value *= scale;
    }
    Tile { data }
}

/// White Gaussian noise (SplitMix64, Box–Muller).
fn white(seed: u64) -> Vec<Complex32> {
    let mut state = seed ^ 0x5851_F42D_4C95_7F2D;
    let mut uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    };
    let mut out = Vec::with_capacity(TILE * TILE);
    while out.len() < TILE * TILE {
        let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * uniform()).sin_cos();
        out.push(Complex32::new(radius * cos, 0.0));
        out.push(Complex32::new(radius * sin, 0.0));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_diagonalise() {
        let m = [[2.0, 0.7, 0.1], [0.7, 1.0, -0.3], [0.1, -0.3, 0.5]];
        let axes = eigenvectors(m);
        for a in 0..3 {
            for b in 0..3 {
                let mut mixed = 0.0;
                let mut dot = 0.0;
                for i in 0..3 {
                    dot += axes[a][i] * axes[b][i];
                    for j in 0..3 {
                        mixed += axes[a][i] * m[i][j] as f32 * axes[b][j];
                    }
                }
                assert!((dot - f32::from(u8::from(a == b))).abs() < 1e-5);
                assert!(a == b || mixed.abs() < 1e-5, "{a} {b}: {mixed}");
            }
        }
    }

    #[test]
    fn a_tile_has_level_one_and_the_spectrum_asked_for() {
        let mut soft = [[0.0; BINS]; 3];
        for (bin, power) in soft[0].iter_mut().enumerate() {
            *power = if bin < 8 { 1.0 } else { 0.01 };
        }
        let tile = synthesise(&IDENTITY, &soft, 5);
        assert!((level(&mut high_pass_rgb(&tile.data, TILE)) - 1.0).abs() < 1e-3);
        assert!(
            tile.data
                .chunks_exact(3)
                .all(|p| p[1] == 0.0 && p[2] == 0.0)
        );
        let next: f32 = tile.data.chunks_exact(6).map(|p| p[0] * p[3]).sum();
        let own: f32 = tile.data.chunks_exact(6).map(|p| p[0] * p[0]).sum();
        assert!(
            next / own > 0.5,
            "soft grain holds together: {}",
            next / own
        );
        assert_eq!(tile, synthesise(&IDENTITY, &soft, 5));
        assert_ne!(tile, synthesise(&IDENTITY, &soft, 6));
    }
}
