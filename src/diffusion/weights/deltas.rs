//! Owns what is added to weights while they are loaded: products of small matrices (LoRA), or whole differences. Used by the
//! weight view; made by `lora`. Must never know how a file names them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::header::TensorEntry;
use super::piece::{Piece, Stored};
use crate::diffusion::error::{DiffusionError, Result};

/// One tensor of an addition's file.
#[derive(Debug, Clone)]
pub struct Factor {
    path: Arc<PathBuf>,
    stored: Stored,
}

impl Factor {
    /// The tensor `name` of the file `path`, as its header describes it.
    pub fn new(path: &Arc<PathBuf>, name: &str, entry: &TensorEntry) -> Self {
        Self {
            path: Arc::clone(path),
            stored: Stored {
                file: 0,
                entry: entry.clone(),
                piece: Piece::whole(name),
            },
        }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.stored.entry.shape
    }

    /// Its first length; 1 for a number alone.
    pub fn rows(&self) -> usize {
        self.shape().first().copied().unwrap_or(1)
    }

    /// How many numbers stand in each row.
    pub fn columns(&self) -> usize {
        self.shape().iter().skip(1).product()
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// Its numbers in f32.
    pub fn read(&self) -> Result<Vec<f32>> {
        let data = self.stored.read(self.path(), DType::F32, self.shape())?;
        data.try_to_vec::<f32>()
            .map_err(|e| DiffusionError::weights(self.path(), format!("cannot be read ({e:?})")))
    }

    /// As a matrix of its rows, on the CPU.
    fn matrix(&self) -> Result<Tensor<2>> {
        let data = TensorData::new(self.read()?, [self.rows(), self.columns()]);
        Ok(Tensor::from_data(data, (&Device::flex(), DType::F32)))
    }
}

/// What is added to one tensor.
#[derive(Debug, Clone)]
pub enum Delta {
    /// `scale · up · down` (Hu et al., "LoRA", section 4.1), with `mid` between where a convolution's kernel has factors of its own
    /// (a Tucker decomposition): `down` then takes single pixels.
    Product {
        /// `[outputs, rank]`.
        up: Factor,
        /// `[rank, rank, height, width]`.
        mid: Option<Box<Factor>>,
        /// `[rank, inputs]` or `[rank, inputs, height, width]`.
        down: Factor,
        /// The user's weight times alpha over rank.
        scale: f32,
    },
    /// `scale ·` a tensor of the weight's own size.
    Whole {
        /// The difference.
        difference: Factor,
        /// The user's weight.
        scale: f32,
    },
}

impl Delta {
    /// How many numbers it is added to.
    pub fn count(&self) -> usize {
        match self {
            Self::Product { up, mid, down, .. } => {
                let kernel = mid
                    .as_ref()
                    .map_or(1, |m| m.shape().iter().skip(2).product());
                up.rows() * down.columns() * kernel
            }
            Self::Whole { difference, .. } => difference.rows() * difference.columns(),
        }
    }

    /// Whether its factors fit one another.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Product { up, mid, down, .. } => match mid {
                None => up.columns() == down.rows(),
                Some(mid) => {
                    mid.shape().len() == 4
                        && up.columns() == mid.rows()
                        && mid.shape()[1] == down.rows()
                }
            },
            Self::Whole { .. } => true,
        }
    }

    fn add_to(&self, values: &mut [f32]) -> Result<()> {
        let (delta, scale) = match self {
            Self::Whole { difference, scale } => (difference.read()?, *scale),
            Self::Product {
                up,
                mid,
                down,
                scale,
            } => {
                let product = match mid {
                    None => up.matrix()?.matmul(down.matrix()?),
                    Some(mid) => with_middle(up, mid, down)?,
                };
                let product = product.try_into_vec_as::<f32>();
                (product.map_err(DiffusionError::device)?, *scale)
            }
        };
        for (value, d) in values.iter_mut().zip(&delta) {
            *value += scale * d;
        }
        Ok(())
    }
}

/// `Σ up[o, a] · mid[a, b, k] · down[b, i]` as `[o, i · k]`.
fn with_middle(up: &Factor, mid: &Factor, down: &Factor) -> Result<Tensor<2>> {
    let (outputs, inputs, rank) = (up.rows(), down.columns(), down.rows());
    let kernel = mid.columns() / rank.max(1);
    let left = up.matrix()?.matmul(mid.matrix()?);
    let left = left
        .reshape([outputs, rank, kernel])
        .swap_dims(1, 2)
        .reshape([outputs * kernel, rank]);
    let product = left.matmul(down.matrix()?);
    Ok(product
        .reshape([outputs, kernel, inputs])
        .swap_dims(1, 2)
        .reshape([outputs, inputs * kernel]))
}

/// What is added to the tensors of each component, by their names in diffusers' layout.
#[derive(Debug, Clone, Default)]
pub struct Deltas {
    components: HashMap<&'static str, Arc<HashMap<String, Vec<Delta>>>>,
}

impl Deltas {
    /// Of all components.
    pub fn new(components: HashMap<&'static str, HashMap<String, Vec<Delta>>>) -> Self {
        let shared = |(name, deltas)| (name, Arc::new(deltas));
        Self {
            components: components.into_iter().map(shared).collect(),
        }
    }

    /// Of one component: `unet`, `text_encoder` or `text_encoder_2`.
    pub(super) fn of(&self, component: &str) -> Option<Arc<HashMap<String, Vec<Delta>>>> {
        self.components.get(component).cloned()
    }
}

/// Adds all of `deltas` to a tensor's numbers.
pub(super) fn add(data: TensorData, deltas: &[Delta]) -> Result<TensorData> {
    let shape = data.shape().clone();
    let values = data.convert_dtype(DType::F32).try_to_vec::<f32>();
    let mut values = values.map_err(|e| DiffusionError::device(format!("{e:?}")))?;
    for delta in deltas {
        delta.add_to(&mut values)?;
    }
    Ok(TensorData::new(values, shape))
}
