//! Owns what the system says of this process: memory, and processor time by thread. Used by the measurements.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// What the thread of a measured window is called.
pub const WINDOW_THREAD: &str = "bench window";
/// How the names of the canvas's own threads begin (`gpu` gives them).
const TILE_THREADS: &str = "canvas tiles";

pub struct Process(System);

impl Process {
    pub fn new() -> Self {
        Self(System::new())
    }

    /// Resident size in bytes.
    pub fn resident_bytes(&mut self) -> Option<u64> {
        let pid = sysinfo::get_current_pid().ok()?;
        let wanted = ProcessesToUpdate::Some(&[pid]);
        let kind = ProcessRefreshKind::nothing().with_memory();
        self.0.refresh_processes_specifics(wanted, true, kind);
        self.0.process(pid).map(sysinfo::Process::memory)
    }

    /// Milliseconds of processor time so far, by the window's thread and the canvas's tile threads together, and by all
    /// threads there are. None where the system does not tell threads apart.
    pub fn cpu_ms(&mut self) -> Option<(u64, u64)> {
        let pid = sysinfo::get_current_pid().ok()?;
        let kind = ProcessRefreshKind::nothing().with_cpu().with_tasks();
        // Of a process that is asked for by its number, threads are listed but not read.
        let wanted = ProcessesToUpdate::All;
        self.0.refresh_processes_specifics(wanted, true, kind);
        let process = self.0.process(pid)?;
        let (mut ours, mut found) = (0, false);
        for task in process.tasks()? {
            let Some(task) = self.0.process(*task) else {
                continue;
            };
            let name = task.name().to_string_lossy();
            if name == WINDOW_THREAD || name.starts_with(TILE_THREADS) {
                ours += task.accumulated_cpu_time();
                found = true;
            }
        }
        found.then(|| (ours, process.accumulated_cpu_time()))
    }
}
