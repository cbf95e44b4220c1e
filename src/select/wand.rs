//! Owns the magic wand: pixels of about the colour under a point. Called by app. A picture is compared 64 pixels at a
//! time and only where the fill comes near. Must never recurse: a fill holds its open ends in a list.

use rayon::prelude::*;

use super::bits::{Bits, spanned};
use super::{Seen, SelectError, Selected, Stop, check};

/// How the wand selects.
///
/// Two colours are as far apart as their most different channel is, on the displayed 8-bit values, each channel times
/// its alpha (which counts as a channel of its own, so that transparent places are all alike). It is the measure that
/// retouchers know: tolerance 0 takes exactly the colour, 255 everything, and the number can be read off the picker's
/// values, which no perceptual distance allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WandOptions {
    /// Largest difference that still belongs, 0–255.
    pub tolerance: u8,
    /// Only what hangs together with the point, side by side; otherwise the whole picture.
    pub contiguous: bool,
    /// Smooths the outline over one pixel; a threshold at 128 gives back the hard one.
    pub antialias: bool,
    /// The colour is the mean of the square this many pixels to each side of the point; 0: the pixel itself. At most 15.
    pub sample_radius: u32,
}

impl Default for WandOptions {
    fn default() -> Self {
        Self {
            tolerance: 32,
            contiguous: true,
            antialias: true,
            sample_radius: 0,
        }
    }
}

/// Open ends between two looks at `stop`.
const PATIENCE: usize = 1 << 14;

/// Selects what has about the colour at `point`; the point itself always belongs. A point outside the picture selects
/// nothing.
pub fn wand(
    picture: &Seen,
    point: (i32, i32),
    options: &WandOptions,
    stop: Stop,
) -> Result<Selected, SelectError> {
    if !picture.size.rect().contains(point.0, point.1) {
        return Ok(Selected::none());
    }
    let point = (point.0 as usize, point.1 as usize);
    let alike = Alike {
        picture,
        color: sample(picture, point, options.sample_radius.min(15) as usize),
        tolerance: options.tolerance,
    };
    let mut chosen = if options.contiguous {
        Fill::new(&alike).run(point, stop)?
    } else {
        everywhere(&alike, stop)?
    };
    chosen.fill(point.1, point.0, point.0 + 1);
    check(stop)?;
    Ok(chosen.draw(options.antialias))
}

/// Mean colour around the point, times alpha.
fn sample(picture: &Seen, (x, y): (usize, usize), radius: usize) -> [u8; 4] {
    let mut sums = [0u32; 4];
    let mut count = 0;
    for row in y.saturating_sub(radius)..(y + radius + 1).min(picture.height()) {
        let line = picture.row(row);
        for column in x.saturating_sub(radius)..(x + radius + 1).min(picture.width()) {
            let color = weighted([0, 1, 2, 3].map(|c| line[column * 4 + c]));
            for (sum, value) in sums.iter_mut().zip(color) {
                *sum += u32::from(value);
            }
            count += 1;
        }
    }
    sums.map(|sum| ((sum + count / 2) / count) as u8)
}

/// The colour times its alpha.
fn weighted(color: [u8; 4]) -> [u8; 4] {
    let alpha = u32::from(color[3]);
    let times = |v: u8| ((u32::from(v) * alpha + 127) / 255) as u8;
    [times(color[0]), times(color[1]), times(color[2]), color[3]]
}

/// Which pixels have about the colour.
struct Alike<'a> {
    picture: &'a Seen<'a>,
    color: [u8; 4],
    tolerance: u8,
}

impl Alike<'_> {
    /// The pixels `64 * word..` of row `y`; bits beyond the row's end are 0.
    fn word(&self, y: usize, word: usize) -> u64 {
        let row = self.picture.row(y);
        let pixels = &row[word * 256..(word * 256 + 256).min(row.len())];
        let mut block = [0u8; 256];
        block[..pixels.len()].copy_from_slice(pixels);
        if pixels.chunks_exact(4).any(|p| p[3] != 255) {
            for pixel in block.chunks_exact_mut(4) {
                pixel.copy_from_slice(&weighted([pixel[0], pixel[1], pixel[2], pixel[3]]));
            }
        }
        for pixel in block.chunks_exact_mut(4) {
            for (value, color) in pixel.iter_mut().zip(self.color) {
                *value = u8::from(value.abs_diff(color) > self.tolerance);
            }
        }
        let mut bits = 0;
        for (at, pixel) in block.chunks_exact(4).enumerate() {
            let differs = pixel[0] | pixel[1] | pixel[2] | pixel[3];
            bits |= u64::from(differs == 0) << at;
        }
        let count = pixels.len() / 4;
        if count < 64 {
            bits &= !(u64::MAX << count);
        }
        bits
    }
}

/// Every alike pixel of the picture.
fn everywhere(alike: &Alike, stop: Stop) -> Result<Bits, SelectError> {
    let mut bits = Bits::new(alike.picture.size);
    let stride = bits.stride;
    let rows = (1 << 12) / stride.max(1) + 1;
    bits.words
        .par_chunks_mut(stride * rows)
        .enumerate()
        .try_for_each(|(band, words)| {
            check(stop)?;
            for (at, word) in words.iter_mut().enumerate() {
                *word = alike.word(band * rows + at / stride, at % stride);
            }
            Ok::<(), SelectError>(())
        })?;
    Ok(bits)
}

/// A fill that spreads along rows.
struct Fill<'a> {
    alike: &'a Alike<'a>,
    /// Alike and not yet chosen; right only where `known`.
    open: Bits,
    /// Words of `open` that have been looked at.
    known: Vec<bool>,
    chosen: Bits,
    /// Chosen runs whose neighbours have not been looked at: row, left, right.
    ends: Vec<(u32, u32, u32)>,
}

impl<'a> Fill<'a> {
    fn new(alike: &'a Alike<'a>) -> Self {
        let open = Bits::new(alike.picture.size);
        Self {
            alike,
            known: vec![false; open.words.len()],
            open,
            chosen: Bits::new(alike.picture.size),
            ends: Vec::new(),
        }
    }

    fn run(mut self, (x, y): (usize, usize), stop: Stop) -> Result<Bits, SelectError> {
        // The point belongs even where the sampled mean is not alike to it.
        self.word(y, x / 64);
        self.open.fill(y, x, x + 1);
        self.take(y, x);
        let mut left_until_look = PATIENCE;
        while let Some((y, left, right)) = self.ends.pop() {
            left_until_look -= 1;
            if left_until_look == 0 {
                check(stop)?;
                left_until_look = PATIENCE;
            }
            let (y, left, right) = (y as usize, left as usize, right as usize);
            if y > 0 {
                self.spread(y - 1, left, right);
            }
            if y + 1 < self.alike.picture.height() {
                self.spread(y + 1, left, right);
            }
        }
        Ok(self.chosen)
    }

    /// Takes every open run of row `y` that touches `left..right`.
    fn spread(&mut self, y: usize, left: usize, right: usize) {
        let mut from = left;
        while from < right {
            let word = from / 64;
            let rest = self.word(y, word) & (u64::MAX << (from % 64));
            if rest == 0 {
                from = (word + 1) * 64;
                continue;
            }
            let x = word * 64 + rest.trailing_zeros() as usize;
            if x >= right {
                return;
            }
            from = self.take(y, x);
        }
    }

    /// Chooses the whole open run around an open pixel; returns its end.
    fn take(&mut self, y: usize, x: usize) -> usize {
        let mut word = x / 64;
        let shut = !self.word(y, word) << (63 - x % 64);
        let mut left = x + 1 - shut.leading_zeros().min(x as u32 % 64 + 1) as usize;
        while left == word * 64 && word > 0 {
            word -= 1;
            left -= (!self.word(y, word)).leading_zeros() as usize;
        }
        let mut word = x / 64;
        let shut = !self.word(y, word) >> (x % 64);
        let mut right = x + (shut.trailing_zeros() as usize).min(64 - x % 64);
        while right == (word + 1) * 64 && word + 1 < self.open.stride {
            word += 1;
            right += (!self.word(y, word)).trailing_zeros() as usize;
        }
        self.chosen.fill(y, left, right);
        for (word, mask) in spanned(left, right) {
            self.open.words[y * self.open.stride + word] &= !mask;
        }
        self.ends.push((y as u32, left as u32, right as u32));
        right
    }

    fn word(&mut self, y: usize, word: usize) -> u64 {
        let at = y * self.open.stride + word;
        if !self.known[at] {
            self.known[at] = true;
            self.open.words[at] = self.alike.word(y, word);
        }
        self.open.words[at]
    }
}
