//! Owns opening, saving and recovery. Called by `dispatch` and, when a thread is done, by `poll`.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::io::with_result;
use crate::app::open::{self, Opened};
use crate::app::recipe;
use crate::app::state::{App, AppEvent, NoticeKind};
use crate::document::{Document, Orphan};
use crate::photo::{self, EncodeOptions, Photo, Recipe};
use crate::settings::Settings;

/// The picture of the first start; made by this project (assets/README.md).
const SAMPLE: &[u8] = include_bytes!("../../../assets/sample.jpg");

/// Where a picture without a file is offered a place: the person's pictures, else their home, else here.
fn pictures_folder() -> PathBuf {
    let home = etcetera::home_dir().unwrap_or_default();
    let pictures = home.join("Pictures");
    if pictures.is_dir() { pictures } else { home }
}

impl App {
    pub(crate) fn open(&mut self, path: PathBuf) {
        self.opening = Some(path.clone());
        self.io.open(path, self.journals());
    }

    pub(crate) fn open_sample(&mut self) {
        self.opening = Some(PathBuf::from("sample.jpg"));
        self.io.open_bytes(Cow::Borrowed(SAMPLE), self.journals());
    }

    pub(super) fn journals(&self) -> Option<PathBuf> {
        let paths = self.options.paths.as_ref();
        paths
            .filter(|_| self.options.keep_journal)
            .map(crate::app::Paths::journals_dir)
    }

    pub(crate) fn on_opened(&mut self, path: Option<PathBuf>, result: Result<Box<Opened>, String>) {
        self.opening = None;
        match result {
            Ok(opened) => {
                self.close_document();
                let mut document = opened.document;
                document.set_history_budget(self.settings.history_mib as usize * (1 << 20));
                self.document = Some(document);
                for warning in opened.warnings {
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

    /// The document goes in peace: what was not saved was asked about before. Its journal goes with it.
    pub fn close_document(&mut self) {
        self.cancel();
        self.candidates.clear();
        self.end_object();
        self.forget_stitch();
        if let Some(mut document) = self.document.take()
            && let Some(journal) = document.take_journal()
        {
            journal.discard();
        }
    }

    // --- recovery ---------------------------------------------------------------------------------------------------

    /// Looks for documents of crashed runs; they appear in `recoverable`.
    pub fn look_for_crashes(&mut self) {
        if let Some(journals) = self.journals() {
            self.io.find_orphans(journals);
        }
    }

    pub(crate) fn on_orphans(&mut self, orphans: Vec<Orphan>) {
        self.recoverable = orphans;
        self.out.push(AppEvent::CrashesFound);
    }

    pub(crate) fn recover(&mut self, index: usize) {
        if index < self.recoverable.len() {
            let orphan = self.recoverable.remove(index);
            self.opening = Some(PathBuf::from(&orphan.name));
            self.io.recover(orphan);
        }
    }

    pub(crate) fn forget_crash(&mut self, index: usize) {
        if index < self.recoverable.len()
            && let Err(error) = self.recoverable.remove(index).discard()
        {
            self.notify(NoticeKind::Warning, error.to_string());
        }
    }

    // --- saving -----------------------------------------------------------------------------------------------------

    /// To the given file, or back to the document's own. The ending `inlay` makes it a project.
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
        let content = document.content_number();
        if open::is_project(&path) {
            self.io.save_project(document.to_project(), path, content);
            return;
        }
        let fills = document.fills().iter().map(AsRef::as_ref);
        let options = self.encode_options(recipe::of_fills(fills));
        let photo = Arc::clone(document.photo());
        self.io.save(photo, path, content, options);
    }

    /// Writes a candidate without accepting it.
    pub(crate) fn save_candidate(&mut self, index: usize, path: PathBuf) {
        let (Some(candidate), Some(document)) = (self.candidates.get(index), &self.document) else {
            return;
        };
        let result = Arc::clone(&candidate.result);
        let canvas = document.canvas();
        let frame = candidate
            .made_for
            .basis
            .frame
            .translate(-canvas.x, -canvas.y);
        let photo = Arc::clone(document.photo());
        let made = super::candidates::recipe(candidate);
        let options = self.encode_options(Some(recipe::of_fill(&made)));
        self.saving = true;
        self.io.save_result(photo, result, frame, path, options);
    }

    /// Compares the picture with a result in it, or with its edits, with what it was.
    pub(crate) fn save_heat_map(&mut self, candidate: Option<usize>, path: PathBuf) {
        let Some(document) = &self.document else {
            return;
        };
        let canvas = document.canvas();
        let photo = Arc::clone(document.photo());
        let chosen = candidate.and_then(|index| self.candidates.get(index));
        self.saving = true;
        if let Some(candidate) = chosen {
            let frame = candidate.made_for.basis.frame;
            let frame = frame.translate(-canvas.x, -canvas.y);
            let result = Arc::clone(&candidate.result);
            self.io.save_heat_map(path, move || {
                let before = photo.reframed(frame)?;
                Ok((before, with_result(&photo, &result, frame)?))
            });
        } else {
            let base = Arc::clone(document.base());
            self.io.save_heat_map(path, move || {
                Ok((base.reframed(canvas)?, Photo::clone(&photo)))
            });
        }
    }

    fn encode_options(&self, recipe: Option<Recipe>) -> EncodeOptions {
        let options = self.options.encode.clone();
        EncodeOptions {
            recipe: recipe.filter(|_| self.settings.keep_recipe),
            strip_metadata: options.strip_metadata || self.settings.strip_metadata,
            ..options
        }
    }

    pub(crate) fn save_mask(&mut self, path: PathBuf) {
        if let Some(document) = &self.document {
            self.saving = true;
            self.io.save_mask(Arc::clone(document.mask()), path);
        }
    }

    /// A file name to offer for Save as: beside the original, never an existing one.
    pub fn suggested_output(&self) -> Option<PathBuf> {
        let document = self.document.as_ref()?;
        Some(match document.path() {
            Some(path) if open::is_project(path) => {
                photo::default_output(&path.with_extension("png"), "filled")
            }
            Some(path) => photo::default_output(path, "filled"),
            None => photo::free_path(&pictures_folder().join("sample-filled.jpg")),
        })
    }

    /// The same for a project.
    pub fn suggested_project(&self) -> Option<PathBuf> {
        let document = self.document.as_ref()?;
        let path = document
            .path()
            .map_or_else(|| pictures_folder().join("untitled"), PathBuf::from);
        Some(path.with_extension(open::PROJECT_ENDING))
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
                    // A picture written from a project is a copy: Save goes on writing the project.
                    let is_project = document.path().is_some_and(open::is_project);
                    if !is_project || open::is_project(&path) {
                        document.mark_saved(path.clone(), content);
                    }
                    Settings::remember(&mut self.settings.recent_files, &path);
                    self.keep_settings();
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

    /// Tells once when the journal can't be kept any more.
    pub(crate) fn watch_journal(&mut self) {
        let failure = self
            .document
            .as_mut()
            .and_then(Document::journal_mut)
            .and_then(crate::document::Journal::take_failure);
        if let Some(failure) = failure {
            let text = format!("The recovery journal can't be kept, so save often: {failure}");
            self.notify(NoticeKind::Warning, text);
        }
    }
}
