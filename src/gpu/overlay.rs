//! Owns pictures laid over the photo: the live preview of a running job and the candidates. Brings them to the device in
//! pieces and draws them, cut to the mask where asked. Used by the painter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::Context;
use eframe::egui_wgpu::wgpu;

use super::draw::{DrawList, Instance, Pass, SMOOTH, around};
use super::mask::MaskPart;
use super::picture::{Levels, make_levels};
use super::view::Screen;
use crate::geometry::{PixelRect, PixelSize};

/// Pictures up to this many pixels are prepared and uploaded at once; larger ones over several frames.
const SMALL: u64 = 1 << 20;
/// Bytes that one frame may upload of large pictures.
const UPLOAD_BYTES: u64 = 8 << 20;

/// A picture laid over a part of the canvas.
#[derive(Debug, Clone)]
pub struct OverlayPicture {
    /// Changes when the pixels change; the same key is not uploaded twice.
    pub key: u64,
    /// Where it lies. May reach outside the photo (an extension).
    pub rect_in_photo: PixelRect,
    /// Size of `rgba`. Smaller than the rectangle: scaled up smoothly. The same: as crisp as the photo.
    pub size: PixelSize,
    /// RGBA, straight alpha, display-encoded, row by row: `4 * width * height` bytes.
    pub rgba: Arc<Vec<u8>>,
    /// Shown only as far as the mask covers (outside the photo: everywhere).
    pub clip_to_mask: bool,
}

impl OverlayPicture {
    fn is_sound(&self) -> bool {
        !self.rect_in_photo.is_empty()
            && !self.size.is_empty()
            && self.rgba.len() as u64 == self.size.area() * 4
    }
}

/// A texture on its way to the device.
struct Upload {
    levels: Levels,
    level: usize,
    row: u32,
}

enum State {
    Preparing(Arc<Mutex<Option<Levels>>>),
    Uploading(Upload),
    Ready,
}

struct Entry {
    state: State,
    texture: Option<(wgpu::Texture, wgpu::BindGroup)>,
}

/// All overlays.
pub struct OverlayLayer {
    device: wgpu::Device,
    queue: wgpu::Queue,
    layout: wgpu::BindGroupLayout,
    pictures: Vec<OverlayPicture>,
    /// Taken away, but shown until the photo below has caught up. Below the others.
    held: Vec<OverlayPicture>,
    /// Replaced by pictures that are not on the device yet: shown until those are, so that nothing flashes between two.
    former: Vec<OverlayPicture>,
    entries: HashMap<u64, Entry>,
}

impl OverlayLayer {
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, layout: &wgpu::BindGroupLayout) -> Self {
        Self {
            device: device.clone(),
            queue: queue.clone(),
            layout: layout.clone(),
            pictures: Vec::new(),
            held: Vec::new(),
            former: Vec::new(),
            entries: HashMap::new(),
        }
    }

    /// Lays these pictures over the photo. With `hold`, those that go away stay in sight until `release`; without, until
    /// what is laid over their place is on the device.
    pub fn set(&mut self, mut pictures: Vec<OverlayPicture>, hold: bool) {
        pictures.retain(|picture| {
            let is_sound = picture.is_sound();
            if !is_sound {
                log::error!(
                    "overlay {} has {} bytes for {}",
                    picture.key,
                    picture.rgba.len(),
                    picture.size
                );
            }
            is_sound
        });
        let before = std::mem::replace(&mut self.pictures, pictures);
        if hold {
            self.held.extend(before);
        } else {
            let entries = &self.entries;
            let is_ready = |picture: &OverlayPicture| {
                let entry = entries.get(&picture.key);
                entry.is_some_and(|entry| matches!(entry.state, State::Ready))
            };
            self.former.extend(before.into_iter().filter(is_ready));
        }
        let shown = &self.pictures;
        for kept in [&mut self.held, &mut self.former] {
            kept.retain(|picture| shown.iter().all(|other| other.key != picture.key));
        }
        self.drop_former();
        self.forget_unused();
    }

    /// Pictures whose place nobody takes, or whose successor is there, go.
    fn drop_former(&mut self) {
        let (pictures, entries) = (&self.pictures, &self.entries);
        let is_coming = |picture: &OverlayPicture| {
            let entry = entries.get(&picture.key);
            !entry.is_some_and(|entry| matches!(entry.state, State::Ready))
        };
        self.former.retain(|old| {
            pictures.iter().any(|new| {
                !new.rect_in_photo.intersect(old.rect_in_photo).is_empty() && is_coming(new)
            })
        });
    }

    /// Some picture is on its way to the device.
    pub fn is_loading(&self) -> bool {
        self.pictures.iter().any(|picture| {
            let entry = self.entries.get(&picture.key);
            !entry.is_some_and(|entry| matches!(entry.state, State::Ready))
        })
    }

    /// The photo's corner moved: the pictures go along until they are set anew.
    pub fn move_all(&mut self, corner: (i32, i32)) {
        let (held, former) = (&mut self.held, &mut self.former);
        for picture in held.iter_mut().chain(former).chain(&mut self.pictures) {
            picture.rect_in_photo = picture.rect_in_photo.translate(corner.0, corner.1);
        }
    }

    /// The photo has caught up.
    pub fn release(&mut self) {
        if !self.held.is_empty() {
            self.held.clear();
            self.forget_unused();
        }
    }

    fn forget_unused(&mut self) {
        let (pictures, held, former) = (&self.pictures, &self.held, &self.former);
        self.entries.retain(|key, _| {
            pictures
                .iter()
                .chain(held)
                .chain(former)
                .any(|picture| picture.key == *key)
        });
    }

    /// In the order in which they are drawn.
    fn all(&self) -> impl Iterator<Item = &OverlayPicture> {
        self.held.iter().chain(&self.former).chain(&self.pictures)
    }

    pub fn bytes(&self) -> u64 {
        self.entries
            .values()
            .filter_map(|entry| entry.texture.as_ref())
            .map(|(texture, _)| bytes_of(texture))
            .sum()
    }

    pub fn bind_group(&self, number: usize) -> Option<&wgpu::BindGroup> {
        let entry = self.entries.get(&self.all().nth(number)?.key)?;
        entry.texture.as_ref().map(|(_, bind_group)| bind_group)
    }

    /// Brings pictures closer to being shown. True while one is not.
    pub fn prepare(&mut self, window: &Context) -> bool {
        let limit = self.device.limits().max_texture_dimension_2d;
        let mut budget = UPLOAD_BYTES;
        let mut is_loading = false;
        for picture in &self.pictures {
            let entry = self.entries.entry(picture.key).or_insert_with(|| Entry {
                state: begin(picture, limit, window),
                texture: None,
            });
            if let State::Preparing(levels) = &entry.state {
                let levels = levels.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(levels) = levels {
                    entry.texture = Some(create_texture(&self.device, &self.layout, &levels));
                    entry.state = State::Uploading(Upload {
                        levels,
                        level: 0,
                        row: 0,
                    });
                }
            }
            if let (State::Uploading(upload), Some((texture, _))) =
                (&mut entry.state, &entry.texture)
            {
                let is_small = picture.size.area() <= SMALL;
                let mut all = u64::MAX;
                upload_some(
                    &self.queue,
                    texture,
                    upload,
                    if is_small { &mut all } else { &mut budget },
                );
                if upload.level == upload.levels.len() {
                    entry.state = State::Ready;
                } else {
                    window.request_repaint();
                }
            }
            is_loading |= !matches!(entry.state, State::Ready);
        }
        if !self.former.is_empty() {
            self.drop_former();
            self.forget_unused();
        }
        is_loading
    }

    /// Adds the draws of all pictures that are ready.
    pub fn draw(
        &self,
        screen: &Screen,
        photo: PixelRect,
        mask: Option<&[MaskPart]>,
        draws: &mut DrawList,
    ) {
        for (number, picture) in self.all().enumerate() {
            let Some(entry) = self.entries.get(&picture.key) else {
                continue;
            };
            let (State::Ready, Some((texture, _))) = (&entry.state, &entry.texture) else {
                continue;
            };
            let texture = PixelSize::new(texture.width(), texture.height());
            let fit = Fit::new(screen, picture, texture);
            let rect = picture.rect_in_photo;
            let Some(mask) = mask.filter(|_| picture.clip_to_mask) else {
                draws.push(
                    Pass::Overlay(number),
                    None,
                    fit.place(Instance::flat(screen, rect, 255, 0), rect),
                );
                continue;
            };
            for part in around(rect, photo) {
                draws.push(
                    Pass::Overlay(number),
                    None,
                    fit.place(Instance::flat(screen, part, 255, 0), part),
                );
            }
            for part in mask
                .iter()
                .filter(|part| !matches!(part, MaskPart::Uniform { value: 0, .. }))
            {
                let seen = part.rect().intersect(rect);
                if !seen.is_empty() {
                    let (page, instance) = part.instance(screen, seen);
                    draws.push(Pass::Overlay(number), page, fit.place(instance, seen));
                }
            }
        }
    }
}

/// How a picture's texels lie on the screen.
struct Fit {
    rect: PixelRect,
    /// Texels of the level for a photo pixel.
    texels_per_photo_px: [f64; 2],
    texels_per_px: [f32; 2],
    level: i32,
    flags: i32,
}

impl Fit {
    fn new(screen: &Screen, picture: &OverlayPicture, texture: PixelSize) -> Self {
        let rect = picture.rect_in_photo;
        let full = [
            f64::from(texture.width) / f64::from(rect.width),
            f64::from(texture.height) / f64::from(rect.height),
        ];
        let shrink = full[0].max(full[1]) / screen.scale;
        let most = texture.long_side().max(1).ilog2();
        let level = if shrink < 2.0 {
            0
        } else {
            (shrink.log2().floor() as u32).min(most)
        };
        let at_level = PixelSize::new(
            (texture.width >> level).max(1),
            (texture.height >> level).max(1),
        );
        let texels_per_photo_px = [
            f64::from(at_level.width) / f64::from(rect.width),
            f64::from(at_level.height) / f64::from(rect.height),
        ];
        let is_preview = picture.size.width < rect.width || picture.size.height < rect.height;
        Self {
            rect,
            texels_per_photo_px,
            texels_per_px: texels_per_photo_px.map(|texels| (texels / screen.scale) as f32),
            level: level as i32,
            flags: if is_preview { SMOOTH } else { 0 },
        }
    }

    /// Adds the picture to an instance that draws `part`.
    fn place(&self, mut instance: Instance, part: PixelRect) -> Instance {
        let texel = |at: i32, from: i32, axis: usize| {
            (f64::from(at - from) * self.texels_per_photo_px[axis]) as f32
        };
        let [x, y] = [texel(part.x, self.rect.x, 0), texel(part.y, self.rect.y, 1)];
        instance.overlay = [x, y, self.texels_per_px[0], self.texels_per_px[1]];
        instance.params[2] = self.level;
        instance.params[3] |= self.flags << 4;
        instance
    }
}

fn begin(picture: &OverlayPicture, limit: u32, window: &Context) -> State {
    if picture.size.area() <= SMALL {
        return State::Preparing(Arc::new(Mutex::new(Some(make_levels(
            &picture.rgba,
            picture.size,
            limit,
        )))));
    }
    let result = Arc::new(Mutex::new(None));
    let (to, rgba, size, window) = (
        Arc::clone(&result),
        Arc::clone(&picture.rgba),
        picture.size,
        window.clone(),
    );
    let work = move || {
        let levels = make_levels(&rgba, size, limit);
        *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(levels);
        window.request_repaint();
    };
    // Not the common thread pool: the next job may keep it busy for minutes.
    let thread = std::thread::Builder::new().name("canvas overlay".into());
    if let Err(error) = thread.spawn(work) {
        log::error!("no thread for an overlay: {error}");
    }
    State::Preparing(result)
}

fn create_texture(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    levels: &Levels,
) -> (wgpu::Texture, wgpu::BindGroup) {
    let size = levels
        .first()
        .map_or(PixelSize::new(1, 1), |level| level.size);
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("canvas overlay"),
        size: wgpu::Extent3d {
            width: size.width,
            height: size.height,
            depth_or_array_layers: 1,
        },
        mip_level_count: levels.len().max(1) as u32,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("canvas overlay"),
        layout,
        entries: &[wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::TextureView(&view),
        }],
    });
    (texture, bind_group)
}

fn bytes_of(texture: &wgpu::Texture) -> u64 {
    let area = |level: u32| {
        u64::from((texture.width() >> level).max(1)) * u64::from((texture.height() >> level).max(1))
    };
    (0..texture.mip_level_count())
        .map(|level| area(level) * 4)
        .sum()
}

/// Writes rows until the budget is used up; always at least one step.
fn upload_some(
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
    upload: &mut Upload,
    budget: &mut u64,
) {
    while let Some(level) = upload.levels.get(upload.level).filter(|_| *budget > 0) {
        let bytes_per_row = level.size.width * 4;
        let affordable = (*budget / u64::from(bytes_per_row)).clamp(1, 1 << 20) as u32;
        let rows = affordable.min(level.size.height - upload.row);
        let start = upload.row as usize * bytes_per_row as usize;
        queue.write_texture(
            wgpu::TexelCopyTextureInfo {
                texture,
                mip_level: upload.level as u32,
                origin: wgpu::Origin3d {
                    x: 0,
                    y: upload.row,
                    z: 0,
                },
                aspect: wgpu::TextureAspect::All,
            },
            &level.data[start..start + rows as usize * bytes_per_row as usize],
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(bytes_per_row),
                rows_per_image: Some(rows),
            },
            wgpu::Extent3d {
                width: level.size.width,
                height: rows,
                depth_or_array_layers: 1,
            },
        );
        *budget = budget.saturating_sub(u64::from(rows) * u64::from(bytes_per_row));
        upload.row += rows;
        if upload.row == level.size.height {
            upload.level += 1;
            upload.row = 0;
        }
    }
}
