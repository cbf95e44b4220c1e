//! Owns the device objects that every frame shares: bind group layouts, the sampler, one pipeline a pass. Made once by the
//! painter. Asks for no optional feature and stays inside the smallest limits.

use eframe::egui_wgpu::{RenderState, wgpu};

use super::draw::{Instance, Pass};

/// Bits of `Globals::flags`.
pub const LINEAR_TARGET: u32 = 1;
pub const PIXEL_GRID: u32 = 2;
pub const MASK_EDGE: u32 = 4;

/// Mirrors `Globals` in `shaders/canvas.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Globals {
    pub screen_px: [f32; 2],
    pub checker_origin_px: [f32; 2],
    pub checker_px: f32,
    pub scale: f32,
    pub pixels_per_point: f32,
    pub time_seconds: f32,
    pub checker_light: [f32; 4],
    pub checker_dark: [f32; 4],
    pub extension_tint: [f32; 4],
    pub mask_color: [f32; 4],
    pub split_px: f32,
    pub flags: u32,
    pub padding: [f32; 2],
}

/// What all frames share.
pub struct Pipelines {
    pub globals_layout: wgpu::BindGroupLayout,
    /// One texture array at binding 0.
    pub tiles_layout: wgpu::BindGroupLayout,
    /// One texture with levels at binding 0.
    pub picture_layout: wgpu::BindGroupLayout,
    pub sampler: wgpu::Sampler,
    /// Stands in where a pass needs a page but draws a constant.
    pub no_tiles: wgpu::BindGroup,
    /// Whether the target decodes and encodes sRGB itself.
    pub is_linear_target: bool,
    backdrop: wgpu::RenderPipeline,
    photo: wgpu::RenderPipeline,
    mask: wgpu::RenderPipeline,
    overlay: wgpu::RenderPipeline,
}

impl Pipelines {
    pub fn new(render_state: &RenderState) -> Self {
        let device = &render_state.device;
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("canvas"),
            source: wgpu::ShaderSource::Wgsl(super::CANVAS_SHADER.into()),
        });
        let globals_layout = globals_layout(device);
        let tiles_layout =
            texture_layout(device, "canvas tiles", wgpu::TextureViewDimension::D2Array);
        let picture_layout =
            texture_layout(device, "canvas picture", wgpu::TextureViewDimension::D2);
        let pipeline = |entry: &str, groups: &[&wgpu::BindGroupLayout], blends: bool| {
            create_pipeline(
                device,
                &module,
                render_state.target_format,
                entry,
                groups,
                blends,
            )
        };
        Self {
            backdrop: pipeline("fs_backdrop", &[&globals_layout], false),
            photo: pipeline("fs_photo", &[&globals_layout, &tiles_layout], false),
            mask: pipeline("fs_mask", &[&globals_layout, &tiles_layout], true),
            overlay: pipeline(
                "fs_overlay",
                &[&globals_layout, &tiles_layout, &picture_layout],
                true,
            ),
            sampler: device.create_sampler(&wgpu::SamplerDescriptor {
                label: Some("canvas"),
                mag_filter: wgpu::FilterMode::Linear,
                min_filter: wgpu::FilterMode::Linear,
                ..Default::default()
            }),
            no_tiles: no_tiles(device, &tiles_layout),
            is_linear_target: render_state.target_format.is_srgb(),
            globals_layout,
            tiles_layout,
            picture_layout,
        }
    }

    pub fn of(&self, pass: Pass) -> &wgpu::RenderPipeline {
        match pass {
            Pass::Backdrop => &self.backdrop,
            Pass::Photo => &self.photo,
            Pass::Mask => &self.mask,
            Pass::Overlay(_) => &self.overlay,
        }
    }
}

fn globals_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("canvas globals"),
        entries: &[
            wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: false,
                    min_binding_size: wgpu::BufferSize::new(size_of::<Globals>() as u64),
                },
                count: None,
            },
            wgpu::BindGroupLayoutEntry {
                binding: 1,
                visibility: wgpu::ShaderStages::FRAGMENT,
                ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
                count: None,
            },
        ],
    })
}

fn texture_layout(
    device: &wgpu::Device,
    label: &str,
    view_dimension: wgpu::TextureViewDimension,
) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(label),
        entries: &[wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: true },
                view_dimension,
                multisampled: false,
            },
            count: None,
        }],
    })
}

/// Two layers, because OpenGL takes an array of one for a plain texture.
fn no_tiles(device: &wgpu::Device, layout: &wgpu::BindGroupLayout) -> wgpu::BindGroup {
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("canvas, no tile"),
        size: wgpu::Extent3d {
            width: 1,
            height: 1,
            depth_or_array_layers: 2,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::R8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor {
        dimension: Some(wgpu::TextureViewDimension::D2Array),
        ..Default::default()
    });
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("canvas, no tile"),
        layout,
        entries: &[wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::TextureView(&view),
        }],
    })
}

fn create_pipeline(
    device: &wgpu::Device,
    module: &wgpu::ShaderModule,
    format: wgpu::TextureFormat,
    entry: &str,
    groups: &[&wgpu::BindGroupLayout],
    blends: bool,
) -> wgpu::RenderPipeline {
    let groups: Vec<_> = groups.iter().map(|layout| Some(*layout)).collect();
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(entry),
        bind_group_layouts: &groups,
        immediate_size: 0,
    });
    let attributes =
        wgpu::vertex_attr_array![0 => Float32x4, 1 => Float32x4, 2 => Float32x4, 3 => Sint32x4];
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(entry),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some("vs_main"),
            buffers: &[Some(wgpu::VertexBufferLayout {
                array_stride: size_of::<Instance>() as u64,
                step_mode: wgpu::VertexStepMode::Instance,
                attributes: &attributes,
            })],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..Default::default()
        },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(entry),
            targets: &[Some(wgpu::ColorTargetState {
                format,
                blend: blends.then_some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        }),
        multiview_mask: None,
        cache: None,
    })
}
