//! Owns the project file (`.inlay`): a ZIP archive with `project.json`, the base photo and every fill as PNG. Used by
//! `document`, which turns a live document into a `StoredProject` and back. Must never know the live types, so that old
//! files stay readable whatever becomes of those.

mod archive;
mod error;
mod format;
mod reading;
mod stored;
mod version;

pub use error::ProjectError;
pub use format::StoredGrowth;
pub use reading::read_archive;
pub use stored::{StoredFill, StoredPart, StoredPlane, StoredProject, StoredSource, write_archive};
