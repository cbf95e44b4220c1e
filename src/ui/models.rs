//! Owns the sheet of models: every checkpoint, LoRA, autoencoder and textual inversion that lies on this machine, what
//! each is, and why one can't be used. Called by `window` while it is open; looks for files on a thread, sends commands.

use std::path::PathBuf;

use eframe::egui::{
    self, Align, Context, Id, Label, Layout, Modal, RichText, ScrollArea, TextEdit, Ui, vec2,
};

use super::action::{Action, Pick, Scene};
use super::icons::Icon;
use super::question::Question;
use super::text;
use super::theme::{self, size};
use super::widgets::{self, IconButton};
use crate::app::{Command, Model};
use crate::engine::{MemoryNeeds, ModelChoice, memory_needs};
use crate::models::library::{Entry, EntryKind};
use crate::plan::{GenerateSettings, LoraChoice};

const WIDTH: f32 = 560.0;
/// From so many entries on they can be searched.
const MANY: usize = 8;

/// What was found, and what is searched for.
#[derive(Default)]
pub struct Models {
    question: Question<(), Found>,
    found: Option<Found>,
    search: String,
}

struct Found {
    /// With what each model needs to run.
    entries: Vec<(Entry, Option<MemoryNeeds>)>,
    places: Vec<PathBuf>,
}

/// What choosing an entry changes, and how it stands now.
struct Chosen {
    settings: GenerateSettings,
    /// The checkpoint, if one is chosen.
    folder: Option<PathBuf>,
}

/// Shows the sheet. True when it is to be closed.
pub fn show(models: &mut Models, ctx: &Context, scene: &mut Scene<'_>) -> bool {
    models.look(ctx, scene);
    let room = ctx.content_rect().size();
    let frame = theme::floating(theme::palette(ctx)).inner_margin(egui::Margin::same(22));
    let mut is_closed = false;
    let modal = Modal::new(Id::unique("models"))
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(WIDTH.min(room.x - 70.0));
            ui.set_max_height(room.y - 80.0);
            widgets::tick_look(ui);
            ui.horizontal(|ui| {
                let palette = theme::palette(ui.ctx());
                let title = RichText::new(text::MODELS).font(theme::semibold(16.0));
                ui.label(title.color(palette.text));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    is_closed = IconButton::new(Icon::Close, text::CLOSE).show(ui).clicked();
                });
            });
            widgets::small(ui, text::MODELS_LINE);
            ui.add_space(8.0);
            if models
                .found
                .as_ref()
                .is_some_and(|f| f.entries.len() > MANY)
            {
                let field = TextEdit::singleline(&mut models.search)
                    .hint_text(text::MODELS_SEARCH)
                    .desired_width(f32::INFINITY);
                ui.add(field).accessible_name(text::MODELS_SEARCH);
                ui.add_space(6.0);
            }
            ScrollArea::vertical()
                .max_height((room.y - 260.0).max(80.0))
                .auto_shrink([false, true])
                .show(ui, |ui| list(ui, models, scene));
            ui.add_space(12.0);
            ui.horizontal(|ui| {
                for (words, pick) in [
                    (text::MODELS_FILE, Pick::ModelFile),
                    (text::MODELS_FOLDER, Pick::Model),
                ] {
                    let button = egui::Button::new(words).min_size(vec2(72.0, theme::CONTROL));
                    if ui.add(button).clicked() {
                        scene.ask(Action::Pick(pick));
                        is_closed = true;
                    }
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    is_closed |= widgets::accent_button(ui, text::PREF_DONE).clicked();
                });
            });
        });
    is_closed || modal.should_close()
}

impl Models {
    fn look(&mut self, ctx: &Context, scene: &Scene<'_>) {
        if self.question.is_new(&()) {
            let library = scene.app.library();
            self.question.ask((), ctx, move |_| {
                let needs = |entry: &Entry| {
                    let is_usable = entry.model.as_ref().is_some_and(|m| m.usable);
                    is_usable.then(|| memory_needs(&entry.path).ok()).flatten()
                };
                let entries = library.list().into_iter();
                Found {
                    entries: entries
                        .map(|entry| {
                            let needs = needs(&entry);
                            (entry, needs)
                        })
                        .collect(),
                    places: library.places().into_iter().map(|p| p.path).collect(),
                }
            });
        }
        if let Some((_, found)) = self.question.answer() {
            self.found = Some(found);
        }
    }

    fn is_wanted(&self, entry: &Entry) -> bool {
        let search = self.search.trim().to_lowercase();
        let path = entry.path.display().to_string().to_lowercase();
        entry.name.to_lowercase().contains(&search) || path.contains(&search)
    }
}

fn list(ui: &mut Ui, models: &Models, scene: &mut Scene<'_>) {
    let Some(found) = &models.found else {
        ui.horizontal(|ui| {
            ui.add(egui::Spinner::new().size(14.0));
            widgets::small(ui, text::MODELS_LOOKING);
        });
        return;
    };
    let chosen = Chosen {
        settings: scene.app.generate_settings().clone(),
        folder: match scene.app.model() {
            Model::Checkpoint { folder, .. } => Some(folder.clone()),
            Model::Exemplar | Model::Erase => None,
        },
    };
    ui.spacing_mut().item_spacing.y = 2.0;
    widgets::section(ui, text::SECTION_MODEL, |_| {});
    if ui
        .radio(chosen.folder.is_none(), text::EXEMPLAR)
        .on_hover_text(text::NO_WORDS_TITLE)
        .clicked()
    {
        scene.send(Command::ChooseModel(ModelChoice::Exemplar));
    }
    widgets::small(ui, text::EXEMPLAR_LINE);
    ui.add_space(6.0);
    let mut last = EntryKind::Model;
    for (entry, needs) in found.entries.iter().filter(|e| models.is_wanted(&e.0)) {
        if entry.kind != last {
            last = entry.kind;
            widgets::divider(ui);
            widgets::section(ui, text::entry_kind(entry.kind), |_| {});
        }
        card(ui, (entry, needs.as_ref()), &chosen, scene);
    }
    if found.entries.is_empty() {
        widgets::small(ui, text::MODELS_NONE);
    }
    widgets::divider(ui);
    let places: Vec<String> = found
        .places
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    widgets::small(ui, text::models_places(&places));
}

/// Name with what chooses it, and a line that says what it is or why it can't be used.
fn card(
    ui: &mut Ui,
    (entry, needs): (&Entry, Option<&MemoryNeeds>),
    chosen: &Chosen,
    scene: &mut Scene<'_>,
) {
    let why_not = chosen.why_not(entry);
    let is_on = chosen.has(entry);
    let name = RichText::new(&entry.name).size(size::BODY);
    let response = ui
        .add_enabled_ui(why_not.is_none(), |ui| {
            if entry.kind == EntryKind::Model {
                return ui.radio(is_on, name);
            }
            let mut is_ticked = is_on;
            ui.checkbox(&mut is_ticked, name)
        })
        .inner
        .on_hover_text(entry.path.display().to_string());
    if response.clicked() {
        if entry.kind == EntryKind::Model {
            scene.state.is_model_being_read = true;
        }
        scene.send(chosen.toggled(entry));
    }
    widgets::small(ui, text::entry_line(entry));
    if let Some(needs) = needs {
        widgets::small(ui, text::memory_needs(needs));
    }
    if let Some(why) = why_not {
        let palette = theme::palette(ui.ctx());
        let why = RichText::new(why).font(theme::regular(size::SMALL));
        ui.add(Label::new(why.color(palette.warning)).wrap());
    }
    ui.add_space(6.0);
}

impl Chosen {
    fn has(&self, entry: &Entry) -> bool {
        let additions = &self.settings.additions;
        let is_it = |path: &PathBuf| *path == entry.path;
        match entry.kind {
            EntryKind::Model => self.folder.as_ref().is_some_and(is_it),
            EntryKind::Lora => additions.loras.iter().any(|l| is_it(&l.file)),
            EntryKind::Embedding => additions.embeddings.iter().any(is_it),
            EntryKind::Vae => additions.vae.as_ref().is_some_and(is_it),
        }
    }

    fn why_not(&self, entry: &Entry) -> Option<String> {
        match &entry.model {
            Some(info) => info.why_not.clone(),
            None if self.folder.is_none() => Some(text::MODELS_NEED_CHECKPOINT.to_owned()),
            None => None,
        }
    }

    /// The command that a click on an entry means.
    fn toggled(&self, entry: &Entry) -> Command {
        let mut settings = self.settings.clone();
        let additions = &mut settings.additions;
        let (path, is_on) = (entry.path.clone(), self.has(entry));
        match entry.kind {
            EntryKind::Model => return Command::ChooseModel(ModelChoice::Folder(path)),
            EntryKind::Lora if is_on => additions.loras.retain(|l| l.file != path),
            EntryKind::Lora => additions.loras.push(LoraChoice {
                file: path,
                weight: 1.0,
            }),
            EntryKind::Embedding if is_on => additions.embeddings.retain(|e| *e != path),
            EntryKind::Embedding => additions.embeddings.push(path),
            EntryKind::Vae => additions.vae = (!is_on).then_some(path),
        }
        Command::EditSettings(Box::new(settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::library::Origin;

    fn entry(kind: EntryKind, path: &str) -> Entry {
        Entry {
            kind,
            name: "thing".to_owned(),
            path: PathBuf::from(path),
            origin: Origin::Own,
            program: None,
            bytes: 5_000_000,
            model: None,
        }
    }

    #[test]
    fn a_click_adds_and_another_takes_away_again() {
        let mut chosen = Chosen {
            settings: GenerateSettings::default(),
            folder: Some(PathBuf::from("model")),
        };
        let click = |chosen: &mut Chosen, entry: &Entry| match chosen.toggled(entry) {
            Command::EditSettings(settings) => chosen.settings = *settings,
            other => panic!("{other:?}"),
        };
        let lora = entry(EntryKind::Lora, "a.safetensors");
        let vae = entry(EntryKind::Vae, "v.safetensors");
        click(&mut chosen, &lora);
        click(&mut chosen, &vae);
        click(&mut chosen, &entry(EntryKind::Embedding, "e.pt"));
        assert!(chosen.has(&lora) && chosen.has(&vae));
        assert_eq!(chosen.settings.additions.loras[0].weight, 1.0);
        click(&mut chosen, &lora);
        click(&mut chosen, &vae);
        let additions = &chosen.settings.additions;
        assert!(additions.loras.is_empty() && additions.vae.is_none());
        assert_eq!(additions.embeddings.len(), 1);
    }

    #[test]
    fn additions_wait_for_a_checkpoint() {
        let chosen = Chosen {
            settings: GenerateSettings::default(),
            folder: None,
        };
        assert!(chosen.why_not(&entry(EntryKind::Lora, "a")).is_some());
    }
}
