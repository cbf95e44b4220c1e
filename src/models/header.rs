//! Owns reading the header of a safetensors file: names, shapes and types of its tensors, and whether the file is as
//! long as it says. Used by `folder`. Must never read a tensor, nor trust a length.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

/// Longest header that is read (the format's own limit).
const MAX_HEADER: u64 = 100 << 20;

/// One tensor's entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Tensor {
    pub dtype: String,
    pub shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl Tensor {
    pub fn parameters(&self) -> u64 {
        self.shape
            .iter()
            .fold(1, |product, side| product.saturating_mul(*side))
    }

    pub const fn bytes(&self) -> u64 {
        self.data_offsets.1.saturating_sub(self.data_offsets.0)
    }
}

/// All tensors by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub tensors: BTreeMap<String, Tensor>,
}

/// Counts numbers by type.
#[derive(Default)]
pub(super) struct Tally {
    pub parameters: u64,
    pub bytes: u64,
    by_type: BTreeMap<String, u64>,
}

impl Tally {
    pub fn add(&mut self, tensor: &Tensor) {
        let count = tensor.parameters();
        self.parameters = self.parameters.saturating_add(count);
        self.bytes = self.bytes.saturating_add(tensor.bytes());
        let sum = self.by_type.entry(tensor.dtype.clone()).or_default();
        *sum = sum.saturating_add(count);
    }

    /// The type most numbers have.
    pub fn dtype(&self) -> Option<String> {
        self.by_type
            .iter()
            .max_by_key(|(_, count)| **count)
            .map(|(name, _)| name.clone())
    }

    /// A type that the networks can't take.
    pub fn odd_type(&self) -> Option<&str> {
        self.by_type
            .keys()
            .map(String::as_str)
            .find(|name| !matches!(*name, "F16" | "BF16" | "F32" | "F64" | "I64" | "I32"))
    }
}

/// Reads the header of the safetensors file at `path`; `Err` says in a few words what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Header, String> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let unreadable = |e: std::io::Error| format!("{name} can't be read ({e})");
    let mut file = File::open(path).map_err(unreadable)?;
    let file_bytes = file.metadata().map_err(unreadable)?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|_short| format!("{name} is empty or cut short"))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(format!("{name} is not a safetensors file"));
    }
    if length + 8 > file_bytes {
        return Err(format!("{name} is not a safetensors file or cut short"));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(unreadable)?;
    let mut entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&text)
        .map_err(|e| format!("{name} is not a safetensors file (its header: {e})"))?;
    entries.remove("__metadata__");
    let mut tensors = BTreeMap::new();
    let mut end = 0;
    for (key, value) in entries {
        let tensor: Tensor = serde_json::from_value(value)
            .map_err(|e| format!("{name} has a damaged header (tensor {key}: {e})"))?;
        end = end.max(tensor.data_offsets.1);
        tensors.insert(key, tensor);
    }
    let wanted = end.saturating_add(length + 8);
    if wanted > file_bytes {
        return Err(format!(
            "{name} is incomplete ({file_bytes} of {wanted} bytes); download it again"
        ));
    }
    Ok(Header { tensors })
}
