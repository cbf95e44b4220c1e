//! Owns fitting a model's picture to its photo: bringing it to the context's size and matching its colours to the
//! surroundings. Putting it in is `Photo::blend`, which honours the composite mask bit for bit. Called by the engine.

use super::masks::CropMasks;
use super::pull_push::{Weighted, interpolate};
use crate::geometry::PixelSize;
use crate::photo::resample::resize_rgb;
use crate::raster::RgbF32;

/// The colour match looks at differences averaged over about this many px: finer ones are texture, not colour.
const MATCH_CELL_PX: usize = 8;

/// The result at the size of its context; the same picture when the model worked at the photo's scale.
pub fn to_context_size(result: &RgbF32, context: PixelSize) -> RgbF32 {
    resize_rgb(result, context)
}

/// Shifts the result's colours so that they meet the photo's where both are known: the difference photo − result on
/// unmasked pixels, averaged in cells, is carried smoothly across the hole (a membrane) and added. A model that leaves
/// known pixels alone is not changed.
pub fn match_surroundings(result: &mut RgbF32, photo: &RgbF32, masks: &CropMasks) {
    let size = result.size;
    let (width, height) = (size.width as usize, size.height as usize);
    let cells = PixelSize::new(
        width.div_ceil(MATCH_CELL_PX) as u32,
        height.div_ceil(MATCH_CELL_PX) as u32,
    );
    let mut offsets = Weighted::new(cells, 3);
    let mut largest = 0.0_f32;
    for cy in 0..cells.height as usize {
        for cx in 0..cells.width as usize {
            let mut sum = [0.0_f64; 3];
            let mut count = 0_u32;
            for y in cy * MATCH_CELL_PX..((cy + 1) * MATCH_CELL_PX).min(height) {
                for x in cx * MATCH_CELL_PX..((cx + 1) * MATCH_CELL_PX).min(width) {
                    if masks.denoise.get(x, y) == 0 {
                        let (a, b) = (photo.pixel(x, y), result.pixel(x, y));
                        for c in 0..3 {
                            sum[c] += f64::from(a[c] - b[c]);
                        }
                        count += 1;
                    }
                }
            }
            if count * 4 >= (MATCH_CELL_PX * MATCH_CELL_PX) as u32 {
                let at = cy * cells.width as usize + cx;
                offsets.weights[at] = 1.0;
                for c in 0..3 {
                    let mean = (sum[c] / f64::from(count)) as f32;
                    offsets.values[at * 3 + c] = mean;
                    largest = largest.max(mean.abs());
                }
            }
        }
    }
    if largest == 0.0 {
        return;
    }
    let field = resize_rgb(
        &RgbF32 {
            size: cells,
            data: interpolate(offsets),
        },
        PixelSize {
            width: cells.width * MATCH_CELL_PX as u32,
            height: cells.height * MATCH_CELL_PX as u32,
        },
    );
    for y in 0..height {
        for x in 0..width {
            let shift = field.pixel(x, y);
            let here = result.pixel(x, y);
            result.set_pixel(
                x,
                y,
                [here[0] + shift[0], here[1] + shift[1], here[2] + shift[2]],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::Plane;

    #[test]
    fn a_constant_colour_error_is_taken_out_of_the_hole() {
        let size = PixelSize::new(96, 80);
        let mut photo = RgbF32::new(size);
        photo.data.fill(0.4);
        let mut result = photo.clone();
        for value in &mut result.data {
            *value += 0.07;
        }
        let mut denoise = Plane::new(size);
        for y in 30..50 {
            for x in 30..60 {
                denoise.set(x, y, 255);
            }
        }
        let masks = CropMasks {
            composite: denoise.clone(),
            denoise,
        };
        match_surroundings(&mut result, &photo, &masks);
        assert!((result.pixel(45, 40)[1] - 0.4).abs() < 1e-3);
    }

    #[test]
    fn a_fill_that_left_the_photo_alone_is_not_changed() {
        let size = PixelSize::new(64, 64);
        let photo = RgbF32::new(size);
        let mut denoise = Plane::new(size);
        denoise.set(32, 32, 255);
        let mut result = photo.clone();
        result.set_pixel(32, 32, [0.9, 0.1, 0.3]);
        let before = result.clone();
        match_surroundings(
            &mut result,
            &photo,
            &CropMasks {
                composite: denoise.clone(),
                denoise,
            },
        );
        assert_eq!(result, before);
    }
}
