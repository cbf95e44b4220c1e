//! Owns the log of what changed when: so that the window repaints only that, and a result that comes late is refused only
//! where it no longer fits. Used by `Document`.

use std::collections::VecDeque;

use crate::geometry::PixelRect;

/// Entries kept; who is farther behind gets everything anew.
const KEPT: usize = 256;

pub struct ChangeLog {
    revision: u64,
    mask_revision: u64,
    /// Revision, canvas after the change, changed rectangle: all in document space.
    pixels: VecDeque<(u64, PixelRect, Vec<PixelRect>)>,
    /// Mask revision and changed rectangle in canvas space; none is all.
    masks: VecDeque<(u64, Option<PixelRect>)>,
}

impl Default for ChangeLog {
    fn default() -> Self {
        Self {
            revision: 1,
            mask_revision: 1,
            pixels: VecDeque::new(),
            masks: VecDeque::new(),
        }
    }
}

impl ChangeLog {
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn mask_revision(&self) -> u64 {
        self.mask_revision
    }

    pub fn note_pixels(&mut self, canvas: PixelRect, rects: Vec<PixelRect>) {
        self.revision += 1;
        self.pixels.push_back((self.revision, canvas, rects));
        if self.pixels.len() > KEPT {
            self.pixels.pop_front();
        }
    }

    pub fn note_mask(&mut self, rect: Option<PixelRect>) {
        self.mask_revision += 1;
        self.masks.push_back((self.mask_revision, rect));
        if self.masks.len() > KEPT {
            self.masks.pop_front();
        }
    }

    /// All rectangles after `revision`; none when the log does not reach back so far.
    fn rects_since(&self, revision: u64) -> Option<impl Iterator<Item = &PixelRect>> {
        let reaches = self
            .pixels
            .front()
            .map_or(revision >= self.revision, |first| first.0 <= revision + 1);
        reaches.then(|| {
            self.pixels
                .iter()
                .filter(move |entry| entry.0 > revision)
                .flat_map(|entry| &entry.2)
        })
    }

    /// Around everything that changed after `revision`, in document space; none when the canvas is not `canvas` all
    /// along.
    pub fn pixels_since(&self, revision: u64, canvas: PixelRect) -> Option<PixelRect> {
        let is_same_canvas = self
            .pixels
            .iter()
            .filter(|entry| entry.0 >= revision)
            .all(|entry| entry.1 == canvas);
        let rects = self.rects_since(revision)?;
        is_same_canvas.then(|| rects.fold(PixelRect::default(), |all, rect| all.union(*rect)))
    }

    /// Whether nothing in `rects` (document space) changed after `revision`.
    pub fn is_untouched(&self, revision: u64, rects: &[PixelRect]) -> bool {
        self.rects_since(revision).is_some_and(|mut changed| {
            changed.all(|c| rects.iter().all(|r| c.intersect(*r).is_empty()))
        })
    }

    pub fn mask_since(&self, mask_revision: u64) -> Option<PixelRect> {
        let reaches = self
            .masks
            .front()
            .map_or(mask_revision >= self.mask_revision, |first| {
                first.0 <= mask_revision + 1
            });
        if !reaches {
            return None;
        }
        self.masks
            .iter()
            .filter(|entry| entry.0 > mask_revision)
            .try_fold(PixelRect::default(), |all, entry| Some(all.union(entry.1?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_elsewhere_does_not_touch_a_place() {
        let mut log = ChangeLog::default();
        let canvas = PixelRect::new(0, 0, 100, 100);
        let before = log.revision();
        log.note_pixels(canvas, vec![PixelRect::new(0, 0, 10, 10)]);
        log.note_pixels(canvas, vec![PixelRect::new(50, 50, 10, 10)]);
        assert!(log.is_untouched(before, &[PixelRect::new(20, 20, 10, 10)]));
        assert!(!log.is_untouched(before, &[PixelRect::new(55, 55, 1, 1)]));
        assert_eq!(
            log.pixels_since(before, canvas),
            Some(PixelRect::new(0, 0, 60, 60))
        );
        log.note_pixels(PixelRect::new(0, 0, 50, 100), Vec::new());
        assert_eq!(log.pixels_since(before, canvas), None);
        assert!(log.is_untouched(before, &[PixelRect::new(20, 20, 10, 10)]));
    }

    #[test]
    fn a_reader_too_far_behind_gets_everything() {
        let mut log = ChangeLog::default();
        let start = log.mask_revision();
        log.note_mask(Some(PixelRect::new(1, 1, 2, 2)));
        assert_eq!(log.mask_since(start), Some(PixelRect::new(1, 1, 2, 2)));
        for _ in 0..=KEPT {
            log.note_mask(Some(PixelRect::new(1, 1, 2, 2)));
        }
        assert_eq!(log.mask_since(start), None);
        assert_eq!(
            log.mask_since(log.mask_revision()),
            Some(PixelRect::default())
        );
    }
}
