//! Owns `CanvasPainter`, which ui calls to draw the canvas, and the callback that egui runs inside its render pass.

use std::sync::Arc;

use eframe::egui::{PaintCallbackInfo, Painter, Rect};
use eframe::egui_wgpu::{
    Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor, wgpu,
};

use super::cache::TileCache;
use super::draw::{Batch, DrawList, Pass, draw_extension};
use super::mask::MaskLayer;
use super::overlay::OverlayLayer;
use super::photo::PhotoLayer;
use super::pipelines::{Globals, LINEAR_TARGET, MASK_EDGE, PIXEL_GRID, Pipelines};
use super::style::{CHECKER_POINTS, GRID_FROM, checker_colors, extension_tint};
use super::view::Screen;
use super::{CanvasStyle, OverlayPicture, TileSource, View};
use crate::geometry::PixelRect;
use crate::raster::Plane;

/// Memory for photo tiles on the device. A 4K window needs about 140 MiB at the worst zoom.
const PHOTO_BYTES: u64 = 256 << 20;
/// Memory for mask tiles on the device.
const MASK_BYTES: u64 = 64 << 20;
/// What a painter's tiles take on the device at most.
pub const TILE_MEMORY_BYTES: u64 = PHOTO_BYTES + MASK_BYTES;
/// The edge's dashes repeat after this many seconds, so that time stays small and exact in f32.
const EDGE_PERIOD: f64 = 2.0;

/// What a frame could not show yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaintStatus {
    /// Parts in view are still coarse or old. A repaint is asked for when better ones arrive.
    pub still_loading: bool,
}

/// Draws photo, mask and overlays. One for each window; lives as long as the window's render state (which must have
/// neither multisampling nor a depth buffer, eframe's default).
pub struct CanvasPainter {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Arc<Pipelines>,
    photo: PhotoLayer,
    mask: MaskLayer,
    overlays: OverlayLayer,
    canvas_in_photo: Option<PixelRect>,
    /// Pixels of the photo changed and are not all on the device: overlays that are taken away stay until they are.
    is_catching_up: bool,
}

impl CanvasPainter {
    pub fn new(render_state: &RenderState) -> Self {
        Self::with_memory(render_state, PHOTO_BYTES, MASK_BYTES)
    }

    /// With other bounds, in bytes, for the tiles of photo and mask.
    pub fn with_memory(render_state: &RenderState, photo_bytes: u64, mask_bytes: u64) -> Self {
        let pipelines = Pipelines::new(render_state);
        let (device, queue) = (&render_state.device, &render_state.queue);
        let cache =
            |format, bytes| TileCache::new(device, queue, &pipelines.tiles_layout, format, bytes);
        Self {
            photo: PhotoLayer::new(cache(wgpu::TextureFormat::Rgba8Unorm, photo_bytes)),
            mask: MaskLayer::new(cache(wgpu::TextureFormat::R8Unorm, mask_bytes)),
            overlays: OverlayLayer::new(device, queue, &pipelines.picture_layout),
            device: device.clone(),
            queue: queue.clone(),
            pipelines: Arc::new(pipelines),
            canvas_in_photo: None,
            is_catching_up: false,
        }
    }

    /// Shows a picture. Cheap to call every frame: nothing happens while `generation` and the source (by pointer) stay.
    ///
    /// A new `generation` is another picture: nothing of the old one is shown. Another source with the same generation
    /// is the same picture with other pixels: old pixels stay visible until the new ones are there.
    pub fn set_photo(&mut self, source: Option<Arc<dyn TileSource>>, generation: u64) {
        self.is_catching_up |= self.photo.set(source, generation);
    }

    /// The same picture with pixels changed in `changed` only, read from `source` from now on. Call it before the
    /// overlay with these pixels is taken away: then nothing flashes.
    pub fn update_photo(&mut self, source: Arc<dyn TileSource>, changed: PixelRect) {
        self.photo.update(source, changed);
        self.is_catching_up = true;
    }

    /// The same picture in another size (an extension was accepted or undone). `former_corner` is where the old
    /// picture's corner lies in the new one. Old pixels and overlays stay in sight until the new ones are there.
    pub fn resize_photo(&mut self, source: Arc<dyn TileSource>, former_corner: (i32, i32)) {
        self.photo.resize(source, former_corner);
        self.overlays.move_all(former_corner);
        self.is_catching_up = true;
    }

    /// The present source has other pixels in `rect`.
    pub fn invalidate_photo(&mut self, rect: PixelRect) {
        self.photo.invalidate(rect);
        self.is_catching_up = true;
    }

    /// The canvas around the photo (negative coordinates: extended to the left or top). Without it, the photo's own
    /// rectangle.
    pub fn set_canvas(&mut self, canvas_in_photo: Option<PixelRect>) {
        self.canvas_in_photo = canvas_in_photo;
    }

    /// Takes in a whole mask of the photo's size (None: no mask). Compares with what it has; costs a read of the mask.
    pub fn set_mask(&mut self, mask: Option<&Plane>) {
        self.mask.set(mask);
    }

    /// Takes in a mask that differs in `changed` only; costs by that rectangle's size. For live strokes.
    pub fn update_mask(&mut self, mask: &Plane, changed: PixelRect) {
        self.mask.update(mask, changed);
    }

    /// Lays pictures over the photo, later ones above earlier ones. Cheap to call every frame.
    pub fn set_overlays(&mut self, overlays: Vec<OverlayPicture>) {
        self.overlays.set(overlays, self.is_catching_up);
    }

    /// An overlay is on its way to the device.
    pub fn is_overlay_loading(&self) -> bool {
        self.overlays.is_loading()
    }

    /// Graphics memory held for tiles and overlays, in bytes.
    pub fn cached_bytes(&self) -> u64 {
        self.photo.cache().bytes() + self.mask.cache().bytes() + self.overlays.bytes()
    }

    /// Draws into `viewport` (points of the window), as far as the painter's clip rectangle lets it.
    pub fn paint(
        &mut self,
        painter: &Painter,
        viewport: Rect,
        view: &View,
        style: &CanvasStyle,
    ) -> PaintStatus {
        let window = painter.ctx();
        let seen = viewport
            .intersect(painter.clip_rect())
            .intersect(window.content_rect());
        let Some(screen) = Screen::new(view, seen, window.pixels_per_point()) else {
            return PaintStatus::default();
        };
        let Some(size) = self.photo.size() else {
            return PaintStatus::default();
        };
        let mut draws = DrawList::default();
        let mut still_loading = false;
        if let Some(canvas) = self.canvas_in_photo {
            draw_extension(&screen, canvas, size.rect(), &mut draws);
        }
        still_loading |= self.photo.prepare(&screen, window, &mut draws);
        if !still_loading {
            self.is_catching_up = false;
            self.overlays.release();
        }
        still_loading |= self.overlays.prepare(window);
        if self.mask.prepare(&screen) {
            still_loading = true;
            window.request_repaint();
        }
        self.overlays
            .draw(&screen, size.rect(), self.mask.parts(), &mut draws);
        if style.show_mask || style.show_mask_edge {
            self.mask.draw(&screen, &mut draws);
        }
        if let Some(frame) = self.frame(
            &draws,
            globals(&screen, style, self.pipelines.is_linear_target),
        ) {
            painter
                .with_clip_rect(seen)
                .add(Callback::new_paint_callback(viewport, frame));
        }
        PaintStatus { still_loading }
    }

    /// Everything the callback needs, so that it never looks at the painter again.
    fn frame(&self, draws: &DrawList, globals: Globals) -> Option<CanvasFrame> {
        if draws.batches.is_empty() {
            return None;
        }
        let bytes: &[u8] = bytemuck::cast_slice(&draws.instances);
        let instances = self.buffer(
            "canvas instances",
            bytes.len() as u64,
            wgpu::BufferUsages::VERTEX,
        );
        self.queue.write_buffer(&instances, 0, bytes);
        let uniform = self.buffer(
            "canvas globals",
            size_of::<Globals>() as u64,
            wgpu::BufferUsages::UNIFORM,
        );
        let globals_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas globals"),
            layout: &self.pipelines.globals_layout,
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: uniform.as_entire_binding(),
                },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::Sampler(&self.pipelines.sampler),
                },
            ],
        });
        let batches = draws
            .batches
            .iter()
            .filter_map(|batch| self.bind(batch))
            .collect();
        Some(CanvasFrame {
            pipelines: Arc::clone(&self.pipelines),
            globals,
            uniform,
            globals_group,
            instances,
            batches,
        })
    }

    fn buffer(&self, label: &str, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage: usage | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    fn bind(&self, batch: &Batch) -> Option<BoundBatch> {
        let mask_page = || match batch.page {
            Some(page) => self.mask.cache().bind_group(page),
            None => Some(&self.pipelines.no_tiles),
        };
        let (tiles, picture) = match batch.pass {
            Pass::Backdrop => (None, None),
            Pass::Photo => (Some(self.photo.cache().bind_group(batch.page?)?), None),
            Pass::Mask => (Some(mask_page()?), None),
            Pass::Overlay(number) => (Some(mask_page()?), Some(self.overlays.bind_group(number)?)),
        };
        Some(BoundBatch {
            batch: *batch,
            tiles: tiles.cloned(),
            picture: picture.cloned(),
        })
    }
}

struct BoundBatch {
    batch: Batch,
    tiles: Option<wgpu::BindGroup>,
    picture: Option<wgpu::BindGroup>,
}

/// One frame's draws, owned by egui until they are done.
struct CanvasFrame {
    pipelines: Arc<Pipelines>,
    globals: Globals,
    uniform: wgpu::Buffer,
    globals_group: wgpu::BindGroup,
    instances: wgpu::Buffer,
    batches: Vec<BoundBatch>,
}

impl CallbackTrait for CanvasFrame {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        _resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let globals = Globals {
            screen_px: screen.size_in_pixels.map(|v| v as f32),
            ..self.globals
        };
        queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&globals));
        Vec::new()
    }

    fn paint(
        &self,
        info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _resources: &CallbackResources,
    ) {
        let [width, height] = info.screen_size_px;
        // Positions are pixels of the whole window, so a viewport that reaches outside it needs no care.
        pass.set_viewport(0.0, 0.0, width as f32, height as f32, 0.0, 1.0);
        pass.set_bind_group(0, &self.globals_group, &[]);
        pass.set_vertex_buffer(0, self.instances.slice(..));
        for bound in &self.batches {
            pass.set_pipeline(self.pipelines.of(bound.batch.pass));
            if let Some(tiles) = &bound.tiles {
                pass.set_bind_group(1, tiles, &[]);
            }
            if let Some(picture) = &bound.picture {
                pass.set_bind_group(2, picture, &[]);
            }
            pass.draw(0..4, bound.batch.first..bound.batch.end);
        }
    }
}

fn globals(screen: &Screen, style: &CanvasStyle, is_linear_target: bool) -> Globals {
    let unit = |[r, g, b]: [u8; 3], w: f32| {
        [
            f32::from(r) / 255.0,
            f32::from(g) / 255.0,
            f32::from(b) / 255.0,
            w,
        ]
    };
    let checker_px = (CHECKER_POINTS * screen.pixels_per_point).round().max(1.0);
    let [light, dark] = checker_colors(style.dark);
    let (tint, amount) = extension_tint(style.dark);
    let [r, g, b, _] = style.mask_color.to_array();
    let opacity = if style.show_mask {
        style.mask_opacity.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let mut flags = 0;
    if is_linear_target {
        flags |= LINEAR_TARGET;
    }
    if style.pixel_grid && screen.scale >= GRID_FROM {
        flags |= PIXEL_GRID;
    }
    if style.show_mask_edge {
        flags |= MASK_EDGE;
    }
    let period = f64::from(2.0 * checker_px);
    Globals {
        screen_px: [1.0, 1.0],
        checker_origin_px: screen.origin.map(|v| v.rem_euclid(period) as f32),
        checker_px,
        scale: screen.scale as f32,
        pixels_per_point: screen.pixels_per_point,
        time_seconds: style.time_seconds.rem_euclid(EDGE_PERIOD) as f32,
        checker_light: unit(light, 1.0),
        checker_dark: unit(dark, 1.0),
        extension_tint: unit(tint, amount),
        mask_color: unit([r, g, b], opacity),
        split_px: style
            .split_x_in_view
            .map_or(-1e9, |x| x * screen.pixels_per_point),
        flags,
        padding: [0.0; 2],
    }
}
