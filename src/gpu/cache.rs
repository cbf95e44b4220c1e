//! Owns `TileCache`: tiles on the device, in pages of a texture array, with a bound on their memory. Used by the photo and
//! mask layers. Knows nothing of what the tiles show.

use std::collections::HashMap;

use eframe::egui_wgpu::wgpu;

use super::grid::{TILE, TileKey};
use crate::geometry::PixelRect;

/// Tiles a page. Pages stay far below the limits of any adapter (256 layers, 128 MiB) and grow memory in small steps.
const LAYERS: u32 = 32;

/// A tile's name: the number of its picture, and which of its tiles.
pub type CacheKey = (u64, TileKey);

/// Where a tile lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub page: usize,
    pub layer: u32,
}

struct Entry {
    slot: Slot,
    last_used: u64,
    /// Shows old pixels here (whole texture for photos; texels of the tile for masks).
    stale: Option<PixelRect>,
}

struct Page {
    texture: wgpu::Texture,
    bind_group: wgpu::BindGroup,
}

/// Tiles on the device. Entries used in the present frame are never thrown out.
pub struct TileCache {
    device: wgpu::Device,
    queue: wgpu::Queue,
    layout: wgpu::BindGroupLayout,
    format: wgpu::TextureFormat,
    bytes_per_texel: u32,
    max_pages: usize,
    pages: Vec<Page>,
    free: Vec<Slot>,
    entries: HashMap<CacheKey, Entry>,
    frame: u64,
}

impl TileCache {
    /// `max_bytes` bounds the pages' memory; at least one page is allowed. `layout` has one texture array at binding 0.
    pub fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        layout: &wgpu::BindGroupLayout,
        format: wgpu::TextureFormat,
        max_bytes: u64,
    ) -> Self {
        let bytes_per_texel = format.block_copy_size(None).unwrap_or(4);
        let page_bytes = u64::from(TILE * TILE * bytes_per_texel * LAYERS);
        Self {
            device: device.clone(),
            queue: queue.clone(),
            layout: layout.clone(),
            format,
            bytes_per_texel,
            max_pages: (max_bytes / page_bytes).max(1) as usize,
            pages: Vec::new(),
            free: Vec::new(),
            entries: HashMap::new(),
            frame: 0,
        }
    }

    /// Starts a frame: nothing counts as used yet.
    pub fn begin_frame(&mut self) {
        self.frame += 1;
    }

    /// Tiles that fit at most.
    pub fn capacity(&self) -> usize {
        self.max_pages * LAYERS as usize
    }

    pub fn bytes(&self) -> u64 {
        self.pages.len() as u64 * u64::from(TILE * TILE * self.bytes_per_texel * LAYERS)
    }

    /// Forgets every tile; memory stays for the next ones.
    pub fn clear(&mut self) {
        self.free
            .extend(self.entries.drain().map(|(_, entry)| entry.slot));
    }

    /// Forgets one picture's tiles.
    pub fn forget(&mut self, picture: u64) {
        let free = &mut self.free;
        self.entries.retain(|(of, _), entry| {
            if *of == picture {
                free.push(entry.slot);
            }
            *of != picture
        });
    }

    /// Where a tile lies, and marks it as used in this frame.
    pub fn find(&mut self, key: CacheKey) -> Option<Slot> {
        let entry = self.entries.get_mut(&key)?;
        entry.last_used = self.frame;
        Some(entry.slot)
    }

    pub fn contains(&self, key: CacheKey) -> bool {
        self.entries.contains_key(&key)
    }

    /// What of a tile is old, if it is here.
    pub fn stale(&self, key: CacheKey) -> Option<PixelRect> {
        self.entries.get(&key)?.stale
    }

    /// Marks parts of tiles as old: `part` says which, in whatever coordinates the layer uses.
    pub fn mark_stale(&mut self, part: impl Fn(CacheKey) -> PixelRect) {
        for (key, entry) in &mut self.entries {
            let part = part(*key);
            if !part.is_empty() {
                entry.stale = Some(entry.stale.map_or(part, |old| old.union(part)));
            }
        }
    }

    /// Makes room for a tile, throwing out the one unused for longest. None when all are in use.
    pub fn reserve(&mut self, key: CacheKey) -> Option<Slot> {
        if let Some(slot) = self.find(key) {
            return Some(slot);
        }
        if self.free.is_empty() && self.pages.len() < self.max_pages {
            self.add_page();
        }
        let slot = self.free.pop().or_else(|| self.evict())?;
        self.entries.insert(
            key,
            Entry {
                slot,
                last_used: self.frame,
                stale: None,
            },
        );
        Some(slot)
    }

    /// Writes texels of a tile that is here (`at` in its texture); its other texels keep what they were. The tile counts as
    /// fresh afterwards.
    pub fn write(&mut self, key: CacheKey, at: PixelRect, data: &[u8]) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.stale = None;
        let inside = PixelRect::new(0, 0, TILE, TILE).contains_rect(at);
        let Some(page) = self
            .pages
            .get(entry.slot.page)
            .filter(|_| inside && !at.is_empty())
        else {
            return;
        };
        let bytes_per_row = at.width * self.bytes_per_texel;
        if (data.len() as u64) < u64::from(bytes_per_row) * u64::from(at.height) {
            return;
        }
        self.queue.write_texture(
            wgpu::TexelCopyTextureInfo {
                texture: &page.texture,
                mip_level: 0,
                origin: wgpu::Origin3d {
                    x: at.x as u32,
                    y: at.y as u32,
                    z: entry.slot.layer,
                },
                aspect: wgpu::TextureAspect::All,
            },
            data,
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(bytes_per_row),
                rows_per_image: Some(at.height),
            },
            wgpu::Extent3d {
                width: at.width,
                height: at.height,
                depth_or_array_layers: 1,
            },
        );
    }

    /// Keeps a tile but takes its pixels for old again.
    pub fn set_stale(&mut self, key: CacheKey, part: PixelRect) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.stale = Some(part);
        }
    }

    pub fn bind_group(&self, page: usize) -> Option<&wgpu::BindGroup> {
        self.pages.get(page).map(|page| &page.bind_group)
    }

    fn evict(&mut self) -> Option<Slot> {
        let oldest = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.last_used < self.frame)
            .min_by_key(|(key, entry)| (entry.last_used, **key))
            .map(|(key, _)| *key)?;
        self.entries.remove(&oldest).map(|entry| entry.slot)
    }

    /// Where the device has no memory left, the pages there are must do.
    fn add_page(&mut self) {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let (texture, bind_group) = self.create_page();
        if let Some(error) = pollster::block_on(scope.pop()) {
            log::warn!("no more memory for tiles on the device: {error}");
            self.max_pages = self.pages.len();
            return;
        }
        let page = self.pages.len();
        self.free
            .extend((0..LAYERS).rev().map(|layer| Slot { page, layer }));
        self.pages.push(Page {
            texture,
            bind_group,
        });
    }

    fn create_page(&self) -> (wgpu::Texture, wgpu::BindGroup) {
        let texture = self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("canvas tiles"),
            size: wgpu::Extent3d {
                width: TILE,
                height: TILE,
                depth_or_array_layers: LAYERS,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: self.format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor {
            dimension: Some(wgpu::TextureViewDimension::D2Array),
            ..Default::default()
        });
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas tiles"),
            layout: &self.layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::TextureView(&view),
            }],
        });
        (texture, bind_group)
    }
}
