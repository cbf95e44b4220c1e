//! Owns preferences that outlive a session: theme, brush, last model and device. Plain versioned data with lenient
//! reading: a broken or newer file gives defaults and is kept aside, never an error at start. Used by app.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Raised when a field changes meaning.
const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub version: u32,
    pub theme: Theme,
    /// In canvas pixels.
    pub brush_diameter_px: f32,
    /// 0 = soft to the middle, 1 = a hard edge.
    pub brush_hardness: f32,
    pub mask_color: [u8; 3],
    /// 0–1.
    pub mask_opacity: f32,
    /// A checkpoint's folder; none is exemplar.
    pub model_folder: Option<PathBuf>,
    /// `auto`, `cpu`, `gpu`, …
    pub device: String,
    pub recent_files: Vec<PathBuf>,
    pub recent_models: Vec<PathBuf>,
    /// The hint of the first start was acted on.
    pub has_filled_once: bool,
    pub ui_scale: f32,
    /// No moving lines in the window.
    pub reduced_motion: bool,
    /// Saved pictures tell how they were made.
    pub keep_recipe: bool,
    /// Saved pictures carry no metadata but the colour profile.
    pub strip_metadata: bool,
    /// Memory that undo may take, in MiB.
    pub history_mib: u32,
    /// Seconds for a megapixel and step, by model and device, as measured.
    pub speeds: BTreeMap<String, f64>,
    /// The panel at the right, in points; none is its own width.
    pub panel_width: Option<f32>,
    pub window: Option<WindowPlace>,
}

/// Where the window was, in points.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowPlace {
    /// None where the system does not say (Wayland).
    pub position: Option<[f32; 2]>,
    /// Of the inside.
    pub size: [f32; 2],
    pub is_maximized: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: VERSION,
            theme: Theme::System,
            brush_diameter_px: 80.0,
            brush_hardness: 0.8,
            mask_color: [255, 64, 96],
            mask_opacity: 0.5,
            model_folder: None,
            device: "auto".to_owned(),
            recent_files: Vec::new(),
            recent_models: Vec::new(),
            has_filled_once: false,
            ui_scale: 1.0,
            reduced_motion: false,
            keep_recipe: true,
            strip_metadata: false,
            history_mib: 1024,
            speeds: BTreeMap::new(),
            panel_width: None,
            window: None,
        }
    }
}

/// Recent entries kept.
const RECENT: usize = 12;

impl Settings {
    /// Reads preferences; anything unreadable gives defaults (the old file is renamed to `.bad`).
    pub fn load(file: &Path) -> Self {
        let Ok(text) = std::fs::read_to_string(file) else {
            return Self::default();
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(settings) if settings.version <= VERSION => settings.in_range(),
            _ => {
                let _ = std::fs::rename(file, file.with_extension("json.bad"));
                Self::default()
            }
        }
    }

    /// Writes beside the file and renames, so that a crash leaves the old one.
    pub fn save(&self, file: &Path) -> std::io::Result<()> {
        let dir = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir)?;
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer_pretty(&mut temporary, self)?;
        temporary.flush()?;
        temporary.persist(file)?;
        Ok(())
    }

    /// Puts a path at the front of a list of recent ones.
    pub fn remember(list: &mut Vec<PathBuf>, path: &Path) {
        list.retain(|other| other != path);
        list.insert(0, path.to_owned());
        list.truncate(RECENT);
    }

    /// The same with wild values put right.
    #[must_use]
    pub fn in_range(mut self) -> Self {
        let default = Self::default();
        let or = |value: f32, low: f32, high: f32, other: f32| {
            if value.is_finite() {
                value.clamp(low, high)
            } else {
                other
            }
        };
        self.brush_diameter_px = or(
            self.brush_diameter_px,
            1.0,
            2000.0,
            default.brush_diameter_px,
        );
        self.brush_hardness = or(self.brush_hardness, 0.0, 1.0, default.brush_hardness);
        self.mask_opacity = or(self.mask_opacity, 0.1, 1.0, default.mask_opacity);
        self.speeds
            .retain(|_, speed| speed.is_finite() && *speed > 0.0);
        self.ui_scale = or(self.ui_scale, 0.5, 4.0, 1.0);
        self.history_mib = self.history_mib.clamp(64, 65_536);
        self.panel_width = self.panel_width.map(|width| or(width, 280.0, 640.0, 316.0));
        self.window = self.window.filter(|place| {
            let is_sane = |v: f32, low: f32| v.is_finite() && v >= low && v <= 32_768.0;
            place.size.iter().all(|side| is_sane(*side, 100.0))
                && place
                    .position
                    .is_none_or(|at| at.iter().all(|v| is_sane(*v, -32_768.0)))
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_keeps_everything_and_a_broken_file_gives_defaults() {
        let dir = tempfile::tempdir().expect("dir");
        let file = dir.path().join("settings.json");
        let settings = Settings {
            brush_diameter_px: 12.5,
            theme: Theme::Dark,
            ..Settings::default()
        };
        settings.save(&file).expect("saved");
        assert_eq!(Settings::load(&file), settings);
        std::fs::write(&file, "{ not json").expect("written");
        assert_eq!(Settings::load(&file), Settings::default());
        assert!(file.with_extension("json.bad").exists());
    }

    #[test]
    fn unknown_fields_and_wild_values_are_tolerated() {
        let dir = tempfile::tempdir().expect("dir");
        let file = dir.path().join("settings.json");
        std::fs::write(&file, r#"{"version":1,"brush_hardness":7.0,"future":true}"#)
            .expect("written");
        assert_eq!(Settings::load(&file).brush_hardness, 1.0);
    }
}
