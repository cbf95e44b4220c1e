//! Owns the list of accepted fills: showing, fading, ordering, masks, making one again. Called by `dispatch`.

use std::sync::Arc;

use super::generate::Order;
use crate::app::state::{App, MadeFor, NoticeKind, Then};
use crate::document::{Document, DocumentError, FillId};
use crate::engine::{EngineError, validate_settings};
use crate::plan::plan_inpaint;

impl App {
    /// A change of the list; what can't be done becomes a notice.
    pub(crate) fn change_fills(
        &mut self,
        change: impl FnOnce(&mut Document) -> Result<(), DocumentError>,
    ) {
        let Some(document) = &mut self.document else {
            return;
        };
        if let Err(error) = change(document) {
            self.notify(NoticeKind::Error, error.to_string());
        }
        self.drop_stale_candidates();
    }

    /// The mask tools change this fill's mask from now on, or the document's own. A fill whose mask was edited until now
    /// is stitched anew, so that its edge fits.
    pub(crate) fn edit_fill_mask(&mut self, id: Option<FillId>) {
        let edited = self.document.as_ref().and_then(Document::target);
        self.change_fills(|d| d.set_target(id));
        if let Some(edited) = edited.filter(|edited| Some(*edited) != id) {
            self.stitch_anew(edited);
        }
    }

    /// Starts jobs whose results would replace a fill: its place and mask, today's model and settings.
    pub(crate) fn rerun_fill(&mut self, id: FillId, count: u32) {
        if let Err(error) = self.try_rerun(id, count) {
            self.notify(NoticeKind::Error, error.to_string());
        }
    }

    fn try_rerun(&mut self, id: FillId, count: u32) -> Result<(), EngineError> {
        self.end_stroke();
        validate_settings(&self.generate, self.model.max_steps())?;
        let Some(document) = &mut self.document else {
            return Err(EngineError::Settings("open a photo first".to_owned()));
        };
        let as_settings = |error: &dyn std::fmt::Display| EngineError::Settings(error.to_string());
        document.set_target(None).map_err(|e| as_settings(&e))?;
        let rerun = document.rerun(id).map_err(|e| as_settings(&e))?;
        let mask = document
            .fill(id)
            .map(|fill| fill.mask.clone())
            .ok_or_else(|| as_settings(&DocumentError::NoSuchFill))?;
        let plan = plan_inpaint(
            rerun.photo.size,
            &rerun.mask,
            rerun.basis.extension,
            &self.model.frame(),
            &self.plan_settings(),
        )
        .map_err(|e| as_settings(&e))?;
        let made_for: Arc<MadeFor> = Arc::new(self.made_for(rerun.basis, mask));
        let job_mask = Arc::new(rerun.mask);
        self.submit(&Order {
            count,
            photo: &rerun.photo,
            mask: &job_mask,
            plan: &plan,
            made_for: &made_for,
            model: self.model.choice(),
            then: Then::Choose,
        })
    }
}
