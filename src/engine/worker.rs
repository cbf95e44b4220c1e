//! Owns the worker thread: takes requests in order, runs each inside a panic guard, sends what became of it. The handle
//! `Engine` is what app holds. A panic costs the loaded model and that job, nothing else.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::EngineError;
use super::job::{JobEvent, JobId, JobRequest, ModelChoice};
use super::run;
use super::slot::ModelSlot;
use super::watch::Watch;

/// Jobs that may wait.
const QUEUE: usize = 16;
/// Events that may wait; progress beyond that is dropped.
const EVENTS: usize = 64;
/// How often a full outbox is tried again.
const FULL_WAIT: Duration = Duration::from_millis(2);

type Cancels = Arc<Mutex<HashMap<JobId, Arc<AtomicBool>>>>;

/// What the engine must know of its surroundings.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where answers about devices are remembered. None: not remembered.
    pub state_dir: Option<PathBuf>,
    /// Where compiled and tuned kernels are kept. None: the system's temporary folder.
    pub cache_dir: Option<PathBuf>,
    /// The program that probes devices in a child process (Inlay itself). None: only the CPU is used.
    pub probe_program: Option<PathBuf>,
}

/// The handle of the worker. Dropping it cancels what runs and waits for the thread.
pub struct Engine {
    requests: Option<SyncSender<JobRequest>>,
    cancels: Cancels,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The way out: bounded, and never in the way of closing.
struct Outbox<'a> {
    events: SyncSender<JobEvent>,
    closing: &'a AtomicBool,
}

impl Outbox<'_> {
    /// Outcomes are never dropped: waits for room. False when nobody listens any more.
    fn deliver(&self, mut event: JobEvent) -> bool {
        loop {
            match self.events.try_send(event) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(_)) if self.closing.load(Ordering::Relaxed) => return false,
                Err(TrySendError::Full(back)) => event = back,
            }
            std::thread::sleep(FULL_WAIT);
        }
    }
}

impl Engine {
    /// Starts the thread. `wake` is called after each event, from the worker.
    pub fn start(
        options: EngineOptions,
        wake: impl Fn() + Send + 'static,
    ) -> Result<(Self, Receiver<JobEvent>), EngineError> {
        let (requests, inbox) = sync_channel(QUEUE);
        let (sender, events) = sync_channel(EVENTS);
        let cancels = Cancels::default();
        let shared = Arc::clone(&cancels);
        let closing = Arc::new(AtomicBool::new(false));
        let is_closing = Arc::clone(&closing);
        let thread = std::thread::Builder::new()
            .name("inlay-engine".into())
            .spawn(move || {
                let outbox = Outbox {
                    events: sender,
                    closing: &is_closing,
                };
                work(&inbox, &outbox, &shared, &wake, options);
            })
            .map_err(|error| {
                EngineError::Device(format!("the engine's thread can't start: {error}"))
            })?;
        Ok((
            Self {
                requests: Some(requests),
                cancels,
                closing,
                thread: Some(thread),
            },
            events,
        ))
    }

    /// Queues a job. Never blocks.
    pub fn submit(&self, request: JobRequest) -> Result<(), EngineError> {
        let Some(requests) = &self.requests else {
            return Err(EngineError::Stopped);
        };
        let id = request.id;
        lock(&self.cancels).insert(id, Arc::new(AtomicBool::new(false)));
        requests.try_send(request).map_err(|refused| {
            lock(&self.cancels).remove(&id);
            match refused {
                TrySendError::Full(_) => EngineError::QueueFull(QUEUE),
                TrySendError::Disconnected(_) => EngineError::Stopped,
            }
        })
    }

    /// Asks a waiting or running job to stop; it answers with `Cancelled` within a step.
    pub fn cancel(&self, id: JobId) {
        if let Some(flag) = lock(&self.cancels).get(&id) {
            flag.store(true, Ordering::Relaxed);
        }
    }

    pub fn cancel_all(&self) {
        for flag in lock(&self.cancels).values() {
            flag.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.cancel_all();
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A poisoned map of flags is still a map of flags.
fn lock(cancels: &Cancels) -> std::sync::MutexGuard<'_, HashMap<JobId, Arc<AtomicBool>>> {
    cancels.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(
    inbox: &Receiver<JobRequest>,
    outbox: &Outbox<'_>,
    cancels: &Cancels,
    wake: &(dyn Fn() + Send),
    options: EngineOptions,
) {
    let mut slot = ModelSlot::new(options);
    while let Ok(request) = inbox.recv() {
        let id = request.id;
        let cancel = lock(cancels).get(&id).cloned().unwrap_or_default();
        let event = if cancel.load(Ordering::Relaxed) {
            JobEvent::Cancelled { id }
        } else {
            run_guarded(&request, cancel, &mut slot, outbox, wake)
        };
        lock(cancels).remove(&id);
        if !outbox.deliver(event) {
            return;
        }
        wake();
    }
}

fn run_guarded(
    request: &JobRequest,
    cancel: Arc<AtomicBool>,
    slot: &mut ModelSlot,
    outbox: &Outbox<'_>,
    wake: &(dyn Fn() + Send),
) -> JobEvent {
    let id = request.id;
    outbox.deliver(JobEvent::Started { id });
    wake();
    let counts_steps = matches!(request.model, ModelChoice::Folder(_));
    let crops = request.plan.crops.len();
    let mut watch = Watch::new(id, cancel, &outbox.events, wake, crops, counts_steps);
    let outcome = catch_unwind(AssertUnwindSafe(|| run::run_job(request, slot, &mut watch)));
    match outcome {
        Ok(Ok(result)) => JobEvent::Finished {
            id,
            result: Box::new(result),
        },
        Ok(Err(EngineError::Cancelled)) => JobEvent::Cancelled { id },
        Ok(Err(error)) => JobEvent::Failed {
            id,
            error: Box::new(error),
        },
        Err(panic) => {
            // What it left behind can't be trusted.
            slot.clear();
            JobEvent::Failed {
                id,
                error: Box::new(EngineError::Panicked(panic_text(panic.as_ref()))),
            }
        }
    }
}

/// The first line of what a panic says.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown reason");
    let line: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(160)
        .collect();
    line.trim_end_matches(['.', ':']).to_owned()
}
