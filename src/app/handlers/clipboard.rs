//! Owns copying the picture to the system's clipboard and opening what is there. Called by `dispatch` and `poll`; the
//! clipboard itself is asked on a thread, because other programs may be slow to answer.

use std::sync::Arc;

use crate::app::state::{App, NoticeKind};
use crate::geometry::PixelSize;

impl App {
    /// The picture as it is seen: with the result on show put in.
    pub(crate) fn copy_picture(&mut self) {
        let Some(document) = &self.document else {
            return;
        };
        let photo = Arc::clone(document.photo());
        let canvas = document.canvas();
        let result = self.shown_candidate().map(|candidate| {
            let frame = candidate.made_for.basis.frame;
            let frame = frame.translate(-canvas.x, -canvas.y);
            (Arc::clone(&candidate.result), frame)
        });
        self.io.copy(photo, result);
    }

    /// A pasted picture has no file.
    pub(crate) fn paste_picture(&mut self) {
        self.opening = Some(std::path::PathBuf::from("clipboard"));
        self.io.paste(self.journals());
    }

    pub(crate) fn on_copied(&mut self, result: Result<PixelSize, String>) {
        match result {
            Ok(size) => self.notify(NoticeKind::Info, format!("Copied {size} px")),
            Err(error) => self.notify(NoticeKind::Error, error),
        }
    }
}
