//! Owns what commands do, a file a subject. Called by `dispatch` and `poll` only.

mod candidates;
mod clipboard;
mod erase;
mod file;
mod fills;
mod frame;
mod generate;
mod looking;
mod mask;
mod select;
mod stitch;

pub use frame::{Anchor, Aspect, frame_of_aspect};
pub use looking::Changes;
pub use select::{ObjectStroke, ObjectStrokes, Search, Shape};
pub use stitch::{StitchLook, Stitching};

use std::hash::{BuildHasher, Hasher};

/// A seed from the system's randomness, small enough to read and type.
pub fn random_seed() -> u64 {
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
        % 1_000_000_000
}
