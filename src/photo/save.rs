//! Owns putting bytes on disk so that a crash, a full disk or a missing permission never costs the old file, and the
//! names of new files. Used by encode, gallery and mask. Must never write into the target itself.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{PhotoError, PhotoFormat};

/// Replaces `path` by a file with these bytes: written beside it, flushed to disk, then renamed. On any failure the
/// old file stays as it was. Its permissions are kept; a symbolic link stays a link.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), PhotoError> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomically`], for files too large to hold in memory twice: `write` puts the bytes into the new file.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), PhotoError> {
    let failed = |e: std::io::Error| PhotoError::writing(path, e);
    let target = resolve(path).map_err(failed)?;
    let old = std::fs::metadata(&target).ok();
    if old.as_ref().is_some_and(std::fs::Metadata::is_dir) {
        return Err(PhotoError::CannotWrite(format!(
            "{} is a folder; choose a file name inside it",
            path.display()
        )));
    }
    let permissions = old.map(|meta| meta.permissions());
    if permissions
        .as_ref()
        .is_some_and(std::fs::Permissions::readonly)
    {
        return Err(PhotoError::CannotWrite(format!(
            "{} is write-protected; choose another name or remove the protection",
            path.display()
        )));
    }
    let file = temporary(&target, write).map_err(failed)?;
    if let Some(permissions) = permissions {
        file.as_file()
            .set_permissions(permissions)
            .map_err(failed)?;
    }
    file.persist(&target).map_err(|e| failed(e.error))?;
    sync_folder(&target);
    Ok(())
}

/// `NAME-word.ext` beside `path`, or `NAME-word-2.ext` and so on: the first name that no file has. Formats that are
/// not written (GIF, unknown) become PNG. Only a proposal; see `encode_beside` for a name that is surely new.
pub fn default_output(path: &Path, word: &str) -> PathBuf {
    let mut number = 1;
    loop {
        let candidate = numbered(path, word, number);
        if std::fs::symlink_metadata(&candidate).is_err() {
            return candidate;
        }
        number += 1;
    }
}

/// `path` itself, or with `-2`, `-3`, … before its ending: the first name that no file has. Only a proposal.
pub fn free_path(path: &Path) -> PathBuf {
    if std::fs::symlink_metadata(path).is_err() {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut number = 2_u64;
    loop {
        let mut name = format!("{stem}-{number}");
        if let Some(ending) = path.extension() {
            name.push('.');
            name.push_str(&ending.to_string_lossy());
        }
        let candidate = path.with_file_name(name);
        if std::fs::symlink_metadata(&candidate).is_err() {
            return candidate;
        }
        number += 1;
    }
}

/// Writes to the first free name of [`default_output`], never over a file that appears meanwhile.
pub(super) fn write_new(path: &Path, word: &str, bytes: &[u8]) -> Result<PathBuf, PhotoError> {
    let first = numbered(path, word, 1);
    let mut file = temporary(&first, |file| file.write_all(bytes))
        .map_err(|e| PhotoError::writing(&first, e))?;
    for number in 1.. {
        let candidate = numbered(path, word, number);
        match file.persist_noclobber(&candidate) {
            Ok(_) => {
                sync_folder(&candidate);
                return Ok(candidate);
            }
            Err(e) if e.error.kind() == std::io::ErrorKind::AlreadyExists => file = e.file,
            Err(e) => return Err(PhotoError::writing(&candidate, e.error)),
        }
    }
    Err(PhotoError::CannotWrite(
        "every name is taken; choose another folder".into(),
    ))
}

fn numbered(path: &Path, word: &str, number: u32) -> PathBuf {
    let writable = PhotoFormat::from_extension(path).is_some_and(PhotoFormat::is_writable);
    let extension = match path.extension() {
        Some(extension) if writable => extension.to_os_string(),
        _ => "png".into(),
    };
    let mut name = path
        .file_stem()
        .unwrap_or_else(|| "picture".as_ref())
        .to_os_string();
    name.push(format!("-{word}"));
    if number > 1 {
        name.push(format!("-{number}"));
    }
    name.push(".");
    name.push(extension);
    path.with_file_name(name)
}

/// Where a symbolic link leads; the path itself otherwise.
fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => std::fs::canonicalize(path),
        _ => Ok(path.to_path_buf()),
    }
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A complete file beside `target`, on disk; removes itself unless it is renamed.
fn temporary(
    target: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".inlay-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The process' umask takes its share, as with any new file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder(target))?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes the rename itself durable where the system allows it; the file is safe already.
fn sync_folder(target: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = std::fs::File::open(folder(target)) {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = target;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_up_and_gif_becomes_png() {
        let folder = tempfile::tempdir().expect("folder");
        let source = folder.path().join("cat.photo.gif");
        let first = default_output(&source, "filled");
        assert_eq!(first.file_name(), Some("cat.photo-filled.png".as_ref()));
        std::fs::write(&first, b"x").expect("writes");
        assert_eq!(
            default_output(&source, "filled").file_name(),
            Some("cat.photo-filled-2.png".as_ref())
        );
        let written = write_new(&source, "filled", b"new").expect("writes");
        assert_eq!(written.file_name(), Some("cat.photo-filled-2.png".as_ref()));
        assert_eq!(std::fs::read(&first).expect("reads"), b"x");
    }
}
