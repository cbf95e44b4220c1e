//! Owns the ZIP container of a project: written whole beside the target and renamed; read with limits that hold whatever
//! an archive claims about itself. Used by `stored` and `reading`. Must never put an entry on disk or believe a declared
//! size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use zip::read::ZipArchive;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::ProjectError;
use crate::photo;

/// Largest project: what fits without the 64-bit extension of ZIP. Twice the largest picture file.
pub const MAX_ARCHIVE_BYTES: u64 = u32::MAX as u64;
/// Most entries, folders included.
pub const MAX_ENTRIES: usize = 16_384;
const MAX_NAME: usize = 200;
/// The record that ends a ZIP file without a comment (APPNOTE 4.3.16).
const END_RECORD: u64 = 22;
const END_MARK: &[u8; 4] = b"PK\x05\x06";

/// Entries by name, in the order in which they are written.
pub struct Entry {
    pub name: String,
    pub data: Vec<u8>,
}

/// Writes the archive at `path`: `text` is compressed, `pictures` (PNG, compressed already) are stored. The old file, if
/// there is one, is replaced only once the new one is whole and on disk.
pub fn write(path: &Path, text: &Entry, pictures: &[Entry]) -> Result<(), ProjectError> {
    let entries = || std::iter::once(text).chain(pictures);
    // A local header, a central one, and the record at the end.
    let around = |entry: &Entry| (30 + 46 + 2 * entry.name.len() + entry.data.len()) as u64;
    let bytes = entries().map(around).sum::<u64>() + END_RECORD;
    if bytes > MAX_ARCHIVE_BYTES || pictures.len() >= MAX_ENTRIES {
        return Err(ProjectError::TooLarge(format!(
            "the project needs {} MiB in {} files, the limits are {} MiB and {MAX_ENTRIES}; remove hidden fills or export the picture",
            bytes >> 20,
            pictures.len() + 1,
            MAX_ARCHIVE_BYTES >> 20
        )));
    }
    photo::write_atomically_with(path, |file| {
        let mut zip = ZipWriter::new(BufWriter::with_capacity(1 << 20, file));
        for (index, entry) in entries().enumerate() {
            let method = if index == 0 {
                CompressionMethod::Deflated
            } else {
                CompressionMethod::Stored
            };
            let options = SimpleFileOptions::default().compression_method(method);
            zip.start_file(entry.name.as_str(), options)?;
            zip.write_all(&entry.data)?;
        }
        zip.finish()?.flush()
    })?;
    Ok(())
}

/// An archive whose entries were checked and are read one by one.
pub struct Reader {
    archive: ZipArchive<BufReader<File>>,
    places: BTreeMap<String, usize>,
    /// Real bytes that may still be read from all entries together.
    left: u64,
}

impl Reader {
    /// Opens the archive at `path` and refuses it whole when anything about its directory is odd.
    pub fn open(path: &Path) -> Result<Self, ProjectError> {
        let failed = |e| ProjectError::reading(path, e);
        let mut file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(ProjectError::Damaged(
                "this is a folder, not an Inlay project; choose a file".into(),
            ));
        }
        if meta.len() > MAX_ARCHIVE_BYTES {
            return Err(ProjectError::TooLarge(format!(
                "the project has {} MiB, the limit is {} MiB",
                meta.len() >> 20,
                MAX_ARCHIVE_BYTES >> 20
            )));
        }
        check_ends(&mut file, meta.len()).map_err(|e| match e {
            Ends::Io(error) => failed(error),
            Ends::Wrong(error) => error,
        })?;
        let mut archive = guarded(|| ZipArchive::new(BufReader::with_capacity(1 << 18, file)))?;
        if archive.offset() != 0 || !archive.comment().is_empty() {
            return Err(ProjectError::damaged("the archive", "has foreign bytes"));
        }
        if archive.len() > MAX_ENTRIES {
            return Err(ProjectError::TooLarge(format!(
                "the project has {} entries, the limit is {MAX_ENTRIES}",
                archive.len()
            )));
        }
        if archive.has_duplicate_names() {
            return Err(ProjectError::damaged(
                "the archive",
                "has two entries of one name",
            ));
        }
        let mut places = BTreeMap::new();
        for index in 0..archive.len() {
            if let Some(name) = check_entry(&mut archive, index)? {
                places.insert(name, index);
            }
        }
        guarded(|| archive.validate_header_consistency())?;
        Ok(Self {
            archive,
            places,
            left: MAX_ARCHIVE_BYTES,
        })
    }

    /// The bytes of entry `name`, at most `limit`, their checksum checked.
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, ProjectError> {
        let Some(&index) = self.places.get(name) else {
            return Err(ProjectError::damaged(name, "is missing"));
        };
        let limit = limit.min(self.left);
        let archive = &mut self.archive;
        let data = guarded(|| {
            let entry = archive.by_index(index)?;
            let mut data = Vec::new();
            // The declared size is only a hint; what counts is what comes out.
            let expected = entry.size().min(limit) as usize;
            data.try_reserve(expected).map_err(|_full| {
                ZipError::from(std::io::Error::from(std::io::ErrorKind::OutOfMemory))
            })?;
            entry.take(limit + 1).read_to_end(&mut data)?;
            Ok(data)
        })
        .map_err(|error| match error {
            ProjectError::Damaged(text) => {
                ProjectError::damaged(name, format!("can't be read ({text})"))
            }
            other => other,
        })?;
        if data.len() as u64 > limit {
            return Err(ProjectError::TooLarge(format!(
                "the project's entry {name} unpacks to more than {} KiB, which its picture can't need; the file is forged or damaged",
                limit >> 10
            )));
        }
        self.left -= data.len() as u64;
        Ok(data)
    }
}

enum Ends {
    Io(std::io::Error),
    Wrong(ProjectError),
}

/// A ZIP file from its first byte to its last: nothing before, nothing behind.
fn check_ends(file: &mut File, length: u64) -> Result<(), Ends> {
    let wrong = |text: &str| Err(Ends::Wrong(ProjectError::Damaged(text.into())));
    let mut start = Vec::new();
    (&*file).take(4).read_to_end(&mut start).map_err(Ends::Io)?;
    if !start.starts_with(b"PK\x03\x04") {
        return wrong("this is not an Inlay project; choose a file that Inlay saved");
    }
    let truncated = "the project ends too early or has foreign bytes at its end; copy it again or open an earlier copy";
    if length < END_RECORD {
        return wrong(truncated);
    }
    let mut end = [0; END_RECORD as usize];
    file.seek(SeekFrom::Start(length - END_RECORD))
        .map_err(Ends::Io)?;
    file.read_exact(&mut end).map_err(Ends::Io)?;
    file.rewind().map_err(Ends::Io)?;
    if !end.starts_with(END_MARK) || end[20..] != [0, 0] {
        return wrong(truncated);
    }
    Ok(())
}

/// The name of a plain, readable entry; none for a folder.
fn check_entry(
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
) -> Result<Option<String>, ProjectError> {
    let odd = |name: &str, what: &str| Err(ProjectError::damaged(name, what));
    let entry = guarded(|| archive.by_index_data(index))?;
    let name = guarded(|| entry.name().map(std::borrow::Cow::into_owned))?;
    if entry.is_dir() {
        let folder = name.trim_end_matches(['/', '\\']);
        return match (is_plain_name(folder), entry.size()) {
            (true, 0) => Ok(None),
            _ => odd(&name, "is an odd folder"),
        };
    }
    if !is_plain_name(&name) {
        return odd(&name, "has a name that leads elsewhere");
    }
    if entry.is_symlink() || !entry.is_file() {
        return odd(&name, "is neither a file nor a folder");
    }
    // Regular file, or nothing said about it.
    if entry
        .unix_mode()
        .is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o100_000))
    {
        return odd(&name, "is neither a file nor a folder");
    }
    if entry.encrypted() {
        return odd(&name, "is encrypted");
    }
    if !matches!(
        entry.compression(),
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        return odd(&name, "is compressed in an unknown way");
    }
    Ok(Some(name))
}

/// A relative path of plain words: no way up, no root, no drive, nothing that only some systems read as such.
fn is_plain_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '\\' | ':' | '\u{fffd}'))
        && name
            .split('/')
            .all(|word| !word.is_empty() && word != "." && word != "..")
}

/// Runs a step of the unpacker, which is not ours: a panic in it fails this file and nothing else.
fn guarded<T>(step: impl FnOnce() -> Result<T, ZipError>) -> Result<T, ProjectError> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(ProjectError::damaged("the archive", error)),
        Err(_) => Err(ProjectError::damaged(
            "the archive",
            "made its unpacker give up",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_stay_inside_are_plain() {
        for good in ["project.json", "fills/0/part0.png", "a b/ü.png", "..a/b.."] {
            assert!(is_plain_name(good), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a\\b",
            "C:/x",
            "C:x",
            "a\0b",
            "a\nb",
            "..",
        ] {
            assert!(!is_plain_name(bad), "{bad:?}");
        }
        assert!(!is_plain_name(&"x".repeat(MAX_NAME + 1)));
    }
}
