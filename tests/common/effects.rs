//! Measures the stitch on simulated diffusion fills of photos: |ln seam| with each stage on and off.

use std::fmt;
use std::path::Path;

use inlay::compose::{CropMasks, StitchCache, StitchOptions};
use inlay::geometry::PixelSize;
use inlay::quality;
use inlay::raster::{Plane, RgbF32};

use super::fills::{Random, blurred, from_elsewhere, hard_masks, mixed, soft_masks, with_drift};

/// Larger photos are measured on their middle.
const MIDDLE: (u32, u32) = (900, 700);

pub struct Report {
    /// Fill, case, and |ln seam| by stage.
    rows: Vec<(&'static str, String, Vec<f64>)>,
}

fn stages() -> [(&'static str, StitchOptions); 6] {
    let (full, paste) = (StitchOptions::default(), StitchOptions::PASTE);
    [
        ("paste", paste),
        (
            "colour",
            StitchOptions {
                color_match: 1.0,
                ..paste
            },
        ),
        (
            "+ seam",
            StitchOptions {
                color_match: 1.0,
                seam: 1.0,
                ..paste
            },
        ),
        ("+ sharp", StitchOptions { grain: 0.0, ..full }),
        ("full", full),
        (
            "no sharp",
            StitchOptions {
                sharpness: 0.0,
                ..full
            },
        ),
    ]
}

impl Report {
    fn index(stage: &str) -> usize {
        stages().iter().position(|s| s.0 == stage).expect("a stage")
    }

    fn values(&self, fill: Option<&str>, stage: usize) -> Vec<f64> {
        let chosen = self.rows.iter().filter(|r| fill.is_none_or(|f| f == r.0));
        chosen.map(|r| r.2[stage]).collect()
    }

    /// Median |ln seam| over all diffusion-like fills.
    pub fn median(&self, stage: &str) -> f64 {
        median(self.values(None, Self::index(stage)))
    }

    /// Share of cases that the full stitch makes worse than pasting by more than 2 %.
    pub fn worse_share(&self) -> f64 {
        self.worse().len() as f64 / self.rows.len().max(1) as f64
    }

    fn worse(&self) -> Vec<&(&'static str, String, Vec<f64>)> {
        let (paste, full) = (Self::index("paste"), Self::index("full"));
        self.rows
            .iter()
            .filter(|r| r.2[full] > r.2[paste] + 0.02)
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "median |ln seam|  ")?;
        for (name, _) in stages() {
            write!(f, "{name:>9}")?;
        }
        let mut fills: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !fills.contains(&row.0) {
                fills.push(row.0);
            }
        }
        for fill in fills.iter().map(|f| Some(*f)).chain([None]) {
            write!(f, "\n{:<18}", fill.unwrap_or("all"))?;
            for stage in 0..stages().len() {
                write!(f, "{:>9.3}", median(self.values(fill, stage)))?;
            }
        }
        write!(
            f,
            "\nworse by more than 2 %: {} of {}",
            self.worse().len(),
            self.rows.len()
        )?;
        for (fill, case, values) in self.worse() {
            write!(f, "\n  {fill} {case}: {values:.3?}")?;
        }
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

pub fn measure(folder: &Path) -> Report {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "png" || e == "jpg"))
        .collect();
    files.sort();
    let mut report = Report { rows: Vec::new() };
    for (number, path) in files.iter().enumerate() {
        let mut picture = image::open(path).expect("a photo").to_rgb8();
        let (width, height) = picture.dimensions();
        if width.max(height) > 1600 {
            let (x, y) = ((width - MIDDLE.0) / 2, (height - MIDDLE.1) / 2);
            picture = image::imageops::crop_imm(&picture, x, y, MIDDLE.0, MIDDLE.1).to_image();
        }
        let size = PixelSize::new(picture.width(), picture.height());
        let truth = RgbF32::from_rgb8(size, &picture.into_raw());
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        for (index, (kind, hole)) in quality::mask_kinds(size).into_iter().enumerate() {
            let mut random = Random((number * 8 + index) as u64);
            for (fill, result, masks) in fills(&truth, &hole, &mut random) {
                let scores = score_stages(&truth, &result, &masks, &hole);
                report.rows.push((fill, format!("{name} {kind}"), scores));
            }
        }
    }
    report
}

/// What diffusion models do to a photo: the whole crop redrawn (colours drift, detail and grain are lost), the same with
/// a further shift in the hole, with other content, at half the resolution; and known pixels pasted back beforehand.
pub fn fills(
    truth: &RgbF32,
    hole: &Plane,
    random: &mut Random,
) -> Vec<(&'static str, RgbF32, CropMasks)> {
    let columns = || (0..hole.width()).filter(|x| (0..hole.height()).any(|y| hole.get(*x, y) > 0));
    let rows = || (0..hole.height()).filter(|y| (0..hole.width()).any(|x| hole.get(x, *y) > 0));
    let span = |first: Option<usize>, last: Option<usize>| last.unwrap_or(0) - first.unwrap_or(0);
    let long =
        span(columns().next(), columns().next_back()).max(span(rows().next(), rows().next_back()));
    let soft = soft_masks(hole, (long as u32 / 16).clamp(4, 24), 8);
    let hard = hard_masks(hole);
    let mut redrawn = |picture: &RgbF32, sigma| with_drift(&blurred(picture, sigma), random, 0.04);
    let vae = redrawn(truth, 0.9);
    let half = redrawn(truth, 1.6);
    let base = redrawn(truth, 0.9);
    let kept = mixed(truth, &redrawn(truth, 0.9), hole);
    let shifted = mixed(&base, &with_drift(&base, random, 0.05), &soft.denoise);
    let other = from_elsewhere(truth, &soft.denoise, random);
    let other = with_drift(&blurred(&other, 0.9), random, 0.04);
    vec![
        ("redrawn", vae, soft.clone()),
        ("hole shifted", shifted, soft.clone()),
        ("half size", half, soft.clone()),
        ("other content", other, soft),
        ("known pasted", kept, hard),
    ]
}

fn score_stages(truth: &RgbF32, result: &RgbF32, masks: &CropMasks, hole: &Plane) -> Vec<f64> {
    let cache = StitchCache::prepare(truth, result, masks, 7).expect("sizes agree");
    stages()
        .iter()
        .map(|(_, options)| {
            let flat = cache.apply(options).flatten(truth);
            let stored = RgbF32::from_rgb8(flat.size, &flat.to_rgb8());
            quality::seam(truth, &stored, hole).visibility()
        })
        .collect()
}
