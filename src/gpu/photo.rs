//! Owns the photo's layer: which tiles a view needs, in what order they are read, what stands in for those that are not
//! there yet. Used by the painter.

use std::collections::HashSet;
use std::sync::Arc;

use eframe::egui::Context;

use super::cache::TileCache;
use super::draw::{DrawList, EXTENSION, Instance, Pass};
use super::grid::{PITCH, TILE, TileKey, level_within, sort_from_middle, tiles_in, top_level};
use super::loader::{Loader, Wish};
use super::source::TileSource;
use super::view::Screen;
use crate::geometry::{PixelRect, PixelSize};

/// Bytes that one frame may upload.
const UPLOAD_BYTES: u64 = 8 << 20;

struct Picture {
    source: Arc<dyn TileSource>,
    size: PixelSize,
    generation: u64,
    /// Tells pictures apart inside this room (a generation may come back).
    number: u64,
    version: u64,
    /// Tiles whose reading failed; not tried again until pixels change.
    failed: HashSet<TileKey>,
}

/// The photo on the device.
pub struct PhotoLayer {
    picture: Option<Picture>,
    next_number: u64,
    cache: TileCache,
    loader: Loader,
}

impl PhotoLayer {
    pub fn new(cache: TileCache) -> Self {
        Self {
            picture: None,
            next_number: 1,
            cache,
            loader: Loader::new(),
        }
    }

    pub fn size(&self) -> Option<PixelSize> {
        self.picture.as_ref().map(|picture| picture.size)
    }

    pub fn cache(&self) -> &TileCache {
        &self.cache
    }

    pub fn set(&mut self, source: Option<Arc<dyn TileSource>>, generation: u64) {
        let Some(source) = source else {
            self.picture = None;
            self.cache.clear();
            self.loader.replace_wishes(Vec::new());
            return;
        };
        let size = source.size();
        match &self.picture {
            Some(picture) if picture.generation == generation && picture.size == size => {
                if !Arc::ptr_eq(&picture.source, &source) {
                    self.update(source, size.rect());
                }
            }
            _ => self.open(source, size, generation),
        }
    }

    fn open(&mut self, source: Arc<dyn TileSource>, size: PixelSize, generation: u64) {
        self.cache.clear();
        self.next_number += 1;
        let number = self.next_number;
        self.picture = Some(Picture {
            source,
            size,
            generation,
            number,
            version: 0,
            failed: HashSet::new(),
        });
    }

    /// Other pixels in `changed`, from `source`. A source of another size is a picture of its own.
    pub fn update(&mut self, source: Arc<dyn TileSource>, changed: PixelRect) {
        let Some(picture) = &mut self.picture else {
            return;
        };
        if source.size() != picture.size {
            let (size, generation) = (source.size(), picture.generation);
            self.open(source, size, generation);
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
        let size = picture.size;
        self.cache.mark_stale(|key| {
            // A border texel belongs to the neighbour, up to two texels away.
            let reach = 2 << key.level.min(20);
            if key
                .rect_in_photo(size)
                .grow(reach)
                .intersect(changed)
                .is_empty()
            {
                PixelRect::default()
            } else {
                PixelRect::new(0, 0, TILE, TILE)
            }
        });
    }

    /// Uploads what is ready, asks for what is missing, and adds the draws. True when something in view is coarse or old.
    pub fn prepare(&mut self, screen: &Screen, window: &Context, draws: &mut DrawList) -> bool {
        self.cache.begin_frame();
        self.loader.set_window(window);
        let Some(size) = self.size() else {
            return false;
        };
        let seen = screen.visible(size.rect());
        // A quarter of the room is left to the neighbourhood.
        let most = self.cache.capacity() * 3 / 4;
        let level = level_within(1.0 / screen.scale, size, seen, most);
        let mut in_view = tiles_in(size, level, seen);
        sort_from_middle(&mut in_view, seen);
        let wanted = self.wanted(size, level, seen, &in_view);
        for key in &wanted {
            self.cache.find(*key);
        }
        self.upload(window);
        self.wish(&wanted);
        self.draw(screen, &in_view, seen, draws);
        let Some(picture) = &self.picture else {
            return false;
        };
        let is_missing = |key: &TileKey| {
            !picture.failed.contains(key)
                && (!self.cache.contains(*key) || self.cache.stale(*key).is_some())
        };
        in_view.iter().any(is_missing)
    }

    /// Tiles to have, most urgent first and no more than fit: what is in view, the whole photo at its coarsest, a ring of
    /// neighbours, and the next coarser level for zooming out.
    fn wanted(
        &self,
        size: PixelSize,
        level: u32,
        seen: PixelRect,
        in_view: &[TileKey],
    ) -> Vec<TileKey> {
        if seen.is_empty() {
            return Vec::new();
        }
        let top = top_level(size);
        let whole = TileKey {
            level: top,
            x: 0,
            y: 0,
        };
        let mut wanted = Vec::new();
        if !self.cache.contains(whole) {
            wanted.push(whole);
        }
        wanted.extend_from_slice(in_view);
        wanted.push(whole);
        let side = (i64::from(PITCH) << level).min(1 << 29) as i32;
        let mut ring = tiles_in(size, level, seen.grow(side));
        sort_from_middle(&mut ring, seen);
        wanted.extend(ring);
        if level < top {
            wanted.extend(tiles_in(size, level + 1, seen));
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
            if read.generation != picture.number {
                continue;
            }
            let Some(texels) = read.texels else {
                picture.failed.insert(read.key);
                continue;
            };
            if self.cache.reserve(read.key).is_some() {
                bytes += texels.data.len() as u64;
                let at = PixelRect::new(0, 0, texels.size.width, texels.size.height);
                self.cache.write(read.key, at, &texels.data);
                if read.version != picture.version {
                    self.cache.set_stale(read.key, at);
                }
            }
        }
        if self.loader.has_finished() {
            window.request_repaint();
        }
    }

    fn wish(&self, wanted: &[TileKey]) {
        let Some(picture) = &self.picture else { return };
        let is_missing = |key: &&TileKey| !self.cache.contains(**key);
        let is_old = |key: &&TileKey| self.cache.stale(**key).is_some();
        let wishes = wanted
            .iter()
            .filter(is_missing)
            .chain(wanted.iter().filter(is_old))
            .filter(|key| !picture.failed.contains(key))
            .map(|key| Wish {
                key: *key,
                generation: picture.number,
                version: picture.version,
                source: Arc::clone(&picture.source),
            })
            .collect();
        self.loader.replace_wishes(wishes);
    }

    fn draw(
        &mut self,
        screen: &Screen,
        in_view: &[TileKey],
        seen: PixelRect,
        draws: &mut DrawList,
    ) {
        let Some(size) = self.size() else { return };
        let mut here = Vec::new();
        let mut missing = Vec::new();
        for key in in_view {
            match self.cache.find(*key) {
                Some(slot) => here.push((*key, slot)),
                None => missing.push(*key),
            }
        }
        if !missing.is_empty() {
            draws.push(Pass::Backdrop, None, Instance::flat(screen, seen, 0, 0));
        }
        for key in missing {
            self.draw_substitute(screen, key, size, draws);
        }
        here.sort_by_key(|(key, slot)| (slot.page, *key));
        for (key, slot) in here {
            draws.push_tile(Pass::Photo, screen, key.rect_in_photo(size), (key, slot));
        }
    }

    /// The nearest coarser tile, and above it what is there of the next finer level.
    fn draw_substitute(
        &mut self,
        screen: &Screen,
        key: TileKey,
        size: PixelSize,
        draws: &mut DrawList,
    ) {
        let rect = key.rect_in_photo(size);
        let mut coarser = key;
        while coarser.level < top_level(size) {
            coarser = coarser.parent();
            if let Some(slot) = self.cache.find(coarser) {
                draws.push_tile(Pass::Photo, screen, rect, (coarser, slot));
                break;
            }
        }
        if key.level > 0 {
            for finer in tiles_in(size, key.level - 1, rect) {
                if let Some(slot) = self.cache.find(finer) {
                    draws.push_tile(
                        Pass::Photo,
                        screen,
                        finer.rect_in_photo(size),
                        (finer, slot),
                    );
                }
            }
        }
    }
}

/// The part of the canvas that an extension added, in view.
pub fn draw_extension(screen: &Screen, canvas: PixelRect, photo: PixelSize, draws: &mut DrawList) {
    for part in super::draw::around(screen.visible(canvas), photo.rect()) {
        draws.push(
            Pass::Backdrop,
            None,
            Instance::flat(screen, part, 0, EXTENSION),
        );
    }
}
