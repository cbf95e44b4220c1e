//! Owns the large pieces that records name (pixels, masks): files called by what is in them. Used through `journal`.
//! Must never hand out bytes other than those that were put in.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::JournalError;

/// Largest blob: 2 GiB, the most that a decoded photograph takes (`photo` limits).
pub const MAX_BLOB_BYTES: usize = 2 << 30;

/// SHA-256 of a blob's bytes; in stored records its 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId([u8; 32]);

impl BlobId {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl std::fmt::Display for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for BlobId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let mut id = [0; 32];
        if text.len() != 64 {
            return Err("a blob's name has 64 digits");
        }
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err("a blob's name has digits 0-9 and a-f");
            };
            *byte = (high << 4) | low;
        }
        Ok(Self(id))
    }
}

/// A folder of blobs, LZ4-compressed, each written beside and renamed.
#[derive(Debug, Clone)]
pub struct BlobStore {
    folder: PathBuf,
}

impl BlobStore {
    /// Opens the store in `folder`, which is made where it is missing.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        std::fs::create_dir_all(folder).map_err(|e| JournalError::writing(folder, e))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.folder.join(format!("{id}.lz4"))
    }

    /// Keeps `bytes` and returns their name. They are on disk when this returns; equal bytes are kept once.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobId, JournalError> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(too_large(bytes.len()));
        }
        let id = BlobId::of(bytes);
        let path = self.path(id);
        if path.exists() && self.get(id).is_ok() {
            return Ok(id);
        }
        let failed = |e: std::io::Error| JournalError::writing(&path, e);
        let packed = lz4_flex::compress_prepend_size(bytes);
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.folder)
            .map_err(failed)?;
        file.write_all(&packed).map_err(failed)?;
        file.as_file().sync_data().map_err(failed)?;
        file.persist(&path).map_err(|e| failed(e.error))?;
        Ok(id)
    }

    /// The bytes of `id`, checked against it.
    pub fn get(&self, id: BlobId) -> Result<Vec<u8>, JournalError> {
        let path = self.path(id);
        let failed = |e: std::io::Error| JournalError::reading(&path, e);
        let damaged = || {
            JournalError::Damaged(format!(
                "{} is damaged; the step that needs it can't be recovered",
                path.display()
            ))
        };
        let stored = std::fs::metadata(&path).map_err(failed)?.len();
        // LZ4 can't grow data by more than a 255th and the odd byte.
        if stored > (MAX_BLOB_BYTES + MAX_BLOB_BYTES / 255 + 64) as u64 {
            return Err(too_large(stored as usize));
        }
        let packed = std::fs::read(&path).map_err(failed)?;
        let (size, rest) =
            lz4_flex::block::uncompressed_size(&packed).map_err(|_short| damaged())?;
        // Nor shrink it below a 255th.
        if size > MAX_BLOB_BYTES || size > rest.len().saturating_mul(255) {
            return Err(damaged());
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(size)
            .map_err(|_full| too_large(size))?;
        bytes.resize(size, 0);
        match lz4_flex::decompress_into(rest, &mut bytes) {
            Ok(written) if written == size && BlobId::of(&bytes) == id => Ok(bytes),
            _ => Err(damaged()),
        }
    }
}

fn too_large(bytes: usize) -> JournalError {
    JournalError::TooLarge(format!(
        "a piece of {} MiB is too large for the recovery journal (limit {} MiB); save the project now",
        bytes >> 20,
        MAX_BLOB_BYTES >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &tempfile::TempDir) -> BlobStore {
        BlobStore::open(&folder.path().join("blobs")).expect("opens")
    }

    #[test]
    fn blobs_come_back_once_kept() {
        let folder = tempfile::tempdir().expect("folder");
        let store = store(&folder);
        let noise: Vec<u8> = (0..100_000u32)
            .map(|v| (v.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for bytes in [&noise[..], &vec![7; 50_000], &[], b"x"] {
            let id = store.put(bytes).expect("puts");
            assert_eq!(store.get(id).expect("gets"), bytes);
            assert_eq!(store.put(bytes).expect("puts again"), id);
        }
        let files = std::fs::read_dir(folder.path().join("blobs")).expect("lists");
        assert_eq!(files.count(), 4);
    }

    #[test]
    fn a_changed_blob_is_refused_and_put_again() {
        let folder = tempfile::tempdir().expect("folder");
        let store = store(&folder);
        let id = store
            .put(b"some pixels, some pixels, some pixels")
            .expect("puts");
        let path = store.path(id);
        let whole = std::fs::read(&path).expect("reads");
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0x10;
            std::fs::write(&path, &broken).expect("writes");
            // LZ4 has more than one spelling; what counts is the content.
            if let Ok(bytes) = store.get(id) {
                assert_eq!(BlobId::of(&bytes), id, "{at}");
            }
            std::fs::write(&path, &whole[..at]).expect("writes");
            store.get(id).expect_err("cut short");
        }
        // A forged size takes no memory.
        std::fs::write(&path, [0xFF, 0xFF, 0xFF, 0x7F, 0x10, 0x41]).expect("writes");
        store.get(id).expect_err("forged");
        store
            .put(b"some pixels, some pixels, some pixels")
            .expect("repairs");
        store.get(id).expect("whole again");
    }

    #[test]
    fn names_are_checked() {
        let id = BlobId::of(b"abc");
        let text = id.to_string();
        assert!(text.starts_with("ba7816bf"));
        assert_eq!(BlobId::try_from(text.clone()), Ok(id));
        for bad in [
            &text[1..],
            "",
            &text.to_uppercase(),
            &text.replace('b', "/"),
        ] {
            assert!(BlobId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
