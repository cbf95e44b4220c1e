//! Owns painting and changing the mask, and dragging the canvas's edges. Called by `dispatch`.

use std::path::PathBuf;

use crate::app::state::{App, AppEvent, NoticeKind};
use crate::mask::{Mask, StrokeBrush};
use crate::plan::Extension;

const BRUSH_RANGE_PX: std::ops::RangeInclusive<f32> = 1.0..=2000.0;

impl App {
    pub(crate) fn set_brush(&mut self, diameter_px: f32, hardness: f32) {
        if diameter_px.is_finite() && hardness.is_finite() {
            self.settings.brush_diameter_px =
                diameter_px.clamp(*BRUSH_RANGE_PX.start(), *BRUSH_RANGE_PX.end());
            self.settings.brush_hardness = hardness.clamp(0.0, 1.0);
        }
    }

    pub(crate) fn scale_brush(&mut self, factor: f32) {
        let old = self.settings.brush_diameter_px;
        // Small brushes change by whole pixels at least.
        let step = (old * (factor - 1.0)).abs().max(1.0) * (factor - 1.0).signum();
        self.set_brush(old + step, self.settings.brush_hardness);
    }

    pub(crate) fn begin_stroke(&mut self, x: f32, y: f32, erase: bool) {
        let brush = StrokeBrush {
            diameter: self.settings.brush_diameter_px,
            hardness: self.settings.brush_hardness,
            erase,
        };
        if let Some(document) = &mut self.document {
            document.begin_stroke((x, y), brush);
        }
    }

    pub(crate) fn continue_stroke(&mut self, x: f32, y: f32) {
        if let Some(document) = &mut self.document {
            document.continue_stroke((x, y));
        }
    }

    pub(crate) fn end_stroke(&mut self) {
        if let Some(document) = &mut self.document {
            document.end_stroke();
        }
    }

    pub(crate) fn change_mask(&mut self, change: impl FnOnce(&mut Mask)) {
        if let Some(document) = &mut self.document {
            let mut mask = Mask::clone(document.mask());
            change(&mut mask);
            document.set_mask(mask);
        }
    }

    pub(crate) fn load_mask(&mut self, path: PathBuf) {
        if let Some(document) = &self.document {
            self.io.load_mask(path, document.size());
        }
    }

    pub(crate) fn on_mask_loaded(&mut self, result: Result<Mask, String>) {
        match result {
            Ok(mask) => {
                if let Some(document) = &mut self.document {
                    document.set_mask(mask);
                }
                self.out.push(AppEvent::MaskLoaded);
            }
            Err(error) => {
                self.notify(NoticeKind::Error, error.clone());
                self.out.push(AppEvent::MaskFailed(error));
            }
        }
    }

    pub(crate) fn mask_from_transparency(&mut self) {
        let Some(document) = &mut self.document else {
            return;
        };
        if let Some(mask) = document.photo().transparency() {
            document.set_mask(mask);
            self.out.push(AppEvent::MaskLoaded);
        } else {
            let text = "this photo has no transparent pixels to fill";
            self.notify(NoticeKind::Info, text);
            self.out.push(AppEvent::MaskFailed(text.to_owned()));
        }
    }

    pub(crate) fn preview_extension(&mut self, extension: Extension) {
        if let Some(document) = &mut self.document
            && extension.canvas_size(document.size()).is_ok()
        {
            document.preview_extension(extension);
        }
    }

    pub(crate) fn commit_extension(&mut self, before: Extension) {
        if let Some(document) = &mut self.document {
            document.commit_extension(before);
        }
    }

    pub(crate) fn set_extension(&mut self, extension: Extension) {
        let Some(document) = &mut self.document else {
            return;
        };
        if let Err(error) = extension.canvas_size(document.size()) {
            self.notify(NoticeKind::Error, error.to_string());
            return;
        }
        let before = document.extension();
        document.preview_extension(extension);
        document.commit_extension(before);
    }
}
