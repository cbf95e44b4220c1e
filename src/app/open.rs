//! Owns making a document from what is on disk: a photo, a project, or the journal of a run that crashed. Called by `io`
//! on a thread of its own.

use std::path::{Path, PathBuf};

use crate::document::{
    Document, Journal, Orphan, find_orphans, read_project_file, write_project_file,
};
use crate::photo;

/// The ending of project files.
pub const PROJECT_ENDING: &str = "inlay";

/// A document that was read, and what its file could not give.
pub struct Opened {
    pub document: Document,
    pub warnings: Vec<String>,
}

pub fn is_project(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case(PROJECT_ENDING))
}

/// Reads a photo or project; with a folder for journals it is journalled from the start.
pub fn open_file(path: &Path, journals: Option<&Path>) -> Result<Opened, String> {
    // The journal's copy goes to disk while the picture is decoded.
    std::thread::scope(|scope| {
        let journal = journals
            .filter(|_| has_sensible_size(path))
            .map(|root| scope.spawn(move || journal_of_file(root, path)));
        let opened = open_document(path);
        let journal = journal.and_then(|thread| thread.join().ok());
        match (opened, journal) {
            (Ok(mut opened), Some(Ok(journal))) => {
                opened.document.keep_journal(journal);
                Ok(opened)
            }
            (Ok(mut opened), Some(Err(error))) => {
                opened.warnings.push(no_journal(&error));
                Ok(opened)
            }
            (Err(error), Some(Ok(journal))) => {
                journal.discard();
                Err(error)
            }
            (opened, _) => opened,
        }
    })
}

/// Larger files are not photos, and are refused by their reader.
fn has_sensible_size(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= photo::MAX_FILE_BYTES)
}

fn open_document(path: &Path) -> Result<Opened, String> {
    if is_project(path) {
        return open_project(path, Some(path.to_owned()));
    }
    let decoded = photo::decode_file(path).map_err(|error| error.to_string())?;
    Ok(Opened {
        document: Document::new(decoded.photo, Some(path.to_owned())),
        warnings: decoded.warnings,
    })
}

fn journal_of_file(root: &Path, path: &Path) -> Result<Journal, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Journal::create(root, Some(path.to_owned()), &bytes).map_err(|error| error.to_string())
}

fn no_journal(error: &str) -> String {
    format!("no recovery journal is kept: {error}")
}

/// The same for a picture in memory.
pub fn open_bytes(bytes: &[u8], journals: Option<&Path>) -> Result<Opened, String> {
    let decoded = photo::decode_bytes(bytes).map_err(|error| error.to_string())?;
    let mut opened = Opened {
        document: Document::new(decoded.photo, None),
        warnings: decoded.warnings,
    };
    if let Some(root) = journals {
        start_journal(&mut opened, root, None, bytes);
    }
    Ok(opened)
}

fn open_project(path: &Path, own_path: Option<PathBuf>) -> Result<Opened, String> {
    let project = read_project_file(path).map_err(|error| error.to_string())?;
    let document = Document::from_project(project, own_path).map_err(|error| error.to_string())?;
    Ok(Opened {
        document,
        warnings: Vec::new(),
    })
}

fn start_journal(opened: &mut Opened, root: &Path, source: Option<PathBuf>, bytes: &[u8]) {
    match Journal::create(root, source, bytes) {
        Ok(journal) => opened.document.keep_journal(journal),
        Err(error) => opened.warnings.push(no_journal(&error.to_string())),
    }
}

/// Journals that crashed runs left.
pub fn orphans(journals: &Path) -> Vec<Orphan> {
    find_orphans(journals).unwrap_or_else(|error| {
        log::warn!("{error}");
        Vec::new()
    })
}

/// Brings a document back.
pub fn recover(orphan: Orphan) -> Result<Opened, String> {
    let recovered = orphan.recover(|bytes, source| {
        if source.as_deref().is_some_and(is_project) {
            // The reader wants a file.
            let file = tempfile::Builder::new()
                .suffix(".inlay")
                .tempfile()
                .and_then(|file| std::fs::write(file.path(), bytes).map(|()| file))
                .map_err(|error| error.to_string())?;
            return open_project(file.path(), source).map(|opened| opened.document);
        }
        let decoded = photo::decode_bytes(bytes).map_err(|error| error.to_string())?;
        Ok(Document::new(decoded.photo, source))
    })?;
    Ok(Opened {
        document: *recovered.document,
        warnings: recovered.warnings,
    })
}

/// Writes a project file.
pub fn save_project(
    project: &crate::document::project::StoredProject,
    path: &Path,
) -> Result<Vec<String>, String> {
    write_project_file(path, project).map_err(|error| error.to_string())
}
