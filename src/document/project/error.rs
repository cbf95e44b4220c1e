//! Owns `ProjectError`, the one error type of project files. Every text is one line that says what is wrong and what to
//! do.

use std::path::Path;

use crate::photo::PhotoError;

/// Why a project can't be read or written, by who can put it right.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The file system said no.
    #[error("cannot read {path}: {source}; check the name and that you may read it")]
    Reading {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// Not a project, or a broken or forged one.
    #[error("{0}")]
    Damaged(String),
    /// Written by a later Inlay in a way that this one can't read.
    #[error(
        "the project was made by a newer Inlay (format {found}, this one reads up to {known}); update Inlay to open it"
    )]
    Newer { found: u32, known: u32 },
    /// Beyond the limits.
    #[error("{0}")]
    TooLarge(String),
    /// The calling code handed over parts that do not fit together.
    #[error("{0}")]
    Caller(String),
    /// A picture of the project, or writing the file.
    #[error("{0}")]
    Photo(#[from] PhotoError),
}

impl ProjectError {
    pub(super) fn reading(path: &Path, source: std::io::Error) -> Self {
        Self::Reading {
            path: path.display().to_string(),
            source,
        }
    }

    /// `entry` is the part of the archive that is wrong.
    pub(super) fn damaged(entry: &str, what: impl std::fmt::Display) -> Self {
        let what = what.to_string();
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = what.chars().take(200).collect();
        let name: String = entry.chars().take(80).collect();
        Self::Damaged(format!(
            "the project is damaged: {} {short}; open an earlier copy of it",
            name.escape_debug()
        ))
    }

    /// The same error, its text led by the file's name.
    pub(super) fn of_file(self, path: &Path) -> Self {
        let named = |text: String| format!("{}: {text}", path.display());
        match self {
            Self::Damaged(text) => Self::Damaged(named(text)),
            Self::TooLarge(text) => Self::TooLarge(named(text)),
            other => other,
        }
    }
}
