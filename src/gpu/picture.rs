//! Owns making an overlay's levels of detail from its bytes. Called by the overlay layer, on a background thread for large
//! pictures. Plain bytes; must never touch a device, nor wait for the common thread pool, where jobs compute.

use super::source::{Texels, premultiply};
use crate::geometry::PixelSize;

/// Overlays above this many pixels are shrunk first (128 MiB on the device).
const MAX_PIXELS: u64 = 32 << 20;

/// Premultiplied RGBA, full size first, each half the one before (rounded down, at least 1), to 1 × 1.
pub type Levels = Vec<Texels>;

/// `rgba` holds `4 * size.area()` bytes. Sides above `max_side` are halved until they fit.
pub fn make_levels(rgba: &[u8], size: PixelSize, max_side: u32) -> Levels {
    let mut data = rgba.to_vec();
    premultiply(&mut data);
    let mut first = Texels { size, data };
    while first.size.long_side() > max_side.max(1) || first.size.area() > MAX_PIXELS {
        first = halve(&first);
    }
    let mut levels = vec![first];
    while let Some(last) = levels.last().filter(|level| level.size.long_side() > 1) {
        let next = halve(last);
        levels.push(next);
    }
    levels
}

/// Means of four, rounded; an odd last row or column is dropped unless it is the only one.
fn halve(from: &Texels) -> Texels {
    let size = PixelSize::new((from.size.width / 2).max(1), (from.size.height / 2).max(1));
    let (from_width, from_height) = (from.size.width as usize, from.size.height as usize);
    let mut data = Vec::with_capacity(size.area() as usize * 4);
    for y in 0..size.height as usize {
        let line = |line: usize| &from.data[line * from_width * 4..(line + 1) * from_width * 4];
        let (above, below) = (line(2 * y), line((2 * y + 1).min(from_height - 1)));
        for x in 0..size.width as usize {
            let (left, right) = (8 * x, 4 * (2 * x + 1).min(from_width - 1));
            data.extend((0..4).map(|channel| {
                let sum = [
                    above[left + channel],
                    above[right + channel],
                    below[left + channel],
                    below[right + channel],
                ]
                .into_iter()
                .map(u32::from)
                .sum::<u32>();
                ((sum + 2) / 4) as u8
            }));
        }
    }
    Texels { size, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_the_devices_own_rule() {
        let size = PixelSize::new(13, 5);
        let levels = make_levels(&vec![255; 13 * 5 * 4], size, 8192);
        let sizes: Vec<_> = levels
            .iter()
            .map(|level| (level.size.width, level.size.height))
            .collect();
        assert_eq!(sizes, [(13, 5), (6, 2), (3, 1), (1, 1)]);
        assert!(
            levels
                .iter()
                .all(|level| level.data.iter().all(|v| *v == 255))
        );
        assert!(
            levels
                .iter()
                .all(|level| level.data.len() as u64 == level.size.area() * 4)
        );
    }

    #[test]
    fn too_large_a_picture_is_halved_until_it_fits() {
        let levels = make_levels(&vec![8; 300 * 40 * 4], PixelSize::new(300, 40), 100);
        assert_eq!(levels[0].size, PixelSize::new(75, 10));
    }

    #[test]
    fn transparent_colour_does_not_bleed() {
        let rgba = [255, 0, 0, 0, 0, 200, 0, 255, 255, 0, 0, 0, 0, 200, 0, 255];
        let levels = make_levels(&rgba, PixelSize::new(2, 2), 64);
        assert_eq!(levels[1].data, [0, 100, 0, 128]);
    }
}
