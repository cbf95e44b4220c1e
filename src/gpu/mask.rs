//! Owns the mask's layer: the pyramid, its tiles on the device, and which of them a view draws. Used by the painter; the
//! overlays ask it what to clip to.

use super::cache::{CacheKey, Slot, TileCache};
use super::draw::{DrawList, Instance, Pass};
use super::grid::{TileKey, level_within, tiles_in, top_level};
use super::pyramid::MaskPyramid;
use super::view::Screen;
use crate::geometry::{PixelRect, PixelSize};
use crate::raster::Plane;

/// Bytes that one frame may upload.
const UPLOAD_BYTES: u64 = 4 << 20;

/// A part of the view with one way to get the mask's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaskPart {
    Uniform {
        rect: PixelRect,
        value: u8,
    },
    Tile {
        rect: PixelRect,
        page: usize,
        layer: u32,
        key: TileKey,
    },
}

impl MaskPart {
    /// The instance that reads the mask in `rect`, which lies in the part.
    pub fn instance(&self, screen: &Screen, rect: PixelRect) -> (Option<usize>, Instance) {
        match *self {
            Self::Uniform { value, .. } => (None, Instance::flat(screen, rect, value, 0)),
            Self::Tile {
                page, layer, key, ..
            } => (Some(page), Instance::of_tile(screen, rect, key, layer)),
        }
    }

    pub fn rect(&self) -> PixelRect {
        match self {
            Self::Uniform { rect, .. } | Self::Tile { rect, .. } => *rect,
        }
    }
}

/// The mask on the device.
pub struct MaskLayer {
    pyramid: Option<MaskPyramid>,
    cache: TileCache,
    parts: Vec<MaskPart>,
}

impl MaskLayer {
    pub fn new(cache: TileCache) -> Self {
        Self {
            pyramid: None,
            cache,
            parts: Vec::new(),
        }
    }

    pub fn cache(&self) -> &TileCache {
        &self.cache
    }

    /// The parts in view, as of the last `prepare`. None without a mask.
    pub fn parts(&self) -> Option<&[MaskPart]> {
        self.pyramid.as_ref().map(|_| self.parts.as_slice())
    }

    pub fn set(&mut self, mask: Option<&Plane>) {
        let Some(mask) = mask.filter(|mask| !mask.size.is_empty()) else {
            self.pyramid = None;
            self.cache.clear();
            return;
        };
        let changed = self.pyramid_of(mask.size).replace(mask);
        self.mark_stale(changed);
    }

    pub fn update(&mut self, mask: &Plane, changed: PixelRect) {
        if self
            .pyramid
            .as_ref()
            .is_none_or(|pyramid| pyramid.size() != mask.size)
        {
            self.set(Some(mask));
            return;
        }
        self.pyramid_of(mask.size).update(mask, changed);
        self.mark_stale(changed.intersect(mask.size.rect()));
    }

    fn pyramid_of(&mut self, size: PixelSize) -> &mut MaskPyramid {
        if self
            .pyramid
            .as_ref()
            .is_some_and(|pyramid| pyramid.size() != size)
        {
            self.pyramid = None;
            self.cache.clear();
        }
        self.pyramid.get_or_insert_with(|| MaskPyramid::new(size))
    }

    fn mark_stale(&mut self, changed: PixelRect) {
        if let Some(pyramid) = self.pyramid.as_ref().filter(|_| !changed.is_empty()) {
            self.cache
                .mark_stale(|(_, key)| pyramid.part_of(key, changed));
        }
    }

    /// Uploads what the view needs and finds its parts. True when something is coarse for want of time.
    pub fn prepare(&mut self, screen: &Screen) -> bool {
        self.cache.begin_frame();
        self.parts.clear();
        let Some(pyramid) = &self.pyramid else {
            return false;
        };
        let size = pyramid.size();
        let seen = screen.visible(size.rect());
        let level = level_within(1.0 / screen.scale, size, seen, self.cache.capacity());
        let mut bytes = 0;
        let mut is_coarse = false;
        for key in tiles_in(size, level, seen) {
            let rect = key.rect_in_photo(size);
            if let Some(value) = pyramid.uniform(key) {
                self.parts.push(MaskPart::Uniform { rect, value });
                continue;
            }
            let is_fresh = refresh(&mut self.cache, pyramid, key, &mut bytes);
            is_coarse |= !is_fresh;
            if let Some((key, slot)) = nearest(&mut self.cache, key, top_level(size)) {
                self.parts.push(MaskPart::Tile {
                    rect,
                    page: slot.page,
                    layer: slot.layer,
                    key,
                });
            }
        }
        is_coarse
    }

    /// Draws the colour and the edge.
    pub fn draw(&self, screen: &Screen, draws: &mut DrawList) {
        for part in &self.parts {
            if !matches!(part, MaskPart::Uniform { value: 0, .. }) {
                let (page, instance) = part.instance(screen, part.rect());
                draws.push(Pass::Mask, page, instance);
            }
        }
    }
}

/// Brings a tile up to date if this frame still may. True when it is.
fn refresh(cache: &mut TileCache, pyramid: &MaskPyramid, tile: TileKey, bytes: &mut u64) -> bool {
    let key = named(tile);
    let stale = cache.stale(key);
    if cache.find(key).is_some() && stale.is_none() {
        return true;
    }
    // Small changes are a brush at work and never wait.
    let is_small = stale.is_some_and(|part| part.area() < 1 << 16);
    if *bytes >= UPLOAD_BYTES && !is_small {
        return false;
    }
    let part = if cache.contains(key) { stale } else { None };
    let (texels, at) = match part {
        Some(part) => (pyramid.read_part(tile, part), (part.x, part.y)),
        None => (pyramid.read(tile), (0, 0)),
    };
    let Some(texels) = texels.filter(|_| cache.reserve(key).is_some()) else {
        return false;
    };
    *bytes += texels.data.len() as u64;
    let rect = PixelRect::new(at.0, at.1, texels.size.width, texels.size.height);
    cache.write(key, rect, &texels.data);
    true
}

/// The tile, or the nearest coarser one that is here.
fn nearest(cache: &mut TileCache, mut tile: TileKey, top: u32) -> Option<(TileKey, Slot)> {
    loop {
        if let Some(slot) = cache.find(named(tile)) {
            return Some((tile, slot));
        }
        if tile.level >= top {
            return None;
        }
        tile = tile.parent();
    }
}

/// There is only ever one mask.
fn named(tile: TileKey) -> CacheKey {
    (0, tile)
}
