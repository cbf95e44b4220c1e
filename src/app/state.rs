//! Owns the state that front ends read: document, tool, settings, the running job, candidates, notices. Changed only by
//! `dispatch` and `poll`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::handlers::{ObjectStrokes, Search, Stitching};
use super::io::{Io, IoEvent};
use super::paths::Paths;
use super::tool::Tool;
use crate::compose::StitchOptions;
use crate::document::{Basis, Document, FillMask, Orphan};
use crate::engine::{
    DEFAULT_TRAIN_TIMESTEPS, DeviceChoice, Engine, EngineError, EngineOptions, JobEvent, JobId,
    JobResult, ModelChoice, ModelSummary, Precision,
};
use crate::geometry::PixelRect;
use crate::mask::Combine;
use crate::models::library::Surroundings;
use crate::photo::EncodeOptions;
use crate::plan::{Extension, GenerateSettings, ModelFrame};
use crate::raster::RgbF32;
use crate::select::WandOptions;
use crate::settings::Settings;

/// The chosen model.
#[derive(Debug, Clone)]
pub enum Model {
    Exemplar,
    /// Exemplar without its noise: at once, and always the same.
    Erase,
    Checkpoint {
        folder: PathBuf,
        summary: ModelSummary,
    },
}

impl Model {
    pub fn choice(&self) -> ModelChoice {
        match self {
            Self::Exemplar => ModelChoice::Exemplar,
            Self::Erase => ModelChoice::Erase,
            Self::Checkpoint { folder, .. } => ModelChoice::Folder(folder.clone()),
        }
    }

    pub fn frame(&self) -> ModelFrame {
        match self {
            Self::Exemplar | Self::Erase => ModelFrame::EXEMPLAR,
            Self::Checkpoint { summary, .. } => summary.frame,
        }
    }

    pub fn max_steps(&self) -> u32 {
        match self {
            Self::Exemplar | Self::Erase => DEFAULT_TRAIN_TIMESTEPS,
            Self::Checkpoint { summary, .. } => summary.max_steps,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Exemplar => "Exemplar",
            Self::Erase => "Erase",
            Self::Checkpoint { summary, .. } => &summary.name,
        }
    }

    /// Exemplar knows no words.
    pub fn reads_prompts(&self) -> bool {
        matches!(self, Self::Checkpoint { .. })
    }
}

/// How far a job is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// 0–1 of the whole job.
    pub fraction: f32,
    pub stage: &'static str,
    pub done: usize,
    pub total: usize,
    pub crop: usize,
    pub crops: usize,
    pub remaining: Option<Duration>,
}

/// A job that waits or runs.
#[derive(Debug)]
pub struct Job {
    pub id: JobId,
    /// Jobs of one press of Generate have the same number.
    pub run: u64,
    pub seed: u64,
    pub extension: Extension,
    pub made_for: Arc<MadeFor>,
    pub then: Then,
    pub is_running: bool,
    pub is_cancelling: bool,
    pub progress: Progress,
    /// The unfinished picture and where it belongs on the extended canvas. Raised in number with every change.
    pub preview: Option<(PixelRect, Arc<RgbF32>)>,
    pub preview_number: u64,
}

/// What happens to a job's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// A person looks at it and decides.
    Choose,
    /// It becomes an edit at once.
    Accept,
}

/// What the jobs of one run were made for, and by what.
#[derive(Debug, Clone)]
pub struct MadeFor {
    pub basis: Basis,
    /// The mask at the start, new canvas included.
    pub mask: FillMask,
    pub mask_revision: u64,
    /// As chosen, whatever their seed.
    pub settings: GenerateSettings,
    pub model: String,
    pub model_folder: Option<PathBuf>,
    pub model_hash: Option<String>,
    pub device: DeviceChoice,
    /// What time grows with: denoising steps, 1 for models without.
    pub steps: u32,
}

/// A finished result that waits for a decision.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub id: JobId,
    pub run: u64,
    pub seed: u64,
    pub extension: Extension,
    pub made_for: Arc<MadeFor>,
    /// The document's revision up to which its result still fits.
    pub revision: u64,
    pub result: Arc<JobResult>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    Info,
    Warning,
    Error,
}

/// Something to read that goes away.
#[derive(Debug, Clone)]
pub struct Notice {
    pub number: u64,
    pub kind: NoticeKind,
    pub text: String,
}

/// What happened since the last `poll`, for front ends that wait for something.
#[derive(Debug)]
pub enum AppEvent {
    PhotoOpened,
    OpenFailed(String),
    MaskLoaded,
    MaskFailed(String),
    ModelChosen,
    ModelFailed(String),
    JobStarted(JobId),
    JobStage(&'static str),
    JobStep(Progress),
    JobWarning(String),
    /// A candidate is in `App::candidates`.
    JobFinished(JobId),
    JobFailed {
        id: JobId,
        error: Box<EngineError>,
    },
    JobCancelled(JobId),
    /// What was to be erased is gone: one step of history.
    Erased,
    Saved {
        path: PathBuf,
        warnings: Vec<String>,
    },
    SaveFailed(String),
    /// Documents of crashed runs are in `App::recoverable`.
    CrashesFound,
    /// A search in the picture is over.
    Selected,
}

/// What an `App` is started with.
#[derive(Default)]
pub struct AppOptions {
    /// None: nothing is read from or written to the user's folders.
    pub paths: Option<Paths>,
    /// Read preferences at start and write them when they change (the window; not the command line).
    pub keep_preferences: bool,
    /// Write a recovery journal for every document (the window; not the command line).
    pub keep_journal: bool,
    /// Inlay's own program file, which probes devices in a child process.
    pub program: Option<PathBuf>,
    pub encode: EncodeOptions,
    /// See `plan::PlanSettings`.
    pub whole: bool,
    /// The model's own picture instead of a stitched one.
    pub raw: bool,
    pub blend_px: Option<u32>,
    /// How results are put back; none is the model's default.
    pub stitch: Option<StitchOptions>,
    /// Bytes that a checkpoint may take at most; none leaves it to the device.
    pub memory_limit: Option<u64>,
    /// Reports carry hashes of the pixels that were left alone.
    pub hash_untouched: bool,
    /// Where models are looked for; none is this machine's own places.
    pub library: Option<Surroundings>,
}

/// The one state.
pub struct App {
    pub(super) options: AppOptions,
    pub(super) settings: Settings,
    pub(super) document: Option<Document>,
    pub(super) tool: Tool,
    pub(super) overlap_px: u32,
    pub(super) combine: Combine,
    pub(super) wand: WandOptions,
    pub(super) object: ObjectStrokes,
    pub(super) searching: Option<Search>,
    pub(super) stitching: Option<Stitching>,
    pub(super) recoverable: Vec<Orphan>,
    /// Hash of the chosen model's weights, once it is known.
    pub(super) model_hash: Option<(PathBuf, String)>,
    pub(super) generate: GenerateSettings,
    pub(super) model: Model,
    pub(super) device: DeviceChoice,
    pub(super) precision: Precision,
    pub(super) jobs: VecDeque<Job>,
    /// Erasures that ended while a stroke was being drawn: they wait for its end.
    pub(super) late: Vec<JobEvent>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) shown: usize,
    pub(super) notices: VecDeque<Notice>,
    pub(super) next_number: u64,
    pub(super) opening: Option<PathBuf>,
    pub(super) saving: bool,
    pub(super) out: Vec<AppEvent>,
    // Dropped before the engine, so that the worker is never in the middle of a send nobody will read.
    pub(super) job_events: Receiver<JobEvent>,
    pub(super) engine: Engine,
    pub(super) io: Io,
}

impl App {
    /// `wake` is called from background threads whenever `poll` has something to do.
    pub fn new(
        options: AppOptions,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(wake);
        let engine_options = EngineOptions {
            state_dir: options.paths.as_ref().map(|p| p.state_dir.clone()),
            cache_dir: options.paths.as_ref().map(|p| p.cache_dir.clone()),
            probe_program: options.program.clone(),
        };
        let engine_wake = Arc::clone(&wake);
        let (engine, job_events) = Engine::start(engine_options, move || engine_wake())?;
        let kept = options.paths.as_ref().filter(|_| options.keep_preferences);
        let settings = kept.map_or_else(Settings::default, |p| Settings::load(&p.settings_file()));
        let device = DeviceChoice::ALL
            .into_iter()
            .find(|d| d.name() == settings.device)
            .unwrap_or_default();
        Ok(Self {
            options,
            settings,
            document: None,
            tool: Tool::default(),
            overlap_px: 0,
            combine: Combine::Add,
            wand: WandOptions::default(),
            object: ObjectStrokes::default(),
            searching: None,
            stitching: None,
            recoverable: Vec::new(),
            model_hash: None,
            generate: GenerateSettings {
                seed: super::handlers::random_seed(),
                ..GenerateSettings::default()
            },
            model: Model::Exemplar,
            device,
            precision: Precision::default(),
            jobs: VecDeque::new(),
            late: Vec::new(),
            candidates: Vec::new(),
            shown: 0,
            notices: VecDeque::new(),
            next_number: 1,
            opening: None,
            saving: false,
            out: Vec::new(),
            job_events,
            engine,
            io: Io::new(wake),
        })
    }

    /// How new results are put back.
    pub fn stitch_options(&self) -> StitchOptions {
        self.options.stitch.unwrap_or_default()
    }

    pub fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn tool(&self) -> Tool {
        self.tool
    }

    pub fn generate_settings(&self) -> &GenerateSettings {
        &self.generate
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn device(&self) -> DeviceChoice {
        self.device
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What selections do to the mask without a modifier key.
    pub fn combine(&self) -> Combine {
        self.combine
    }

    pub fn wand_options(&self) -> &WandOptions {
        &self.wand
    }

    /// Documents that crashed runs left behind.
    pub fn recoverable(&self) -> &[Orphan] {
        &self.recoverable
    }

    /// How far an extension re-draws the photo beside it, in px.
    pub fn overlap_px(&self) -> u32 {
        self.overlap_px
    }

    /// Jobs in order; the first may be running.
    pub fn jobs(&self) -> &VecDeque<Job> {
        &self.jobs
    }

    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The candidate on show.
    pub fn shown_candidate(&self) -> Option<&Candidate> {
        self.candidates.get(self.shown)
    }

    pub fn shown_index(&self) -> usize {
        self.shown
    }

    pub fn notices(&self) -> &VecDeque<Notice> {
        &self.notices
    }

    /// The file that is being read.
    pub fn opening(&self) -> Option<&Path> {
        self.opening.as_deref()
    }

    pub fn is_saving(&self) -> bool {
        self.saving
    }

    /// True when Generate has something to do.
    pub fn can_generate(&self) -> bool {
        self.document
            .as_ref()
            .is_some_and(|d| !d.extension().is_none() || !d.mask().is_empty())
    }

    pub(super) fn notify(&mut self, kind: NoticeKind, text: impl Into<String>) {
        let number = self.next_number();
        self.notices.push_back(Notice {
            number,
            kind,
            text: text.into(),
        });
        while self.notices.len() > 5 {
            self.notices.pop_front();
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Takes in what background threads have done. Call often; never blocks.
    pub fn poll(&mut self) -> Vec<AppEvent> {
        self.take_late();
        while let Ok(event) = self.job_events.try_recv() {
            self.on_job_event(event);
        }
        while let Some(event) = self.io.next() {
            self.on_io_event(event);
        }
        self.watch_journal();
        std::mem::take(&mut self.out)
    }

    fn on_io_event(&mut self, event: IoEvent) {
        match event {
            IoEvent::Opened { path, result } => self.on_opened(path, result),
            IoEvent::Orphans(orphans) => self.on_orphans(orphans),
            IoEvent::Selected { request, result } => self.on_selected(request, result),
            IoEvent::Stitched {
                number,
                options,
                result,
            } => self.on_stitched(number, options, result),
            IoEvent::Hashed { folder, hash } => self.model_hash = Some((folder, hash)),
            IoEvent::Copied { result } => self.on_copied(result),
            IoEvent::MaskLoaded { result } => self.on_mask_loaded(result),
            IoEvent::ModelRead { choice, result } => self.on_model_read(choice, result),
            IoEvent::Saved {
                path,
                content,
                result,
            } => self.on_saved(path, content, result),
        }
    }

    /// Where models are looked for.
    pub fn library(&self) -> Surroundings {
        let given = self.options.library.clone();
        given.unwrap_or_else(Surroundings::of_process)
    }

    pub(super) fn set_preferences(&mut self, settings: Settings) {
        self.settings = settings.in_range();
        let bytes = self.settings.history_mib as usize * (1 << 20);
        if let Some(document) = &mut self.document {
            document.set_history_budget(bytes);
        }
    }

    /// Writes preferences; failures are logged, not shown.
    pub(super) fn keep_settings(&self) {
        if let Some(paths) = self
            .options
            .paths
            .as_ref()
            .filter(|_| self.options.keep_preferences)
            && let Err(error) = self.settings.save(&paths.settings_file())
        {
            log::warn!(
                "{}: preferences were not saved: {error}",
                paths.settings_file().display()
            );
        }
    }
}
