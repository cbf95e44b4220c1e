//! Owns moving along history: recording steps, undo, redo, jumps, and bringing the rendered picture up to date after
//! them. Part of `Document`.

use std::sync::Arc;

use super::content::Content;
use super::history::{Change, Step};
use super::recording::{Journal, Record};
use super::{Document, DocumentError};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Back,
    Forth,
}

impl Document {
    /// Every step goes through here.
    pub(super) fn record(&mut self, step: Step) {
        if let Some(journal) = &mut self.journal {
            journal.step(&step);
        }
        self.history.push(step);
    }

    /// From now on every step is written to this journal.
    pub fn keep_journal(&mut self, journal: Journal) {
        self.journal = Some(journal);
    }

    pub fn journal_mut(&mut self) -> Option<&mut Journal> {
        self.journal.as_mut()
    }

    /// Bytes of the journal's log; 0 without one.
    pub fn journal_bytes(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::bytes)
    }

    /// Ends journalling; the caller discards the journal when the document is closed in peace.
    pub fn take_journal(&mut self) -> Option<Journal> {
        self.journal.take()
    }

    pub fn can_undo(&self) -> bool {
        self.stroke.is_some() || self.history.next_undo().is_some()
    }

    pub fn can_redo(&self) -> bool {
        self.stroke.is_none() && self.history.next_redo().is_some()
    }

    /// What the next undo takes back, for a menu.
    pub fn undo_label(&self) -> Option<&str> {
        self.history.next_undo().map(|step| step.label.as_ref())
    }

    pub fn redo_label(&self) -> Option<&str> {
        self.history.next_redo().map(|step| step.label.as_ref())
    }

    /// Labels of all steps, oldest first; the first `history_position()` of them are done.
    pub fn history_labels(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.history.labels()
    }

    pub fn history_position(&self) -> usize {
        self.history.done()
    }

    /// Memory that history may take, and what it takes, in bytes.
    pub fn history_memory(&self) -> (usize, usize) {
        (self.history.budget(), self.history.bytes())
    }

    pub fn set_history_budget(&mut self, bytes: usize) {
        self.history.set_budget(bytes);
    }

    /// Takes the last step back. False when there is none.
    pub fn undo(&mut self) -> bool {
        self.end_stroke();
        self.jump(self.history.done().wrapping_sub(1))
    }

    /// Does the last undone step again.
    pub fn redo(&mut self) -> bool {
        self.end_stroke();
        self.jump(self.history.done() + 1)
    }

    /// Goes to where `done` steps are done. False when there is no such place or it is here.
    pub fn jump(&mut self, done: usize) -> bool {
        self.end_stroke();
        if done > self.history.len() || done == self.history.done() {
            return false;
        }
        self.pending_frame = None;
        let by = done as i64 - self.history.done() as i64;
        if let Some(journal) = &mut self.journal {
            journal.note(Record::Travel(by));
        }
        let before = self.content.clone();
        while self.history.done() > done {
            let Some(step) = self.history.step_back() else {
                break;
            };
            for change in step.changes.iter().rev() {
                self.travel(change, Direction::Back);
            }
        }
        while self.history.done() < done {
            let Some(step) = self.history.step_forth() else {
                break;
            };
            for change in &step.changes {
                self.travel(change, Direction::Forth);
            }
        }
        let after = self.content.clone();
        self.content = before;
        self.show(&after);
        true
    }

    /// One change without rendering.
    fn travel(&mut self, change: &Change, direction: Direction) {
        let is_back = direction == Direction::Back;
        match change {
            Change::Mask(tiles) => {
                tiles.apply(Arc::make_mut(&mut self.mask), is_back);
                self.changes.note_mask(Some(tiles.bounds()));
            }
            Change::Content {
                before,
                after,
                masks,
            } => {
                self.content = if is_back { before } else { after }.clone();
                if let Some(masks) = masks {
                    let mask = if is_back { &masks.0 } else { &masks.1 };
                    self.mask = Arc::new(mask.unpack());
                    self.changes.note_mask(None);
                }
            }
            Change::Target { before, after } => {
                self.target.clone_from(if is_back { before } else { after });
            }
        }
    }

    /// Makes `after` the content and brings the picture up to date; the mask must fit already.
    pub(super) fn show(&mut self, after: &Content) {
        let before = std::mem::replace(&mut self.content, after.clone());
        self.show_difference(&before, after);
    }

    /// The content is `after` already; the picture still shows `before`.
    pub(super) fn show_difference(&mut self, before: &Content, after: &Content) {
        let base = self.base.size.rect();
        let canvas = after.canvas(base);
        let rects = before.difference(after);
        let is_same_canvas = before.canvas(base) == canvas;
        if is_same_canvas && rects.is_empty() {
            return;
        }
        let has_fills = after.fills.iter().any(|fill| fill.is_visible);
        let outcome = if is_same_canvas && has_fills && !self.loses_color(after) {
            self.render_rects(after, canvas, &rects)
        } else {
            after.render(&self.base).map(|photo| self.photo = photo)
        };
        if let Err(error) = outcome {
            log::error!("the picture could not be brought up to date: {error}");
        }
        self.changes.note_pixels(canvas, rects);
    }

    fn render_rects(
        &mut self,
        content: &Content,
        canvas: crate::geometry::PixelRect,
        rects: &[crate::geometry::PixelRect],
    ) -> Result<(), crate::photo::PhotoError> {
        let photo = Arc::make_mut(&mut self.photo);
        for rect in rects {
            content.render_rect(&self.base, photo, canvas, *rect)?;
        }
        Ok(())
    }

    /// The picture is colour, but what it will show is grey.
    fn loses_color(&self, after: &Content) -> bool {
        let is_gray = |fill: &Arc<super::Fill>| {
            !fill.is_visible || fill.parts.iter().all(|p| p.content.layout.is_gray())
        };
        !self.photo.layout.is_gray()
            && self.base.layout.is_gray()
            && after.fills.iter().all(is_gray)
    }

    /// Checks that the rendered picture is what the content says; for tests and after a recovery.
    pub fn verify(&self) -> Result<bool, DocumentError> {
        Ok(*self.content.render(&self.base)? == *self.photo)
    }
}
