//! Owns reading of a safetensors header: bounded, checked against the file's length, before any tensor is read.
//! Used by the weight view and by `ModelFolder`. Must never read tensor data.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::diffusion::error::{DiffusionError, Result};

/// The largest header that is read; SD's are under 200 KiB.
const LARGEST_HEADER: u64 = 64 << 20;

/// One tensor as the header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorEntry {
    /// How its numbers are stored.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Where its bytes start in the file.
    pub start: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl TensorEntry {
    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.shape.iter().map(|s| *s as u64).product()
    }
}

/// A safetensors file's table of contents.
#[derive(Debug, Clone)]
pub struct Header {
    /// The file.
    pub path: PathBuf,
    /// The file's size.
    pub file_bytes: u64,
    /// Its tensors by name.
    pub tensors: HashMap<String, TensorEntry>,
}

/// Reads and checks the header of a safetensors file. Every entry lies inside the file and its length fits its shape.
pub fn read_header(path: &Path) -> Result<Header> {
    let unreadable =
        |e: std::io::Error| DiffusionError::folder(path, format!("cannot be read ({e})"));
    let broken = |problem: &str| {
        DiffusionError::weights(
            path,
            format!("is not a sound safetensors file ({problem}); download it again"),
        )
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(DiffusionError::folder(
            path,
            "is not a file; download the model again",
        ));
    }
    let file_bytes = about.len();
    if file_bytes < 10 {
        return Err(broken("it is too short"));
    }
    let mut length = [0u8; 8];
    file.read_exact(&mut length).map_err(unreadable)?;
    let header_bytes = u64::from_le_bytes(length);
    if header_bytes > LARGEST_HEADER || header_bytes > file_bytes - 8 {
        return Err(broken("its header does not fit into it"));
    }
    let mut text = vec![0u8; header_bytes as usize];
    file.read_exact(&mut text).map_err(unreadable)?;
    let metadata: Metadata =
        serde_json::from_slice(&text).map_err(|e| broken(&short(&e.to_string())))?;
    let start = 8 + header_bytes;
    if start + metadata.data_len() as u64 != file_bytes {
        return Err(broken(
            "its length is not what its header says, so the download was cut short",
        ));
    }
    let tensors = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let entry = TensorEntry {
                dtype: info.dtype,
                shape: info.shape.clone(),
                start: start + info.data_offsets.0 as u64,
                bytes: (info.data_offsets.1 - info.data_offsets.0) as u64,
            };
            (name, entry)
        })
        .collect();
    Ok(Header {
        path: path.into(),
        file_bytes,
        tensors,
    })
}

fn short(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(120)
        .collect()
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn with_header(json: &str, data: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn a_sound_file_is_read() {
        let f = file(&with_header(
            r#"{"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}"#,
            12,
        ));
        let header = read_header(f.path()).unwrap();
        assert_eq!(header.tensors["a"].shape, [2, 3]);
        assert_eq!(header.tensors["a"].count(), 6);
    }

    #[test]
    fn hostile_files_are_errors_that_name_the_file() {
        let sound = with_header(
            r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
            16,
        );
        let cases: Vec<Vec<u8>> = vec![
            vec![],
            vec![0; 9],
            u64::MAX.to_le_bytes().repeat(4),
            ((65u64 << 20).to_le_bytes()).repeat(3),
            with_header("{", 4),
            with_header(
                r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}}"#,
                12,
            ),
            with_header(
                r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#,
                16,
            ),
            with_header(
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,9],"data_offsets":[0,16]}}"#,
                16,
            ),
            with_header(
                r#"{"a":{"dtype":"Q9","shape":[4],"data_offsets":[0,16]}}"#,
                16,
            ),
            with_header(
                r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[18446744073709551600,18446744073709551615]}}"#,
                16,
            ),
            sound[..sound.len() - 1].to_vec(),
            [sound.as_slice(), &[0]].concat(),
        ];
        for bytes in cases {
            let f = file(&bytes);
            let text = read_header(f.path()).unwrap_err().to_string();
            assert!(text.starts_with(&f.path().display().to_string()), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
