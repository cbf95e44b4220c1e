//! Owns the bench on which the window is tested: a photo, a harness, and hands that click, type and drag. Used by `main`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use inlay::app::AppOptions;
use inlay::photo::Samples;
use inlay::ui::Window;

pub const SIZE: [u32; 2] = [160, 120];

/// A soft texture with a dark spot in the middle.
pub fn photo(folder: &Path) -> PathBuf {
    let picture = image::RgbImage::from_fn(SIZE[0], SIZE[1], |x, y| {
        let wave = ((x as f32 * 0.4).sin() + (y as f32 * 0.3).cos()) * 18.0;
        let spot = (x as f32 - 80.0).hypot(y as f32 - 60.0) < 12.0;
        let base = if spot { 30.0 } else { 150.0 + wave };
        image::Rgb([base as u8, (base * 0.8) as u8, (base * 0.6) as u8])
    });
    let path = folder.join("photo.png");
    picture.save(&path).expect("written");
    path
}

pub struct Bench {
    pub harness: Harness<'static, Window>,
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self::sized(vec2(1280.0, 820.0), 1.0)
    }

    pub fn sized(size: Vec2, pixels_per_point: f32) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let path = photo(folder.path());
        let mut bench = Self::start(folder, Some(path), size, pixels_per_point);
        bench.wait("the photo", |window| window.app().document().is_some());
        bench
    }

    pub fn start(
        folder: tempfile::TempDir,
        photo: Option<PathBuf>,
        size: Vec2,
        pixels_per_point: f32,
    ) -> Self {
        Self::start_with(AppOptions::default(), folder, photo, size, pixels_per_point)
    }

    pub fn start_with(
        options: AppOptions,
        folder: tempfile::TempDir,
        photo: Option<PathBuf>,
        size: Vec2,
        pixels_per_point: f32,
    ) -> Self {
        let harness = Harness::builder()
            .with_size(size)
            .with_pixels_per_point(pixels_per_point)
            .with_max_steps(60)
            .build_eframe(|cc| Window::new(cc, options, photo).expect("a window"));
        Self { harness, folder }
    }

    pub fn window(&self) -> &Window {
        self.harness.state()
    }

    /// Runs frames until `done`, or fails after a minute.
    pub fn wait(&mut self, what: &str, done: impl Fn(&Window) -> bool) {
        let started = Instant::now();
        while !done(self.window()) {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "waited too long for {what}"
            );
            std::thread::sleep(Duration::from_millis(5));
            self.harness.step();
        }
        self.harness.run();
    }

    pub fn at(&self, x: f32, y: f32) -> Pos2 {
        self.window()
            .on_screen(x, y, self.harness.ctx.pixels_per_point())
            .expect("a viewport")
    }

    pub fn button(
        &mut self,
        pos: Pos2,
        button: PointerButton,
        pressed: bool,
        modifiers: Modifiers,
    ) {
        self.harness.event(Event::PointerMoved(pos));
        self.harness.event(Event::PointerButton {
            pos,
            button,
            pressed,
            modifiers,
        });
        self.harness.run();
    }

    /// Drags a button along photo positions.
    pub fn drag(&mut self, button: PointerButton, modifiers: Modifiers, points: &[(f32, f32)]) {
        let points: Vec<Pos2> = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        self.button(points[0], button, true, modifiers);
        for at in &points {
            self.harness.event(Event::PointerMoved(*at));
        }
        self.harness.run();
        let last = *points.last().expect("a point");
        self.button(last, button, false, modifiers);
    }

    pub fn paint_spot(&mut self) {
        self.drag(
            PointerButton::Primary,
            Modifiers::NONE,
            &[(70.0, 60.0), (80.0, 58.0), (90.0, 62.0)],
        );
    }

    pub fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run();
    }

    pub fn keys(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run();
    }

    /// Frames without waiting for rest, and then until no job runs.
    pub fn settle(&mut self) {
        let started = Instant::now();
        for _ in 0..6 {
            self.harness.step();
        }
        while !self.window().app().jobs().is_empty() || self.window().app().is_searching() {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "a job never ends"
            );
            std::thread::sleep(Duration::from_millis(5));
            self.harness.step();
        }
        self.harness.step();
    }

    /// A click as a mouse makes it: there first, then down and up at once.
    pub fn click_at(&mut self, pos: Pos2) {
        self.harness.event(Event::PointerMoved(pos));
        self.harness.step();
        for pressed in [true, false] {
            self.harness.event(Event::PointerButton {
                pos,
                button: PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            });
        }
        self.harness.run();
    }

    pub fn samples(&self) -> Vec<u8> {
        match &self
            .window()
            .app()
            .document()
            .expect("a photo")
            .photo()
            .samples
        {
            Samples::U8(samples) => samples.clone(),
            Samples::U16(_) => panic!("an 8-bit photo was opened"),
        }
    }

    pub fn painted(&self) -> usize {
        let document = self.window().app().document().expect("a photo");
        document
            .mask()
            .plane
            .data
            .iter()
            .filter(|value| **value > 0)
            .count()
    }

    /// The colour on the screen at a photo pixel, once it satisfies `done` (tiles arrive from threads).
    pub fn drawn(&mut self, x: f32, y: f32, done: impl Fn([u8; 3]) -> bool) -> [u8; 3] {
        let started = Instant::now();
        loop {
            let at = self.at(x, y);
            self.harness.step();
            let picture = self.harness.render().expect("a picture");
            let [red, green, blue, _] = picture.get_pixel(at.x as u32, at.y as u32).0;
            let color = [red, green, blue];
            if done(color) || started.elapsed() > Duration::from_secs(30) {
                return color;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn generate(&mut self) {
        self.click("Generate");
        self.wait("a result", |window| {
            !window.app().candidates().is_empty() && window.app().jobs().is_empty()
        });
    }
}
