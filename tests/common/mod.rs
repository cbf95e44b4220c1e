//! Helpers for tests that run the program: a folder of its own, pictures made on the spot, and what it said.
#![allow(dead_code)] // each test file uses its own part

pub mod tiny_model;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};

/// A temporary folder that is also Inlay's home, so that no test sees or changes the user's.
pub struct Sandbox {
    pub dir: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `inlay` here with arguments split at blanks.
    pub fn inlay(&self, arguments: &str) -> Output {
        self.inlay_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub fn inlay_with(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_inlay"))
            .args(arguments)
            .current_dir(self.dir.path())
            .env("INLAY_HOME", self.dir.path().join("home"))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .expect("inlay runs")
    }

    /// Saves a picture and returns it.
    pub fn save(&self, name: &str, picture: DynamicImage) -> DynamicImage {
        picture.save(self.path(name)).expect("saved");
        picture
    }

    pub fn load(&self, name: &str) -> DynamicImage {
        image::open(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts success and shows what was said otherwise.
pub fn succeed(output: &Output) {
    assert!(
        output.status.success(),
        "exit {:?}: {}",
        output.status.code(),
        stderr(output)
    );
}

/// A value with texture and a trend, different in each channel: 0–65535.
fn value(x: u32, y: u32, channel: u32) -> u16 {
    let noise = (x.wrapping_mul(73_856_093)
        ^ y.wrapping_mul(19_349_663)
        ^ channel.wrapping_mul(83_492_791))
        >> 7;
    let wave = f64::from(x + channel * 9).sin() * 4000.0 + f64::from(y).cos() * 3000.0;
    (20_000.0 + f64::from(x + y) * 60.0 + wave + f64::from(noise % 2500)) as u16
}

pub fn rgb8(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|c| (value(x, y, c) >> 8) as u8))
    })
    .into()
}

pub fn rgb16(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|c| value(x, y, c)))).into()
}

/// Alpha is partly transparent away from the middle.
pub fn rgba8(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        let [r, g, b] = [0, 1, 2].map(|c| (value(x, y, c) >> 8) as u8);
        Rgba([r, g, b, if x < 5 { 100 } else { 255 }])
    })
    .into()
}

pub fn rgba16(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        let [r, g, b] = [0, 1, 2].map(|c| value(x, y, c));
        Rgba([r, g, b, if x < 5 { 30_000 } else { u16::MAX }])
    })
    .into()
}

pub fn gray8(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, y| Luma([(value(x, y, 0) >> 8) as u8])).into()
}

pub fn gray16(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, y| Luma([value(x, y, 0)])).into()
}

pub fn gray_alpha8(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        LumaA([(value(x, y, 0) >> 8) as u8, 255])
    })
    .into()
}

/// White inside the rectangle `[x, y, width, height]`.
pub fn mask(width: u32, height: u32, [mx, my, mw, mh]: [u32; 4]) -> DynamicImage {
    GrayImage::from_fn(width, height, |x, y| {
        Luma([
            if (mx..mx + mw).contains(&x) && (my..my + mh).contains(&y) {
                255
            } else {
                0
            },
        ])
    })
    .into()
}

/// Samples of the pixel, in the picture's own depth.
pub fn samples(picture: &DynamicImage, x: u32, y: u32) -> Vec<u16> {
    let channels = picture.color().channel_count() as usize;
    let at = (y * picture.width() + x) as usize * channels;
    let bytes = picture.as_bytes();
    if picture.color().bytes_per_pixel() as usize == channels {
        bytes[at..at + channels]
            .iter()
            .map(|v| u16::from(*v))
            .collect()
    } else {
        bytes[at * 2..(at + channels) * 2]
            .chunks(2)
            .map(|v| u16::from_ne_bytes([v[0], v[1]]))
            .collect()
    }
}

/// Writes bytes and returns the path as text.
pub fn write(path: &Path, bytes: &[u8]) -> String {
    std::fs::write(path, bytes).expect("written");
    path.to_string_lossy().into_owned()
}
