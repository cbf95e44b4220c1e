//! Owns `TileSource`, the door through which photo pixels come, and makes a tile's texels of what it gives. Implemented
//! outside this room; called on background threads by the loader.

use super::grid::{BORDER, PITCH, TileKey, level_size};
use crate::geometry::{PixelRect, PixelSize};

/// Where a photo's pixels come from. Must be quick to share and safe to read from several threads at once.
pub trait TileSource: Send + Sync {
    /// The photo's size in pixels. Must stay the same.
    fn size(&self) -> PixelSize;

    /// RGBA, 8 bits, straight alpha, display-encoded sRGB, row by row, of `rect` shrunk by `step`.
    ///
    /// `rect` lies inside the photo and is not empty; `step` is a power of two (1 = full size); `rect.x` and `rect.y` are
    /// multiples of `step`. Each output pixel is the mean of a `step` × `step` square; squares that the rectangle's right
    /// or bottom edge cuts are the mean of what is left. Length: `4 * ceil(width / step) * ceil(height / step)`.
    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8>;

    /// True once the pixels are no longer there, because a newer source is about to take this one's place. What it gave
    /// is not used then, and not asked of it again.
    fn is_gone(&self) -> bool {
        false
    }
}

/// Texels ready for the device, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texels {
    pub size: PixelSize,
    pub data: Vec<u8>,
}

/// Reads a tile with its border and multiplies colour by alpha, so that filtering leaves no fringe. The photo's own edge is
/// repeated outward. None when the source gave the wrong number of bytes.
pub fn read_tile(source: &dyn TileSource, key: TileKey) -> Option<Texels> {
    let photo = source.size();
    let texels = key.texels(photo);
    if texels.is_empty() || key.level > 30 {
        return None;
    }
    let step = 1_i32 << key.level;
    let scaled = |v: i32| i64::from(v) * i64::from(step);
    let rect = PixelRect::from_edges(
        scaled(texels.x) as i32,
        scaled(texels.y) as i32,
        scaled(texels.right()).min(i64::from(photo.width)) as i32,
        scaled(texels.bottom()).min(i64::from(photo.height)) as i32,
    );
    let mut pixels = source.rgba8(rect, step as u32);
    if pixels.is_empty() && source.is_gone() {
        return None;
    }
    if pixels.len() as u64 != texels.area() * 4 {
        log::error!(
            "a photo source gave {} bytes for {} pixels of {rect:?}",
            pixels.len(),
            texels.area()
        );
        return None;
    }
    premultiply(&mut pixels);
    Some(repeat_edges(key, photo, texels, &pixels, 4))
}

/// Straight to premultiplied alpha, rounded. Opaque pixels keep their bytes.
pub fn premultiply(rgba: &mut [u8]) {
    for pixel in rgba.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        if alpha < 255 {
            for value in &mut pixel[..3] {
                *value = ((u32::from(*value) * alpha + 127) / 255) as u8;
            }
        }
    }
}

/// The part of a tile's texture that is ever looked at: its own texels and the border around them.
pub fn used_size(key: TileKey, photo: PixelSize) -> PixelSize {
    let level = level_size(photo, key.level);
    let used = |at: u32, end: u32| end.saturating_sub(at * PITCH).min(PITCH) + 2 * BORDER;
    PixelSize::new(used(key.x, level.width), used(key.y, level.height))
}

/// Puts `texels` of the level in place and repeats the outermost ones where the level ends.
pub fn repeat_edges(
    key: TileKey,
    photo: PixelSize,
    texels: PixelRect,
    pixels: &[u8],
    channels: usize,
) -> Texels {
    let size = used_size(key, photo);
    let (left, top) = key.local((texels.x, texels.y));
    let row_bytes = texels.width as usize * channels;
    let mut data = Vec::with_capacity(size.area() as usize * channels);
    for y in 0..size.height as i32 {
        let from = (y - top).clamp(0, texels.height as i32 - 1) as usize * row_bytes;
        let row = &pixels[from..from + row_bytes];
        let used = texels.width.min(size.width - left as u32) as usize;
        for _ in 0..left {
            data.extend_from_slice(&row[..channels]);
        }
        data.extend_from_slice(&row[..used * channels]);
        for _ in left as usize + used..size.width as usize {
            data.extend_from_slice(&row[row_bytes - channels..]);
        }
    }
    Texels { size, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red is the column, green the row.
    struct Ramp(PixelSize);

    impl TileSource for Ramp {
        fn size(&self) -> PixelSize {
            self.0
        }

        fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
            assert!(self.0.rect().contains_rect(rect) && !rect.is_empty());
            assert_eq!((rect.x as u32 % step, rect.y as u32 % step), (0, 0));
            let mut out = Vec::new();
            for y in (rect.y..rect.bottom()).step_by(step as usize) {
                for x in (rect.x..rect.right()).step_by(step as usize) {
                    out.extend([
                        (x / step as i32 % 256) as u8,
                        (y / step as i32 % 256) as u8,
                        7,
                        255,
                    ]);
                }
            }
            out
        }
    }

    #[test]
    fn tiles_hold_their_neighbours_texels_and_repeat_the_edge() {
        let photo = PixelSize::new(1025, 517);
        for level in 0..=1 {
            for key in super::super::grid::tiles_in(photo, level, photo.rect()) {
                let tile = read_tile(&Ramp(photo), key).expect("a tile");
                let limit = level_size(photo, level);
                for ly in 0..tile.size.height as i32 {
                    for lx in 0..tile.size.width as i32 {
                        let x = ((key.x * PITCH) as i32 + lx - BORDER as i32)
                            .clamp(0, limit.width as i32 - 1);
                        let y = ((key.y * PITCH) as i32 + ly - BORDER as i32)
                            .clamp(0, limit.height as i32 - 1);
                        let at = (ly * tile.size.width as i32 + lx) as usize * 4;
                        let expected = [(x % 256) as u8, (y % 256) as u8];
                        assert_eq!(tile.data[at..at + 2], expected, "{key:?} {lx} {ly}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_source_that_gives_too_little_is_refused() {
        struct Broken;
        impl TileSource for Broken {
            fn size(&self) -> PixelSize {
                PixelSize::new(40, 40)
            }
            fn rgba8(&self, _: PixelRect, _: u32) -> Vec<u8> {
                vec![1; 5]
            }
        }
        assert_eq!(
            read_tile(
                &Broken,
                TileKey {
                    level: 0,
                    x: 0,
                    y: 0
                }
            ),
            None
        );
        assert_eq!(
            read_tile(
                &Broken,
                TileKey {
                    level: 0,
                    x: 9,
                    y: 0
                }
            ),
            None
        );
    }

    #[test]
    fn premultiplying_keeps_opaque_bytes_and_clears_transparent_ones() {
        let mut pixels = [200, 100, 3, 255, 200, 100, 3, 0, 200, 100, 3, 128];
        premultiply(&mut pixels);
        assert_eq!(pixels, [200, 100, 3, 255, 0, 0, 0, 0, 100, 50, 2, 128]);
    }
}
