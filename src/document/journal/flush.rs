//! Owns the thread that tells the disk to keep what a log wrote. Used by `log`. Must never make a writer wait.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the disk is left alone between two flushes.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    dirty: bool,
    stop: bool,
}

/// The thread that tells the disk to keep what was written.
pub struct Flusher {
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

fn hold(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flusher {
    pub fn start(file: Arc<File>, path: &Path) -> std::io::Result<Self> {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let theirs = Arc::clone(&shared);
        let path = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("journal flush".into())
            .spawn(move || flush_loop(&file, &path, &theirs))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Something was written.
    pub fn mark(&self) {
        hold(&self.shared.0).dirty = true;
        self.shared.1.notify_one();
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        hold(&self.shared.0).stop = true;
        self.shared.1.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn flush_loop(file: &File, path: &Path, (state, signal): &(Mutex<State>, Condvar)) {
    let mut complained = false;
    let mut now = hold(state);
    loop {
        now = signal
            .wait_while(now, |s| !s.dirty && !s.stop)
            .unwrap_or_else(PoisonError::into_inner);
        let (dirty, stop) = (now.dirty, now.stop);
        now.dirty = false;
        drop(now);
        if dirty
            && let Err(error) = file.sync_data()
            && !complained
        {
            complained = true;
            log::warn!("{}: the disk can't be flushed: {error}", path.display());
        }
        if stop {
            return;
        }
        now = signal
            .wait_timeout_while(hold(state), PAUSE, |s| !s.stop)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}
