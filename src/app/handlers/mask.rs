//! Owns painting and changing the mask. Called by `dispatch`.

use std::path::PathBuf;

use crate::app::state::{App, AppEvent, NoticeKind};
use crate::mask::{Mask, StrokeBrush};

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

    pub(crate) fn begin_stroke(&mut self, x: f32, y: f32, erase: bool, pressure: f32) {
        let brush = StrokeBrush {
            diameter: self.settings.brush_diameter_px,
            hardness: self.settings.brush_hardness,
            erase,
        };
        if let Some(document) = &mut self.document {
            document.begin_stroke((x, y), brush, pressure);
        }
    }

    pub(crate) fn continue_stroke(&mut self, x: f32, y: f32, pressure: f32) {
        if let Some(document) = &mut self.document {
            document.continue_stroke((x, y), pressure);
        }
    }

    pub(crate) fn end_stroke(&mut self) {
        if let Some(document) = &mut self.document {
            document.end_stroke();
        }
    }

    pub(crate) fn cancel_stroke(&mut self) {
        if let Some(document) = &mut self.document {
            document.cancel_stroke();
        }
    }

    pub(crate) fn change_mask(&mut self, label: &'static str, change: impl FnOnce(&mut Mask)) {
        if let Some(document) = &mut self.document {
            let mut mask = Mask::clone(document.mask());
            change(&mut mask);
            document.set_mask(label, mask);
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
                    document.set_mask("loaded mask", mask);
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
            document.set_mask("mask from transparency", mask);
            self.out.push(AppEvent::MaskLoaded);
        } else {
            let text = "this photo has no transparent pixels to fill";
            self.notify(NoticeKind::Info, text);
            self.out.push(AppEvent::MaskFailed(text.to_owned()));
        }
    }
}
