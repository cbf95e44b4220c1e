//! Owns the line of steps: what can be undone and redone, how to get anywhere on it, and how much memory it may take.
//! Used by `Document`.

use std::borrow::Cow;
use std::sync::Arc;

use super::content::Content;
use super::fill::FillId;
use super::tiles::{MaskTiles, StoredTile};
use crate::geometry::PixelSize;
use crate::mask::Mask;

/// Old steps are forgotten beyond this many bytes unless the preferences say otherwise.
pub const DEFAULT_BUDGET_BYTES: usize = 1 << 30;

/// A whole mask, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedMask {
    size: PixelSize,
    tiles: Option<MaskTiles>,
}

impl PackedMask {
    pub fn new(mask: &Mask) -> Self {
        Self {
            size: mask.size(),
            tiles: MaskTiles::between(&Mask::new(mask.size()), mask),
        }
    }

    pub fn unpack(&self) -> Mask {
        let mut mask = Mask::new(self.size);
        if let Some(tiles) = &self.tiles {
            tiles.apply(&mut mask, false);
        }
        mask
    }

    pub fn size(&self) -> PixelSize {
        self.size
    }

    /// The tiles that are not empty.
    pub fn stored(&self) -> Vec<StoredTile> {
        self.tiles.as_ref().map_or_else(Vec::new, MaskTiles::stored)
    }

    fn bytes(&self) -> usize {
        self.tiles.as_ref().map_or(0, MaskTiles::bytes)
    }
}

/// The fill whose mask is being edited, and the person's own mask meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub fill: FillId,
    pub own_mask: PackedMask,
}

/// One change, with both its sides.
#[derive(Debug, Clone)]
pub enum Change {
    Mask(MaskTiles),
    Content {
        before: Content,
        after: Content,
        /// Both masks, when the canvas changed.
        masks: Option<Box<(PackedMask, PackedMask)>>,
    },
    Target {
        before: Option<Target>,
        after: Option<Target>,
    },
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Self::Mask(tiles) => tiles.bytes(),
            Self::Target { .. } => size_of::<Target>(),
            Self::Content {
                before,
                after,
                masks,
            } => {
                let fresh = |fills: &Content, others: &Content| -> usize {
                    fills
                        .fills
                        .iter()
                        .filter(|fill| !others.fills.iter().any(|o| Arc::ptr_eq(o, fill)))
                        .map(|fill| fill.bytes())
                        .sum()
                };
                fresh(before, after)
                    + fresh(after, before)
                    + masks.as_ref().map_or(0, |m| m.0.bytes() + m.1.bytes())
            }
        }
    }
}

/// What the person did, all of which goes back at once.
#[derive(Debug, Clone)]
pub struct Step {
    /// For "Undo …" in a menu.
    pub label: Cow<'static, str>,
    pub changes: Vec<Change>,
    /// Steps of the same kind on the same thing in one drag become one.
    pub merges_with: Option<(Cow<'static, str>, FillId)>,
}

pub struct History {
    steps: Vec<Arc<Step>>,
    /// Steps before this are done, the others undone.
    done: usize,
    budget_bytes: usize,
}

impl Default for History {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            done: 0,
            budget_bytes: DEFAULT_BUDGET_BYTES,
        }
    }
}

impl History {
    /// A new step; what was undone before it is gone. Steps of one drag become one.
    pub fn push(&mut self, step: Step) {
        if self.merge(&step) {
            return;
        }
        self.steps.truncate(self.done);
        self.steps.push(Arc::new(step));
        self.done += 1;
        self.forget_old();
    }

    /// Takes the new side of `step` into the last one, if both belong to one drag.
    fn merge(&mut self, step: &Step) -> bool {
        if self.done != self.steps.len() || step.merges_with.is_none() {
            return false;
        }
        let Some(last) = self.steps.last_mut() else {
            return false;
        };
        if last.merges_with != step.merges_with {
            return false;
        }
        match (
            Arc::make_mut(last).changes.as_mut_slice(),
            step.changes.as_slice(),
        ) {
            ([Change::Content { after, .. }], [Change::Content { after: newer, .. }]) => {
                after.clone_from(newer);
                true
            }
            _ => false,
        }
    }

    /// The drag is over: the next step is one of its own.
    pub fn end_merge(&mut self) {
        if let Some(last) = self.steps.last_mut() {
            Arc::make_mut(last).merges_with = None;
        }
    }

    /// Old steps go beyond this many bytes; the newest always stays.
    pub fn set_budget(&mut self, bytes: usize) {
        self.budget_bytes = bytes;
        self.forget_old();
    }

    pub fn budget(&self) -> usize {
        self.budget_bytes
    }

    pub fn bytes(&self) -> usize {
        let changes = self.steps.iter().flat_map(|step| &step.changes);
        changes.map(Change::bytes).sum()
    }

    fn forget_old(&mut self) {
        let mut total = self.bytes();
        while total > self.budget_bytes && self.done > 1 {
            let oldest = self.steps.remove(0);
            total -= oldest.changes.iter().map(Change::bytes).sum::<usize>();
            self.done -= 1;
        }
    }

    /// Labels of all steps, oldest first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.steps.iter().map(|step| step.label.as_ref())
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    pub fn done(&self) -> usize {
        self.done
    }

    pub fn next_undo(&self) -> Option<&Arc<Step>> {
        self.done.checked_sub(1).and_then(|at| self.steps.get(at))
    }

    pub fn next_redo(&self) -> Option<&Arc<Step>> {
        self.steps.get(self.done)
    }

    pub fn step_back(&mut self) -> Option<Arc<Step>> {
        let step = Arc::clone(self.next_undo()?);
        self.done -= 1;
        Some(step)
    }

    pub fn step_forth(&mut self) -> Option<Arc<Step>> {
        let step = Arc::clone(self.next_redo()?);
        self.done += 1;
        Some(step)
    }
}
