//! Owns what stands under the mask before the model starts, save the exemplar fill, which the engine makes with the model
//! itself. Called by the engine.

use super::pull_push::{Weighted, interpolate};
use crate::mask::distance_to_mask;
use crate::plan::Prefill;
use crate::raster::{Plane, RgbF32};

/// From this distance on, in px, an edge continuation is all surroundings and no edge.
const SOFT_FROM_PX: f32 = 96.0;

/// Middle grey, the middle of what a VAE codes.
const NEUTRAL: f32 = 0.5;

/// Overwrites the masked pixels (denoise mask 255) of `image`; the rest is untouched. `Original` and `Exemplar` do
/// nothing here.
pub fn prefill(image: &mut RgbF32, denoise: &Plane, how: Prefill) {
    if matches!(how, Prefill::Original | Prefill::Exemplar) {
        return;
    }
    if how == Prefill::Neutral {
        for (pixel, masked) in image.data.chunks_exact_mut(3).zip(&denoise.data) {
            if *masked > 0 {
                pixel.fill(NEUTRAL);
            }
        }
        return;
    }
    if denoise.data.iter().all(|v| *v > 0) {
        return;
    }
    let blurred = surroundings(image, denoise);
    let edge = (how == Prefill::Edge).then(|| nearest_known(image, denoise));
    for (at, masked) in denoise.data.iter().enumerate() {
        if *masked == 0 {
            continue;
        }
        for c in 0..3 {
            let soft = blurred[at * 3 + c];
            image.data[at * 3 + c] = match &edge {
                None => soft,
                Some((values, distance)) => {
                    let t = (distance[at] / SOFT_FROM_PX).min(1.0);
                    values[at * 3 + c] * (1.0 - t) + soft * t
                }
            };
        }
    }
}

fn surroundings(image: &RgbF32, denoise: &Plane) -> Vec<f32> {
    let mut known = Weighted::new(image.size, 3);
    for (at, masked) in denoise.data.iter().enumerate() {
        if *masked == 0 {
            known.weights[at] = 1.0;
            known.values[at * 3..at * 3 + 3].copy_from_slice(&image.data[at * 3..at * 3 + 3]);
        }
    }
    interpolate(known)
}

/// For each pixel the colour of a nearest known one, and how far that is: two sweeps of vector propagation
/// (Danielsson, "Euclidean distance mapping", 1980).
fn nearest_known(image: &RgbF32, denoise: &Plane) -> (Vec<f32>, Vec<f32>) {
    let (width, height) = (image.width(), image.height());
    let mut source: Vec<Option<(i32, i32)>> = (0..width * height)
        .map(|at| (denoise.data[at] == 0).then_some(((at % width) as i32, (at / width) as i32)))
        .collect();
    let forward = [(-1, 0), (0, -1), (-1, -1), (1, -1)];
    let backward = [(1, 0), (0, 1), (1, 1), (-1, 1)];
    let mut sweep = |order: &mut dyn Iterator<Item = usize>, offsets: &[(i32, i32)]| {
        for at in order {
            let (x, y) = ((at % width) as i32, (at / width) as i32);
            for (dx, dy) in offsets {
                let (nx, ny) = (x + dx, y + dy);
                if nx < 0 || ny < 0 || nx >= width as i32 || ny >= height as i32 {
                    continue;
                }
                let far = |s: Option<(i32, i32)>| {
                    s.map_or(i64::MAX, |(sx, sy)| {
                        i64::from(sx - x).pow(2) + i64::from(sy - y).pow(2)
                    })
                };
                let offered = source[ny as usize * width + nx as usize];
                if far(offered) < far(source[at]) {
                    source[at] = offered;
                }
            }
        }
    };
    for _ in 0..2 {
        sweep(&mut (0..width * height), &forward);
        sweep(&mut (0..width * height).rev(), &backward);
    }
    let mut values = vec![0.0; width * height * 3];
    for (at, from) in source.iter().enumerate() {
        if let Some((x, y)) = from {
            values[at * 3..at * 3 + 3].copy_from_slice(&image.pixel(*x as usize, *y as usize));
        }
    }
    let known = Plane {
        size: denoise.size,
        data: denoise.data.iter().map(|v| 255 - *v).collect(),
    };
    (values, distance_to_mask(&known, f32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    fn half_masked() -> (RgbF32, Plane) {
        let size = PixelSize::new(40, 12);
        let mut image = RgbF32::new(size);
        let mut mask = Plane::new(size);
        for y in 0..12 {
            for x in 0..40 {
                image.set_pixel(x, y, [y as f32 / 12.0, 0.5, 0.25]);
                if x >= 25 {
                    mask.set(x, y, 255);
                    image.set_pixel(x, y, [9.0; 3]);
                }
            }
        }
        (image, mask)
    }

    #[test]
    fn an_edge_is_carried_outward() {
        let (mut image, mask) = half_masked();
        prefill(&mut image, &mask, Prefill::Edge);
        for y in 0..12 {
            assert!((image.pixel(26, y)[0] - y as f32 / 12.0).abs() < 0.05);
            assert!((image.pixel(39, y)[1] - 0.5).abs() < 1e-4);
        }
    }

    #[test]
    fn known_pixels_are_untouched_by_every_prefill() {
        for how in [
            Prefill::Original,
            Prefill::Exemplar,
            Prefill::Blur,
            Prefill::Edge,
        ] {
            let (before, mask) = half_masked();
            let mut after = before.clone();
            prefill(&mut after, &mask, how);
            for at in 0..mask.data.len() {
                assert!(mask.data[at] > 0 || after.data[at * 3] == before.data[at * 3]);
            }
        }
    }
}
