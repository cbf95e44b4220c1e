//! Draws the canvas off screen and looks at the pixels: exactness at 100 %, alpha, mask, overlays, clipping, and how much
//! of a large picture is read and kept. Skips aloud where no adapter exists.

mod stage;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use eframe::egui::{Color32, Pos2, Rect, pos2, vec2};
use eframe::egui_wgpu::wgpu::TextureFormat;
use inlay::geometry::{PixelRect, PixelSize};
use inlay::gpu::{CanvasPainter, CanvasStyle, OverlayPicture, TileSource, View};
use inlay::raster::Plane;
use stage::{Picture, Stage};

const SIZE: [u32; 2] = [700, 560];

/// A picture kept as bytes, averaged the plain way.
struct Bytes {
    size: PixelSize,
    rgba: Vec<u8>,
}

impl Bytes {
    fn new(size: PixelSize, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Self {
        let rgba = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        Self { size, rgba: rgba.flat_map(|(x, y)| pixel(x, y)).collect() }
    }

    fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y * self.size.width + x) as usize * 4;
        [self.rgba[at], self.rgba[at + 1], self.rgba[at + 2], self.rgba[at + 3]]
    }
}

impl TileSource for Bytes {
    fn size(&self) -> PixelSize {
        self.size
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for y in (rect.y..rect.bottom()).step_by(step as usize) {
            for x in (rect.x..rect.right()).step_by(step as usize) {
                let square = PixelRect::new(x, y, step, step).intersect(rect);
                let mut sum = [0_u32; 4];
                for py in square.y..square.bottom() {
                    for px in square.x..square.right() {
                        for (sum, value) in sum.iter_mut().zip(self.at(px as u32, py as u32)) {
                            *sum += u32::from(value);
                        }
                    }
                }
                let count = square.area() as u32;
                out.extend(sum.map(|sum| ((sum + count / 2) / count) as u8));
            }
        }
        out
    }
}

fn noise(x: u32, y: u32) -> [u8; 4] {
    let mut h = x.wrapping_mul(0x9E37_79B9) ^ y.wrapping_mul(0x85EB_CA6B);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    [h as u8, (h >> 8) as u8, (h >> 16) as u8, 255]
}

fn flat(size: PixelSize, rgba: [u8; 4]) -> Arc<Bytes> {
    Arc::new(Bytes::new(size, |_, _| rgba))
}

fn stage() -> Option<Stage> {
    Stage::new(SIZE, 1.0, TextureFormat::Rgba8Unorm)
}

fn plain() -> CanvasStyle {
    CanvasStyle { show_mask_edge: false, mask_color: Color32::from_rgb(255, 0, 0), mask_opacity: 0.5, ..Default::default() }
}

fn view(x: f32, y: f32, points_per_pixel: f32) -> View {
    View { origin_in_view: pos2(x, y), points_per_pixel }
}

fn close(a: [u8; 4], b: [u8; 4], by: u8) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= by)
}

#[track_caller]
fn assert_close(got: [u8; 4], expected: [u8; 4], by: u8) {
    assert!(close(got, expected, by), "{got:?} is not {expected:?}");
}

#[test]
fn at_100_percent_the_screen_holds_the_photos_own_bytes() {
    for (ppp, origin) in [(1.0, pos2(-480.0, -490.0)), (1.5, pos2(-300.3, -222.9)), (2.0, pos2(7.25, 3.5))] {
        let Some(mut stage) = Stage::new(SIZE, ppp, TextureFormat::Rgba8Unorm) else { return };
        let photo = Arc::new(Bytes::new(PixelSize::new(1300, 1100), noise));
        let mut canvas = CanvasPainter::new(&stage.render_state);
        canvas.set_photo(Some(photo.clone()), 1);
        let picture = stage.settle(&mut canvas, &View { origin_in_view: origin, points_per_pixel: 1.0 / ppp }, &plain());
        let corner = [origin.x, origin.y].map(|v| (v * ppp).round() as i32);
        let mut seen = 0;
        for y in 0..SIZE[1] {
            for x in 0..SIZE[0] {
                let (px, py) = (x as i32 - corner[0], y as i32 - corner[1]);
                if photo.size.rect().contains(px, py) {
                    assert_eq!(picture.at(x, y), photo.at(px as u32, py as u32), "{x} {y} at {ppp}");
                    seen += 1;
                } else {
                    assert_eq!(picture.at(x, y), [0; 4], "outside the photo at {x} {y}");
                }
            }
        }
        assert!(seen > 200_000);
    }
}

#[test]
fn a_target_that_converts_to_srgb_shows_the_same() {
    let Some(mut stage) = Stage::new(SIZE, 1.0, TextureFormat::Rgba8UnormSrgb) else { return };
    let photo = Arc::new(Bytes::new(PixelSize::new(256, 256), |x, y| [x as u8, y as u8, 255 - x as u8, 255]));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(photo.clone()), 1);
    let picture = stage.settle(&mut canvas, &view(5.0, 6.0, 1.0), &plain());
    for y in 0..256 {
        for x in 0..256 {
            assert_close(picture.at(x + 5, y + 6), photo.at(x, y), 1);
        }
    }
}

#[test]
fn enlarged_pixels_are_squares_and_reduced_ones_are_means() {
    let Some(mut stage) = stage() else { return };
    let photo = Arc::new(Bytes::new(PixelSize::new(1500, 900), noise));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(photo.clone()), 1);
    let large = stage.settle(&mut canvas, &view(-4000.0, -4000.0, 8.0), &plain());
    for y in 0..SIZE[1] {
        for x in 0..SIZE[0] {
            // The soft edge lies between the last and first physical pixel; both keep their own side's colour.
            assert_close(large.at(x, y), photo.at((x + 4000) / 8, (y + 4000) / 8), 1);
        }
    }
    for (shrink, scale) in [(2, 0.5), (4, 0.25)] {
        let small = stage.settle(&mut canvas, &view(0.0, 0.0, scale), &plain());
        let means = photo.rgba8(photo.size.rect(), shrink);
        let width = 1500 / shrink;
        for y in 0..(900 / shrink).min(SIZE[1]) {
            for x in 0..width.min(SIZE[0]) {
                let at = (y * width + x) as usize * 4;
                assert_close(small.at(x, y), [means[at], means[at + 1], means[at + 2], 255], 1);
            }
        }
    }
}

#[test]
fn no_zoom_shows_seams_between_tiles() {
    let Some(mut stage) = stage() else { return };
    let photo = Arc::new(Bytes::new(PixelSize::new(1700, 1300), |x, y| [(x / 8) as u8, (y / 6) as u8, 90, 255]));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(photo), 1);
    for scale in [0.27, 0.37, 0.499, 0.61, 0.83, 1.0, 1.37, 2.9] {
        let at = view(-508.0 * scale + 300.3, -508.0 * scale + 250.7, scale);
        let picture = stage.settle(&mut canvas, &at, &plain());
        for y in 200..300 {
            for x in 200..400 {
                let (a, b) = (picture.at(x, y), picture.at(x + 1, y + 1));
                assert!(close(a, b, 3), "{a:?} beside {b:?} at {x} {y}, zoom {scale}");
                assert_eq!((a[3], a[2].abs_diff(90) <= 1), (255, true), "hole at {x} {y}, zoom {scale}");
            }
        }
    }
}

#[test]
fn transparency_lies_over_a_checkerboard_of_constant_size() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(3000, 3000);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let checker = |canvas: &mut CanvasPainter, stage: &mut Stage, scale: f32, alpha: u8, generation: u64| {
        canvas.set_photo(Some(flat(size, [250, 100, 50, alpha])), generation);
        stage.settle(canvas, &view(0.0, 0.0, scale), &plain())
    };
    let clear = checker(&mut canvas, &mut stage, 1.0, 0, 1);
    let [light, dark] = [clear.at(2, 2), clear.at(10, 2)];
    assert_ne!(light, dark);
    assert_eq!((clear.at(7, 7), clear.at(8, 8), clear.at(8, 7)), (light, light, dark));
    let zoomed = checker(&mut canvas, &mut stage, 4.0, 0, 2);
    assert_eq!((zoomed.at(7, 7), zoomed.at(8, 8), zoomed.at(8, 7)), (light, light, dark));
    let half = checker(&mut canvas, &mut stage, 1.0, 128, 3);
    let over = |ground: [u8; 4]| {
        let mix = |c: u8, g: u8| ((f32::from(c) * 128.0 + f32::from(g) * 127.0) / 255.0).round() as u8;
        [mix(250, ground[0]), mix(100, ground[1]), mix(50, ground[2]), 255]
    };
    assert_close(half.at(2, 2), over(light), 1);
    assert_close(half.at(10, 2), over(dark), 1);
}

#[test]
fn the_mask_tints_with_its_opacity_and_strokes_show_at_once() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(1200, 1000);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, [0, 100, 200, 255])), 1);
    let mut mask = Plane::new(size);
    mask.data[100 * 1200 + 100] = 255;
    canvas.set_mask(Some(&mask));
    let at = view(0.0, 0.0, 1.0);
    let picture = stage.settle(&mut canvas, &at, &plain());
    assert_close(picture.at(100, 100), [128, 50, 100, 255], 1);
    assert_eq!(picture.at(101, 100), [0, 100, 200, 255]);

    // A stroke across two tiles, half covered, shows in the very next frame.
    let stroke = PixelRect::new(480, 300, 60, 40);
    for y in 300..340 {
        mask.data[y * 1200 + 480..y * 1200 + 540].fill(128);
    }
    canvas.update_mask(&mask, stroke);
    let (picture, _) = stage.frame(&mut canvas, &at, &plain());
    for x in 480..540 {
        assert_close(picture.at(x, 320), [64, 75, 150, 255], 1);
    }
    assert_eq!(picture.at(479, 320), [0, 100, 200, 255]);
    assert_eq!(picture.at(540, 320), [0, 100, 200, 255]);

    // Levels follow: at 50 % the same pixels.
    let half = stage.settle(&mut canvas, &view(0.0, 0.0, 0.5), &plain());
    assert_close(half.at(260, 160), [64, 75, 150, 255], 1);

    mask.data.fill(0);
    canvas.set_mask(Some(&mask));
    let (picture, _) = stage.frame(&mut canvas, &at, &plain());
    assert_eq!(picture.at(500, 320), [0, 100, 200, 255]);
    canvas.set_mask(None);
    stage.settle(&mut canvas, &at, &plain());
}

#[test]
fn the_edge_runs_along_the_masks_border_and_moves_with_time() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(600, 500);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, [90, 90, 90, 255])), 1);
    let mut mask = Plane::new(size);
    for y in 100..300 {
        mask.data[y * 600 + 200..y * 600 + 400].fill(255);
    }
    canvas.set_mask(Some(&mask));
    let style = CanvasStyle { show_mask_edge: true, mask_opacity: 0.0, ..plain() };
    for scale in [0.5, 1.0, 1.3] {
        let still = stage.settle(&mut canvas, &view(0.0, 0.0, scale), &style);
        let moved = stage.settle(&mut canvas, &view(0.0, 0.0, scale), &CanvasStyle { time_seconds: 0.25, ..style });
        let on = |p: &Picture, x: f32, y: f32| p.at((x * scale) as u32, (y * scale) as u32);
        let edge: Vec<_> = (110..290).map(|y| on(&still, 200.0, y as f32)).collect();
        assert!(edge.iter().any(|c| c[0] > 150) && edge.iter().any(|c| c[0] < 70), "no dashes at {scale}");
        assert!((110..290).any(|y| on(&still, 200.0, y as f32) != on(&moved, 200.0, y as f32)));
        assert_eq!(on(&still, 300.0, 200.0), [90, 90, 90, 255]);
        assert_eq!(on(&still, 150.0, 200.0), [90, 90, 90, 255]);
    }
}

fn overlay(key: u64, rect: PixelRect, size: PixelSize, rgba: [u8; 4], clip_to_mask: bool) -> OverlayPicture {
    let bytes = rgba.repeat(size.area() as usize);
    OverlayPicture { key, rect_in_photo: rect, size, rgba: Arc::new(bytes), clip_to_mask }
}

#[test]
fn overlays_lie_where_they_belong_and_are_cut_by_mask_and_split() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(600, 500);
    let ground = [10, 20, 30, 255];
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(size, ground)), 1);
    let mut mask = Plane::new(size);
    for y in 0..500 {
        mask.data[y * 600 + 200..y * 600 + 600].fill(255);
    }
    canvas.set_mask(Some(&mask));
    let style = CanvasStyle { show_mask: false, ..plain() };
    let at = view(20.0, 10.0, 1.0);
    let rect = PixelRect::new(100, 50, 200, 100);
    canvas.set_overlays(vec![overlay(1, rect, PixelSize::new(25, 13), [200, 100, 50, 255], false)]);
    let picture = stage.settle(&mut canvas, &at, &style);
    for (x, y) in [(100, 50), (299, 149), (200, 100)] {
        assert_close(picture.at(x + 20, y + 10), [200, 100, 50, 255], 1);
    }
    for (x, y) in [(99, 50), (300, 149), (200, 49), (200, 150)] {
        assert_eq!(picture.at(x + 20, y + 10), ground);
    }
    canvas.set_overlays(vec![overlay(2, rect, rect.size(), [200, 100, 50, 128], true)]);
    let clipped = stage.settle(&mut canvas, &at, &style);
    assert_close(clipped.at(250 + 20, 100 + 10), [105, 60, 40, 255], 1);
    assert_eq!(clipped.at(150 + 20, 100 + 10), ground);
    let split = CanvasStyle { split_x_in_view: Some(280.0), ..style };
    let split = stage.settle(&mut canvas, &at, &split);
    assert_eq!(split.at(279, 110), ground);
    assert_close(split.at(280, 110), [105, 60, 40, 255], 1);
    let short = OverlayPicture { rgba: Arc::new(vec![1; 5]), ..overlay(3, rect, rect.size(), [1; 4], false) };
    canvas.set_overlays(vec![short]);
    assert_eq!(stage.settle(&mut canvas, &at, &style).at(250, 110), ground, "bytes missing: not drawn, no panic");
}

#[test]
fn a_candidate_looks_like_the_photo_it_will_become() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(1280, 1024);
    let photo = Arc::new(Bytes::new(size, noise));
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let style = plain();
    for scale in [0.41, 1.0, 2.6] {
        canvas.set_photo(Some(photo.clone()), 1);
        canvas.set_overlays(Vec::new());
        let real = stage.settle(&mut canvas, &view(3.0, 4.0, scale), &style);
        canvas.set_photo(Some(flat(size, [0, 0, 0, 255])), 2);
        canvas.set_overlays(vec![OverlayPicture {
            key: 9,
            rect_in_photo: size.rect(),
            size,
            rgba: Arc::new(photo.rgba.clone()),
            clip_to_mask: false,
        }]);
        let laid = stage.settle(&mut canvas, &view(3.0, 4.0, scale), &style);
        for y in 0..SIZE[1] {
            for x in 0..SIZE[0] {
                assert!(close(real.at(x, y), laid.at(x, y), 2), "{x} {y} at {scale}");
            }
        }
    }
}

#[test]
fn an_extension_is_drawn_around_the_photo_and_nothing_outside_the_viewport() {
    let Some(mut stage) = stage() else { return };
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let size = PixelSize::new(200, 150);
    canvas.set_photo(Some(flat(size, [9, 9, 9, 255])), 1);
    canvas.set_canvas(Some(PixelRect::new(-50, 0, 300, 200)));
    // Reaches out of the window on two sides.
    stage.viewport = Some(Rect::from_min_max(pos2(-30.0, -40.0), pos2(330.0, 260.0)));
    let picture = stage.settle(&mut canvas, &view(100.0, 100.0, 1.0), &plain());
    assert_eq!(picture.at(100, 100), [9, 9, 9, 255]);
    assert_eq!((picture.at(49, 120), picture.at(120, 99)), ([0; 4], [0; 4]));
    for (x, y) in [(50, 100), (99, 200), (310, 120), (150, 255)] {
        let added = picture.at(x, y);
        assert!(added[3] == 255 && added != [9, 9, 9, 255] && added[2] > added[0], "{added:?} at {x} {y}");
    }
    assert_eq!((picture.at(331, 120), picture.at(150, 261)), ([0; 4], [0; 4]));
}

#[test]
fn old_pixels_stay_until_new_ones_come_and_another_picture_starts_empty() {
    let Some(mut stage) = stage() else { return };
    let size = PixelSize::new(600, 500);
    let mut canvas = CanvasPainter::new(&stage.render_state);
    let at = view(0.0, 0.0, 1.0);
    canvas.set_photo(Some(flat(size, [50, 60, 70, 255])), 1);
    stage.settle(&mut canvas, &at, &plain());
    canvas.set_photo(Some(flat(size, [150, 60, 70, 255])), 1);
    let (first, is_loading) = stage.frame(&mut canvas, &at, &plain());
    assert!(first.at(20, 20) == [50, 60, 70, 255] || (!is_loading && first.at(20, 20) == [150, 60, 70, 255]));
    let then = stage.settle(&mut canvas, &at, &plain());
    assert!((0..600).all(|x| then.at(x, 300) == [150, 60, 70, 255]));
    canvas.update_photo(flat(size, [0, 255, 0, 255]), PixelRect::new(0, 0, 10, 10));
    let changed = stage.settle(&mut canvas, &at, &plain());
    assert_eq!((changed.at(5, 5), changed.at(590, 20)), ([0, 255, 0, 255], [150, 60, 70, 255]));
    canvas.set_photo(None, 2);
    assert_eq!(stage.settle(&mut canvas, &at, &plain()).at(20, 20), [0; 4]);
}

/// A hundred megapixels that are never stored, and what was asked of them.
#[derive(Default)]
struct Huge {
    asked: Mutex<Vec<(PixelRect, u32)>>,
    pixels: AtomicU64,
}

impl TileSource for Huge {
    fn size(&self) -> PixelSize {
        PixelSize::new(12_000, 8_400)
    }

    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8> {
        self.asked.lock().expect("no panic").push((rect, step));
        let count = u64::from(rect.width.div_ceil(step)) * u64::from(rect.height.div_ceil(step));
        self.pixels.fetch_add(count, Ordering::Relaxed);
        [(rect.x / 64) as u8, (rect.y / 64) as u8, step as u8, 255].repeat(count as usize)
    }
}

#[test]
fn only_what_is_in_view_and_its_neighbourhood_is_read() {
    let Some(mut stage) = stage() else { return };
    let huge = Arc::new(Huge::default());
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(huge.clone()), 1);
    let at = view(-6000.0, -4000.0, 1.0);
    stage.settle(&mut canvas, &at, &plain());
    // Let the neighbourhood come in as well.
    for _ in 0..50 {
        stage.frame(&mut canvas, &at, &plain());
        std::thread::sleep(std::time::Duration::from_millis(4));
    }
    let asked = huge.asked.lock().expect("no panic").clone();
    let in_view = PixelRect::new(6000, 4000, SIZE[0], SIZE[1]);
    let fine: Vec<_> = asked.iter().filter(|(_, step)| *step == 1).collect();
    let visible = fine.iter().filter(|(rect, _)| !rect.grow(-2).intersect(in_view).is_empty()).count();
    assert!((4..=9).contains(&visible), "{visible} tiles in view were read");
    assert!(fine.iter().all(|(rect, _)| !rect.intersect(in_view.grow(520)).is_empty()), "read far from the view");
    assert!(asked.len() <= 5 * 5 + 1 + 9, "{} tiles were read", asked.len());
    let different: HashSet<_> = asked.iter().map(|(rect, step)| (*rect, *step)).collect();
    assert_eq!(different.len(), asked.len(), "a tile was read twice");
    assert!(asked.iter().any(|(_, step)| *step == 32), "the whole photo at its coarsest");
}

#[test]
fn memory_stays_bounded_while_panning_and_zooming_over_100_megapixels() {
    let Some(mut stage) = stage() else { return };
    let huge = Arc::new(Huge::default());
    let bound = 64 << 20;
    let mut canvas = CanvasPainter::with_memory(&stage.render_state, bound, 16 << 20);
    canvas.set_photo(Some(huge.clone()), 1);
    canvas.set_mask(Some(&Plane { size: huge.size(), data: (0..12_000 * 8_400).map(|n| (n >> 3) as u8).collect() }));
    for scale in [1.0, 0.3, 0.07] {
        for n in 0..12 {
            let reach = vec2(12_000.0, 8_400.0) * scale - vec2(700.0, 560.0);
            let origin = Pos2::ZERO - reach * (n as f32 / 11.0);
            stage.settle(&mut canvas, &View { origin_in_view: origin, points_per_pixel: scale }, &plain());
            assert!(canvas.cached_bytes() <= bound + (16 << 20), "{} bytes", canvas.cached_bytes());
        }
    }
    assert!(huge.pixels.load(Ordering::Relaxed) > 64 * 512 * 512, "more was read than fits, so something was thrown out");
}

#[test]
fn nonsense_never_panics() {
    let Some(mut stage) = stage() else { return };
    let mut canvas = CanvasPainter::new(&stage.render_state);
    canvas.set_photo(Some(flat(PixelSize::new(0, 0), [0; 4])), 1);
    stage.settle(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
    canvas.set_photo(Some(flat(PixelSize::new(1, 1), [7; 4])), 2);
    canvas.set_mask(Some(&Plane::new(PixelSize::new(9, 9))));
    canvas.update_mask(&Plane::new(PixelSize::new(1, 1)), PixelRect::new(-5, -5, 900, 900));
    canvas.update_photo(flat(PixelSize::new(3, 3), [7; 4]), PixelRect::new(-5, -5, 900, 900));
    canvas.invalidate_photo(PixelRect::new(i32::MIN / 4, 0, 9, 9));
    for (x, scale) in [(f32::NAN, 1.0), (0.0, 0.0), (0.0, f32::INFINITY), (1e9, 1.0), (-1e8, 900.0), (0.0, 1e-5)] {
        stage.frame(&mut canvas, &view(x, 0.0, scale), &CanvasStyle { pixel_grid: true, ..CanvasStyle::default() });
    }
    stage.viewport = Some(Rect::from_min_max(pos2(9.0, 9.0), pos2(3.0, 3.0)));
    stage.frame(&mut canvas, &view(0.0, 0.0, 1.0), &plain());
}
