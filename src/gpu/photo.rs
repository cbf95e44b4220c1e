//! Owns the photo's layer: which tiles a view needs, in what order they are read, what stands in for those that are not
//! there yet. Used by the painter.

use std::collections::HashSet;
use std::sync::Arc;

use eframe::egui::Context;

use super::cache::TileCache;
use super::draw::{DrawList, Instance, Pass};
use super::grid::{PITCH, TILE, TileKey, level_within, sort_from_middle, tiles_in, top_level};
use super::loader::{Loader, Wish};
use super::source::TileSource;
use super::view::Screen;
use crate::geometry::{PixelRect, PixelSize};

/// Bytes that one frame may upload.
const UPLOAD_BYTES: u64 = 8 << 20;

/// A picture's tiles in the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tiles {
    /// Tells pictures apart inside this room (a generation may come back).
    number: u64,
    size: PixelSize,
}

struct Picture {
    tiles: Tiles,
    source: Arc<dyn TileSource>,
    generation: u64,
    version: u64,
    /// Tiles whose reading failed; not tried again until pixels change.
    failed: HashSet<TileKey>,
}

/// The picture before it got another size, shown until the new one is there.
#[derive(Debug, Clone, Copy)]
struct Former {
    tiles: Tiles,
    /// Where its corner lies in the present picture.
    corner: (i32, i32),
}

/// The photo on the device.
pub struct PhotoLayer {
    picture: Option<Picture>,
    former: Option<Former>,
    next_number: u64,
    cache: TileCache,
    loader: Loader,
}

impl PhotoLayer {
    pub fn new(cache: TileCache) -> Self {
        Self {
            picture: None,
            former: None,
            next_number: 1,
            cache,
            loader: Loader::new(),
        }
    }

    pub fn size(&self) -> Option<PixelSize> {
        self.picture.as_ref().map(|picture| picture.tiles.size)
    }

    pub fn cache(&self) -> &TileCache {
        &self.cache
    }

    /// Shows a source as `CanvasPainter::set_photo` says. True when the picture stays and its pixels changed.
    pub fn set(&mut self, source: Option<Arc<dyn TileSource>>, generation: u64) -> bool {
        let Some(source) = source else {
            self.picture = None;
            self.former = None;
            self.cache.clear();
            self.loader.replace_wishes(Vec::new());
            return false;
        };
        match &self.picture {
            Some(picture)
                if picture.generation == generation && picture.tiles.size == source.size() =>
            {
                let is_new = !Arc::ptr_eq(&picture.source, &source);
                if is_new {
                    self.update(source, PixelRect::from_edges(0, 0, i32::MAX, i32::MAX));
                }
                is_new
            }
            _ => {
                self.former = None;
                self.cache.clear();
                self.open(source, generation);
                false
            }
        }
    }

    fn open(&mut self, source: Arc<dyn TileSource>, generation: u64) {
        self.next_number += 1;
        let tiles = Tiles {
            number: self.next_number,
            size: source.size(),
        };
        self.picture = Some(Picture {
            tiles,
            source,
            generation,
            version: 0,
            failed: HashSet::new(),
        });
    }

    /// The same picture in another size; its former corner lies at `corner` of the new one.
    pub fn resize(&mut self, source: Arc<dyn TileSource>, corner: (i32, i32)) {
        let Some(picture) = &self.picture else { return };
        if let Some(older) = self.former.take() {
            self.cache.forget(older.tiles.number);
        }
        self.former = Some(Former {
            tiles: picture.tiles,
            corner,
        });
        let generation = picture.generation;
        self.open(source, generation);
    }

    /// Other pixels in `changed`, from `source`.
    pub fn update(&mut self, source: Arc<dyn TileSource>, changed: PixelRect) {
        let Some(picture) = &mut self.picture else {
            return;
        };
        if source.size() != picture.tiles.size {
            self.resize(source, (0, 0));
            return;
        }
        picture.source = source;
        self.invalidate(changed);
    }

    pub fn invalidate(&mut self, changed: PixelRect) {
        let Some(picture) = &mut self.picture else {
            return;
        };
        picture.version += 1;
        picture.failed.clear();
        let Tiles { number, size } = picture.tiles;
        self.cache.mark_stale(|(of, key)| {
            // A border texel belongs to the neighbour, up to two texels away.
            let reach = 2 << key.level.min(20);
            let is_changed = !key
                .rect_in_photo(size)
                .grow(reach)
                .intersect(changed)
                .is_empty();
            let side = if of == number && is_changed { TILE } else { 0 };
            PixelRect::new(0, 0, side, side)
        });
    }

    /// Uploads what is ready, asks for what is missing, and adds the draws. True when something in view is coarse or old.
    pub fn prepare(&mut self, screen: &Screen, window: &Context, draws: &mut DrawList) -> bool {
        self.cache.begin_frame();
        self.loader.set_window(window);
        let Some(tiles) = self.picture.as_ref().map(|picture| picture.tiles) else {
            return false;
        };
        let seen = screen.visible(tiles.size.rect());
        let level = self.level(screen, tiles.size, seen);
        let mut in_view = tiles_in(tiles.size, level, seen);
        sort_from_middle(&mut in_view, seen);
        let wanted = self.wanted(tiles, level, seen, &in_view);
        for key in &wanted {
            self.cache.find((tiles.number, *key));
        }
        self.upload(window);
        self.wish(&wanted);
        let is_loading = in_view.iter().any(|key| self.is_missing(*key));
        self.draw(screen, tiles, &in_view, seen, draws);
        if !is_loading && let Some(former) = self.former.take() {
            self.cache.forget(former.tiles.number);
        }
        is_loading
    }

    /// The level to draw. A quarter of the cache's room is left to the neighbourhood.
    fn level(&self, screen: &Screen, size: PixelSize, seen: PixelRect) -> u32 {
        level_within(
            1.0 / screen.scale,
            size,
            seen,
            self.cache.capacity() * 3 / 4,
        )
    }

    fn is_missing(&self, tile: TileKey) -> bool {
        let Some(picture) = &self.picture else {
            return false;
        };
        let key = (picture.tiles.number, tile);
        !picture.failed.contains(&tile)
            && (!self.cache.contains(key) || self.cache.stale(key).is_some())
    }

    /// Tiles to have, most urgent first and no more than fit: what is in view, the whole photo at its coarsest, a ring of
    /// neighbours, and the next coarser level for zooming out.
    fn wanted(
        &self,
        tiles: Tiles,
        level: u32,
        seen: PixelRect,
        in_view: &[TileKey],
    ) -> Vec<TileKey> {
        if seen.is_empty() {
            return Vec::new();
        }
        let top = top_level(tiles.size);
        let whole = TileKey {
            level: top,
            x: 0,
            y: 0,
        };
        let mut wanted = Vec::new();
        if !self.cache.contains((tiles.number, whole)) && self.former.is_none() {
            wanted.push(whole);
        }
        wanted.extend_from_slice(in_view);
        wanted.push(whole);
        let side = (i64::from(PITCH) << level).min(1 << 29) as i32;
        let mut ring = tiles_in(tiles.size, level, seen.grow(side));
        sort_from_middle(&mut ring, seen);
        wanted.extend(ring);
        if level < top {
            wanted.extend(tiles_in(tiles.size, level + 1, seen));
        }
        let mut met = HashSet::new();
        wanted.retain(|key| met.insert(*key));
        wanted.truncate(self.cache.capacity());
        wanted
    }

    fn upload(&mut self, window: &Context) {
        let Some(picture) = &mut self.picture else {
            return;
        };
        let mut bytes = 0;
        while bytes < UPLOAD_BYTES {
            let Some(read) = self.loader.take() else {
                return;
            };
            if read.generation != picture.tiles.number {
                continue;
            }
            let Some(texels) = read.texels else {
                picture.failed.insert(read.key);
                continue;
            };
            let key = (read.generation, read.key);
            if self.cache.reserve(key).is_some() {
                bytes += texels.data.len() as u64;
                let at = PixelRect::new(0, 0, texels.size.width, texels.size.height);
                self.cache.write(key, at, &texels.data);
                if read.version != picture.version {
                    self.cache.set_stale(key, at);
                }
            }
        }
        if self.loader.has_finished() {
            window.request_repaint();
        }
    }

    fn wish(&self, wanted: &[TileKey]) {
        let Some(picture) = &self.picture else { return };
        let is_here = |key: &TileKey| self.cache.contains((picture.tiles.number, *key));
        let (old, missing): (Vec<TileKey>, Vec<TileKey>) = wanted
            .iter()
            .filter(|key| self.is_missing(**key))
            .copied()
            .partition(is_here);
        let wishes = missing.into_iter().chain(old).map(|key| Wish {
            key,
            generation: picture.tiles.number,
            version: picture.version,
            source: Arc::clone(&picture.source),
        });
        self.loader.replace_wishes(wishes.collect());
    }

    fn draw(
        &mut self,
        screen: &Screen,
        tiles: Tiles,
        in_view: &[TileKey],
        seen: PixelRect,
        draws: &mut DrawList,
    ) {
        let mut here = Vec::new();
        let mut missing = Vec::new();
        for key in in_view {
            match self.cache.find((tiles.number, *key)) {
                Some(slot) => here.push((*key, slot)),
                None => missing.push(*key),
            }
        }
        if !missing.is_empty() {
            draws.push(Pass::Backdrop, None, Instance::flat(screen, seen, 0, 0));
            self.draw_former(screen, draws);
        }
        if self.former.is_none() {
            for key in missing {
                self.draw_substitute(screen, tiles, key, draws);
            }
        }
        here.sort_by_key(|(key, slot)| (slot.page, *key));
        for (key, slot) in here {
            draws.push_tile(
                Pass::Photo,
                screen,
                key.rect_in_photo(tiles.size),
                (key, slot),
            );
        }
    }

    /// The picture as it was, where the present one has nothing yet.
    fn draw_former(&mut self, screen: &Screen, draws: &mut DrawList) {
        let Some(Former { tiles, corner }) = self.former else {
            return;
        };
        let screen = screen.moved(corner);
        let seen = screen.visible(tiles.size.rect());
        let level = self.level(&screen, tiles.size, seen);
        for key in tiles_in(tiles.size, level, seen) {
            match self.cache.find((tiles.number, key)) {
                Some(slot) => draws.push_tile(
                    Pass::Photo,
                    &screen,
                    key.rect_in_photo(tiles.size),
                    (key, slot),
                ),
                None => self.draw_substitute(&screen, tiles, key, draws),
            }
        }
    }

    /// The nearest coarser tile, and above it what is there of the next finer level.
    fn draw_substitute(
        &mut self,
        screen: &Screen,
        tiles: Tiles,
        key: TileKey,
        draws: &mut DrawList,
    ) {
        let rect = key.rect_in_photo(tiles.size);
        let mut coarser = key;
        while coarser.level < top_level(tiles.size) {
            coarser = coarser.parent();
            if let Some(slot) = self.cache.find((tiles.number, coarser)) {
                draws.push_tile(Pass::Photo, screen, rect, (coarser, slot));
                break;
            }
        }
        if key.level > 0 {
            for finer in tiles_in(tiles.size, key.level - 1, rect) {
                if let Some(slot) = self.cache.find((tiles.number, finer)) {
                    draws.push_tile(
                        Pass::Photo,
                        screen,
                        finer.rect_in_photo(tiles.size),
                        (finer, slot),
                    );
                }
            }
        }
    }
}
