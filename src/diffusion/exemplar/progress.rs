//! Owns the translation of work done into the observer's steps, and the look at its cancel flag. The total is estimated
//! before the work starts, in distance evaluations, and told in thousandths so that the time left can be worked out.

use crate::progress::{Cancelled, Observer};

/// Steps reported for a whole call.
pub(super) const STEPS: usize = 1000;

pub(super) struct Progress<'a> {
    pub observer: &'a mut dyn Observer,
    done: usize,
    total: usize,
    told: usize,
}

impl<'a> Progress<'a> {
    pub(super) fn new(observer: &'a mut dyn Observer, total: usize) -> Self {
        Self {
            observer,
            done: 0,
            total: total.max(1),
            told: 0,
        }
    }

    /// `cost` more evaluations are done. Never reports the last step: that is `finish`.
    pub(super) fn advance(&mut self, cost: usize) -> Result<(), Cancelled> {
        self.done += cost;
        let step = (self.done as f64 / self.total as f64 * STEPS as f64) as usize;
        let step = step.min(STEPS - 1);
        if step > self.told {
            self.told = step;
            self.observer.on_step(step, STEPS);
        }
        self.observer.check()
    }

    pub(super) fn finish(&mut self) {
        self.observer.on_step(STEPS, STEPS);
    }
}
