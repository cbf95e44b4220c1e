//! Owns a window without a screen: lays egui frames out and draws them into a texture, on whatever adapter there is. Used
//! by this room, by `benches/canvas.rs` and by tests of the canvas.

use std::time::Duration;

use eframe::egui::{Context, FullOutput, Pos2, RawInput, Rect, Ui, vec2};
use eframe::egui_wgpu::{
    RenderState, RendererOptions, ScreenDescriptor, WgpuConfiguration, WgpuSetup,
    WgpuSetupCreateNew, wgpu,
};

/// A frame that takes longer than this never ends.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Stage {
    pub render_state: RenderState,
    pub context: Context,
    size: [u32; 2],
    target: wgpu::TextureView,
}

impl Stage {
    /// Width and height in physical pixels, one a point.
    pub fn new(size: [u32; 2]) -> Result<Self, String> {
        let setup = WgpuSetup::CreateNew(WgpuSetupCreateNew::without_display_handle());
        let instance = pollster::block_on(setup.new_instance());
        let config = WgpuConfiguration {
            wgpu_setup: setup,
            ..WgpuConfiguration::default()
        };
        let options = RendererOptions::default();
        let render_state =
            pollster::block_on(RenderState::create(&config, &instance, None, options))
                .map_err(|error| format!("no graphics adapter to draw with: {error}"))?;
        let target = render_state
            .device
            .create_texture(&wgpu::TextureDescriptor {
                label: Some("stage"),
                size: wgpu::Extent3d {
                    width: size[0],
                    height: size[1],
                    depth_or_array_layers: 1,
                },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: render_state.target_format,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
                view_formats: &[],
            })
            .create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Self {
            render_state,
            context: Context::default(),
            size,
            target,
        })
    }

    /// The adapter and its driver, for people.
    pub fn adapter(&self) -> String {
        let info = self.render_state.adapter.get_info();
        format!("{} ({:?}, {})", info.name, info.backend, info.driver_info)
    }

    pub fn window(&self) -> Rect {
        Rect::from_min_size(Pos2::ZERO, vec2(self.size[0] as f32, self.size[1] as f32))
    }

    /// One frame up to the point where it would be drawn.
    pub fn lay_out(&self, show: impl FnMut(&mut Ui)) -> FullOutput {
        let input = RawInput {
            screen_rect: Some(self.window()),
            ..RawInput::default()
        };
        self.context.run_ui(input, show)
    }

    /// Hands the frame to the device; does not wait for it.
    pub fn draw(&self, output: FullOutput) {
        let surface = Surface {
            view: &self.target,
            size: self.size,
            pixels_per_point: 1.0,
            ground: wgpu::Color::BLACK,
        };
        draw(&self.render_state, &self.context, output, &surface);
    }

    /// Waits until the device has drawn everything.
    pub fn finish(&self) -> Result<(), String> {
        let all = wgpu::PollType::Wait {
            submission_index: None,
            timeout: Some(PATIENCE),
        };
        self.render_state
            .device
            .poll(all)
            .map(|_| ())
            .map_err(|error| format!("the graphics device does not answer: {error}"))
    }
}

/// What a frame is drawn into.
pub struct Surface<'a> {
    pub view: &'a wgpu::TextureView,
    /// Physical pixels.
    pub size: [u32; 2],
    pub pixels_per_point: f32,
    pub ground: wgpu::Color,
}

/// Hands a frame that `context` laid out to the device; does not wait for it.
pub fn draw(state: &RenderState, context: &Context, output: FullOutput, surface: &Surface<'_>) {
    let mut renderer = state.renderer.write();
    let mut textures = output.textures_delta;
    for (id, deltas) in textures.set.drain() {
        for delta in deltas {
            renderer.update_texture(&state.device, &state.queue, id, &delta);
        }
    }
    textures
        .free
        .drain()
        .for_each(|id| renderer.free_texture(&id));
    let screen = ScreenDescriptor {
        size_in_pixels: surface.size,
        pixels_per_point: surface.pixels_per_point,
    };
    let jobs = context.tessellate(output.shapes, surface.pixels_per_point);
    let mut encoder = state
        .device
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let buffers =
        renderer.update_buffers(&state.device, &state.queue, &mut encoder, &jobs, &screen);
    {
        let mut pass = encoder
            .begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: surface.view,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(surface.ground),
                        store: wgpu::StoreOp::Store,
                    },
                    depth_slice: None,
                })],
                ..wgpu::RenderPassDescriptor::default()
            })
            .forget_lifetime();
        renderer.render(&mut pass, &jobs, &screen);
    }
    state
        .queue
        .submit(buffers.into_iter().chain([encoder.finish()]));
}
