//! Owns the folder of one run: made and locked while the run lives, found again by the next run when it crashed. Used
//! through `journal`. Must never touch a folder whose run is alive.
//!
//! ```text
//! root/.lock            held for moments, while folders are made, looked for or removed
//! root/run-…/.lock      held as long as the run lives; the system lets go of it when the process ends, however it ends
//! root/run-…/journal.log
//! root/run-…/blobs/…
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{BlobStore, JournalError};

const LOCK: &str = ".lock";
const LOG: &str = "journal.log";
const PREFIX: &str = "run-";

/// A run's folder, locked. Dropping it lets go of the lock and leaves the files; [`JournalFolder::discard`] removes them.
#[derive(Debug)]
pub struct JournalFolder {
    root: PathBuf,
    path: PathBuf,
    lock: File,
}

impl JournalFolder {
    /// A new folder for this run under `root`, which is made where it is missing.
    pub fn create(root: &Path) -> Result<Self, JournalError> {
        std::fs::create_dir_all(root).map_err(|e| JournalError::writing(root, e))?;
        let _guard = guard(root)?;
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(12)
            .tempdir_in(root)
            .map_err(|e| JournalError::writing(root, e))?
            .keep();
        let lock = open_lock(&path.join(LOCK))?;
        lock.lock().map_err(|e| JournalError::writing(&path, e))?;
        Ok(Self {
            root: root.to_owned(),
            path,
            lock,
        })
    }

    /// The folders under `root` whose runs ended without [`JournalFolder::discard`], locked for this run, the oldest
    /// first. Folders that never got a log are removed. No root, no folders.
    pub fn open_orphans(root: &Path) -> Result<Vec<Self>, JournalError> {
        if !root.is_dir() {
            return Ok(Vec::new());
        }
        let _guard = guard(root)?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(root).map_err(|e| JournalError::reading(root, e))? {
            let entry = entry.map_err(|e| JournalError::reading(root, e))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder || !entry.file_name().to_string_lossy().starts_with(PREFIX) {
                continue;
            }
            let path = entry.path();
            // One that can't be opened (another user's, perhaps) must not hide the others.
            let Ok(lock) = open_lock(&path.join(LOCK)) else {
                continue;
            };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => continue,
            }
            let folder = Self {
                root: root.to_owned(),
                path,
                lock,
            };
            if folder.log_path().exists() {
                found.push(folder);
            } else {
                folder.remove()?;
            }
        }
        found.sort_by_cached_key(|folder| (folder.modified(), folder.path.clone()));
        Ok(found)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where this run's log is or belongs.
    pub fn log_path(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// This run's blobs.
    pub fn blobs(&self) -> Result<BlobStore, JournalError> {
        BlobStore::open(&self.path.join("blobs"))
    }

    /// When the log was last written; none when there is no log.
    pub fn modified(&self) -> Option<SystemTime> {
        std::fs::metadata(self.log_path()).ok()?.modified().ok()
    }

    /// Removes the folder and all in it. Drop its `LogWriter` first: some systems don't remove open files.
    pub fn discard(self) -> Result<(), JournalError> {
        let _guard = guard(&self.root)?;
        self.remove()
    }

    /// As [`JournalFolder::discard`], where the root is held already.
    fn remove(self) -> Result<(), JournalError> {
        let Self { path, lock, .. } = self;
        drop(lock);
        std::fs::remove_dir_all(&path).map_err(|e| JournalError::writing(&path, e))
    }
}

fn open_lock(path: &Path) -> Result<File, JournalError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| JournalError::writing(path, e))
}

/// Holds the root until dropped, so that no other run sees a folder between its making and its locking.
fn guard(root: &Path) -> Result<File, JournalError> {
    let path = root.join(LOCK);
    let file = open_lock(&path)?;
    file.lock().map_err(|e| JournalError::writing(&path, e))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::LogWriter;
    use super::*;

    #[test]
    fn only_folders_of_ended_runs_are_orphans() {
        let home = tempfile::tempdir().expect("folder");
        let root = home.path().join("journal");
        assert!(JournalFolder::open_orphans(&root).expect("none").is_empty());
        let alive = JournalFolder::create(&root).expect("creates");
        drop(LogWriter::<u32>::create(&alive.log_path()).expect("log"));
        let crashed = JournalFolder::create(&root).expect("creates");
        let crashed_path = crashed.path().to_owned();
        let mut log = LogWriter::<u32>::create(&crashed.log_path()).expect("log");
        log.append(&7).expect("appends");
        let blob = crashed
            .blobs()
            .expect("blobs")
            .put(b"pixels")
            .expect("puts");
        drop((log, crashed));
        drop(JournalFolder::create(&root).expect("a run that never wrote"));

        let orphans = JournalFolder::open_orphans(&root).expect("looks");
        assert_eq!(orphans.len(), 1);
        assert_eq!(orphans[0].path(), crashed_path);
        assert!(orphans[0].modified().is_some());
        // A second opener finds it taken.
        assert!(
            JournalFolder::open_orphans(&root)
                .expect("looks")
                .is_empty()
        );
        let blobs = orphans[0].blobs().expect("blobs");
        assert_eq!(blobs.get(blob).expect("gets"), b"pixels");
        let (_, log) = LogWriter::<u32>::open_at_end(&orphans[0].log_path()).expect("log");
        assert_eq!(log.records, [7]);
        for orphan in orphans {
            orphan.discard().expect("discards");
        }
        assert!(!crashed_path.exists());
        assert!(alive.log_path().exists());
        alive.discard().expect("discards");
        assert_eq!(std::fs::read_dir(&root).expect("lists").count(), 1);
    }

    #[test]
    fn of_many_openers_one_gets_the_folder() {
        let home = tempfile::tempdir().expect("folder");
        let crashed = JournalFolder::create(home.path()).expect("creates");
        drop(LogWriter::<u32>::create(&crashed.log_path()).expect("log"));
        drop(crashed);
        let taken: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| JournalFolder::open_orphans(home.path()).expect("looks")))
                .collect();
            all.into_iter()
                .flat_map(|thread| thread.join().expect("ends"))
                .collect()
        });
        assert_eq!(taken.len(), 1);
    }
}
