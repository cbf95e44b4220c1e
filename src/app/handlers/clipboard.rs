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
        let result = self
            .shown_candidate()
            .map(|candidate| (Arc::clone(&candidate.result), candidate.extension));
        self.io.copy(photo, result);
    }

    /// A pasted picture has no file.
    pub(crate) fn paste_picture(&mut self) {
        self.io.paste();
    }

    pub(crate) fn on_copied(&mut self, result: Result<PixelSize, String>) {
        match result {
            Ok(size) => self.notify(NoticeKind::Info, format!("Copied {size} px")),
            Err(error) => self.notify(NoticeKind::Error, error),
        }
    }
}
