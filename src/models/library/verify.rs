//! Owns checking that a model's files are whole: their headers, the numbers in them, and where the cache names a file by its SHA-256,
//! that too. Reads every byte. Must never write.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::hash::sha256;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::weights::count_odd_numbers;

/// What was found out about one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The file.
    pub file: PathBuf,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// What the cache says that its SHA-256 should be.
    pub expected: Option<String>,
    /// Numbers that are none (NaN, infinite).
    pub odd_numbers: u64,
    /// What is wrong, if anything.
    pub problem: Option<String>,
}

/// Checks every weight file of a model. `Err` says why it can't be loaded at all.
pub fn verify(path: &Path) -> Result<Vec<Verdict>, String> {
    let model = ModelFolder::open(path).map_err(|e| e.to_string())?;
    let mut files: Vec<PathBuf> = model.weights.iter().flat_map(|w| w.files.clone()).collect();
    files.sort();
    files.dedup();
    files.iter().map(|file| one(file)).collect()
}

fn one(file: &Path) -> Result<Verdict, String> {
    let unreadable = |e: std::io::Error| format!("{}: {e}", file.display());
    let hash = sha256(file).map_err(unreadable)?;
    let expected = blob_hash(file);
    let odd_numbers = count_odd_numbers(file).map_err(|e| e.to_string())?;
    let problem = if expected.as_ref().is_some_and(|e| *e != hash) {
        Some(
            "is damaged: its contents are not those of its name in the cache; download it again"
                .to_owned(),
        )
    } else if odd_numbers > 0 {
        Some(format!(
            "holds {odd_numbers} values that are no numbers; download it again"
        ))
    } else {
        None
    };
    Ok(Verdict {
        file: file.to_owned(),
        sha256: hash,
        expected,
        odd_numbers,
        problem,
    })
}

/// The name of the blob that a file in the Hugging Face cache links to, where that is a SHA-256.
fn blob_hash(file: &Path) -> Option<String> {
    let real = file.canonicalize().ok()?;
    if real.parent()?.file_name()? != "blobs" {
        return None;
    }
    let name = real.file_name()?.to_string_lossy().into_owned();
    let is_hash = name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit());
    is_hash.then_some(name)
}
