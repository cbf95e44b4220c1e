//! Owns deciding about results: accepting them whole or in part, flipping, discarding, more of the same. Called by
//! `dispatch`.

use std::sync::Arc;

use crate::app::state::{App, Candidate, MadeFor, NoticeKind};
use crate::document::{
    Basis, Document, DocumentError, FillId, FillMask, FillPart, FillRecipe, Proposal, Source,
};
use crate::engine::Patch;
use crate::geometry::PixelRect;
use crate::mask::Mask;
use crate::raster::Plane;

impl App {
    /// Takes the shown result in; the others of its run go.
    pub(crate) fn accept(&mut self) {
        let Some(candidate) = self.shown_candidate().cloned() else {
            return;
        };
        if self.accept_proposal(proposal(&candidate)).is_some() {
            self.candidates.retain(|c| c.run != candidate.run);
            self.drop_stale_candidates();
        }
    }

    /// Takes the shown result in where the mask is now; the rest of its run's mask stays painted, and the other results
    /// stay to choose from.
    pub(crate) fn accept_part(&mut self) {
        let (Some(candidate), Some(document)) = (self.shown_candidate().cloned(), &self.document)
        else {
            return;
        };
        let canvas = document.canvas();
        let all = candidate.made_for.mask.clone();
        let wanted = document
            .mask()
            .crop(all.rect.translate(-canvas.x, -canvas.y));
        let mut kept = all.plane();
        let mut rest = kept.clone();
        for ((kept, rest), wanted) in kept.data.iter_mut().zip(&mut rest.data).zip(&wanted.data) {
            *kept = (*kept).min(*wanted);
            *rest = (*rest).min(255 - *wanted);
        }
        let is_nothing = kept.data.iter().all(|v| *v == 0);
        if is_nothing || rest.data.iter().all(|v| *v == 0) || !candidate.extension.is_none() {
            if is_nothing {
                let text = "Paint over the part of this result that you want to keep";
                self.notify(NoticeKind::Info, text);
            } else {
                self.accept();
            }
            return;
        }
        let mut proposal = proposal(&candidate);
        let part_mask = FillMask::new(all.rect, &kept);
        proposal.parts = part_mask.apply_to(&proposal.parts);
        proposal.mask = part_mask;
        if self.accept_proposal(proposal).is_none() {
            return;
        }
        // The others were made for the picture without this part, and are still right for the rest of the mask.
        let Some(document) = &mut self.document else {
            return;
        };
        let remaining = over_canvas(&rest, all.rect, document);
        document.set_mask("rest of the mask", remaining);
        let revision = document.revision();
        let rest_mask = FillMask::new(all.rect, &rest);
        for other in self
            .candidates
            .iter_mut()
            .filter(|c| c.run == candidate.run)
        {
            other.revision = revision;
            other.made_for = Arc::new(MadeFor {
                mask: rest_mask.clone(),
                mask_revision: document.mask_revision(),
                ..MadeFor::clone(&other.made_for)
            });
        }
        self.drop_stale_candidates();
    }

    /// The mask differs from what the shown result was made for, so that a part of it can be meant.
    pub fn can_accept_part(&self) -> bool {
        let revision = self.document.as_ref().map(Document::mask_revision);
        self.shown_candidate().is_some_and(|candidate| {
            candidate.extension.is_none() && Some(candidate.made_for.mask_revision) != revision
        })
    }

    pub(super) fn accept_proposal(&mut self, proposal: Proposal) -> Option<FillId> {
        let document = self.document.as_mut()?;
        match document.accept(proposal) {
            Ok(id) => {
                if !self.settings.has_filled_once {
                    self.settings.has_filled_once = true;
                    self.keep_settings();
                }
                Some(id)
            }
            Err(error) => {
                self.notify(NoticeKind::Error, error.to_string());
                if matches!(error, DocumentError::Stale) {
                    self.drop_stale_candidates();
                }
                None
            }
        }
    }

    pub(crate) fn discard(&mut self) {
        if self.shown < self.candidates.len() {
            self.candidates.remove(self.shown);
            self.shown = self.shown.min(self.candidates.len().saturating_sub(1));
        }
    }

    pub(crate) fn discard_all(&mut self) {
        self.candidates.clear();
        self.shown = 0;
    }

    /// Shows the result that many places on, round and round.
    pub(crate) fn flip(&mut self, by: isize) {
        let count = self.candidates.len();
        if count > 0 {
            self.shown = (self.shown as isize + by).rem_euclid(count as isize) as usize;
        }
    }

    pub(crate) fn undo(&mut self) {
        self.travel(Document::undo);
    }

    pub(crate) fn redo(&mut self) {
        self.travel(Document::redo);
    }

    pub(crate) fn jump_to(&mut self, done: usize) {
        self.travel(|document| document.jump(done));
    }

    fn travel(&mut self, step: impl FnOnce(&mut Document) -> bool) {
        self.forget_stitch();
        if let Some(document) = &mut self.document {
            step(document);
            self.drop_stale_candidates();
        }
    }

    /// Whether a result could be accepted now.
    pub(super) fn fits(&self, candidate: &Candidate) -> bool {
        self.document.as_ref().is_some_and(|document| {
            let basis = current_basis(candidate);
            document.is_fresh(&basis, &contexts(candidate))
        })
    }

    pub(super) fn drop_stale_candidates(&mut self) {
        let shown = self.shown_candidate().map(|candidate| candidate.id);
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain(|candidate| self.fits(candidate));
        self.candidates = candidates;
        self.shown = self
            .candidates
            .iter()
            .position(|c| Some(c.id) == shown)
            .unwrap_or(self.shown.min(self.candidates.len().saturating_sub(1)));
    }
}

fn current_basis(candidate: &Candidate) -> Basis {
    Basis {
        revision: candidate.revision,
        ..candidate.made_for.basis
    }
}

/// From the job's canvas to document space.
fn in_document(rect: PixelRect, candidate: &Candidate) -> PixelRect {
    let frame = candidate.made_for.basis.frame;
    rect.translate(frame.x, frame.y)
}

fn contexts(candidate: &Candidate) -> Vec<PixelRect> {
    let context = |patch: &Patch| in_document(patch.context_rect, candidate);
    candidate.result.patches.iter().map(context).collect()
}

pub(super) fn proposal(candidate: &Candidate) -> Proposal {
    let part = |patch: &Patch| FillPart {
        rect: in_document(patch.rect, candidate),
        content: Arc::clone(&patch.content),
        coverage: Arc::clone(&patch.coverage),
        blend_px: patch.blend_px,
        source: Some(source(patch, candidate)),
    };
    Proposal {
        basis: current_basis(candidate),
        parts: candidate.result.patches.iter().map(part).collect(),
        contexts: contexts(candidate),
        mask: candidate.made_for.mask.clone(),
        recipe: recipe(candidate),
        stitch: candidate.result.report.stitch,
        name: name(candidate),
        keeps_mask: false,
    }
}

pub(super) fn recipe(candidate: &Candidate) -> FillRecipe {
    let report = &candidate.result.report;
    let size = report.plan.crops.first().map(|crop| crop.working_size);
    let size = size.unwrap_or_default();
    FillRecipe {
        model: candidate.made_for.model.clone(),
        model_folder: candidate.made_for.model_folder.clone(),
        model_hash: candidate.made_for.model_hash.clone(),
        device: report.device.clone(),
        precision: report.precision.to_owned(),
        width: size.width,
        height: size.height,
        settings: report.settings.clone(),
    }
}

fn source(patch: &Patch, candidate: &Candidate) -> Source {
    let frame = candidate.made_for.basis.frame;
    Source {
        made: Arc::new(patch.made.translate(frame.x, frame.y)),
        composite: Arc::clone(&patch.composite),
    }
}

/// The prompt's first words, or what was done.
fn name(candidate: &Candidate) -> String {
    let prompt = candidate.result.report.settings.prompt.trim();
    if !prompt.is_empty() && candidate.made_for.model_folder.is_some() {
        let mut words: String = prompt.chars().take(32).collect();
        if prompt.chars().count() > 32 {
            words.push('…');
        }
        return words;
    }
    if candidate.extension.is_none() {
        "Fill".to_owned()
    } else {
        "Extension".to_owned()
    }
}

/// A plane over `rect` of document space as a mask of the canvas.
fn over_canvas(plane: &Plane, rect: PixelRect, document: &Document) -> Mask {
    let canvas = document.canvas();
    let plane = FillMask::new(rect, plane).crop(canvas);
    Mask { plane }
}
