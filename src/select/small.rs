//! Owns the small picture that an object is searched in: colours and strokes averaged over cells, colour distances over
//! it, and bringing a result back to full size. Used by the object search. Must never lose a stroke, however thin.

use rayon::prelude::*;

use super::Seen;
use super::cut::STEPS;
use crate::geometry::PixelSize;
use crate::raster::Plane;

/// What a stroke says of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Inside,
    Outside,
}

impl Said {
    pub fn of(label: u8) -> Self {
        match label {
            1 => Self::Inside,
            2 => Self::Outside,
            _ => Self::Nothing,
        }
    }
}

/// The picture in cells of `step` × `step` pixels.
pub(super) struct Small {
    pub step: usize,
    pub width: usize,
    pub height: usize,
    /// Channels 0–1, times alpha.
    pub colors: Vec<[f32; 3]>,
    pub said: Vec<Said>,
}

impl Small {
    pub fn new(picture: &Seen, labels: &Plane, step: usize) -> Self {
        let (width, height) = (
            picture.width().div_ceil(step),
            picture.height().div_ceil(step),
        );
        let rows: Vec<Vec<([f32; 3], Said)>> = (0..height)
            .into_par_iter()
            .map(|row| cell_row(picture, labels, step, width, row))
            .collect();
        let (colors, said) = rows.into_iter().flatten().unzip();
        Self {
            step,
            width,
            height,
            colors,
            said,
        }
    }

    pub fn len(&self) -> usize {
        self.colors.len()
    }

    /// Index of the neighbour in a direction of [`STEPS`].
    pub fn neighbour(&self, at: usize, direction: usize) -> Option<usize> {
        let (dx, dy) = STEPS[direction];
        let x = (at % self.width).checked_add_signed(dx as isize)?;
        let y = (at / self.width).checked_add_signed(dy as isize)?;
        (x < self.width && y < self.height).then(|| y * self.width + x)
    }

    /// The cell that holds the middle of a finer picture's cell.
    pub fn holding(&self, fine: &Self, at: usize) -> usize {
        let cell = |place: usize, count: usize| {
            ((place * fine.step + fine.step / 2) / self.step).min(count - 1)
        };
        cell(at / fine.width, self.height) * self.width + cell(at % fine.width, self.width)
    }

    pub fn is_rim(&self, at: usize, wide: usize) -> bool {
        let (x, y) = (at % self.width, at / self.width);
        x < wide || y < wide || x + wide >= self.width || y + wide >= self.height
    }

    /// Squared difference of two cells' colours.
    pub fn contrast(&self, a: usize, b: usize) -> f32 {
        let (a, b) = (self.colors[a], self.colors[b]);
        (0..3).map(|c| (a[c] - b[c]).powi(2)).sum()
    }

    /// Mean of [`Self::contrast`] between neighbours.
    pub fn mean_contrast(&self) -> f32 {
        let mut sum = 0.0;
        let mut count = 0;
        for at in 0..self.len() {
            for direction in [0, 2] {
                if let Some(other) = self.neighbour(at, direction) {
                    sum += f64::from(self.contrast(at, other));
                    count += 1;
                }
            }
        }
        (sum / f64::from(count.max(1))) as f32
    }

    /// Length of the easiest way from the nearest cell for which `from` holds: steps count more where the colour
    /// changes. In cells; `scale` weighs the change. Swept in four directions, twice, which is near enough (Toivanen,
    /// "New geodesic distance transforms for gray-scale images", 1996).
    pub fn ways(&self, from: impl Fn(usize) -> bool, scale: f32) -> Vec<f32> {
        let mut far: Vec<f32> = (0..self.len())
            .map(|at| if from(at) { 0.0 } else { f32::INFINITY })
            .collect();
        let mut relax = |at: usize, directions: [usize; 4]| {
            let mut best = far[at];
            for direction in directions {
                let Some(other) = self.neighbour(at, direction) else {
                    continue;
                };
                if far[other] >= best {
                    continue;
                }
                let straight = if direction < 4 { 1.0 } else { 2.0 };
                let length = (straight + scale * self.contrast(at, other)).sqrt();
                best = best.min(far[other] + length);
            }
            far[at] = best;
        };
        for _ in 0..2 {
            for at in 0..self.len() {
                relax(at, [1, 3, 5, 7]);
            }
            for at in (0..self.len()).rev() {
                relax(at, [0, 2, 4, 6]);
            }
        }
        far
    }

    /// Drops islands without a stroke inside them.
    pub fn keep_touched(&self, inside: &mut [bool]) {
        let mut kept = vec![false; inside.len()];
        let mut open: Vec<usize> = (0..inside.len())
            .filter(|at| self.said[*at] == Said::Inside)
            .collect();
        for at in &open {
            kept[*at] = true;
        }
        while let Some(at) = open.pop() {
            for direction in 0..STEPS.len() {
                if let Some(other) = self.neighbour(at, direction)
                    && inside[other]
                    && !kept[other]
                {
                    kept[other] = true;
                    open.push(other);
                }
            }
        }
        inside.copy_from_slice(&kept);
    }

    /// The cells' sides at the picture's size: coverage with an outline one pixel soft, smoothed over a cell.
    pub fn enlarge(&self, inside: &[bool], size: PixelSize) -> Plane {
        let mut plane = Plane::new(size);
        let width = size.width as usize;
        if width == 0 || self.len() == 0 {
            return plane;
        }
        let step = self.step as f32;
        let place = |at: usize, count: usize| {
            let at = ((at as f32 + 0.5) / step - 0.5).clamp(0.0, (count - 1) as f32);
            (at as usize, (at as usize + 1).min(count - 1), at.fract())
        };
        let across: Vec<_> = (0..width).map(|x| place(x, self.width)).collect();
        plane.data.par_chunks_mut(width).enumerate().for_each_init(
            Vec::new,
            |line: &mut Vec<f32>, (y, to)| {
                let (top, bottom, down) = place(y, self.height);
                line.clear();
                line.extend((0..self.width).map(|x| {
                    let value = |row: usize| f32::from(u8::from(inside[row * self.width + x]));
                    value(top) * (1.0 - down) + value(bottom) * down
                }));
                for (to, (left, right, share)) in to.iter_mut().zip(&across) {
                    let value = line[*left] * (1.0 - share) + line[*right] * share;
                    let steep = ((value - 0.5) * step + 0.5).clamp(0.0, 1.0);
                    *to = (steep * 255.0 + 0.5) as u8;
                }
            },
        );
        plane
    }
}

/// Colours and strokes of one row of cells.
fn cell_row(
    picture: &Seen,
    labels: &Plane,
    step: usize,
    width: usize,
    row: usize,
) -> Vec<([f32; 3], Said)> {
    let mut sums = vec![[0u32; 6]; width];
    for y in row * step..((row + 1) * step).min(picture.height()) {
        let colors = picture.row(y).chunks(4 * step);
        let labels = labels.data[y * picture.width()..][..picture.width()].chunks(step);
        for ((sum, colors), labels) in sums.iter_mut().zip(colors).zip(labels) {
            for (pixel, label) in colors.chunks_exact(4).zip(labels) {
                let alpha = u32::from(pixel[3]);
                for c in 0..3 {
                    sum[c] += (u32::from(pixel[c]) * alpha + 127) / 255;
                }
                sum[3] += 1;
                sum[4] += u32::from(*label == 1);
                sum[5] += u32::from(*label == 2);
            }
        }
    }
    sums.into_iter()
        .map(|sum| {
            let color = [0, 1, 2].map(|c| sum[c] as f32 / (255 * sum[3].max(1)) as f32);
            let said = match (sum[4], sum[5]) {
                (0, 0) => Said::Nothing,
                (inside, outside) if inside >= outside => Said::Inside,
                _ => Said::Outside,
            };
            (color, said)
        })
        .collect()
}
