//! Owns a grid of bits, 64 to a word, and drawing it as coverage. Used by wand. A word per 64 pixels keeps a search over
//! 100 megapixels in the processor's cache. Must never count bits beyond a row's end.

use rayon::prelude::*;

use super::Selected;
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::Plane;

/// One bit a pixel; rows start at a word.
pub(super) struct Bits {
    size: PixelSize,
    /// Words a row.
    pub stride: usize,
    pub words: Vec<u64>,
}

impl Bits {
    pub fn new(size: PixelSize) -> Self {
        let stride = (size.width as usize).div_ceil(64);
        Self {
            size,
            stride,
            words: vec![0; stride * size.height as usize],
        }
    }

    /// Sets the bits `left..right` of row `y`.
    pub fn fill(&mut self, y: usize, left: usize, right: usize) {
        for (word, mask) in spanned(left, right) {
            self.words[y * self.stride + word] |= mask;
        }
    }

    /// Smallest rectangle around all set bits.
    pub fn bounds(&self) -> PixelRect {
        if self.stride == 0 {
            return PixelRect::default();
        }
        self.words
            .par_chunks(self.stride)
            .enumerate()
            .filter_map(|(y, row)| {
                let first = row.iter().position(|w| *w != 0)?;
                let last = row.iter().rposition(|w| *w != 0)?;
                let left = first as i32 * 64 + row[first].trailing_zeros() as i32;
                let right = last as i32 * 64 + 64 - row[last].leading_zeros() as i32;
                Some(PixelRect::from_edges(left, y as i32, right, y as i32 + 1))
            })
            .reduce(PixelRect::default, PixelRect::union)
    }

    /// As coverage: set bits 255, the others 0. `smooth` takes the steps out of the outline: a pixel gets its share in
    /// the binomial 3 × 3 neighbourhood, twice as steep, which leaves straight edges crisp and gives a slanted one
    /// exactly the area it covers. Set bits never fall below 128 and others never reach it, so that nothing thin is
    /// lost. The picture's border does not fade.
    pub fn draw(&self, smooth: bool) -> Selected {
        let bounds = self.bounds();
        if bounds.is_empty() {
            return Selected::none();
        }
        let rect = if smooth {
            bounds.grow(1).intersect(self.size.rect())
        } else {
            bounds
        };
        let mut plane = Plane::new(rect.size());
        plane
            .data
            .par_chunks_mut(rect.width as usize)
            .enumerate()
            .for_each_init(Scratch::default, |scratch, (row, line)| {
                let y = rect.y as usize + row;
                if smooth {
                    self.draw_smooth(y, rect, scratch, line);
                } else {
                    self.unpack(y, rect.x as usize, line);
                    for value in line.iter_mut() {
                        *value *= 255;
                    }
                }
            });
        Selected { rect, plane }
    }

    fn draw_smooth(&self, y: usize, rect: PixelRect, scratch: &mut Scratch, line: &mut [u8]) {
        let (x, last) = (rect.x as usize, self.size.height as usize - 1);
        let Scratch { sums, row, own } = scratch;
        sums.clear();
        sums.resize(line.len() + 2, 0);
        row.resize(line.len(), 0);
        own.resize(line.len(), 0);
        for (source, weight) in [(y.saturating_sub(1), 1), (y, 2), ((y + 1).min(last), 1)] {
            self.unpack(source, x, row);
            if weight == 2 {
                own.copy_from_slice(row);
            }
            for (sum, bit) in sums[1..].iter_mut().zip(row.iter()) {
                *sum += weight * bit;
            }
        }
        // Beyond the rectangle there is nothing set, unless it ends at the border, which repeats.
        sums[0] = sums[1];
        sums[line.len() + 1] = sums[line.len()];
        for (at, to) in line.iter_mut().enumerate() {
            let share = u16::from(sums[at] + 2 * sums[at + 1] + sums[at + 2]);
            let value = ((share.clamp(4, 12) - 4) * 255 / 8) as u8;
            *to = if own[at] == 1 {
                value.max(128)
            } else {
                value.min(127)
            };
        }
    }

    /// The bits of row `y` from `x` on, one a byte.
    fn unpack(&self, y: usize, x: usize, line: &mut [u8]) {
        let row = &self.words[y * self.stride..][..self.stride];
        let mut at = 0;
        while at < line.len() {
            let (word, bit) = ((x + at) / 64, (x + at) % 64);
            let count = (64 - bit).min(line.len() - at);
            let value = row[word] >> bit;
            let here = &mut line[at..at + count];
            if value == 0 {
                here.fill(0);
            } else {
                for (shift, to) in here.iter_mut().enumerate() {
                    *to = (value >> shift & 1) as u8;
                }
            }
            at += count;
        }
    }
}

#[derive(Default)]
struct Scratch {
    sums: Vec<u8>,
    row: Vec<u8>,
    own: Vec<u8>,
}

/// Words and the bits in them that make up `left..right`.
pub(super) fn spanned(left: usize, right: usize) -> impl Iterator<Item = (usize, u64)> {
    (left / 64..right.div_ceil(64)).map(move |word| {
        let mut mask = u64::MAX;
        if word == left / 64 {
            mask &= u64::MAX << (left % 64);
        }
        if word == right / 64 {
            mask &= !(u64::MAX << (right % 64));
        }
        (word, mask)
    })
}
