//! Owns deciding about results, and undo. Called by `dispatch`.

use crate::app::state::{App, NoticeKind};
use crate::document::PixelPatch;

impl App {
    pub(crate) fn accept(&mut self) {
        let Some(candidate) = self.candidates.get(self.shown).cloned() else {
            return;
        };
        let Some(document) = &mut self.document else {
            return;
        };
        let patches: Vec<_> = candidate
            .result
            .patches
            .iter()
            .map(|p| PixelPatch {
                rect: p.rect,
                photo: p.photo.clone(),
            })
            .collect();
        match document.accept(candidate.result.revision, candidate.extension, &patches) {
            Ok(()) => {
                self.candidates.clear();
                if !self.settings.has_filled_once {
                    self.settings.has_filled_once = true;
                    self.keep_settings();
                }
            }
            Err(error) => self.notify(NoticeKind::Error, error.to_string()),
        }
    }

    pub(crate) fn discard(&mut self) {
        if self.shown < self.candidates.len() {
            self.candidates.remove(self.shown);
            self.shown = self.shown.min(self.candidates.len().saturating_sub(1));
        }
    }

    pub(crate) fn undo(&mut self) {
        if let Some(document) = &mut self.document {
            document.undo();
            self.drop_stale_candidates();
        }
    }

    pub(crate) fn redo(&mut self) {
        if let Some(document) = &mut self.document {
            document.redo();
            self.drop_stale_candidates();
        }
    }

    fn drop_stale_candidates(&mut self) {
        let Some(document) = &self.document else {
            return;
        };
        let revision = document.revision();
        self.candidates
            .retain(|candidate| candidate.result.revision == revision);
    }
}
