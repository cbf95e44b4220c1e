//! Owns opening and saving. Called by `dispatch` and, when a thread is done, by `poll`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::state::{App, AppEvent, NoticeKind};
use crate::document::Document;
use crate::photo::{self, Decoded};
use crate::settings::Settings;

/// The picture of the first start; made by this project (assets/README.md).
const SAMPLE: &[u8] = include_bytes!("../../../assets/sample.jpg");

impl App {
    pub(crate) fn open(&mut self, path: PathBuf) {
        self.opening = Some(path.clone());
        self.io.open(path);
    }

    pub(crate) fn open_sample(&mut self) {
        self.opening = Some(PathBuf::from("sample.jpg"));
        self.io.open_bytes(SAMPLE);
    }

    pub(crate) fn on_opened(
        &mut self,
        path: Option<PathBuf>,
        result: Result<Box<Decoded>, String>,
    ) {
        self.opening = None;
        match result {
            Ok(decoded) => {
                self.cancel();
                self.candidates.clear();
                self.document = Some(Document::new(decoded.photo, path.clone()));
                for warning in decoded.warnings {
                    self.notify(NoticeKind::Warning, warning);
                }
                if let Some(path) = path {
                    Settings::remember(&mut self.settings.recent_files, &path);
                    self.keep_settings();
                }
                self.out.push(AppEvent::PhotoOpened);
            }
            Err(error) => {
                self.notify(NoticeKind::Error, error.clone());
                self.out.push(AppEvent::OpenFailed(error));
            }
        }
    }

    /// To the given file, or back to the document's own.
    pub(crate) fn save(&mut self, path: Option<PathBuf>) {
        let Some(document) = &self.document else {
            return;
        };
        let target = path.or_else(|| document.path().map(PathBuf::from));
        let Some(path) = target else {
            self.notify(
                NoticeKind::Info,
                "This picture has no file yet: choose Save as",
            );
            return;
        };
        self.saving = true;
        let (photo, content) = (Arc::clone(document.photo()), document.content_number());
        self.io.save(photo, path, content, self.options.encode.clone());
    }

    /// Writes a candidate without accepting it.
    pub(crate) fn save_candidate(&mut self, index: usize, path: PathBuf) {
        let (Some(candidate), Some(document)) = (self.candidates.get(index), &self.document) else {
            return;
        };
        let result = Arc::clone(&candidate.result);
        let canvas = document.canvas();
        let frame = candidate.made_for.basis.frame.translate(-canvas.x, -canvas.y);
        let photo = Arc::clone(document.photo());
        self.saving = true;
        self.io
            .save_result(photo, result, frame, path, self.options.encode.clone());
    }

    /// A file name to offer for Save as: beside the original, never an existing one.
    pub fn suggested_output(&self) -> Option<PathBuf> {
        let document = self.document.as_ref()?;
        Some(match document.path() {
            Some(path) => photo::default_output(path, "filled"),
            None => PathBuf::from("sample-filled.jpg"),
        })
    }

    pub(crate) fn on_saved(
        &mut self,
        path: PathBuf,
        content: Option<u64>,
        result: Result<Vec<String>, String>,
    ) {
        self.saving = false;
        match result {
            Ok(warnings) => {
                if let (Some(document), Some(content)) = (&mut self.document, content) {
                    document.mark_saved(path.clone(), content);
                }
                self.notify(NoticeKind::Info, format!("Saved {}", path.display()));
                for warning in &warnings {
                    self.notify(NoticeKind::Warning, warning.clone());
                }
                self.out.push(AppEvent::Saved { path, warnings });
            }
            Err(error) => {
                self.notify(NoticeKind::Error, error.clone());
                self.out.push(AppEvent::SaveFailed(error));
            }
        }
    }
}
