//! Owns loading of tensors: which files a component has, their headers, and a view that hands out each tensor by its path
//! in the checkpoint, checks its shape and remembers what was asked for. Used by the networks and by `folder`.
//! Must never know what a tensor means.

mod deltas;
mod files;
mod header;
mod numbers;
mod piece;
mod pytorch;
mod view;

pub use deltas::{Delta, Deltas, Factor};
pub use files::{WeightFiles, find_weights};
pub use header::{Header, TensorEntry, TensorSource, read_header};
pub use numbers::Numbers;
pub use piece::{Piece, count_odd_numbers};
pub use view::{Scope, Weights};
