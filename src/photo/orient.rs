//! Owns turning decoded samples upright by EXIF orientation. Called by decode alone. Must never change a sample's
//! value, only its place.

use rayon::prelude::*;

use super::Samples;
use crate::geometry::PixelSize;

const TILE: usize = 32;

/// Samples and size after applying EXIF orientation `orientation` (1–8; anything else counts as 1).
/// Meaning of the eight values: EXIF 2.32, tag 0x0112 (6 = turn right by 90°, 8 = turn left by 90°).
pub fn apply(
    samples: Samples,
    size: PixelSize,
    channels: usize,
    orientation: u8,
) -> (Samples, PixelSize) {
    if !(2..=8).contains(&orientation) {
        return (samples, size);
    }
    let turned = if orientation >= 5 {
        PixelSize::new(size.height, size.width)
    } else {
        size
    };
    let samples = match samples {
        Samples::U8(data) => Samples::U8(by_channels(&data, size, channels, orientation)),
        Samples::U16(data) => Samples::U16(by_channels(&data, size, channels, orientation)),
    };
    (samples, turned)
}

fn by_channels<T>(data: &[T], size: PixelSize, channels: usize, orientation: u8) -> Vec<T>
where
    T: Copy + Default + Send + Sync,
{
    match channels {
        1 => turn::<T, 1>(data, size, orientation),
        2 => turn::<T, 2>(data, size, orientation),
        3 => turn::<T, 3>(data, size, orientation),
        _ => turn::<T, 4>(data, size, orientation),
    }
}

fn turn<T, const N: usize>(data: &[T], size: PixelSize, orientation: u8) -> Vec<T>
where
    T: Copy + Default + Send + Sync,
{
    let (w, h) = (size.width as usize, size.height as usize);
    let out_w = if orientation >= 5 { h } else { w };
    let mut out = vec![T::default(); data.len()];
    // Where the pixel (x, y) of the upright picture lies in the stored one.
    let source = |x: usize, y: usize| match orientation {
        2 => (w - 1 - x, y),
        3 => (w - 1 - x, h - 1 - y),
        4 => (x, h - 1 - y),
        5 => (y, x),
        6 => (y, h - 1 - x),
        7 => (w - 1 - y, h - 1 - x),
        _ => (w - 1 - y, x),
    };
    out.par_chunks_mut(out_w * N * TILE)
        .enumerate()
        .for_each(|(band, rows)| {
            let count = rows.len() / (out_w * N);
            for x0 in (0..out_w).step_by(TILE) {
                for row in 0..count {
                    for x in x0..(x0 + TILE).min(out_w) {
                        let (sx, sy) = source(x, band * TILE + row);
                        let from = (sy * w + sx) * N;
                        let to = (row * out_w + x) * N;
                        rows[to..to + N].copy_from_slice(&data[from..from + N]);
                    }
                }
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_orientations_of_a_small_picture() {
        // 3 × 2:  a b c / d e f
        let stored = b"abcdef".to_vec();
        let expected: [(&[u8], u32); 8] = [
            (b"abcdef", 3),
            (b"cbafed", 3),
            (b"fedcba", 3),
            (b"defabc", 3),
            (b"adbecf", 2),
            (b"daebfc", 2),
            (b"fcebda", 2),
            (b"cfbead", 2),
        ];
        for (index, (want, width)) in expected.iter().enumerate() {
            let (samples, size) = apply(
                Samples::U8(stored.clone()),
                PixelSize::new(3, 2),
                1,
                index as u8 + 1,
            );
            assert_eq!(
                samples,
                Samples::U8(want.to_vec()),
                "orientation {}",
                index + 1
            );
            assert_eq!(size.width, *width);
        }
    }
}
