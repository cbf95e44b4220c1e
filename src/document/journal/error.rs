//! Owns `JournalError`, the one error type of the journal. Every text is one line that says what is wrong and what to do.

use std::path::Path;

/// Why the journal can't be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("{what}: {source}; check the disk and its free space")]
    Io {
        what: String,
        #[source]
        source: std::io::Error,
    },
    /// Not a journal, or bytes of it changed.
    #[error("{0}")]
    Damaged(String),
    /// Written by a later Inlay.
    #[error(
        "the recovery journal was made by a newer Inlay (format {found}, this one reads {known}); open it there"
    )]
    Newer { found: u32, known: u32 },
    /// A record or a piece beyond the limits.
    #[error("{0}")]
    TooLarge(String),
}

impl JournalError {
    pub(super) fn reading(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            what: format!("cannot read {}", path.display()),
            source,
        }
    }

    pub(super) fn writing(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            what: format!("cannot write {}", path.display()),
            source,
        }
    }
}
