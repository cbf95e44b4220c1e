//! Owns `MaskPyramid`: the painter's own copy of the mask in all levels of detail, kept in step stroke by stroke. Empty and
//! full areas cost nothing. Used by the mask layer. Must never touch a device.

use super::grid::{BORDER, TileKey, level_size, top_level};
use super::level::{Level, at};
use super::source::{Texels, repeat_edges};
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::Plane;

/// The mask in all its levels.
pub struct MaskPyramid {
    size: PixelSize,
    levels: Vec<Level>,
}

impl MaskPyramid {
    /// An empty mask.
    pub fn new(size: PixelSize) -> Self {
        let levels = (0..=top_level(size))
            .map(|level| Level::new(level_size(size, level)))
            .collect();
        Self { size, levels }
    }

    pub fn size(&self) -> PixelSize {
        self.size
    }

    /// Takes in a whole mask. Returns the rectangle that differs from before.
    pub fn replace(&mut self, mask: &Plane) -> PixelRect {
        if mask.size != self.size || mask.data.len() as u64 != mask.size.area() {
            return PixelRect::default();
        }
        let changed = self.levels[0].changed(mask);
        self.update(mask, changed);
        changed
    }

    /// Takes in a mask that differs in `changed` only.
    pub fn update(&mut self, mask: &Plane, changed: PixelRect) {
        let mut changed = changed.intersect(self.size.rect());
        if changed.is_empty()
            || mask.size != self.size
            || mask.data.len() as u64 != mask.size.area()
        {
            return;
        }
        let width = mask.width();
        self.levels[0].rewrite(changed, |x, y, row| {
            let start = y as usize * width + x as usize;
            row.copy_from_slice(&mask.data[start..start + row.len()]);
        });
        for number in 1..self.levels.len() {
            changed = halved(changed);
            let (finer, coarser) = self.levels.split_at_mut(number);
            if let (Some(finer), Some(coarser)) = (finer.last(), coarser.first_mut()) {
                shrink(finer, coarser, changed);
            }
        }
    }

    /// The value of a tile and its border, when it is the same everywhere. Cheap enough for every tile of every frame.
    pub fn uniform(&self, key: TileKey) -> Option<u8> {
        let level = self.levels.get(key.level as usize)?;
        let index = (key.x < level.columns)
            .then_some(key.y as usize * level.columns as usize + key.x as usize)?;
        // A tile that is stored has two values at least.
        let value = level.tile_value(index)?;
        let border = super::draw::around(key.texels(self.size), level.rect(index));
        border
            .into_iter()
            .all(|strip| level.uniform(strip) == Some(value))
            .then_some(value)
    }

    /// The tile's texels with border, edges repeated.
    pub fn read(&self, key: TileKey) -> Option<Texels> {
        let texels = key.texels(self.size);
        let level = self
            .levels
            .get(key.level as usize)
            .filter(|_| !texels.is_empty())?;
        Some(repeat_edges(key, self.size, texels, &level.read(texels), 1))
    }

    /// The texels of `part` (a rectangle of the tile's texture) alone.
    pub fn read_part(&self, key: TileKey, part: PixelRect) -> Option<Texels> {
        let whole = super::source::used_size(key, self.size).rect();
        let part = part.intersect(whole);
        let level = self
            .levels
            .get(key.level as usize)
            .filter(|_| !part.is_empty())?;
        let (dx, dy) = key.local((0, 0));
        let wanted = part.translate(-dx, -dy);
        let inside = wanted.intersect(level.size.rect());
        if inside == wanted {
            return Some(Texels {
                size: part.size(),
                data: level.read(inside),
            });
        }
        // At the photo's edge the border repeats; rare enough to cut it out of the whole tile.
        let tile = self.read(key)?;
        let data = (part.y..part.bottom())
            .flat_map(|y| {
                let start = at(whole, part.x, y);
                tile.data[start..start + part.width as usize]
                    .iter()
                    .copied()
            })
            .collect();
        Some(Texels {
            size: part.size(),
            data,
        })
    }

    /// Which part of a tile's texture shows some of `changed` (photo pixels).
    pub fn part_of(&self, key: TileKey, changed: PixelRect) -> PixelRect {
        let step = 1_i32 << key.level.min(30);
        let limit = level_size(self.size, key.level);
        let texels = PixelRect::from_edges(
            changed.x.div_euclid(step),
            changed.y.div_euclid(step),
            changed.right().saturating_add(step - 1).div_euclid(step),
            changed.bottom().saturating_add(step - 1).div_euclid(step),
        );
        if texels.is_empty() {
            return PixelRect::default();
        }
        // The outermost texels are repeated outward in the border.
        let grow = |low: i32, high: i32, end: u32| {
            let border = BORDER as i32;
            (
                if low <= 0 { low - border } else { low },
                if high >= end as i32 {
                    high + border
                } else {
                    high
                },
            )
        };
        let (left, right) = grow(texels.x, texels.right(), limit.width);
        let (top, bottom) = grow(texels.y, texels.bottom(), limit.height);
        let (dx, dy) = key.local((0, 0));
        let whole = super::source::used_size(key, self.size).rect();
        PixelRect::from_edges(left, top, right, bottom)
            .translate(dx, dy)
            .intersect(whole)
    }
}

/// A rectangle one level coarser, outward.
fn halved(rect: PixelRect) -> PixelRect {
    PixelRect::from_edges(
        rect.x / 2,
        rect.y / 2,
        (rect.right() + 1) / 2,
        (rect.bottom() + 1) / 2,
    )
}

/// Makes `rect` of a coarser level of the finer one: means of four, rounded. An odd last row or column counts twice.
fn shrink(finer: &Level, coarser: &mut Level, rect: PixelRect) {
    let limit = finer.size.rect();
    coarser.rewrite(rect, |x, y, row| {
        let source = PixelRect::new(2 * x, 2 * y, 2 * row.len() as u32, 2).intersect(limit);
        if let Some(value) = finer.uniform(source) {
            row.fill(value);
            return;
        }
        let texels = finer.read(source);
        let width = source.width as usize;
        let second = if source.height > 1 { width } else { 0 };
        for (n, out) in row.iter_mut().enumerate() {
            let (left, right) = (2 * n, (2 * n + 1).min(width - 1));
            let sum = [left, right, second + left, second + right]
                .into_iter()
                .map(|i| u32::from(texels[i]))
                .sum::<u32>();
            *out = ((sum + 2) / 4) as u8;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::grid::tiles_in;
    use super::*;

    fn blot(size: PixelSize, cx: f32, cy: f32, radius: f32, mask: &mut Plane) -> PixelRect {
        let rect = PixelRect::from_edges(
            (cx - radius) as i32 - 1,
            (cy - radius) as i32 - 1,
            (cx + radius) as i32 + 2,
            (cy + radius) as i32 + 2,
        )
        .intersect(size.rect());
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                let d = ((x as f32 - cx).powi(2) + (y as f32 - cy).powi(2)).sqrt();
                let value = ((radius - d) * 40.0).clamp(0.0, 255.0) as u8;
                let at = y as usize * mask.width() + x as usize;
                mask.data[at] = mask.data[at].max(value);
            }
        }
        rect
    }

    #[test]
    fn strokes_and_a_fresh_start_give_the_same_pyramid() {
        let size = PixelSize::new(2037, 1531);
        let mut mask = Plane::new(size);
        let mut live = MaskPyramid::new(size);
        for n in 0..40 {
            let f = n as f32;
            let rect = blot(
                size,
                f * 53.0,
                300.0 + 200.0 * (f * 0.4).sin() + f * 20.0,
                25.0 + f,
                &mut mask,
            );
            live.update(&mask, rect);
        }
        let mut fresh = MaskPyramid::new(size);
        assert!(!fresh.replace(&mask).is_empty());
        assert!(fresh.replace(&mask).is_empty());
        for level in 0..=top_level(size) {
            for key in tiles_in(size, level, size.rect()) {
                assert_eq!(live.read(key), fresh.read(key), "{key:?}");
                assert_eq!(live.uniform(key), fresh.uniform(key));
            }
        }
    }

    #[test]
    fn levels_are_means() {
        let size = PixelSize::new(1100, 9);
        let mut mask = Plane::new(size);
        mask.data[0] = 255;
        mask.data[1099] = 200;
        let mut pyramid = MaskPyramid::new(size);
        pyramid.update(&mask, size.rect());
        let tile = pyramid
            .read(TileKey {
                level: 1,
                x: 0,
                y: 0,
            })
            .expect("a tile");
        let border = BORDER as usize;
        assert_eq!(tile.data[border * tile.size.width as usize + border], 64);
        let last = pyramid
            .read(TileKey {
                level: 1,
                x: 1,
                y: 0,
            })
            .expect("a tile");
        let x = last.size.width as usize - border - 1;
        assert_eq!(last.data[border * last.size.width as usize + x], 50);
    }

    #[test]
    fn parts_agree_with_whole_tiles() {
        let size = PixelSize::new(1200, 700);
        let mut mask = Plane::new(size);
        let mut pyramid = MaskPyramid::new(size);
        for (x, y) in [(3.0, 3.0), (508.0, 508.0), (1195.0, 690.0), (700.0, 2.0)] {
            let before: Vec<_> = keys(size)
                .into_iter()
                .map(|key| (key, pyramid.read(key)))
                .collect();
            let rect = blot(size, x, y, 20.0, &mut mask);
            pyramid.update(&mask, rect);
            for (key, before) in before {
                let (mut before, after) =
                    (before.expect("a tile"), pyramid.read(key).expect("a tile"));
                let part = pyramid.part_of(key, rect);
                if let Some(texels) = pyramid.read_part(key, part) {
                    for row in 0..part.height as i32 {
                        let to = at(before.size.rect(), part.x, part.y + row);
                        let from = (row as u32 * part.width) as usize;
                        before.data[to..to + part.width as usize]
                            .copy_from_slice(&texels.data[from..from + part.width as usize]);
                    }
                }
                assert_eq!(before, after, "{key:?}");
            }
        }
    }

    fn keys(size: PixelSize) -> Vec<TileKey> {
        (0..=top_level(size))
            .flat_map(|level| tiles_in(size, level, size.rect()))
            .collect()
    }

    #[test]
    fn empty_and_full_areas_are_not_stored() {
        let size = PixelSize::new(3000, 3000);
        let mut pyramid = MaskPyramid::new(size);
        let key = TileKey {
            level: 0,
            x: 1,
            y: 1,
        };
        assert_eq!(pyramid.uniform(key), Some(0));
        pyramid.replace(&Plane {
            size,
            data: vec![255; 9_000_000],
        });
        assert_eq!(pyramid.uniform(key), Some(255));
        assert!(
            keys(size)
                .into_iter()
                .all(|key| pyramid.uniform(key) == Some(255))
        );
    }

    #[test]
    fn a_mask_of_another_size_is_left_alone() {
        let mut pyramid = MaskPyramid::new(PixelSize::new(30, 30));
        assert!(
            pyramid
                .replace(&Plane::new(PixelSize::new(31, 30)))
                .is_empty()
        );
        pyramid.update(
            &Plane {
                size: PixelSize::new(30, 30),
                data: Vec::new(),
            },
            PixelRect::new(0, 0, 9, 9),
        );
    }
}
