//! Owns starting jobs and following them. Called by `dispatch` and `poll`.

use std::sync::Arc;

use crate::app::state::{
    App, AppEvent, Candidate, Job, MadeFor, Model, NoticeKind, Progress, Then,
};
use crate::document::{Basis, Document, FillMask};
use crate::engine::{
    DeviceChoice, EngineError, JobEvent, JobId, JobRequest, JobResult, ModelChoice, ModelSummary,
    Patch, validate_settings,
};
use crate::mask::Mask;
use crate::photo::Photo;
use crate::plan::{GenerateSettings, InpaintPlan, PlanSettings, Prefill, Task, plan_inpaint};
use crate::settings::Settings;

/// Jobs to queue.
pub(super) struct Order<'a> {
    /// So many, with consecutive seeds.
    pub count: u32,
    pub photo: &'a Arc<Photo>,
    pub mask: &'a Arc<Mask>,
    pub plan: &'a InpaintPlan,
    pub made_for: &'a Arc<MadeFor>,
    pub model: ModelChoice,
    pub then: Then,
}

impl App {
    /// What Generate would do now: the plan that the window shows and jobs carry out.
    pub fn plan(&self) -> Result<InpaintPlan, String> {
        let Some(document) = &self.document else {
            return Err("open a photo first".to_owned());
        };
        let frame = self.model.frame();
        plan_inpaint(
            document.size(),
            document.mask(),
            document.extension(),
            &frame,
            &self.plan_settings(),
        )
        .map_err(|error| error.to_string())
    }

    /// The same as something to run on another thread: a large mask takes a while to look through.
    pub fn plan_later(
        &self,
    ) -> Option<impl FnOnce() -> Result<InpaintPlan, String> + Send + use<>> {
        let document = self.document.as_ref()?;
        let (size, mask) = (document.size(), Arc::clone(document.mask()));
        let (extension, frame) = (document.extension(), self.model.frame());
        let settings = self.plan_settings();
        Some(move || {
            plan_inpaint(size, &mask, extension, &frame, &settings)
                .map_err(|error| error.to_string())
        })
    }

    pub(super) fn plan_settings(&self) -> PlanSettings {
        let (prefill, extend_prefill) = match &self.model {
            Model::Exemplar | Model::Erase => (Prefill::Original, Prefill::Original),
            _ if self.options.raw => (Prefill::Original, Prefill::Edge),
            Model::Checkpoint { .. } => (Task::of(&self.generate).prefill(), Prefill::Edge),
        };
        PlanSettings {
            whole: self.options.whole,
            blend_px: if self.options.raw {
                Some(0)
            } else {
                self.options.blend_px
            },
            prefill,
            extend_prefill,
            overlap_px: self.overlap_px,
            refine: self.generate.refine.unwrap_or(true) && !self.options.raw,
        }
    }

    /// The settings a job runs with: those chosen, with what follows from the task.
    fn job_settings(&self, seed: u64) -> GenerateSettings {
        let mut settings = GenerateSettings {
            seed,
            ..self.generate.clone()
        };
        let has_mask = self.document.as_ref().is_some_and(|d| !d.mask().is_empty());
        if settings.strength.is_none()
            && has_mask
            && !self.options.raw
            && self.model.reads_prompts()
        {
            let strength = Task::of(&settings).strength();
            settings.strength = (strength < 1.0).then_some(strength);
        }
        settings
    }

    pub(crate) fn start_jobs(&mut self, count: u32) {
        if let Err(error) = self.try_start_jobs(count) {
            self.notify(NoticeKind::Error, error.to_string());
            self.out.push(AppEvent::JobFailed {
                id: JobId(0),
                error: Box::new(error),
            });
        }
    }

    fn try_start_jobs(&mut self, count: u32) -> Result<(), EngineError> {
        self.end_stroke();
        self.end_object();
        validate_settings(&self.generate, self.model.max_steps())?;
        if let Some(document) = &mut self.document
            && let Err(error) = document.set_target(None)
        {
            return Err(EngineError::Settings(error.to_string()));
        }
        let plan = self.plan().map_err(EngineError::Settings)?;
        let Some(document) = &self.document else {
            return Err(EngineError::Settings("open a photo first".to_owned()));
        };
        let (photo, mask) = (Arc::clone(document.photo()), Arc::clone(document.mask()));
        let basis = document.basis();
        let made_for = Arc::new(self.made_for(basis, document.mask_for_fill()));
        self.submit(&Order {
            count,
            photo: &photo,
            mask: &mask,
            plan: &plan,
            made_for: &made_for,
            model: self.model.choice(),
            then: Then::Choose,
        })
    }

    pub(super) fn made_for(&self, basis: Basis, mask: FillMask) -> MadeFor {
        let model_folder = match &self.model {
            Model::Exemplar | Model::Erase => None,
            Model::Checkpoint { folder, .. } => Some(folder.clone()),
        };
        let known = self.model_hash.as_ref();
        let model_hash = known
            .filter(|(folder, hash)| Some(folder) == model_folder.as_ref() && !hash.is_empty())
            .map(|(_, hash)| hash.clone());
        MadeFor {
            device: self.device,
            settings: GenerateSettings {
                seed: 0,
                ..self.generate.clone()
            },
            model_hash,
            basis,
            mask,
            mask_revision: self.document.as_ref().map_or(0, Document::mask_revision),
            model: self.model.name().to_owned(),
            model_folder,
        }
    }

    /// The chosen seed, or the next one that was not asked for with all the same: another press of Generate is meant to
    /// make another picture.
    fn free_seed(&self, made_for: &MadeFor) -> u64 {
        let is_same = |other: &MadeFor| {
            other.basis == made_for.basis
                && other.mask_revision == made_for.mask_revision
                && other.settings == made_for.settings
                && other.model_folder == made_for.model_folder
        };
        let jobs = self.jobs.iter().map(|job| (&job.made_for, job.seed));
        let results = self.candidates.iter().map(|c| (&c.made_for, c.seed));
        let taken: Vec<u64> = jobs
            .chain(results)
            .filter(|(other, _)| is_same(other))
            .map(|(_, seed)| seed)
            .collect();
        let mut seed = self.generate.seed;
        while taken.contains(&seed) {
            seed = seed.wrapping_add(1);
        }
        seed
    }

    /// Queues `count` jobs with consecutive seeds.
    pub(super) fn submit(&mut self, order: &Order<'_>) -> Result<(), EngineError> {
        let made_for = order.made_for;
        let run = self.next_number();
        let first_seed = self.free_seed(made_for);
        for offset in 0..order.count.max(1) {
            let seed = first_seed.wrapping_add(u64::from(offset));
            let id = JobId(self.next_number());
            self.engine.submit(JobRequest {
                id,
                photo: Arc::clone(order.photo),
                mask: Arc::clone(order.mask),
                plan: order.plan.clone(),
                settings: match order.model {
                    // Nothing that was chosen for another model matters to it.
                    ModelChoice::Erase if order.then == Then::Accept => GenerateSettings {
                        seed,
                        ..GenerateSettings::default()
                    },
                    _ => self.job_settings(seed),
                },
                model: order.model.clone(),
                device: self.device,
                precision: self.precision,
                memory_limit: self.options.memory_limit,
                stitch: self.stitch_options(),
                raw: self.options.raw,
                hash_untouched: self.options.hash_untouched,
            })?;
            self.jobs.push_back(Job {
                id,
                run,
                seed,
                extension: made_for.basis.extension,
                made_for: Arc::clone(made_for),
                then: order.then,
                is_running: false,
                is_cancelling: false,
                progress: Progress {
                    stage: "waiting",
                    ..Progress::default()
                },
                preview: None,
                preview_number: 0,
            });
        }
        Ok(())
    }

    pub(crate) fn again(&mut self) {
        self.generate.seed = super::random_seed();
        self.start_jobs(1);
    }

    /// Neighbouring seeds of the shown result.
    pub(crate) fn more_like_this(&mut self) {
        if let Some(candidate) = self.shown_candidate() {
            let after = |c: &Candidate| c.seed.wrapping_add(1);
            let run = candidate.run;
            let known = self.candidates.iter().filter(|c| c.run == run).map(after);
            self.generate.seed = known.max().unwrap_or_default();
            self.start_jobs(3);
        }
    }

    pub(crate) fn cancel(&mut self) {
        for job in &mut self.jobs {
            job.is_cancelling = true;
            self.engine.cancel(job.id);
        }
    }

    pub(crate) fn choose_model(&mut self, choice: ModelChoice) {
        match choice {
            ModelChoice::Exemplar | ModelChoice::Erase => {
                self.model = match choice {
                    ModelChoice::Erase => Model::Erase,
                    _ => Model::Exemplar,
                };
                self.settings.model_folder = None;
                self.keep_settings();
                self.out.push(AppEvent::ModelChosen);
            }
            ModelChoice::Folder(folder) => self.io.read_model(folder),
        }
    }

    pub(crate) fn on_model_read(
        &mut self,
        choice: ModelChoice,
        result: Result<ModelSummary, String>,
    ) {
        match (choice, result) {
            (ModelChoice::Folder(folder), Ok(summary)) => {
                Settings::remember(&mut self.settings.recent_models, &folder);
                self.settings.model_folder = Some(folder.clone());
                self.keep_settings();
                self.io.hash_model(folder.clone());
                self.model = Model::Checkpoint { folder, summary };
                self.out.push(AppEvent::ModelChosen);
            }
            (_, Err(error)) => {
                self.notify(NoticeKind::Error, error.clone());
                self.out.push(AppEvent::ModelFailed(error));
            }
            (ModelChoice::Exemplar | ModelChoice::Erase, Ok(_)) => {}
        }
    }

    pub(crate) fn choose_device(&mut self, device: DeviceChoice) {
        self.device = device;
        device.name().clone_into(&mut self.settings.device);
        self.keep_settings();
    }

    pub(crate) fn on_job_event(&mut self, event: JobEvent) {
        match event {
            JobEvent::Started { id } => {
                self.with_job(id, |job| {
                    job.is_running = true;
                    job.progress.stage = "starting";
                });
                self.out.push(AppEvent::JobStarted(id));
            }
            JobEvent::Stage { id, text } => {
                self.with_job(id, |job| job.progress.stage = text);
                self.out.push(AppEvent::JobStage(text));
            }
            JobEvent::Step {
                id,
                fraction,
                crop,
                crops,
                done,
                total,
                remaining,
            } => {
                let progress = Progress {
                    fraction,
                    stage: "filling",
                    done,
                    total,
                    crop,
                    crops,
                    remaining,
                };
                self.with_job(id, |job| job.progress = progress.clone());
                self.out.push(AppEvent::JobStep(progress));
            }
            JobEvent::Preview { id, rect, picture } => {
                self.with_job(id, |job| {
                    job.preview = Some((rect, Arc::new(picture)));
                    job.preview_number += 1;
                });
            }
            JobEvent::Warning { text, .. } => {
                self.notify(NoticeKind::Warning, text.clone());
                self.out.push(AppEvent::JobWarning(text));
            }
            JobEvent::Finished { id, result } => self.on_finished(id, *result),
            JobEvent::Failed { id, error } => {
                self.jobs.retain(|job| job.id != id);
                self.notify(NoticeKind::Error, error.to_string());
                self.out.push(AppEvent::JobFailed { id, error });
            }
            JobEvent::Cancelled { id } => {
                self.jobs.retain(|job| job.id != id);
                self.out.push(AppEvent::JobCancelled(id));
            }
        }
    }

    fn on_finished(&mut self, id: JobId, result: JobResult) {
        let Some(position) = self.jobs.iter().position(|job| job.id == id) else {
            return;
        };
        if self.jobs[position].then == Then::Accept && self.is_painting() {
            let result = Box::new(result);
            return self.late.push(JobEvent::Finished { id, result });
        }
        let Some(job) = self.jobs.remove(position) else {
            return;
        };
        if !job.is_cancelling {
            self.note_speed(&job.made_for, &result.report);
        }
        if job.then == Then::Accept && !job.is_cancelling {
            self.take_erasure(&job, result);
            return self.out.push(AppEvent::JobFinished(id));
        }
        let candidate = Self::candidate_of(&job, result);
        if job.is_cancelling {
            self.out.push(AppEvent::JobCancelled(id));
        } else if self.fits(&candidate) {
            // The first of a run comes into sight; later ones wait to be flipped to.
            let is_first = !self.candidates.iter().any(|c| c.run == candidate.run);
            if is_first || self.candidates.is_empty() {
                self.shown = self.candidates.len();
            }
            self.keep_pixels(&candidate);
            self.candidates.push(candidate);
            self.out.push(AppEvent::JobFinished(id));
        } else {
            self.notify(
                NoticeKind::Info,
                "The picture changed where this result belongs, so it was left out: generate again",
            );
            self.out.push(AppEvent::JobCancelled(id));
        }
    }

    pub(super) fn candidate_of(job: &Job, result: JobResult) -> Candidate {
        Candidate {
            id: job.id,
            run: job.run,
            seed: job.seed,
            extension: job.extension,
            revision: job.made_for.basis.revision,
            made_for: Arc::clone(&job.made_for),
            result: Arc::new(result),
        }
    }

    /// Into the journal's blobs already, on a thread, so that accepting writes a short record only.
    fn keep_pixels(&mut self, candidate: &Candidate) {
        if let Some(journal) = self.document.as_mut().and_then(Document::journal_mut) {
            let pictures =
                |patch: &Patch| [Arc::clone(&patch.content), Arc::clone(&patch.made.picture)];
            journal.prepare(candidate.result.patches.iter().flat_map(pictures).collect());
        }
    }

    fn with_job(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.iter_mut().find(|job| job.id == id) {
            change(job);
        }
    }
}
