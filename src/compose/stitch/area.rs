//! Owns the part of a crop that a stitch looks at: the composite mask's bounds and a ring of photo around them, with
//! distances to the edge. Called by the stages of `stitch`. Must never write to a picture.

use rayon::prelude::*;

use super::StitchError;
use crate::compose::CropMasks;
use crate::geometry::PixelRect;
use crate::raster::{Plane, RgbF32};

/// How much photo around the hole is looked at, in px.
pub const RING_PX: u32 = 64;

/// Everything at the size of `rect`, row by row; colours interleaved.
pub struct Area {
    pub width: usize,
    pub height: usize,
    /// Where the composite mask has bounds, relative to this area.
    pub window: PixelRect,
    /// The window in the crop's coordinates.
    pub window_in_crop: PixelRect,
    pub photo: Vec<f32>,
    pub result: Vec<f32>,
    pub composite: Vec<u8>,
    pub denoise: Vec<u8>,
    /// Distance in px to the composite mask: 0 on it, at most [`RING_PX`].
    pub outside: Vec<u8>,
    /// Distance in px to where the composite mask is 0: 0 there, at most [`RING_PX`].
    pub inside: Vec<u8>,
    /// Distance in px to where the result covers the photo wholly: 0 there, at most [`RING_PX`].
    pub to_core: Vec<u8>,
    /// Distance in px to where it does not: 0 there, at most [`RING_PX`].
    pub in_core: Vec<u8>,
}

impl Area {
    /// None when the composite mask is empty.
    pub fn new(
        photo: &RgbF32,
        result: &RgbF32,
        masks: &CropMasks,
    ) -> Result<Option<Self>, StitchError> {
        let size = photo.size;
        for (what, found) in [
            ("result", result.size),
            ("composite mask", masks.composite.size),
            ("denoise mask", masks.denoise.size),
        ] {
            if found != size {
                return Err(StitchError::Size {
                    what,
                    found,
                    expected: size,
                });
            }
        }
        let window = bounds(&masks.composite);
        if window.is_empty() {
            return Ok(None);
        }
        let rect = window.grow(RING_PX as i32).intersect(size.rect());
        let (width, height) = (rect.width as usize, rect.height as usize);
        let photo = cut(&photo.data, size.width as usize * 3, rect, 3);
        let result = cut(&result.data, size.width as usize * 3, rect, 3);
        if !photo.par_iter().chain(&result).all(|v| v.is_finite()) {
            return Err(StitchError::NotFinite);
        }
        let composite = cut(&masks.composite.data, size.width as usize, rect, 1);
        let ((outside, inside), (to_core, in_core)) = rayon::join(
            || {
                (
                    distances(width, &composite, |v| v > 0),
                    distances(width, &composite, |v| v == 0),
                )
            },
            || {
                (
                    distances(width, &composite, |v| v == 255),
                    distances(width, &composite, |v| v < 255),
                )
            },
        );
        Ok(Some(Self {
            width,
            height,
            window: window.translate(-rect.x, -rect.y),
            window_in_crop: window,
            photo,
            result,
            denoise: cut(&masks.denoise.data, size.width as usize, rect, 1),
            composite,
            outside,
            inside,
            to_core,
            in_core,
        }))
    }

    pub fn pixel(values: &[f32], at: usize) -> [f32; 3] {
        [values[at * 3], values[at * 3 + 1], values[at * 3 + 2]]
    }

    /// The photo is untouched and the model kept, or should have kept, this pixel.
    pub fn is_known(&self, at: usize) -> bool {
        self.denoise[at] == 0 && self.composite[at] == 0
    }

    /// The photo is valid here and the model has repainted it: both can be compared directly.
    pub fn is_seam(&self, at: usize) -> bool {
        self.denoise[at] > 0 && self.composite[at] < 255 && self.inside[at] <= 32
    }
}

/// Bounds of the non-zero pixels; empty when there are none.
pub fn bounds(plane: &Plane) -> PixelRect {
    let width = plane.width();
    if width == 0 {
        return PixelRect::default();
    }
    let mut found = PixelRect::default();
    for (y, row) in plane.data.chunks(width).enumerate() {
        let Some(first) = row.iter().position(|v| *v > 0) else {
            continue;
        };
        let last = row.iter().rposition(|v| *v > 0).unwrap_or(first);
        found = found.union(PixelRect::new(
            first as i32,
            y as i32,
            (last - first + 1) as u32,
            1,
        ));
    }
    found
}

/// The rectangle (inside the picture) of a row-by-row buffer with `channels` values a pixel.
pub fn cut<T: Copy + Send + Sync>(
    data: &[T],
    stride: usize,
    rect: PixelRect,
    channels: usize,
) -> Vec<T> {
    let (from, len) = (rect.x as usize * channels, rect.width as usize * channels);
    let mut out = Vec::with_capacity(len * rect.height as usize);
    for y in rect.y as usize..rect.bottom() as usize {
        let start = y * stride + from;
        out.extend_from_slice(&data[start..start + len]);
    }
    out
}

/// Distance in px (chamfer 3–4, rounded up) to the nearest pixel for which `is_marked`, at most [`RING_PX`].
fn distances(width: usize, plane: &[u8], is_marked: impl Fn(u8) -> bool) -> Vec<u8> {
    let far = (RING_PX * 3) as u8;
    let height = plane.len() / width.max(1);
    let mut d: Vec<u8> = plane
        .iter()
        .map(|v| if is_marked(*v) { 0 } else { far })
        .collect();
    for y in 0..height {
        let (above, here) = d.split_at_mut(y * width);
        let above = (y > 0).then(|| &above[(y - 1) * width..]);
        relax(&mut here[..width], above);
    }
    for y in (0..height).rev() {
        let (here, below) = d.split_at_mut((y + 1) * width);
        let below = (y + 1 < height).then(|| &below[..width]);
        let here = &mut here[y * width..];
        here.reverse();
        let mirrored: Option<Vec<u8>> = below.map(|row| row.iter().rev().copied().collect());
        relax(here, mirrored.as_deref());
        here.reverse();
    }
    for value in &mut d {
        *value = value.div_ceil(3);
    }
    d
}

fn relax(row: &mut [u8], above: Option<&[u8]>) {
    if let Some(above) = above {
        for x in 0..row.len() {
            let left = if x > 0 { above[x - 1] } else { u8::MAX };
            let right = above.get(x + 1).copied().unwrap_or(u8::MAX);
            let diagonal = left.min(right).saturating_add(4);
            row[x] = row[x].min(above[x].saturating_add(3)).min(diagonal);
        }
    }
    for x in 1..row.len() {
        row[x] = row[x].min(row[x - 1].saturating_add(3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    #[test]
    fn distances_grow_by_one_a_pixel_and_stop_at_the_ring() {
        let mut plane = Plane::new(PixelSize::new(200, 3));
        plane.set(100, 1, 255);
        let d = distances(200, &plane.data, |v| v > 0);
        assert_eq!((d[300], d[300 - 7], d[300 + 7]), (0, 7, 7));
        assert_eq!(d[200], RING_PX as u8);
        assert_eq!(d[100 - 7], 8);
    }

    #[test]
    fn the_window_keeps_its_place() {
        let size = PixelSize::new(300, 200);
        let photo = RgbF32::new(size);
        let mut composite = Plane::new(size);
        composite.set(150, 20, 9);
        let masks = CropMasks {
            denoise: composite.clone(),
            composite,
        };
        let area = Area::new(&photo, &photo, &masks)
            .expect("sizes agree")
            .expect("not empty");
        assert_eq!(area.window, PixelRect::new(64, 20, 1, 1));
        assert_eq!(area.window_in_crop, PixelRect::new(150, 20, 1, 1));
        assert_eq!((area.width, area.height), (129, 85));
    }
}
