//! Owns the kinds of holes that benchmarks cut. Called by `cli` and benches. The same size, kind and index give the same
//! hole on every machine (no trigonometry is compared at equality, only thresholds well apart).

use super::random::Random;
use crate::geometry::PixelSize;
use crate::raster::Plane;

/// A kind of hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An irregular blob, 8–25 % of the picture wide: something removed.
    Object,
    /// A gently bent stroke across the picture, 4–9 % thick: a power line's pole, a path.
    Band,
    /// Thin wiggly lines, 1–5 px: damage.
    Scratches,
    /// All of one side, 10–25 % deep: an extension.
    Border,
    /// Rows of thin strokes the size of letters: a date stamp, a watermark.
    Text,
}

/// All kinds, in the order of tables.
pub const KINDS: [Kind; 5] = [
    Kind::Object,
    Kind::Band,
    Kind::Scratches,
    Kind::Border,
    Kind::Text,
];

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Band => "band",
            Self::Scratches => "scratches",
            Self::Border => "border",
            Self::Text => "text",
        }
    }
}

/// One hole of every kind, 255 inside.
pub fn mask_kinds(size: PixelSize) -> Vec<(&'static str, Plane)> {
    KINDS
        .iter()
        .map(|kind| (kind.name(), mask_kind(*kind, size, 0)))
        .collect()
}

/// The `index`-th hole of a kind for a picture of this size. Never empty unless the size is; never the whole picture
/// unless that is tiny.
pub fn mask_kind(kind: Kind, size: PixelSize, index: u64) -> Plane {
    let mut plane = Plane::new(size);
    if size.is_empty() {
        return plane;
    }
    let seed = (u64::from(size.width) << 32 | u64::from(size.height)) ^ (index << 8) ^ kind as u64;
    let mut random = Random::new(seed);
    match kind {
        Kind::Object => object(&mut plane, &mut random),
        Kind::Band => band(&mut plane, &mut random),
        Kind::Scratches => scratches(&mut plane, &mut random),
        Kind::Border => border(&mut plane, &mut random),
        Kind::Text => text(&mut plane, &mut random),
    }
    if plane.data.iter().all(|v| *v == 0) {
        plane.set(plane.width() / 2, plane.height() / 2, 255);
    }
    plane
}

fn sides(plane: &Plane) -> (f64, f64) {
    (plane.width() as f64, plane.height() as f64)
}

/// A closed curve r(angle) = radius · (1 + a few random harmonics), stretched.
fn object(plane: &mut Plane, random: &mut Random) {
    let (width, height) = sides(plane);
    let radius = random.range(0.08, 0.25) * width.min(height) / 2.0;
    let harmonics: Vec<(f64, f64)> = (2..6)
        .map(|k| {
            let turn = random.range(0.0, std::f64::consts::TAU);
            (random.range(0.0, 0.5 / f64::from(k)), turn)
        })
        .collect();
    let aspect = random.range(0.7, 1.4);
    let (cx, cy) = (
        random.range(0.15, 0.85) * width,
        random.range(0.15, 0.85) * height,
    );
    for y in 0..plane.height() {
        for x in 0..plane.width() {
            let (dx, dy) = ((x as f64 - cx) / aspect, (y as f64 - cy) * aspect);
            let angle = dy.atan2(dx);
            let reach: f64 = harmonics
                .iter()
                .zip(2..)
                .map(|((size, turn), k)| size * (f64::from(k) * angle + turn).cos())
                .sum();
            if dx.hypot(dy) <= radius * (1.0 + reach) {
                plane.set(x, y, 255);
            }
        }
    }
}

fn band(plane: &mut Plane, random: &mut Random) {
    let (width, height) = sides(plane);
    let thick = random.range(0.04, 0.09) * width.max(height);
    let mut point = || (random.range(0.05, 0.95), random.range(0.05, 0.95));
    let a = point();
    let mut b = point();
    for _ in 0..32 {
        if (a.0 - b.0).hypot(a.1 - b.1) >= 0.5 {
            break;
        }
        b = point();
    }
    let bend = random.range(-0.15, 0.15);
    let at = |t: f64| {
        let arch = bend * (std::f64::consts::PI * t).sin();
        (
            (a.0 + (b.0 - a.0) * t + arch * (b.1 - a.1)) * width,
            (a.1 + (b.1 - a.1) * t - arch * (b.0 - a.0)) * height,
        )
    };
    let mut last = at(0.0);
    for step in 1..=60 {
        let next = at(f64::from(step) / 60.0);
        stroke(plane, last, next, thick);
        last = next;
    }
}

fn scratches(plane: &mut Plane, random: &mut Random) {
    let (width, height) = sides(plane);
    for _ in 0..3 + random.below(7) {
        let thick = (1 + random.below(5)) as f64;
        let mut at = (random.range(0.0, width), random.range(0.0, height));
        let (mut heading, mut turn) = (random.range(0.0, std::f64::consts::TAU), 0.0);
        for _ in 0..60 + random.below(140) {
            turn = 0.9 * turn + random.range(-0.05, 0.05);
            heading += turn;
            let next = (at.0 + 4.0 * heading.cos(), at.1 + 4.0 * heading.sin());
            stroke(plane, at, next, thick);
            at = next;
        }
    }
}

fn border(plane: &mut Plane, random: &mut Random) {
    let (width, height) = (plane.width(), plane.height());
    let share = random.range(0.10, 0.25);
    let side = random.below(4);
    let (dx, dy) = (
        (share * width as f64) as usize,
        (share * height as f64) as usize,
    );
    for y in 0..height {
        for x in 0..width {
            let inside = match side {
                0 => y < dy,
                1 => y >= height - dy,
                2 => x < dx,
                _ => x >= width - dx,
            };
            if inside {
                plane.set(x, y, 255);
            }
        }
    }
}

/// Each letter is two to four strokes between the nine points of a 3 × 3 grid.
fn text(plane: &mut Plane, random: &mut Random) {
    let (width, height) = sides(plane);
    let tall = (random.range(0.03, 0.06) * width.max(height)).max(6.0);
    let (wide, thick) = (tall * 0.6, (tall / 8.0).max(1.0));
    let rows = 1 + random.below(3);
    let letters = 6 + random.below(12);
    let left = random.range(0.03, 0.3) * width;
    let top = random.range(0.05, 0.8) * height;
    for row in 0..rows {
        for letter in 0..letters {
            if random.below(6) == 0 {
                continue;
            }
            let (x, y) = (
                left + letter as f64 * wide * 1.4,
                top + row as f64 * tall * 1.6,
            );
            for _ in 0..2 + random.below(3) {
                let mut corner = || {
                    (
                        x + random.below(3) as f64 * wide / 2.0,
                        y + random.below(3) as f64 * tall / 2.0,
                    )
                };
                let (from, to) = (corner(), corner());
                stroke(plane, from, to, thick);
            }
        }
    }
}

/// A straight stroke with round ends; parts outside the picture are cut.
fn stroke(plane: &mut Plane, a: (f64, f64), b: (f64, f64), thick: f64) {
    let half = (thick / 2.0).max(0.5);
    let clip = |low: f64, high: f64, len: usize| {
        let from = (low - half).floor().clamp(0.0, len as f64) as usize;
        let to = ((high + half).ceil() + 1.0).clamp(0.0, len as f64) as usize;
        from..to
    };
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).max(1e-12);
    for y in clip(a.1.min(b.1), a.1.max(b.1), plane.height()) {
        for x in clip(a.0.min(b.0), a.0.max(b.0), plane.width()) {
            let (px, py) = (x as f64 - a.0, y as f64 - a.1);
            let t = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
            if (px - t * dx).hypot(py - t * dy) <= half {
                plane.set(x, y, 255);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_fits_every_size() {
        for size in [(1, 1), (3, 90), (200, 7), (640, 480)] {
            let size = PixelSize::new(size.0, size.1);
            for kind in KINDS {
                for index in 0..4 {
                    let plane = mask_kind(kind, size, index);
                    assert_eq!(plane.data.len() as u64, size.area());
                    assert!(plane.data.contains(&255), "{kind:?} {size}");
                    assert_eq!(plane, mask_kind(kind, size, index));
                }
            }
        }
    }

    #[test]
    fn holes_leave_most_of_a_photo() {
        for kind in KINDS {
            for index in 0..8 {
                let plane = mask_kind(kind, PixelSize::new(768, 512), index);
                let share = plane.data.iter().filter(|v| **v > 0).count() as f64 / (768.0 * 512.0);
                assert!(share < 0.3 && share > 0.0005, "{kind:?} {index}: {share}");
            }
        }
    }
}
