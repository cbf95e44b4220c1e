//! Owns what `inlay bench canvas` prints: each figure beside the bound that it must keep and what the bound follows from.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Report {
    pub adapter: String,
    /// Physical pixels.
    pub window: [u32; 2],
    pub photos: Vec<PhotoReport>,
}

#[derive(Debug, Serialize)]
pub struct PhotoReport {
    pub width: u32,
    pub height: u32,
    pub figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    /// The median where there are several.
    pub value: f64,
    /// Of several: the 99th percentile.
    pub p99: Option<f64>,
    pub bound: Option<f64>,
    /// What the bound follows from, or what the figure means.
    pub note: &'static str,
}

impl Figure {
    pub fn new(name: &'static str, unit: &'static str, value: f64) -> Self {
        Self {
            name,
            unit,
            value,
            p99: None,
            bound: None,
            note: "",
        }
    }

    /// Median and 99th percentile, in milliseconds.
    pub fn times(name: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times
                .get(index.min(times.len().saturating_sub(1)))
                .map_or(0.0, |t| ms(*t))
        };
        Self {
            p99: Some(at(0.99)),
            ..Self::new(name, "ms", at(0.5))
        }
    }

    pub fn mib(name: &'static str, bytes: u64) -> Self {
        Self::new(name, "MiB", bytes as f64 / f64::from(1 << 20))
    }

    #[must_use]
    pub fn bound(self, bound: f64, note: &'static str) -> Self {
        Self {
            bound: Some(bound),
            note,
            ..self
        }
    }

    #[must_use]
    pub fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Report {
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{}, window of {} × {} px\n",
            self.adapter, self.window[0], self.window[1]
        );
        for photo in &self.photos {
            let megapixels = f64::from(photo.width) * f64::from(photo.height) / 1e6;
            let _ = writeln!(
                text,
                "\n{megapixels:.0} megapixels ({} × {})\n{:<34} {:>10} {:>10} {:>10}",
                photo.width, photo.height, "", "median", "p99", "bound"
            );
            for figure in &photo.figures {
                let cell = |value: Option<f64>| {
                    value.map_or_else(String::new, |value| format!("{value:.2}"))
                };
                let mark = match figure.bound {
                    Some(bound) if figure.value > bound => "over",
                    _ => "",
                };
                let line = format!(
                    "{:<34} {:>10} {:>10} {:>10} {:<4} {mark:<4} {}",
                    figure.name,
                    cell(Some(figure.value)),
                    cell(figure.p99),
                    cell(figure.bound),
                    figure.unit,
                    figure.note
                );
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        text.trim_end().to_owned()
    }
}
