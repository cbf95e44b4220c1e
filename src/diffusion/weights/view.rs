//! Owns the weight view: tensors by their path in the checkpoint, shape-checked, converted to the asked type, and counted.
//! A getter never fails: what is missing or misshapen is noted, and `Weights::finish` turns the notes into one error.
//! Used by the networks' constructors. Must never hand out a placeholder that survives `finish`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::deltas::{self, Delta, Deltas};
use crate::diffusion::weights::files::WeightFiles;
use crate::diffusion::weights::numbers::Numbers;
use crate::diffusion::weights::piece::Stored;

/// So many names of each kind stand in an error.
const LISTED: usize = 6;

/// All tensors of one component.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    files: Vec<PathBuf>,
    tensors: HashMap<String, Stored>,
    deltas: Option<Arc<HashMap<String, Vec<Delta>>>>,
    is_invented: bool,
    device: Device,
    numbers: Numbers,
    notes: RefCell<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    used: BTreeSet<String>,
    missing: BTreeSet<String>,
    misshapen: Vec<String>,
    failed: Option<DiffusionError>,
}

impl Weights {
    /// Reads the headers of all files. Tensors will come out on `device` as `numbers` says, in `F32` or `F16`.
    pub fn open(found: &WeightFiles, device: &Device, numbers: impl Into<Numbers>) -> Result<Self> {
        let numbers = numbers.into();
        for dtype in [numbers.stored, numbers.computed] {
            if !matches!(dtype, DType::F32 | DType::F16) {
                return Err(DiffusionError::Settings(format!(
                    "weights load as F32 or F16, not as {dtype:?}"
                )));
            }
        }
        Ok(Self {
            folder: found.folder.clone(),
            files: found.files.clone(),
            tensors: Stored::of_all(found)?,
            deltas: None,
            is_invented: false,
            device: device.clone(),
            numbers,
            notes: RefCell::default(),
        })
    }

    /// What is added to the tensors of `component` as they are read.
    #[must_use]
    pub fn with(mut self, deltas: &Deltas, component: &str) -> Self {
        self.deltas = deltas.of(component);
        self
    }

    /// Made-up weights in any shape that is asked for: to measure a network on a device without a model at hand.
    pub fn invented(device: &Device, dtype: DType) -> Self {
        Self {
            folder: PathBuf::new(),
            files: Vec::new(),
            tensors: HashMap::new(),
            deltas: None,
            is_invented: true,
            device: device.clone(),
            numbers: dtype.into(),
            notes: RefCell::default(),
        }
    }

    /// The top of the tree.
    pub fn root(&self) -> Scope<'_> {
        Scope {
            weights: self,
            prefix: String::new(),
        }
    }

    /// An error that lists what was missing, misshapen or left over. Left-over tensors are forgiven when `ignored` says so.
    pub fn finish(self, ignored: impl Fn(&str) -> bool) -> Result<()> {
        let notes = self.notes.into_inner();
        if let Some(error) = notes.failed {
            return Err(error);
        }
        let unused: BTreeSet<&str> = self
            .tensors
            .keys()
            .map(String::as_str)
            .filter(|n| !notes.used.contains(*n) && !n.ends_with("position_ids") && !ignored(n))
            .collect();
        let lists = [
            ("missing", list(notes.missing.iter().map(String::as_str))),
            (
                "of another shape",
                list(notes.misshapen.iter().map(String::as_str)),
            ),
            ("unknown", list(unused.into_iter())),
        ];
        let problems: Vec<String> = lists
            .into_iter()
            .filter_map(|(kind, names)| names.map(|n| format!("{kind}: {n}")))
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        let problem = format!(
            "weights do not fit config.json ({}); download weights and config again",
            problems.join("; ")
        );
        Err(DiffusionError::weights(self.folder, problem))
    }
}

/// A place in the checkpoint's tree of names.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    weights: &'a Weights,
    prefix: String,
}

impl Scope<'_> {
    /// The place named `name` (a word, several joined by dots, or an index) below this one.
    #[must_use]
    pub fn scope(&self, name: impl Display) -> Self {
        Self {
            weights: self.weights,
            prefix: self.full(&name.to_string()),
        }
    }

    /// True when the file has this tensor.
    pub fn has(&self, name: &str) -> bool {
        self.weights.tensors.contains_key(&self.full(name))
    }

    /// True when the file has any tensor below this place.
    pub fn is_present(&self) -> bool {
        let start = format!("{}.", self.prefix);
        self.weights.tensors.keys().any(|k| k.starts_with(&start))
    }

    /// The device tensors come out on.
    pub fn device(&self) -> &Device {
        &self.weights.device
    }

    /// The type that the network computes in. Vectors come out as it; larger tensors may be stored in fewer bits.
    pub fn dtype(&self) -> DType {
        self.weights.numbers.computed
    }

    /// The tensor `name`, which must have `shape`.
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Tensor<D> {
        self.tensor_of(name, &[&shape], shape)
    }

    /// The tensor `name`, stored in any of the shapes `accepted` (all of one size), as `shape`.
    pub fn tensor_of<const D: usize>(
        &self,
        name: &str,
        accepted: &[&[usize]],
        shape: [usize; D],
    ) -> Tensor<D> {
        let numbers = self.weights.numbers;
        let dtype = if D > 1 {
            numbers.stored
        } else {
            numbers.computed
        };
        let options = (&self.weights.device, dtype);
        match self.data(name, accepted, &shape, dtype) {
            Some(data) => Tensor::from_data(data, options),
            None => Tensor::zeros([1; D], options),
        }
    }

    /// The tensor `name` in f32 in the computer's own memory, whatever the device: for tables of which only a few rows are used.
    pub fn table(&self, name: &str, shape: [usize; 2]) -> Tensor<2> {
        let options = (&Device::flex(), DType::F32);
        match self.data(name, &[&shape], &shape, DType::F32) {
            Some(data) => Tensor::from_data(data, options),
            None => Tensor::zeros([1; 2], options),
        }
    }

    fn data(
        &self,
        name: &str,
        accepted: &[&[usize]],
        shape: &[usize],
        dtype: DType,
    ) -> Option<TensorData> {
        if self.weights.is_invented {
            return Some(invent(shape));
        }
        let full = self.full(name);
        let mut notes = self.weights.notes.borrow_mut();
        let Some(stored) = self.weights.tensors.get(&full) else {
            notes.missing.insert(full);
            return None;
        };
        let mut data = None;
        let has = stored.shape();
        if accepted.contains(&has.as_slice()) {
            if notes.failed.is_none() {
                let path = &self.weights.files[stored.file];
                let added = self.weights.deltas.as_ref().and_then(|d| d.get(&full));
                let read = match added {
                    None => stored.read(path, dtype, shape),
                    Some(added) => stored
                        .read(path, DType::F32, shape)
                        .and_then(|data| deltas::add(data, added))
                        .map(|data| data.convert_dtype(dtype)),
                };
                match read {
                    Ok(read) => data = Some(read),
                    Err(error) => notes.failed = Some(error),
                }
            }
        } else {
            notes
                .misshapen
                .push(format!("{full} {has:?}, expected {shape:?}"));
        }
        notes.used.insert(full);
        data
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}

/// Numbers of the size that keeps activations near 1: about ±1/√fan-in for matrices, about 1 for vectors.
fn invent(shape: &[usize]) -> TensorData {
    let fan_in: usize = shape.iter().skip(1).product();
    let (centre, spread) = if shape.len() > 1 {
        (0.0, (fan_in as f32).sqrt().recip())
    } else {
        (0.5, 0.5)
    };
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| {
            // xorshift64 (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            centre + spread * ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        })
        .collect();
    TensorData::new(values, shape.to_vec())
}

/// The first few names and how many more there are; `None` when there are none.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Option<String> {
    let count = names.len();
    let shown: Vec<String> = names.take(LISTED).map(clip).collect();
    match count {
        0 => None,
        _ if count > LISTED => Some(format!("{} and {} more", shown.join(", "), count - LISTED)),
        _ => Some(shown.join(", ")),
    }
}

/// A name from a file, shortened and without control characters.
fn clip(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(120).collect()
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    fn save(path: &std::path::Path, tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) {
        let views = tensors
            .iter()
            .map(|(n, d, s, b)| (*n, TensorView::new(*d, s.to_vec(), b).unwrap()));
        safetensors::serialize_to_file(views, None, path).unwrap();
    }

    fn open(folder: &std::path::Path, dtype: DType) -> Weights {
        let found = crate::diffusion::weights::find_weights(folder, "m").unwrap();
        Weights::open(&found, &Device::flex(), dtype).unwrap()
    }

    #[test]
    fn all_stored_types_come_out_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let values = [1.5f32, -2.0, 0.25];
        let bytes = |f: fn(f32) -> Vec<u8>| values.iter().flat_map(|v| f(*v)).collect::<Vec<u8>>();
        save(
            &folder.path().join("m.safetensors"),
            &[
                (
                    "a.f32",
                    Dtype::F32,
                    &[3],
                    bytes(|v| v.to_le_bytes().to_vec()),
                ),
                (
                    "a.f16",
                    Dtype::F16,
                    &[3],
                    bytes(|v| f16::from_f32(v).to_le_bytes().to_vec()),
                ),
                (
                    "a.bf16",
                    Dtype::BF16,
                    &[3],
                    bytes(|v| bf16::from_f32(v).to_le_bytes().to_vec()),
                ),
                ("a.position_ids", Dtype::I64, &[1], vec![0; 8]),
            ],
        );
        for dtype in [DType::F32, DType::F16] {
            let weights = open(folder.path(), dtype);
            for name in ["f32", "f16", "bf16"] {
                let tensor = weights.root().scope("a").tensor(name, [3]);
                assert_eq!(tensor.dtype(), dtype);
                assert_eq!(tensor.try_into_vec_as::<f32>().unwrap(), values);
            }
            weights.finish(|_| false).unwrap();
        }
    }

    #[test]
    fn the_final_error_lists_every_kind_of_misfit() {
        let folder = tempfile::tempdir().unwrap();
        save(
            &folder.path().join("m.safetensors"),
            &[
                ("down.0.weight", Dtype::F32, &[2], vec![0; 8]),
                ("left.over", Dtype::F32, &[1], vec![0; 4]),
                ("forgiven", Dtype::F32, &[1], vec![0; 4]),
            ],
        );
        let weights = open(folder.path(), DType::F32);
        let scope = weights.root().scope("down").scope(0);
        assert!(scope.has("weight") && !scope.has("bias") && scope.is_present());
        scope.tensor("weight", [3]);
        for i in 0..9 {
            scope.tensor(&format!("bias{i}"), [3]);
        }
        let text = weights.finish(|n| n == "forgiven").unwrap_err().to_string();
        for part in [
            "missing: down.0.bias0",
            "and 3 more",
            "down.0.weight [2], expected [3]",
            "unknown: left.over",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("forgiven"));
    }

    #[test]
    fn integer_weights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        save(
            &folder.path().join("m.safetensors"),
            &[("w", Dtype::I8, &[2], vec![0; 2])],
        );
        let weights = open(folder.path(), DType::F32);
        weights.root().tensor("w", [2]);
        assert!(
            weights
                .finish(|_| false)
                .unwrap_err()
                .to_string()
                .contains("I8")
        );
    }
}
