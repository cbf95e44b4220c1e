//! Owns adding to the library: remembering a place in `places.json`, or copying a file or folder into the own models folder. Must
//! never change what it copies from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::PLACES;

/// Why something could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// There is nothing there.
    #[error("{}: there is no such file or folder", .0.display())]
    Missing(PathBuf),
    /// It is in the own folder already.
    #[error("{}: a model of that name is in the models folder already; rename one of them", .0.display())]
    Exists(PathBuf),
    /// The disk said no.
    #[error("{}: {source}; check the permissions and the free space", path.display())]
    Io {
        /// What was being written or read.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The file `places.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Places {
    version: u32,
    places: Vec<PathBuf>,
}

/// The places in the file; none where there is no file or it is damaged.
pub fn read_places(file: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let places: Places = serde_json::from_str(&text).unwrap_or_default();
    places.places
}

/// Adds `path` to the library whose own folder is `own`: remembers the place, or with `copy` copies it there. Returns where the
/// model then is.
pub fn add(own: &Path, path: &Path, copy: bool) -> Result<PathBuf, AddError> {
    let missing = || AddError::Missing(path.to_owned());
    let real = path.canonicalize().map_err(|_missing| missing())?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| AddError::Io { path, source }
    };
    std::fs::create_dir_all(own).map_err(io(own))?;
    if !copy {
        let file = own.join(PLACES);
        let mut places = read_places(&file);
        if !places.contains(&real) {
            places.push(real.clone());
        }
        let text = serde_json::to_string_pretty(&Places { version: 1, places });
        let text = text.map_err(|e| AddError::Io {
            path: file.clone(),
            source: e.into(),
        })?;
        replace(&file, text.as_bytes()).map_err(io(&file))?;
        return Ok(real);
    }
    let target = own.join(real.file_name().ok_or_else(missing)?);
    if target.exists() {
        return Err(AddError::Exists(target));
    }
    // A copy that is cut short must not look like a model.
    let scratch = tempfile::Builder::new()
        .prefix(".adding-")
        .tempdir_in(own)
        .map_err(io(own))?;
    let part = scratch.path().join("copy");
    copy_all(&real, &part).map_err(io(&target))?;
    std::fs::rename(&part, &target).map_err(io(&target))?;
    Ok(target)
}

fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut scratch = tempfile::NamedTempFile::new_in(folder)?;
    scratch.write_all(bytes)?;
    scratch.persist(file).map_err(|e| e.error)?;
    Ok(())
}

/// Files and folders; links are followed, as those of the Hugging Face cache must be.
fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_file() {
        std::fs::copy(from, to)?;
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_remembered_and_copies_made_once() {
        let dir = tempfile::tempdir().expect("dir");
        let (own, other) = (dir.path().join("own"), dir.path().join("other"));
        std::fs::create_dir(&other).expect("made");
        std::fs::write(other.join("m.safetensors"), "abc").expect("written");
        for _ in 0..2 {
            add(&own, &other, false).expect("added");
        }
        let real = other.canonicalize().expect("real");
        assert_eq!(read_places(&own.join(PLACES)), [real]);
        let copied = add(&own, &other.join("m.safetensors"), true).expect("copied");
        assert_eq!(std::fs::read(copied).expect("read"), b"abc");
        let again = add(&own, &other.join("m.safetensors"), true);
        assert!(matches!(again, Err(AddError::Exists(_))));
        assert!(matches!(
            add(&own, &other.join("no"), false),
            Err(AddError::Missing(_))
        ));
        std::fs::write(own.join(PLACES), "{").expect("written");
        assert!(read_places(&own.join(PLACES)).is_empty());
    }
}
