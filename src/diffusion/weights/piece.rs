//! Owns reading one tensor: from its file or from a part of another tensor, converted to the asked type. Used by the weight view.
//! Must never know what a tensor means.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use burn::tensor::{DType, TensorData};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;

use super::files::WeightFiles;
use super::header::{TensorEntry, TensorSource, read_header};
use crate::diffusion::error::{DiffusionError, Result};

/// What one tensor is made of where a file stores it under another name or inside another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The name in the file.
    pub from: String,
    /// Only so many rows (entries of the first dimension) from one on: first, count.
    pub rows: Option<(usize, usize)>,
    /// A matrix that is stored the other way around.
    pub transposed: bool,
}

impl Piece {
    /// The tensor as it stands.
    pub fn whole(from: &str) -> Self {
        Self {
            from: from.to_owned(),
            rows: None,
            transposed: false,
        }
    }

    /// Some rows of the tensor.
    pub fn rows(from: &str, first: usize, count: usize) -> Self {
        Self {
            rows: Some((first, count)),
            ..Self::whole(from)
        }
    }

    /// The transposed matrix.
    pub fn transposed(from: &str) -> Self {
        Self {
            transposed: true,
            ..Self::whole(from)
        }
    }

    /// The piece of a file's own tensor; `None` where the file has none of that name.
    pub(super) fn of(&self, tensors: &HashMap<String, Stored>) -> Option<Stored> {
        let whole = tensors.get(&self.from)?;
        Some(Stored {
            piece: self.clone(),
            ..whole.clone()
        })
    }
}

/// A tensor that can be read.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Which of the component's files.
    pub file: usize,
    pub entry: TensorEntry,
    pub piece: Piece,
}

impl Stored {
    /// All tensors of a component by their names in diffusers' layout.
    pub fn of_all(found: &WeightFiles) -> Result<HashMap<String, Self>> {
        let mut tensors = HashMap::new();
        for (file, path) in found.files.iter().enumerate() {
            for (name, entry) in read_header(path)?.tensors {
                let piece = Piece::whole(&name);
                let stored = Self { file, entry, piece };
                if tensors.contains_key(&name) {
                    let name: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
                    return Err(DiffusionError::weights(
                        path,
                        format!("repeats the tensor \"{name}\" of another file"),
                    ));
                }
                tensors.insert(name, stored);
            }
        }
        let Some(pieces) = &found.pieces else {
            return Ok(tensors);
        };
        let pieces = pieces.iter();
        Ok(pieces
            .filter_map(|(name, piece)| Some((name.clone(), piece.of(&tensors)?)))
            .collect())
    }

    /// Its shape, as a piece.
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = self.entry.shape.clone();
        if let (Some((first, count)), Some(rows)) = (self.piece.rows, shape.first_mut()) {
            // Too short a tensor has no such rows: then no shape fits it.
            *rows = if first + count <= *rows { count } else { 0 };
        }
        if self.piece.transposed {
            shape.reverse();
        }
        shape
    }

    /// Its numbers as `shape`, which holds as many.
    pub fn read(&self, path: &Path, dtype: DType, shape: &[usize]) -> Result<TensorData> {
        let mut bytes = self.bytes(path)?;
        if self.piece.transposed
            && let [rows, columns] = self.entry.shape[..]
        {
            bytes = transpose(&bytes, rows, columns);
        }
        let shape = shape.to_vec();
        Ok(match (self.entry.dtype, dtype) {
            (Dtype::F64, DType::F32) => {
                TensorData::new(convert(&bytes, |b| f64::from_le_bytes(b) as f32), shape)
            }
            (Dtype::F64, _) => TensorData::new(
                convert(&bytes, |b| f16::from_f64(f64::from_le_bytes(b))),
                shape,
            ),
            (Dtype::F32, DType::F32) => TensorData::new(convert(&bytes, f32::from_le_bytes), shape),
            (Dtype::F16, DType::F32) => {
                TensorData::new(convert(&bytes, |b| f16::from_le_bytes(b).to_f32()), shape)
            }
            (Dtype::BF16, DType::F32) => {
                TensorData::new(convert(&bytes, |b| bf16::from_le_bytes(b).to_f32()), shape)
            }
            (Dtype::F32, _) => TensorData::new(
                convert(&bytes, |b| f16::from_f32(f32::from_le_bytes(b))),
                shape,
            ),
            (Dtype::F16, _) => TensorData::new(convert(&bytes, f16::from_le_bytes), shape),
            (Dtype::BF16, _) => TensorData::new(
                convert(&bytes, |b| f16::from_f32(bf16::from_le_bytes(b).to_f32())),
                shape,
            ),
            (other, _) => {
                return Err(DiffusionError::unsupported(
                    path,
                    format!("weights stored as {other:?}"),
                ));
            }
        })
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let unreadable =
            |e: std::io::Error| DiffusionError::folder(path, format!("cannot be read ({e})"));
        let row_bytes =
            |total: u64| total / (self.entry.shape.first().copied().unwrap_or(1).max(1) as u64);
        match &self.entry.source {
            TensorSource::Range { start, bytes } => {
                let (start, bytes) = match self.piece.rows {
                    Some((first, count)) => (
                        start + first as u64 * row_bytes(*bytes),
                        count as u64 * row_bytes(*bytes),
                    ),
                    None => (*start, *bytes),
                };
                let mut out = vec![0u8; bytes as usize];
                let mut reader = File::open(path).map_err(unreadable)?;
                reader.seek(SeekFrom::Start(start)).map_err(unreadable)?;
                reader.read_exact(&mut out).map_err(unreadable)?;
                Ok(out)
            }
            TensorSource::Torch(tensor) => {
                let mut out = tensor.read().map_err(|e| {
                    DiffusionError::weights(path, format!("is damaged ({e}); download it again"))
                })?;
                to_little_endian(&mut out, tensor.dtype().size());
                if let Some((first, count)) = self.piece.rows {
                    let row = row_bytes(out.len() as u64) as usize;
                    let end = ((first + count) * row).min(out.len());
                    out = out[(first * row).min(end)..end].to_vec();
                }
                Ok(out)
            }
        }
    }
}

/// How many of a file's floating-point numbers are none. Reads the whole file, a tensor at a time.
pub fn count_odd_numbers(path: &Path) -> Result<u64> {
    let mut count = 0;
    for (name, entry) in read_header(path)?.tensors {
        if !matches!(
            entry.dtype,
            Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16
        ) {
            continue;
        }
        let shape = entry.shape.clone();
        let piece = Piece::whole(&name);
        let data = Stored {
            file: 0,
            entry,
            piece,
        }
        .read(path, DType::F32, &shape)?;
        let values = data.as_slice::<f32>();
        let values = values.map_err(|e| DiffusionError::device(format!("{e:?}")))?;
        count += values.par_iter().filter(|v| !v.is_finite()).count() as u64;
    }
    Ok(count)
}

/// PyTorch tensors come in the machine's own order of bytes.
fn to_little_endian(bytes: &mut [u8], size: usize) {
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
}

fn transpose(bytes: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let size = bytes.len() / (rows * columns).max(1);
    let mut out = Vec::with_capacity(bytes.len());
    for column in 0..columns {
        for row in 0..rows {
            let at = (row * columns + column) * size;
            out.extend_from_slice(&bytes[at..at + size]);
        }
    }
    out
}

/// Little-endian numbers of `N` bytes each, converted in parallel.
fn convert<const N: usize, T: Send>(bytes: &[u8], one: impl Fn([u8; N]) -> T + Sync) -> Vec<T> {
    bytes
        .par_chunks_exact(N)
        .with_min_len(1 << 14)
        .map(|chunk| {
            let mut raw = [0u8; N];
            raw.copy_from_slice(chunk);
            one(raw)
        })
        .collect()
}
