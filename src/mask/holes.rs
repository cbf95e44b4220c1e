//! Owns filling the holes of a mask. Used by app and cli. Must never fill a bay that is open to the picture's border.

use super::Mask;
use super::parts::Sets;

impl Mask {
    /// Masks everything that the mask encloses: regions below 128, connected by their sides, that reach neither the
    /// mask's bounds nor the canvas' border.
    pub fn fill_holes(&mut self) {
        let bounds = self.bounds();
        if bounds.is_empty() {
            return;
        }
        let part = self.crop(bounds);
        let (width, height) = (part.width(), part.height());
        // Runs of background, row by row, each with whether it touches the border of the bounds.
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        let mut starts = vec![0];
        for (y, row) in part.data.chunks_exact(width).enumerate() {
            let mut x = 0;
            while let Some(offset) = row[x..].iter().position(|v| *v < 128) {
                let left = x + offset;
                let length = row[left..]
                    .iter()
                    .position(|v| *v >= 128)
                    .unwrap_or(width - left);
                runs.push((y, left, left + length));
                x = left + length;
            }
            starts.push(runs.len());
        }
        let mut sets = Sets::new(runs.len());
        for row in 1..height {
            let (mut above, above_end) = (starts[row - 1], starts[row]);
            for here in starts[row]..starts[row + 1] {
                let (_, left, right) = runs[here];
                while above < above_end && runs[above].2 <= left {
                    above += 1;
                }
                let mut other = above;
                while other < above_end && runs[other].1 < right {
                    sets.join(here, other);
                    other += 1;
                }
            }
        }
        let mut open = vec![false; runs.len()];
        for (index, (y, left, right)) in runs.iter().enumerate() {
            if *y == 0 || *y == height - 1 || *left == 0 || *right == width {
                let root = sets.root(index);
                open[root] = true;
            }
        }
        let canvas_width = self.plane.width();
        for (index, (y, left, right)) in runs.iter().enumerate() {
            if !open[sets.root(index)] {
                let at = (bounds.y as usize + y) * canvas_width + bounds.x as usize;
                self.plane.data[at + left..at + right].fill(255);
            }
        }
    }
}
