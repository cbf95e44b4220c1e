//! Owns the arithmetic of tiles: which level of detail a zoom asks for, which tiles lie in view, what each covers. Used by
//! the photo and mask layers. Plain numbers; must never touch a device.
//!
//! Level 0 is full size; each further level halves it (odd sizes round up). A tile holds `PITCH`² texels of its level
//! and `BORDER` texels of its neighbours on every side, so that filtering never sees a seam. `PITCH` is even: four tiles
//! of one level cover exactly one tile of the next.

use crate::geometry::{PixelRect, PixelSize};

/// Side of a tile's texture in texels.
pub const TILE: u32 = 512;
/// Texels of the neighbours on each side.
pub const BORDER: u32 = 2;
/// Texels that a tile adds to the picture, a side.
pub const PITCH: u32 = TILE - 2 * BORDER;

/// One tile of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileKey {
    pub level: u32,
    pub x: u32,
    pub y: u32,
}

impl TileKey {
    /// The part of a photo of this size that the tile shows, in photo pixels; border not included.
    pub fn rect_in_photo(self, photo: PixelSize) -> PixelRect {
        let side = i64::from(PITCH) << self.level;
        let edge = |at: u32, end: u32| (i64::from(at) * side).min(i64::from(end)) as i32;
        PixelRect::from_edges(
            edge(self.x, photo.width),
            edge(self.y, photo.height),
            edge(self.x + 1, photo.width),
            edge(self.y + 1, photo.height),
        )
    }

    /// The part of its level that the tile's texture holds, border included, cut to the level's own size.
    pub fn texels(self, photo: PixelSize) -> PixelRect {
        let level = level_size(photo, self.level);
        let corner = |at: u32| (at * PITCH) as i32 - BORDER as i32;
        PixelRect::new(corner(self.x), corner(self.y), TILE, TILE).intersect(level.rect())
    }

    /// Where `texel` of the level lies in this tile's texture.
    pub fn local(self, texel: (i32, i32)) -> (i32, i32) {
        let shift = |v: i32, at: u32| v - (at * PITCH) as i32 + BORDER as i32;
        (shift(texel.0, self.x), shift(texel.1, self.y))
    }

    /// The tile of the next coarser level that covers this one.
    pub fn parent(self) -> Self {
        Self {
            level: self.level + 1,
            x: self.x / 2,
            y: self.y / 2,
        }
    }
}

/// Size of a level in texels.
pub fn level_size(photo: PixelSize, level: u32) -> PixelSize {
    let shrink = |v: u32| (u64::from(v).div_ceil(1 << level)) as u32;
    PixelSize::new(shrink(photo.width), shrink(photo.height))
}

/// The first level that fits one tile.
pub fn top_level(photo: PixelSize) -> u32 {
    (0..32)
        .find(|level| level_size(photo, *level).long_side() <= PITCH)
        .unwrap_or(32)
}

/// The level to draw when one screen pixel covers `photo_px_per_px` photo pixels a side: the finest that the screen
/// need not shrink to half or less. The shader's taps cover the rest (between 1 and 2 texels a screen pixel).
pub fn level_for(photo_px_per_px: f64, photo: PixelSize) -> u32 {
    let level = if photo_px_per_px < 2.0 {
        0
    } else {
        photo_px_per_px.log2().floor() as u32
    };
    level.min(top_level(photo))
}

/// The same, coarser when more than `most` tiles of that level would lie in `visible`.
pub fn level_within(
    photo_px_per_px: f64,
    photo: PixelSize,
    visible: PixelRect,
    most: usize,
) -> u32 {
    let top = top_level(photo);
    let mut level = level_for(photo_px_per_px, photo);
    while level < top && tiles_in(photo, level, visible).len() > most {
        level += 1;
    }
    level
}

/// The tiles of a level that show some of `rect` (photo pixels), row by row.
pub fn tiles_in(photo: PixelSize, level: u32, rect: PixelRect) -> Vec<TileKey> {
    let rect = rect.intersect(photo.rect());
    if rect.is_empty() || level > 31 {
        return Vec::new();
    }
    let side = i64::from(PITCH) << level;
    let tile = |v: i32| (i64::from(v) / side) as u32;
    let columns = tile(rect.x)..=tile(rect.right() - 1);
    (tile(rect.y)..=tile(rect.bottom() - 1))
        .flat_map(|y| columns.clone().map(move |x| TileKey { level, x, y }))
        .collect()
}

/// Nearest to the middle of `rect` first.
pub fn sort_from_middle(keys: &mut [TileKey], rect: PixelRect) {
    let middle = |at: i32, len: u32| f64::from(at) + f64::from(len) / 2.0;
    let (cx, cy) = (middle(rect.x, rect.width), middle(rect.y, rect.height));
    let distance = |key: &TileKey| {
        let side = f64::from(PITCH) * f64::from(1_u32 << key.level.min(31));
        let dx = (f64::from(key.x) + 0.5) * side - cx;
        let dy = (f64::from(key.y) + 0.5) * side - cy;
        dx * dx + dy * dy
    };
    keys.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.cmp(b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHOTO: PixelSize = PixelSize::new(12_007, 8_403);

    #[test]
    fn the_level_leaves_between_one_and_two_texels_a_screen_pixel() {
        for percent in 1..=100 {
            let shrink = 100.0 / f64::from(percent);
            let ratio = shrink / f64::from(1 << level_for(shrink, PHOTO));
            assert!(
                (1.0..2.0).contains(&ratio) || level_for(shrink, PHOTO) == top_level(PHOTO),
                "{percent} %: {ratio}"
            );
        }
        assert_eq!(level_for(0.01, PHOTO), 0);
        assert_eq!(level_for(2.0, PHOTO), 1);
    }

    #[test]
    fn tiles_of_a_level_cover_every_pixel_once() {
        for level in 0..=top_level(PHOTO) {
            let tiles = tiles_in(PHOTO, level, PHOTO.rect());
            let area: u64 = tiles.iter().map(|t| t.rect_in_photo(PHOTO).area()).sum();
            assert_eq!(area, PHOTO.area());
        }
        assert_eq!(tiles_in(PHOTO, top_level(PHOTO), PHOTO.rect()).len(), 1);
    }

    #[test]
    fn a_parent_covers_its_children() {
        for key in tiles_in(PHOTO, 1, PHOTO.rect()) {
            assert!(
                key.parent()
                    .rect_in_photo(PHOTO)
                    .contains_rect(key.rect_in_photo(PHOTO))
            );
        }
    }

    #[test]
    fn textures_hold_their_tile_and_a_border() {
        for key in tiles_in(PHOTO, 0, PHOTO.rect()) {
            let texels = key.texels(PHOTO);
            assert!(texels.width <= TILE && texels.height <= TILE);
            assert!(
                texels.contains_rect(
                    key.rect_in_photo(PHOTO)
                        .grow(BORDER as i32)
                        .intersect(PHOTO.rect())
                )
            );
            let (x, y) = key.local((texels.x, texels.y));
            assert!(
                x >= 0
                    && y >= 0
                    && x + texels.width as i32 <= TILE as i32
                    && y + texels.height as i32 <= TILE as i32
            );
        }
    }

    #[test]
    fn too_many_tiles_ask_for_a_coarser_level() {
        let level = level_within(1.0, PHOTO, PHOTO.rect(), 40);
        assert!(tiles_in(PHOTO, level, PHOTO.rect()).len() <= 40 && level > 0);
    }

    #[test]
    fn nothing_in_view_is_no_tile() {
        assert!(tiles_in(PHOTO, 0, PixelRect::new(-900, 0, 800, 800)).is_empty());
        assert!(tiles_in(PixelSize::default(), 0, PixelRect::new(0, 0, 9, 9)).is_empty());
    }
}
