//! Owns the observer that a running model talks to: turns steps into progress with remaining time, times stages, passes
//! previews on, and carries the cancel flag. One a job; used by the worker only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::job::{JobEvent, JobId, Milliseconds};
use crate::geometry::PixelRect;
use crate::progress::{Cancelled, Observer};
use crate::raster::RgbF32;

/// At most one preview in this time.
const PREVIEW_EVERY: Duration = Duration::from_millis(350);

pub struct Watch<'a> {
    id: JobId,
    cancel: Arc<AtomicBool>,
    events: &'a SyncSender<JobEvent>,
    wake: &'a (dyn Fn() + Send),
    started: Instant,
    last_step: Instant,
    last_preview: Instant,
    crop: usize,
    crops: usize,
    /// False for models whose steps are shares of the work, not steps of a schedule: the report sums them up.
    counts_steps: bool,
    context_rect: PixelRect,
    /// Of the crop's work: what is done, and what the present look is.
    look: (f32, f32),
    pub times: Milliseconds,
    pub warnings: Vec<String>,
}

impl<'a> Watch<'a> {
    pub fn new(
        id: JobId,
        cancel: Arc<AtomicBool>,
        events: &'a SyncSender<JobEvent>,
        wake: &'a (dyn Fn() + Send),
        crops: usize,
        counts_steps: bool,
    ) -> Self {
        let now = Instant::now();
        Self {
            id,
            cancel,
            events,
            wake,
            started: now,
            last_step: now,
            last_preview: now,
            crop: 0,
            crops: crops.max(1),
            counts_steps,
            context_rect: PixelRect::default(),
            look: (0.0, 1.0),
            times: Milliseconds::default(),
            warnings: Vec::new(),
        }
    }

    /// The next crop begins.
    pub fn begin_crop(&mut self, index: usize, context_rect: PixelRect) {
        self.crop = index;
        self.context_rect = context_rect;
        self.look = (0.0, 1.0);
        self.last_step = Instant::now();
    }

    /// The model looks at `rect` next, `share` of the crop's work, of which `done` is done.
    pub fn begin_look(&mut self, rect: PixelRect, done: f32, share: f32) {
        self.context_rect = rect;
        self.look = (done, share);
        self.last_step = Instant::now();
    }

    /// The clock of progress starts here: loading a model is not part of the estimate.
    pub fn begin_work(&mut self) {
        self.started = Instant::now();
    }

    pub fn stage(&mut self, text: &'static str) {
        self.tell(JobEvent::Stage { id: self.id, text });
    }

    /// Runs `work` and returns its result and duration in milliseconds.
    pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
        let start = Instant::now();
        let value = work();
        (value, start.elapsed().as_secs_f64() * 1e3)
    }

    /// Drops the event when the reader is behind: the next one says more.
    fn tell(&self, event: JobEvent) {
        if self.events.try_send(event).is_ok() {
            (self.wake)();
        }
    }
}

impl Observer for Watch<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    fn on_step(&mut self, done: usize, total: usize) {
        let now = Instant::now();
        let took = (now - self.last_step).as_secs_f64() * 1e3;
        match self.times.steps.last_mut() {
            Some(sum) if !self.counts_steps => *sum += took,
            _ => self.times.steps.push(took),
        }
        self.last_step = now;
        let within = self.look.0 + self.look.1 * done as f32 / total.max(1) as f32;
        let fraction = ((self.crop as f32 + within) / self.crops as f32).clamp(0.0, 1.0);
        let elapsed = self.started.elapsed();
        let remaining = (fraction > 0.02).then(|| elapsed.mul_f32((1.0 - fraction) / fraction));
        self.tell(JobEvent::Step {
            id: self.id,
            fraction,
            crop: self.crop + 1,
            crops: self.crops,
            done,
            total,
            remaining,
        });
    }

    fn wants_preview(&self) -> bool {
        self.last_preview.elapsed() >= PREVIEW_EVERY
    }

    fn on_preview(&mut self, picture: RgbF32) {
        self.last_preview = Instant::now();
        self.tell(JobEvent::Preview {
            id: self.id,
            rect: self.context_rect,
            picture,
        });
    }

    fn on_stage(&mut self, name: &'static str, milliseconds: f64) {
        match name {
            "text" => self.times.text += milliseconds,
            "encode" => self.times.encode += milliseconds,
            "decode" => self.times.decode += milliseconds,
            "load" => self.times.load += milliseconds,
            _ => {}
        }
        self.last_step = Instant::now();
    }

    fn on_warning(&mut self, text: String) {
        if !self.warnings.contains(&text) {
            self.tell(JobEvent::Warning {
                id: self.id,
                text: text.clone(),
            });
            self.warnings.push(text);
        }
    }

    fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }
}
