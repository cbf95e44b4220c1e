//! Owns reading a weight file's table of contents, safetensors or PyTorch: bounded, checked against the file's length, before any
//! tensor is read. Used by the weight view, by `ModelFolder` and by `checkpoint`. Must never read tensor data, nor run a pickle.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::diffusion::error::{DiffusionError, Result};

/// The largest header that is read; SD's are under 200 KiB.
const LARGEST_HEADER: u64 = 64 << 20;

/// Where a tensor's bytes are.
#[derive(Debug, Clone)]
pub enum TensorSource {
    /// So many bytes from a place in the file on.
    Range {
        /// Where they start.
        start: u64,
        /// How many there are.
        bytes: u64,
    },
    /// Inside a PyTorch file, perhaps scattered.
    Torch(Arc<pytorch_reader::Tensor>),
}

/// One tensor as the header describes it.
#[derive(Debug, Clone)]
pub struct TensorEntry {
    /// How its numbers are stored.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Where its bytes are.
    pub source: TensorSource,
}

impl TensorEntry {
    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.shape
            .iter()
            .fold(1, |product: u64, side| product.saturating_mul(*side as u64))
    }

    /// How many bytes it takes in the file.
    pub fn bytes(&self) -> u64 {
        match &self.source {
            TensorSource::Range { bytes, .. } => *bytes,
            TensorSource::Torch(tensor) => tensor.byte_len() as u64,
        }
    }
}

/// A weight file's table of contents.
#[derive(Debug, Clone)]
pub struct Header {
    /// The file.
    pub path: PathBuf,
    /// The file's size.
    pub file_bytes: u64,
    /// Its tensors by name.
    pub tensors: HashMap<String, TensorEntry>,
    /// What a safetensors file says about itself, as text.
    pub metadata: HashMap<String, String>,
    /// Whether it is a PyTorch file.
    pub is_pytorch: bool,
}

impl Header {
    /// A tensor's shape; empty where there is no such tensor.
    pub fn shape(&self, name: &str) -> &[usize] {
        self.tensors.get(name).map_or(&[], |t| t.shape.as_slice())
    }

    /// Whether any tensor's name starts so.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.tensors.keys().any(|name| name.starts_with(prefix))
    }
}

/// Reads and checks a weight file's header: a PyTorch file's where it begins like one, else a safetensors file's.
pub fn read_header(path: &Path) -> Result<Header> {
    if super::pytorch::is_pytorch(path) {
        super::pytorch::read(path)
    } else {
        read_safetensors(path)
    }
}

/// Reads and checks the header of a safetensors file. Every entry lies inside the file and its length fits its shape.
fn read_safetensors(path: &Path) -> Result<Header> {
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
    let about_itself = metadata.metadata().clone().unwrap_or_default();
    let tensors = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let entry = TensorEntry {
                dtype: info.dtype,
                shape: info.shape.clone(),
                source: TensorSource::Range {
                    start: start + info.data_offsets.0 as u64,
                    bytes: (info.data_offsets.1 - info.data_offsets.0) as u64,
                },
            };
            (name, entry)
        })
        .collect();
    Ok(Header {
        path: path.into(),
        file_bytes,
        tensors,
        metadata: about_itself,
        is_pytorch: false,
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
