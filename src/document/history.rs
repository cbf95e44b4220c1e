//! Owns the line of steps: what can be undone, what can be redone, and how much memory that may take. Used by `Document`.

use super::edit::Edit;

/// Old steps are forgotten beyond this many bytes; the newest step is always kept.
const BUDGET_BYTES: usize = 1 << 30;

#[derive(Default)]
pub struct History {
    undo: Vec<Edit>,
    redo: Vec<Edit>,
}

impl History {
    /// A new step; what was undone before it is gone.
    pub fn push(&mut self, edit: Edit) {
        self.redo.clear();
        self.undo.push(edit);
        let mut total: usize = self.undo.iter().map(Edit::bytes).sum();
        while total > BUDGET_BYTES && self.undo.len() > 1 {
            total -= self.undo.remove(0).bytes();
        }
    }

    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    pub fn undo_label(&self) -> Option<&'static str> {
        self.undo.last().map(Edit::label)
    }

    pub fn redo_label(&self) -> Option<&'static str> {
        self.redo.last().map(Edit::label)
    }

    pub fn take_undo(&mut self) -> Option<Edit> {
        self.undo.pop()
    }

    pub fn take_redo(&mut self) -> Option<Edit> {
        self.redo.pop()
    }

    pub fn put_undo(&mut self, edit: Edit) {
        self.undo.push(edit);
    }

    pub fn put_redo(&mut self, edit: Edit) {
        self.redo.push(edit);
    }
}
