//! Owns how long work reports and is stopped: one trait, implemented by the engine, called by every model.
//! Never blocks, never draws.

use crate::raster::RgbF32;

/// The caller asked to stop. Turned into each room's own error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// What a model tells while it works. All calls come from the thread that does the work.
pub trait Observer {
    /// True once the work should stop; asked at least once a step and once a tile.
    fn is_cancelled(&self) -> bool;

    /// `done` of `total` steps are finished.
    fn on_step(&mut self, done: usize, total: usize);

    /// True when a preview for this step would be shown; making one costs time, so ask first.
    fn wants_preview(&self) -> bool {
        false
    }

    /// A small or full-size look at the unfinished picture.
    fn on_preview(&mut self, _picture: RgbF32) {}

    /// A stage took `milliseconds` (names as in the report: "text", "encode", "decode").
    fn on_stage(&mut self, _name: &'static str, _milliseconds: f64) {}

    /// Something the user should read but that does not stop the work (a truncated prompt).
    fn on_warning(&mut self, _text: String) {}

    /// `Err(Cancelled)` once cancelled, for `?`.
    fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }
}

/// Nobody is listening.
pub struct Silent;

impl Observer for Silent {
    fn is_cancelled(&self) -> bool {
        false
    }

    fn on_step(&mut self, _done: usize, _total: usize) {}
}
