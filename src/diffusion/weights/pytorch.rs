//! Owns PyTorch files as tables of contents. Reading them interprets a small part of the pickle language that can only make
//! tensors, numbers and texts; nothing in the file is ever run (`pytorch-reader`). Used by `header`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use pytorch_reader::{DType, PytorchReader, Tensor};
use safetensors::Dtype;

use super::header::{Header, TensorEntry, TensorSource};
use crate::diffusion::error::{DiffusionError, Result};

/// Where training scripts keep the weights, beside optimizer states and counters.
const STATE: &str = "state_dict.";
/// Offset and text of a TAR archive's mark, for files from before 2018.
const TAR_MARK: (usize, &[u8]) = (257, b"ustar");

/// Whether the file begins like a PyTorch file: an archive or a bare pickle, and not like safetensors, whose header's length may
/// begin with the same byte.
pub fn is_pytorch(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|f| f.take(300).read_to_end(&mut start));
    if read.is_err() || start.get(8) == Some(&b'{') {
        return false;
    }
    let (at, mark) = TAR_MARK;
    start.starts_with(b"PK\x03\x04")
        || start.starts_with(&[0x80])
        || start.get(at..at + mark.len()) == Some(mark)
}

/// Reads the file's names, shapes and types.
pub fn read(path: &Path) -> Result<Header> {
    let unreadable =
        |e: std::io::Error| DiffusionError::folder(path, format!("cannot be read ({e})"));
    let file_bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    let reader = PytorchReader::new(path).map_err(|e| {
        let reason: String = e.to_string().lines().next().unwrap_or("").chars().take(200).collect();
        DiffusionError::weights(
            path,
            format!("is not a PyTorch file that can be read without running it ({reason}); get the safetensors version"),
        )
    })?;
    let all = reader.into_tensors();
    let inside = all.keys().any(|name| name.starts_with(STATE));
    let tensors: HashMap<String, TensorEntry> = all
        .into_iter()
        .filter_map(|(name, tensor)| {
            let name = if inside {
                name.strip_prefix(STATE)?.to_owned()
            } else {
                name
            };
            Some((name, entry(tensor)))
        })
        .collect();
    Ok(Header {
        path: path.into(),
        file_bytes,
        tensors,
        metadata: HashMap::new(),
        is_pytorch: true,
    })
}

fn entry(tensor: Tensor) -> TensorEntry {
    let dtype = match tensor.dtype() {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool => Dtype::BOOL,
    };
    TensorEntry {
        dtype,
        shape: tensor.shape().to_vec(),
        source: TensorSource::Torch(Arc::new(tensor)),
    }
}
