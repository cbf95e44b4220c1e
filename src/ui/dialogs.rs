//! Owns the system's file dialogs, which run on their own thread, and the question about unsaved changes. Used by
//! `window`. Must never read or write a file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use eframe::egui::{self, Align, Context, Id, Layout, Modal, RichText, vec2};
use rfd::AsyncFileDialog;

use super::action::{Answer, Pick};
use super::text;
use super::theme::{self, size};
use super::widgets;
use crate::app::PROJECT_ENDING;

/// File endings that can be opened.
const READABLE: [&str; 11] = [
    "jpg",
    "jpeg",
    "png",
    "webp",
    "tif",
    "tiff",
    "bmp",
    "qoi",
    "gif",
    "jfif",
    PROJECT_ENDING,
];
/// File endings that can be written.
const WRITABLE: [&str; 8] = ["jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "qoi"];
/// Nobody cancels a dialog this fast: the system has none to show.
const TOO_QUICK: Duration = Duration::from_millis(120);

/// How a dialog ended.
#[derive(Debug)]
pub enum Picked {
    Path(Pick, PathBuf),
    /// Closed without choosing.
    Nothing,
    /// The system could not show one: the path has to be typed.
    NoDialog(Pick),
}

/// At most one dialog at a time.
pub struct Dialogs {
    sender: Sender<Picked>,
    receiver: Receiver<Picked>,
    is_open: bool,
}

impl Default for Dialogs {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self {
            sender,
            receiver,
            is_open: false,
        }
    }
}

impl Dialogs {
    /// Opens a dialog; the answer comes through `next`. `suggestion` is a file to start from.
    pub fn open(
        &mut self,
        pick: Pick,
        suggestion: Option<&Path>,
        frame: &eframe::Frame,
        ctx: &Context,
    ) {
        if self.is_open {
            return;
        }
        self.is_open = true;
        let mut dialog = AsyncFileDialog::new().set_parent(frame);
        if let Some(folder) = suggestion
            .and_then(Path::parent)
            .filter(|f| f.is_absolute())
        {
            dialog = dialog.set_directory(folder);
        }
        // Made here (macOS wants the main thread), waited for elsewhere.
        let future: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> =
            match pick {
                Pick::Photo => {
                    Box::pin(pictures(dialog.set_title(text::DIALOG_OPEN), &READABLE).pick_file())
                }
                Pick::Mask => {
                    Box::pin(pictures(dialog.set_title(text::DIALOG_MASK), &READABLE).pick_file())
                }
                Pick::Model => Box::pin(dialog.set_title(text::DIALOG_MODEL).pick_folder()),
                Pick::ModelFile => Box::pin(
                    dialog
                        .set_title(text::DIALOG_MODEL_FILE)
                        .add_filter(text::FILTER_MODELS, &MODEL_ENDINGS)
                        .add_filter(text::FILTER_ALL, &["*"])
                        .pick_file(),
                ),
                Pick::SaveAs
                | Pick::SaveResult
                | Pick::SaveProject
                | Pick::SaveMask
                | Pick::SaveHeatMap => {
                    if let Some(name) = suggestion.and_then(Path::file_name) {
                        dialog = dialog.set_file_name(name.to_string_lossy());
                    }
                    dialog = dialog.set_title(title(pick));
                    Box::pin(
                        match pick {
                            Pick::SaveProject => {
                                dialog.add_filter(text::FILTER_PROJECT, &[PROJECT_ENDING])
                            }
                            Pick::SaveMask | Pick::SaveHeatMap => {
                                dialog.add_filter(text::FILTER_MASK, &["png"])
                            }
                            _ => pictures(dialog, &WRITABLE),
                        }
                        .save_file(),
                    )
                }
            };
        let sender = self.sender.clone();
        let ctx = ctx.clone();
        std::thread::spawn(move || {
            let started = Instant::now();
            let picked = match pollster::block_on(future) {
                Some(file) => Picked::Path(pick, file.path().to_owned()),
                None if started.elapsed() < TOO_QUICK => Picked::NoDialog(pick),
                None => Picked::Nothing,
            };
            let _ = sender.send(picked);
            ctx.request_repaint();
        });
    }

    pub fn next(&mut self) -> Option<Picked> {
        let picked = self.receiver.try_recv().ok()?;
        self.is_open = false;
        Some(picked)
    }
}

/// What single-file checkpoints end in.
const MODEL_ENDINGS: [&str; 2] = ["safetensors", "ckpt"];

/// A dropped file that is meant as a model.
pub fn is_model_file(path: &Path) -> bool {
    path.extension()
        .and_then(std::ffi::OsStr::to_str)
        .is_some_and(|ending| MODEL_ENDINGS.iter().any(|e| ending.eq_ignore_ascii_case(e)))
}

fn pictures(dialog: AsyncFileDialog, endings: &[&str]) -> AsyncFileDialog {
    dialog
        .add_filter(text::FILTER_PICTURES, endings)
        .add_filter(text::FILTER_ALL, &["*"])
}

fn title(pick: Pick) -> &'static str {
    match pick {
        Pick::Photo => text::DIALOG_OPEN,
        Pick::Mask => text::DIALOG_MASK,
        Pick::Model => text::DIALOG_MODEL,
        Pick::ModelFile => text::DIALOG_MODEL_FILE,
        Pick::SaveAs | Pick::SaveResult => text::DIALOG_SAVE,
        Pick::SaveProject => text::DIALOG_PROJECT,
        Pick::SaveMask => text::DIALOG_SAVE_MASK,
        Pick::SaveHeatMap => text::DIALOG_HEAT_MAP,
    }
}

/// A file that is to be written need not be there.
fn writes(pick: Pick) -> bool {
    !matches!(
        pick,
        Pick::Photo | Pick::Mask | Pick::Model | Pick::ModelFile
    )
}

/// A path that is typed because the system has no file dialog.
pub struct TypedPath {
    pub pick: Pick,
    pub path: String,
    is_first_frame: bool,
    is_there: bool,
}

impl TypedPath {
    pub fn new(pick: Pick, suggestion: Option<&Path>) -> Self {
        let path = suggestion.map_or_else(String::new, |path| path.display().to_string());
        Self {
            pick,
            is_there: Path::new(&path).exists(),
            path,
            is_first_frame: true,
        }
    }

    /// Shows the field over everything. None while nothing is chosen.
    pub fn ask(&mut self, ctx: &Context) -> Option<Picked> {
        let palette = theme::palette(ctx);
        let title = title(self.pick);
        let action = match (writes(self.pick), self.is_there) {
            (false, _) => text::TYPED_OPEN,
            (true, true) => text::TYPED_REPLACE,
            (true, false) => text::ASK_SAVE,
        };
        let frame = theme::floating(palette).inner_margin(egui::Margin::same(22));
        let modal = Modal::new(Id::unique("typed path"))
            .frame(frame)
            .show(ctx, |ui| {
                ui.set_width(420.0);
                ui.label(
                    RichText::new(title)
                        .font(theme::semibold(16.0))
                        .color(palette.text),
                );
                widgets::small(ui, text::TYPED_WHY);
                ui.add_space(4.0);
                let field = egui::TextEdit::singleline(&mut self.path).desired_width(f32::INFINITY);
                let field = ui.add(field).accessible_name(text::TYPED_PATH);
                if std::mem::take(&mut self.is_first_frame) {
                    field.request_focus();
                }
                if field.changed() {
                    self.is_there = Path::new(self.path.trim()).exists();
                }
                let is_entered =
                    field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
                ui.add_space(12.0);
                let mut answer = None;
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let is_ready =
                        !self.path.trim().is_empty() && (writes(self.pick) || self.is_there);
                    let is_clicked = ui
                        .add_enabled_ui(is_ready, |ui| widgets::accent_button(ui, action))
                        .inner
                        .clicked();
                    if (is_clicked || is_entered) && is_ready {
                        answer = Some(Picked::Path(self.pick, PathBuf::from(self.path.trim())));
                    }
                    let cancel =
                        egui::Button::new(text::ASK_CANCEL).min_size(vec2(84.0, theme::CONTROL));
                    if ui.add(cancel).clicked() {
                        answer = Some(Picked::Nothing);
                    }
                });
                answer
            });
        if modal.inner.is_none() && modal.should_close() {
            Some(Picked::Nothing)
        } else {
            modal.inner
        }
    }
}

/// "Save changes?" over everything. None while nothing is chosen.
pub fn ask_to_save(ctx: &Context, name: &str, is_saving: bool) -> Option<Answer> {
    let palette = theme::palette(ctx);
    let frame = theme::floating(palette).inner_margin(egui::Margin::same(22));
    let modal = Modal::new(Id::unique("ask to save"))
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(360.0);
            ui.label(
                RichText::new(text::ask_title(name))
                    .font(theme::semibold(16.0))
                    .color(palette.text),
            );
            ui.add_space(2.0);
            ui.add(
                egui::Label::new(RichText::new(text::ASK_BODY).color(palette.text_muted)).wrap(),
            );
            ui.add_space(14.0);
            let mut answer = None;
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if is_saving {
                    ui.label(
                        RichText::new(text::SAVING)
                            .font(theme::regular(size::BODY))
                            .color(palette.text_muted),
                    );
                    ui.add(egui::Spinner::new().size(16.0).color(palette.text_muted));
                    return;
                }
                if widgets::accent_button(ui, text::ASK_SAVE).clicked() {
                    answer = Some(Answer::Save);
                }
                let quiet = |label: &'static str| {
                    egui::Button::new(label).min_size(vec2(84.0, theme::CONTROL))
                };
                if ui.add(quiet(text::ASK_CANCEL)).clicked() {
                    answer = Some(Answer::Cancel);
                }
                if ui.add(quiet(text::ASK_DONT_SAVE)).clicked() {
                    answer = Some(Answer::DontSave);
                }
            });
            answer
        });
    if modal.inner.is_none() && !is_saving && modal.should_close() {
        return Some(Answer::Cancel);
    }
    modal.inner
}
