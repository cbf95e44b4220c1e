//! Owns repainting an enlarged draft tile by tile so that no tile's edge shows. What paints a tile is the caller's. Called
//! by the engine for large crops.

use crate::geometry::PixelRect;
use crate::photo::resample::{PlaneFilter, resize_plane, resize_rgb};
use crate::plan::Refine;
use crate::raster::{Plane, RgbF32};

/// Refines `draft`, the model's picture of a context at any size. `photo` is the context as it was (its hole filled or
/// not), `denoise` what the model repaints, both of one size. `paint` gets a tile's picture, its mask and its rectangle in
/// the refined picture, and returns its picture; tiles without mask are not painted. The result has the plan's size.
pub fn refine<E>(
    draft: &RgbF32,
    photo: &RgbF32,
    denoise: &Plane,
    plan: &Refine,
    mut paint: impl FnMut(RgbF32, Plane, PixelRect) -> Result<RgbF32, E>,
) -> Result<RgbF32, E> {
    let mut made = resize_rgb(draft, plan.size);
    let known = resize_rgb(photo, plan.size);
    let mask = resize_plane(denoise, plan.size, PlaneFilter::Max);
    let mut laid = Laid {
        weights: vec![0.0; made.width() * made.height()],
    };
    for tile in plan.tiles() {
        let hole = mask.cropped(tile);
        if hole.data.iter().all(|v| *v == 0) {
            continue;
        }
        // The model sees the photo where it is known, and what has been made so far where it is not.
        let mut seen = cut(&made, tile);
        for (at, pixel) in seen.data.chunks_exact_mut(3).enumerate() {
            if hole.data[at] == 0 {
                let (x, y) = (at % tile.width as usize, at / tile.width as usize);
                pixel.copy_from_slice(&known.pixel(x + tile.x as usize, y + tile.y as usize));
            }
        }
        let painted = paint(seen, hole, tile)?;
        laid.lay(&mut made, &painted, tile, plan);
    }
    Ok(made)
}

/// Looks that a model takes to refine under this mask.
pub fn tiles_to_paint(denoise: &Plane, plan: &Refine) -> usize {
    let mask = resize_plane(denoise, plan.size, PlaneFilter::Max);
    let is_masked = |tile: &PixelRect| mask.cropped(*tile).data.iter().any(|v| *v > 0);
    plan.tiles().iter().filter(|tile| is_masked(tile)).count()
}

fn cut(picture: &RgbF32, rect: PixelRect) -> RgbF32 {
    RgbF32 {
        size: rect.size(),
        data: super::stitch::cut(&picture.data, picture.width() * 3, rect, 3),
    }
}

/// What the tiles painted so far have made of each pixel: the mean of theirs, weighted by how far inside each it lies.
struct Laid {
    weights: Vec<f32>,
}

impl Laid {
    fn lay(&mut self, made: &mut RgbF32, painted: &RgbF32, tile: PixelRect, plan: &Refine) {
        let picture = if painted.size == tile.size() {
            std::borrow::Cow::Borrowed(painted)
        } else {
            std::borrow::Cow::Owned(resize_rgb(painted, tile.size()))
        };
        let width = made.width();
        let across = ramp(tile.x, tile.width, plan.size.width, plan.overlap_px);
        let down = ramp(tile.y, tile.height, plan.size.height, plan.overlap_px);
        for (y, down) in down.iter().enumerate() {
            for (x, across) in across.iter().enumerate() {
                let (to_x, to_y) = (x + tile.x as usize, y + tile.y as usize);
                let weight = &mut self.weights[to_y * width + to_x];
                *weight += across * down;
                let share = across * down / *weight;
                let (old, new) = (made.pixel(to_x, to_y), picture.pixel(x, y));
                let mixed = std::array::from_fn(|c| old[c] + share * (new[c] - old[c]));
                made.set_pixel(to_x, to_y, mixed);
            }
        }
    }
}

/// Weights along one side of a tile: 1 inside, falling towards the sides where neighbours lie.
fn ramp(start: i32, length: u32, whole: u32, overlap: u32) -> Vec<f32> {
    let (length, fade) = (length as usize, overlap.max(1) as f32);
    let rise = |distance: usize, is_outer: bool| {
        if is_outer {
            return 1.0;
        }
        let t = ((distance as f32 + 0.5) / fade).min(1.0);
        t * t * (3.0 - 2.0 * t)
    };
    let is_last = start as usize + length == whole as usize;
    (0..length)
        .map(|at| rise(at, start == 0) * rise(length - 1 - at, is_last))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;
    use crate::plan::ModelFrame;

    fn plan() -> (Refine, RgbF32, Plane) {
        let context = PixelSize::new(300, 260);
        let frame = ModelFrame::checkpoint(PixelSize::new(96, 96), 8);
        let refine = Refine::of(context, PixelSize::new(104, 88), &frame).expect("large");
        let mut photo = RgbF32::new(context);
        for (at, value) in photo.data.iter_mut().enumerate() {
            *value = ((at / 3 % 300) as f32 / 60.0).sin() * 0.2 + 0.5;
        }
        let mut hole = Plane::new(context);
        for y in 60..210 {
            hole.data[y * 300 + 50..y * 300 + 260].fill(255);
        }
        (refine, photo, hole)
    }

    #[test]
    fn what_changes_nothing_gives_the_draft_and_sees_the_photo() {
        let (plan, photo, hole) = plan();
        let draft = resize_rgb(&photo, PixelSize::new(104, 88));
        let enlarged = resize_rgb(&draft, plan.size);
        let mut looks = 0;
        let made = refine(&draft, &photo, &hole, &plan, |seen, mask, tile| {
            looks += 1;
            for (at, value) in mask.data.iter().enumerate() {
                let (x, y) = (at % tile.width as usize, at / tile.width as usize);
                if *value == 0 {
                    let there = photo.pixel(x + tile.x as usize, y + tile.y as usize);
                    assert_eq!(seen.pixel(x, y), there);
                }
            }
            Ok::<_, ()>(cut(&enlarged, tile))
        })
        .expect("no error");
        assert_eq!(looks, tiles_to_paint(&hole, &plan));
        let worst = made
            .data
            .iter()
            .zip(&enlarged.data)
            .map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f32::max) < 1e-6);
    }

    #[test]
    fn tiles_of_different_brightness_meet_without_a_step() {
        let (plan, photo, hole) = plan();
        let mut number = 0.0;
        let made = refine(&photo, &photo, &hole, &plan, |seen, _, _| {
            number += 1.0;
            let data = vec![if number as i32 % 2 == 0 { 0.6 } else { 0.4 }; seen.data.len()];
            Ok::<_, ()>(RgbF32 { data, ..seen })
        })
        .expect("no error");
        let steps = (100..200).flat_map(|y| (60..250).map(move |x| (x, y)));
        let step = |(x, y): (usize, usize)| (made.pixel(x, y)[0] - made.pixel(x + 1, y)[0]).abs();
        // A fade over 19 px is at most 1.5 / 19 of the 0.2 a pixel; two tiles' fades add up where both fall.
        assert!(steps.map(step).fold(0.0, f32::max) < 2.0 * 1.5 * 0.2 / 19.0);
    }

    #[test]
    fn errors_end_it() {
        let (plan, photo, hole) = plan();
        let result = refine(&photo, &photo, &hole, &plan, |_, _, _| Err("stop"));
        assert_eq!(result, Err("stop"));
    }
}
