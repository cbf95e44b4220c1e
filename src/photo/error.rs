//! Owns `PhotoError`, the one error type of reading, writing and converting photographs. Every text is one line that
//! says what is wrong and what to do. Must never name another room's error.

use std::path::Path;

/// What can go wrong with a photograph, by who can put it right.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// The file system said no. Whoever owns the disk or the permissions can help.
    #[error("{what}: {source}; {advice}")]
    Io {
        what: String,
        advice: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// The file is broken: cut short, altered, or empty.
    #[error("{0}")]
    Damaged(String),
    /// The file is sound, but of a kind that is not read here; the text names a way around.
    #[error("{0}")]
    Unsupported(String),
    /// More pixels or bytes than the limits allow.
    #[error("{0}")]
    TooLarge(String),
    /// The chosen output format or name can't take this picture.
    #[error("{0}")]
    CannotWrite(String),
    /// The calling code asked for something impossible (a rectangle outside the canvas, sizes that differ).
    #[error("{0}")]
    Caller(String),
}

impl PhotoError {
    pub(crate) fn reading(path: &Path, source: std::io::Error) -> Self {
        let advice = match source.kind() {
            std::io::ErrorKind::NotFound => "check the name and the folder",
            std::io::ErrorKind::PermissionDenied => "ask for permission to read it, or copy it",
            _ => "check that the disk is connected and try again",
        };
        Self::Io {
            what: format!("cannot read {}", path.display()),
            advice,
            source,
        }
    }

    pub(crate) fn writing(path: &Path, source: std::io::Error) -> Self {
        // Some sources name the temporary file, which means nothing to the user.
        let source = match source.kind() {
            kind if source.get_ref().is_some() && kind != std::io::ErrorKind::Other => kind.into(),
            _ => source,
        };
        let advice = match source.kind() {
            std::io::ErrorKind::NotFound => "create the folder first or choose another one",
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "choose a folder that you may write to"
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "free some space or choose another disk"
            }
            _ => "choose another place and try again",
        };
        Self::Io {
            what: format!("cannot write {}", path.display()),
            advice,
            source,
        }
    }

    /// A broken file of a known format: `detail` is the decoder's own word for it.
    pub(crate) fn damaged(format: &str, detail: impl std::fmt::Display) -> Self {
        Self::Damaged(format!(
            "the {format} file is damaged ({}); get a fresh copy of it, or open it in another program and save it again",
            one_line(&detail.to_string())
        ))
    }

    /// The same error, its text led by the file's name.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        let named = |text: String| format!("{}: {text}", path.display());
        match self {
            Self::Damaged(text) => Self::Damaged(named(text)),
            Self::Unsupported(text) => Self::Unsupported(named(text)),
            Self::TooLarge(text) => Self::TooLarge(named(text)),
            other => other,
        }
    }

    pub(crate) fn truncated(format: &str) -> Self {
        Self::Damaged(format!(
            "the {format} file ends too early, part of the picture is missing; copy or download it again"
        ))
    }
}

/// Foreign messages joined into one line of bounded length.
fn one_line(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if joined.chars().count() <= 160 {
        return joined.trim_end_matches('.').to_string();
    }
    let short: String = joined.chars().take(157).collect();
    format!("{short}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_messages_become_one_bounded_line() {
        let error = PhotoError::damaged("PNG", format!("first\nsecond {}", "x".repeat(400)));
        let text = error.to_string();
        assert!(!text.contains('\n'));
        assert!(text.contains("first second"));
        assert!(text.len() < 330, "{text}");
    }
}
