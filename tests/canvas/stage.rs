//! Draws egui frames with the canvas into a texture, on whatever adapter there is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, Pos2, Rect, vec2};
use eframe::egui_wgpu::{
    RenderState, Renderer, RendererOptions, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew, wgpu,
};
use egui::epaint::mutex::RwLock;
use inlay::gpu::{CanvasPainter, CanvasStyle, View};
use inlay::ui::bench::{Surface, draw};

/// A window without a screen.
pub struct Stage {
    pub render_state: RenderState,
    pub context: egui::Context,
    pub size: [u32; 2],
    pub pixels_per_point: f32,
    /// What of the window the canvas may use, in points. None: all.
    pub viewport: Option<Rect>,
}

/// One frame's pixels.
pub struct Picture {
    pub width: u32,
    pub rgba: Vec<u8>,
}

impl Picture {
    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y * self.width + x) as usize * 4;
        [
            self.rgba[at],
            self.rgba[at + 1],
            self.rgba[at + 2],
            self.rgba[at + 3],
        ]
    }
}

impl Stage {
    /// None, aloud, where no adapter exists.
    pub fn new(size: [u32; 2], pixels_per_point: f32, format: wgpu::TextureFormat) -> Option<Self> {
        let setup = WgpuSetup::CreateNew(WgpuSetupCreateNew::without_display_handle());
        let instance = pollster::block_on(setup.new_instance());
        let config = WgpuConfiguration {
            wgpu_setup: setup,
            ..Default::default()
        };
        let options = RendererOptions::PREDICTABLE;
        let mut render_state =
            match pollster::block_on(RenderState::create(&config, &instance, None, options)) {
                Ok(render_state) => render_state,
                Err(error) => {
                    eprintln!("SKIPPED: no adapter to draw with ({error})");
                    return None;
                }
            };
        if render_state.target_format != format {
            render_state.target_format = format;
            render_state.renderer = Arc::new(RwLock::new(Renderer::new(
                &render_state.device,
                format,
                options,
            )));
        }
        Some(Self {
            render_state,
            context: egui::Context::default(),
            size,
            pixels_per_point,
            viewport: None,
        })
    }

    fn window(&self) -> Rect {
        Rect::from_min_size(
            Pos2::ZERO,
            vec2(self.size[0] as f32, self.size[1] as f32) / self.pixels_per_point,
        )
    }

    /// One frame. True as well when the canvas is still loading.
    pub fn frame(
        &mut self,
        canvas: &mut CanvasPainter,
        view: &View,
        style: &CanvasStyle,
    ) -> (Picture, bool) {
        let mut input = egui::RawInput {
            screen_rect: Some(self.window()),
            ..Default::default()
        };
        if let Some(viewport) = input.viewports.get_mut(&egui::ViewportId::ROOT) {
            viewport.native_pixels_per_point = Some(self.pixels_per_point);
        }
        let rect = self.viewport.unwrap_or(self.window());
        let mut is_loading = false;
        let output = self.context.run_ui(input, |ui| {
            is_loading = canvas.paint(ui.painter(), rect, view, style).still_loading;
        });
        (self.render(output), is_loading)
    }

    /// Frames until nothing is missing.
    pub fn settle(
        &mut self,
        canvas: &mut CanvasPainter,
        view: &View,
        style: &CanvasStyle,
    ) -> Picture {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            let (picture, is_loading) = self.frame(canvas, view, style);
            if !is_loading {
                return picture;
            }
            assert!(Instant::now() < end, "the canvas never finishes loading");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn render(&self, output: egui::FullOutput) -> Picture {
        let target = self.target();
        let surface = Surface {
            view: &target.create_view(&wgpu::TextureViewDescriptor::default()),
            size: self.size,
            pixels_per_point: self.pixels_per_point,
            ground: wgpu::Color::TRANSPARENT,
        };
        draw(&self.render_state, &self.context, output, &surface);
        self.read(&target)
    }

    fn target(&self) -> wgpu::Texture {
        self.render_state
            .device
            .create_texture(&wgpu::TextureDescriptor {
                label: None,
                size: wgpu::Extent3d {
                    width: self.size[0],
                    height: self.size[1],
                    depth_or_array_layers: 1,
                },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: self.render_state.target_format,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
                view_formats: &[],
            })
    }

    fn read(&self, texture: &wgpu::Texture) -> Picture {
        let device = &self.render_state.device;
        let row = (self.size[0] * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(row * self.size[1]),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
        self.render_state.queue.submit([encoder.finish()]);
        buffer.slice(..).map_async(wgpu::MapMode::Read, |result| {
            result.expect("the frame can be read");
        });
        device
            .poll(wgpu::PollType::Wait {
                submission_index: None,
                timeout: Some(Duration::from_mins(1)),
            })
            .expect("the device answers");
        let mapped = buffer.slice(..).get_mapped_range().expect("mapped");
        let rgba = mapped
            .chunks_exact(row as usize)
            .flat_map(|r| &r[..self.size[0] as usize * 4])
            .copied()
            .collect();
        Picture {
            width: self.size[0],
            rgba,
        }
    }
}
