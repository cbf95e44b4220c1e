//! Owns Erase: what is painted goes at once, by the exemplar model at zero temperature, and is accepted by itself. Called
//! by `dispatch` and when a job ends.

use std::sync::Arc;

use crate::app::state::{App, AppEvent, Job, MadeFor, NoticeKind, Then};
use crate::document::{Document, FillMask};
use crate::engine::{EngineError, JobResult, ModelChoice};
use crate::geometry::PixelRect;
use crate::mask::Mask;
use crate::plan::{Extension, GenerateSettings, ModelFrame, PlanSettings, plan_inpaint};

use super::generate::Order;

impl App {
    /// The stroke that was just drawn goes, and what lies under it; the mask stays as it was.
    pub(crate) fn erase_stroke(&mut self) {
        let Some(document) = &mut self.document else {
            return;
        };
        let stroke = document.take_stroke();
        self.take_late();
        let (Some(mask), Some(document)) = (stroke, &mut self.document) else {
            return;
        };
        if let Err(error) = document.set_target(None) {
            return self.notify(NoticeKind::Error, error.to_string());
        }
        self.erase(mask);
    }

    /// What is marked goes.
    pub(crate) fn erase_marked(&mut self) {
        self.end_stroke();
        self.end_object();
        let Some(document) = &mut self.document else {
            return;
        };
        if let Err(error) = document.set_target(None) {
            return self.notify(NoticeKind::Error, error.to_string());
        }
        if document.mask().is_empty() {
            let text = "Paint over what should go first, or draw with the Erase tool";
            return self.notify(NoticeKind::Info, text);
        }
        let mask = Mask::clone(document.mask());
        self.erase(mask);
    }

    fn erase(&mut self, mask: Mask) {
        if let Err(error) = self.try_erase(mask) {
            self.notify(NoticeKind::Error, error.to_string());
        }
    }

    fn try_erase(&mut self, mask: Mask) -> Result<(), EngineError> {
        let Some(document) = &self.document else {
            return Ok(());
        };
        let settings = PlanSettings::default();
        let frame = ModelFrame::EXEMPLAR;
        let plan = plan_inpaint(
            document.size(),
            &mask,
            Extension::default(),
            &frame,
            &settings,
        )
        .map_err(|error| EngineError::Settings(error.to_string()))?;
        let canvas = document.canvas();
        let bounds = mask.bounds();
        let kept = FillMask::new(bounds.translate(canvas.x, canvas.y), &mask.crop(bounds));
        let basis = crate::document::Basis {
            frame: canvas,
            extension: Extension::default(),
            ..document.basis()
        };
        let photo = Arc::clone(document.photo());
        let made_for = MadeFor {
            steps: 1,
            model: "Erase".to_owned(),
            model_folder: None,
            model_hash: None,
            settings: GenerateSettings::default(),
            ..self.made_for(basis, kept)
        };
        self.submit(&Order {
            count: 1,
            photo: &photo,
            mask: &Arc::new(mask),
            plan: &plan,
            made_for: &Arc::new(made_for),
            model: ModelChoice::Erase,
            then: Then::Accept,
        })
    }

    /// Takes in erasures that ended while a stroke was being drawn.
    pub(crate) fn take_late(&mut self) {
        if !self.late.is_empty() && !self.is_painting() {
            for event in std::mem::take(&mut self.late) {
                self.on_job_event(event);
            }
        }
    }

    /// A stroke is being drawn: a step of history now would cut it in two.
    pub(super) fn is_painting(&self) -> bool {
        self.document.as_ref().is_some_and(Document::is_painting)
    }

    /// An erasure is done: it becomes an edit, or is made anew where the picture changed meanwhile.
    pub(super) fn take_erasure(&mut self, job: &Job, result: JobResult) {
        let candidate = Self::candidate_of(job, result);
        if !self.fits(&candidate) {
            let Some(document) = &self.document else {
                return;
            };
            let mask = over_canvas(&job.made_for.mask, document);
            if mask.bounds() != PixelRect::default() {
                self.erase(mask);
            }
            return;
        }
        let mut proposal = super::candidates::proposal(&candidate);
        "Erased".clone_into(&mut proposal.name);
        proposal.keeps_mask = !self.is_marked_for(job);
        if self.accept_proposal(proposal).is_some() {
            self.drop_stale_candidates();
            self.out.push(AppEvent::Erased);
        }
    }

    /// What was erased is just what is marked: then it goes from the mask too, in the same step.
    fn is_marked_for(&self, job: &Job) -> bool {
        self.document.as_ref().is_some_and(|document| {
            *document.mask().as_ref() == over_canvas(&job.made_for.mask, document)
        })
    }
}

fn over_canvas(mask: &FillMask, document: &Document) -> Mask {
    Mask {
        plane: mask.crop(document.canvas()),
    }
}
